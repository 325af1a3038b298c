//! Walks that judge by evidence: real Envoy, real load, users' errors counted by the load generator. The objective is 10 %,
//! the gateway is read every two seconds, a hundred users a second ask.

use super::support::*;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(super) const BUDGET: [&str; 4] = ["--evidence", "gateway", "--style", "budget"];
const CANARY: [&str; 4] = ["--evidence", "gateway", "--steps", "5,20,50,100"];

/// A Service with stable `v1` and a staged `v2` that has this setting.
pub(super) fn staged(test: &str, setting: &str) -> Space {
    pair(test, &[], &[setting])
}

/// The same with settings (`NAME=VALUE`) of both, and others of the candidate.
pub(super) fn pair(test: &str, both: &[&str], candidate: &[&str]) -> Space {
    let space = Space::new(test);
    let set = |sample: Sample, setting: &&str| {
        let (name, value) = setting.split_once('=').unwrap();
        sample.env(name, value)
    };
    space.serve(&both.iter().fold(sample("hello", "v1"), set));
    stage_with(&space, candidate);
    space
}

/// Stages `v2` with these settings beside those that stable has.
pub(super) fn stage_with(space: &Space, settings: &[&str]) {
    let image = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];
    let settings = settings.iter().flat_map(|setting| ["--set-env", setting]);
    space.andante(&image.into_iter().chain(settings).collect::<Vec<_>>()).ended(0);
}

/// The candidate with this setting is rolled back by what was counted, and users meet at most `most` bad answers.
#[track_caller]
pub(super) fn worse(test: &str, setting: &str, flags: &[&str], most: usize) -> Judged {
    let space = staged(test, setting);
    let judged = Judged::walk(&space, 100, flags);
    went_back(test, &space, judged, most)
}

/// Users are back on stable by what was counted, and at most `most` of them met bad answers.
#[track_caller]
pub(super) fn went_back(test: &str, space: &Space, judged: Judged, most: usize) -> Judged {
    judged.figures(test);
    let ended = judged.verdict();
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    assert_eq!(space.record("hello")["outcome"], ended);
    space.answers("hello", "v1", 5);
    assert!(judged.bad() <= most, "{} bad answers, at most {most} wanted", judged.bad());
    assert!(judged.late() < Duration::from_secs(2), "users off the candidate {:?} after the reading", judged.late());
    judged
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn alone_a_release_as_good_as_stable_is_promoted_on_evidence() {
    let space = staged("healthy", "ERROR_RATE=0");
    let judged = Judged::walk(&space, 100, &BUDGET);
    judged.figures("healthy");
    judged.ran.clone().ended(0).ends_with("finished").says("evidence against 3 times the odds of failure");
    judged.ran.clone().says("the source tells of hello-00001: ");
    assert_eq!(judged.bad(), 0, "{}", summary(&judged.hits));
    assert_eq!(space.split("hello"), "latest 100");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn alone_a_release_that_always_fails_costs_users_little() {
    worse("fails-all", "ERROR_RATE=1", &BUDGET, 60);
}

/// A release that lost its routes, or its users' credentials: no 5xx tells of it.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn alone_a_release_that_answers_404_to_everything_goes_back() {
    // Stable has no errors that it could be the status of.
    let space = pair("refuses-all", &["ERROR_STATUS=404"], &["ERROR_RATE=1"]);
    let judged = Judged::walk(&space, 100, &BUDGET);
    judged.figures("refuses-all");
    // What is counted before the split is served is held against the objective alone, and these are no failures.
    judged.ran.clone().ended(23).says("worse than stable: answers 4xx: ").says("no status of gRPC calls");
    assert_eq!(space.record("hello")["outcome"], "worse");
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    space.answers("hello", "v1", 5);
    assert!(judged.hits.iter().all(|hit| [0, 200, 404].contains(&hit.status)), "{}", summary(&judged.hits));
    assert!(judged.bad() > 0 && judged.bad() <= 60, "{} bad answers", judged.bad());
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_a_release_that_fails_one_in_five_costs_users_little() {
    worse("fails-fifth", "ERROR_RATE=0.2", &BUDGET, 60);
}

/// The figures of docs/rehearsal.md: nothing is told but the style, so that an objective of 1 % bounds what is spent. One run; of
/// several the mean is at most 10.
#[track_caller]
fn by_default(test: &str, setting: &str) {
    let space = staged(test, setting);
    let judged = Judged::by_default(&space, 100, &BUDGET);
    judged.figures(test);
    assert!([23, 24].contains(&judged.ran.code), "{}", judged.ran.whole());
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    assert!(judged.bad() <= 15, "{} bad answers", judged.bad());
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_by_default_a_release_that_always_fails_costs_fifteen_at_most() {
    by_default("default-fails-all", "ERROR_RATE=1");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_by_default_a_release_that_fails_one_in_five_costs_fifteen_at_most() {
    by_default("default-fails-fifth", "ERROR_RATE=0.2");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_release_that_fails_two_in_a_hundred_is_found() {
    worse("fails-2-percent", "ERROR_RATE=0.02", &BUDGET, 60);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_fixed_steps_have_the_same_gates() {
    worse("fixed-steps", "ERROR_RATE=0.2", &CANARY, 60);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_a_slow_release_is_found_although_it_never_fails() {
    let judged = worse("slow", "LATENCY=300ms", &BUDGET, 0);
    judged.ran.says("slower");
}

/// Every pod of the candidate crashes in mid-walk and never comes back; clients hang up after two seconds. There is no 5xx.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_a_candidate_whose_pods_all_crash_is_found_by_what_is_never_answered() {
    // Well while others are looked for, which lasts as long as the first step, and ill in that.
    let at = Timestamp::now().as_second() + 60;
    let space = staged("all-crash", &format!("CRASH_AT={at}"));
    let flags = ["--evidence", "gateway", "--steps", "10,50,100", "--dwell", "40s", "--grace", "30s", "--bake", "5s"];
    // The containers that ended would tell as soon.
    let judged = Judged::walk(&space, 100, &[&flags[..], &["--restarts", "off"]].concat());
    judged.figures("all-crash");
    // As soon as Knative says that the split is not served any more, only the objective is judged.
    let (code, why) = if judged.ran.code == 24 { (24, "objective broken") } else { (23, "worse than stable") };
    judged.ran.clone().ended(code).says(why);
    let answered: Vec<_> = judged.hits.iter().filter(|h| h.status >= 500 && h.version.is_some()).collect();
    assert!(answered.is_empty(), "the application answered no 5xx: {:?}", answered.first());
    assert!(judged.bad() > 0 && judged.bad() <= 120, "{} bad answers", judged.bad());
    space.answers("hello", "v1", 5);
}

/// Both revisions fail 40 % of their requests for half a minute; the candidate is no worse and is promoted.
#[track_caller]
pub(super) fn incident(test: &str, evidence: &str) {
    let at = format!("INCIDENT_AT={}", Timestamp::now().as_second() + 100);
    let space = pair(test, &[&at, "INCIDENT_FOR=30s", "INCIDENT_RATE=0.4", "SEED=7"], &[]);
    let flags = ["--evidence", evidence, "--steps", "20,50,100", "--dwell", "40s", "--bake", "5s"];
    let judged = Judged::walk(&space, 100, &flags);
    judged.figures(test);
    judged.ran.clone().ended(0).ends_with("finished");
    assert!(judged.bad() > 500, "there was an incident: {} bad answers", judged.bad());
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_incident_that_hits_both_is_not_blamed_on_the_candidate() {
    incident("incident", "gateway");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_without_users_nobody_is_moved() {
    let space = staged("no-users", "ERROR_RATE=0");
    let before = space.split("hello");
    let ran = space.andante(&quick(&["--evidence", "gateway"])).ended(12).ends_with("nobody was moved");
    for way in ["--tolerated-rate", "--deadline", "--accept-without-evidence"] {
        assert!(ran.last().contains(way), "{}", ran.last());
    }
    assert_eq!(space.split("hello"), before);
}

/// Somebody asks the candidate's own address too: its counters are not the split's any more.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_requests_through_the_tag_hold_the_walk() {
    let space = staged("mis-split", "ERROR_RATE=0");
    let load = Load::start(&space, &["hello"], 50, Duration::from_secs(100));
    std::thread::sleep(Duration::from_secs(2));
    let mut walk = space.start(&quick(&CANARY));
    // They come when users are on it already: whoever asks it before is known ([`super::strangers`]).
    walk.line("(step 1 of 4)", LONG);
    let others = Load::start(&space, &["candidate-hello"], 50, Duration::from_secs(100));
    walk.line("traffic does not fall as the split says", LONG);
    std::thread::sleep(Duration::from_secs(15));
    assert_eq!(space.split("hello"), "hello-00001 95 #stable, hello-00002 5 #candidate", "it holds at its first step");
    walk.signal("INT");
    walk.wait(LONG).ended(19);
    drop((load, others));
}

/// The owner's own gate fails in mid-walk: back, with an exit code of its own.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_gate_of_the_owners_sends_users_back() {
    let pod = Cluster::get().gateway.replace(":8080", ":9000");
    let server = PrometheusServer::start("gate", &[pod], "1s");
    let space = staged("own-gate", "ERROR_RATE=0");
    let query =
        "seen: promql sum(envoy_cluster_upstream_rq_completed{envoy_cluster_name=\"{namespace}/{candidate}\"}) < 150";
    let url = server.url();
    let flags =
        ["--steps", "50,100", "--gate", query, "--gate-prometheus", &url, "--gate-every", "1s", "--dwell", "60s"];
    let judged = Judged::walk(&space, 50, &flags);
    judged.ran.clone().ended(25).says("wanted < 150: failed");
    assert_eq!(space.record("hello")["outcome"], "gate-failed");
    assert_eq!(judged.bad(), 0, "{}", summary(&judged.hits));
}

/// Whoever writes the counters dies in mid-walk: what was well until then is not well for ever.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_counters_that_stand_still_are_no_evidence() {
    let space = staged("stands-still", "ERROR_RATE=0");
    let file = space.file("counts.json", "");
    let writes = Arc::new(AtomicBool::new(true));
    let writer = std::thread::spawn({
        let (file, writes) = (file.clone(), Arc::clone(&writes));
        move || {
            for n in (0_u32..).step_by(20).take_while(|_| writes.load(Ordering::Relaxed)) {
                let arm = format!("{{\"completed\": {n}, \"failed\": 0}}");
                let counts = format!("{{\"strata\": {{\"a\": {{\"stable\": {arm}, \"candidate\": {arm}}}}}}}");
                // Whole or not at all.
                std::fs::write(format!("{file}.new"), counts).unwrap();
                std::fs::rename(format!("{file}.new"), &file).unwrap();
                std::thread::sleep(Duration::from_millis(500));
            }
        }
    });
    let flags =
        ["--evidence", &format!("file={file}"), "--steps", "50,100", "--dwell", "20s", "--evidence-patience", "6s"];
    let judged = Judged::walk_while(&space, 20, &flags, || {
        std::thread::sleep(Duration::from_secs(6));
        writes.store(false, Ordering::Relaxed);
    });
    writer.join().unwrap();
    judged.figures("stands-still");
    judged.ran.clone().ended(12).says("whatever fills it stands still");
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
}

/// A second gateway pod comes, and the Envoy of the first one starts anew, its counters at zero: neither is the candidate's
/// fault, and neither is taken for evidence.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_gateways_come_and_start_anew_in_mid_walk() {
    let space = staged("gateways", "ERROR_RATE=0");
    let gateway = OwnGateway::start(&space, 1);
    let (first, address) = gateway.ready(1).remove(0);
    let load = Load::through(&space, &address, &["hello"], 60, Duration::from_secs(300));
    let own = ["--evidence", "gateway", "--gateway-namespace", &space.namespace, "--gateway-service", OWN];
    let flags = [&own[..], &["--steps", "20,50,100", "--dwell", "45s"]].concat();
    let mut second = None;
    let judged = Judged::of(&space, load, &flags, || {
        let pods = gateway.scale(2);
        let (_, address) = pods.into_iter().find(|(name, _)| *name != first).unwrap();
        second = Some(Load::through(&space, &address, &["hello"], 40, Duration::from_secs(200)));
        std::thread::sleep(Duration::from_secs(10));
        gateway.kill(&first);
    });
    judged.figures("gateways");
    judged.ran.clone().ended(0).ends_with("finished");
    let hits = second.unwrap().stop();
    assert!(hits.iter().all(Hit::is_good), "{}", summary(&hits));
}

/// What ten requests a second cost; figures, for whoever compares them with `andante rehearse`.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_ten_users_a_second_are_enough() {
    for (test, setting) in [("ten-fails-all", "ERROR_RATE=1"), ("ten-fails-fifth", "ERROR_RATE=0.2")] {
        let space = staged(test, setting);
        let judged = Judged::walk(&space, 10, &BUDGET);
        judged.figures(test);
        judged.verdict();
        assert!(judged.bad() <= 60, "{} bad answers", judged.bad());
    }
    let space = staged("ten-healthy", "ERROR_RATE=0");
    let judged = Judged::walk(&space, 10, &BUDGET);
    judged.figures("ten-healthy");
    judged.ran.clone().ended(0).ends_with("finished");
}

/// The walk dies during the bake and is started again; the candidate fails from a while later on. Whoever takes up the
/// evidence brings users back.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_walk_killed_in_the_bake_still_brings_users_back() {
    let space = Space::new("killed-bake");
    space.serve(&sample("hello", "v1"));
    let ill = Timestamp::now().as_second() + 75;
    let settings = [format!("INCIDENT_AT={ill}"), "INCIDENT_FOR=10m".to_owned(), "INCIDENT_RATE=0.5".to_owned()];
    let image = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];
    let stage: Vec<&str> = image.into_iter().chain(settings.iter().flat_map(|s| ["--set-env", s])).collect();
    space.start_as("release", &stage).wait(LONG).ended(0);
    let load = Load::start(&space, &["hello"], 100, Duration::from_secs(240));
    std::thread::sleep(Duration::from_secs(2));
    let walk = quick(&[
        "--evidence",
        "gateway",
        "--steps",
        "50,100",
        "--bake",
        "5m",
        "--objective",
        "2%",
        "--tolerated-rate",
        "2%",
    ]);
    let mut first = space.start_as("release", &walk);
    first.line("bake 5m at step 2 of 2", LONG);
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(first.kill().code, -1, "killed");
    assert!(Timestamp::now().as_second() < ill, "the candidate is still well");
    assert_eq!(space.split("hello"), "hello-00001 0 #stable, hello-00002 100 #candidate");
    let second =
        space.start_as("release", &walk).wait(LONG).ended(24).says("evidence taken up").says("objective broken");
    assert!(Timestamp::now().as_second() >= ill, "and it was ill when users went back");
    assert!(second.last().contains("rolled back"), "{}", second.last());
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    assert_eq!(space.record("hello")["outcome"], "objective-broken");
    space.answers("hello", "v1", 5);
    let hits = load.stop();
    let bad = hits.iter().filter(|hit| !hit.is_good()).count();
    eprintln!("FIGURES killed-bake: {} requests, {bad} bad", hits.len());
    // Half of a hundred a second fail, for two readings at most and the time that a write takes until it is served.
    assert!(bad > 0 && bad <= 400, "{bad} bad answers");
}
