//! Pods before everyone comes in one write to a revision that has one pod: to what a revert made, or a template that was put back.
//!
//! Decides which floor is noted and set before that write, and how long its pods are waited for. It may use the record and
//! observed revisions.

use super::{BoundTries, counted, receives, set};
use crate::machine::next::{BoundWrite, Next};
use crate::machine::standing::outcome_of;
use crate::machine::world::World;
use crate::machine::write::order;
use crate::model::event::{Event, Log, Topic};
use crate::model::observed::{Revision, Service};
use crate::model::outcome::Code;
use crate::model::scaling::ScaleBound;
use crate::model::time::{after, words};
use crate::rollout::capacity::{CapacityMode, SetBound};
use crate::rollout::goal::CapacityGoal;
use crate::rollout::record::Record;
use jiff::Timestamp;

/// The floor that was noted for what is about to get everyone; one of an older rollout, or of the walk before, is none of it.
fn noted<'a>(record: &'a Record, made: &Revision) -> Option<&'a SetBound> {
    let bound = record.capacity.as_deref()?.bound(made, ScaleBound::MinScale)?;
    ((record.reverts || record.restored) && bound.at >= record.step_at).then_some(bound)
}

/// True if what a revert made serves, and lacks only pods that the revert asked for: it was proved before.
pub(in crate::machine) fn waits_for_pods(record: &Record, made: &Revision) -> bool {
    made.actual > 0 && noted(record, made).is_some()
}

/// Everyone is about to come to another revision that is the same release.
pub(in crate::machine) struct EveryoneComes<'a> {
    pub(in crate::machine) goal: &'a CapacityGoal,
    pub(in crate::machine) bounds: &'a BoundTries,
    pub(in crate::machine) record: &'a Record,
    pub(in crate::machine) world: &'a World,
    pub(in crate::machine) service: &'a Service,
    /// Since when this is tried. A floor that was given up before that says nothing of the room that there is now.
    pub(in crate::machine) since: Timestamp,
    pub(in crate::machine) now: Timestamp,
}

impl EveryoneComes<'_> {
    /// What is to be done before everyone may come to `made`, as many pods as `stable` has; or why they cannot be had.
    /// `Ok(None)`: users may come.
    pub(in crate::machine) fn pods_first(
        &self,
        stable: &Revision,
        made: &Revision,
        log: &mut Log,
    ) -> Result<Option<String>, Box<Next>> {
        let Self { goal, bounds, record, world, service, since, now } = *self;
        if goal.mode == CapacityMode::Off || bounds.refused(BoundWrite::Floor).is_some() {
            return Ok(None);
        }
        let has = u32::try_from(made.actual).unwrap_or_default();
        let of_this_try = |bound: &&SetBound| after(bound.at, goal.within) >= since;
        let Some(bound) = noted(record, made).filter(of_this_try) else {
            let want = u32::try_from(stable.actual).unwrap_or_default();
            let want = want.min(made.scaling.max.unwrap_or(u32::MAX));
            // One that sleeps is woken by its first request, as it was.
            if want <= 1 || has >= want {
                return Ok(None);
            }
            let known = record.capacity.as_deref().cloned().unwrap_or_default();
            let capacity = Some(Box::new(known.with(made, ScaleBound::MinScale, want, now)));
            let to = Record { capacity, ..record.clone() };
            let what = format!("{} wants {} before everyone comes, as {} has", made.name, counted(want), stable.name);
            return Err(Box::new(match order(service, to, None, None, Event::new(Topic::Pods, what)) {
                Ok(order) => Next::Write(Box::new(order)),
                Err(error) => Next::end(outcome_of(Code::BadState, error.to_string(), service)),
            }));
        };
        let want = bound.value();
        if has >= want {
            return Ok(None);
        }
        let text = format!("{has} of {want} pods of {} that everyone wants", made.name);
        let until = after(bound.at, goal.within);
        if now >= until {
            // What cannot be had keeps it from being Ready.
            return match bounds.giving_back(record, world, |_| false, now) {
                Some(due) => Err(Box::new(due.next(&format!("{} keeps its", receives(record)), log))),
                None => Ok(Some(format!("{text} are there after {} ({})", words(goal.within), made.complaint()))),
            };
        }
        if bound.is_to_be_set(made) {
            let order = set(bound, made, BoundWrite::Floor);
            return Err(Box::new(bounds.next(order, world.signal.is_some(), now)));
        }
        log.once(Topic::Pods, format!("waiting for {text}"));
        Err(Box::new(Next::wait(Some(until))))
    }
}
