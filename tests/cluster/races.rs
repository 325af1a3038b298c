//! Two runs on one Service, and settling beside a walk that lives: one of them writes, the other one knows.

use super::support::*;
use std::thread::sleep;
use std::time::Duration;

const V2: [&str; 4] = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];
const V3: [&str; 4] = ["stage", "hello", "--image", "dev.local/andante-sample:v3"];
const WALK: [&str; 8] = ["walk", "hello", "--steps", "50,100", "--dwell", "1s", "--bake", "1s"];
const STAY: [&str; 8] = ["walk", "hello", "--steps", "50,100", "--dwell", "60s", "--bake", "1s"];
const LONG_AGO: &str = "2020-01-01T00:00:00Z";

fn serving(test: &str) -> Space {
    let space = Space::new(test);
    space.serve(&sample("hello", "v1"));
    space
}

/// A run that holds the Service at 50 %.
fn at_half(space: &Space, name: &str) -> (Run, Running) {
    let run = Run::pending(space, name);
    run.andante(space, &V2).wait(LONG).ended(0);
    let mut walk = run.andante(space, &STAY);
    walk.line("step 1 of 2 is served", LONG);
    (run, walk)
}

/// A run that began later: creation times are whole seconds.
fn later(space: &Space, name: &str) -> Run {
    sleep(Duration::from_millis(1100));
    Run::pending(space, name)
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_newer_run_supersedes_in_mid_walk() {
    let space = serving("supersede");
    let (older, walk) = at_half(&space, "older");
    let newer = later(&space, "newer");
    let watch = space.watch("hello");
    newer.andante(&space, &V3).wait(LONG).ended(0).says("PipelineRun").ends_with("staged hello-00003");
    let ended = walk.wait(LONG).ended(13);
    assert!(ended.last().contains(&format!("PipelineRun {}/newer", space.namespace)), "{}", ended.last());
    let splits = watch.values(|service| split(&service["spec"]["traffic"]));
    // In the write that stages, the older candidate goes to 0 and loses its tag.
    assert_eq!(
        splits,
        [
            "hello-00001 50 #stable, hello-00002 50 #candidate",
            "hello-00001 100 #stable, latest 0 #candidate",
            "hello-00001 100 #stable, hello-00003 0 #candidate",
        ]
    );
    // The older run's `finally` touches nothing, and what the older run does now comes too late.
    let generation = space.generation("hello");
    older.andante(&space, &["settle", "hello"]).wait(LONG).ended(0).ends_with("hello-00003 0 %");
    older.andante(&space, &STAY).wait(LONG).ended(13);
    assert_eq!(space.generation("hello"), generation);
    newer.andante(&space, &WALK).wait(LONG).ended(0).ends_with("latest 100 %");
    space.answers("hello", "v3", 3);
    // Also after the end, whatever its result.
    newer.cancel(&space);
    let generation = space.generation("hello");
    for arguments in [&V2[..], &[&V2[..], &["--if-busy", "wait"]].concat()] {
        let late = older.andante(&space, arguments).wait(LONG).ended(13);
        assert!(late.last().contains("/newer") && late.last().contains("--force"), "{}", late.last());
    }
    let ancient = [&V2[..], &["--intent-at", LONG_AGO]].concat();
    space.start_as("ancient", &ancient).wait(LONG).ended(13);
    assert_eq!(space.generation("hello"), generation, "nothing was written");
    space.start_as("ancient", &[&ancient[..], &["--force"]].concat()).wait(LONG).ended(0).ends_with("staged");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn busy_fails_or_waits_until_the_holder_is_over() {
    let space = serving("busy");
    let holder = Run::pending(&space, "holder");
    holder.andante(&space, &V2).wait(LONG).ended(0);
    let created = space.get("pipelinerun", "holder")["metadata"]["creationTimestamp"].as_str().unwrap().to_owned();
    let next = later(&space, "next");
    let generation = space.generation("hello");
    let busy = next.andante(&space, &[&V3[..], &["--if-busy", "fail"]].concat()).wait(LONG).ended(18);
    assert!(busy.last().contains("/holder") && busy.last().contains("settle"), "{}", busy.last());
    // A person at a terminal gives up by default.
    space.andante(&V3).ended(18);
    // Equal times: who holds it keeps it.
    let equal = Run::pending(&space, "equal");
    equal.andante(&space, &[&V3[..], &["--intent-at", &created]].concat()).wait(LONG).ended(13);
    let mut waiting = next.andante(&space, &[&V3[..], &["--if-busy", "wait"]].concat());
    waiting.line("waiting", LONG);
    assert_eq!(space.generation("hello"), generation, "nothing was written");
    holder.cancel(&space);
    waiting.wait(LONG).ended(0).ends_with("staged hello-00003");
    assert_eq!(space.split("hello"), "hello-00001 100 #stable, hello-00003 0 #candidate");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_rollout_whose_run_is_over_is_inherited() {
    let space = serving("over");
    let run = Run::over(&space, "over");
    run.andante(&space, &V2).wait(LONG).ended(0);
    let mut walk = run.andante(&space, &STAY);
    walk.line("step 1 of 2 is served", LONG);
    walk.kill();
    // A person comes; the run is done, so nobody else will.
    let staged = space.andante(&V3).ended(0).says("taking over from PipelineRun");
    assert!(staged.last().contains("staged hello-00003"), "{}", staged.last());
    assert_eq!(space.split("hello"), "hello-00001 100 #stable, hello-00003 0 #candidate");
    assert_eq!(space.record("hello")["start"]["stable"], "hello-00001", "the first stable is inherited");
    space.andante(&WALK).ended(0);
    // "Followed latest" was inherited as well.
    assert_eq!(space.split("hello"), "latest 100");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn two_runs_begin_at_the_same_moment() {
    let space = serving("same-moment");
    let (first, second) = (Run::pending(&space, "first"), later(&space, "second"));
    let proxies = [FaultProxy::start(), FaultProxy::start()];
    let gates = proxies.each_ref().map(|proxy| proxy.hold(When::next("patch"), Point::Before));
    let via = |proxy: &FaultProxy| proxy.kubeconfig().to_str().unwrap().to_owned();
    let older = first.andante(&space, &[&V2[..], &["--kubeconfig", &via(&proxies[0])]].concat());
    let newer = second.andante(&space, &[&V3[..], &["--kubeconfig", &via(&proxies[1])]].concat());
    for gate in &gates {
        gate.reached(LONG);
    }
    // The older one writes first; the newer one's write is refused, and it decides again.
    gates[0].open();
    eventually("the older one's write", SHORT, || (space.generation("hello") == 2).then_some(()));
    gates[1].open();
    newer.wait(LONG).ended(0).says("the Service changed in the meantime").ends_with("staged");
    older.wait(LONG).ended(13).ends_with("hello-00001 100 % (tag stable), latest 0 % (tag candidate)");
    assert_eq!(space.record("hello")["owner"]["name"], format!("{}/second", space.namespace));
    space.answers("candidate-hello", "v3", 3);
    space.answers("hello", "v1", 3);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn settling_stops_a_walk_that_lives() {
    let space = serving("settle-live");
    let (_run, walk) = at_half(&space, "run");
    space.andante(&["settle", "hello"]).ended(0);
    let ended = walk.wait(LONG).ended(14);
    assert!(ended.last().contains("kim@") && ended.last().contains("writes nothing more"), "{}", ended.last());
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    space.answers("hello", "v1", 5);
    let version = space.service("hello")["metadata"]["annotations"].clone();
    let again = space.andante(&["settle", "hello"]).ended(0);
    again.says("is over already; nothing to settle").ends_with("settled by");
    assert_eq!(space.service("hello")["metadata"]["annotations"], version, "settled once");
}

/// The last write takes effect, and the next run begins before the walk hears that it is served: the walk was done, and
/// says so. Its watch loses its place meanwhile, because one that keeps it tells everything in order.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_walk_whose_last_write_was_made_is_done_whoever_begins_then() {
    let space = serving("done-first");
    let proxy = FaultProxy::start();
    let older = Run::pending(&space, "older");
    older.andante(&space, &V2).wait(LONG).ended(0);
    // The claim, 50 %, 100 %, and the end.
    let answer = proxy.hold(When::next("patch").nth(4), Point::After);
    // The held answer is waited for, however long the newer run takes to stage.
    let via = ["--kubeconfig", proxy.kubeconfig().to_str().unwrap(), "--request-timeout", "2m"];
    let mut walk = older.andante(&space, &[&WALK[..], &via].concat());
    walk.line("bake 1s", LONG);
    let again = proxy.hold(When::next("watch").with("/services"), Point::Before);
    proxy.cut_watches();
    answer.reached(LONG);
    later(&space, "newer").andante(&space, &V3).wait(LONG).ended(0).ends_with("staged hello-00003");
    proxy.inject(When::next("watch").with("/services"), Fault::Expired);
    again.shut();
    answer.open();
    walk.wait(LONG)
        .ended(0)
        .says("began the next rollout before that was confirmed")
        .ends_with("finished: hello-00002");
    assert_eq!(space.split("hello"), "hello-00002 100 #stable, hello-00003 0 #candidate");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_two_settle_at_once() {
    let space = serving("settle-two");
    at_half(&space, "run").1.kill();
    let proxies = [FaultProxy::start(), FaultProxy::start()];
    let gates = proxies.each_ref().map(|proxy| proxy.hold(When::next("patch"), Point::Before));
    let settle =
        |proxy: &FaultProxy| space.start(&["settle", "hello", "--kubeconfig", proxy.kubeconfig().to_str().unwrap()]);
    let both = proxies.each_ref().map(settle);
    for gate in &gates {
        gate.reached(LONG);
    }
    for gate in &gates {
        gate.open();
    }
    for settled in both {
        settled.wait(LONG).ended(0);
    }
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    space.answers("hello", "v1", 5);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_walk_that_is_about_to_write_loses_to_settle() {
    let space = serving("settle-before");
    let proxy = FaultProxy::start();
    let run = Run::pending(&space, "run");
    run.andante(&space, &V2).wait(LONG).ended(0);
    // The claim is the first write, 50 % the second, 100 % the third: it is on its way when everyone is brought back.
    let gate = proxy.hold(When::next("patch").nth(3), Point::Before);
    let walk = run.andante(&space, &[&WALK[..], &["--kubeconfig", proxy.kubeconfig().to_str().unwrap()]].concat());
    gate.reached(LONG);
    space.andante(&["settle", "hello"]).ended(0);
    gate.open();
    walk.wait(LONG).ended(14).ends_with("writes nothing more");
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    space.answers("hello", "v1", 5);
}
