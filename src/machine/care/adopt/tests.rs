//! What adopting writes, and what it refuses.

use super::*;
use crate::machine::claim::{Asker, IfBusy};
use crate::model::observed::{RECORD, Revision};
use crate::rollout::declaration::read::Stated;
use crate::rollout::owner::{Owner, OwnerKind};
use crate::rollout::record::tests::record;

const PIPELINE: &str = "andante.dev/pipeline";

fn claimant() -> Claimant {
    let owner = Owner { kind: OwnerKind::Person, name: "kim".into(), uid: "kim".into() };
    let asker = Asker { owner, intent: Timestamp::UNIX_EPOCH, if_busy: IfBusy::Fail, force: false };
    Claimant::new(asker, "w".into())
}

fn adopting(declares: &[(DeclaredPart, &str)]) -> Adopt {
    let goal = AdoptGoal {
        service: "hello".parse().unwrap(),
        declares: declares.iter().map(|(part, text)| (*part, (*text).to_owned())).collect(),
        tags: Tags::default(),
        id: "one".parse().unwrap(),
        dry_run: false,
        names_only: false,
    };
    Adopt::new(goal, claimant())
}

fn usual() -> Adopt {
    adopting(&[(DeclaredPart::Pipeline, "slow-walk")])
}

fn ready(name: &str) -> Value {
    json!({"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
}

/// A Service at generation 3 whose newest revision is `s2`, with what it serves.
fn object(annotations: &Value, traffic: &Value) -> Value {
    let served: Vec<Value> = traffic
        .as_array()
        .unwrap()
        .iter()
        .map(|t| json!({"revisionName": t["revisionName"].as_str().unwrap_or("s2"), "percent": t["percent"], "tag": t["tag"]}))
        .collect();
    json!({
        "metadata": {"name": "hello", "namespace": "shop", "uid": "u", "generation": 3, "annotations": annotations},
        "spec": {"traffic": traffic, "template": {"spec": {"containers": [{"image": "i:2"}]}}},
        "status": {"observedGeneration": 3, "latestCreatedRevisionName": "s2", "latestReadyRevisionName": "s2",
            "traffic": served, "conditions": [{"type": "RoutesReady", "status": "True"}]}
    })
}

fn world(object: &Value) -> World {
    let mut world = World::default();
    world.see_service(Service::from_json(object).unwrap());
    world.see_revisions(["s1", "s2"].map(|name| Revision::from_json(&ready(name)).unwrap()));
    world
}

fn latest() -> Value {
    json!([{"latestRevision": true, "percent": 100}])
}

fn decide(machine: &mut Adopt, object: &Value) -> Next {
    machine.decide(&world(object), "2026-11-30T04:00:00Z".parse().unwrap(), &mut Log::default())
}

fn written(machine: &mut Adopt, object: &Value) -> Order {
    match decide(machine, object) {
        Next::Write(order) => *order,
        other => panic!("{other:?}"),
    }
}

fn ended(machine: &mut Adopt, object: &Value) -> Outcome {
    match decide(machine, object) {
        Next::End(outcome) => *outcome,
        other => panic!("{other:?}"),
    }
}

/// The operations of this kind, by the end of their path.
fn of<'a>(order: &'a Order, op: &str, path: &str) -> Vec<&'a Value> {
    let ops = order.patch.as_array().unwrap().iter();
    ops.filter(|o| o["op"] == op && o["path"].as_str().unwrap().ends_with(path)).map(|o| &o["value"]).collect()
}

#[test]
fn one_write_declares_pins_and_says_that_the_goal_is_reached() {
    let plain = object(&json!({"mine": "m"}), &latest());
    let order = written(&mut usual(), &plain);
    assert_eq!(of(&order, "add", "~1pipeline"), [&json!("slow-walk")]);
    assert_eq!(of(&order, "test", "~1pipeline"), [&Value::Null], "nobody else declared one meanwhile");
    assert_eq!(of(&order, "test", "latestReadyRevisionName"), [&json!("s2")]);
    assert_eq!(
        of(&order, "add", "spec/traffic"),
        [&json!([{"revisionName": "s2", "latestRevision": false, "percent": 100}])]
    );
    let record = order.record.clone().unwrap();
    assert_eq!((record.phase, record.epoch, record.generation), (Phase::Finished, 1, 4));
    assert_eq!((record.start.split.to_string().as_str(), record.intent), ("latest 100 %", Timestamp::UNIX_EPOCH));
    // As it would be declared, so that nothing is started.
    let status = of(&order, "add", "goal-status")[0].as_str().unwrap();
    let mut declares = plain.clone();
    declares["metadata"]["annotations"][PIPELINE] = json!("slow-walk");
    let id = Stated::of_json(&declares).read().unwrap().id;
    declares["metadata"]["annotations"][GOAL_STATUS] = json!(status);
    let status = StatusSeen::of(&Service::from_json(&declares).unwrap()).into_status().unwrap();
    assert_eq!((status.goal, status.phase, status.run), (Some(id), GoalPhase::Reached, None));
}

#[test]
fn a_second_time_there_is_nothing_to_do() {
    let mut done = object(&json!({PIPELINE: "slow-walk"}), &json!([{"revisionName": "s2", "percent": 100}]));
    let id = Stated::of_json(&done).read().unwrap().id;
    done["metadata"]["annotations"][GOAL_STATUS] =
        json!(json!({"goal": id, "phase": "failed", "run": "hello-1"}).to_string());
    let end = ended(&mut usual(), &done);
    assert_eq!((end.code, end.word), (Code::Done, UNCHANGED), "{}", end.line());
    // Also while Knative is at something else, and whatever is declared beside it.
    done["status"]["observedGeneration"] = json!(2);
    assert_eq!(ended(&mut adopting(&[]), &done).word, UNCHANGED);
    // Another declaration is no such thing.
    done["status"]["observedGeneration"] = json!(3);
    let order = written(&mut adopting(&[(DeclaredPart::Traffic, "50")]), &done);
    assert_eq!(of(&order, "add", "~1traffic"), [&json!("50")]);
    assert_eq!(order.record.unwrap().generation, 3, "the split stands");
}

#[test]
fn owners_entries_stay_but_for_what_follows_latest() {
    let mixed = json!([{"revisionName": "s1", "percent": 90, "tag": "old"}, {"latestRevision": true, "percent": 10},
        {"latestRevision": true, "percent": 0, "tag": "preview"}]);
    let order = written(&mut usual(), &object(&json!({}), &mixed));
    let record = order.record.unwrap();
    assert_eq!(record.split.to_string(), "s1 90 % (tag old), s2 10 %, latest 0 % (tag preview)");
    assert_eq!(record.start.finished(record.candidate.as_ref().unwrap(), true), record.start.split, "the way back");
    let two = json!([{"revisionName": "s1", "percent": 40}, {"latestRevision": true, "percent": 60}]);
    let record = written(&mut usual(), &object(&json!({}), &two)).record.unwrap();
    assert_eq!((record.start.stable.as_str(), record.split.to_string().as_str()), ("s2", "s1 40 %, s2 60 %"));
}

#[test]
fn a_record_that_is_true_stays() {
    let split =
        json!([{"revisionName": "s1", "percent": 100}, {"revisionName": "s2", "percent": 0, "tag": "candidate"}]);
    let mut back = record();
    (back.phase, back.outcome, back.generation, back.epoch) = (Phase::RolledBack, Some(Code::Worse), 3, 7);
    back.split = Split::from_json(Some(&split)).unwrap();
    let there = object(&json!({RECORD: back.to_text().unwrap()}), &split);
    let kept = written(&mut usual(), &there).record.unwrap();
    assert_eq!(kept, Record { epoch: 8, ..back.clone() });
    // One that is not is followed by one that knows what it knew of others.
    back.generation = 2;
    back.split = Split::all_latest();
    back.reject("worse", Timestamp::UNIX_EPOCH);
    back.intent = "2026-01-01T00:00:00Z".parse().unwrap();
    let there = object(&json!({RECORD: back.to_text().unwrap()}), &split);
    let fresh = written(&mut usual(), &there).record.unwrap();
    assert_eq!((fresh.id.as_str(), fresh.intent, fresh.rejected.len()), ("one", back.intent, 1));
}

/// What is declared, what is changed of a Service, the code, and words of the end.
type Forbidden<'a> = (&'a [(DeclaredPart, &'a str)], &'a dyn Fn(&mut Value), Code, &'a str);

#[test]
fn everything_that_forbids_it_is_said_before_anything_is_written() {
    let refused = |declares: &[(DeclaredPart, &str)], change: &dyn Fn(&mut Value)| {
        let mut there = object(&json!({"mine": "m"}), &latest());
        change(&mut there);
        let end = ended(&mut adopting(declares), &there);
        assert!(end.code != Code::Done, "{}", end.line());
        (end.code, end.line())
    };
    let walk = [(DeclaredPart::Pipeline, "slow-walk")];
    let open = || json!({RECORD: record().to_text().unwrap()});
    let kserve = json!([{"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "name": "m", "controller": true}]);
    let cases: [Forbidden<'_>; 8] = [
        (&[], &|_| {}, Code::BadInput, "--pipeline"),
        (
            &[(DeclaredPart::Pipeline, "A b"), (DeclaredPart::Traffic, "0")],
            &|_| {},
            Code::BadInput,
            "andante.dev/traffic is `0`",
        ),
        (&walk, &|s| s["status"]["observedGeneration"] = json!(2), Code::BadState, "try again in a moment"),
        (&walk, &|s| s["status"]["traffic"] = json!([]), Code::BadState, "do not have the split"),
        (&walk, &|s| s["status"]["latestReadyRevisionName"] = Value::Null, Code::BadState, "no ready revision"),
        (&walk, &|s| s["metadata"]["annotations"] = open(), Code::Busy, "andante settle hello -n shop"),
        (&walk, &|s| s["metadata"]["ownerReferences"] = kserve.clone(), Code::BadState, "InferenceService m"),
        (
            &walk,
            &|s| {
                for of in ["spec", "status"] {
                    let gone = json!({"revisionName": "gone", "percent": 0, "tag": "qa"});
                    s[of]["traffic"].as_array_mut().unwrap().push(gone);
                }
            },
            Code::BadState,
            "names gone, which is not Ready",
        ),
    ];
    for (declares, change, code, words) in cases {
        let (found, line) = refused(declares, change);
        assert_eq!(found, code, "{line}");
        assert!(line.contains(words) && !line.contains('\n'), "{line}");
    }
    let both = refused(&[(DeclaredPart::Pipeline, "A b"), (DeclaredPart::Traffic, "0")], &|_| {}).1;
    assert!(both.contains("andante.dev/pipeline is `A b`"), "every fault at once: {both}");
}

#[test]
fn a_dry_run_says_what_would_be_written() {
    let mut dry = usual();
    dry.goal.dry_run = true;
    let (mut log, there) = (Log::default(), object(&json!({}), &latest()));
    let next = dry.decide(&world(&there), Timestamp::UNIX_EPOCH, &mut log);
    assert!(matches!(&next, Next::End(end) if end.code == Code::Done), "{next:?}");
    let said: Vec<String> = log.take().into_iter().map(|event| event.text).collect();
    assert_eq!(said.len(), 4, "{said:?}");
    assert_eq!(said[1], "annotation andante.dev/pipeline: absent -> `slow-walk`");
    assert_eq!(said[2], "spec.traffic: latest 100 % -> s2 100 %");
}

/// A goal that waits is nothing that whoever follows could call reached.
#[test]
fn naming_alone_says_nothing_of_the_goal_and_is_done_once() {
    let naming = || {
        let mut machine = adopting(&[]);
        machine.goal.names_only = true;
        machine
    };
    let declared = object(&json!({PIPELINE: "slow-walk"}), &latest());
    let order = written(&mut naming(), &declared);
    assert!(of(&order, "add", "goal-status").is_empty());
    assert_eq!(of(&order, "test", "~1pipeline"), [&json!("slow-walk")], "it is in care still");
    assert_eq!(of(&order, "test", "latestReadyRevisionName"), [&json!("s2")]);
    let record = order.record.clone().unwrap();
    assert_eq!((record.phase, record.start.split.to_string().as_str()), (Phase::Finished, "latest 100 %"));
    assert_eq!(record.reason.as_deref(), Some("named by kim; nobody was moved"));
    assert_eq!(order.what.text, "users stay where they are, by name: s2 100 %");
    let by_name = json!([{"revisionName": "s2", "percent": 100}]);
    let end = ended(&mut naming(), &object(&json!({PIPELINE: "slow-walk"}), &by_name));
    assert_eq!((end.code, end.word), (Code::Done, UNCHANGED));
}
