//! Into care: who is in charge, and users by name, in one write.
//!
//! Decides what is written, that nobody is moved by it and nothing is started, and everything that forbids it. The split's shape
//! that the owner had stands in the record, as after any rollout, so that the next one, or `detach`, knows it. It may use the
//! declaration, the record, splits and the one write.

use super::{Hand, at_rest, changed, is_served, only_said, would_declare};
use crate::machine::goal_write::{declared_tests, pointer};
use crate::machine::next::{GiveUp, Machine, Next, Order, Written};
use crate::machine::others;
use crate::machine::outcomes::{UNCHANGED, gave_up};
use crate::machine::stage::admit::{fresh_start, no_tag_fits, targets_are_ready};
use crate::machine::standing::{Claimant, Moved, moved, outcome_of};
use crate::machine::world::World;
use crate::machine::write::{order, while_latest_stands};
use crate::model::event::{Event, Log, Topic};
use crate::model::name::{RevisionName, RolloutId, ServiceName};
use crate::model::observed::{GOAL_STATUS, Service};
use crate::model::outcome::{Code, Outcome};
use crate::model::split::Split;
use crate::rollout::declaration::part::DeclaredPart;
use crate::rollout::declaration::read::Declaration;
use crate::rollout::goal_status::{GoalPhase, GoalStatus, StatusSeen, asked_again};
use crate::rollout::record::{Phase, Record};
use crate::rollout::splits::{Start, Tags};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The word of a good end.
const ADOPTED: &str = "adopted";

/// What is to be adopted, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptGoal {
    /// The Service.
    pub service: ServiceName,
    /// What it is to declare, beside what it declares already.
    pub declares: Vec<(DeclaredPart, String)>,
    /// The tags of its rollouts.
    pub tags: Tags,
    /// The identity of the record that is left, where there is none that is still true.
    pub id: RolloutId,
    /// Say what would be written, and write nothing.
    pub dry_run: bool,
    /// Users are named and nothing is said of the goal: one that waits for its run is started as before.
    pub names_only: bool,
}

/// The machine that takes a Service into care.
#[derive(Debug)]
pub struct Adopt {
    goal: AdoptGoal,
    claimant: Claimant,
    hand: Hand,
}

/// What is to be written.
struct Adoption {
    record: Record,
    split: Split,
    annotations: BTreeMap<&'static str, String>,
    what: String,
}

impl Adopt {
    /// A machine that has not looked yet.
    pub fn new(goal: AdoptGoal, claimant: Claimant) -> Self {
        Self { goal, claimant, hand: Hand::default() }
    }

    /// What is to be written; none: all of it stands there.
    fn adoption(
        &self,
        declared: &Declaration,
        world: &World,
        service: &Service,
        now: Timestamp,
    ) -> Result<Option<Adoption>, Box<Outcome>> {
        let bad = |what: String| Box::new(outcome_of(Code::BadState, what, service));
        let differs = |(part, text): &&(DeclaredPart, String)| service.annotations.get(part.annotation()) != Some(text);
        let mut annotations: BTreeMap<&'static str, String> =
            self.goal.declares.iter().filter(differs).map(|(part, text)| (part.annotation(), text.clone())).collect();
        let status = self.status(declared, service, now).filter(|_| !self.goal.names_only);
        annotations.extend(status.map(|status| (GOAL_STATUS, status.text(&service.uid))));
        let split = service
            .split
            .as_ref()
            .map_err(|error| bad(format!("spec.traffic of {}: {error}; nothing was written", service.name)))?;
        if annotations.is_empty() && split.latest_share().is_zero() {
            return Ok(None);
        }
        let record = at_rest(world, service)?;
        if let Some(owned) = others::owned_by_controller(service) {
            return Err(bad(format!("{owned}; nothing was written")));
        }
        let latest = service.latest_ready.as_ref();
        let latest =
            latest.ok_or_else(|| bad(format!("{} has no ready revision; nothing was written", service.name)))?;
        is_served(service)?;
        let start = start(record.as_ref(), split, latest, service)?;
        targets_are_ready(&start, world, service)?;
        let pinned = split.by_name(latest);
        let stays = if pinned == *split {
            format!("users stay on {split}")
        } else {
            format!("users stay where they are, by name: {pinned}")
        };
        Ok(Some(Adoption {
            record: self.record(record, start, pinned == *split, world, service, now),
            split: pinned,
            annotations,
            what: if self.goal.names_only { stays } else { format!("adopted: {stays}") },
        }))
    }

    /// The status by which nothing is started for what is declared now; none: nothing would be.
    fn status(&self, declared: &Declaration, service: &Service, now: Timestamp) -> Option<GoalStatus> {
        let seen = StatusSeen::of(service);
        let is_this =
            |status: &GoalStatus| status.goal.as_ref() == Some(&declared.id) && status.phase != GoalPhase::Unreadable;
        if seen.status().is_some_and(is_this) {
            return None;
        }
        let reason = format!("adopted by {}: nothing had to be started", self.claimant.asker.owner);
        let status = GoalStatus::new(GoalPhase::Reached, reason, Some(now));
        Some(GoalStatus { goal: Some(declared.id.clone()), again: asked_again(service), ..status })
    }

    /// The record that stands there while it is still true, else one of a rollout that is over and had nothing to do.
    fn record(
        &self,
        old: Option<Record>,
        start: Start,
        is_pinned: bool,
        world: &World,
        service: &Service,
        now: Timestamp,
    ) -> Record {
        let is_true = |old: &Record| {
            let moved = moved(old, service);
            is_pinned
                // A template that waits says nothing against a share that a goal declares.
                && (moved == Moved::No || moved == Moved::Template && old.ended_below().is_some())
                && !old.leaves_traffic()
                && old.outcome != Some(Code::CouldNotRestore)
        };
        if let Some(old) = old.as_ref().filter(|old| is_true(old)) {
            // No run's goal is the one that is declared now.
            return Record { writer: self.claimant.writer.clone(), goal: None, ..old.clone() };
        }
        let candidate = Some(start.stable.clone());
        let begun = self.claimant.begin(self.goal.id.clone(), start, self.goal.tags.clone(), service, now);
        let mut record = Record { phase: Phase::Finished, outcome: Some(Code::Done), candidate, ..begun };
        let did = if self.goal.names_only { "named" } else { "adopted" };
        record.reason = Some(format!("{did} by {}; nobody was moved", record.owner));
        if let Some(old) = old {
            record.intent = record.intent.max(old.intent);
            let bounds = old.capacity.and_then(|capacity| capacity.inherited(true, |name| world.revision(name)));
            record.capacity = bounds.map(|mut bounds| {
                bounds.pods = 0;
                Box::new(bounds)
            });
            record.rejected = old.rejected;
        }
        record
    }

    fn lines(adoption: &Adoption, service: &Service) -> Vec<String> {
        let annotations = &adoption.annotations;
        let mut lines: Vec<String> =
            annotations.iter().map(|(name, text)| changed(name, service.annotations.get(*name), Some(text))).collect();
        if let Ok(split) = &service.split
            && *split != adoption.split
        {
            lines.push(format!("spec.traffic: {split} -> {}", adoption.split));
        }
        lines.push(format!("the shape that `andante detach` gives back: {}", adoption.record.start.split));
        lines
    }

    fn order(adoption: Adoption, service: &Service) -> Result<Order, Box<Outcome>> {
        let Adoption { record, split, annotations, what } = adoption;
        let order = order(service, record, Some(split), None, Event::new(Topic::Claim, what));
        let order = order.map_err(|error| Box::new(outcome_of(Code::BadState, error.to_string(), service)))?;
        let mut order = while_latest_stands(service, order);
        if let Value::Array(patch) = &mut order.patch {
            patch.extend(declared_tests(service));
            if !service.annotations.is_empty() {
                let status = service.annotations.get(GOAL_STATUS);
                patch.push(json!({"op": "test", "path": pointer(GOAL_STATUS), "value": status}));
            }
            patch.extend(
                annotations.iter().map(|(name, text)| json!({"op": "add", "path": pointer(name), "value": text})),
            );
        }
        Ok(order)
    }

    fn end(&self, declared: &Declaration, service: &Service) -> Outcome {
        let who = declared.in_charge.as_ref().map(ToString::to_string).unwrap_or_default();
        let word = if self.hand.wrote { ADOPTED } else { UNCHANGED };
        let what = if self.hand.wrote {
            format!("adopted: {who} is in charge of {}; nobody was moved, and nothing is started", service.name)
        } else {
            format!("{who} is in charge of {} already, and its users are by name; there is nothing to do", service.name)
        };
        let here = service.called();
        let waits = service.latest_created.as_ref().filter(|newest| {
            service.split.as_ref().is_ok_and(|split| split.share(newest).is_zero() && split.latest_share().is_zero())
        });
        let next = match waits {
            Some(newest) => format!(
                "the template that stands there is that of {newest}, which serves nobody: `andante start {here} --again` starts what gets it there"
            ),
            None => format!("`andante start {here}` starts what the next change asks for"),
        };
        outcome_of(Code::Done, what, service).word(word).next(format!("{next}; `andante detach {here}` undoes this"))
    }

    fn decided(
        &mut self,
        world: &World,
        service: &Service,
        now: Timestamp,
        log: &mut Log,
    ) -> Result<Next, Box<Outcome>> {
        let declared = would_declare(service, &self.goal.declares)?;
        let Some(adoption) = self.adoption(&declared, world, service, now)? else {
            return Ok(self.hand.over(self.end(&declared, service), world, service, now));
        };
        others::say(service, log);
        for note in &declared.notes {
            log.once(Topic::Note, note.clone());
        }
        if self.goal.dry_run {
            return Ok(only_said(Self::lines(&adoption, service), service, log));
        }
        Ok(self.hand.write(Self::order(adoption, service)?, world, service))
    }
}

impl Machine for Adopt {
    fn decide(&mut self, world: &World, now: Timestamp, log: &mut Log) -> Next {
        if let Some(end) = no_tag_fits(&self.goal.service) {
            return Next::end(end);
        }
        let service = match self.hand.look(&self.goal.service, world) {
            Ok(service) => service,
            Err(next) => return next,
        };
        self.decided(world, service, now, log).unwrap_or_else(Next::End)
    }

    fn written(&mut self, written: &Written, world: &World, _: Timestamp, _: &mut Log) {
        self.hand.written(written, world);
    }

    fn give_up(&self, world: &World, why: GiveUp) -> Outcome {
        gave_up(world, why)
    }
}

/// What the owner has. Nobody is walked, so where several revisions serve, the one with the most users will do.
fn start(
    record: Option<&Record>,
    split: &Split,
    latest: &RevisionName,
    service: &Service,
) -> Result<Start, Box<Outcome>> {
    let most = split.targets().iter().max_by_key(|t| t.percent).map(|t| t.revision().unwrap_or(latest));
    fresh_start(None, record, service, split).or_else(|_| fresh_start(most, record, service, split))
}

#[cfg(test)]
mod tests;
