//! Settling: from any state to a safe one, in one write.

use super::support::*;

/// Generation and epoch: a write raises both (the epoch also where only the record changes).
fn writes(space: &Space) -> (i64, i64) {
    let service = space.service("hello");
    let epoch = record(&service).and_then(|r| r["epoch"].as_i64()).unwrap_or(0);
    (service["metadata"]["generation"].as_i64().unwrap(), epoch)
}

fn released(space: &Space, version: &str) {
    space.stage("hello", version);
    space.andante(&["walk", "hello", "--style", "all-at-once"]).ended(0);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_finished_release_is_taken_back_in_one_write() {
    let space = Space::new("taken-back");
    space.serve(&sample("hello", "v1"));
    released(&space, "v2");
    let before = writes(&space);
    space.andante(&["settle", "hello"]).ended(0).says("nothing to settle");
    assert_eq!(writes(&space), before);

    space.andante(&["settle", "hello", "--to", "stable"]).ended(0);
    assert_eq!(writes(&space), (before.0 + 1, before.1 + 1));
    assert_eq!(space.service("hello")["spec"]["traffic"][0]["revisionName"], "hello-00001");
    space.answers("hello", "v1", 5);
    // Taken back by a person: the same image is not walked again by accident.
    space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v2"]).ended(17);
    // The next good release follows latest again.
    released(&space, "v3");
    assert_eq!(space.split("hello"), "latest 100");
    space.answers("hello", "v3", 3);
}

/// By name, to any revision that is Ready.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_everyone_goes_to_a_known_revision_by_name_in_one_write() {
    let space = Space::new("by-name");
    space.serve(&sample("hello", "v1"));
    released(&space, "v2");
    released(&space, "v3");
    let before = writes(&space);
    space.andante(&["settle", "hello", "--to", "hello-00001"]).ended(0);
    assert_eq!(writes(&space), (before.0 + 1, before.1 + 1));
    assert_eq!(space.split("hello"), "hello-00001 100");
    space.answers("hello", "v1", 5);
    let before = space.settled("hello");
    let refused = space.andante(&["settle", "hello", "--to", "hello-00009"]);
    assert_ne!(refused.code, 0);
    refused.ends_with("there is no revision hello-00009");
    assert_eq!(space.service("hello"), before);
}

/// Settling to the candidate in mid-walk finishes; settling twice is settling once.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_held_release_is_finished_or_rolled_back_by_settle() {
    let space = Space::new("held");
    space.serve(&sample("hello", "v1"));
    space.stage("hello", "v2");
    let hold = ["walk", "hello", "--steps", "10,25,100", "--to", "25", "--dwell", "1s", "--bake", "1s"];
    space.andante(&hold).ended(0).ends_with("held at 25 %");
    assert_eq!(space.split("hello"), "hello-00001 75 #stable, hello-00002 25 #candidate");
    // The next walk goes on from there, never down and up again.
    let watch = space.watch("hello");
    let on = ["walk", "hello", "--steps", "10,25,60,100", "--to", "60", "--dwell", "1s"];
    space.andante(&on).ended(0).ends_with("held at 60 %");
    assert_eq!(
        watch.values(|s| split(&s["spec"]["traffic"])),
        ["hello-00001 75 #stable, hello-00002 25 #candidate", "hello-00001 40 #stable, hello-00002 60 #candidate"]
    );
    space.andante(&["settle", "hello"]).ended(0);
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    let settled = writes(&space);
    space.andante(&["settle", "hello"]).ended(0);
    assert_eq!(writes(&space), settled);

    space.stage("hello", "v3");
    space.andante(&hold).ended(0);
    space.andante(&["settle", "hello", "--to", "candidate"]).ended(0);
    assert_eq!(space.split("hello"), "latest 100");
    space.answers("hello", "v3", 3);
}
