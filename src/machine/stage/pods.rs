//! Pods before users at the end of a revert: one write sends everyone to a revision that has one pod.
//!
//! Decides which floor is noted and set before that write, and how long its pods are waited for. It may use the record and
//! observed revisions.

use super::Stage;
use crate::machine::capacity::{counted, set};
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
use crate::rollout::record::Record;
use jiff::Timestamp;

/// The floor that this revert noted for what it made; one of an older rollout is none of it.
fn noted<'a>(record: &'a Record, made: &Revision) -> Option<&'a SetBound> {
    let bound = record.capacity.as_deref()?.bound(made, ScaleBound::MinScale)?;
    (record.reverts && bound.at >= record.step_at).then_some(bound)
}

/// True if what a revert made serves, and lacks only pods that the revert asked for: it was proved before.
pub(super) fn waits_for_pods(record: &Record, made: &Revision) -> bool {
    made.actual > 0 && noted(record, made).is_some()
}

impl Stage {
    /// What is to be done before everyone may come to what a revert made, as many pods as `stable` has; or why they cannot be
    /// had. `Ok(None)`: users may come.
    pub(super) fn pods_first(
        &self,
        (stable, made): (&Revision, &Revision),
        record: &Record,
        world: &World,
        service: &Service,
        now: Timestamp,
        log: &mut Log,
    ) -> Result<Option<String>, Box<Next>> {
        let goal = &self.goal.capacity;
        if goal.mode == CapacityMode::Off || self.bounds.refused(BoundWrite::Floor).is_some() {
            return Ok(None);
        }
        let has = u32::try_from(made.actual).unwrap_or_default();
        let Some(bound) = noted(record, made) else {
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
            return match self.returning(world, record, |_| false, now, log) {
                Some(next) => Err(Box::new(next)),
                None => Ok(Some(format!("{text} are there after {} ({})", words(goal.within), made.complaint()))),
            };
        }
        if bound.is_to_be_set(made) {
            let order = set(bound, made, BoundWrite::Floor);
            return Err(Box::new(self.bounds.next(order, world.signal.is_some(), now)));
        }
        log.once(Topic::Pods, format!("waiting for {text}"));
        Err(Box::new(Next::wait(Some(until))))
    }
}
