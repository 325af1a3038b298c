//! What an open rollout waits for.
//!
//! Decides words only, by the same rules as the walk ([`crate::machine::course`]): the next step, its approval, when it
//! is due. It may use the record, requests and the world.

use super::Called;
use super::holder::Life;
use crate::machine::against::unread_goal;
use crate::machine::course::{blocker, reachable, served_at, stay};
use crate::machine::standing::lost_to_edit;
use crate::machine::world::{SuspendedBy, World};
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::percent::Percent;
use crate::model::ready::{Serving, serving};
use crate::model::time::after;
use crate::rollout::control::Control;
use crate::rollout::owner::OwnerKind;
use crate::rollout::plan::Plan;
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;
use serde::Serialize;
use std::ops::RangeInclusive;

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Waits {
    /// `ready`, `walk`, `run`, `served`, `resume`, `suspended`, `declaration`, `rollback`, `time`, `approval`, `blocked`,
    /// `gates` or `nobody`.
    pub kind: &'static str,
    /// The same as a sentence.
    pub text: String,
    /// The step that comes next, counted from 1; where the evidence may pass some over, the first that may be taken.
    pub next_step: Option<usize>,
    /// Its percentage.
    pub next_percent: Option<Percent>,
    /// The last step that the evidence may let it go to in one move: `next_step` again where none is passed over.
    pub up_to_step: Option<usize>,
    /// Its percentage.
    pub up_to_percent: Option<Percent>,
    /// It needs an approval that is not given yet.
    pub needs_approval: bool,
    /// When the wait ends by itself: the next move at the earliest, since a failed probe makes a dwell begin anew and a
    /// gate may hold it; or the end of the patience for an approval.
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
            up_to_step: None,
            up_to_percent: None,
            needs_approval: false,
            until: None,
            command: None,
        }
    }

    /// The same step, where Knative would not take it.
    fn blocked(self, why: &str) -> Self {
        let (step, percent) = (self.next_step.unwrap_or_default(), self.next_percent.unwrap_or(Percent::ZERO));
        let text = format!("step {step} ({percent}), which cannot be taken: {why}");
        Self { kind: "blocked", text, until: None, ..self }
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
    now: Timestamp,
) -> Option<Waits> {
    let here = &called.words;
    // The walk writes nothing more after such an edit (rule 3), whatever the plan says.
    if let Some(lost) = lost_to_edit(record, service) {
        let who = if record.phase == Phase::Staging { "whoever staged" } else { "the walk" };
        let text = format!("nobody: {lost}, and {who} writes nothing more");
        return Some(Waits::of("nobody", text).command(format!("andante settle {here}")));
    }
    let person = record.owner.kind == OwnerKind::Person;
    let waits = match record.phase {
        Phase::Finished | Phase::RolledBack => return None,
        _ if life.is_dead() => Waits::of("nobody", format!("the next run, or `andante settle {here}`")),
        Phase::Staging if record.is_stopped() => {
            Waits::of("nobody", "nobody: its staging was stopped").command(format!("andante settle {here}"))
        }
        Phase::Staging => {
            Waits::of("ready", format!("the candidate to be Ready: {}", candidate_words(record, world, service)))
        }
        Phase::Staged | Phase::Held => Waits::of("walk", "a walk").command(format!("andante walk {here}")),
        Phase::Interrupted if person => Waits::of("walk", "a walk").command(format!("andante walk {here}")),
        Phase::Interrupted => Waits::of("run", "the same run to start again"),
        Phase::Walking | Phase::Baking => walking((record, control), (world, service), called, now),
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

fn walking(
    (record, control): (&Record, &Control),
    (world, service): (&World, &Service),
    called: &Called,
    now: Timestamp,
) -> Waits {
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
    if let Some((by, suspended)) = world.suspended(service) {
        let (whose, what) = match by {
            SuspendedBy::Service => ("", format!("ksvc {here}")),
            SuspendedBy::Namespace => (" from its namespace", format!("namespace {}", called.namespace)),
        };
        let text = format!("somebody to take andante.dev/suspend away{whose}: {suspended}");
        return Waits::of("suspended", text).command(format!("kubectl annotate {what} andante.dev/suspend-"));
    }
    // A person may go on with a rollout of a goal without working for it, and no record tells: then the note has to do.
    if record.owner.kind != OwnerKind::Person
        && let Some(why) = unread_goal(record, service)
    {
        return Waits::of("declaration", format!("somebody to mend what is declared: {why}"));
    }
    let Some(plan) = &record.plan else { return Waits::of("gates", "the plan") };
    let promoted = control.promoted(record.attempt).is_some();
    // A clock that runs ahead of ours puts nothing off.
    let served = served_at(service, record, control).unwrap_or(record.step_at).min(now.max(record.step_at));
    let due = after(served, stay(plan, record, promoted));
    let last = plan.promoted_to(record.step);
    match reachable(plan, record.step).map(|range| if promoted { last..=last } else { range }) {
        None => {
            let what = if plan.to() < Percent::FULL { "the hold" } else { "the end" };
            Waits { until: Some(due), ..Waits::of("time", format!("{what}, after {}", stay_words(record))) }
        }
        Some(steps) => {
            let next = before(&steps, due, record, control, plan, here);
            // Dwell and approval come first, as they do for the walk.
            let is_due = now >= due && next.kind == "time" && !next.needs_approval;
            let percent = next.next_percent.filter(|_| is_due);
            match percent.and_then(|percent| blocker(world, service, record, percent)) {
                Some(why) => next.blocked(&why),
                None => next,
            }
        }
    }
}

fn stay_words(record: &Record) -> &'static str {
    if record.phase == Phase::Baking { "the bake and its gates" } else { "the dwell and its gates" }
}

/// What comes before the next move, which goes to one of `steps`.
fn before(
    steps: &RangeInclusive<usize>,
    due: Timestamp,
    record: &Record,
    control: &Control,
    plan: &Plan,
    here: &str,
) -> Waits {
    let (number, up_to) = (*steps.start(), *steps.end());
    let percent = |step: usize| plan.step(step).map_or(Percent::ZERO, |s| s.percent);
    // Steps that may be passed over need no approval, because a range ends where one is needed. Once it is asked for,
    // the evidence has allowed to go that far.
    let asks = plan.step(up_to).is_some_and(|s| s.approval) && (number == up_to || record.approval_since.is_some());
    let number = if asks { up_to } else { number };
    let unapproved =
        asks && control.approval(number, record.attempt).is_none() && control.promoted(record.attempt).is_none();
    let step = format!("step {number} ({})", percent(number));
    let mut waits = if unapproved && record.approval_since.is_some() {
        Waits::of("approval", format!("an approval of {step}"))
    } else if unapproved {
        Waits::of("time", format!("{step}, which needs an approval"))
    } else if up_to > number {
        let approval = if plan.step(up_to).is_some_and(|s| s.approval) { ", which needs an approval" } else { "" };
        let far =
            format!("{step}, or as far as the evidence allows, at most step {up_to} ({}){approval}", percent(up_to));
        Waits::of("time", format!("{far}, after {}", stay_words(record)))
    } else {
        Waits::of("time", format!("{step}, after {}", stay_words(record)))
    };
    (waits.next_step, waits.next_percent) = (Some(number), Some(percent(number)));
    (waits.up_to_step, waits.up_to_percent) = (Some(up_to), Some(percent(up_to)));
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

#[cfg(test)]
mod tests;
