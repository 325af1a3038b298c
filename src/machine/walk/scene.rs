//! What one decision of the walk looks at, as one value: a gate is a function of it and of what the walk remembers.

use crate::machine::world::{SuspendedBy, World};
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::rollout::control::Control;
use crate::rollout::declaration::suspend::Suspended;
use crate::rollout::record::Record;
use jiff::Timestamp;

/// Everything that is looked at.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    /// All that is known.
    pub(super) world: &'a World,
    /// The Service in it.
    pub(super) service: &'a Service,
    /// The record on it, which is ours.
    pub(super) record: &'a Record,
    /// The revision that is walked to.
    pub(super) candidate: &'a RevisionName,
    /// What people ask of this rollout.
    pub(super) control: Control,
    /// What suspends it, by whose word.
    pub(super) suspended: Option<(SuspendedBy, Suspended)>,
    /// The time.
    pub(super) now: Timestamp,
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        world: &'a World,
        service: &'a Service,
        record: &'a Record,
        candidate: &'a RevisionName,
        now: Timestamp,
    ) -> Self {
        let (control, suspended) = (Control::on(service, &record.id), world.suspended(service));
        Self { world, service, record, candidate, control, suspended, now }
    }

    /// Somebody stopped dwell and ramp.
    pub(super) fn is_paused(&self) -> bool {
        self.control.pause.is_some() || self.suspended.is_some()
    }

    /// Somebody asked to go straight to the end of this attempt.
    pub(super) fn is_promoted(&self) -> bool {
        self.control.promoted(self.record.attempt).is_some()
    }
}
