//! What an apply takes away by not saying it.
//!
//! Decides which fields somebody's file has said before: `kubectl apply` takes away what its last file had and the new one has
//! not (by the annotation that it keeps), a server-side apply what its manager owns. Everything else an apply leaves as it is.
//! Depends on `serde_json`.

use crate::rollout::declaration::whose::LAST_APPLIED;
use serde_json::Value;

/// The manager of `kubectl apply`. Its `--server-side` takes over what this one wrote.
const CLIENT_SIDE: &str = "kubectl-client-side-apply";

/// What files have said of one object.
#[derive(Debug)]
pub(super) struct Held {
    last: Option<Value>,
    /// What appliers own, as `fieldsV1`; none where the object does not tell who wrote what.
    owned: Option<Vec<Value>>,
}

impl Held {
    /// Reads it of an object as the API server gives it.
    pub(super) fn of(object: &Value) -> Self {
        let text = |entry: &Value, field: &str| entry.get(field).and_then(Value::as_str).map(str::to_owned);
        let annotations = object.pointer("/metadata/annotations");
        let last = annotations.and_then(|all| all.get(LAST_APPLIED)).and_then(Value::as_str);
        let managers = object.pointer("/metadata/managedFields").and_then(Value::as_array);
        let owned = managers.filter(|list| !list.is_empty()).map(|list| {
            let applies = |entry: &&Value| {
                text(entry, "operation").as_deref() == Some("Apply")
                    || text(entry, "manager").as_deref() == Some(CLIENT_SIDE)
            };
            list.iter().filter(applies).filter_map(|entry| entry.get("fieldsV1").cloned()).collect()
        });
        Self { last: last.and_then(|text| serde_json::from_str(text).ok()), owned }
    }

    /// True if an apply of a file without this field could take it away.
    pub(super) fn says(&self, path: &[&str]) -> bool {
        let in_file = self.last.as_ref().is_some_and(|file| walk(file, path.iter().map(|step| (*step).to_owned())));
        let by_manager = |owned: &Value| walk(owned, path.iter().map(|step| format!("f:{step}")));
        // Where nobody knows who said it, it may have been anybody.
        in_file || self.owned.as_ref().is_none_or(|all| all.iter().any(by_manager))
    }
}

fn walk(value: &Value, path: impl Iterator<Item = String>) -> bool {
    let mut at = Some(value);
    for step in path {
        at = at.and_then(|value| value.get(&step));
    }
    at.is_some_and(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(last: Option<Value>, managers: Value) -> Held {
        let mut annotations = json!({});
        if let Some(last) = last {
            annotations[LAST_APPLIED] = json!(last.to_string());
        }
        Held::of(&json!({"metadata": {"annotations": annotations, "managedFields": managers}}))
    }

    #[test]
    fn an_applied_file_holds_what_it_said() {
        let by = |manager: &str, operation: &str| json!([{"manager": manager, "operation": operation, "fieldsV1": {"f:spec": {"f:traffic": {}}}}]);
        let traffic = ["spec", "traffic"];
        assert!(object(None, by("argocd", "Apply")).says(&traffic));
        assert!(object(None, by(CLIENT_SIDE, "Update")).says(&traffic));
        assert!(!object(None, by("kn", "Update")).says(&traffic));
        assert!(object(Some(json!({"spec": {"traffic": []}})), by("kn", "Update")).says(&traffic));
        assert!(!object(Some(json!({"spec": {"traffic": null}})), by("kn", "Update")).says(&traffic));
        assert!(!object(Some(json!({"spec": {}})), by("argocd", "Apply")).says(&["spec", "template"]));
    }

    #[test]
    fn where_nobody_knows_who_wrote_anything_is_held() {
        assert!(object(None, json!([])).says(&["spec", "traffic"]));
        assert!(Held::of(&json!({})).says(&["metadata", "annotations", "a/b"]));
    }
}
