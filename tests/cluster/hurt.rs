//! What hurt on a real cluster: targets that go bad, revisions that vanish, Services that are deleted under a walk.

use super::support::*;
use serde_json::json;
use std::time::{Duration, Instant};

const V2: [&str; 4] = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];
const WALK: [&str; 8] = ["walk", "hello", "--steps", "50,100", "--dwell", "4s", "--bake", "1s"];
const STAY: [&str; 8] = ["walk", "hello", "--steps", "50,100", "--dwell", "2m", "--bake", "1s"];
const HALF: &str = "hello-00001 50 #stable, hello-00002 50 #candidate";

fn serving(test: &str) -> Space {
    let space = Space::new(test);
    space.serve(&sample("hello", "v1"));
    space
}

/// A walk that is at 50 %, and stays there.
fn at_half(space: &Space) -> Running {
    space.start_as("run", &V2).wait(LONG).ended(0);
    let mut walk = space.start_as("run", &STAY);
    walk.line("step 1 of 2 is served", LONG);
    walk
}

fn delete(space: &Space, kind: &str, name: &str) {
    space.kubectl(&["delete", kind, name, "--wait=true"]).good();
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_foreign_target_that_vanishes_in_mid_walk_is_left_out_of_the_rollback() {
    let space = serving("foreign-gone");
    // The owner's own tag, on an older revision.
    space.apply(&sample("hello", "v3").object);
    space.settled("hello");
    let traffic =
        json!([{"latestRevision": true, "percent": 100}, {"revisionName": "hello-00001", "percent": 0, "tag": "qa"}]);
    space.merge("ksvc", "hello", &json!({"spec": {"traffic": traffic}})).good();
    space.settled("hello");
    space.start_as("run", &V2).wait(LONG).ended(0);
    let mut walk = space.start_as("run", &STAY);
    walk.line("step 1 of 2 is served", LONG);
    delete(&space, "revision", "hello-00001");
    // Knative takes a split whole or not at all: from now on none would take effect.
    walk.line("not served yet: RevisionMissing", LONG);
    walk.signal("TERM");
    let ended = walk.wait(LONG).ended(19).says("left out because it is not Ready");
    assert!(ended.last().contains("hello-00001 0 % (tag qa)"), "says what to restore: {}", ended.last());
    assert_eq!(space.split("hello"), "hello-00002 100, hello-00003 0 #candidate");
    let left_out = space.record("hello")["left_out"].clone();
    assert_eq!((left_out[0]["revisionName"].as_str(), left_out[0]["tag"].as_str()), (Some("hello-00001"), Some("qa")));
    space.settled("hello");
    space.answers("hello", "v3", 5);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_stable_that_is_deleted_in_mid_walk_needs_a_person_and_users_are_served() {
    let space = serving("stable-gone");
    let walk = at_half(&space);
    delete(&space, "revision", "hello-00001");
    let ended = walk.wait(LONG).ended(22);
    assert!(ended.last().contains("hello-00001 was deleted"), "{}", ended.last());
    assert_eq!(space.split("hello"), "hello-00002 100");
    space.settled("hello");
    space.answers("hello", "v2", 5);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_candidate_that_is_deleted_in_mid_walk_sends_everyone_back() {
    let space = serving("candidate-gone");
    let walk = at_half(&space);
    delete(&space, "revision", "hello-00002");
    walk.wait(LONG).ended(10).says("it was deleted");
    assert_eq!(space.split("hello"), "hello-00001 100");
    space.answers("hello", "v1", 5);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_candidate_that_crashes_after_it_was_ready_is_found_out_by_its_replicas() {
    let space = serving("crash-loop");
    // Each start answers one request and dies at the next: Ready again in between, until the kubelet backs off.
    space.start_as("run", &[&V2[..], &["--set-env", "CRASH_AFTER=1"]].concat()).wait(LONG).ended(0);
    // Its replicas alone tell here: the gate on restarts would often be faster.
    let mut walk = space.start_as("run", &[&STAY[..], &["--grace", "3s", "--restarts", "off"]].concat());
    walk.line("step 1 of 2 is served", LONG);
    let crashed = Instant::now();
    let ended = std::thread::scope(|threads| {
        threads.spawn(|| {
            while crashed.elapsed() < Duration::from_secs(40) && !space.split("hello").starts_with("hello-00001 100") {
                space.ask("candidate-hello");
            }
        });
        walk.wait(LONG).ended(10)
    });
    assert!(crashed.elapsed() < Duration::from_secs(40), "believed after {:?}", crashed.elapsed());
    assert!(ended.last().contains("hello-00002: "), "{}", ended.last());
    assert!(space.split("hello").starts_with("hello-00001 100"), "{}", space.split("hello"));
    space.answers("hello", "v1", 5);
}

/// A candidate that loses its pod in the last moment of a dwell, and has one again a moment later.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_candidate_that_lost_its_pod_stays_at_its_step_for_a_whole_dwell_more() {
    let space = serving("pod-lost");
    // A start that takes a while: its absence is seen, and shorter than the grace.
    space.start_as("run", &[&V2[..], &["--set-env", "START_DELAY=4s"]].concat()).wait(LONG).ended(0);
    let walk = ["walk", "hello", "--steps", "50,100", "--dwell", "12s", "--bake", "1s", "--grace", "40s"];
    let mut walk = space.start_as("run", &walk);
    walk.line("step 1 of 2 is served", LONG);
    std::thread::sleep(Duration::from_secs(8));
    space.kubectl(&["delete", "pod", "-l", "serving.knative.dev/revision=hello-00002", "--grace-period=1"]).good();
    let back = walk.line("hello-00002 has its pods again; the dwell begins anew", LONG);
    let stepped = walk.line("100 % to hello-00002", LONG);
    assert!(stepped.duration_since(back).as_secs() >= 11, "{back} {stepped}");
    walk.wait(LONG).ended(0);
    space.answers("hello", "v2", 3);
}

/// One pod of three ends again and again; the revision stays Ready, its number of pods hardly moves, and nothing else tells.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_one_pod_of_three_that_restarts_sends_users_back() {
    let space = serving("restarts");
    space.start_as("run", &[&V2[..], &["--set-env", "CRASH_PATH=/crash"]].concat()).wait(LONG).ended(0);
    let floor = "autoscaling.knative.dev/min-scale=3";
    space.kubectl(&["annotate", "--overwrite", "revision", "hello-00002", floor]).good();
    let pods = "serving.knative.dev/revision=hello-00002";
    eventually("three pods", LONG, || {
        let ready = |pod: &serde_json::Value| {
            let all = pod["status"]["containerStatuses"].as_array();
            all.is_some_and(|all| all.iter().all(|c| c["ready"] == true))
        };
        (space.list("pods", pods).iter().filter(|pod| ready(pod)).count() == 3).then_some(())
    });
    let mut walk = space.start_as("run", &STAY);
    walk.line("step 1 of 2 is served", LONG);
    let began = Instant::now();
    let ended = std::thread::scope(|threads| {
        threads.spawn(|| {
            while began.elapsed() < Duration::from_secs(90) && !space.split("hello").starts_with("hello-00001 100") {
                space.ask_for("candidate-hello", "/crash");
                std::thread::sleep(Duration::from_secs(4));
            }
        });
        walk.wait(LONG).ended(10)
    });
    assert!(ended.last().contains("of the candidate ended with an error in 3 pods"), "{}", ended.last());
    assert!(ended.last().contains("exit code 4, Error"), "{}", ended.last());
    assert!(space.split("hello").starts_with("hello-00001 100"), "{}", space.split("hello"));
    space.answers("hello", "v1", 5);
}

/// A healthy candidate that is scaled up, down and preempted under the gate's eyes is promoted.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_pods_that_come_and_go_for_good_reasons_send_nobody_back() {
    let space = serving("scaling");
    space.start_as("run", &V2).wait(LONG).ended(0);
    let floor = |n: &str| {
        let floor = format!("autoscaling.knative.dev/min-scale={n}");
        space.kubectl(&["annotate", "--overwrite", "revision", "hello-00002", &floor]).good();
    };
    floor("3");
    let mut walk = space.start_as("run", &["walk", "hello", "--steps", "50,100", "--dwell", "25s", "--bake", "5s"]);
    walk.line("step 1 of 2 is served", LONG);
    std::thread::sleep(Duration::from_secs(6));
    let pods = space.list("pods", "serving.knative.dev/revision=hello-00002");
    let first = pods[0]["metadata"]["name"].as_str().unwrap().to_owned();
    space.kubectl(&["delete", "pod", &first, "--wait=false"]).good();
    floor("1");
    walk.wait(LONG).ended(0);
    assert_eq!(space.split("hello"), "latest 100");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_service_that_is_deleted_in_mid_walk_ends_it() {
    let space = serving("service-gone");
    let walk = at_half(&space);
    delete(&space, "ksvc", "hello");
    let ended = walk.wait(LONG).ended(14);
    assert!(ended.last().contains("deleted"), "{}", ended.last());
    space.start_as("run", &["settle", "hello"]).wait(LONG).ended(0);
    assert!(space.find("ksvc", "hello").is_none());
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_service_that_is_deleted_during_staging_is_not_made_anew() {
    let space = serving("staging-gone");
    let mut stage = space.start_as("run", &[&V2[..], &["--set-env", "START_DELAY=20s"]].concat());
    stage.line("hello-00002: ", LONG);
    delete(&space, "ksvc", "hello");
    stage.wait(LONG).ended(14);
    holds_for("it stays away", Duration::from_secs(2), || space.find("ksvc", "hello").is_none());
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_service_that_is_made_anew_in_mid_walk_is_not_written_to() {
    let space = serving("service-anew");
    let proxy = FaultProxy::start();
    space.start_as("run", &V2).wait(LONG).ended(0);
    // The write of 100 % is on its way while the Service is deleted and made anew.
    let gate = proxy.hold(When::next("patch").nth(3), Point::Before);
    let mut walk = proxy.andante(&space, "run", &WALK);
    walk.line("step 1 of 2 is served", LONG);
    gate.reached(LONG);
    delete(&space, "ksvc", "hello");
    eventually("its revisions are gone", LONG, || {
        space.list("revisions", "serving.knative.dev/service=hello").is_empty().then_some(())
    });
    space.serve(&sample("hello", "v3"));
    gate.open();
    walk.wait(LONG).ended(14);
    let service = space.service("hello");
    assert_eq!((split(&service["spec"]["traffic"]).as_str(), record(&service)), ("latest 100", None));
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_damaged_record_is_refused_with_a_way_out() {
    let space = serving("damaged");
    at_half(&space).kill();
    space.kubectl(&["annotate", "ksvc", "hello", "--overwrite", "andante.dev/rollout={\"format\":1,\"id\":"]).good();
    let before = space.service("hello");
    for arguments in [&V2[..], &WALK[..], &["settle", "hello"][..]] {
        let ended = space.start_as("run", arguments).wait(LONG).ended(26);
        assert!(ended.last().contains("--discard-record"), "{}", ended.last());
    }
    let after = space.service("hello");
    assert_eq!(after["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"], "nothing was written");
    space.andante(&["settle", "hello", "--discard-record"]).ended(0);
    let service = space.service("hello");
    assert_eq!((split(&service["spec"]["traffic"]).as_str(), record(&service)), (HALF, None));
    // A newer format is not guessed at either.
    space.kubectl(&["annotate", "ksvc", "hello", "andante.dev/rollout={\"format\":99}"]).good();
    space.andante(&["settle", "hello"]).ended(3).says("format 99");
    space.andante(&["settle", "hello", "--discard-record"]).ended(0);
    // Then a person says where users go.
    space.andante(&["settle", "hello", "--to", "hello-00001"]).ended(0);
    space.settled("hello");
    space.answers("hello", "v1", 5);
}
