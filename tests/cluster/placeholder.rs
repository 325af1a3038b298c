//! An image that stands for what is built from the source: it waits for its build, and once something was built nobody's apply of
//! the file takes that away.

use super::start::{annotate, runs, status};
use super::support::*;
use serde_json::{Value, json};
use std::time::Duration;

const IMAGE: &str = "/spec/template/spec/containers/0/image";
const STANDS_FOR_IT: &str = "placeholder.invalid/hello";

/// What stands in Git.
fn file(source: &Repository, commit: &str, repository: &str) -> Sample {
    let params = "{tls-verify: 'false', steps: '50,100', dwell: 1s, bake: 1s, probe: /}";
    let mut hello = sample("hello", "v1")
        .annotation("andante.dev/pipeline", "build-it-and-roll-it-out-slowly")
        .annotation("andante.dev/source", &source.url)
        .annotation("andante.dev/source-revision", commit)
        .annotation("andante.dev/image-repository", repository)
        .annotation("andante.dev/params", params);
    *hello.object.pointer_mut(IMAGE).unwrap() = json!(STANDS_FOR_IT);
    hello
}

fn image_of(service: &Value) -> &str {
    service.pointer(IMAGE).and_then(Value::as_str).unwrap()
}

fn by_server(space: &Space, object: &Value) {
    let words = ["apply", "--server-side", "--force-conflicts", "--field-manager=gitops", "-f", "-"];
    space.kubectl_with(&words, object).good();
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_placeholder_waits_for_its_build_and_is_no_edit_afterwards() {
    let space = Space::new("placeholder");
    install_with_images(&space, "pipelines/build-it-and-roll-it-out-slowly");
    let source = Repository::new(&space);
    let repository = format!("{}/{}", registry(), space.namespace);
    let first = source.commit(&["VERSION=v2"]);
    let hello = file(&source, &first, &repository);

    // What it is built from has to be said.
    let mut nothing = sample("nothing", "v1").annotation("andante.dev/pipeline", "build-it-and-roll-it-out-slowly");
    *nothing.object.pointer_mut(IMAGE).unwrap() = json!(STANDS_FOR_IT);
    space.apply(&nothing.object);
    let ran = space.andante(&["start", "nothing"]).ended(2);
    let why = "it stands for what is built from a source, and there is no andante.dev/source";
    assert!(ran.err.contains(why), "{}", ran.whole());
    let posted = space.service("nothing")["metadata"]["annotations"]["andante.dev/goal-status"].to_string();
    assert!(posted.contains("unreadable") && posted.contains(why), "{posted}");

    // Nothing serves until something was built, and then it serves everyone.
    space.apply(&hello.object);
    space.andante(&["start", "hello"]).ended(0).says("started Pipeline build-it-and-roll-it-out-slowly");
    let run = PipelineRun { space: &space, name: status(&space)["run"].as_str().unwrap().to_owned() };
    let before = space.service("hello");
    assert_eq!((image_of(&before), before["status"]["latestReadyRevisionName"].as_str()), (STANDS_FOR_IT, None));
    space.andante(&["start", "hello"]).ended(0).ends_with("and runs");
    run.over().good().gives("outcome", "created").says(&format!("fetched {first}"));
    space.answers("hello", "v2", 5);
    let built = image_of(&space.service("hello")).to_owned();
    assert!(built.starts_with(&format!("{repository}/hello@sha256:")), "{built}");
    let serves = space.split("hello");
    assert!(!serves.contains("latest"), "in care it is by name: {serves}");
    space.andante(&["start", "hello"]).ended(0).ends_with("ended well");

    // In care the file says nothing new, whoever applies it and how.
    let care = Care::install(&space, "care", |_| {});
    take_effect(&space, "hello");
    space.settled("hello");
    let generation = space.generation("hello");
    for _ in 0..2 {
        space.apply(&hello.object);
        by_server(&space, &hello.object);
    }
    assert_eq!((image_of(&space.service("hello")), space.generation("hello")), (built.as_str(), generation));
    assert_eq!(annotation(&space, "andante.dev/kept"), "", "nothing else was meant");
    // What else is changed in the file is changed, and reaches nobody.
    space.apply(&hello.clone().env("MORE", "yes").object);
    assert_eq!((image_of(&space.service("hello")), space.generation("hello")), (built.as_str(), generation + 1));
    space.ready("hello-00003");
    assert_eq!(space.split("hello"), serves);
    space.apply(&hello.object);
    drop(care);
    eventually("the policies are gone", SHORT, || {
        space.apply(&hello.object);
        (image_of(&space.service("hello")) == STANDS_FOR_IT).then_some(())
    });

    // Without the policies it makes a revision that never serves. Users have theirs by name, and it is no other goal.
    holds_for("users stay", Duration::from_secs(5), || space.version("hello").as_deref() == Some("v2"));
    assert_eq!(space.split("hello"), serves);
    let count = runs(&space, "pipelinerun").len();
    space.andante(&["start", "hello"]).ended(0);
    assert_eq!(runs(&space, "pipelinerun").len(), count, "the same goal");
    // The next run mends it: of the same commit, whose image is there already, and of another one.
    space.andante(&["start", "hello", "--again", "--wait"]).ended(0).ends_with("ended well");
    assert_eq!(image_of(&space.service("hello")), built);
    space.apply(&hello.object);
    let second = source.commit(&["VERSION=v3"]);
    annotate(&space, &format!("andante.dev/source-revision={second}"));
    space.andante(&["start", "hello", "--wait"]).ended(0).ends_with("ended well");
    space.answers("hello", "v3", 5);
    let newer = image_of(&space.service("hello")).to_owned();
    assert!(newer != built && newer.starts_with(&format!("{repository}/hello@sha256:")), "{newer}");
}
