//! The goal id: what tells one declared goal of a Service from another.
//!
//! Decides which of two declarations are one goal: those whose canonical forms are equal. **The form is a promise**: goal ids
//! stand on Services, so one that comes out otherwise after an upgrade would start a run on every Service in care. A test holds
//! ids of old. Depends on the hash.

use super::charge::InCharge;
use super::image::DeclaredRepository;
use super::params::Params;
use super::source::DeclaredSource;
use crate::model::name::GoalId;
use crate::model::percent::Percent;
use crate::rollout::hashed::digits;
use serde_json::{Map, Value, json};

/// What a goal id is made of; suspension is not among it.
pub(super) struct Meant<'a> {
    pub(super) in_charge: Option<&'a InCharge>,
    pub(super) params: &'a Params,
    pub(super) source: Option<&'a DeclaredSource>,
    pub(super) image_repository: Option<&'a DeclaredRepository>,
    /// The container that gets the image, declared or not.
    pub(super) container: Option<&'a str>,
    pub(super) share: Percent,
    /// The template in its canonical form.
    pub(super) template: Value,
}

impl Meant<'_> {
    /// The id: the first 12 digits of the canonical form's SHA-256.
    pub(super) fn id(self) -> Option<GoalId> {
        digits(&self.canonical(), 6).parse().ok()
    }

    /// One text for one goal: JSON without spaces, its names sorted, without what nobody said.
    fn canonical(self) -> String {
        let mut goal = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            goal.extend(value.map(|value| (name.to_owned(), value)));
        };
        put("pipeline", self.in_charge.map(InCharge::canonical));
        put("params", (!self.params.is_empty()).then(|| json!(self.params)));
        put("source", self.source.map(|source| json!(source.url.as_str())));
        put("revision", self.source.and_then(|s| s.revision.as_ref()).map(|revision| json!(revision.as_str())));
        put("path", self.source.and_then(|s| s.path.as_ref()).map(|path| json!(path.as_str())));
        put("imageRepository", self.image_repository.map(|repository| json!(repository.as_str())));
        put("container", self.container.map(|name| json!(name)));
        put("traffic", Some(json!(self.share)));
        put("template", Some(self.template));
        let mut text = String::new();
        sorted(&Value::Object(goal), &mut text);
        text
    }
}

/// JSON with sorted names, whatever order a map keeps.
fn sorted(value: &Value, into: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            list('{', fields, '}', into, |(name, value), into| {
                into.push_str(&Value::String(name.clone()).to_string());
                into.push(':');
                sorted(value, into);
            });
        }
        Value::Array(entries) => list('[', entries.iter(), ']', into, sorted),
        value => into.push_str(&value.to_string()),
    }
}

fn list<T>(
    open: char,
    entries: impl IntoIterator<Item = T>,
    close: char,
    into: &mut String,
    mut write: impl FnMut(T, &mut String),
) {
    into.push(open);
    for (at, entry) in entries.into_iter().enumerate() {
        if at > 0 {
            into.push(',');
        }
        write(entry, into);
    }
    into.push(close);
}

#[cfg(test)]
mod tests;
