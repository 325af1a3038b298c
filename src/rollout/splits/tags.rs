//! The two tags of a rollout's own.
//!
//! Decides that they differ. Depends on names only.

use crate::model::name::Tag;
use serde::{Deserialize, Serialize};

/// The two tags that a rollout owns while it lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    /// Tag of the revision that is being walked to.
    pub candidate: Tag,
    /// Tag that keeps the way back reachable.
    pub stable: Tag,
}

/// Two tags that are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("--candidate-tag and --stable-tag must differ")]
pub struct BadTags;

impl Tags {
    /// Two tags, which must differ.
    pub fn new(candidate: Tag, stable: Tag) -> Result<Self, BadTags> {
        if candidate == stable { Err(BadTags) } else { Ok(Self { candidate, stable }) }
    }
}

/// `candidate` and `stable`.
impl Default for Tags {
    fn default() -> Self {
        let tag = |text: &str| text.parse().unwrap_or_else(|_| unreachable!("`{text}` is a tag"));
        Self { candidate: tag("candidate"), stable: tag("stable") }
    }
}
