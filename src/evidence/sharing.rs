//! Is the split real? Requests counted against the percents that were asked for (a "sample ratio mismatch").
//!
//! Decides by a Dirichlet mixture against a multinomial with known shares (Lindon and Malek, "Anytime-Valid Inference for
//! Multinomial Count Data", 2022): `1/p = B(a + counts) / B(a) / prod rho^counts` with `a = 100 rho`, valid at every look.
//! Where the split is not real, something else is being counted (somebody tests the candidate's own address, say), and the
//! comparison's one assumption, requests assigned at random, does not hold.

use super::counts::real;

/// How rarely a real split may be called false.
pub(super) const ALPHA: f64 = 0.001;

/// `ln (1/p)` that requests fall to arms with the shares `rho` (positive, summing to 1). Arms beyond the shorter of both
/// lists do not count.
pub(super) fn ln_e(counts: &[u64], rho: &[f64]) -> f64 {
    let (mut all, mut weight, mut sum) = (0.0, 0.0, 0.0);
    for (count, share) in counts.iter().map(|n| real(*n)).zip(rho) {
        let a = 100.0 * share;
        sum += libm::lgamma(a + count) - libm::lgamma(a) - count * share.ln();
        (all, weight) = (all + count, weight + a);
    }
    sum - libm::lgamma(weight + all) + libm::lgamma(weight)
}

/// The same for two arms with their percents. With everything on one side there is nothing to tell, and it is negative, as it
/// is where requests fall as they should.
pub(super) fn between(stable: (u64, u8), candidate: (u64, u8)) -> f64 {
    if stable.1 == 0 || candidate.1 == 0 {
        return -1.0;
    }
    let whole = f64::from(stable.1) + f64::from(candidate.1);
    let rho = [f64::from(stable.1) / whole, f64::from(candidate.1) / whole];
    ln_e(&[stable.0, candidate.0], &rho)
}

/// The most of the candidate's requests that are no users', with an error of `delta` at every look: without more of them it
/// would have got too few for its percents. None where there is nothing to tell by. Every request of stable counts as a
/// user's, so that this is never too little.
pub(super) fn most_foreign(stable: (u64, u8), candidate: (u64, u8), delta: f64) -> Option<u64> {
    if stable.1 == 0 || candidate.1 == 0 {
        return None;
    }
    let too_few = |n: u64| between(stable, (n, candidate.1)) >= -delta.ln();
    // Below the share that is expected, evidence of too few falls with each request: halving finds the least number of
    // users' requests that is not too few.
    let (mut low, mut high) = (0, candidate.0.min(expected(stable, candidate.1)));
    while low < high {
        let middle = low + (high - low) / 2;
        if too_few(middle) { low = middle + 1 } else { high = middle }
    }
    Some(candidate.0 - low)
}

/// The candidate's requests by its percent, where stable's are these; rounded down.
pub(super) fn expected(stable: (u64, u8), candidate: u8) -> u64 {
    stable.0.saturating_mul(u64::from(candidate)) / u64::from(stable.1.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_values() {
        let p = |counts: &[u64], rho: &[f64]| (-ln_e(counts, rho)).exp().min(1.0);
        assert!((p(&[156, 212], &[0.5, 0.5]) - 0.074_864_5).abs() < 1e-6);
        assert!(p(&[100, 101], &[0.5, 0.5]) >= 1.0);
        assert!((p(&[100, 201], &[0.5, 0.5]) - 5.06e-6).abs() < 5e-9);
        let third = 1.0 / 3.0;
        assert!(p(&[100, 100, 100], &[third, third, third]) >= 1.0);
    }

    #[test]
    fn a_published_stream_stops_where_it_should() {
        // numpy's legacy generator with seed 1, draws of (0.1, 0.3, 0.6) against (0.1, 0.4, 0.5): the first p of at most 5 %
        // comes with the 402nd.
        let rho = [0.1, 0.4, 0.5];
        let p = |counts: &[u64]| (-ln_e(counts, &rho)).exp();
        assert!(p(&[40, 129, 232]) > 0.05);
        assert!((p(&[40, 129, 233]) - 0.048_455_911_059_695_17).abs() < 1e-10);
    }

    #[test]
    fn a_split_that_is_not_the_one_asked_for_is_found() {
        let is_false = |stable, candidate| between(stable, candidate) >= -ALPHA.ln();
        assert!(is_false((500, 95), (500, 5)));
        assert!(!is_false((9500, 95), (510, 5)));
        assert!(!is_false((0, 0), (1000, 100)), "no control, nothing to compare");
        assert!(!is_false((0, 50), (0, 50)));
        // Somebody's load test of the candidate's own address.
        assert!(is_false((990, 99), (60, 1)));
    }

    #[test]
    fn what_may_be_others_is_what_the_split_does_not_need() {
        let most = |stable, candidate| most_foreign(stable, candidate, 0.01);
        // One of a hundred: 990 of stable, so that of twenty at least two are users'.
        assert_eq!(most((990, 99), (20, 1)), Some(18));
        assert_eq!(most((990, 99), (8, 1)), Some(6));
        // Half of all: of 500 beside 500 at most 86.
        assert!(most((500, 50), (500, 50)).is_some_and(|n| (60..130).contains(&n)));
        assert_eq!(most((10_000, 50), (9_000, 50)), Some(0), "it has too few already");
        assert_eq!(most((0, 0), (500, 100)), None, "with everyone on it there is nothing to tell by");
        assert_eq!(most((0, 99), (5, 1)), Some(5), "without users all may be theirs");
    }
}
