//! Where the template stays as it is, or comes back later: another goal, a signal, a revision that does not get ready.

use super::restores::{BAD, Play, all_on, latest, restoring, run, settle, stage, walk};
use super::rollout::{Job, asker};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::machine::settle::To;
use andante::machine::world::Signal;
use andante::model::outcome::Code;
use std::time::Duration;
use tokio::time::sleep;

/// Another goal is declared while users are on the candidate: its run decides about the template.
#[test]
fn a_template_of_another_goal_stays() {
    simulate(async {
        let play = Play::new(&latest()).await;
        play.theatre.world.declare("pipeline", Some("build-it"));
        play.theatre.world.declare("source", Some("https://git.example.com/hello.git"));
        let a = run("a", 1);
        play.theatre.set_goal(&a, play.theatre.world.declared());
        assert_eq!(play.run("stage", &a, stage("ok:2")).await.word, "staged");
        let world = play.theatre.world.clone();
        let (end, ()) = tokio::join!(play.run("walk", &a, restoring(walk())), async {
            sleep(Duration::from_secs(30)).await;
            world.declare("params", Some("{style: canary}"));
        });
        assert_eq!(end.code, Code::Superseded, "{}", end.line());
        assert!(end.what.contains("because hello declares another goal by now"), "{}", end.line());
        assert_eq!(play.image(), "ok:2");
        play.is_well().await;
    });
}

/// SIGTERM: users first, within the time that there is; what is left is `settle`'s.
#[test]
fn a_signal_takes_users_back_and_settle_does_the_rest() {
    for seconds in [15, 45] {
        simulate(async move {
            // At 15 s it walks; later it has gone back, and the revision of the template is slow to be Ready.
            let play = Play::serving("slow:1-40", &latest()).await;
            let a = run("a", 1);
            assert_eq!(play.run("stage", &a, stage(BAD)).await.word, "staged");
            let theatre = play.theatre.clone();
            let (end, took) = tokio::join!(play.run("walk", &a, restoring(walk())), async {
                sleep(Duration::from_secs(seconds)).await;
                theatre.signal("walk", Signal::Terminate);
                let begun = tokio::time::Instant::now();
                while theatre.living().contains(&"walk".to_owned()) {
                    sleep(Duration::from_millis(100)).await;
                }
                begun.elapsed()
            });
            assert!(took < Duration::from_secs(5), "{took:?}: {}", end.line());
            assert_eq!(play.theatre.world.served_now(), all_on("hello-00001"));
            let code = if seconds == 15 { Code::Interrupted } else { Code::RolledBack };
            assert_eq!(end.code, code, "{}", end.line());
            assert!(end.what.contains("--restore-template`"), "{}", end.line());
            let end = play.run("settle", &a, restoring(settle())).await;
            assert_eq!(end.code, Code::Done, "{}", end.line());
            assert_eq!((play.split().as_str(), play.image().as_str()), ("latest=100", "slow:1-40"), "{}", end.line());
            play.is_well().await;
        });
    }
}

/// What never gets ready again leaves users by name, and the rollout's own end.
#[test]
fn where_it_does_not_get_ready_users_stay_by_name() {
    simulate(async {
        let play = Play::new(&latest()).await;
        let a = run("a", 1);
        assert_eq!(play.run("stage", &a, stage(BAD)).await.word, "staged");
        play.theatre.world.with(|s| s.broken.insert("ok:1".to_owned()));
        let end = play.run("walk", &a, restoring(walk())).await;
        assert_eq!(end.code, Code::RolledBack, "{}", end.line());
        assert!(end.what.contains("traffic stays by name, because hello-00003 is not Ready yet"), "{}", end.line());
        assert_eq!((play.theatre.world.served_now(), play.image().as_str()), (all_on("hello-00001"), "ok:1"));
        play.is_well().await;
    });
}

/// A way back that is taken again after it stays where the owner has latest.
#[test]
fn going_back_once_more_changes_nothing() {
    simulate(async {
        let play = Play::new(&latest()).await;
        play.goes_back(&run("a", 1)).await;
        let back = Job::Settle { to: Some(To::Stable), any: true };
        let end = play.run("settle", &asker("@kim", 900, IfBusy::Fail), back).await;
        assert_eq!(end.code, Code::Done, "{}", end.line());
        assert_eq!((play.split().as_str(), play.theatre.world.served_now()), ("latest=100", all_on("hello-00003")));
        play.is_well().await;
    });
}
