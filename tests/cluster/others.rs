//! What belongs to others survives: tags, pinned revisions, annotations; and who else writes here is named.

use super::support::*;
use serde_json::{Value, json};
use std::time::Duration;

/// The owner's entries: a tenth pinned to an old revision, the main one on latest, two previews.
fn owners_traffic() -> Value {
    json!([
        {"revisionName": "hello-00001", "latestRevision": false, "percent": 10, "tag": "pinned"},
        {"latestRevision": true, "percent": 90},
        {"revisionName": "hello-00002", "latestRevision": false, "percent": 0, "tag": "qa"},
        {"latestRevision": true, "percent": 0, "tag": "preview"}
    ])
}

/// A Service of three versions, with much of its owner's own on it.
fn owned(name: &str) -> Space {
    let space = Space::new(name);
    let foreign = |s: Sample| {
        let s = s.annotation("example.com/owner", "team ☂ \"blue\"").annotation("example.com/empty", "");
        s.template_annotation("example.com/of-template", "kept")
    };
    space.serve(&foreign(sample("hello", "v1")));
    space.serve(&foreign(sample("hello", "v2")));
    space.serve(&foreign(sample("hello", "plain").env("VERSION", "v2b")).traffic(owners_traffic()));
    assert_eq!(space.service("hello")["spec"]["traffic"], owners_traffic());
    space
}

/// Annotations and labels that are neither ours nor Knative's.
fn foreign(service: &Value) -> Value {
    let of = |field: &str| {
        let all = service["metadata"][field].as_object().cloned().unwrap_or_default();
        let theirs =
            all.into_iter().filter(|(k, _)| !k.starts_with("andante.dev/") && *k != "serving.knative.dev/lastModifier");
        theirs.collect::<serde_json::Map<_, _>>()
    };
    json!({"annotations": of("annotations"), "labels": of("labels"),
        "template": service.pointer("/spec/template/metadata/annotations")})
}

/// Tags and targets of others, with a good end.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn tags_pinned_revisions_and_annotations_of_others_survive_a_release() {
    let space = owned("others");
    let before = space.service("hello");
    let watch = space.watch("hello");
    let stage = ["stage", "hello", "--image", "dev.local/andante-sample:v3", "--set-env", "VERSION=v3"];
    space.andante(&stage).ended(0);
    let load = Load::start(&space, &["hello", "pinned-hello", "qa-hello"], 15, Duration::from_secs(60));
    space.andante(&["walk", "hello", "--steps", "50,100", "--dwell", "2s", "--bake", "2s"]).ended(0);
    let hits = load.stop();

    let after = space.service("hello");
    assert_eq!(after["spec"]["traffic"], owners_traffic());
    assert_eq!(foreign(&after), foreign(&before));
    for seen in watch.seen() {
        let traffic = seen.object["spec"]["traffic"].as_array().unwrap();
        for entry in [0, 2, 3] {
            assert!(
                traffic.contains(&owners_traffic()[entry]),
                "an entry of the owner's is gone: {}",
                split(&json!(traffic))
            );
        }
        assert_eq!(foreign(&seen.object), foreign(&before));
    }
    // Steps are percents of what stable had: 45 of 90.
    let half = "hello-00003 45 #stable, hello-00004 45 #candidate, hello-00001 10 #pinned, hello-00002 0 #qa, latest 0 #preview";
    assert!(watch.values(|s| split(&s["spec"]["traffic"])).contains(&half.to_owned()));
    assert!(hits.iter().all(Hit::is_good), "{}", summary(&hits));
    share_is(&whole(&hits, "hello"), "v1", 10);
    share_is(&whole(&hits, "pinned-hello"), "v1", 100);
    share_is(&whole(&hits, "qa-hello"), "v2", 100);
    space.answers("preview-hello", "v3", 3);
}

/// Tags and targets of others, with a bad end: what users and tags reach is as before, every entry by name.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_tags_pinned_revisions_and_annotations_of_others_survive_a_rollback() {
    let space = owned("others-back");
    let before = space.service("hello");
    let stage = ["stage", "hello", "--image", "dev.local/andante-sample:v3", "--set-env", "VERSION=v3"];
    space.andante(&stage).ended(0);
    space.andante(&["walk", "hello", "--steps", "50,100", "--dwell", "1s", "--to", "50"]).ended(0);
    space.andante(&["settle", "hello"]).ended(0);
    let traffic = space.service("hello")["spec"]["traffic"].clone();
    let wanted =
        "hello-00001 10 #pinned, hello-00003 90, hello-00002 0 #qa, hello-00003 0 #preview, hello-00004 0 #candidate";
    assert_eq!(split(&traffic), wanted);
    assert_eq!(traffic[0], owners_traffic()[0]);
    assert_eq!(traffic[2], owners_traffic()[2]);
    assert_eq!(foreign(&space.service("hello"))["annotations"], foreign(&before)["annotations"]);
    space.answers("preview-hello", "v2b", 3);
    space.answers("pinned-hello", "v1", 3);
}

/// Two of the owner's entries without a tag: which one is walked has to be said.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn an_ambiguous_split_needs_the_stable_to_be_named() {
    let space = Space::new("ambiguous");
    space.serve(&sample("hello", "v1"));
    let two = json!([{"revisionName": "hello-00001", "percent": 40}, {"revisionName": "hello-00002", "percent": 60}]);
    space.serve(&sample("hello", "v2"));
    space.merge("ksvc", "hello", &json!({"spec": {"traffic": two}})).good();
    let before = space.settled("hello");
    let refused = space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v3"]).ended(3);
    refused.ends_with("--stable REVISION");
    assert_eq!(space.service("hello"), before);
    let stage = ["stage", "hello", "--image", "dev.local/andante-sample:v3", "--stable", "hello-00001"];
    space.andante(&stage).ended(0);
    space.andante(&["walk", "hello", "--steps", "50,100", "--dwell", "1s", "--bake", "1s"]).ended(0);
    assert_eq!(space.split("hello"), "hello-00003 40, hello-00002 60");
}

/// An owner's tag with our name (Knative would answer 400 "Multiple definitions"): refused before any write, and other
/// names are at hand.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_owners_tag_with_our_name_is_left_alone() {
    let space = Space::new("own-tag");
    let traffic = json!([
        {"latestRevision": true, "percent": 100},
        {"revisionName": "hello-00001", "latestRevision": false, "percent": 0, "tag": "candidate"}
    ]);
    space.serve(&sample("hello", "v1"));
    space.serve(&sample("hello", "v2").traffic(traffic.clone()));
    let before = space.settled("hello");
    let refused = space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v3"]).ended(3);
    refused.says("the tag `candidate` is the owner's already").ends_with("--candidate-tag");
    assert_eq!(space.service("hello"), before);
    let stage =
        ["stage", "hello", "--image", "dev.local/andante-sample:v3", "--candidate-tag", "next", "--stable-tag", "now"];
    space.andante(&stage).ended(0);
    space.answers("next-hello", "v3", 3);
    space.answers("now-hello", "v2", 3);
    space.answers("candidate-hello", "v1", 3);
    space.andante(&["walk", "hello", "--style", "all-at-once"]).ended(0);
    assert_eq!(space.service("hello")["spec"]["traffic"], traffic);
}

/// A GitOps tool that applies the containers is named, and the way out is offered.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_gitops_manager_of_the_image_is_named() {
    let space = Space::new("gitops");
    let wanted = sample("hello", "v1").object;
    let apply = ["apply", "--server-side", "--field-manager=argocd", "-f", "-"];
    space.kubectl_with(&apply, &wanted).good();
    space.settled("hello");
    let ran = space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v2"]).ended(0);
    ran.says("`argocd` applies the containers of hello").says("--revision NAME");
    // The warning is true: the tool's next apply of its own file conflicts with ours.
    let conflict = space.kubectl_with(&apply, &wanted);
    assert!(conflict.code != 0 && conflict.err.contains("conflict"), "{}", conflict.err);
}

/// A controller that owns the Service, and one that updates it, are named; whoever typed kubectl is not.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_whoever_may_write_it_back_is_named_before_the_first_write() {
    let space = Space::new("owned-by");
    space.serve(&sample("hello", "v1"));
    let stage = |version: &str| {
        let image = format!("dev.local/andante-sample:{version}");
        space.andante(&["stage", "hello", "--image", &image]).ended(0)
    };
    stage("v2").never_says("may write").never_says("its next");
    space.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "boss"}}));
    let uid = space.get("configmap", "boss")["metadata"]["uid"].clone();
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "boss", "uid": uid, "controller": true});
    space.merge("ksvc", "hello", &json!({"metadata": {"ownerReferences": [owner]}})).good();
    let patch = json!({"spec": {"template": {"metadata": {"annotations": {"example.com/by": "helm"}}}}}).to_string();
    let helm = ["patch", "ksvc", "hello", "--type=merge", "--field-manager=helm-controller", "-p", &patch];
    space.kubectl(&helm).good();
    let ran = stage("v3")
        .says("ConfigMap boss (v1) owns hello as its controller")
        .says("`helm-controller` writes the template of hello");
    let at = |text: &str| ran.lines.iter().position(|line| line.contains(text)).unwrap();
    assert!(at("ConfigMap boss") < at("users pinned to"), "{}", ran.whole());
    let walk = space.andante(&["walk", "hello", "--style", "all-at-once"]).ended(0);
    walk.says("ConfigMap boss (v1) owns hello as its controller");
    let status = space.andante(&["status", "hello"]).whole();
    assert!(status.contains("note       ConfigMap boss (v1) owns hello as its controller"), "{status}");
    // One process says it once.
    let image = ["--image", "dev.local/andante-sample:v2", "--style", "all-at-once"];
    let ran = space.andante(&[&["roll-out", "hello"][..], &image[..]].concat()).ended(0);
    assert_eq!(ran.lines.iter().filter(|line| line.contains("ConfigMap boss")).count(), 1, "{}", ran.whole());
}

/// A template with a name (Knative refuses a changed template that keeps its name).
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_named_template_gets_no_name_or_a_new_one() {
    let space = Space::new("named");
    space.serve(&sample("hello", "v1").revision("hello-first"));
    assert_eq!(space.stage("hello", "v2"), "hello-00002");
    space.andante(&["walk", "hello", "--style", "all-at-once"]).ended(0);
    let stage = ["stage", "hello", "--image", "dev.local/andante-sample:v3", "--revision-name", "hello-third"];
    space.andante(&stage).ended(0).ends_with("staged hello-third");
    space.andante(&["walk", "hello", "--style", "all-at-once"]).ended(0);
    space.answers("hello", "v3", 3);
    assert_eq!(space.split("hello"), "latest 100");
    assert_eq!(space.andante(&["stage", "hello", "--image", "x", "--revision-name", "other-1"]).code, 2);
}
