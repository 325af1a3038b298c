//! Settling: any state to a safe one, idempotently; the `finally` task and the hand brake.
//!
//! Decides which end a target gets (docs/protocol.md, what people may rely on). It waits for nobody, because another
//! process that still writes finds this one in the record and stops. It may use pure modules only.

use crate::machine::finish::finish;
use crate::machine::next::{GiveUp, Look, Machine, Next, Order, Written};
use crate::machine::outcomes::{LAST_WAIT, denied, ended_before, followed, gave_up};
use crate::machine::rollback::{Why, is_stuck, mend, roll_back};
use crate::machine::standing::{Claimant, Moved, Standing, moved, outcome_of, who_moved};
use crate::machine::world::{Presence, World};
use crate::machine::write::{discard_order, order};
use crate::model::event::Log;
use crate::model::event::{Event, Topic};
use crate::model::name::{RevisionName, RolloutId, ServiceName};
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::percent::Percent;
use crate::model::ready::{Serving, is_current, serving};
use crate::model::split::{Split, TrafficTarget};
use crate::model::time::after;
use crate::rollout::owner::OwnerKind;
use crate::rollout::record::{Phase, Record};
use crate::rollout::splits::{BadStart, Start, Tags, only_ready};
use jiff::Timestamp;

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
}

/// The end where the rollout had one already. Its result is how that ended, since a pipeline's `finally` may be all
/// that is left to tell it.
fn over(record: &Record, service: &Service) -> Outcome {
    let mut outcome = ended_before(record, service);
    outcome.code = Code::Done;
    if record.phase == Phase::Finished {
        outcome.word = "finished";
        let serves = record.candidate.as_ref().unwrap_or(&record.start.stable);
        outcome.what = format!("finished: {serves}");
    }
    outcome
}

/// The end of settling as its last write left the record.
fn settled(record: &Record, service: &Service) -> Outcome {
    let mut outcome = ended_before(record, service);
    outcome.word = if record.phase == Phase::Finished { "finished" } else { "settled" };
    if outcome.code == Code::RolledBack || outcome.code == Code::Done {
        // The command was asked to settle, and a rollback settles.
        outcome.code = Code::Done;
    }
    outcome
}

/// The settling machine.
#[derive(Debug)]
pub struct Settle {
    goal: SettleGoal,
    claimant: Claimant,
    ended_at: Option<Timestamp>,
    denied: Option<Outcome>,
    discarded: bool,
    began: Option<Timestamp>,
}

impl Settle {
    /// A machine that has not looked yet.
    pub fn new(goal: SettleGoal, claimant: Claimant) -> Self {
        Self { goal, claimant, ended_at: None, denied: None, discarded: false, began: None }
    }

    fn untouched(service: &Service, what: impl Into<String>) -> Next {
        Next::end(outcome_of(Code::Done, what, service).word("untouched"))
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
            return Next::end(outcome_of(Code::Interrupted, "stopped by a signal; nothing was written", service));
        }
        if let Some(record) = &record
            && let Some(other) = self.is_anothers(record)
        {
            // The record is a newer run's, so this run's rollout ended by being superseded.
            let newer = self.goal.rollout.is_none() && self.goal.run_began.is_some_and(|began| began < record.intent);
            let word = if newer { Code::Superseded.word() } else { "untouched" };
            return Next::end(outcome_of(Code::Done, other, service).word(word));
        }
        let who = self.claimant.asker.owner.to_string();
        let order = match (record, self.goal.to.clone()) {
            (None, None) => return Self::untouched(service, format!("{} has no rollout to settle", service.name)),
            (Some(record), None) if !record.phase.is_open() => {
                log.once(Topic::Note, format!("rollout {} is over already; nothing to settle", record.id));
                return Next::end(over(&record, service));
            }
            (Some(record), None) if moved(&record, service) == Moved::Traffic => self.close(&record, service, now),
            (Some(record), None) => {
                // An interrupted walk's own reason tells why there is something to settle.
                let after = record.reason.as_ref().map(|reason| format!(" after: {reason}")).unwrap_or_default();
                let why = Why::blameless(Code::RolledBack, format!("settled by {who}{after}"));
                self.back(&record, world, service, &why, now)
            }
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
                    ..Why::blameless(Code::RolledBack, format!("asked for by {who}"))
                };
                self.back(&record, world, service, &why, now)
            }
            (Some(record), Some(To::Candidate)) => {
                let ready = record.candidate.as_ref().is_some_and(|name| world.serves(name));
                if !ready {
                    return Next::end(outcome_of(
                        Code::BadState,
                        "the candidate is not Ready; nothing was written",
                        service,
                    ));
                }
                // Only a status that speaks of the present spec says whether latest may be followed again.
                let until = after(*self.began.get_or_insert(now), LAST_WAIT);
                if record.start.followed_latest() && !is_current(service) && now < until {
                    return Next::wait(Some(until));
                }
                let mut record = record;
                self.claimant.sign(&mut record);
                finish(world, service, &record, now)
                    .map(|f| {
                        if let Some(why) = f.stays_pinned {
                            log.once(
                                Topic::Note,
                                format!("traffic stays pinned by name, latest is not restored: {why}"),
                            );
                        }
                        f.order
                    })
                    .map_err(|e| e.why)
            }
            (None, Some(To::Stable | To::Candidate)) => {
                return Next::end(
                    outcome_of(Code::BadState, format!("{} has no record of a rollout", service.name), service)
                        .next(format!("name the revision: `andante settle {} --to REVISION`", service.called())),
                );
            }
            (record, Some(To::Revision(name))) => match self.to_revision(record, &name, world, service, now) {
                Ok(order) => return Next::Write(Box::new(order)),
                Err(why) => return Next::end(outcome_of(Code::BadState, why, service)),
            },
        };
        match order {
            Ok(order) => Next::Write(Box::new(order)),
            Err(why) => Next::end(outcome_of(Code::CouldNotRestore, why, service)),
        }
    }

    /// Why this record is none of our business, if so: in a pipeline only the run's own rollout is.
    fn is_anothers(&self, record: &Record) -> Option<String> {
        let wanted = match &self.goal.rollout {
            Some(wanted) if wanted == ANY => return None,
            Some(wanted) => wanted.clone(),
            None if self.claimant.asker.owner.kind != OwnerKind::Person => self.claimant.asker.owner.uid.clone(),
            None => return None,
        };
        let matches = wanted == record.id.as_str() || wanted == record.owner.uid;
        (!matches).then(|| format!("the record is of rollout {} by {}; nothing was touched", record.id, record.owner))
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
        roll_back(world, service, &record, why, now).map_err(|e| e.why)
    }

    /// Closes the record alone: somebody moved traffic by hand, and that stands (rule 3).
    fn close(&self, record: &Record, service: &Service, now: Timestamp) -> Result<Order, String> {
        let mut record = record.clone();
        self.claimant.sign(&mut record);
        record.phase = Phase::RolledBack;
        record.outcome = Some(Code::TakenOver);
        let who = who_moved(service, true);
        record.reason = Some(format!("{who} changed the traffic; it stays as it is and the rollout is closed"));
        record.step_at = now;
        let what = Event::new(Topic::Claim, format!("rollout {} closed, traffic left as {who} set it", record.id));
        order(service, record, None, None, what).map_err(|e| e.to_string())
    }

    fn to_revision(
        &self,
        record: Option<Record>,
        name: &RevisionName,
        world: &World,
        service: &Service,
        now: Timestamp,
    ) -> Result<Order, String> {
        let Some(revision) = world.revision(name) else {
            return Err(format!("there is no revision {name} of {}; nothing was written", service.name));
        };
        if !revision.serves() {
            return Err(format!("{name} is not Ready ({}); nothing was written", revision.complaint()));
        }
        let ours = record.as_ref().filter(|r| moved(r, service) != Moved::Traffic);
        let start = if let Some(record) = ours {
            record.start.clone()
        } else {
            let split = service.split.clone().map_err(|e| e.to_string())?;
            let latest = service.latest_ready.clone().unwrap_or_else(|| name.clone());
            match Start::new(split.clone(), latest.clone(), None) {
                Ok(start) => start,
                // Several revisions serve and one was named, so everyone goes to that one.
                Err(_) => self.flattened(&split, &latest, name).map_err(|e| e.to_string())?,
            }
        };
        let mut next = record.unwrap_or_else(|| {
            let (id, tags) = (self.goal.id.clone(), self.goal.tags.clone());
            self.claimant.begin(id, start.clone(), tags, service, now)
        });
        self.claimant.sign(&mut next);
        let safe = only_ready(&start.finished(name, false).pinned(&start.latest), name, |n| world.serves(n))
            .ok_or_else(|| "a target that serves users is not Ready; nothing was written".to_owned())?;
        next.start = start;
        next.phase = Phase::Finished;
        next.candidate = Some(name.clone());
        next.outcome = Some(Code::Done);
        next.reason = Some(format!("settled to {name} by {}", self.claimant.asker.owner));
        next.step_at = now;
        next.left_out = safe.left_out;
        let what =
            Event::new(Topic::Traffic, format!("everyone whom {} served to {name}: {}", next.start.stable, safe.split));
        order(service, next, Some(safe.split), None, what).map_err(|e| e.to_string())
    }

    /// A start in which everyone is on `name`; the owner's 0 % tags stay.
    fn flattened(&self, split: &Split, latest: &RevisionName, name: &RevisionName) -> Result<Start, BadStart> {
        let ours = |t: &TrafficTarget| {
            t.tag.as_ref().is_some_and(|tag| [&self.goal.tags.candidate, &self.goal.tags.stable].contains(&tag))
        };
        let tagged = split.targets().iter().filter(|t| t.percent.is_zero() && t.tag.is_some() && !ours(t)).cloned();
        let all = [TrafficTarget::named(name, Percent::FULL, None)].into_iter().chain(tagged).collect();
        let flat = Split::new(all).map_err(|_| BadStart::Ambiguous(split.clone()))?;
        Start::new(flat, latest.clone(), Some(name))
    }

    fn closing(&mut self, world: &World, service: &Service, record: &Record, now: Timestamp) -> Next {
        let ended = *self.ended_at.get_or_insert(now);
        let unserved = serving(service) != Serving::Yes && moved(record, service) == Moved::No;
        if unserved && let Some(order) = mend(world, service, record) {
            return Next::Write(Box::new(order));
        }
        if unserved && now < after(ended, LAST_WAIT) && world.signal.is_none() {
            return Next::wait(Some(after(ended, LAST_WAIT)));
        }
        let mut outcome = settled(record, service);
        if unserved {
            outcome.what.push_str("; written, but not confirmed as served yet");
            if is_stuck(service, record) {
                outcome.code = Code::CouldNotRestore;
                outcome.word = outcome.code.word();
            }
        }
        Next::end(outcome)
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
                return Next::end(
                    Outcome::new(Code::Done, format!("there is no Service {}; nothing to settle", self.goal.service))
                        .word("untouched"),
                );
            }
            Presence::Seen(service) => service.as_ref(),
        };
        if !world.listed {
            return Next::wait(None);
        }
        let record = match world.record().transpose() {
            Ok(None) if self.discarded => {
                return Self::untouched(service, "the record was removed; traffic is as it was");
            }
            Ok(record) => record,
            Err(_) if self.goal.discard => {
                self.discarded = true;
                let what = Event::new(Topic::Claim, "a record that cannot be read is removed; traffic stays as it is");
                return Next::Write(Box::new(discard_order(service, what)));
            }
            Err(error) => return Next::end(outcome_of(Code::BadState, error.to_string(), service)),
        };
        match self.claimant.standing(record) {
            Standing::Ours(record) => self.closing(world, service, &record, now),
            // Somebody else wrote after us; what they left is settled only when somebody asks for it again.
            Standing::Lost(newer) => match (self.claimant.done_before(newer.as_deref()), &newer) {
                (Some(own), Some(newer)) => {
                    let mut outcome = settled(own, service);
                    outcome.what = followed(&outcome.what, newer);
                    Next::end(outcome)
                }
                _ => Next::end(self.claimant.lost(newer.as_deref(), service)),
            },
            Standing::Outside(record) => self.outside(world, service, record.map(|r| *r), now, log),
        }
    }

    fn written(&mut self, written: &Written, world: &World, _: Timestamp, _: &mut Log) {
        if let Written::Denied(error) = written {
            let mut outcome = denied(error);
            outcome.traffic = world.service().and_then(|s| s.split.as_ref().ok()).cloned();
            self.denied = Some(outcome);
        }
    }

    fn give_up(&self, world: &World, why: GiveUp) -> Outcome {
        gave_up(world, why)
    }
}
