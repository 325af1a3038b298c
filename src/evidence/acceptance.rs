//! May the candidate have the rest? Only when a materially worse candidate is excluded.
//!
//! Materially worse means at least `odds` times stable's odds of failure *and* a failure rate of at least `rate`. Decides by
//! the mean of two e-values against that: the exact conditional test turned round, which learns from failures, and a bet
//! against the rate, which learns from their absence. Without the second a service that never fails could never be accepted.

use super::bound::ln_bet;
use super::clustering::{Phi, Weighed};
use super::conditional::ln_z;
use super::counts::{Table, real};
use super::logs::log_mean;
use super::nats::{Nats, Trouble};

/// Above so many failures in one window the exact form costs milliseconds; a window may always be left out by its totals.
// The closed form of the comparison is no way out here: it is a bound from the side that would favour the candidate.
const TOO_LARGE: u64 = 100_000_000;

/// `ln g` of one window: evidence against odds of failure of `odds` times stable's or more.
pub(super) fn window(table: Table, odds: f64) -> Result<Nats, Trouble> {
    window_clustered(table, odds, Phi::ONE)
}

/// The same, where failures come so many at a time.
pub(super) fn window_clustered(table: Table, odds: f64, phi: Phi) -> Result<Nats, Trouble> {
    if table.is_mute() || table.failures() > TOO_LARGE {
        return Ok(Nats::ZERO);
    }
    Nats::floor((ln_z(table, odds) - ln_z(table, 1.0) - real(table.candidate.failures) * odds.ln()) / phi.get())
}

/// `ln` of the whole evidence against a materially worse candidate, from the sum of [`window`] and all that was counted of
/// the candidate. It is accepted at `1/beta`.
pub(super) fn ln_e(windows: Nats, candidate: impl Into<Weighed>, rate: f64) -> f64 {
    let (failures, requests) = candidate.into().reals();
    // The mean and not the product: both are made of the same requests, and the mean of e-values is one whatever their
    // dependence. It costs a factor of two, so without failures the bet alone must reach 39 for a beta of 5 %: 4,534 clean
    // requests at a tolerated rate of 0.1 %.
    log_mean(&[windows.value(), ln_bet(failures, requests, rate)])
}

#[cfg(test)]
mod tests {
    use super::super::counts::Counts;
    use super::*;
    use proptest::prelude::*;

    fn near(value: f64, wanted: f64) {
        assert!((value - wanted).abs() < 2e-9 * wanted.abs().max(1.0), "{value}, wanted {wanted}");
    }

    #[test]
    fn windows_by_hand() {
        let windows = [
            (Table::of(50, 950, 1, 2), -0.813_152_891),
            (Table::of(52, 948, 3, 1), -2.901_047_033),
            (Table::of(49, 951, 2, 0), -2.010_398_666),
            (Table::of(1000, 1000, 2, 3), 1.267_260_153),
            (Table::of(5000, 5000, 10, 10), 2.872_068_052),
        ];
        for (table, wanted) in windows {
            near(window(table, 3.0).unwrap().value(), wanted);
        }
        let running = windows[..3].iter().fold(Nats::ZERO, |sum, (table, _)| sum.plus(window(*table, 3.0).unwrap()));
        assert!((running.value() - -5.7246).abs() < 1e-4);
    }

    #[test]
    fn a_service_that_never_fails_is_accepted_after_enough_requests() {
        for (rate, needed) in [(0.001, 4534), (0.005, 905), (0.01, 452)] {
            let accepted = |n| ln_e(Nats::ZERO, Counts::new(n, 0), rate) >= 20.0_f64.ln();
            assert!(accepted(needed) && !accepted(needed - 1), "at {rate}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn one_failure_more_never_speaks_for_the_candidate(
            n_c in 1..3000_u64, n_b in 1..3000_u64, k_c in 0..200_u64, k_b in 0..200_u64, odds in 1.5..10.0_f64,
        ) {
            prop_assume!(k_c < n_c && k_b < n_b);
            let evidence = |k_c| {
                let table = Table::of(n_c, n_b, k_c, k_b);
                (window(table, odds).unwrap().value(), ln_e(window(table, odds).unwrap(), table.candidate, 0.001))
            };
            let (before, after) = (evidence(k_c), evidence(k_c + 1));
            // With all failures on one side, or none at all, a window is mute.
            prop_assume!(k_c + k_b > 0);
            prop_assert!(after.0 <= before.0 + 1e-8 && after.1 <= before.1 + 1e-8);
        }
    }
}
