//! Bounds of Revisions that an older rollout left: a cap goes as soon as this one holds the target, and all of it where staging
//! is the end and no walk follows.
//!
//! Decides which end gives back what, what is said of the rest, and when it is looked at what stable's users want. It may use
//! the record and observed revisions.

use super::Stage;
use crate::machine::capacity::{but_capped, caps_alone, receives, wanted_by_users};
use crate::machine::migration::misplaced;
use crate::machine::next::Next;
use crate::machine::outcomes::{UNCHANGED, with_standing};
use crate::machine::world::World;
use crate::model::event::Log;
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::Outcome;
use crate::model::percent::Percent;
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;

impl Stage {
    /// Takes a look at what users of stable want while they are all there.
    pub(super) fn look_at_demand(&mut self, world: &World, service: &Service, record: &Record, now: Timestamp) {
        if let Some(stable) = world.revision(&record.start.stable) {
            let wanted = wanted_by_users(record.capacity.as_deref(), stable, Percent::FULL);
            self.demand.look(stable, service.served_percent(&stable.name), wanted, now);
        }
    }

    /// Gives back what stands, if that is to be done now.
    pub(super) fn returning(
        &self,
        world: &World,
        record: &Record,
        has_received: impl Fn(&RevisionName) -> bool,
        now: Timestamp,
        log: &mut Log,
    ) -> Option<Next> {
        let due = self.bounds.giving_back(record, world, has_received, now)?;
        Some(due.next(&format!("{} keeps its", receives(record)), log))
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
}
