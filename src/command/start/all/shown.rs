//! What others may see of whoever follows all Services: its figures, and that it lives.
//!
//! Decides what its two pages say, and when it counts as stuck. It may use every room.

use crate::adapter::metrics::MetricsReply;
use crate::command::Stop;
use crate::model::outcome::{Code, Outcome};
use crate::rollout::start::due::{Glance, ServiceKey};
use crate::rollout::start::queue::StartQueue;
use crate::rollout::start::tally::StartTally;
use crate::view::figures::{OPEN_METRICS, StartFigures};
use jiff::Timestamp;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

/// It comes round each minute, and a turn has calls that may fail for some time each.
const STUCK: Duration = Duration::from_secs(600);

/// The figures, beside whoever works.
pub(super) struct Shown {
    figures: Cell<StartFigures>,
    tally: RefCell<StartTally>,
    /// When it came round last.
    round: Cell<Instant>,
}

impl Shown {
    pub(super) fn new() -> Self {
        Self { figures: Cell::default(), tally: RefCell::default(), round: Cell::new(Instant::now()) }
    }

    /// It came round: how much waits and works.
    pub(super) fn counts(&self, queue: &StartQueue) {
        self.round.set(Instant::now());
        self.figures.set(StartFigures { pending: queue.pending(), working: queue.running(), ..self.figures.get() });
    }

    pub(super) fn started(&self) {
        let figures = self.figures.get();
        self.figures.set(StartFigures { started: figures.started + 1, ..figures });
    }

    pub(super) fn failed(&self) {
        let figures = self.figures.get();
        self.figures.set(StartFigures { failed: figures.failed + 1, ..figures });
    }

    pub(super) fn seen(&self, seen: &Glance) {
        self.tally.borrow_mut().seen(seen);
    }

    pub(super) fn gone(&self, key: &ServiceKey) {
        self.tally.borrow_mut().gone(key);
    }

    pub(super) fn all(&self, seen: &[Glance]) {
        self.tally.borrow_mut().all(seen);
    }

    /// The page of this path.
    pub(super) fn page(&self, path: &str, now: Timestamp) -> MetricsReply {
        match path {
            "/metrics" => {
                let tally = self.tally.borrow();
                let (unreadable, overdue) = (tally.unreadable(), tally.overdue(now));
                let figures = StartFigures { unreadable, overdue, ..self.figures.get() };
                MetricsReply { status: 200, kind: OPEN_METRICS, body: figures.page() }
            }
            "/healthz" if self.round.get().elapsed() < STUCK => MetricsReply::text(200, "it lives\n"),
            "/healthz" => MetricsReply::text(503, "it has not come round for ten minutes\n"),
            _ => MetricsReply::text(404, "there are /metrics and /healthz\n"),
        }
    }
}

/// The address cannot be had.
pub(super) fn no_port(at: SocketAddr, why: &std::io::Error) -> Stop {
    let what = format!("--metrics {at}: nothing can be listened for there: {why}");
    Stop(Box::new(Outcome::new(Code::BadInput, what).next("name an address of this machine and a port that is free")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_on_its_page_and_nothing_else_is_there() {
        let shown = Shown::new();
        shown.started();
        shown.failed();
        let queue = StartQueue::new(Duration::ZERO, 1, 1);
        shown.counts(&queue);
        let page = |path: &str| shown.page(path, Timestamp::UNIX_EPOCH);
        assert!(page("/metrics").body.contains("andante_start_runs_started_total 1\n"), "{}", page("/metrics").body);
        assert_eq!((page("/metrics").status, page("/healthz").status, page("/").status), (200, 200, 404));
    }
}
