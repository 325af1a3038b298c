//! The last write gets no answer, and a newer run begins before anybody can look again: whoever wrote it was done, if the
//! newer record shows it.

use super::check;
use super::fault::{Crash, Script};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::machine::settle::To;
use andante::model::outcome::{Code, Outcome};
use std::time::Duration;
use tokio::time::{sleep, sleep_until};

fn stage(image: &str) -> Job {
    Job::Stage { image: image.into(), again: false }
}

/// So long that a probe fails in time where one is to fail.
fn walk() -> Job {
    Job::Walk(plan(&[50, 100], 20, 60, None), Looks { probe: true, ..Looks::default() })
}

/// What happens to a last write.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Answered,
    /// It is made, and nobody says so.
    Silent,
    /// It never arrives.
    Lost,
}

/// How one run ended, how many writes it made, and when the last one was.
struct Told {
    outcome: Outcome,
    writes: usize,
    last: Duration,
}

/// One run does these jobs, and the last job's last write meets its fate: that many writes in, at that time, as a play
/// without trouble tells. The newer run stages at that moment.
fn play(before: &[(Job, Option<Crash>)], job: &Job, fate: Fate, last: Option<(usize, Duration)>) -> Told {
    simulate(async move {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let world = theatre.world.clone();
        let prologue = world.scene_is_set();
        let (older, newer) = (asker("a", 1, IfBusy::Supersede), asker("b", 2, IfBusy::Supersede));
        for (i, (job, crash)) in before.iter().enumerate() {
            let script = Script { crash: *crash, ..Script::default() };
            theatre.process(&format!("before-{i}"), &older, job, script).await;
        }
        let silent_write = last.filter(|_| fate != Fate::Answered).map(|(writes, _)| (writes, fate == Fate::Silent));
        let first = theatre.process("a", &older, job, Script { silent_write, ..Script::default() });
        let second = async {
            let Some((_, at)) = last else { return };
            sleep_until(world.start + at + Duration::from_millis(100)).await;
            let b = theatre.process("b", &newer, &stage("ok:3"), Script::default()).await.unwrap();
            assert_eq!((b.code, b.word), (Code::Done, "staged"), "{}", theatre.print(prologue));
        };
        let (outcome, ()) = tokio::join!(first, second);
        let last = world.with(|s| s.log.writes.iter().rev().find(|w| w.who.run.as_deref() == Some("a")).map(|w| w.at));
        sleep(Duration::from_secs(60)).await;
        let story = theatre.story(prologue);
        let wrong: Vec<_> = check::all(&story).into_iter().chain(theatre.complaints()).collect();
        assert_eq!(wrong, Vec::<String>::new(), "{}", theatre.print(prologue));
        let writes = theatre.writes("a");
        Told { outcome: outcome.unwrap(), writes, last: last.unwrap_or_default() }
    })
}

/// The ends of the same run without trouble, with the last write unanswered, and with it lost.
fn ends(before: &[(Job, Option<Crash>)], job: &Job) -> [Outcome; 3] {
    let plain = play(before, job, Fate::Answered, None);
    let last = Some((plain.writes, plain.last));
    let [silent, lost] = [Fate::Silent, Fate::Lost].map(|fate| play(before, job, fate, last).outcome);
    [plain.outcome, silent, lost]
}

/// The unanswered write was the end, and one that never arrived was none.
fn done_and_lost(before: &[(Job, Option<Crash>)], job: &Job, code: Code) {
    let [plain, silent, lost] = ends(before, job);
    assert_eq!(plain.code, code, "{}", plain.line());
    assert_eq!((silent.code, silent.word), (plain.code, plain.word), "{}", silent.line());
    let found = "no answer came to that write, and PipelineRun ns/b found it done and began the next rollout";
    assert!(silent.what.contains(found), "{}", silent.line());
    assert_eq!(silent.candidate, plain.candidate);
    assert!(!lost.what.contains("found it done"), "{}", lost.line());
}

#[test]
fn a_walk_that_finished_is_done() {
    let staged = [(stage("ok:2"), None)];
    done_and_lost(&staged, &walk(), Code::Done);
    assert_eq!(ends(&staged, &walk())[2].code, Code::Superseded);
}

#[test]
fn a_walk_that_went_back_went_back() {
    done_and_lost(&[(stage("flaky-probe:2-20"), None)], &walk(), Code::RolledBack);
}

#[test]
fn a_candidate_that_never_started_was_taken_back() {
    done_and_lost(&[], &stage("crash-start:2"), Code::NeverReady);
}

/// It is the only write of its process, which otherwise never held the target.
#[test]
fn settling_on_the_candidate_is_done() {
    let before = [(stage("ok:2"), None), (walk(), Some(Crash::After(7)))];
    done_and_lost(&before, &Job::Settle { to: Some(To::Candidate), any: false }, Code::Done);
}

/// A rollout begins from stable whether or not somebody went back there first.
#[test]
fn a_way_back_that_rejects_nobody_is_not_taken_for_made() {
    let approved = Job::Walk(plan(&[50, 100], 5, 10, Some(100)), Looks::default());
    let [plain, silent, _] = ends(&[(stage("ok:2"), None)], &approved);
    assert_eq!(plain.code, Code::NotApproved, "{}", plain.line());
    assert_eq!(silent.code, Code::Superseded, "{}", silent.line());
}
