//! After the last write: decides when the walk ends, by which code, and what the end says. It may use the record and
//! observed objects.

use super::Walk;
use crate::machine::capacity::{GivingBack, but_capped, caps_alone, receives};
use crate::machine::last_split::{AFTER_SIGNAL, end_unserved};
use crate::machine::lost::Lost;
use crate::machine::next::{GiveUp, Next};
use crate::machine::outcomes::{
    LAST_WAIT, ended_before, finished_below, followed, gave_up, pinned_in_care, with_standing,
};
use crate::machine::restore::AfterBack;
use crate::machine::rollback::is_stuck;
use crate::machine::standing::{Followed, Moved, moved, outcome_of};
use crate::machine::world::World;
use crate::model::event::Log;
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::ready::{Serving, serving};
use crate::model::time::after;
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;
use std::time::Duration;

impl Walk {
    /// The last write is done: the end once it is served.
    pub(super) fn closing(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        let is_unserved = self.last.is_unserved(record, service, now);
        // Whoever leaves users where they are has nothing to wait for.
        let patience = if record.is_stopped() { Duration::ZERO } else { AFTER_SIGNAL };
        if is_unserved && let Some(next) = self.last.until_served(world, service, record, self.size, patience, now) {
            return next;
        }
        if let Some(next) = self.restoring(world, service, record, now, log) {
            return next;
        }
        if let Some(next) = self.returning_at_end(world, record, is_unserved, now, log) {
            return next;
        }
        let mut outcome = self.restore.said(self.end(world, service, record));
        outcome = with_standing(outcome, record, world, service);
        if is_unserved {
            end_unserved(&mut outcome, record, world, service);
        }
        Next::end(outcome)
    }

    /// What the way back was asked to do about the template.
    pub(super) fn restoring(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        now: Timestamp,
        log: &mut Log,
    ) -> Option<Next> {
        let (claimant, bounds) = (&self.claimant, &self.pods.bounds);
        self.restore.next(&AfterBack { claimant, bounds, world, service, record, now }, log)
    }

    /// Gives back the bounds that were set, if that is to be done now. A walk that a signal stopped leaves to `settle`, or to the
    /// next run, what has to be waited for. `has_received`: the arm received users a moment ago.
    pub(super) fn returning(
        &self,
        world: &World,
        record: &Record,
        has_received: impl Fn(&RevisionName) -> bool,
        now: Timestamp,
        log: &mut Log,
    ) -> Option<Next> {
        let due = self.pods.bounds.giving_back(record, world, has_received, now)?;
        if self.goal.once && matches!(due, GivingBack::At(_)) {
            // A short call leaves it to the next one.
            return None;
        }
        let keeps = match record.phase {
            Phase::Held => "both revisions keep their".to_owned(),
            _ => format!("{} keeps its", receives(record)),
        };
        Some(due.next(&keeps, log))
    }

    /// Gives a cap back: it is of use to a way back alone, and keeps stable from growing for whoever is on none.
    pub(super) fn uncap(&self, world: &World, record: &Record, now: Timestamp, log: &mut Log) -> Option<Next> {
        self.returning(world, &caps_alone(record)?, |_| false, now, log)
    }

    /// The same at the end of a walk of this run. Where it was asked to stop below the end, both arms have users; where a signal
    /// stopped it, all but a cap stays as it is.
    pub(super) fn returning_at_end(
        &self,
        world: &World,
        record: &Record,
        is_unserved: bool,
        now: Timestamp,
        log: &mut Log,
    ) -> Option<Next> {
        let (held, receives) = (record.phase == Phase::Held, receives(record));
        if record.is_stopped() {
            return self.uncap(world, record, now, log);
        }
        if is_unserved {
            // It may be kept from being served by a floor that cannot be had, and by its cap it is not.
            return self.returning(world, &but_capped(record), |_| false, now, log);
        }
        self.returning(world, record, |name| held || name == receives, now, log)
    }

    /// What the last process of this run did not come to, once its way back is served.
    pub(super) fn returning_late(
        &self,
        world: &World,
        service: &Service,
        record: &Record,
        now: Timestamp,
        log: &mut Log,
    ) -> Option<Next> {
        // Once a cap is gone the split may count as not served again, though users have it.
        let is_unserved = serving(service) != Serving::Yes && is_stuck(service, record);
        let until = after(self.began.unwrap_or(now), LAST_WAIT);
        if is_unserved && now < until && world.signal.is_none() && moved(record, service) != Moved::Traffic {
            return caps_alone(record).map(|_| Next::wait(Some(until)));
        }
        self.returning_at_end(world, record, is_unserved, now, log)
    }

    /// The end of a walk that lost the target.
    pub(super) fn lost<'a>(&'a self, world: &'a World, service: &'a Service, now: Timestamp) -> Lost<'a> {
        Lost { claimant: &self.claimant, bounds: &self.pods.bounds, world, service, now }
    }

    /// The end of a walk whose last write was made when the next rollout began, before that was confirmed as served: it is
    /// its own.
    pub(super) fn done_before(&self, world: &World, service: &Service, done: &Followed) -> Next {
        Next::end(followed(self.end(world, service, &done.own), done))
    }

    /// What the last write was.
    fn end(&self, world: &World, service: &Service, record: &Record) -> Outcome {
        let candidate = record.candidate.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut outcome = match record.phase {
            Phase::Finished if record.ended_below().is_some() => finished_below(record, service),
            Phase::Finished => {
                // Whoever comes again after its last write remembers no note.
                let next = match &self.finish_note {
                    Some(why) => format!("traffic stays pinned: {why}"),
                    None => pinned_in_care(record, service),
                };
                outcome_of(Code::Done, format!("finished: {candidate} has what {} had", record.start.stable), service)
                    .word("finished")
                    .next(next)
            }
            Phase::Held if record.outcome.is_some() => {
                Self::held_end(record, service).unwrap_or_else(|| ended_before(record, service))
            }
            Phase::Held => outcome_of(Code::Done, format!("held at {} to {candidate}", self.goal.plan.to()), service)
                .word("held")
                .next(format!("`andante walk {0}` goes on, `andante settle {0}` rolls back", service.called())),
            Phase::Interrupted => {
                let mut outcome = ended_before(record, service);
                let again = format!(
                    "the same run starts again from its first step; `andante settle {}` closes it",
                    service.called()
                );
                outcome.next = if outcome.next.is_empty() { again } else { format!("{again}; {}", outcome.next) };
                outcome
            }
            _ => ended_before(record, service),
        };
        // A record without room for its reason leaves that to the last line.
        if let (Some(why), None) = (&self.failed, &record.reason) {
            outcome.what = format!("{}: {}", outcome.what, why.reason);
        }
        outcome.candidate.clone_from(&record.candidate);
        outcome.digest = record.candidate.as_ref().and_then(|c| world.revision(c)).and_then(|r| r.digest.clone());
        outcome.rollout = Some(record.id.clone());
        outcome
    }

    /// The end where the world stops answering, or time is up after a signal.
    pub(super) fn given_up(&self, world: &World, why: GiveUp) -> Outcome {
        if let Some(end) = self.restore.stopped(world, &gave_up(world, why.clone())) {
            return end;
        }
        let mut outcome = gave_up(world, why);
        let goes_on = |record: &Record| matches!(record.phase, Phase::Walking | Phase::Baking);
        if let (Some(signal), None) = (world.signal, &self.failed)
            && self.claimant.has_written()
            && !self.goal.once
            && world.record().and_then(Result::ok).is_some_and(|record| goes_on(&record))
        {
            return self.unmarked(world, signal, &outcome);
        }
        if let Some(why) = &self.failed
            && !world
                .record()
                .and_then(Result::ok)
                .is_some_and(|r| matches!(r.phase, Phase::RolledBack | Phase::Interrupted))
        {
            if why.code != Code::Interrupted || outcome.code == Code::NotPermitted {
                outcome.ends_as(Code::CouldNotRestore);
            }
            outcome.what = format!("{}; the way back could not be written: {}", why.reason, outcome.what);
            outcome.next = format!("`andante settle {}` as soon as the cluster answers", self.goal.service);
        }
        outcome
    }
}
