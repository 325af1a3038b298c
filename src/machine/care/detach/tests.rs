//! What detaching writes, and what it refuses.

use super::*;
use crate::machine::claim::{Asker, IfBusy};
use crate::machine::world::NameHolder;
use crate::model::observed::{PIPELINE, RECORD, Revision};
use crate::rollout::owner::{Owner, OwnerKind};
use crate::rollout::record::Phase;
use crate::rollout::record::tests::record;
use serde_json::{Value, json};

fn detaching(if_moves: IfMoves) -> Detach {
    let owner = Owner { kind: OwnerKind::Person, name: "kim".into(), uid: "kim".into() };
    let intent = Timestamp::from_second(50).unwrap();
    let claimant = Claimant::new(Asker { owner, intent, if_busy: IfBusy::Fail, force: false }, "detaching".into());
    let (service, id) = ("hello".parse().unwrap(), "two".parse().unwrap());
    Detach::new(DetachGoal { service, if_moves, tags: Tags::default(), id, dry_run: false }, claimant)
}

/// A closed record of an owner who followed latest, which was `s1`, after `s2` was released.
fn finished() -> Record {
    let split = Split::from_json(Some(&pinned())).unwrap();
    Record { phase: Phase::Finished, outcome: Some(Code::Done), generation: 3, split, ..record() }
}

fn pinned() -> Value {
    json!([{"revisionName": "s2", "percent": 100}])
}

/// A Service at generation 3 that serves `s2` by name.
fn object(annotations: &Value, created: &str) -> Value {
    json!({
        "metadata": {"name": "hello", "uid": "u", "generation": 3, "annotations": annotations},
        "spec": {"traffic": pinned(), "template": {"spec": {"containers": [{"image": "i:2"}]}}},
        "status": {"observedGeneration": 3, "latestCreatedRevisionName": created, "latestReadyRevisionName": created,
            "traffic": pinned(), "conditions": [{"type": "RoutesReady", "status": "True"}]}
    })
}

fn adopted(record: &Record, created: &str) -> Value {
    object(
        &json!({"mine": "m", PIPELINE: "slow-walk", RECORD: record.to_text().unwrap(), "andante.dev/odd": "x"}),
        created,
    )
}

fn decide(machine: &mut Detach, object: &Value) -> Next {
    let mut world = World::default();
    world.see_service(crate::model::observed::Service::from_json(object).unwrap());
    world.see_revisions(["s1", "s2", "s3"].map(|name| {
        let object = json!({"metadata": {"name": name, "uid": name, "annotations": {"autoscaling.knative.dev/min-scale": "2"}},
            "spec": {"containers": [{"image": format!("i:{name}")}]},
            "status": {"actualReplicas": 2, "conditions": [{"type": "Ready", "status": "True"}]}});
        Revision::from_json(&object).unwrap()
    }));
    let free = |tag: &str| (format!("{tag}-hello"), NameHolder::Nobody);
    world.names.extend([free("candidate"), free("stable")]);
    machine.decide(&world, Timestamp::from_second(100).unwrap(), &mut Log::default())
}

fn ops(next: Next) -> Vec<Value> {
    match next {
        Next::Write(order) => order.patch.as_array().unwrap().clone(),
        other => panic!("{other:?}"),
    }
}

fn line(next: Next) -> (Code, String) {
    match next {
        Next::End(end) => (end.code, end.line()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn everything_of_ours_goes_in_one_write_and_the_shape_comes_back() {
    let patch = ops(decide(&mut detaching(IfMoves::Refuse), &adopted(&finished(), "s2")));
    let paths = |op: &str| -> Vec<&str> {
        let ops = patch.iter().filter(|o| o["op"] == op).map(|o| o["path"].as_str().unwrap());
        ops.map(|path| path.trim_start_matches("/metadata/annotations/andante.dev~1")).collect()
    };
    assert_eq!(paths("remove"), ["odd", "pipeline", "rollout"], "and nobody else's");
    assert_eq!(paths("add"), ["break-glass", "/spec/traffic"]);
    let added = |at: usize| patch[patch.len() - 2 + at]["value"].clone();
    assert_eq!((added(0), added(1)), (json!("3"), json!([{"latestRevision": true, "percent": 100}])));
    assert!(paths("test").starts_with(&["/metadata/uid", "/metadata/generation", "rollout", "pipeline"]));
    // Out of care already, or where no policy took the mark away: nothing is to be let through.
    let left = ops(decide(&mut detaching(IfMoves::Refuse), &object(&json!({"andante.dev/break-glass": "3"}), "s2")));
    assert_eq!(left.last().unwrap()["op"], "remove");
}

#[test]
fn where_nothing_is_of_ours_there_is_nothing_to_do() {
    let (code, line) = line(decide(&mut detaching(IfMoves::Refuse), &object(&json!({"mine": "m"}), "s2")));
    assert!(code == Code::Done && line.contains("there is nothing to do"), "{line}");
}

#[test]
fn a_shape_that_would_move_users_is_refused_with_the_ways_out() {
    let newer = adopted(&finished(), "s3");
    let (code, refused) = line(decide(&mut detaching(IfMoves::Refuse), &newer));
    assert_eq!(code, Code::BadState);
    for words in ["s3", "andante roll-out hello --revision newest", "--restore-template", "--leave-pinned"] {
        assert!(refused.contains(words), "no {words}: {refused}");
    }
    let patch = ops(decide(&mut detaching(IfMoves::LeavePinned), &newer));
    assert_eq!(patch.last().unwrap()["path"], "/metadata/annotations/andante.dev~1break-glass", "traffic stays");
    // What serves becomes the newest first: that is a rollout of its own.
    let Next::Write(order) = decide(&mut detaching(IfMoves::RestoreTemplate), &newer) else { panic!("no write") };
    let record = order.record.unwrap();
    assert!(record.reverts && record.phase == Phase::Staging && record.start.stable.as_str() == "s2", "{record:?}");
    let template = order.patch.as_array().unwrap().iter().find(|o| o["path"] == "/spec/template").unwrap();
    assert_eq!(template["value"]["spec"]["containers"][0]["image"], "i:s2");
    // Somebody may have another idea of the split.
    let mut theirs = finished();
    theirs.start.split = Split::from_json(Some(&json!([{"revisionName": "s1", "percent": 100}]))).unwrap();
    theirs.outcome = Some(Code::CouldNotRestore);
    theirs.phase = Phase::RolledBack;
    let (_, refused) = line(decide(&mut detaching(IfMoves::RestoreTemplate), &adopted(&theirs, "s2")));
    assert!(refused.contains("would get s1") && !refused.contains("--restore-template"), "{refused}");
}

#[test]
fn an_open_rollout_is_in_the_way() {
    let open = Record { phase: Phase::Walking, ..finished() };
    for if_moves in [IfMoves::Refuse, IfMoves::LeavePinned, IfMoves::RestoreTemplate] {
        let (code, line) = line(decide(&mut detaching(if_moves), &adopted(&open, "s2")));
        assert!(code == Code::Busy && line.contains("andante control abort hello"), "{line}");
    }
    let (code, line) = line(decide(&mut detaching(IfMoves::Refuse), &object(&json!({RECORD: "?"}), "s2")));
    assert!(code == Code::RecordLost && line.contains("settle"), "{line}");
}

#[test]
fn what_was_set_on_revisions_is_given_back_before_its_memory_goes() {
    use crate::model::scaling::ScaleBound;
    use crate::rollout::capacity::Capacity;
    use crate::rollout::plan::{Plan, PlanOptions};
    let bare = json!({"metadata": {"name": "s1", "uid": "s1"}});
    let had = Revision::from_json(&bare).unwrap();
    let mut record = finished();
    record.capacity = Some(Box::new(Capacity::default().with(&had, ScaleBound::MinScale, 2, Timestamp::UNIX_EPOCH)));
    let next = decide(&mut detaching(IfMoves::Refuse), &adopted(&record, "s2"));
    assert!(matches!(&next, Next::Bound(order) if order.revision.as_str() == "s1" && order.to.is_none()), "{next:?}");
    // Beside a declared share stable keeps its floor for as long as the Service is in care.
    let shared = json!([{"revisionName": "s1", "percent": 70, "tag": "stable"},
        {"revisionName": "s2", "percent": 30, "tag": "candidate"}]);
    record.split = Split::from_json(Some(&shared)).unwrap();
    record.plan = Some(Plan::new(&PlanOptions::default()).unwrap().ending_at(30.try_into().unwrap()));
    let mut object = adopted(&record, "s2");
    (object["spec"]["traffic"], object["status"]["traffic"]) = (shared.clone(), shared);
    let next = decide(&mut detaching(IfMoves::Refuse), &object);
    assert!(matches!(&next, Next::Bound(order) if order.revision.as_str() == "s1" && order.to.is_none()), "{next:?}");
}
