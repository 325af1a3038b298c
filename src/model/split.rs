//! A whole `spec.traffic` as a value: which targets, which percents, which tags. A [`Split`] always sums to 100.
//!
//! Decides which lists are a split, and nothing about traffic: [`crate::rollout::splits`] composes what a rollout writes.
//! Depends on names and percents only.
//!
//! ```
//! use andante::model::split::{BadSplit, Split};
//! use serde_json::json;
//!
//! // As a Service says it; what is absent has the value that Knative's webhook would give it.
//! let traffic = json!([
//!     {"revisionName": "hello-00001", "percent": 95},
//!     {"percent": 5, "tag": "next"},
//! ]);
//! let split = Split::from_json(Some(&traffic))?;
//! assert_eq!(split.to_string(), "hello-00001 95 %, latest 5 % (tag next)");
//! assert_eq!(split.share(&"hello-00001".parse()?).get(), 95);
//!
//! // A pinned split names what "latest" means now, so that a new template moves nobody.
//! let pinned = split.pinned(&"hello-00002".parse()?);
//! assert_eq!(pinned.to_string(), "hello-00001 95 %, hello-00002 5 % (tag next)");
//! assert_eq!(pinned.latest_share().get(), 0);
//!
//! // A list that does not sum to 100 is no split.
//! let short = json!([{"revisionName": "hello-00001", "percent": 95}]);
//! assert_eq!(Split::from_json(Some(&short)), Err(BadSplit::Sum(95)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::model::name::{RevisionName, Tag};
use crate::model::percent::Percent;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where one entry of a split sends its users.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Follow {
    /// `latestRevision: true`: whatever the newest ready revision is, now and later.
    Latest,
    /// One revision by name.
    Revision(RevisionName),
}

/// One entry of `spec.traffic`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawTarget", into = "RawTarget")]
pub struct TrafficTarget {
    /// Where it leads.
    pub follow: Follow,
    /// Its share of the main address.
    pub percent: Percent,
    /// The tag that gives it an address of its own, if any.
    pub tag: Option<Tag>,
}

/// An entry as Knative's API spells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTarget {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision_name: Option<RevisionName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latest_revision: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    percent: Option<Percent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
}

/// A traffic list that cannot be understood or does not sum to 100.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSplit {
    /// The percents of all targets have another sum.
    #[error("the traffic targets sum to {0}, not to 100")]
    Sum(u32),
    /// Two targets have the same tag.
    #[error("the tag `{0}` stands on more than one traffic target")]
    TagTwice(Tag),
    /// A field has a value that is not known here.
    #[error("a traffic target cannot be read: {0}")]
    Unreadable(String),
}

impl TryFrom<RawTarget> for TrafficTarget {
    type Error = BadSplit;
    fn try_from(raw: RawTarget) -> Result<Self, BadSplit> {
        // An empty tag is no tag for Knative either: the field is `omitempty` in its Go type.
        let tag = raw
            .tag
            .filter(|tag| !tag.is_empty())
            .map(|tag| tag.parse())
            .transpose()
            .map_err(|e: crate::model::name::BadName| BadSplit::Unreadable(e.to_string()))?;
        // The webhook completes `latestRevision` in this way (knative/serving:pkg/apis/serving/v1/route_defaults.go). It
        // refuses the two contradictions, so only an object that never passed it can hold one.
        let follow = match (raw.revision_name, raw.latest_revision) {
            (Some(name), None | Some(false)) => Follow::Revision(name),
            (None, None | Some(true)) => Follow::Latest,
            (Some(name), Some(true)) => {
                return Err(BadSplit::Unreadable(format!("`{name}` is named and latestRevision is true")));
            }
            (None, Some(false)) => {
                return Err(BadSplit::Unreadable("no revision is named and latestRevision is false".into()));
            }
        };
        Ok(Self { follow, percent: raw.percent.unwrap_or_default(), tag })
    }
}

impl From<TrafficTarget> for RawTarget {
    fn from(target: TrafficTarget) -> Self {
        let (revision_name, latest_revision) = match target.follow {
            Follow::Latest => (None, true),
            Follow::Revision(name) => (Some(name), false),
        };
        // Both defaults are spelled out, because the webhook would fill them in: what is read back is what was written.
        Self {
            revision_name,
            latest_revision: Some(latest_revision),
            percent: Some(target.percent),
            tag: target.tag.map(String::from),
        }
    }
}

impl TrafficTarget {
    /// An entry that names its revision.
    pub fn named(revision: &RevisionName, percent: Percent, tag: Option<Tag>) -> Self {
        Self { follow: Follow::Revision(revision.clone()), percent, tag }
    }

    /// The revision it names; none if it follows latest.
    pub fn revision(&self) -> Option<&RevisionName> {
        match &self.follow {
            Follow::Revision(name) => Some(name),
            Follow::Latest => None,
        }
    }

    /// True if it follows the newest ready revision.
    pub fn follows_latest(&self) -> bool {
        self.follow == Follow::Latest
    }

    /// The same entry with `latest` replaced by a name, if it followed latest.
    #[must_use]
    pub fn pinned(&self, latest: &RevisionName) -> Self {
        Self { follow: Follow::Revision(self.revision().unwrap_or(latest).clone()), ..self.clone() }
    }
}

impl fmt::Display for TrafficTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.follow {
            Follow::Latest => write!(f, "latest {}", self.percent)?,
            Follow::Revision(name) => write!(f, "{name} {}", self.percent)?,
        }
        match &self.tag {
            Some(tag) => write!(f, " (tag {tag})"),
            None => Ok(()),
        }
    }
}

/// A whole traffic list. Its percents sum to 100 and no tag stands twice. The order is kept, because Knative compares
/// lists by position (knative/serving:pkg/reconciler/service/service.go, `checkRoutesNotReady`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<TrafficTarget>", into = "Vec<TrafficTarget>")]
pub struct Split(Vec<TrafficTarget>);

impl Split {
    /// Everyone follows latest: what Knative writes where a Service says nothing.
    pub fn all_latest() -> Self {
        Self(vec![TrafficTarget { follow: Follow::Latest, percent: Percent::FULL, tag: None }])
    }

    /// Checks a list and merges entries that differ in their percent alone.
    pub fn new(targets: Vec<TrafficTarget>) -> Result<Self, BadSplit> {
        let sum: u32 = targets.iter().map(|t| u32::from(t.percent.get())).sum();
        if sum != 100 {
            return Err(BadSplit::Sum(sum));
        }
        // The Route merges equal entries (traffic.go, `mergeIfNecessary`) and the Service then compares a longer list with
        // a shorter one: on Knative 1.23 such a Service stays `TrafficNotMigrated` for ever, though users are served.
        let mut merged: Vec<TrafficTarget> = Vec::with_capacity(targets.len());
        for target in targets {
            match merged.iter_mut().find(|m| m.follow == target.follow && m.tag == target.tag) {
                Some(same) => same.percent = same.percent.plus(target.percent),
                None => merged.push(target),
            }
        }
        for (i, target) in merged.iter().enumerate() {
            if let Some(tag) = &target.tag
                && merged.iter().skip(i + 1).any(|other| other.tag.as_ref() == Some(tag))
            {
                return Err(BadSplit::TagTwice(tag.clone()));
            }
        }
        Ok(Self(merged))
    }

    /// Reads `spec.traffic`; an absent or empty list means that everyone follows latest (Knative's own default).
    pub fn from_json(traffic: Option<&serde_json::Value>) -> Result<Self, BadSplit> {
        // Null and an empty list are no "nobody": the webhook makes `latest 100 %` of both (seen on Knative 1.23).
        match traffic {
            None | Some(serde_json::Value::Null) => Ok(Self::all_latest()),
            Some(serde_json::Value::Array(list)) if list.is_empty() => Ok(Self::all_latest()),
            Some(list) => {
                let targets: Vec<TrafficTarget> =
                    Vec::deserialize(list).map_err(|e| BadSplit::Unreadable(e.to_string()))?;
                Self::new(targets)
            }
        }
    }

    /// The entries, in order.
    pub fn targets(&self) -> &[TrafficTarget] {
        &self.0
    }

    /// What a revision gets of the main address, over all its entries. Entries that follow latest are not counted, because
    /// the revision that they mean changes.
    pub fn share(&self, revision: &RevisionName) -> Percent {
        self.0.iter().filter(|t| t.revision() == Some(revision)).fold(Percent::ZERO, |sum, t| sum.plus(t.percent))
    }

    /// The share that follows latest, over all entries.
    pub fn latest_share(&self) -> Percent {
        self.0.iter().filter(|t| t.follows_latest()).fold(Percent::ZERO, |sum, t| sum.plus(t.percent))
    }

    /// The entry with this tag.
    pub fn tagged(&self, tag: &Tag) -> Option<&TrafficTarget> {
        self.0.iter().find(|t| t.tag.as_ref() == Some(tag))
    }

    /// The revisions that it names, each once, in order.
    pub fn revisions(&self) -> Vec<&RevisionName> {
        let mut names = Vec::new();
        for name in self.0.iter().filter_map(TrafficTarget::revision) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The same split with every entry that follows latest pinned to `latest`.
    #[must_use]
    pub fn pinned(&self, latest: &RevisionName) -> Self {
        let pinned = self.0.iter().map(|t| t.pinned(latest)).collect();
        // Pinning keeps sum and tags; merging cannot fail then.
        Self::new(pinned).unwrap_or_else(|_| self.clone())
    }

    /// The same split by name for everyone; what follows latest at 0 % stays the owner's own preview.
    #[must_use]
    pub fn by_name(&self, latest: &RevisionName) -> Self {
        let named = self.0.iter().map(|t| if t.percent.is_zero() { t.clone() } else { t.pinned(latest) });
        // As for pinning.
        Self::new(named.collect()).unwrap_or_else(|_| self.clone())
    }
}

impl TryFrom<Vec<TrafficTarget>> for Split {
    type Error = BadSplit;
    fn try_from(targets: Vec<TrafficTarget>) -> Result<Self, BadSplit> {
        Self::new(targets)
    }
}

impl From<Split> for Vec<TrafficTarget> {
    fn from(split: Split) -> Self {
        split.0
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, target) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{target}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn silence_means_latest() {
        for silent in [None, Some(json!(null)), Some(json!([]))] {
            assert_eq!(Split::from_json(silent.as_ref()).unwrap(), Split::all_latest());
        }
    }

    #[test]
    fn defaults_of_the_webhook_read_as_what_was_meant() {
        let short = Split::from_json(Some(&json!([{"percent": 100}, {"revisionName": "a", "tag": "x"}]))).unwrap();
        let full = Split::from_json(Some(&json!([
            {"latestRevision": true, "percent": 100},
            {"revisionName": "a", "latestRevision": false, "percent": 0, "tag": "x"}
        ])))
        .unwrap();
        assert_eq!(short, full);
    }

    #[test]
    fn bad_lists_are_refused_by_name() {
        let sum = Split::from_json(Some(&json!([{"revisionName": "a", "percent": 90}]))).unwrap_err();
        assert_eq!(sum.to_string(), "the traffic targets sum to 90, not to 100");
        let twice = Split::from_json(Some(&json!([
            {"revisionName": "a", "percent": 100, "tag": "x"}, {"revisionName": "b", "percent": 0, "tag": "x"}
        ])))
        .unwrap_err();
        assert_eq!(twice.to_string(), "the tag `x` stands on more than one traffic target");
        for bad in [json!([{"percent": 101}]), json!([{"percent": 2.5}]), json!("x"), json!([{"revisionName": "A"}])] {
            assert!(Split::from_json(Some(&bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn equal_entries_merge() {
        let split = Split::from_json(Some(&json!([
            {"revisionName": "a", "percent": 40}, {"revisionName": "b", "percent": 20}, {"revisionName": "a", "percent": 40}
        ])))
        .unwrap();
        assert_eq!(split.to_string(), "a 80 %, b 20 %");
    }

    #[test]
    fn json_round_trips() {
        let text = json!([
            {"revisionName": "a", "latestRevision": false, "percent": 99},
            {"latestRevision": true, "percent": 1, "tag": "next"}
        ]);
        let split = Split::from_json(Some(&text)).unwrap();
        assert_eq!(serde_json::to_value(&split).unwrap(), text);
        assert_eq!(split.pinned(&"b".parse().unwrap()).to_string(), "a 99 %, b 1 % (tag next)");
    }
}
