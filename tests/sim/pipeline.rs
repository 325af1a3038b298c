//! One run of a pipeline, drawn from a seed: stage, walk, settle, with all that may befall its processes.

use super::fault::{Chooser, Crash, Script};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use andante::machine::claim::{Asker, IfBusy};
use andante::model::outcome::Code;
use andante::rollout::owner::Liveness;
use fastrand::Rng;
use std::ops::Range;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A time within a range of seconds.
pub(crate) fn seconds(rng: &mut Rng, range: Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range.start * 1000..range.end * 1000))
}

/// True so often in a hundred.
pub(crate) fn chance(rng: &mut Rng, percent: u8) -> bool {
    rng.u8(..100) < percent
}

/// One run of a pipeline: what it wants, and what befalls it.
pub(crate) struct Pipeline {
    name: String,
    asker: Asker,
    starts: Duration,
    jobs: Vec<Job>,
    finally: bool,
    /// Its liveness can be read.
    readable: bool,
    per_mille: u32,
    outage: Option<Range<Duration>>,
    /// A right, or credentials that are believed, are gone for that time.
    refused: Option<Range<Duration>>,
    /// The candidate's address cannot be reached from where it runs for that time.
    cut_off: Option<Range<Duration>>,
    /// The template follows users back.
    restores: bool,
    rng: Rng,
}

/// Draws a run.
pub(crate) fn pipeline(number: usize, rng: &mut Rng) -> Pipeline {
    let image = match rng.u8(..20) {
        0 | 1 => "flaky-probe",
        2 | 3 => "crash-later",
        4 => "crash-loop",
        5 => "never",
        6 => ["crash-start", "crash-unseen", "stuck"][rng.usize(..3)],
        7 => "slow",
        8 => "heals",
        9 => "sleepy",
        _ => "ok",
    };
    // Two runs may want the same image; and what serves already.
    let version = rng.u8(2..6);
    let stage = if chance(rng, 85) {
        Job::Stage { image: format!("{image}:{version}"), again: chance(rng, 10) }
    } else {
        Job::TakeUp(None)
    };
    let all = [5, 10, 25, 50, 75, 100];
    let mut percents: Vec<i64> = all.into_iter().filter(|_| rng.bool()).collect();
    if chance(rng, 90) || percents.is_empty() {
        percents.retain(|p| *p != 100);
        percents.push(100);
    }
    let approve = if chance(rng, 15) { Some(percents[rng.usize(..percents.len())]) } else { None };
    let plan = plan(&percents, rng.u64(0..12), rng.u64(0..15), approve);
    // Drawn apart: the rest of a seed's story stays what it was.
    let gates = chance(&mut rng.clone(), 30);
    let walk = Job::Walk(
        plan,
        Looks { probe: chance(rng, 70), evidence: chance(rng, 40), gates, restarts: gates, compare: gates },
    );
    let if_busy = [IfBusy::Supersede, IfBusy::Supersede, IfBusy::Supersede, IfBusy::Wait, IfBusy::Fail][rng.usize(..5)];
    let person = chance(rng, 15);
    let name = format!("{}p{number}", if person { "@" } else { "" });
    let intent = if chance(rng, 90) { rng.u64(0..60) } else { 30 };
    let outage = chance(rng, 10).then(|| {
        let from = seconds(rng, 20..120);
        from..from + seconds(rng, 1..180)
    });
    // Drawn apart, too.
    let mut apart = rng.clone();
    let mut times = |percent: u8| {
        chance(&mut apart, percent).then(|| {
            let from = seconds(&mut apart, 0..150);
            from..from + seconds(&mut apart, 1..200)
        })
    };
    let (refused, cut_off) = (times(10), times(10));
    Pipeline {
        asker: asker(&name, intent, if_busy),
        starts: seconds(rng, 0..90),
        jobs: vec![stage, walk],
        finally: chance(rng, 60),
        readable: chance(rng, 75),
        per_mille: [0, 0, 0, 10, 50, 200][rng.usize(..6)],
        outage,
        refused,
        cut_off,
        restores: false,
        rng: rng.fork(),
        name: format!("p{number}"),
    }
}

impl Pipeline {
    /// The same with `--restore-template`, of each of its tasks.
    pub(crate) fn restoring(self) -> Self {
        Self { restores: true, ..self }
    }

    fn script(&mut self, life: u32) -> Script {
        let chooser = (self.per_mille > 0).then(|| Chooser::new(self.rng.u64(..), self.per_mille));
        let call = self.rng.usize(1..15);
        let crash = (life < 3 && chance(&mut self.rng, 25))
            .then(|| if self.rng.bool() { Crash::Before(call) } else { Crash::After(call) });
        let calls = ["", "patch", "list", "watch", "get"][self.rng.clone().usize(..5)];
        Script {
            crash,
            chooser,
            outages: self.outage.iter().cloned().collect(),
            refusals: self.refused.iter().cloned().map(|times| (times, calls)).collect(),
            cut_off: self.cut_off.iter().cloned().collect(),
            ..Script::default()
        }
    }

    /// One job, started again when it is killed. None: the node is lost, nobody comes back.
    async fn job(&mut self, theatre: &Theatre, word: &str, job: &Job) -> Option<Code> {
        let job = &if self.restores { Job::Restoring(Box::new(job.clone())) } else { job.clone() };
        for life in 1..=4 {
            let label = format!("{}-{word}-{life}", self.name);
            let script = self.script(life);
            let process = theatre.process(&label, &self.asker, job, script);
            let outcome = if life < 4 && chance(&mut self.rng, 15) {
                let limit = seconds(&mut self.rng, 0..60);
                timeout(limit, process).await.ok().flatten()
            } else {
                process.await
            };
            match outcome {
                // The same run may start again what a signal interrupted.
                Some(outcome) if outcome.code == Code::Interrupted && chance(&mut self.rng, 50) => {}
                Some(outcome) => return Some(outcome.code),
                None if chance(&mut self.rng, 85) => sleep(seconds(&mut self.rng, 0..10)).await,
                None => return None,
            }
        }
        None
    }

    /// Plays it to its end, or until its node is lost.
    pub(crate) async fn play(mut self, theatre: Theatre) {
        sleep(self.starts).await;
        let owner = self.asker.owner.clone();
        if self.readable {
            theatre.world.set_liveness(&owner, Liveness::Running);
        }
        let mut lost = false;
        for (word, job) in ["stage", "walk"].into_iter().zip(self.jobs.clone()) {
            match self.job(&theatre, word, &job).await {
                Some(Code::Done) => {}
                Some(_) => break,
                None => {
                    lost = true;
                    break;
                }
            }
        }
        if self.finally && !lost {
            self.job(&theatre, "settle", &Job::Settle { to: None, any: false }).await;
        }
        if self.readable {
            theatre.world.set_liveness(&owner, Liveness::Done);
        }
    }
}
