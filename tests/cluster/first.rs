//! First deployments: there is nobody to protect yet, so the first revision serves everyone, and the tool says so.

use super::support::*;

/// No Service before.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_first_deployment_is_created_and_serves_everyone_at_once() {
    let space = Space::new("first");
    let ran = space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v1"]).ended(0);
    ran.says("yet: first deployment").ends_with("first deployment: hello-00001 serves everyone");
    assert_eq!(space.split("hello"), "latest 100");
    space.answers("hello", "v1", 3);
    // A pipeline goes on with its walk: there is nothing left to do, and that is no error.
    space.andante(&["walk", "hello"]).ended(0).ends_with("already finished");
    space.andante(&["settle", "hello"]).ended(0);
    assert_eq!(space.split("hello"), "latest 100");
    // And the next release is an ordinary one.
    space.stage("hello", "v2");
    space.answers("hello", "v1", 3);
}

/// The Service is there, but nothing of it was ever ready.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_service_that_never_worked_gets_its_first_good_revision_at_once() {
    let space = Space::new("never-worked");
    space.apply(&sample("hello", "crash").object);
    // Whether the Revision itself tells of the crash is Knative's luck (it may take ten minutes); its pods tell.
    eventually("the first revision crashed", LONG, || {
        let pods = space.list("pod", "serving.knative.dev/revision=hello-00001");
        let status = pods.first()?.pointer("/status/containerStatuses")?.as_array()?.clone();
        status.iter().any(|c| c["lastState"]["terminated"]["exitCode"] == 3).then_some(())
    });
    let ran = space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v1"]).ended(0);
    ran.says("hello has no ready revision").ends_with("first deployment: hello-00002 serves everyone");
    space.answers("hello", "v1", 3);
}

/// A first deployment that cannot start ends with the revision's own words.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_first_deployment_that_crashes_ends_with_its_last_words() {
    let space = Space::new("first-crash");
    let arguments =
        ["stage", "hello", "--image", "dev.local/andante-sample:crash", "--grace", "2s", "--deadline", "60s"];
    space.andante(&arguments).ended(11).ends_with("cannot open the ledger");
}

/// A Service from a file, in YAML: made from it at first, staged from it later.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_manifest_creates_the_service_and_later_releases_from_it_are_staged() {
    let space = Space::new("from-file");
    let manifest = |image: &str, greeting: &str| {
        format!(
            "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata:\n  name: hello\n  labels:\n    team: blue\n\
             spec:\n  template:\n    metadata:\n      annotations:\n        autoscaling.knative.dev/min-scale: \"1\"\n\
             \x20   spec:\n      timeoutSeconds: 42\n      containers:\n        - name: app\n          image: {image}\n\
             \x20         env:\n            - name: GREETING\n              value: \"{greeting}\"\n"
        )
    };
    let file = space.file("service.yaml", &manifest("dev.local/andante-sample:v1", "hello"));
    space.andante(&["stage", "hello", "--from-file", &file]).ended(0).ends_with("first deployment");
    let service = space.service("hello");
    assert_eq!(service["metadata"]["labels"]["team"], "blue");
    assert_eq!(service.pointer("/spec/template/spec/timeoutSeconds").unwrap(), 42);
    space.answers("hello", "v1", 3);

    // The same file again changes nothing.
    space.andante(&["stage", "hello", "--from-file", &file]).ended(0).ends_with("nothing was written");

    let file = space.file("service.yaml", &manifest("dev.local/andante-sample:v1", "good day"));
    // The image of the command line wins over the file's.
    let arguments = ["stage", "hello", "--from-file", &file, "--image", "dev.local/andante-sample:v2"];
    space.andante(&arguments).ended(0).ends_with("staged hello-00002");
    space.answers("hello", "v1", 3);
    space.answers("candidate-hello", "v2", 3);
    let service = space.service("hello");
    assert_eq!(service.pointer("/spec/template/spec/containers/0/env/0/value").unwrap(), "good day");
    assert_eq!(service.pointer("/spec/template/spec/containers/0/name").unwrap(), "app");

    let other = space.file("other.yaml", &manifest("x", "y").replace("name: hello", "name: other"));
    space.andante(&["stage", "hello", "--from-file", &other]).ended(2).ends_with("is of Service `other`");
}
