//! A rollout whose record is lost, as the tags in its split tell it.
//!
//! Decides who was walked to whom, where that can be told. Depends on names and splits.

use super::Tags;
use crate::model::name::RevisionName;
use crate::model::split::{Split, TrafficTarget};

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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rev(name: &str) -> RevisionName {
        name.parse().unwrap()
    }
    fn tags() -> Tags {
        Tags { candidate: "candidate".parse().unwrap(), stable: "stable".parse().unwrap() }
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
}
