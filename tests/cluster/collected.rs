//! Knative's collector of revisions, at its strictest: whatever it may take is deleted at once, all through a rollout.

use super::support::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What the collector may take: neither the latest ready one nor one that a Route (or a tag of it) names. These are the two
/// rules of Knative's `isRevisionActive`; ages and numbers, by which a collector spares more, are left out.
fn takes(space: &Space) -> Vec<String> {
    let latest = space.service("hello")["status"]["latestReadyRevisionName"].clone();
    let label = |revision: &Value| revision["metadata"]["labels"]["serving.knative.dev/routingState"] == "reserve";
    let revisions = space.list("revision", "serving.knative.dev/service=hello");
    let reserve = revisions.into_iter().filter(|r| label(r) && r["metadata"]["name"] != latest);
    reserve.map(|r| r["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

/// Deletes what may be taken while `what` happens; what was deleted.
fn collecting(space: &Space, what: impl FnOnce()) -> BTreeSet<String> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let collector = scope.spawn(|| {
            let mut taken = BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                for name in takes(space) {
                    space.kubectl(&["delete", "revision", &name, "--ignore-not-found", "--wait=false"]).good();
                    taken.insert(name);
                }
                std::thread::sleep(Duration::from_millis(300));
            }
            taken
        });
        // Also when it panics, or the scope would wait for ever.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(what));
        over.store(true, Ordering::Relaxed);
        let taken = collector.join().unwrap();
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        taken
    })
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_collection_during_a_walk_takes_nothing_that_is_needed() {
    let space = Space::new("collected");
    space.serve(&sample("hello", "v1"));
    let taken = collecting(&space, || {
        // There and through the bake, with the way back open all the time.
        space.stage("hello", "v2");
        space.andante(&["walk", "hello", "--steps", "50,100", "--dwell", "5s", "--bake", "10s"]).ended(0);
        space.answers("hello", "v2", 5);
        // And back again from half of all.
        space.stage("hello", "v3");
        let mut walk = space.start(&["walk", "hello", "--steps", "50,100", "--dwell", "2m"]);
        walk.line("step 1 of 2 is served", LONG);
        std::thread::sleep(Duration::from_secs(5));
        space.andante(&["control", "abort", "hello"]).ended(0);
        walk.wait(LONG);
        space.answers("hello", "v2", 5);
        assert!(space.split("hello").starts_with("hello-00002 100"), "{}", space.split("hello"));
    });
    // The collector did work: after the good end nothing held the revision from before any more.
    assert!(taken.contains("hello-00001") && !taken.contains("hello-00002"), "{taken:?}");
}
