//! After the last write of staging: decides when it ends, and by which end. It may use the record and observed objects.

use super::Stage;
use super::mending::good_end;
use crate::machine::next::Next;
use crate::machine::outcomes::{LAST_WAIT, ended_before, followed, staged, unserved};
use crate::machine::rollback::{Why, is_stuck, mend, roll_back};
use crate::machine::standing::{Followed, Moved, is_writers, moved, outcome_of};
use crate::machine::world::World;
use crate::machine::write::RecordSize;
use crate::model::event::Log;
use crate::model::observed::Service;
use crate::model::outcome::Code;
use crate::model::ready::{Serving, serving};
use crate::model::time::after;
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;

impl Stage {
    /// The candidate is tagged by name; the end once that is served.
    pub(super) fn settled(&mut self, world: &World, service: &Service, record: &Record, now: Timestamp) -> Next {
        let ended = *self.ended_at.get_or_insert(now);
        let state = serving(service);
        if state != Serving::Yes && now < after(ended, LAST_WAIT) && world.signal.is_none() {
            return self.wait(now);
        }
        Next::end(staged(world, service, record, state == Serving::Yes))
    }

    /// Goes back, or says why that cannot be written.
    pub(super) fn fail(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        why: &Why,
        now: Timestamp,
    ) -> Next {
        let mut record = record.clone();
        record.candidate = record.candidate.or_else(|| self.candidate.clone());
        match roll_back(world, service, &record, why, RecordSize::Whole, now) {
            Ok(order) => Next::Write(Box::new(order)),
            Err(cannot) => {
                let what = format!("{}; and the split from before could not be written: {}", why.reason, cannot.why);
                Next::end(outcome_of(Code::CouldNotRestore, what, service))
            }
        }
    }

    /// The last write was made when the next rollout began, before that was confirmed as served: the end is its own.
    pub(super) fn done_before(&self, service: &Service, done: &Followed) -> Next {
        // Whoever had nothing to do only noted that in the record of an older rollout.
        if let Some(noted) = &self.noted {
            return Next::end(noted.clone());
        }
        let own = &done.own;
        let mut outcome = match &own.candidate {
            Some(candidate) if own.phase == Phase::Finished => good_end(own, candidate, service),
            _ => ended_before(own, service),
        };
        outcome.candidate.clone_from(&own.candidate);
        outcome.rollout = Some(own.id.clone());
        Next::end(followed(outcome, done))
    }

    /// Our own rollback is written; the end once it is served.
    pub(super) fn gone_back(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        let ended = *self.ended_at.get_or_insert(now);
        let is_unserved = serving(service) != Serving::Yes && moved(record, service) != Moved::Traffic;
        if is_unserved && now < after(ended, LAST_WAIT) {
            let mend = is_writers(record, world).then(|| mend(world, service, record, RecordSize::Whole));
            return match mend.flatten() {
                Some(order) => Next::Write(Box::new(order)),
                None => self.wait(now),
            };
        }
        let mut outcome = ended_before(record, service);
        if is_unserved {
            unserved(&mut outcome, world, service);
            if is_stuck(service, record) {
                outcome.code = Code::CouldNotRestore;
                outcome.word = outcome.code.word();
            }
        }
        self.over(outcome, Some(record), world, service, now, log)
    }
}
