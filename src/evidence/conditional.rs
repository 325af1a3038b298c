//! How many of a window's failures fall to the candidate, given how many there are: Fisher's noncentral hypergeometric law.
//!
//! Decides the normaliser of the exact tests, `Z(psi) = sum over x of C(n_c, x) C(n_b, k - x) psi^x`, in log space.

use super::counts::{Table, real};
use super::logs::ln_choose;

/// The part of `Z` that may be left out, relative to it.
const NEGLIGIBLE: f64 = 1e-18;

/// `ln Z(psi)`, exact to about 1e-9 for counts up to 10^6, in a time of the order of the root of `k`.
///
/// Summed outwards from the largest term. The ratio of neighbours falls with `x` (the terms are log-concave), so what is
/// left out beyond a term `w` with ratio `r < 1` is at most `w r / (1 - r)`: the sum ends when that is negligible.
pub(super) fn ln_z(table: Table, psi: f64) -> f64 {
    let law = Law::new(table, psi);
    let mode = law.mode();
    // Terms relative to the largest one, so that nothing overflows; its own logarithm is added at the end.
    let mut sum = 1.0;
    let (mut x, mut weight) = (mode, 1.0);
    while x < law.high {
        let ratio = law.ratio(x);
        weight *= ratio;
        sum += weight;
        x += 1;
        if ratio < 1.0 && weight * ratio < NEGLIGIBLE * sum * (1.0 - ratio) {
            break;
        }
    }
    (x, weight) = (mode, 1.0);
    while x > law.low {
        let ratio = 1.0 / law.ratio(x - 1);
        weight *= ratio;
        sum += weight;
        x -= 1;
        if ratio < 1.0 && weight * ratio < NEGLIGIBLE * sum * (1.0 - ratio) {
            break;
        }
    }
    ln_choose(law.n_c, mode) + ln_choose(law.n_b, law.k - mode) + real(mode) * psi.ln() + sum.ln()
}

/// The law of the candidate's failures at one odds ratio.
struct Law {
    n_c: u64,
    n_b: u64,
    k: u64,
    psi: f64,
    /// The fewest and the most failures that the candidate can have.
    low: u64,
    high: u64,
}

impl Law {
    fn new(table: Table, psi: f64) -> Self {
        let (n_c, n_b, k) = (table.candidate.requests, table.stable.requests, table.failures());
        Self { n_c, n_b, k, psi, low: k.saturating_sub(n_b), high: k.min(n_c) }
    }

    /// The term of `x + 1` divided by the term of `x`, for `low <= x < high`.
    fn ratio(&self, x: u64) -> f64 {
        let up = real(self.n_c - x) * real(self.k - x);
        let down = real(x + 1) * real(self.n_b + x + 1 - self.k);
        self.psi * up / down
    }

    /// The place of the largest term: the first `x` from which on terms fall.
    fn mode(&self) -> u64 {
        let (mut low, mut high) = (self.low, self.high);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.ratio(middle) > 1.0 { low = middle + 1 } else { high = middle }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every term, in log space.
    fn slow(table: Table, psi: f64) -> f64 {
        let law = Law::new(table, psi);
        let logs: Vec<f64> = (law.low..=law.high)
            .map(|x| ln_choose(law.n_c, x) + ln_choose(law.n_b, law.k - x) + real(x) * psi.ln())
            .collect();
        super::super::logs::log_sum(&logs)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn leaving_tails_out_loses_nothing(
            n_c in 0..3000_u64, n_b in 0..3000_u64, part_c in 0.0..=1.0_f64, part_b in 0.0..=1.0_f64,
            psi in prop_oneof![Just(1.0), 0.01..200.0_f64],
        ) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a small count")]
            let part = |n: u64, part: f64| (real(n) * part * part) as u64;
            let table = Table::of(n_c, n_b, part(n_c, part_c), part(n_b, part_b));
            prop_assert!((ln_z(table, psi) - slow(table, psi)).abs() < 1e-9);
        }
    }

    #[test]
    fn without_a_difference_it_is_the_number_of_ways() {
        for table in [Table::of(50, 950, 1, 2), Table::of(700_000, 300_000, 60_000, 1), Table::of(5, 0, 3, 0)] {
            let ways = ln_choose(table.candidate.requests + table.stable.requests, table.failures());
            assert!((ln_z(table, 1.0) - ways).abs() < 1e-7, "{table:?}");
        }
    }
}
