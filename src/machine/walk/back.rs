//! The write that takes users back. A reason to go back stays, because a Fail is never taken back (ARCHITECTURE.md,
//! rule 4).

use super::Walk;
use super::scene::Scene;
use crate::machine::capacity::{WayBack, open_way_back};
use crate::machine::next::{BoundWrite, Next};
use crate::machine::outcomes::LAST_WAIT;
use crate::machine::rollback::{Why, roll_back};
use crate::machine::standing::outcome_of;
use crate::machine::world::World;
use crate::machine::write::{RecordSize, order};
use crate::model::api_error::ApiError;
use crate::model::event::{Event, Log, Topic};
use crate::model::observed::MAX_ANNOTATIONS;
use crate::model::outcome::Code;
use crate::model::time::after;
use crate::rollout::record::{MAX_BYTES, Record};

/// A step's record may be so much longer than the one before it: evidence, mostly.
const ROOM: usize = MAX_BYTES;

impl Walk {
    /// Takes users back.
    pub(super) fn go_back(&mut self, scene: &Scene<'_>, why: Why, log: &mut Log) -> Next {
        self.failed = Some(why.clone());
        let (service, now) = (scene.service, scene.now);
        let record = &self.with_evidence(scene.record);
        match roll_back(scene.world, service, record, &why, self.size, now) {
            Ok(order) => Next::Write(Box::new(order)),
            // Stable may be back in a moment, and a Fail stays a Fail meanwhile.
            Err(_) if now < after(*self.stuck_since.get_or_insert(now), LAST_WAIT) => {
                if let Some(next) = self.open_way(scene) {
                    return next;
                }
                let until = self.stuck_since.map(|since| after(since, LAST_WAIT));
                log.once(Topic::Wait, format!("back as soon as {} is Ready: {}", record.start.stable, why.reason));
                Next::wait(until)
            }
            Err(cannot) => {
                // A cap that did not help keeps stable from growing.
                if let Some(next) = self.uncap(scene.world, record, now, log) {
                    return next;
                }
                let what = format!("{}; could not go back: {}", why.reason, cannot.why);
                let called = service.called();
                let next = format!("bring {} back, or `andante settle {called} --to REVISION`", record.start.stable);
                Next::end(outcome_of(Code::CouldNotRestore, what, service).next(next))
            }
        }
    }

    /// Caps a stable that serves but is not Ready for want of pods, so that Knative takes a split to it.
    fn open_way(&self, scene: &Scene<'_>) -> Option<Next> {
        let (record, refused) = (scene.record, self.pods.bounds.refused(BoundWrite::WayBack).is_some());
        match open_way_back(record, &record.start.stable, scene.world, refused, scene.now)? {
            WayBack::Note(capacity, what) => {
                let to = Record { capacity: Some(capacity), ..scene.record.clone() };
                // Where there is no room for the record, the way back is waited for as before.
                let order = order(scene.service, to, None, None, Event::new(Topic::Pods, what)).ok()?;
                Some(Next::Write(Box::new(order)))
            }
            WayBack::Set(order) => Some(self.pods.bounds.next(order, scene.world.signal.is_some(), scene.now)),
            WayBack::Wait => None,
        }
    }

    /// A way back that is refused with its record is tried once more with the least of it. A walk that cannot write its
    /// record any more because others filled the object's annotations goes back too: it could neither go on nor be resumed.
    pub(super) fn denied_for_room(&mut self, error: &ApiError, world: &World) -> bool {
        if !matches!(error, ApiError::Invalid(_)) || self.size == RecordSize::Least || !self.claimant.has_written() {
            return false;
        }
        let full = world.service().is_some_and(|s| s.annotation_bytes() + ROOM > MAX_ANNOTATIONS);
        let users = world.record().and_then(Result::ok).is_some_and(|r| r.phase.is_open() && r.step > 0);
        if self.failed.is_none() && full && users {
            let why =
                format!("the annotations of {} are full, so the record cannot be written: {error}", self.goal.service);
            self.failed = Some(Why::blameless(Code::Inconclusive, why));
        }
        if self.failed.is_some() {
            self.size = RecordSize::Least;
        }
        self.failed.is_some()
    }
}
