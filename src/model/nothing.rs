//! When a field of a template says nothing, so that it might as well be absent.
//!
//! Decides this once for everybody who compares templates. What is stored went through Knative's own types and back
//! (`webhook/resourcesemantics/defaulting`, `roundTripPatch`): Go writes `null` for some of what nobody said, drops empty lists and
//! maps, and writes a struct that is part of another one whether or not anybody said something in it. What is behind a pointer, by
//! contrast, stands there only because somebody wrote it, and may mean the contrary of its absence: a `labelSelector: {}` chooses
//! all pods, and none chooses no pod; `emptyDir: {}` is which kind of volume is meant. Depends on `serde_json`.

use serde_json::Value;

/// Objects that are as good as absent while they are empty, by the names of their fields: maps, and structs that Go writes unasked.
const AS_GOOD_AS_ABSENT: [&str; 9] =
    ["annotations", "labels", "limits", "matchLabels", "metadata", "nodeSelector", "overhead", "requests", "resources"];

/// True if a field of this name says no more with this value than where it is absent.
pub(crate) fn says_nothing(field: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        // Nowhere in a template does Kubernetes tell an empty list from none.
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty() && AS_GOOD_AS_ABSENT.contains(&field),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_empty_object_is_absent_only_where_nobody_can_have_meant_it() {
        for (field, value) in [
            ("labelSelector", json!(null)),
            ("creationTimestamp", json!(null)),
            ("env", json!([])),
            ("tolerations", json!([])),
            ("annotations", json!({})),
            ("metadata", json!({})),
            ("resources", json!({})),
            ("matchLabels", json!({})),
        ] {
            assert!(says_nothing(field, &value), "{field}: {value}");
        }
        for (field, value) in [
            ("labelSelector", json!({})),
            ("namespaceSelector", json!({})),
            ("emptyDir", json!({})),
            ("securityContext", json!({})),
            ("seLinuxOptions", json!({})),
            ("exec", json!({})),
            ("resources", json!({"limits": {}})),
            ("value", json!("")),
            ("runAsUser", json!(0)),
            ("readOnly", json!(false)),
        ] {
            assert!(!says_nothing(field, &value), "{field}: {value}");
        }
    }
}
