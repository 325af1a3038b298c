//! Does the candidate keep the objective? It is watched apart from the comparison, because a shared incident breaks it too.
//!
//! `ln E = log of the mean over q of (q/p0)^K ((1-q)/(1-p0))^(N-K)`, a betting martingale against "each request fails with
//! a probability of at most p0" (Waudby-Smith and Ramdas 2021), which needs no independence. Decides in four ways: the
//! candidate is blamed only where stable is *shown* to keep the objective over the same windows (the bet of
//! [`super::bound`] against "at least p0", as much evidence as against the candidate); where stable is shown to break it, that is
//! an incident of both; else nobody is blamed yet. The windows are those since the candidate last stood best, because they
//! are the ones that speak against it.

use super::bound::ln_bet;
use super::clustering::Phi;
use super::counts::{Counts, Table, real};
use super::logs::log_mean;
use super::nats::{Nats, Trouble};
use serde::{Deserialize, Serialize};

/// Multiples of the objective that are looked for, as far as they are below 1.
// As in the comparison: nobody knows how far a candidate breaks it, and the mean over eight costs at most ln 8 nats.
pub(super) const MULTIPLES: [f64; 8] = [1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0];
/// Evidence of 20 that stable breaks it calls an incident shared, and evidence of 20 that it keeps it ends one.
// Neither blames anybody: a mistake costs time, so five in a hundred will do.
const TOLD: f64 = 2.995_732_273_553_991;
/// Stable keeps it again also after so many failures that the objective would allow, if it has no more than that: a rate close
/// below the objective is told from it in hours.
const ALLOWED: f64 = 20.0;

/// `ln E` against a failure rate of at most `limit` (above 0, below 1), where failures come so many at a time: each bet is divided
/// for itself.
pub(crate) fn ln_e(counts: Counts, limit: f64, phi: Phi) -> f64 {
    let logs: Vec<f64> = each(counts, limit, phi).collect();
    // A limit may be so high that no multiple of it is a rate: then there is nothing to look for.
    if logs.is_empty() { 0.0 } else { log_mean(&logs) }
}

/// The same for each multiple that is a rate.
pub(super) fn each(counts: Counts, limit: f64, phi: Phi) -> impl Iterator<Item = f64> {
    let (failures, rest) = (real(counts.failures) / phi.get(), real(counts.requests - counts.failures) / phi.get());
    MULTIPLES
        .iter()
        .map(move |m| m * limit)
        .filter(|q| *q < 1.0)
        .map(move |q| failures * (q / limit).ln() + rest * ((-q).ln_1p() - (-limit).ln_1p()))
}

/// `ln E` against a failure rate of at least `limit`: how surely these counts keep it, where failures come so many at a time.
fn ln_kept(counts: Counts, limit: f64, phi: Phi) -> f64 {
    ln_bet(real(counts.failures) / phi.get(), real(counts.requests) / phi.get(), limit)
}

/// The part of the error that the evidence has which begins after so many incidents of both. They sum to 1, so that the
/// error is one for all of it, and most rollouts meet none.
fn part(incidents: u32) -> f64 {
    let n = f64::from(incidents);
    if incidents == 0 { 0.8 } else { 0.2 / (n * (n + 1.0)) }
}

/// How an objective stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectiveState {
    /// Nothing speaks against it loudly enough.
    Kept,
    /// The candidate broke it, and so did stable, which is not shown to keep it again: no step now.
    Shared,
    /// The candidate breaks it; what stable does over the same windows is not known yet.
    Leaning,
    /// The candidate breaks it, and stable keeps it or is not there.
    Broken,
}

/// By what an objective is judged at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bar {
    /// The rate that may not be exceeded; above 0, below 1.
    pub limit: f64,
    /// The evidence (`ln`) that breaks it, for all of a rollout.
    pub needed: f64,
    /// There is no stable beside the candidate: nobody else can have broken it.
    pub alone: bool,
}

/// What an objective is judged by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectiveWatch {
    /// The candidate, since the last incident of both began to end.
    candidate: Counts,
    /// Stable, since the candidate last stood best.
    stable: Counts,
    /// The candidate, over the same windows as `stable`.
    #[serde(default, skip_serializing_if = "is_nothing")]
    since: Counts,
    /// An incident of both is not over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    incident: bool,
    /// Incidents of both so far.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    incidents: u32,
    /// Failures come so many at a time.
    #[serde(default, skip_serializing_if = "Phi::is_one")]
    phi: Phi,
}

fn is_nothing(counts: &Counts) -> bool {
    *counts == Counts::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_none_yet(incidents: &u32) -> bool {
    *incidents == 0
}

impl ObjectiveWatch {
    /// From here on failures are taken to come so many at a time.
    pub(crate) fn clustered(&mut self, phi: Phi) {
        self.phi = phi;
    }

    /// `ln E` of these counts, with each bet divided.
    fn ln_broken(&self, counts: Counts, bar: &Bar) -> f64 {
        ln_e(counts, bar.limit, self.phi)
    }

    /// The candidate's evidence when it last stood best, by what failures count for now: else a factor that rises would look as if
    /// something began.
    fn best(&self, bar: &Bar) -> Result<Nats, Trouble> {
        let (all, since) = (self.candidate, self.since);
        let failures = all.failures.saturating_sub(since.failures);
        let before = Counts::new(all.requests.saturating_sub(since.requests), failures);
        Nats::floor(self.ln_broken(before, bar))
    }

    /// Adds a window.
    pub(crate) fn add(&mut self, window: Table, bar: &Bar) -> Result<(), Trouble> {
        if self.incident && self.ln_broken(self.stable, bar) > 0.0 {
            // Windows in which stable breaks it too say nothing about the candidate, and the end of an incident is looked for
            // in those after them.
            *self = Self { incident: true, incidents: self.incidents, phi: self.phi, ..Self::default() };
        }
        self.candidate = self.candidate.plus(window.candidate);
        self.since = self.since.plus(window.candidate);
        self.stable = self.stable.plus(window.stable);
        let now = Nats::floor(self.ln_broken(self.candidate, bar))?;
        // The candidate's evidence goes on from where stable was good again, whichever of its own windows that were.
        self.incident = self.incident && !self.is_over(bar.limit);
        if self.incident {
            return Ok(());
        }
        // Windows before the best moment speak for the candidate. The counts from then on are of the same time for both: neither
        // can a long good past of stable hide that it fails now as well, nor a good hour after an incident clear it of that.
        if now <= self.best(bar)? {
            (self.since, self.stable) = (Counts::default(), Counts::default());
        } else if now.value() >= self.needed(bar) && self.ln_broken(self.stable, bar) >= TOLD {
            (self.incident, self.incidents) = (true, self.incidents.saturating_add(1));
        }
        Ok(())
    }

    /// Requests fall anew from now on, so many of stable's to one of the candidate's. What was counted of stable under another
    /// split weighs as much as what was counted of the candidate, so that an incident of both in one of two splits is no
    /// difference between them.
    // A bet to a power below 1 is a bet still (Jensen), so counts may be made smaller; failures are rounded up.
    pub(crate) fn fall(&mut self, stables: f64) {
        let wanted = real(self.since.requests) * stables;
        if real(self.stable.requests) > wanted {
            let part = wanted / real(self.stable.requests);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a count")]
            let of = |count: u64| (real(count) * part).ceil() as u64;
            self.stable = Counts::new(of(self.stable.requests), of(self.stable.failures));
        }
    }

    fn is_over(&self, limit: f64) -> bool {
        let allowed = limit * real(self.stable.requests);
        ln_kept(self.stable, limit, self.phi) >= TOLD
            || allowed >= ALLOWED * self.phi.get() && real(self.stable.failures) <= allowed
    }

    /// The evidence that breaks it now.
    pub(crate) fn needed(&self, bar: &Bar) -> f64 {
        // Without stable there is no incident of both, so all of the error is there for the one evidence.
        bar.needed - if bar.alone { 0.0 } else { part(self.incidents).ln() }
    }

    /// How it stands.
    pub(crate) fn standing(&self, bar: &Bar) -> ObjectiveState {
        if self.incident {
            return ObjectiveState::Shared;
        }
        if self.ln_candidate(bar) < self.needed(bar) {
            return ObjectiveState::Kept;
        }
        // What a record of an older build says of stable is of windows of which the candidate's counts are unknown.
        let same = self.ln_broken(self.since, bar) > 0.0;
        let kept = same && ln_kept(self.stable, bar.limit, self.phi) >= self.needed(bar);
        if bar.alone || kept { ObjectiveState::Broken } else { ObjectiveState::Leaning }
    }

    /// True if what speaks against the candidate has grown since it last stood best: something may be going on.
    pub(crate) fn grows(&self, bar: &Bar) -> bool {
        // As it was kept: rounded down.
        let now = Nats::floor(self.ln_candidate(bar));
        !bar.alone && now.is_ok_and(|now| self.best(bar).is_ok_and(|best| now > best))
    }

    /// What was counted of both, where there are two: over the windows since the candidate last stood best.
    pub(crate) fn counted(&self, bar: &Bar) -> Table {
        let of_both = Table { stable: self.stable, candidate: self.since };
        if bar.alone { Table { candidate: self.candidate, ..Table::default() } } else { of_both }
    }

    /// `ln E` of the candidate.
    pub(crate) fn ln_candidate(&self, bar: &Bar) -> f64 {
        self.ln_broken(self.candidate, bar)
    }
}

#[cfg(test)]
mod tests;
