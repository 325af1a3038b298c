//! Everything that the evidence of a rollout adds up to: small, whole numbers, saved in the record.
//!
//! Decides what a window adds to which sum, and what the sums say. Depends on the single tests.

mod objectives;

pub(crate) use objectives::ObjectiveStanding;

use super::acceptance;
use super::change::BakeChanges;
use super::clustering::{Clustering, SlowClustering, Weighed};
use super::cold::Excused;
use super::counts::{Counts, Table};
use super::latency::{Histogram, Latency};
use super::lean::Lean;
use super::missed::Missed;
use super::nats::{Nats, Trouble};
use super::objective::ObjectiveWatch;
use super::rules::Rules;
use super::sharing;
use super::starts::Starts;
use super::statuses::Statuses;
use super::strangers::Strangers;
use super::strays::{Strays, least_share};
use super::waiting::{Early, InFlight};
use super::window::{Arm, Growth};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The sums.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Windows that were judged.
    windows: u64,
    /// What was counted in them: the candidate, stable.
    candidate: Counts,
    stable: Counts,
    /// More failures than stable.
    failures: Starts,
    /// In the bake: whether the candidate began to break an objective in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changes: Option<BakeChanges>,
    /// Evidence against the candidate has just grown.
    #[serde(default, skip_serializing_if = "Lean::is_none")]
    lean: Lean,
    /// Slower than stable; none if latency is not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latency: Option<Latency>,
    /// The source tells how long answers take.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    timed: bool,
    /// Against a materially worse candidate.
    acceptance: Nats,
    /// What of the candidate proves something, each window divided by its factor.
    #[serde(default, skip_serializing_if = "Weighed::is_nothing")]
    weighed: Weighed,
    /// How stable's failures come, and its slow answers.
    #[serde(default, skip_serializing_if = "Clustering::is_nothing")]
    clustering: Clustering,
    #[serde(default, skip_serializing_if = "SlowClustering::is_nothing")]
    slow: SlowClustering,
    /// Failures just after a step that the comparison left out.
    #[serde(default, skip_serializing_if = "Excused::is_none")]
    excused: Excused,
    /// The same that the objective left out.
    #[serde(default, skip_serializing_if = "Excused::is_none")]
    spared: Excused,
    /// The window that is about to be added began just after a step: so many failures may be excused.
    #[serde(skip)]
    just_moved: Option<u64>,
    /// The objective for failures.
    objective: ObjectiveWatch,
    /// The objective for latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tail: Option<ObjectiveWatch>,
    /// What stable misses of the objectives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missed: Option<Missed>,
    /// All that was counted of stable since before anyone was moved, where it failed more often than the objective allows, until that
    /// is told from chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    untold: Option<Counts>,
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
    /// How often others may fail there who were not seen, or are rare.
    #[serde(default, skip_serializing_if = "Strays::is_nothing")]
    strays: Strays,
    /// Requests that wait.
    #[serde(default, skip_serializing_if = "InFlight::is_nothing")]
    waiting: InFlight,
    /// What the status of answers tells beside failures.
    #[serde(default, skip_serializing_if = "Statuses::is_nothing")]
    statuses: Statuses,
    /// The window that is about to be added lasted so long.
    #[serde(skip)]
    lasted: Duration,
    /// What gateways had in flight that were gone when the window closed that is about to be added.
    #[serde(skip)]
    ended: Option<Growth>,
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
        let latency = rules.margin.compares().then(Latency::default);
        Self { latency, tail: rules.tail.map(|_| ObjectiveWatch::default()), ..Self::default() }
    }

    /// With these counts alone.
    pub fn of_counts(counts: Table) -> Self {
        let weighed = counts.candidate.into();
        Self { candidate: counts.candidate, stable: counts.stable, weighed, ..Self::default() }
    }

    /// A step begins: requests fall anew. `percents` of candidate and stable.
    pub fn step(&mut self, percents: (u8, u8)) {
        (self.step, self.fall, self.percents, self.fell_wrong) = (0, (0, 0), percents, None);
        self.waiting.step();
        let stables = f64::from(percents.1) / f64::from(percents.0.max(1));
        self.watches().for_each(|watch| watch.fall(stables));
        self.clustering.apart();
        self.slow.apart();
        self.statuses.apart();
        self.strangers.iter_mut().for_each(Strangers::fall_anew);
    }

    /// Everyone is on the candidate from now on: the objective is judged anew, with nothing of the ramp.
    pub fn bake(&mut self) {
        // One that goes on after a crash has one error for all of it.
        if self.changes.is_some() {
            return;
        }
        self.objective = ObjectiveWatch::default();
        self.tail = self.tail.map(|_| ObjectiveWatch::default());
        self.changes = Some(BakeChanges::default());
        // What was left out of the ramp is no part of what is judged now: the last step moves as many users as all before it.
        self.spared = Excused::default();
    }

    /// What gateways had in flight that are gone by the end of the next window that is added.
    pub fn gateways_ended(&mut self, ended: Option<Growth>) {
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
        // What is applied to a window is of the windows before it, so that it is not chosen by what is judged with it.
        let phi = self.phi(rules);
        let estimated = self.phi_estimated(rules);
        self.objective.clustered(estimated);
        let whole = growths.iter().map(table).fold(Table::default(), Table::plus);
        let just_moved = self.just_moved.take();
        let ended = self.ended.take();
        if window == Window::Moving {
            // The window belongs to neither split, so the test of the split cannot use it.
            return if self.fell_wrong.is_some() { Ok(()) } else { self.add_moving(whole, whole, just_moved, rules) };
        }
        if window == Window::Draining {
            return self.add_draining(growths, ended.as_ref(), just_moved, rules);
        }
        let warm = window == Window::Warm;
        self.timed |= growths.iter().any(|g| g.stable.latency.is_some());
        self.waiting.look();
        if self.falls_wrong(growths) {
            // More than the split is being counted. The window is left out by its totals, whatever failed in it.
            self.clustering.apart();
            return Ok(());
        }
        let theirs = self.theirs(whole.candidate, self.foreign());
        let known = self.strays;
        let (strays, left_out) = self.failing_others(whole.candidate, theirs);
        self.step = self.step.saturating_add(whole.candidate.requests);
        self.windows += 1;
        self.candidate = self.candidate.plus(whole.candidate);
        self.stable = self.stable.plus(whole.stable);
        let mut cold = self.excuse(whole.without_failures(left_out), just_moved);
        let before = self.failures.ln_e();
        for growth in growths {
            // Nobody knows at which gateway others ask, so what may be theirs may be so at each.
            let compared = table(growth).without_failures(left_out);
            self.failures.add_beyond(compared.without_failures(cold), 1.0, phi)?;
            cold = cold.saturating_sub(compared.candidate.failures);
            let proved = table(growth).without_good(theirs.good);
            self.acceptance =
                self.acceptance.plus(acceptance::window_clustered(proved, rules.tolerated_odds, estimated)?);
            if let (true, Some(latency)) = (warm && !alone, &mut self.latency)
                && let (Some(stable), Some(candidate)) = (&growth.stable.latency, &growth.candidate.latency)
            {
                latency.add_clustered(stable, &candidate.without_slow(theirs.any), rules.margin, &self.slow)?;
            }
        }
        if let Some(latency) = self.latency.as_mut().filter(|_| warm && !alone) {
            let times = growths.iter().filter_map(|g| g.stable.latency.as_ref().zip(g.candidate.latency.as_ref()));
            latency.prove(&times.collect::<Vec<_>>(), theirs.ever, rules.margin, &self.slow)?;
        }
        self.weighed = self.weighed.plus(whole.without_good(theirs.good).candidate, estimated);
        let made_smaller = self.made_smaller(known, growths.iter().map(table), rules, estimated);
        self.acceptance = self.acceptance.plus(Nats::floor(made_smaller)?);
        self.failures.less_strays(strays, least_share(growths.iter().map(table)), phi)?;
        self.failures.close()?;
        self.latency.iter_mut().try_for_each(Latency::close)?;
        self.lean.look(before, self.failures.ln_e());
        if !alone {
            let unseen = self.strangers.is_none().then_some(self.lasted);
            self.statuses.add(growths, theirs.any, unseen, rules)?;
            let proved = self.judged().candidate.requests;
            self.waiting.add(growths, ended.as_ref(), proved, theirs.any)?;
            // Others' quick requests would make the candidate look quicker, and how many are of this time nobody counted.
            if std::mem::take(&mut self.apart) && self.strangers.is_none() {
                self.waiting.add_apart(growths)?;
            }
        }
        self.look_at_stable(whole.stable, rules);
        let [failures, slow_ones] = self.bars(rules);
        let rare = if alone { 0 } else { self.strays.excused(whole.candidate, failures.limit, strays) };
        let users = self.spare(whole.without_failures(theirs.failed.max(rare)), just_moved);
        self.objective.add(users, &failures)?;
        self.changes.iter_mut().try_for_each(|c| c.failures.add(users.candidate, failures.limit, estimated))?;
        if warm {
            self.add_slow(growths, theirs.any, &slow_ones, rules)?;
        }
        self.learn(growths, whole, warm, rules);
        Ok(())
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
}

/// Answers, and those that took longer than a limit (taken up to the next edge). Nothing where there is no such edge.
pub(crate) fn slow(histogram: Option<&Histogram>, limit: u64) -> Counts {
    let found = histogram.and_then(|h| h.beyond(limit).map(|(_, slow)| Counts::new(h.total, slow)));
    found.unwrap_or_default()
}

mod between;
mod late;
mod others;
mod together;
mod verdicts;

#[cfg(test)]
mod tests;
