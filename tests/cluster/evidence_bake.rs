//! What begins in the bake, after a clean walk: found as soon as if it had been there from the start, and an incident of both
//! is none of the candidate's where stable keeps a part of its users.

use super::evidence::pair;
use super::support::*;
use jiff::Timestamp;
use std::time::Duration;

const WALK: [&str; 4] = ["--evidence", "gateway", "--steps", "50,100"];

/// Settings by which a revision fails this part of its requests from then on and for so long.
fn ill(at: Timestamp, time: &str, part: &str) -> [String; 3] {
    let at = at.as_second();
    [format!("INCIDENT_AT={at}"), format!("INCIDENT_FOR={time}"), format!("INCIDENT_RATE={part}")]
}

/// A candidate that begins to fail this part of its requests in so long.
fn turns_ill(test: &str, after: Duration, part: &str) -> (Space, Timestamp) {
    let at = Timestamp::now() + after;
    let settings = ill(at, "10m", part);
    (pair(test, &[], &settings.each_ref().map(String::as_str)), at)
}

/// Back within so long after it turned ill, in the bake.
#[track_caller]
fn found_late(test: &str, space: &Space, judged: &Judged, ill: Timestamp, limit: i64) {
    judged.figures(test);
    let back = judged.back.expect("it went back");
    let took = back.duration_since(ill);
    eprintln!("FIGURES {test}: {:.1} s from the fault to the way back", took.as_secs_f64());
    judged.ran.clone().says("bake ");
    assert!(took.as_secs() >= 0 && took.as_secs() <= limit, "{took:?} after the fault began");
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    space.answers("hello", "v1", 5);
}

/// A hundred seconds and more without a failure weigh nothing against what comes then.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_fault_that_begins_late_in_the_bake_is_found_soon() {
    let (space, at) = turns_ill("ill-in-the-bake", Duration::from_secs(150), "0.05");
    let strict = ["--objective", "1%", "--tolerated-rate", "1%"];
    let judged = Judged::walk(&space, 100, &[&WALK[..], &["--bake", "10m"], &strict].concat());
    judged.ran.clone().ended(24).says("objective broken");
    found_late("ill-in-the-bake", &space, &judged, at, 30);
    assert!(judged.bad() <= 200, "{} bad answers", judged.bad());
}

/// The same beside a stable that keeps a part of its users.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_fault_that_begins_late_is_found_beside_a_stable_that_is_kept() {
    let (space, at) = turns_ill("ill-beside-stable", Duration::from_secs(120), "0.1");
    let judged = Judged::walk(&space, 100, &[&WALK[..], &["--bake", "10m", "--keep-stable", "20"]].concat());
    assert!([23, 24].contains(&judged.ran.code), "{}", judged.ran.whole());
    found_late("ill-beside-stable", &space, &judged, at, 60);
    assert!(judged.bad() <= 600, "{} bad answers", judged.bad());
}

/// Both fail two in five for a while, in a bake that keeps stable: the last write waits, and is made.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_incident_of_both_in_a_bake_that_keeps_stable_sends_nobody_back() {
    let at = Timestamp::now() + Duration::from_secs(100);
    let [from, time, part] = ill(at, "20s", "0.4");
    let space = pair("incident-in-the-bake", &[&from, &time, &part, "SEED=7"], &["SEED=8"]);
    let judged = Judged::walk(&space, 100, &[&WALK[..], &["--bake", "90s", "--keep-stable", "20"]].concat());
    judged.figures("incident-in-the-bake");
    judged.ran.clone().ended(0).ends_with("finished").says("bake ");
    let met = judged.hits.iter().filter(|hit| hit.at > at && hit.status == 500);
    assert!(met.count() > 400, "there was an incident: {}", summary(&judged.hits));
    assert_eq!(space.split("hello"), "latest 100");
}
