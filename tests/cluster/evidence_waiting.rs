//! Requests that take long, under real Envoy: some that are never answered, and good answers of ten seconds beside quick
//! errors. What ends tells of neither in time.

use super::evidence::{BUDGET, stage_with, staged, went_back};
use super::support::*;
use std::time::Duration;

/// One request in twenty is never answered, and its client waits longer than it takes to find: no failure tells of it.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_candidate_that_hangs_is_found_before_its_clients_give_up() {
    let space = staged("hangs", "HANG_RATE=0.05");
    let load = Load::patient(&space, 100, Duration::from_secs(240), Duration::from_secs(60));
    let judged = Judged::of(&space, load, &BUDGET, || {});
    let judged = went_back("hangs", &space, judged, 100);
    judged.ran.says("waiting");
    let failed = judged.hits.iter().find(|hit| hit.status >= 500);
    assert!(failed.is_none(), "nothing failed but what hung: {failed:?}");
}

/// Good answers of ten seconds, errors at once, in both revisions alike: after each step the candidate's errors are there
/// before its good answers.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_slow_good_answers_beside_quick_errors_are_no_fault() {
    let space = Space::new("slow-answers");
    let settings = [("LATENCY", "10s"), ("ERROR_RATE", "0.05"), ("ERRORS_AT_ONCE", "1"), ("SEED", "7")];
    let stable = settings.iter().fold(sample("hello", "v1"), |sample, (name, value)| sample.env(name, value));
    // Six hundred requests are in flight: they are one pod's, and no reason to make more. The activator is always in between, so
    // that the gateway's counters of a revision do not begin anew with its addresses.
    let stable = stable.template_annotation("autoscaling.knative.dev/target", "1000");
    space.apply(&stable.template_annotation("autoscaling.knative.dev/target-burst-capacity", "-1").object);
    space.settled("hello");
    stage_with(&space, &["SEED=8"]);
    let load = Load::patient(&space, 60, Duration::from_secs(280), Duration::from_secs(20));
    // The gateway has seen how long answers take: once they have come, and it has merged its histogram.
    std::thread::sleep(Duration::from_secs(17));
    let flags = ["--evidence", "gateway", "--steps", "50,100", "--dwell", "15s"];
    let judged = Judged::of(&space, load, &flags, || {});
    judged.figures("slow-answers");
    judged.ran.clone().ended(0).ends_with("finished");
    let odd: Vec<_> = judged.hits.iter().filter(|hit| ![200, 500].contains(&hit.status)).collect();
    assert!(odd.is_empty(), "{}: {:?}", summary(&judged.hits), odd.first());
    assert_eq!(space.split("hello"), "latest 100");
}
