//! Before the first step: decides what stable's rate is, whether it keeps the objective, who else asks the candidate, and whether
//! a decision can be had in time. It may use readings and the forecast.

mod in_the_way;
mod outlook;

pub use outlook::{NoDecision, WaitingSeen};

use super::outage::Newest;
use super::told::ClassesTold;
use super::{drain, words};
use crate::evidence::Clustering;
use crate::evidence::Counts;
use crate::evidence::Missed;
use crate::evidence::Phi;
use crate::evidence::Rules;
use crate::evidence::Strangers;
use crate::evidence::Strays;
use crate::evidence::classes::Classes;
use crate::evidence::counts::real;
use crate::evidence::forecast::Baseline;
use crate::evidence::latency::Histogram;
use crate::evidence::missed::{Keeping, told};
use crate::evidence::reading::{Arms, NoReading, Reading};
use crate::evidence::strays::surely;
use crate::evidence::sums::slow;
use crate::evidence::window::Memory;
use crate::model::event::Log;
use crate::model::event::Topic;
use crate::model::name::RevisionName;
use crate::model::time::after;
use crate::rollout::plan::Plan;
use jiff::Timestamp;
use std::time::Duration;

/// How many requests tell a rate well enough.
const ENOUGH: u64 = 100;
/// How long a rate is looked at, at most; as long where others' requests to the candidate fail, because what may be theirs
/// later is bounded the better the longer they were seen. Otherwise as long as the first step lasts, if that is less: who asks
/// more rarely seldom asks in the steps in which users are few, which are those where his requests count for much. By budget
/// a step lasts longer than its dwell.
const LONGEST: Duration = Duration::from_secs(60);

/// How long stable is looked at, at most, while it fails more often than the objective allows and that is not told from chance: a rate
/// of twice the objective of 1 % takes some 1,600 requests, five minutes of five a second.
const TELLS: Duration = Duration::from_secs(300);

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Surveyed {
    /// Stable's requests.
    pub baseline: Baseline,
    /// The last counters.
    pub memory: Memory,
    /// Others at the candidate's own address, if there are any.
    pub strangers: Option<Strangers>,
    /// Others' requests that were answered with a 4xx.
    pub refused: u64,
    /// Answers by class of stable and of the candidate, as far as the source tells them.
    pub classes: [Option<Classes>; 2],
    /// What stable misses of the objectives already.
    pub missed: Option<Missed>,
    /// It fails more often than the objective allows, which is not told from chance.
    pub open: bool,
    /// The longest that a request of stable's ever took, up to the next edge of the histogram; none without one.
    pub longest: Option<Duration>,
    /// How long its answers took; none where the source does not tell, or no answer was seen.
    pub times: Option<Histogram>,
    /// How long the candidate's took, which were others'.
    pub foreign_times: Option<Histogram>,
    /// What it has in flight.
    pub waits: WaitingSeen,
}

/// Looks at stable, and at who else asks the candidate.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// Stable's rate is of no account: nothing will be compared.
    only_others: bool,
    /// How long others are looked for, at least.
    look: Duration,
    began: Option<(Timestamp, Memory)>,
    counts: Counts,
    /// Answers of stable, and those that were slower than the latency objective.
    slow: Counts,
    times: Option<Histogram>,
    waits: WaitingSeen,
    /// All that came to the candidate: no user is on it yet.
    foreign: Counts,
    /// What of it was answered with a 4xx, and stable's requests that were; and how long the answers took.
    refused: u64,
    client_errors: u64,
    foreign_times: Option<Histogram>,
    asked: Option<Timestamp>,
    next_at: Option<Timestamp>,
    failing: Option<(Timestamp, NoReading)>,
    /// The latest time that the source told of.
    newest: Newest,
    classes: ClassesTold,
    /// How stable's failures come.
    clustering: Clustering,
    found: Option<Surveyed>,
}

impl Survey {
    /// For this plan; where it moves everyone at once, one reading is enough if nobody else's requests fail.
    pub fn of(plan: &Plan) -> Self {
        let dwell = plan.steps.first().map_or(Duration::ZERO, |step| step.dwell);
        let lasts = if plan.style.by_budget() { dwell * 2 } else { dwell };
        let look = if plan.compares() { lasts.min(LONGEST) } else { Duration::ZERO };
        Self { only_others: !plan.compares(), look, ..Self::default() }
    }

    /// True if readings fail at the moment.
    pub fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    /// What was found, once it is.
    pub fn found(&self) -> Option<&Surveyed> {
        self.found.as_ref()
    }

    /// True if it is time to read and no reading is out.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.asked.is_none() && self.next_at.is_none_or(|at| now >= at)
    }

    /// A reading is out.
    pub fn asked(&mut self, now: Timestamp) {
        self.asked = Some(now);
    }

    /// When it will be time to read, if no reading is out or due.
    pub fn next_moment(&self, now: Timestamp) -> Option<Timestamp> {
        self.next_at.filter(|at| self.asked.is_none() && *at > now)
    }

    /// A reading came, or none.
    pub fn read(&mut self, result: Result<Reading, NoReading>, rules: &Rules, now: Timestamp, log: &mut Log) {
        self.asked = None;
        self.next_at = Some(after(now, rules.every));
        let trusted = result.and_then(|reading| match &mut self.began {
            Some((_, memory)) => memory.trust(&reading).map(|()| reading),
            None => Ok(reading),
        });
        let reading = match trusted {
            Ok(reading) => reading,
            Err(error) => {
                log.once(Topic::Wait, format!("no evidence can be read: {error}"));
                let since = self.failing.take().map_or(now, |(since, _)| since);
                self.failing = Some((since, error));
                return;
            }
        };
        self.failing = None;
        self.newest.told(reading.at, rules.every, now, log);
        self.classes.heard(&reading);
        self.waits.heard(&reading);
        let Some((began, memory)) = &mut self.began else {
            self.began = Some((reading.at, Memory::open(&reading, None)));
            return;
        };
        // A reading of no later time is no news.
        if reading.at <= memory.at() {
            return;
        }
        let mut of_stable = Counts::default();
        for growth in memory.close(&reading) {
            of_stable = of_stable.plus(growth.stable.counts);
            if let Some(tail) = rules.tail {
                self.slow = self.slow.plus(slow(growth.stable.latency.as_ref(), tail.within));
            }
            add_times(&mut self.times, growth.stable.latency);
            add_times(&mut self.foreign_times, growth.candidate.latency);
            self.client_errors += growth.stable.statuses.map_or(0, |told| told.client_errors);
            // What ends without having come now was a user's of an earlier walk.
            let (ended, came) = (growth.candidate.counts, growth.candidate.arrived);
            self.foreign = self.foreign.plus(Counts::new(ended.requests.min(came), ended.failures));
            self.refused += growth.candidate.statuses.map_or(0, |told| told.client_errors.min(came));
        }
        self.counts = self.counts.plus(of_stable);
        self.clustering.look(of_stable);
        let over = Duration::try_from(reading.at.duration_since(*began)).unwrap_or_default();
        let enough =
            (self.only_others || self.counts.requests >= ENOUGH) && self.foreign.failures == 0 && over >= self.look;
        let memory = memory.clone();
        let open = self.is_open(rules);
        // A source that tells no status is found out before anyone is moved; a cluster that was made anew tells it with its next answers.
        let waits = open || memory.is_untold();
        if (enough || over >= LONGEST.max(rules.every)) && (!waits || over >= TELLS) {
            // Whoever was seen may come more rarely than that.
            let foreign = surely(real(self.foreign.failures)) / over.as_secs_f64().max(1e-3);
            let baseline = Baseline {
                counts: self.counts,
                over,
                foreign,
                clustering: self.clustering,
                client_errors: per_second(self.client_errors, over),
                refused: per_second(self.refused, over),
            };
            let strangers = Strangers::seen(self.foreign, over);
            let longest = drain::longest(&reading);
            let (classes, times, waits) = (self.classes.grown(), self.times.clone(), self.waits);
            let missed = Missed::of(Some(self.counts), self.phi(rules), rules.tail.map(|_| self.slow), rules);
            self.found = Some(Surveyed {
                strangers,
                refused: self.refused,
                classes,
                missed,
                open,
                longest,
                times,
                foreign_times: self.foreign_times.clone(),
                waits,
                ..Surveyed::of(baseline, memory)
            });
        }
    }

    /// True while stable leans towards missing an objective, and is not told to.
    fn is_open(&self, rules: &Rules) -> bool {
        let open = |counts, limit, phi| told(counts, limit, phi, rules.broken_at()) == Keeping::Open;
        let slow = rules.tail.is_some_and(|tail| open(self.slow, tail.part, Phi::ONE));
        open(self.counts, rules.objective, self.phi(rules)) || slow
    }

    /// Stable's failures come so many at a time, as far as it has shown.
    fn phi(&self, rules: &Rules) -> Phi {
        rules.clustering.unwrap_or_else(|| self.clustering.estimated())
    }

    /// Why it takes longer than a look at the rate does; none: it does not.
    pub fn why_longer(&self, rules: &Rules, stable: &RevisionName) -> Option<String> {
        let (began, memory) = self.began.as_ref()?;
        let over = Duration::try_from(memory.at().duration_since(*began)).unwrap_or_default();
        (over >= LONGEST && self.is_open(rules)).then(|| {
            let (wanted, counts) = (words::percent(rules.objective), words::of(self.counts));
            format!(
                "{stable} has {counts} failed so far, at most {wanted} wanted: it is looked at for {} at most, to tell whether it misses \
                 the objective already",
                words::span(TELLS)
            )
        })
    }

    /// A setting that does not fit the source, which is to be mended before anyone is moved, whatever the plan compares.
    pub fn mistake(&self) -> Option<&NoReading> {
        let (_, why) = self.failing.as_ref()?;
        Some(why).filter(|why| matches!(why, NoReading::Setting(_)))
    }

    /// Why nothing will be found: readings have failed for too long, are not permitted, or a setting does not fit.
    pub fn outage(&self, patience: Duration, now: Timestamp) -> Option<&NoReading> {
        let (since, why) = self.failing.as_ref()?;
        let lasts = matches!(why, NoReading::Forbidden(_) | NoReading::Setting(_));
        (lasts || now >= after(*since, patience)).then_some(why)
    }
}

/// More answers, as far as their times are told.
fn add_times(all: &mut Option<Histogram>, more: Option<Histogram>) {
    if let Some(more) = more {
        *all = Some(all.take().map_or_else(|| more.clone(), |times| times.plus(&more)));
    }
}

/// So many in this time, a second.
fn per_second(count: u64, over: Duration) -> f64 {
    Baseline { counts: Counts::new(count, 0), over, ..Baseline::default() }.lambda()
}

impl Surveyed {
    /// Of stable's requests alone: nothing else was told.
    pub fn of(baseline: Baseline, memory: Memory) -> Self {
        Self {
            baseline,
            memory,
            strangers: None,
            refused: 0,
            classes: [None; 2],
            missed: None,
            open: false,
            longest: None,
            times: None,
            foreign_times: None,
            waits: WaitingSeen::default(),
        }
    }

    /// What the source tells of answers by class; none where it tells failures alone. So a source that shows no failures can be seen.
    pub fn told(&self, arms: &Arms) -> Option<String> {
        let [stable, candidate] = self.classes;
        let over = words::span(Duration::from_secs(self.baseline.over.as_secs()));
        let of = |name: &dyn std::fmt::Display, classes: Classes| format!("of {name}: {}", classes.words());
        let stable = of(&arms.stable, stable?);
        let candidate = candidate.filter(|classes| classes.all() > 0);
        let candidate = candidate.map_or_else(String::new, |classes| format!("; {}", of(&arms.candidate, classes)));
        // A call that fails comes with a 200: whoever serves gRPC has to know that nobody sees it.
        let calls = self.classes[0].and_then(|classes| classes.calls());
        let calls = calls.map_or_else(
            || "no status of gRPC calls".to_owned(),
            |calls| format!("gRPC calls of {}: {}", arms.stable, calls.words()),
        );
        Some(format!("the source tells {stable} in {over}{candidate}; {calls}"))
    }

    /// How often others' requests to the candidate failed, and were refused.
    pub(super) fn strays(&self) -> [Strays; 2] {
        let failed = self.strangers.as_ref().map_or(0, |strangers| strangers.before().0.failures);
        [failed, self.refused].map(|n| Strays::seen(n, self.baseline.over))
    }

    /// Who else asks the candidate, and what is done about it; none if nobody does.
    pub fn others(&self, arms: &Arms) -> Option<String> {
        let (seen, over) = self.strangers.as_ref()?.before();
        let does = if seen.failures > 0 {
            "as many failures are not held against it, and its evidence is the weaker for it"
        } else {
            "as many good answers prove nothing for it"
        };
        Some(format!(
            "others ask {} by its own address: {} requests in {} while no user was on it, {} failed; {does}",
            arms.candidate,
            seen.requests,
            words::span(Duration::from_secs(over.as_secs())),
            seen.failures
        ))
    }

    /// What stable misses of the objectives; none if it misses nothing.
    pub fn misses(&self, rules: &Rules, stable: &RevisionName) -> Option<String> {
        let over = words::span(Duration::from_secs(self.baseline.over.as_secs()));
        let missed = words::missed(self.missed.as_ref()?, rules);
        Some(format!("{stable} misses the objective already: {missed} in {over}"))
    }

    /// What the objective is instead, where stable misses it.
    pub fn instead(&self, rules: &Rules, stable: &RevisionName) -> Option<String> {
        Some(words::instead(self.missed.as_ref()?, rules, stable))
    }

    /// That it cannot be told whether stable keeps the objectives, where that is so.
    pub fn untold(&self, rules: &Rules, stable: &RevisionName) -> Option<String> {
        let over = words::span(Duration::from_secs(self.baseline.over.as_secs()));
        self.open.then(|| {
            format!(
                "whether {stable} keeps the objective is not told by {} failed in {over}, at most {} wanted: it counts as it is",
                words::of(self.baseline.counts),
                words::percent(rules.objective)
            )
        })
    }
}

#[cfg(test)]
mod tests;
