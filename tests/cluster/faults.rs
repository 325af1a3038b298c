//! The API server fails in every way it can; the rollout is ridden out, or ends clearly with users safe.

use super::support::*;
use jiff::Timestamp;
use std::time::Duration;

const FOREVER: usize = usize::MAX;
const STAGE: [&str; 6] = ["stage", "hello", "--image", "dev.local/andante-sample:v2", "--request-timeout", "2s"];

fn serving(test: &str) -> (Space, FaultProxy) {
    let space = Space::new(test);
    space.serve(&sample("hello", "v1"));
    (space, FaultProxy::start())
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_staging_rides_out_faults_of_every_request() {
    let (space, proxy) = serving("fault-stage");
    proxy.inject(When::next("get").with("/services/"), Fault::Answer(503));
    proxy.inject(When::next("list"), Fault::Busy(429, 1));
    proxy.inject(When::next("watch").with("/services"), Fault::Reset);
    proxy.inject(When::next("watch").with("/revisions"), Fault::Expired);
    proxy.inject(When::next("get").with("/configurations/"), Fault::Answer(500));
    // The first write takes effect and nobody says so; the second is refused twice, and then fails.
    for fault in [Fault::LoseAnswer, Fault::Answer(422), Fault::Answer(409), Fault::Answer(500)] {
        proxy.inject(When::next("patch"), fault);
    }
    proxy.andante(&space, "run", &STAGE).wait(LONG).ended(0).ends_with("staged hello-00002");
    proxy.all_went_wrong();
    assert_eq!(space.split("hello"), "hello-00001 100 #stable, hello-00002 0 #candidate");
    assert_eq!(space.list("revisions", "serving.knative.dev/service=hello").len(), 2, "one candidate");
    space.answers("hello", "v1", 5);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_walk_rides_out_one_of_each_kind() {
    let (space, proxy) = serving("fault-walk");
    space.start_as("run", &STAGE).wait(LONG).ended(0);
    let writes = [
        ("\\\"step\\\":0", Fault::Answer(500)),
        ("\\\"step\\\":1", Fault::Answer(503)),
        ("\\\"step\\\":2", Fault::Busy(429, 1)),
        ("\\\"step\\\":3", Fault::Reset),
        ("\\\"step\\\":4", Fault::LoseAnswer),
        ("\\\"step\\\":5", Fault::Silence),
        ("\\\"step\\\":6", Fault::Answer(409)),
        ("\\\"step\\\":7", Fault::Answer(422)),
    ];
    for (step, fault) in writes {
        proxy.inject(When::next("patch").with(step), fault);
    }
    proxy.inject(When::next("watch").with("/services").nth(3), Fault::Expired);
    proxy.inject(When::next("watch").nth(5), Fault::Silence);
    proxy.inject(When::next("watch").nth(5), Fault::Busy(429, 1));
    let watch = space.watch("hello");
    let walk = [
        "walk",
        "hello",
        "--steps",
        "10,20,30,40,50,60,100",
        "--dwell",
        "400ms",
        "--bake",
        "1s",
        "--request-timeout",
        "2s",
    ];
    let mut walk = proxy.andante(&space, "run", &walk);
    for step in 1..=7 {
        walk.line(&format!("step {step} of 7 is served"), LONG);
        // A watch that ends in the middle of a word.
        assert!(proxy.cut_watches() > 0 || step > 1, "nobody watches");
    }
    walk.wait(LONG).ended(0).ends_with("finished");
    proxy.all_went_wrong();
    let percents = watch.values(|service| {
        let traffic = service["spec"]["traffic"].as_array().unwrap();
        traffic.iter().find(|t| t["tag"] == "candidate").map_or(-1, |t| t["percent"].as_i64().unwrap_or(0))
    });
    assert_eq!(percents, [0, 10, 20, 30, 40, 50, 60, 100, -1], "every step once");
    assert_eq!(space.split("hello"), "latest 100");
}

/// A walk that is at 50 % for a minute.
fn at_half(space: &Space, proxy: &FaultProxy, more: &[&str]) -> Running {
    space.start_as("run", &STAGE).wait(LONG).ended(0);
    let walk = ["walk", "hello", "--steps", "50,100", "--dwell", "4s", "--bake", "1s"];
    let mut walk = proxy.andante(space, "run", &[&walk, more].concat());
    walk.line("step 1 of 2 is served", LONG);
    walk
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_server_that_never_answers_ends_the_walk_within_its_patience() {
    let (space, proxy) = serving("fault-silent");
    let walk = at_half(&space, &proxy, &["--request-timeout", "1s", "--patience", "4s"]);
    proxy.inject(When::next("any").times(FOREVER), Fault::Silence);
    proxy.cut_watches();
    let began = Timestamp::now();
    walk.wait(LONG).ended(21).ends_with("andante status");
    let took = Timestamp::now().duration_since(began);
    // Patience counts from the first failure.
    assert!((4.0..8.0).contains(&took.as_secs_f64()), "gave up after {took:?}");
    assert_eq!(space.split("hello"), "hello-00001 50 #stable, hello-00002 50 #candidate");
    proxy.behave();
    // The same run goes on from there.
    let again = ["walk", "hello", "--steps", "50,100", "--dwell", "4s", "--bake", "1s"];
    proxy.andante(&space, "run", &again).wait(LONG).ended(0).ends_with("finished");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_rollback_waits_for_a_server_that_is_down() {
    let (space, proxy) = serving("fault-back");
    let walk = at_half(&space, &proxy, &["--request-timeout", "1s"]);
    proxy.inject(When::next("patch").times(3), Fault::Answer(503));
    proxy.inject(When::next("get").times(2), Fault::Reset);
    let control = serde_json::json!({
        "rollout": space.record("hello")["id"], "abort": {"by": "kim", "at": Timestamp::now()}
    });
    let patch = serde_json::json!({"metadata": {"annotations": {"andante.dev/control": control.to_string()}}});
    space.merge("ksvc", "hello", &patch).good();
    walk.wait(LONG).ended(15).ends_with("hello-00001 100 %");
    proxy.all_went_wrong();
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_settling_rides_out_a_lost_answer() {
    let (space, proxy) = serving("fault-settle");
    at_half(&space, &proxy, &[]).kill();
    proxy.inject(When::next("get"), Fault::Reset);
    proxy.inject(When::next("patch"), Fault::LoseAnswer);
    proxy.andante(&space, "run", &["settle", "hello"]).wait(LONG).ended(0);
    proxy.all_went_wrong();
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    // The claim, the step and the rollback: looked at, not blindly repeated.
    assert_eq!(proxy.count("patch"), 3);
    space.answers("hello", "v1", 3);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_walk_of_five_steps_needs_at_most_twenty_requests() {
    let (space, proxy) = serving("fault-count");
    space.start_as("run", &STAGE).wait(LONG).ended(0);
    let walk = ["walk", "hello", "--dwell", "1s", "--bake", "1s"];
    proxy.andante(&space, "run", &walk).wait(LONG).ended(0).ends_with("finished");
    let verbs = ["get", "list", "watch", "patch", "create", "update", "delete"];
    let counts: Vec<_> = verbs.iter().map(|verb| (*verb, proxy.count(verb))).collect();
    let all = proxy.asked();
    // One for the claim, one a step, one for the end.
    assert_eq!(proxy.count("patch"), 7, "{counts:?}");
    // Beside them as many Events, for which nobody waits.
    let (events, all): (Vec<_>, Vec<_>) = all.into_iter().partition(|asked| asked.path.contains("/events.k8s.io/"));
    assert_eq!((events.len(), proxy.count("create")), (7, 7), "{counts:?}");
    assert!(all.len() <= 20, "{counts:?}: {all:#?}");
    let gaps = all.windows(2).filter(|pair| pair[1].at.duration_since(pair[0].at) >= Duration::from_millis(900));
    assert!(gaps.count() >= 5, "asked while dwelling: {all:#?}");
}
