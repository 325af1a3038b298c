//! What cannot go well is refused before anything is written, with the reason.

use super::support::*;
use serde_json::json;

/// The command ends with this code and these words, and the Service is untouched to the last byte.
#[track_caller]
fn refused(space: &Space, arguments: &[&str], code: i32, words: &str) {
    let before = space.find("ksvc", "hello");
    let ran = space.andante(arguments).ended(code);
    let said = format!("{}\n{}", ran.lines.join("\n"), ran.err);
    assert!(said.contains(words), "nothing says `{words}`\n{}", ran.whole());
    assert_eq!(space.find("ksvc", "hello"), before, "something was written by {}", ran.command);
}

/// Every flag that makes no sense.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn plans_that_make_no_sense_are_refused() {
    let space = Space::new("bad-plans");
    refused(&space, &["walk", "hello"], 3, "there is no Service hello");
    refused(&space, &["stage", "hello"], 3, "there is no Service hello");
    refused(&space, &["settle", "hello"], 0, "there is no Service hello");
    space.serve(&sample("hello", "v1"));
    refused(&space, &["walk", "hello"], 3, "nothing is staged");
    space.stage("hello", "v2");
    space.settled("hello");
    for (steps, words) in [
        ("5,1,100", "the steps must rise"),
        ("5,5,100", "the steps must rise"),
        ("0,50,100", "a step of 0 % moves nobody"),
        ("50,101", "101"),
        ("5,,100", "steps"),
        ("half", "half"),
        ("-5", "-5"),
        ("$(params.steps)", "params.steps"),
    ] {
        refused(&space, &["walk", "hello", &format!("--steps={steps}")], 2, words);
    }
    refused(&space, &["walk", "hello", "--to", "0"], 2, "--to must be between 1 and 100");
    refused(&space, &["walk", "hello", "--steps", "5,100", "--approve", "50"], 2, "there is no step of 50 %");
    refused(&space, &["walk", "hello", "--style", "blue-green", "--steps", "5,100"], 2, "--style blue-green");
    refused(&space, &["walk", "hello", "--dwell", "20m", "--deadline", "30m"], 2, "the deadline is 30m");
    refused(&space, &["walk", "hello", "--dwell", "5"], 2, "90s");
    refused(&space, &["walk", "hello", "--probe", "healthz"], 2, "a path begins with");
    refused(&space, &["walk", "hello", "--probe-status", "200"], 2, "--probe");
    refused(&space, &["settle", "hello", "--to", "Not A Name"], 2, "Not A Name");
    refused(&space, &["walk", "Hello_World"], 2, "Hello_World");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn candidates_that_cannot_be_are_refused() {
    let space = Space::new("bad-candidates");
    space.serve(&sample("other", "v3"));
    space.serve(&sample("hello", "v1"));
    let image = |image: &'static str| ["stage", "hello", "--image", image];
    // Not a reference at all: Knative's webhook says so, and the whole write is refused.
    refused(&space, &image("dev.local/Not:A:Reference"), 2, "image");
    refused(&space, &image("$(tasks.build.results.IMAGE_URL)"), 2, "unresolved Tekton variable");
    refused(&space, &["stage", "hello", "--revision", "hello-00042"], 2, "there is no revision hello-00042");
    refused(&space, &["stage", "hello", "--revision", "other-00001"], 2, "there is no revision other-00001");
    refused(&space, &["stage", "hello"], 3, "no ready revision of hello that is newer");
    let v2 = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];
    refused(&space, &[&v2[..], &["--container", "nope"]].concat(), 2, "there is no container `nope`");
    refused(&space, &[&v2[..], &["--stable", "hello-00042"]].concat(), 2, "`hello-00042` serves nobody here");
    refused(&space, &[&v2[..], &["--candidate-tag", "stable"]].concat(), 2, "must differ");
    refused(&space, &[&v2[..], &["--set-env", "1A=b"]].concat(), 2, "not the name of an environment variable");
    refused(&space, &["stage", "hello", "--revision", "hello-00001"], 0, "nothing was written");
    // The very same image already serves: nothing to do, and what runs is told (a tag was resolved once, long ago).
    let ran = space.andante(&image("dev.local/andante-sample:v1")).ended(0);
    ran.ends_with("it runs dev.local/andante-sample:v1");
}

/// A target of others that is not Ready would block every later split, rollback included.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_foreign_target_that_is_not_ready_is_named_before_the_first_write() {
    let space = Space::new("blocked");
    space.serve(&sample("hello", "v1"));
    space.apply(&sample("hello", "crash").object);
    // It crashes at its start and is never Ready; until Knative says `False` it can take ten minutes.
    eventually("the second revision is there", LONG, || {
        (condition(&space.find("revision", "hello-00002")?, "Ready").0 != "True").then_some(())
    });
    let traffic = json!([
        {"revisionName": "hello-00001", "percent": 100},
        {"revisionName": "hello-00002", "percent": 0, "tag": "qa"}
    ]);
    space.merge("ksvc", "hello", &json!({"spec": {"traffic": traffic}})).good();
    eventually("Knative has seen it", SHORT, || {
        let service = space.service("hello");
        (service["status"]["observedGeneration"] == service["metadata"]["generation"]).then_some(())
    });
    let generation = space.generation("hello");
    let ran = space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v2"]).ended(3);
    ran.says("names hello-00002, which is not Ready").ends_with("--untag");
    assert_eq!(space.generation("hello"), generation);
    assert!(record(&space.service("hello")).is_none());
    space.answers("hello", "v1", 3);
}

/// A candidate that was rolled back is not tried again by accident, but it can be.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_what_was_rolled_back_is_refused_until_asked_for_again() {
    let space = Space::new("again");
    space.serve(&sample("hello", "v1"));
    space.stage("hello", "v2");
    let via = format!("http://{}", space.cluster.gateway);
    let probe = ["--via", &via, "--probe", "/", "--probe-body", "v7", "--probe-interval", "200ms"];
    let walk = ["walk", "hello", "--steps", "50,100", "--dwell", "1s", "--bake", "1s"];
    space.andante(&[&walk[..], &probe].concat()).ended(10);
    space.settled("hello");
    let image = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];
    refused(&space, &image, 17, "hello-00002 was rolled back at");
    refused(&space, &["stage", "hello", "--revision", "hello-00002"], 17, "hello-00002 was rolled back at");
    space.andante(&[&image[..], &["--again"]].concat()).ended(0).ends_with("staged hello-00003");
    space.andante(&walk).ended(0).ends_with("finished");
    assert_eq!(space.split("hello"), "latest 100");
    // And so can what serves already.
    space.andante(&[&image[..], &["--again"]].concat()).ended(0).ends_with("staged hello-00004");
}
