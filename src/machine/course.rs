//! The course of a walk as its plan and record tell it: how long a step is stayed at, since when, which steps may come
//! next, and what of the Service itself keeps the next one from being taken. Decides this once for the walk and for
//! `status`, so that neither says what the other does not do. It may use the plan, the record and the world.

use crate::machine::migration::taken_name;
use crate::machine::world::World;
use crate::model::name::RevisionName;
use crate::model::observed::{Revision, Service};
use crate::model::percent::Percent;
use crate::model::split::Split;
use crate::model::time::after;
use crate::rollout::control::Control;
use crate::rollout::plan::Plan;
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How long users stay at the present step of the record before the next move. A promoted rollout does not dwell, but
/// it bakes: a bake is what a promotion skips to.
pub(crate) fn stay(plan: &Plan, record: &Record, promoted: bool) -> Duration {
    match plan.step(record.step) {
        _ if promoted && !plan.is_past_proof(record.step) => Duration::ZERO,
        // Whom stable kept for the bake are moved when it is over, so there is no second one.
        _ if record.phase == Phase::Baking && plan.closes(record.step) => Duration::ZERO,
        _ if record.phase == Phase::Baking => plan.bake,
        Some(step) => step.dwell,
        None => Duration::ZERO,
    }
}

/// Since when the present step's dwell counts, for a reader that has not watched it; none while that is not known. The
/// Route's condition tells when the split was served, in whole seconds, so it is rounded up: a dwell gets longer by
/// that, never shorter. A pause that was taken back makes the dwell begin anew.
pub(crate) fn served_at(service: &Service, record: &Record, control: &Control) -> Option<Timestamp> {
    let routes = service.conditions.get("RoutesReady")?;
    let served = after(routes.since?, Duration::from_secs(1)).max(record.step_at);
    let resumed = control.resumed.as_ref().map(|request| request.at);
    Some(resumed.map_or(served, |resumed| resumed.max(served)))
}

/// The steps that may come after `step` steps of the plan. With a budget the evidence may pass some over: never one
/// that needs an approval, and never the last one before the bake in the same move. None at the end of the plan.
pub(crate) fn reachable(plan: &Plan, step: usize) -> Option<RangeInclusive<usize>> {
    let next = step + 1;
    plan.step(next)?;
    let below = plan.before_bake();
    if !plan.style.by_budget() || step >= below {
        return Some(next..=next);
    }
    let asked = plan.steps.iter().take(below).skip(step).position(|s| s.approval).map_or(below, |i| next + i);
    Some(next..=asked.max(next))
}

/// The split of one step, or the foreign target that would keep Knative from taking it (docs/protocol.md, rule 6).
pub(crate) fn step_split(
    world: &World,
    record: &Record,
    candidate: &RevisionName,
    percent: Percent,
) -> Result<Split, String> {
    let split = record.start.at(candidate, percent, &record.tags);
    match split.revisions().into_iter().find(|name| !world.serves(name)) {
        Some(name) => Err(format!(
            "{name} is not Ready ({}), and Knative takes a split whole or not at all: mend it or remove its target",
            world.revision(name).map_or_else(|| "it does not exist".to_owned(), Revision::complaint)
        )),
        None => Ok(split),
    }
}

/// Why Knative would not take a step to this percentage; none: nothing of the Service is in its way.
pub(crate) fn blocker(world: &World, service: &Service, record: &Record, percent: Percent) -> Option<String> {
    if let Some(name) = taken_name(world, service, record) {
        return Some(format!(
            "a revision has the template's name {name} already, and Knative migrates no traffic while it stands there: take spec.template.metadata.name out"
        ));
    }
    step_split(world, record, record.candidate.as_ref()?, percent).err()
}
