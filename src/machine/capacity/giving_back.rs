//! Giving back, as every machine does it: the next write, or what has to be waited for.
//!
//! Decides what is left to whoever comes next: all of it where it was refused, what takes time after a signal. It may use the
//! record and observed revisions.

use super::return_bounds::{Returned, return_bounds};
use super::tries::BoundTries;
use crate::machine::next::{BoundWrite, Next};
use crate::machine::world::World;
use crate::model::event::{Log, Topic};
use crate::model::name::RevisionName;
use crate::rollout::record::Record;
use jiff::Timestamp;

/// What is next.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::machine) enum GivingBack {
    /// A write, or the pause before it is tried again.
    Now(Next),
    /// Until then who received users keeps its pods.
    At(Timestamp),
}

impl GivingBack {
    /// That, and where somebody keeps pods (`hello-00001 keeps its`), a word of it.
    pub(in crate::machine) fn next(self, keeps: &str, log: &mut Log) -> Next {
        match self {
            Self::Now(next) => next,
            Self::At(until) => {
                log.once(Topic::Pods, format!("{keeps} pods until {}", until.strftime("%H:%M:%S")));
                Next::wait(Some(until))
            }
        }
    }
}

impl BoundTries {
    /// The next of this record's bounds that is to be given back; none: no bound stands, or others give it back. `has_received`: the arm received
    /// users a moment ago.
    pub(in crate::machine) fn giving_back(
        &self,
        record: &Record,
        world: &World,
        has_received: impl Fn(&RevisionName) -> bool,
        now: Timestamp,
    ) -> Option<GivingBack> {
        if self.refused(BoundWrite::Return).is_some() {
            return None;
        }
        match return_bounds(record, world, has_received, now) {
            Returned::Write(order) => Some(GivingBack::Now(self.next(order, world.signal.is_some(), now))),
            Returned::Wait(until) if world.signal.is_none() => Some(GivingBack::At(until)),
            Returned::All | Returned::Wait(_) => None,
        }
    }
}
