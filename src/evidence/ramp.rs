//! How far the next step may go: as far as what is not known yet can cost a bounded number of failures.
//!
//! A candidate that fails at the highest rate that is not excluded costs `lambda r (tau + L) (U - p_b)` failures more than
//! stable before it is noticed (`tau` the time between readings, `L` the lag). Decides the share `r`: as large as keeps that
//! within the budget. Depends on the bound and the rules. A kindred ramp is in "SQR: Balancing Speed, Quality and Risk in
//! Online Experiments" (2018).

use super::bound::upper_of;
use super::counts::{Table, real};
use super::rules::Rules;

/// The error of the upper bound.
const DELTA: f64 = 0.05;
/// The smallest budget, in failed requests.
// Where requests are few a larger share costs as few failures, and the walk learns sooner; small steps there cost time.
const LEAST: f64 = 10.0;

/// What is known when a step is chosen. Expected numbers need not be whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Known {
    /// Requests and failures of the candidate.
    pub requests: f64,
    pub failures: f64,
    /// Stable's failure rate.
    pub base: f64,
}

/// The failures that a wrong step may cost at a rate of `lambda` requests a second: one window's error budget, at least 10.
pub(crate) fn budget(rules: &Rules, lambda: f64) -> f64 {
    // A constant budget would stall where many requests meet many failures: at 1,000 a second with 1 % failures no
    // simulated rollout was through after 4,000 readings.
    (rules.objective * exposed(rules, lambda)).max(LEAST)
}

/// Requests that come before a bad step is undone.
fn exposed(rules: &Rules, lambda: f64) -> f64 {
    lambda * (rules.every + rules.lag).as_secs_f64()
}

/// The share, between 0 and 1, that the next step may have after what was counted.
pub(crate) fn allowed(rules: &Rules, lambda: f64, counted: Table) -> f64 {
    let known = Known {
        requests: real(counted.candidate.requests),
        failures: real(counted.candidate.failures),
        base: counted.stable.rate(),
    };
    allowed_of(rules, lambda, known)
}

pub(super) fn allowed_of(rules: &Rules, lambda: f64, known: Known) -> f64 {
    // Where stable itself fails as often as the bound allows there is nothing left to lose by the candidate.
    let unknown = (upper_of(known.failures, known.requests, DELTA) - known.base).max(1e-9);
    let share = budget(rules, lambda) / (exposed(rules, lambda) * unknown);
    // Without any traffic nobody can be harmed, and the share is 0/0.
    if share.is_nan() { 1.0 } else { share.min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::super::rules::tests::rules;
    use super::*;

    #[test]
    fn the_first_step_costs_a_budget_if_everything_fails() {
        // 100 a second, noticed after 15 s: 1,500 requests, 15 of them are a window's budget.
        assert!((budget(&rules(), 100.0) - 15.0).abs() < 1e-9);
        assert!((allowed(&rules(), 100.0, Table::default()) - 0.01).abs() < 1e-6);
        // Few requests: the least budget carries further.
        assert!((allowed(&rules(), 10.0, Table::default()) - 10.0 / 150.0).abs() < 1e-6);
        assert!(allowed(&rules(), 0.0, Table::default()) >= 1.0);
    }

    #[test]
    fn clean_requests_open_the_way_and_failures_close_it() {
        let share = |n, k| allowed(&rules(), 100.0, Table::of(n, 10_000, k, 10));
        assert!(share(10, 0) < share(100, 0) && share(100, 0) < share(400, 0));
        assert!(share(400, 40) < share(400, 4));
        assert!(share(400, 0) >= 1.0);
    }
}
