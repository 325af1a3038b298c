//! What a machine is: given the world and the time, what to say and what to do next.
//!
//! `stage`, `walk` and `settle` are machines. A machine decides by level, not by edge: asked again with the same world it
//! gives the same answer, so a lost answer, a restart or a missed event never loses it. Depends on pure modules only.

use crate::api_error::ApiError;
use crate::event::Log;
use crate::event::Said;
use crate::gate::{Gate, Measured};
use crate::name::RevisionName;
use crate::observed::{RECORD, Service};
use crate::outcome::Outcome;
use crate::owner::Owner;
use crate::probe::{Answer, Request};
use crate::reading::{Arms, NoReading, Reading};
use crate::record::{BadRecord, Record};
use crate::split::Split;
use crate::world::World;
use jiff::Timestamp;
use serde_json::{Value, json};

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
    pub what: Said,
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
        ask: Option<Request>,
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

/// The tests that fence every write: identity, generation, and our record as it was read.
fn fence(service: &Service) -> Vec<Value> {
    let mut patch = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": service.uid}),
        json!({"op": "test", "path": "/metadata/generation", "value": service.generation}),
    ];
    if service.annotations.is_empty() {
        patch.push(json!({"op": "test", "path": "/metadata/annotations", "value": null}));
    } else {
        // A record that must not exist yet is tested as null, which passes only where it is absent.
        patch.push(json!({"op": "test", "path": POINTER, "value": service.annotations.get(RECORD)}));
    }
    patch
}

/// Where the record stands, as a JSON pointer.
const POINTER: &str = "/metadata/annotations/andante.dev~1rollout";

/// A fenced write of a template alone, for a Service that serves nobody yet.
pub fn template_order(service: &Service, template: &Value, what: Said) -> Order {
    let mut patch = fence(service);
    patch.push(json!({"op": "add", "path": "/spec/template", "value": template}));
    Order { patch: Value::Array(patch), record: None, what }
}

/// A fenced write that removes a record that cannot be read.
pub fn discard_order(service: &Service, what: Said) -> Order {
    let mut patch = fence(service);
    patch.push(json!({"op": "remove", "path": POINTER}));
    Order { patch: Value::Array(patch), record: None, what }
}

/// Builds the one fenced write (rule 1): tests of uid, generation and record, then record, split and template in one.
/// `record.generation` is set to what the write will make it; `record.epoch` is raised.
pub fn order(
    service: &Service,
    mut record: Record,
    split: Option<Split>,
    template: Option<Value>,
    mut what: Said,
) -> Result<Order, BadRecord> {
    let present = service.annotations.get(RECORD);
    let last_epoch =
        present.and_then(|text| Record::parse(text).ok()).map_or(record.epoch, |r| r.epoch.max(record.epoch));
    record.epoch = last_epoch + 1;
    // A split that stands already is not sent: the generation must move exactly when the spec does.
    let split = split.filter(|wanted| service.split.as_ref() != Ok(wanted));
    let moves = split.is_some() || template.is_some();
    record.generation = service.generation + i64::from(moves);
    if let Some(split) = &split {
        record.split = split.clone();
    } else if let Ok(present) = &service.split {
        record.split = present.clone();
    }
    let (record, left_out) = record.fitting();
    if let Some(left_out) = left_out.words() {
        what.text = format!("{}; {left_out}", what.text);
    }
    let mut patch = fence(service);
    if service.annotations.is_empty() {
        patch.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    patch.push(json!({"op": "add", "path": POINTER, "value": record.to_text()?}));
    if let Some(template) = template {
        patch.push(json!({"op": "add", "path": "/spec/template", "value": template}));
    }
    if let Some(split) = split {
        patch.push(json!({"op": "add", "path": "/spec/traffic", "value": split}));
    }
    Ok(Order { patch: Value::Array(patch), record: Some(record), what })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Topic;
    use crate::record::tests::record;

    fn service(annotations: Value) -> Service {
        Service::from_json(&json!({
            "metadata": {"name": "s", "uid": "u", "generation": 7, "annotations": annotations},
            "spec": {"template": {}, "traffic": [{"latestRevision": true, "percent": 100}]}
        }))
        .unwrap()
    }

    #[test]
    fn the_fence_tests_identity_generation_and_record() {
        let split = record().start.staging(&record().tags);
        let what = Said::new(Topic::Traffic, "x");
        let order = order(&service(json!({"a": "b"})), record(), Some(split.clone()), None, what).unwrap();
        let next = order.record.clone().unwrap();
        assert_eq!(next.generation, 8);
        assert_eq!(next.split, split);
        let ops: Vec<_> =
            order.patch.as_array().unwrap().iter().map(|o| (o["op"].clone(), o["path"].clone())).collect();
        assert_eq!(
            serde_json::to_value(&ops).unwrap(),
            json!([
                ["test", "/metadata/uid"],
                ["test", "/metadata/generation"],
                ["test", "/metadata/annotations/andante.dev~1rollout"],
                ["add", "/metadata/annotations/andante.dev~1rollout"],
                ["add", "/spec/traffic"]
            ])
        );
        assert_eq!(order.patch[2]["value"], Value::Null);
    }

    #[test]
    fn a_split_that_stands_is_not_sent_and_moves_no_generation() {
        let what = Said::new(Topic::Traffic, "x");
        let order = order(&service(json!({"a": "b"})), record(), Some(Split::all_latest()), None, what).unwrap();
        assert_eq!(order.record.unwrap().generation, 7);
        assert_eq!(order.patch.as_array().unwrap().len(), 4);
    }

    #[test]
    fn evidence_that_has_no_room_is_said() {
        let mut large = record();
        large.evidence = Some(Box::new(crate::evidence::Saved::of_counts(crate::evidence::Table::default())));
        large.reason = Some("x".repeat(crate::record::MAX_BYTES - record().to_text().unwrap().len() - 60));
        let order = order(&service(json!({"a": "b"})), large, None, None, Said::new(Topic::Check, "saved")).unwrap();
        assert!(order.record.unwrap().evidence.is_none());
        assert_eq!(order.what.text, "saved; no room in the record for the evidence: after a crash it begins anew");
    }

    #[test]
    fn the_epoch_rises_above_what_is_there() {
        let mut there = record();
        there.epoch = 41;
        let service = service(json!({RECORD: there.to_text().unwrap()}));
        let order = order(&service, record(), None, None, Said::new(Topic::Claim, "x")).unwrap();
        assert_eq!(order.record.unwrap().epoch, 42);
        assert_eq!(order.patch[2]["value"], json!(there.to_text().unwrap()));
    }
}
