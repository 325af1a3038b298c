//! Services for the tests of what is started.

use super::declared::Declaration;
use crate::model::observed::Service;
use crate::rollout::declaration::read::Stated;
use serde_json::{Value, json};

/// A Service with these annotations, whose present template serves.
pub(super) fn object(annotations: Value) -> Value {
    json!({
        "metadata": {"name": "hello", "namespace": "shop", "uid": "uid-1", "generation": 2, "annotations": annotations},
        "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "registry.example.com/web:1"}]}}},
        "status": {"observedGeneration": 2, "latestCreatedRevisionName": "hello-00001",
            "latestReadyRevisionName": "hello-00001", "traffic": [{"revisionName": "hello-00001", "percent": 100}]},
    })
}

/// The same, read.
pub(super) fn service(annotations: Value) -> Service {
    Service::from_json(&object(annotations)).unwrap()
}

/// What it declares.
pub(super) fn declared(annotations: Value) -> Declaration {
    Stated::of_json(&object(annotations)).read().unwrap()
}
