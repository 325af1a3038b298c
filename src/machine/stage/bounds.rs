//! Bounds of Revisions that an older rollout left: a cap goes as soon as this one holds the target, and all of it where staging
//! is the end and no walk follows.
//!
//! Decides which end gives back what, and what is said of the rest. It may use the record and observed revisions.

use super::Stage;
use crate::machine::capacity::{Returned, but_capped, caps_alone, receives, return_bounds};
use crate::machine::migration::misplaced;
use crate::machine::next::{BoundWrite, Next};
use crate::machine::outcomes::{UNCHANGED, ended_before, followed, unreadable, with_standing};
use crate::machine::world::World;
use crate::model::event::{Log, Topic};
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::Outcome;
use crate::rollout::record::{BadRecord, Phase, Record};
use jiff::Timestamp;

impl Stage {
    /// Gives back what stands, if that is to be done now.
    pub(super) fn returning(
        &self,
        world: &World,
        record: &Record,
        has_received: impl Fn(&RevisionName) -> bool,
        now: Timestamp,
        log: &mut Log,
    ) -> Option<Next> {
        if self.bounds.refused(BoundWrite::Return).is_some() {
            return None;
        }
        match return_bounds(record, world, has_received, now) {
            Returned::Write(order) => Some(self.bounds.next(order, world.signal.is_some(), now)),
            Returned::Wait(until) if world.signal.is_none() => {
                let until_then = until.strftime("%H:%M:%S");
                log.once(Topic::Pods, format!("{} keeps its pods until {until_then}", receives(record)));
                Some(Next::wait(Some(until)))
            }
            Returned::All | Returned::Wait(_) => None,
        }
    }

    /// Gives back the cap of a way back that another process was on, once that is served: stable may have to grow while this
    /// rollout lasts.
    pub(super) fn uncap(
        &self,
        world: &World,
        service: &Service,
        record: &Record,
        now: Timestamp,
        log: &mut Log,
    ) -> Option<Next> {
        let open = matches!(record.phase, Phase::Staging | Phase::Staged) && world.signal.is_none();
        let caps = caps_alone(record).filter(|_| open && !misplaced(service, &record.split))?;
        self.returning(world, &caps, |_| false, now, log)
    }

    /// An end after which no walk comes. What stands of the rollout that is over goes first; what another run is at, or one that
    /// was refused would have to wait for, is said.
    pub(super) fn over(
        &self,
        outcome: Outcome,
        record: Option<&Record>,
        world: &World,
        service: &Service,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        let Some(record) = record.filter(|record| !record.phase.is_open()) else { return Next::end(outcome) };
        // Until its way back is served, a cap is what keeps that open.
        let unserved = misplaced(service, &record.split) && !record.leaves_traffic();
        let due = if unserved { but_capped(record) } else { record.clone() };
        let received = |name: &RevisionName| !unserved && name == receives(record);
        let is_its_end = outcome.word == UNCHANGED || record.writer == self.claimant.writer;
        let own = record.owner.uid == self.claimant.asker.owner.uid;
        let back = (is_its_end || own).then(|| self.returning(world, &due, received, now, log)).flatten();
        back.unwrap_or_else(|| Next::end(with_standing(outcome, record, world, service)))
    }

    /// The end of a process that lost the target. What its record named, nobody else can give back where that was removed.
    pub(super) fn lost(
        &self,
        newer: Option<&Record>,
        world: &World,
        service: &Service,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        if let Some(next) = self.returning_orphaned(newer, world, now, log) {
            return next;
        }
        Next::end(self.claimant.lost(newer, service))
    }

    /// The end where the last write was made when the next rollout began, before that was confirmed as served.
    pub(super) fn done_before(service: &Service, own: &Record, newer: &Record) -> Next {
        let mut outcome = ended_before(own, service);
        outcome.what = followed(&outcome.what, newer);
        Next::end(outcome)
    }

    /// The end where the record cannot be read.
    pub(super) fn unread(
        &self,
        error: &BadRecord,
        world: &World,
        service: &Service,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        // One of another format is somebody's, and what it names is theirs to give back.
        let damaged = matches!(error, BadRecord::Unreadable(_));
        let back = damaged.then(|| self.returning_orphaned(None, world, now, log)).flatten();
        back.unwrap_or_else(|| Next::end(unreadable(error, service)))
    }

    fn returning_orphaned(&self, found: Option<&Record>, world: &World, now: Timestamp, log: &mut Log) -> Option<Next> {
        self.returning(world, self.claimant.orphaned(found)?, |_| false, now, log)
    }
}
