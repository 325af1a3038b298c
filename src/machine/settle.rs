//! Settling: any state to a safe one, idempotently; the `finally` task and the hand brake.
//!
//! Decides which end a target gets (docs/protocol.md, what people may rely on). It waits for nobody, because another
//! process that still writes finds this one in the record and stops. It may use pure modules only.

use crate::machine::capacity::BoundTries;
use crate::machine::last_split::LastSplit;
use crate::machine::lost::Lost;
use crate::machine::next::{BoundOrder, GiveUp, Look, Machine, Next, Order, Written};
use crate::machine::others::say_outside;
use crate::machine::outcomes::{absent, denied, gave_up, missing, unreadable};
use crate::machine::restore::Restore;
use crate::machine::rollback::{Why, roll_back};
use crate::machine::settle::others::UNTOUCHED;
use crate::machine::standing::{Claimant, Moved, Standing, moved, outcome_of, who_moved};
use crate::machine::world::{Presence, World};
use crate::machine::write::{RecordSize, discard_order};
use crate::model::api_error::ApiError;
use crate::model::event::{Event, Log, Topic};
use crate::model::name::{RevisionName, RolloutId, ServiceName};
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::rollout::goal::CapacityGoal;
use crate::rollout::record::{BadRecord, Phase, Record};
use crate::rollout::splits::{Tags, salvaged};
use crate::rollout::told::{TaskEnd, Told};
use jiff::Timestamp;
use std::collections::BTreeSet;

mod bounds;
mod candidate;
mod closing;
mod others;
mod revision;
mod several;

pub use several::together;

/// Where to settle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// The split from before the rollout.
    Stable,
    /// The candidate, for good.
    Candidate,
    /// A revision by name.
    Revision(RevisionName),
}

/// Stands in place of a rollout's id and means any of them.
const ANY: &str = "any";

/// The goal of settling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleGoal {
    /// The Service.
    pub service: ServiceName,
    /// Only this rollout, or the rollout of this run's uid; another's record is left alone. `any`: no matter whose.
    pub rollout: Option<String>,
    /// Where to; none: an unfinished rollout goes back, a finished one stays.
    pub to: Option<To>,
    /// Remove a record that cannot be read.
    pub discard: bool,
    /// Our tags, where there is no record to know them from.
    pub tags: Tags,
    /// The identity of the record that is left, where there is none yet.
    pub id: RolloutId,
    /// When the run that settles began, where that is known.
    pub run_began: Option<Timestamp>,
    /// Once users are back the template becomes again what serves.
    pub restore_template: bool,
}

/// The settling machine.
#[derive(Debug)]
pub struct Settle {
    goal: SettleGoal,
    claimant: Claimant,
    /// The last write, until users have it.
    last: LastSplit,
    denied: Option<Outcome>,
    discarded: bool,
    began: Option<Timestamp>,
    /// The way back is being opened, and the record says so.
    noted: bool,
    /// The epochs of the writes that say so.
    notes: BTreeSet<u64>,
    /// What became of bounds.
    bounds: BoundTries,
    /// How much of the record is written: less once the API server has no room for it.
    size: RecordSize,
    /// What the other tasks of this run said.
    told: Option<Told>,
    /// What is done about the template once users are back.
    restore: Restore,
    /// The rollout was over before, and only its template is written.
    was_over: bool,
}

impl Settle {
    /// A machine that has not looked yet.
    pub fn new(goal: SettleGoal, claimant: Claimant) -> Self {
        let (last, bounds) = (LastSplit::default(), BoundTries::default());
        let restore = Restore::new(goal.restore_template, &CapacityGoal::default(), false);
        Self {
            goal,
            claimant,
            last,
            denied: None,
            discarded: false,
            began: None,
            noted: false,
            notes: BTreeSet::new(),
            bounds,
            size: RecordSize::Whole,
            told: None,
            restore,
            was_over: false,
        }
    }

    /// The same for the `finally` of a run whose deciding task said this.
    #[must_use]
    pub fn told(self, told: Option<Told>) -> Self {
        Self { told, ..self }
    }

    fn outside(
        &mut self,
        world: &World,
        service: &Service,
        record: Option<Record>,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        if world.signal.is_some() {
            let what = if self.noted { "no traffic was moved" } else { "nothing was written" };
            return Next::end(outcome_of(Code::Interrupted, format!("stopped by a signal; {what}"), service));
        }
        if let Some(record) = &record
            // It was asked before the first write; since then the record is ours.
            && !self.noted
            && let Some(other) = self.is_anothers(record)
            && let Some(next) = self.leave(record, other, world, service, now)
        {
            return next;
        }
        let goes_back = matches!(self.goal.to, None | Some(To::Stable));
        let known = record.clone().filter(|_| goes_back);
        let order = match (record, self.goal.to.clone()) {
            (None, None) => return self.untouched(service, format!("{} has no rollout to settle", service.name)),
            (Some(record), None) if !record.phase.is_open() => {
                return self.over_before(&record, world, service, now, log);
            }
            (Some(record), None) if moved(&record, service) == Moved::Traffic => self.close(&record, service, now),
            (Some(record), None) => self.back(&record, world, service, &self.unfinished(&record), now),
            (Some(record), Some(To::Stable | To::Candidate)) if moved(&record, service) == Moved::Traffic => {
                let what = format!(
                    "{} changed the traffic of {} since this rollout wrote it; nothing was written over that",
                    who_moved(service, true),
                    service.name
                );
                let next =
                    format!("name the revision that is to serve: `andante settle {} --to REVISION`", service.called());
                return Next::end(outcome_of(Code::TakenOver, what, service).next(next));
            }
            (Some(record), Some(To::Stable)) => {
                let why = Why {
                    blames: record.phase == Phase::Finished,
                    ..Why::blameless(Code::RolledBack, format!("asked for by {}", self.claimant.asker.owner))
                };
                self.back(&record, world, service, &why, now)
            }
            (Some(record), Some(To::Candidate)) => return self.go_to_candidate(record, world, service, now, log),
            (None, Some(to @ (To::Stable | To::Candidate))) => {
                let split = service.split.as_ref().ok().filter(|_| to == To::Stable);
                let Some(found) = split.and_then(|split| salvaged(split, &self.goal.tags)) else {
                    return Next::end(
                        outcome_of(Code::BadState, format!("{} has no record of a rollout", service.name), service)
                            .next(format!("name the revision: `andante settle {} --to REVISION`", service.called())),
                    );
                };
                self.salvage(found, world, service, now)
            }
            (record, Some(To::Revision(name))) => return self.go_to_revision(record, &name, world, service, now, log),
        };
        match order {
            Ok(order) => Next::Write(Box::new(order)),
            Err(why) => self.no_way(known.as_ref(), why, world, service, now, log),
        }
    }

    /// Why a rollout that nobody finished goes back.
    fn unfinished(&self, record: &Record) -> Why {
        // An interrupted walk's own reason tells why there is something to settle, else the task that failed does.
        let failed = || self.told.as_ref().filter(|told| told.failed).map(Told::words);
        let after = record.reason.clone().or_else(failed);
        let after = after.map(|reason| format!(" after: {reason}")).unwrap_or_default();
        Why::blameless(Code::RolledBack, format!("settled by {}{after}", self.claimant.asker.owner))
    }

    fn back(
        &self,
        record: &Record,
        world: &World,
        service: &Service,
        why: &Why,
        now: Timestamp,
    ) -> Result<Order, String> {
        let mut record = record.clone();
        self.claimant.sign(&mut record);
        let outside = self.told.as_ref().and_then(|told| match told.end {
            TaskEnd::Ended(ending) => Some(ending),
            _ => None,
        });
        // Who says where to does not ask how the run ended.
        record.ending = record.ending.or(outside).filter(|_| self.goal.to.is_none());
        roll_back(world, service, &record, why, self.size, now).map_err(|e| e.why)
    }
}

impl Machine for Settle {
    fn decide(&mut self, world: &World, now: Timestamp, log: &mut Log) -> Next {
        if let Some(denied) = self.denied.clone() {
            return Next::end(denied);
        }
        let service = match &world.target {
            Presence::Unknown => return Next::Look(Look::Service),
            Presence::Absent => {
                // Whoever says where to, or whose rollout is meant, is not told that all is well.
                if self.goal.to.is_some() || self.goal.rollout.is_some() {
                    return Next::end(absent(&self.goal.service, world));
                }
                let what = format!("{}; nothing to settle", missing(&self.goal.service, world));
                return Next::end(self.by_its_tasks(Outcome::new(Code::Done, what)));
            }
            Presence::Seen(service) => service.as_ref(),
        };
        if !world.listed {
            return Next::wait(None);
        }
        let record = match world.record().transpose() {
            Ok(None) if self.discarded => {
                return Next::end(
                    outcome_of(Code::Done, "the record was removed; traffic is as it was", service).word(UNTOUCHED),
                );
            }
            Ok(record) => record,
            Err(_) if self.goal.discard => {
                self.discarded = true;
                let what = Event::new(Topic::Claim, "a record that cannot be read is removed; traffic stays as it is");
                return Next::Write(Box::new(discard_order(service, what)));
            }
            // The brake works without a memory: who says where to needs no record for it.
            Err(BadRecord::Unreadable(_)) if matches!(self.goal.to, Some(To::Stable | To::Revision(_))) => None,
            Err(error) => return Next::end(unreadable(&error, service)),
        };
        let record = match self.claimant.standing(record) {
            // Noted so far is what opens the way back.
            Standing::Ours(record) if record.phase.is_open() || self.notes.contains(&record.epoch) => {
                self.noted = true;
                Some(record)
            }
            Standing::Ours(record) => return self.closing(world, service, &record, now, log),
            Standing::Noted(own) => return self.closing(world, service, &own, now, log),
            Standing::Followed(done) => return self.done_before(service, &done),
            // Somebody else wrote after us; what they left is settled only when somebody asks for it again.
            Standing::Lost(newer) => {
                let (claimant, bounds) = (&self.claimant, &self.bounds);
                return Lost { claimant, bounds, world, service, now }.to(newer.as_deref(), log);
            }
            Standing::Outside(record) => record,
        };
        let next = self.outside(world, service, record.map(|record| *record), now, log);
        // Whose Service it is, is said before anything is written on it.
        if matches!(next, Next::Write(_)) {
            say_outside(service, log);
        }
        next
    }

    fn written(&mut self, written: &Written, world: &World, _: Timestamp, _: &mut Log) {
        // Removed and there again: removing it once more would be a quarrel.
        if let (true, Written::Yes, Some(Err(_)), Some(service)) =
            (self.discarded, written, world.record(), world.service())
        {
            let what = "the record was removed, and something puts it back at once";
            let next =
                "look who does: the annotation andante.dev/kept of the Service, its managedFields, admission policies";
            self.denied = Some(outcome_of(Code::BadState, what, service).next(next));
        }
        let Written::Denied(error) = written else { return };
        if self.restore.is_denied(error) {
            return;
        }
        let refused = matches!(error, ApiError::Invalid(_));
        if refused && self.size == RecordSize::Whole {
            // Perhaps it is the record for which there is no room.
            self.size = RecordSize::Least;
            return;
        }
        let mut outcome = denied(error);
        if refused {
            // Nothing that was typed is to blame, and whoever pulled the brake must not read of bad input.
            outcome.ends_as(Code::CouldNotRestore);
            outcome.what = format!("the write was refused, with the least record too: {}", outcome.what);
            outcome.next = format!(
                "remove what refuses it, or move users by hand: `kubectl edit ksvc {}`, spec.traffic",
                world.service().map_or_else(|| self.goal.service.to_string(), Service::called)
            );
        }
        outcome.traffic = world.service().and_then(|s| s.split.as_ref().ok()).cloned();
        self.denied = Some(outcome);
    }

    fn unanswered(&mut self, record: &Record, world: &World) {
        self.claimant.unanswered(record, world);
    }

    fn bounded(&mut self, order: &BoundOrder, written: &Written, world: &World, now: Timestamp, log: &mut Log) {
        self.bounds.bounded(order, written, world, now, log);
    }

    fn give_up(&self, world: &World, why: GiveUp) -> Outcome {
        gave_up(world, why)
    }
}

#[cfg(test)]
mod tests;
