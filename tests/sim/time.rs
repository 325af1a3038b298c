//! Virtual time: the paused runtime clock, shown as timestamps of a fixed day.

use andante::run::ports::Clock;
use jiff::{SignedDuration, Timestamp};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;
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

/// A run that asks for the time more often than this in one virtual second does not wait, it spins.
const BUSY: u32 = 1000;

/// The clock that a run sees. Clones are the same run's.
#[derive(Debug, Clone)]
pub(crate) struct SimClock {
    start: Instant,
    /// By how many milliseconds it is ahead of the API server's.
    ahead: Rc<Cell<i64>>,
    asked: Rc<Cell<(u64, u32)>>,
    alarm: Rc<Notify>,
}

/// Clocks that differ by no more (in milliseconds) are left as they are.
const NEAR: i64 = 2000;

impl SimClock {
    /// A clock of a simulation that began at `start`.
    pub(crate) fn new(start: Instant) -> Self {
        Self { start, ahead: Rc::default(), asked: Rc::default(), alarm: Rc::new(Notify::new()) }
    }

    /// The same, ahead of the API server's by so many milliseconds.
    pub(crate) fn ahead(self, millis: i64) -> Self {
        self.ahead.set(millis);
        self
    }

    /// What the adapter does with the first answer of the API server: a clock that is far off is set, to within half
    /// of a second, since an answer tells whole ones.
    pub(crate) fn align(&self) {
        if self.ahead.get().abs() > NEAR {
            let true_millis = i64::try_from(self.start.elapsed().as_millis()).unwrap();
            self.ahead.set(500 - true_millis % 1000);
        }
    }

    /// Resolves when the run spins.
    pub(crate) async fn spins(&self) {
        self.alarm.notified().await;
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let at = self.start.elapsed();
        let (second, count) = self.asked.get();
        let count = if second == at.as_secs() { count + 1 } else { 1 };
        self.asked.set((at.as_secs(), count));
        if count == BUSY {
            self.alarm.notify_one();
        }
        stamp(at) + SignedDuration::from_millis(self.ahead.get())
    }
}
