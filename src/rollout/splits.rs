//! Every split that a rollout may write, composed from what the owner had at the start.
//!
//! Decides the shape of a traffic write (docs/protocol.md, rules 4, 6, 8, 9), and nothing about when to write it. The
//! owner's other entries are carried over untouched and in their order, because `spec.traffic` is one atomic list: whoever
//! writes one entry writes all of them. Depends on names, percents and splits only.

mod safe;
mod salvaged;
mod shared;
mod tags;

pub use safe::{Safe, only_ready};
pub use salvaged::{Salvaged, salvaged};
pub use tags::{BadTags, TagOptions, Tags, room_for_tags};

use crate::model::name::RevisionName;
use crate::model::percent::Percent;
use crate::model::split::{Follow, Split, TrafficTarget};
use serde::{Deserialize, Serialize};

/// The split that the owner had when the rollout began, with what every entry meant at that time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// `spec.traffic` as it stood, without tags of an earlier rollout of ours.
    pub split: Split,
    /// The revision that entries with `latestRevision: true` meant then (the one that is walked means `stable`).
    pub latest: RevisionName,
    /// The revision that users are walked away from.
    pub stable: RevisionName,
    /// Which entry of `split` is walked.
    pub main: usize,
    /// Which entry is what an earlier rollout ended with below 100 %, if one did: its users are walked to the candidate as well, and
    /// before those of stable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<usize>,
}

/// Why a rollout cannot begin from this split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadStart {
    /// More than one entry without a tag serves users, and none was chosen.
    #[error("more than one target serves users: {0}")]
    Ambiguous(Split),
    /// The revision that was chosen as stable serves nobody.
    #[error("`{0}` serves nobody here: {1}")]
    NotServing(RevisionName, Split),
}

impl Start {
    /// Finds the entry to walk: the only untagged one above 0 %, else the only tagged one, else the one that `stable`
    /// names. `latest` is the newest ready revision.
    pub fn new(split: Split, latest: RevisionName, stable: Option<&RevisionName>) -> Result<Self, BadStart> {
        let serving: Vec<(usize, &TrafficTarget)> =
            split.targets().iter().enumerate().filter(|(_, t)| !t.percent.is_zero()).collect();
        let means = |t: &TrafficTarget| t.revision().unwrap_or(&latest).clone();
        let of_choice: Vec<_> =
            serving.iter().filter(|(_, t)| stable.is_none_or(|name| means(t) == *name)).copied().collect();
        if let (Some(name), true) = (stable, of_choice.is_empty()) {
            return Err(BadStart::NotServing(name.clone(), split));
        }
        let untagged: Vec<_> = of_choice.iter().filter(|(_, t)| t.tag.is_none()).copied().collect();
        let main = match (untagged.as_slice(), of_choice.as_slice()) {
            ([one], _) | ([], [one]) => *one,
            // The same revision twice: any entry is as good; the first untagged one is walked.
            ([first, ..], _) | ([], [first, ..]) if stable.is_some() => *first,
            _ => return Err(BadStart::Ambiguous(split)),
        };
        let (main, stable) = (main.0, means(main.1));
        Ok(Self { split, latest, stable, main, beside: None })
    }

    /// The entry that is walked, as the owner wrote it.
    fn main_target(&self) -> TrafficTarget {
        // `main` is an index of `split` by construction; a record that was edited by hand falls back to plain stable.
        self.split
            .targets()
            .get(self.main)
            .cloned()
            .unwrap_or_else(|| TrafficTarget::named(&self.stable, Percent::FULL, None))
    }

    /// What is walked, all of it: what stable had at the start, and what an earlier rollout ended with beside it.
    pub fn whole(&self) -> Percent {
        self.main_target().percent.plus(self.beside_share())
    }

    /// The owner's entries by name: the one that is walked meant stable, every other one that followed latest meant
    /// `latest`. The two differ where we pinned an owner who follows latest, and a newer template waits since.
    fn named(&self) -> impl Iterator<Item = TrafficTarget> + '_ {
        let meant = |i| if i == self.main { &self.stable } else { &self.latest };
        self.split.targets().iter().enumerate().map(move |(i, t)| t.pinned(meant(i)))
    }

    /// The owner's split with every entry that followed latest replaced by the revision it meant.
    pub(crate) fn pinned(&self) -> Split {
        // Naming what an entry meant already keeps the sum and the tags.
        Split::new(self.named().collect()).unwrap_or_else(|_| self.split.pinned(&self.latest))
    }

    /// True if the entry that is walked followed latest.
    pub fn followed_latest(&self) -> bool {
        self.main_target().follows_latest()
    }

    /// True if the walked entry's users alone are on latest, or all who are on it are on stable: where latest comes to mean
    /// what stable runs, nobody gets anything else. Never while somebody else's users are walked as well.
    pub(crate) fn follows_alone(&self) -> bool {
        self.beside().is_none() && (self.latest == self.stable || self.split.latest_share() == self.whole())
    }

    /// The candidate's share of all users at a step of `step` percent.
    pub fn share_at(&self, step: Percent) -> Percent {
        self.whole().part(step)
    }

    /// The same for this candidate: one that an earlier rollout ended with has that share already, and is never below it.
    pub fn share_of(&self, candidate: &RevisionName, step: Percent) -> Percent {
        let had = if self.beside() == Some(candidate) { self.beside_share() } else { Percent::ZERO };
        self.share_at(step).max(had)
    }

    /// The owner's other entries; those above 0 % that followed latest are named, so that a new template reaches nobody
    /// by accident, while a 0 % tag on latest stays the owner's own preview. `beside`: what is left to the entry that is walked
    /// beside stable; none: it is gone.
    fn others(&self, beside: Option<Percent>) -> impl Iterator<Item = TrafficTarget> + '_ {
        let others = self.split.targets().iter().enumerate().filter(|(i, _)| *i != self.main);
        others.filter_map(move |(i, t)| {
            let named = if t.percent.is_zero() { t.clone() } else { t.pinned(&self.latest) };
            if self.beside == Some(i) { beside.map(|percent| TrafficTarget { percent, ..named }) } else { Some(named) }
        })
    }

    /// Everyone who is walked is where this share of them is the candidate's, as long as nothing is left to who is beside stable.
    fn ending(&self, candidate: &RevisionName, share: Percent, beside: Option<Percent>, tags: &Tags) -> Split {
        let stable = self.whole().minus(share).minus(beside.unwrap_or(Percent::ZERO));
        let entries =
            [self.stable_entry(stable, tags), TrafficTarget::named(candidate, share, Some(tags.candidate.clone()))];
        self.assemble(entries.into_iter().chain(self.others(beside)))
    }

    /// The owner's main entry while the rollout lasts: by name, and under a tag.
    fn stable_entry(&self, percent: Percent, tags: &Tags) -> TrafficTarget {
        // The tag keeps the way back open (rule 10): Knative collects no revision that a split names, be it at 0 %
        // (knative/serving:pkg/reconciler/gc/gc.go), and this needs no right to write Revisions.
        let tag = self.main_target().tag.unwrap_or_else(|| tags.stable.clone());
        TrafficTarget::named(&self.stable, percent, Some(tag))
    }

    /// Nobody moves, and the next template's revision gets the candidate's tag at 0 % (rule 4).
    pub fn staging(&self, tags: &Tags) -> Split {
        // The 0 % entry makes the new revision reachable before it exists, so that its min-scale counts. Seen with Knative
        // 1.23's own autoscaler: without the entry a revision with min-scale 3 was Ready with one pod, and 0.3 s after its
        // birth counted as unreachable; with it, it was Ready with three.
        let candidate =
            TrafficTarget { follow: Follow::Latest, percent: Percent::ZERO, tag: Some(tags.candidate.clone()) };
        let stable = self.stable_entry(self.main_target().percent, tags);
        self.assemble([stable, candidate].into_iter().chain(self.others(Some(self.beside_share()))))
    }

    /// The candidate has its part of stable's share at a step of `step` percent; by name only (rule 6).
    pub fn at(&self, candidate: &RevisionName, step: Percent, tags: &Tags) -> Split {
        let share = self.share_of(candidate, step);
        self.ending(candidate, share, self.left_beside(candidate, share), tags)
    }

    /// The end of a good rollout in the shape that the owner had (rule 8): the main entry leads to the candidate, by
    /// name unless `follow_latest` says that it may follow latest again. Our tags are gone.
    pub fn finished(&self, candidate: &RevisionName, follow_latest: bool) -> Split {
        let walked = self.split.targets().iter().enumerate().filter(|(i, _)| self.beside != Some(*i));
        let entries = walked.map(|(i, t)| {
            let whole = TrafficTarget { percent: self.whole(), ..t.clone() };
            let target = match (i == self.main, t.follows_latest()) {
                (true, true) if follow_latest => whole,
                (true, _) => TrafficTarget { follow: Follow::Revision(candidate.clone()), ..whole },
                // Where latest is not the candidate, a follower would take its users to what nobody has walked to.
                (false, true) if !follow_latest && !t.percent.is_zero() => t.pinned(&self.latest),
                (false, _) => t.clone(),
            };
            (i, target)
        });
        self.assemble(entries.map(|(_, t)| t))
    }

    /// The split from before with every entry that followed latest replaced by the revision it meant then (rule 9). A
    /// candidate given here keeps its tag at 0 % for diagnosis.
    // By name, because the template is still the rejected one after a rollback: "latest" would bring it back.
    pub fn restored(&self, keep: Option<&RevisionName>, tags: &Tags) -> Split {
        let owners = self.named();
        let kept = keep
            .filter(|_| self.split.tagged(&tags.candidate).is_none())
            .map(|name| TrafficTarget::named(name, Percent::ZERO, Some(tags.candidate.clone())));
        self.assemble(owners.chain(kept))
    }

    fn assemble(&self, entries: impl Iterator<Item = TrafficTarget>) -> Split {
        // Every shape above moves share between entries of a valid split and adds 0 % entries under tags that were
        // checked to be free, so this cannot fail; the owner's own split is the one safe answer if it did.
        Split::new(entries.collect()).unwrap_or_else(|_| self.pinned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    pub(super) fn rev(name: &str) -> RevisionName {
        name.parse().unwrap()
    }
    pub(super) fn p(value: i64) -> Percent {
        value.try_into().unwrap()
    }
    pub(super) fn tags() -> Tags {
        Tags { candidate: "candidate".parse().unwrap(), stable: "stable".parse().unwrap() }
    }
    fn start(traffic: serde_json::Value, stable: Option<&str>) -> Result<Start, BadStart> {
        Start::new(Split::from_json(Some(&traffic)).unwrap(), rev("s1"), stable.map(rev).as_ref())
    }

    #[test]
    fn a_plain_follower_of_latest() {
        let start = start(json!([{"latestRevision": true, "percent": 100}]), None).unwrap();
        assert!(start.followed_latest());
        assert_eq!(start.staging(&tags()).to_string(), "s1 100 % (tag stable), latest 0 % (tag candidate)");
        assert_eq!(start.at(&rev("s2"), p(5), &tags()).to_string(), "s1 95 % (tag stable), s2 5 % (tag candidate)");
        assert_eq!(start.at(&rev("s2"), p(100), &tags()).to_string(), "s1 0 % (tag stable), s2 100 % (tag candidate)");
        assert_eq!(start.finished(&rev("s2"), true).to_string(), "latest 100 %");
        assert_eq!(start.finished(&rev("s2"), false).to_string(), "s2 100 %");
        assert_eq!(start.restored(Some(&rev("s2")), &tags()).to_string(), "s1 100 %, s2 0 % (tag candidate)");
        assert_eq!(start.restored(None, &tags()).to_string(), "s1 100 %");
    }

    #[test]
    fn others_are_carried_over() {
        let start = start(
            json!([
                {"revisionName": "old", "percent": 20, "tag": "pinned"},
                {"latestRevision": true, "percent": 80},
                {"latestRevision": true, "percent": 0, "tag": "preview"}
            ]),
            None,
        )
        .unwrap();
        assert_eq!(
            start.at(&rev("s2"), p(50), &tags()).to_string(),
            "s1 40 % (tag stable), s2 40 % (tag candidate), old 20 % (tag pinned), latest 0 % (tag preview)"
        );
        assert_eq!(
            start.finished(&rev("s2"), true).to_string(),
            "old 20 % (tag pinned), latest 80 %, latest 0 % (tag preview)"
        );
        assert_eq!(start.restored(None, &tags()).to_string(), "old 20 % (tag pinned), s1 80 %, s1 0 % (tag preview)");
    }

    #[test]
    fn a_main_entry_with_the_owners_tag_keeps_it() {
        let start = start(json!([{"revisionName": "s1", "percent": 100, "tag": "current"}]), None).unwrap();
        assert_eq!(start.at(&rev("s2"), p(100), &tags()).to_string(), "s1 0 % (tag current), s2 100 % (tag candidate)");
        assert_eq!(start.finished(&rev("s2"), true).to_string(), "s2 100 % (tag current)");
    }

    #[test]
    fn two_serving_targets_need_a_choice() {
        let two = json!([{"revisionName": "s1", "percent": 90}, {"revisionName": "s0", "percent": 10}]);
        assert!(matches!(start(two.clone(), None), Err(BadStart::Ambiguous(_))));
        assert!(matches!(start(two.clone(), Some("s9")), Err(BadStart::NotServing(..))));
        let chosen = start(two, Some("s1")).unwrap();
        assert_eq!(
            chosen.at(&rev("s2"), p(1), &tags()).to_string(),
            "s1 89 % (tag stable), s2 1 % (tag candidate), s0 10 %"
        );
    }

    #[test]
    fn latest_above_zero_never_shows_a_new_template() {
        let start =
            start(json!([{"revisionName": "s0", "percent": 90}, {"latestRevision": true, "percent": 10}]), Some("s0"))
                .unwrap();
        assert_eq!(start.staging(&tags()).to_string(), "s0 90 % (tag stable), latest 0 % (tag candidate), s1 10 %");
        assert_eq!(start.staging(&tags()).latest_share(), Percent::ZERO);
    }

    proptest! {
        #[test]
        fn every_shape_sums_to_100_and_only_the_main_share_moves(
            a in 1_i64..=99, step in 0_i64..=100, latest in any::<bool>(), tagged in any::<bool>(),
        ) {
            let main = if latest { json!({"latestRevision": true, "percent": a}) }
                else { json!({"revisionName": "s1", "percent": a}) };
            let mut other = json!({"revisionName": "old", "percent": 100 - a});
            if tagged { other["tag"] = json!("pinned"); }
            let start = start(json!([other, main]), Some("s1")).unwrap();
            for split in [start.staging(&tags()), start.at(&rev("s2"), p(step), &tags()),
                start.finished(&rev("s2"), false), start.restored(Some(&rev("s2")), &tags())] {
                let sum: u32 = split.targets().iter().map(|t| u32::from(t.percent.get())).sum();
                prop_assert_eq!(sum, 100);
                prop_assert_eq!(split.share(&rev("old")), p(100 - a));
                prop_assert_eq!(split.latest_share(), Percent::ZERO);
            }
            prop_assert_eq!(start.at(&rev("s2"), p(step), &tags()).share(&rev("s2")), start.share_at(p(step)));
        }
    }
}
