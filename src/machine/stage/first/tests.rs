//! Where a first deployment ends as one, and where it goes on as any rollout.

use super::*;
use crate::machine::claim::{Asker, IfBusy};
use crate::machine::next::{Machine, Order};
use crate::machine::stage::StageGoal;
use crate::machine::standing::Claimant;
use crate::machine::world::NameHolder;
use crate::model::observed::Revision;
use crate::rollout::goal::CapacityGoal;
use crate::rollout::owner::{Owner, OwnerKind};
use crate::rollout::splits::Tags;
use std::time::Duration;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1000 + seconds).unwrap()
}

fn staging() -> Stage {
    let goal = StageGoal {
        service: "hello".parse().unwrap(),
        want: Want::Template(Box::new(TemplateChange { image: Some("i:2".into()), ..TemplateChange::default() })),
        manifest: None,
        stable: None,
        tags: Tags::usual(&"hello".parse().unwrap()),
        again: false,
        deadline: Duration::from_secs(120),
        grace: Duration::from_secs(10),
        hold_for: Duration::ZERO,
        capacity: CapacityGoal::default(),
        goes_on: None,
        restore_template: false,
        id: "one".parse().unwrap(),
    };
    let owner = Owner { kind: OwnerKind::Person, name: "kim".into(), uid: "kim".into() };
    let asker = Asker { owner, intent: at(0), if_busy: IfBusy::Fail, force: false };
    Stage::new(goal, Claimant::new(asker, "w".into()))
}

/// What is seen: these revisions are ready, and users have this split.
fn world(image: &str, generation: i64, ready: &[&str], created: &str, traffic: &Value) -> World {
    let newest = ready.last();
    let served =
        |t: &Value| json!({"revisionName": t["revisionName"].as_str().or(newest.copied()), "percent": t["percent"]});
    let served: Vec<Value> = traffic.as_array().unwrap().iter().filter(|_| newest.is_some()).map(served).collect();
    let routes = if newest.is_some() { "True" } else { "Unknown" };
    let object = json!({
        "metadata": {"name": "hello", "namespace": "shop", "uid": "u", "generation": generation,
            "annotations": {"andante.dev/pipeline": "p"}},
        "spec": {"traffic": traffic, "template": {"spec": {"containers": [{"image": image}]}}},
        "status": {"observedGeneration": generation, "latestCreatedRevisionName": created,
            "latestReadyRevisionName": newest, "traffic": served, "conditions": [{"type": "RoutesReady", "status": routes}]}
    });
    let mut world = World::of(Some("shop".parse().unwrap()));
    world.see_service(Service::from_json(&object).unwrap());
    world.see_revisions(["s1", "s2"].iter().filter(|name| **name <= created).map(|name| {
        let status = if ready.contains(name) { "True" } else { "Unknown" };
        let object = json!({"metadata": {"name": name, "uid": name, "labels":
                {"serving.knative.dev/configurationGeneration": &name[1..]}},
            "spec": {"containers": [{"image": format!("i:{}", &name[1..])}]},
            "status": {"conditions": [{"type": "Ready", "status": status}]}});
        Revision::from_json(&object).unwrap()
    }));
    let free = |tag: &str| (format!("{tag}-hello"), NameHolder::Nobody);
    world.names.extend([free("candidate"), free("stable")]);
    world
}

fn latest() -> Value {
    json!([{"latestRevision": true, "percent": 100}])
}

fn named(name: &str) -> Value {
    json!([{"revisionName": name, "percent": 100}])
}

/// A run that patched a template whose revision never was ready, and waits for `s2`.
fn patched() -> Stage {
    let mut stage = staging();
    let next = stage.decide(&world("i:1", 1, &[], "s1", &latest()), at(0), &mut Log::default());
    assert!(matches!(&next, Next::Write(order) if order.record.is_none()), "{next:?}");
    let waits = world("i:2", 2, &[], "s2", &latest());
    stage.written(&crate::machine::next::Written::Yes, &waits, at(0), &mut Log::default());
    assert!(matches!(stage.decide(&waits, at(1), &mut Log::default()), Next::Wait { .. }));
    stage
}

fn order(next: Next) -> Order {
    match next {
        Next::Write(order) => *order,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_serves_everyone_ends_a_first_deployment() {
    for traffic in [latest(), named("s2")] {
        let mut stage = patched();
        let done = order(stage.decide(&world("i:2", 3, &["s1", "s2"], "s2", &traffic), at(2), &mut Log::default()));
        let record = done.record.unwrap();
        assert_eq!((record.phase, record.candidate.unwrap().as_str()), (Phase::Finished, "s2"));
        assert_eq!(record.split.to_string(), "s2 100 %");
    }
}

/// The first revision became ready late, and whoever follows named its users: nobody has the one that was asked for.
#[test]
fn users_who_were_named_on_an_earlier_revision_stay_there_and_the_new_one_is_a_candidate() {
    let mut stage = patched();
    let late = world("i:2", 3, &["s1"], "s2", &named("s1"));
    assert!(matches!(stage.decide(&late, at(2), &mut Log::default()), Next::Wait { .. }), "s2 is not ready");
    let both = world("i:2", 3, &["s1", "s2"], "s2", &named("s1"));
    let begun = order(stage.decide(&both, at(3), &mut Log::default()));
    let record = begun.record.unwrap();
    assert_eq!((record.phase, record.start.stable.as_str()), (Phase::Staging, "s1"));
    assert_eq!(record.split.share(&"s1".parse().unwrap()), Percent::FULL, "{}", record.split);
    assert!(!begun.what.text.contains("serves everyone"), "{}", begun.what.text);
    // The template stands there already.
    let patch = begun.patch.as_array().unwrap();
    assert!(!patch.iter().any(|op| op["op"] != "test" && op["path"] == "/spec/template"), "{patch:?}");
}
