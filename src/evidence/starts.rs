//! Since when? Evidence that remembers a clean past forgets what happens now, so it is begun anew at every window.
//!
//! The product over all windows is the best there is against a candidate that was worse from the first one. Against one that
//! turns worse after half an hour it is slow: everything that spoke for it must be outweighed first. So products that begin
//! at each window are added up, with weights that are fixed beforehand and sum to 1. Each product has a mean of at most 1 at
//! every time if nothing is wrong, and so has their weighted sum, with what is not given out yet as it is: by Ville's
//! inequality it ever exceeds `1/a` with a probability of at most `a`, as one product does (the mixture form of the
//! Shiryaev-Roberts sum; Shin, Ramdas and Rinaldo, "E-detectors", 2022, have the general theory). Nobody has to know how long
//! a walk or a bake will last, and one that lasts longer stays valid.
//!
//! Decides the weights, and keeps the sum: for each alternative `M = (M + w) e`, window by window. The order of windows
//! matters to it; that of gateways within a window does not, because their logarithms are added before.

use super::clustering::Phi;
use super::comparison::{Comparison, GRID};
use super::counts::{Table, real};
use super::logs::log_sum;
use super::nats::{Nats, Trouble};
use serde::{Deserialize, Serialize};

/// The weight of a start with the first window.
// Most faults are there from the first request on, and the other starts help against them as well: with 3/4 finding those takes
// 3 to 6 % longer, with 1/2 it would take 8 to 13 %. Late ones would gain no more than 8 % by the other quarter.
const AT_ONCE: f64 = 0.75;
/// The rest falls like `SPREAD / (n + SPREAD)^2`, `n` being the number of windows before.
// It never ends, so that nobody has to know how many windows come. For a start after `n` windows the best value is `n`; this one
// is within one nat of it for starts after a quarter of as many windows (150 s of the usual 10) up to four times as many.
const SPREAD: f64 = 60.0;
/// A weight that is so much smaller (`ln`) than what it is added to is less than a unit of [`Nats`].
const NOTHING: f64 = -30.0;

/// The weight of a start when `before` windows have passed.
fn weight(before: u64) -> f64 {
    let n = real(before);
    let spread = (1.0 - AT_ONCE) * SPREAD / ((n + SPREAD) * (n + SPREAD + 1.0));
    if before == 0 { AT_ONCE + spread } else { spread }
}

/// What of all weights is not given out after so many windows.
fn rest(windows: u64) -> f64 {
    if windows == 0 { 1.0 } else { (1.0 - AT_ONCE) * SPREAD / (real(windows) + SPREAD) }
}

/// For each of `N` alternatives the weighted sum of the products that begin at each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SavedStarts", into = "SavedStarts")]
pub(super) struct Mixture<const N: usize> {
    /// Windows that said something.
    windows: u64,
    /// `ln` of the sums; of no account before the first window.
    sums: [Nats; N],
}

/// As it is saved.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SavedStarts {
    /// Windows, sums.
    Starts(u64, Vec<Nats>),
    /// One product for each alternative, as builds before had it. It cannot be gone on with, and the settings that are saved
    /// beside it say so ([`super::Rules::fingerprint`]).
    One(Vec<Nats>),
}

impl<const N: usize> From<SavedStarts> for Mixture<N> {
    fn from(form: SavedStarts) -> Self {
        let SavedStarts::Starts(windows, sums) = form else { return Self::default() };
        <[Nats; N]>::try_from(sums).map_or_else(|_| Self::default(), |sums| Self { windows, sums })
    }
}

impl<const N: usize> From<Mixture<N>> for SavedStarts {
    fn from(mixture: Mixture<N>) -> Self {
        Self::Starts(mixture.windows, mixture.sums.to_vec())
    }
}

impl<const N: usize> Default for Mixture<N> {
    fn default() -> Self {
        Self { windows: 0, sums: [Nats::ZERO; N] }
    }
}

impl<const N: usize> Mixture<N> {
    /// A window has closed: `ln e` of it, all gateways together, for each alternative.
    pub(super) fn close(&mut self, window: [Nats; N]) -> Result<(), Trouble> {
        // A start at a window that says nothing is a start at the next one. Whether it does is told by its totals.
        if window == [Nats::ZERO; N] {
            return Ok(());
        }
        let start = weight(self.windows).ln();
        for (sum, more) in self.sums.iter_mut().zip(window) {
            let before = if self.windows == 0 { Nats::floor(start)? } else { with(*sum, start)? };
            *sum = before.plus(more);
        }
        self.windows = self.windows.saturating_add(1);
        Ok(())
    }

    /// `ln E`: the mean over the first `alternatives`, and what is not given out.
    pub(super) fn ln_e(&self, alternatives: usize) -> f64 {
        if self.windows == 0 || alternatives == 0 {
            return 0.0;
        }
        let mut logs: Vec<f64> = self.sums.iter().take(alternatives).map(|sum| sum.value()).collect();
        logs.push((rest(self.windows) * real(alternatives as u64)).ln());
        log_sum(&logs) - real(alternatives as u64).ln()
    }
}

/// `ln(e^sum + e^start)`, rounded down: as a whole number that is added, so that a large sum loses none of its digits.
fn with(sum: Nats, start: f64) -> Result<Nats, Trouble> {
    let more = start - sum.value();
    if more < NOTHING {
        return Ok(sum);
    }
    let added = if more > 0.0 { more + (-more).exp().ln_1p() } else { more.exp().ln_1p() };
    Ok(sum.plus(Nats::floor(added)?))
}

/// Evidence that the candidate is worse than stable since some window: [`Comparison`]s of windows, one after the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Starts {
    closed: Mixture<{ GRID.len() }>,
    /// What was added since.
    #[serde(skip)]
    open: Comparison,
}

impl Starts {
    /// Adds one stratum of the window that is open.
    pub fn add(&mut self, table: Table) -> Result<(), Trouble> {
        self.open.add(table)
    }

    /// The same beyond so many times stable's odds, where failures come so many at a time ([`Comparison::add_beyond`]).
    pub(super) fn add_beyond(&mut self, table: Table, no_worse: f64, phi: Phi) -> Result<(), Trouble> {
        self.open.add_beyond(table, no_worse, phi)
    }

    /// The window that is open is worth less by what strangers may have added to it ([`Comparison::less_strays`]).
    pub(super) fn less_strays(&mut self, expected: f64, share: f64, phi: Phi) -> Result<(), Trouble> {
        self.open.less_strays(expected, share, phi)
    }

    /// The window closes.
    pub fn close(&mut self) -> Result<(), Trouble> {
        self.closed.close(std::mem::take(&mut self.open).sums())
    }

    /// `ln E` of the windows that have closed.
    pub fn ln_e(&self) -> f64 {
        self.closed.ln_e(GRID.len())
    }
}

#[cfg(test)]
mod tests;
