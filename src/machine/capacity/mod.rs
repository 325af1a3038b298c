//! Pods before users (docs/protocol.md, rule 13): how many pods a share needs, and the writes that set and give back bounds.
//!
//! Decides what a need is and what each bound's write tests. Which bound is set when is the walk's and the settling's. It may
//! use the record and observed revisions.

mod need;
mod return_bounds;
mod way_back;

pub(crate) use need::{most_wanted, pods_for};
pub(crate) use return_bounds::standing_words;
pub(super) use return_bounds::{Returned, receives, return_bounds};
pub(super) use way_back::{WayBack, but_capped, caps_alone, open_way_back};

use crate::machine::next::{BoundOrder, BoundWrite, Written};
use crate::model::api_error::ApiError;
use crate::model::event::{Event, Log, Topic};
use crate::model::observed::Revision;
use crate::rollout::capacity::SetBound;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// So many tries without an answer a floor is worth; then the process goes on without floors.
const FLOOR_TRIES: u32 = 3;
/// So many tries what the owner had and an open way back are worth.
const OTHER_TRIES: u32 = 20;

/// What became of the bounds that a process wanted to write.
#[derive(Debug, Clone, Default)]
pub(super) struct BoundTries {
    /// Why those of a kind cannot be written.
    refused: BTreeMap<BoundWrite, String>,
    /// Tries in a row that came to nothing.
    tries: u32,
}

impl BoundTries {
    /// Why no bound of this kind can be written; none while it can be.
    pub(super) fn refused(&self, kind: BoundWrite) -> Option<&str> {
        self.refused.get(&kind).map(String::as_str)
    }

    /// What became of a bound's write. A process whose floors are refused goes on as it would without the right to set them;
    /// where one floor is refused, what the owner had may still be put back.
    pub(super) fn bounded(&mut self, order: &BoundOrder, written: &Written, log: &mut Log) {
        let why = match written {
            Written::Yes => {
                self.tries = 0;
                return;
            }
            Written::Denied(error) | Written::Unsure(error) => error.to_string(),
            Written::Refused => format!("{} keeps changing", order.revision),
        };
        self.tries += 1;
        let patience = if order.kind == BoundWrite::Floor { FLOOR_TRIES } else { OTHER_TRIES };
        // One that is gone is not seen any more, and a name may come again.
        let denied = matches!(written, Written::Denied(error) if !matches!(error, ApiError::NotFound(_)));
        if self.tries < patience && !denied {
            return;
        }
        self.tries = 0;
        log.once(Topic::Note, format!("min-scale and max-scale of revisions stay as they are: {why}"));
        let forbidden = matches!(written, Written::Denied(ApiError::Forbidden(_)));
        let all = [BoundWrite::Floor, BoundWrite::WayBack, BoundWrite::Return];
        for kind in all.into_iter().filter(|kind| forbidden || *kind == order.kind) {
            self.refused.insert(kind, why.clone());
        }
    }
}
/// `1 pod`, `3 pods`.
pub(super) fn counted(pods: u32) -> String {
    if pods == 1 { "1 pod".to_owned() } else { format!("{pods} pods") }
}

/// Sets a bound to the value that the record says.
pub(super) fn set(bound: &SetBound, revision: &Revision, kind: BoundWrite) -> BoundOrder {
    let value = bound.value();
    let has = counted(u32::try_from(revision.actual).unwrap_or_default());
    let what = format!("{} of {}: {value} (it has {has})", bound.bound.word(), bound.revision);
    order(bound, revision, kind, (Some(value.to_string()), what))
}

/// Gives back what the owner had.
fn give_back(bound: &SetBound, revision: &Revision) -> BoundOrder {
    let had = bound.had.as_ref().map_or_else(|| "none, as before".to_owned(), |had| format!("{had} again"));
    let what = format!("{} of {}: {had}", bound.bound.word(), bound.revision);
    order(bound, revision, BoundWrite::Return, (bound.had.clone(), what))
}

/// The fenced write of one bound: the same Revision, and the text that was read.
fn order(bound: &SetBound, revision: &Revision, kind: BoundWrite, (to, what): (Option<String>, String)) -> BoundOrder {
    let pointer = format!("/metadata/annotations/{}", bound.bound.annotation().replace('/', "~1"));
    let mut patch = vec![json!({"op": "test", "path": "/metadata/uid", "value": bound.uid})];
    if revision.scaling.annotated {
        // A test for null passes only where there is nothing.
        patch.push(json!({"op": "test", "path": pointer, "value": revision.scaling.text(bound.bound)}));
    } else {
        patch.push(json!({"op": "test", "path": "/metadata/annotations", "value": null}));
        patch.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    patch.push(match to {
        Some(value) => json!({"op": "add", "path": pointer, "value": value}),
        None => json!({"op": "remove", "path": pointer}),
    });
    BoundOrder {
        revision: bound.revision.clone(),
        kind,
        patch: Value::Array(patch),
        what: Event::new(Topic::Pods, what),
    }
}
