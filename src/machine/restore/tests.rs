use super::*;
use crate::machine::claim::{Asker, IfBusy};
use crate::machine::next::Order;
use crate::machine::world::{NameHolder, Signal};
use crate::model::observed::{GOAL_STATUS, RECORD};
use crate::model::scaling::ScaleBound;
use crate::model::split::Split;
use crate::rollout::capacity::Capacity;
use crate::rollout::owner::{Owner, OwnerKind};
use crate::rollout::record::RolloutGoal;
use crate::rollout::record::tests::record;
use crate::rollout::splits::Start;
use serde_json::{Value, json};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn spec(image: &str) -> Value {
    json!({"spec": {"containers": [{"name": "user-container", "image": image}]}})
}

fn revision(name: &str, image: &str, ready: bool) -> Revision {
    let status = if ready { "True" } else { "Unknown" };
    Revision::from_json(&json!({
        "metadata": {"name": name, "uid": name, "annotations": {"serving.knative.dev/creator": "kim"}},
        "spec": spec(image)["spec"],
        "status": {"actualReplicas": 1, "conditions": [{"type": "Ready", "status": status}],
            "containerStatuses": [{"name": "user-container", "imageDigest": format!("{image}@sha256:{image}")}]}
    }))
    .unwrap()
}

/// A rollout to `s2` that went back, as its last write left it: all on `s1`, who followed latest.
fn back() -> Record {
    let mut back = Record { phase: Phase::RolledBack, outcome: Some(Code::Worse), step_at: at(90), ..record() };
    back.reason = Some("worse than stable".into());
    back.split = back.start.restored(back.candidate.as_ref(), &back.tags);
    back.reject("worse than stable", at(90));
    back
}

/// The Service with this record and template, of which `created` is the newest revision and `ready` the newest ready one.
fn service(record: &Record, image: &str, (created, ready): (&str, &str), more: &Value) -> Service {
    let mut annotations = json!({RECORD: record.to_text().unwrap()});
    annotations.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let served: Vec<Value> = record
        .split
        .pinned(&ready.parse().unwrap())
        .targets()
        .iter()
        .map(|t| json!({"revisionName": t.revision(), "percent": t.percent, "tag": t.tag, "latestRevision": false}))
        .collect();
    Service::from_json(&json!({
        "metadata": {"name": "s", "uid": "u", "generation": record.generation, "annotations": annotations,
            "managedFields": [{"manager": "kubectl-edit", "operation": "Update", "time": "2026-01-01T00:00:00Z",
                "fieldsV1": {"f:spec": {"f:template": {}}}}]},
        "spec": {"template": spec(image), "traffic": record.split},
        "status": {"observedGeneration": record.generation, "latestCreatedRevisionName": created,
            "latestReadyRevisionName": ready, "traffic": served,
            "conditions": [{"type": "RoutesReady", "status": "True"}, {"type": "ConfigurationsReady", "status": "True"}]}
    }))
    .unwrap()
}

fn world(service: &Service, revisions: Vec<Revision>) -> World {
    let mut world = World::default();
    world.see_service(service.clone());
    world.see_revisions(revisions);
    world.names.insert("stable-s".into(), NameHolder::Nobody);
    world
}

fn both() -> Vec<Revision> {
    vec![revision("s1", "i:1", true), revision("s2", "i:2", true)]
}

fn with(made: Revision) -> Vec<Revision> {
    both().into_iter().chain([made]).collect()
}

/// What is decided at this second.
fn decide(restore: &mut Restore, world: &World, second: i64) -> Option<Next> {
    let owner = Owner { kind: OwnerKind::Person, name: "kim".into(), uid: "kim".into() };
    let asker = Asker { owner, intent: at(0), if_busy: IfBusy::Fail, force: false };
    let (claimant, bounds) = (Claimant::new(asker, "w2".into()), BoundTries::default());
    let (service, record) = (world.service().unwrap(), world.record().unwrap().unwrap());
    let back = AfterBack { claimant: &claimant, bounds: &bounds, world, service, record: &record, now: at(second) };
    restore.next(&back, &mut Log::default())
}

fn wanted() -> Restore {
    Restore::new(true, &CapacityGoal::default(), false)
}

fn write(next: Option<Next>) -> Order {
    match next {
        Some(Next::Write(order)) => *order,
        other => panic!("no write: {other:?}"),
    }
}

fn value<'a>(order: &'a Order, path: &str) -> Option<&'a Value> {
    let list = order.patch.as_array().unwrap();
    list.iter().find(|op| op["path"] == path && op["op"] != "test").map(|op| &op["value"])
}

/// The template was put back, `s3` came of it, and nobody follows latest yet.
fn restored() -> Record {
    let split = back().start.staging(&back().tags);
    Record { restored: true, generation: 3, split, ..back() }
}

#[test]
fn the_template_follows_users_in_a_write_of_its_own() {
    let service = service(&back(), "i:2", ("s2", "s2"), &json!({}));
    let order = write(decide(&mut wanted(), &world(&service, both()), 100));
    assert_eq!(value(&order, "/spec/template"), Some(&spec("i:1")));
    let next = order.record.clone().unwrap();
    assert!(next.restored && next.generation == 3);
    // How it ended stays, and whom it rejected.
    assert_eq!((next.phase, next.outcome, next.rejected.len()), (Phase::RolledBack, Some(Code::Worse), 1));
    assert_eq!(next.split.to_string(), "s1 100 % (tag stable), latest 0 % (tag candidate)");
    assert_eq!(decide(&mut Restore::new(false, &CapacityGoal::default(), false), &world(&service, both()), 100), None);
}

#[test]
fn not_before_users_have_what_the_way_back_gives_them() {
    let mut service = service(&back(), "i:2", ("s2", "s2"), &json!({}));
    service.observed_generation = 1;
    let mut restore = wanted();
    assert_eq!(decide(&mut restore, &world(&service, both()), 100), Some(Next::wait(Some(at(130)))));
    assert_eq!(decide(&mut restore, &world(&service, both()), 130), None);
    assert!(restore.said.contains("not put back before users are"), "{}", restore.said);
}

/// Knative takes no split with a target that is not Ready: the owner is told what was left out, as by the way back itself, and no more
/// of one that is Ready again.
#[test]
fn a_target_that_is_left_out_is_remembered() {
    let had = json!([{"latestRevision": true, "percent": 100}, {"revisionName": "old", "percent": 0, "tag": "qa"},
        {"revisionName": "older", "percent": 0, "tag": "dev"}]);
    let mut record = back();
    record.start.split = Split::from_json(Some(&had)).unwrap();
    let targets = record.start.split.targets().to_vec();
    record.left_out = vec![targets[2].clone()];
    record.split = record.start.restored(record.candidate.as_ref(), &record.tags);
    let service = service(&record, "i:2", ("s2", "s2"), &json!({}));
    let others = [revision("old", "i:0", false), revision("older", "i:0", true)];
    let revisions = both().into_iter().chain(others).collect();
    let order = write(decide(&mut wanted(), &world(&service, revisions), 100));
    let next = order.record.unwrap();
    assert_eq!(next.split.to_string(), "s1 100 % (tag stable), latest 0 % (tag candidate), older 0 % (tag dev)");
    assert_eq!(next.left_out, [targets[1].clone()]);
}

/// It opened the way back, and stable may have to grow before all of this is done.
#[test]
fn a_cap_on_stable_goes_first_once_users_are_back() {
    let capped = json!({"metadata": {"name": "s1", "uid": "s1", "annotations": {"autoscaling.knative.dev/max-scale": "3"}},
        "spec": spec("i:1")["spec"], "status": {"actualReplicas": 3, "conditions": [{"type": "Ready", "status": "True"}]}});
    let capacity = Capacity::default().with(&revision("s1", "i:1", true), ScaleBound::MaxScale, 3, at(80));
    let record = Record { capacity: Some(Box::new(capacity)), ..back() };
    let mut service = service(&record, "i:2", ("s2", "s2"), &json!({}));
    let revisions = || vec![Revision::from_json(&capped).unwrap(), revision("s2", "i:2", true)];
    let Some(Next::Bound(order)) = decide(&mut wanted(), &world(&service, revisions()), 100) else {
        panic!("no bound")
    };
    assert_eq!((order.revision.as_str(), order.bound, order.to.as_deref()), ("s1", ScaleBound::MaxScale, None));
    service.observed_generation = 1;
    assert_eq!(decide(&mut wanted(), &world(&service, revisions()), 100), Some(Next::wait(Some(at(130)))), "not yet");
}

#[test]
fn what_somebody_wrote_since_stays() {
    let edited = service(&back(), "i:9", ("s3", "s2"), &json!({}));
    let mut restore = wanted();
    assert_eq!(decide(&mut restore, &world(&edited, with(revision("s3", "i:9", false))), 100), None);
    assert_eq!(restore.said, "the template is left as kubectl-edit wrote it");
    let end = restore.said(Outcome::new(Code::Worse, "rolled back: worse"));
    assert_eq!(end.what, "rolled back: worse; the template is left as kubectl-edit wrote it");
    // It was put back once, and the rejected one stands there again.
    let again = service(&restored(), "i:2", ("s4", "s3"), &json!({}));
    let mut restore = wanted();
    assert_eq!(decide(&mut restore, &world(&again, with(revision("s4", "i:2", true))), 100), None);
    assert_eq!(restore.said, "the template is left as kubectl-edit wrote it");
    // They mended it themselves: there is nothing to put back, and latest is what users are on.
    let mended = service(&back(), "i:1", ("s3", "s3"), &json!({}));
    let order = write(decide(&mut wanted(), &world(&mended, with(revision("s3", "i:1", true))), 100));
    assert_eq!(value(&order, "/spec/template"), None);
    assert_eq!(order.record.unwrap().split, Split::all_latest());
}

/// The way back was served, and then somebody applied a file whose name for its revision is taken: no revision comes of that.
#[test]
fn a_template_that_makes_no_revision_is_somebodys_too() {
    let mut restore = wanted();
    let mut service = service(&back(), "i:2", ("s2", "s2"), &json!({}));
    write(decide(&mut restore, &world(&service, both()), 100));
    service.template = json!({"metadata": {"name": "s0"}, "spec": spec("i:9")["spec"]});
    (service.generation, service.observed_generation) = (3, 3);
    let message = "Revision creation failed with message: revisions.serving.knative.dev \"s0\" already exists.";
    let refused = json!({"metadata": {"name": "s", "uid": "u", "generation": 3}, "status": {"conditions": [
        {"type": "ConfigurationsReady", "status": "False", "reason": "RevisionFailed", "message": message},
        {"type": "RoutesReady", "status": "False", "reason": "RevisionNameTaken"}]}});
    service.conditions = Service::from_json(&refused).unwrap().conditions;
    assert_eq!(decide(&mut restore, &world(&service, both()), 101), None);
    assert!(restore.said.starts_with("the template is left as "), "{}", restore.said);
}

/// An owner may have more than one entry on latest: that is followed again, and not written once more.
#[test]
fn latest_of_two_entries_is_followed_once() {
    let had = json!([{"latestRevision": true, "percent": 80}, {"latestRevision": true, "percent": 20, "tag": "x"}]);
    let mut over = Record { restored: true, generation: 4, split: Split::from_json(Some(&had)).unwrap(), ..back() };
    over.start = Start::new(over.split.clone(), "s3".parse().unwrap(), None).unwrap();
    let done = service(&over, "i:1", ("s3", "s3"), &json!({}));
    assert_eq!(decide(&mut wanted(), &world(&done, with(revision("s3", "i:1", true))), 105), None);
}

/// Two processes of one rollout: who finds it done by the other says nothing against it.
#[test]
fn what_another_process_put_back_is_no_edit_of_somebody() {
    let said = |done: bool| {
        let (own, theirs) = (back(), Record { writer: "w3".into(), epoch: 9, restored: done, ..restored() });
        let world = world(&service(&theirs, "i:1", ("s3", "s2"), &json!({})), both());
        let owner = Owner { kind: OwnerKind::Person, name: "kim".into(), uid: "kim".into() };
        let asker = Asker { owner, intent: at(0), if_busy: IfBusy::Fail, force: false };
        let (claimant, bounds) = (Claimant::new(asker, "w".into()), BoundTries::default());
        let service = world.service().unwrap();
        let back =
            AfterBack { claimant: &claimant, bounds: &bounds, world: &world, service, record: &own, now: at(100) };
        let mut restore = wanted();
        assert_eq!(restore.next(&back, &mut Log::default()), None);
        restore.said
    };
    assert_eq!(said(true), "");
    assert_eq!(said(false), "the template stays as it is, because somebody else wrote since");
}

#[test]
fn latest_is_followed_again_once_that_is_ready_and_the_same() {
    let waits = service(&restored(), "i:1", ("s3", "s2"), &json!({}));
    let mut restore = wanted();
    let not_yet = world(&waits, with(revision("s3", "i:1", false)));
    assert_eq!(decide(&mut restore, &not_yet, 100), Some(Next::wait(Some(at(220)))));
    assert_eq!(decide(&mut restore, &not_yet, 220), None);
    assert!(restore.said.starts_with("traffic stays by name, because s3 is not Ready yet"), "{}", restore.said);
    let ready = service(&restored(), "i:1", ("s3", "s3"), &json!({}));
    let order = write(decide(&mut restore, &world(&ready, with(revision("s3", "i:1", true))), 101));
    let next = order.record.unwrap();
    assert_eq!((next.split.clone(), next.outcome), (Split::all_latest(), Some(Code::Worse)));
    assert_eq!([&next.start.stable, &next.start.latest].map(RevisionName::as_str), ["s3", "s3"]);
    // Then there is nothing more to do, and the end says so from the record alone.
    let over = Record { generation: 4, ..next };
    let done = service(&over, "i:1", ("s3", "s3"), &json!({}));
    let mut restore = wanted();
    assert_eq!(decide(&mut restore, &world(&done, with(revision("s3", "i:1", true))), 105), None);
    let end = restore.said(ended_before(&over, &done));
    assert_eq!(
        end.what,
        "rolled back: worse than stable; the template was put back to what s3 runs, and latest, which is s3, is followed again"
    );
    assert_eq!((end.code, end.next.as_str()), (Code::Worse, ""));
}

#[test]
fn other_bytes_get_nobody() {
    let ready = service(&restored(), "i:1", ("s3", "s3"), &json!({}));
    let mut other = revision("s3", "i:1", true);
    other.digest = Some("i@sha256:of-another-push".into());
    let mut restore = wanted();
    assert_eq!(decide(&mut restore, &world(&ready, with(other)), 100), None);
    assert_eq!(restore.said, "traffic stays by name, because s3 does not run what s1 runs");
}

#[test]
fn in_care_it_is_put_back_and_users_stay_by_name() {
    let declares = json!({"andante.dev/pipeline": "p"});
    let of = |goal: Option<RolloutGoal>, more: &Value| {
        let mut annotations = declares.clone();
        annotations.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        service(&Record { goal, ..back() }, "i:2", ("s2", "s2"), &annotations)
    };
    let id = |service: &Service| Stated::of_service(service).read().unwrap().id;
    let rejected = id(&of(None, &json!({})));
    let stable = id(&service(&back(), "i:1", ("s2", "s2"), &declares));
    // The API server says first what it will store.
    let goal = RolloutGoal { asked: rejected.clone(), declared: rejected.clone() };
    let status = json!({GOAL_STATUS: json!({"goal": rejected, "run": "run-1", "phase": "failed"}).to_string()});
    let care = of(Some(goal), &status);
    let mut world_ = world(&care, both());
    let mut restore = wanted();
    let Some(Next::Look(crate::machine::next::Look::Stored(patch))) = decide(&mut restore, &world_, 100) else {
        panic!("it asks")
    };
    world_.foretold = crate::machine::foretold::Foretold::of(&care, &patch, None);
    let order = write(decide(&mut restore, &world_, 100));
    assert_eq!((value(&order, "/spec/template"), value(&order, "/spec/traffic")), (Some(&spec("i:1")), None));
    let tests = |op: &&Value| op["op"] == "test" && op["path"] == "/metadata/annotations/andante.dev~1pipeline";
    assert_eq!(order.patch.as_array().unwrap().iter().filter(tests).count(), 1, "another goal may be declared by then");
    let named = |order: &Order| -> Value {
        let path = "/metadata/annotations/andante.dev~1goal-status";
        serde_json::from_str(value(order, path).unwrap().as_str().unwrap()).unwrap()
    };
    assert_eq!((&named(&order)["goal"], &named(&order)["run"]), (&json!(stable), &json!("run-1")), "no new goal");
    let next = order.record.unwrap();
    assert_eq!(next.goal, Some(RolloutGoal { asked: rejected, declared: stable.clone() }));
    let after = service(&next, "i:1", ("s3", "s3"), &declares);
    assert_eq!(decide(&mut wanted(), &world(&after, with(revision("s3", "i:1", true))), 101), None, "by name");
    // Nobody has looked at it yet: whoever does finds what serves.
    let unseen = of(None, &json!({}));
    let order = write(decide(&mut wanted(), &world(&unseen, both()), 100));
    assert_eq!((&named(&order)["goal"], &named(&order)["phase"]), (&json!(stable), &json!("reached")));
}

#[test]
fn a_template_of_another_goal_stays() {
    let goal: crate::model::name::GoalId = "000000000001".parse().unwrap();
    let declares = json!({"andante.dev/pipeline": "p"});
    let of_older = Record { goal: Some(RolloutGoal { asked: goal.clone(), declared: goal.clone() }), ..back() };
    let waits = json!({GOAL_STATUS: json!({"goal": goal, "run": "run-1", "phase": "failed"}).to_string()});
    let mut waiting = declares.clone();
    waiting.as_object_mut().unwrap().extend(waits.as_object().unwrap().clone());
    let slip = json!({"andante.dev/pipeline": "p", "andante.dev/traffic": "0"});
    for (record, annotations, why) in [
        (&of_older, &declares, "s declares another goal by now"),
        (&back(), &waiting, "s declares another goal by now"),
        (&back(), &slip, "what s declares cannot be read"),
    ] {
        let mut restore = wanted();
        let service = service(record, "i:2", ("s2", "s2"), annotations);
        assert_eq!(decide(&mut restore, &world(&service, both()), 100), None);
        assert_eq!(restore.said, format!("the template stays as it is, because {why}"));
    }
}

#[test]
fn a_signal_leaves_time_for_the_template_and_a_short_call_for_what_is_due() {
    let stopped = |record: &Record, image: &str, newest: (&str, &str), revisions: Vec<Revision>| {
        let mut world = world(&service(record, image, newest, &json!({})), revisions);
        world.signal = Some(Signal::Terminate);
        let mut restore = wanted();
        (decide(&mut restore, &world, 100), restore.said)
    };
    assert!(matches!(stopped(&back(), "i:2", ("s2", "s2"), both()).0, Some(Next::Write(_))));
    let (next, said) = stopped(&restored(), "i:1", ("s3", "s3"), with(revision("s3", "i:1", true)));
    assert!(next.is_none() && said.contains("`andante settle s --restore-template` follows latest"), "{said}");
    let waits = service(&restored(), "i:1", ("s3", "s2"), &json!({}));
    let mut short = Restore::new(true, &CapacityGoal::default(), true);
    assert_eq!(decide(&mut short, &world(&waits, with(revision("s3", "i:1", false))), 100), None);
    assert!(short.said.contains("s3 is not Ready yet"), "{}", short.said);
}

#[test]
fn only_a_way_back_that_is_over_has_a_template_to_put_back() {
    for (phase, outcome, says) in [
        (Phase::Interrupted, Code::Interrupted, "the same run may start again"),
        (Phase::RolledBack, Code::CouldNotRestore, ""),
        (Phase::RolledBack, Code::TakenOver, ""),
        (Phase::Finished, Code::Done, ""),
        (Phase::Held, Code::Interrupted, ""),
    ] {
        let record = Record { phase, outcome: Some(outcome), ..back() };
        let mut restore = wanted();
        let service = service(&record, "i:2", ("s2", "s2"), &json!({}));
        assert_eq!(decide(&mut restore, &world(&service, both()), 100), None, "{phase:?}");
        assert!(restore.said.contains(says) && says.is_empty() == restore.said.is_empty(), "{}", restore.said);
    }
    // Stable is collected: nobody knows its template any more.
    let service = service(&back(), "i:2", ("s2", "s2"), &json!({}));
    let mut restore = wanted();
    assert_eq!(decide(&mut restore, &world(&service, vec![revision("s2", "i:2", true)]), 100), None);
    assert_eq!(restore.said, "the template stays as it is, because s1 is gone");
}

#[test]
fn a_refused_write_is_no_other_end_of_the_rollout() {
    let world = world(&service(&back(), "i:2", ("s2", "s2"), &json!({})), both());
    let mut restore = wanted();
    assert!(!restore.is_denied(&ApiError::Invalid("no".into())), "it has written nothing");
    write(decide(&mut restore, &world, 100));
    assert!(restore.is_denied(&ApiError::Invalid("no".into())));
    assert!(!restore.is_denied(&ApiError::Invalid("no".into())), "the next one is not its own");
    assert_eq!(decide(&mut restore, &world, 101), None, "it is not tried again");
    assert_eq!(restore.refusal(), Some(Code::NotPermitted));
    let stopped = restore.stopped(&world, &Outcome::new(Code::Unreachable, "no answer")).unwrap();
    assert!(
        stopped.code == Code::Worse && stopped.what.ends_with("before all was done: no answer"),
        "{}",
        stopped.what
    );
}
