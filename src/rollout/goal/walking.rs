//! How users are walked to the candidate: the plan, its limits, and what judges it.

use super::{BadGoal, CapacityGoal};
use crate::evidence::Rules;
use crate::evidence::compare::{self, CompareRow};
use crate::evidence::gate::{Gate, Patience};
use crate::evidence::probe::Probe;
use crate::model::time::human;
use crate::rollout::plan::{Plan, PlanOptions};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What to do when a signal ends the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnTerm {
    /// Roll back: nobody else may come after a pipeline's end.
    Rollback,
    /// Leave traffic where it is.
    Hold,
}

/// Which of a tag's two addresses is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressKind {
    /// The one that Knative reports.
    Public,
    /// The cluster's own.
    Cluster,
}

/// A walk as it is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct WalkOptions {
    /// The plan.
    pub plan: PlanOptions,
    /// When it must be over.
    #[serde(with = "human")]
    pub deadline: Duration,
    /// How long a fault of the candidate must last to be believed.
    #[serde(with = "human")]
    pub grace: Duration,
    /// How long a written split may take until it is served.
    #[serde(with = "human")]
    pub serve_within: Duration,
    /// Probes of the candidate's own address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// Which of its addresses is asked; none: the cluster's own in a pod, else the public one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<AddressKind>,
    /// What SIGTERM does.
    pub on_term: OnTerm,
    /// Do what is due, then end.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
    /// After a way back the template becomes again what serves.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub restore_template: bool,
    /// How evidence is judged; none: there is no source of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<Rules>,
    /// The owner's own gates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// The owner's own counters that are compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub compare: Vec<CompareRow>,
    /// How patient they are.
    pub gate_patience: Patience,
    /// Which pods come before users.
    pub capacity: CapacityGoal,
    /// From how many more containers of the candidate than of stable, pod for pod, that end with an error, users go back; none: nobody looks.
    pub restarts: Option<u32>,
}

/// The defaults of `walk`.
impl Default for WalkOptions {
    fn default() -> Self {
        Self {
            plan: PlanOptions::default(),
            deadline: Duration::from_secs(55 * 60),
            grace: Duration::from_secs(10),
            serve_within: Duration::from_secs(120),
            probe: None,
            address: None,
            on_term: OnTerm::Rollback,
            once: false,
            restore_template: false,
            judge: None,
            gates: Vec::new(),
            compare: Vec::new(),
            gate_patience: Patience::default(),
            capacity: CapacityGoal::default(),
            restarts: Some(2),
        }
    }
}

impl WalkOptions {
    /// The plan, if everything fits together.
    pub(super) fn plan(&self) -> Result<Plan, BadGoal> {
        let plan = Plan::new(&self.plan)?;
        // What many short calls do adds up: none of them has to see the end.
        if !self.once && plan.shortest() >= self.deadline {
            return Err(BadGoal::TooShort { least: plan.shortest(), deadline: self.deadline });
        }
        match &self.judge {
            Some(rules) => rules.check().map_err(BadGoal::Rules)?,
            None if plan.style.by_budget() => return Err(BadGoal::BudgetWithoutEvidence),
            None => {}
        }
        if let Some(Err(why)) = self.probe.as_ref().map(Probe::check) {
            return Err(BadGoal::Value { what: "--probe", why });
        }
        compare::check(&self.compare).map_err(|why| BadGoal::Value { what: "--compare", why })?;
        let ranges = [("--restarts", self.restarts.unwrap_or(1)), ("--gate-failures", self.gate_patience.failures)];
        let counts = [("--gate-errors", self.gate_patience.errors)];
        let probes = self.probe.iter().flat_map(|p| [("--probe-passes", p.passes), ("--probe-failures", p.failures)]);
        for (what, value) in ranges.into_iter().chain(counts).chain(probes) {
            if !(1..=1000).contains(&value) {
                return Err(BadGoal::Range { what, from: 1, to: 1000 });
            }
        }
        Ok(plan)
    }
}
