//! Whoever gives bounds back may be killed as well: `settle` and `stage`, at each of their calls, before and after it takes
//! effect, while floors or a cap stand. After the next run, or `settle`, the Revisions' annotations are what their owner wrote,
//! byte for byte.

use super::check;
use super::fault::{Crash, Script};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::world::simulate;
use andante::machine::care::detach::IfMoves;
use andante::machine::claim::{Asker, IfBusy};
use andante::machine::settle::To;
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

/// What stands when the process begins that is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// A floor on both revisions: the walk was killed at half.
    Floors,
    /// A floor on both, and everyone on the candidate.
    Bake,
    /// And a cap on stable: a way back was killed that had to be opened.
    Cap,
    /// The same, once users are back.
    CapAfterwards,
}

/// The owner's own words about pods, in both spellings, and one of them as nobody else would write it.
fn owners() -> serde_json::Value {
    json!({"autoscaling.knative.dev/min-scale": "01", "autoscaling.knative.dev/maxScale": "20"})
}

fn run(name: &str, intent: u64) -> Asker {
    asker(name, intent, IfBusy::Supersede)
}

fn walk(percents: &[i64], dwell: u64) -> Job {
    Job::Walk(plan(percents, dwell, 60, None), Looks { probe: true, ..Looks::default() })
}

fn stage(image: &str) -> Job {
    Job::Stage { image: image.into(), again: false }
}

/// The word of an end after which a walk comes.
const STAGED: &str = "staged";
const SETTLE: Job = Job::Settle { to: None, any: true };

/// The load that users are, and the room that there is.
fn load(theatre: &Theatre, pods: i64, is_full: bool) {
    theatre.world.with(|s| {
        s.room = is_full.then(|| s.revisions.values().map(|r| r.actual).sum());
        s.pods_wanted = pods;
        s.scale_soon();
    });
}

/// Plays until what is asked for stands, and nobody is at work.
async fn standing(what: Standing) -> Theatre {
    let mut theatre = Theatre::new(3);
    theatre.calm = true;
    let mut service = theatre.world.plain("ok:1");
    service["spec"]["template"]["metadata"]["annotations"] = owners();
    theatre.world.deploy(&service).await;
    theatre.world.move_traffic(&json!([{"latestRevision": true, "percent": 100}])).unwrap();
    load(&theatre, 3, false);
    sleep(Duration::from_secs(10)).await;
    theatre.process("stage", &run("a", 1), &stage("ok:2"), Script::default()).await;
    let percents: &[i64] = if what == Standing::Bake { &[100] } else { &[50, 100] };
    let (walking, job) = (theatre.clone(), walk(percents, 60));
    let task =
        tokio::task::spawn_local(async move { walking.process("walk", &run("a", 1), &job, Script::default()).await });
    sleep(Duration::from_secs(14)).await;
    let is_back = |theatre: &Theatre| theatre.world.served_now() == [("hello-00001".to_owned(), 100)];
    if matches!(what, Standing::Cap | Standing::CapAfterwards) {
        load(&theatre, 12, true);
        sleep(Duration::from_secs(4)).await;
        task.abort();
        let settling = theatre.clone();
        let task = tokio::task::spawn_local(async move {
            settling.process("settle-first", &run("a", 1), &SETTLE, Script::default()).await
        });
        let capped = |theatre: &Theatre| theatre.world.with(|s| s.revisions["hello-00001"].max_scale() < 20);
        while !capped(&theatre) || what == Standing::CapAfterwards && !is_back(&theatre) {
            sleep(Duration::from_millis(10)).await;
        }
        assert!(capped(&theatre), "{}", theatre.print(0));
        task.abort();
        load(&theatre, 3, false);
    } else {
        task.abort();
    }
    sleep(Duration::from_secs(1)).await;
    assert_ne!(theatre.world.with(|s| s.bounds_left()), Vec::<String>::new(), "{}", theatre.print(0));
    theatre
}

/// The next run: it stages the same, and walks where that is not the end.
async fn next_run(theatre: &Theatre, label: &str, who: &Asker, job: &Job) {
    let staged = theatre.process(&format!("{label}-stage"), who, job, Script::default()).await;
    if staged.is_some_and(|end| end.word == STAGED) {
        theatre.process(&format!("{label}-walk"), who, &walk(&[50, 100], 5), Script::default()).await;
    }
}

/// Plays the job over what stands, with this script, and then whoever comes next. How many calls the job made, and what is
/// wrong at the end.
async fn play(what: Standing, job: Job, script: Script, next: Option<Job>) -> (usize, Vec<String>, String) {
    let theatre = standing(what).await;
    // Whoever settles or detaches is of no run; a newer run stages.
    let who = if matches!(job, Job::Settle { .. } | Job::Detach(_)) { run("@kim", 50) } else { run("b", 100) };
    let label = if matches!(job, Job::Settle { .. }) { "settle-killed" } else { "killed" };
    let outcome = theatre.process(label, &who, &job, script).await;
    let (calls, is_staged) = (theatre.calls(label), outcome.is_some_and(|end| end.word == STAGED));
    sleep(Duration::from_secs(1)).await;
    match next {
        None if is_staged => {
            theatre.process("walk-b", &who, &walk(&[50, 100], 5), Script::default()).await;
        }
        None => {}
        Some(settle @ (Job::Settle { .. } | Job::Detach(_))) => {
            theatre.process("settle-last", &run("@kim", 60), &settle, Script::default()).await;
        }
        Some(other) => next_run(&theatre, "next", &run("b", 100), &other).await,
    }
    // Nobody comes any more, and nothing late does either.
    sleep(Duration::from_secs(90)).await;
    let mut wrong = theatre.world.with(|s| s.bounds_left());
    wrong.extend(theatre.complaints());
    wrong.extend(check::all(&theatre.story(0)));
    let print = if wrong.is_empty() { String::new() } else { theatre.print(0) };
    (calls, wrong, print)
}

/// Kills the job at each of its calls.
fn kill_at_each_call(what: Standing, job: &Job, nexts: &[Job]) {
    let (calls, wrong, print) = simulate(play(what, job.clone(), Script::default(), None));
    assert!(wrong.is_empty(), "{what:?}, {job:?}: {wrong:#?}\n{print}");
    assert!(calls > 3, "{what:?}, {job:?}: {calls} calls");
    let mut bad = vec![];
    for crash in (1..=calls).flat_map(|call| [Crash::Before(call), Crash::After(call)]) {
        for next in nexts {
            let (_, wrong, print) = simulate(play(what, job.clone(), Script::killed(crash), Some(next.clone())));
            if !wrong.is_empty() {
                if bad.is_empty() {
                    eprintln!("{what:?}, {job:?}, {crash:?}, then {next:?}: {wrong:#?}\n{print}");
                }
                bad.push(format!("{crash:?}, then {next:?}: {}", wrong.join("; ")));
            }
        }
    }
    eprintln!("{what:?}, {job:?}: {calls} calls, {} bad", bad.len());
    assert!(bad.is_empty(), "{what:?}, {job:?}:\n{}", bad.join("\n"));
}

#[test]
fn a_settle_that_is_killed_while_floors_stand_leaves_none_for_good() {
    let ends = [(Standing::Floors, None), (Standing::Floors, Some(To::Candidate)), (Standing::Bake, None)];
    for (what, to) in ends {
        kill_at_each_call(what, &Job::Settle { to, any: true }, &[SETTLE, stage("ok:3")]);
    }
}

#[test]
fn a_settle_that_is_killed_while_a_cap_stands_leaves_none_for_good() {
    for what in [Standing::Cap, Standing::CapAfterwards] {
        kill_at_each_call(what, &SETTLE, &[SETTLE, stage("ok:3")]);
    }
}

#[test]
fn a_stage_that_is_killed_while_floors_stand_leaves_none_for_good() {
    for what in [Standing::Floors, Standing::Bake] {
        kill_at_each_call(what, &stage("ok:3"), &[SETTLE, stage("ok:3")]);
    }
}

#[test]
fn a_stage_that_is_killed_while_a_cap_stands_leaves_none_for_good() {
    for what in [Standing::Cap, Standing::CapAfterwards] {
        kill_at_each_call(what, &stage("ok:3"), &[SETTLE, stage("ok:3")]);
    }
}

/// What serves is wanted again: staging sets a floor of its own there, and is the end.
#[test]
fn a_revert_that_is_killed_while_bounds_stand_leaves_none_for_good() {
    for what in [Standing::Floors, Standing::CapAfterwards] {
        kill_at_each_call(what, &stage("ok:1"), &[SETTLE, stage("ok:1")]);
    }
}

#[test]
fn taking_up_what_serves_that_is_killed_while_bounds_stand_leaves_none_for_good() {
    let take = Job::TakeUp(Some("hello-00001".parse().unwrap()));
    for what in [Standing::Floors, Standing::CapAfterwards] {
        kill_at_each_call(what, &take, &[SETTLE, take.clone()]);
    }
}

/// The record alone knows what the owner had, so it goes last.
#[test]
fn a_detach_that_is_killed_while_a_cap_stands_leaves_none_for_good() {
    let detach = Job::Detach(IfMoves::LeavePinned);
    kill_at_each_call(Standing::CapAfterwards, &detach, &[detach.clone(), SETTLE, stage("ok:3")]);
}
