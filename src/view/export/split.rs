//! What a file says of `spec.traffic`.
//!
//! Decides between nothing and the split that stands. A file that says nothing takes away what a file before it said, and then
//! Knative sends everyone to the newest revision: so a split that somebody's file holds stays. Depends on `serde_json`.

use super::held::Held;
use serde_json::{Map, Value, json};

/// What stands in the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// Nothing, since Knative makes the same of nothing.
    Usual,
    /// Nothing, since a walk writes it.
    TheWalks,
    /// The split, since leaving it out would move users, though a walk writes it.
    Held(Value),
    /// The split, which is the owner's.
    Owners(Value),
}

/// What a file says of this split. `walked`: a pipeline is in charge of it, or a rollout is not over.
pub(super) fn said(traffic: Option<&Value>, walked: bool, held: &Held) -> Said {
    let list = traffic.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let usual = json!({"latestRevision": true, "percent": 100});
    if list.is_empty() || (list.len() == 1 && list.first() == Some(&usual)) {
        return Said::Usual;
    }
    let entries = list.iter().map(tidy).collect();
    if !walked {
        Said::Owners(entries)
    } else if held.says(&["spec", "traffic"]) {
        Said::Held(entries)
    } else {
        Said::TheWalks
    }
}

/// An entry without what Knative fills in.
fn tidy(entry: &Value) -> Value {
    let Value::Object(fields) = entry else { return entry.clone() };
    let named = fields.contains_key("revisionName");
    let filled = |key: &str, value: &Value| match key {
        "latestRevision" => named && *value == json!(false),
        "percent" => *value == json!(0),
        _ => value.is_null(),
    };
    let own = fields.iter().filter(|(key, value)| !filled(key, value));
    Value::Object(own.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_knative_makes_of_nothing_is_nothing() {
        let held = Held::of(&json!({}));
        for traffic in [None, Some(json!([])), Some(json!([{"latestRevision": true, "percent": 100}]))] {
            for walked in [true, false] {
                assert_eq!(said(traffic.as_ref(), walked, &held), Said::Usual);
            }
        }
        let tagged = json!([{"latestRevision": true, "percent": 100, "tag": "now"}]);
        assert_eq!(said(Some(&tagged), false, &held), Said::Owners(tagged));
    }

    #[test]
    fn a_walks_split_stays_only_where_a_file_holds_it() {
        let traffic = json!([{"revisionName": "s-1", "latestRevision": false, "percent": 100},
            {"latestRevision": true, "percent": 0, "tag": "next"}]);
        let tidied = json!([{"revisionName": "s-1", "percent": 100}, {"latestRevision": true, "tag": "next"}]);
        let by = |operation: &str| {
            let managers = json!([{"manager": "m", "operation": operation, "fieldsV1": {"f:spec": {"f:traffic": {}}}}]);
            Held::of(&json!({"metadata": {"managedFields": managers}}))
        };
        assert_eq!(said(Some(&traffic), true, &by("Update")), Said::TheWalks);
        assert_eq!(said(Some(&traffic), true, &by("Apply")), Said::Held(tidied.clone()));
        assert_eq!(said(Some(&traffic), false, &by("Apply")), Said::Owners(tidied));
    }
}
