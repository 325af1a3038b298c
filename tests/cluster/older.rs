//! What an older build left in the middle of a walk, this one finishes, settles or takes over, on a real Knative.
//!
//! The older build's writes are kept (`older/first.json`: of one from before declared goals) and made again as it made them. Where
//! `ANDANTE_OLDER` names a binary of another build, that one begins instead; with `ANDANTE_KEEP_RECORDS=VERSION` besides, what it wrote
//! is kept.

use super::support::*;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::fs;
use std::process::{Command, Stdio};

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/older");
const OURS: &str = "andante.dev/";
const STAGE: [&str; 4] = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];
const WALK: [&str; 8] = ["walk", "hello", "--steps", "50,100", "--dwell", "4s", "--bake", "1s"];
const HALF: &str = "hello-00001 50 #stable, hello-00002 50 #candidate";

/// Half of the users are on the candidate, and the older build's process is gone. `kept`: a file of what one wrote.
#[track_caller]
fn half_way(name: &str, kept: &str) -> Space {
    let space = Space::new(name);
    space.serve(&sample("hello", "v1"));
    match std::env::var("ANDANTE_OLDER") {
        Ok(binary) => by_binary(&space, &binary),
        Err(_) => by_writes(&space, &serde_json::from_str(kept).unwrap()),
    }
    space.settled("hello");
    assert_eq!(space.split("hello"), HALF);
    space
}

/// The older build itself, killed at the half.
#[track_caller]
fn by_binary(space: &Space, binary: &str) {
    let watch = space.watch("hello");
    let start = |arguments: &[&str]| {
        let mut command = Command::new(binary);
        command.args(arguments).args(["-n", &space.namespace]).stdin(Stdio::null()).env_clear();
        command.env("KUBECONFIG", &Cluster::get().kubeconfig).env("ANDANTE_PIPELINE_RUN", "run");
        command.env("ANDANTE_PIPELINE_RUN_UID", "run-uid").env("ANDANTE_RUN_NAMESPACE", &space.namespace);
        command.spawn().unwrap()
    };
    assert!(start(&STAGE).wait().unwrap().success());
    let mut walk = start(&WALK);
    served_becomes(space, "hello", HALF);
    walk.kill().unwrap();
    walk.wait().unwrap();
    let Ok(version) = std::env::var("ANDANTE_KEEP_RECORDS") else { return };
    let mut writes: Vec<Value> = Vec::new();
    for seen in watch.seen() {
        let mut ours = seen.object["metadata"]["annotations"].as_object().unwrap().clone();
        ours.retain(|name, _| name.starts_with(OURS));
        let write = json!({"annotations": ours, "spec": seen.object["spec"]});
        if !ours.is_empty() && writes.last() != Some(&write) {
            writes.push(write);
        }
    }
    let lines: Vec<String> = writes.iter().map(Value::to_string).collect();
    let (at, namespace) = (json!(Timestamp::now()), json!(space.namespace));
    let text = format!("{{\"at\":{at},\"namespace\":{namespace},\"writes\":[\n{}\n]}}\n", lines.join(",\n"));
    fs::write(format!("{KEPT}/{version}.json"), text).unwrap();
}

/// What an older build wrote, written again: in this namespace, and as if it were now.
#[track_caller]
fn by_writes(space: &Space, kept: &Value) {
    let then: Timestamp = kept["at"].as_str().unwrap().parse().unwrap();
    let later = Timestamp::now().duration_since(then);
    for write in kept["writes"].as_array().unwrap() {
        let mut annotations = write["annotations"].clone();
        for text in annotations.as_object_mut().unwrap().values_mut() {
            let here = text.as_str().unwrap().replace(kept["namespace"].as_str().unwrap(), &space.namespace);
            let now = serde_json::from_str::<Value>(&here).map(|value| moved(value, later).to_string());
            *text = json!(now.unwrap_or(here));
        }
        let patch = json!({"metadata": {"annotations": annotations}, "spec": write["spec"]}).to_string();
        space.kubectl(&["patch", "ksvc", "hello", "--type=merge", "--field-manager=andante", "-p", &patch]).good();
        space.settled("hello");
    }
}

/// The same with every time in it so much later.
fn moved(value: Value, later: SignedDuration) -> Value {
    match value {
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(at) => json!(at + later),
            Err(_) => json!(text),
        },
        Value::Array(list) => list.into_iter().map(|value| moved(value, later)).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, moved(value, later))).collect(),
        other => other,
    }
}

/// Every build of which something is kept; once, where a binary begins.
fn kept() -> Vec<String> {
    if std::env::var_os("ANDANTE_OLDER").is_some() {
        return vec![String::new()];
    }
    let files = fs::read_dir(KEPT).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let kept: Vec<String> = files.collect();
    assert!(!kept.is_empty(), "nothing is kept in {KEPT}");
    kept
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_walk_of_an_older_build_is_finished() {
    for (at, kept) in kept().iter().enumerate() {
        let space = half_way(&format!("older-goes-on-{at}"), kept);
        let watch = space.watch("hello");
        space.start_as("run", &WALK).wait(LONG).ended(0).ends_with("finished");
        space.answers("hello", "v2", 5);
        let mut splits: Vec<String> = watch.seen().iter().map(|seen| split(&seen.object["spec"]["traffic"])).collect();
        splits.dedup();
        assert_eq!(
            splits,
            [HALF, "hello-00001 0 #stable, hello-00002 100 #candidate", "latest 100"],
            "nobody went back"
        );
    }
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_walk_of_an_older_build_is_settled_or_taken_over() {
    for (at, kept) in kept().iter().enumerate() {
        let space = half_way(&format!("older-settled-{at}"), kept);
        space.start_as("run", &["settle", "hello"]).wait(LONG).ended(0);
        assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
        space.answers("hello", "v1", 5);

        let space = half_way(&format!("older-newer-{at}"), kept);
        let newer =
            ["roll-out", "hello", "--image", "dev.local/andante-sample:v3", "--style", "all-at-once", "--bake", "1s"];
        space.start_as("newer", &newer).wait(LONG).ended(0).ends_with("finished");
        space.answers("hello", "v3", 5);
    }
}
