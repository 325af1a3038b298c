//! One rollout, from the first reading to the last step, judged by the walk's own judge.

use super::parallel::{binomial, poisson};
use andante::evidence::forecast::Baseline;
use andante::evidence::reading::{Arms, Counters, Pair, Reading};
use andante::evidence::window::Memory;
use andante::evidence::{Counts, Rules};
use andante::machine::judge::{Advice, Finding, Judge, StepPlace, Surveyed};
use andante::model::event::Log;
use andante::rollout::plan::Plan;
use jiff::Timestamp;
use rand::Rng;
use rand::rngs::SmallRng;
use std::time::Duration;

/// What is simulated.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) lambda: f64,
    pub(crate) stable_fails: f64,
    pub(crate) candidate_fails: f64,
    pub(crate) plan: Plan,
    pub(crate) rules: Rules,
    /// So often the process dies, at random moments of the ramp, and is started again.
    pub(crate) crashes: usize,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Promoted,
    Worse,
    Broken,
    Undecided,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) end: End,
    /// Failed requests of the candidate until the end of the ramp.
    pub(crate) bad: u64,
    /// Until the last step was written, or users were back.
    pub(crate) seconds: f64,
}

/// Time from a write until the split is served.
const SERVE: f64 = 2.0;
/// Time from the reading that crosses until users are off the candidate.
const BACK: f64 = 1.5;
const DEADLINE: f64 = 50.0 * 60.0;

/// The users, the gateway's counters and the time.
struct World<'a> {
    rng: &'a mut SmallRng,
    lambda: f64,
    fails: [f64; 2],
    counters: [Counters; 2],
    at: f64,
    share: f64,
    bad: u64,
}

impl World<'_> {
    fn pass(&mut self, seconds: f64) {
        let n = poisson(self.rng, self.lambda * seconds);
        let of_candidate = binomial(self.rng, n, self.share);
        for (arm, n) in [(0, n - of_candidate), (1, of_candidate)] {
            let failed = binomial(self.rng, n, self.fails[arm]);
            let counters = &mut self.counters[arm];
            counters.completed += n;
            counters.failed += failed;
            self.bad += if arm == 1 { failed } else { 0 };
        }
        self.at += seconds;
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond((self.at * 1000.0) as i64).unwrap()
    }

    fn read(&self) -> Reading {
        let [stable, candidate] = self.counters.clone();
        let pair = Pair { stable: Some(stable), candidate: Some(candidate) };
        Reading { at: self.now(), strata: [("gateway".to_owned(), pair)].into() }
    }
}

fn arms() -> Arms {
    Arms { namespace: "n".parse().unwrap(), stable: "s-1".parse().unwrap(), candidate: "s-2".parse().unwrap() }
}

/// Plays one.
pub(crate) fn play(rng: &mut SmallRng, setting: &Setting) -> Run {
    let Setting { rules, plan, .. } = setting;
    let every = rules.every.as_secs_f64();
    let mut crashes: Vec<f64> = (0..setting.crashes).map(|_| rng.random_range(0.0..400.0)).collect();
    crashes.sort_by(|a, b| b.total_cmp(a));
    let mut world = World {
        rng,
        lambda: setting.lambda,
        fails: [setting.stable_fails, setting.candidate_fails],
        counters: [Counters::default(), Counters::default()],
        at: 0.0,
        share: 0.0,
        bad: 0,
    };
    let mut log = Log::default();
    let first = world.read();
    world.pass(every);
    let mut memory = Memory::open(&first, None);
    memory.close(&world.read());
    let counted = world.counters[0].clone();
    let baseline =
        Baseline { counts: Counts::new(counted.completed, counted.failed), over: rules.every, ..Baseline::default() };
    let mut judge = Judge::new(rules.clone(), arms());
    judge.know(&Surveyed::of(baseline, memory));
    let mut saved = None;
    let (mut step, begun) = (0, world.at);
    let mut served = world.at;
    let mut last_saved = world.at;
    let end = loop {
        let dwell = plan.step(step).map_or(Duration::ZERO, |s| s.dwell).as_secs_f64();
        if (step == 0 || world.at - served >= dwell - 1e-9)
            && let Advice::Go(next) = judge.gate(plan, step)
        {
            let percent = plan.step(next).unwrap().percent.get();
            if percent == 100 {
                break End::Promoted;
            }
            saved = judge.saved_for(next, (percent, 100 - percent), false);
            step = next;
            world.pass(SERVE);
            world.share = f64::from(percent) / 100.0;
            served = world.at;
            last_saved = served;
        }
        let percent = plan.step(step).unwrap().percent.get();
        while crashes.pop_if(|at| *at <= world.at).is_some() {
            // Nobody watches for twenty seconds; what was not saved is lost.
            judge = Judge::new(rules.clone(), arms());
            judge.take_up(saved.as_ref().unwrap(), &mut log);
            world.pass(20.0);
        }
        let place = StepPlace { step, percents: (percent, 100 - percent), served: stamp(served), baking: false };
        judge.enter(place, world.now());
        assert!(judge.is_due(world.now()), "a reading is due");
        judge.asked(world.now());
        judge.read(Ok(world.read()), world.now(), &mut log);
        log.take();
        match judge.finding() {
            Finding::Worse(_) => break End::Worse,
            Finding::Broken(_) => break End::Broken,
            _ => {}
        }
        if world.at - last_saved >= 60.0 {
            saved = judge.saved();
            last_saved = world.at;
        }
        if world.at - begun > DEADLINE {
            break End::Undecided;
        }
        world.pass(every);
    };
    if end != End::Promoted {
        world.pass(BACK);
    }
    Run { end, bad: world.bad, seconds: world.at - begun }
}

fn stamp(at: f64) -> Timestamp {
    Timestamp::from_millisecond((at * 1000.0) as i64).unwrap()
}
