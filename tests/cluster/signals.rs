//! A pod that is being deleted, and a person who presses Ctrl-C: out in time, and it is plain where users are.

use super::support::*;
use jiff::{SignedDuration, Timestamp};

const STAGE: [&str; 4] = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];
const DWELL: [&str; 8] = ["walk", "hello", "--steps", "50,100", "--dwell", "4s", "--bake", "1s"];
const STAY: [&str; 8] = ["walk", "hello", "--steps", "50,100", "--dwell", "2m", "--bake", "1s"];

fn space(test: &str) -> (Space, FaultProxy) {
    let space = Space::new(test);
    space.serve(&sample("hello", "v1"));
    (space, FaultProxy::start())
}

/// Every split that was written, in order.
fn splits(watch: &Watch) -> Vec<String> {
    watch.values(|service| split(&service["spec"]["traffic"]))
}

/// A walk that is at 50 %.
#[track_caller]
fn at_half(space: &Space, proxy: &FaultProxy, arguments: &[&str]) -> Running {
    space.start_as("run", &STAGE).wait(LONG).ended(0);
    let mut walk = proxy.andante(space, "run", arguments);
    walk.line("step 1 of 2 is served", LONG);
    walk
}

/// Sends it the signal; it ends with 19 within five seconds.
#[track_caller]
fn ends(walk: Running, signal: &str) -> Ran {
    let sent = Timestamp::now();
    walk.signal(signal);
    let ran = walk.wait(LONG).ended(19);
    let took = Timestamp::now().duration_since(sent);
    assert!(took < SignedDuration::from_secs(5), "out after {took:?}");
    ran
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn sigterm_brings_users_back_and_the_same_run_starts_again() {
    let (space, proxy) = space("sigterm");
    let watch = space.watch("hello");
    ends(at_half(&space, &proxy, &DWELL), "TERM").says("SIGTERM").ends_with("hello-00001 100 %");
    assert_eq!(space.record("hello")["phase"], "interrupted");
    space.answers("hello", "v1", 5);
    proxy.andante(&space, "run", &DWELL).wait(LONG).ended(0).ends_with("finished");
    assert_eq!(
        splits(&watch),
        [
            "latest 100",
            "hello-00001 100 #stable, latest 0 #candidate",
            "hello-00001 100 #stable, hello-00002 0 #candidate",
            "hello-00001 50 #stable, hello-00002 50 #candidate",
            "hello-00001 100, hello-00002 0 #candidate",
            "hello-00001 50 #stable, hello-00002 50 #candidate",
            "hello-00001 0 #stable, hello-00002 100 #candidate",
            "latest 100",
        ]
    );
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_sigterm_holds_where_it_was_told_to() {
    let (space, proxy) = space("sigterm-hold");
    let watch = space.watch("hello");
    let hold = [&DWELL[..], &["--on-term", "hold"]].concat();
    ends(at_half(&space, &proxy, &hold), "TERM");
    // The record says that nobody walks.
    assert_eq!(
        (&space.record("hello")["phase"], &space.record("hello")["outcome"]),
        (&"held".into(), &"interrupted".into())
    );
    assert_eq!(space.split("hello"), "hello-00001 50 #stable, hello-00002 50 #candidate");
    proxy.andante(&space, "run", &hold).wait(LONG).ended(0).ends_with("finished");
    assert_eq!(splits(&watch).len(), 6, "each split once: {:?}", splits(&watch));
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn ctrl_c_holds_and_says_how_to_go_on() {
    let (space, proxy) = space("sigint");
    let ran = ends(at_half(&space, &proxy, &STAY), "INT");
    assert_eq!(space.split("hello"), "hello-00001 50 #stable, hello-00002 50 #candidate");
    assert!(ran.last().contains("andante walk hello") && ran.last().contains("andante settle hello"), "{}", ran.last());
    let record = space.record("hello");
    assert_eq!((&record["phase"], &record["outcome"]), (&"held".into(), &"interrupted".into()));
    assert_eq!(record["reason"], "stopped by Ctrl-C");
    space.start_as("run", &["settle", "hello"]).wait(LONG).ended(0);
    space.answers("hello", "v1", 5);
}

/// The API server hangs: the first Ctrl-C tries to mark the record for a moment, the second does not wait for it.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_second_ctrl_c_leaves_at_once() {
    let (space, proxy) = space("sigint-twice");
    let walk = at_half(&space, &proxy, &STAY);
    proxy.inject(When::next("any").times(usize::MAX), Fault::Silence);
    walk.signal("INT");
    std::thread::sleep(std::time::Duration::from_millis(500));
    let sent = Timestamp::now();
    walk.signal("INT");
    let ran = walk.wait(LONG).ended(19);
    let took = Timestamp::now().duration_since(sent);
    assert!(took < SignedDuration::from_millis(500), "out after {took:?}");
    assert!(ran.last().contains("could not be marked"), "{}", ran.last());
    proxy.behave();
    space.start_as("run", &["settle", "hello"]).wait(LONG).ended(0);
    space.answers("hello", "v1", 5);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_sigterm_tries_again_while_there_is_time() {
    let (space, proxy) = space("sigterm-trouble");
    let walk = at_half(&space, &proxy, &STAY);
    proxy.inject(When::next("patch"), Fault::Answer(503));
    proxy.inject(When::next("patch"), Fault::Reset);
    proxy.inject(When::next("patch"), Fault::LoseAnswer);
    ends(walk, "TERM").ends_with("hello-00001 100 %");
    proxy.all_went_wrong();
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    assert_eq!(space.record("hello")["phase"], "interrupted");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn sigterm_ends_in_time_while_the_api_server_hangs() {
    let (space, proxy) = space("sigterm-hang");
    let walk = at_half(&space, &proxy, &STAY);
    proxy.inject(When::next("any").times(usize::MAX), Fault::Silence);
    ends(walk, "TERM");
    proxy.behave();
    // `finally`, or the next run.
    space.start_as("run", &["settle", "hello"]).wait(LONG).ended(0);
    space.answers("hello", "v1", 5);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_sigterm_during_staging_leaves_the_candidate_at_0_and_the_same_run_goes_on() {
    let (space, proxy) = space("sigterm-stage");
    let slow = [&STAGE[..], &["--set-env", "START_DELAY=5s"]].concat();
    let mut stage = proxy.andante(&space, "run", &slow);
    stage.line("hello-00002: ", LONG);
    ends(stage, "TERM").ends_with("hello-00001 100 %");
    proxy.andante(&space, "run", &slow).wait(LONG).ended(0).ends_with("staged hello-00002");
    assert_eq!(space.split("hello"), "hello-00001 100 #stable, hello-00002 0 #candidate");
    assert_eq!(space.list("revisions", "serving.knative.dev/service=hello").len(), 2, "one candidate");
}

/// Tekton can make a pod anew while `finally` settles: what its run has settled it does not begin again.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_late_pod_of_a_run_that_is_settled_moves_nobody() {
    let (space, proxy) = space("late-pod");
    ends(at_half(&space, &proxy, &DWELL), "TERM");
    space.start_as("run", &["settle", "hello"]).wait(LONG).ended(0).says("after: stopped by SIGTERM");
    let generation = space.generation("hello");
    let again = [&["roll-out"], &STAGE[1..], &["--steps", "50,100", "--dwell", "1s"]].concat();
    space.start_as("run", &again).wait(LONG).ended(10).says("settled by PipelineRun");
    space.start_as("run", &DWELL).wait(LONG).ended(10).says("settled by PipelineRun");
    assert_eq!(space.generation("hello"), generation, "nothing was written");
    space.answers("hello", "v1", 5);
}
