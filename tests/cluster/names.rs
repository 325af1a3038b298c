//! Names that are too long, or taken: of Services, tags and revisions.

use super::support::*;
use std::time::Duration;

const QUICK: [&str; 6] = ["--steps", "50,100", "--dwell", "2s", "--bake", "1s"];

/// A Service's name of so many characters.
fn long(length: usize) -> String {
    "a".repeat(length)
}

/// With `candidate` and `stable` the Route would fail: TAG-SERVICE is a label of a host name, and has at most 63 characters.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_service_with_a_long_name_is_rolled_out_with_short_tags() {
    let space = Space::new("long-names");
    let name = long(61);
    space.serve(&sample(&name, "v1"));
    let image = ["--image", "dev.local/andante-sample:v2"];
    space.andante(&[&["stage", name.as_str()][..], &image[..]].concat()).ended(0).says("tagged `c` at 0 %");
    space.answers(&format!("c-{name}"), "v2", 3);
    space.answers(&format!("s-{name}"), "v1", 3);
    space.answers(&name, "v1", 3);
    let via = format!("http://{}", space.cluster.gateway);
    let probe = ["--via", via.as_str(), "--probe", "/", "--probe-interval", "200ms"];
    space.andante(&[&["walk", name.as_str()][..], &QUICK[..], &probe[..]].concat()).ended(0);
    assert_eq!(space.split(&name), "latest 100");
    space.answers(&name, "v2", 5);
    // The brake finds them in the split where the record is lost.
    space.andante(&[&["stage", name.as_str(), "--image", "dev.local/andante-sample:v3"][..]].concat()).ended(0);
    let to = ["walk", name.as_str(), "--steps", "50,100", "--to", "50", "--dwell", "0s"];
    space.andante(&to).ended(0);
    space.kubectl(&["annotate", "ksvc", &name, "andante.dev/rollout-"]).good();
    space.andante(&["settle", &name, "--to", "stable"]).ended(0);
    space.answers(&name, "v2", 5);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_service_whose_name_leaves_no_room_for_a_tag_is_refused_and_left_alone() {
    let space = Space::new("longest-names");
    let name = long(62);
    space.serve(&sample(&name, "v1"));
    let before = space.settled(&name);
    let ran = space.andante(&["stage", &name, "--image", "dev.local/andante-sample:v2"]).ended(2);
    ran.says("no tag fits").ends_with("at most 61 characters");
    assert_eq!(space.service(&name), before);
    // Knative itself admits such a tag, and then its Route fails: that is what is refused.
    let traffic = serde_json::json!([{"latestRevision": true, "percent": 100},
        {"revisionName": before["status"]["latestReadyRevisionName"], "percent": 0, "tag": "c"}]);
    space.merge("ksvc", &name, &serde_json::json!({"spec": {"traffic": traffic}})).good();
    eventually("Knative refuses the tag", LONG, || {
        (condition(&space.service(&name), "RoutesReady").0 == "False").then_some(())
    });
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_revision_name_that_is_taken_is_refused_before_the_first_write() {
    let space = Space::new("taken-name");
    space.serve(&sample("hello", "v1").revision("hello-first"));
    let before = space.settled("hello");
    let stage = ["stage", "hello", "--image", "dev.local/andante-sample:v2", "--revision-name"];
    let ran = space.andante(&[&stage[..], &["hello-first"]].concat()).ended(2);
    ran.says("there is a revision of that name already").ends_with("--revision hello-first");
    assert_eq!(space.service("hello"), before);
    space.andante(&[&stage[..], &["hello-second"]].concat()).ended(0).ends_with("staged hello-second");
    space.andante(&[&["walk", "hello"][..], &QUICK[..]].concat()).ended(0);
    space.answers("hello", "v2", 3);
}

/// Another Service's revision cannot be seen by whoever looks for one's own; Knative says `RevisionNameTaken`.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_name_of_another_services_revision_ends_staging_at_once_and_blocks_no_route() {
    let space = Space::new("hidden-name");
    space.serve(&sample("hello-v2", "v3"));
    space.serve(&sample("hello", "v1"));
    let load = Load::start(&space, &["hello"], 10, Duration::from_secs(60));
    let stage = ["stage", "hello", "--image", "dev.local/andante-sample:v2", "--revision-name"];
    let ran = space.andante(&[&stage[..], &["hello-v2-00001"]].concat()).ended(3);
    let ran = ran.says("RevisionNameTaken").says("is taken out of it");
    assert!(ran.took < Duration::from_secs(20), "{:?}", ran.took);
    assert_eq!(space.split("hello"), "hello-00001 100");
    let service = space.settled("hello");
    assert_eq!(service.pointer("/spec/template/metadata/name"), None);
    assert_eq!(
        (condition(&service, "RoutesReady").0.as_str(), space.served("hello").as_str()),
        ("True", "hello-00001 100")
    );
    space.andante(&[&stage[..], &["hello-v3"]].concat()).ended(0).ends_with("staged hello-v3");
    let hits = load.stop();
    assert!(hits.iter().all(|hit| hit.is_good() && hit.version.as_deref() == Some("v1")), "{}", summary(&hits));
}
