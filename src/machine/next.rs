//! What a machine is: given the world and the time, what to say and what to do next.
//!
//! `stage`, `walk`, `settle` and `check` are machines. A machine decides by level, not by edge: asked again with the
//! same world it gives the same answer, so a lost answer, a restart or a missed event never loses a decision. This file
//! decides nothing; it may use pure modules only.

use crate::evidence::compare::{CompareRow, RowTally};
use crate::evidence::gate::{Gate, Measured};
use crate::evidence::probe::{Answer, ProbeRequest};
use crate::evidence::reading::{Arms, NoReading, Reading};
use crate::machine::world::World;
use crate::model::api_error::ApiError;
use crate::model::event::Event;
use crate::model::event::Log;
use crate::model::name::RevisionName;
use crate::model::outcome::Outcome;
use crate::model::scaling::ScaleBound;
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
    /// Which digest an image reference means now.
    Image(String),
    /// Who has this name, which a tag's placeholder needs.
    Name(String),
    /// What would be stored if the Service were patched so: a dry run.
    Stored(Value),
    /// What the namespace says of suspension.
    Namespace,
}

/// Something to ask while waiting.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// The candidate's own address.
    Probe(ProbeRequest),
    /// The counters of both arms.
    Reading(Arms),
    /// One of the owner's gates, about these revisions.
    Gate(Box<(Gate, Arms)>),
    /// The owner's own counters of both, by one row.
    Counters(Box<(CompareRow, Arms)>),
    /// The pods of both revisions.
    Pods {
        /// The revision that users are on.
        stable: RevisionName,
        /// The revision that is walked to.
        candidate: RevisionName,
    },
}

/// The pods of both revisions, as the API shows them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PodsOfBoth {
    /// Of the revision that users are on.
    pub stable: Vec<Value>,
    /// Of the revision that is walked to.
    pub candidate: Vec<Value>,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// What the candidate's address answered.
    Probe(Answer),
    /// The counters, or why there are none.
    Reading(Result<Reading, NoReading>),
    /// What a gate's question brought.
    Gate(Measured),
    /// The counters of a row, or why they could not be read.
    Counters(Result<RowTally, String>),
    /// The pods, or why they cannot be listed: the right to it is optional.
    Pods(Result<PodsOfBoth, ApiError>),
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

/// A bound of a Revision's scale, set or given back. It moves nobody and raises no generation of the Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundOrder {
    /// The Revision.
    pub revision: RevisionName,
    /// Its uid.
    pub uid: String,
    /// Which bound.
    pub bound: ScaleBound,
    /// The text that it leaves there; none: the bound goes.
    pub to: Option<String>,
    /// What it is for.
    pub kind: BoundWrite,
    /// The JSON patch, fenced by the Revision's uid and the bound's present text.
    pub patch: Value,
    /// What it does, for the log.
    pub what: Event,
}

/// What a bound is written for: one that is refused says nothing of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BoundWrite {
    /// Pods before users.
    Floor,
    /// A way back that is open.
    WayBack,
    /// What the owner had.
    Return,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Write the Service.
    Write(Box<Order>),
    /// Create the Service.
    Create(Box<Value>),
    /// Set or give back a bound of a Revision.
    Bound(Box<BoundOrder>),
    /// Find something out, then ask again.
    Look(Look),
    /// Wait for news, at most until the time given; meanwhile find out what is asked.
    Wait {
        /// When to decide again without news.
        until: Option<Timestamp>,
        /// What to ask meanwhile. A machine that was told that it is asked ([`Machine::asked`]) asks nothing of the
        /// same kind again before it has heard of it.
        ask: Vec<Question>,
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
        Self::Wait { until, ask: Vec::new() }
    }
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It took effect; the world shows it.
    Yes,
    /// A test of it did not hold: the world was read again.
    Refused,
    /// No answer, or a failing server: the write may have taken effect all the same, so the world was read again.
    Unsure(ApiError),
    /// It was judged and refused for good.
    Denied(ApiError),
}

/// A machine.
pub trait Machine {
    /// What to do now. `log` takes what is worth a line. Asked again with the same world and time, it says the same.
    fn decide(&mut self, world: &World, now: Timestamp, log: &mut Log) -> Next;
    /// A question of the last decision is out now.
    fn asked(&mut self, _: &Question, _: Timestamp) {}
    /// What came of a question. Only a machine that asks hears anything.
    fn heard(&mut self, _: Heard, _: Timestamp, _: &mut Log) {}
    /// What became of the last write.
    fn written(&mut self, written: &Written, world: &World, now: Timestamp, log: &mut Log);
    /// No answer came to the last write, which leaves this record: it may have been made all the same. `world` is what it was
    /// decided from. Only a machine that ends by a write is told.
    fn unanswered(&mut self, _: &Record, _: &World) {}
    /// What became of a bound's write. Only a machine that sets bounds is told.
    fn bounded(&mut self, _: &BoundOrder, _: &Written, _: &World, _: Timestamp, _: &mut Log) {}
    /// What the end is if the world stops answering, or time is up after a signal.
    fn give_up(&self, world: &World, why: GiveUp) -> Outcome;
}

/// Why the runner stops a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GiveUp {
    /// The API server did not answer for too long.
    Unreachable(String),
    /// A permission that was there has been missing for too long.
    NotPermitted(String),
    /// A permission is missing, or the API says no for good.
    Api(ApiError),
    /// The time after a signal is up.
    Signal,
}
