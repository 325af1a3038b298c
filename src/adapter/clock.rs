//! The real clock, set by the API server's: what is compared with the server's times has to be of its clock.
//!
//! Decides when this machine's own clock is near enough. The only place that asks the system for the time.

use crate::run::ports::Clock;
use jiff::{SignedDuration, Timestamp};
use std::sync::OnceLock;
use std::time::Instant;

/// Clocks that differ by no more are taken for one: an answer tells whole seconds, and takes a while to come.
const NEAR: SignedDuration = SignedDuration::from_secs(2);

/// The server's time at a moment of this process; none: this machine's clock is near enough.
static SERVER: OnceLock<Option<Set>> = OnceLock::new();

/// A clock that was set.
#[derive(Debug, Clone, Copy)]
struct Set {
    server: Timestamp,
    moment: Instant,
    /// By how much this machine's clock was ahead.
    ahead: SignedDuration,
}

/// The system's clock, from the first answer of an API server on as that server's.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The API server said this time just now. The first one counts: a clock that is set twice would jump.
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the clock")]
    pub fn align(server: Timestamp) {
        SERVER.get_or_init(|| {
            let ahead = ahead_of(server, Timestamp::now())?;
            // Half of the second that the answer does not tell.
            let server = server.saturating_add(SignedDuration::from_millis(500)).unwrap_or(server);
            Some(Set { server, moment: Instant::now(), ahead })
        });
    }

    /// By how much this machine's clock is ahead of the API server's (behind it, if negative), if that is too much.
    pub fn ahead() -> Option<SignedDuration> {
        SERVER.get().copied().flatten().map(|set| set.ahead)
    }
}

fn ahead_of(server: Timestamp, own: Timestamp) -> Option<SignedDuration> {
    let ahead = own.duration_since(server);
    (ahead.abs() > NEAR).then_some(ahead)
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the clock")]
    fn now(&self) -> Timestamp {
        match SERVER.get().copied().flatten() {
            Some(set) => {
                let passed = SignedDuration::try_from(set.moment.elapsed()).unwrap_or(SignedDuration::MAX);
                set.server.saturating_add(passed).unwrap_or(Timestamp::MAX)
            }
            None => Timestamp::now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clocks_that_are_far_apart_are_set() {
        let server = Timestamp::from_second(1_000_000).unwrap();
        let own = |seconds| server + SignedDuration::from_secs(seconds);
        assert_eq!(ahead_of(server, own(2)), None);
        assert_eq!(ahead_of(server, own(-2)), None);
        assert_eq!(ahead_of(server, own(600)), Some(SignedDuration::from_secs(600)));
        assert_eq!(ahead_of(server, own(-7200)), Some(SignedDuration::from_secs(-7200)));
    }
}
