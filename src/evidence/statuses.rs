//! Does the candidate refuse its users? What the status of answers tells beside failures, each compared by itself.
//!
//! **Client errors** (4xx, and gRPC statuses that mean the same) are no failure: they break no objective, since a client may
//! ask for what is not there. But a release that answers 404 or 401 to everything is broken, and nothing else tells. They are
//! compared as failures are ([`super::comparison`]), and two things are tolerated, because whoever validates more strictly
//! means to. *The odds*: up to `margin` times stable's odds are no worse. The law of the candidate's share is Fisher's
//! noncentral one then, with the margin as its odds; `e = (psi1/psi0)^k_c Z(psi0)/Z(psi1)` has a mean of 1 at the margin and
//! less below it, since it rises with `k_c` and the law does with the odds. Where requests differ from each other it holds as
//! well: odds are a concave function of a rate, so that the odds of a mean are at most the margin's times stable's (Jensen).
//! Bursts of one client (a scanner) fall to both as the split says, and given their number that is the law with odds of 1. What
//! one pod refuses does not (its keys are old, its limit of requests is reached), so evidence is divided as that of failures is
//! ([`super::clustering`]), by how stable's client errors come.
//! *The rate*: up to the objective's part of the candidate's requests is no worse, whatever stable does; against that the
//! objective's own bet is made ([`super::objective`]). "No worse" is whatever one of both tolerates, so the evidence is the
//! lesser of the two: whichever null is true, it is at most an e-value for that one.
//!
//! **gRPC calls that the server failed** come with a 200, so that no failure tells of them. They are compared as failures are,
//! without a margin. The source counts them when they end and the answer when it begins: they are no part of failures, since
//! a window may have more of them than answers.
//!
//! Before the last step both are excluded as failures are ([`super::acceptance`]), each by itself: of gRPC the tolerated odds and
//! rate; of client errors as many times the margin's odds, and the margin's times the objective. It depends on the single tests.

use super::acceptance;
use super::classes::StatusCounts;
use super::clustering::{self, Clustering, Phi, Weighed};
use super::comparison::{GRID, closed, less_strays};
use super::conditional::ln_z;
use super::counts::{Counts, MOST, Table, real};
use super::logs::log_mean;
use super::nats::{Nats, Trouble};
use super::objective;
use super::rules::Rules;
use super::strays::{Strays, least_share};
use super::window::{Arm, Growth};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// With more of them than this in one window the closed form is used: the exact one would cost milliseconds.
const CLOSED_ABOVE: u64 = 100_000_000;

/// Client errors of half of the requests are material in any case.
const MOST_EXCLUDED: f64 = 0.5;

/// Client errors are taken to come so many at a time at most, whatever stable's windows show.
// A scanner that comes and goes is no group at one revision, but where it begins and ends stable's windows differ as if it were, and
// whatever is refused would count for next to nothing then.
const MOST_TOGETHER: f64 = 5.0;

/// What a status tells beside failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusOutcome {
    /// Answers with a 4xx, and gRPC calls with a status that means the same.
    ClientErrors,
    /// gRPC calls that the server failed.
    GrpcFailed,
}

/// All of them. Written with short names: it stands in the record, with about 200 bytes for each that is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statuses {
    /// None: the source tells nothing of them, or they are not compared.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    client_errors: Option<StatusSums>,
    /// None: the source tells of no such call.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    grpc: Option<StatusSums>,
    /// How often others may have such an answer who were not seen.
    #[serde(rename = "s", default, skip_serializing_if = "Strays::is_nothing")]
    strays: Strays,
}

/// What one of them adds up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct StatusSums {
    /// Requests, and those of them with such a status: the candidate, stable.
    #[serde(rename = "n")]
    counted: (Counts, Counts),
    /// Requests of the candidate that may be others'.
    #[serde(rename = "o", default, skip_serializing_if = "is_zero")]
    others: u64,
    /// That the candidate has more of them, for each odds ratio of [`GRID`] beyond the margin.
    #[serde(rename = "m")]
    more: [Nats; GRID.len()],
    /// That it has more than are tolerated, whatever stable has; none where none are.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    floor: Option<Nats>,
    /// Against a candidate that has materially more.
    #[serde(rename = "a")]
    against: Nats,
    /// How they come together, where they may: as stable's do.
    #[serde(rename = "k", default, skip_serializing_if = "Clustering::is_nothing")]
    clustering: Clustering,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What is tolerated of one of them.
struct Tolerance {
    /// So many times stable's odds are no worse.
    margin: f64,
    /// Nor is this part of the candidate's requests, if any is tolerated.
    floor: Option<f64>,
    /// Materially more are so many times stable's odds...
    odds: f64,
    /// ...and this part of the requests.
    rate: f64,
    /// So many come at a time; none: as stable's do.
    together: Option<Phi>,
    /// As stable's do, but no more than so many.
    most_together: f64,
}

impl Tolerance {
    /// By what evidence is divided where stable shows this.
    fn phi(&self, shown: Phi) -> Phi {
        self.together.unwrap_or_else(|| shown.min(Phi::of(self.most_together)))
    }
}

impl StatusOutcome {
    const ALL: [Self; 2] = [Self::ClientErrors, Self::GrpcFailed];

    /// None where it is not compared.
    fn tolerance(self, rules: &Rules) -> Option<Tolerance> {
        let (odds, rate, together) = (rules.tolerated_odds, rules.tolerated_rate, rules.clustering);
        Some(match self {
            Self::GrpcFailed => {
                Tolerance { margin: 1.0, floor: None, odds, rate, together, most_together: clustering::MOST }
            }
            Self::ClientErrors => {
                let (margin, floor) = (rules.client_error_margin?, rules.objective);
                // Beyond both margins by as much as the margin itself, so that what is tolerated is soon accepted.
                let rate = (margin * floor).min(MOST_EXCLUDED).max(floor);
                let odds = margin * odds;
                Tolerance { margin, floor: Some(floor), odds, rate, together, most_together: MOST_TOGETHER }
            }
        })
    }

    /// So many times stable's odds, and this part of the requests, are materially more; 0 of what is not compared.
    pub fn materially(self, rules: &Rules) -> (f64, f64) {
        self.tolerance(rules).map(|tolerance| (tolerance.odds, tolerance.rate)).unwrap_or_default()
    }

    fn of(self, counts: StatusCounts) -> Option<u64> {
        match self {
            Self::ClientErrors => Some(counts.client_errors),
            Self::GrpcFailed => counts.grpc_failed,
        }
    }

    /// Both arms of a window, if the source tells of either. What it does not tell of one has not come there yet.
    fn table(self, growth: &Growth) -> Option<Table> {
        let told = |arm: &Arm| arm.statuses.and_then(|counts| self.of(counts));
        let (stable, candidate) = (told(&growth.stable), told(&growth.candidate));
        stable.or(candidate)?;
        let counts = |arm: &Arm, n: Option<u64>| Counts::new(arm.counts.requests, n.unwrap_or_default());
        Some(Table { stable: counts(&growth.stable, stable), candidate: counts(&growth.candidate, candidate) })
    }
}

impl Statuses {
    /// True if nothing was told.
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// True if the source tells of calls of gRPC.
    pub fn tells_grpc(&self) -> bool {
        self.grpc.is_some()
    }

    /// The candidate was looked at before any user was on it.
    pub(super) fn watched(&mut self, strays: Strays) {
        self.strays = self.strays.or(strays);
    }

    /// How often others may have such an answer who were not seen.
    pub(super) fn strays(&self) -> Strays {
        self.strays
    }

    /// Adds a window with users at both arms. `others`: how many of the candidate's requests may be nobody's; and how long it
    /// lasted (`unseen`), where nobody was seen who asks it.
    pub(super) fn add(
        &mut self,
        growths: &[Growth],
        others: u64,
        unseen: Option<Duration>,
        rules: &Rules,
    ) -> Result<(), Trouble> {
        let expected = unseen.map_or(0.0, |lasted| self.strays.expected(lasted));
        let mut told = 0_u64;
        for outcome in StatusOutcome::ALL {
            let Some(tolerance) = outcome.tolerance(rules) else { continue };
            let tables: Vec<Table> = growths.iter().filter_map(|growth| outcome.table(growth)).collect();
            if !tables.is_empty() {
                told = tables.iter().fold(told, |sum, table| sum.saturating_add(table.candidate.failures));
                self.place(outcome).get_or_insert_default().add(&tables, others, expected, &tolerance)?;
            }
        }
        self.strays.watch(told, unseen.unwrap_or_default());
        Ok(())
    }

    /// The next window does not follow the last one: a step lies between them.
    pub(super) fn apart(&mut self) {
        self.client_errors.iter_mut().chain(&mut self.grpc).for_each(|sums| sums.clustering.apart());
    }

    fn place(&mut self, outcome: StatusOutcome) -> &mut Option<StatusSums> {
        match outcome {
            StatusOutcome::ClientErrors => &mut self.client_errors,
            StatusOutcome::GrpcFailed => &mut self.grpc,
        }
    }

    fn sums(&self, outcome: StatusOutcome) -> Option<&StatusSums> {
        match outcome {
            StatusOutcome::ClientErrors => self.client_errors.as_ref(),
            StatusOutcome::GrpcFailed => self.grpc.as_ref(),
        }
    }

    /// `ln E` that the candidate is worse, all of them together with equal weights; what is not told has 1.
    pub fn ln_worse(&self) -> f64 {
        log_mean(&StatusOutcome::ALL.map(|outcome| self.sums(outcome).map_or(0.0, StatusSums::ln_more)))
    }

    /// Which of them speaks loudest against the candidate, with its `ln E` and what was counted; none if none does.
    pub fn loudest(&self) -> Option<(StatusOutcome, f64, Table)> {
        let told = StatusOutcome::ALL.into_iter().filter_map(|outcome| Some((outcome, self.sums(outcome)?)));
        let loud = told.map(|(outcome, sums)| (outcome, sums.ln_more(), sums.table())).filter(|(_, ln, _)| *ln > 0.0);
        loud.max_by(|(_, a, _), (_, b, _)| a.total_cmp(b))
    }

    /// So many of one come together, once stable has shown it or somebody has said so; none before.
    pub fn together(&self, outcome: StatusOutcome, rules: &Rules) -> Option<Phi> {
        let (tolerance, sums) = (outcome.tolerance(rules)?, self.sums(outcome)?);
        let known = tolerance.together.is_some() || sums.clustering.is_known();
        known.then(|| tolerance.phi(sums.clustering.against()))
    }

    /// The least `ln E` against a candidate that has materially more of one of them, and which that is; none if nothing is
    /// told. It is accepted at `1/beta`.
    pub fn ln_accepted(&self, rules: &Rules) -> Option<(StatusOutcome, f64)> {
        let of = |outcome: StatusOutcome| {
            let (tolerance, sums) = (outcome.tolerance(rules)?, self.sums(outcome)?);
            let proved = sums.table().without_good(sums.others).candidate;
            // A bet on the candidate's counts alone may be divided by whatever stable shows, whenever it does.
            let weighed = Weighed::default().plus(proved, tolerance.phi(sums.clustering.estimated()));
            Some((outcome, acceptance::ln_e(sums.against, weighed, tolerance.rate)))
        };
        StatusOutcome::ALL.into_iter().filter_map(of).min_by(|(_, a), (_, b)| a.total_cmp(b))
    }
}

impl StatusSums {
    fn add(&mut self, tables: &[Table], others: u64, strays: f64, tolerance: &Tolerance) -> Result<(), Trouble> {
        self.others = self.others.saturating_add(others).min(MOST);
        // Of the windows before, so that it is not chosen by what is judged with it.
        let phi = tolerance.phi(self.clustering.against());
        let estimated = tolerance.phi(self.clustering.estimated());
        for table in tables {
            self.counted = (self.counted.0.plus(table.candidate), self.counted.1.plus(table.stable));
            // Nobody knows at which gateway others ask, so what may be theirs may be so at each.
            add_more(&mut self.more, table.without_failures(others), tolerance.margin, phi)?;
            let proved = table.without_good(others);
            self.against = self.against.plus(acceptance::window_clustered(proved, tolerance.odds, estimated)?);
        }
        less_strays(&mut self.more, strays, least_share(tables.iter().copied()), phi)?;
        let users = self.table().without_failures(self.others).candidate;
        let floor = tolerance.floor.map(|rate| Nats::floor(objective::ln_e(users, rate, phi)));
        self.floor = floor.transpose()?;
        if tolerance.together.is_none() {
            self.clustering.look(tables.iter().fold(Counts::default(), |sum, table| sum.plus(table.stable)));
        }
        Ok(())
    }

    fn table(&self) -> Table {
        Table { candidate: self.counted.0, stable: self.counted.1 }
    }

    fn ln_more(&self) -> f64 {
        let more = log_mean(&self.more.map(Nats::value));
        // A comparison that is no number must not hide behind the floor.
        self.floor.filter(|_| !more.is_nan()).map_or(more, |floor| more.min(floor.value()))
    }
}

/// Adds a window of one stratum to the sums of odds ratios beyond a margin, where they come so many at a time. One that is mute adds
/// nothing.
fn add_more(sums: &mut [Nats; GRID.len()], table: Table, margin: f64, phi: Phi) -> Result<(), Trouble> {
    if table.is_mute() {
        return Ok(());
    }
    let large = table.failures() > CLOSED_ABOVE;
    let z_at_margin = if large { 0.0 } else { ln_z(table, margin) };
    for (sum, psi) in sums.iter_mut().zip(GRID) {
        let ln_e = if large {
            closed(table, margin, margin * psi)
        } else {
            real(table.candidate.failures) * psi.ln() + z_at_margin - ln_z(table, margin * psi)
        };
        *sum = sum.plus(Nats::floor(ln_e / phi.get())?);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
