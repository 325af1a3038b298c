//! Who runs a rollout, and whether they can still act.
//!
//! Decides nothing: [`crate::machine::claim`] decides whose turn it is when two want to write. Depends on serde.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of thing runs the rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OwnerKind {
    /// A Tekton PipelineRun.
    PipelineRun,
    /// A Tekton TaskRun without a PipelineRun.
    TaskRun,
    /// A Kubernetes Job (a `CronJob` makes those).
    Job,
    /// Somebody at a terminal.
    Person,
}

/// Who runs a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// What it is.
    pub kind: OwnerKind,
    /// `namespace/name` of a run, or a person's name.
    pub name: String,
    /// The run's uid; for a person the same as the name.
    // The name is not enough: a run that was deleted and made again under its old name is another run.
    pub uid: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            OwnerKind::Person => f.write_str(&self.name),
            kind => write!(f, "{kind:?} {}", self.name),
        }
    }
}

/// Whether an owner can still act, as far as the API says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It runs.
    Running,
    /// It is done.
    Done,
    /// Its object is not there, or is another run's by now. A pod of it may still be at work for a moment.
    Gone,
    /// There is no right to read it, or nothing to read: only its deadline tells.
    Unknown,
}
