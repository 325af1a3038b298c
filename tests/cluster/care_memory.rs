//! Care at admission: what a rollout keeps on the Service is dropped or replaced by nobody else, by accident.

use super::support::*;
use serde_json::json;

const RECORD: &str = "andante.dev/rollout";
const STAY: [&str; 8] = ["walk", "hello", "--steps", "50,100", "--dwell", "10m", "--bake", "1s"];
const HALF: &str = "hello-00001 50 #stable, hello-00002 50 #candidate";

/// The record's text with another epoch.
fn with_epoch(record: &str, epoch: &str) -> String {
    let (before, rest) = record.split_once("\"epoch\":").unwrap();
    let (_, after) = rest.split_once(',').unwrap();
    format!("{before}\"epoch\":{epoch},{after}")
}

/// A file from before, or one that knows nothing of us, takes neither the record nor who is in charge; a person at the
/// terminal steers as ever.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_record_that_is_dropped_or_replaced_by_an_older_one_is_put_back() {
    let (space, _care) = in_care("care-record", "care");
    // Nor does a record come from a copied file where there was none.
    let copied = json!({"metadata": {"annotations": {RECORD: r#"{"format":1,"epoch":7,"phase":"walking"}"#}}});
    patched(&space, &copied).good();
    assert_eq!(annotation(&space, RECORD), "");
    space.stage("hello", "v2");
    let older = annotation(&space, RECORD);
    let mut walk = space.start(&STAY);
    walk.line("step 1 of 2 is served", LONG);
    space.andante(&["control", "pause", "hello"]).ended(0);
    walk.line("paused by", LONG);
    let (present, control) = (annotation(&space, RECORD), annotation(&space, "andante.dev/control"));
    assert!(control.contains("pause"), "{control}");
    let by = |manager: &str, name: &str, text: &str| {
        let manager = format!("--field-manager={manager}");
        let patch = json!({"metadata": {"annotations": {name: text}}}).to_string();
        space.kubectl(&["patch", "ksvc", "hello", "--type=merge", &manager, "-p", &patch]).good();
    };
    // Our own program marks what it started; a tool that carries an older mark does not.
    by("andante", "andante.dev/goal-status", "1");
    by("andante", "andante.dev/goal-status", "2");
    by("kims-editor", "andante.dev/goal-status", "1");
    // Its name alone makes nothing a rollout's write.
    by("andante", RECORD, &older);
    assert_eq!(annotation(&space, RECORD), present);
    // Nor does a higher epoch: the file of a later moment, or of another Service.
    let newer = with_epoch(&present, "900");
    let to_candidate = json!([{"revisionName": "hello-00002", "percent": 100}]);
    let moving = json!({"metadata": {"annotations": {RECORD: newer}}, "spec": {"traffic": to_candidate}});
    assert_ne!(patched(&space, &moving).code, 0, "a file with a newer record moved users");
    for change in [
        json!({RECORD: null, "andante.dev/pipeline": null, "andante.dev/control": null, "andante.dev/goal-status": null}),
        json!({RECORD: older, "andante.dev/control": "{}"}),
        json!({RECORD: newer}),
    ] {
        patched(&space, &json!({"metadata": {"annotations": change}})).good();
        for (name, value) in [
            (RECORD, present.as_str()),
            ("andante.dev/control", &control),
            ("andante.dev/goal-status", "2"),
            ("andante.dev/pipeline", "slow-walk"),
        ] {
            assert_eq!(annotation(&space, name), value, "{name}");
        }
        let said = annotation(&space, "andante.dev/kept");
        assert!(said.contains("(kims-editor) dropped or changed") && said.contains(RECORD), "{said}");
    }
    assert_eq!(space.split("hello"), HALF);
    space.andante(&["control", "resume", "hello"]).ended(0);
    space.andante(&["control", "promote", "hello"]).ended(0);
    walk.wait(LONG).ended(0).ends_with("finished");
    // At rest the annotation can go, and its rollout's memory stays until somebody out of care takes it.
    space.kubectl(&["annotate", "ksvc", "hello", "andante.dev/pipeline-", &format!("{RECORD}-")]).good();
    assert_eq!(annotation(&space, "andante.dev/pipeline"), "");
    assert_eq!(space.record("hello")["phase"], "finished");
    space.kubectl(&["annotate", "ksvc", "hello", &format!("{RECORD}-")]).good();
    assert_eq!(annotation(&space, RECORD), "");
}

/// The brake works whatever stands there: a number without end, half a record, a newer format, no room for more.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_the_brake_works_over_any_record() {
    let (space, _care) = in_care("care-brake", "care");
    space.stage("hello", "v2");
    let mut walk = space.start(&STAY);
    walk.line("step 1 of 2 is served", LONG);
    walk.kill();
    assert_eq!(space.split("hello"), HALF);
    let whole = annotation(&space, RECORD);
    let with = |epoch: &str| with_epoch(&whole, epoch);
    let half = &whole[..whole.find("\"phase\"").unwrap()];
    let cases = [
        with("\"x\""),
        with("-1"),
        with("99999999999999"),
        with("100000000000000"),
        with("999999999999999"),
        with(&"9".repeat(400)),
        half.to_owned(),
        "?".to_owned(),
    ];
    for text in cases {
        // Whoever damages a record in care does it on purpose.
        let present = space.generation("hello").to_string();
        patched(&space, &json!({"metadata": {"annotations": {RECORD: text, "andante.dev/break-glass": present}}}))
            .good();
        assert_eq!(annotation(&space, RECORD), text);
        space.andante(&["settle", "hello", "--to", "stable"]).ended(0);
        assert!(space.split("hello").starts_with("hello-00001 100"), "after {text}: {}", space.split("hello"));
        // A record that cannot be read is removed by whoever says so.
        let present = space.generation("hello").to_string();
        patched(&space, &json!({"metadata": {"annotations": {RECORD: "?", "andante.dev/break-glass": present}}}))
            .good();
        space.andante(&["settle", "hello", "--discard-record"]).ended(0);
        assert_eq!(annotation(&space, RECORD), "");
        half_way(&space);
    }
}

/// Users on both, as the walk would have them, and no record of it.
fn half_way(space: &Space) {
    let present = space.generation("hello").to_string();
    let both = json!([{"revisionName": "hello-00001", "percent": 50, "tag": "stable"},
        {"revisionName": "hello-00002", "percent": 50, "tag": "candidate"}]);
    patched(
        space,
        &json!({"metadata": {"annotations": {"andante.dev/break-glass": present}}, "spec": {"traffic": both}}),
    )
    .good();
    assert_eq!(space.split("hello"), HALF);
}

/// Where there is no room for a whole record, the brake comes with the least of it, and is known all the same.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_the_brake_with_the_least_of_a_record_is_ours() {
    let (space, _care) = in_care("care-least", "care");
    space.stage("hello", "v2");
    let mut walk = space.start(&STAY);
    walk.line("step 1 of 2 is served", LONG);
    space.andante(&["control", "pause", "hello"]).ended(0);
    walk.line("paused by", LONG);
    let annotations = space.service("hello")["metadata"]["annotations"].as_object().unwrap().clone();
    let used: usize = annotations.iter().map(|(name, value)| name.len() + value.as_str().unwrap().len()).sum();
    // Room for the request, and for what Knative adds to its copies once the plan is gone; none for what was rejected.
    let file = "x".repeat(256 * 1024 - 250 - used - "example.com/full".len());
    let text = space.file("full.json", &json!({"metadata": {"annotations": {"example.com/full": file}}}).to_string());
    space.kubectl(&["patch", "ksvc", "hello", "--type=merge", "--patch-file", &text]).good();
    space.andante(&["control", "abort", "hello"]).ended(0);
    walk.wait(LONG).ended(15);
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    assert!(space.record("hello")["plan"].is_null(), "the least of a record");
}
