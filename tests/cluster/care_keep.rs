//! Care at admission: whoever changes the template of a Service in care, without meaning its traffic, moves nobody.

use super::support::*;
use serde_json::{Value, json};

const KEPT: &str = "andante.dev/kept";

/// A patch of the image, as users follow latest and as they are pinned: nobody meets the new revision, and the Service says
/// who asked for what.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_new_template_makes_a_revision_and_reaches_nobody() {
    let (space, _care) = in_care("care-keep", "care");
    space.serve(&sample("control", "v1"));
    let load = Load::start(&space, &["hello", "control"], 10, LONG);
    patched(&space, &of_version("v2")).good();
    assert_eq!(space.split("hello"), "hello-00001 100");
    let said = annotation(&space, KEPT);
    assert!(said.contains("(kims-editor) asked for latest 100 %: users stay on hello-00001 100 %"), "{said}");
    space.ready("hello-00002");
    let service = space.settled("hello");
    assert_eq!(
        (space.served("hello").as_str(), service["status"]["latestReadyRevisionName"].as_str()),
        ("hello-00001 100", Some("hello-00002"))
    );
    // An entry without a name follows latest whether it says so or not.
    let mut both = of_version("v3");
    both["spec"]["traffic"] = json!([{"percent": 100}]);
    patched(&space, &both).good();
    patched(&space, &json!({"spec": {"traffic": null}})).good();
    assert_eq!(space.split("hello"), "hello-00001 100");
    assert!(annotation(&space, KEPT).contains("asked for no traffic"), "{}", annotation(&space, KEPT));
    space.ready("hello-00003");
    space.settled("hello");
    let hits = load.stop();
    for version in ["v2", "v3"] {
        nobody_saw(&whole(&hits, "hello"), version);
    }
    no_error_of_ours(&hits, "hello", "control");
}

/// What does not touch template and split is as it was written, with nothing beside it.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_labels_annotations_and_dry_runs_are_as_they_were() {
    let (space, _care) = in_care("care-labels", "care");
    let before = space.service("hello");
    space.kubectl(&["label", "ksvc", "hello", "team=blue"]).good();
    space.kubectl(&["annotate", "ksvc", "hello", "example.com/note=1"]).good();
    space.kubectl(&["annotate", "ksvc", "hello", "example.com/note-"]).good();
    let after = space.service("hello");
    assert_eq!(
        (&after["spec"], &after["metadata"]["annotations"]),
        (&before["spec"], &before["metadata"]["annotations"])
    );
    let patch = of_version("v2").to_string();
    let dry =
        space.kubectl(&["patch", "ksvc", "hello", "--type=merge", "--dry-run=server", "-o", "json", "-p", &patch]);
    let shown: Value = serde_json::from_str(&dry.good().out).unwrap();
    assert_eq!(split(&shown["spec"]["traffic"]), "hello-00001 100", "a dry run shows what would be");
    assert_eq!(space.service("hello"), after);
}

/// The split names a revision that somebody has deleted: the split is not this write's business.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_revision_in_the_split_that_is_gone_refuses_nobody() {
    let (space, _care) = in_care("care-gone", "care");
    patched(&space, &of_version("v2")).good();
    space.ready("hello-00002");
    space.kubectl(&["delete", "revision", "hello-00001"]).good();
    patched(&space, &of_version("v3")).good();
    assert_eq!(space.split("hello"), "hello-00001 100");
    // The way out is the brake's.
    space.ready("hello-00003");
    space.andante(&["settle", "hello", "--to", "hello-00003"]).ended(0);
    assert_eq!(space.split("hello"), "hello-00003 100");
    space.answers("hello", "v3", 5);
}

/// While it is not known what latest means, a new template is refused: what serves is not to be guessed.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_write_while_the_last_one_is_being_taken_up_is_refused() {
    let (space, _care) = in_care("care-lag", "care");
    let template = |n: usize| json!({"metadata": {"annotations": {"example.com/n": n.to_string()}}});
    let refused = (0..20).find_map(|n| {
        // A glass lets the first one be taken up as Knative does it; the second comes before Knative has looked.
        let glass = space.generation("hello").to_string();
        let first = json!({"metadata": {"annotations": {"andante.dev/break-glass": glass}},
            "spec": {"template": template(n), "traffic": [{"latestRevision": true, "percent": 100}]}});
        at_once(&space, &first).unwrap();
        let second = at_once(&space, &json!({"spec": {"template": template(n + 1000)}}));
        space.settled("hello");
        second.err()
    });
    let refused = refused.expect("Knative was always faster");
    assert!(refused.contains("the last change of it is still being taken up"), "{refused}");
    assert!(refused.contains("try again in a moment"), "{refused}");
    // And in a moment it is taken.
    patched(&space, &json!({"spec": {"template": template(5000)}})).good();
    assert!(!space.split("hello").contains("latest"), "{}", space.split("hello"));
}

/// A foreign edit within milliseconds after the write that stages: users are pinned there, and stay.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn an_edit_right_after_the_write_that_stages_moves_nobody() {
    let (space, _care) = in_care("care-stage", "care");
    let stage = space.start(&["stage", "hello", "--image", "dev.local/andante-sample:v2"]);
    let staged = std::iter::repeat_with(|| space.service("hello")).find(|s| record(s).is_some()).unwrap();
    let written = std::time::Instant::now();
    at_once(&space, &of_version("v3")).unwrap();
    eprintln!("{:?} after the write that stages was seen", written.elapsed());
    assert_eq!(split(&staged["spec"]["traffic"]), "hello-00001 100 #stable, latest 0 #candidate");
    stage.wait(LONG).ended(14).says("kims-editor");
    assert_eq!(space.split("hello"), "hello-00001 100");
    space.answers("hello", "v1", 5);
}

/// Knative itself takes users from one revision to the next, bit by bit: latest means two of them, and by either name somebody would be
/// moved.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_new_template_is_refused_while_knative_moves_users_itself() {
    let (space, _care) = in_care("care-gradual", "care");
    let mut gradual = of_version("v2");
    gradual["spec"]["traffic"] = json!([{"latestRevision": true, "percent": 100}]);
    let glass = space.generation("hello").to_string();
    gradual["metadata"]["annotations"] =
        json!({"serving.knative.dev/rollout-duration": "600s", "andante.dev/break-glass": glass});
    patched(&space, &gradual).good();
    let both = eventually("users are on both", LONG, || {
        let served = space.served("hello");
        (served.contains("hello-00001") && served.contains("hello-00002")).then_some(served)
    });
    let refused = patched(&space, &of_version("v3"));
    assert_ne!(refused.code, 0, "users were moved from {both} to {}", space.split("hello"));
    assert!(refused.err.contains("the last change of it is still being taken up"), "{}", refused.err);
    // Nor does an adoption name anybody, and what is no template passes.
    let adopt = ["adopt", "hello", "--pipeline", "ship-it"];
    space.andante(&adopt).ended(3).says("do not have the split of its spec.traffic yet");
    space.kubectl(&["label", "ksvc", "hello", "team=blue"]).good();
    assert_eq!((space.split("hello").as_str(), space.generation("hello")), ("latest 100", 2));
    let served = space.served("hello");
    assert!(served.contains("hello-00001") && served.contains("hello-00002"), "{served}");
}
