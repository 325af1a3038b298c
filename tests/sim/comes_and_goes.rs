//! A candidate whose pods come and go: each absence is shorter than the grace, and none of them is forgiven by a dwell
//! that was over before.

use super::check;
use super::fault::Script;
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::model::outcome::Code;

/// The most that users met of a candidate that dies so long after its start, how the walk ended, and for what reason.
fn walk(dies_after: u64) -> (i64, Code, String) {
    simulate(async move {
        let theatre = Theatre::serving(7, "ok:1", false).await;
        let world = theatre.world.clone();
        let prologue = world.scene_is_set();
        let asker = asker("a", 1, IfBusy::Supersede);
        let stage = Job::Stage { image: format!("crash-loop:2-{dies_after}"), again: false };
        theatre.process("stage", &asker, &stage, Script::default()).await;
        let job = Job::Walk(plan(&[50, 100], 8, 60, None), Looks::default());
        let outcome = theatre.process("a", &asker, &job, Script::default()).await.unwrap();
        let story = theatre.story(prologue);
        assert_eq!(check::all(&story), Vec::<String>::new(), "{}", theatre.print(prologue));
        let share = |served: &super::story::Served| {
            served.split.iter().filter(|(name, _)| name == "hello-00002").map(|(_, p)| *p).sum::<i64>()
        };
        (story.served().map(share).max().unwrap_or(0), outcome.code, outcome.what)
    })
}

#[test]
fn a_candidate_that_comes_and_goes_gets_no_step() {
    // It is gone for 4 s, back for one, gone for 8 s, back for one, and then gone for longer than the grace.
    for dies_after in 4..10 {
        let (most, code, what) = walk(dies_after);
        assert_eq!((most, code), (50, Code::RolledBack), "dies after {dies_after} s: {what}");
        assert!(what.contains("0 of 1 pods are ready"), "{what}");
    }
}
