//! A stable that misses an objective before anyone is moved: decides whether it does, and what the objective is then for this
//! rollout. A release that is no worse must be able to go out, or one that mends could not.
//!
//! As surely as a candidate has to break it, by the same bet; stable is looked at longer while that leans and is not told, and what it
//! does in the windows of steps goes on with that look. Where it misses it, the comparison alone says "no worse than stable", and what
//! is left of the objective is a bound for where there is nothing to compare with: materially worse, `tolerated odds` times those that
//! stable had (their upper bound at 5 %).

use super::bound::upper_of;
use super::clustering::Phi;
use super::counts::{Counts, real};
use super::objective::ln_e;
use super::rules::Rules;
use serde::{Deserialize, Serialize};

/// The error of the upper bound.
const DELTA: f64 = 0.05;
/// A limit is a rate below 1, whatever stable did.
const MOST: f64 = 0.999;

/// What stable had of requests and failures, or slow answers, where it missed that objective.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// Requests that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Counts>,
    /// Answers that were slower than the latency objective allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow: Option<Counts>,
    /// What that allows, in microseconds; none where it missed no latency objective, or in records of builds that did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<u64>,
}

/// What a look at stable says of an objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Nothing says that it is missed.
    Kept,
    /// More failures than it allows, and not enough of them to tell. A bet may lose for long beside a rate of twice the limit (in one of
    /// seven looks at 1,200 requests), so the counts alone say that it leans.
    Open,
    /// It is missed.
    Missed,
}

/// What these counts of stable say of a limit, where failures come so many at a time; evidence of `needed` (`ln`) tells that it is
/// missed.
pub(crate) fn told(counts: Counts, limit: f64, phi: Phi, needed: f64) -> Keeping {
    match ln_e(counts, limit, phi) {
        ln if ln >= needed => Keeping::Missed,
        _ if real(counts.failures) > limit * real(counts.requests) => Keeping::Open,
        _ => Keeping::Kept,
    }
}

impl Missed {
    /// Of what stable had of failures, which come so many at a time, and of slow answers; none if it misses nothing by these rules.
    pub(crate) fn of(failed: Option<Counts>, phi: Phi, slow: Option<Counts>, rules: &Rules) -> Option<Self> {
        let misses = |counts: Counts, limit, phi| told(counts, limit, phi, rules.broken_at()) == Keeping::Missed;
        let failed = failed.filter(|counts| misses(*counts, rules.objective, phi));
        let slow = slow.zip(rules.tail).filter(|(counts, tail)| misses(*counts, tail.part, Phi::ONE));
        let (slow, within) = slow.map(|(counts, tail)| (counts, tail.within)).unzip();
        Some(Self { failed, slow, within }).filter(|missed| *missed != Self::default())
    }

    /// What of it is missed by these rules as well: the owner may have other ones by now. Answers that were slow by another limit, or
    /// by nobody knows which, tell nothing of this one.
    pub(crate) fn under(&self, rules: &Rules) -> Option<Self> {
        let same = self.within.is_some() && self.within == rules.tail.map(|tail| tail.within);
        Self::of(self.failed, Phi::ONE, self.slow.filter(|_| same), rules)
    }

    /// The rate of failures that may not be exceeded, between 0 and 1.
    pub(crate) fn limit(&self, rules: &Rules) -> f64 {
        self.failed.map_or(rules.objective, |counts| worse(counts, rules).max(rules.objective))
    }

    /// The part of answers that may be slow, between 0 and 1, where `part` may be so.
    pub(crate) fn part(&self, part: f64, rules: &Rules) -> f64 {
        self.slow.map_or(part, |counts| worse(counts, rules).max(part))
    }
}

/// The rate at which a candidate is materially worse than that.
fn worse(counts: Counts, rules: &Rules) -> f64 {
    let rate = upper_of(real(counts.failures), real(counts.requests), DELTA);
    let odds = rules.tolerated_odds * rate;
    (odds / (1.0 - rate + odds)).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::super::rules::Tail;
    use super::super::rules::tests::rules;
    use super::*;

    #[test]
    fn a_rate_of_twice_the_objective_is_told_from_it_in_some_thousand_requests() {
        let needed = rules().broken_at();
        assert_eq!(told(Counts::new(1000, 1), 0.01, Phi::ONE, needed), Keeping::Kept);
        assert_eq!(told(Counts::new(1000, 20), 0.01, Phi::ONE, needed), Keeping::Open);
        // No bet wins by so few yet.
        assert!(ln_e(Counts::new(1200, 15), 0.01, Phi::ONE) < 0.0);
        assert_eq!(told(Counts::new(1200, 15), 0.01, Phi::ONE, needed), Keeping::Open);
        assert_eq!(told(Counts::new(1200, 12), 0.01, Phi::ONE, needed), Keeping::Kept);
        assert_eq!(told(Counts::new(2000, 40), 0.01, Phi::ONE, needed), Keeping::Missed);
        assert_eq!(told(Counts::new(100, 20), 0.01, Phi::ONE, needed), Keeping::Missed);
        assert_eq!(told(Counts::default(), 0.01, Phi::ONE, needed), Keeping::Kept);
    }

    /// 36 failures of 1,200 in groups of ten are no more than three and a half of 120.
    #[test]
    fn failures_that_come_together_tell_less_of_a_rate() {
        let (counts, needed) = (Counts::new(1200, 36), rules().broken_at());
        assert_eq!(told(counts, 0.01, Phi::ONE, needed), Keeping::Missed);
        assert_eq!(told(counts, 0.01, Phi::of(10.0), needed), Keeping::Open);
    }

    #[test]
    fn what_is_left_is_a_bound_on_what_would_be_materially_worse() {
        let of = |n, k| Missed { failed: Some(Counts::new(n, k)), ..Missed::default() }.limit(&rules());
        let (two, all) = (of(2000, 40), of(500, 500));
        assert!((0.07..0.09).contains(&two), "{two}");
        assert!((all - MOST).abs() < 1e-12, "{all}");
        let nothing = Missed::default();
        assert!((nothing.limit(&rules()) - 0.01).abs() < 1e-12 && (nothing.part(0.05, &rules()) - 0.05).abs() < 1e-12);
    }

    #[test]
    fn under_another_objective_it_may_be_kept() {
        let missed = Missed::of(Some(Counts::new(2000, 40)), Phi::ONE, None, &rules()).unwrap();
        assert_eq!(missed.under(&rules()), Some(missed));
        assert_eq!(missed.under(&Rules { objective: 0.05, ..rules() }), None);
        assert_eq!(
            Missed::of(Some(Counts::new(2000, 2)), Phi::ONE, Some(Counts::new(2000, 900)), &rules()),
            None,
            "no latency objective"
        );
    }

    /// What took longer than 200 ms at stable tells nothing of who may take longer than 500.
    #[test]
    fn what_was_slow_by_another_limit_is_not_taken_for_slow_by_this_one() {
        let with = |part, within| Rules { tail: Some(Tail { part, within }), ..rules() };
        let asked = with(0.01, 200_000);
        let missed = Missed::of(None, Phi::ONE, Some(Counts::new(2000, 900)), &asked).unwrap();
        assert_eq!((missed.within, missed.under(&asked)), (Some(200_000), Some(missed)));
        assert_eq!(missed.under(&with(0.05, 200_000)), Some(missed), "still more than that part");
        assert_eq!(missed.under(&with(0.5, 200_000)), None, "that part may be slow");
        assert_eq!((missed.under(&with(0.01, 500_000)), missed.under(&rules())), (None, None));
        // A build that did not note it: nobody knows which limit that was.
        let older: Missed = serde_json::from_str(r#"{"failed":[2000,60],"slow":[2000,900]}"#).unwrap();
        let failed = Missed { failed: Some(Counts::new(2000, 60)), ..Missed::default() };
        assert_eq!(older.under(&asked), Some(failed));
        assert_eq!(serde_json::from_str::<Missed>(&serde_json::to_string(&missed).unwrap()).unwrap(), missed);
    }
}
