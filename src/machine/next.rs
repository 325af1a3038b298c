//! What a machine is: given the world and the time, what to say and what to do next.
//!
//! `stage`, `walk` and `settle` are machines. A machine decides by level, not by edge: asked again with the same world it
//! gives the same answer, so a lost answer, a restart or a missed event never loses it. Depends on pure modules only.

use crate::evidence::gate::{Gate, Measured};
use crate::evidence::probe::{Answer, ProbeRequest};
use crate::evidence::reading::{Arms, NoReading, Reading};
use crate::machine::world::World;
use crate::model::api_error::ApiError;
use crate::model::event::Event;
use crate::model::event::Log;
use crate::model::name::RevisionName;
use crate::model::outcome::Outcome;
use crate::rollout::owner::Owner;
use crate::rollout::record::Record;
use jiff::Timestamp;
use serde_json::Value;

/// Something to find out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// GET the Service again.
    Service,
    /// GET its Configuration.
    Configuration,
    /// Whether a run still runs.
    Liveness(Owner),
    /// What the pods of a revision say that does not become ready.
    Pods(RevisionName),
}

/// One fenced write.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The JSON patch.
    pub patch: Value,
    /// The record that it leaves behind; none where there is nothing to come back to yet (a first deployment).
    pub record: Option<Record>,
    /// What it does, for the log.
    pub what: Event,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Write the Service.
    Write(Box<Order>),
    /// Create the Service.
    Create(Box<Value>),
    /// Find something out, then ask again.
    Look(Look),
    /// Wait for news, at most until the time given; meanwhile ask the candidate's address, read the evidence and ask a gate,
    /// if there is something to ask or read and no other of its kind is out.
    Wait {
        /// When to ask again without news.
        until: Option<Timestamp>,
        /// What to ask meanwhile.
        ask: Option<ProbeRequest>,
        /// Whose counters to read meanwhile.
        read: Option<Box<Arms>>,
        /// Which of the owner's gates to ask meanwhile, about whom.
        gate: Option<Box<(Gate, Arms)>>,
    },
    /// It is over.
    End(Box<Outcome>),
}

impl Next {
    /// It is over.
    pub fn end(outcome: Outcome) -> Self {
        Self::End(Box::new(outcome))
    }

    /// Wait for news alone, at most until the time given.
    pub fn wait(until: Option<Timestamp>) -> Self {
        Self::Wait { until, ask: None, read: None, gate: None }
    }
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It took effect; the world shows it.
    Yes,
    /// A test of it did not hold: the world was read again.
    Refused,
    /// No answer, or a failing server: the world was read again.
    Unsure(ApiError),
    /// It was judged and refused for good.
    Denied(ApiError),
}

/// A machine.
pub trait Machine {
    /// What to do now. `log` takes what is worth a line.
    fn decide(&mut self, world: &World, now: Timestamp, log: &mut Log) -> Next;
    /// An answer from the candidate's address.
    fn answered(&mut self, answer: Answer, now: Timestamp, log: &mut Log);
    /// What a reading of the evidence brought. Only a machine that asks for readings gets any.
    fn read(&mut self, _: Result<Reading, NoReading>, _: Timestamp, _: &mut Log) {}
    /// What a gate's question brought. Only a machine that asks gates gets any.
    fn measured(&mut self, _: Measured, _: &mut Log) {}
    /// What became of the last write.
    fn written(&mut self, written: &Written, world: &World, now: Timestamp, log: &mut Log);
    /// What the end is if the world stops answering, or time is up after a signal.
    fn give_up(&self, world: &World, why: GiveUp) -> Outcome;
}

/// Why the runner stops a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GiveUp {
    /// The API server did not answer for too long.
    Unreachable(String),
    /// A permission is missing, or the API says no for good.
    Api(ApiError),
    /// The time after a signal is up.
    Signal,
}
