//! How much of the candidate is written, and how much of it users meet.

use super::{Entry, closed, could_not, entries, ours, part, share, started, whole};
use crate::sim::story::Story;
use andante::rollout::record::{Phase, Record};
use std::collections::{BTreeMap, BTreeSet};

/// Every accepted split and everything that users got sums to 100.
pub(crate) fn sums(story: &Story) -> Vec<String> {
    let mut wrong = vec![];
    for write in story.writes() {
        let sum: i64 = entries(&write.after).iter().map(|e| e.percent).sum();
        if sum != 100 {
            wrong.push(format!("a write at {:?} sums to {sum}", write.at));
        }
    }
    for served in story.served().filter(|s| !s.split.is_empty()) {
        let sum: i64 = served.split.iter().map(|(_, p)| p).sum();
        if sum != 100 {
            wrong.push(format!("users get {sum} % at {:?}", served.at));
        }
    }
    wrong
}

/// What the owner's other entries give the candidate, whatever we do.
fn given(record: &Record, candidate: &str) -> i64 {
    let (list, main) = started(record);
    let others: Vec<Entry> = list.iter().enumerate().filter(|(i, _)| *i != main).map(|(_, e)| e.clone()).collect();
    share(&others, candidate, Some(record.start.latest.as_str()))
}

/// The most that the record's own state allows the candidate, without what others give it.
pub(crate) fn allowed(record: &Record) -> i64 {
    let whole = whole(record);
    match record.phase {
        Phase::Staging | Phase::Staged => 0,
        Phase::Walking | Phase::Baking | Phase::Held => {
            let step = record.plan.as_ref().and_then(|p| p.step(record.step));
            step.map_or(0, |s| part(whole, i64::from(s.percent)))
        }
        Phase::Finished => whole,
        Phase::RolledBack | Phase::Interrupted if could_not(record) => whole,
        // Where the candidate is what users were on before, it keeps that.
        Phase::RolledBack | Phase::Interrupted => {
            let same = record.candidate.as_ref() == Some(&record.start.stable);
            if same { whole } else { 0 }
        }
    }
}

/// Each write gives the candidate just what the record's step allows at most. Whoever takes over by another plan begins below
/// what users have, and leaves them there.
pub(crate) fn written(story: &Story) -> Vec<String> {
    let mut wrong = vec![];
    for our in ours(story) {
        let Some(candidate) = our.record.candidate.as_ref().map(andante::model::name::RevisionName::as_str) else {
            continue;
        };
        if closed(&our.record) {
            continue;
        }
        let latest = (our.record.phase == Phase::Finished).then_some(candidate);
        let got = share(&entries(&our.write.after), candidate, latest);
        let most = allowed(&our.record) + given(&our.record, candidate);
        let had = our.write.before.as_deref().map_or(0, |before| share(&entries(before), candidate, None));
        // Between two steps of its plan, where it found them.
        let next = our.record.plan.as_ref().and_then(|plan| plan.step(our.record.step + 1));
        let between = next.is_some_and(|next| got < part(whole(&our.record), i64::from(next.percent)));
        if got > most && !(got == had && between) {
            let at = our.number;
            wrong.push(format!("write {at} gives {candidate} {got} %, its record allows {most} %"));
        }
    }
    wrong
}

/// At every moment users meet at most what was allowed by the highest write so far.
pub(crate) fn met(story: &Story) -> Vec<String> {
    let (mut wrong, mut most) = (vec![], BTreeMap::<String, i64>::new());
    let mut writes = story.writes().iter().peekable();
    let mut candidates = BTreeSet::<String>::new();
    let raise = |most: &mut BTreeMap<String, i64>, name: &str, percent: i64| {
        let now = most.entry(name.to_owned()).or_default();
        *now = percent.max(*now);
    };
    let followed = story.writes().first().and_then(|w| w.before.as_deref()).map(entries).unwrap_or_default();
    let free = followed.iter().any(|e| e.name.is_none() && e.percent > 0);
    let first = story.served().next().map(|s| s.split.clone()).unwrap_or_default();
    for (name, percent) in first {
        raise(&mut most, &name, percent);
    }
    for served in story.served() {
        while let Some(write) = writes.next_if(|w| w.at <= served.at) {
            let record = super::record(&write.after).filter(|_| write.who.run.is_some());
            let list = entries(&write.after);
            if let Some(record) = record {
                if let Some(name) = record.candidate.as_ref().map(andante::model::name::RevisionName::as_str) {
                    candidates.insert(name.to_owned());
                    raise(&mut most, name, allowed(&record) + given(&record, name));
                }
                // Others than the candidate get what the split says.
                for name in list.iter().filter_map(|e| e.name.clone()) {
                    if record.candidate.as_ref().is_none_or(|c| c.as_str() != name) {
                        raise(&mut most, &name, share(&list, &name, None));
                    }
                }
            } else {
                for name in list.iter().filter_map(|e| e.name.clone()) {
                    raise(&mut most, &name, share(&list, &name, None));
                }
                if list.iter().any(|e| e.name.is_none() && e.percent > 0) {
                    write.truth.ready.iter().for_each(|name| raise(&mut most, name, 100));
                    candidates.clear();
                }
            }
        }
        for (name, percent) in served.split.iter().filter(|(name, _)| candidates.contains(name)) {
            let limit = most.get(name).copied().unwrap_or(0);
            if *percent > limit && !(free && limit == 0 && candidates.is_empty()) {
                wrong.push(format!("users get {percent} % of {name} at {:?}, {limit} % was allowed", served.at));
            }
        }
    }
    wrong
}

/// Once a rollout has gone back, none of its later writes gives the candidate anything.
pub(crate) fn never_up_again(story: &Story) -> Vec<String> {
    let (mut wrong, mut back) = (vec![], BTreeMap::<String, (usize, String)>::new());
    for our in ours(story) {
        let id = our.record.id.to_string();
        let candidate = our.record.candidate.as_ref().map(|c| c.as_str().to_owned());
        if let Some((since, name)) = back.get(&id) {
            let before = our.write.before.as_deref().map(entries).unwrap_or_default();
            let (was, is) = (share(&before, name, None), share(&entries(&our.write.after), name, None));
            if is > was {
                wrong.push(format!(
                    "write {} raises {name} from {was} % to {is} %, write {since} went back",
                    our.number
                ));
            }
        }
        if let (Phase::RolledBack, false, Some(name)) = (our.record.phase, could_not(&our.record), candidate) {
            back.entry(id).or_insert((our.number, name));
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
    fn a_good_walk_passes() {
        let story = walk().story();
        for rule in [sums, written, met, never_up_again] {
            assert_eq!(rule(&story), Vec::<String>::new());
        }
    }

    #[test]
    fn a_wrong_sum_is_seen() {
        let story = Fixture::plain().write("w", json!([{"revisionName": "s1", "percent": 90}]), |_| {}).story();
        assert_eq!(sums(&story).len(), 1);
        let story = Fixture::plain().serve(&[("s1", 99)]).story();
        assert_eq!(sums(&story).len(), 1);
    }

    #[test]
    fn more_than_the_step_is_seen() {
        let story = walk().split("w", &[("s1", 40), ("s2", 60)], |r| r.phase = Phase::Walking).story();
        assert_eq!(written(&story).len(), 1, "step 2 of 50 % allows 50");
    }

    #[test]
    fn what_users_meet_too_early_is_seen() {
        let story = walk().serve(&[("s1", 40), ("s2", 60)]).story();
        assert_eq!(met(&story).len(), 1);
    }

    #[test]
    fn rising_again_is_seen() {
        let story = walk()
            .split("w", &[("s1", 100), ("s2", 0)], |r| r.phase = Phase::RolledBack)
            .split("w", &[("s1", 90), ("s2", 10)], |r| r.phase = Phase::Walking)
            .story();
        assert_eq!(never_up_again(&story).len(), 1);
    }
}
