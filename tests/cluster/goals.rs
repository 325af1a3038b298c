//! A run against its goal: `kubectl annotate` declares another one, which raises no generation, and the run sees it.

use super::support::*;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// A Service that serves v1 and names who is in charge.
fn declaring(name: &str) -> Space {
    let space = Space::new(name);
    let hello = sample("hello", "v1").annotation("andante.dev/pipeline", "build-it");
    space.serve(&hello.annotation("andante.dev/source", "https://git.example.com/hello.git"));
    space
}

/// The goal id, as `andante goal` tells it.
#[track_caller]
fn goal(space: &Space) -> String {
    let ran = space.andante(&["goal", "hello", "--output", "json"]).ended(0);
    let told: Value = serde_json::from_str(ran.last()).unwrap();
    told["id"].as_str().unwrap().to_owned()
}

fn declare(space: &Space, params: &str) {
    space.kubectl(&["annotate", "ksvc", "hello", "--overwrite", &format!("andante.dev/params={params}")]).good();
}

/// The present goal is walked; another one in mid-walk takes users back in one write; before anybody was moved nothing is written.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn another_goal_takes_users_back_and_a_late_run_writes_nothing() {
    let space = declaring("goals");
    let first = goal(&space);
    let image = "dev.local/andante-sample:v2";
    space
        .andante(&["stage", "hello", "--image", image, "--goal", &first])
        .ended(0)
        .ends_with("staged hello-00002 at 0 %");
    assert_eq!(goal(&space), first, "the image is built from the source, and is no part of the goal");
    let mut walk =
        space.start(&["walk", "hello", "--goal", &first, "--steps", "20,100", "--dwell", "10m", "--deadline", "50m"]);
    walk.line("step 1 of 2 is served", LONG);
    let before = space.service("hello")["metadata"]["generation"].as_i64().unwrap();
    declare(&space, "{style: canary}");
    let ended = walk.wait(LONG).ended(13);
    ended.ends_with("rolled back: hello declares goal ");
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    assert_eq!(space.service("hello")["metadata"]["generation"].as_i64(), Some(before + 1), "one write of the spec");
    space.answers("hello", "v1", 10);
    // A run of the goal from before comes late.
    let version = space.service("hello")["metadata"]["annotations"].clone();
    space
        .andante(&["stage", "hello", "--image", image, "--goal", &first])
        .ended(13)
        .ends_with("superseded: hello declares goal ");
    assert_eq!(space.service("hello")["metadata"]["annotations"], version, "nothing was written");
    // One of the present goal is walked to its end; it holds while what is declared cannot be read.
    let second = goal(&space);
    assert_ne!(first, second);
    space.andante(&["stage", "hello", "--image", image, "--goal", &second]).ended(0);
    let mut walk =
        space.start(&["walk", "hello", "--goal", &second, "--steps", "20,100", "--dwell", "5s", "--bake", "2s"]);
    walk.line("step 1 of 2 is served", LONG);
    space.kubectl(&["annotate", "ksvc", "hello", "andante.dev/traffic=0"]).good();
    walk.line("no step until it can be", LONG);
    let split = space.split("hello");
    holds_for("nobody is moved", Duration::from_secs(7), || space.split("hello") == split);
    space.kubectl(&["annotate", "ksvc", "hello", "andante.dev/traffic-"]).good();
    walk.wait(LONG).ended(0).ends_with("finished");
    space.answers("hello", "v2", 10);
}

/// A goal may declare that its code ends with less than all: that is finished, nothing undoes it, and the goal of everyone goes on there.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_declared_share_is_where_its_rollout_ends() {
    let space = declaring("goal-share");
    let declare = |share: &str| space.kubectl(&["annotate", "ksvc", "hello", "--overwrite", share]).good();
    declare("andante.dev/traffic=30");
    let load = Load::start(&space, &["hello"], 20, Duration::from_secs(180));
    let walk = |goal: &str| {
        let image = ["stage", "hello", "--image", "dev.local/andante-sample:v2", "--goal", goal];
        space.andante(&image).ended(0);
        let steps = ["--steps", "10,50,100", "--dwell", "3s", "--bake", "2s"];
        space.andante(&[&["walk", "hello", "--goal", goal], &steps[..]].concat()).ended(0).ends_with("finished");
    };
    walk(&goal(&space));
    let part = "hello-00001 70 #stable, hello-00002 30 #candidate";
    assert_eq!(space.split("hello"), part);
    assert_eq!(space.record("hello")["phase"], "finished");
    // What comes by afterwards leaves it alone.
    space.andante(&["settle", "hello"]).ended(0);
    space.andante(&["settle", "hello", "--rollout", "any"]).ended(0);
    assert_eq!(space.split("hello"), part);
    let begun = Timestamp::now();
    std::thread::sleep(Duration::from_secs(8));
    let split = Timestamp::now();
    declare("andante.dev/traffic-");
    walk(&goal(&space));
    space.answers("hello", "v2", 10);
    let hits = load.stop();
    let held = between(&hits, "hello", begun, split);
    let v2 = held.iter().filter(|hit| hit.version.as_deref() == Some("v2")).count();
    let percent = v2 * 100 / held.len();
    assert!((15..=45).contains(&percent), "{percent} % of {} users were on v2", held.len());
    let steps = between(&hits, "hello", split, Timestamp::MAX);
    let sent_back = steps.iter().take(40).filter(|hit| hit.version.as_deref() == Some("v2")).count();
    assert!(sent_back > 0, "nobody of its users is taken from the code that they have");
    assert!(hits.iter().all(Hit::is_good), "{}", summary(&hits));
}

/// Without a source the image is part of the goal: what the run stages is no new goal, neither for its walk nor in the status.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_what_a_run_stages_itself_is_no_new_goal() {
    let space = Space::new("goal-own");
    space.serve(&sample("hello", "v1").annotation("andante.dev/pipeline", "build-it"));
    let asked = goal(&space);
    let status = format!("andante.dev/goal-status={}", json!({"goal": asked, "run": "hello-1", "phase": "started"}));
    space.kubectl(&["annotate", "ksvc", "hello", &status]).good();
    let image = "dev.local/andante-sample:v2";
    space.andante(&["stage", "hello", "--image", image, "--goal", &asked]).ended(0);
    let now = goal(&space);
    assert_ne!(asked, now);
    let annotations = space.service("hello")["metadata"]["annotations"].clone();
    let status: Value = serde_json::from_str(annotations["andante.dev/goal-status"].as_str().unwrap()).unwrap();
    assert_eq!((&status["goal"], &status["run"]), (&json!(now), &json!("hello-1")));
    space
        .andante(&["walk", "hello", "--goal", &asked, "--steps", "100", "--bake", "2s"])
        .ended(0)
        .ends_with("finished");
    assert_eq!(goal(&space), now);
}

/// A file says less than what Knative stores of it; the status names what is stored from the write that carries the template on, and
/// after a revert as well.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_file_and_a_revert_are_no_new_goal() {
    let space = Space::new("goal-file");
    let hello = sample("hello", "v1").annotation("andante.dev/pipeline", "build-it");
    space.serve(&hello);
    let named = || {
        let annotations = space.service("hello")["metadata"]["annotations"].clone();
        let status: Value = serde_json::from_str(annotations["andante.dev/goal-status"].as_str().unwrap()).unwrap();
        status["goal"].as_str().unwrap().to_owned()
    };
    let note = |goal: &str| {
        let status = format!("andante.dev/goal-status={}", json!({"goal": goal, "run": "hello-1", "phase": "started"}));
        space.kubectl(&["annotate", "ksvc", "hello", "--overwrite", &status]).good();
    };
    let asked = goal(&space);
    note(&asked);
    let file = space.file(
        "hello.yaml",
        "{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {name: hello}, spec: {template: {spec: {containers: [{image: 'dev.local/andante-sample:v2'}]}}}}",
    );
    let mut stage = space.start(&["stage", "hello", "--from-file", &file, "--goal", &asked]);
    stage.line("template patched in the same write", LONG);
    assert_eq!(named(), goal(&space), "as soon as it is written");
    stage.wait(LONG).ended(0);
    assert_ne!(goal(&space), asked);
    let walk = ["walk", "hello", "--goal", &asked, "--steps", "100", "--bake", "2s"];
    space.andante(&walk).ended(0).ends_with("finished");
    assert_eq!(named(), goal(&space));
    // What served before is released again while the template is another one.
    space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v3", "--goal", &goal(&space)]).ended(0);
    space.andante(&["settle", "hello"]).ended(0);
    let present = goal(&space);
    note(&present);
    space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v2", "--goal", &present]).ended(0);
    assert_ne!(goal(&space), present);
    assert_eq!(named(), goal(&space));
}
