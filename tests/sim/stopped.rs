//! A person presses Ctrl-C, once or twice: the record says so in one write, and whoever comes next goes on.

use super::check::record;
use super::fault::{Fault, Script};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::machine::world::Signal;
use andante::model::outcome::{Code, Outcome};
use andante::rollout::record::{Phase, Record};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

async fn theatre() -> Theatre {
    Theatre::serving(7, "ok:1", true).await
}

fn stage(image: &str) -> Job {
    Job::Stage { image: image.into(), again: false }
}

fn walk() -> Job {
    Job::Walk(plan(&[50, 100], 60, 5, None), Looks::default())
}

/// Sends signals to a process, at these times after its beginning.
fn signals(theatre: &Theatre, to: &'static str, at: Vec<(Duration, Signal)>) {
    let theatre = theatre.clone();
    tokio::task::spawn_local(async move {
        let begun = Instant::now();
        for (at, signal) in at {
            tokio::time::sleep_until(begun + at).await;
            theatre.signal(to, signal);
        }
    });
}

fn present(theatre: &Theatre) -> Record {
    record(&theatre.world.service().unwrap()).unwrap()
}

/// Runs a job of `@kim` that is signalled, with calls that go wrong; its end, how long it took, and the theatre.
async fn signalled(
    theatre: &Theatre,
    job: &Job,
    at: Vec<(Duration, Signal)>,
    exact: BTreeMap<usize, Fault>,
) -> (Outcome, Duration) {
    let begun = Instant::now();
    signals(theatre, "first", at);
    let kim = asker("@kim", 1, IfBusy::Fail);
    let outcome = theatre.process("first", &kim, job, Script { exact, ..Script::default() }).await.unwrap();
    (outcome, begun.elapsed())
}

const TEN: Duration = Duration::from_secs(10);

#[test]
fn ctrl_c_marks_the_record_and_the_next_walk_goes_on_without_a_skip() {
    for signal in [Signal::Interrupt, Signal::Hangup] {
        simulate(async move {
            let theatre = theatre().await;
            let kim = asker("@kim", 1, IfBusy::Fail);
            theatre.process("stage", &kim, &stage("ok:2"), Script::default()).await;
            let (outcome, took) = signalled(&theatre, &walk(), vec![(TEN, signal)], BTreeMap::new()).await;
            assert_eq!(outcome.code, Code::Interrupted, "{}", outcome.line());
            assert!(took < TEN + Duration::from_secs(1), "{took:?}");
            let left = present(&theatre);
            assert_eq!((left.phase, left.outcome, left.step), (Phase::Held, Some(Code::Interrupted), 1));
            assert!(left.rests(), "nobody is to wait for it");
            // The claim, the step, and one write for the signal.
            assert_eq!(theatre.writes("first"), 3);
            // Somebody else need not wait for the deadline either.
            let lee = asker("@lee", 2, IfBusy::Fail);
            let again = Instant::now();
            let outcome = theatre.process("second", &lee, &walk(), Script::default()).await.unwrap();
            assert_eq!((outcome.code, outcome.word), (Code::Done, "finished"), "{}", outcome.line());
            assert!(again.elapsed() > Duration::from_secs(45), "the dwell is not skipped");
        });
    }
}

#[test]
fn ctrl_c_marks_a_staging_and_the_same_stage_goes_on() {
    simulate(async {
        let theatre = theatre().await;
        let at = Duration::from_millis(500);
        let (outcome, took) =
            signalled(&theatre, &stage("slow:2"), vec![(at, Signal::Interrupt)], BTreeMap::new()).await;
        assert_eq!(outcome.code, Code::Interrupted, "{}", outcome.line());
        assert!(took < Duration::from_secs(2), "{took:?}");
        let left = present(&theatre);
        assert_eq!((left.phase, left.outcome), (Phase::Staging, Some(Code::Interrupted)));
        assert!(left.rests());
        let kim = asker("@kim", 1, IfBusy::Fail);
        let outcome = theatre.process("second", &kim, &stage("slow:2"), Script::default()).await.unwrap();
        assert_eq!(outcome.code, Code::Done, "{}", outcome.line());
        let left = present(&theatre);
        assert_eq!((left.phase, left.outcome, left.reason), (Phase::Staged, None, None));
    });
}

/// The API server hangs, so the mark cannot be made: the first Ctrl-C tries for a moment, the second leaves at once.
#[test]
fn a_second_ctrl_c_leaves_at_once() {
    let play = |at: Vec<(Duration, Signal)>, exact: BTreeMap<usize, Fault>| {
        simulate(async move {
            let theatre = theatre().await;
            let kim = asker("@kim", 1, IfBusy::Fail);
            theatre.process("stage", &kim, &stage("ok:2"), Script::default()).await;
            let (outcome, took) = signalled(&theatre, &walk(), at, exact).await;
            (outcome, took, theatre.calls("first"))
        })
    };
    // The mark is the last call of a walk that is stopped once.
    let (_, _, mark) = play(vec![(TEN, Signal::Interrupt)], BTreeMap::new());
    let hangs = || (mark..mark + 50).map(|call| (call, Fault::Silence { after: false })).collect();
    let (outcome, took, _) = play(vec![(TEN, Signal::Interrupt)], hangs());
    assert_eq!(outcome.code, Code::Interrupted);
    assert!(outcome.what.contains("could not be marked"), "{}", outcome.line());
    assert!(took > TEN + Duration::from_secs(3) && took < TEN + Duration::from_secs(5), "{took:?}");
    let second = TEN + Duration::from_millis(300);
    let (outcome, took, _) = play(vec![(TEN, Signal::Interrupt), (second, Signal::Interrupt)], hangs());
    assert_eq!(outcome.code, Code::Interrupted);
    assert!(outcome.what.contains("could not be marked"), "{}", outcome.line());
    assert!(took < second + Duration::from_millis(20), "{took:?}");
}
