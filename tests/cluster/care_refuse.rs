//! Care at admission: who names a split is refused or warned, and told the ways out; the broken glass is one write.

use super::support::*;
use serde_json::json;

fn to(revision: &str) -> serde_json::Value {
    json!({"spec": {"traffic": [{"revisionName": revision, "percent": 100}]}})
}

/// The same write with the glass broken at a generation.
fn breaking(mut patch: serde_json::Value, generation: i64) -> serde_json::Value {
    patch["metadata"]["annotations"]["andante.dev/break-glass"] = json!(generation.to_string());
    patch
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_split_by_name_is_refused_and_a_broken_glass_lets_one_through() {
    let (space, _care) = in_care("care-refuse", "care");
    patched(&space, &of_version("v2")).good();
    space.ready("hello-00002");
    let refused = patched(&space, &to("hello-00002"));
    assert_ne!(refused.code, 0);
    for word in [
        "slow-walk",
        "moved by its rollouts alone",
        "andante control abort hello",
        "andante.dev/break-glass: \"2\"",
        "andante.dev/pipeline away",
    ] {
        assert!(refused.err.contains(word), "no `{word}` in {}", refused.err);
    }
    // An old glass opens nothing, the present one a single write, whatever it comes with.
    assert_ne!(patched(&space, &breaking(to("hello-00002"), 1)).code, 0);
    patched(&space, &breaking(to("hello-00002"), 2)).good();
    assert_eq!(space.split("hello"), "hello-00002 100");
    assert!(
        annotation(&space, "andante.dev/break-glass").starts_with("2 used by "),
        "{}",
        annotation(&space, "andante.dev/break-glass")
    );
    assert_ne!(patched(&space, &to("hello-00001")).code, 0);
    // Broken beforehand, for a tool that cannot set annotations.
    let glass = format!("andante.dev/break-glass={}", space.generation("hello"));
    space.kubectl(&["annotate", "ksvc", "hello", "--overwrite", &glass]).good();
    // A rollout's own write, which changes its record alone, leaves it to the person.
    let record =
        json!({"metadata": {"annotations": {"andante.dev/rollout": r#"{"format":1,"epoch":1,"phase":"finished"}"#}}});
    let ours = ["patch", "ksvc", "hello", "--type=merge", "--field-manager=andante", "-p", &record.to_string()];
    space.kubectl(&ours).good();
    assert_eq!(annotation(&space, "andante.dev/break-glass"), space.generation("hello").to_string());
    patched(&space, &to("hello-00001")).good();
    assert_ne!(patched(&space, &to("hello-00002")).code, 0);
    assert_eq!(space.split("hello"), "hello-00001 100");
    space.answers("hello", "v1", 5);
}

/// All of ours goes in one write with a broken glass, and nothing of it is left behind.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_leaving_care_is_one_write() {
    let (space, _care) = in_care("care-leave", "care");
    let walk = ["--steps", "50,100", "--dwell", "1s", "--bake", "1s"];
    space.andante(&[&["roll-out", "hello", "--image", "dev.local/andante-sample:v2"], &walk[..]].concat()).ended(0);
    // At rest, the annotation alone: what its rollouts know stays, users too.
    let names = ["andante.dev/pipeline", "andante.dev/rollout", "andante.dev/progress", "andante.dev/kept"];
    let mut gone = json!({"metadata": {"annotations": {}}, "spec": {"traffic": [{"revisionName": "hello-00001", "percent": 100}]}});
    for name in names {
        gone["metadata"]["annotations"][name] = json!(null);
    }
    assert_ne!(patched(&space, &gone).code, 0, "leaving is no way to move users");
    patched(&space, &breaking(gone, space.generation("hello"))).good();
    let service = space.service("hello");
    let annotations = service["metadata"]["annotations"].as_object().unwrap();
    assert!(!annotations.keys().any(|name| name.starts_with("andante.dev/")), "{annotations:?}");
    assert_eq!(space.split("hello"), "hello-00001 100");
    // Out of care it is as Knative does it.
    patched(&space, &to("hello-00002")).good();
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_warning_lets_a_named_split_stand_and_keeps_one_that_nobody_named() {
    let (space, _care) = in_care("care-warn", "care-warn");
    patched(&space, &of_version("v2")).good();
    assert_eq!(space.split("hello"), "hello-00001 100");
    space.ready("hello-00002");
    let warned = patched(&space, &to("hello-00002")).good();
    assert!(warned.err.contains("Warning") && warned.err.contains("andante control abort"), "{}", warned.err);
    assert_eq!(space.split("hello"), "hello-00002 100");
    space.answers("hello", "v2", 5);
    // A walk sees that a person took the wheel, as it does without policies.
    space.stage("hello", "v3");
    let mut walk = space.start(&["walk", "hello", "--steps", "50,100", "--dwell", "10m"]);
    walk.line("step 1 of 2 is served", LONG);
    patched(&space, &to("hello-00002")).good();
    walk.wait(LONG).ended(14).says("kims-editor");
    assert_eq!(space.split("hello"), "hello-00002 100");
}
