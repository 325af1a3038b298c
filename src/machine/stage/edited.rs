//! Somebody else wrote the template while what ours makes was waited for.
//!
//! Decides whether the rollout goes on, because what stands there is what was staged, or is closed in one write: users stay on
//! stable by name, the tags are taken back, and nothing is written over the other's template (docs/protocol.md, rule 3). It may
//! use the record and observed objects.

use super::{Stage, StageGoal, Want};
use crate::machine::next::Next;
use crate::machine::rollback::Why;
use crate::machine::standing::{outcome_of, who_moved};
use crate::machine::world::World;
use crate::machine::write::order;
use crate::model::event::{Event, Topic};
use crate::model::observed::Service;
use crate::model::outcome::Code;
use crate::model::template::{fingerprint, says_the_same};
use crate::model::time::after;
use crate::rollout::record::{EditOf, Record};
use jiff::Timestamp;

/// True if the template that stands there is the one that was staged, by whoever it was written last. Its name does not count:
/// the candidate is found by lineage, whatever it is called.
pub(super) fn is_staged_one(goal: &StageGoal, record: &Record, service: &Service) -> bool {
    // A file has fewer fields than what the server made of it, so its words are compared and not its fingerprint.
    let says_the_file = match &goal.want {
        Want::Template(change) if change.file.is_some() => {
            change.apply(&service.template).is_ok_and(|wanted| says_the_same(&service.template, &wanted))
        }
        _ => false,
    };
    says_the_file || record.template.as_ref() == Some(&fingerprint(&service.template))
}

impl Stage {
    /// The template was written since our last write; traffic was not.
    pub(super) fn edited(&mut self, world: &World, service: &Service, record: &Record, now: Timestamp) -> Next {
        let who = who_moved(service, false);
        // The newest revision of it is the candidate: an older one would keep latest from being followed at the end.
        self.candidate = None;
        let mut next = record.clone();
        self.claimant.sign(&mut next);
        if is_staged_one(&self.goal, record, service) {
            if world.signal.is_none() {
                // What stopped it, if anything did, is over.
                (next.outcome, next.reason) = (None, None);
                next.deadline = next.deadline.max(after(now, self.goal.deadline + self.goal.hold_for));
            }
            let what = format!("{who} wrote the template of {} too, as it was staged; going on", service.name);
            return match order(service, next, None, None, Event::new(Topic::Stage, what)) {
                Ok(order) => Next::Write(Box::new(order)),
                Err(error) => Next::end(outcome_of(Code::BadState, error.to_string(), service)),
            };
        }
        next.edited = Some(EditOf::Template);
        let reason = format!(
            "{who} changed the template of {} during staging; nobody was moved, and theirs was not written over",
            service.name
        );
        self.fail(world, service, &next, &Why::blameless(Code::TakenOver, reason), now)
    }
}
