use super::*;
use crate::model::event::Topic;
use crate::model::observed::PIPELINE;
use crate::rollout::record::tests::record;

fn service(annotations: Value) -> Service {
    Service::from_json(&json!({
        "metadata": {"name": "s", "uid": "u", "generation": 7, "annotations": annotations},
        "spec": {"template": {}, "traffic": [{"latestRevision": true, "percent": 100}]}
    }))
    .unwrap()
}

#[test]
fn the_fence_tests_identity_generation_and_record() {
    let split = record().start.staging(&record().tags);
    let what = Event::new(Topic::Traffic, "x");
    let order = order(&service(json!({"a": "b"})), record(), Some(split.clone()), None, what).unwrap();
    let next = order.record.clone().unwrap();
    assert_eq!(next.generation, 8);
    assert_eq!(next.split, split);
    let ops: Vec<_> = order.patch.as_array().unwrap().iter().map(|o| (o["op"].clone(), o["path"].clone())).collect();
    assert_eq!(
        serde_json::to_value(&ops).unwrap(),
        json!([
            ["test", "/metadata/uid"],
            ["test", "/metadata/generation"],
            ["test", "/metadata/annotations/andante.dev~1rollout"],
            ["add", "/metadata/annotations/andante.dev~1rollout"],
            ["add", "/metadata/annotations/andante.dev~1progress"],
            ["add", "/spec/traffic"]
        ])
    );
    assert_eq!(order.patch[2]["value"], Value::Null);
}

/// `kubectl annotate` raises no generation.
#[test]
fn a_write_for_a_goal_is_refused_where_something_else_is_declared_by_then() {
    let what = || Event::new(Topic::Traffic, "x");
    let tests = |service: &Service, record: Record| -> Vec<Value> {
        let order = order(service, record, Some(Split::all_latest()), None, what()).unwrap();
        let is_of_pipeline = |op: &&Value| op["path"] == "/metadata/annotations/andante.dev~1pipeline";
        order.patch.as_array().unwrap().iter().filter(is_of_pipeline).cloned().collect()
    };
    let id: crate::model::name::GoalId = "0123456789ab".parse().unwrap();
    let of_goal = Record { goal: Some(RolloutGoal { asked: id.clone(), declared: id }), ..record() };
    let declares = service(json!({"andante.dev/pipeline": "p"}));
    let test = |value: Value| {
        vec![json!({"op": "test", "path": "/metadata/annotations/andante.dev~1pipeline", "value": value})]
    };
    assert_eq!(tests(&declares, of_goal.clone()), test(json!("p")));
    assert_eq!(tests(&service(json!({"a": "b"})), of_goal.clone()), test(Value::Null));
    assert_eq!(tests(&declares, record()), Vec::<Value>::new(), "a run without a goal is compared with none");
    let back = Record { phase: crate::rollout::record::Phase::RolledBack, ..of_goal };
    assert_eq!(tests(&declares, back), Vec::<Value>::new(), "a way back is not withheld");
}

/// Somebody takes the Service into care by `kubectl annotate` in the moment in which a rollout out of care ends.
#[test]
fn a_write_that_gives_latest_back_is_refused_where_somebody_is_in_charge_by_then() {
    let what = || Event::new(Topic::Traffic, "x");
    let tests = |annotations: Value, split: Split| -> Vec<Value> {
        let mut service = service(annotations);
        service.split = Ok(record().start.staging(&record().tags));
        let order = order(&service, record(), Some(split), None, what()).unwrap();
        let is_of_pipeline = |op: &&Value| op["path"] == "/metadata/annotations/andante.dev~1pipeline";
        order.patch.as_array().unwrap().iter().filter(is_of_pipeline).cloned().collect()
    };
    let test = |value: Value| {
        vec![json!({"op": "test", "path": "/metadata/annotations/andante.dev~1pipeline", "value": value})]
    };
    assert_eq!(tests(json!({"a": "b"}), Split::all_latest()), test(Value::Null));
    let outside = json!({"andante.dev/pipeline": "ExternalOperation"});
    assert_eq!(tests(outside, Split::all_latest()), test(json!("ExternalOperation")));
    let by_name = record().start.restored(None, &record().tags);
    assert_eq!(tests(json!({"a": "b"}), by_name), Vec::<Value>::new());
    // Without annotations it is tested already that there are none.
    assert_eq!(tests(json!({}), Split::all_latest()), Vec::<Value>::new());
}

#[test]
fn a_split_that_stands_is_not_sent_and_moves_no_generation() {
    let what = Event::new(Topic::Traffic, "x");
    let order = order(&service(json!({"a": "b"})), record(), Some(Split::all_latest()), None, what).unwrap();
    assert_eq!(order.record.unwrap().generation, 7);
    assert_eq!(order.patch.as_array().unwrap().len(), 5);
}

#[test]
fn the_line_for_people_goes_with_the_record_and_is_sent_where_it_changes() {
    let line = |service: &Service, size: RecordSize| {
        let change = SpecChange { split: None, template: None, taken: None };
        let order = build(service, record(), change, size, Event::new(Topic::Check, "x")).unwrap();
        let of_line = |op: &&Value| op["path"] == "/metadata/annotations/andante.dev~1progress";
        order.patch.as_array().unwrap().iter().find(of_line).cloned()
    };
    let written = line(&service(json!({"a": "b"})), RecordSize::Whole).unwrap();
    assert_eq!((written["op"].as_str(), &written["value"]), (Some("add"), &json!(progress(&record()))));
    let there = service(json!({PROGRESS: progress(&record())}));
    assert_eq!(line(&there, RecordSize::Whole), None);
    // Where there is no room it goes, since an older one would not be true any more.
    let gone = json!({"op": "remove", "path": "/metadata/annotations/andante.dev~1progress"});
    assert_eq!(line(&there, RecordSize::Least), Some(gone.clone()));
    assert_eq!(line(&service(json!({"a": "b"})), RecordSize::Least), None);
    let discarded = discard_order(&there, Event::new(Topic::Claim, "x"));
    assert!(discarded.patch.as_array().unwrap().contains(&gone), "{}", discarded.patch);
}

#[test]
fn evidence_that_has_no_room_is_said() {
    let mut large = record();
    large.evidence = Some(Box::new(crate::evidence::Saved::of_counts(crate::evidence::Table::default())));
    large.reason = Some("x".repeat(crate::rollout::record::MAX_BYTES - record().to_text().unwrap().len() - 60));
    let order = order(&service(json!({"a": "b"})), large, None, None, Event::new(Topic::Check, "saved")).unwrap();
    assert!(order.record.unwrap().evidence.is_none());
    assert_eq!(order.what.text, "saved; no room in the record for the evidence: after a crash it begins anew");
}

#[test]
fn the_epoch_rises_above_what_is_there() {
    let mut there = record();
    there.epoch = 41;
    let service = service(json!({RECORD: there.to_text().unwrap()}));
    let order = order(&service, record(), None, None, Event::new(Topic::Claim, "x")).unwrap();
    assert_eq!(order.record.unwrap().epoch, 42);
    assert_eq!(order.patch[2]["value"], json!(there.to_text().unwrap()));
}

#[test]
fn the_epoch_rises_above_a_record_that_cannot_be_read() {
    let service = service(json!({RECORD: r#"{"format":1,"epoch":41,"phase"#}));
    let order = order(&service, record(), None, None, Event::new(Topic::Claim, "x")).unwrap();
    assert_eq!(order.record.unwrap().epoch, 42);
}

#[test]
fn a_record_is_removed_in_care_by_a_broken_glass() {
    let last = |annotations| {
        let order = discard_order(&service(annotations), Event::new(Topic::Claim, "x"));
        order.patch.as_array().unwrap().last().unwrap().clone()
    };
    assert_eq!(last(json!({RECORD: "?"})), json!({"op": "remove", "path": POINTER}));
    let glass = json!({"op": "add", "path": "/metadata/annotations/andante.dev~1break-glass", "value": "7"});
    assert_eq!(last(json!({RECORD: "?", PIPELINE: "build-and-walk"})), glass);
}

#[test]
fn a_name_that_is_taken_goes_in_the_same_write() {
    let what = Event::new(Topic::Traffic, "back");
    let service = service(json!({"a": "b"}));
    let sure =
        |taken| sure_order(&service, record(), Split::all_latest(), taken, RecordSize::Whole, what.clone()).unwrap();
    let order = sure(Some("s-1"));
    let last = order.patch.as_array().unwrap().last().unwrap().clone();
    assert_eq!(last, json!({"op": "remove", "path": "/spec/template/metadata/name"}));
    assert_eq!(order.record.unwrap().generation, 8, "the split stands, and the spec moves all the same");
    assert!(order.what.text.starts_with("back; the template's name s-1 is taken out"), "{}", order.what.text);
    assert_eq!(sure(None).record.unwrap().generation, 7);
}

#[test]
fn the_least_record_is_never_longer_than_the_one_it_replaces() {
    let mut there = record();
    there.rejected = vec![];
    there.reject(&"because ".repeat(30), there.intent);
    there.evidence = Some(Box::new(crate::evidence::Saved::of_counts(crate::evidence::Table::default())));
    let text = there.to_text().unwrap();
    let service = service(json!({RECORD: text.clone(), "full": "x".repeat(9)}));
    let mut next = there.clone();
    next.reason = Some("the candidate breaks the objective ".repeat(8));
    let what = Event::new(Topic::Traffic, "back");
    let order = sure_order(&service, next, Split::all_latest(), None, RecordSize::Least, what).unwrap();
    let least = order.record.unwrap();
    assert_eq!(least.epoch, there.epoch + 1);
    assert!(least.to_text().unwrap().len() < text.len(), "{} of {}", least.to_text().unwrap().len(), text.len());
    assert_eq!((&least.start, &least.candidate), (&there.start, &there.candidate));
}
