//! What a rollout holds for the owner's split is what was really there; who takes over inherits it.

use super::{Entry, Ours, entries, ours, started};
use crate::sim::story::Story;
use andante::model::outcome::Code;
use andante::rollout::record::{Phase, Record};

/// The start's entries as names, merged and sorted: what users had.
pub(crate) fn meant(record: &Record) -> Vec<Entry> {
    let (list, main) = started(record);
    let start = &record.start;
    let latest = |i| if i == main { start.stable.as_str() } else { start.latest.as_str() };
    merged(list.iter().enumerate().map(|(i, e)| e.resolved(latest(i))))
}

/// Entries with the same revision and tag as one, sorted; nothing without share and tag.
pub(crate) fn merged(list: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    let mut merged: Vec<Entry> = vec![];
    for entry in list {
        match merged.iter_mut().find(|m| m.name == entry.name && m.tag == entry.tag) {
            Some(same) => same.percent += entry.percent,
            None => merged.push(entry),
        }
    }
    merged.retain(|e| e.percent > 0 || e.tag.is_some());
    merged.sort();
    merged
}

/// Everyone was taken back to stable, and of an earlier goal's share nothing is left: from now on that is what there was.
fn united(our: &Ours, before: &Record, is: &[Entry]) -> bool {
    let latest = our.record.start.latest.as_str();
    let shared = before.ended_below().is_some() || before.start.beside.is_some();
    let back = our.record.phase == Phase::RolledBack && our.record.outcome == Some(Code::Done);
    shared && back && merged(entries(&our.write.after).iter().map(|e| e.resolved(latest))) == is
}

/// A new rollout's start is what stood there; one that takes over an open rollout has its start.
pub(crate) fn start(story: &Story) -> Vec<String> {
    let mut wrong = vec![];
    for our in ours(story) {
        let Some(object) = our.write.before.as_deref() else { continue };
        let is = meant(&our.record);
        if our.before.as_ref().is_some_and(|before| united(our, before, &is)) {
            continue;
        }
        match &our.before {
            Some(before) if before.phase.is_open() => {
                // A person who moved traffic in between made another start.
                let foreign = object["metadata"]["generation"].as_i64() != Some(before.generation);
                if !foreign && (is != meant(before) || our.record.start.stable != before.start.stable) {
                    wrong.push(format!("write {}: starts from {is:?}, inherited {:?}", our.number, meant(before)));
                }
            }
            before => {
                // Nothing was Ready yet: a first deployment has no start to be true.
                let Some(latest) = our.write.truth.latest_ready.clone() else { continue };
                let tags = before.as_ref().map(|b| [b.tags.candidate.to_string(), b.tags.stable.to_string()]);
                let is_ours = |e: &Entry| e.tag.as_ref().is_some_and(|t| tags.as_ref().is_some_and(|o| o.contains(t)));
                // Of an earlier rollout, 0 % entries under our tags are no part of it, and our tags are not the owner's.
                let own = |e: Entry| match is_ours(&e) {
                    true if e.percent == 0 => None,
                    true => Some(Entry { tag: None, ..e }),
                    false => Some(e),
                };
                let was = merged(entries(object).into_iter().filter_map(own).map(|e| e.resolved(&latest)));
                let same_rollout = before.as_ref().is_some_and(|b| b.id == our.record.id);
                if was != is && !same_rollout {
                    wrong.push(format!("write {}: starts from {is:?}, there was {was:?}", our.number));
                }
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::check::fixture::{Fixture, walk};
    use serde_json::json;

    #[test]
    fn a_true_start_passes() {
        assert_eq!(start(&walk().story()), Vec::<String>::new());
    }

    #[test]
    fn an_invented_start_is_seen() {
        let story = Fixture::of(json!([{"revisionName": "s0", "percent": 100}]))
            .split("w", &[("s1", 100), ("s2", 0)], |_| {})
            .story();
        assert_eq!(start(&story).len(), 1);
    }

    #[test]
    fn a_forgotten_inheritance_is_seen() {
        let story = walk()
            .split("x", &[("s2", 100), ("s3", 0)], |r| {
                r.start.split = serde_json::from_value(json!([{"revisionName": "s2", "percent": 100}])).unwrap();
            })
            .story();
        assert_eq!(start(&story).len(), 1);
    }
}
