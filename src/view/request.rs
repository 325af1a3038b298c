//! Steering a rollout from outside: what a person's request changes, and whether it can.
//!
//! Decides which request makes sense now, and the one fenced write that makes it: the annotation of requests alone,
//! never the record, never the spec, because those are the owner's to write. It may use the record, requests and
//! observed objects.

use crate::machine::standing::lost_to_edit;
use crate::model::name::RolloutId;
use crate::model::observed::{CONTROL, Service};
use crate::model::outcome::Code;
use crate::rollout::control::{Approval, Control, ControlRequest};
use crate::rollout::owner::Liveness;
use crate::rollout::plan::Plan;
use crate::rollout::record::{Phase, Record};
use crate::view::status::{Called, Life, clock, dead_words, life, phase_word};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Where the requests stand, as a JSON pointer, in which `~1` is a slash.
const POINTER: &str = "/metadata/annotations/andante.dev~1control";

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Stop dwelling and ramping.
    Pause,
    /// Take a pause back.
    Resume,
    /// Approve a step, or the one that waits.
    Approve(Option<usize>),
    /// Roll back.
    Abort,
    /// Skip dwell and approvals.
    Promote,
}

/// What is asked of which rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ControlWish {
    /// What.
    pub action: Action,
    /// The rollout that is meant; none: the one that is open.
    pub rollout: Option<RolloutId>,
}

/// The answer to a wish that can be granted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Steered {
    /// The write; none if it was asked already.
    pub patch: Option<Value>,
    /// What is asked now, in a sentence.
    pub what: String,
    /// What happens next, in a sentence.
    pub next: String,
    /// The rollout.
    pub rollout: RolloutId,
    /// Somebody is at the rollout, as far as known, and does what was asked.
    pub attended: bool,
}

/// Why a wish cannot be granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; nothing was written")]
pub(crate) struct Refusal {
    what: String,
    /// What to do instead; may be empty.
    pub next: String,
    /// The exit code.
    pub code: Code,
}

impl Refusal {
    fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into(), code: Code::BadState }
    }
}

/// Decides what a wish changes. `alive` is about the record's owner.
pub(crate) fn steer(
    service: &Service,
    record: &Record,
    alive: Liveness,
    wish: &ControlWish,
    by: &str,
    now: Timestamp,
    called: &Called,
) -> Result<Steered, Refusal> {
    let here = &called.words;
    if let Some(wanted) = wish.rollout.as_ref().filter(|id| **id != record.id) {
        let what = format!("the rollout on {} is {}, not {wanted}", service.name, record.id);
        return Err(Refusal::new(what, format!("`andante status {here}`")));
    }
    if !record.phase.is_open() {
        let what = format!("rollout {} is over ({})", record.id, phase_word(record.phase));
        let finished = record.phase == Phase::Finished;
        let next =
            if finished { format!("`andante settle {here} --to stable` still rolls it back") } else { String::new() };
        return Err(Refusal::new(what, next));
    }
    // Neither its owner nor the next walk obeys after such an edit, so there is nothing to note.
    if let Some(lost) = lost_to_edit(record, service) {
        let what = format!("nobody goes on with rollout {}: {lost}", record.id);
        let next = format!("`andante settle {here}` ends it");
        return Err(Refusal { code: Code::Unattended, ..Refusal::new(what, next) });
    }
    let present = service.annotations.get(CONTROL).map(String::as_str);
    let old = Control::parse(present, &record.id);
    let mut new = old.clone();
    let request = ControlRequest { by: by.to_owned(), at: now, attempt: record.attempt };
    let what = match wish.action {
        Action::Pause => ask(&mut new.pause, request, "pause"),
        Action::Promote => {
            if !has_begun(record) {
                return Err(not_begun(record, here, "there is nothing to promote"));
            }
            // A promotion names an attempt, so one of an earlier attempt does not count as asked already.
            new.promote = new.promote.filter(|before| before.attempt == record.attempt);
            ask(&mut new.promote, request, "promote")
        }
        Action::Abort => ask(&mut new.abort, request, "abort"),
        Action::Resume => match new.pause.take() {
            Some(pause) => {
                new.resumed = Some(request);
                format!("resumed; it was paused by {} at {}", pause.by, clock(pause.at))
            }
            None => "it was not paused".to_owned(),
        },
        Action::Approve(step) => approve(&mut new, record, step, request, here)?,
    };
    let patch = if new == old { None } else { Some(patch(service, present, &new)?) };
    let life = life(record, alive, now);
    let (attended, next) = match nobody(record, life, here) {
        Some(next) => (false, next),
        None => (true, next(record, &new, wish.action, life, here)),
    };
    Ok(Steered { patch, what, next, rollout: record.id.clone(), attended })
}

fn ask(slot: &mut Option<ControlRequest>, request: ControlRequest, verb: &str) -> String {
    if let Some(before) = slot {
        return format!("{verb} was asked already by {} at {}", before.by, clock(before.at));
    }
    let what = format!("{verb} asked by {}", request.by);
    *slot = Some(request);
    what
}

/// True while a walk with a plan of its own is on: a staged or held rollout's next walk brings another plan. One that a
/// signal stopped goes on with its own.
fn has_begun(record: &Record) -> bool {
    match record.phase {
        Phase::Held => record.is_stopped(),
        phase => !matches!(phase, Phase::Staging | Phase::Staged),
    }
}

fn not_begun(record: &Record, here: &str, so: &str) -> Refusal {
    let what = format!("rollout {} is {}: its walk has not begun, {so}", record.id, phase_word(record.phase));
    Refusal::new(what, format!("`andante walk {here}` begins it"))
}

fn approve(
    new: &mut Control,
    record: &Record,
    step: Option<usize>,
    request: ControlRequest,
    here: &str,
) -> Result<String, Refusal> {
    // The next walk of a held rollout brings its own plan, whose steps may mean something else.
    let plan = record.plan.as_ref().filter(|_| has_begun(record));
    let Some(plan) = plan else { return Err(not_begun(record, here, "there is no step to approve")) };
    let number = step.unwrap_or(record.step + 1);
    let Some(found) = plan.step(number) else {
        return Err(Refusal::new(
            format!("the plan has {} steps, there is no step {number}", plan.steps.len()),
            gated(plan, record.step),
        ));
    };
    if number <= record.step {
        let what =
            format!("step {number} ({}) is taken already, the rollout is at step {}", found.percent, record.step);
        return Err(Refusal::new(what, gated(plan, record.step)));
    }
    if !found.approval {
        return Err(Refusal::new(
            format!("step {number} ({}) needs no approval", found.percent),
            gated(plan, record.step),
        ));
    }
    if let Some(before) = new.approval(number, record.attempt) {
        return Ok(format!(
            "step {number} ({}) was approved already by {} at {}",
            found.percent,
            before.request.by,
            clock(before.request.at)
        ));
    }
    let what = format!("step {number} ({}) approved by {}", found.percent, request.by);
    new.approved.push(Approval { step: number, request });
    Ok(what)
}

/// The steps to come that need an approval, in words.
fn gated(plan: &Plan, taken: usize) -> String {
    let steps = plan.steps.iter().enumerate().filter(|(i, s)| *i >= taken && s.approval);
    let steps: Vec<String> = steps.map(|(i, s)| format!("{} ({})", i + 1, s.percent)).collect();
    if steps.is_empty() {
        "no step to come needs an approval".to_owned()
    } else {
        format!("steps to come that need an approval: {}", steps.join(", "))
    }
}

/// The write: the requests replaced, if the object is the same and nobody else asked meanwhile.
fn patch(service: &Service, present: Option<&str>, new: &Control) -> Result<Value, Refusal> {
    let text = serde_json::to_string(new).map_err(|e| Refusal::new(e.to_string(), ""))?;
    let mut patch = vec![json!({"op": "test", "path": "/metadata/uid", "value": service.uid})];
    if service.annotations.is_empty() {
        patch.push(json!({"op": "test", "path": "/metadata/annotations", "value": null}));
        patch.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    } else {
        // Requests that must not be there yet are tested as null, which passes only where they are absent.
        patch.push(json!({"op": "test", "path": POINTER, "value": present}));
    }
    patch.push(json!({"op": "add", "path": POINTER, "value": text}));
    Ok(Value::Array(patch))
}

/// What does act, where nobody is at the rollout; none where somebody is, as far as known.
fn nobody(record: &Record, life: Life, here: &str) -> Option<String> {
    let settles = format!("`andante settle {here}` rolls back");
    match life {
        _ if life.is_dead() && record.phase == Phase::Staging => Some(format!(
            "nobody acts on it now ({}): the next `andante stage {here} ...` takes the rollout over, {settles}",
            dead_words(life)
        )),
        _ if life.is_dead() => Some(format!(
            "nobody acts on it now ({}): `andante walk {here}` takes the rollout over and obeys, {settles}",
            dead_words(life)
        )),
        Life::Resting if record.phase == Phase::Staging => {
            Some(format!("nobody stages at the moment: the same `andante stage {here} ...` goes on, {settles}"))
        }
        Life::Resting => {
            Some(format!("nobody walks at the moment: the next `andante walk {here}` obeys it, {settles}"))
        }
        _ => None,
    }
}

/// What happens next, where somebody is at it.
fn next(record: &Record, control: &Control, action: Action, life: Life, here: &str) -> String {
    match record.phase {
        Phase::Staging if action == Action::Abort => return "the staging goes back as soon as it sees this".to_owned(),
        Phase::Staging => {
            return format!("the walk that follows the staging obeys it; `andante settle {here}` ends the rollout now");
        }
        Phase::Staged | Phase::Held | Phase::Interrupted => {
            return format!("the next walk of its run obeys it; `andante settle {here}` rolls back now");
        }
        _ => {}
    }
    // An abort goes before every other request, because the walk goes back whatever else was asked.
    if let (Some(abort), true) = (&control.abort, action != Action::Abort) {
        return format!("it goes back all the same: abort was asked by {}", abort.by);
    }
    let paused = control.pause.is_some();
    match action {
        // A process that was killed leaves no trace that could be read before its deadline.
        Action::Abort if matches!(life, Life::Presumed | Life::Gone) => format!(
            "users go back to stable in one write, as soon as its owner sees this; whether {} is still there cannot be \
             known: where nothing happens within seconds, `andante settle {here}` rolls back",
            record.owner
        ),
        Action::Abort => "users go back to stable in one write, as soon as its owner sees this".to_owned(),
        Action::Pause => format!(
            "dwell and ramp stop; a failing gate and the deadline ({}) still send users back; `andante control resume {here}`",
            clock(record.deadline)
        ),
        Action::Resume => "the present step's dwell begins anew".to_owned(),
        _ if paused => format!("nothing before it is resumed: `andante control resume {here}`"),
        Action::Approve(_) => "the step is taken once its turn comes and its gates have passed".to_owned(),
        Action::Promote => {
            let plan = record.plan.as_ref().filter(|plan| !plan.keep.is_zero());
            let what = match plan.map(|plan| plan.is_past_proof(record.step)) {
                None => "the last step is taken at once, without dwell and approvals",
                Some(false) => "the step of the bake is taken at once, without dwell and approvals",
                Some(true) => "it is in its bake, which is not cut short",
            };
            format!("{what}; a failing gate still sends users back")
        }
    }
}

#[cfg(test)]
mod tests;
