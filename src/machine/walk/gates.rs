//! The walk's use of the owner's own gates: asked while users are on the candidate, awaited before each further step.
//!
//! Decides when they are asked; what their answers mean is [`crate::evidence::gate`]'s.

use super::Walk;
use crate::evidence::gate::{Gate, GateRow, Patience};
use crate::evidence::reading::Arms;
use crate::machine::next::Next;
use crate::model::name::{Namespace, RevisionName};
use crate::rollout::record::Record;
use jiff::Timestamp;

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

impl GateGoal {
    pub(super) fn row(&self) -> GateRow {
        GateRow::new(self.gates.clone(), self.patience)
    }
}

impl Walk {
    /// Adds the gate that is due, if there is one, to a wait. Before the first step there is nobody to ask about.
    pub(super) fn gating_on(&mut self, next: Next, record: &Record, candidate: &RevisionName, now: Timestamp) -> Next {
        let (Next::Wait { until, ask, read, .. }, Some(goal)) = (&next, &self.goal.gates) else { return next };
        if record.step == 0 {
            return next;
        }
        let (until, ask, read) = (*until, ask.clone(), read.clone());
        let arms = Arms {
            namespace: goal.namespace.clone(),
            stable: record.start.stable.clone(),
            candidate: candidate.clone(),
        };
        let gate = self.gates.due(now).map(|gate| Box::new((gate, arms)));
        let until = [until, self.gates.next_moment(now)].into_iter().flatten().min();
        Next::Wait { until, ask, read, gate }
    }

    /// What the owner's gates lack for the next step, or for the end.
    pub(super) fn gate_missing(&self, record: &Record, promoted: bool) -> Option<String> {
        if record.step == 0 || promoted { None } else { self.gates.missing() }
    }

    /// The deadline passed; what was waited for.
    pub(super) fn late(&self, record: &Record) -> String {
        let waits = self.gate_missing(record, false).map(|missing| format!("; still waiting for {missing}"));
        format!("the deadline passed{}", waits.unwrap_or_default())
    }
}
