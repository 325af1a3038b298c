//! Services of a set whose files are gone.
//!
//! Decides which those are, by the mark that an apply left on them, and the hash by which whoever deletes them says that they saw
//! which. It may use names and JSON.

use crate::model::name::ServiceName;
use crate::rollout::declaration::part::APPLIED_SET;
use crate::rollout::hashed::digits;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// How many bytes of the hash are shown, two digits each.
const BYTES: usize = 6;

/// A Service without a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leftover {
    /// Its name.
    pub service: ServiceName,
    /// The object's identity.
    pub uid: String,
}

/// What is to be known of a Service here; none of one that is of no set. All of all Services may be more than there is room for.
pub(crate) fn marked(service: &Value) -> Option<Value> {
    let metadata = service.get("metadata")?;
    let set = metadata.get("annotations")?.get(APPLIED_SET)?;
    let named = ["name", "uid", "deletionTimestamp"].into_iter();
    let mut kept: Map<String, Value> =
        named.filter_map(|name| Some((name.to_owned(), metadata.get(name)?.clone()))).collect();
    kept.insert("annotations".to_owned(), json!({APPLIED_SET: set}));
    Some(json!({"metadata": kept}))
}

/// The Services of a set for which there is no file, by name.
pub(crate) fn leftovers(set: &str, files: &BTreeSet<ServiceName>, live: &[Value]) -> Vec<Leftover> {
    let text = |object: &Value, name: &str| object.pointer("/metadata")?.get(name)?.as_str().map(str::to_owned);
    let marked = |object: &&Value| {
        let mark = object.pointer("/metadata/annotations").and_then(|all| all.get(APPLIED_SET));
        mark.and_then(Value::as_str) == Some(set) && object.pointer("/metadata/deletionTimestamp").is_none()
    };
    let left = live.iter().filter(marked).filter_map(|object| {
        let (service, uid) = (text(object, "name")?.parse().ok()?, text(object, "uid")?);
        Some(Leftover { service, uid })
    });
    let left: BTreeSet<Leftover> = left.filter(|left| !files.contains(&left.service)).collect();
    left.into_iter().collect()
}

/// What says that these are meant, and no others: another set, another Service or one that was made anew has another hash.
pub(crate) fn hash(set: &str, left: &[Leftover]) -> String {
    let words = left.iter().flat_map(|one| [one.service.as_str(), one.uid.as_str()]);
    // No name and no uid holds a line's end.
    let text: Vec<&str> = [set].into_iter().chain(words).collect();
    digits(&text.join("\n"), BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, uid: &str, set: &str) -> Value {
        json!({"metadata": {"name": name, "uid": uid, "annotations": {APPLIED_SET: set}}})
    }

    #[test]
    fn only_what_was_applied_from_the_same_set_is_left_over() {
        let mut going = service("going", "5", "shop");
        going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let unmarked = json!({"metadata": {"name": "theirs", "uid": "4"}});
        let live = [
            service("old", "2", "shop"),
            service("kept", "1", "shop"),
            service("other", "3", "admin"),
            unmarked,
            going,
        ];
        let is_marked: Vec<bool> = live.iter().map(|one| marked(one).is_some()).collect();
        assert_eq!(is_marked, [true, true, true, false, true]);
        let live: Vec<Value> = live.iter().filter_map(marked).collect();
        let files = BTreeSet::from(["kept".parse().unwrap()]);
        let left = leftovers("shop", &files, &live);
        assert_eq!(left, [Leftover { service: "old".parse().unwrap(), uid: "2".into() }]);
        let of = |uid: &str| hash("shop", &[Leftover { uid: uid.into(), ..left[0].clone() }]);
        assert_eq!(hash("shop", &left), of("2"));
        assert_ne!(hash("shop", &left), of("9"), "a Service that was made anew is another one");
        assert_ne!(hash("shop", &left), hash("admin", &left));
        assert_eq!(of("2").len(), 2 * BYTES);
    }
}
