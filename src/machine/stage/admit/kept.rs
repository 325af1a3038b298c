//! What the owner had, where a rollout has named it for them.
//!
//! Decides which entries follow latest again after the next good end, or out of care: those that do so in what a record that is over
//! keeps, and that nobody has changed since. It may use the record, splits, what is declared and observed objects.

use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::Code;
use crate::model::split::{Follow, Split, TrafficTarget};
use crate::rollout::declaration::charge::in_care;
use crate::rollout::record::{Phase, Record};
use crate::rollout::splits::Start;

/// An owner who followed latest and is pinned only because we pinned them follows latest again after the next good end,
/// even if they touched other entries since.
pub(super) fn following_again(start: Start, record: Option<&Record>, service: &Service, split: &Split) -> Start {
    let Some(record) = record.filter(|r| !r.phase.is_open() && !r.leaves_traffic()) else { return start };
    if let Some(whole) = whole_shape(&start, record, service, split) {
        return whole;
    }
    let pinned_by_us = record.start.followed_latest()
        && !start.followed_latest()
        && record.split.share(&start.stable) == split.share(&start.stable);
    if !pinned_by_us {
        return start;
    }
    let follow = |(i, t): (usize, &TrafficTarget)| {
        if i == start.main { TrafficTarget { follow: Follow::Latest, ..t.clone() } } else { t.clone() }
    };
    let targets = start.split.targets().iter().enumerate().map(follow).collect();
    match Split::new(targets) {
        Ok(split) if split.targets().len() == start.split.targets().len() => Start { split, ..start },
        _ => start,
    }
}

/// The same for every entry, in care: there a good end names all who followed latest, and not those alone who are walked. None
/// where somebody changed the split since, or where one name does not tell what they all mean.
fn whole_shape(start: &Start, record: &Record, service: &Service, split: &Split) -> Option<Start> {
    let stands = record.phase == Phase::Finished
        && record.split == *split
        && record.outcome != Some(Code::CouldNotRestore)
        && record.ended_below().is_none();
    let candidate = record.candidate.as_ref().filter(|_| stands && in_care(service))?;
    let (kept, present) = (record.start.finished(candidate, true), start.split.targets());
    let pairs = || kept.targets().iter().zip(present);
    let alike = |(kept, present): (&TrafficTarget, &TrafficTarget)| {
        kept.tag == present.tag
            && kept.percent == present.percent
            && (kept.follow == present.follow || kept.follows_latest())
    };
    if kept.targets().len() != present.len() || !pairs().all(alike) {
        return None;
    }
    // Who is not walked stays where they are until the end, by this name.
    let others = pairs()
        .enumerate()
        .filter(|(i, (kept, now))| *i != start.main && kept.follows_latest() && !now.percent.is_zero());
    let mut named = others.filter_map(|(_, (_, now))| now.revision());
    let latest: &RevisionName = named.next().unwrap_or(&start.latest);
    let latest = named.all(|name| name == latest).then(|| latest.clone())?;
    Some(Start { split: kept.clone(), latest, ..start.clone() })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{pinned, split, start};
    use super::*;
    use serde_json::{Value, json};

    fn service(pipeline: &str) -> Service {
        let annotations = json!({"andante.dev/pipeline": pipeline});
        let metadata = json!({"name": "s", "uid": "u", "generation": 2, "annotations": annotations});
        Service::from_json(&json!({"metadata": metadata})).unwrap()
    }

    /// What the next rollout in care begins from, after one that ended so.
    fn again(now: &Value, latest: &str, ended: Option<&Record>) -> Start {
        following_again(start(now, latest), ended, &service("slow-walk"), &split(now))
    }

    #[test]
    fn whom_we_pinned_follows_latest_again_even_if_they_touched_a_tag() {
        let now = json!([{"revisionName": "s2", "percent": 100}, {"revisionName": "s1", "percent": 0, "tag": "old"}]);
        let begun = again(&now, "s2", Some(&pinned()));
        assert!(begun.followed_latest());
        assert_eq!((begun.latest.as_str(), begun.stable.as_str()), ("s2", "s2"));
        assert_eq!(begun.restored(None, &pinned().tags).to_string(), "s2 100 %, s1 0 % (tag old)");
        // A newer template waits: what the owner previews under a tag stays that.
        let previewed =
            json!([{"revisionName": "s2", "percent": 100}, {"latestRevision": true, "percent": 0, "tag": "p"}]);
        let begun = again(&previewed, "s3", Some(&pinned()));
        assert_eq!(begun.restored(None, &pinned().tags).to_string(), "s2 100 %, s3 0 % (tag p)");
    }

    #[test]
    fn whoever_pinned_themselves_stays_pinned() {
        let other = again(&json!([{"revisionName": "s1", "percent": 100}]), "s2", Some(&pinned()));
        assert!(!other.followed_latest(), "another revision than we wrote");
        let theirs = Record { outcome: Some(Code::TakenOver), ..pinned() };
        let mine = json!([{"revisionName": "s2", "percent": 100}]);
        assert!(!again(&mine, "s2", Some(&theirs)).followed_latest());
        assert!(!again(&mine, "s2", None).followed_latest());
    }

    /// Any number of rollouts by name later it is known who followed latest, also where a newer template waits.
    #[test]
    fn in_care_every_entry_that_was_named_is_known() {
        let had = json!([{"latestRevision": true, "percent": 70}, {"latestRevision": true, "percent": 20, "tag": "x"},
            {"revisionName": "s1", "percent": 10, "tag": "old"}, {"latestRevision": true, "percent": 0, "tag": "p"}]);
        let named = |name: &str| {
            json!([{"revisionName": name, "percent": 70}, {"revisionName": name, "percent": 20, "tag": "x"},
            {"revisionName": "s1", "percent": 10, "tag": "old"}, {"latestRevision": true, "percent": 0, "tag": "p"}])
        };
        let mut ended = pinned();
        ended.start = start(&had, "s1");
        for (now, newest) in [("s2", "s3"), ("s3", "s4")] {
            ended = Record { candidate: Some(now.parse().unwrap()), split: split(named(now)), ..ended };
            let begun = again(&named(now), newest, Some(&ended));
            assert_eq!((&begun.split, begun.stable.as_str(), begun.latest.as_str()), (&split(&had), now, now));
            // Nobody is on what waits.
            assert_eq!(begun.staging(&ended.tags).share(&newest.parse().unwrap()).get(), 0);
            ended.start = begun;
        }
        // Out of care the one that is walked follows again, and the others have their names.
        let out =
            following_again(start(named("s3"), "s4"), Some(&ended), &service("ExternalOperation"), &split(named("s3")));
        assert_eq!(out.split.to_string(), "latest 70 %, s3 20 % (tag x), s1 10 % (tag old), latest 0 % (tag p)");
        // What somebody else wrote is theirs.
        let mut theirs = named("s3");
        theirs[1]["revisionName"] = json!("s2");
        assert_eq!(again(&theirs, "s4", Some(&ended)).split, split(&theirs));
    }
}
