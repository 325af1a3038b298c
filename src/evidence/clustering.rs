//! Do failures come alone? The tests count each failure; where several share one cause there are fewer causes than failures.
//!
//! Decides by what the evidence of a window is divided (phi, the overdispersion): by how much more the failures of *stable* vary
//! between two windows that follow each other, given what both hold, than if each came by itself. For windows with `n1`, `n2`
//! requests and `k` failures in all, the first one's part is hypergeometric then; the square of its deviation, in units of its
//! variance, has mean 1, and mean `m` where failures come `m` at a time. Windows that follow each other meet the same times, so
//! that a drifting rate or a shared incident is no clustering but where it begins and ends, and there [`CAP`] bounds it. The
//! candidate has no part in it, so no candidate can make its own failures count less.
//!
//! To divide by an estimated dispersion is the usual remedy (quasi-likelihood; "Generalized Linear Models", second edition
//! 1989, section 4.5). Here it is a rule of thumb, an upper bound with constants that were chosen by simulation, and what is
//! promised of it is what was simulated: docs/evidence-figures.md. Depends on counts.

use super::counts::{Counts, real};
use serde::{Deserialize, Serialize};

/// As long as stable has not failed in two windows that follow each other, failures are taken to come in twos.
// Above 1, because a candidate's first failures at a small share decide before stable has shown whether its own come together. Nothing
// is ever learned where stable does not fail; there this is the price for good: twice as many failures until a candidate is found.
const UNTIL_KNOWN: f64 = 2.0;
/// What the estimate is drawn to, and how many pairs of windows that weighs.
const DRAWN_TO: f64 = 3.0;
const WEIGHS: f64 = 3.0;
/// So many standard deviations are added to what the estimate is above 1.
// An upper bound: a factor that is too small makes false alarms, one that is too large costs time. The deviation of a mean of n
// squares is the root of 2/n, times their size.
const DEVIATIONS: f64 = 1.5;
/// One pair of windows says no more than this. What is left of an incident's begin and end.
const CAP: f64 = 30.0;
/// So many edges of a histogram are looked at; those that are compared.
const MOST_EDGES: usize = 24;
/// No sum is larger: exact as a float.
const MOST_SUM: u64 = 1 << 50;
/// The largest factor.
pub const MOST: f64 = 100.0;

/// By what evidence is divided: from 1 (each failure comes by itself) to [`MOST`], in thousandths, so that what is computed
/// with it is the same after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub struct Phi(u32);

impl From<u32> for Phi {
    fn from(thousandths: u32) -> Self {
        Self(thousandths.clamp(1000, 100_000))
    }
}

impl From<Phi> for u32 {
    fn from(phi: Phi) -> Self {
        phi.0
    }
}

impl Default for Phi {
    fn default() -> Self {
        Self::ONE
    }
}

impl Phi {
    /// Each failure comes by itself.
    pub const ONE: Self = Self(1000);

    /// The nearest factor in range.
    pub fn of(factor: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1000 to 100000")]
        let thousandths = (factor.clamp(1.0, MOST) * 1000.0).round() as u32;
        Self::from(thousandths)
    }

    /// As a number, at least 1.
    pub fn get(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
    pub(crate) fn is_one(&self) -> bool {
        *self == Self::ONE
    }

    /// "failures come in threes" (of `what`), where that is far enough from one at a time to matter.
    pub(crate) fn words(self, what: &str) -> Option<String> {
        let groups = ["", "", "twos", "threes", "fours", "fives", "sixes", "sevens", "eights", "nines", "tens"];
        let nearest = usize::try_from(self.0.saturating_add(500) / 1000).unwrap_or_default();
        match groups.get(nearest) {
            _ if nearest < 2 => None,
            Some(name) => Some(format!("{what} come in {name}")),
            None => Some(format!("{what} come in groups of {nearest}")),
        }
    }
}

/// How stable's failures come, as far as its windows have shown. Some 30 bytes of a record, written as a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64, Option<Counts>)", into = "(u64, u64, Option<Counts>)")]
pub struct Clustering {
    /// The sum of the squared deviations in units of their variance, in thousandths.
    spread: u64,
    /// Of so many pairs of windows in which something failed.
    pairs: u64,
    /// The window before, unless the next one does not follow it.
    before: Option<Counts>,
}

impl From<(u64, u64, Option<Counts>)> for Clustering {
    fn from((spread, pairs, before): (u64, u64, Option<Counts>)) -> Self {
        // A record that was edited by hand brings no number that is not exact as a float.
        Self { spread: spread.min(MOST_SUM), pairs: pairs.min(MOST_SUM), before }
    }
}

impl From<Clustering> for (u64, u64, Option<Counts>) {
    fn from(clustering: Clustering) -> Self {
        (clustering.spread, clustering.pairs, clustering.before)
    }
}

impl Clustering {
    /// Nothing is known, or nothing is kept: for records.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// The next window does not follow the last one: a step lies between them.
    pub(crate) fn apart(&mut self) {
        self.before = None;
    }

    /// A window of stable.
    pub(crate) fn look(&mut self, window: Counts) {
        if let Some(deviation) = self.before.and_then(|before| deviation(before, window)) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to CAP")]
            let thousandths = (deviation.min(CAP) * 1000.0).round() as u64;
            self.spread = self.spread.saturating_add(thousandths);
            self.pairs = self.pairs.saturating_add(1);
        }
        self.before = (window.requests > 0).then_some(window);
    }

    /// Enough pairs of windows to say something of it to people.
    pub(crate) fn is_known(&self) -> bool {
        self.pairs >= 6
    }

    /// The factor for what speaks against a candidate.
    pub(crate) fn against(&self) -> Phi {
        if self.pairs == 0 { Phi::of(UNTIL_KNOWN) } else { self.estimate(DRAWN_TO) }
    }

    /// The factor for what speaks for it, and for objectives: drawn to 1, so that where nothing ever fails, and nobody can know whether
    /// failures would come together, acceptance takes no longer. There it excludes a rate of *causes*.
    pub(crate) fn estimated(&self) -> Phi {
        self.estimate(1.0)
    }

    fn estimate(&self, drawn_to: f64) -> Phi {
        let weight = WEIGHS + real(self.pairs);
        let mean = (WEIGHS * drawn_to + real(self.spread) / 1000.0) / weight;
        Phi::of(1.0 + (mean - 1.0).max(0.0) * (1.0 + DEVIATIONS * (2.0 / weight).sqrt()))
    }
}

/// The square of the first window's deviation in units of its variance, given what both hold; none where that leaves no choice.
fn deviation(one: Counts, other: Counts) -> Option<f64> {
    let (n1, n2) = (real(one.requests), real(other.requests));
    let (n, k) = (n1 + n2, real(one.failures) + real(other.failures));
    let variance = k * (n1 / n) * (n2 / n) * (n - k) / (n - 1.0);
    let off = real(one.failures) - k * n1 / n;
    // Where nothing or all failed, or there is one request, it is zero or no number.
    (variance > 0.0).then(|| off * off / variance)
}

/// Requests and failures, each window's divided by what failures count for in it; in thousandths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Weighed(u64, u64);

impl From<Counts> for Weighed {
    fn from(counts: Counts) -> Self {
        Self::default().plus(counts, Phi::ONE)
    }
}

impl Weighed {
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// With one window more.
    #[must_use]
    pub(crate) fn plus(self, window: Counts, phi: Phi) -> Self {
        // In 128 bits, because a million times a count may be more than 64 hold; rounded against the candidate.
        let divided = |n: u64| u128::from(n) * 1_000_000 / u128::from(phi.0);
        let up = |n: u64| (u128::from(n) * 1_000_000).div_ceil(u128::from(phi.0));
        let add = |sum: u64, more: u128| sum.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
        Self(add(self.0, divided(window.requests)), add(self.1, up(window.failures)))
    }

    /// Failures and requests, at least as many of these.
    pub(crate) fn reals(self) -> (f64, f64) {
        let failures = real(self.1) / 1000.0;
        (failures, (real(self.0) / 1000.0).max(failures))
    }
}

/// How stable's slow answers come, at each edge of its histogram: one collector's pause slows down many at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SlowClustering {
    /// What is said by hand.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    all: Option<Phi>,
    /// By edge.
    #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty")]
    edges: Vec<(u64, Clustering)>,
}

impl SlowClustering {
    /// Slow answers come alone.
    pub(crate) fn none() -> Self {
        Self { all: Some(Phi::ONE), edges: Vec::new() }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// The next window does not follow the last one.
    pub(crate) fn apart(&mut self) {
        self.edges.iter_mut().for_each(|(_, clustering)| clustering.apart());
    }

    /// A window of stable: all answers, and at each edge how many took longer. The edges are those of the first window.
    pub(crate) fn look(&mut self, total: u64, above: &[(u64, u64)], by_hand: Option<Phi>) {
        self.all = by_hand;
        if by_hand.is_some() {
            return;
        }
        if self.edges.is_empty() {
            // As they are compared: of many edges every n-th.
            let some = above.iter().step_by(above.len().div_ceil(MOST_EDGES).max(1));
            self.edges = some.map(|(edge, _)| (*edge, Clustering::default())).collect();
        }
        for (edge, clustering) in &mut self.edges {
            match above.iter().find(|(found, _)| found == edge) {
                Some((_, slow)) => clustering.look(Counts::new(total, *slow)),
                None => clustering.apart(),
            }
        }
    }

    /// The factor for answers slower than this edge.
    pub(crate) fn at(&self, edge: u64) -> Phi {
        let known = self.edges.iter().find(|(at, _)| *at == edge).map(|(_, clustering)| *clustering);
        self.all.unwrap_or_else(|| known.unwrap_or_default().against())
    }

    /// The factor for what speaks for a candidate at this edge.
    pub(crate) fn for_it(&self, edge: u64) -> Phi {
        let known = self.edges.iter().find(|(at, _)| *at == edge).map(|(_, clustering)| *clustering);
        self.all.unwrap_or_else(|| known.unwrap_or_default().estimated())
    }

    /// The factor for an objective, of answers slower than the first edge at or above a limit.
    pub(crate) fn of_objective(&self, limit: u64) -> Phi {
        let known = self.edges.iter().find(|(edge, _)| *edge >= limit).map(|(_, clustering)| *clustering);
        self.all.unwrap_or_else(|| known.unwrap_or_default().estimated())
    }
}

#[cfg(test)]
mod tests;
