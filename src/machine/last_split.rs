//! The split of a rollout's last write, on its way to users.
//!
//! Decides how long an end waits for that, what is written once more meanwhile, and what the end says where it was in vain. It may use
//! the record and observed objects.

use crate::machine::migration::misplaced;
use crate::machine::next::Next;
use crate::machine::outcomes::{LAST_WAIT, unserved};
use crate::machine::rollback::mend;
use crate::machine::standing::{Moved, is_writers, moved};
use crate::machine::world::World;
use crate::machine::write::RecordSize;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::ready::{Serving, serving};
use crate::model::time::after;
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;
use std::time::Duration;

/// How long it is waited for after a signal. The runner gives up 4.5 s after one, and whoever ends before that can still say what they
/// know.
pub(super) const AFTER_SIGNAL: Duration = Duration::from_secs(2);

/// What this process saw of it.
#[derive(Debug, Default)]
pub(super) struct LastSplit {
    written_at: Option<Timestamp>,
    served_at: Option<Timestamp>,
}

impl LastSplit {
    /// Since when it is written.
    pub(super) fn written(&mut self, now: Timestamp) -> Timestamp {
        *self.written_at.get_or_insert(now)
    }

    /// Since when it is served.
    pub(super) fn served(&mut self, now: Timestamp) -> Timestamp {
        *self.served_at.get_or_insert(now)
    }

    /// Until when it is waited for; none before it is written.
    pub(super) fn awaited(&self) -> Option<Timestamp> {
        self.written_at.map(|at| after(at, LAST_WAIT))
    }

    /// True as long as users do not have it. Where somebody moved traffic since it is none of this rollout's; a template that
    /// somebody edits leaves the split as it was written, and may keep it from being served.
    pub(super) fn is_unserved(&mut self, record: &Record, service: &Service, now: Timestamp) -> bool {
        self.written(now);
        let unserved = serving(service) != Serving::Yes && moved(record, service) != Moved::Traffic;
        if !unserved {
            self.served(now);
        }
        // Once is enough: a stable that lacks room is not Ready again as soon as its cap is gone, and serves; and a template that is
        // put back moves nobody.
        unserved && self.served_at.is_none()
    }

    /// What is next until it is served: without what keeps Knative from taking it, or a wait. None: it was waited for long enough.
    /// `patience`: so long after a signal.
    pub(super) fn until_served(
        &self,
        world: &World,
        service: &Service,
        record: &Record,
        size: RecordSize,
        patience: Duration,
        now: Timestamp,
    ) -> Option<Next> {
        let written = self.written_at.unwrap_or(now);
        let until = after(written, LAST_WAIT);
        // Within a bound: who brings a taken name back as often as it is taken out would be fought without end.
        let mends = now < until && brings(record) && is_writers(record, world);
        if let Some(order) = mends.then(|| mend(world, service, record, size)).flatten() {
            return Some(Next::Write(Box::new(order)));
        }
        let until = if world.signal.is_some() { until.min(after(written, patience)) } else { until };
        (now < until).then(|| Next::wait(Some(until)))
    }
}

/// True if it is for this rollout to bring users there: a held one leaves them where they are, and what somebody else asked for is
/// theirs to see served.
fn brings(record: &Record) -> bool {
    record.phase != Phase::Held && !record.leaves_traffic()
}

/// Says of an end that its split is not served, and whether users are elsewhere by that.
pub(super) fn end_unserved(outcome: &mut Outcome, record: &Record, world: &World, service: &Service) {
    unserved(outcome, world, service);
    if brings(record) && misplaced(service, &record.split) {
        outcome.ends_as(Code::CouldNotRestore);
    }
}
