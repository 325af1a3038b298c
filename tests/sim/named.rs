//! A name of its own for the new revision, which a revision has already: seen before the first write where it can be, else at
//! once when Knative says so. Users never move, and the Route is not left blocked.

use super::check;
use super::fault::Script;
use super::rollout::{Job, Theatre, asker};
use super::story::brief;
use super::tests_knative::seen;
use super::world::{World, simulate};
use andante::machine::claim::IfBusy;
use andante::model::observed::Truth;
use andante::model::outcome::{Code, Outcome};
use std::time::Duration;
use tokio::time::{Instant, sleep};

async fn stage(theatre: &Theatre, label: &str, image: &str, name: &str) -> (Outcome, Duration) {
    let job = Job::Named { image: image.into(), name: name.into() };
    let intent = 100 + label.bytes().map(u64::from).sum::<u64>();
    let begun = Instant::now();
    let end = theatre.process(label, &asker(label, intent, IfBusy::Supersede), &job, Script::default()).await.unwrap();
    (end, begun.elapsed())
}

fn everyone_on_the_first(world: &World) {
    assert_eq!(world.served_now(), [("hello-00001".to_owned(), 100)]);
}

#[test]
fn a_name_that_a_revision_has_is_refused_before_the_first_write() {
    simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let (end, _) = stage(&theatre, "a", "ok:2", "hello-00001").await;
        assert_eq!((end.code, theatre.writes("a")), (Code::BadInput, 0), "{}", end.line());
        assert!(end.next.contains("`andante stage hello -n ns --revision hello-00001`"), "{}", end.line());
        // What was staged under a name serves it; the same again is no clash with itself.
        let (staged, _) = stage(&theatre, "b", "ok:2", "hello-v2").await;
        assert_eq!(
            staged.candidate.as_ref().map(ToString::to_string).as_deref(),
            Some("hello-v2"),
            "{}",
            staged.line()
        );
        let (again, _) = stage(&theatre, "b", "ok:2", "hello-v2").await;
        assert_eq!((again.code, again.word), (Code::Done, "staged"), "{}", again.line());
    });
}

#[test]
fn a_name_that_cannot_be_seen_ends_staging_at_once_and_blocks_no_route() {
    simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let world = theatre.world.clone();
        let prologue = world.scene_is_set();
        world.with(|s| s.foreign_revisions.insert("hello-v2-00001".into()));
        let (end, took) = stage(&theatre, "a", "ok:2", "hello-v2-00001").await;
        assert_eq!(end.code, Code::BadState, "{}", end.line());
        assert!(end.what.contains("RevisionNameTaken") && end.what.contains("--revision-name"), "{}", end.what);
        assert!(took < Duration::from_secs(10), "{took:?}");
        assert_eq!(theatre.writes("a"), 2, "pinned, and taken back");
        everyone_on_the_first(&world);
        sleep(Duration::from_secs(30)).await;
        let service = world.service().unwrap();
        assert_eq!(service.pointer("/spec/template/metadata/name"), None);
        assert_eq!((brief(&service).as_str(), seen(&world).truth("RoutesReady")), ("hello-00001=100", Truth::True));
        everyone_on_the_first(&world);
        // The image is not blamed. Its template stands there without a name, and is written once more for the sake of one.
        let (end, _) = stage(&theatre, "b", "ok:2", "hello-v3").await;
        assert_eq!(end.candidate.as_ref().map(ToString::to_string).as_deref(), Some("hello-v3"), "{}", end.line());
        sleep(Duration::from_secs(10)).await;
        assert_eq!(check::all(&theatre.story(prologue)), Vec::<String>::new(), "{}", theatre.print(prologue));
    });
}

#[test]
fn a_first_deployment_under_a_name_that_is_taken_says_so_and_another_name_helps() {
    simulate(async {
        let theatre = Theatre::new(7);
        theatre.world.with(|s| s.foreign_revisions.insert("hello-v2-00001".into()));
        let (end, took) = stage(&theatre, "a", "ok:1", "hello-v2-00001").await;
        assert_eq!(end.code, Code::BadState, "{}", end.line());
        assert!(end.what.contains("RevisionNameTaken") && took < Duration::from_secs(10), "{took:?}: {}", end.line());
        let (end, _) = stage(&theatre, "b", "ok:1", "hello-first").await;
        assert_eq!((end.code, end.word), (Code::Done, "created"), "{}", end.line());
        assert_eq!(end.candidate.unwrap().as_str(), "hello-first");
        // A first revision that never became ready has its name for good.
        let (end, _) = stage(&theatre, "c", "ok:2", "hello-first").await;
        assert_eq!((end.code, theatre.writes("c")), (Code::BadInput, 0), "{}", end.line());
    });
}

#[test]
fn what_was_missing_may_be_tried_again_under_another_name_and_that_is_said() {
    simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let (end, _) = stage(&theatre, "a", "never:2", "hello-v2").await;
        assert_eq!(end.code, Code::NeverReady, "{}", end.line());
        let said = "the same may be tried again with another --revision-name than hello-v2, or none";
        assert!(end.what.contains(said), "{}", end.what);
        // As it says: the same name is refused, another one is not.
        theatre.world.with(|s| s.push_again("never:2"));
        let (end, _) = stage(&theatre, "b", "never:2", "hello-v2").await;
        assert_eq!(end.code, Code::BadInput, "{}", end.line());
        let (end, _) = stage(&theatre, "c", "never:2", "hello-v3").await;
        assert_eq!((end.code, end.word), (Code::Done, "staged"), "{}", end.line());
    });
}
