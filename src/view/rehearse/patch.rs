//! A JSON patch as an API server applies it: all or nothing, and a `test` for null passes where nothing is.
//!
//! Decides only what one fenced write needs: `test`, `add` and `remove` of members of objects. It uses JSON values
//! alone.

use serde_json::Value;

/// The patched object; none if a test does not hold or an operation does not fit.
pub(super) fn patched(object: &Value, patch: &Value) -> Option<Value> {
    let mut object = object.clone();
    for operation in patch.as_array()? {
        let path = operation.get("path")?.as_str()?;
        let value = operation.get("value");
        if operation.get("op")? == "test" {
            if object.pointer(path).unwrap_or(&Value::Null) != value? {
                return None;
            }
            continue;
        }
        let (parent, key) = path.rsplit_once('/')?;
        let members = object.pointer_mut(parent)?.as_object_mut()?;
        // The order matters: `~01` stands for `~1` and not for a slash.
        let key = key.replace("~1", "/").replace("~0", "~");
        match operation.get("op")?.as_str()? {
            "add" => members.insert(key, value?.clone()),
            "remove" => Some(members.remove(&key)?),
            _ => return None,
        };
    }
    Some(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_is_all_or_nothing() {
        let object = json!({"metadata": {"annotations": {"a/b": "1"}}, "spec": {}});
        let with = |patch: Value| patched(&object, &patch);
        let test = |path: &str, value: Value| with(json!([{"op": "test", "path": path, "value": value}])).is_some();
        assert!(test("/metadata/annotations/a~1b", json!("1")));
        assert!(!test("/metadata/annotations/a~1b", json!("2")));
        assert!(!test("/metadata/annotations/a~1b", json!(null)));
        assert!(test("/metadata/annotations/c", json!(null)), "null is tested as absence");
        let both = json!([{"op": "remove", "path": "/metadata/annotations/a~1b"}, {"op": "add", "path": "/spec/x", "value": 1}]);
        assert_eq!(with(both), Some(json!({"metadata": {"annotations": {}}, "spec": {"x": 1}})));
        let half = json!([{"op": "add", "path": "/spec/x", "value": 1}, {"op": "test", "path": "/spec/x", "value": 2}]);
        assert_eq!(with(half), None);
        for odd in [
            json!({}),
            json!([{}]),
            json!([{"op": "remove", "path": "/spec/x"}]),
            json!([{"op": "add", "path": "/none/x", "value": 1}]),
            json!([{"op": "move", "path": "/spec", "from": "/metadata"}]),
        ] {
            assert_eq!(with(odd.clone()), None, "{odd}");
        }
    }
}
