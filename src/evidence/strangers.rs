//! What others ask at the candidate's own address: in its counters, and of no user.
//!
//! Whoever asks the candidate by its tag is counted by the gateway among its requests. Before anyone is moved *every*
//! request of the candidate is such a one, so their rate is known from there. Decides how many of a window's requests may
//! be theirs: failures that may be theirs are not held against the candidate, good answers that may be theirs prove nothing
//! for it, and a split is false only if they cannot be the reason.
//!
//! Supposed is that they go on no more often than at a steady rate by chance (a Poisson process; a monitor is steadier than
//! that). Then one bound holds at every moment with an error of at most [`DELTA`]: of the rate, by Chernoff's bound, and of
//! what comes at that rate, by Ville's inequality for `c^S exp(-(c - 1) mean)` at several `c`. The split tells a second
//! bound ([`super::sharing::most_foreign`]), and the lower of both counts, so that a candidate which fails everything cannot
//! hide behind a monitor that fails as well.

use super::counts::{Counts, real};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How rarely others may be more than they are taken for.
pub(super) const DELTA: f64 = 0.01;
/// Growth factors at which the number of requests is bounded; the least bound counts.
const FACTORS: [f64; 7] = [1.05, 1.1, 1.25, 1.5, 2.0, 4.0, 16.0];
/// Whose failures are as rare as this is told from users' by how often they come, and not by leaving so many out: bounds of a
/// small number are wide.
const RARE: Duration = Duration::from_secs(10);
/// Halvings of the interval in which a rate is looked for.
const HALVINGS: u32 = 60;

/// Others at the candidate's own address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strangers {
    /// What they asked before anyone was moved; at least one request.
    seen: Counts,
    /// In so many milliseconds.
    over: u64,
    /// Milliseconds of the windows that were judged since.
    judged: u64,
    /// Milliseconds of the windows whose fall is being tested.
    fell: u64,
    /// Failures that were laid to their account, in all and since the test of the split began.
    failed: u64,
    failed_here: u64,
    /// Good answers that prove nothing.
    good: u64,
    /// Milliseconds of the window that is about to be added.
    #[serde(skip)]
    next: u64,
}

/// How many of a window's requests may be others'.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Theirs {
    /// Failures.
    pub failed: u64,
    /// Good answers.
    pub good: u64,
    /// Of any kind.
    pub any: u64,
    /// Of any kind, in this window and all before it.
    pub ever: u64,
}

impl Strangers {
    /// From all that was counted of the candidate while no user was on it; none if that was nothing.
    pub fn seen(seen: Counts, over: Duration) -> Option<Self> {
        (seen.requests > 0).then(|| Self {
            seen,
            over: millis(over).max(1),
            judged: 0,
            fell: 0,
            failed: 0,
            failed_here: 0,
            good: 0,
            next: 0,
        })
    }

    /// The same others, of whom nothing has been counted since.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self { judged: 0, fell: 0, failed: 0, failed_here: 0, good: 0, next: 0, ..self.clone() }
    }

    /// What they asked before anyone was moved, and in which time.
    pub fn before(&self) -> (Counts, Duration) {
        (self.seen, Duration::from_millis(self.over))
    }

    /// True if their requests fail once in ten seconds at most.
    pub(super) fn is_rare(&self) -> bool {
        self.seen.failures.saturating_mul(millis(RARE)) <= self.over
    }

    /// Failures that may be theirs, of all that were counted.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Good answers that prove nothing, of all that were counted.
    pub(super) fn good(&self) -> u64 {
        self.good
    }

    /// The window that is about to be added lasted so long.
    pub(super) fn lasts(&mut self, window: Duration) {
        self.next = millis(window);
    }

    /// The test of the split begins anew, at a step's beginning or after it was false; and with it what the split leaves over.
    pub(super) fn fall_anew(&mut self) {
        (self.fell, self.failed_here) = (0, 0);
    }

    /// The candidate's requests of the windows whose fall is tested, this one among them, without as many of theirs as bring
    /// them nearer to what is `expected`.
    pub(super) fn without(&mut self, candidate: u64, expected: u64) -> u64 {
        self.fell = self.fell.saturating_add(self.next);
        let theirs = self.most(self.seen.requests, self.fell);
        candidate.saturating_sub(theirs).max(expected.min(candidate))
    }

    /// What of the next window may be theirs. `foreign`: what the split says may be theirs since its test began, where it says
    /// anything.
    pub(super) fn take(&mut self, candidate: Counts, foreign: Option<u64>) -> Theirs {
        let (failures, all) = (self.seen.failures, self.seen.requests);
        let before = self.most(all, self.judged);
        self.judged = self.judged.saturating_add(std::mem::take(&mut self.next));
        // What was not used up in one window is there for the next, because the bound is one of the sum.
        let failed = self.most(failures, self.judged).saturating_sub(self.failed).min(candidate.failures);
        let failed = foreign.map_or(failed, |most| failed.min(most.saturating_sub(self.failed_here)));
        let good = self.most(all - failures, self.judged).saturating_sub(self.good);
        let good = good.min(candidate.requests - candidate.failures);
        self.failed += failed;
        self.failed_here += failed;
        self.good += good;
        let ever = self.most(all, self.judged);
        Theirs { failed, good, any: ever.saturating_sub(before), ever }
    }

    /// The most requests that come in so many milliseconds if so many came while all were theirs. What was never seen is not
    /// looked for: the absence of failures in some seconds bounds their rate so badly that no candidate could be judged.
    fn most(&self, seen: u64, in_millis: u64) -> u64 {
        if seen == 0 || in_millis == 0 {
            return 0;
        }
        let mean = most_of(real(seen)) * real(in_millis) / real(self.over);
        let needed = (2.0 * real(FACTORS.len() as u64) / DELTA).ln();
        let at = |c: f64| (needed + mean * (c - 1.0)) / c.ln();
        let most = FACTORS.into_iter().map(at).fold(f64::INFINITY, f64::min);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 0; too much is cut")]
        let most = most as u64;
        most
    }
}

/// The largest mean at which `seen` of a Poisson number is not too few, with half of the error.
fn most_of(seen: f64) -> f64 {
    let needed = (2.0 / DELTA).ln();
    let is_too_few = |mean: f64| mean - seen + seen * (seen / mean).ln() >= needed;
    let (mut low, mut high) = (seen, seen + 4.0 * needed + 4.0 * (seen * needed).sqrt());
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if is_too_few(middle) { high = middle } else { low = middle }
    }
    high
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// A monitor that asks once a second and gets nothing but failures, seen for a minute.
    fn monitor() -> Strangers {
        Strangers::seen(Counts::new(60, 60), seconds(60)).unwrap()
    }

    fn window(strangers: &mut Strangers, lasts: u64, candidate: Counts, foreign: Option<u64>) -> Theirs {
        strangers.lasts(seconds(lasts));
        strangers.take(candidate, foreign)
    }

    #[test]
    fn who_never_asked_is_nobody() {
        assert_eq!(Strangers::seen(Counts::default(), seconds(60)), None);
        // Good answers alone excuse no failure.
        let mut healthy = Strangers::seen(Counts::new(60, 0), seconds(60)).unwrap();
        let theirs = window(&mut healthy, 10, Counts::new(100, 5), None);
        assert_eq!((theirs.failed, theirs.good > 10, theirs.any > 10), (0, true, true));
    }

    #[test]
    fn the_bound_is_the_rate_that_was_seen_and_no_fixed_number() {
        let monitor = monitor();
        for (seconds, least, most) in [(1, 1, 10), (10, 10, 35), (60, 60, 130), (600, 600, 1020), (3600, 3600, 5700)] {
            let bound = monitor.most(60, seconds * 1000);
            assert!((least..=most).contains(&bound), "{bound} in {seconds} s");
        }
        assert_eq!(monitor.most(0, 10_000), 0);
    }

    /// With README's figures.
    #[test]
    fn who_fails_every_half_minute_is_blamed_on_nobody() {
        let mut monitor = Strangers::seen(Counts::new(2, 2), seconds(60)).unwrap();
        assert_eq!([60, 300].map(|seconds| monitor.most(2, seconds * 1000)), [25, 83]);
        for half_minute in 0..40 {
            assert_eq!(window(&mut monitor, 30, Counts::new(150, 1), None).failed, 1, "{half_minute}");
        }
    }

    #[test]
    fn what_the_split_needs_is_no_strangers() {
        // Twenty came, and by the split two of them at least are users': all failed, so these two are held against it.
        let mut monitor = monitor();
        assert_eq!(window(&mut monitor, 10, Counts::new(20, 20), Some(18)).failed, 18);
        // What the split leaves is a sum.
        assert_eq!(window(&mut monitor, 10, Counts::new(20, 20), Some(25)).failed, 7);
        monitor.fall_anew();
        assert!(window(&mut monitor, 10, Counts::new(20, 20), Some(25)).failed > 7);
    }

    #[test]
    fn a_split_is_false_only_beyond_what_they_may_ask() {
        let without = |candidate, expected| {
            let mut monitor = monitor();
            monitor.lasts(seconds(10));
            monitor.without(candidate, expected)
        };
        assert_eq!(without(20, 10), 10);
        assert_eq!(without(8, 10), 8, "they only add");
        assert!(without(100, 10) > 60);
    }

    proptest! {
        #[test]
        fn never_more_than_was_counted_and_than_may_come(
            windows in proptest::collection::vec((0..60_u64, 0..40_u64, 0..40_u64), 1..40),
        ) {
            let mut strangers = Strangers::seen(Counts::new(20, 10), seconds(20)).unwrap();
            let (mut time, mut failed, mut good) = (0, 0, 0);
            for (lasts, failures, rest) in windows {
                let theirs = window(&mut strangers, lasts, Counts::new(failures + rest, failures), None);
                prop_assert!(theirs.failed <= failures && theirs.good <= rest);
                (time, failed, good) = (time + lasts, failed + theirs.failed, good + theirs.good);
                let bound = strangers.most(10, time * 1000);
                prop_assert!(failed <= bound && good <= bound);
            }
            let loaded: Strangers = serde_json::from_str(&serde_json::to_string(&strangers).unwrap()).unwrap();
            prop_assert_eq!(loaded, strangers);
        }
    }
}
