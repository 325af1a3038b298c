//! The way back, whatever stands in it: a name of the template that is taken, annotations that are full, a record that is
//! lost, a stable that is gone or cannot start.

use super::support::*;
use serde_json::{Value, json};
use std::time::Duration;

const V2: [&str; 4] = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];
const STAY: [&str; 8] = ["walk", "hello", "--steps", "50,100", "--dwell", "2m", "--bake", "1s"];
const HALF: &str = "hello-00001 50 #stable, hello-00002 50 #candidate";
const BACK: &str = "hello-00001 100, hello-00002 0 #candidate";

/// A walk of this Service that is at 50 %, and stays there.
fn at_half(space: &Space, sample: &Sample) -> Running {
    space.serve(sample);
    space.start_as("run", &V2).wait(LONG).ended(0);
    let mut walk = space.start_as("run", &STAY);
    walk.line("step 1 of 2 is served", LONG);
    walk
}

/// Users get what was written: nobody is left elsewhere.
fn served(space: &Space, split: &str) {
    assert_eq!(space.split("hello"), split);
    eventually("it is served", LONG, || (space.served("hello") == split).then_some(()));
}

/// A team names its revisions and applies its file again, as it was, in mid-walk: Knative then migrates no traffic.
fn file_applied_again(space: &Space, file: &Sample) {
    space.apply(&file.object);
    eventually("the name is taken", LONG, || {
        let (_, reason, _) = condition(&space.service("hello"), "RoutesReady");
        (reason == "RevisionNameTaken").then_some(())
    });
}

/// A file of a team that names its revisions.
fn file() -> Sample {
    sample("hello", "v1").revision("hello-blue")
}

const NAMED_BACK: &str = "hello-blue 100, hello-00002 0 #candidate";

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_name_that_is_taken_does_not_close_the_way_back() {
    let space = Space::new("name-taken");
    let walk = at_half(&space, &file());
    // The same name with another content, which is what a changed file under a fixed name is.
    file_applied_again(&space, &file().env("CHANGED", "1"));
    // The run that walks has no object here, so nobody can tell whether it is there; it is alive, and obeys.
    space.andante(&["control", "abort", "hello"]).ended(0).says("cannot be known");
    walk.wait(LONG).ended(15).says("the template's name hello-blue is taken out of it");
    served(&space, NAMED_BACK);
    assert_eq!(space.service("hello")["spec"]["template"]["metadata"]["name"], Value::Null);
    space.answers("hello", "v1", 5);
}

/// Whatever Knative makes of the same content under the same name.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn the_unchanged_file_applied_again_does_not_close_the_way_back() {
    let space = Space::new("file-again");
    let walk = at_half(&space, &file());
    space.apply(&file().object);
    eventually("it is observed", LONG, || {
        let service = space.service("hello");
        (service["status"]["observedGeneration"] == service["metadata"]["generation"]).then_some(())
    });
    // The run that walks has no object here, so nobody can tell whether it is there; it is alive, and obeys.
    space.andante(&["control", "abort", "hello"]).ended(0).says("cannot be known");
    walk.wait(LONG).ended(15);
    served(&space, NAMED_BACK);
    space.answers("hello", "v1", 5);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_settling_by_name_is_no_success_before_users_are_there() {
    let space = Space::new("name-settled");
    at_half(&space, &file()).kill();
    file_applied_again(&space, &file().env("CHANGED", "1"));
    space.andante(&["settle", "hello", "--to", "hello-blue"]).ended(0).says("is taken out of it");
    eventually("users are there", Duration::from_secs(2), || {
        space.served("hello").starts_with("hello-blue 100").then_some(())
    });
    space.answers("hello", "v1", 5);
    // And once more after the end: what is left to do is done.
    file_applied_again(&space, &file().env("CHANGED", "2"));
    space.andante(&["settle", "hello", "--to", "hello-00002"]).ended(0);
    space.answers("hello", "v2", 5);
}

/// Fills the annotations of `hello` to the last byte, in parts that a command line can hold.
fn fill(space: &Space) {
    let bytes = |service: &Value| -> usize {
        let map = service["metadata"]["annotations"].as_object().unwrap();
        map.iter().map(|(k, v)| k.len() + v.as_str().unwrap().len()).sum()
    };
    for part in 0..4 {
        let key = format!("filler-{part}");
        let room = 256 * 1024 - bytes(&space.service("hello")) - key.len();
        let patch = json!({"metadata": {"annotations": {key: "x".repeat(room.min(80 * 1024))}}});
        space.merge("ksvc", "hello", &patch).good();
    }
    assert_eq!(bytes(&space.service("hello")), 256 * 1024);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_way_back_is_written_where_the_annotations_are_full() {
    let space = Space::new("full");
    let walk = at_half(&space, &sample("hello", "v1"));
    let epoch = space.record("hello")["epoch"].as_i64().unwrap();
    fill(&space);
    // A request has no room; it says what has.
    let refused = space.andante(&["control", "abort", "hello"]);
    assert_ne!(refused.code, 0);
    assert!(refused.whole().contains("--to stable"), "{}", refused.whole());
    // The walk's own rollback, which waits until it is served.
    space.kubectl(&["delete", "revision", "hello-00002", "--wait=true"]).good();
    walk.wait(LONG).ended(10).says("it was deleted");
    served(&space, "hello-00001 100");
    assert_eq!(space.record("hello")["epoch"].as_i64(), Some(epoch + 1));
    space.answers("hello", "v1", 5);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn the_hand_brake_works_where_the_annotations_are_full() {
    let space = Space::new("full-brake");
    at_half(&space, &sample("hello", "v1")).kill();
    let epoch = space.record("hello")["epoch"].as_i64().unwrap();
    fill(&space);
    space.andante(&["settle", "hello", "--to", "stable"]).ended(0);
    served(&space, BACK);
    assert_eq!(space.record("hello")["epoch"].as_i64(), Some(epoch + 1));
    space.answers("hello", "v1", 5);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_record_that_is_lost_in_mid_walk_does_not_keep_users_from_stable() {
    let space = Space::new("record-lost");
    let annotate = |value: &str| {
        let value = format!("andante.dev/rollout{value}");
        space.kubectl(&["annotate", "ksvc", "hello", "--overwrite", &value]).good();
    };
    let walk = at_half(&space, &sample("hello", "v1"));
    annotate("={\"format\":1,\"id\":");
    walk.wait(LONG).ended(26).ends_with("--to stable");
    assert_eq!(space.split("hello"), HALF, "it writes nothing more");
    space.andante(&["settle", "hello", "--to", "stable"]).ended(0);
    served(&space, BACK);
    space.answers("hello", "v1", 5);

    // Removed, and replaced by one of another owner.
    let again = [&V2[..], &["--again"]].concat();
    for lost in ["-", "="] {
        space.start_as("run", &again).wait(LONG).ended(0);
        let mut walk = space.start_as("run", &STAY);
        walk.line("step 1 of 2 is served", LONG);
        if lost == "-" {
            annotate("-");
        } else {
            let mut record = space.record("hello");
            record["owner"]["uid"] = json!("somebody-elses");
            annotate(&format!("={record}"));
        }
        walk.wait(LONG).ended(26);
        space.start_as("run", &["settle", "hello", "--to", "stable"]).wait(LONG).ended(0);
        eventually("users are back", LONG, || space.served("hello").starts_with("hello-00001 100").then_some(()));
    }
    space.answers("hello", "v1", 5);
}

/// As Knative's own collection does it, where it keeps nothing that has no users.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_stable_that_is_gone_after_a_good_end_is_not_offered() {
    let space = Space::new("collected");
    space.serve(&sample("hello", "v1"));
    space.stage("hello", "v2");
    space.andante(&["walk", "hello", "--style", "all-at-once"]).ended(0);
    space.andante(&["status", "hello"]).ended(0).says("--to stable");
    space.kubectl(&["delete", "revision", "hello-00001", "--wait=true"]).good();
    let before = space.settled("hello");
    space.andante(&["status", "hello"]).ended(0).says("hello-00001 is gone").never_says("--to stable");
    space.andante(&["settle", "hello", "--to", "stable"]).ended(22).ends_with("hello-00001 is gone");
    assert_eq!(space.service("hello")["metadata"]["generation"], before["metadata"]["generation"]);
    assert_eq!(space.record("hello")["rejected"], Value::Null, "what serves users is not rejected");
    space.answers("hello", "v2", 5);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_stable_that_cannot_start_is_named() {
    let space = Space::new("no-secret");
    space.kubectl(&["create", "secret", "generic", "ledger", "--from-literal=KEY=1"]).good();
    let mut stable = sample("hello", "v1").min_scale(0).template_annotation("autoscaling.knative.dev/window", "6s");
    stable.object["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([{"secretRef": {"name": "ledger"}}]);
    space.serve(&stable);
    space.stage("hello", "v2");
    space.andante(&["walk", "hello", "--style", "all-at-once"]).ended(0);
    let pods = "serving.knative.dev/revision=hello-00001";
    eventually("stable sleeps", LONG, || space.list("pods", pods).is_empty().then_some(()));
    space.kubectl(&["delete", "secret", "ledger"]).good();
    let settle = space.start(&["settle", "hello", "--to", "stable"]);
    let ended = std::thread::scope(|threads| {
        let users = threads.spawn(|| (0..6).for_each(|_| drop(space.ask("hello"))));
        let ended = settle.wait(LONG).ended(22);
        users.join().unwrap();
        ended
    });
    assert!(ended.last().contains("everyone is on hello-00001, which does not answer"), "{}", ended.last());
    assert!(ended.last().contains("ledger"), "{}", ended.last());
}
