//! The real clock. Decides nothing; the only place that asks the system for the time.

use crate::run::ports::Clock;
use jiff::Timestamp;

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
