//! What a source of evidence tells: raw cumulative counters of both arms, from one place at one instant.
//!
//! Decides only what the words mean; [`super::window`] makes differences of two readings. Raw counters, because a query
//! language's `rate()` and `increase()` extrapolate to fractions, and the tests are about counts. One instant, because an
//! incident of both arms looks like the candidate's where the two are read at different times: with windows of 30 s a skew
//! of 5 s raises false alarms in such an incident from 0.2 to 18 %, one of 10 s to 90 % (docs/evidence-figures.md). Depends
//! on names and time.

use crate::evidence::classes::{Classes, StatusCounts};
use crate::model::name::{Namespace, RevisionName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whom to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arms {
    /// Where both live.
    pub namespace: Namespace,
    /// The revision that users are on.
    pub stable: RevisionName,
    /// The revision that is walked to.
    pub candidate: RevisionName,
}

/// Cumulative counters of one arm, as one process has counted them since its own start. They never fall but for a restart.
/// Written with short names: they stand in the record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Requests that were sent, whether answered or not; none where the source counts answers alone.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<u64>,
    /// Requests that are waiting for their answer at this instant (a gauge); none where the source does not tell.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub active: Option<u64>,
    /// Requests that were answered, with whatever status.
    #[serde(rename = "d")]
    pub completed: u64,
    /// Those among them whose status the source does not tell (any more); 0 where one series counts answers and tells it.
    #[serde(rename = "x", default, skip_serializing_if = "is_zero")]
    pub untold: u64,
    /// Answers with a 5xx status, or without one ([`Classes::failed`]).
    #[serde(rename = "f")]
    pub failed: u64,
    /// Answers by the class of their status; none where the source tells failures alone. For people, so the record has none.
    #[serde(skip)]
    pub classes: Option<Classes>,
    /// What is compared of the status of answers beside failures; none where the source tells failures alone.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub statuses: Option<StatusCounts>,
    /// How long answers took: upper edges in microseconds ([`INFINITE`] for the last) and the *cumulative* count of answers
    /// at or below, rising in both; none where the source has no histogram.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Vec<(u64, u64)>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
pub(super) fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Counters {
    /// Answers whose status is told.
    pub fn told(&self) -> u64 {
        self.completed.saturating_sub(self.untold)
    }
}

/// A process writes one series after another while it goes on counting, so that they may differ by so many...
pub(super) const TORN: u64 = 10;
/// ...and by one of so many of its answers more, but no further than a hundred times [`TORN`].
pub(super) const TORN_PART: u64 = 1000;

/// By how much two series of one process may differ that counts so many answers.
pub(super) fn torn(answers: u64) -> u64 {
    TORN + (answers / TORN_PART).min(100 * TORN)
}

/// The largest count that is believed: counts are exact in a float up to here, and a process that counts more has lost some.
pub const MOST_COUNTED: u64 = 1 << 53;

/// The upper edge of the last bucket of a histogram.
pub const INFINITE: u64 = u64::MAX;

/// Both arms in one stratum. None: the source knows no series of that arm there (none yet, or vanished).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pair {
    /// The revision that users are on.
    pub stable: Option<Counters>,
    /// The revision that is walked to.
    pub candidate: Option<Counters>,
}

/// One reading: every stratum (a gateway pod, a scraped instance) at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The instant that it tells of: when the answers had all arrived, or, from a source that keeps what it heard, the time
    /// of its oldest sample. The same instant again: nothing was heard since.
    pub at: Timestamp,
    /// By the stratum's own name, stable over its life (a pod's name, an instance's address).
    pub strata: BTreeMap<String, Pair>,
}

/// Why there is no reading. The text is safe to print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoReading {
    /// The source answers but has no series of either arm; says which setting is missing.
    #[error("{0}")]
    NoSeries(String),
    /// No answer, a failing server, a time-out: it may pass.
    #[error("no answer from {from}: {text}")]
    Unreachable {
        /// Which source.
        from: String,
        /// What happened.
        text: String,
    },
    /// A setting does not fit what the source tells, which no waiting mends; names it, and what there is instead.
    #[error("{0}")]
    Setting(String),
    /// A permission is missing; names verb, resource and namespace.
    #[error("not permitted: {0}")]
    Forbidden(String),
    /// The source answered something that cannot be right: NaN, a fraction, no exposition at all.
    #[error("unusable answer of {from}: {text}")]
    Broken {
        /// Which source.
        from: String,
        /// What is wrong with it.
        text: String,
    },
}
