//! The same reference with other bytes: a tag that is pushed again.

use super::check;
use super::fault::Script;
use super::image::digest;
use super::rollout::{Job, Theatre, asker};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::model::outcome::{Code, Outcome};
use std::time::Duration;
use tokio::time::sleep;

/// What is done in turn.
enum Deed {
    /// A person stages this image.
    Stage(&'static str),
    /// A person settles.
    Settle,
    /// Other bytes are pushed under it.
    Push(&'static str),
    /// From now on the registry is silent.
    Silence,
}

/// `ok:1` serves; how the last staging ended, and all lines.
fn after(deeds: Vec<Deed>) -> (Outcome, Vec<String>) {
    simulate(async move {
        let theatre = Theatre::serving(7, "ok:1", false).await;
        let world = theatre.world.clone();
        let prologue = world.scene_is_set();
        let kim = asker("@kim", 1, IfBusy::Fail);
        let mut last = None;
        for (i, deed) in deeds.into_iter().enumerate() {
            match deed {
                Deed::Push(image) => world.with(|s| s.push_again(image)),
                Deed::Silence => world.with(|s| s.registry_answers = false),
                Deed::Settle => {
                    let job = Job::Settle { to: None, any: true };
                    theatre.process(&format!("settle-{i}"), &kim, &job, Script::default()).await;
                }
                Deed::Stage(image) => {
                    let job = Job::Stage { image: image.into(), again: false };
                    last = theatre.process(&format!("stage-{i}"), &kim, &job, Script::default()).await;
                }
            }
            sleep(Duration::from_secs(30)).await;
        }
        let wrong = check::all(&theatre.story(prologue));
        assert_eq!(wrong, Vec::<String>::new(), "{}", theatre.print(prologue));
        (last.unwrap(), theatre.sink.lines())
    })
}

fn staged(outcome: &Outcome) -> (String, String) {
    assert_eq!(outcome.word, "staged", "{}", outcome.line());
    let digest = outcome.digest.clone().unwrap();
    assert!(outcome.what.contains(&digest), "the last line names what it runs: {}", outcome.what);
    (outcome.candidate.as_ref().unwrap().to_string(), digest)
}

#[test]
fn what_serves_under_the_same_words_is_another_candidate() {
    use Deed::{Push, Stage};
    let (outcome, lines) = after(vec![Push("ok:1"), Stage("ok:1")]);
    assert_eq!(staged(&outcome), ("hello-00002".into(), digest("ok:1", 2)));
    assert!(lines.iter().any(|l| l.contains("its image means sha256:")), "{lines:#?}");
    // With the same bytes there is nothing to do.
    let (outcome, _) = after(vec![Stage("ok:1")]);
    assert_eq!((outcome.code, outcome.word), (Code::Done, "unchanged"));
}

#[test]
fn what_was_staged_under_the_same_words_is_staged_anew() {
    use Deed::{Push, Stage};
    let (outcome, _) = after(vec![Stage("ok:2"), Push("ok:2"), Stage("ok:2")]);
    assert_eq!(staged(&outcome), ("hello-00003".into(), digest("ok:2", 2)));
    let (outcome, _) = after(vec![Stage("ok:2"), Stage("ok:2")]);
    assert_eq!(staged(&outcome), ("hello-00002".into(), digest("ok:2", 1)));
}

#[test]
fn mended_bytes_are_not_refused_for_the_crashing_ones() {
    use Deed::{Push, Settle, Stage};
    let (outcome, _) = after(vec![Stage("crash-start:2"), Settle, Stage("crash-start:2")]);
    assert_eq!(outcome.code, Code::RejectedBefore, "{}", outcome.line());
    let (outcome, _) = after(vec![Stage("crash-start:2"), Settle, Push("crash-start:2"), Stage("crash-start:2")]);
    assert_eq!(outcome.code, Code::NeverReady, "tried: {}", outcome.line());
}

#[test]
fn a_registry_that_cannot_be_asked_is_said() {
    use Deed::{Push, Silence, Stage};
    let (outcome, lines) = after(vec![Push("ok:1"), Silence, Stage("ok:1")]);
    assert_eq!(outcome.word, "unchanged");
    let note = "whether ok:1 still means the same bytes cannot be told: connection refused";
    assert!(lines.iter().any(|l| l.contains(note)), "{lines:#?}");
}
