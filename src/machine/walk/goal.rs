//! The goal of a walk: its plan, its limits, and what judges it. Decides which address is asked where nothing was said.
//! It may use the goal and evidence.

use super::JudgeGoal;
use crate::evidence::compare::CompareRow;
use crate::evidence::gate::{Gate, Patience};
use crate::evidence::probe::{Address, Probe};
use crate::evidence::{Phi, Rules};
use crate::model::name::{Namespace, ServiceName};
use crate::rollout::goal::{AddressKind, CapacityGoal, Goal, OnTerm};
use crate::rollout::plan::Plan;
use std::time::Duration;

/// Gates, and where the revisions live that they are about.
#[derive(Debug, Clone, PartialEq)]
pub struct GateGoal {
    /// The gates.
    pub gates: Vec<Gate>,
    /// How patient they are.
    pub patience: Patience,
    /// The namespace of the Service.
    pub namespace: Namespace,
}

/// Counters of the owner's own that are compared, and where the revisions live that they are about.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareGoal {
    /// The rows, at most [`crate::evidence::compare::MOST_ROWS`].
    pub rows: Vec<CompareRow>,
    /// How often at most a candidate that is no worse is rolled back by all comparisons together.
    pub alpha: f64,
    /// Bad ones come so many at a time; none: as stable's show.
    pub together: Option<Phi>,
    /// Nothing else is compared.
    pub alone: bool,
    /// How long after a split is served windows stay shut.
    pub drain: Duration,
    /// Time between two looks at a row.
    pub every: Duration,
    /// How many looks in a row may come to nothing before users go back.
    pub errors: u32,
    /// The namespace of the Service.
    pub namespace: Namespace,
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
    /// After a way back the template becomes again what serves.
    pub restore_template: bool,
    /// How evidence is judged; none: there is no source of it.
    pub judge: Option<JudgeGoal>,
    /// The owner's own gates, if there are any.
    pub gates: Option<GateGoal>,
    /// The owner's own counters that are compared, if there are any.
    pub compare: Option<CompareGoal>,
    /// Which pods come before users.
    pub capacity: CapacityGoal,
    /// From how many more containers of the candidate than of stable, pod for pod, that end with an error, users go back; none: it is not
    /// looked at.
    pub restarts: Option<u32>,
}

impl WalkGoal {
    /// The walk that a goal asks for in a namespace, if it asks for one. `in_cluster`: where nothing else is said, the
    /// cluster's own address of the candidate is asked.
    pub fn of(goal: &Goal, namespace: &Namespace, in_cluster: bool) -> Option<Self> {
        let (walk, plan) = (goal.walk()?, goal.plan()?.clone());
        let own = walk.address.map_or(in_cluster, |kind| kind == AddressKind::Cluster);
        let gates = GateGoal { gates: walk.gates.clone(), patience: walk.gate_patience, namespace: namespace.clone() };
        let rules = walk.judge.as_ref();
        let compare = CompareGoal {
            rows: walk.compare.clone(),
            alpha: rules.map_or(Rules::default().alpha, |rules| rules.alpha),
            together: rules.and_then(|rules| rules.clustering),
            alone: rules.is_none(),
            drain: rules.and_then(|rules| rules.longest_answer).unwrap_or_default(),
            every: walk.gate_patience.every,
            errors: walk.gate_patience.errors,
            namespace: namespace.clone(),
        };
        Some(Self {
            service: goal.service().clone(),
            plan,
            deadline: walk.deadline,
            grace: walk.grace,
            serve_within: walk.serve_within,
            probe: walk.probe.clone(),
            address: if own { Address::Cluster(namespace.clone()) } else { Address::Public },
            on_term: walk.on_term,
            once: walk.once,
            restore_template: walk.restore_template,
            judge: walk.judge.clone().map(|rules| JudgeGoal { rules, namespace: namespace.clone() }),
            gates: Some(gates).filter(|goal| !goal.gates.is_empty()),
            compare: Some(compare).filter(|goal| !goal.rows.is_empty()),
            capacity: walk.capacity.clone(),
            restarts: walk.restarts,
        })
    }
}
