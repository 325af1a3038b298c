//! What two Services have alike that came to the same state in different ways: by other tools, or by a process that was killed
//! and run again.

use super::space::{Space, record};
use serde_json::{Value, json};

/// What begins what kn notes for itself in a template.
const OF_KN: &str = "client.knative.dev/";

/// The template but for kn's own notes, the split as asked and as served, and how the last rollout ended. A revision is what it
/// runs: its name counts how many there were before.
#[track_caller]
pub fn likeness(space: &Space, name: &str) -> Value {
    let service = space.service(name);
    let mut template = service["spec"]["template"].clone();
    if let Some(annotations) = template["metadata"]["annotations"].as_object_mut() {
        annotations.retain(|name, _| !name.starts_with(OF_KN));
    }
    let end = record(&service).map(|record| {
        let revision = |name: &Value| name.as_str().map(|name| runs(space, name));
        json!({"phase": record["phase"], "outcome": record["outcome"], "candidate": revision(&record["candidate"]),
            "stable": revision(&record["start"]["stable"])})
    });
    json!({"template": template, "split": targets(space, &service["spec"]["traffic"]),
        "served": targets(space, &service["status"]["traffic"]), "end": end})
}

/// Names of annotations of ours on a Service.
#[track_caller]
pub fn ours(space: &Space, name: &str) -> Vec<String> {
    let service = space.service(name);
    let annotations = service["metadata"]["annotations"].as_object().into_iter().flatten();
    annotations.map(|(name, _)| name).filter(|name| name.starts_with("andante.dev/")).cloned().collect()
}

/// Traffic targets, each by what it runs.
fn targets(space: &Space, traffic: &Value) -> Value {
    let one = |target: &Value| {
        let mut target = target.clone();
        // It holds the namespace.
        target.as_object_mut().unwrap().remove("url");
        if let Some(name) = target["revisionName"].as_str() {
            target["revisionName"] = runs(space, name);
        }
        target
    };
    traffic.as_array().into_iter().flatten().map(one).collect()
}

/// The images of a revision, and their variables.
fn runs(space: &Space, revision: &str) -> Value {
    let Some(found) = space.find("revision", revision) else { return json!("a revision that is gone") };
    let containers = found["spec"]["containers"].as_array().unwrap().iter();
    containers.map(|container| json!({"image": container["image"], "env": container["env"]})).collect()
}
