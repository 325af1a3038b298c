//! How a rollout begins on a real cluster: from what users have, whatever the status said a moment before.

use super::support::*;
use serde_json::json;
use std::thread::sleep;
use std::time::Duration;

const V2: [&str; 4] = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];
const V3: [&str; 4] = ["stage", "hello", "--image", "dev.local/andante-sample:v3"];

/// Two runs want the same image, and the second comes before Knative has taken up the first one's write.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_second_run_for_the_same_image_takes_the_candidate_over_and_does_not_call_it_done() {
    for wait in [0, 150, 600] {
        let space = Space::new("double");
        space.serve(&sample("hello", "v1"));
        let older = Run::pending(&space, "older");
        sleep(Duration::from_millis(1100));
        let newer = Run::pending(&space, "newer");
        let first = older.andante(&space, &V2);
        eventually("the first one's write", LONG, || (space.generation("hello") == 2).then_some(()));
        sleep(Duration::from_millis(wait));
        let second = newer.andante(&space, &V2).wait(LONG).ended(0).never_says("serves this already");
        second.ends_with("staged hello-00002");
        assert!([0, 13].contains(&first.wait(LONG).code), "{wait} ms: staged before the second came, or superseded");
        assert_eq!(space.split("hello"), "hello-00001 100 #stable, hello-00002 0 #candidate");
    }
}

/// A CronJob's way: each call does what is due, and each is somebody else.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_short_calls_by_an_owner_each_walk_to_the_end() {
    let space = Space::new("short-calls");
    space.serve(&sample("hello", "v1"));
    let call = ["roll-out", "hello", "--image", "dev.local/andante-sample:v2", "--once"];
    let plan = ["--steps", "50,100", "--dwell", "1s", "--bake", "1s"];
    let mut splits = vec![];
    for job in 1..=5 {
        space.start_as(&format!("job-{job}"), &[&call[..], &plan[..]].concat()).wait(LONG).ended(0);
        splits.push(space.split("hello"));
        // The dwell, and what two clocks may differ by unnoticed.
        sleep(Duration::from_secs(6));
    }
    assert_eq!(
        splits[..3],
        [
            "hello-00001 50 #stable, hello-00002 50 #candidate",
            "hello-00001 0 #stable, hello-00002 100 #candidate",
            "latest 100"
        ]
    );
    assert_eq!(splits[2..], vec!["latest 100"; 3], "and nothing more is to be done");
    space.answers("hello", "v2", 5);
}

/// Knative itself is on its way to another revision: pinning it now would move everyone at once.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_knatives_own_gradual_rollout_is_waited_for() {
    let space = Space::new("gradual");
    space.serve(&sample("hello", "v1").annotation("serving.knative.dev/rollout-duration", "25s"));
    let watch = space.watch("hello");
    space.apply(&sample("hello", "v2").annotation("serving.knative.dev/rollout-duration", "25s").object);
    eventually("users of both revisions", LONG, || {
        let served = space.service("hello")["status"]["traffic"].clone();
        (served.as_array()?.len() == 2).then_some(())
    });
    let ended = space.start_as("run", &V3).wait(LONG).ended(0);
    let ended = ended.says("users do not have the split of its spec.traffic yet (RolloutInProgress");
    ended.ends_with("staged hello-00003");
    assert_eq!(space.split("hello"), "hello-00002 100 #stable, hello-00003 0 #candidate");
    let shares = watch.values(|service| {
        let served = service["status"]["traffic"].as_array().cloned().unwrap_or_default();
        let of_new = served.iter().filter(|t| t["revisionName"] == "hello-00002");
        json!(of_new.map(|t| t["percent"].as_i64().unwrap_or(0)).sum::<i64>())
    });
    let seen: Vec<i64> = shares.iter().filter_map(serde_json::Value::as_i64).collect();
    assert!(seen.is_sorted() && seen.len() >= 5, "step by step, as Knative was told: {seen:?}");
}
