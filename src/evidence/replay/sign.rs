//! Which of two does worse, pair by pair: the sign test, exact and valid at every look.
//!
//! Where a pair's two answers differ, and the two revisions answer alike, each was the worse one with a chance of one half, since
//! which of the two is asked first is drawn by lot. `E = mean over p of (2 p)^lost (2 (1 - p))^won` then has mean 1 at most, whatever
//! the requests and however pairs depend on each other (a betting martingale on a fair coin; Ville's inequality).

use crate::evidence::counts::real;
use crate::evidence::logs::log_mean;

/// Chances that the candidate is the worse one that are looked for, with equal weights.
// Nobody knows how much worse it is in advance; the mean over four costs at most ln 4 (1.4) nats beside knowing it.
const CHANCES: [f64; 4] = [0.6, 0.75, 0.9, 0.99];

/// Pairs that differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SignTest {
    /// The candidate did worse.
    pub(super) lost: u64,
    /// Stable did.
    pub(super) won: u64,
}

impl SignTest {
    /// Adds a pair. `lost` as for [`SignTest::lost`]; none: no difference.
    pub(super) fn add(&mut self, lost: Option<bool>) {
        match lost {
            Some(true) => self.lost += 1,
            Some(false) => self.won += 1,
            None => {}
        }
    }

    /// `ln E` against "the candidate does no worse than stable".
    pub(super) fn ln_e(self) -> f64 {
        let (lost, won) = (real(self.lost), real(self.won));
        log_mean(&CHANCES.map(|p| lost * (2.0 * p).ln() + won * (2.0 * (1.0 - p)).ln()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::logs::{ln_choose, log_sum};

    #[test]
    fn its_mean_is_one_where_both_are_alike() {
        for pairs in [1, 7, 40] {
            let terms: Vec<f64> = (0..=pairs)
                .map(|lost| {
                    let ways = ln_choose(pairs, lost) - real(pairs) * 2.0_f64.ln();
                    ways + SignTest { lost, won: pairs - lost }.ln_e()
                })
                .collect();
            assert!(log_sum(&terms).abs() < 1e-9, "{pairs}: {}", log_sum(&terms).exp());
        }
    }

    #[test]
    fn lost_pairs_speak_against_and_won_ones_for_the_candidate() {
        // 10 of 10: (1.2^10 + 1.5^10 + 1.8^10 + 1.98^10) / 4 = 336.7.
        let all = SignTest { lost: 10, won: 0 }.ln_e().exp();
        assert!((all - 336.7).abs() < 0.1, "{all}");
        assert!(SignTest { lost: 5, won: 5 }.ln_e() < 0.0);
        assert!(SignTest { lost: 0, won: 10 }.ln_e() < 0.0);
        assert!(SignTest::default().ln_e().abs() < 1e-12);
    }
}
