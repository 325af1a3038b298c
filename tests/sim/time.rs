//! Virtual time: the paused runtime clock, shown as timestamps of a fixed day.

use andante::ports::Clock;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// The second at which every simulation starts: 2026-01-01T00:00:00Z.
const DAY: i64 = 1_767_225_600;

/// The timestamp of a moment of the simulation.
pub(crate) fn stamp(at: Duration) -> Timestamp {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX / 2);
    Timestamp::from_millisecond(DAY * 1000 + millis).unwrap()
}

/// The moment as Kubernetes writes it: whole seconds.
pub(crate) fn text(at: Duration) -> String {
    stamp(Duration::from_secs(at.as_secs())).to_string()
}

/// The clock that a run sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SimClock {
    start: Instant,
}

impl SimClock {
    /// A clock of a simulation that began at `start`.
    pub(crate) fn new(start: Instant) -> Self {
        Self { start }
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        stamp(self.start.elapsed())
    }
}
