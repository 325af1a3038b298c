//! The goal of a walk: its plan, its limits, and what judges it.

use super::{GateGoal, JudgeGoal};
use crate::evidence::probe::{Address, Probe};
use crate::model::name::ServiceName;
use crate::rollout::plan::Plan;
use std::time::Duration;

/// What to do when a signal ends the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTerm {
    /// Roll back: nobody else may come after a pipeline's end.
    Rollback,
    /// Leave traffic where it is.
    Hold,
}

/// The goal of a walk.
#[derive(Debug, Clone, PartialEq)]
pub struct WalkGoal {
    /// The Service.
    pub service: ServiceName,
    /// The plan.
    pub plan: Plan,
    /// When it must be over.
    pub deadline: Duration,
    /// How long a fault of the candidate must last to be believed.
    pub grace: Duration,
    /// How long a written split may take until it is served.
    pub serve_within: Duration,
    /// Probes of the candidate's address.
    pub probe: Option<Probe>,
    /// Which address of the candidate is asked.
    pub address: Address,
    /// What SIGTERM does.
    pub on_term: OnTerm,
    /// Do what is due, then end.
    pub once: bool,
    /// How evidence is judged; none: there is no source of it.
    pub judge: Option<JudgeGoal>,
    /// The owner's own gates, if there are any.
    pub gates: Option<GateGoal>,
    /// So many more containers of the candidate than of stable, pod for pod, may not end with an error; none: it is not
    /// looked at.
    pub restarts: Option<u32>,
}
