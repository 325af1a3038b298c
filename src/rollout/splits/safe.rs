//! The part of a split that can take effect now, because Knative takes one whole or not at all.
//!
//! Decides what is left out, and that nobody stays without a revision. Depends on names and splits.

use crate::model::name::RevisionName;
use crate::model::percent::Percent;
use crate::model::split::{Split, TrafficTarget};

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
    use serde_json::json;

    fn rev(name: &str) -> RevisionName {
        name.parse().unwrap()
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
}
