//! How high may the candidate's failure rate be? A bound that holds at every look.
//!
//! Decides by betting against each rate (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting",
//! 2021): a rate against which the bet has won enough is excluded. The bet needs no independence of requests.

use super::logs::log_mean;

/// Parts of the rate that is bet against.
// Several, because the best bet depends on the true rate, which nobody knows. The mean over five costs at most ln 5 nats.
const PARTS: [f64; 5] = [0.001, 0.1, 0.25, 0.5, 0.75];
/// Halvings of the interval between 0 and 1: 2^-60 is finer than any count can tell.
const HALVINGS: u32 = 60;

/// `ln` of the bet that the rate is below `rate`, after `failures` among `requests` (any numbers, for expectations too):
/// the mean over [`PARTS`] of `f^K ((1 - f rate) / (1 - rate))^(N - K)`. It rises with `rate`.
pub(super) fn ln_bet(failures: f64, requests: f64, rate: f64) -> f64 {
    log_mean(&PARTS.map(|f| failures * f.ln() + (requests - failures) * ((-f * rate).ln_1p() - (-rate).ln_1p())))
}

/// The smallest rate that is excluded from above with an error of at most `delta`, at every look: about `3.8/N` for
/// `delta = 0.05` without failures, where the "rule of three" for a number of requests that is fixed in advance has
/// `3.0/N`. 1 if nothing is excluded. Expected numbers are taken as well as counted ones.
pub(super) fn upper_of(failures: f64, requests: f64, delta: f64) -> f64 {
    let excluded = |rate: f64| ln_bet(failures, requests, rate) >= -delta.ln();
    // The bet rises with the rate, so halving finds the one place where it crosses.
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if excluded(middle) { high = middle } else { low = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bets_by_hand() {
        for (failures, requests, rate, wanted) in [
            (0.0, 100.0, 0.01, 0.719_789_430_7),
            (0.0, 3600.0, 0.001, 2.839_499_471),
            (1.0, 5000.0, 0.001, 1.741_541_023),
            (3.0, 10_000.0, 0.001, 2.487_925_256),
            (20.0, 10_000.0, 0.001, -4.862_249_873),
        ] {
            assert!((ln_bet(failures, requests, rate) - wanted).abs() < 1e-8, "{failures} of {requests}");
        }
    }

    #[test]
    fn bounds_by_hand() {
        for (requests, failures, wanted) in [
            (100.0, 0.0, 0.037_042_48),
            (300.0, 0.0, 0.012_517_58),
            (1000.0, 0.0, 0.003_773_38),
            (1000.0, 1.0, 0.006_697_18),
            (1000.0, 10.0, 0.022_155_33),
            (10_000.0, 10.0, 0.002_227_96),
        ] {
            let bound = upper_of(failures, requests, 0.05);
            assert!((bound - wanted).abs() < 1e-8, "{failures} of {requests}: {bound}");
        }
    }

    #[test]
    fn nothing_counted_excludes_nothing() {
        assert!(upper_of(0.0, 0.0, 0.05) > 0.999_999);
        assert!(upper_of(50.0, 50.0, 0.05) > 0.999_999);
    }
}
