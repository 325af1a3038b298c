//! The real clock, set by the API server's: what is compared with the server's times has to be of its clock.
//!
//! Decides when this machine's own clock is near enough to begin with, and that time then goes on by what has passed, whatever
//! that clock is set to. The only place that asks the system for the time.

use crate::run::ports::Clock;
use jiff::{SignedDuration, Timestamp};
use std::sync::OnceLock;
use std::time::Instant;

/// Clocks that differ by no more are taken for one: an answer tells whole seconds, and takes a while to come.
const NEAR: SignedDuration = SignedDuration::from_secs(2);

/// The time at a moment of this process, by the first answer; every later time is reckoned from it.
static SET: OnceLock<Set> = OnceLock::new();

/// A clock that was set.
#[derive(Debug, Clone, Copy)]
struct Set {
    base: Timestamp,
    moment: Instant,
    /// By how much this machine's clock was ahead, if that is too much.
    ahead: Option<SignedDuration>,
}

impl Set {
    /// Set by what the server says, while this machine's own clock says `own`. Which of the two is the base is all that their
    /// distance decides.
    fn by(server: Timestamp, own: Timestamp, moment: Instant) -> Self {
        let ahead = own.duration_since(server);
        if ahead.abs() <= NEAR {
            return Self { base: own, moment, ahead: None };
        }
        // Half of the second that the answer does not tell.
        let base = server.saturating_add(SignedDuration::from_millis(500)).unwrap_or(server);
        Self { base, moment, ahead: Some(ahead) }
    }

    /// The time at a later moment. This machine's clock is not looked at again: somebody may set it in mid-walk, and a dwell
    /// would be as much shorter.
    fn at(&self, moment: Instant) -> Timestamp {
        let passed = moment.saturating_duration_since(self.moment);
        let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        self.base.saturating_add(passed).unwrap_or(Timestamp::MAX)
    }
}

/// The system's clock; from the first answer of an API server on, that time and what has passed since.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The API server said this time just now. The first one counts: a clock that is set twice would jump.
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the clock")]
    pub fn align(server: Timestamp) {
        SET.get_or_init(|| Set::by(server, Timestamp::now(), Instant::now()));
    }

    /// By how much this machine's clock is ahead of the API server's (behind it, if negative), if that is too much.
    pub fn ahead() -> Option<SignedDuration> {
        SET.get().and_then(|set| set.ahead)
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the clock")]
    fn now(&self) -> Timestamp {
        SET.get().map_or_else(Timestamp::now, |set| set.at(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A clock that was set while this machine's own was so many seconds ahead, and how much it is ahead by.
    #[expect(clippy::disallowed_methods, reason = "the real clock is what is tested")]
    fn set(ahead: i64) -> (Set, Instant, Option<SignedDuration>) {
        let moment = Instant::now();
        let set = Set::by(at(0), at(ahead), moment);
        (set, moment, set.ahead)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    #[test]
    fn only_clocks_that_are_far_apart_are_told_of() {
        assert_eq!(set(2).2, None);
        assert_eq!(set(-2).2, None);
        assert_eq!(set(600).2, Some(SignedDuration::from_secs(600)));
        assert_eq!(set(-7200).2, Some(SignedDuration::from_secs(-7200)));
    }

    #[test]
    fn near_or_far_time_goes_on_by_what_has_passed() {
        // What this machine's clock says later is no argument of it, so that setting that clock can move nothing.
        for (ahead, base) in [(0, at(0)), (1, at(1)), (-2, at(-2))] {
            let (set, moment, _) = set(ahead);
            assert_eq!(set.at(moment), base);
            assert_eq!(set.at(moment + Duration::from_secs(5)), base + SignedDuration::from_secs(5));
        }
        let (set, moment, _) = set(600);
        assert_eq!(set.at(moment + Duration::from_secs(5)), at(5) + SignedDuration::from_millis(500));
        let later = Set { moment: moment + Duration::from_secs(5), ..set };
        assert_eq!(later.at(moment), set.base, "never back");
    }
}
