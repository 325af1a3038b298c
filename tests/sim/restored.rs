//! What comes after a template was put back, and who else is there: another image of the same run, a release that was being built,
//! a quota, a Knative that stops working.

use super::restores::{BAD, Play, all_on, latest, restoring, run, settle, stage, walk};
use super::rollout::{Job, asker};
use super::story::brief;
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::model::outcome::Code;
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

/// Knative stops working in the moment in which latest is to be followed again: users are where they belong.
#[test]
fn latest_that_is_not_served_again_is_no_failure_of_the_way_back() {
    for walks in [false, true] {
        simulate(async move {
            let play = Play::new(&latest()).await;
            let (a, world) = (run("a", 1), play.theatre.world.clone());
            if walks {
                assert_eq!(play.run("stage", &a, stage(BAD)).await.word, "staged");
            }
            let job = restoring(if walks { walk() } else { stage("crash-start:2") });
            let (end, ()) = tokio::join!(play.run("back", &a, job), async {
                for follows in [false, true] {
                    while (brief(&world.service().unwrap()) == "latest=100") != follows {
                        sleep(Duration::from_millis(2)).await;
                    }
                }
                world.with(|s| s.stalled = true);
            });
            let code = if walks { Code::RolledBack } else { Code::NeverReady };
            assert_eq!(end.code, code, "{}", end.line());
            assert!(end.what.contains("not confirmed as served yet"), "{}", end.line());
            assert_eq!((play.split().as_str(), world.served_now()), ("latest=100", all_on("hello-00001")));
            play.is_well().await;
        });
    }
}

/// A pipeline that goes on with another image after a way back: that was never tried.
#[test]
fn the_same_run_may_ask_for_another_image_then() {
    simulate(async {
        let play = Play::new(&latest()).await;
        let a = run("a", 1);
        play.goes_back(&a).await;
        assert_eq!(play.run("same", &a, stage(BAD)).await.word, "rolled-back");
        let named = Job::TakeUp(Some("hello-00001".parse().unwrap()));
        let end = play.run("named", &a, named).await;
        assert_eq!((end.code, end.word), (Code::Done, "staged"), "another one than was rejected: {}", end.line());
        assert_eq!(play.run("named-end", &a, settle()).await.code, Code::Done);
        let end = play.run("other", &a, stage("ok:4")).await;
        assert_eq!((end.code, end.word), (Code::Done, "staged"), "{}", end.line());
        assert_eq!(play.run("walk-on", &a, walk()).await.word, "finished");
        play.is_well().await;
    });
}

/// A mended release is being built while somebody tidies up: it is not older by that.
#[test]
fn a_run_that_began_before_somebody_put_the_template_back_is_no_older_one() {
    simulate(async {
        let play = Play::new(&latest()).await;
        let a = run("a", 1);
        assert_eq!(play.run("stage", &a, stage(BAD)).await.word, "staged");
        assert_eq!(play.run("walk", &a, walk()).await.code, Code::RolledBack);
        let kim = asker("@kim", 900, IfBusy::Fail);
        let end = play.run("settle", &kim, restoring(Job::Settle { to: None, any: true })).await;
        assert_eq!((end.code, play.image().as_str()), (Code::Done, "ok:1"), "{}", end.line());
        let b = run("b", 2);
        let end = play.run("b", &b, stage("ok:4")).await;
        assert_eq!(end.word, "staged", "{}", end.line());
        assert_eq!(play.run("b-walk", &b, walk()).await.word, "finished");
        play.is_well().await;
    });
}

/// A quota has no room for as many pods as everyone wants; later there is some, and pods are asked for once more.
#[test]
fn pods_that_could_not_be_had_are_asked_for_again_by_the_next_settle() {
    simulate(async {
        let play = Play::new(&latest()).await;
        let world = play.theatre.world.clone();
        world.with(|s| {
            s.pods_wanted = 3;
            s.scale_soon();
        });
        sleep(Duration::from_secs(5)).await;
        let a = run("a", 1);
        assert_eq!(play.run("stage", &a, stage(BAD)).await.word, "staged");
        assert_eq!(play.run("walk", &a, walk()).await.code, Code::RolledBack);
        sleep(Duration::from_secs(90)).await;
        // Of stable, of the candidate under its tag, and one more.
        world.with(|s| s.room = Some(5));
        let end = play.run("settle", &a, restoring(settle())).await;
        assert_eq!(end.code, Code::Done, "{}", end.line());
        assert!(end.what.contains("traffic stays by name, because"), "{}", end.line());
        assert_eq!(world.served_now(), all_on("hello-00001"));
        // Still none.
        let end = play.run("settle-2", &a, restoring(settle())).await;
        assert!(end.what.contains("traffic stays by name, because"), "{}", end.line());
        world.with(|s| s.room = None);
        let end = play.run("settle-3", &a, restoring(settle())).await;
        assert!(end.what.contains("is followed again"), "{}", end.line());
        assert_eq!((play.split().as_str(), world.served_now()), ("latest=100", all_on("hello-00003")));
        play.is_well().await;
        assert_eq!(world.with(|s| s.bounds_left()), Vec::<String>::new(), "{}", play.theatre.print(play.prologue));
    });
}

/// Others of the owner's who follow latest beside those who are walked do so again as well, and that is the end of it.
#[test]
fn every_entry_that_followed_latest_follows_it_again() {
    simulate(async {
        let had = json!([{"latestRevision": true, "percent": 80}, {"latestRevision": true, "percent": 20, "tag": "x"},
            {"latestRevision": true, "percent": 0, "tag": "preview"}]);
        let play = Play::new(&had).await;
        let end = play.goes_back(&run("a", 1)).await;
        assert_eq!((play.split().as_str(), play.image().as_str()), ("latest=80 latest#x=20 latest#preview=0", "ok:1"));
        assert!(end.what.contains("is followed again") && !end.line().contains("pinned"), "{}", end.line());
        assert!(play.theatre.writes("walk") < 12, "{}", play.theatre.print(play.prologue));
        play.is_well().await;
    });
}
