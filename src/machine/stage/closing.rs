//! After the last write of staging: decides when it ends, and by which end. It may use the record and observed objects.

use super::Stage;
use super::mending::good_end;
use crate::machine::last_split::{AFTER_SIGNAL, end_unserved};
use crate::machine::next::{GiveUp, Next};
use crate::machine::outcomes::{LAST_WAIT, denied, ended_before, followed, gave_up, staged};
use crate::machine::restore::AfterBack;
use crate::machine::rollback::{Why, roll_back};
use crate::machine::standing::{Followed, outcome_of};
use crate::machine::world::{Presence, World};
use crate::machine::write::RecordSize;
use crate::model::api_error::ApiError;
use crate::model::event::Log;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::ready::{Serving, serving};
use crate::model::time::after;
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;

impl Stage {
    /// The candidate is tagged by name; the end once that is served.
    pub(super) fn settled(&mut self, world: &World, service: &Service, record: &Record, now: Timestamp) -> Next {
        let ended = self.last.written(now);
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
        let (is_unserved, size) = (self.last.is_unserved(record, service, now), RecordSize::Whole);
        if is_unserved && let Some(next) = self.last.until_served(world, service, record, size, AFTER_SIGNAL, now) {
            return next;
        }
        if let Some(next) = self.restoring(world, service, record, now, log) {
            return next;
        }
        let mut outcome = self.restore.said(ended_before(record, service));
        if is_unserved {
            end_unserved(&mut outcome, record, world, service);
        }
        self.over(outcome, Some(record), world, service, now, log)
    }

    /// What the way back was asked to do about the template.
    fn restoring(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        now: Timestamp,
        log: &mut Log,
    ) -> Option<Next> {
        let (claimant, bounds) = (&self.claimant, &self.bounds);
        self.restore.next(&AfterBack { claimant, bounds, world, service, record, now }, log)
    }

    /// This run's rollout is over already; what its last process did not come to is done first.
    pub(super) fn own_end(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        let next = self.restoring(world, service, record, now, log);
        let end = || self.restore.said(ended_before(record, service));
        next.unwrap_or_else(|| self.over(end(), Some(record), world, service, now, log))
    }

    /// The API server refused the last write for good.
    pub(super) fn refused(&mut self, error: &ApiError, world: &World) {
        if self.restore.is_denied(error) {
            return;
        }
        // A creation that is answered with "not found" means the namespace, since there is no Service yet to be missed.
        if let (ApiError::NotFound(_), Presence::Absent) = (error, &world.target) {
            let what = format!("the namespace for Service {} does not exist; nothing was written", self.goal.service);
            let next = "create it, or name another one with --namespace";
            self.denied = Some(Outcome::new(Code::BadInput, what).next(next));
            return;
        }
        let traffic = world.service().and_then(|s| s.split.as_ref().ok()).cloned();
        let mut outcome = denied(error);
        outcome.traffic = traffic;
        self.denied = Some(outcome);
    }

    /// The runner stops it.
    pub(super) fn stopped(&self, world: &World, why: GiveUp) -> Outcome {
        let why = gave_up(world, why);
        self.restore.stopped(world, &why).unwrap_or(why)
    }
}
