//! Everything that the evidence of a rollout adds up to: small, whole numbers, saved in the record.
//!
//! Decides what a window adds to which sum, and what the sums say. Depends on the single tests.

mod objectives;

pub(crate) use objectives::ObjectiveStanding;

use super::acceptance;
use super::comparison::Comparison;
use super::counts::{Counts, Table};
use super::latency::{Histogram, Latency};
use super::logs::log_sum;
use super::missed::Missed;
use super::nats::{Nats, Trouble};
use super::objective::ObjectiveWatch;
use super::rules::Rules;
use super::sharing;
use super::statuses::Statuses;
use super::strangers::{DELTA, Strangers, Theirs};
use super::waiting::InFlight;
use super::window::{Arm, Growth};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Weight of requests that wait in the comparison, and of failures and latency in the rest.
// Weights that sum to 1 keep one error for all: a weighted mean of e-values is one. The objective is not in it, because
// it tests against something else: in an incident of both arms six failures of fifty requests would be enough for it.
// What hangs is loud (a tenth of the error costs it some two nats), so that little is taken from the others.
const WAITING: f64 = 0.1;
/// Weight of what the status of answers tells beside failures: client errors and gRPC, half of it each.
// Loud as well: a candidate that answers 404 to everything tells some 3 nats a request, as many as its twentieth costs it. It
// costs failures and latency a ninth of their weight, 0.12 nats.
const STATUSES: f64 = 0.1;
const WEIGHTS: [f64; 2] = [0.6, 0.4];

/// The sums.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Windows that were judged.
    windows: u64,
    /// What was counted in them: the candidate, stable.
    candidate: Counts,
    stable: Counts,
    /// More failures than stable.
    failures: Comparison,
    /// Slower than stable; none if latency is not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latency: Option<Latency>,
    /// The source tells how long answers take.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    timed: bool,
    /// Against a materially worse candidate.
    acceptance: Nats,
    /// The objective for failures.
    objective: ObjectiveWatch,
    /// The objective for latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tail: Option<ObjectiveWatch>,
    /// What stable missed of the objectives before anyone was moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missed: Option<Missed>,
    /// Requests of the candidate that were judged at this step.
    step: u64,
    /// Requests of candidate and stable whose fall is being tested, and the percents that they should fall to.
    fall: (u64, u64),
    percents: (u8, u8),
    /// The counts that showed that requests do not fall as the split says, until others show that they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fell_wrong: Option<(u64, u64)>,
    /// What was counted while users were on their way from one split to another: the candidate, stable.
    #[serde(default, skip_serializing_if = "is_nothing")]
    moving: (Counts, Counts),
    /// Others at the candidate's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    strangers: Option<Strangers>,
    /// Requests that wait.
    #[serde(default, skip_serializing_if = "InFlight::is_nothing")]
    waiting: InFlight,
    /// What the status of answers tells beside failures.
    #[serde(default, skip_serializing_if = "Statuses::is_nothing")]
    statuses: Statuses,
    /// What was in flight when the windows of this step opened is known to have ended before the window that is about to be
    /// added closed.
    #[serde(skip)]
    ended: bool,
    /// The window that is about to be added ends with a reading that is apart from the last one that was.
    #[serde(skip)]
    apart: bool,
}

fn is_nothing(counts: &(Counts, Counts)) -> bool {
    *counts == <(Counts, Counts)>::default()
}

/// What a window is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Users were on their way from one split to another, and Knative's own probes are in it: it can break the candidate's
    /// objective, and nothing else.
    Moving,
    /// The split is served, and requests from before it still end: as above, but what came since is compared by itself.
    Draining,
    /// Failures count, how long answers took does not yet.
    Cold,
    /// Everything counts.
    Warm,
}

/// One of the two objectives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Failures.
    Failures,
    /// Latency.
    Latency,
}

impl Sums {
    /// Nothing counted yet.
    pub fn new(rules: &Rules) -> Self {
        // Latency has its weight before anything is known, whether the source has a histogram or not: weights that were
        // chosen after a look at the data would not keep the error.
        let latency = rules.margin.map(|_| Latency::default());
        Self { latency, tail: rules.tail.map(|_| ObjectiveWatch::default()), ..Self::default() }
    }

    /// With these counts alone.
    pub fn of_counts(counts: Table) -> Self {
        Self { candidate: counts.candidate, stable: counts.stable, ..Self::default() }
    }

    /// A step begins: requests fall anew. `percents` of candidate and stable.
    pub fn step(&mut self, percents: (u8, u8)) {
        (self.step, self.fall, self.percents, self.fell_wrong) = (0, (0, 0), percents, None);
        self.waiting.step();
        let stables = f64::from(percents.1) / f64::from(percents.0.max(1));
        self.watches().for_each(|watch| watch.fall(stables));
        self.strangers.iter_mut().for_each(Strangers::fall_anew);
    }

    /// Everyone is on the candidate from now on: the objective is judged anew, with nothing of the ramp.
    pub fn bake(&mut self) {
        self.objective = ObjectiveWatch::default();
        self.tail = self.tail.map(|_| ObjectiveWatch::default());
    }

    /// Others ask the candidate itself: what may be theirs is told from users' requests from now on.
    pub fn meet(&mut self, strangers: Strangers) {
        self.strangers.get_or_insert(strangers);
    }

    /// Others at the candidate's own address.
    pub fn strangers(&self) -> Option<&Strangers> {
        self.strangers.as_ref()
    }

    /// The next window that is added lasted so long; of no account where nobody asks the candidate itself.
    pub fn lasts(&mut self, window: Duration) {
        self.strangers.iter_mut().for_each(|s| s.lasts(window));
    }

    /// Whether what was in flight when the windows of this step opened is known to have ended by the end of the next window
    /// that is added.
    pub fn earlier_has_ended(&mut self, ended: bool) {
        self.ended = ended;
    }

    /// Whether all that was in flight at stable at the mark is known to have ended by the end of the next window that is added.
    pub fn is_apart(&mut self, apart: bool) {
        self.apart = apart;
    }

    /// Adds one window.
    pub fn add(&mut self, growths: &[Growth], window: Window, rules: &Rules) -> Result<(), Trouble> {
        // Once everyone is on the candidate, requests that still end at stable came there by no split. They are neither a
        // control nor an excuse.
        let alone = self.is_alone();
        let of_stable = |counts: Counts| if alone { Counts::default() } else { counts };
        let table = |g: &Growth| Table { stable: of_stable(g.stable.counts), candidate: g.candidate.counts };
        let whole = growths.iter().map(table).fold(Table::default(), Table::plus);
        if window == Window::Moving {
            // The window belongs to neither split, so the test of the split cannot use it.
            return if self.fell_wrong.is_some() { Ok(()) } else { self.add_moving(whole, whole, rules) };
        }
        if window == Window::Draining {
            self.waiting.look();
            // What came since the split is served falls as it says, though what ends does not yet. Where a source tells nothing of
            // what came, the windows that are judged tell.
            let told = growths.iter().all(|g| g.stable.flight.is_some() && g.candidate.flight.is_some());
            if told && self.falls_wrong(growths) || self.fell_wrong.is_some() {
                return Ok(());
            }
            // Which of them are others' is told by the windows that are judged; until then all may be.
            let others = if self.strangers.is_some() { u64::MAX } else { 0 };
            self.waiting.compare(if alone { &[] } else { growths }, others, true)?;
            // Quick failures end before slow good answers of the same time do, so a rate is one of what came.
            let came = |arm: &Arm| Counts::new(arm.arrived.max(arm.counts.requests), arm.counts.failures);
            let table = |g: &Growth| Table { stable: of_stable(came(&g.stable)), candidate: came(&g.candidate) };
            let whole_came = growths.iter().map(table).fold(Table::default(), Table::plus);
            return self.add_moving(whole, whole_came, rules);
        }
        let warm = window == Window::Warm;
        self.timed |= growths.iter().any(|g| g.stable.latency.is_some());
        self.waiting.look();
        if self.falls_wrong(growths) {
            // More than the split is being counted. The window is left out by its totals, whatever failed in it.
            return Ok(());
        }
        let theirs = self.theirs(whole.candidate, self.foreign());
        self.step = self.step.saturating_add(whole.candidate.requests);
        self.windows += 1;
        self.candidate = self.candidate.plus(whole.candidate);
        self.stable = self.stable.plus(whole.stable);
        for growth in growths {
            // Nobody knows at which gateway others ask, so what may be theirs may be so at each.
            self.failures.add(table(growth).without_failures(theirs.failed))?;
            let proved = table(growth).without_good(theirs.good);
            self.acceptance = self.acceptance.plus(acceptance::window(proved, rules.tolerated_odds)?);
            if let (true, Some(latency), Some(margin)) = (warm && !alone, &mut self.latency, rules.margin)
                && let (Some(stable), Some(candidate)) = (&growth.stable.latency, &growth.candidate.latency)
            {
                latency.add(stable, &candidate.without_slow(theirs.any), margin)?;
            }
        }
        if !alone {
            self.statuses.add(growths, theirs.any, rules)?;
            let proved = self.judged().candidate.requests;
            self.waiting.add(growths, proved, theirs.any, std::mem::take(&mut self.ended))?;
            // Others' quick requests would make the candidate look quicker, and how many are of this time nobody counted.
            if std::mem::take(&mut self.apart) && self.strangers.is_none() {
                self.waiting.add_apart(growths)?;
            }
        }
        let [failures, slow_ones] = self.bars(rules);
        self.objective.add(whole.without_failures(theirs.failed), &failures)?;
        if let (true, Some(watch), Some(tail)) = (warm, &mut self.tail, rules.tail) {
            let sum = |arm: fn(&Growth) -> &Arm| {
                growths.iter().map(|g| slow(arm(g).latency.as_ref(), tail.within)).fold(Counts::default(), Counts::plus)
            };
            let window = Table { stable: of_stable(sum(|g| &g.stable)), candidate: sum(|g| &g.candidate) };
            watch.add(window.without_failures(theirs.any), &slow_ones)?;
        }
        Ok(())
    }

    /// A window between two splits is held against the objectives alone. The comparison supposes that both arms met the
    /// same times in the same proportion: where a split changed and an incident began in one window, they did not.
    fn add_moving(&mut self, whole: Table, judged: Table, rules: &Rules) -> Result<(), Trouble> {
        self.moving = (self.moving.0.plus(whole.candidate), self.moving.1.plus(whole.stable));
        let theirs = self.theirs(whole.candidate, None);
        let [failures, _] = self.bars(rules);
        self.objective.add(judged.without_failures(theirs.failed), &failures)
    }

    /// What of the next window may be others'.
    fn theirs(&mut self, candidate: Counts, foreign: Option<u64>) -> Theirs {
        self.strangers.as_mut().map(|strangers| strangers.take(candidate, foreign)).unwrap_or_default()
    }

    /// What may be others' of all that came to the candidate at this step, as far as the split tells.
    fn foreign(&self) -> Option<u64> {
        let ((candidate, stable), (of_candidate, of_stable)) = (self.fall, self.percents);
        self.strangers.as_ref()?;
        sharing::most_foreign((stable, of_stable), (candidate, of_candidate), DELTA)
    }

    /// Windows that were judged.
    #[cfg(test)]
    pub(crate) fn windows(&self) -> u64 {
        self.windows
    }

    /// What was counted in them and proves something: good answers of the candidate that others may have had do not.
    pub fn judged(&self) -> Table {
        let whole = Table { stable: self.stable, candidate: self.candidate };
        whole.without_good(self.strangers.as_ref().map_or(0, Strangers::good))
    }

    /// What was counted in them.
    pub fn counted(&self) -> Table {
        Table { stable: self.stable, candidate: self.candidate }
    }

    /// What was counted between two splits, and until requests from before the later one had ended: users' requests, and those by which
    /// Knative tries each split that is written. The counters do not tell them apart.
    pub fn between(&self) -> Table {
        let (candidate, stable) = self.moving;
        Table { stable, candidate }
    }

    /// Answers of the candidate whose time was compared; none if time is not compared, or the source does not tell it.
    pub fn timed(&self) -> Option<u64> {
        self.latency.as_ref().filter(|_| self.timed).map(Latency::answers)
    }

    /// Requests of the candidate that were judged at this step.
    pub fn at_step(&self) -> u64 {
        self.step
    }

    /// Adds to the test of the split, and says whether it is false now. Once it was, it is tested anew until new counts
    /// speak for it.
    fn falls_wrong(&mut self, growths: &[Growth]) -> bool {
        for growth in growths {
            let (candidate, stable) = self.fall;
            self.fall =
                (candidate.saturating_add(growth.candidate.arrived), stable.saturating_add(growth.stable.arrived));
        }
        let ((candidate, stable), (of_candidate, of_stable)) = (self.fall, self.percents);
        // Others whom it knows are no false split.
        let expected = sharing::expected((stable, of_stable), of_candidate);
        let users = self.strangers.as_mut().map_or(candidate, |s| s.without(candidate, expected));
        let ln_e = sharing::between((stable, of_stable), (users, of_candidate));
        if ln_e >= -sharing::ALPHA.ln() {
            self.strangers.iter_mut().for_each(Strangers::fall_anew);
            self.fell_wrong = Some(std::mem::take(&mut self.fall));
        } else if ln_e < 0.0 {
            self.fell_wrong = None;
        }
        self.fell_wrong.is_some()
    }

    /// The percents that candidate and stable should have at this step.
    pub fn percents(&self) -> (u8, u8) {
        self.percents
    }

    /// Requests of candidate and stable that show that they do not fall as the split says, while that is so.
    pub fn fell_wrong(&self) -> Option<(u64, u64)> {
        self.fell_wrong
    }

    /// `ln E` that the candidate is worse than stable: failures, latency, waiting and statuses together, one error for all.
    pub fn ln_worse(&self) -> f64 {
        let ended = match &self.latency {
            None => self.failures.ln_e(),
            Some(latency) => log_sum(&[WEIGHTS[0].ln() + self.failures.ln_e(), WEIGHTS[1].ln() + latency.ln_e()]),
        };
        let statuses = STATUSES.ln() + self.statuses.ln_worse();
        log_sum(&[(1.0 - WAITING - STATUSES).ln() + ended, WAITING.ln() + self.waiting.ln_worse(), statuses])
    }

    /// What the status of answers tells beside failures.
    pub fn statuses(&self) -> &Statuses {
        &self.statuses
    }

    /// True if it is more than half of the evidence that the candidate is worse.
    pub fn is_by_status(&self) -> bool {
        STATUSES.ln() + self.statuses.ln_worse() > self.ln_worse() - std::f64::consts::LN_2
    }

    /// What is known of requests that wait; none before the first step.
    pub fn waiting(&self) -> Option<&InFlight> {
        Some(&self.waiting).filter(|waiting| !waiting.is_nothing())
    }

    /// `ln E` for failures and, if it is compared, for latency with the edge (in microseconds) where it is strongest.
    pub fn parts(&self) -> (f64, Option<(f64, u64)>) {
        let latency = self.latency.as_ref().and_then(|l| Some((l.ln_e(), l.loudest()?)));
        (self.failures.ln_e(), latency)
    }

    /// `ln E` against a candidate that lets more hang than stable does, where the source tells what waits.
    pub fn ln_waits_no_longer(&self, rules: &Rules) -> Option<f64> {
        self.waiting().filter(|waiting| waiting.is_told()).map(|waiting| waiting.ln_accepted(rules.tolerated_rate))
    }

    /// `ln E` against a materially worse candidate, by what has ended.
    pub fn ln_accepted(&self, rules: &Rules) -> f64 {
        acceptance::ln_e(self.acceptance, self.judged().candidate, rules.tolerated_rate)
    }
}

/// Answers, and those that took longer than a limit (taken up to the next edge). Nothing where there is no such edge.
pub(crate) fn slow(histogram: Option<&Histogram>, limit: u64) -> Counts {
    let found = histogram.and_then(|h| h.beyond(limit).map(|(_, slow)| Counts::new(h.total, slow)));
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests;
