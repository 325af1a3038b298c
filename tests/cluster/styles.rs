//! Walks of other kinds: in waves, from revisions that somebody else made, against Knative's own rollout, from sleep.

use super::support::*;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::time::Duration;

/// Short calls, as a CronJob makes them: each does what is due and ends.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn waves_of_short_calls_are_one_walk() {
    let space = Space::new("waves");
    space.serve(&sample("hello", "v1"));
    space.stage("hello", "v2");
    let watch = space.watch("hello");
    let call = ["walk", "hello", "--once", "--steps", "20,60,100", "--dwell", "2s", "--bake", "2s"];
    let mut calls = 0;
    loop {
        let ran = space.andante(&call).ended(0);
        assert!(ran.took < Duration::from_secs(15), "a wave is short\n{}", ran.whole());
        calls += 1;
        if ran.last().contains("finished") {
            break;
        }
        ran.ends_with("due at");
        assert!(calls < 30, "it never ends");
        std::thread::sleep(Duration::from_millis(500));
    }
    let seen = watch.seen();
    let at = |text: &str| {
        let first = seen.iter().find(|s| split(&s.object["spec"]["traffic"]) == text);
        first.unwrap_or_else(|| panic!("{text} was never written")).at
    };
    let moves = [
        at("hello-00001 80 #stable, hello-00002 20 #candidate"),
        at("hello-00001 40 #stable, hello-00002 60 #candidate"),
        at("hello-00001 0 #stable, hello-00002 100 #candidate"),
        at("latest 100"),
    ];
    for pair in moves.windows(2) {
        assert!(pair[1].duration_since(pair[0]) > SignedDuration::from_millis(1900), "no dwell is skipped: {moves:?}");
    }
    space.andante(&call).ended(0).ends_with("already finished");
    space.answers("hello", "v2", 3);
}

/// The bake has users on both, and the last of them are moved when it is over; a step has a time of its own.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn stable_keeps_a_part_of_its_users_until_the_bake_is_over() {
    let space = Space::new("keep-stable");
    space.serve(&sample("hello", "v1"));
    space.stage("hello", "v2");
    let watch = space.watch("hello");
    let walk = ["walk", "hello", "--steps", "20@3s,50,100", "--dwell", "1s", "--bake", "4s", "--keep-stable", "5"];
    space.andante(&walk).ended(0).ends_with("finished");
    let seen = watch.seen();
    let at = |text: &str| {
        let first = seen.iter().find(|s| split(&s.object["spec"]["traffic"]) == text);
        first.unwrap_or_else(|| panic!("{text} was never written")).at
    };
    let moves = [
        at("hello-00001 80 #stable, hello-00002 20 #candidate"),
        at("hello-00001 50 #stable, hello-00002 50 #candidate"),
        at("hello-00001 5 #stable, hello-00002 95 #candidate"),
        at("hello-00001 0 #stable, hello-00002 100 #candidate"),
        at("latest 100"),
    ];
    let least = [2900, 900, 3900, 0];
    for (pair, least) in moves.windows(2).zip(least) {
        assert!(pair[1].duration_since(pair[0]) >= SignedDuration::from_millis(least), "{moves:?}");
    }
    space.answers("hello", "v2", 3);
}

/// Somebody changes the image with kubectl while traffic is pinned; we take up what came of it and change no template.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_revision_that_somebody_made_is_taken_up_as_it_is() {
    let space = Space::new("taken-up");
    space.serve(&sample("hello", "v1"));
    for version in ["v2", "v3"] {
        let traffic = json!([{"revisionName": "hello-00001", "percent": 100}]);
        space.apply(&sample("hello", version).traffic(traffic).object);
        space.settled("hello");
    }
    space.answers("hello", "v1", 3);
    let revisions = space.list("revisions", "serving.knative.dev/service=hello");
    let named = |version: &str| {
        let image = format!("dev.local/andante-sample:{version}");
        let found = revisions.iter().find(|r| r["spec"]["containers"][0]["image"] == image.as_str());
        found.unwrap()["metadata"]["name"].as_str().unwrap().to_owned()
    };
    let template = space.service("hello")["spec"]["template"].clone();
    // By name, the older of the two.
    space.andante(&["stage", "hello", "--revision", &named("v2")]).ended(0);
    space.answers("candidate-hello", "v2", 3);
    assert_eq!(space.service("hello")["spec"]["template"], template);
    space.andante(&["settle", "hello"]).ended(0);
    assert_eq!(space.split("hello"), format!("hello-00001 100, {} 0 #candidate", named("v2")));
    // Without a name, the newest that serves nobody.
    space.andante(&["stage", "hello"]).ended(0);
    space.answers("candidate-hello", "v3", 3);
    space.andante(&["walk", "hello", "--steps", "50,100", "--dwell", "1s", "--bake", "1s"]).ended(0);
    // The owner had it pinned: so it ends.
    assert_eq!(space.split("hello"), format!("{} 100", named("v3")));
    assert_eq!(space.service("hello")["spec"]["template"], template);
    space.answers("hello", "v3", 3);
}

/// Variables of the container, changed and added, with and without a new image.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_settings_of_the_container_are_staged_like_an_image() {
    let space = Space::new("set-env");
    space.serve(&sample("hello", "plain").env("VERSION", "a").env("KEPT", "yes"));
    space.andante(&["stage", "hello", "--set-env", "VERSION=b", "--set-env", "ADDED=x=y"]).ended(0);
    space.answers("hello", "a", 3);
    space.answers("candidate-hello", "b", 3);
    let container = space.service("hello").pointer("/spec/template/spec/containers/0").unwrap().clone();
    assert_eq!(container["image"], "dev.local/andante-sample:plain");
    assert_eq!(
        container["env"],
        json!([{"name": "VERSION", "value": "b"}, {"name": "KEPT", "value": "yes"}, {"name": "ADDED", "value": "x=y"}])
    );
    space.andante(&["walk", "hello", "--style", "all-at-once"]).ended(0);
    space.andante(&["stage", "hello", "--set-env", "VERSION=b"]).ended(0).ends_with("nothing was written");
    assert_eq!(space.split("hello"), "latest 100");
}

/// Knative's own gradual rollout is on; our percents hold all the same, and the end is the end.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_percents_hold_where_knatives_own_gradual_rollout_is_on() {
    let space = Space::new("duration");
    space.serve(&sample("hello", "v1").annotation("serving.knative.dev/rollout-duration", "120s"));
    let load = Load::start(&space, &["hello"], 40, Duration::from_secs(90));
    space.stage("hello", "v2");
    let staged = Timestamp::now();
    let mut walk = space.start(&["walk", "hello", "--steps", "30,100", "--dwell", "4s", "--bake", "2s"]);
    let served = walk.line("step 1 of 2 is served", LONG);
    let moved = walk.line("(step 2 of 2)", LONG);
    let all = walk.line("step 2 of 2 is served", LONG);
    walk.wait(LONG).ended(0);
    std::thread::sleep(Duration::from_secs(3));
    let hits = load.stop();
    assert!(hits.iter().all(Hit::is_good), "{}", summary(&hits));
    nobody_saw(&between(&hits, "hello", Timestamp::MIN, staged), "v2");
    share_is(&between(&hits, "hello", served, moved - SignedDuration::from_millis(300)), "v2", 30);
    nobody_saw(&between(&hits, "hello", all, Timestamp::MAX), "v1");
    assert_eq!(space.split("hello"), "latest 100");
}

/// Candidate and stable sleep when nobody asks; the candidate is woken before the first percent.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_sleeping_candidate_is_woken_before_its_first_user() {
    let space = Space::new("sleep");
    space.serve(&sample("hello", "v1").min_scale(0).env("START_DELAY", "1s"));
    // The stable one is kept awake by users.
    let load = Load::start(&space, &["hello"], 2, Duration::from_secs(120));
    space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v2"]).ended(0);
    eventually("the candidate sleeps", Duration::from_secs(110), || {
        let candidate = space.get("revision", "hello-00002");
        (candidate["status"]["actualReplicas"].as_i64().unwrap_or(0) == 0).then_some(())
    });
    drop(load);
    let load = Load::start(&space, &["hello"], 20, Duration::from_secs(60));
    let via = format!("http://{}", space.cluster.gateway);
    let walk = ["walk", "hello", "--steps", "50,100", "--dwell", "2s", "--bake", "2s", "--via", &via];
    let ran = space.andante(&walk).ended(0);
    let hits = load.stop();
    assert!(hits.iter().all(Hit::is_good), "{}\n{}", summary(&hits), ran.whole());
    // Its start takes a second: whoever of its users waited that long met it asleep.
    let slow: Vec<_> =
        hits.iter().filter(|h| h.version.as_deref() == Some("v2") && h.latency > Duration::from_millis(900)).collect();
    assert!(slow.is_empty(), "{} users woke it: {:?}\n{}", slow.len(), slow.first(), ran.whole());
}
