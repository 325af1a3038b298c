//! Users who want more than one pod, so that it shows who waits for pods.

use super::load::Load;
use super::sample::sample;
use super::space::Space;
use super::wait::{LONG, eventually};
use serde_json::{Value, json};
use std::thread::sleep;
use std::time::Duration;

/// `hello`, of which forty users a second want three pods: each takes 100 ms a request and two at once, and needs 4 s to start.
/// The load goes on when this returns, and the pods are those that the autoscaler wants.
#[track_caller]
pub fn busy(space: &Space) -> Load {
    let mut sample = sample("hello", "v1")
        .min_scale(0)
        .template_annotation("autoscaling.knative.dev/window", "20s")
        // A machine that is busy makes requests wait, and the autoscaler would then want fifty pods of it.
        .template_annotation("autoscaling.knative.dev/max-scale", "5")
        .env("LATENCY", "100ms")
        .env("START_DELAY", "4s");
    sample.object["spec"]["template"]["spec"]["containerConcurrency"] = json!(2);
    space.serve(&sample);
    // Onto one pod the autoscaler would panic, and want fifty for a minute.
    floor(space, "hello-00001", json!("3"));
    eventually("stable has its pods", LONG, || (pods(space, "hello-00001") >= 3).then_some(()));
    let load = Load::start(space, &["hello"], 40, Duration::from_secs(300));
    sleep(Duration::from_secs(25));
    floor(space, "hello-00001", Value::Null);
    sleep(Duration::from_secs(5));
    load
}

/// Sets the floor of a Revision as its owner would; null takes it away.
#[track_caller]
pub fn floor(space: &Space, revision: &str, pods: Value) {
    let annotations = json!({"metadata": {"annotations": {"autoscaling.knative.dev/min-scale": pods}}});
    space.merge("revision", revision, &annotations).good();
}

/// How many pods of a Revision are ready.
pub fn pods(space: &Space, revision: &str) -> i64 {
    space.get("revision", revision)["status"]["actualReplicas"].as_i64().unwrap_or(0)
}
