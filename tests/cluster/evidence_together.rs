//! Failures that do not come one by one: some that share their cause, and those of pods that start cold.

use super::evidence::{pair, went_back};
use super::support::*;

/// Three requests in a row share their fate in both revisions, which are equal.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_failures_that_come_in_threes_are_told_and_are_no_fault() {
    let space = pair("threes", &["ERROR_RATE=0.05", "ERROR_CLUSTER=3", "SEED=7"], &["SEED=8"]);
    let flags = ["--evidence", "gateway", "--steps", "20,50,100", "--dwell", "30s", "--objective", "20%"];
    let judged = Judged::walk(&space, 100, &flags);
    judged.figures("threes");
    let ran = judged.ran.clone().ended(0).ends_with("finished");
    // What is told is an upper bound.
    let told = ["twos", "threes", "fours", "fives", "sixes"].map(|groups| format!("failures come in {groups};"));
    assert!(ran.lines.iter().any(|line| told.iter().any(|told| line.contains(told))), "{}", ran.whole());
    assert!(judged.bad() > 100, "{}", summary(&judged.hits));
    assert_eq!(space.split("hello"), "latest 100");
}

/// Half of the users at once, of whom this part fails for five seconds.
fn cold(test: &str, part: &str) -> (Space, Judged) {
    let space = pair(test, &[], &["COLD_FOR=5s", &format!("COLD_RATE={part}")]);
    let flags = ["--evidence", "gateway", "--steps", "50,100", "--dwell", "15s", "--warm-up", "30s"];
    let judged = Judged::walk(&space, 100, &flags);
    (space, judged)
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_pods_that_start_cold_are_no_fault_of_the_release() {
    let (space, judged) = cold("cold", "0.05");
    judged.figures("cold");
    judged.ran.clone().ended(0).ends_with("finished").says("of these just after a step, which are not compared)");
    assert!(judged.bad() > 0, "{}", summary(&judged.hits));
    assert_eq!(space.split("hello"), "latest 100");
}

/// What is excused has a bound: one in twenty is a start, two in five are a fault.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_release_does_not_hide_behind_a_cold_start() {
    let (space, judged) = cold("cold-fault", "0.4");
    went_back("cold-fault", &space, judged, 120);
}
