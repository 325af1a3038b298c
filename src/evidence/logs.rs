//! Sums of numbers that are known by their logarithms, and logarithms of large whole numbers.
//!
//! Decides nothing. Summed as they are, the terms for a candidate that fails everything at 1,000 requests a second come to
//! NaN, and NaN crosses no threshold: the worst candidate would never be found. So nothing here leaves log space.

use super::counts::real;

/// `ln(sum of exp)`: whatever the size of the numbers, nothing overflows. Negative infinity for nothing.
pub(super) fn log_sum(logs: &[f64]) -> f64 {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !top.is_finite() {
        // Nothing at all, an infinity, or only NaN, which `max` passes over: NaN must come out as NaN.
        return if logs.iter().any(|l| l.is_nan()) { f64::NAN } else { top };
    }
    top + logs.iter().map(|l| (l - top).exp()).sum::<f64>().ln()
}

/// The logarithm of the mean.
pub(super) fn log_mean(logs: &[f64]) -> f64 {
    log_sum(logs) - real(logs.len() as u64).ln()
}

/// `ln C(n, k)`, for `k <= n`.
pub(super) fn ln_choose(n: u64, k: u64) -> f64 {
    if k == 0 || k == n {
        return 0.0;
    }
    // The standard library has no logarithm of the gamma function; libm does.
    let ln_factorial = |n: u64| libm::lgamma(real(n) + 1.0);
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_logs_neither_overflow_nor_hide_what_is_no_number() {
        assert!((log_sum(&[2000.0, 2000.0]) - (2000.0 + 2.0_f64.ln())).abs() < 1e-12);
        assert!((log_sum(&[-3000.0, -3000.0]) - (-3000.0 + 2.0_f64.ln())).abs() < 1e-12);
        assert!((log_mean(&[0.0, 4.0_f64.ln()]) - 2.5_f64.ln()).abs() < 1e-15);
        assert!(log_sum(&[]) < f64::MIN);
        assert!(log_sum(&[f64::NAN, 1.0]).is_nan());
        assert!(log_sum(&[f64::NAN]).is_nan());
    }

    #[test]
    fn binomial_coefficients() {
        let mut row = vec![1.0_f64];
        for n in 1..=60_u64 {
            let mut next = vec![1.0];
            next.extend(row.windows(2).map(|w| w[0] + w[1]));
            next.push(1.0);
            row = next;
            for (k, exact) in row.iter().enumerate() {
                assert!((ln_choose(n, k as u64) - exact.ln()).abs() < 1e-12, "{n} over {k}");
            }
        }
    }
}
