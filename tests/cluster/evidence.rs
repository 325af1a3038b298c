//! Walks that judge by evidence: real Envoy, real load, users' errors counted by the load generator. The objective is 10 %,
//! the gateway is read every two seconds, a hundred users a second ask.

use super::support::*;
use std::time::Duration;

const BUDGET: [&str; 4] = ["--evidence", "gateway", "--style", "budget"];
const CANARY: [&str; 4] = ["--evidence", "gateway", "--steps", "5,20,50,100"];

/// A Service with stable `v1` and a staged `v2` that has this setting.
fn staged(test: &str, setting: &str) -> Space {
    let space = Space::new(test);
    space.serve(&sample("hello", "v1"));
    let stage = ["stage", "hello", "--image", "dev.local/andante-sample:v2", "--set-env", setting];
    space.andante(&stage).ended(0);
    space
}

/// The candidate with this setting is rolled back by the comparison, and users meet at most `most` bad answers.
#[track_caller]
fn worse(test: &str, setting: &str, flags: &[&str], most: usize) -> Judged {
    let space = staged(test, setting);
    let judged = Judged::walk(&space, 100, flags);
    judged.figures(test);
    judged.ran.clone().ended(23).says("worse than stable").says("100 decides");
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    assert_eq!(space.record("hello")["outcome"], "worse");
    space.answers("hello", "v1", 5);
    assert!(judged.bad() <= most, "{} bad answers, at most {most} wanted", judged.bad());
    assert!(judged.late() < Duration::from_secs(2), "users off the candidate {:?} after the write", judged.late());
    judged
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_release_as_good_as_stable_is_promoted_on_evidence() {
    let space = staged("healthy", "ERROR_RATE=0");
    let judged = Judged::walk(&space, 100, &BUDGET);
    judged.figures("healthy");
    judged.ran.clone().ended(0).ends_with("finished").says("evidence against 3 times the odds of failure");
    assert_eq!(judged.bad(), 0, "{}", summary(&judged.hits));
    assert_eq!(space.split("hello"), "latest 100");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_release_that_always_fails_costs_users_little() {
    worse("fails-all", "ERROR_RATE=1", &BUDGET, 60);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_release_that_fails_one_in_five_costs_users_little() {
    worse("fails-fifth", "ERROR_RATE=0.2", &BUDGET, 60);
}
