//! May the candidate have the rest, as far as the time of answers goes? Only when at every edge a materially slower one is excluded.
//!
//! Materially slower means: at some edge its odds of taking longer are at least so many times stable's ([`Margin::material`]), *and* at
//! least [`floor`] of its answers take longer, *and* at most half of stable's do. That holds of every candidate with such odds at an
//! edge between stable's median and its 99th percentile, since the floor is what these odds make of 1 %; and of one that crosses an edge
//! which stable hardly ever reaches, as where all of stable's answers lie between two edges.
//!
//! At each edge three e-values speak against it, each against one of the three conditions, so each against them all: the exact conditional test
//! turned round, of material odds against those that are no worse (so that a candidate at the margin is accepted, too), which learns
//! where both sides of the edge have answers; a bet that fewer of the candidate's take longer, which passes
//! edges that nobody reaches; and a bet that more than half of stable's do, which passes edges below its median. Their weighted mean
//! is an e-value, whatever their dependence. It must reach `1/beta` *at every edge*, and no error is divided among edges: a candidate
//! that is materially slower is so at one edge at least, and passes that one with a probability of at most `beta` (an
//! intersection-union test; Berger, "Multiparameter hypothesis testing and acceptance sampling", 1982). Which edges count is
//! chosen by nobody: one that is of no account is passed by a bet of its own, and not left out by what was counted.
//!
//! It depends on the single tests.

use super::super::bound::ln_bet;
use super::super::clustering::Phi;
use super::super::comparison::exact;
use super::super::counts::{Table, real};
use super::super::logs::log_sum;
use super::super::nats::{Nats, Trouble};
use super::margin::Margin;
use serde::{Deserialize, Serialize};

/// Of stable's answers so many take longer than its last percentile that matters.
const RARE: f64 = 0.01;
/// The weights of the odds, of the bet on the candidate's tail, and of the bet on stable's median.
// The last one is soon over: of an edge below which a third of stable's answers lie it knows within 150 of them.
const PARTS: [f64; 3] = [0.45, 0.45, 0.1];
/// With more slow answers than this in one window the exact form costs milliseconds; a window may be left out by its totals.
const TOO_LARGE: u64 = 100_000_000;

/// `ln g` of one window: evidence against material odds, where slow answers come so many at a time.
pub(super) fn against(table: Table, margin: Margin, phi: Phi) -> Result<Nats, Trouble> {
    if table.is_mute() || table.failures() > TOO_LARGE {
        return Ok(Nats::ZERO);
    }
    Nats::floor(exact(table, margin.material(), margin.no_worse()) / phi.get())
}

/// The least part of the candidate's answers beyond an edge that makes it materially slower there: what so many times the odds make of
/// stable's 99th percentile.
pub(super) fn floor(odds: f64) -> f64 {
    odds * RARE / (1.0 - RARE + odds * RARE)
}

/// What is known at one edge; or what is expected to be, then as counts that need not be whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownAtEdge {
    /// `ln` of the evidence against the odds.
    pub against_odds: f64,
    /// Answers of the candidate, and those of them that took longer.
    pub candidate: (f64, f64),
    /// Answers of stable, and those of them that took no longer.
    pub stable: (f64, f64),
}

impl KnownAtEdge {
    /// `ln` of the evidence against a candidate that is materially slower at this edge.
    pub(super) fn ln_e(self, odds: f64) -> f64 {
        let tail = ln_bet(self.candidate.1, self.candidate.0, floor(odds));
        let below = ln_bet(self.stable.1, self.stable.0, 0.5);
        let [of_odds, of_tail, of_median] = PARTS.map(f64::ln);
        log_sum(&[of_odds + self.against_odds, of_tail + tail, of_median + below])
    }
}

/// The sums at one edge. Written without names: they stand in the record once for each edge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "AtEdge", into = "AtEdge")]
pub(super) struct EdgeSums {
    /// Against the odds.
    odds: Nats,
    /// The candidate's answers that took longer, and those that did not and prove something.
    slow: u64,
    quick: u64,
    /// The same of stable's.
    stable: (u64, u64),
    /// Quick answers of the candidate that proved nothing, because they may be others'.
    others: u64,
}

/// An [`EdgeSums`] as it is written.
type AtEdge = (Nats, u64, u64, u64, u64, u64);

impl From<AtEdge> for EdgeSums {
    fn from((odds, slow, quick, slow_b, quick_b, others): AtEdge) -> Self {
        Self { odds, slow, quick, stable: (slow_b, quick_b), others }
    }
}

impl From<EdgeSums> for AtEdge {
    fn from(sums: EdgeSums) -> Self {
        (sums.odds, sums.slow, sums.quick, sums.stable.0, sums.stable.1, sums.others)
    }
}

impl EdgeSums {
    /// Adds a window, "failed" being "took longer", a table for each stratum. `foreign`: of all that was ever counted of the candidate at most so
    /// many are others'.
    pub(super) fn add(&mut self, strata: &[Table], foreign: u64, margin: Margin, phi: Phi) -> Result<(), Trouble> {
        // Others' quick answers would make the candidate look quicker, so as many prove nothing. Nobody knows at which gateway they
        // ask: it may be each one, and what was taken off is settled only as far as it was at all of them.
        let owed = foreign.saturating_sub(self.others);
        let mut settled = owed;
        for table in strata {
            let proved = table.without_good(owed);
            settled = settled.min(table.candidate.requests - proved.candidate.requests);
            self.odds = self.odds.plus(against(proved, margin, phi)?);
            let (candidate, stable) = (proved.candidate, proved.stable);
            self.slow = self.slow.saturating_add(candidate.failures);
            self.quick = self.quick.saturating_add(candidate.requests - candidate.failures);
            self.stable.0 = self.stable.0.saturating_add(stable.failures);
            self.stable.1 = self.stable.1.saturating_add(stable.requests - stable.failures);
        }
        self.others = self.others.saturating_add(if strata.is_empty() { 0 } else { settled });
        Ok(())
    }

    /// `ln` of the evidence against a candidate that is materially slower at this edge, where slow answers come so many at a time; none if
    /// nothing was ever counted here.
    pub(super) fn ln_e(&self, odds: f64, phi: Phi) -> Option<f64> {
        let weighed = |count: u64| real(count) / phi.get();
        let (slow_b, quick_b) = (weighed(self.stable.0), weighed(self.stable.1));
        let known = KnownAtEdge {
            against_odds: self.odds.value(),
            candidate: (weighed(self.slow) + weighed(self.quick), weighed(self.slow)),
            stable: (slow_b + quick_b, quick_b),
        };
        let any = known.candidate.0 + known.stable.0 > 0.0;
        any.then(|| known.ln_e(odds))
    }
}

#[cfg(test)]
mod tests;
