//! Care at admission: our own rollouts pass unhindered, and a foreign edit in the middle moves nobody.

use super::support::*;
use serde_json::json;

const QUICK: [&str; 6] = ["--steps", "50,100", "--dwell", "4s", "--bake", "2s"];

fn roll_out<'a>(image: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["roll-out", "hello", "--image", image], &QUICK[..], more].concat()
}

/// The image is patched at 50 %: the walk goes on and finishes, users meet what it walks to and nothing else.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_roll_out_finishes_while_the_image_is_patched_in_mid_walk() {
    let (space, _care) = in_care("care-walk", "care");
    space.serve(&sample("control", "v1"));
    let load = Load::start(&space, &["hello", "control"], 20, LONG);
    let mut walk = space.start(&roll_out("dev.local/andante-sample:v2", &[]));
    walk.line("step 1 of 2 is served", LONG);
    let half = space.split("hello");
    patched(&space, &of_version("v3")).good();
    assert_eq!(space.split("hello"), half);
    // kubectl replace of a file without record, pipeline and traffic.
    let mut file = space.service("hello");
    let keep = ["serving.knative.dev/creator", "serving.knative.dev/lastModifier"];
    file["metadata"]["annotations"].as_object_mut().unwrap().retain(|name, _| keep.contains(&name.as_str()));
    file["spec"].as_object_mut().unwrap().remove("traffic");
    file["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    file["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": "1"}]);
    replaced(&space, &file).good();
    assert_eq!(space.split("hello"), half);
    let ended = walk.wait(LONG).ended(0);
    assert!(ended.last().contains("a newer template waits (hello-00004)"), "{}", ended.last());
    assert_eq!(space.split("hello"), "hello-00002 100");
    space.ready("hello-00004");
    space.settled("hello");
    space.answers("hello", "v2", 5);
    let hits = load.stop();
    nobody_saw(&whole(&hits, "hello"), "v3");
    no_error_of_ours(&hits, "hello", "control");
    // What waits is rolled out by the next one.
    space.andante(&[&["roll-out", "hello", "--revision", "newest"], &QUICK[..]].concat()).ended(0);
    space.answers("hello", "v3", 5);
    // In care every end is by name.
    assert_eq!(space.split("hello"), "hello-00004 100");
    assert_eq!(annotation(&space, "andante.dev/pipeline"), "slow-walk");
}

/// Every kind of write that a rollout makes, one after the other: stage, claim, steps, bounds, requests, the way back,
/// settle, a revert, a template that follows users back.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_every_write_of_a_rollout_passes() {
    let (space, _care) = in_care("care-ours", "care");
    let (v1, v2) = ("dev.local/andante-sample:v1", "dev.local/andante-sample:v2");
    // An abort, and the record of a rejected candidate.
    let slow = ["--steps", "50,100", "--dwell", "10m", "--bake", "2s"];
    let start = |image: &str, more: &[&str]| {
        let mut walk = space.start(&[&["roll-out", "hello", "--image", image], &slow[..], more].concat());
        walk.line("step 1 of 2 is served", LONG);
        walk
    };
    let walk = start(v2, &[]);
    space.andante(&["control", "abort", "hello"]).ended(0);
    walk.wait(LONG).ended(15).ends_with("aborted by");
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    // A revert of the template: two writes, and users on what it made, by name.
    space.andante(&roll_out(v1, &[])).ended(0);
    assert_eq!(space.split("hello"), "hello-00003 100");
    space.answers("hello", "v1", 3);
    // Killed in mid-walk, settled by a person.
    start(v2, &["--again"]).kill();
    space.andante(&["settle", "hello"]).ended(0);
    assert!(space.split("hello").contains(" 100, "), "{}", space.split("hello"));
    space.answers("hello", "v1", 3);
    // Paused, resumed, promoted.
    let mut walk = start(v2, &["--again"]);
    space.andante(&["control", "pause", "hello"]).ended(0);
    walk.line("paused by", LONG);
    space.andante(&["control", "resume", "hello"]).ended(0);
    space.andante(&["control", "promote", "hello"]).ended(0);
    walk.wait(LONG).ended(0).ends_with("finished");
    space.answers("hello", "v2", 5);
    // Sent back after the end.
    space.andante(&["settle", "hello", "--to", "stable"]).ended(0);
    space.answers("hello", "v1", 5);
    // A bad one goes back, and its template after it.
    let bad = ["roll-out", "hello", "--image", "dev.local/andante-sample:crash", "--grace", "2s", "--restore-template"];
    space.andante(&bad).ended(11).says("the template was put back");
    space.answers("hello", "v1", 5);
    assert_eq!(annotation(&space, "andante.dev/kept"), "", "nothing of ours was taken for somebody else's");
}
