//! One writer at a time: each write raises the epoch by one, and who was overtaken never writes again.

use super::{entries, entries_of, ours};
use crate::sim::story::Story;
use std::collections::BTreeSet;

/// Epochs rise by one, and each process's writes are one unbroken row.
pub(crate) fn order(story: &Story) -> Vec<String> {
    let (mut wrong, mut silent, mut last) = (vec![], BTreeSet::new(), None::<String>);
    for our in ours(story) {
        let before = our.before.as_ref().map_or(0, |r| r.epoch);
        if our.record.epoch != before + 1 {
            wrong.push(format!("write {} has epoch {} after {before}", our.number, our.record.epoch));
        }
        let run = our.write.who.run.clone().unwrap_or_default();
        if last.as_ref() != Some(&run) {
            silent.extend(last.take());
        }
        if silent.contains(&run) {
            wrong.push(format!("write {} is by {run}, who was overtaken before", our.number));
        }
        last = Some(run);
    }
    wrong
}

/// A process that held the target never writes over an edit that it cannot have seen, nor goes on after one of traffic.
pub(crate) fn never_over_an_edit(story: &Story) -> Vec<String> {
    let (mut wrong, mut last) = (vec![], None::<String>);
    for our in ours(story) {
        let run = our.write.who.run.clone();
        let object = our.write.before.as_deref();
        if let (Some(object), Some(before), true) = (object, &our.before, last == run) {
            let said = entries_of(&serde_json::to_value(&before.split).unwrap());
            if entries(object) != said {
                wrong.push(format!("write {} goes on after somebody moved traffic", our.number));
            }
        }
        // An edit in the very moment before the write was seen by nobody.
        let row = &story.log.writes;
        let blind = our.number.checked_sub(1).and_then(|i| row.get(i)).filter(|w| w.at == our.write.at);
        let spec = |w: &crate::sim::story::Write| w.before.as_ref().is_none_or(|b| b["spec"] != w.after["spec"]);
        if blind.is_some_and(|w| w.who.run.is_none() && spec(w)) {
            wrong.push(format!("write {} overwrites an edit that nobody can have seen", our.number));
        }
        last = run;
    }
    wrong
}

/// The record names the generation and the split of its own write.
pub(crate) fn record_is_true(story: &Story) -> Vec<String> {
    let mut wrong = vec![];
    for our in ours(story) {
        let generation = our.write.after["metadata"]["generation"].as_i64();
        if generation != Some(our.record.generation) {
            wrong.push(format!(
                "write {}: the record says generation {}, it is {generation:?}",
                our.number, our.record.generation
            ));
        }
        let (said, is) = (entries_of(&serde_json::to_value(&our.record.split).unwrap()), entries(&our.write.after));
        if said != is {
            wrong.push(format!("write {}: the record says {said:?}, it is {is:?}", our.number));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::check::fixture::walk;

    #[test]
    fn a_good_walk_passes() {
        assert_eq!(order(&walk().story()), Vec::<String>::new());
        assert_eq!(record_is_true(&walk().story()), Vec::<String>::new());
    }

    #[test]
    fn a_shared_epoch_is_seen() {
        let story = walk().split("w", &[("s1", 50), ("s2", 50)], |r| r.epoch -= 1).story();
        assert_eq!(order(&story).len(), 1);
    }

    #[test]
    fn a_writer_who_comes_back_is_seen() {
        let same = |f: crate::sim::check::fixture::Fixture, run: &str| f.split(run, &[("s1", 50), ("s2", 50)], |_| {});
        assert_eq!(order(&same(walk(), "x").story()), Vec::<String>::new(), "taking over is fine");
        assert_eq!(order(&same(same(walk(), "x"), "w").story()).len(), 1);
    }

    #[test]
    fn writing_over_an_edit_is_seen() {
        assert_eq!(never_over_an_edit(&walk().story()), Vec::<String>::new());
        let moved = |f: crate::sim::check::fixture::Fixture| {
            f.human(|o| o["spec"]["traffic"] = serde_json::json!([{"revisionName": "s1", "percent": 100}]))
        };
        let on = moved(walk()).split("w", &[("s1", 40), ("s2", 60)], |_| {}).story();
        assert_eq!(never_over_an_edit(&on).len(), 1);
        let later = || moved(walk()).split("x", &[("s1", 40), ("s2", 60)], |_| {}).story();
        assert_eq!(never_over_an_edit(&later()), Vec::<String>::new());
        let mut blind = later();
        blind.log.writes[4].at = blind.log.writes[3].at;
        assert_eq!(never_over_an_edit(&blind).len(), 1);
    }

    #[test]
    fn a_lying_record_is_seen() {
        let story = walk().split("w", &[("s1", 50), ("s2", 50)], |r| r.generation += 1).story();
        assert_eq!(record_is_true(&story).len(), 1);
        let story = walk()
            .split("w", &[("s1", 40), ("s2", 60)], |r| r.split = andante::model::split::Split::all_latest())
            .story();
        assert_eq!(record_is_true(&story).len(), 1);
    }
}
