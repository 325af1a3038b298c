//! Out of care: everything of ours goes, and the split gets the shape back that its owner had.
//!
//! Decides what is given back first, what is written, and what forbids it: an open rollout, or a shape that would move users. Where
//! only the template is in the way, what serves can be made the newest first, which is a revert (`stage`). It may use the record
//! and observed objects.

use super::shape::{Shape, shape};
use super::{Hand, at_rest, changed, only_said};
use crate::machine::capacity::{BoundTries, receives, standing_words};
use crate::machine::next::{BoundOrder, BoundWrite, GiveUp, Machine, Next, Written};
use crate::machine::outcomes::{UNCHANGED, gave_up};
use crate::machine::stage::{Stage, StageGoal, Want};
use crate::machine::standing::{Claimant, outcome_of};
use crate::machine::world::World;
use crate::machine::write::leaving_order;
use crate::model::event::{Event, Log, Topic};
use crate::model::name::{RolloutId, ServiceName};
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::split::Split;
use crate::rollout::declaration::part::PREFIX;
use crate::rollout::goal::{CandidateOptions, CapacityGoal};
use crate::rollout::record::Record;
use crate::rollout::splits::Tags;
use jiff::Timestamp;

/// The word of a good end.
const DETACHED: &str = "detached";

/// What to do where the owner's shape would move users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMoves {
    /// Write nothing.
    Refuse,
    /// Put the template of what serves back first, so that latest means that.
    RestoreTemplate,
    /// Leave traffic by name; also where nobody would be moved.
    LeavePinned,
}

/// What is to be detached, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachGoal {
    /// The Service.
    pub service: ServiceName,
    /// What to do where users would be moved.
    pub if_moves: IfMoves,
    /// The tags under which a template is put back.
    pub tags: Tags,
    /// The identity of the rollout that puts a template back.
    pub id: RolloutId,
    /// Say what would be written, and write nothing.
    pub dry_run: bool,
}

/// The machine that takes a Service out of care.
#[derive(Debug)]
pub struct Detach {
    goal: DetachGoal,
    claimant: Claimant,
    hand: Hand,
    bounds: BoundTries,
    /// What puts the template back, while it does.
    restores: Option<Box<Stage>>,
    /// The template was put back, or could not be.
    restored: bool,
}

impl Detach {
    /// A machine that has not looked yet.
    pub fn new(goal: DetachGoal, claimant: Claimant) -> Self {
        let (hand, bounds) = (Hand::default(), BoundTries::default());
        Self { goal, claimant, hand, bounds, restores: None, restored: false }
    }

    /// True if what serves is to be made the newest, and nobody has tried yet.
    fn may_restore(&self) -> bool {
        self.goal.if_moves == IfMoves::RestoreTemplate && !self.restored
    }

    /// The staging by which what serves becomes the newest revision.
    fn restoring(&self, record: &Record) -> Stage {
        let usual = CandidateOptions::default();
        let stable = if record.phase.is_open() { &record.start.stable } else { receives(record) };
        let goal = StageGoal {
            service: self.goal.service.clone(),
            want: Want::Serving,
            manifest: None,
            stable: Some(stable.clone()),
            tags: self.goal.tags.clone(),
            again: false,
            deadline: usual.ready_within,
            grace: usual.grace,
            hold_for: usual.hold_for,
            capacity: CapacityGoal::default(),
            goes_on: None,
            restore_template: false,
            id: self.goal.id.clone(),
        };
        Stage::new(goal, self.claimant.clone())
    }

    /// Goes on with the template that is put back; none once that is done.
    fn restore(&mut self, world: &World, now: Timestamp, log: &mut Log) -> Option<Next> {
        match self.restores.as_mut()?.decide(world, now, log) {
            Next::End(end) if end.code == Code::Done => {
                log.once(Topic::Stage, end.what);
                (self.restores, self.restored) = (None, true);
                None
            }
            next => Some(next),
        }
    }

    fn decided(
        &mut self,
        world: &World,
        service: &Service,
        now: Timestamp,
        log: &mut Log,
    ) -> Result<Next, Box<Outcome>> {
        if !service.annotations.keys().any(|name| name.starts_with(PREFIX)) {
            return Ok(self.hand.over(self.end(service), world, service, now));
        }
        // One that puts a template back for this is gone on with.
        let open = world.record().and_then(Result::ok).filter(|record| record.phase.is_open() && record.reverts);
        if let Some(open) = open.filter(|_| self.may_restore() && !self.goal.dry_run) {
            return self.begin_restoring(&open, world, service, now, log);
        }
        let record = at_rest(world, service)?;
        let shape = shape(record.as_ref(), self.goal.if_moves == IfMoves::LeavePinned, world, service)?;
        let split = match (shape, &record) {
            (Shape::Stands, _) => None,
            (Shape::Write(split), _) => Some(split),
            (Shape::Moves { by_template: true, .. }, Some(record)) if self.may_restore() && !self.goal.dry_run => {
                return self.begin_restoring(record, world, service, now, log);
            }
            (Shape::Moves { by_template: true, .. }, Some(record)) if self.may_restore() => {
                log.once(Topic::Note, format!("spec.template: put back to that of {} first", receives(record)));
                None
            }
            (Shape::Moves { why, by_template }, _) => {
                return Err(Box::new(would_move(service, &why, by_template && !self.restored)));
            }
        };
        if self.goal.dry_run {
            return Ok(only_said(lines(service, split.as_ref()), service, log));
        }
        // What the owner had on Revisions is known to the record alone, so it comes back before that goes; the floor too that stable
        // keeps beside a declared share.
        let record = record.map(|record| Record { plan: None, ..record });
        if let Some(next) = record.as_ref().and_then(|record| self.returning(record, world, now, log)) {
            return Ok(next);
        }
        if let Some(words) = record.as_ref().and_then(|r| standing_words(r, world, &service.called())) {
            let why = self.bounds.refused(BoundWrite::Return).map(|why| format!(" ({why})")).unwrap_or_default();
            return Err(Box::new(outcome_of(
                Code::NotPermitted,
                format!("{words}{why}; nothing was detached"),
                service,
            )));
        }
        let what = match &split {
            Some(split) => format!("everything of Andante's is taken away, and traffic is the owner's again: {split}"),
            None => "everything of Andante's is taken away, traffic stays as it is".to_owned(),
        };
        let order = leaving_order(service, split, Event::new(Topic::Claim, what));
        Ok(self.hand.write(order, world, service))
    }

    fn begin_restoring(
        &mut self,
        record: &Record,
        world: &World,
        service: &Service,
        now: Timestamp,
        log: &mut Log,
    ) -> Result<Next, Box<Outcome>> {
        self.restores = Some(Box::new(self.restoring(record)));
        match self.restore(world, now, log) {
            Some(next) => Ok(next),
            // There was nothing to put back.
            None => self.decided(world, service, now, log),
        }
    }

    fn returning(&self, record: &Record, world: &World, now: Timestamp, log: &mut Log) -> Option<Next> {
        let due = self.bounds.giving_back(record, world, |name| name == receives(record), now)?;
        Some(due.next(&format!("{} keeps its", receives(record)), log))
    }

    fn end(&self, service: &Service) -> Outcome {
        if !self.hand.wrote {
            let what = format!("nothing of Andante's is on {}; there is nothing to do", service.name);
            return outcome_of(Code::Done, what, service).word(UNCHANGED);
        }
        let what = format!("detached: nothing of Andante's is left on {}; nobody was moved", service.name);
        let end = outcome_of(Code::Done, what, service).word(DETACHED);
        let pinned = service.split.as_ref().is_ok_and(|split| split.latest_share().is_zero());
        if pinned {
            end.next("traffic is by name: a new template reaches nobody until traffic is changed, too")
        } else {
            end
        }
    }
}

impl Machine for Detach {
    fn decide(&mut self, world: &World, now: Timestamp, log: &mut Log) -> Next {
        let service = match self.hand.look(&self.goal.service, world) {
            Ok(service) => service,
            Err(next) => return next,
        };
        if let Some(next) = self.restore(world, now, log) {
            return next;
        }
        self.decided(world, service, now, log).unwrap_or_else(Next::End)
    }

    fn written(&mut self, written: &Written, world: &World, now: Timestamp, log: &mut Log) {
        match &mut self.restores {
            Some(stage) => stage.written(written, world, now, log),
            None => self.hand.written(written, world),
        }
    }

    fn unanswered(&mut self, record: &Record, world: &World) {
        if let Some(stage) = &mut self.restores {
            stage.unanswered(record, world);
        }
    }

    fn bounded(&mut self, order: &BoundOrder, written: &Written, world: &World, now: Timestamp, log: &mut Log) {
        match &mut self.restores {
            Some(stage) => stage.bounded(order, written, world, now, log),
            None => self.bounds.bounded(order, written, world, now, log),
        }
    }

    fn give_up(&self, world: &World, why: GiveUp) -> Outcome {
        gave_up(world, why)
    }
}

/// The refusal that names the ways out.
fn would_move(service: &Service, why: &str, by_template: bool) -> Outcome {
    let here = service.called();
    let what = format!(
        "to give {} back the shape of traffic that its owner had would move users: {why}; nothing was written",
        service.name
    );
    let restores = format!("`andante detach {here} --restore-template` puts the template back to what serves first; ");
    let restores = if by_template { restores } else { String::new() };
    outcome_of(Code::BadState, what, service).next(format!(
        "walk users there first (`andante roll-out {here} --revision newest`, or a mended image); {restores}`andante detach {here} --leave-pinned` leaves traffic by name"
    ))
}

/// What would be written.
fn lines(service: &Service, split: Option<&Split>) -> Vec<String> {
    let ours = service.annotations.iter().filter(|(name, _)| name.starts_with(PREFIX));
    let mut lines: Vec<String> = ours.map(|(name, text)| changed(name, Some(text), None)).collect();
    if let (Ok(before), Some(after)) = (&service.split, split) {
        lines.push(format!("spec.traffic: {before} -> {after}"));
    }
    lines
}

#[cfg(test)]
mod tests;
