//! Pods before users: what Knative does of what we set, what users notice, and that nothing is left.

use super::support::*;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// The annotations of a Revision that the autoscaler reads.
pub(super) fn bounds(space: &Space, revision: &str) -> Value {
    let annotations = space.get("revision", revision)["metadata"]["annotations"].clone();
    let group = annotations.as_object().unwrap().iter().filter(|(key, _)| key.starts_with("autoscaling."));
    group.map(|(key, value)| (key.clone(), value.clone())).collect::<serde_json::Map<_, _>>().into()
}

pub(super) fn names(space: &Space, revision: &str) -> Vec<String> {
    let list = space.list("pods", &format!("serving.knative.dev/revision={revision}"));
    let mut names: Vec<_> = list.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn slow(hits: &[&Hit]) -> usize {
    hits.iter().filter(|hit| !hit.is_good() || hit.latency > Duration::from_millis(500)).count()
}

/// One switch of everyone, and an abort out of the bake when stable would have gone to sleep: 313 and 330 requests that waited
/// before there was a floor.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn alone_nobody_waits_for_pods_at_a_switch_nor_on_the_way_back() {
    let space = Space::new("pods-first");
    let load = busy(&space);
    space.stage("hello", "v2");
    let before = [bounds(&space, "hello-00001"), bounds(&space, "hello-00002")];
    let stable = names(&space, "hello-00001");
    let begin = Timestamp::now();
    let mut walk = space.start(&["walk", "hello", "--style", "blue-green", "--bake", "10m"]);
    let moved = walk.line("(step 1 of 1)", LONG);
    assert!(pods(&space, "hello-00002") >= 3, "its pods were there before its users");
    // Long enough for a stable without users to sleep.
    std::thread::sleep(Duration::from_secs(65));
    assert!(pods(&space, "hello-00001") >= 3, "the way back is warm");
    space.andante(&["status", "hello"]).ended(0).says("of this rollout");
    let aborted = Timestamp::now();
    space.andante(&["control", "abort", "hello"]).ended(0);
    let back = walk.line("back to", LONG);
    walk.wait(LONG).ended(15);
    let hits = load.stop();
    let waited = slow(&between(&hits, "hello", begin, Timestamp::MAX));
    eprintln!("slow: {waited}; split {moved}, abort {aborted}, back {back}");
    assert!(waited <= 3, "{waited} requests waited for pods");
    assert_eq!([bounds(&space, "hello-00001"), bounds(&space, "hello-00002")], before, "what the owner had is back");
    let still = names(&space, "hello-00001");
    assert!(stable.iter().all(|pod| still.contains(pod)), "no pod of stable was replaced: {stable:?}, {still:?}");
}

/// Killed in the bake with floors on both; whoever comes next puts back what the owner had, and an owner's own change stays.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_floors_of_a_killed_walk_come_back() {
    let space = Space::new("pods-killed");
    let load = busy(&space);
    space.stage("hello", "v2");
    let before = [bounds(&space, "hello-00001"), bounds(&space, "hello-00002")];
    let mut walk = space.start(&["walk", "hello", "--style", "blue-green", "--bake", "10m"]);
    walk.line("step 1 of 1 is served", LONG);
    walk.kill();
    assert_ne!([bounds(&space, "hello-00001"), bounds(&space, "hello-00002")], before);
    // The owner wants another floor for stable meanwhile.
    floor(&space, "hello-00001", json!("2"));
    space.andante(&["settle", "hello"]).ended(0).says("min-scale of hello-00002");
    drop(load);
    assert_eq!(bounds(&space, "hello-00002"), before[1]);
    assert_eq!(bounds(&space, "hello-00001")["autoscaling.knative.dev/min-scale"], "2", "theirs stays");
}

/// Who may not patch revisions rolls out as before, and a Service that nobody asks gets nothing.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn without_the_right_and_without_users_nothing_is_set() {
    let space = Space::new("pods-right");
    space.serve(&sample("hello", "v1").min_scale(0));
    let file = super::rights::account(&space, &super::rights::least());
    let run =
        |arguments: &[&str]| space.start_as("run", &[arguments, &["--kubeconfig", &file]].concat()).wait(LONG).ended(0);
    run(&["stage", "hello", "--image", "dev.local/andante-sample:v2"]);
    let before = [bounds(&space, "hello-00001"), bounds(&space, "hello-00002")];
    let note = "min-scale and max-scale of revisions stay as they are";
    run(&["walk", "hello", "--steps", "50,100", "--dwell", "2s", "--bake", "2s"]).says(note);
    assert_eq!([bounds(&space, "hello-00001"), bounds(&space, "hello-00002")], before);
}
