//! What one revision's counters say in the made-up gateway. Decides which bucket a time falls into; it may use the form of
//! readings.

use super::super::histogram::{EDGES_MS, microseconds};
use super::super::lasting::Ends;
use crate::evidence::classes::StatusCounts;
use crate::evidence::reading::{Counters, INFINITE};
use std::time::Duration;

/// What one arm's counters say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) active: u64,
    pub(super) completed: u64,
    pub(super) failed: u64,
    /// Answers with a 4xx.
    pub(super) refused: u64,
    pub(super) buckets: [u64; EDGES_MS.len() + 1],
}

impl Tally {
    /// So many more took so long.
    pub(super) fn took(&mut self, lasts: Duration, n: u64) {
        let ms = lasts.as_secs_f64() * 1e3;
        let at = EDGES_MS.iter().position(|edge| ms <= *edge).unwrap_or(EDGES_MS.len());
        if let Some(bucket) = self.buckets.get_mut(at) {
            *bucket += n;
        }
    }

    /// What took its time has ended: good answers of that length, failures, streams, and clients who gave up.
    pub(super) fn end(&mut self, ends: Ends, answers: Duration, failures: Option<Duration>, streams: Option<Duration>) {
        self.active = self.active.saturating_sub(ends.good + ends.failed + ends.streams + ends.gone);
        self.completed += ends.good + ends.failed;
        self.failed += ends.told;
        self.took(answers, ends.good);
        self.took(failures.unwrap_or_default(), ends.failed);
        self.took(streams.unwrap_or_default(), ends.streams);
    }

    /// As a source tells it.
    pub(super) fn counters(&self) -> Counters {
        let mut sum = 0;
        let edges = EDGES_MS.iter().map(|ms| microseconds(*ms)).chain([INFINITE]);
        let latency = edges.zip(&self.buckets).map(|(edge, n)| {
            sum += n;
            (edge, sum)
        });
        Counters {
            sent: Some(self.sent),
            active: Some(self.active),
            completed: self.completed,
            untold: 0,
            failed: self.failed,
            classes: None,
            statuses: Some(StatusCounts { client_errors: self.refused, grpc_failed: None }),
            latency: Some(latency.collect()),
        }
    }
}
