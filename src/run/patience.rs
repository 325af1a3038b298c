//! How long something may fail in a row, and how its repeats are spaced.
//!
//! Decides that patience belongs to what fails: a good read says nothing of writes, since an admission webhook that cannot be
//! asked, a full disk or a policy lets the API server read well and write nothing. What ended it last says what is to be
//! mended.

use super::watch::delays;
use crate::machine::next::GiveUp;
use crate::model::api_error::ApiError;
use crate::model::time::{after, words};
use jiff::Timestamp;
use std::time::Duration;

/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_secs(30);
/// The pause once the backoff has come to its end.
const USUAL: Duration = Duration::from_secs(10);

/// One kind of call that may fail for a while.
#[derive(Debug)]
pub(super) struct CallPatience {
    since: Option<Timestamp>,
    /// The last failure, once there was one.
    last: Option<ApiError>,
    pauses: backon::ExponentialBackoff,
}

impl CallPatience {
    pub(super) fn new() -> Self {
        Self { since: None, last: None, pauses: delays() }
    }

    /// It worked. True if it had failed before.
    pub(super) fn worked(&mut self) -> bool {
        let failed = self.since.take().is_some();
        if failed {
            self.pauses = delays();
        }
        failed
    }

    /// It failed.
    pub(super) fn failed(&mut self, error: &ApiError, now: Timestamp) {
        self.since.get_or_insert(now);
        self.last = Some(error.clone());
    }

    /// When it has failed for too long, if it fails.
    pub(super) fn ends(&self, limit: Duration) -> Option<Timestamp> {
        self.since.map(|since| after(since, limit))
    }

    /// Why to give up, once it has failed for too long; `what` failed.
    pub(super) fn over(&self, what: &str, limit: Duration, now: Timestamp) -> Option<GiveUp> {
        let over = self.ends(limit).is_some_and(|end| now >= end);
        let (last, limit) = (self.last.as_ref().filter(|_| over)?, words(limit));
        Some(match last {
            ApiError::Withdrawn(_) => GiveUp::NotPermitted(format!("for {limit}: {last}")),
            last => GiveUp::Unreachable(format!("{what} for {limit}; last: {last}")),
        })
    }

    /// Why to give up before that, if it is a right that is gone.
    pub(super) fn withdrawn(&self) -> Option<GiveUp> {
        match self.last.as_ref().filter(|_| self.since.is_some()) {
            Some(last @ ApiError::Withdrawn(_)) => Some(GiveUp::NotPermitted(last.to_string())),
            _ => None,
        }
    }

    /// The pause before the next try: what the server asked for, else longer and longer; never longer than the patience.
    pub(super) fn pause(&mut self, error: &ApiError, limit: Duration, now: Timestamp) -> Duration {
        let asked = match error {
            ApiError::Server { retry_after, .. } => *retry_after,
            _ => None,
        };
        let own = self.pauses.next().unwrap_or(USUAL);
        let left = self.ends(limit).map(|end| Duration::try_from(end.duration_since(now)).unwrap_or_default());
        asked.unwrap_or(own).min(LONGEST).min(left.unwrap_or(LONGEST))
    }
}
