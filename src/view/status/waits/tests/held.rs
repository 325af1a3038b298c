//! Steps that the Service itself keeps from being taken: `status` says so once the walk does.

use super::super::super::glance::glance;
use super::*;
use crate::machine::next::Look;
use crate::model::split::Split;
use crate::rollout::owner::{Owner, OwnerKind};
use crate::rollout::splits::Start;

/// What the walk says of its wait at this moment.
fn said_by_walk(watched: &mut Watched) -> String {
    let mut log = Log::default();
    let next = watched.walk.decide(&watched.world(), at(watched.now), &mut log);
    assert!(matches!(next, Next::Wait { .. }), "{next:?}");
    log.take().into_iter().map(|event| event.text).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_step_that_the_templates_name_blocks_is_said_to_be_blocked_while_it_is() {
    let mut watched = Watched::new(&walking(), None, None);
    let free = watched.object.clone();
    watched.object["spec"]["template"]["metadata"] = json!({"name": "hello-00001"});
    watched.until(60);
    assert_eq!(watched.waits().kind, "time", "the dwell comes first, as it does for the walk");
    watched.until(200);
    let why = "a revision has the template's name hello-00001 already";
    assert!(said_by_walk(&mut watched).contains(&format!("step 2 cannot be taken: {why}")));
    let said = watched.waits();
    assert_eq!((said.kind, said.next_step, said.until), ("blocked", Some(2), None));
    assert!(said.text.starts_with(&format!("step 2 (50 %), which cannot be taken: {why}")), "{}", said.text);
    let status = explain(&watched.world(), &called(), at(watched.now)).unwrap();
    assert!(glance(&status).ends_with(&format!("waits for {}", said.text)), "{}", glance(&status));
    assert_eq!(status.next[0], "mend what is waited for, and the walk goes on");
    watched.object = free;
    assert_eq!(watched.waits().kind, "time");
    assert_eq!(watched.second(), Some(2));
}

#[test]
fn a_step_that_somebodys_broken_target_blocks_is_said_to_be_blocked() {
    let mut record = walking();
    let split: Split = serde_json::from_value(json!([
        {"revisionName": "hello-00001", "percent": 100},
        {"revisionName": "hello-00000", "percent": 0, "tag": "old"}
    ]))
    .unwrap();
    record.start = Start::new(split, "hello-00001".parse().unwrap(), None).unwrap();
    record.split = record.start.at(&"hello-00002".parse().unwrap(), 1.try_into().unwrap(), &record.tags);
    let mut watched = Watched::new(&record, None, None);
    watched.until(200);
    let why = "hello-00000 is not Ready (it does not exist)";
    assert!(said_by_walk(&mut watched).contains(&format!("step 2 cannot be taken: {why}")));
    let said = watched.waits();
    assert_eq!((said.kind, said.next_step, said.until), ("blocked", Some(2), None));
    assert!(said.text.contains(why), "{}", said.text);
    // An approval that is waited for comes first.
    let mut record = watched.world().record().unwrap().unwrap();
    (record.step, record.approval_since) = (2, Some(at(20)));
    assert_eq!(waits(&record, None).kind, "approval");
}

#[test]
fn a_declaration_that_cannot_be_read_is_waited_for_while_the_walk_does() {
    let declared = |record: &Record, traffic: &str| {
        let mut object = with(record, record.generation);
        object["metadata"]["annotations"]["andante.dev/pipeline"] = json!("build-it");
        object["metadata"]["annotations"]["andante.dev/traffic"] = json!(traffic);
        object
    };
    let mut record = walking();
    record.owner = Owner { kind: OwnerKind::PipelineRun, name: "demo/release-7".into(), uid: "u7".into() };
    let goal = Stated::of_json(&declared(&record, "100")).read().unwrap().id;
    record.goal = Some(RolloutGoal { asked: goal.clone(), declared: goal });
    let mut watched = Watched::new(&record, None, None);
    watched.object = declared(&record, "0");
    let said = watched.waits();
    assert_eq!((said.kind, said.next_step, said.until), ("declaration", None, None));
    assert!(said.text.contains("annotation andante.dev/traffic is `0`"), "{}", said.text);
    let by_walk = said_by_walk(&mut watched);
    let why = said.text.strip_prefix("somebody to mend what is declared: ").unwrap();
    assert!(by_walk.contains(&format!("{why}; no step until it can be")), "{by_walk}");
    watched.until(300);
    watched.object = declared(&record, "100");
    assert_eq!(watched.waits().kind, "time");
    let next = watched.walk.decide(&watched.world(), at(watched.now), &mut Log::default());
    assert!(matches!(next, Next::Look(Look::Namespace)), "all that is left before the step: {next:?}");
    // A person may have gone on without the goal.
    record.owner.kind = OwnerKind::Person;
    let by_person = explained(&declared(&record, "0"), None).rollout.unwrap().waits.unwrap();
    assert_eq!(by_person.kind, "time");
}
