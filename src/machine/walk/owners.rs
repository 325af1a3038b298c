//! The owner's own gates in a walk: which there are, and whom they are about.
//!
//! What their answers mean is [`crate::evidence::gate`]'s; they are rows of the walk's one list like the built-in gates
//! ([`super::gates`]).

use super::Walk;
use super::scene::Scene;
use crate::evidence::gate::{Gate, GateRow, Patience};
use crate::evidence::reading::Arms;
use crate::machine::next::Question;
use crate::model::name::Namespace;
use crate::rollout::record::Record;

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
    /// The owner's gate that is due. Before the first step there is nobody to ask about.
    pub(super) fn due_gate(&self, scene: &Scene<'_>) -> Option<Question> {
        let goal = self.goal.gates.as_ref().filter(|_| scene.record.step > 0)?;
        let arms = Arms {
            namespace: goal.namespace.clone(),
            stable: scene.record.start.stable.clone(),
            candidate: scene.candidate.clone(),
        };
        self.gates.due(scene.now).map(|gate| Question::Gate(Box::new((gate, arms))))
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
