//! How a run's end is told: what its record says when Tekton ends it, what `finally` says of a run without a rollout of its
//! own, and that a process that only finds out how an earlier one ended says as much as that did.

use super::check::{self, record};
use super::fault::{Crash, Fault, Script};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::world::simulate;
use andante::machine::claim::{Asker, IfBusy};
use andante::machine::world::Signal;
use andante::model::ending::Ending;
use andante::model::outcome::{Code, Outcome};
use andante::rollout::record::Record;
use andante::rollout::told::{TaskEnd, Told};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

fn stage(image: &str) -> Job {
    Job::Stage { image: image.into(), again: false }
}

fn walk() -> Job {
    Job::Walk(plan(&[50, 100], 60, 5, None), Looks::default())
}

fn finally() -> Job {
    Job::Settle { to: None, any: true }
}

fn run(name: &str, intent: u64) -> Asker {
    asker(name, intent, IfBusy::Supersede)
}

/// A walk to 50 % that gets SIGTERM while Tekton says this of it; its end, how long that took, the record that it left, and
/// what `finally` says then.
fn terminated(ending: Option<Ending>, exact: BTreeMap<usize, Fault>) -> (Outcome, Duration, Record, Outcome) {
    simulate(async move {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let world = theatre.world.clone();
        let prologue = world.scene_is_set();
        let a = run("a", 1);
        theatre.process("stage", &a, &stage("ok:2"), Script::default()).await;
        let (sender, at) = (theatre.clone(), Instant::now() + Duration::from_secs(20));
        tokio::task::spawn_local(async move {
            tokio::time::sleep_until(at).await;
            sender.world.with(|s| s.ending = ending);
            sender.signal("walk", Signal::Terminate);
        });
        let script = Script { exact, ..Script::default() };
        let outcome = theatre.process("walk", &a, &walk(), script).await.unwrap();
        let took = at.elapsed();
        let left = record(&world.service().unwrap()).unwrap();
        let settled = theatre.process("settle", &a, &finally(), Script::default()).await.unwrap();
        sleep(Duration::from_secs(30)).await;
        assert_eq!(world.served_now(), [("hello-00001".to_owned(), 100)]);
        assert_eq!(check::all(&theatre.story(prologue)), Vec::<String>::new(), "{}", theatre.print(prologue));
        (outcome, took, left, settled)
    })
}

#[test]
fn the_record_says_why_a_run_was_ended_and_so_does_finally() {
    for (ending, word, words) in [
        (Some(Ending::Cancelled), "cancelled", "stopped by SIGTERM: the run was cancelled"),
        (Some(Ending::TimedOut), "timed-out", "stopped by SIGTERM: timed out"),
    ] {
        let (outcome, took, left, settled) = terminated(ending, BTreeMap::new());
        assert_eq!((outcome.code, outcome.word), (Code::Interrupted, word), "{}", outcome.line());
        assert!(outcome.what.contains(words), "{}", outcome.what);
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert_eq!(left.ending, ending);
        assert!(left.reason.unwrap().starts_with(words));
        assert_eq!((settled.code, settled.word), (Code::Done, word), "{}", settled.line());
        assert!(settled.what.contains(words) && settled.digest.is_some(), "{}", settled.what);
    }
    let (outcome, _, left, settled) = terminated(None, BTreeMap::new());
    assert_eq!((outcome.word, left.ending, settled.word), ("interrupted", None, "settled"));
    assert_eq!(left.reason.as_deref(), Some("stopped by SIGTERM"));
}

/// Users are not kept waiting for a reason.
#[test]
fn a_server_that_does_not_say_why_delays_no_way_back() {
    // Which call that is depends on the walk, so each one hangs in turn.
    for call in 1..20 {
        let silence = BTreeMap::from([(call, Fault::Silence { after: false })]);
        let (outcome, took, ..) = terminated(Some(Ending::Cancelled), silence);
        assert_eq!(outcome.code, Code::Interrupted, "{}", outcome.line());
        assert!(took < Duration::from_secs(5), "call {call}: {took:?}");
    }
}

/// What `finally` of the run `b` says, with the Service as another run left it, and with what its tasks said.
fn of_its_tasks(told: Option<Told>, own: Option<Job>) -> Outcome {
    simulate(async move {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        theatre.process("a", &run("a", 1), &stage("crash-start:2"), Script::default()).await;
        let b = run("b", 2);
        if let Some(job) = own {
            theatre.process("b", &b, &job, Script::default()).await;
        }
        *theatre.told.borrow_mut() = told;
        let job = Job::Settle { to: None, any: true };
        theatre.process("settle", &b, &job, Script::default()).await.unwrap()
    })
}

fn told(end: TaskEnd, failed: bool, message: &str) -> Told {
    Told { task: "build".into(), end, failed, message: message.into() }
}

#[test]
fn finally_of_a_run_without_a_rollout_says_what_its_task_said() {
    let said = |word| TaskEnd::said(word).unwrap();
    for (end, failed, word) in [
        (said("rejected-before"), true, "rejected-before"),
        (said("bad-input"), true, "bad-input"),
        (said("busy"), true, "busy"),
        (said("unchanged"), false, "unchanged"),
        (TaskEnd::BuildFailed, true, "build-failed"),
        (TaskEnd::Ended(Ending::TimedOut), true, "timed-out"),
    ] {
        let outcome = of_its_tasks(Some(told(end, failed, "because of this")), None);
        assert_eq!((outcome.code, outcome.word), (Code::Done, word), "{}", outcome.line());
        assert!(outcome.what.contains("because of this") || word == "timed-out", "{}", outcome.what);
    }
    assert_eq!(of_its_tasks(None, None).word, "untouched", "nothing is known");
}

#[test]
fn finally_of_an_unfinished_rollout_says_what_failed_it() {
    let unfinished = |told| of_its_tasks(told, Some(stage("ok:3")));
    let outcome = unfinished(Some(told(TaskEnd::said("gate-failed").unwrap(), true, "the smoke test says no")));
    assert_eq!(outcome.word, "gate-failed", "{}", outcome.line());
    assert!(outcome.what.contains("settled by") && outcome.what.contains("the smoke test says no"), "{}", outcome.what);
    assert_eq!(unfinished(Some(told(TaskEnd::Silent, true, ""))).word, "settled");
    assert_eq!(unfinished(Some(told(TaskEnd::Ended(Ending::Cancelled), true, ""))).word, "cancelled");
    assert_eq!(unfinished(Some(told(TaskEnd::said("staged").unwrap(), false, ""))).word, "settled");
    assert_eq!(unfinished(None).word, "settled");
}

#[test]
fn a_retry_that_finds_the_end_says_as_much_as_the_first_try() {
    simulate(async move {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let a = run("a", 1);
        let first = theatre.process("first", &a, &stage("crash-later:2-5"), Script::default()).await.unwrap();
        let walked = theatre.process("walk", &a, &walk(), Script::default()).await.unwrap();
        let again = theatre.process("again", &a, &stage("crash-later:2-5"), Script::default()).await.unwrap();
        let settled = theatre.process("settle", &a, &finally(), Script::default()).await.unwrap();
        assert_eq!((walked.code, again.code), (Code::RolledBack, Code::RolledBack), "{}", again.line());
        assert!(first.digest.is_some());
        for end in [&walked, &again, &settled] {
            assert_eq!((&end.candidate, &end.digest, end.word), (&first.candidate, &first.digest, "rolled-back"));
        }
    });
    // Killed at the very end of a good one, too.
    simulate(async move {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let (a, finished) = (run("a", 1), Crash::After(10_000));
        theatre.process("stage", &a, &stage("ok:2"), Script::killed(finished)).await;
        let walked = theatre.process("walk", &a, &walk(), Script::default()).await.unwrap();
        let again = theatre.process("again", &a, &walk(), Script::default()).await.unwrap();
        assert_eq!((again.word, &again.digest), ("finished", &walked.digest));
        assert!(again.digest.is_some());
    });
}
