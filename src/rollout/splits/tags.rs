//! The two tags of a rollout's own.
//!
//! Decides that they differ, what they are where nobody says so, and how long they may be. Depends on names only.

use crate::model::name::{ServiceName, Tag};
use serde::{Deserialize, Serialize};

/// The longest label of a host name, in characters (RFC 1035, 2.3.4). Knative makes one, `TAG-SERVICE`, of each tag; it
/// admits a longer one, and then the whole Route fails.
const MAX_LABEL: usize = 63;

/// The two tags that a rollout owns while it lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    /// Tag of the revision that is being walked to.
    pub candidate: Tag,
    /// Tag that keeps the way back reachable.
    pub stable: Tag,
}

/// Two tags that are one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--candidate-tag and --stable-tag must differ, and both are `{0}`")]
pub struct BadTags(Tag);

impl Tags {
    /// Two tags, which must differ.
    pub fn new(candidate: Tag, stable: Tag) -> Result<Self, BadTags> {
        if candidate == stable { Err(BadTags(candidate)) } else { Ok(Self { candidate, stable }) }
    }

    /// What they are called where nobody says otherwise: `candidate` and `stable`, or `c` and `s` where the Service's name
    /// leaves no room for the longer of those.
    pub fn usual(service: &ServiceName) -> Self {
        let long = Self::default();
        if long.candidate.as_str().len() <= room_for_tags(service) { long } else { Self::of_texts("c", "s") }
    }

    /// True if these are the short ones, which stand for those of the usual names.
    pub fn are_shortened(&self, service: &ServiceName) -> bool {
        *self == Self::usual(service) && *self != Self::default()
    }

    fn of_texts(candidate: &str, stable: &str) -> Self {
        let tag = |text: &str| text.parse().unwrap_or_else(|_| unreachable!("`{text}` is a tag"));
        Self { candidate: tag(candidate), stable: tag(stable) }
    }
}

/// `candidate` and `stable`.
impl Default for Tags {
    fn default() -> Self {
        Self::of_texts("candidate", "stable")
    }
}

/// How many characters a tag of this Service may have, from 0 (no tag fits) to 61.
pub fn room_for_tags(service: &ServiceName) -> usize {
    // A hyphen stands between the two.
    MAX_LABEL.saturating_sub(service.as_str().len() + 1)
}

/// The two tags as far as somebody names them; what is absent is called as usual.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TagOptions {
    /// Tag of the candidate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Tag>,
    /// Tag of stable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable: Option<Tag>,
}

impl TagOptions {
    /// The two tags of this Service, which must differ.
    pub fn of(&self, service: &ServiceName) -> Result<Tags, BadTags> {
        let usual = Tags::usual(service);
        let (candidate, stable) = (self.candidate.clone(), self.stable.clone());
        Tags::new(candidate.unwrap_or(usual.candidate), stable.unwrap_or(usual.stable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(length: usize) -> ServiceName {
        "a".repeat(length).parse().unwrap()
    }

    #[test]
    fn the_usual_tags_fit_wherever_any_tag_does() {
        for length in 1..=63 {
            let (tags, room) = (Tags::usual(&service(length)), room_for_tags(&service(length)));
            let longest = tags.candidate.as_str().len().max(tags.stable.as_str().len());
            assert_eq!(longest <= room, room > 0, "{length}: {tags:?}");
            assert_eq!(tags.are_shortened(&service(length)), length >= 54, "{length}");
        }
        assert_eq!(room_for_tags(&service(61)), 1);
        assert_eq!((room_for_tags(&service(62)), room_for_tags(&service(63))), (0, 0));
    }

    #[test]
    fn what_is_named_stays_and_the_rest_is_usual() {
        let named = |candidate: &str| TagOptions { candidate: candidate.parse().ok(), stable: None };
        let tags = |candidate: &str, length| named(candidate).of(&service(length)).map(|t| (t.candidate, t.stable));
        let pair = |a: &str, b: &str| Ok((a.parse().unwrap(), b.parse().unwrap()));
        assert_eq!(tags("next", 5), pair("next", "stable"));
        assert_eq!(tags("next", 54), pair("next", "s"));
        assert_eq!(tags("", 61), pair("c", "s"));
        assert_eq!(tags("s", 5), pair("s", "stable"));
        let both = tags("s", 60).unwrap_err().to_string();
        assert_eq!(both, "--candidate-tag and --stable-tag must differ, and both are `s`");
    }
}
