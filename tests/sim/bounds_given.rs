//! What was set on Revisions is given back by whoever ends: a lost record, Ctrl-C, staging alone, a revert, a walk that cannot begin.

use super::bounds::{STABLE, busy, crowded, is_capped, nothing_is_left, phase, play, settle, start, until, walk};
use super::check;
use super::fault::Script;
use super::humans::{Meddling, meddle};
use super::rollout::{Job, asker};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::machine::settle::To;
use andante::machine::world::Signal;
use andante::model::outcome::Code;
use andante::rollout::record::Phase;
use std::time::Duration;
use tokio::time::sleep;

#[test]
fn what_a_lost_record_named_is_given_back_by_who_set_it() {
    for how in [Meddling::Record, Meddling::Garble] {
        simulate(async move {
            let theatre = busy(7).await;
            let walking = start(&theatre, "walk", walk(&[50, 100], 60));
            sleep(Duration::from_secs(14)).await;
            assert_ne!(theatre.world.with(|s| s.bounds_left()), Vec::<String>::new());
            meddle(theatre.clone(), how, Duration::ZERO, fastrand::Rng::with_seed(1)).await;
            let end = walking.await.unwrap().unwrap();
            assert_eq!(end.code, Code::RecordLost, "{}", theatre.print(0));
            nothing_is_left(&theatre);
        });
    }
}

#[test]
fn ctrl_c_says_which_bounds_it_leaves() {
    simulate(async {
        let theatre = busy(8).await;
        let walking = start(&theatre, "walk", walk(&[50, 100], 60));
        sleep(Duration::from_secs(14)).await;
        theatre.signal("walk", Signal::Interrupt);
        let end = walking.await.unwrap().unwrap();
        assert_eq!(phase(&theatre), Phase::Held, "{}", theatre.print(0));
        assert!(end.next.contains("min-scale 3 on hello-00001"), "{}", end.line());
    });
}

/// What serves is wanted over a walk that was killed: no walk follows that would give anything back.
#[test]
fn staging_that_is_the_end_gives_back() {
    for (killed_back, word) in [(false, "reverted"), (true, "reverted")] {
        simulate(async move {
            let theatre = busy(9).await;
            let walking = start(&theatre, "walk", walk(&[50, 100], 60));
            sleep(Duration::from_secs(14)).await;
            walking.abort();
            if killed_back {
                let settling = start(&theatre, "settle", settle(None));
                until(&theatre, |t| phase(t) == Phase::RolledBack).await;
                settling.abort();
                sleep(Duration::from_secs(5)).await;
            }
            assert_ne!(theatre.world.with(|s| s.bounds_left()), Vec::<String>::new());
            let stage = Job::Stage { image: "ok:1".into(), again: false };
            let asker = asker("b", 100, IfBusy::Supersede);
            let end = theatre.process("stage-b", &asker, &stage, Script::default()).await.unwrap();
            assert_eq!((end.code, end.word), (Code::Done, word), "{}", theatre.print(0));
            nothing_is_left(&theatre);
        });
    }
}

/// The exit that found no way back names `settle --to REVISION`: it opens that way as well, and with nobody's record too.
#[test]
fn a_revision_that_serves_without_room_can_be_settled_to() {
    for recorded in [true, false] {
        simulate(async move {
            let theatre = busy(10).await;
            let walking = start(&theatre, "walk", walk(&[50, 100], 60));
            sleep(Duration::from_secs(14)).await;
            crowded(&theatre);
            sleep(Duration::from_secs(4)).await;
            walking.abort();
            if !recorded {
                meddle(theatre.clone(), Meddling::Record, Duration::ZERO, fastrand::Rng::with_seed(1)).await;
            }
            let end = play(&theatre, "settle", settle(Some(To::Revision(STABLE.parse().unwrap())))).await;
            assert_eq!(end.code, Code::Done, "{}", theatre.print(0));
            assert_eq!(theatre.world.served_now(), [(STABLE.to_owned(), 100)], "{}", theatre.print(0));
            assert!(!is_capped(&theatre), "{}", theatre.print(0));
        });
    }
}

/// A revert sends everyone to a new revision in one write: its pods come first, or nobody is moved.
#[test]
fn a_revert_moves_nobody_before_the_pods_are_there() {
    for (has_room, leaves) in [(true, "hello-00003"), (false, STABLE)] {
        simulate(async move {
            let theatre = busy(11).await;
            play(&theatre, "settle", settle(None)).await;
            theatre.world.with(|s| s.room = (!has_room).then_some(4));
            let watched = theatre.clone();
            let least = std::rc::Rc::new(std::cell::Cell::new(i64::MAX));
            let seen = least.clone();
            tokio::task::spawn_local(async move {
                loop {
                    sleep(Duration::from_millis(50)).await;
                    for (name, percent) in watched.world.served_now() {
                        let pods = watched.world.with(|s| s.revisions.get(&name).map_or(0, |r| r.actual));
                        if percent == 100 {
                            seen.set(seen.get().min(pods));
                        }
                    }
                }
            });
            let newer = asker("b", 100, IfBusy::Supersede);
            let stage = Job::Stage { image: "ok:1".into(), again: false };
            let end = theatre.process("revert", &newer, &stage, Script::default()).await.unwrap();
            assert_eq!((end.code, end.word), (Code::Done, "reverted"), "{}", theatre.print(0));
            assert_eq!(theatre.world.served_now(), [(leaves.to_owned(), 100)], "{}", theatre.print(0));
            assert_eq!(least.get(), 3, "{}", theatre.print(0));
            assert_eq!(check::all(&theatre.story(0)), Vec::<String>::new(), "{}", theatre.print(0));
            nothing_is_left(&theatre);
        });
    }
}

/// Stable is taken up by name: there is nothing to walk, so nothing would be given back later.
#[test]
fn taking_up_what_serves_gives_back() {
    for (over, word) in [(false, "finished"), (true, "unchanged")] {
        simulate(async move {
            let theatre = busy(12).await;
            let walking = start(&theatre, "walk", walk(&[50, 100], 60));
            sleep(Duration::from_secs(14)).await;
            walking.abort();
            if over {
                let settling = start(&theatre, "settle", settle(None));
                until(&theatre, |t| phase(t) == Phase::RolledBack).await;
                settling.abort();
                sleep(Duration::from_secs(65)).await;
            }
            assert_ne!(theatre.world.with(|s| s.bounds_left()), Vec::<String>::new());
            let take = Job::TakeUp(Some(STABLE.parse().unwrap()));
            let end = theatre.process("take", &asker("b", 100, IfBusy::Supersede), &take, Script::default()).await;
            let end = end.unwrap();
            assert_eq!(end.code, Code::Done, "{}", theatre.print(0));
            assert!(!over || end.word == word, "{}", end.word);
            nothing_is_left(&theatre);
        });
    }
}

#[test]
fn a_walk_that_cannot_reach_the_candidate_gives_back_first() {
    simulate(async {
        let theatre = busy(13).await;
        let walking = start(&theatre, "walk", walk(&[50, 100], 60));
        sleep(Duration::from_secs(14)).await;
        walking.abort();
        let newer = asker("b", 100, IfBusy::Supersede);
        let stage = Job::Stage { image: "ok:3".into(), again: false };
        theatre.process("stage-b", &newer, &stage, Script::default()).await;
        let now = theatre.world.start.elapsed();
        let script = Script { cut_off: vec![now..now + Duration::from_secs(9999)], ..Script::default() };
        let end = theatre.process("walk-b", &newer, &walk(&[50, 100], 60), script).await.unwrap();
        assert_eq!((end.code, phase(&theatre)), (Code::Unreachable, Phase::Staged), "{}", theatre.print(0));
        nothing_is_left(&theatre);
    });
}

/// Everyone is on a candidate that lacks pods, and stable would lack more: the end moves nobody, and makes room.
#[test]
fn a_shortage_on_both_sides_keeps_no_rollout_from_its_end() {
    simulate(async {
        let theatre = busy(14).await;
        let walking = start(&theatre, "walk", walk(&[50, 100], 5));
        until(&theatre, |t| phase(t) == Phase::Baking).await;
        sleep(Duration::from_secs(4)).await;
        // Pods that are wanted and have not come, without a word of a quota.
        theatre.world.with(|s| {
            s.revisions.get_mut("hello-00002").unwrap().desired = 12;
            s.show_revision("hello-00002");
        });
        let end = walking.await.unwrap().unwrap();
        assert_eq!(end.code, Code::Done, "{}", theatre.print(0));
        nothing_is_left(&theatre);
    });
}
