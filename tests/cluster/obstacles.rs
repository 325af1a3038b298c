//! What stands in a release's way and is not its fault: a tag's name that somebody else has, a stable that serves nobody.

use super::rights::{account, least};
use super::support::*;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

const V2: [&str; 4] = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];

fn serving(test: &str) -> Space {
    let space = Space::new(test);
    space.serve(&sample("hello", "v1"));
    space
}

fn plain(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}})
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_name_that_is_taken_is_seen_before_anything_is_written() {
    let space = serving("name-taken");
    // A Knative Service has a placeholder of its own name.
    space.serve(&sample("candidate-hello", "v1"));
    let refused = space.andante(&V2).ended(3);
    assert!(
        refused.last().contains("`candidate-hello`") && refused.last().contains("--candidate-tag"),
        "{}",
        refused.last()
    );
    assert_eq!((space.generation("hello"), space.split("hello").as_str()), (1, "latest 100"));
    let other = ["--candidate-tag", "next"];
    space.andante(&[&V2[..], &other[..]].concat()).ended(0);
    assert_eq!(space.split("hello"), "hello-00001 100 #stable, hello-00002 0 #next");
    space.andante(&["settle", "hello"]).ended(0);
    // A run that begins again finds its own placeholders, and those are no clash.
    space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v3", "--candidate-tag", "next"]).ended(0);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_taken_name_that_cannot_be_read_takes_the_tag_back_and_users_never_notice() {
    let space = serving("name-hidden");
    space.apply(&plain("stable-hello"));
    let file = account(&space, &least());
    let load = Load::start(&space, &["hello"], 10, Duration::from_secs(60));
    let stage = space.start_as("run", &[&V2[..], &["--kubeconfig", &file]].concat());
    let refused = stage.wait(LONG).ended(3);
    assert!(refused.last().contains("`stable-hello`") && refused.last().contains("--stable-tag"), "{}", refused.last());
    assert!(refused.took < Duration::from_secs(20), "{:?}", refused.took);
    assert_eq!(space.split("hello"), "hello-00001 100");
    space.settled("hello");
    assert_eq!(space.served("hello"), "hello-00001 100");
    // Nobody blames the image.
    let other = space.start_as("other", &[&V2[..], &["--kubeconfig", &file, "--stable-tag", "old"]].concat());
    other.wait(LONG).ended(0).ends_with("staged hello-00002 at 0 %");
    let hits = load.stop();
    assert!(hits.iter().all(|hit| hit.is_good() && hit.version.as_deref() == Some("v1")), "{}", summary(&hits));
}

/// A Service whose only revision was Ready once and crashes at each start since.
fn broken(test: &str) -> Space {
    let space = Space::new(test);
    let at = (Timestamp::now() + SignedDuration::from_secs(40)).to_string();
    space.serve(&sample("hello", "v1").env("CRASH_AT", &at));
    eventually("stable is not Ready", Duration::from_secs(180), || {
        let revision = space.get("revision", "hello-00001");
        let (ready, reason, _) = condition(&revision, "Ready");
        (ready == "False").then_some(reason)
    });
    space
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_what_mends_a_broken_stable_gets_everyone_at_once() {
    let space = broken("mends");
    // A container that crashes again and again makes its revision Ready for a moment each time.
    eventually("status names what mends it", LONG, || {
        space.andante(&["status", "hello"]).whole().contains("`andante roll-out hello").then_some(())
    });
    // A release that does not start helps nobody, and is no reason to refuse the next one.
    let bad = space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:crash", "--grace", "3s"]);
    bad.ended(11).ends_with("cannot open the ledger");
    let out = ["roll-out", "hello", "--set-env", "CRASH_AT=", "--image", "dev.local/andante-sample:v2"];
    let ran = space.andante(&[&out[..], &["--style", "all-at-once"]].concat()).ended(0);
    let ran = ran.says("hello-00001 serves nobody").ends_with("hello-00003 serves everyone");
    assert!(ran.took < Duration::from_secs(60), "{:?}", ran.took);
    assert_eq!(
        (space.split("hello").as_str(), space.served("hello").as_str()),
        ("latest 100", "latest=hello-00003 100")
    );
    space.answers("hello", "v2", 5);
    // From here on there is something to protect.
    space.stage("hello", "v3");
    assert_eq!(space.split("hello"), "hello-00003 100 #stable, hello-00004 0 #candidate");
}
