//! Holding a target: how a machine gets the right to write, and how it notices that it has lost it.
//!
//! Decides rules 1 to 3 (docs/protocol.md) for one process. It may use the record, ownership and the world.

use crate::machine::against::{GoalAsked, GoalNow};
use crate::machine::claim::{Asker, Claim, claim};
use crate::machine::unanswered::Unanswered;
use crate::machine::world::World;
use crate::model::name::{GoalId, RolloutId};
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::percent::Percent;
use crate::model::writers::FIELD_MANAGER;
use crate::rollout::declaration::read::Stated;
use crate::rollout::owner::{Liveness, OwnerKind};
use crate::rollout::record::{EditOf, FORMAT, Phase, Record, RolloutGoal};
use crate::rollout::splits::{Start, Tags};
use jiff::Timestamp;

/// A process that wants to write, or does.
#[derive(Debug, Clone)]
pub struct Claimant {
    /// Who it acts for.
    pub asker: Asker,
    /// This very process.
    pub writer: String,
    /// The declared goal that it works for; none: it is compared with none.
    goal: Option<GoalAsked>,
    /// The record of its own last write; none before the first.
    own: Option<Box<Record>>,
    /// What it sent and heard nothing of.
    unanswered: Unanswered,
}

/// How a process stands to the target at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It holds the target; this is its record.
    Ours(Box<Record>),
    /// It never wrote. The record that is there, if any.
    Outside(Option<Box<Record>>),
    /// Its rollout is over, and another process noted its own intent in that record (`stage` of what is served already). The
    /// end is still this process's, and what is left of it; the record is written by it no more. It is this one.
    Noted(Box<Record>),
    /// It had made its last write when the next rollout began, before that was confirmed as served. The end is its own, and
    /// not that of somebody who was overtaken.
    Followed(Box<Followed>),
    /// It held the target and another process wrote since (or removed the record).
    Lost(Option<Box<Record>>),
}

/// A process that was done, and the rollout that began then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The record of its last write.
    pub own: Record,
    /// The next rollout's.
    pub newer: Record,
    /// The last write was answered. Where it was not, the newer record shows what it did.
    pub answered: bool,
}

/// Who moved the target by hand, if somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// Nobody.
    No,
    /// `spec.traffic` is not what was written last, or it is that of another object.
    Traffic,
    /// The template changed; traffic is as written.
    Template,
}

impl Claimant {
    /// A process that has not written yet.
    pub fn new(asker: Asker, writer: String) -> Self {
        Self { asker, writer, goal: None, own: None, unanswered: Unanswered::default() }
    }

    /// The same for a process that works for this declared goal.
    #[must_use]
    pub fn against(self, goal: Option<GoalId>) -> Self {
        Self { goal: goal.map(GoalAsked::new), ..self }
    }

    /// True if it works for a declared goal.
    pub(super) fn has_goal(&self) -> bool {
        self.goal.is_some()
    }

    /// How its goal stands to what the Service declares now; `record` is the one that is there.
    pub(super) fn goal_now(&self, record: Option<&Record>, service: &Service) -> GoalNow {
        let Some(goal) = &self.goal else { return GoalNow::Present };
        let holds = record.is_some_and(|record| self.is_owner(record) && record.phase.is_open());
        goal.now(record.and_then(|record| record.goal.as_ref()), holds, service)
    }

    /// The percentage of users that its goal declares for its end; none for a process that works for no goal.
    pub(super) fn declared_share(&self, service: &Service) -> Option<Percent> {
        self.goal.as_ref().and_then(|_| Stated::of_service(service).read().ok()).map(|declared| declared.share)
    }

    /// True for the record of a rollout of its goal: of its own run, or of another one of the same goal.
    pub(super) fn is_of_goal(&self, record: &Record) -> bool {
        self.is_owner(record) || self.works_for(record)
    }

    /// True if it works for the goal of this record's rollout, whoever wrote that.
    pub(super) fn works_for(&self, record: &Record) -> bool {
        self.goal.as_ref().is_some_and(|goal| goal.is_of(record))
    }

    /// Its goal has another id with the template that it wrote just now, which the API server answered.
    pub(super) fn learn_goal(&mut self, service: &Service) {
        if let Some(goal) = &mut self.goal {
            goal.learn(service);
        }
    }

    /// Writes its goal into a record.
    pub(super) fn mark_goal(&self, record: &mut Record) {
        if let Some(goal) = &self.goal {
            record.goal = Some(goal.of_rollout(record.goal.as_ref()));
        }
    }

    fn is_owner(&self, record: &Record) -> bool {
        record.owner.uid == self.asker.owner.uid
    }

    /// True once this process has written.
    pub fn has_written(&self) -> bool {
        self.own.is_some()
    }

    /// Compares the record on the Service with what this process wrote last.
    pub fn standing(&mut self, record: Option<Record>) -> Standing {
        match record {
            Some(record) if record.writer == self.writer && !self.is_replaced(&record) => {
                let record = Box::new(record);
                self.unanswered.known_to(record.epoch);
                self.own = Some(record.clone());
                Standing::Ours(record)
            }
            record => self.beside(record),
        }
    }

    /// No answer came to a write that leaves this record; `world` is what it was decided from.
    pub(super) fn unanswered(&mut self, record: &Record, world: &World) {
        self.unanswered.note(record, world);
    }

    /// Where the record is not this process's own.
    fn beside(&self, record: Option<Record>) -> Standing {
        if let Some(newer) = &record {
            let answered = self.own.as_deref().and_then(|own| done(own, newer, true));
            let sent = || self.unanswered.shown_by(newer).and_then(|sent| done(sent, newer, false));
            if let Some(done) = answered.or_else(sent) {
                return done;
            }
        }
        let record = record.map(Box::new);
        if self.own.is_some() { Standing::Lost(record) } else { Standing::Outside(record) }
    }

    /// True if this record came by no write of a rollout: each one raises the epoch, and a process changes its owner's
    /// record alone.
    fn is_replaced(&self, record: &Record) -> bool {
        let epochs = |own: u64| if record.writer == self.writer { record.epoch < own } else { record.epoch <= own };
        let renamed = record.writer == self.writer && record.owner.uid != self.asker.owner.uid;
        renamed || self.own.as_ref().is_some_and(|own| epochs(own.epoch))
    }

    /// May this process act on a target that it does not hold? `None`: the owner's liveness is needed first.
    pub fn claim(&self, record: Option<&Record>, world: &World, service: &Service, now: Timestamp) -> Option<Claim> {
        let Some(record) = record else { return Some(Claim::Free) };
        let ours = self.is_owner(record);
        // What is declared now goes before what was, whoever began when.
        let goal = self.goal.as_ref().filter(|goal| goal.differs_from(record));
        let by_goal = goal.is_some_and(|_| self.goal_now(Some(record), service) == GoalNow::Present);
        let alive = if ours || !record.phase.is_open() {
            Liveness::Unknown
        } else if lost_to_edit(record, service).is_some() {
            // Its owner writes nothing more (rule 3), so nobody has to wait for it.
            Liveness::Done
        } else if record.owner.kind == OwnerKind::Person {
            // No API tells whether a person still sits at the terminal; only the deadline does.
            Liveness::Unknown
        } else {
            world.liveness_of(&record.owner)?
        };
        Some(claim(Some(record), &self.asker, by_goal, alive, now))
    }

    /// The record of a rollout that begins now, in the phase of staging and of nobody's candidate yet.
    pub fn begin(&self, id: RolloutId, start: Start, tags: Tags, service: &Service, now: Timestamp) -> Record {
        Record {
            format: FORMAT,
            id,
            epoch: 0,
            writer: self.writer.clone(),
            owner: self.asker.owner.clone(),
            goal: self.rollout_goal(service),
            intent: self.asker.intent,
            deadline: now,
            phase: Phase::Staging,
            generation: service.generation,
            split: start.split.clone(),
            start,
            tags,
            candidate: None,
            image: None,
            template: None,
            reverts: false,
            restored: false,
            plan: None,
            attempt: 0,
            step: 0,
            step_at: now,
            approval_since: None,
            capacity: None,
            evidence: None,
            compared: None,
            left_out: vec![],
            rejected: vec![],
            outcome: None,
            ending: None,
            reason: None,
            edited: None,
        }
    }

    /// What a record of a rollout that begins now keeps of its goal.
    pub(super) fn rollout_goal(&self, service: &Service) -> Option<RolloutGoal> {
        self.goal.as_ref().map(|goal| goal.of_service(service))
    }

    /// Makes a record this process's own: writer, owner, goal, and the newest intent that was here.
    pub fn sign(&self, record: &mut Record) {
        self.mark_goal(record);
        record.writer.clone_from(&self.writer);
        record.owner = self.asker.owner.clone();
        record.intent = record.intent.max(self.asker.intent);
    }

    /// This process's last record, where none of a rollout is in its place: `found` is removed, replaced or damaged by hand.
    pub fn orphaned(&self, found: Option<&Record>) -> Option<&Record> {
        self.own.as_deref().filter(|_| found.is_none_or(|found| self.is_replaced(found)))
    }

    /// The end of a process that lost the target.
    pub fn lost(&self, record: Option<&Record>, service: &Service) -> Outcome {
        if self.own.as_ref().is_some_and(|own| is_another(own, service)) {
            let what = format!("{} was deleted and made anew; this run writes nothing more", service.name);
            return outcome_of(Code::TakenOver, what, service);
        }
        let Some(record) = record.filter(|_| self.orphaned(record).is_none()) else {
            let how = if record.is_some() { "replaced by another one" } else { "removed" };
            return record_lost(
                format!("the rollout's record was {how} by hand; this run writes nothing more"),
                service,
            );
        };
        let by_goal = self.goal.as_ref().is_some_and(|goal| goal.differs_from(record));
        let newer = !self.is_owner(record)
            && (by_goal || record.owner.kind != OwnerKind::Person && record.intent > self.asker.intent);
        let (code, verb) = if newer { (Code::Superseded, "superseded by") } else { (Code::TakenOver, "taken over by") };
        let mut what = format!("{verb} {} ({})", record.owner, phase_words(record));
        what.push_str("; this run writes nothing more");
        outcome_of(code, what, service)
    }
}

/// The standing of a process whose last write left its own record so: none if that was not its end.
fn done(own: &Record, newer: &Record, answered: bool) -> Option<Standing> {
    if is_noted(own, newer) {
        return Some(Standing::Noted(Box::new(own.clone())));
    }
    let followed = || Followed { own: own.clone(), newer: newer.clone(), answered };
    is_followed(own, newer).then(|| Standing::Followed(Box::new(followed())))
}

/// True if the newer record only notes somebody's intent in one that is over: nothing that the rollout did is another's.
fn is_noted(own: &Record, newer: &Record) -> bool {
    let end = |r: &Record| (r.id.clone(), r.phase, r.outcome);
    // A template that is put back afterwards changes nothing about it.
    let leaves = own.split == newer.split || newer.restored;
    newer.writer != own.writer && newer.epoch > own.epoch && !own.phase.is_open() && end(own) == end(newer) && leaves
}

/// True if the newer record is of the next rollout, and the own one of a process that had done its part.
fn is_followed(own: &Record, newer: &Record) -> bool {
    matches!(own.phase, Phase::Finished | Phase::RolledBack | Phase::Interrupted | Phase::Held) && newer.id != own.id
}

/// True while the record on the Service is this process's own and no note of somebody else's stands in it: it may be written.
pub(super) fn is_writers(record: &Record, world: &World) -> bool {
    world.record().and_then(Result::ok).is_some_and(|present| present.writer == record.writer)
}

/// The end where the record of a rollout that had begun is lost. The brake works without it.
pub(super) fn record_lost(what: impl Into<String>, service: &Service) -> Outcome {
    let next = format!("`andante settle {} --to stable` takes users back, without the record", service.called());
    outcome_of(Code::RecordLost, what, service).next(next)
}

fn phase_words(record: &Record) -> String {
    let reason = record.reason.as_deref().map(|r| format!(": {r}")).unwrap_or_default();
    let phase = serde_json::to_value(record.phase).ok();
    let word = phase.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    format!("{word}{reason}")
}

/// An outcome with what traffic is now.
pub fn outcome_of(code: Code, what: impl Into<String>, service: &Service) -> Outcome {
    let mut outcome = Outcome::new(code, what);
    outcome.traffic = service.split.as_ref().ok().cloned();
    outcome
}

/// Whether somebody edited the spec since the record's last write.
pub fn moved(record: &Record, service: &Service) -> Moved {
    // The API server raises the generation with every change of the spec, and the record names the one of its own
    // write.
    if service.generation == record.generation {
        Moved::No
    } else if is_another(record, service) {
        Moved::Traffic
    } else if service.split.as_ref() == Ok(&record.split) {
        Moved::Template
    } else {
        Moved::Traffic
    }
}

/// True if the Service was made anew since, with the record of the one before (a copy, a restored backup). A generation
/// never falls, so this cannot be the object that the record was written to.
fn is_another(record: &Record, service: &Service) -> bool {
    service.generation < record.generation
}

/// Why whoever holds this open rollout writes nothing more, if an edit took the target from it (rule 3).
pub fn lost_to_edit(record: &Record, service: &Service) -> Option<LostTo> {
    let of = match moved(record, service) {
        _ if !record.phase.is_open() => return None,
        Moved::Traffic if is_another(record, service) => EditOf::Service,
        Moved::Traffic => EditOf::Traffic,
        Moved::Template if is_staging_template(record) => EditOf::Template,
        Moved::Template | Moved::No => return None,
    };
    Some(LostTo { of, by: who_moved(service, of != EditOf::Template) })
}

/// True while the candidate is still what the staged template makes, so that with another template there is nothing to wait
/// for. A revision that was there before (`--revision`) is known by its name from the first write on, and no edit takes it away.
pub(super) fn is_staging_template(record: &Record) -> bool {
    record.phase == Phase::Staging && (record.candidate.is_none() || record.reverts)
}

/// An edit that took the target from a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostTo {
    /// What was edited.
    pub of: EditOf,
    /// Who did it, as far as the API server knows.
    pub by: String,
}

impl std::fmt::Display for LostTo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let by = &self.by;
        match self.of {
            EditOf::Traffic => write!(f, "{by} changed the traffic"),
            EditOf::Template => write!(f, "{by} changed the template during staging"),
            EditOf::Service => write!(f, "{by} made the Service anew, and the record is of the one before"),
        }
    }
}

/// Names who edited the spec, as far as the API server knows.
pub fn who_moved(service: &Service, traffic: bool) -> String {
    let writer = service
        // Our own writes are not what is asked about.
        .last_writer(|w| w.manager != FIELD_MANAGER && if traffic { w.traffic } else { w.template })
        .map(|w| w.manager.as_str());
    match (service.last_modifier(), writer) {
        (Some(user), Some(manager)) => format!("{user} (with {manager})"),
        (Some(user), None) => user.to_owned(),
        (None, Some(manager)) => manager.to_owned(),
        (None, None) => "somebody".to_owned(),
    }
}
