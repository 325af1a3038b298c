//! RFC 6902 as API servers apply it: all or nothing, and a `test` for null passes where nothing is.

use serde_json::Value;

/// The patched object, or that it did not fit. The server does not say which operation it was.
pub(crate) fn apply(object: &Value, patch: &Value) -> Result<Value, String> {
    let unfit = || "the server rejected our request due to an error in our request".to_owned();
    let operations = patch.as_array().ok_or_else(unfit)?;
    let mut object = object.clone();
    for operation in operations {
        let path = operation["path"].as_str().ok_or_else(unfit)?;
        let is_null_test = operation["op"] == "test" && operation["value"].is_null();
        if is_null_test && object.pointer(path).is_none() {
            continue;
        }
        let one = serde_json::from_value::<json_patch::PatchOperation>(operation.clone()).map_err(|_| unfit())?;
        json_patch::patch(&mut object, &[one]).map_err(|_| unfit())?;
    }
    Ok(object)
}

#[test]
fn null_is_tested_as_absence() {
    use serde_json::json;
    let object = json!({"metadata": {"annotations": {"a": "1"}}});
    let test = |path: &str, value: Value| apply(&object, &json!([{"op": "test", "path": path, "value": value}]));
    assert!(test("/metadata/annotations/b", json!(null)).is_ok());
    assert!(test("/metadata/annotations/a", json!(null)).is_err());
    assert!(test("/metadata/annotations/a", json!("1")).is_ok());
    assert!(test("/metadata/annotations/b", json!("1")).is_err());
    let half =
        json!([{"op": "add", "path": "/metadata/x", "value": 1}, {"op": "test", "path": "/metadata/x", "value": 2}]);
    assert!(apply(&object, &half).is_err(), "all or nothing");
    assert!(apply(&object, &json!([{"op": "replace", "path": "/metadata/annotations/b", "value": "2"}])).is_err());
}
