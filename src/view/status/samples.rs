//! Invented Services and records for the tests of this module.

use super::{Called, Status, explain};
use crate::machine::world::World;
use crate::model::observed::{CONTROL, RECORD, Revision, Service};
use crate::model::split::Split;
use crate::rollout::control::{Control, ControlRequest};
use crate::rollout::plan::{Plan, PlanOptions, Style};
use crate::rollout::record::tests::record;
use crate::rollout::record::{Phase, Record};
use crate::rollout::splits::Start;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(crate) fn called() -> Called {
    Called { namespace: "demo".into(), words: "hello -n demo".into() }
}

pub(crate) fn asked_by_kim() -> ControlRequest {
    ControlRequest { by: "kim".into(), at: at(50), attempt: 1 }
}

/// `hello` with these annotations and no traffic of its own.
#[expect(clippy::needless_pass_by_value, reason = "callers write the value in place")]
pub(crate) fn service(annotations: Value) -> Value {
    json!({
        "metadata": {"name": "hello", "uid": "u", "generation": 5, "resourceVersion": "7", "annotations": annotations},
        "spec": {"template": {"spec": {"containers": [{"image": "i:1"}]}}},
        "status": {"observedGeneration": 5, "url": "http://hello", "latestReadyRevisionName": "hello-00002",
            "latestCreatedRevisionName": "hello-00002",
            "conditions": [{"type": "RoutesReady", "status": "True", "lastTransitionTime": "1970-01-01T00:00:12Z"}]}
    })
}

/// A walk of `hello-00001` to `hello-00002` in steps of 1, 50 and 100 % at its first step; the last needs an approval.
pub(crate) fn walking() -> Record {
    let start = Start::new(Split::all_latest(), "hello-00001".parse().unwrap(), None).unwrap();
    let p = |n: i64| n.try_into().unwrap();
    let wish = PlanOptions {
        style: Style::Canary,
        steps: vec![1.try_into().unwrap(), 50.try_into().unwrap()],
        dwell: Some(Duration::from_secs(120)),
        bake: Some(Duration::from_secs(300)),
        keep_stable: p(0),
        to: p(100),
        approve: vec![p(100)],
        approval_timeout: Duration::from_secs(1800),
    };
    let candidate = "hello-00002".parse().unwrap();
    Record {
        epoch: 4,
        deadline: at(3300),
        phase: Phase::Walking,
        generation: 5,
        split: start.at(&candidate, p(1), &record().tags),
        start,
        candidate: Some(candidate),
        plan: Some(Plan::new(&wish).unwrap()),
        attempt: 1,
        step: 1,
        step_at: at(10),
        ..record()
    }
}

/// A Service that carries this record, serves its split and has this generation.
pub(crate) fn with(record: &Record, generation: i64) -> Value {
    let mut object = service(json!({RECORD: record.to_text().unwrap()}));
    object["metadata"]["generation"] = json!(generation);
    object["status"]["observedGeneration"] = json!(generation);
    object["spec"]["traffic"] = json!(record.split);
    object["status"]["traffic"] = json!(record.split);
    object
}

/// What was seen: this Service, two revisions with a pod each, and what was asked of the rollout.
pub(crate) fn world(object: &Value, control: Option<&Control>) -> World {
    let mut object = object.clone();
    if let Some(control) = control {
        object["metadata"]["annotations"][CONTROL] = json!(serde_json::to_string(control).unwrap());
    }
    let mut world = World::default();
    world.see_service(Service::from_json(&object).unwrap());
    world.see_revisions(["hello-00001", "hello-00002"].iter().map(|name| {
        Revision::from_json(&json!({
            "metadata": {"name": name},
            "spec": {"containers": [{"image": format!("dev.local/{name}")}]},
            "status": {"actualReplicas": 1, "desiredReplicas": 1, "conditions": [{"type": "Ready", "status": "True"}]}
        }))
        .unwrap()
    }));
    world
}

/// The explanation at second 60.
pub(crate) fn explained(object: &Value, control: Option<&Control>) -> Status {
    explain(&world(object, control), &called(), at(60)).unwrap()
}
