//! Readings that fail, and those that tell nothing new: decides since when, for how long that is borne, and when it is said.
//! It may use the rules.

use super::{Judge, words};
use crate::evidence::reading::NoReading;
use crate::model::event::{Log, Topic};
use crate::model::time::after;
use jiff::Timestamp;
use std::time::Duration;

/// A source that tells the same again so many times as often as it is asked is not only slower than we are.
const SLOWER: u32 = 6;

/// The latest time that a source told of.
#[derive(Debug, Clone, Default)]
pub(super) struct Newest {
    /// That time, and when it was heard first.
    news: Option<(Timestamp, Timestamp)>,
}

impl Newest {
    /// The source tells of this time. Says so once it has told of no later one for long; that ends as an outage, because
    /// counters that are older than the patience are refused.
    pub(super) fn told(&mut self, of: Timestamp, every: Duration, now: Timestamp, log: &mut Log) {
        match self.news {
            Some((newest, heard)) if of <= newest => {
                if now > after(heard, every * SLOWER) {
                    let newest = newest.strftime("%H:%M:%S");
                    let what = format!("the source answers, and has told nothing newer than {newest}");
                    log.once(Topic::Wait, format!("{what}; nothing is counted until it does"));
                }
            }
            _ => self.news = Some((of, now)),
        }
    }
}

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
