//! A right that is gone for a while (403), or credentials that are not believed for a while (401): a `RoleBinding` that is made
//! anew, a token that is replaced. What was granted once is waited for, what never was is not.

use super::check;
use super::fault::Script;
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::machine::world::Signal;
use andante::model::outcome::{Code, Outcome};
use std::time::Duration;
use tokio::time::Instant;

/// What came of a walk.
struct Walked {
    outcome: Outcome,
    took: Duration,
    writes: usize,
    wrong: Vec<String>,
}

/// A walk over 50 % whose calls with this verb are refused between these seconds of it.
fn walk(candidate: &'static str, dwell: u64, calls: &'static str, refused: std::ops::Range<u64>) -> Walked {
    simulate(async move {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let world = theatre.world.clone();
        let prologue = world.scene_is_set();
        let asker = asker("a", 1, IfBusy::Supersede);
        let stage = Job::Stage { image: candidate.into(), again: false };
        theatre.process("stage", &asker, &stage, Script::default()).await;
        let now = world.start.elapsed();
        let at = |second: u64| now + Duration::from_secs(second);
        let script = Script {
            refusals: vec![(at(refused.start)..at(refused.end), calls)],
            // So that new ones are needed meanwhile.
            watches_last: Some(Duration::from_secs(25)),
            ..Script::default()
        };
        let begun = Instant::now();
        let job = Job::Walk(plan(&[50, 100], dwell, dwell, None), Looks { probe: true, ..Looks::default() });
        let outcome = theatre.process("a", &asker, &job, script).await.unwrap();
        let (took, writes) = (begun.elapsed(), theatre.writes("a"));
        Walked { outcome, took, writes, wrong: check::all(&theatre.story(prologue)) }
    })
}

#[test]
fn a_right_that_comes_back_is_waited_for() {
    let cases =
        [("", 20, 15..30), ("patch", 20, 15..30), ("watch", 100, 20..90), ("list", 100, 20..90), ("", 100, 20..130)];
    for (calls, dwell, refused) in cases {
        let about = format!("{calls:?} refused in {refused:?}");
        let Walked { outcome, wrong, .. } = walk("ok:2", dwell, calls, refused);
        assert_eq!(outcome.code, Code::Done, "{about}: {}", outcome.line());
        assert_eq!(wrong, Vec::<String>::new(), "{about}");
    }
}

#[test]
fn a_right_that_does_not_come_back_ends_it_within_the_patience_and_says_what_traffic_is() {
    let Walked { outcome, took, writes, .. } = walk("ok:2", 20, "patch", 10..9999);
    assert_eq!((outcome.code, outcome.word), (Code::NotPermitted, "not-permitted"), "{}", outcome.line());
    assert!(outcome.what.contains("not permitted any more: patch services"), "the server's words: {}", outcome.what);
    assert!(outcome.line().contains("traffic now: hello-00001 50 %"), "{}", outcome.line());
    assert!(took > Duration::from_secs(130) && took < Duration::from_secs(160), "{took:?}");
    assert!(writes < 30, "{writes} writes in {took:?}");
}

/// Reading one thing says nothing of the right to read another: a walk that does not see its candidate any more must end.
#[test]
fn who_sees_the_service_and_not_its_revisions_any_more_ends() {
    for calls in ["watch revisions", "watch services"] {
        let Walked { outcome, took, .. } = walk("ok:2", 250, calls, 10..9999);
        assert_eq!(outcome.code, Code::NotPermitted, "{calls}: {}", outcome.line());
        // The watch of then ends, and the patience begins.
        assert!(took < Duration::from_secs(10 + 25 + 120 + 15), "{calls}: {took:?}");
    }
}

#[test]
fn a_way_back_that_is_refused_for_good_asks_for_a_person() {
    let Walked { outcome, .. } = walk("flaky-probe:2-15", 60, "patch", 10..9999);
    assert_eq!(outcome.code, Code::CouldNotRestore, "{}", outcome.line());
    assert!(outcome.what.contains("the way back could not be written"), "{}", outcome.what);
    assert!(outcome.line().contains("traffic now: hello-00001 50 %"), "{}", outcome.line());
    // And one that is refused for a while is made.
    let Walked { outcome, wrong, .. } = walk("flaky-probe:2-15", 60, "patch", 10..60);
    assert_eq!((outcome.code, wrong), (Code::RolledBack, vec![]), "{}", outcome.line());
}

/// SIGTERM takes users back; where that is not permitted any more, a person is needed, and told why.
#[test]
fn a_signal_does_not_hide_that_the_way_back_is_refused() {
    let outcome = simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let asker = asker("a", 1, IfBusy::Supersede);
        let stage = Job::Stage { image: "ok:2".into(), again: false };
        theatre.process("stage", &asker, &stage, Script::default()).await;
        let now = theatre.world.start.elapsed();
        let from = now + Duration::from_secs(10);
        let refusals = vec![(from..Duration::MAX, "patch")];
        let job = Job::Walk(plan(&[50, 100], 300, 60, None), Looks::default());
        let script = Script { refusals, ..Script::default() };
        let kill = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            theatre.signal("a", Signal::Terminate);
        };
        tokio::join!(theatre.process("a", &asker, &job, script), kill).0.unwrap()
    });
    assert_eq!(outcome.code, Code::CouldNotRestore, "{}", outcome.line());
    assert!(outcome.what.contains("not permitted any more: patch services"), "{}", outcome.what);
}

#[test]
fn what_was_never_granted_ends_at_once() {
    for (calls, most) in [("patch", 1), ("list", 0), ("get", 0), ("", 0)] {
        let Walked { outcome, took, writes, .. } = walk("ok:2", 20, calls, 0..9999);
        assert_eq!(outcome.code, Code::NotPermitted, "{calls}: {}", outcome.line());
        assert!(outcome.line().contains("add the rule"), "{calls}: {}", outcome.line());
        assert!(took < Duration::from_secs(5) && writes == most, "{calls}: {writes} writes in {took:?}");
    }
}
