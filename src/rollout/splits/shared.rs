//! A share below 100 % that an earlier goal declared: its code has a part of the users beside stable, and both are walked on from.
//!
//! Decides whose users are walked first, and what is left to whom. Depends on names, percents and splits.

use super::{Start, Tags};
use crate::model::name::RevisionName;
use crate::model::percent::Percent;
use crate::model::split::{Split, TrafficTarget};

impl Start {
    /// What an earlier rollout that ended below 100 % left: users of `stable` and of its `candidate`, both of whom are walked on from
    /// there. None where the split is another one.
    pub fn between(
        split: Split,
        latest: RevisionName,
        stable: &RevisionName,
        candidate: &RevisionName,
    ) -> Option<Self> {
        let of = |name| split.targets().iter().position(|t| t.revision() == Some(name) && !t.percent.is_zero());
        let (main, beside) = (of(stable)?, of(candidate).filter(|_| stable != candidate)?);
        Some(Self { split, latest, stable: stable.clone(), main, beside: Some(beside) })
    }

    pub(super) fn beside_target(&self) -> Option<&TrafficTarget> {
        self.beside.filter(|at| *at != self.main).and_then(|at| self.split.targets().get(at))
    }

    pub(super) fn beside_share(&self) -> Percent {
        self.beside_target().map_or(Percent::ZERO, |target| target.percent)
    }

    /// The revision that an earlier rollout ended with below 100 %, if its users are walked as well.
    pub fn beside(&self) -> Option<&RevisionName> {
        self.beside_target().and_then(TrafficTarget::revision)
    }

    /// What is left to who is beside stable once the candidate has this share; none where that is the candidate itself.
    pub(super) fn left_beside(&self, candidate: &RevisionName, share: Percent) -> Option<Percent> {
        // Users of an earlier goal's code are walked first: fewer are then on something that nobody wants any more.
        self.beside().filter(|beside| *beside != candidate).map(|_| self.beside_share().minus(share))
    }

    /// Which parts of all who are walked stable and this candidate have at a step.
    pub fn parts_at(&self, candidate: &RevisionName, step: Percent) -> [Percent; 2] {
        if self.beside().is_none() {
            return [Percent::FULL.minus(step), step];
        }
        let (whole, share) = (self.whole(), self.share_of(candidate, step));
        let left = self.left_beside(candidate, share).unwrap_or(Percent::ZERO);
        let of_whole = |part: Percent| {
            let part = i64::from(part) * 100 / i64::from(whole).max(1);
            part.try_into().unwrap_or(Percent::FULL)
        };
        [of_whole(whole.minus(share).minus(left)), of_whole(share)]
    }

    /// The end of a rollout whose goal declares a share below 100 %: stable keeps the rest, and its tag, since that is the way back.
    /// Code that an earlier goal had given more users has just these now.
    pub fn ended_at(&self, candidate: &RevisionName, step: Percent, tags: &Tags) -> Split {
        self.ending(candidate, self.share_at(step), None, tags)
    }

    /// The same with everyone who would be walked on stable, as after a way back that leaves nothing of an earlier share.
    #[must_use]
    pub fn united(&self) -> Self {
        if self.beside().is_none() {
            return self.clone();
        }
        let walked = self.split.targets().iter().enumerate().filter(|(i, _)| self.beside != Some(*i));
        let whole = self.whole();
        let entries =
            walked.map(|(i, t)| if i == self.main { TrafficTarget { percent: whole, ..t.clone() } } else { t.clone() });
        // Entries that differ in their percent alone become one, so who is walked is looked for once more.
        let split = Split::new(entries.collect());
        let main = split.as_ref().ok().and_then(|split| {
            let main = self.main_target();
            split.targets().iter().position(|t| t.follow == main.follow && t.tag == main.tag)
        });
        match (split, main) {
            (Ok(split), Some(main)) => Self { split, main, beside: None, ..self.clone() },
            _ => self.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::splits::tests::{p, rev, tags};
    use serde_json::json;

    /// What an earlier rollout ended with at 30 %.
    #[test]
    fn users_of_an_earlier_share_are_walked_first_and_its_own_code_is_never_below_it() {
        let split = Split::from_json(Some(&json!([
            {"revisionName": "s1", "percent": 63}, {"revisionName": "s2", "percent": 27},
            {"revisionName": "old", "percent": 10, "tag": "pinned"}
        ])));
        let start = Start::between(split.unwrap(), rev("s2"), &rev("s1"), &rev("s2")).unwrap();
        let at = |name: &str, step: i64| start.at(&rev(name), p(step), &tags()).to_string();
        assert_eq!(start.whole(), p(90));
        assert_eq!(
            start.staging(&tags()).to_string(),
            "s1 63 % (tag stable), latest 0 % (tag candidate), s2 27 %, old 10 % (tag pinned)"
        );
        assert_eq!(at("s3", 10), "s1 63 % (tag stable), s3 9 % (tag candidate), s2 18 %, old 10 % (tag pinned)");
        assert_eq!(at("s3", 50), "s1 45 % (tag stable), s3 45 % (tag candidate), s2 0 %, old 10 % (tag pinned)");
        assert_eq!(at("s2", 0), "s1 63 % (tag stable), s2 27 % (tag candidate), old 10 % (tag pinned)");
        assert_eq!(at("s2", 50), "s1 45 % (tag stable), s2 45 % (tag candidate), old 10 % (tag pinned)");
        let over = start.ended_at(&rev("s3"), p(10), &tags()).to_string();
        assert_eq!(over, "s1 81 % (tag stable), s3 9 % (tag candidate), old 10 % (tag pinned)");
        let less = start.ended_at(&rev("s2"), p(10), &tags()).to_string();
        assert_eq!(
            less, "s1 81 % (tag stable), s2 9 % (tag candidate), old 10 % (tag pinned)",
            "a goal may declare less"
        );
        let parts = |name: &str, step: i64| start.parts_at(&rev(name), p(step)).map(Percent::get);
        assert_eq!((parts("s3", 0), parts("s3", 10), parts("s3", 50)), ([70, 0], [70, 10], [50, 50]));
        assert_eq!((parts("s2", 0), parts("s2", 50), parts("s2", 100)), ([70, 30], [50, 50], [0, 100]));
        assert!(!start.follows_alone());
        assert_eq!(start.finished(&rev("s3"), false).to_string(), "s3 90 %, old 10 % (tag pinned)");
        assert_eq!(start.restored(None, &tags()).to_string(), "s1 63 %, s2 27 %, old 10 % (tag pinned)");
        let united = start.united();
        assert_eq!(united.restored(None, &tags()).to_string(), "s1 90 %, old 10 % (tag pinned)");
        assert_eq!((united.beside(), united.main, united.united()), (None, 0, united.clone()));
    }
}
