//! A candidate that fell asleep before its first users, and takes longer to start than a recovery may: that is no fault.

use super::check;
use super::fault::Script;
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::model::outcome::{Code, Outcome};
use std::time::Duration;
use tokio::time::sleep;

/// A walk whose calls to the candidate's own address reach nobody, so that a floor is what makes it start, in so many seconds.
/// `killed`: the first process is, while the pods are on their way, and the next one never saw the candidate asleep.
fn walk(starts_in: u64, killed: bool) -> Outcome {
    simulate(async move {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let world = theatre.world.clone();
        world.with(|s| {
            s.pods_wanted = 3;
            s.scale_soon();
        });
        let prologue = world.scene_is_set();
        let kim = asker("@kim", 1, IfBusy::Supersede);
        theatre.process("stage", &kim, &Job::Stage { image: "sleepy:2".into(), again: false }, Script::default()).await;
        sleep(Duration::from_secs(70)).await;
        world.with(|s| {
            assert_eq!(s.revisions["hello-00002"].actual, 0, "it sleeps");
            s.cold_start = Duration::from_secs(starts_in);
        });
        let job = Job::Walk(plan(&[50, 100], 5, 5, None), Looks::default());
        let script = || Script { cut_off: vec![Duration::ZERO..Duration::MAX], ..Script::default() };
        if killed {
            let (first, kim, job, script) = (theatre.clone(), kim.clone(), job.clone(), script());
            let task = tokio::task::spawn_local(async move { first.process("a", &kim, &job, script).await });
            sleep(Duration::from_secs(12)).await;
            task.abort();
            assert_eq!(world.with(|s| s.revisions["hello-00002"].desired), 2, "its pods are on their way");
        }
        let end = theatre.process("b", &kim, &job, script()).await.unwrap();
        assert_eq!(check::all(&theatre.story(prologue)), Vec::<String>::new(), "{}", theatre.print(prologue));
        assert_eq!(world.with(|s| s.bounds_left()), Vec::<String>::new(), "{}", theatre.print(prologue));
        end
    })
}

#[test]
fn it_has_a_minute_whichever_process_looks() {
    for killed in [false, true] {
        let end = walk(20, killed);
        assert_eq!(end.code, Code::Done, "{}", end.line());
    }
}

#[test]
fn what_never_starts_is_told_and_nobody_was_moved_to_it() {
    let end = walk(9999, false);
    assert_eq!(end.code, Code::RolledBack, "{}", end.line());
    assert!(end.what.contains("0 of 2 pods are ready"), "{}", end.line());
}
