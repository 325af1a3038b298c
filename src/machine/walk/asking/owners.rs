//! The owner's own gates in a walk: which there are, and whom they are about.
//!
//! [`crate::evidence::gate`] decides what their answers mean; this file decides when they are asked, and about whom.

use super::super::goal::GateGoal;
use super::super::scene::Scene;
use super::AskingGate;
use crate::evidence::gate::{GateEnd, GateRow, Patience};
use crate::evidence::reading::Arms;
use crate::machine::next::{Heard, Question};
use crate::machine::rollback::Why;
use crate::model::event::Log;
use crate::model::name::Namespace;
use crate::model::outcome::Code;
use jiff::Timestamp;

/// The owner's gates and their answers.
#[derive(Debug)]
pub(super) struct OwnerGates {
    namespace: Namespace,
    row: GateRow,
}

impl OwnerGates {
    /// `once`: each of many short calls hears one answer and would never see a row of them, so one that is wrong is enough.
    pub(super) fn new(goal: &GateGoal, once: bool) -> Self {
        let failures = if once { 1 } else { goal.patience.failures };
        let patience = Patience { failures, ..goal.patience };
        Self { namespace: goal.namespace.clone(), row: GateRow::new(goal.gates.clone(), patience) }
    }
}

impl AskingGate for OwnerGates {
    fn judges_by(&self) -> &'static str {
        "your gates"
    }

    /// Before the first step there is nobody to ask about.
    fn due(&self, scene: &Scene<'_>) -> Option<Question> {
        let gate = self.row.due(scene.now).filter(|_| scene.record.step > 0)?;
        let arms = Arms {
            namespace: self.namespace.clone(),
            stable: scene.record.start.stable.clone(),
            candidate: scene.candidate.clone(),
        };
        Some(Question::Gate(Box::new((gate, arms))))
    }

    fn next_moment(&self, scene: &Scene<'_>) -> Option<Timestamp> {
        self.row.next_moment(scene.now).filter(|_| scene.record.step > 0)
    }

    fn asked(&mut self, question: &Question, now: Timestamp) {
        if matches!(question, Question::Gate(_)) {
            self.row.asked(now);
        }
    }

    fn heard(&mut self, heard: &Heard, _: Timestamp, log: &mut Log) {
        if let Heard::Gate(measured) = heard {
            self.row.answered(measured, log);
        }
    }

    fn begin(&mut self) {
        self.row.begin();
    }

    fn failed(&self) -> Option<Why> {
        self.row.failed().map(|end| match end {
            GateEnd::Failed(reason) => Why::new(Code::GateFailed, reason),
            GateEnd::Unasked(reason) => {
                let reason =
                    format!("{reason}; that says nothing of the candidate, which may be tried again once it can");
                Why::blameless(Code::GateFailed, reason)
            }
        })
    }

    fn missing(&self) -> Option<String> {
        self.row.missing()
    }

    fn has_answered(&self) -> bool {
        self.row.have_answered()
    }
}
