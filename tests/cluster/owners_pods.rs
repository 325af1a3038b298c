//! Pods before users where the owner of a Service has a word about pods too: what a walk asks for keeps to it, and is gone
//! afterwards.

use super::capacity::bounds;
use super::support::*;
use serde_json::{Value, json};
use std::time::Duration;

const MIN: &str = "autoscaling.knative.dev/min-scale";

/// A Service whose owner wants three pods of what serves now; the autoscaler forgets fast.
fn three(space: &Space) {
    space.serve(&quick_to_forget("v1"));
    floor(space, "hello-00001", json!("3"));
    eventually("stable has its pods", LONG, || (pods(space, "hello-00001") >= 3).then_some(()));
}

fn quick_to_forget(version: &str) -> Sample {
    sample("hello", version).min_scale(0).template_annotation("autoscaling.knative.dev/window", "6s")
}

/// Stages what this file says and moves everyone onto it. The largest floor that the candidate had meanwhile.
fn walked(space: &Space, file: &Sample, flags: &[&str]) -> (i64, Ran) {
    let path = space.file("hello.json", &file.object.to_string());
    space.andante(&["stage", "hello", "--from-file", &path]).ended(0);
    let record = space.record("hello");
    let candidate = record["candidate"].as_str().unwrap().to_owned();
    let stable = record["start"]["stable"].as_str().unwrap().to_owned();
    let before = [bounds(space, &stable), bounds(space, &candidate)];
    let walk = space.start(&[&["walk", "hello", "--style", "blue-green", "--bake", "1s"], flags].concat());
    let mut largest = 0;
    eventually("the walk ends", LONG, || {
        let now = bounds(space, &candidate)[MIN].as_str().map_or(0, |floor| floor.parse().unwrap());
        largest = largest.max(now);
        walk.lines().iter().any(|(_, line)| line.contains(" end: ")).then_some(())
    });
    let ran = walk.wait(LONG).ended(0);
    assert_eq!([bounds(space, &stable), bounds(space, &candidate)], before, "what the owner had is back");
    (largest, ran)
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_floor_is_as_high_as_need_and_no_higher_than_the_owner_allows() {
    let space = Space::new("pods-max");
    three(&space);
    // Two at most: more are neither asked for nor waited for.
    let file = quick_to_forget("v2").template_annotation("autoscaling.knative.dev/max-scale", "2");
    let (largest, ran) = walked(&space, &file, &[]);
    assert_eq!(largest, 2, "{}", ran.whole());
    assert!(ran.took < Duration::from_secs(60), "{}", ran.whole());
    space.answers("hello", "v2", 5);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_floor_of_the_owners_above_need_is_left_alone() {
    let space = Space::new("pods-min");
    three(&space);
    let (largest, ran) = walked(&space, &quick_to_forget("v2").min_scale(4), &[]);
    assert_eq!(largest, 4, "{}", ran.whole());
    // And one below it is raised, and put back.
    let (largest, ran) = walked(&space, &quick_to_forget("v3").min_scale(1), &[]);
    assert!(largest >= 3, "{largest}: {}", ran.whole());
    space.answers("hello", "v3", 5);
}

/// Nobody comes: both sleep, and nothing is asked for.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_service_that_sleeps_is_woken_for_nobody() {
    let space = Space::new("pods-asleep");
    space.serve(&quick_to_forget("v1"));
    eventually("it sleeps", Duration::from_secs(120), || (pods(&space, "hello-00001") == 0).then_some(()));
    let (largest, ran) = walked(&space, &quick_to_forget("v2"), &[]);
    assert_eq!(largest, 0, "{}", ran.whole());
    assert_eq!(space.record("hello")["capacity"], Value::Null);
    ran.never_says("min-scale of");
}

/// While pods are awaited the candidate is deleted: the walk ends, users stay, and nothing is left on stable.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_candidate_that_is_deleted_while_its_pods_come_leaves_nothing_behind() {
    let space = Space::new("pods-gone");
    three(&space);
    let stable = bounds(&space, "hello-00001");
    let file = quick_to_forget("v2").env("START_DELAY", "25s");
    let path = space.file("hello.json", &file.object.to_string());
    space.andante(&["stage", "hello", "--from-file", &path]).ended(0);
    let mut walk = space.start(&["walk", "hello", "--style", "blue-green", "--bake", "1s"]);
    walk.line("waiting for", LONG);
    space.kubectl(&["delete", "revision", "hello-00002", "--wait=false"]).good();
    let ran = walk.wait(LONG);
    assert_ne!(ran.code, 0, "{}", ran.whole());
    space.andante(&["settle", "hello"]);
    assert!(space.split("hello").starts_with("hello-00001 100"), "{}", space.split("hello"));
    assert_eq!(bounds(&space, "hello-00001"), stable, "what the owner had is back\n{}", ran.whole());
    space.answers("hello", "v1", 5);
}

/// Killed just after each of its writes, with floors noted, set, or on their way back; `settle` puts back what the owner had.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_floors_come_back_wherever_a_walk_is_killed() {
    let space = Space::new("pods-kills");
    space.serve(&quick_to_forget("v1"));
    let proxy = FaultProxy::start();
    let mut set = 0;
    // Claim, note, floor, step, finish, and the floor given back.
    for write in 1..=6 {
        let service = space.settled("hello");
        let stable = service["status"]["traffic"][0]["revisionName"].as_str().unwrap().to_owned();
        // The last one was a candidate before, with a floor of three of ours: who sets just that is not told from us.
        let wanted = if write == 6 { 2 } else { 3 };
        floor(&space, &stable, json!(wanted.to_string()));
        eventually("stable has its pods", LONG, || (pods(&space, &stable) >= wanted).then_some(()));
        let run = format!("run-{write}");
        let change = format!("ROUND={write}");
        let stage = ["stage", "hello", "--image", "dev.local/andante-sample:v2", "--set-env", &change];
        space.start_as(&run, &stage).wait(LONG).ended(0);
        let candidate = space.record("hello")["candidate"].as_str().unwrap().to_owned();
        let before = [bounds(&space, &stable), bounds(&space, &candidate)];
        let gate = proxy.hold(When::next("patch").nth(write), Point::After);
        let walk = ["walk", "hello", "--style", "blue-green", "--bake", "1s"];
        let walk = proxy.andante(&space, &run, &walk);
        gate.reached(LONG);
        assert_eq!(walk.kill().code, -1, "killed");
        gate.shut();
        proxy.behave();
        let left = [bounds(&space, &stable), bounds(&space, &candidate)];
        set += usize::from(left != before);
        let settled = space.andante(&["settle", "hello"]);
        let now = [bounds(&space, &stable), bounds(&space, &candidate)];
        assert_eq!(now, before, "killed after write {write}: what the owner had is back\n{}", settled.whole());
    }
    assert!(set >= 3, "a floor stood after {set} of the kills: the writes are not the ones that were meant");
}
