//! Releases that are slower, by times as they are: spread about their median, under the edges of Envoy's own histogram.

use super::evidence::{BUDGET, pair, went_back};
use super::support::*;

/// Stable answers in 60 ms as a rule (the 99th percentile is 6.4 times that), the candidate in so long.
fn spread(test: &str, median: &str) -> Space {
    let both = ["LATENCY=60ms", "LATENCY_SPREAD=0.8", "SEED=7"];
    pair(test, &both, &[&format!("LATENCY={median}"), "SEED=8"])
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_a_release_that_takes_twice_as_long_is_found() {
    let space = spread("twice-as-slow", "120ms");
    let judged = Judged::walk(&space, 100, &BUDGET);
    went_back("twice-as-slow", &space, judged, 0).ran.says("slower");
}

/// Long enough at half of the users to tell half as long again from as quick.
const LONGER: [&str; 6] = ["--evidence", "gateway", "--steps", "50,100", "--dwell", "60s"];

#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_a_release_that_takes_half_as_long_again_is_found() {
    let space = spread("half-as-slow-again", "90ms");
    let judged = Judged::walk(&space, 100, &LONGER);
    went_back("half-as-slow-again", &space, judged, 0).ran.says("slower");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_a_release_whose_times_spread_as_stables_do_is_promoted() {
    let space = spread("as-quick", "60ms");
    let judged = Judged::walk(&space, 100, &LONGER);
    judged.figures("as-quick");
    judged.ran.clone().ended(0).ends_with("finished");
    assert_eq!(judged.bad(), 0, "{}", summary(&judged.hits));
    assert_eq!(space.split("hello"), "latest 100");
}
