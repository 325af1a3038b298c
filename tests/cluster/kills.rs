//! Killed exactly before and exactly after each write, and started again: it ends as if it had never been killed.

use super::support::*;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

const WALK: [&str; 8] = ["walk", "hello", "--steps", "50,100", "--dwell", "1500ms", "--bake", "1500ms"];
const STAY: SignedDuration = SignedDuration::from_millis(1500);

fn space(test: &str) -> (Space, FaultProxy) {
    let space = Space::new(test);
    space.serve(&sample("hello", "v1"));
    (space, FaultProxy::start())
}

fn stage(version: &str) -> [String; 4] {
    ["stage", "hello", "--image", &format!("dev.local/andante-sample:{version}")].map(str::to_owned)
}

/// Kills the run at its n-th write from now, on that side of its effect, and runs the same again to its end.
#[track_caller]
fn killed(space: &Space, proxy: &FaultProxy, run: &str, arguments: &[&str], write: usize, point: Point) -> Ran {
    let gate = proxy.hold(When::next("patch").nth(write), point);
    let first = proxy.andante(space, run, arguments);
    gate.reached(LONG);
    assert_eq!(first.kill().code, -1, "killed");
    gate.shut();
    proxy.behave();
    proxy.andante(space, run, arguments).wait(LONG)
}

/// Every split that was written, and when it was first seen.
fn splits(watch: &Watch) -> Vec<(Timestamp, String)> {
    let mut splits: Vec<(Timestamp, String)> = vec![];
    for seen in watch.seen() {
        let split = split(&seen.object["spec"]["traffic"]);
        if splits.last().is_none_or(|(_, last)| *last != split) {
            splits.push((seen.at, split));
        }
    }
    splits
}

#[track_caller]
fn are(splits: &[(Timestamp, String)], expected: &[&str]) {
    let texts: Vec<_> = splits.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, expected);
}

/// The walk, killed at its n-th write, before and after: every step once, none cut short.
#[track_caller]
fn walk_killed_at(write: usize) {
    let (space, proxy) = space(&format!("kill-walk-{write}"));
    for (point, version, old, new) in
        [(Point::Before, "v2", "hello-00001", "hello-00002"), (Point::After, "v3", "hello-00002", "hello-00003")]
    {
        let run = format!("run-{version}");
        let stage = stage(version);
        space.start_as(&run, &stage.each_ref().map(String::as_str)).wait(LONG).ended(0);
        let watch = space.watch("hello");
        killed(&space, &proxy, &run, &WALK, write, point).ended(0).ends_with("finished");
        space.settled("hello");
        let splits = splits(&watch);
        are(
            &splits,
            &[
                &format!("{old} 100 #stable, {new} 0 #candidate"),
                &format!("{old} 50 #stable, {new} 50 #candidate"),
                &format!("{old} 0 #stable, {new} 100 #candidate"),
                "latest 100",
            ],
        );
        for pair in splits[1..].windows(2) {
            let stayed = pair[1].0.duration_since(pair[0].0);
            assert!(stayed >= STAY, "{} for {stayed:?} only, {point:?}", pair[0].1);
        }
        space.answers("hello", version, 3);
    }
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_walk_killed_at_its_claim() {
    walk_killed_at(1);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_walk_killed_at_its_first_step() {
    walk_killed_at(2);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_walk_killed_at_its_last_step() {
    walk_killed_at(3);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_walk_killed_at_its_end() {
    walk_killed_at(4);
}

/// Staging, killed at its n-th write, before and after: one candidate, not two.
#[track_caller]
fn stage_killed_at(write: usize) {
    for (point, side) in [(Point::Before, "before"), (Point::After, "after")] {
        let (space, proxy) = space(&format!("kill-stage-{write}-{side}"));
        let watch = space.watch("hello");
        let stage = stage("v2");
        killed(&space, &proxy, "run", &stage.each_ref().map(String::as_str), write, point).ended(0).ends_with("staged");
        are(
            &splits(&watch),
            &[
                "latest 100",
                "hello-00001 100 #stable, latest 0 #candidate",
                "hello-00001 100 #stable, hello-00002 0 #candidate",
            ],
        );
        assert_eq!(space.list("revisions", "serving.knative.dev/service=hello").len(), 2, "one candidate");
        space.answers("hello", "v1", 3);
        space.answers("candidate-hello", "v2", 1);
    }
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn staging_killed_at_its_first_write() {
    stage_killed_at(1);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_staging_killed_at_its_tag() {
    stage_killed_at(2);
}

/// A walk at 50 %, which will stay there.
#[track_caller]
fn at_half(space: &Space, proxy: &FaultProxy, run: &str, version: &str) -> (Running, [&'static str; 8]) {
    let arguments = ["walk", "hello", "--steps", "50,100", "--dwell", "60s", "--bake", "1s"];
    let stage = stage(version);
    space.start_as(run, &stage.each_ref().map(String::as_str)).wait(LONG).ended(0);
    let mut walk = proxy.andante(space, run, &arguments);
    walk.line("step 1 of 2 is served", LONG);
    (walk, arguments)
}

fn abort(space: &Space) {
    let control = json!({"rollout": space.record("hello")["id"], "abort": {"by": "kim", "at": Timestamp::now()}});
    let patch = json!({"metadata": {"annotations": {"andante.dev/control": control.to_string()}}});
    space.merge("ksvc", "hello", &patch).good();
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_rollback_killed_at_its_write() {
    let (space, proxy) = space("kill-back");
    for (point, version, new) in [(Point::Before, "v2", "hello-00002"), (Point::After, "v3", "hello-00003")] {
        let run = format!("run-{version}");
        let (first, walk) = at_half(&space, &proxy, &run, version);
        let watch = space.watch("hello");
        let gate = proxy.hold(When::next("patch"), point);
        abort(&space);
        gate.reached(LONG);
        assert_eq!(first.kill().code, -1);
        gate.shut();
        proxy.behave();
        proxy.andante(&space, &run, &walk).wait(LONG).ended(15).ends_with("aborted by kim");
        are(
            &splits(&watch),
            &[&format!("hello-00001 50 #stable, {new} 50 #candidate"), &format!("hello-00001 100, {new} 0 #candidate")],
        );
        space.answers("hello", "v1", 3);
    }
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_settling_killed_at_its_write() {
    let (space, proxy) = space("kill-settle");
    for (point, version, new) in [(Point::Before, "v2", "hello-00002"), (Point::After, "v3", "hello-00003")] {
        let run = format!("run-{version}");
        let (walk, _) = at_half(&space, &proxy, &run, version);
        walk.kill();
        killed(&space, &proxy, &run, &["settle", "hello"], 1, point).ended(0);
        assert_eq!(space.split("hello"), format!("hello-00001 100, {new} 0 #candidate"));
        space.answers("hello", "v1", 3);
        let generation = space.generation("hello");
        space.start_as(&run, &["settle", "hello"]).wait(LONG).ended(0);
        assert_eq!(space.generation("hello"), generation, "settled once");
    }
}
