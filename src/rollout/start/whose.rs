//! Whose run an object is: by its label, its owner and its name together.
//!
//! Decides that a label alone makes nothing a run of ours, since whoever may make runs can write one: runs that somebody labelled
//! would take the places of those that are due. Depends on names and JSON.

use super::due::ServiceKey;
use super::making::OF_SERVICE;
use super::run_name::is_given_to;
use crate::model::name::ServiceName;
use serde_json::Value;

/// The label of whatever Tekton makes of a PipelineRun.
const OF_RUN: &str = "tekton.dev/pipelineRun";

/// The label selector of what may have been started here, for any Service or for this one.
// Tekton hands a run's labels on to what it makes of it. The TaskRuns of Pipelines are many times as many as their runs, change all
// the time, and none of them counts.
pub(crate) fn selector(service: Option<&ServiceName>) -> String {
    let of_service = service.map_or_else(|| OF_SERVICE.to_owned(), |name| format!("{OF_SERVICE}={name}"));
    format!("{of_service},!{OF_RUN}")
}

/// True for a run that the Service with this uid owns.
pub(crate) fn is_of(run: &Value, uid: &str) -> bool {
    owners(run).any(|owner| owner.get("uid").and_then(Value::as_str) == Some(uid))
}

/// The Service that a run was started for; none of what was not started here.
// That the uid is the Service's own need not be asked: Kubernetes' garbage collector takes away what names an owner that is not
// there under that uid.
pub(crate) fn service_of(run: &Value) -> Option<ServiceKey> {
    let text = |pointer: &str| run.pointer(pointer).and_then(Value::as_str);
    let name = run.pointer("/metadata/labels")?.get(OF_SERVICE)?.as_str()?;
    let owns = |owner: &Value| {
        let is = |field: &str, wanted: &str| owner.get(field).and_then(Value::as_str) == Some(wanted);
        let api = owner.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        let has_uid = owner.get("uid").and_then(Value::as_str).is_some_and(|uid| !uid.is_empty());
        is("kind", "Service") && is("name", name) && api.starts_with("serving.knative.dev/") && has_uid
    };
    let key = ServiceKey { namespace: text("/metadata/namespace")?.parse().ok()?, name: name.parse().ok()? };
    (owners(run).any(owns) && is_given_to(&key.name, text("/metadata/name")?)).then_some(key)
}

fn owners(run: &Value) -> impl Iterator<Item = &Value> {
    run.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_run_is_made_of_is_not_asked_for() {
        assert_eq!(selector(None), "andante.dev/service,!tekton.dev/pipelineRun");
        let hello = "hello".parse().unwrap();
        assert_eq!(selector(Some(&hello)), "andante.dev/service=hello,!tekton.dev/pipelineRun");
    }

    #[test]
    fn a_run_counts_by_label_owner_and_name_together() {
        let owner = json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "hello", "uid": "uid-1"});
        let run = json!({"metadata": {"name": "hello-6033b764f498", "namespace": "shop",
            "labels": {"andante.dev/service": "hello"}, "ownerReferences": [{"kind": "Other"}, owner]}});
        assert_eq!(service_of(&run).unwrap().to_string(), "shop/hello");
        assert!(is_of(&run, "uid-1") && !is_of(&run, "uid-2"));
        for (pointer, other) in [
            ("/metadata/name", json!("hello-mine")),
            ("/metadata/name", json!("world-6033b764f498")),
            ("/metadata/labels/andante.dev~1service", json!("world")),
            ("/metadata/labels", json!({})),
            ("/metadata/ownerReferences", json!([])),
            ("/metadata/ownerReferences/1/apiVersion", json!("v1")),
            ("/metadata/ownerReferences/1/uid", json!("")),
            ("/metadata/ownerReferences/1/kind", json!("Route")),
        ] {
            let mut run = run.clone();
            *run.pointer_mut(pointer).unwrap() = other;
            assert_eq!(service_of(&run), None, "{pointer}");
        }
    }
}
