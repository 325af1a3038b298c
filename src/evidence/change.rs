//! Did the candidate begin to break an objective? A detector of changes, for the bake.
//!
//! One bet over the whole bake must first win back what a clean past has lost: after half an hour at 100 requests a second it
//! takes eight minutes and 2,450 failures to see that one in twenty fails. So bets are begun at each window, with weights that
//! sum to 1 ([`super::starts`]): that a candidate which keeps the objective is ever found to break it has a probability of at most
//! alpha, over the whole bake, however long it lasts. Decides also which windows are told to people: those since the candidate
//! last stood best, because they are the ones that speak against it. Depends on the bets of [`super::objective`].

use super::clustering::Phi;
use super::counts::Counts;
use super::nats::{Nats, Trouble};
use super::objective::{MULTIPLES, each, ln_e};
use super::starts::Mixture;
use serde::{Deserialize, Serialize};

/// One objective, from the first window of the bake on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// A sum for each multiple of the objective.
    sums: Mixture<{ MULTIPLES.len() }>,
    /// All that was counted.
    whole: Counts,
    /// What was counted since it last stood best.
    recent: Counts,
}

impl Change {
    /// Adds a window of the candidate, all gateways together; `limit` is the objective, and failures come so many at a time.
    pub(super) fn add(&mut self, window: Counts, limit: f64, phi: Phi) -> Result<(), Trouble> {
        self.whole = self.whole.plus(window);
        self.recent = self.recent.plus(window);
        if ln_e(self.recent, limit, phi) <= 0.0 {
            self.recent = Counts::default();
        }
        let mut logs = [Nats::ZERO; MULTIPLES.len()];
        for (log, value) in logs.iter_mut().zip(each(window, limit, phi)) {
            *log = Nats::floor(value)?;
        }
        self.sums.close(logs)
    }

    /// `ln E` that the objective is broken since some window.
    pub(super) fn ln_e(&self, limit: f64) -> f64 {
        self.sums.ln_e(each(Counts::default(), limit, Phi::ONE).count())
    }

    /// What was counted since it last stood best.
    pub(super) fn recent(&self) -> Counts {
        self.recent
    }

    /// All that was counted.
    pub(super) fn whole(&self) -> Counts {
        self.whole
    }
}

/// Both objectives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BakeChanges {
    /// Failures.
    pub(super) failures: Change,
    /// Slow answers.
    #[serde(default)]
    pub(super) tail: Change,
}

#[cfg(test)]
mod tests {
    use super::super::counts::real;
    use super::*;

    const LIMIT: f64 = 0.01;
    const NEEDED: f64 = 4.605;

    fn after(windows: &[Counts]) -> Change {
        let mut change = Change::default();
        for window in windows {
            change.add(*window, LIMIT, Phi::ONE).unwrap();
        }
        change
    }

    /// Half an hour at 100 requests a second, one of a thousand fails; then one of twenty.
    #[test]
    fn a_jump_after_a_clean_half_hour_is_found_in_one_window() {
        let clean = [Counts::new(1000, 1); 180];
        let mut change = after(&clean);
        assert!(change.ln_e(LIMIT) < 0.0, "{}", change.ln_e(LIMIT));
        change.add(Counts::new(1000, 50), LIMIT, Phi::ONE).unwrap();
        assert!(change.ln_e(LIMIT) >= NEEDED, "{}", change.ln_e(LIMIT));
        assert_eq!((change.recent(), change.whole()), (Counts::new(1000, 50), Counts::new(181_000, 230)));
        // The bet over the whole bake would have needed 2,450 failures.
        let whole = |more: u64| ln_e(Counts::new(180_000 + 1000 * more, 180 + 50 * more), LIMIT, Phi::ONE) >= NEEDED;
        assert_eq!((1..100).find(|more| whole(*more)), Some(49));
    }

    #[test]
    fn what_is_broken_from_the_start_takes_no_longer_to_speak_of() {
        let windows = |n: usize| vec![Counts::new(1000, 20); n];
        let first = |found: &dyn Fn(usize) -> bool| (1..50).find(|n| found(*n));
        let bet = first(&|n| ln_e(Counts::new(1000 * n as u64, 20 * n as u64), LIMIT, Phi::ONE) >= NEEDED);
        let change = first(&|n| after(&windows(n)).ln_e(LIMIT) >= NEEDED);
        assert_eq!((bet, change), (Some(2), Some(2)));
    }

    /// Over every outcome of one window of ten requests that fail with the objective's probability.
    #[test]
    fn its_mean_does_not_grow_while_the_objective_is_kept() {
        let limit = 0.1;
        for past in [vec![], vec![Counts::new(10, 0); 40], vec![Counts::new(10, 4); 2]] {
            let mut before = Change::default();
            for window in past {
                before.add(window, limit, Phi::ONE).unwrap();
            }
            let mean: f64 = (0..=10_u64)
                .map(|k| {
                    let ways = super::super::logs::ln_choose(10, k);
                    let chance = ways + real(k) * limit.ln() + real(10 - k) * (1.0 - limit).ln();
                    let mut after = before;
                    after.add(Counts::new(10, k), limit, Phi::ONE).unwrap();
                    (chance + after.ln_e(limit)).exp()
                })
                .sum();
            assert!(mean <= before.ln_e(limit).exp() * (1.0 + 1e-12), "{mean}");
        }
    }

    #[test]
    fn an_objective_that_no_rate_exceeds_is_never_broken() {
        let mut change = Change::default();
        change.add(Counts::new(10, 10), 0.9, Phi::ONE).unwrap();
        assert!(change.ln_e(0.9).abs() < 1e-12);
    }
}
