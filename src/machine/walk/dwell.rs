//! How long a step is stayed at, and which step may come next: the walk's own rule, which `status` reads as well.

use crate::model::observed::Service;
use crate::model::time::after;
use crate::rollout::plan::Plan;
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;
use std::time::Duration;

/// How long users stay at the present step of the record before the next move. A promoted rollout does not dwell, but it
/// bakes: a bake is what a promotion skips to.
pub(crate) fn stay(plan: &Plan, record: &Record, promoted: bool) -> Duration {
    match plan.step(record.step) {
        _ if promoted && record.step < plan.steps.len() => Duration::ZERO,
        _ if record.phase == Phase::Baking => plan.bake,
        Some(step) => step.dwell,
        None => Duration::ZERO,
    }
}

/// Since when the present split is served, as the Route's condition tells; none while it does not. Conditions carry whole
/// seconds, so it is rounded up: a dwell gets longer by that, never shorter.
pub(crate) fn served_at(service: &Service, record: &Record) -> Option<Timestamp> {
    let routes = service.conditions.get("RoutesReady")?;
    Some(after(routes.since?, Duration::from_secs(1)).max(record.step_at))
}
