//! Bounds and the way back: a cap outlives no way back, no bound stands unsaid or unowned, and whoever lacks room on both sides
//! sends nobody anywhere.

use super::check;
use super::fault::Script;
use super::humans::{Meddling, meddle};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::state::Due;
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::machine::settle::To;
use andante::model::outcome::{Code, Outcome};
use andante::rollout::record::Phase;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;

pub(super) const STABLE: &str = "hello-00001";

/// A Service whose users want three pods, with a staged candidate.
pub(super) async fn busy(seed: u64) -> Theatre {
    let theatre = Theatre::serving(seed, "ok:1", true).await;
    theatre.world.with(|s| {
        s.pods_wanted = 3;
        s.scale_soon();
    });
    sleep(Duration::from_secs(5)).await;
    let stage = Job::Stage { image: "ok:2".into(), again: false };
    theatre.process("stage", &asker("a", 1, IfBusy::Supersede), &stage, Script::default()).await;
    theatre
}

pub(super) fn walk(percents: &[i64], dwell: u64) -> Job {
    Job::Walk(plan(percents, dwell, 10, None), Looks { probe: true, ..Looks::default() })
}

pub(super) fn settle(to: Option<To>) -> Job {
    Job::Settle { to, any: true }
}

pub(super) fn start(theatre: &Theatre, label: &'static str, job: Job) -> JoinHandle<Option<Outcome>> {
    let theatre = theatre.clone();
    let asker = asker("a", 1, IfBusy::Supersede);
    tokio::task::spawn_local(async move { theatre.process(label, &asker, &job, Script::default()).await })
}

pub(super) async fn play(theatre: &Theatre, label: &'static str, job: Job) -> Outcome {
    start(theatre, label, job).await.unwrap().unwrap()
}

/// Load that wants more pods than there is room for.
pub(super) fn crowded(theatre: &Theatre) {
    theatre.world.with(|s| {
        s.room = Some(s.revisions.values().map(|r| r.actual).sum());
        s.pods_wanted = 12;
        s.scale_soon();
    });
}

fn calm(theatre: &Theatre) {
    theatre.world.with(|s| {
        (s.room, s.pods_wanted) = (None, 3);
        s.scale_soon();
    });
}

/// Knative's controllers work again.
fn wakes(theatre: &Theatre) {
    theatre.world.with(|s| {
        s.stalled = false;
        s.soon(Due::Service);
        s.soon(Due::Route);
        s.scale_soon();
    });
}

pub(super) fn is_capped(theatre: &Theatre) -> bool {
    theatre.world.with(|s| s.revisions[STABLE].max_scale() < i64::MAX)
}

pub(super) fn phase(theatre: &Theatre) -> Phase {
    check::record(&theatre.world.service().unwrap()).unwrap().phase
}

pub(super) async fn until(theatre: &Theatre, what: impl Fn(&Theatre) -> bool) {
    for _ in 0..12_000 {
        if what(theatre) {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come to that\n{}", theatre.print(0));
}

/// At 50 %, with neither side having room, a way back begins; it is killed at the moment that is asked for, and the load passes.
async fn killed_on_the_way_back(seed: u64, at: impl Fn(&Theatre) -> bool) -> Theatre {
    let theatre = busy(seed).await;
    let walking = start(&theatre, "walk", walk(&[50, 100], 60));
    sleep(Duration::from_secs(14)).await;
    crowded(&theatre);
    sleep(Duration::from_secs(4)).await;
    walking.abort();
    let settling = start(&theatre, "settle", settle(None));
    until(&theatre, at).await;
    settling.abort();
    calm(&theatre);
    sleep(Duration::from_secs(5)).await;
    assert!(is_capped(&theatre), "{}", theatre.print(0));
    theatre
}

pub(super) fn nothing_is_left(theatre: &Theatre) {
    assert_eq!(theatre.world.with(|s| s.bounds_left()), Vec::<String>::new(), "{}", theatre.print(0));
    assert_eq!(theatre.complaints(), Vec::<String>::new());
}

#[test]
fn a_cap_is_given_back_by_whoever_goes_on() {
    simulate(async {
        let theatre = killed_on_the_way_back(1, is_capped).await;
        assert_eq!(phase(&theatre), Phase::Walking);
        let walking = start(&theatre, "again", walk(&[50, 100], 60));
        sleep(Duration::from_secs(3)).await;
        assert!(!is_capped(&theatre), "{}", theatre.print(0));
        assert_eq!(walking.await.unwrap().unwrap().code, Code::Done, "{}", theatre.print(0));
        nothing_is_left(&theatre);
    });
}

#[test]
fn a_cap_is_given_back_by_whoever_begins_anew() {
    for over in [false, true] {
        simulate(async move {
            let theatre = killed_on_the_way_back(2, |t| is_capped(t) && (!over || phase(t) == Phase::RolledBack)).await;
            let newer = asker("b", 100, IfBusy::Supersede);
            let stage = Job::Stage { image: "ok:3".into(), again: false };
            let staged = theatre.process("stage-b", &newer, &stage, Script::default()).await.unwrap();
            assert_eq!(staged.code, Code::Done, "{}", theatre.print(0));
            assert!(!is_capped(&theatre), "{}", theatre.print(0));
            let walked = theatre.process("walk-b", &newer, &walk(&[50, 100], 5), Script::default()).await.unwrap();
            assert_eq!(walked.code, Code::Done, "{}", theatre.print(0));
            nothing_is_left(&theatre);
        });
    }
}

#[test]
fn a_cap_stays_until_the_way_back_is_served() {
    simulate(async {
        let theatre = busy(3).await;
        let walking = start(&theatre, "walk", walk(&[50, 100], 60));
        sleep(Duration::from_secs(14)).await;
        crowded(&theatre);
        sleep(Duration::from_secs(4)).await;
        meddle(theatre.clone(), Meddling::Abort, Duration::ZERO, fastrand::Rng::with_seed(1)).await;
        until(&theatre, |t| phase(t) == Phase::RolledBack).await;
        theatre.world.with(|s| s.stalled = true);
        let end = walking.await.unwrap().unwrap();
        assert!(is_capped(&theatre), "{}", theatre.print(0));
        assert!(end.next.contains("max-scale") && end.next.contains("still stands"), "{}", end.line());
        wakes(&theatre);
        let settled = play(&theatre, "settle", settle(None)).await;
        assert_eq!(settled.code, Code::Done, "{}", theatre.print(0));
        assert_eq!(theatre.world.served_now(), [(STABLE.to_owned(), 100)]);
        nothing_is_left(&theatre);
    });
}

/// Neither side has room for the load: nobody is moved and everybody stays served, and once there is room the walk goes on.
#[test]
fn where_both_lack_room_the_walk_holds() {
    simulate(async {
        let theatre = busy(4).await;
        let walking = start(&theatre, "walk", walk(&[50, 100], 20));
        sleep(Duration::from_secs(14)).await;
        crowded(&theatre);
        sleep(Duration::from_secs(200)).await;
        assert_eq!(phase(&theatre), Phase::Walking, "{}", theatre.print(0));
        let served = theatre.world.served_now();
        assert_eq!(served, [(STABLE.to_owned(), 50), ("hello-00002".to_owned(), 50)], "{}", theatre.print(0));
        let said = theatre.sink.lines().iter().filter(|line| line.contains("no step is taken for now")).count();
        assert!((1..=3).contains(&said), "{}", theatre.print(0));
        calm(&theatre);
        assert_eq!(walking.await.unwrap().unwrap().code, Code::Done, "{}", theatre.print(0));
        assert_eq!(check::all(&theatre.story(0)), Vec::<String>::new(), "{}", theatre.print(0));
        nothing_is_left(&theatre);
    });
}

/// And at the deadline they stay where they are, because everyone on stable would be worse off.
#[test]
fn where_both_lack_room_nobody_is_sent_back_for_time_alone() {
    simulate(async {
        let theatre = busy(5).await;
        let walking = start(&theatre, "walk", walk(&[50, 100], 20));
        sleep(Duration::from_secs(14)).await;
        crowded(&theatre);
        let end = walking.await.unwrap().unwrap();
        assert_eq!((end.code, phase(&theatre)), (Code::Inconclusive, Phase::Held), "{}", theatre.print(0));
        assert_eq!(theatre.world.served_now().len(), 2, "{}", theatre.print(0));
        assert!(end.line().contains("nobody is sent back"), "{}", end.line());
        nothing_is_left(&theatre);
    });
}

/// A candidate that lacks room goes back where stable has the pods for everyone.
#[test]
fn a_candidate_without_room_goes_back_to_a_stable_that_bears_all() {
    simulate(async {
        let theatre = busy(6).await;
        let walking = start(&theatre, "walk", walk(&[50, 100], 300));
        sleep(Duration::from_secs(14)).await;
        // Its users want a pod more, and a webhook that is down lets none be made.
        theatre.world.with(|s| {
            s.revisions.get_mut(STABLE).unwrap().actual = 6;
            s.show_revision(STABLE);
            let candidate = s.revisions.get_mut("hello-00002").unwrap();
            (candidate.actual, candidate.desired) = (2, 3);
            candidate.resources = super::condition::Cond::no("FailedCreate", "failed calling webhook \"policy\"");
            s.show_revision("hello-00002");
        });
        let end = walking.await.unwrap().unwrap();
        assert_eq!(end.code, Code::RolledBack, "{}", theatre.print(0));
        assert!(end.line().contains("has 2 of 3 pods that its users want"), "{}", end.line());
        let record = check::record(&theatre.world.service().unwrap()).unwrap();
        assert!(record.rejected.is_empty(), "{}", theatre.print(0));
    });
}

/// The walk with neither side having room, on its way back by somebody's word.
async fn aborted(seed: u64) -> (Theatre, JoinHandle<Option<Outcome>>) {
    let theatre = busy(seed).await;
    let walking = start(&theatre, "walk", walk(&[50, 100], 60));
    sleep(Duration::from_secs(14)).await;
    crowded(&theatre);
    sleep(Duration::from_secs(4)).await;
    meddle(theatre.clone(), Meddling::Abort, Duration::ZERO, fastrand::Rng::with_seed(1)).await;
    (theatre, walking)
}

#[test]
fn the_next_pod_of_a_run_keeps_the_cap_until_its_way_back_is_served() {
    simulate(async {
        let (theatre, walking) = aborted(15).await;
        until(&theatre, |t| phase(t) == Phase::RolledBack).await;
        walking.abort();
        theatre.world.with(|s| s.stalled = true);
        let again = start(&theatre, "again", walk(&[50, 100], 60));
        sleep(Duration::from_secs(5)).await;
        assert!(is_capped(&theatre), "{}", theatre.print(0));
        wakes(&theatre);
        let end = again.await.unwrap().unwrap();
        assert_eq!(end.code, Code::Aborted, "{}", theatre.print(0));
        assert_eq!(theatre.world.served_now(), [(STABLE.to_owned(), 100)], "{}", theatre.print(0));
        nothing_is_left(&theatre);
    });
}

#[test]
fn a_cap_that_does_not_help_is_given_back() {
    for by_settle in [false, true] {
        simulate(async move {
            let (theatre, mut going_back) = aborted(16).await;
            if by_settle {
                going_back.abort();
                going_back = start(&theatre, "settle", settle(None));
            }
            until(&theatre, is_capped).await;
            theatre.world.with(|s| s.stalled = true);
            let end = going_back.await.unwrap().unwrap();
            assert_eq!(end.code, Code::CouldNotRestore, "{}", theatre.print(0));
            assert!(!is_capped(&theatre), "{}", theatre.print(0));
        });
    }
}

/// A rollout that is over is taken back all the same, once the way is open.
#[test]
fn a_stable_without_room_is_gone_back_to_after_a_good_end() {
    simulate(async {
        let theatre = busy(17).await;
        assert_eq!(play(&theatre, "walk", walk(&[50, 100], 5)).await.code, Code::Done);
        theatre.world.with(|s| {
            let stable = s.revisions.get_mut(STABLE).unwrap();
            (stable.actual, stable.desired) = (1, 3);
            stable.resources = super::condition::Cond::no("FailedCreate", "pods are forbidden: failed quota");
            s.show_revision(STABLE);
        });
        let end = play(&theatre, "settle", settle(Some(To::Stable))).await;
        assert_eq!(end.code, Code::Done, "{}", theatre.print(0));
        assert_eq!(theatre.world.served_now(), [(STABLE.to_owned(), 100)], "{}", theatre.print(0));
        nothing_is_left(&theatre);
    });
}
