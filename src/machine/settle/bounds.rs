//! Bounds of Revisions that a rollout set: what opens the way back, and what the owner had comes back.
//!
//! Decides how long settling waits for either. It may use the record and observed revisions.

use super::Settle;
use crate::machine::capacity::{WayBack, caps_alone, open_way_back, receives, standing_words};
use crate::machine::next::{BoundWrite, Next};
use crate::machine::outcomes::LAST_WAIT;
use crate::machine::standing::outcome_of;
use crate::machine::world::World;
use crate::machine::write::order;
use crate::model::event::{Event, Log, Topic};
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::time::after;
use crate::rollout::record::Record;
use jiff::Timestamp;

impl Settle {
    /// Gives back what was set, if that is to be done now.
    pub(super) fn returning(&self, world: &World, record: &Record, now: Timestamp, log: &mut Log) -> Option<Next> {
        let due = self.bounds.giving_back(record, world, |name| name == receives(record), now)?;
        Some(due.next(&format!("{} keeps its", receives(record)), log))
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

    /// There is no way back to stable: it is opened, if want of pods is what keeps it closed, or that is the end.
    pub(super) fn no_way(
        &mut self,
        known: Option<&Record>,
        why: String,
        world: &World,
        service: &Service,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        let opened = known.and_then(|record| self.open_way(record, &record.start.stable, world, service, now));
        let opened = opened.or_else(|| self.uncap(known?, world, now, log));
        opened.unwrap_or_else(|| Next::end(outcome_of(Code::CouldNotRestore, why, service)))
    }

    /// Gives a cap back that has not helped.
    pub(super) fn uncap(&self, record: &Record, world: &World, now: Timestamp, log: &mut Log) -> Option<Next> {
        self.returning(world, &caps_alone(record)?, now, log)
    }

    /// Caps a revision that serves but is not Ready for want of pods, so that Knative takes a split to it. None: that is not what
    /// keeps users from it, or it has not helped.
    pub(super) fn open_way(
        &mut self,
        record: &Record,
        to: &RevisionName,
        world: &World,
        service: &Service,
        now: Timestamp,
    ) -> Option<Next> {
        let until = after(*self.began.get_or_insert(now), LAST_WAIT);
        if now >= until {
            return None;
        }
        match open_way_back(record, to, world, self.bounds.refused(BoundWrite::WayBack).is_some(), now)? {
            WayBack::Note(capacity, what) => {
                let mut noted = Record { capacity: Some(capacity), ..record.clone() };
                self.claimant.sign(&mut noted);
                let order = order(service, noted, None, None, Event::new(Topic::Pods, what)).ok()?;
                self.notes.extend(order.record.as_ref().map(|noted| noted.epoch));
                Some(Next::Write(Box::new(order)))
            }
            WayBack::Set(order) => Some(self.bounds.next(order, world.signal.is_some(), now)),
            WayBack::Wait => Some(Next::wait(Some(until))),
        }
    }
}
