//! A row of the table that cannot be read.
//!
//! Decides what it may have been for, as far as it still tells: whatever it may hide is not run in another way, because the row
//! that would be found instead may give it another account. Depends on YAML.

use super::declared::InCharge;
use crate::model::yaml;
use serde_json::Value;

/// The longest row of which it is looked for what it is for, in bytes.
const LONGEST: usize = 64 * 1024;

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BrokenRow {
    /// In a sentence: which row, and what is wrong.
    pub(super) said: String,
    /// Its fields; null where not even those can be read.
    fields: Value,
}

impl BrokenRow {
    /// The row of this name.
    pub(super) fn new(row: &str, text: &str, whys: &[String]) -> Self {
        let said = format!("row `{row}` cannot be read: {}", whys.join("; "));
        Self { said, fields: yaml::value(text, LONGEST).unwrap_or_default() }
    }

    /// It names this very object: no other row goes before it.
    pub(super) fn names(&self, in_charge: &InCharge) -> bool {
        let InCharge::Named { name, .. } = in_charge else { return false };
        self.fields.get("name").and_then(Value::as_str) == Some(name.as_str()) && self.may_be_for(in_charge)
    }

    /// It may be the row for this: nothing that can be read of it says that it is another's.
    pub(super) fn may_be_for(&self, in_charge: &InCharge) -> bool {
        let may_be = |field: &str, wanted: &str| {
            self.fields.get(field).and_then(Value::as_str).is_none_or(|text| text == wanted)
        };
        let resolvers = self.fields.get("resolvers");
        match in_charge {
            InCharge::Named { api, kind, name } => {
                let by_name = resolvers.is_none() && may_be("name", name.as_str());
                by_name && may_be("apiVersion", api.as_str()) && may_be("kind", kind.as_str())
            }
            InCharge::Resolved { api, kind, resolver, .. } => {
                let lists =
                    |list: &Vec<Value>| list.iter().any(|one| one.as_str().is_none_or(|one| one == resolver.as_str()));
                let by_resolver = resolvers.map_or(!self.fields.is_object(), |of| of.as_array().is_none_or(lists));
                by_resolver && may_be("apiVersion", api.as_str()) && may_be("kind", kind.as_str())
            }
            InCharge::ExternalOperation => false,
        }
    }
}
