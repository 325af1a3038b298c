//! Pods before users: what a rollout keeps in mind of the pods that its users need, and of every bound that it set for it.
//!
//! Decides what a bound of ours is, whatever became of it meanwhile, and what is kept of it in the record. It stands there
//! before the Revision is touched, because any other annotation on a Revision would replace all its pods (DESIGN: tried).
//! It may use observed revisions.

use crate::model::name::RevisionName;
use crate::model::observed::Revision;
use crate::model::scaling::ScaleBound;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// So many bounds of older rollouts a record keeps: two of each of four revisions.
const MAX_INHERITED: usize = 8;

/// What to do where pods are wanted before users come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CapacityMode {
    /// Pods come first; where they cannot be had, the walk goes on without them and says so.
    Try,
    /// Pods come first; where they cannot be had, users go back.
    Need,
    /// Nobody looks at pods before a step.
    Off,
}

/// What is known of the pods that users need.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// So many pods stable wanted for all its users; 0: not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pods: u32,
    /// Bounds that were set, each noted before it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<SetBound>,
    /// Stable gave up the pods that a way back would need, for those of a step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cold: bool,
    /// The step that is taken without its pods, because they could not be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without: Option<usize>,
    /// Since when whoever has everyone at the end had them, where the last write moved nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Timestamp>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(pods: &u32) -> bool {
    *pods == 0
}

/// One bound on one Revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetBound {
    /// The Revision.
    pub revision: RevisionName,
    /// Its uid: one that was deleted and made again has none of ours.
    pub uid: String,
    /// Which bound.
    pub bound: ScaleBound,
    /// What the owner had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub had: Option<String>,
    /// Every value that a process of this rollout may have written, the present one last.
    // A process that stalled may write late, and a crash may come between the record and the Revision: so all are known as ours.
    pub set: Vec<u32>,
    /// When the present value was noted.
    pub at: Timestamp,
}

impl SetBound {
    /// A bound that is to be set where the owner has what this Revision shows.
    pub fn new(revision: &Revision, bound: ScaleBound, value: u32, at: Timestamp) -> Self {
        Self {
            revision: revision.name.clone(),
            uid: revision.uid.clone(),
            bound,
            had: revision.scaling.text(bound).map(str::to_owned),
            set: vec![value],
            at,
        }
    }

    /// The value that is wanted now; 0 where a record was edited by hand and has none.
    pub fn value(&self) -> u32 {
        self.set.last().copied().unwrap_or_default()
    }

    /// Another value is wanted from now on.
    fn to(&mut self, value: u32, at: Timestamp) {
        self.set.retain(|was| *was != value);
        self.set.push(value);
        self.at = at;
    }

    fn is_of(&self, revision: &Revision) -> bool {
        self.revision == revision.name && self.uid == revision.uid
    }

    /// A value of ours stands on the Revision: the owner's comes back some day.
    pub fn stands_on(&self, revision: &Revision) -> bool {
        let there = revision.scaling.text(self.bound);
        let ours = there.and_then(|text| text.parse().ok()).is_some_and(|value| self.set.contains(&value));
        self.is_of(revision) && ours && there != self.had.as_deref()
    }

    /// The wanted value is not there yet, and what is there is ours to replace: the owner's from before or one of ours. An
    /// owner's own change in mid-walk stays.
    pub fn is_to_be_set(&self, revision: &Revision) -> bool {
        let there = revision.scaling.text(self.bound);
        let wanted = self.value().to_string();
        self.is_of(revision)
            && there != Some(wanted.as_str())
            && (there == self.had.as_deref() || self.stands_on(revision))
    }
}

impl Capacity {
    /// The same with this value for a bound of this Revision.
    #[must_use]
    pub fn with(mut self, revision: &Revision, bound: ScaleBound, value: u32, at: Timestamp) -> Self {
        let fresh = || SetBound::new(revision, bound, value, at);
        match self.bounds.iter_mut().find(|known| known.is_of(revision) && known.bound == bound) {
            // The owner changed it since, so what they have now is what comes back.
            Some(known) if !known.stands_on(revision) && !known.is_to_be_set(revision) => *known = fresh(),
            Some(known) => known.to(value, at),
            None => self.bounds.push(fresh()),
        }
        self
    }

    /// The same where something in the cluster made this value of one of ours: it is no owner's, so it goes with the others.
    #[must_use]
    pub fn with_made(mut self, revision: &Revision, bound: ScaleBound, value: u32) -> Self {
        if let Some(known) = self.bounds.iter_mut().find(|known| known.is_of(revision) && known.bound == bound)
            && !known.set.contains(&value)
        {
            known.set.insert(0, value);
        }
        self
    }

    /// The same without a bound that was noted and never set.
    #[must_use]
    pub fn without_bound(mut self, revision: &Revision, bound: ScaleBound) -> Self {
        self.bounds.retain(|known| !(known.is_of(revision) && known.bound == bound));
        self
    }

    /// The bound that this rollout wants on a Revision.
    pub fn bound(&self, revision: &Revision, bound: ScaleBound) -> Option<&SetBound> {
        self.bounds.iter().find(|b| b.is_of(revision) && b.bound == bound)
    }

    /// The template of a Revision as its owner had it, without the bounds of ours that stand on it.
    pub fn undone(&self, revision: &Revision) -> serde_json::Value {
        let mut template = revision.template.clone();
        for bound in self.bounds.iter().filter(|bound| bound.stands_on(revision)) {
            let annotations = template.pointer_mut("/metadata/annotations").and_then(|a| a.as_object_mut());
            let Some(annotations) = annotations else { continue };
            match &bound.had {
                Some(had) => annotations.insert(bound.bound.annotation(), serde_json::Value::from(had.as_str())),
                None => annotations.remove(&bound.bound.annotation()),
            };
            if annotations.is_empty()
                && let Some(metadata) = template.pointer_mut("/metadata").and_then(|m| m.as_object_mut())
            {
                metadata.remove("annotations");
            }
        }
        template
    }

    /// What a rollout that comes after this one may have to put back: what stands, and with `all` what may still come to stand,
    /// because a process of before may write late, and what is known of Revisions may be old. None if there is nothing.
    pub fn inherited<'a>(&self, all: bool, of: impl Fn(&RevisionName) -> Option<&'a Revision>) -> Option<Self> {
        let kept = |bound: &&SetBound| {
            let revision = of(&bound.revision);
            if all {
                revision.is_none_or(|revision| bound.is_of(revision))
            } else {
                revision.is_some_and(|revision| bound.stands_on(revision))
            }
        };
        let mut bounds: Vec<_> = self.bounds.iter().filter(kept).cloned().collect();
        bounds.sort_by_key(|bound| bound.at);
        let surplus = bounds.len().saturating_sub(MAX_INHERITED);
        bounds.drain(..surplus);
        (!bounds.is_empty()).then(|| Self { pods: self.pods, bounds, ..Self::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn revision(uid: &str, min: Option<&str>) -> Revision {
        let mut object = json!({"metadata": {"name": "s1", "uid": uid, "annotations": {"a": "b"}}});
        if let Some(min) = min {
            object["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"] = json!(min);
        }
        Revision::from_json(&object).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_bound_is_told_from_the_owners_at_any_moment() {
        let capacity = Capacity::default().with(&revision("u", Some("1")), ScaleBound::MinScale, 3, at(0));
        let bound = &capacity.bounds[0];
        let told = |uid, min| {
            let there = revision(uid, min);
            (bound.is_to_be_set(&there), bound.stands_on(&there))
        };
        assert_eq!(told("u", Some("1")), (true, false), "as the owner had it");
        assert_eq!(told("u", Some("3")), (false, true), "ours");
        assert_eq!(told("u", Some("7")), (false, false), "the owner changed it");
        assert_eq!(told("u", None), (false, false), "the owner took it away");
        assert_eq!(told("another", Some("3")), (false, false), "another Revision of that name");
    }

    #[test]
    fn a_template_is_told_without_what_was_set() {
        let ours = revision("u", Some("3"));
        let known = |had: Option<&str>| Capacity::default().with(&revision("u", had), ScaleBound::MinScale, 3, at(0));
        let key = "autoscaling.knative.dev/min-scale";
        assert_eq!(known(Some("1")).undone(&ours)["metadata"]["annotations"][key], "1");
        assert_eq!(known(None).undone(&ours)["metadata"]["annotations"], json!({"a": "b"}));
        let theirs = revision("u", Some("7"));
        assert_eq!(known(None).undone(&theirs), theirs.template, "an owner's own change stays");
    }

    #[test]
    fn every_value_that_may_stand_there_is_known() {
        let there = revision("u", None);
        let capacity = Capacity::default().with(&there, ScaleBound::MinScale, 2, at(0));
        let capacity = capacity.with(&there, ScaleBound::MinScale, 4, at(1));
        assert_eq!((capacity.bounds[0].set.as_slice(), capacity.bounds[0].at), (&[2, 4][..], at(1)));
        assert!(capacity.bounds[0].stands_on(&revision("u", Some("2"))), "a stalled process wrote late");
        assert!(capacity.bounds[0].is_to_be_set(&revision("u", Some("2"))));
    }

    #[test]
    fn what_the_owner_changed_in_between_is_what_comes_back() {
        let capacity = Capacity::default().with(&revision("u", None), ScaleBound::MinScale, 2, at(0));
        let capacity = capacity.with(&revision("u", Some("7")), ScaleBound::MinScale, 9, at(1));
        assert_eq!((capacity.bounds[0].had.as_deref(), capacity.bounds[0].set.as_slice()), (Some("7"), &[9][..]));
    }

    #[test]
    fn what_stands_or_may_stand_is_handed_on() {
        let capacity = Capacity::default().with(&revision("u", None), ScaleBound::MinScale, 2, at(0));
        let (ours, theirs) = (revision("u", Some("2")), revision("u", None));
        assert_eq!(capacity.inherited(false, |_| Some(&ours)), Some(capacity.clone()));
        assert_eq!(capacity.inherited(false, |_| Some(&theirs)), None);
        assert_eq!(capacity.inherited(false, |_| None), None);
        // What may still be written, or is not known yet.
        for seen in [Some(&theirs), None] {
            assert_eq!(capacity.inherited(true, |_| seen), Some(capacity.clone()));
        }
        let another = revision("another", Some("2"));
        assert_eq!(capacity.inherited(true, |_| Some(&another)), None, "another Revision of that name");
    }

    proptest! {
        /// Whatever is set in whatever order, what the owner had is never taken for ours, nor forgotten.
        #[test]
        fn the_owners_value_survives(had in proptest::option::of(0_u32..6), values in proptest::collection::vec(0_u32..6, 1..12)) {
            let text = had.map(|n| n.to_string());
            let mut there = revision("u", text.as_deref());
            let mut capacity = Capacity::default();
            for value in values {
                capacity = capacity.with(&there, ScaleBound::MinScale, value, at(0));
                prop_assert_eq!(capacity.bounds.len(), 1);
                if capacity.bounds[0].is_to_be_set(&there) {
                    there = revision("u", Some(&value.to_string()));
                }
                prop_assert_eq!(&capacity.bounds[0].had, &text);
                prop_assert_eq!(capacity.bounds[0].stands_on(&there), Some(value) != had);
            }
        }
    }
}
