use super::*;
use crate::machine::claim::{Asker, IfBusy};
use crate::model::observed::{RECORD, Revision};
use crate::rollout::owner::{Liveness, Owner, OwnerKind};
use crate::rollout::record::tests::record;
use serde_json::json;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn run(uid: &str) -> Owner {
    Owner { kind: OwnerKind::PipelineRun, name: format!("ns/{uid}"), uid: uid.into() }
}

/// What `settle` is asked for, where nothing is said.
fn goal() -> SettleGoal {
    SettleGoal {
        service: "s".parse().unwrap(),
        rollout: None,
        to: None,
        discard: false,
        tags: Tags::default(),
        id: "r2".parse().unwrap(),
        run_began: None,
        restore_template: false,
    }
}

/// The `settle` of the run `a`.
fn settling(goal: SettleGoal) -> Settle {
    let asker = Asker { owner: run("a"), intent: Timestamp::MIN, if_busy: IfBusy::Fail, force: true };
    Settle::new(goal, Claimant::new(asker, "w2".into()))
}

/// This Service, and two revisions that are up.
fn world(service: Service) -> World {
    let mut world = World::default();
    world.see_service(service);
    world.see_revisions(["s1", "s2"].map(|name| {
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let status = json!({"actualReplicas": 1, "conditions": ready});
        Revision::from_json(&json!({"metadata": {"name": name}, "status": status})).unwrap()
    }));
    world
}

/// What `settle` of the run `a`, which began at second 100, says of the rollout of the run `b`.
fn of_another(to: Option<To>, intent: i64, alive: Liveness, phase: Phase) -> Next {
    of_anothers(to, intent, alive, phase, Some(at(100)), 500)
}

/// The same at this second, where the run that settles began then, or nobody knows when.
fn of_anothers(
    to: Option<To>,
    intent: i64,
    alive: Liveness,
    phase: Phase,
    run_began: Option<Timestamp>,
    now: i64,
) -> Next {
    let mut theirs = record();
    (theirs.owner, theirs.intent, theirs.deadline, theirs.phase) = (run("b"), at(intent), at(900), phase);
    let service = Service::from_json(&json!({
        "metadata": {"name": "s", "uid": "u", "generation": 2, "annotations": {RECORD: theirs.to_text().unwrap()}},
        "spec": {"traffic": theirs.split}
    }));
    let mut world = world(service.unwrap());
    world.liveness = Some(("b".into(), alive));
    let goal = SettleGoal { to, run_began, ..goal() };
    settling(goal).decide(&world, at(now), &mut Log::default())
}

/// Whose Service it is, is said to whoever settles one that is operated from outside.
#[test]
fn whoever_settles_what_is_operated_from_outside_is_told_before_the_write() {
    for (pipeline, said) in [("ExternalOperation", true), ("canary", false)] {
        let mut theirs = record();
        (theirs.owner, theirs.phase) = (run("a"), Phase::Walking);
        let service = Service::from_json(&json!({
            "metadata": {"name": "s", "uid": "u", "generation": 2,
                "annotations": {RECORD: theirs.to_text().unwrap(), "andante.dev/pipeline": pipeline}},
            "spec": {"traffic": theirs.split}
        }));
        let world = world(service.unwrap());
        let mut log = Log::default();
        let next = settling(goal()).decide(&world, at(500), &mut log);
        assert!(matches!(next, Next::Write(_)), "{next:?}");
        let told = log.take().into_iter().any(|event| event.text.starts_with("s is operated from outside"));
        assert_eq!(told, said, "{pipeline}");
    }
}

#[test]
fn who_says_where_to_is_not_told_that_all_is_well_of_a_rollout_of_anothers() {
    use Liveness::{Done, Running, Unknown};
    let code = |next: Next| match next {
        Next::End(end) => Some(end.code),
        Next::Write(_) => None,
        other => unreachable!("{other:?}"),
    };
    let to_stable = |intent, alive, phase| code(of_another(Some(To::Stable), intent, alive, phase));
    assert_eq!(to_stable(50, Done, Phase::Walking), None, "nobody is left to do it");
    assert_eq!(to_stable(50, Unknown, Phase::Walking), None, "the owner in the record may be anybody's");
    assert_eq!(to_stable(50, Running, Phase::Walking), Some(Code::Busy));
    assert_eq!(to_stable(200, Done, Phase::Walking), Some(Code::Superseded), "a newer run's");
    assert_eq!(to_stable(50, Done, Phase::Finished), Some(Code::Superseded), "it is over, and theirs");
    let finally = |intent| code(of_another(None, intent, Done, Phase::Walking));
    assert_eq!((finally(50), finally(200)), (Some(Code::Done), Some(Code::Done)), "`finally` minds its own");
}

#[test]
fn who_is_newer_and_alive_is_not_known_so_nobody_is_sent_back_before_the_deadline() {
    use Liveness::{Done, Running, Unknown};
    let end = |alive, now| match of_anothers(Some(To::Stable), 200, alive, Phase::Walking, None, now) {
        Next::End(end) => Some(end),
        Next::Write(_) => None,
        other => unreachable!("{other:?}"),
    };
    let busy = end(Unknown, 500).unwrap();
    assert_eq!(busy.code, Code::Busy);
    assert!(busy.what.contains("when this run began cannot be read"), "{}", busy.line());
    assert!(busy.next.starts_with("--rollout any does it all the same"), "{}", busy.line());
    assert_eq!(end(Running, 500).unwrap().code, Code::Busy);
    assert_eq!(end(Done, 500), None, "nobody is left to do it");
    assert_eq!(end(Unknown, 900), None, "its deadline tells");
}

#[test]
fn where_to_or_whose_is_not_well_without_a_service() {
    let end = |to: Option<To>, rollout: Option<&str>| {
        let goal = SettleGoal { rollout: rollout.map(str::to_owned), to, ..goal() };
        let mut world = World::of(Some("shop".parse().unwrap()));
        world.target = Presence::Absent;
        match settling(goal).decide(&world, at(0), &mut Log::default()) {
            Next::End(end) => *end,
            other => unreachable!("{other:?}"),
        }
    };
    for missed in [end(Some(To::Stable), None), end(None, Some("r1"))] {
        assert_eq!((missed.code, missed.what.as_str()), (Code::BadState, "there is no Service s in namespace shop"));
        assert!(missed.next.starts_with("check name and namespace: "), "{}", missed.next);
    }
    let finally = end(None, None);
    let what = "there is no Service s in namespace shop; nothing to settle";
    assert_eq!((finally.code, finally.what.as_str()), (Code::Done, what));
}

/// A second process of the same run notes its intent in the record that `settle` has closed.
#[test]
fn a_note_of_another_process_does_not_end_it_as_taken_over() {
    let mut theirs = record();
    (theirs.owner, theirs.phase, theirs.candidate) = (run("a"), Phase::Walking, Some("s2".parse().unwrap()));
    let object = |record: &Record| {
        json!({"metadata": {"name": "s", "uid": "u", "generation": record.generation,
                "annotations": {RECORD: record.to_text().unwrap()}},
            "spec": {"traffic": record.split},
            "status": {"observedGeneration": record.generation}})
    };
    let mut world = world(Service::from_json(&object(&theirs)).unwrap());
    let mut settle = settling(goal());
    let mut log = Log::default();
    let Next::Write(order) = settle.decide(&world, at(0), &mut log) else { panic!("it goes back") };
    let closed = order.record.unwrap();
    let mut decide = |record: &Record, now| {
        world.see_service(Service::from_json(&object(record)).unwrap());
        settle.decide(&world, at(now), &mut log)
    };
    assert!(matches!(decide(&closed, 1), Next::Wait { .. }), "not served yet");
    let noted = Record { writer: "w3".into(), epoch: closed.epoch + 1, ..closed.clone() };
    assert!(matches!(decide(&noted, 2), Next::Wait { .. }), "still its own to see served");
    let Next::End(end) = decide(&noted, 60) else { panic!("it ends") };
    assert_ne!(end.code, Code::TakenOver, "{}", end.line());
    assert!(end.what.contains("settled by"), "{}", end.line());
}

/// A policy or a tool that puts a record back is not fought with.
#[test]
fn a_record_that_is_put_back_is_removed_once() {
    let service = |text: Option<&str>| {
        let annotations = json!({"a": "b", "andante.dev/rollout": text});
        Service::from_json(&json!({
            "metadata": {"name": "s", "uid": "u", "generation": 3, "annotations": annotations},
            "spec": {"template": {}, "traffic": [{"revisionName": "s1", "percent": 100}]}
        }))
        .unwrap()
    };
    let settle = |then: Option<&str>| {
        let goal = SettleGoal { discard: true, ..goal() };
        let mut settle = settling(goal);
        let (mut world, mut log) = (World::default(), Log::default());
        world.see_service(service(Some("?")));
        world.see_revisions([]);
        assert!(matches!(settle.decide(&world, at(0), &mut log), Next::Write(_)));
        world.see_service(service(then));
        settle.written(&Written::Yes, &world, at(0), &mut log);
        match settle.decide(&world, at(0), &mut log) {
            Next::End(end) => *end,
            other => unreachable!("{other:?}"),
        }
    };
    assert_eq!(settle(None).code, Code::Done);
    let fought = settle(Some("?"));
    assert_eq!(fought.code, Code::BadState);
    assert!(fought.what.contains("puts it back") && fought.next.contains("andante.dev/kept"), "{}", fought.line());
}
