//! The goal of staging: what is to be staged, and within which limits.
//!
//! Decides whether a goal makes a new revision or takes up one that is there. It may use the goal and the values of
//! `model`.

use crate::model::name::{RevisionName, RolloutId, ServiceName};
use crate::model::template::TemplateChange;
use crate::rollout::goal::{CapacityGoal, Goal, TakeUp};
use crate::rollout::plan::Plan;
use crate::rollout::splits::Tags;
use serde_json::Value;
use std::time::Duration;

/// What is to be staged.
#[derive(Debug, Clone, PartialEq)]
pub enum Want {
    /// A new revision from a changed template.
    Template(Box<TemplateChange>),
    /// A revision that is there already: by name, or the newest ready one that serves nobody.
    Revision(Option<RevisionName>),
    /// The revision that the present template made, ready or not yet.
    Latest,
    /// What serves: the template becomes the one that it runs, whoever wrote another one.
    Serving,
}

/// The goal of staging.
#[derive(Debug, Clone, PartialEq)]
pub struct StageGoal {
    /// The Service.
    pub service: ServiceName,
    /// What is to be staged.
    pub want: Want,
    /// The whole object to create if there is no Service yet; none: one is made of the image alone.
    pub manifest: Option<Value>,
    /// Which revision is stable, where the split leaves a choice.
    pub stable: Option<RevisionName>,
    /// Our two tags.
    pub tags: Tags,
    /// A rolled-back or equal candidate is tried again.
    pub again: bool,
    /// How long the candidate may take.
    pub deadline: Duration,
    /// How long a failure must last to be believed.
    pub grace: Duration,
    /// How long the record names this owner as alive after staging, for the walk that follows.
    pub hold_for: Duration,
    /// Which pods come before everyone is sent to what a revert made.
    pub capacity: CapacityGoal,
    /// The plan of the short call that follows (`--once`): each call may have an owner of its own, and goes on with a
    /// rollout of the same candidate by the same plan. None: a newer owner begins anew.
    pub goes_on: Option<Plan>,
    /// After a way back the template becomes again what serves.
    pub restore_template: bool,
    /// The identity of a new rollout.
    pub id: RolloutId,
}

impl StageGoal {
    /// The staging that a goal asks for, if it asks for one, under the identity of a new rollout.
    pub fn of(goal: &Goal, id: RolloutId) -> Option<Self> {
        let candidate = goal.candidate()?;
        let change = TemplateChange {
            image: candidate.image.clone(),
            container: candidate.container.clone(),
            env: candidate.env.clone(),
            file: candidate.manifest.as_ref().and_then(|m| m.pointer("/spec/template")).cloned(),
            revision_name: candidate.revision_name.clone(),
            again: candidate.again.then(|| id.to_string()),
            digest: None,
        };
        let want = match &candidate.revision {
            _ if candidate.changes_the_template() => Want::Template(Box::new(change)),
            Some(TakeUp::Named(name)) => Want::Revision(Some(name.clone())),
            Some(TakeUp::Latest) => Want::Latest,
            Some(TakeUp::Newest) | None => Want::Revision(None),
        };
        // Where a walk follows in the same run, the candidate is kept for as long as that may take; and a start is
        // slower to judge than a revision that was ready.
        let walk = goal.walk();
        let grace = walk.map_or(candidate.grace, |walk| candidate.grace.max(walk.grace));
        Some(Self {
            service: goal.service().clone(),
            want,
            manifest: candidate.manifest.clone(),
            stable: candidate.stable.clone(),
            // A goal that exists has two tags that differ.
            tags: candidate.tags.of(goal.service()).ok()?,
            again: candidate.again,
            deadline: candidate.ready_within,
            grace,
            hold_for: walk.map_or(candidate.hold_for, |walk| walk.deadline),
            capacity: walk.map_or(&candidate.capacity, |walk| &walk.capacity).clone(),
            restore_template: walk.is_some_and(|walk| walk.restore_template),
            goes_on: walk.filter(|walk| walk.once).and_then(|_| goal.plan().cloned()),
            id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::capacity::CapacityMode;
    use serde_json::json;

    #[test]
    fn staging_alone_asks_for_pods_as_it_is_told_and_before_a_walk_as_that_does() {
        let capacity = |walk: Option<Value>| {
            let mut options = json!({"service": "hello", "candidate": {"image": "i:2", "capacity": {"mode": "off"}}});
            if let Some(walk) = walk {
                options["walk"] = walk;
            }
            let goal: Goal = serde_json::from_value(options).unwrap();
            StageGoal::of(&goal, "one".parse().unwrap()).unwrap().capacity.mode
        };
        assert_eq!(capacity(None), CapacityMode::Off);
        assert_eq!(capacity(Some(json!({"capacity": {"mode": "need"}}))), CapacityMode::Need);
        assert_eq!(capacity(Some(json!({}))), CapacityMode::Try);
    }
}
