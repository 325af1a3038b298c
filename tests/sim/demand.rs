//! How many pods users need: what they wanted over the autoscaler's window, not in one moment of it; and how many writes that costs.

use super::capacity::{busy, walk};
use super::check;
use super::fault::Script;
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::model::outcome::{Code, Outcome};
use andante::rollout::control::ControlRequest;
use andante::run::ports::Clock;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;

const STABLE: &str = "hello-00001";

fn start(theatre: &Theatre, job: Job) -> JoinHandle<Option<Outcome>> {
    let theatre = theatre.clone();
    let asker = asker("a", 1, IfBusy::Supersede);
    tokio::task::spawn_local(async move { theatre.process("walk", &asker, &job, Script::default()).await })
}

async fn ends(theatre: &Theatre, walking: JoinHandle<Option<Outcome>>) {
    assert_eq!(walking.await.unwrap().map(|o| o.code), Some(Code::Done), "{}", theatre.print(0));
    assert_eq!(theatre.world.with(|s| s.bounds_left()), Vec::<String>::new(), "{}", theatre.print(0));
}

/// Users want so many pods from now on.
fn want(theatre: &Theatre, pods: i64) {
    theatre.world.with(|s| {
        s.pods_wanted = pods;
        s.scale_soon();
    });
}

/// The pods that the record says all users need.
fn needed(theatre: &Theatre) -> u32 {
    let record = check::record(&theatre.world.service().unwrap()).unwrap();
    record.capacity.map_or(0, |capacity| capacity.pods)
}

fn share(theatre: &Theatre, percent: i64) -> bool {
    theatre.world.served_now().iter().any(|(name, has)| name != STABLE && *has == percent)
}

/// Somebody holds the walk, or lets it go on.
fn pause(theatre: &Theatre, held: bool) {
    let request = ControlRequest { by: "kim".into(), at: theatre.world.clock().now(), attempt: 0 };
    theatre.world.control(|c| c.pause = held.then_some(request)).unwrap();
}

async fn until(theatre: &Theatre, what: impl Fn(&Theatre) -> bool) {
    for _ in 0..12_000 {
        if what(theatre) {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come to that\n{}", theatre.print(0));
}

/// A walk that is held has seen a window of calm, then a panic of ten seconds comes, and the first step in it.
#[test]
fn a_panic_before_the_first_floor_triples_nothing_for_good() {
    simulate(async {
        let theatre = busy(41).await;
        pause(&theatre, true);
        let walking = start(&theatre, walk(&[50, 100]));
        sleep(Duration::from_secs(70)).await;
        want(&theatre, 9);
        sleep(Duration::from_secs(8)).await;
        pause(&theatre, false);
        until(&theatre, |t| needed(t) > 0).await;
        assert_eq!(needed(&theatre), 4, "{}", theatre.print(0));
        sleep(Duration::from_secs(2)).await;
        want(&theatre, 3);
        ends(&theatre, walking).await;
        assert!(needed(&theatre) <= 5, "{}\n{}", needed(&theatre), theatre.print(0));
    });
}

/// And one that comes when half of the users were moved.
#[test]
fn a_panic_before_a_later_floor_triples_nothing_for_good() {
    simulate(async {
        let theatre = busy(42).await;
        let job = Job::Walk(plan(&[50, 100], 80, 10, None), Looks { probe: true, ..Looks::default() });
        let walking = start(&theatre, job);
        until(&theatre, |t| share(t, 50)).await;
        sleep(Duration::from_secs(72)).await;
        want(&theatre, 30);
        until(&theatre, |t| share(t, 100)).await;
        let during = needed(&theatre);
        want(&theatre, 3);
        ends(&theatre, walking).await;
        // Fifteen pods for half would be twenty-nine.
        assert!(during < 15, "{during}\n{}", theatre.print(0));
    });
}

/// A load that came to stay is known after a window.
#[test]
fn a_load_that_stays_is_needed() {
    simulate(async {
        let theatre = busy(43).await;
        let job = Job::Walk(plan(&[50, 100], 90, 10, None), Looks { probe: true, ..Looks::default() });
        let walking = start(&theatre, job);
        until(&theatre, |t| share(t, 50)).await;
        want(&theatre, 9);
        until(&theatre, |t| share(t, 100)).await;
        // Five for half tell of more than eight.
        assert_eq!(needed(&theatre), 9, "{}", theatre.print(0));
        ends(&theatre, walking).await;
    });
}

/// For five seconds nobody came, and the first step was decided then: its pods come first all the same.
#[test]
fn a_lull_before_the_first_floor_is_no_sleep() {
    simulate(async {
        let theatre = busy(44).await;
        pause(&theatre, true);
        let walking = start(&theatre, walk(&[50, 100]));
        sleep(Duration::from_secs(60)).await;
        theatre.world.with(|s| {
            s.revisions.get_mut(STABLE).unwrap().desired = 0;
            s.show_revision(STABLE);
        });
        sleep(Duration::from_secs(3)).await;
        pause(&theatre, false);
        until(&theatre, |t| needed(t) > 0).await;
        assert_eq!(needed(&theatre), 3, "{}", theatre.print(0));
        want(&theatre, 3);
        ends(&theatre, walking).await;
    });
}

/// Writes of the Service and of Revisions between one split and the next that is served.
fn count_writes(theatre: &Theatre) -> Rc<RefCell<Vec<(usize, usize)>>> {
    let (watched, counts) = (theatre.clone(), Rc::new(RefCell::new(vec![])));
    let found = Rc::clone(&counts);
    let all = |theatre: &Theatre| theatre.world.with(|s| (s.log.writes.len(), s.bounds.patched.len()));
    let mut before = all(&watched);
    let mut served = watched.world.served_now();
    tokio::task::spawn_local(async move {
        loop {
            sleep(Duration::from_millis(50)).await;
            let now = watched.world.served_now();
            if now != served {
                let (writes, bounds) = all(&watched);
                found.borrow_mut().push((writes - before.0, bounds - before.1));
                (served, before) = (now, (writes, bounds));
            }
        }
    });
    counts
}

/// What pods before users cost a healthy walk: a note and two floors before the first step, a note and one floor before each
/// other, and nothing while it waits.
#[test]
fn a_step_costs_at_most_two_writes_more_and_the_first_one_three() {
    let counted = |floors: bool| {
        simulate(async move {
            let theatre = busy(45).await;
            theatre.world.with(|s| s.revisions_writable = floors);
            let counts = count_writes(&theatre);
            ends(&theatre, start(&theatre, walk(&[25, 50, 75, 100]))).await;
            counts.take().into_iter().map(|(writes, bounds)| writes + bounds).collect::<Vec<_>>()
        })
    };
    let (with, without) = (counted(true), counted(false));
    let more: Vec<_> = with.iter().zip(&without).map(|(with, without)| with.saturating_sub(*without)).collect();
    eprintln!("{with:?} with floors, {without:?} without");
    assert_eq!(more.len(), 4);
    assert!(more[0] <= 3 && more[1..].iter().all(|more| *more <= 2), "{with:?} with floors, {without:?} without");
}
