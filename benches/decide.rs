//! What one decision costs: the walk in the middle of a dwell, asked again with an unchanged world. It reads the record
//! anew each time, so this is about what every event of a watch costs, beside parsing it.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]
// A benchmark is about real time.
#![allow(clippy::disallowed_methods)]

use andante::evidence::probe::{Answer, Probe};
use andante::machine::claim::{Asker, IfBusy};
use andante::machine::next::{Heard, Machine, Next, Question};
use andante::machine::standing::Claimant;
use andante::machine::walk::{Walk, WalkGoal};
use andante::machine::world::World;
use andante::model::event::Log;
use andante::model::observed::RECORD;
use andante::rollout::goal::{Goal, GoalOptions, WalkOptions};
use andante::rollout::owner::{Owner, OwnerKind};
use andante::view::rehearse::Knative;
use jiff::{SignedDuration, Timestamp};
use std::hint::black_box;
use std::time::{Duration, Instant};

const WARM_UP: Duration = Duration::from_millis(500);
const BATCHES: usize = 61;
const BATCH: u32 = 500;
/// Of the steps 1, 5, 25, 50, 100.
const STEP: usize = 3;
/// Of two minutes of dwelling.
const MIDDLE: SignedDuration = SignedDuration::from_secs(60);

fn main() {
    let mut log = Log::default();
    let (mut walk, world, now, wait) = dwelling(&mut log);
    let began = Instant::now();
    while began.elapsed() < WARM_UP {
        decide(&mut walk, &world, now, &mut log);
    }
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let began = Instant::now();
            for _ in 0..BATCH {
                decide(&mut walk, &world, now, &mut log);
            }
            began.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH)
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    let after = walk.decide(&world, now, &mut log);
    assert_eq!(after, wait, "asked twice with the same world, it gives the same answer");
    let bytes = world.service().and_then(|s| s.annotations.get(RECORD)).map_or(0, String::len);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average: {}", load.trim());
    let how =
        format!("one decision in the middle of a dwell with a record of {bytes} bytes; {BATCHES} batches of {BATCH}");
    println!("figure: decide.median = {:.0} ns ({how})", batches.get(BATCHES / 2).unwrap());
    println!("figure: decide.min = {:.0} ns (the same, the fastest batch)", batches.first().unwrap());
}

fn decide(walk: &mut Walk, world: &World, now: Timestamp, log: &mut Log) {
    black_box(walk.decide(black_box(world), black_box(now), log));
    black_box(log.take());
}

/// A walk that was driven into the middle of the dwell of its third step, the world that it sees, and what it waits for.
fn dwelling(log: &mut Log) -> (Walk, World, Timestamp, Next) {
    let probe = Probe { path: "/healthz".into(), ..Probe::default() };
    let walk = WalkOptions { probe: Some(probe), restarts: None, ..WalkOptions::default() };
    let options = GoalOptions { service: "hello".parse().unwrap(), candidate: None, walk: Some(walk) };
    let goal = WalkGoal::of(&Goal::new(options).unwrap(), &"default".parse().unwrap(), false).unwrap();
    let mut now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    let owner = Owner { kind: OwnerKind::PipelineRun, name: "default/release-7".into(), uid: "4f1c".into() };
    let asker = Asker { owner, intent: now, if_busy: IfBusy::Supersede, force: false };
    let process = |writer: &str| Claimant::new(asker.clone(), writer.to_owned());
    let (id, revisions) = ("r1".parse().unwrap(), ["hello-00001", "hello-00002"].map(|name| name.parse().unwrap()));
    let mut knative = Knative::staged(&process("stage-1"), id, &goal.service, revisions, now).unwrap();
    let mut walk = Walk::new(goal, process("walk-1"));
    loop {
        let next = walk.decide(knative.world(now), now, log);
        let record = knative.world(now).record().unwrap().unwrap();
        match &next {
            Next::Write(order) => knative.take(order, &mut walk, now, log),
            Next::Wait { ask, .. } if !ask.is_empty() => {
                let [probe @ Question::Probe(_)] = ask.as_slice() else { panic!("a probe alone is due: {ask:?}") };
                walk.asked(probe, now);
                let (headers, body, latency) = (vec![], String::new(), Duration::ZERO);
                walk.heard(Heard::Probe(Answer::Http { status: 200, headers, body, latency }), now, log);
            }
            Next::Wait { .. } if record.step == STEP && now >= record.step_at + MIDDLE => {
                return (walk, knative.world(now).clone(), now, next);
            }
            Next::Wait { until: Some(until), .. } => now = *until,
            odd => panic!("nothing else is due: {odd:?}"),
        }
    }
}
