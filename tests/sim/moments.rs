//! What is posted as Kubernetes Events, and the line on the Service: a rollout's whole story, once, whoever tells it.

use super::fault::{Crash, Script};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::model::observed::PROGRESS;
use std::collections::BTreeSet;
use std::time::Duration;

fn stage(image: &str) -> Job {
    Job::Stage { image: image.into(), again: false }
}

fn walk() -> Job {
    Job::Walk(plan(&[50, 100], 2, 2, None), Looks::default())
}

fn reasons(theatre: &Theatre) -> Vec<String> {
    theatre.sink.posts().into_iter().map(|(_, reason)| reason).collect()
}

fn line(theatre: &Theatre) -> String {
    theatre.world.service().unwrap()["metadata"]["annotations"][PROGRESS].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_good_release_is_told_from_its_beginning_to_its_end() {
    simulate(async {
        let theatre = Theatre::serving(11, "ok:1", true).await;
        let run = asker("a", 1, IfBusy::Supersede);
        theatre.process("stage", &run, &stage("ok:2"), Script::default()).await;
        assert!(line(&theatre).starts_with("staged hello-00002 at 0 % since "), "{}", line(&theatre));
        theatre.process("walk", &run, &walk(), Script::default()).await;
        let told = ["RolloutBegan", "CandidateReady", "WalkBegan", "StepTaken", "StepTaken", "Finished"];
        assert_eq!(reasons(&theatre), told);
        assert!(line(&theatre).starts_with("finished at ") && line(&theatre).ends_with("; done"), "{}", line(&theatre));
        // `finally` finds it over, and tells nothing that was not told.
        theatre.process("settle", &run, &Job::Settle { to: None, any: false }, Script::default()).await;
        let posts = theatre.sink.posts();
        assert_eq!(posts.last(), posts.get(told.len() - 1), "the same Event once more: {posts:?}");
        // Nothing to do: nothing to tell.
        let another = asker("b", 200, IfBusy::Supersede);
        theatre.process("same", &another, &stage("ok:2"), Script::default()).await;
        assert_eq!(theatre.sink.posts().len(), posts.len());
    });
}

#[test]
fn a_candidate_that_never_comes_up_is_told_with_a_warning() {
    simulate(async {
        let theatre = Theatre::serving(12, "ok:1", true).await;
        let run = asker("a", 1, IfBusy::Supersede);
        theatre.process("stage", &run, &stage("never:2"), Script::default()).await;
        assert_eq!(reasons(&theatre), ["RolloutBegan", "GoingBack", "NeverReady"]);
        assert!(line(&theatre).contains("; never-ready: "), "{}", line(&theatre));
    });
}

/// Killed after each of its calls and started again, a walk tells each step once.
#[test]
fn what_a_killed_process_has_told_is_not_told_twice() {
    for call in 1..30 {
        simulate(async move {
            let theatre = Theatre::serving(13, "ok:1", true).await;
            let run = asker("a", 1, IfBusy::Supersede);
            theatre.process("stage", &run, &stage("ok:2"), Script::default()).await;
            let script = Script { crash: Some(Crash::After(call)), ..Script::default() };
            theatre.process("walk", &run, &walk(), script).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
            theatre.process("walk-again", &run, &walk(), Script::default()).await;
            let posts = theatre.sink.posts();
            let names: BTreeSet<_> = posts.iter().collect();
            let steps = names.iter().filter(|(_, reason)| reason == "StepTaken").count();
            // A write whose process is killed before it hears of it is told by nobody.
            assert!((1..=2).contains(&steps), "{call}: {posts:?}");
            let ends = names.iter().filter(|(_, reason)| reason == "Finished").count();
            assert_eq!(ends, 1, "{call}: {posts:?}");
        });
    }
}
