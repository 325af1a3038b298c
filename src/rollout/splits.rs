//! Every split that a rollout may write, composed from what the owner had at the start.
//!
//! Decides the shape of a traffic write (docs/protocol.md, rules 4, 6, 8, 9), and nothing about when to write it. The
//! owner's other entries are carried over untouched and in their order, because `spec.traffic` is one atomic list: whoever
//! writes one entry writes all of them. Depends on names, percents and splits only.

mod tags;

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
        Ok(Self { split, latest, stable, main })
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

    /// What stable had at the start: the whole that steps are percents of.
    pub fn whole(&self) -> Percent {
        self.main_target().percent
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
    /// what stable runs, nobody gets anything else.
    pub(crate) fn follows_alone(&self) -> bool {
        self.latest == self.stable || self.split.latest_share() == self.whole()
    }

    /// The candidate's share of all users at a step of `step` percent.
    pub fn share_at(&self, step: Percent) -> Percent {
        self.whole().part(step)
    }

    /// The owner's other entries; those above 0 % that followed latest are named, so that a new template reaches nobody
    /// by accident, while a 0 % tag on latest stays the owner's own preview.
    fn others(&self, pin_all: bool) -> impl Iterator<Item = TrafficTarget> + '_ {
        self.split
            .targets()
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != self.main)
            .map(move |(_, t)| if pin_all || !t.percent.is_zero() { t.pinned(&self.latest) } else { t.clone() })
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
        self.assemble([self.stable_entry(self.whole(), tags), candidate].into_iter().chain(self.others(false)))
    }

    /// The candidate has its part of stable's share at a step of `step` percent; by name only (rule 6).
    pub fn at(&self, candidate: &RevisionName, step: Percent, tags: &Tags) -> Split {
        let share = self.share_at(step);
        let entries = [
            self.stable_entry(self.whole().minus(share), tags),
            TrafficTarget::named(candidate, share, Some(tags.candidate.clone())),
        ];
        self.assemble(entries.into_iter().chain(self.others(false)))
    }

    /// The end of a good rollout in the shape that the owner had (rule 8): the main entry leads to the candidate, by
    /// name unless `follow_latest` says that it may follow latest again. Our tags are gone.
    pub fn finished(&self, candidate: &RevisionName, follow_latest: bool) -> Split {
        let entries = self.split.targets().iter().enumerate().map(|(i, t)| {
            let target = match (i == self.main, t.follows_latest()) {
                (true, true) if follow_latest => t.clone(),
                (true, _) => TrafficTarget { follow: Follow::Revision(candidate.clone()), ..t.clone() },
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

/// What a split under our tags says of a rollout whose record is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// The split without us: the candidate's users are stable's again.
    pub split: Split,
    /// The revision that users were walked away from.
    pub stable: RevisionName,
    /// The revision that they were walked to; none while its tag follows latest.
    pub candidate: Option<RevisionName>,
}

/// Reads a rollout from its tags alone: whoever has the candidate's tag is it, and stable has the other one, or is the only
/// other entry with users. None where that does not tell.
pub fn salvaged(split: &Split, tags: &Tags) -> Option<Salvaged> {
    let candidate = split.tagged(&tags.candidate)?;
    let others = || split.targets().iter().filter(|t| t.tag.as_ref() != Some(&tags.candidate));
    let with_users: Vec<_> = others().filter(|t| !t.percent.is_zero()).collect();
    // An owner's tag on the entry that is walked stays there in place of ours.
    let main = match (split.tagged(&tags.stable), with_users.as_slice()) {
        (Some(tagged), _) => tagged,
        (None, [one]) => one,
        (None, _) => return None,
    };
    let stable = main.revision()?.clone();
    let restored = |t: &TrafficTarget| {
        let mut target = t.clone();
        if t == main {
            target.percent = t.percent.plus(candidate.percent);
            target.tag = t.tag.clone().filter(|tag| *tag != tags.stable);
        }
        target
    };
    let split = Split::new(others().map(restored).collect()).ok()?;
    Some(Salvaged { split, stable, candidate: candidate.revision().cloned() })
}

/// What a write had to leave behind, because Knative takes a split whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Safe {
    /// The part that can take effect now.
    pub split: Split,
    /// 0 % entries that would have blocked it.
    pub left_out: Vec<TrafficTarget>,
}

/// Keeps of `split` only what can take effect now (rules 6 and 9: users come before tags): `serves` says which revisions
/// exist and are Ready. Entries that do not are left out; users of such an entry go to `home`. None if `home` itself has
/// users and is not Ready.
pub fn only_ready(split: &Split, home: &RevisionName, serves: impl Fn(&RevisionName) -> bool) -> Option<Safe> {
    let (mut kept, left_out): (Vec<_>, Vec<_>) =
        split.targets().iter().cloned().partition(|t| t.revision().is_none_or(&serves));
    let homeless = left_out.iter().fold(Percent::ZERO, |sum, t| sum.plus(t.percent));
    if !homeless.is_zero() {
        let main = kept.iter_mut().filter(|t| t.revision() == Some(home)).max_by_key(|t| t.percent)?;
        main.percent = main.percent.plus(homeless);
    }
    Split::new(kept).ok().map(|split| Safe { split, left_out })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn rev(name: &str) -> RevisionName {
        name.parse().unwrap()
    }
    fn p(value: i64) -> Percent {
        value.try_into().unwrap()
    }
    fn tags() -> Tags {
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

    #[test]
    fn a_rollout_whose_record_is_lost_is_read_from_its_tags() {
        let of = |traffic: serde_json::Value| salvaged(&Split::from_json(Some(&traffic)).unwrap(), &tags());
        let half = of(json!([
            {"revisionName": "s1", "percent": 40, "tag": "stable"},
            {"revisionName": "s2", "percent": 40, "tag": "candidate"},
            {"revisionName": "old", "percent": 20, "tag": "pinned"}
        ]))
        .unwrap();
        assert_eq!(half.split.to_string(), "s1 80 %, old 20 % (tag pinned)");
        assert_eq!((half.stable, half.candidate), (rev("s1"), Some(rev("s2"))));
        // The owner's own tag stands where ours would, and a staged candidate's tag follows latest.
        let staged = of(json!([
            {"revisionName": "s1", "percent": 100, "tag": "live"}, {"latestRevision": true, "percent": 0, "tag": "candidate"}
        ]))
        .unwrap();
        assert_eq!((staged.split.to_string().as_str(), staged.candidate), ("s1 100 % (tag live)", None));
        let baking = json!([
            {"revisionName": "s1", "percent": 0, "tag": "stable"}, {"revisionName": "s2", "percent": 100, "tag": "candidate"}
        ]);
        assert_eq!(of(baking).unwrap().split.to_string(), "s1 100 %");
        for unknown in [
            json!([{"latestRevision": true, "percent": 100}]),
            json!([{"revisionName": "s1", "percent": 0, "tag": "live"},
                {"revisionName": "s2", "percent": 100, "tag": "candidate"}]),
            json!([{"revisionName": "s1", "percent": 40}, {"revisionName": "s0", "percent": 40},
                {"revisionName": "s2", "percent": 20, "tag": "candidate"}]),
        ] {
            assert_eq!(of(unknown), None);
        }
    }

    #[test]
    fn what_is_not_ready_is_left_out_or_forbids_the_write() {
        let split = Split::from_json(Some(&json!([
            {"revisionName": "s1", "percent": 100}, {"revisionName": "x", "percent": 0, "tag": "qa"}
        ])))
        .unwrap();
        let safe = only_ready(&split, &rev("s1"), |name| name.as_str() == "s1").unwrap();
        assert_eq!(safe.split.to_string(), "s1 100 %");
        assert_eq!(safe.left_out.len(), 1);
        assert!(only_ready(&split, &rev("s1"), |name| name.as_str() == "x").is_none());
        // A third target with users: they go to stable rather than stay with a candidate that failed.
        let third = Split::from_json(Some(&json!([
            {"revisionName": "old", "percent": 20, "tag": "pinned"}, {"revisionName": "s1", "percent": 80}
        ])))
        .unwrap();
        let safe = only_ready(&third, &rev("s1"), |name| name.as_str() == "s1").unwrap();
        assert_eq!((safe.split.to_string().as_str(), safe.left_out.len()), ("s1 100 %", 1));
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
