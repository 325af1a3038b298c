//! Is the candidate worse than stable? An exact sequential test, conditional on each window's totals.
//!
//! In a window and stratum with `n_c`, `n_b` requests and `k` failures in all, the candidate's share of the failures is
//! hypergeometric if requests were assigned at random and the candidate is no worse, however failures cluster or drift: it
//! is Fisher's randomization test. `e = psi^k_c Z(1) / Z(psi)` then has mean 1 for every `psi`, products over windows are a
//! supermartingale, and their mean over a grid of `psi` exceeds `1/alpha` with a probability of at most `alpha`, ever
//! (Ville's inequality). Since when the candidate is worse nobody knows either: [`super::starts`] multiplies what is computed
//! here, from each window on. Incidents that hit both arms, ramps and unequal shares cost nothing, because each window is
//! compared with itself. Lindon and Malek ("Anytime-Valid Inference for Multinomial Count Data", 2022) test against the
//! split that was configured; here it is the split that was counted, window by window.

use super::clustering::Phi;
use super::conditional::ln_z;
use super::counts::{Table, real};
use super::logs::log_mean;
use super::nats::{Nats, Trouble};
use super::strays::most_of_one;
use serde::{Deserialize, Serialize};

/// Odds ratios that are looked for, with equal weights.
// How much worse a candidate is nobody knows in advance; the mean over seven ratios costs at most ln 7 (1.9) nats beside
// knowing it. 100 finds a candidate that fails everything within a window, 1.5 one that is a little worse in the end.
pub const GRID: [f64; 7] = [1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0];
/// With more failures than this in one window the closed form is used: the exact one would cost milliseconds.
const CLOSED_ABOVE: u64 = 100_000_000;

/// Evidence that the candidate's odds of failure are higher than stable's, a sum for each odds ratio of [`GRID`]: of one window
/// over its strata, in whatever order they come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Comparison([Nats; GRID.len()]);

impl Comparison {
    /// Adds one stratum of a window. One that is mute adds nothing.
    pub fn add(&mut self, table: Table) -> Result<(), Trouble> {
        self.add_beyond(table, 1.0, Phi::ONE)
    }

    /// The same where up to `no_worse` times stable's odds are no worse: [`GRID`] has multiples of these. Beyond 1 its mean is at most 1
    /// only if failures are independent; of a candidate that is as good as stable it is so by random assignment alone. And where
    /// failures come so many at a time: each odds ratio's evidence is divided for itself, because a power of an e-value is one (Jensen), and
    /// so is the mean of powers; the power of the mean would weigh the ratios anew.
    pub(super) fn add_beyond(&mut self, table: Table, no_worse: f64, phi: Phi) -> Result<(), Trouble> {
        // Mute is a matter of totals. Windows may be left out by their totals, but never by whose failures are in them:
        // that would choose the evidence.
        if table.is_mute() {
            return Ok(());
        }
        let large = table.failures() > CLOSED_ABOVE;
        let z_of_none = if large { 0.0 } else { ln_z(table, no_worse) };
        for (sum, psi) in self.0.iter_mut().zip(GRID) {
            let ln_e = if large {
                closed(table, no_worse, no_worse * psi)
            } else {
                real(table.candidate.failures) * psi.ln() + z_of_none - ln_z(table, no_worse * psi)
            };
            *sum = sum.plus(Nats::floor(ln_e / phi.get())?);
        }
        Ok(())
    }

    /// Takes off what `expected` failures of strangers among the candidate's could add to a window on average, where the
    /// candidate has this `share` of the requests that did not fail ([`super::strays`]).
    pub(super) fn less_strays(&mut self, expected: f64, share: f64, phi: Phi) -> Result<(), Trouble> {
        less_strays(&mut self.0, expected, share, phi)
    }

    /// `ln e` for each odds ratio.
    pub(super) fn sums(self) -> [Nats; GRID.len()] {
        self.0
    }

    /// `ln E`, the logarithm of the mean over the grid.
    pub fn ln_e(&self) -> f64 {
        log_mean(&self.0.map(Nats::value))
    }
}

/// [`Comparison::less_strays`] from sums for the odds ratios of [`GRID`].
pub(super) fn less_strays(sums: &mut [Nats; GRID.len()], expected: f64, share: f64, phi: Phi) -> Result<(), Trouble> {
    for (sum, psi) in sums.iter_mut().zip(GRID) {
        *sum = sum.plus(Nats::floor((1.0 - most_of_one(psi, share, phi)) * expected)?);
    }
    Ok(())
}

/// `ln e` of one window for the odds ratio `psi1`, where up to `psi0` is no worse.
pub fn exact(table: Table, psi0: f64, psi1: f64) -> f64 {
    real(table.candidate.failures) * (psi1 / psi0).ln() + ln_z(table, psi0) - ln_z(table, psi1)
}

/// A lower bound of [`exact`] in closed form: the hypergeometric law is dominated by the binomial in convex order (Hoeffding
/// 1963).
pub fn closed(table: Table, psi0: f64, psi1: f64) -> f64 {
    let (n_c, n_b) = (real(table.candidate.requests), real(table.stable.requests));
    let share = n_c / (n_c + n_b);
    let expected = share * psi0 / (share * psi0 + 1.0 - share);
    let ratio = psi1 / psi0;
    real(table.candidate.failures) * ratio.ln() - real(table.failures()) * ((ratio - 1.0) * expected).ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(value: f64, wanted: f64) {
        assert!((value - wanted).abs() < 2e-9 * wanted.abs().max(1.0), "{value}, wanted {wanted}");
    }

    fn windows() -> [Table; 3] {
        [Table::of(50, 950, 1, 2), Table::of(52, 948, 3, 1), Table::of(49, 951, 2, 0)]
    }

    #[test]
    fn three_windows_by_hand() {
        let mut evidence = Comparison::default();
        for (window, running) in windows().into_iter().zip([0.703_627_180, 5.990_365_534, 10.894_337_804]) {
            evidence.add(window).unwrap();
            near(evidence.ln_e(), running);
        }
        let parts = [0.261_838, 1.768_594, 3.778_688, 6.055_266, 8.507_041, 10.393_153, 9.668_291];
        for (sum, part) in evidence.0.iter().zip(parts) {
            assert!((sum.value() - 7.0_f64.ln() - part).abs() < 1e-6);
        }
    }

    #[test]
    fn single_windows_exact_and_closed() {
        let table = Table::of(50, 950, 3, 10);
        for (psi, wanted, bound) in
            [(2.0, 1.448_514, 1.445_169), (5.0, 2.498_689, 2.458_133), (10.0, 2.217_437, 2.077_429)]
        {
            assert!((exact(table, 1.0, psi) - wanted).abs() < 1e-6);
            assert!((closed(table, 1.0, psi) - bound).abs() < 1e-6);
        }
        assert!((exact(Table::of(100, 100, 50, 50), 1.0, 2.0) - -3.002_938).abs() < 1e-6);
        assert!((closed(Table::of(100, 100, 50, 50), 1.0, 2.0) - -5.889_152).abs() < 1e-6);
        assert!((exact(Table::of(20, 980, 1, 0), 1.0, 10.0) - 2.137_071).abs() < 1e-6);
        for (window, wanted) in windows().into_iter().zip([0.627_268_204, 2.283_263_252, 1.588_459_870]) {
            near(exact(window, 1.25, 3.0), wanted);
        }
    }

    #[test]
    fn a_candidate_that_fails_everything_does_not_overflow() {
        let table = Table::of(500, 9500, 500, 10);
        assert!((exact(table, 1.0, 100.0) - 1_584.414_825).abs() < 1e-6);
        let mut evidence = Comparison::default();
        evidence.add(table).unwrap();
        assert!(evidence.ln_e() > 1000.0);
    }

    #[test]
    fn a_window_with_an_empty_arm_says_nothing() {
        let mut evidence = Comparison::default();
        for table in [Table::of(0, 10, 0, 3), Table::of(9, 0, 9, 0), Table::of(10, 10, 0, 0)] {
            evidence.add(table).unwrap();
        }
        assert_eq!((evidence, evidence.ln_e()), (Comparison::default(), 0.0));
    }

    #[test]
    fn huge_windows_stay_finite() {
        let mut evidence = Comparison::default();
        evidence.add(Table::of(1 << 39, 1 << 39, 1 << 38, 1 << 30)).unwrap();
        assert!(evidence.ln_e() > 1e6);
    }

    /// A window with up to 4,000 requests an arm, failures rare or not.
    fn table() -> impl Strategy<Value = Table> {
        (1..4000_u64, 1..4000_u64, prop_oneof![Just(0.002), 0.0..1.0_f64], prop_oneof![Just(0.002), 0.0..1.0_f64])
            .prop_map(|(n_c, n_b, p_c, p_b)| {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a small count")]
                let part = |n: u64, p: f64| (real(n) * p).round() as u64;
                Table::of(n_c, n_b, part(n_c, p_c), part(n_b, p_b))
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn the_closed_form_never_claims_more(table in table(), psi0 in 1.0..2.0_f64, more in 1.01..60.0_f64) {
            let (tight, bound) = (exact(table, psi0, psi0 * more), closed(table, psi0, psi0 * more));
            prop_assert!(bound <= tight + 1e-8, "{bound} > {tight}");
        }

        #[test]
        fn one_failure_more_of_the_candidate_never_speaks_for_it(table in table()) {
            prop_assume!(table.candidate.failures < table.candidate.requests && !table.is_mute());
            let worse = Table::of(
                table.candidate.requests, table.stable.requests, table.candidate.failures + 1, table.stable.failures,
            );
            for psi in GRID {
                prop_assert!(exact(worse, 1.0, psi) >= exact(table, 1.0, psi) - 1e-8);
            }
        }

        #[test]
        fn the_order_of_gateways_does_not_matter(
            tables in proptest::collection::vec(table(), 1..8), turn in 0..8_usize,
        ) {
            let sum = |tables: &[Table]| {
                let mut evidence = Comparison::default();
                for table in tables { evidence.add(*table).unwrap(); }
                evidence
            };
            let mut turned = tables.clone();
            turned.rotate_left(turn % tables.len());
            prop_assert_eq!(sum(&tables), sum(&turned));
        }

        #[test]
        fn saved_and_loaded_it_is_the_same(tables in proptest::collection::vec(table(), 0..6)) {
            let mut evidence = Comparison::default();
            for table in tables { evidence.add(table).unwrap(); }
            let loaded: Comparison = serde_json::from_str(&serde_json::to_string(&evidence).unwrap()).unwrap();
            prop_assert_eq!((loaded, loaded.ln_e().to_bits()), (evidence, evidence.ln_e().to_bits()));
        }
    }

    #[test]
    fn beyond_a_null_of_other_odds_its_mean_is_one_at_these_odds_and_less_below() {
        let (n_c, n_b, k) = (12_u64, 40_u64, 9_u64);
        for no_worse in [1.0, 1.5, 3.0] {
            let mean = |true_odds: f64| {
                let z = ln_z(Table::of(n_c, n_b, 0, k), true_odds);
                (0..=k)
                    .map(|x| {
                        let ways = super::super::logs::ln_choose(n_c, x) + super::super::logs::ln_choose(n_b, k - x);
                        let mut evidence = Comparison::default();
                        evidence.add_beyond(Table::of(n_c, n_b, x, k - x), no_worse, Phi::ONE).unwrap();
                        (ways + real(x) * true_odds.ln() - z + evidence.ln_e()).exp()
                    })
                    .sum::<f64>()
            };
            assert!((mean(no_worse) - 1.0).abs() < 1e-9, "{no_worse}: {}", mean(no_worse));
            assert!(mean(no_worse * 0.8) < 1.0 && mean(no_worse * 1.3) > 1.0);
        }
    }

    #[test]
    fn given_the_totals_its_mean_is_one() {
        // Over every outcome of a window, weighted as random assignment weighs it.
        let (n_c, n_b, k) = (12, 40, 9);
        for psi in GRID {
            let mean: f64 = (0..=k)
                .map(|x| {
                    let ways = super::super::logs::ln_choose(n_c, x) + super::super::logs::ln_choose(n_b, k - x);
                    let weight = (ways - super::super::logs::ln_choose(n_c + n_b, k)).exp();
                    weight * exact(Table::of(n_c, n_b, x, k - x), 1.0, psi).exp()
                })
                .sum();
            assert!((mean - 1.0).abs() < 1e-10, "{psi}: {mean}");
        }
    }

    /// The mean over odds ratios of each one's power is an e-value too, whatever the power below 1.
    #[test]
    fn divided_its_mean_is_at_most_one() {
        let (n_c, n_b, k) = (12, 40, 9);
        for phi in [1.0, 1.3, 5.0, 100.0] {
            let mean: f64 = (0..=k)
                .map(|x| {
                    let ways = super::super::logs::ln_choose(n_c, x) + super::super::logs::ln_choose(n_b, k - x);
                    let weight = (ways - super::super::logs::ln_choose(n_c + n_b, k)).exp();
                    let mut evidence = Comparison::default();
                    evidence.add_beyond(Table::of(n_c, n_b, x, k - x), 1.0, Phi::of(phi)).unwrap();
                    weight * evidence.ln_e().exp()
                })
                .sum();
            assert!(mean <= 1.0 + 1e-9 && (phi > 1.0 || mean > 1.0 - 1e-9), "{phi}: {mean}");
        }
    }
}
