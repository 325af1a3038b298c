//! Before the first step: decides what stable's rate is, and whether a decision can be had in time. It may use readings
//! and the forecast.

use super::words;
use crate::evidence::Counts;
use crate::evidence::Rules;
use crate::evidence::forecast::{Baseline, Course, until_accepted};
use crate::evidence::reading::{Arms, NoReading, Reading};
use crate::evidence::window::Memory;
use crate::model::event::Log;
use crate::model::event::Topic;
use crate::model::time::after;
use jiff::Timestamp;
use std::time::Duration;

/// How many requests tell a rate well enough.
const ENOUGH: u64 = 100;
/// How long a rate is looked at, at most.
const LONGEST: Duration = Duration::from_secs(60);

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Surveyed {
    /// Stable's requests.
    pub baseline: Baseline,
    /// The last counters.
    pub memory: Memory,
}

/// Looks at stable.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    began: Option<(Timestamp, Memory)>,
    counts: Counts,
    asked: Option<Timestamp>,
    next_at: Option<Timestamp>,
    failing: Option<(Timestamp, NoReading)>,
    found: Option<Surveyed>,
}

impl Survey {
    /// What was found, once it is.
    pub fn found(&self) -> Option<&Surveyed> {
        self.found.as_ref()
    }

    /// True if it is time to read and no reading is out.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.asked.is_none() && self.next_at.is_none_or(|at| now >= at)
    }

    /// A reading is out.
    pub fn asked(&mut self, now: Timestamp) {
        self.asked = Some(now);
    }

    /// When it will be time to read, if no reading is out or due.
    pub fn next_moment(&self, now: Timestamp) -> Option<Timestamp> {
        self.next_at.filter(|at| self.asked.is_none() && *at > now)
    }

    /// A reading came, or none.
    pub fn read(&mut self, result: Result<Reading, NoReading>, rules: &Rules, now: Timestamp, log: &mut Log) {
        self.asked = None;
        self.next_at = Some(after(now, rules.every));
        let reading = match result {
            Ok(reading) => reading,
            Err(error) => {
                log.once(Topic::Wait, format!("no evidence can be read: {error}"));
                let since = self.failing.take().map_or(now, |(since, _)| since);
                self.failing = Some((since, error));
                return;
            }
        };
        self.failing = None;
        let Some((began, memory)) = &mut self.began else {
            self.began = Some((reading.at, Memory::open(&reading, None)));
            return;
        };
        // A reading of no later time is no news.
        if reading.at <= memory.at() {
            return;
        }
        let counts = memory.close(&reading).iter().fold(Counts::default(), |sum, g| sum.plus(g.stable.counts));
        self.counts = self.counts.plus(counts);
        let over = Duration::try_from(reading.at.duration_since(*began)).unwrap_or_default();
        if self.counts.requests >= ENOUGH || over >= LONGEST.max(rules.every) {
            let baseline = Baseline { counts: self.counts, over };
            self.found = Some(Surveyed { baseline, memory: memory.clone() });
        }
    }

    /// Why nothing will be found: readings have failed for too long, or are not permitted.
    pub fn outage(&self, patience: Duration, now: Timestamp) -> Option<&NoReading> {
        let (since, why) = self.failing.as_ref()?;
        (matches!(why, NoReading::Forbidden(_)) || now >= after(*since, patience)).then_some(why)
    }
}

impl Surveyed {
    /// How long a decision takes, or why it cannot be had in `time`; in words.
    pub fn forecast(&self, rules: &Rules, course: &Course, arms: &Arms, time: Duration) -> Result<String, String> {
        let lambda = self.baseline.lambda();
        let counts = self.baseline.counts;
        let stable = &arms.stable;
        let seen = format!(
            "{stable} gets {} requests a second, {} of {} failed",
            words::number(lambda),
            counts.failures,
            counts.requests
        );
        let Some(took) = until_accepted(rules, course, &self.baseline, time) else {
            return Err(format!("{seen}: a decision would take longer than the {} that there are", words::span(time)));
        };
        let took = Duration::from_secs(took.as_secs());
        Ok(if rules.accept_without {
            format!("{seen}: the steps take about {}; the last one needs no proof", words::span(took))
        } else {
            format!("{seen}: a decision on a candidate as good as that takes about {}", words::span(took))
        })
    }
}
