//! What a record remembers of others: candidates that were rolled back, and what somebody edited.
//!
//! Decides when what was said against a candidate still is so. It depends on names and serde.

use crate::model::name::RevisionName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A candidate that was rolled back, so that the same one is not walked again by accident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// The revision that it was.
    pub revision: RevisionName,
    /// The image as it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Fingerprint of the template without its name ([`crate::model::template::fingerprint`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// All that was said against it is that it did not become ready: void once it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub never_ready: bool,
}

impl Rejected {
    /// True if what was said against it still is so; `serves`: it is Ready now.
    pub fn stands(&self, serves: bool) -> bool {
        !(self.never_ready && serves)
    }
}

/// What of a Service was edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EditOf {
    /// `spec.traffic`.
    Traffic,
    /// `spec.template`.
    Template,
    /// All of it: it was deleted and made again.
    Service,
}
