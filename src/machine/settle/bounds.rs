//! Bounds of Revisions that a rollout set: what opens the way back, and what the owner had comes back.
//!
//! Decides how long settling waits for either. It may use the record and observed revisions.

use super::Settle;
use crate::machine::capacity::{Returned, WayBack, open_way_back, receives, return_bounds, standing_words};
use crate::machine::next::{BoundWrite, Next};
use crate::machine::outcomes::LAST_WAIT;
use crate::machine::world::World;
use crate::machine::write::order;
use crate::model::event::{Event, Log, Topic};
use crate::model::observed::Service;
use crate::model::outcome::Outcome;
use crate::model::time::after;
use crate::rollout::record::Record;
use jiff::Timestamp;

impl Settle {
    /// Gives back what was set, if that is to be done now.
    pub(super) fn returning(&self, world: &World, record: &Record, now: Timestamp, log: &mut Log) -> Option<Next> {
        if self.bounds.refused(BoundWrite::Return).is_some() {
            return None;
        }
        match return_bounds(record, world, |name| name == receives(record), now) {
            Returned::All => None,
            Returned::Write(order) => Some(self.bounds.next(order, world.signal.is_some(), now)),
            Returned::Wait(_) if world.signal.is_some() => None,
            Returned::Wait(until) => {
                let until_then = until.strftime("%H:%M:%S");
                log.once(Topic::Pods, format!("{} keeps its pods until {until_then}", receives(record)));
                Some(Next::wait(Some(until)))
            }
        }
    }

    /// The end, and what still stands.
    pub(super) fn with_bounds(&self, mut outcome: Outcome, world: &World, record: &Record) -> Outcome {
        if let (Some(words), Some(why)) =
            (standing_words(record, world, self.goal.service.as_str()), self.bounds.refused(BoundWrite::Return))
        {
            outcome.what = format!("{}; {words} ({why})", outcome.what);
        }
        outcome
    }

    /// Caps a stable that serves but is not Ready for want of pods, so that Knative takes a split to it. None: that is not what
    /// keeps users from it, or it has not helped.
    pub(super) fn open_way(
        &mut self,
        record: &Record,
        world: &World,
        service: &Service,
        now: Timestamp,
    ) -> Option<Next> {
        let until = after(*self.began.get_or_insert(now), LAST_WAIT);
        if now >= until {
            return None;
        }
        match open_way_back(record, world, self.bounds.refused(BoundWrite::WayBack).is_some(), now)? {
            WayBack::Note(capacity, what) => {
                let mut noted = Record { capacity: Some(capacity), ..record.clone() };
                self.claimant.sign(&mut noted);
                let order = order(service, noted, None, None, Event::new(Topic::Pods, what)).ok()?;
                Some(Next::Write(Box::new(order)))
            }
            WayBack::Set(order) => Some(self.bounds.next(order, world.signal.is_some(), now)),
            WayBack::Wait => Some(Next::wait(Some(until))),
        }
    }
}
