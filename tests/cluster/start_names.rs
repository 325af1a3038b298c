//! Whoever follows names users of Services in care, where no policy keeps them: an annotation alone is enough, and the next edit
//! reaches nobody before its run.

use super::rights::account;
use super::start::{STATUS, annotate, place, runs};
use super::support::*;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Adds or replaces these fields of the Service.
fn patch(space: &Space, fields: &[(&str, Value)]) {
    let adds: Vec<Value> =
        fields.iter().map(|(path, value)| json!({"op": "add", "path": path, "value": value})).collect();
    space.kubectl(&["patch", "ksvc", "hello", "--type=json", "-p", &Value::Array(adds).to_string()]).good();
}

/// The image of the template.
fn image(version: &str) -> (&'static str, Value) {
    ("/spec/template/spec/containers/0/image", json!(format!("dev.local/andante-sample:{version}")))
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_whoever_follows_names_users_who_follow_latest() {
    let space = place("start-names");
    space.serve(&sample("hello", "v1"));
    let split = || space.split("hello");
    let generation = || space.generation("hello");
    let first = generation();
    let mut followers: Vec<_> = (0..2)
        .map(|_| {
            let mut follower = space.start(&["start", "--all", "--follow", "--debounce", "500ms"]);
            follower.line("following", SHORT);
            follower
        })
        .collect();
    holds_for("who is not in care is left alone", Duration::from_secs(2), || generation() == first);

    // Declared by an annotation alone: named within a moment, in one write, and nothing is started for what serves.
    annotate(&space, "andante.dev/pipeline=ship-it");
    let began = Instant::now();
    eventually("users are by name", SHORT, || (split() == "hello-00001 100").then_some(()));
    eprintln!("users were by name after {:?}", began.elapsed());
    eventually("it is noted that the goal serves", SHORT, || {
        let service = space.service("hello");
        service["metadata"]["annotations"][STATUS].as_str().filter(|text| text.contains("reached")).map(drop)
    });
    holds_for("it is written once", Duration::from_secs(4), || generation() == first + 1);
    assert_eq!(runs(&space, "pipelinerun").len(), 0);
    space.answers("hello", "v1", 5);

    // The next edit is started, and reaches nobody.
    patch(&space, &[image("v2")]);
    eventually("its run is there", SHORT, || (runs(&space, "pipelinerun").len() == 1).then_some(()));
    space.ready("hello-00002");
    holds_for("nobody is moved", Duration::from_secs(4), || split() == "hello-00001 100");
    space.answers("hello", "v1", 20);
    space.andante(&["roll-out", "hello", "--revision", "newest", "--steps", "100", "--bake", "0s"]).ended(0);
    space.answers("hello", "v2", 5);
    assert_eq!(split(), "hello-00002 100");

    // A declaration that comes with an edit: users stay where they are, and the edit is started.
    space.andante(&["detach", "hello"]).ended(0);
    eventually("latest is followed again", SHORT, || (split() == "latest 100").then_some(()));
    holds_for("who has left care is left alone", Duration::from_secs(4), || split() == "latest 100");
    patch(&space, &[image("v1"), ("/metadata/annotations/andante.dev~1pipeline", json!("ship-it"))]);
    eventually("users are by name", LONG, || (!split().contains("latest")).then_some(()));
    assert_eq!(split(), "hello-00002 100", "they stay where they were");
    eventually("the edit's run is there", SHORT, || (runs(&space, "pipelinerun").len() == 2).then_some(()));
    for follower in followers.drain(..) {
        follower.signal("TERM");
        assert_eq!(follower.wait(SHORT).code, 0);
    }

    // Revisions may not be listed: that is said once, and everything else is as it was.
    space.andante(&["detach", "hello", "--leave-pinned"]).ended(0);
    patch(&space, &[("/spec/traffic", json!([{"latestRevision": true, "percent": 100}]))]);
    eventually("latest is followed", LONG, || (split() == "latest 100").then_some(()));
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/binding/rbac.yaml")).unwrap();
    let objects = text.split("\n---\n").map(|part| serde_saphyr::from_str::<Value>(part).unwrap());
    let role = objects.into_iter().find(|object| object["kind"] == "ClusterRole").unwrap();
    let rules = role["rules"].as_array().unwrap().iter().filter(|rule| rule["resources"] != json!(["revisions"]));
    let file = account(&space, &rules.cloned().collect());
    let all = ["start", "--all", "--follow", "--system-namespace", &space.namespace, "--kubeconfig", &file];
    let mut follower = space.start(&all);
    follower.line("following", SHORT);
    annotate(&space, "andante.dev/pipeline=ship-it");
    follower.line("users who follow latest are named by the first run of their Service", SHORT);
    follower.line("has reached its goal", SHORT);
    annotate(&space, "andante.dev/params={note: a}");
    follower.line("started Pipeline ship-it", SHORT);
    assert_eq!(split(), "latest 100");
    follower.signal("TERM");
    let ran = follower.wait(SHORT);
    assert_eq!(ran.whole().matches("users who follow latest are named by").count(), 1, "{}", ran.whole());
}
