//! Who owns which fields of an object, by its `managedFields`.
//!
//! Decides what of it is told to people: labels, annotations and spec, and of annotations those that an owner says.

use crate::model::writers::{APPLY_MANAGER, FIELD_MANAGER, FieldWriter, OwnedField};
use crate::rollout::declaration::part::DeclaredPart;
use crate::rollout::declaration::whose::{Whose, is_stamp, whose};
use serde_json::Value;
use std::collections::BTreeSet;

/// True if the split was applied from a file, and by nobody else since.
pub(super) fn owns_split(live: &Value) -> bool {
    FieldWriter::all(live).iter().any(|writer| writer.manager == APPLY_MANAGER && writer.applied && writer.traffic)
}

fn entries(object: &Value) -> impl Iterator<Item = &Value> {
    let list = object.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten();
    list.filter(|entry| entry.get("subresource").and_then(Value::as_str).is_none_or(str::is_empty))
}

fn manager(entry: &Value) -> &str {
    entry.get("manager").and_then(Value::as_str).unwrap_or_default()
}

/// What files have said: what an apply of ours owns.
pub(super) fn by_files(object: &Value) -> Option<&Value> {
    let applied = |entry: &&Value| manager(entry) == APPLY_MANAGER && entry["operation"] == "Apply";
    entries(object).find(applied).and_then(|entry| entry.get("fieldsV1"))
}

/// What stands there and no file says: who wrote it. `walked`: the split is a walk's, and no drift.
pub(super) fn drift(stored: &Value, walked: bool) -> Vec<OwnedField> {
    let said = by_files(stored).map(leaves).unwrap_or_default();
    let mut found = BTreeSet::new();
    for entry in entries(stored).filter(|entry| manager(entry) != APPLY_MANAGER) {
        let of_walk = walked || manager(entry) == FIELD_MANAGER;
        for field in entry.get("fieldsV1").map(leaves).unwrap_or_default() {
            let is_said = said.iter().any(|said| field.strip_prefix(said.as_str()).is_some_and(is_inside));
            if !is_said && tells(&field, manager(entry)) && !(of_walk && field == ".spec.traffic") {
                found.insert(OwnedField { manager: manager(entry).to_owned(), field });
            }
        }
    }
    found.into_iter().collect()
}

/// What is left of a field's name behind another one's, where it is the same or lies in it.
fn is_inside(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['.', '['])
}

/// True for a field that an owner would have written, or a declaration.
fn tells(field: &str, manager: &str) -> bool {
    if let Some(name) = field.strip_prefix(".metadata.annotations.") {
        return whose(name) == Whose::Owners
            && (manager != FIELD_MANAGER || DeclaredPart::of_annotation(name).is_some());
    }
    if let Some(name) = field.strip_prefix(".spec.template.metadata.annotations.") {
        return !is_stamp(name);
    }
    field.starts_with(".metadata.labels.") || field.starts_with(".spec.")
}

/// The fields of a `fieldsV1` that have none inside, as the API server writes them in its messages.
fn leaves(fields: &Value) -> BTreeSet<String> {
    let (mut found, mut open) = (BTreeSet::new(), vec![(String::new(), fields)]);
    while let Some((path, value)) = open.pop() {
        let inner = value.as_object().into_iter().flatten().filter(|(key, _)| *key != ".");
        let before = open.len();
        open.extend(inner.map(|(key, value)| match key.strip_prefix("f:") {
            Some(name) => (format!("{path}.{name}"), value),
            // An entry of a list, by its keys, its value or its place.
            None => (format!("{path}[{key}]"), value),
        }));
        if open.len() == before && !path.is_empty() {
            found.insert(path);
        }
    }
    found
}

/// The value of a field that the API server named; none where it is not there, or lies in a list.
pub(super) fn at<'a>(object: &'a Value, field: &str) -> Option<&'a Value> {
    let (mut value, mut rest) = (object, field);
    while !rest.is_empty() {
        let name = rest.strip_prefix('.')?;
        let behind = |key: &str| name.strip_prefix(key).filter(|rest| is_inside(rest));
        // Names of annotations have dots in them, so the longest name that is there counts.
        let inside = value.as_object()?.iter().filter_map(|(key, value)| Some((behind(key)?, value)));
        (rest, value) = inside.min_by_key(|(rest, _)| rest.len())?;
    }
    Some(value)
}
