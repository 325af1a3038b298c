//! What an open rollout waits for.
//!
//! Decides words only, by the same rules as the walk: the next step, its approval, when it is due. Depends on the record,
//! requests and the world.

use super::Called;
use super::holder::Life;
use crate::machine::world::World;
use crate::model::name::RevisionName;
use crate::model::observed::{Service, Truth};
use crate::model::percent::Percent;
use crate::model::ready::{Serving, serving};
use crate::model::time::after;
use crate::rollout::control::Control;
use crate::rollout::plan::{Plan, Step};
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;
use serde::Serialize;
use std::time::Duration;

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Waits {
    /// `ready`, `walk`, `run`, `served`, `resume`, `rollback`, `time`, `approval`, `gates` or `nobody`.
    pub kind: &'static str,
    /// The same as a sentence.
    pub text: String,
    /// The step that comes next, counted from 1.
    pub next_step: Option<usize>,
    /// Its percentage.
    pub next_percent: Option<Percent>,
    /// It needs an approval that is not given yet.
    pub needs_approval: bool,
    /// When the wait ends by itself: the next move, or the end of the patience for an approval.
    pub until: Option<Timestamp>,
    /// The command that ends it, if a person is waited for.
    pub command: Option<String>,
}

impl Waits {
    fn of(kind: &'static str, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            next_step: None,
            next_percent: None,
            needs_approval: false,
            until: None,
            command: None,
        }
    }

    fn command(mut self, command: String) -> Self {
        self.command = Some(command);
        self
    }
}

/// What an open rollout waits for; none once it is over.
pub(super) fn waits(
    record: &Record,
    control: &Control,
    life: Life,
    world: &World,
    service: &Service,
    called: &Called,
) -> Option<Waits> {
    let here = &called.words;
    let waits = match record.phase {
        Phase::Finished | Phase::RolledBack => return None,
        _ if life.is_dead() => Waits::of("nobody", format!("the next run, or `andante settle {here}`")),
        Phase::Staging => {
            Waits::of("ready", format!("the candidate to be Ready: {}", candidate_words(record, world, service)))
        }
        Phase::Staged | Phase::Held => Waits::of("walk", "a walk").command(format!("andante walk {here}")),
        Phase::Interrupted => Waits::of("run", "the same run to start again"),
        Phase::Walking | Phase::Baking => walking(record, control, service, called),
    };
    Some(waits)
}

fn candidate_words(record: &Record, world: &World, service: &Service) -> String {
    let name: Option<&RevisionName> = record.candidate.as_ref().or(service.latest_created.as_ref());
    match name {
        Some(name) => match world.revision(name) {
            Some(revision) if revision.serves() => format!("{name} is Ready, its pods and its tag are proved next"),
            Some(revision) => format!("{name}: {}", revision.complaint()),
            None => format!("{name} is not there yet"),
        },
        None => "there is no revision of it yet".to_owned(),
    }
}

fn walking(record: &Record, control: &Control, service: &Service, called: &Called) -> Waits {
    let here = &called.words;
    if let Some(abort) = &control.abort {
        return Waits::of("rollback", format!("the way back: aborted by {}", abort.by));
    }
    if let Serving::NotYet(why) | Serving::Blocked(why) = serving(service) {
        return Waits::of("served", format!("the split to be served: {why}"));
    }
    if let Some(pause) = &control.pause {
        return Waits::of("resume", format!("somebody to resume: paused by {}", pause.by))
            .command(format!("andante control resume {here}"));
    }
    let Some(plan) = &record.plan else { return Waits::of("gates", "the plan") };
    let promoted = control.promoted(record.attempt).is_some();
    let due = due(record, plan, promoted, service);
    let next = if record.step >= plan.steps.len() {
        None
    } else if promoted {
        plan.steps.last().map(|step| (plan.steps.len(), step))
    } else {
        plan.step(record.step + 1).map(|step| (record.step + 1, step))
    };
    match next {
        None => {
            let what = if plan.to() < Percent::FULL { "the hold" } else { "the end" };
            Waits { until: Some(due), ..Waits::of("time", format!("{what}, after {}", stay_words(record))) }
        }
        Some((number, step)) => before(number, step, due, record, control, plan, here),
    }
}

fn stay_words(record: &Record) -> &'static str {
    if record.phase == Phase::Baking { "the bake and its gates" } else { "the dwell and its gates" }
}

fn before(
    number: usize,
    step: &Step,
    due: Timestamp,
    record: &Record,
    control: &Control,
    plan: &Plan,
    here: &str,
) -> Waits {
    let unapproved = step.approval
        && control.approval(number, record.attempt).is_none()
        && control.promoted(record.attempt).is_none();
    let mut waits = if unapproved && record.approval_since.is_some() {
        Waits::of("approval", format!("an approval of step {number} ({})", step.percent))
    } else if unapproved {
        Waits::of("time", format!("step {number} ({}), which needs an approval", step.percent))
    } else {
        Waits::of("time", format!("step {number} ({}), after the dwell and its gates", step.percent))
    };
    waits.next_step = Some(number);
    waits.next_percent = Some(step.percent);
    waits.needs_approval = unapproved;
    waits.until = Some(match record.approval_since {
        Some(since) if unapproved => after(since, plan.approval_timeout),
        _ => due,
    });
    if unapproved {
        waits = waits.command(format!("andante control approve {here} --rollout {} --step {number}", record.id));
    }
    waits
}

/// When the next move is due: dwell and bake count from when the split is served, as far as the Route's condition tells
/// (conditions carry whole seconds; the walk itself may have seen it a little earlier).
fn due(record: &Record, plan: &Plan, promoted: bool, service: &Service) -> Timestamp {
    let last = record.step >= plan.steps.len();
    let stay = match plan.step(record.step) {
        _ if promoted && !last => Duration::ZERO,
        _ if record.phase == Phase::Baking => plan.bake,
        Some(step) => step.dwell,
        None => Duration::ZERO,
    };
    let routes = service.conditions.get("RoutesReady").filter(|c| c.truth == Truth::True).and_then(|c| c.since);
    let served = routes.map_or(record.step_at, |since| after(since, Duration::from_secs(1)).max(record.step_at));
    after(served, stay)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{asked_by_kim, at, explained, walking, with};
    use super::*;

    fn waits(record: &Record, control: Option<&Control>) -> Waits {
        explained(&with(record, record.generation), control).rollout.unwrap().waits.unwrap()
    }

    #[test]
    fn the_next_move_is_due_when_the_dwell_after_serving_is_over() {
        let waits = waits(&walking(), None);
        // Step written at 10, served by the Route's word at 12 (whole seconds, so 13), dwell 120.
        assert_eq!((waits.kind, waits.next_step, waits.until), ("time", Some(2), Some(at(133))));
        assert!(!waits.needs_approval);
    }

    #[test]
    fn an_approval_is_named_with_its_command() {
        let mut record = walking();
        record.step = 2;
        let early = waits(&record, None);
        assert_eq!((early.kind, early.needs_approval), ("time", true));
        record.approval_since = Some(at(100));
        let now = waits(&record, None);
        assert_eq!(now.kind, "approval");
        assert_eq!(now.until, Some(at(1900)));
        assert_eq!(now.command.unwrap(), "andante control approve hello -n demo --rollout r1 --step 3");
        let mut control = Control::of(record.id.clone());
        control.approved.push(crate::rollout::control::Approval { step: 3, request: asked_by_kim() });
        assert!(!waits(&record, Some(&control)).needs_approval);
    }

    #[test]
    fn people_come_before_time() {
        let record = walking();
        let mut control = Control::of(record.id.clone());
        control.promote = Some(asked_by_kim());
        let promoted = waits(&record, Some(&control));
        assert_eq!((promoted.next_step, promoted.until), (Some(3), Some(at(13))));
        control.pause = Some(asked_by_kim());
        assert_eq!(waits(&record, Some(&control)).text, "somebody to resume: paused by kim");
        control.abort = Some(asked_by_kim());
        assert_eq!(waits(&record, Some(&control)).kind, "rollback");
    }
}
