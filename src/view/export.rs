//! A Service as a file for Git: what its owner said, and nothing that a machine added.
//!
//! Decides what stands in the file, and which question to the server shows that leaving a field out changes nothing. The rule
//! behind all of it: whoever applies the file to the Service that it was made of makes no revision and moves nobody. So what the
//! server fills in again at every write is left out once a dry run has shown that it does; what an apply leaves alone is
//! left out where no file has said it before ([`held`]). It may use records, observed objects and what is below them.

mod compose;
mod held;
mod printed;
mod split;
#[cfg(test)]
mod tests;

pub(crate) use printed::printed;

use crate::model::filled_in::Bare;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How often the server is asked about one Service at most. Each answer names everything that has to stay, so that a second
/// question is rare already.
const QUESTIONS: usize = 4;

/// What becomes of the pipeline that a Service declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handover {
    /// It stays.
    AsItIs,
    /// `ExternalOperation` takes its place, and it is kept beside it.
    External,
    /// The one that was kept comes back.
    Back,
}

/// Something that is said of a place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    /// Keys and, in lists, numbers; empty for the file as a whole.
    pub place: Vec<String>,
    /// What is said, in one line.
    pub text: String,
}

/// A file for Git.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GitFile {
    /// The Service.
    pub object: Value,
    /// Where a choice was made: comments.
    pub remarks: Vec<Remark>,
    /// What whoever exports should know, in sentences.
    pub notes: Vec<String>,
}

/// What is known of the fields that the server fills in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Proof {
    /// Not asked yet, or asked and something has to stay.
    Open,
    /// The server fills in what is left out.
    Given,
    /// It does, but changes something else at any write.
    Drifts,
    /// It cannot be asked, for this reason: everything stays.
    Missing(String),
    /// The template has a fixed name, so nothing is filled into it: everything stays.
    Named,
}

/// A file in the making.
#[derive(Debug)]
pub(crate) struct Draft {
    live: Value,
    handover: Handover,
    proof: Proof,
    asked: usize,
    /// What stays in the template although it has its usual value, as JSON pointers into it.
    kept: BTreeSet<String>,
    /// What the server would fill in there instead.
    instead: BTreeMap<String, Value>,
}

impl Draft {
    /// Begins with a Service as the API server gives it.
    pub(crate) fn of(live: Value, handover: Handover) -> Self {
        let name = live.pointer("/spec/template/metadata/name").and_then(Value::as_str);
        let named = name.is_some_and(|name| !name.is_empty());
        let proof = if named { Proof::Named } else { Proof::Open };
        Self { live, handover, proof, asked: 0, kept: BTreeSet::new(), instead: BTreeMap::new() }
    }

    fn template(&self) -> &Value {
        self.live.pointer("/spec/template").unwrap_or(&Value::Null)
    }

    fn bare(&self) -> Bare {
        match self.proof {
            Proof::Named | Proof::Missing(_) => Bare { template: self.template().clone(), taken: BTreeSet::new() },
            Proof::Open | Proof::Given | Proof::Drifts => Bare::of(self.template(), &self.kept),
        }
    }

    /// The template about which the server is to be asked: what would be stored if this were written? None where nothing has to
    /// be asked any more.
    pub(crate) fn question(&self) -> Option<Value> {
        let open = self.proof == Proof::Open;
        open.then(|| self.bare()).filter(|bare| !bare.taken.is_empty()).map(|bare| bare.template)
    }

    /// Hears what would be stored.
    pub(crate) fn answered(&mut self, stored: &Value) {
        self.asked += 1;
        let (live, bare) = (self.template().clone(), self.bare());
        if *stored == live {
            self.proof = Proof::Given;
            return;
        }
        let other: Vec<String> =
            bare.taken.into_iter().filter(|place| stored.pointer(place) != live.pointer(place)).collect();
        if other.is_empty() {
            self.proof = Proof::Drifts;
            return;
        }
        for place in other {
            if let Some(value) = stored.pointer(&place) {
                self.instead.insert(place.clone(), value.clone());
            }
            self.kept.insert(place);
        }
        if self.asked >= QUESTIONS {
            self.proof = Proof::Missing("each answer differed in something else".to_owned());
        }
    }

    /// Gives the question up.
    pub(crate) fn unanswered(&mut self, why: String) {
        self.proof = Proof::Missing(why);
    }

    /// The file.
    pub(crate) fn file(&self) -> GitFile {
        compose::file(self)
    }
}
