//! How long a decision will take at stable's rate: told before anyone is moved, because a walk that cannot decide before
//! its deadline should not begin.
//!
//! Decides nothing but an expectation: a candidate as good as stable, its mean evidence, step after step. Depends on the
//! same formulas as the verdicts.

mod waits;

pub use waits::WaitingOutlook;

use super::bound::ln_bet;
use super::clustering::{Clustering, Phi};
use super::counts::{Counts, real};
use super::latency::LatencyOutlook;
use super::logs::log_mean;
use super::ramp::{Known, allowed_of};
use super::rules::Rules;
use super::statuses::StatusOutcome;
use super::strays::made_smaller;
use std::time::Duration;

/// What a rollout goes through before the last step.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Shares of all users, between 0 and 1, and how long each lasts at least.
    pub steps: Vec<(f64, Duration)>,
    /// The next step is chosen by the budget, the farthest that it allows.
    pub by_budget: bool,
    /// How long a step is served before it is judged.
    pub drain: Duration,
    /// What waits at stable; none where the source does not tell what is in flight.
    pub waits: Option<WaitingOutlook>,
}

/// What stable did before the first step.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Baseline {
    /// What was counted.
    pub counts: Counts,
    /// In this time.
    pub over: Duration,
    /// Failures a second of others who ask the candidate itself, at least; 0 or more. They are in its counters and prove nothing for it.
    pub foreign: f64,
    /// How stable's failures come.
    pub clustering: Clustering,
    /// Stable's answers with a 4xx a second.
    pub client_errors: f64,
    /// The same of others who ask the candidate itself.
    pub refused: f64,
}

/// At steps of no more than this share the candidate's failures tell of others (`super::strays`).
const FEW: f64 = 0.05;

/// Time between the write of a step and its first window, beside one reading.
// Before it reports a split as served, Knative has asked every gateway pod that it knows for it, and asks again if need be.
const SERVE: Duration = Duration::from_secs(3);

impl Baseline {
    /// Requests a second.
    pub fn lambda(&self) -> f64 {
        real(self.counts.requests) / self.over.as_secs_f64().max(1e-3)
    }
}

/// Time from the first step until a candidate as good as stable is accepted; none if that takes longer than `at_most`.
pub fn until_accepted(rules: &Rules, course: &Course, baseline: &Baseline, at_most: Duration) -> Option<Duration> {
    until_both_accepted(rules, course, baseline, None, at_most)
}

/// The same where times are compared as well, which is waited for, too. `times`: how stable's answers fell between the edges;
/// none where nothing is known of that.
pub fn until_both_accepted(
    rules: &Rules,
    course: &Course,
    baseline: &Baseline,
    times: Option<&LatencyOutlook>,
    at_most: Duration,
) -> Option<Duration> {
    let mut times = times.cloned();
    let (lambda, p) = (baseline.lambda(), baseline.counts.rate());
    let phi = rules.clustering.unwrap_or_else(|| baseline.clustering.estimated()).get();
    let tick = rules.every.as_secs_f64().max(0.1);
    let drain = course.drain.as_secs_f64();
    let overhead = (SERVE + rules.every).as_secs_f64() + drain;
    let (mut at, mut here, mut at_step) = (0, drain, 0.0);
    let (mut time, mut requests, mut failures, mut turned) = (overhead, 0.0, 0.0, 0.0);
    let mut refusals = Refusals::of(rules, baseline);
    let mut waits = course.waits.clone();
    if let Some(waits) = &mut waits {
        waits.step(drain / tick);
    }
    while time <= at_most.as_secs_f64() {
        let (share, dwell) = course.steps.get(at)?;
        let enough = here >= dwell.as_secs_f64() && at_step >= real(rules.min_requests);
        if enough && at + 1 == course.steps.len() {
            let evidence = log_mean(&[turned, ln_bet(failures / phi, requests / phi, rules.tolerated_rate)]);
            let no_slower = times.as_ref().is_none_or(|times| times.ln_accepted() >= rules.accepted_at());
            let no_more = refusals.as_ref().is_none_or(|r| r.ln_accepted() >= rules.accepted_at());
            let no_longer = waits.as_ref().is_none_or(|w| w.ln_accepted(rules.tolerated_rate) >= rules.accepted_at());
            if rules.accept_without || evidence >= rules.accepted_at() && no_slower && no_more && no_longer {
                return Some(Duration::from_secs_f64(time));
            }
        } else if enough {
            let next = if course.by_budget {
                let reach = allowed_of(rules, lambda, Known { requests, failures, base: p });
                course.steps.iter().rposition(|(share, _)| *share <= reach).unwrap_or(0)
            } else {
                at + 1
            };
            if next > at {
                (at, here, at_step) = (next, drain, 0.0);
                if let Some(waits) = &mut waits {
                    waits.step(drain / tick);
                }
                time += overhead;
                continue;
            }
        }
        let (users, foreign) = (lambda * share * tick, baseline.foreign * tick);
        let more = users + foreign;
        let failed = users * p + foreign;
        (requests, failures) = (requests + more, failures + failed);
        at_step += more;
        if let Some(times) = times.as_mut().filter(|_| here >= rules.warm_up.as_secs_f64()) {
            times.expect(users, lambda * (1.0 - share) * tick, tick);
        }
        if let Some(refusals) = &mut refusals {
            refusals.expect(*share, tick);
        }
        if let Some(waits) = &mut waits {
            waits.expect(tick, (lambda * share, lambda * (1.0 - share)), requests);
        }
        turned += gain(failed, lambda * (1.0 - share) * tick * p, *share, rules.tolerated_odds) / phi;
        // Only steps with few users tell how often others fail while there are users.
        if course.steps.iter().any(|(share, _)| *share <= FEW) {
            turned += made_smaller(foreign, rules.tolerated_odds, *share, Phi::of(phi));
        }
        here += tick;
        time += tick;
    }
    None
}

/// Client errors as they are expected.
struct Refusals {
    /// Requests of users a second.
    lambda: f64,
    /// The part of them that is answered with a 4xx.
    part: f64,
    /// Those of others at the candidate a second.
    others: f64,
    /// So many times the odds, and this rate, are to be excluded.
    materially: (f64, f64),
    /// Requests of the candidate, those that were refused, and the evidence against the odds.
    sums: (f64, f64, f64),
}

impl Refusals {
    /// None where there are none, or they are not compared: few requests show that.
    fn of(rules: &Rules, baseline: &Baseline) -> Option<Self> {
        let any = baseline.client_errors + baseline.refused > 0.0 && rules.client_error_margin.is_some();
        let lambda = baseline.lambda();
        any.then(|| Self {
            lambda,
            part: if lambda > 0.0 { baseline.client_errors / lambda } else { 0.0 },
            others: baseline.refused,
            materially: StatusOutcome::ClientErrors.materially(rules),
            sums: (0.0, 0.0, 0.0),
        })
    }

    /// So many seconds at this share.
    fn expect(&mut self, share: f64, seconds: f64) {
        let (users, others) = (self.lambda * share * seconds, self.others * seconds);
        let refused = users * self.part + others;
        let of_stable = self.lambda * (1.0 - share) * seconds * self.part;
        self.sums.0 += users + others;
        self.sums.1 += refused;
        self.sums.2 += gain(refused, of_stable, share, self.materially.0);
    }

    /// `ln` of the evidence that is expected.
    fn ln_accepted(&self) -> f64 {
        let (requests, refused, turned) = self.sums;
        log_mean(&[turned, ln_bet(refused, requests, self.materially.1)])
    }
}

/// Mean growth of the conditional acceptance by so many failures of the candidate and of stable, at a share of `share`.
fn gain(candidate: f64, stable: f64, share: f64, odds: f64) -> f64 {
    // With everyone on one side there is nothing to compare with.
    if share <= 0.0 || share >= 1.0 {
        return 0.0;
    }
    // A failure falls to the candidate with its share if it is no worse, with `worse` if its odds are higher.
    let worse = share * odds / (share * odds + 1.0 - share);
    candidate * (share / worse).ln() + stable * ((1.0 - share) / (1.0 - worse)).ln()
}

#[cfg(test)]
mod tests {
    use super::super::latency::Histogram;
    use super::super::rules::tests::rules;
    use super::*;

    fn course(steps: &[(f64, u64)]) -> Course {
        let steps = steps.iter().map(|(share, dwell)| (*share, Duration::from_secs(*dwell))).collect();
        Course { steps, by_budget: false, drain: Duration::ZERO, waits: None }
    }

    fn baseline(requests: u64, failures: u64) -> Baseline {
        Baseline { counts: Counts::new(requests, failures), over: Duration::from_secs(10), ..Baseline::default() }
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_service_without_failures_takes_what_the_bet_takes() {
        // 4,534 clean requests at 50 of 100 a second: 91 seconds.
        let time = until_accepted(&rules(), &course(&[(0.5, 60)]), &baseline(1000, 0), HOUR).unwrap();
        assert!((90..130).contains(&time.as_secs()), "{time:?}");
        let slower = until_accepted(&rules(), &course(&[(0.5, 60)]), &baseline(100, 0), HOUR).unwrap();
        assert!((900..960).contains(&slower.as_secs()), "{slower:?}");
    }

    #[test]
    fn dwell_counts_and_too_few_requests_are_told() {
        let canary = course(&[(0.01, 120), (0.05, 120), (0.25, 120), (0.5, 120)]);
        let time = until_accepted(&rules(), &canary, &baseline(1000, 0), HOUR).unwrap();
        assert!((480..620).contains(&time.as_secs()), "{time:?}");
        assert_eq!(until_accepted(&rules(), &canary, &baseline(1, 0), HOUR), None);
        assert_eq!(until_accepted(&rules(), &canary, &baseline(0, 0), HOUR), None);
        let trusting = Rules { accept_without: true, min_requests: 0, ..rules() };
        assert!(until_accepted(&trusting, &canary, &baseline(0, 0), HOUR).is_some());
    }

    #[test]
    fn a_base_failure_rate_is_what_the_conditional_test_lives_on() {
        let half = course(&[(0.5, 0)]);
        let time = |failures| until_accepted(&rules(), &half, &baseline(100_000, failures), HOUR).unwrap().as_secs();
        assert!(time(5000) < 60, "{}", time(5000));
    }

    #[test]
    fn the_budget_goes_faster_than_fixed_steps() {
        let ladder = [1, 2, 5, 10, 20, 30, 50];
        let steps: Vec<_> = ladder.iter().map(|p| (f64::from(*p) / 100.0, Duration::from_secs(10))).collect();
        let budget = Course { steps, by_budget: true, drain: Duration::ZERO, waits: None };
        let time = until_accepted(&rules(), &budget, &baseline(1000, 1), HOUR).unwrap();
        assert!((120..480).contains(&time.as_secs()), "{time:?}");
    }

    /// A service that fails often is soon told from one that fails three times as often; its times are compared after the warm-up
    /// alone.
    #[test]
    fn times_take_their_own_time() {
        let half = course(&[(0.5, 0)]);
        let stable = Histogram { total: 1000, above: vec![(50_000, 600), (100_000, 260), (250_000, 37), (500_000, 4)] };
        let times = LatencyOutlook::new(rules().margin, &stable);
        let time = |rate: u64, times: Option<&LatencyOutlook>| {
            let failing = Baseline { counts: Counts::new(rate * 1000, rate * 50), ..baseline(0, 0) };
            let failing = Baseline { over: Duration::from_secs(1000), ..failing };
            until_both_accepted(&rules(), &half, &failing, times, HOUR).unwrap().as_secs()
        };
        assert!(time(100, times.as_ref()) >= 30 + time(100, None) / 2);
        assert!((40..=60).contains(&time(100, times.as_ref())), "{}", time(100, times.as_ref()));
        assert!(time(1, times.as_ref()) > 300, "some two hundred answers at one in two seconds");
    }

    #[test]
    fn others_who_fail_at_its_address_leave_no_decision() {
        let half = course(&[(0.5, 0)]);
        let time = |foreign| until_accepted(&rules(), &half, &Baseline { foreign, ..baseline(1000, 1) }, HOUR);
        let (alone, rare) = (time(0.0).unwrap(), time(0.005).unwrap());
        assert!(alone < rare, "{alone:?} {rare:?}");
        assert_eq!(time(1.0), None, "one a second beside fifty of users");
    }

    #[test]
    fn others_who_are_refused_leave_no_decision_where_client_errors_are_compared() {
        let half = course(&[(0.5, 0)]);
        let time =
            |refused, rules: &Rules| until_accepted(rules, &half, &Baseline { refused, ..baseline(1000, 1) }, HOUR);
        let alone = time(0.0, &rules()).unwrap();
        assert_eq!(time(0.1, &rules()), Some(alone), "far below the two in a hundred that are excluded");
        assert_eq!(time(2.0, &rules()), None, "two a second beside fifty of users");
        assert_eq!(time(2.0, &Rules { client_error_margin: None, ..rules() }), Some(alone));
        // Stable's own are no hindrance.
        let usual = Baseline { client_errors: 10.0, ..baseline(1000, 1) };
        assert_eq!(until_accepted(&rules(), &half, &usual, HOUR), Some(alone));
    }
}
