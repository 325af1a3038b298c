//! Two owners want the same template, the second one while Knative has not taken up the first one's write.

use super::check;
use super::fault::Script;
use super::rollout::{Job, Theatre, asker};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use std::time::Duration;
use tokio::time::sleep;

/// What the second run says that comes so long after the first one's write.
fn second_after(wait: Duration, seed: u64) -> String {
    simulate(async move {
        let theatre = Theatre::serving(seed, "ok:1", false).await;
        let world = theatre.world.clone();
        let prologue = world.scene_is_set();
        let job = Job::Stage { image: "ok:2".into(), again: false };
        let (older, newer) = (asker("a", 1, IfBusy::Supersede), asker("b", 2, IfBusy::Supersede));
        let first = theatre.process("a", &older, &job, Script::default());
        let second = async {
            while world.with(|s| s.log.writes.len()) <= prologue {
                sleep(Duration::from_millis(1)).await;
            }
            sleep(wait).await;
            theatre.process("b", &newer, &job, Script::default()).await.unwrap()
        };
        let (_, outcome) = tokio::join!(first, second);
        sleep(Duration::from_secs(60)).await;
        let wrong = check::all(&theatre.story(prologue));
        assert_eq!(wrong, Vec::<String>::new(), "{}", theatre.print(prologue));
        outcome.word.to_string()
    })
}

#[test]
fn nothing_is_concluded_from_a_status_of_an_older_generation() {
    for seed in 0..40 {
        let wait = Duration::from_millis(seed * 25);
        assert_eq!(second_after(wait, seed), "staged", "{wait:?} after the first one's write, seed {seed}");
    }
}
