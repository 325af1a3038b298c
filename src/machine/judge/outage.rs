//! Readings that fail: decides since when, and for how long that is borne. It may use the rules.

use super::{Judge, words};
use crate::evidence::reading::NoReading;
use crate::model::event::{Log, Topic};
use crate::model::time::after;
use jiff::Timestamp;

impl Judge {
    pub(super) fn missed(&mut self, error: &NoReading, now: Timestamp, log: &mut Log) {
        if self.failing.is_none() {
            log.say(Topic::Wait, format!("no evidence can be read: {error}; no step until it can"));
        }
        let since = self.failing.take().map_or(now, |(since, _)| since);
        self.failing = Some((since, error.to_string()));
    }

    /// Since when readings fail, if that is longer than the patience; why.
    pub fn outage(&self, now: Timestamp) -> Option<String> {
        let (since, why) = self.failing.as_ref()?;
        let late = now >= after(*since, self.rules.patience);
        late.then(|| format!("no evidence could be read for {}: {why}", words::span(self.rules.patience)))
    }

    /// When the patience with failing readings ends.
    pub fn patience_ends(&self, now: Timestamp) -> Option<Timestamp> {
        let (since, _) = self.failing.as_ref()?;
        Some(after(*since, self.rules.patience)).filter(|at| *at > now)
    }
}
