//! The brake works: whatever was done to the record, the annotations or the template in mid-walk, users come back.

use super::check;
use super::fault::Script;
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::world::{World, simulate};
use andante::machine::claim::IfBusy;
use andante::machine::settle::To;
use andante::model::observed::RECORD;
use andante::model::outcome::{Code, Outcome};
use andante::rollout::record::{Phase, Record};
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

/// What came of it.
struct Came {
    walk: Option<Outcome>,
    settle: Option<Outcome>,
    served: Vec<(String, i64)>,
    record: Option<Record>,
    epoch: u64,
    template_name: Option<String>,
    wrong: Vec<String>,
    print: String,
}

fn settle(to: To) -> Job {
    Job::Settle { to: Some(to), any: true }
}

/// What somebody does.
type Deed = fn(&World);

/// A walk is at 50 % when somebody does something; the candidate fails five seconds later, or the walk is killed first. Then
/// somebody settles, perhaps.
fn at_half(killed: bool, what: impl Fn(&World) + 'static, then: Option<Job>) -> Came {
    simulate(async move {
        let mut theatre = Theatre::new(7);
        theatre.calm = true;
        let world = theatre.world.clone();
        let mut object = world.plain("ok:1");
        object["spec"]["template"]["metadata"]["name"] = json!("hello-first");
        world.deploy(&object).await;
        let prologue = world.scene_is_set();
        let run = asker("a", 1, IfBusy::Supersede);
        let stage = Job::Stage { image: "flaky-probe:2-25".into(), again: false };
        theatre.process("stage", &run, &stage, Script::default()).await;
        let walk = Job::Walk(plan(&[50, 100], 120, 60, None), Looks { probe: true, ..Looks::default() });
        let other = theatre.clone();
        let walker = tokio::task::spawn_local(async move {
            let life = other.process("walk", &run, &walk, Script::default());
            if killed { tokio::time::timeout(Duration::from_secs(14), life).await.ok().flatten() } else { life.await }
        });
        sleep(Duration::from_secs(10)).await;
        let record = || world.service().as_deref().and_then(check::record);
        let at = record().expect("a walk");
        assert_eq!((at.phase, at.step), (Phase::Walking, 1), "{}", theatre.print(prologue));
        what(&world);
        let walk = walker.await.unwrap();
        let mut ended = None;
        if let Some(job) = then {
            sleep(Duration::from_secs(5)).await;
            ended = theatre.process("settle", &asker("@kim", 900, IfBusy::Fail), &job, Script::default()).await;
        }
        sleep(Duration::from_secs(30)).await;
        let template = world.service().unwrap()["spec"]["template"].clone();
        Came {
            walk,
            settle: ended,
            served: world.served_now(),
            record: record(),
            epoch: at.epoch,
            template_name: template["metadata"]["name"].as_str().map(str::to_owned),
            wrong: theatre.complaints().into_iter().chain(check::all(&theatre.story(prologue))).collect(),
            print: theatre.print(prologue),
        }
    })
}

fn code(ended: Option<&Outcome>) -> Option<Code> {
    ended.map(|o| o.code)
}

fn everyone_is_back(came: &Came) {
    assert_eq!(came.served, [("hello-first".to_owned(), 100)], "{}", came.print);
    assert_eq!(came.wrong, Vec::<String>::new(), "{}", came.print);
}

fn name_taken(world: &World) {
    // Another template under the name of a revision that is there: `RevisionNameTaken`.
    world.apply_named("hello-first", "ok:9").unwrap();
}

#[test]
fn a_name_that_is_taken_does_not_close_the_way_back() {
    let came = at_half(false, name_taken, None);
    assert_eq!(code(came.walk.as_ref()), Some(Code::RolledBack), "{}", came.print);
    everyone_is_back(&came);
    assert_eq!(came.template_name, None, "it is taken out in the write that goes back");
    assert!(came.print.contains("the template's name hello-first is taken out of it"), "{}", came.print);
}

#[test]
fn settling_by_name_takes_a_name_that_is_taken_away_and_ends_when_it_is_served() {
    for to in [To::Stable, To::Revision("hello-first".parse().unwrap())] {
        let came = at_half(true, name_taken, Some(settle(to)));
        assert_eq!(code(came.settle.as_ref()), Some(Code::Done), "{}", came.print);
        everyone_is_back(&came);
    }
}

/// The record goes back with as little as it needs; its epoch is one higher.
#[test]
fn a_way_back_is_written_where_the_annotations_are_full() {
    let fill = |world: &World| world.fill_annotations().unwrap();
    let came = at_half(false, fill, None);
    assert_eq!(code(came.walk.as_ref()), Some(Code::RolledBack), "{}", came.print);
    everyone_is_back(&came);
    let record = came.record.unwrap();
    assert_eq!((record.phase, record.epoch), (Phase::RolledBack, came.epoch + 1));
    assert_eq!(record.plan, None, "the least of it");

    let came = at_half(true, fill, Some(settle(To::Stable)));
    assert_eq!(code(came.settle.as_ref()), Some(Code::Done), "{}", came.print);
    everyone_is_back(&came);
    assert_eq!(came.record.unwrap().epoch, came.epoch + 1);
}

/// The walk stops with a code of its own; whoever settles to stable needs no record.
#[test]
fn a_record_that_is_lost_in_mid_walk_does_not_keep_users_from_stable() {
    let garbled = |world: &World| world.annotate(RECORD, Some("{\"format\":1,\"id\":")).unwrap();
    let removed = |world: &World| world.annotate(RECORD, None).unwrap();
    let replaced = |world: &World| {
        let mut record = world.service().as_deref().and_then(check::record).unwrap();
        record.owner.uid = "uid-of-another".into();
        world.annotate(RECORD, Some(&record.to_text().unwrap())).unwrap();
    };
    let older = |world: &World| {
        let mut record = world.service().as_deref().and_then(check::record).unwrap();
        (record.epoch, record.writer) = (1, "of-another-object".into());
        world.annotate(RECORD, Some(&record.to_text().unwrap())).unwrap();
    };
    let all: [(&str, Deed); 4] = [("garbled", garbled), ("removed", removed), ("replaced", replaced), ("older", older)];
    for (what, lose) in all {
        let came = at_half(false, lose, Some(settle(To::Stable)));
        assert_eq!(code(came.walk.as_ref()), Some(Code::RecordLost), "{what}: {}", came.print);
        assert_eq!(code(came.settle.as_ref()), Some(Code::Done), "{what}: {}", came.print);
        assert_eq!(came.served, [("hello-first".to_owned(), 100)], "{what}: {}", came.print);
        let line = came.walk.unwrap().line();
        assert!(line.contains("--to stable"), "{line}");
    }
}

/// Not every way can be opened: then the end is no success, and it says what stands in the way.
#[test]
fn what_is_not_served_is_no_success() {
    let came = at_half(
        true,
        |world| {
            world.with(|s| s.stalled = true);
        },
        Some(settle(To::Revision("hello-first".parse().unwrap()))),
    );
    assert_eq!(code(came.settle.as_ref()), Some(Code::CouldNotRestore), "{}", came.print);
    let line = came.settle.unwrap().line();
    assert!(line.contains("not confirmed as served yet"), "{line}");
}
