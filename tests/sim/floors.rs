//! Floors that do not stay, are ignored, cannot be written for a while or cannot be had: nobody waits for ever, nothing is fought
//! over, and what is set comes back.

use super::capacity::{busy, busy_for, pods, walk};
use super::fault::{Crash, Script};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::machine::world::Signal;
use andante::model::outcome::{Code, Outcome};
use serde_json::json;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::sleep;

const MIN_SCALE: &str = "/metadata/annotations/autoscaling.knative.dev~1min-scale";
const SETTINGS: [&str; 2] = ["autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/minScale"];

async fn run(theatre: &Theatre, job: &Job, script: Script) -> Option<Outcome> {
    theatre.process("walk", &asker("a", 1, IfBusy::Supersede), job, script).await
}

/// Notes whenever somebody has users and fewer pods than these want, of `pods_wanted`.
fn watch_for_early_users(theatre: &Theatre) -> Rc<RefCell<Vec<String>>> {
    let (watched, early) = (theatre.clone(), Rc::new(RefCell::new(vec![])));
    let seen = Rc::clone(&early);
    tokio::task::spawn_local(async move {
        loop {
            sleep(Duration::from_millis(50)).await;
            let wanted = watched.world.with(|s| s.pods_wanted);
            for (name, percent) in watched.world.served_now() {
                let (has, wants) = (pods(&watched, &name), (wanted * percent + 99) / 100);
                if has < wants {
                    seen.borrow_mut().push(format!("{name} has {percent} % of users and {has} of {wants} pods"));
                }
            }
        }
    });
    early
}

fn patches(theatre: &Theatre) -> usize {
    theatre.world.with(|s| s.bounds.patched.len())
}

fn left(theatre: &Theatre) -> Vec<String> {
    theatre.world.with(|s| s.bounds_left())
}

fn lines(theatre: &Theatre) -> String {
    theatre.sink.lines().join("\n")
}

/// A policy that strips or caps a floor answers 200 to every write.
#[test]
fn a_floor_that_a_policy_changes_is_tried_twice() {
    for most in [0, 2] {
        simulate(async move {
            let theatre = busy(21).await;
            theatre.world.with(|s| s.bounds.most = Some(most));
            let outcome = run(&theatre, &walk(&[100]), Script::default()).await;
            assert_eq!(outcome.map(|o| o.code), Some(Code::Done), "{}", theatre.print(0));
            let (tries, said) = (patches(&theatre), lines(&theatre));
            assert!(tries <= 6, "{tries} writes of bounds\n{said}");
            assert_eq!(said.matches("does not stay").count(), 1, "{said}");
            assert_eq!(left(&theatre), Vec::<String>::new(), "{said}");
        });
    }
}

/// A controller of the owner's puts back what he had, whatever stands there.
#[test]
fn what_an_owner_sets_back_stays() {
    simulate(async {
        let theatre = busy(22).await;
        let owner = theatre.clone();
        tokio::task::spawn_local(async move {
            loop {
                sleep(Duration::from_millis(100)).await;
                for name in ["hello-00001", "hello-00002"] {
                    let theirs = json!([{"op": "remove", "path": MIN_SCALE}]);
                    owner.world.with(|s| s.patch_revision(name, &theirs)).ok();
                }
            }
        });
        let outcome = run(&theatre, &walk(&[50, 100]), Script::default()).await;
        assert_eq!(outcome.map(|o| o.code), Some(Code::Done), "{}", theatre.print(0));
        let said = lines(&theatre);
        assert!(said.matches("min-scale of hello-0000").count() <= 6, "{said}");
        assert_eq!(said.matches("min-scale of hello-00002: ").count(), 1, "set once, and not again:\n{said}");
        assert!(theatre.world.start.elapsed() < Duration::from_secs(120), "{said}");
    });
}

/// An autoscaler that looks at no annotation of a Revision: the time for pods is waited out once, not at each step.
#[test]
fn a_floor_that_is_ignored_is_waited_for_once() {
    simulate(async {
        let theatre = busy(23).await;
        theatre.world.with(|s| s.bounds.ignored = true);
        let began = theatre.world.start.elapsed();
        let outcome = run(&theatre, &walk(&[40, 70, 100]), Script::default()).await;
        assert_eq!(outcome.map(|o| o.code), Some(Code::Done), "{}", theatre.print(0));
        let (took, said) = (theatre.world.start.elapsed().saturating_sub(began), lines(&theatre));
        // And one window at the end, since who received users may have been followed after all.
        assert!(took < Duration::from_secs(220), "{took:?}\n{said}");
        assert_eq!(said.matches("its autoscaler ignores it").count(), 1, "{said}");
        assert_eq!(left(&theatre), Vec::<String>::new(), "{said}");
    });
}

/// A right that is gone for some seconds is ridden out: pods come before users all the same.
#[test]
fn a_right_to_floors_that_comes_back_is_waited_for() {
    simulate(async {
        let theatre = busy(24).await;
        let early = watch_for_early_users(&theatre);
        let from = theatre.world.start.elapsed() + Duration::from_secs(7);
        let refusals = vec![(from..from + Duration::from_secs(40), "patch revisions")];
        let outcome = run(&theatre, &walk(&[50, 100]), Script { refusals, ..Script::default() }).await;
        assert_eq!(outcome.map(|o| o.code), Some(Code::Done), "{}", theatre.print(0));
        assert_eq!(*early.borrow(), Vec::<String>::new(), "{}", theatre.print(0));
        assert_eq!(left(&theatre), Vec::<String>::new(), "{}", theatre.print(0));
    });
}

/// What the owner had comes back though the API server takes no bound when the walk ends.
#[test]
fn what_cannot_be_given_back_at_once_is_given_back_later() {
    simulate(async {
        let theatre = busy(25).await;
        let from = theatre.world.start.elapsed() + Duration::from_secs(25);
        let refusals = vec![(from..from + Duration::from_secs(100), "patch revisions")];
        let outcome = run(&theatre, &walk(&[50, 100]), Script { refusals, ..Script::default() }).await;
        assert_eq!(outcome.map(|o| o.code), Some(Code::Done), "{}", theatre.print(0));
        assert_eq!(left(&theatre), Vec::<String>::new(), "{}", theatre.print(0));
        let tries = theatre.calls("walk");
        assert!(tries < 150, "{tries} calls\n{}", theatre.print(0));
    });
}

/// After a bake that is longer than the autoscaler's window nobody is waited for: a walk lasts as long as without floors, but for
/// the time that pods take.
#[test]
fn a_good_walk_ends_when_it_is_over() {
    let took = |writable: bool| {
        simulate(async move {
            let theatre = busy(26).await;
            theatre.world.with(|s| s.revisions_writable = writable);
            let began = theatre.world.start.elapsed();
            let job = Job::Walk(plan(&[50, 100], 5, 70, None), Looks { probe: true, ..Looks::default() });
            let outcome = run(&theatre, &job, Script::default()).await;
            assert_eq!(outcome.map(|o| o.code), Some(Code::Done), "{}", theatre.print(0));
            assert_eq!(left(&theatre), Vec::<String>::new(), "{}", theatre.print(0));
            theatre.world.start.elapsed().saturating_sub(began)
        })
    };
    let (with, without) = (took(true), took(false));
    assert!(with < without + Duration::from_secs(2 * 5), "{with:?} with floors, {without:?} without");
}

/// Before anybody was moved, stable never lost anyone: there is nothing to wait for.
#[test]
fn who_goes_back_before_the_first_step_gives_back_at_once() {
    simulate(async {
        let theatre = busy(27).await;
        theatre.world.with(|s| s.room = Some(4));
        let walking = theatre.clone();
        let task = tokio::task::spawn_local(async move { run(&walking, &walk(&[50, 100]), Script::default()).await });
        sleep(Duration::from_secs(20)).await;
        assert_ne!(left(&theatre), Vec::<String>::new(), "{}", theatre.print(0));
        theatre.signal("walk", Signal::Terminate);
        task.await.unwrap();
        assert_eq!(left(&theatre), Vec::<String>::new(), "{}", theatre.print(0));
    });
}

/// The candidate is not Ready while a floor of ours asks for pods that there is no room for, and a load that grows does not put
/// off the end of that.
#[test]
fn a_load_that_grows_keeps_no_floor_that_cannot_be_had() {
    simulate(async {
        let theatre = busy(28).await;
        theatre.world.with(|s| s.room = Some(4));
        let growing = theatre.clone();
        tokio::task::spawn_local(async move {
            loop {
                sleep(Duration::from_secs(50)).await;
                growing.world.with(|s| {
                    s.pods_wanted += 2;
                    s.scale_soon();
                });
            }
        });
        let walking = theatre.clone();
        let job = walk(&[50, 100]);
        tokio::task::spawn_local(async move { run(&walking, &job, Script::default()).await });
        let mut since = None;
        for second in 0..600_u64 {
            sleep(Duration::from_secs(1)).await;
            let (is_ready, floor) = theatre.world.with(|s| {
                let candidate = &s.revisions["hello-00002"];
                (candidate.ready().is_true(), candidate.min_scale() > candidate.actual)
            });
            let began = *since.get_or_insert(second);
            // Once for pods, once more after stable gave up its own for them.
            assert!(second - began < 250, "not Ready for {} s\n{}", second - began, theatre.print(0));
            if is_ready || !floor {
                since = None;
            }
        }
    });
}

/// A person stops a walk and goes on by another plan at once: what users need is known as before, and not found anew.
#[test]
fn who_goes_on_by_another_plan_knows_what_users_need() {
    simulate(async {
        let theatre = busy_for(29, "@kim").await;
        let early = watch_for_early_users(&theatre);
        let job = |dwell: u64| Job::Walk(plan(&[50, 100], dwell, 10, None), Looks { probe: true, ..Looks::default() });
        let (walking, slowly) = (theatre.clone(), job(40));
        let kim = || asker("@kim", 1, IfBusy::Supersede);
        let task =
            tokio::task::spawn_local(async move { walking.process("walk", &kim(), &slowly, Script::default()).await });
        sleep(Duration::from_secs(15)).await;
        theatre.signal("walk", Signal::Interrupt);
        task.await.unwrap();
        let outcome = theatre.process("again", &kim(), &job(5), Script::default()).await;
        assert_eq!(outcome.map(|o| o.code), Some(Code::Done), "{}", theatre.print(0));
        assert_eq!(*early.borrow(), Vec::<String>::new(), "{}", theatre.print(0));
        assert!(!lines(&theatre).contains("how many pods users need"), "{}", theatre.print(0));
    });
}

/// Load that came after the walk began is known after one window, and not taken for a Service that sleeps.
#[test]
fn a_need_that_nobody_knows_is_waited_for() {
    simulate(async {
        let theatre = Theatre::serving(30, "ok:1", true).await;
        theatre.world.with(|s| s.pods_wanted = 0);
        let stage = Job::Stage { image: "ok:2".into(), again: false };
        theatre.process("stage", &asker("a", 1, IfBusy::Supersede), &stage, Script::default()).await;
        // Nobody comes, so nothing is known when the first step is taken.
        theatre.world.with(|s| {
            let stable = s.revisions.get_mut("hello-00001").unwrap();
            (stable.actual, stable.desired) = (0, 0);
            s.show_revision("hello-00001");
        });
        let waking = theatre.clone();
        let task = tokio::task::spawn_local(async move {
            let slowly = Job::Walk(plan(&[50, 100], 20, 10, None), Looks { probe: true, ..Looks::default() });
            run(&waking, &slowly, Script::default()).await
        });
        let shared = |theatre: &Theatre| theatre.world.served_now().iter().any(|(_, percent)| *percent == 50);
        while !shared(&theatre) {
            sleep(Duration::from_millis(100)).await;
        }
        theatre.world.with(|s| {
            s.pods_wanted = 6;
            for name in ["hello-00001", "hello-00002"] {
                s.revisions.get_mut(name).unwrap().actual = 1;
            }
            s.scale_soon();
        });
        let outcome = task.await.unwrap();
        assert_eq!(outcome.map(|o| o.code), Some(Code::Done), "{}", theatre.print(0));
        // Three for half of the users tell of more than two for half.
        assert!(lines(&theatre).contains("step 2 wants 5 pods of hello-00002"), "{}", theatre.print(0));
    });
}

/// A pod of stable's that is lost where there is no room for another: its floor comes down, and the release goes on.
#[test]
fn a_pod_that_stable_loses_ends_no_good_release() {
    simulate(async {
        let theatre = busy(31).await;
        let walking = theatre.clone();
        let task = tokio::task::spawn_local(async move {
            let slowly = Job::Walk(plan(&[34, 67, 100], 20, 10, None), Looks { probe: true, ..Looks::default() });
            run(&walking, &slowly, Script::default()).await
        });
        let moved = |theatre: &Theatre| theatre.world.served_now().iter().any(|(_, percent)| *percent == 34);
        while !moved(&theatre) {
            sleep(Duration::from_millis(100)).await;
        }
        theatre.world.with(|s| {
            s.revisions.get_mut("hello-00001").unwrap().actual -= 1;
            s.room = Some(s.revisions.values().map(|r| r.actual).sum::<i64>());
            s.scale_soon();
        });
        sleep(Duration::from_secs(10)).await;
        let ready = theatre.world.with(|s| s.revisions["hello-00001"].ready().is_true());
        assert!(ready, "{}", theatre.print(0));
        theatre.world.with(|s| s.room = None);
        let outcome = task.await.unwrap();
        assert_eq!(outcome.map(|o| o.code), Some(Code::Done), "{}", theatre.print(0));
        assert_eq!(left(&theatre), Vec::<String>::new(), "{}", theatre.print(0));
    });
}

/// Killed between the record and the bound: the next process sets the floor, and its pods are not late before they could come.
#[test]
fn a_floor_that_was_noted_long_ago_is_waited_for() {
    for once in [false, true] {
        let mut killed = 0;
        for call in 1..30 {
            killed += i32::from(simulate(async move {
                let mut theatre = busy(32).await;
                theatre.once = once.then(|| plan(&[50, 100], 5, 10, None));
                run(&theatre, &walk(&[50, 100]), Script::killed(Crash::Before(call))).await;
                if patches(&theatre) > 0 || !lines(&theatre).contains("step 1 wants") {
                    return false;
                }
                sleep(Duration::from_secs(300)).await;
                for _ in 0..if once { 10 } else { 1 } {
                    run(&theatre, &walk(&[50, 100]), Script::default()).await;
                    sleep(Duration::from_secs(10)).await;
                }
                assert!(!lines(&theatre).contains("are there after"), "{}", theatre.print(0));
                assert!(pods(&theatre, "hello-00002") >= 2, "{}", theatre.print(0));
                true
            }));
        }
        assert!(killed > 0);
    }
}

/// Whatever its owner asks for and users want: no floor is below the owner's or above the most that it may have, in either spelling, and
/// nothing is written where nobody needs it.
#[test]
fn floors_keep_to_what_the_owner_allows() {
    for seed in 0..60_u64 {
        simulate(async move {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (wanted, min, max) = (rng.i64(1..7), rng.i64(0..5), rng.i64(0..6));
            // Knative takes no other pair.
            let max = if max > 0 { max.max(min) } else { 0 };
            let mut theatre = Theatre::new(seed);
            theatre.calm = true;
            let mut service = theatre.world.plain("ok:1");
            let setting = SETTINGS[rng.usize(..2)];
            service["spec"]["template"]["metadata"]["annotations"] =
                json!({setting: min.to_string(), "autoscaling.knative.dev/max-scale": max.to_string()});
            theatre.world.with(|s| s.pods_wanted = wanted);
            theatre.world.deploy(&service).await;
            theatre.world.move_traffic(&json!([{"latestRevision": true, "percent": 100}])).unwrap();
            theatre.world.with(super::state::State::scale_soon);
            sleep(Duration::from_secs(10)).await;
            let stage = Job::Stage { image: "ok:2".into(), again: false };
            theatre.process("stage", &asker("a", 1, IfBusy::Supersede), &stage, Script::default()).await;
            sleep(Duration::from_secs(5)).await;
            // Every other time there is not enough room.
            if rng.bool() {
                let more = rng.i64(0..2);
                theatre.world.with(|s| s.room = Some(s.revisions.values().map(|r| r.actual).sum::<i64>() + more));
            }
            let outcome = run(&theatre, &walk(&[50, 100]), Script::default()).await;
            let told = format!("wanted {wanted}, {setting} {min}, max-scale {max}\n{}", theatre.print(0));
            // A quota that users alone fill may send a candidate back; nobody waits for ever.
            assert!(outcome.is_some(), "{told}");
            assert_eq!(left(&theatre), Vec::<String>::new(), "{told}");
            let written = theatre.world.with(|s| s.bounds.patched.clone());
            for (name, annotations) in &written {
                let says = |key: &str| annotations[key].as_str().and_then(|text| text.parse::<i64>().ok());
                let floor = SETTINGS.into_iter().find_map(says).unwrap_or(0);
                assert!(floor >= min && (max == 0 || floor <= max), "{name}: {floor}\n{told}");
            }
            let fits = if max > 0 { wanted.min(max) } else { wanted };
            assert!(fits > min || written.is_empty(), "{written:?}\n{told}");
        });
    }
}
