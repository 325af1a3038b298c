//! How soon a candidate that keeps nobody waiting longer than stable does is told from one that hangs.
//!
//! Decides an expectation: readings with as much in flight as stable had before anyone was moved, looked at by the very sums of
//! [`super::super::waiting`]. Where answers are slow and users few this takes longer than everything else. Depends on those sums.

use crate::evidence::flight::Flight;
use crate::evidence::waiting::InFlight;
use crate::evidence::window::{Arm, Growth};
use std::time::Duration;

/// Readings among which the one counts that had least in flight.
const RECENT: f64 = 6.0;
/// By how many of its standard deviations (the root of its mean) the least of six numbers is below their mean.
const LEAST_OF_SIX: f64 = 1.27;

/// What stable has in flight, and what was expected so far of the readings of a walk.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitingOutlook {
    /// Seconds for which a request waits for its answer on average, and for which it is in flight.
    waits: f64,
    lasts: f64,
    /// As long as stable's slowest request takes, in seconds; none where that is not known.
    longest: Option<f64>,
    /// Readings that are apart count.
    apart: bool,
    sums: InFlight,
    /// How long the windows of the step are open, and how long they were at the mark.
    opened: f64,
    marked: f64,
}

/// As counts are.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is not negative")]
fn whole(n: f64) -> u64 {
    n.round() as u64
}

impl WaitingOutlook {
    /// `rate`: requests a second of stable's, of which so many waited for their answer, and were in flight, at any moment; none where
    /// there are none. `longest`: its slowest request takes no longer, where that is known. `others`: who asks the candidate itself.
    pub fn new(rate: f64, waiting: f64, in_flight: f64, longest: Option<Duration>, others: bool) -> Option<Self> {
        (rate > 0.0).then(|| Self {
            waits: waiting / rate,
            lasts: in_flight / rate,
            longest: longest.map(|longest| longest.as_secs_f64()),
            apart: !others,
            sums: InFlight::default(),
            opened: 0.0,
            marked: 0.0,
        })
    }

    /// Requests that wait for their answer at any moment where so many come in a second.
    pub fn waiting(&self, rate: f64) -> f64 {
        self.waits * rate
    }

    /// A step begins, whose windows open after so many readings.
    pub(super) fn step(&mut self, readings: f64) {
        self.sums.step();
        (0..whole(readings)).for_each(|_| self.sums.look());
        (self.opened, self.marked) = (0.0, 0.0);
    }

    /// Expects another reading after `tick` seconds, where so many requests a second come to the candidate and to stable; `proved` of
    /// the candidate's have ended.
    pub(super) fn expect(&mut self, tick: f64, (candidate, stable): (f64, f64), proved: f64) {
        self.opened += tick;
        let settled = |since: f64| self.longest.is_some_and(|longest| self.opened >= since + longest);
        let apart = self.apart && settled(self.marked);
        let flight = |rate: f64, waits: f64| Flight {
            arrived: whole(rate * self.opened),
            active: whole(rate * self.lasts),
            at_opening: if settled(0.0) { 0 } else { whole(rate * self.lasts) },
            unanswered: whole(waits),
            failed: 0,
            fresh: whole(rate * (self.opened - self.marked)),
        };
        let arm = |flight| Arm { flight: Some(flight), ..Arm::default() };
        let growth = Growth {
            stable: arm(flight(stable, self.waiting(stable))),
            candidate: arm(flight(candidate, self.least(tick, self.waiting(candidate)))),
        };
        self.sums.look();
        // What cannot be computed is no reason not to begin.
        let _ = self.sums.add(std::slice::from_ref(&growth), None, whole(proved), 0);
        if apart {
            let _ = self.sums.add_apart(&[growth]);
            self.marked = self.opened;
        }
    }

    /// The least that waits at one of the last readings, where so many do on average. Those that wait at several make these alike.
    fn least(&self, tick: f64, mean: f64) -> f64 {
        let others = (RECENT - 1.0) * (tick / self.waits.max(1e-9)).min(1.0);
        // From one reading to six it grows about as the logarithm of their number.
        let below = LEAST_OF_SIX * (1.0 + others).ln() / RECENT.ln();
        (mean - below * mean.sqrt()).max(0.0)
    }

    /// `ln` of the evidence that is expected against a candidate of whose requests this part hangs.
    pub(super) fn ln_accepted(&self, rate: f64) -> f64 {
        self.sums.ln_accepted(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many readings of ten seconds it is excluded that one in a thousand hangs, at half of so many requests a second that
    /// take so long; none within an hour.
    fn readings(rate: f64, seconds: u64) -> Option<u32> {
        #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
        let waiting = rate * seconds as f64;
        let mut outlook =
            WaitingOutlook::new(rate, waiting, waiting, Some(Duration::from_secs(seconds)), false).unwrap();
        outlook.step(0.0);
        let half = rate / 2.0;
        (1..=360).find(|n| {
            outlook.expect(10.0, (half, half), half * 10.0 * f64::from(*n));
            outlook.ln_accepted(0.001) >= 20.0_f64.ln()
        })
    }

    #[test]
    fn slow_answers_of_few_users_take_longest() {
        let quick = readings(100.0, 0).unwrap();
        assert!((8..=13).contains(&quick), "the bet alone, some five thousand requests: {quick}");
        // Five hundred wait at both, and one look tells; with fifty it takes several.
        let slow = readings(100.0, 10).unwrap();
        let fewer = readings(20.0, 5).unwrap();
        assert!(slow < fewer && (5..=20).contains(&fewer), "{slow} {fewer}");
        assert_eq!(readings(1.0, 60), None);
    }

    #[test]
    fn nothing_is_apart_where_nobody_knows_how_long_answers_take() {
        let ln_e = |longest: Option<u64>, others| {
            let mut outlook =
                WaitingOutlook::new(50.0, 250.0, 250.0, longest.map(Duration::from_secs), others).unwrap();
            outlook.step(0.0);
            (1..=60).for_each(|n| outlook.expect(10.0, (25.0, 25.0), 250.0 * f64::from(n)));
            outlook.ln_accepted(0.001)
        };
        let known = ln_e(Some(5), false);
        assert!(known > 20.0_f64.ln() && ln_e(None, false) < 0.0 && ln_e(Some(5), true) < known);
    }

    #[test]
    fn streams_that_have_begun_wait_for_nothing() {
        let mut outlook = WaitingOutlook::new(100.0, 0.0, 500_000.0, None, false).unwrap();
        outlook.step(0.0);
        (1..=20).for_each(|n| outlook.expect(10.0, (50.0, 50.0), 500.0 * f64::from(n)));
        assert!(outlook.ln_accepted(0.001) >= 20.0_f64.ln());
        assert_eq!(WaitingOutlook::new(0.0, 0.0, 0.0, None, false), None);
    }
}
