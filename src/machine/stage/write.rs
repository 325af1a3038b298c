//! The write that begins a rollout, or that ends an older one because stable is what is wanted; and the one that ends staging.
//!
//! Decides what it is refused for beside the usual fence, and that a way back takes effect. It may use observed objects and
//! the one write.

use super::Stage;
use crate::machine::goal_write::{NewTemplate, asks_first};
use crate::machine::migration::taken_name;
use crate::machine::next::{Next, Order};
use crate::machine::standing::outcome_of;
use crate::machine::world::World;
use crate::machine::write::{RecordSize, order, sure_order, while_latest_stands};
use crate::model::event::{Event, Topic};
use crate::model::moment::Moment;
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::Code;
use crate::model::percent::Percent;
use crate::model::split::Split;
use crate::model::time::after;
use crate::rollout::record::{BadRecord, Phase, Record};
use jiff::Timestamp;
use serde_json::Value;

impl Stage {
    /// The last write of staging: the candidate is proved, and is tagged by name.
    pub(super) fn tag_by_name(
        &self,
        service: &Service,
        record: &Record,
        candidate: &RevisionName,
        now: Timestamp,
    ) -> Next {
        let mut next = record.clone();
        next.phase = Phase::Staged;
        next.reverts = false;
        next.candidate = Some(candidate.clone());
        next.step_at = now;
        self.claimant.mark_goal(&mut next);
        // The walk that follows may be another process, so the owner has to count as alive until that has begun.
        next.deadline = after(now, self.goal.hold_for);
        let split = next.start.at(candidate, Percent::ZERO, &next.tags);
        let what = format!("{candidate} is ready and tagged `{}` at 0 %", next.tags.candidate);
        let what = Event::new(Topic::Stage, what).at(Moment::CandidateReady);
        match order(service, next, Some(split), None, what) {
            Ok(order) => Next::Write(Box::new(order)),
            Err(error) => Next::end(outcome_of(Code::BadState, error.to_string(), service)),
        }
    }
}

/// That write, or what has to be asked before it.
pub(super) fn begin_next(
    world: &World,
    service: &Service,
    record: Record,
    split: Option<Split>,
    template: Option<Value>,
    what: Event,
) -> Next {
    let goal = record.goal.clone();
    let what = what.at(match record.phase {
        Phase::RolledBack => Some(Moment::GoingBack),
        // One that only goes on moves nothing.
        Phase::Staging if split.is_some() => Some(Moment::RolloutBegan),
        _ => None,
    });
    match begin_order(world, service, record, split, template.clone(), what) {
        Ok(order) => template
            .and_then(|template| asks_first(world, service, goal.as_ref(), &template, &order))
            .unwrap_or_else(|| Next::Write(Box::new(order))),
        Err(error) => Next::end(outcome_of(Code::BadState, error.to_string(), service)),
    }
}

fn begin_order(
    world: &World,
    service: &Service,
    record: Record,
    split: Option<Split>,
    template: Option<Value>,
    what: Event,
) -> Result<Order, BadRecord> {
    let template = template.map(|template| NewTemplate::of(world, service, template));
    // A way back has to take effect, whatever stands in its way.
    let order = match split {
        Some(split) if record.phase == Phase::RolledBack => {
            let taken = taken_name(world, service, &record);
            sure_order(service, record, split, taken, RecordSize::Whole, what)?
        }
        split => order(service, record, split, template, what)?,
    };
    Ok(while_latest_stands(service, order))
}
