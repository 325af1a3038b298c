//! The end of a process that lost the target, or finds a record that cannot be read.
//!
//! Decides that what its own last record named is given back first where no record names it any more: nobody else could. It may
//! use the record and observed objects.

use super::capacity::BoundTries;
use super::next::Next;
use super::outcomes::unreadable;
use super::standing::Claimant;
use super::world::World;
use crate::model::event::Log;
use crate::model::observed::Service;
use crate::rollout::record::{BadRecord, Record};
use jiff::Timestamp;

/// A process that holds the target no more, and what it looks at.
pub(super) struct Lost<'a> {
    pub(super) claimant: &'a Claimant,
    pub(super) bounds: &'a BoundTries,
    pub(super) world: &'a World,
    pub(super) service: &'a Service,
    pub(super) now: Timestamp,
}

impl Lost<'_> {
    /// Somebody else wrote, or removed the record.
    pub(super) fn to(&self, newer: Option<&Record>, log: &mut Log) -> Next {
        self.orphaned(newer, log).unwrap_or_else(|| Next::end(self.claimant.lost(newer, self.service)))
    }

    /// The record cannot be read. One of another format is somebody's, and what it names is theirs to give back.
    pub(super) fn unread(&self, error: &BadRecord, log: &mut Log) -> Next {
        let damaged = matches!(error, BadRecord::Unreadable(_));
        let back = damaged.then(|| self.orphaned(None, log)).flatten();
        back.unwrap_or_else(|| Next::end(unreadable(error, self.service)))
    }

    fn orphaned(&self, found: Option<&Record>, log: &mut Log) -> Option<Next> {
        let own = self.claimant.orphaned(found)?;
        self.bounds.giving_back(own, self.world, |_| false, self.now).map(|due| due.next("", log))
    }
}
