//! Pods before users: what is set comes back whatever happens, and nobody is sent where no pods are.

use super::check;
use super::fault::{Crash, Script};
use super::humans::{Meddling, meddle};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::machine::settle::To;
use andante::machine::world::Signal;
use andante::model::outcome::Code;
use serde_json::json;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::sleep;

/// A Service whose users want three pods, with a staged candidate.
pub(super) async fn busy(seed: u64) -> Theatre {
    busy_for(seed, "a").await
}

/// The same, staged by a run or a person.
pub(super) async fn busy_for(seed: u64, who: &str) -> Theatre {
    let theatre = Theatre::serving(seed, "ok:1", true).await;
    theatre.world.with(|s| {
        s.pods_wanted = 3;
        s.scale_soon();
    });
    sleep(Duration::from_secs(5)).await;
    let stage = Job::Stage { image: "ok:2".into(), again: false };
    theatre.process("stage", &asker(who, 1, IfBusy::Supersede), &stage, Script::default()).await;
    theatre
}

pub(super) fn pods(theatre: &Theatre, name: &str) -> i64 {
    theatre.world.with(|s| s.revisions.get(name).map_or(0, |r| r.actual))
}

pub(super) fn walk(percents: &[i64]) -> Job {
    Job::Walk(plan(percents, 5, 10, None), Looks { probe: true, ..Looks::default() })
}

#[test]
fn nobody_is_moved_before_their_pods_are_there() {
    simulate(async {
        let theatre = busy(1).await;
        let (watched, early) = (theatre.clone(), Rc::new(RefCell::new(vec![])));
        let seen = early.clone();
        tokio::task::spawn_local(async move {
            loop {
                sleep(Duration::from_millis(50)).await;
                for (name, percent) in watched.world.served_now() {
                    let (has, wants) = (pods(&watched, &name), (3 * percent + 99) / 100);
                    if has < wants {
                        seen.borrow_mut().push(format!("{name} has {percent} % of users and {has} of {wants} pods"));
                    }
                }
            }
        });
        let asker = asker("a", 1, IfBusy::Supersede);
        let outcome = theatre.process("walk", &asker, &walk(&[50, 100]), Script::default()).await.unwrap();
        assert_eq!(outcome.code, Code::Done, "{}", theatre.print(0));
        assert_eq!(theatre.world.with(|s| s.bounds_left()), Vec::<String>::new(), "{}", theatre.print(0));
        assert_eq!(*early.borrow(), Vec::<String>::new(), "{}", theatre.print(0));
        assert_eq!(pods(&theatre, "hello-00002"), 3);
        // One record and two bounds before the first step, one of each before the second, three that give back.
        let writes = theatre.writes("walk");
        assert!(writes <= 7, "{writes} writes of the Service\n{}", theatre.print(0));
    });
}

#[test]
fn what_the_owner_had_comes_back_whatever_call_is_the_last() {
    let ends = [("finished", walk(&[50, 100])), ("bake", walk(&[100])), ("held", walk(&[50]))];
    for (what, job) in ends {
        let play = |script: Script, then: Option<Job>| {
            let job = job.clone();
            simulate(async move {
                let theatre = busy(2).await;
                theatre.process("walk", &asker("a", 1, IfBusy::Supersede), &job, script).await;
                let calls = theatre.calls("walk");
                if let Some(then) = then {
                    sleep(Duration::from_secs(1)).await;
                    theatre.process("then", &asker("a", 1, IfBusy::Supersede), &then, Script::default()).await;
                }
                sleep(Duration::from_secs(90)).await;
                let mut wrong = theatre.world.with(|s| s.bounds_left());
                wrong.extend(theatre.complaints());
                wrong.extend(check::all(&theatre.story(0)));
                let print = if wrong.is_empty() { String::new() } else { theatre.print(0) };
                (calls, wrong, print)
            })
        };
        let (calls, wrong, print) = play(Script::default(), None);
        assert!(wrong.is_empty(), "{what}: {wrong:#?}\n{print}");
        for call in 1..=calls {
            for crash in [Crash::Before(call), Crash::After(call)] {
                for then in [Job::Settle { to: None, any: true }, job.clone()] {
                    let (_, wrong, print) = play(Script::killed(crash), Some(then.clone()));
                    assert!(wrong.is_empty(), "{what}, {crash:?}, then {then:?}: {wrong:#?}\n{print}");
                }
            }
        }
    }
}

#[test]
fn every_end_gives_back_with_a_settle() {
    for signal in [Some(Signal::Terminate), Some(Signal::Interrupt), None] {
        for at in [1, 4, 8, 14, 20, 26] {
            simulate(async move {
                let theatre = busy(3).await;
                let walking = theatre.clone();
                let task = tokio::task::spawn_local(async move {
                    let asker = asker("a", 1, IfBusy::Supersede);
                    walking.process("walk", &asker, &walk(&[50, 100]), Script::default()).await
                });
                sleep(Duration::from_secs(at)).await;
                if let Some(signal) = signal {
                    theatre.signal("walk", signal);
                } else {
                    meddle(theatre.clone(), Meddling::Abort, Duration::ZERO, fastrand::Rng::with_seed(at)).await;
                }
                task.await.unwrap();
                let settle = Job::Settle { to: None, any: true };
                theatre.process("settle", &asker("a", 1, IfBusy::Supersede), &settle, Script::default()).await;
                assert_eq!(theatre.world.with(|s| s.bounds_left()), Vec::<String>::new(), "{}", theatre.print(0));
                assert_eq!(check::all(&theatre.story(0)), Vec::<String>::new(), "{}", theatre.print(0));
            });
        }
    }
}

#[test]
fn a_newer_run_puts_back_what_an_older_one_left() {
    simulate(async {
        let theatre = busy(4).await;
        // Killed in the bake, with a floor on both.
        let killed = theatre.clone();
        let old = tokio::task::spawn_local(async move {
            killed.process("walk", &asker("a", 1, IfBusy::Supersede), &walk(&[50, 100]), Script::default()).await
        });
        sleep(Duration::from_secs(22)).await;
        old.abort();
        assert_ne!(theatre.world.with(|s| s.bounds_left()), Vec::<String>::new(), "{}", theatre.print(0));
        let newer = asker("b", 100, IfBusy::Supersede);
        theatre.process("stage-b", &newer, &Job::Stage { image: "ok:3".into(), again: false }, Script::default()).await;
        let outcome = theatre.process("walk-b", &newer, &walk(&[50, 100]), Script::default()).await.unwrap();
        assert_eq!(outcome.code, Code::Done, "{}", theatre.print(0));
        assert_eq!(theatre.world.with(|s| s.bounds_left()), Vec::<String>::new(), "{}", theatre.print(0));
    });
}

/// Users want two pods of the candidate, and there is room for one while stable keeps its own: after the time for pods stable
/// gives up those for the way back, and the walk goes on.
#[test]
fn pods_that_cannot_be_had_hold_nobody_for_long() {
    simulate(async {
        let theatre = busy(5).await;
        theatre.world.with(|s| s.room = Some(4));
        let asker = asker("a", 1, IfBusy::Supersede);
        let outcome = theatre.process("walk", &asker, &walk(&[50, 100]), Script::default()).await.unwrap();
        assert_eq!(outcome.code, Code::Done, "{}", theatre.print(0));
        assert!(theatre.world.start.elapsed() < Duration::from_secs(400), "{}", theatre.print(0));
        assert_eq!(theatre.world.with(|s| s.bounds_left()), Vec::<String>::new(), "{}", theatre.print(0));
    });
}

/// A quota that takes no pod more, and users who do without: the floor is given back, and the walk goes on.
#[test]
fn a_floor_that_cannot_be_had_is_given_back_before_the_step() {
    simulate(async {
        let theatre = busy(9).await;
        theatre.world.with(|s| s.room = Some(4));
        let calmer = theatre.clone();
        tokio::task::spawn_local(async move {
            sleep(Duration::from_secs(60)).await;
            calmer.world.with(|s| s.pods_wanted = 1);
        });
        let asker = asker("a", 1, IfBusy::Supersede);
        let outcome = theatre.process("walk", &asker, &walk(&[50, 100]), Script::default()).await.unwrap();
        assert_eq!(outcome.code, Code::Done, "{}", theatre.print(0));
        assert_eq!(theatre.world.with(|s| s.bounds_left()), Vec::<String>::new(), "{}", theatre.print(0));
    });
}

#[test]
fn the_way_back_is_open_where_stable_lacks_room() {
    for to in [None, Some(To::Stable)] {
        simulate(async move {
            let theatre = busy(6).await;
            let walking = theatre.clone();
            let task = tokio::task::spawn_local(async move {
                let asker = asker("a", 1, IfBusy::Supersede);
                let slowly = Job::Walk(plan(&[50, 100], 60, 10, None), Looks { probe: true, ..Looks::default() });
                walking.process("walk", &asker, &slowly, Script::default()).await
            });
            sleep(Duration::from_secs(14)).await;
            // Load that wants more than there is room for.
            theatre.world.with(|s| {
                s.room = Some(s.revisions.values().map(|r| r.actual).sum());
                s.pods_wanted = 12;
                s.scale_soon();
            });
            sleep(Duration::from_secs(4)).await;
            task.abort();
            let ready = |name: &str| theatre.world.with(|s| s.revisions[name].ready().is_true());
            assert!(!ready("hello-00001"), "{}", theatre.print(0));
            let settle = Job::Settle { to: to.clone(), any: true };
            let asker = asker("a", 1, IfBusy::Supersede);
            let began = theatre.world.start.elapsed();
            let outcome = theatre.process("settle", &asker, &settle, Script::default()).await.unwrap();
            assert_eq!(outcome.code, Code::Done, "{}", theatre.print(0));
            let back = theatre.story(0).log.served.last().unwrap().clone();
            assert_eq!(back.split, [("hello-00001".to_owned(), 100)]);
            let took = back.at.saturating_sub(began);
            assert!(took < Duration::from_secs(5), "{took:?}");
            assert_eq!(theatre.world.with(|s| s.bounds_left()), Vec::<String>::new(), "{}", theatre.print(0));
        });
    }
}

#[test]
fn without_the_right_it_is_as_before() {
    simulate(async {
        let theatre = busy(7).await;
        theatre.world.with(|s| s.revisions_writable = false);
        let asker = asker("a", 1, IfBusy::Supersede);
        let outcome = theatre.process("walk", &asker, &walk(&[50, 100]), Script::default()).await.unwrap();
        assert_eq!(outcome.code, Code::Done, "{}", theatre.print(0));
        let lines = theatre.sink.lines().join("\n");
        assert_eq!(lines.matches("min-scale and max-scale of revisions stay as they are").count(), 1, "{lines}");
    });
}

#[test]
fn what_an_owner_sets_in_mid_walk_is_theirs() {
    simulate(async {
        let theatre = busy(8).await;
        let walking = theatre.clone();
        let task = tokio::task::spawn_local(async move {
            let asker = asker("a", 1, IfBusy::Supersede);
            walking.process("walk", &asker, &walk(&[50, 100]), Script::default()).await
        });
        sleep(Duration::from_secs(14)).await;
        let pointer = "/metadata/annotations/autoscaling.knative.dev~1min-scale";
        let theirs = json!([{"op": "add", "path": pointer, "value": "5"}]);
        theatre.world.with(|s| s.patch_revision("hello-00002", &theirs)).unwrap();
        assert_eq!(task.await.unwrap().unwrap().code, Code::Done, "{}", theatre.print(0));
        let left = theatre.world.with(|s| s.revisions["hello-00002"].annotations.clone());
        assert_eq!(left["autoscaling.knative.dev/min-scale"], "5", "{}", theatre.print(0));
    });
}
