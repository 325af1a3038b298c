//! What the tests of this room begin with.

use crate::model::outcome::Code;
use crate::model::split::Split;
use crate::rollout::record::tests::record;
use crate::rollout::record::{Phase, Record};
use crate::rollout::splits::Start;
use serde_json::{Value, json};
use std::borrow::Borrow;

pub(super) fn split(traffic: impl Borrow<Value>) -> Split {
    Split::from_json(Some(traffic.borrow())).unwrap()
}

pub(super) fn start(traffic: impl Borrow<Value>, latest: &str) -> Start {
    Start::new(split(traffic), latest.parse().unwrap(), None).unwrap()
}

/// A closed record whose owner followed latest and that left `s2 100` behind.
pub(super) fn pinned() -> Record {
    let mut record = record();
    record.phase = Phase::Finished;
    record.outcome = Some(Code::Done);
    record.split = split(json!([{"revisionName": "s2", "percent": 100}]));
    record
}
