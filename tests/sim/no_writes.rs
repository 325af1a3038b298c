//! The API server reads well and takes no write: an admission webhook that must be asked and cannot be, a full disk.

use super::fault::{Fault, Script};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::model::outcome::{Code, Outcome};
use std::time::Duration;
use tokio::time::Instant;

/// What came of a walk that meets it after this time: the end, how long that took, and how many writes were tried.
fn walk(candidate: &'static str, dwell: u64, after: u64) -> (Outcome, Duration, usize) {
    walk_with(candidate, dwell, move |now| Script {
        no_writes_from: Some(now + Duration::from_secs(after)),
        ..Script::default()
    })
}

/// The same under a script that is made when the walk begins.
fn walk_with(
    candidate: &'static str,
    dwell: u64,
    script: impl FnOnce(Duration) -> Script + 'static,
) -> (Outcome, Duration, usize) {
    simulate(async move {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let world = theatre.world.clone();
        let asker = asker("a", 1, IfBusy::Supersede);
        theatre
            .process("stage", &asker, &Job::Stage { image: candidate.into(), again: false }, Script::default())
            .await;
        let script = script(world.start.elapsed());
        let begun = Instant::now();
        let looks = Looks { probe: true, ..Looks::default() };
        let job = Job::Walk(plan(&[50, 100], dwell, 60, None), looks);
        let outcome = theatre.process("a", &asker, &job, script).await.unwrap();
        (outcome, begun.elapsed(), theatre.writes("a"))
    })
}

/// The next step cannot be written: the patience of writes is over after two minutes, whatever reads say.
#[test]
fn a_step_that_cannot_be_written_ends_within_the_patience_and_says_what_traffic_is() {
    let (outcome, took, writes) = walk("ok:2", 20, 10);
    assert_eq!(outcome.code, Code::Unreachable, "{}", outcome.line());
    assert!(outcome.what.contains("took no write, although it could be read, for 2m"), "{}", outcome.what);
    assert!(outcome.what.contains("the server is out of sorts"), "the server's words: {}", outcome.what);
    assert!(outcome.line().contains("traffic now: hello-00001 50 %"), "{}", outcome.line());
    assert!(took < Duration::from_secs(160), "{took:?}");
    assert!(writes < 30, "{writes} writes in {took:?}");
}

/// A way back that is owed and cannot be written needs a person.
#[test]
fn a_way_back_that_cannot_be_written_asks_for_a_person() {
    let (outcome, took, writes) = walk("flaky-probe:2-15", 60, 12);
    assert_eq!(outcome.code, Code::CouldNotRestore, "{}", outcome.line());
    assert!(outcome.what.contains("the way back could not be written"), "{}", outcome.what);
    assert!(outcome.line().contains("traffic now: hello-00001 50 %"), "{}", outcome.line());
    assert!(took < Duration::from_secs(180) && writes < 30, "{writes} writes in {took:?}");
}

/// One write that took effect without an answer is no reason to give up minutes later, when none is wanted.
#[test]
fn a_lost_answer_is_forgotten_once_the_write_is_seen() {
    for call in 1..16 {
        for fault in [Fault::Reset { after: true }, Fault::Silence { after: true }, Fault::Reset { after: false }] {
            let (outcome, took, _) = walk_with("ok:2", 300, move |_| Script::one(call, fault));
            assert_eq!(outcome.code, Code::Done, "{fault:?} at call {call}: {} after {took:?}", outcome.line());
        }
    }
}

/// A first deployment that the API server never takes, be it a creation or a new template for a Service that never served.
#[test]
fn a_first_deployment_that_is_never_taken_ends_within_the_patience() {
    for there in [None, Some("never:1")] {
        first_deployment(there);
    }
}

fn first_deployment(there: Option<&'static str>) {
    let (outcome, took) = simulate(async move {
        let theatre = Theatre::new(7);
        if let Some(image) = there {
            theatre.world.deploy(&theatre.world.plain(image)).await;
        }
        let script = Script { no_writes_from: Some(Duration::ZERO), ..Script::default() };
        let begun = Instant::now();
        let job = Job::Stage { image: "ok:1".into(), again: false };
        let outcome = theatre.process("a", &asker("a", 1, IfBusy::Supersede), &job, script).await.unwrap();
        (outcome, begun.elapsed())
    });
    assert_eq!(outcome.code, Code::Unreachable, "{}", outcome.line());
    assert!(outcome.what.contains("the server is out of sorts"), "the server's words: {}", outcome.what);
    assert!(took < Duration::from_secs(140), "{there:?}: {took:?}");
}
