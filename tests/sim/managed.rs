//! `metadata.managedFields`, as far as anybody asks: who changed traffic, template and containers.

use andante::model::writers::OwnedField;
use serde_json::{Value, json};

/// Gives `manager` what changed from `old` to `new`, and takes it from the others.
pub(crate) fn note(new: &mut Value, old: Option<&Value>, manager: &str, at: &str) {
    let changed = |pointer: &str| old.is_none_or(|o| o.pointer(pointer) != new.pointer(pointer));
    // What a webhook filled in belongs to nobody: a creation without traffic does not own it.
    let default = json!([{"latestRevision": true, "percent": 100}]);
    let traffic = changed("/spec/traffic") && !(old.is_none() && new["spec"]["traffic"] == default);
    let containers = changed("/spec/template/spec/containers");
    let template = containers || changed("/spec/template");
    if !traffic && !template {
        return;
    }
    let mut list = new.pointer("/metadata/managedFields").and_then(Value::as_array).cloned().unwrap_or_default();
    for entry in &mut list {
        if let Some(spec) = entry.pointer_mut("/fieldsV1/f:spec").and_then(Value::as_object_mut) {
            if traffic {
                spec.remove("f:traffic");
            }
            if template {
                spec.remove("f:template");
            }
        }
    }
    list.retain(|e| e.pointer("/fieldsV1/f:spec").and_then(Value::as_object).is_some_and(|spec| !spec.is_empty()));
    let position = list.iter().position(|e| e["manager"] == manager).unwrap_or_else(|| {
        list.push(json!({"manager": manager, "operation": "Update", "apiVersion": "serving.knative.dev/v1",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}}));
        list.len() - 1
    });
    list[position]["time"] = json!(at);
    let spec = &mut list[position]["fieldsV1"]["f:spec"];
    if traffic {
        spec["f:traffic"] = json!({});
    }
    if template {
        spec["f:template"] = if containers { json!({"f:spec": {"f:containers": {}}}) } else { json!({}) };
    }
    new["metadata"]["managedFields"] = Value::Array(list);
}

/// What an apply of this body would change of what others own. It is compared as it is written, as the API server does it:
/// without what a webhook fills in.
pub(crate) fn conflicts(old: &Value, body: &Value, manager: &str) -> Vec<OwnedField> {
    let fields = [
        (
            "/spec/template/spec/containers",
            "/fieldsV1/f:spec/f:template/f:spec/f:containers",
            ".spec.template.spec.containers",
        ),
        ("/spec/traffic", "/fieldsV1/f:spec/f:traffic", ".spec.traffic"),
    ];
    let entries = old.pointer("/metadata/managedFields").and_then(Value::as_array);
    let others: Vec<&Value> = entries.into_iter().flatten().filter(|entry| entry["manager"] != manager).collect();
    let mut found = vec![];
    for (value, owned, field) in fields {
        if body.pointer(value).is_some_and(|wanted| old.pointer(value) != Some(wanted)) {
            let owners = others.iter().filter(|entry| entry.pointer(owned).is_some());
            let name = |entry: &Value| entry["manager"].as_str().unwrap().to_owned();
            found.extend(owners.map(|entry| OwnedField { manager: name(entry), field: field.into() }));
        }
    }
    found
}

/// True if this manager owns the split.
pub(crate) fn owns_split(old: &Value, manager: &str) -> bool {
    let entries = old.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.into_iter().flatten().any(|e| e["manager"] == manager && e.pointer("/fieldsV1/f:spec/f:traffic").is_some())
}

/// What this manager owns it owns by an apply.
pub(crate) fn applied(new: &mut Value, manager: &str) {
    let entries = new.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten().filter(|entry| entry["manager"] == manager) {
        entry["operation"] = json!("Apply");
    }
}

#[test]
fn the_last_one_to_change_a_field_owns_it() {
    let object = |percent: i64, image: &str| {
        json!({"metadata": {}, "spec": {"traffic": [{"percent": percent}],
        "template": {"spec": {"containers": [{"image": image}]}}}})
    };
    let mut first = object(100, "a");
    note(&mut first, None, "kubectl", "t1");
    let mut second = object(50, "a");
    second["metadata"] = first["metadata"].clone();
    note(&mut second, Some(&first), "andante", "t2");
    let list = second["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(list[0]["fieldsV1"]["f:spec"], json!({"f:template": {"f:spec": {"f:containers": {}}}}));
    assert_eq!(list[1]["fieldsV1"]["f:spec"], json!({"f:traffic": {}}));
}
