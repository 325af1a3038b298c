//! A revert is a release: the old image after a rollback, on a real Knative, under load.

use super::support::*;
use serde_json::json;
use std::time::Duration;

const OLD: [&str; 4] = ["roll-out", "hello", "--image", "dev.local/andante-sample:v1"];
const BAD: [&str; 4] = ["roll-out", "hello", "--image", "dev.local/andante-sample:crash"];

/// A candidate that crashes at its start is rolled back.
fn roll_back(space: &Space) {
    space.andante(&[&BAD[..], &["--grace", "2s"]].concat()).ended(11);
    assert!(space.split("hello").starts_with("hello-00001 100"), "{}", space.split("hello"));
    assert!(image(space).ends_with(":crash"), "{}", image(space));
}

fn image(space: &Space) -> String {
    let image = &space.service("hello")["spec"]["template"]["spec"]["containers"][0]["image"];
    image.as_str().unwrap().to_owned()
}

/// The revision that all users get, also where latest is followed.
fn serves(space: &Space) -> String {
    let traffic = space.service("hello")["status"]["traffic"].clone();
    let all = traffic.as_array().into_iter().flatten().find(|target| target["percent"] == 100);
    all.and_then(|target| target["revisionName"].as_str()).unwrap_or_default().to_owned()
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn the_old_image_after_a_rollback_makes_the_template_good_and_latest_is_followed_again() {
    let space = Space::new("revert");
    space.serve(&sample("hello", "v1"));
    roll_back(&space);
    let watch = space.watch("hello");
    let load = Load::start(&space, &["hello"], 20, Duration::from_secs(60));
    let before = space.generation("hello");
    space.andante(&OLD).ended(0).says("the template is put back").ends_with("traffic now: latest 100 %");
    eventually("it is served", LONG, || (serves(&space) == "hello-00003").then_some(()));
    let hits = load.stop();
    assert!(hits.iter().all(Hit::is_good), "{}", summary(&hits));
    // Two writes of the spec, and nobody on latest before that is what serves.
    assert_eq!(space.generation("hello"), before + 2);
    for seen in watch.seen() {
        let follows = seen.object["spec"]["traffic"].as_array().unwrap().iter();
        let follows = follows.into_iter().any(|t| t["latestRevision"] == true && t["percent"] == 100);
        let ready = &seen.object["status"]["latestReadyRevisionName"];
        assert!(!follows || ready == "hello-00003", "{}", seen.object);
    }
    assert!(image(&space).ends_with(":v1"), "{}", image(&space));
    let template = &space.service("hello")["spec"]["template"];
    assert_eq!(template.pointer("/metadata/name"), None, "{template}");
    space.answers("hello", "v1", 5);
    // A second time there is nothing to do; the bad one stays rejected; the next release goes on from here.
    let before = space.generation("hello");
    space.andante(&OLD).ended(0).says("already serves this");
    space.andante(&BAD).ended(17);
    assert_eq!(space.generation("hello"), before);
    space.stage("hello", "v2");
    space.andante(&["walk", "hello", "--style", "all-at-once"]).ended(0);
    assert_eq!(space.split("hello"), "latest 100");
    space.answers("hello", "v2", 5);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_who_named_a_revision_stays_there_and_gets_the_template_back() {
    let pinned = json!([{"revisionName": "hello-00001", "latestRevision": false, "percent": 100}]);
    let space = Space::new("revert-pinned");
    space.serve(&sample("hello", "v1").template_annotation("example.com/kept", "yes"));
    space.merge("ksvc", "hello", &json!({"spec": {"traffic": pinned}})).good();
    roll_back(&space);
    space.andante(&OLD).ended(0).says("stays on hello-00001 by name");
    assert_eq!(space.split("hello"), "hello-00001 100");
    let template = space.service("hello")["spec"]["template"].clone();
    assert_eq!(template["metadata"]["annotations"]["example.com/kept"], "yes", "{template}");
    assert!(image(&space).ends_with(":v1"), "{}", image(&space));
    let before = space.generation("hello");
    space.andante(&OLD).ended(0).says("already serves this");
    assert_eq!(space.generation("hello"), before);
}

/// What serves is asked for while something else is on its way: users are back, and the template with them.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_revert_in_mid_walk_takes_users_back_first() {
    let space = Space::new("revert-walk");
    space.serve(&sample("hello", "v1"));
    space.stage("hello", "v2");
    let walk = ["walk", "hello", "--steps", "50,100", "--dwell", "10m"];
    let walk = space.start_as("older", &walk);
    served_becomes(&space, "hello", "hello-00002 50");
    drop(walk);
    space.andante(&[&OLD[..], &["--force"]].concat()).ended(0).says("the template is put back");
    assert_eq!(space.split("hello"), "latest 100");
    eventually("it is served", LONG, || (serves(&space) == "hello-00003").then_some(()));
    space.answers("hello", "v1", 5);
}
