//! What the runner hands to the sink: every line, and beside it what is worth a Kubernetes Event.
//!
//! Decides of which rollout a moment is, and how long the process may stay for it: a signal leaves less time. Depends on the ports and
//! the world.

use super::Runner;
use crate::model::event::{Event, Topic};
use crate::model::moment::Moment;
use crate::model::outcome::Outcome;
use crate::model::time::after;
use crate::rollout::posting::{Posting, STAYS};
use crate::rollout::record::Record;
use crate::run::ports::{Clock, Cluster, Sink};
use jiff::Timestamp;
use std::time::Duration;

impl<C: Cluster, K: Clock, S: Sink> Runner<'_, C, K, S> {
    pub(super) fn flush(&mut self, now: Timestamp) {
        for said in self.log.take() {
            self.sink.say(now, &said);
            self.post(&said, now);
        }
    }

    /// The last line.
    pub(super) fn say_end(&mut self, outcome: &Outcome, now: Timestamp) {
        self.flush(now);
        let end = Event::new(Topic::End, outcome.line()).at(Moment::of_end(outcome));
        self.sink.say(now, &end);
        // Whoever is refused says so of itself, and not of the rollout that is there.
        self.post_of(&end, |record| outcome.rollout.as_ref() == Some(&record.id), now);
    }

    /// Posts it where it is a moment.
    pub(super) fn post(&mut self, said: &Event, now: Timestamp) {
        self.post_of(said, |_| true, now);
    }

    /// The same, as a moment of the rollout that is there if it is its own.
    fn post_of(&mut self, said: &Event, is_own: impl Fn(&Record) -> bool, now: Timestamp) {
        let (Some(moment), Some(service)) = (said.moment, self.world.service()) else { return };
        let record = self.world.record().and_then(Result::ok).filter(is_own);
        let posting = Posting::new(service, moment, &said.text, record.as_ref(), now);
        let within = self.stays(now);
        self.sink.post(posting.within(within));
    }

    /// So long the process may stay at its end for what is posted.
    fn stays(&self, now: Timestamp) -> Duration {
        if !self.is_patient() {
            return Duration::ZERO;
        }
        let left = |since| {
            let left = after(since, self.limits.after_signal).duration_since(now);
            Duration::try_from(left).unwrap_or_default()
        };
        self.signalled.map_or(STAYS, |since| STAYS.min(left(since)))
    }
}
