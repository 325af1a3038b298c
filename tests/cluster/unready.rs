//! A candidate that cannot start ends with the Revision's own words, exit code 11, within the
//! deadline given, and users never notice.

use super::support::*;
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(45);

/// Stages with `arguments` under load, and expects the end of a candidate that never gets ready.
#[track_caller]
fn never_ready(space: &Space, arguments: &[&str], words: &[&str]) -> Ran {
    let load = Load::start(space, &["hello"], 5, Duration::from_secs(100));
    let annotations = |space: &Space| {
        let mut all = space.service("hello")["metadata"]["annotations"].as_object().unwrap().clone();
        all.remove("andante.dev/rollout");
        all.remove("andante.dev/progress");
        all.remove("serving.knative.dev/lastModifier");
        all
    };
    let before = annotations(space);
    let deadline = format!("{}s", DEADLINE.as_secs());
    let mut all = vec!["stage", "hello", "--grace", "3s", "--deadline", &deadline];
    all.extend(arguments);
    let ran = space.andante(&all).ended(11);
    for word in words {
        assert!(ran.last().contains(word), "the last line has no `{word}`\n{}", ran.whole());
    }
    // The last half minute at most is for Knative to serve the way back.
    assert!(ran.took < DEADLINE + Duration::from_secs(40), "took {:?}", ran.took);
    let hits = load.stop();
    assert!(hits.iter().all(|hit| hit.is_good() && hit.version.as_deref() == Some("v1")), "{}", summary(&hits));
    // A candidate that is not Ready keeps no tag, and latest (which is the broken one) is not restored.
    assert_eq!(space.split("hello"), "hello-00001 100");
    assert_eq!(annotations(space), before);
    space.answers("hello", "v1", 3);
    // The next step of a pipeline does nothing either.
    assert_eq!(space.andante(&["walk", "hello"]).code, 3);
    ran
}

fn space(name: &str) -> Space {
    let space = Space::new(name);
    space.serve(&sample("hello", "v1"));
    space
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_image_that_does_not_exist_moves_nobody() {
    let space = space("bad-image");
    let arguments = ["--image", "dev.local/andante-sample:not-there"];
    never_ready(&space, &arguments, &["hello-00002", "ImagePull"]);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_crash_at_start_moves_nobody_and_its_last_words_are_told() {
    let space = space("crash");
    let arguments = ["--image", "dev.local/andante-sample:crash"];
    never_ready(&space, &arguments, &["hello-00002", "cannot open the ledger"]);
    // The same image again is refused, with the reason.
    let again = space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:crash"]).ended(17);
    again.ends_with("cannot open the ledger");
    // A mended one follows.
    space.stage("hello", "v2");
    space.andante(&["walk", "hello", "--style", "all-at-once"]).ended(0);
    assert_eq!(space.split("hello"), "latest 100");
    space.answers("hello", "v2", 3);
}

/// A quota of as many pods as there are.
fn fill(space: &Space) {
    let pods = space.list("pods", "serving.knative.dev/service=hello").len();
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"},
        "spec": {"hard": {"pods": pods.to_string()}}});
    space.apply(&quota);
    eventually("the quota counts", SHORT, || {
        let used = space.get("resourcequota", "few").pointer("/status/used/pods").cloned();
        (used == Some(json!(pods.to_string()))).then_some(())
    });
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_full_quota_moves_nobody() {
    let space = space("quota");
    fill(&space);
    let image = ["--image", "dev.local/andante-sample:v2"];
    never_ready(&space, &image, &["hello-00002", "found no room within 45s", "exceeded quota"]);
    // It is not blamed: as soon as there is room the same image goes on, in the same revision.
    space.kubectl(&["delete", "resourcequota", "few"]).good();
    space.andante(&["stage", "hello", "--image", image[1]]).ended(0).ends_with("staged hello-00002 at 0 %");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_room_that_comes_in_time_is_enough() {
    let space = space("room-later");
    fill(&space);
    let mut stage =
        space.start(&["stage", "hello", "--image", "dev.local/andante-sample:v2", "--grace", "3s", "--deadline", "4m"]);
    stage.line("hello-00002 lacks room: FailedCreate", LONG);
    // Longer than the grace by far: what adds nodes or room takes its time.
    std::thread::sleep(Duration::from_secs(20));
    space.kubectl(&["delete", "resourcequota", "few"]).good();
    stage.wait(Duration::from_secs(240)).ended(0).ends_with("staged hello-00002 at 0 %");
    space.answers("hello", "v1", 3);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_pod_that_fits_nowhere_moves_nobody() {
    let space = space("unschedulable");
    let mut wanted = sample("hello", "v2").object;
    wanted["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "500"}});
    let file = space.file("huge.json", &wanted.to_string());
    let ran = never_ready(&space, &["--from-file", &file], &["hello-00002", "found no room", "Insufficient cpu"]);
    assert!(ran.took >= DEADLINE, "nodes may come until the deadline: {:?}", ran.took);
    ran.says("hello-00002 lacks room: Unschedulable");
    let again = space.andante(&["stage", "hello", "--from-file", &file, "--deadline", "8s"]);
    assert_eq!(again.code, 11, "not remembered as rejected: {}", again.whole());
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_candidate_that_is_too_slow_ends_at_the_deadline() {
    let space = space("slow");
    let began = Timestamp::now();
    let mut stage = space.start(&["stage", "hello", "--set-env", "START_DELAY=5m", "--deadline", "8s"]);
    let back = stage.line("back to hello-00001 100 %", LONG).duration_since(began);
    assert!(back.as_secs() >= 7 && back.as_secs() < 20, "{back:?}");
    stage.wait(LONG).ended(11).ends_with("hello-00002 was not ready within 8s");
    assert_eq!(space.split("hello"), "hello-00001 100");
    space.answers("hello", "v1", 5);
}
