//! The goal: what a rollout should do, as one validated value with several readers.
//!
//! Decides what fits together, before anything is written or anyone is asked. Flags are one reader, a file or annotations are
//! others: each fills the options, and a [`Goal`] that exists is valid. It says nothing of where the cluster is, who asks, or
//! which credentials are used. Written as JSON it is its options, so that it can be kept, shown and read back.
//!
//! ```
//! use andante::rollout::goal::Goal;
//!
//! let goal: Goal = serde_json::from_str(r#"{"service": "hello",
//!     "candidate": {"image": "registry.example.com/hello:9f2c1ab"},
//!     "walk": {"plan": {"style": "blue-green", "bake": "10m"}, "probe": {"path": "/healthz"}}}"#)?;
//! assert_eq!(goal.plan().map(|plan| plan.steps.len()), Some(1));
//! // What does not fit together is no goal.
//! let bad = serde_json::from_str::<Goal>(r#"{"service": "hello", "walk": {"plan": {"bake": "2h"}}}"#).unwrap_err();
//! assert!(bad.to_string().contains("lengthen --deadline"), "{bad}");
//! # Ok::<(), serde_json::Error>(())
//! ```

mod candidate;
mod capacity;
mod walking;

pub use candidate::{CandidateOptions, TakeUp};
pub use capacity::CapacityGoal;
pub use walking::{AddressKind, OnTerm, WalkOptions};

use crate::model::name::{RevisionName, ServiceName};
use crate::model::time::words;
use crate::rollout::plan::{BadPlan, Plan};
use crate::rollout::splits::BadTags;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Everything that a reader may say, before anything is checked. What is absent has the command line's default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GoalOptions {
    /// The Service.
    pub service: ServiceName,
    /// What is to be staged; none: what is staged already is walked to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<CandidateOptions>,
    /// How users are walked to it; none: nobody is moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walk: Option<WalkOptions>,
}

/// A valid goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "GoalOptions", into = "GoalOptions")]
pub struct Goal {
    options: GoalOptions,
    plan: Option<Plan>,
}

/// Options that do not fit together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadGoal {
    /// Two tags, one name.
    #[error(transparent)]
    Tags(#[from] BadTags),
    /// Knative takes a revision's name only if it begins with the Service's.
    #[error("--revision-name must begin with `{service}-`")]
    RevisionName {
        /// The Service.
        service: ServiceName,
        /// What was asked for.
        name: RevisionName,
    },
    /// A revision that is there already is taken up as it is.
    #[error(
        "--revision takes up a revision as it is: leave away what would change its template (--image, --container, --set-env, --from-file, --revision-name)"
    )]
    TakesUpAndChanges,
    /// No such plan.
    #[error(transparent)]
    Plan(#[from] BadPlan),
    /// The plan alone takes longer than there is time.
    #[error(
        "dwell and bake alone take {}, the deadline is {}: lengthen --deadline or shorten --dwell or --bake",
        words(*.least), words(*.deadline)
    )]
    TooShort {
        /// Dwell and bake.
        least: Duration,
        /// The deadline.
        deadline: Duration,
    },
    /// A walk by budget without evidence.
    #[error("--style budget goes by evidence: name a source with --evidence")]
    BudgetWithoutEvidence,
    /// Rules of evidence that contradict each other, or are out of range.
    #[error("{0}")]
    Rules(String),
    /// A value that cannot be.
    #[error("{what}: {why}")]
    Value {
        /// Which.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// A number out of its range.
    #[error("{what} must be between {from} and {to}")]
    Range {
        /// Which.
        what: &'static str,
        /// The least.
        from: u32,
        /// The most.
        to: u32,
    },
}

impl Goal {
    /// Checks everything that can be checked without a cluster.
    pub fn new(options: GoalOptions) -> Result<Self, BadGoal> {
        if let Some(candidate) = &options.candidate {
            candidate.check(&options.service)?;
        }
        let plan = options.walk.as_ref().map(WalkOptions::plan).transpose()?;
        Ok(Self { options, plan })
    }

    /// The Service.
    pub fn service(&self) -> &ServiceName {
        &self.options.service
    }

    /// What is to be staged, if anything is.
    pub fn candidate(&self) -> Option<&CandidateOptions> {
        self.options.candidate.as_ref()
    }

    /// How users are walked, if they are.
    pub fn walk(&self) -> Option<&WalkOptions> {
        self.options.walk.as_ref()
    }

    /// The plan of the walk, if there is one.
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }
}

impl TryFrom<GoalOptions> for Goal {
    type Error = BadGoal;

    fn try_from(options: GoalOptions) -> Result<Self, BadGoal> {
        Self::new(options)
    }
}

impl From<Goal> for GoalOptions {
    fn from(goal: Goal) -> Self {
        goal.options
    }
}

#[cfg(test)]
mod tests;
