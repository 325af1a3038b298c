//! Gates that ask the world something of their own: they keep what they heard, and judge by it.
//!
//! The owner's gates and built-in ones are the same kind of thing here: a new one is a file with its state and its
//! rule, and a line in [`gates_of`].
//!
//! Decides in which order they are asked and heard.

mod compared;
mod owners;
mod restarts;

use super::scene::Scene;
use super::{Walk, WalkGoal};
use crate::machine::next::{Heard, Question};
use crate::machine::rollback::Why;
use crate::model::event::Log;
use crate::rollout::record::Record;
use compared::ComparedRows;
use jiff::Timestamp;
use owners::OwnerGates;
use restarts::Restarts;
use std::fmt::Debug;

/// A gate with questions of its own.
pub(super) trait AskingGate: Debug {
    /// What it judges by, in words for the log.
    fn judges_by(&self) -> &'static str;
    /// A look at the scene before anything is decided.
    fn see(&mut self, _: &Scene<'_>) {}
    /// What it asks now, if it is time to and nothing of it is out.
    fn due(&self, scene: &Scene<'_>) -> Option<Question>;
    /// When it will ask next, if it asks nothing now.
    fn next_moment(&self, scene: &Scene<'_>) -> Option<Timestamp>;
    /// A question is out; it may be another gate's.
    fn asked(&mut self, question: &Question, now: Timestamp);
    /// What came of a question; it may be another gate's.
    fn heard(&mut self, heard: &Heard, now: Timestamp, log: &mut Log);
    /// A step begins: what was heard before says nothing good of it.
    fn begin(&mut self);
    /// Why users go back.
    fn failed(&self) -> Option<Why>;
    /// What a further step, or the end, waits for.
    fn missing(&self) -> Option<String>;
    /// True if it has heard at this step what a short call came to hear.
    fn has_answered(&self) -> bool;
    /// Puts what must survive into a record that is about to be written.
    fn keep(&self, _: &mut Record) {}
    /// What is new, in words, if it is to be saved now; `at_once`: however lately the last was.
    fn saves(&self, _: Timestamp, _at_once: bool) -> Option<String> {
        None
    }
    /// It was put into a record that was sent.
    fn saved(&mut self, _: Timestamp) {}
}

/// The gates of a walk that ask something of their own, in the order in which their reasons are told.
pub(super) fn gates_of(goal: &WalkGoal) -> Vec<Box<dyn AskingGate>> {
    let owners = goal.gates.as_ref().map(|gates| Box::new(OwnerGates::new(gates, goal.once)) as Box<dyn AskingGate>);
    // Each of many short calls would begin to count anew and never see two ends.
    let restarts =
        goal.restarts.filter(|_| !goal.once).map(|limit| Box::new(Restarts::new(limit)) as Box<dyn AskingGate>);
    let compared = goal.compare.as_ref().map(|rows| Box::new(ComparedRows::new(rows)) as Box<dyn AskingGate>);
    restarts.into_iter().chain(compared).chain(owners).collect()
}

impl Walk {
    /// What the walk judges by beside evidence, in words.
    pub(super) fn judged_by(&self) -> String {
        let asking = self.gates.iter().map(|gate| gate.judges_by());
        let probes = self.goal.probe.iter().map(|_| "probes");
        let all: Vec<&str> = ["readiness", "replicas"].into_iter().chain(asking).chain(probes).collect();
        match all.split_last() {
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => String::new(),
        }
    }

    /// What these gates lack for the next step, or for the end. Before the first step there is nobody to ask about.
    pub(super) fn gate_missing(&self, step: usize, promoted: bool) -> Option<String> {
        let asks = step > 0 && !promoted;
        self.gates.iter().filter(|_| asks).find_map(|gate| gate.missing())
    }

    /// The deadline passed; what was waited for.
    pub(super) fn late(&self, step: usize) -> String {
        let waits = self.gate_missing(step, false).map(|missing| format!("; still waiting for {missing}"));
        format!("the deadline passed{}", waits.unwrap_or_default())
    }
}
