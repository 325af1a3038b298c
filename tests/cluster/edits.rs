//! A person takes the wheel in the middle of a rollout: they are named, and nothing of theirs is overwritten.

use super::support::*;
use serde_json::{Value, json};
use std::time::Duration;

const V2: [&str; 4] = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];
const WALK: [&str; 8] = ["walk", "hello", "--steps", "50,100", "--dwell", "3s", "--bake", "1s"];
const STAY: [&str; 8] = ["walk", "hello", "--steps", "50,100", "--dwell", "2m", "--bake", "1s"];
const HALF: &str = "hello-00001 50 #stable, hello-00002 50 #candidate";

fn serving(test: &str) -> Space {
    let space = Space::new(test);
    space.serve(&sample("hello", "v1"));
    space
}

/// `kubectl patch` by another tool.
fn edit(space: &Space, spec: &Value) {
    let patch = json!({"spec": spec}).to_string();
    space.kubectl(&["patch", "ksvc", "hello", "--type=merge", "--field-manager=kims-editor", "-p", &patch]).good();
}

fn template_edit(space: &Space) {
    let container = json!({"image": "dev.local/andante-sample:v3"});
    edit(space, &json!({"template": {"spec": {"containers": [container]}}}));
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_traffic_edit_in_mid_walk_stands_and_is_named() {
    let space = serving("edit-traffic");
    space.start_as("run", &V2).wait(LONG).ended(0);
    let mut walk = space.start_as("run", &STAY);
    walk.line("step 1 of 2 is served", LONG);
    edit(&space, &json!({"traffic": [{"revisionName": "hello-00001", "percent": 100}]}));
    let ended = walk.wait(LONG).ended(14).says("kims-editor");
    assert!(ended.last().contains("settle"), "says what to do: {}", ended.last());
    holds_for("the edit stands", Duration::from_secs(4), || space.split("hello") == "hello-00001 100");
    // Nor does the same run's next attempt overwrite it; settling closes the record and leaves traffic.
    space.start_as("run", &STAY).wait(LONG).ended(14).says("kims-editor");
    space.start_as("run", &["settle", "hello"]).wait(LONG).ended(14);
    assert_eq!(space.split("hello"), "hello-00001 100");
    space.andante(&["settle", "hello"]).ended(0);
    assert_eq!(space.split("hello"), "hello-00001 100");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_traffic_edit_just_before_our_write_wins() {
    let space = serving("edit-before");
    let proxy = FaultProxy::start();
    space.start_as("run", &V2).wait(LONG).ended(0);
    // The claim is the first write, 50 % the second, 100 % the third.
    let gate = proxy.hold(When::next("patch").nth(3), Point::Before);
    let walk = proxy.andante(&space, "run", &WALK);
    gate.reached(LONG);
    let both = json!([{"revisionName": "hello-00001", "percent": 90}, {"revisionName": "hello-00002", "percent": 10}]);
    edit(&space, &json!({"traffic": both}));
    gate.open();
    walk.wait(LONG).ended(14).says("kims-editor");
    assert_eq!(space.split("hello"), "hello-00001 90, hello-00002 10");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_template_edit_in_mid_walk_reaches_nobody_and_the_walk_goes_on_by_name() {
    let space = serving("edit-template");
    let watch = space.watch("hello");
    space.start_as("run", &V2).wait(LONG).ended(0);
    let mut walk = space.start_as("run", &WALK);
    walk.line("step 1 of 2 is served", LONG);
    template_edit(&space);
    let ended = walk.wait(LONG).ended(0).says("kims-editor");
    assert!(ended.last().contains("a newer template waits (hello-00003)"), "{}", ended.last());
    assert_eq!(space.split("hello"), "hello-00002 100");
    space.settled("hello");
    space.answers("hello", "v2", 5);
    let shown = watch.values(|service| split(&service["status"]["traffic"]));
    assert!(shown.iter().all(|s| !s.contains("hello-00003")), "{shown:#?}");
    // The next rollout takes up what waits.
    space.andante(&["stage", "hello"]).ended(0).ends_with("staged hello-00003");
    space.andante(&WALK).ended(0);
    space.answers("hello", "v3", 3);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_rollback_after_a_template_edit_reaches_nobody_either() {
    let space = serving("edit-back");
    space.start_as("run", &V2).wait(LONG).ended(0);
    let mut walk = space.start_as("run", &STAY);
    walk.line("step 1 of 2 is served", LONG);
    template_edit(&space);
    space.ready("hello-00003");
    walk.signal("TERM");
    walk.wait(LONG).ended(19);
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    space.settled("hello");
    space.answers("hello", "v1", 10);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_template_edit_during_staging_closes_it_and_moves_nobody() {
    let space = serving("edit-staging");
    let slow = [&V2[..], &["--set-env", "START_DELAY=6s"]].concat();
    let mut stage = space.start_as("run", &slow);
    stage.line("hello-00002: Deploying", LONG);
    template_edit(&space);
    stage.wait(LONG).ended(14).says("kims-editor").ends_with("--revision newest");
    assert_eq!(space.split("hello"), "hello-00001 100");
    assert_eq!(space.record("hello")["phase"], "rolled-back");
    space.ready("hello-00003");
    space.settled("hello");
    space.answers("hello", "v1", 10);
    // The same run again does not fight either; another one may go on.
    space.start_as("run", &slow).wait(LONG).ended(14);
    let other = space.start_as("other", &["stage", "hello", "--revision", "newest"]).wait(LONG).ended(0);
    assert!(other.last().contains("staged hello-00003"), "{}", other.last());
    assert_eq!(space.split("hello"), "hello-00001 100 #stable, hello-00003 0 #candidate");
}

/// As a GitOps tool or a colleague does who knows nothing of the rollout: the file of before, applied once more.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn an_unchanged_file_applied_during_staging_moves_nobody_and_latest_is_followed_again_later() {
    let space = serving("edit-again");
    let load = Load::start(&space, &["hello"], 10, Duration::from_secs(120));
    let mut stage = space.start_as("run", &[&V2[..], &["--set-env", "START_DELAY=6s"]].concat());
    stage.line("hello-00002: Deploying", LONG);
    space.apply(&sample("hello", "v1").object);
    let ended = stage.wait(LONG).ended(14).says("changed the template of hello during staging");
    assert!(ended.last().contains("reaches nobody"), "{}", ended.last());
    space.ready("hello-00003");
    assert_eq!((space.split("hello").as_str(), space.served("hello").as_str()), ("hello-00001 100", "hello-00001 100"));
    let hits = load.stop();
    assert!(hits.iter().all(|hit| hit.is_good() && hit.version.as_deref() == Some("v1")), "{}", summary(&hits));
    // The owner's next release: nobody holds it up, and it ends in the owner's shape.
    space.apply(&sample("hello", "v3").object);
    space.ready("hello-00004");
    space.start_as("other", &["stage", "hello", "--revision", "newest"]).wait(LONG).ended(0);
    space.start_as("other", &WALK).wait(LONG).ended(0);
    assert_eq!(space.split("hello"), "latest 100");
    space.answers("hello", "v3", 5);
}

/// Knative makes one more revision of a template that comes back; the rollout goes on with it.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_the_staged_template_under_another_name_disturbs_no_staging() {
    let space = serving("edit-same");
    let mut stage = space.start_as("run", &[&V2[..], &["--set-env", "START_DELAY=6s"]].concat());
    stage.line("hello-00002: Deploying", LONG);
    edit(&space, &json!({"template": {"metadata": {"name": "hello-mine"}}}));
    stage.wait(LONG).ended(0).says("as it was staged; going on").ends_with("staged hello-mine");
    assert_eq!(space.split("hello"), "hello-00001 100 #stable, hello-mine 0 #candidate");
    space.start_as("run", &WALK).wait(LONG).ended(0);
    assert_eq!(space.split("hello"), "latest 100");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_edit_of_others_annotations_disturbs_nobody() {
    let space = serving("edit-note");
    space.start_as("run", &V2).wait(LONG).ended(0);
    let mut walk = space.start_as("run", &WALK);
    for text in ["step 1 of 2 is served", "step 2 of 2 is served"] {
        walk.line(text, LONG);
        space
            .kubectl(&["annotate", "ksvc", "hello", "--overwrite", &format!("example.com/note={}", text.len())])
            .good();
        space.kubectl(&["label", "ksvc", "hello", "--overwrite", "team=blue"]).good();
    }
    walk.wait(LONG).ended(0).ends_with("latest 100 %");
    let service = space.service("hello");
    assert_eq!(service["metadata"]["annotations"]["example.com/note"], "21");
    assert_eq!(service["metadata"]["labels"]["team"], "blue");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_removed_record_ends_the_walk() {
    let space = serving("edit-record");
    space.start_as("run", &V2).wait(LONG).ended(0);
    let mut walk = space.start_as("run", &STAY);
    walk.line("step 1 of 2 is served", LONG);
    space.kubectl(&["annotate", "ksvc", "hello", "andante.dev/rollout-"]).good();
    walk.wait(LONG).ended(26).says("the rollout's record was removed");
    assert_eq!(space.split("hello"), HALF);
}
