//! A Service that was made by kn, Knative's own command line: what kn tells of it after a rollout is what runs.

use super::support::*;

const USER_IMAGE: &str = "client.knative.dev/user-image";

/// The image that kn would tell of a revision.
fn told(space: &Space, revision: &str) -> Option<String> {
    space.get("revision", revision)["metadata"]["annotations"][USER_IMAGE].as_str().map(str::to_owned)
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn what_kn_keeps_of_the_image_follows_it() {
    let space = Space::new("kn-marks");
    let image = |version: &str| format!("dev.local/andante-sample:{version}");
    space.serve(&sample("hello", "v1").template_annotation(USER_IMAGE, &image("v1")));
    space.stage("hello", "v2");
    assert_eq!((told(&space, "hello-00001"), told(&space, "hello-00002")), (Some(image("v1")), Some(image("v2"))));
    space.andante(&["walk", "hello", "--style", "all-at-once", "--bake", "1s"]).ended(0);
    // The same once more is the same, and the way back names what it goes back to.
    space.andante(&["stage", "hello", "--image", &image("v2")]).ended(0).says("already serves this");
    space.stage("hello", "v1");
    assert_eq!(told(&space, "hello-00003"), Some(image("v1")));
    // Who never used kn gets nothing of it.
    space.serve(&sample("other", "v1"));
    space.stage("other", "v2");
    assert_eq!(told(&space, "other-00002"), None);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_kn_itself_tells_what_was_rolled_out() {
    let space = Space::new("kn");
    let kn = |arguments: &[&str]| space.kn(arguments).good().out;
    // As kn writes it: `Image:       REPOSITORY:TAG (pinned to 0a1b2c)`.
    let images = |said: &str| -> Vec<String> {
        let lines = said.lines().filter_map(|line| line.trim().strip_prefix("Image:"));
        lines.map(|line| line.trim().to_owned()).collect()
    };
    let image = |tag: &str| format!("{}/{}/shop:{tag}", registry(), space.namespace);
    push_sample(&image("1"), "v2s2");
    push_sample(&image("2"), "oci");
    kn(&["service", "create", "hello", "--image", &image("1"), "--scale-min", "1"]);
    let said = images(&kn(&["service", "describe", "hello"]));
    assert!(said.len() == 1 && said[0].starts_with(&format!("{} (pinned to ", image("1"))), "{said:?}");

    let roll_out = ["roll-out", "hello", "--style", "all-at-once", "--bake", "1s", "--image"];
    space
        .andante(&[&roll_out[..], &[image("2").as_str()]].concat())
        .ended(0)
        .ends_with("hello-00002 has what hello-00001 had");
    let said = images(&kn(&["service", "describe", "hello"]));
    assert!(said.len() == 1 && said[0].starts_with(&format!("{} (pinned to ", image("2"))), "{said:?}");
    // kn pins what it does not change, and its own edit is no other image.
    kn(&["service", "update", "hello", "--env", "A=1"]);
    let said = images(&kn(&["service", "describe", "hello"]));
    assert!(said.len() == 1 && said[0].starts_with(&format!("{} (pinned to ", image("2"))), "{said:?}");

    // By digest alone there is no tag to tell: kn shows the image itself.
    let digest = space.get("revision", "hello-00001")["status"]["containerStatuses"][0]["imageDigest"].clone();
    let digest = digest.as_str().unwrap();
    space.andante(&[&roll_out[..], &[digest]].concat()).ended(0).ends_with("hello-00004 has what hello-00003 had");
    let said = images(&kn(&["service", "describe", "hello"]));
    assert!(said.len() == 1 && said[0].starts_with(&format!("{digest} (at ")), "{said:?}");
}

/// kn stamps the template and pins its image at each edit, so each makes a revision; the goal is another one only where the edit
/// declares something.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_edit_of_kns_is_another_goal_only_if_it_declares() {
    let space = Space::new("kn-goal");
    let kn = |arguments: &[&str]| space.kn(arguments).good().out;
    let id = || {
        let ran = space.andante(&["goal", "hello", "-o", "json"]).ended(0);
        let told: serde_json::Value = serde_json::from_str(ran.last()).unwrap();
        told["id"].as_str().unwrap().to_owned()
    };
    let image = |tag: &str| format!("{}/{}/shop:{tag}", registry(), space.namespace);
    let container = || space.service("hello")["spec"]["template"]["spec"]["containers"][0].clone();
    push_sample(&image("1"), "v2s2");
    push_sample(&image("2"), "oci");
    kn(&[
        "service",
        "create",
        "hello",
        "--image",
        &image("1"),
        "--annotation-service",
        "andante.dev/pipeline=roll-out-image",
    ]);
    let (before, revision) = (id(), space.service("hello")["status"]["latestCreatedRevisionName"].clone());
    kn(&["service", "update", "hello", "--annotation-service", "team.example.com/note=x"]);
    assert!(container()["image"].as_str().unwrap().contains("@sha256:"), "kn pins what it does not change");
    assert_ne!(space.service("hello")["status"]["latestCreatedRevisionName"], revision, "kn made a revision");
    assert_eq!(id(), before, "kn declared nothing");
    kn(&["service", "update", "hello", "--annotation-service", "andante.dev/traffic=50"]);
    let declared = id();
    assert_ne!(declared, before);
    // kn takes no annotation of a Service away (`NAME-` is refused as a name).
    space.kubectl(&["annotate", "ksvc/hello", "andante.dev/traffic-"]).good();
    assert_eq!(id(), before, "the goal from before");
    kn(&["service", "update", "hello", "--image", &image("2")]);
    assert_ne!(id(), before);
    kn(&["service", "update", "hello", "--image", &image("1")]);
    assert_eq!(id(), before);

    // A digest that somebody else names is a wish, though kn's name for the image stays.
    let digest = space.get("revision", "hello-00001")["status"]["containerStatuses"][0]["imageDigest"].clone();
    kn(&["service", "update", "hello", "--annotation-service", "team.example.com/note=y"]);
    assert_eq!(id(), before);
    let patch =
        serde_json::json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image("2")}]);
    space.kubectl(&["patch", "ksvc/hello", "--type=json", "-p", &patch.to_string()]).good();
    assert_ne!(id(), before);
    let patch =
        serde_json::json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": digest}]);
    space.kubectl(&["patch", "ksvc/hello", "--type=json", "-p", &patch.to_string()]).good();
    assert_ne!(id(), before, "the digest is meant");
}
