//! The one fenced write (docs/protocol.md, rule 1): every change of a record, a split or a template is built here.
//!
//! Decides what is tested before the write and what the record says after it. It may use the record and observed
//! objects.

use crate::machine::foretold::TEMPLATE;
use crate::machine::goal_write::{NewTemplate, charge_test, declared_tests, pointer, rests_on_goal, status_changes};
use crate::machine::migration::unnamed_words;
use crate::machine::next::Order;
use crate::model::event::Event;
use crate::model::observed::{CONTROL, PROGRESS, RECORD, Service};
use crate::model::split::Split;
use crate::rollout::declaration::charge::in_care;
use crate::rollout::declaration::part::{BREAK_GLASS, PREFIX};
use crate::rollout::owner::Owner;
use crate::rollout::progress::progress;
use crate::rollout::record::{BadRecord, Phase, Record, RolloutGoal, epoch_of};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The tests that fence every write: identity, generation, and our record as it was read.
fn fence(service: &Service) -> Vec<Value> {
    let mut patch = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": service.uid}),
        json!({"op": "test", "path": "/metadata/generation", "value": service.generation}),
    ];
    if service.annotations.is_empty() {
        // Without annotations the record has no parent that a pointer could lead to, so the parent is tested instead.
        patch.push(json!({"op": "test", "path": "/metadata/annotations", "value": null}));
    } else {
        // A record that must not exist yet is tested as null, which passes only where it is absent.
        patch.push(json!({"op": "test", "path": POINTER, "value": service.annotations.get(RECORD)}));
    }
    patch
}

/// The same write, refused if latest means another revision by now. Where users follow latest, a write that names a
/// revision for them rests on what latest meant when it was read, and the generation does not move with that.
pub(super) fn while_latest_stands(service: &Service, mut order: Order) -> Order {
    let follows = service.split.iter().flat_map(Split::targets).any(|t| t.follows_latest() && !t.percent.is_zero());
    if let (true, Some(latest), Value::Array(patch)) = (follows, &service.latest_ready, &mut order.patch) {
        let at = patch.iter().position(|op| op["op"] != "test").unwrap_or(patch.len());
        patch.insert(at, json!({"op": "test", "path": "/status/latestReadyRevisionName", "value": latest}));
    }
    order
}

/// Where the record stands, as a JSON pointer, in which `~1` is a slash.
const POINTER: &str = "/metadata/annotations/andante.dev~1rollout";

/// A fenced write of a template alone, for a Service that serves nobody yet. `goal`: what its run works for, as a record would have
/// it; `owner` and `at`: whose run that is, and since when.
pub(super) fn template_order(
    service: &Service,
    template: NewTemplate,
    goal: Option<RolloutGoal>,
    (owner, at): (&Owner, Timestamp),
    what: Event,
) -> Order {
    let (mut patch, mut goal) = (fence(service), goal);
    if goal.is_some() {
        patch.extend(declared_tests(service));
    }
    let status = status_changes(service, goal.as_mut(), Some(&template), (owner, at));
    if service.annotations.is_empty() && !status.is_empty() {
        patch.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    patch.extend(status);
    patch.push(json!({"op": "add", "path": TEMPLATE, "value": template.template}));
    Order { patch: Value::Array(patch), record: None, what }
}

/// A fenced write that removes a record that cannot be read.
pub(super) fn discard_order(service: &Service, what: Event) -> Order {
    let mut patch = fence(service);
    patch.push(json!({"op": "remove", "path": POINTER}));
    patch.extend(without(service, PROGRESS));
    if in_care(service) {
        // In care (docs/care.md) a record that goes is put back, since it goes by accident; this one is meant to.
        patch.push(glass(service));
    }
    Order { patch: Value::Array(patch), record: None, what }
}

/// A fenced write that takes everything of ours off a Service, its record included, and leaves this split; none: as it is.
pub(super) fn leaving_order(service: &Service, split: Option<Split>, what: Event) -> Order {
    let mut patch = fence(service);
    patch.extend(declared_tests(service));
    let ours = service.annotations.keys().filter(|name| name.starts_with(PREFIX));
    patch.extend(ours.map(|name| json!({"op": "remove", "path": pointer(name)})));
    if in_care(service) {
        // In care this is meant as well. Where nothing is left of ours, the policies take the mark away again (docs/care.md).
        patch.push(glass(service));
    }
    if let Some(split) = split {
        patch.push(json!({"op": "add", "path": "/spec/traffic", "value": split}));
    }
    Order { patch: Value::Array(patch), record: None, what }
}

/// Says the split in the `spec` of an object that is sent as a whole, and not as a patch of ours; none: it says nothing of it.
pub(super) fn put_split(spec: &mut Map<String, Value>, split: Option<Value>) {
    spec.remove("traffic");
    spec.extend(split.map(|split| ("traffic".to_owned(), split)));
}

/// Takes an annotation away, if it is there.
fn without(service: &Service, annotation: &str) -> Option<Value> {
    let there = service.annotations.contains_key(annotation);
    there.then(|| json!({"op": "remove", "path": pointer(annotation)}))
}

/// What lets this one write through in care.
fn glass(service: &Service) -> Value {
    json!({"op": "add", "path": pointer(BREAK_GLASS), "value": service.generation.to_string()})
}

/// How much of the record a write carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordSize {
    /// All that there is to remember.
    Whole,
    /// What no later process can do without, where the API server has no room for more.
    Least,
}

/// What a write changes beside the record.
#[derive(Debug)]
struct SpecChange<'a> {
    split: Option<Split>,
    template: Option<NewTemplate>,
    /// The template's own name, which goes.
    taken: Option<&'a str>,
}

/// Builds the one fenced write (rule 1): tests of uid, generation and record, then record, split and template in one.
/// `record.generation` is set to what the write will make it; `record.epoch` is raised.
pub(super) fn order(
    service: &Service,
    record: Record,
    split: Option<Split>,
    template: Option<NewTemplate>,
    what: Event,
) -> Result<Order, BadRecord> {
    build(service, record, SpecChange { split, template, taken: None }, RecordSize::Whole, what)
}

/// The same for a write that has to take effect: a name that keeps Knative from migrating traffic goes with it, and the
/// record is cut down where there is no room for the whole of it.
pub(super) fn sure_order(
    service: &Service,
    record: Record,
    split: Split,
    taken: Option<&str>,
    size: RecordSize,
    mut what: Event,
) -> Result<Order, BadRecord> {
    if let Some(name) = taken {
        what.text = format!("{}; {}", what.text, unnamed_words(name));
    }
    let change = || SpecChange { split: Some(split.clone()), template: None, taken };
    match build(service, record.clone(), change(), size, what.clone()) {
        // Users come before memory.
        Err(BadRecord::TooLarge(_)) => build(service, record, change(), RecordSize::Least, what),
        order => order,
    }
}

fn build(
    service: &Service,
    mut record: Record,
    change: SpecChange<'_>,
    size: RecordSize,
    mut what: Event,
) -> Result<Order, BadRecord> {
    let SpecChange { split, template, taken } = change;
    let present = service.annotations.get(RECORD);
    // The epoch rises above every record that was here (ARCHITECTURE.md, rule 3): a test of the old text then fails for
    // any other writer, even if nothing else differs. One that cannot be read counts as well: in care a write whose epoch
    // is no higher is not taken for a rollout's.
    record.epoch = present.map_or(record.epoch, |text| epoch_of(text).max(record.epoch)) + 1;
    // A split that stands already is not sent: the generation must move exactly when the spec does.
    let split = split.filter(|wanted| service.split.as_ref() != Ok(wanted));
    let moves = split.is_some() || template.is_some() || taken.is_some();
    // The fence tests the generation, so the write makes exactly this one; any other is somebody's edit (rule 3).
    record.generation = service.generation + i64::from(moves);
    if let Some(split) = &split {
        record.split = split.clone();
    } else if let Ok(present) = &service.split {
        record.split = present.clone();
    }
    // What keeps the status true goes into the same patch, before the record is written down: its goal follows the template.
    let status = if rests_on_goal(&record) || template.is_some() {
        status_changes(service, record.goal.as_mut(), template.as_ref(), (&record.owner, record.step_at))
    } else {
        Vec::new()
    };
    let record = match size {
        RecordSize::Whole => {
            let (record, left_out) = record.fitting();
            if let Some(left_out) = left_out.words() {
                what.text = format!("{}; {left_out}", what.text);
            }
            record
        }
        RecordSize::Least => record.least(),
    };
    let mut patch = fence(service);
    // A way back is not withheld, and a template that is put back after it is: it may be another goal's by then.
    if rests_on_goal(&record) || template.is_some() && record.phase == Phase::RolledBack {
        patch.extend(declared_tests(service));
    } else if split.as_ref().is_some_and(|split| !split.latest_share().is_zero()) {
        patch.extend(charge_test(service));
    }
    if service.annotations.is_empty() {
        patch.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    patch.push(json!({"op": "add", "path": POINTER, "value": record.to_text()?}));
    if size == RecordSize::Least {
        // What people asked of this rollout is done with, the line is for people alone, and their room is needed.
        patch.extend([CONTROL, PROGRESS].into_iter().filter_map(|name| without(service, name)));
    } else {
        let line = progress(&record);
        if service.annotations.get(PROGRESS) != Some(&line) {
            patch.push(json!({"op": "add", "path": pointer(PROGRESS), "value": line}));
        }
    }
    patch.extend(status);
    if let Some(template) = template {
        patch.push(json!({"op": "add", "path": TEMPLATE, "value": template.template}));
    }
    if taken.is_some() {
        patch.push(json!({"op": "remove", "path": "/spec/template/metadata/name"}));
    }
    if let Some(split) = split {
        patch.push(json!({"op": "add", "path": "/spec/traffic", "value": split}));
    }
    Ok(Order { patch: Value::Array(patch), record: Some(record), what })
}

#[cfg(test)]
mod tests;
