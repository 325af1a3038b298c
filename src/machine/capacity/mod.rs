//! Pods before users (docs/protocol.md, rule 13): how many pods a share needs, and the writes that set and give back bounds.
//!
//! Decides what a need is and what each bound's write tests. Which bound is set when is the walk's and the settling's. It may
//! use the record and observed revisions.

mod demand;
mod everyone;
mod giving_back;
mod need;
mod return_bounds;
mod tries;
mod way_back;

pub(crate) use demand::Demand;
pub(super) use everyone::{EveryoneComes, waits_for_pods};
pub(super) use giving_back::GivingBack;
pub(super) use need::wanted_by_users;
pub(crate) use need::{ArmDemand, most_wanted, pods_for};
pub(crate) use return_bounds::standing_words;
pub(super) use return_bounds::{note_receipt, receives};
pub(super) use tries::BoundTries;
pub(super) use way_back::{WayBack, but_capped, caps_alone, open_way_back};

use crate::machine::next::{BoundOrder, BoundWrite};
use crate::model::event::{Event, Topic};
use crate::model::observed::Revision;
use crate::rollout::capacity::SetBound;
use serde_json::{Value, json};

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
    patch.push(match &to {
        Some(value) => json!({"op": "add", "path": pointer, "value": value}),
        None => json!({"op": "remove", "path": pointer}),
    });
    BoundOrder {
        revision: bound.revision.clone(),
        uid: bound.uid.clone(),
        bound: bound.bound,
        to,
        kind,
        patch: Value::Array(patch),
        what: Event::new(Topic::Pods, what),
    }
}
