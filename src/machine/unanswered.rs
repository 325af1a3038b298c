//! Last writes to which no answer came, and what the record of whoever wrote next shows of them.
//!
//! Decides when such a write counts as made (docs/protocol.md, rule 2). It may use the record and the world.

use crate::machine::world::World;
use crate::model::name::RevisionName;
use crate::model::outcome::Code;
use crate::rollout::record::{Phase, Record};

/// Ends of a rollout that this process wrote and heard nothing of, by the records that they leave; oldest first. One of them
/// may take effect late, after a second try.
#[derive(Debug, Clone, Default)]
pub(super) struct Unanswered(Vec<Record>);

impl Unanswered {
    /// No answer came to a write that leaves this record; `world` is what it was decided from. Only the end of a rollout is
    /// kept: whoever copies one (a note of their intent, the same split once more) has ended nothing.
    pub(super) fn note(&mut self, record: &Record, world: &World) {
        // Each end has a time of its own.
        let copies = |before: Record| (before.id, before.step_at) == (record.id.clone(), record.step_at);
        if !record.phase.is_open() && !world.record().and_then(Result::ok).is_some_and(copies) {
            self.0.push(record.clone());
        }
    }

    /// A record of this process's own stands, of this epoch: what came of the writes up to it is known.
    pub(super) fn known_to(&mut self, epoch: u64) {
        self.0.retain(|sent| sent.epoch > epoch);
    }

    /// The end that this record of another process shows to have been made.
    ///
    /// There is no proof, and so none is taken for made, where an end leaves nothing in a newer rollout's record: a way back
    /// that rejects nobody (no approval, a signal, `settle`), since that rollout begins from stable either way; a stop below the
    /// end; a way back that had room for the least record alone.
    pub(super) fn shown_by(&self, newer: &Record) -> Option<&Record> {
        // Each write raises the epoch, so a record of the same one was written in its place.
        let later = |sent: &&Record| newer.epoch > sent.epoch;
        self.0.iter().rev().filter(later).find(|sent| shows(newer, sent))
    }
}

fn shows(newer: &Record, sent: &Record) -> bool {
    if newer.id == sent.id {
        return newer.step_at == sent.step_at && (newer.phase, newer.outcome) == (sent.phase, sent.outcome);
    }
    remembers(newer, sent) || begins_from(newer, sent)
}

/// The newer record has the candidate among the rejected ones, with the reason and the moment of this very write.
fn remembers(newer: &Record, sent: &Record) -> bool {
    sent.rejected.iter().any(|rejected| rejected.at == sent.step_at && newer.rejected.contains(rejected))
}

/// The newer rollout began with everyone where this write was to bring them. Whoever takes an unfinished rollout over inherits
/// its stable, so as a rule nobody begins there unless the write was made. Where they do (told by `--stable`, or because stable
/// was gone or somebody else ended the rollout in the same way), users have the candidate all the same, and the end says no more
/// than that.
fn begins_from(newer: &Record, sent: &Record) -> bool {
    let Some(home) = left_on(sent).filter(|home| **home != sent.start.stable) else { return false };
    let had = newer.start.pinned().share(home);
    // One that ended below 100 % leaves its candidate beside stable.
    let there = newer.start.stable == *home || newer.start.beside() == Some(home);
    there && had == sent.split.pinned(home).share(home)
}

/// The candidate, if this end has everyone there whom stable had.
fn left_on(sent: &Record) -> Option<&RevisionName> {
    let there = sent.phase == Phase::Finished || sent.outcome == Some(Code::CouldNotRestore);
    sent.candidate.as_ref().filter(|_| there)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observed::{RECORD, Service};
    use crate::model::percent::Percent;
    use crate::model::split::Split;
    use crate::rollout::record::tests::record;
    use crate::rollout::splits::Start;
    use jiff::Timestamp;
    use serde_json::{Value, json};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn split(traffic: Value) -> Split {
        Split::from_json(Some(&traffic)).unwrap()
    }

    fn all(name: &str) -> Split {
        split(json!([{"revisionName": name, "percent": 100}]))
    }

    /// The walk that both ends below are of: at 100 %, epoch 7.
    fn walked() -> Record {
        let split = record().start.at(&"s2".parse().unwrap(), Percent::FULL, &record().tags);
        Record { phase: Phase::Baking, epoch: 7, step_at: at(60), split, ..record() }
    }

    fn finished(split: Split) -> Record {
        Record { phase: Phase::Finished, epoch: 8, step_at: at(90), outcome: Some(Code::Done), split, ..walked() }
    }

    fn back(code: Code) -> Record {
        let mut back = Record { phase: Phase::RolledBack, epoch: 8, step_at: at(90), outcome: Some(code), ..walked() };
        back.split = all("s1");
        if code.blames() {
            back.reject("probe failed", at(90));
        }
        back
    }

    /// Another run's rollout, which began on this record, from this start.
    fn newer(old: &Record, start: Start) -> Record {
        let (id, writer, step_at) = ("r2".parse().unwrap(), "another".to_owned(), at(95));
        let epoch = old.epoch + 1;
        Record {
            id,
            writer,
            epoch,
            step_at,
            start,
            phase: Phase::Staging,
            candidate: None,
            outcome: None,
            ..old.clone()
        }
    }

    fn from(split: Split, stable: &str) -> Start {
        Start::new(split, "s2".parse().unwrap(), Some(&stable.parse().unwrap())).unwrap()
    }

    fn world(record: &Record) -> World {
        let object = json!({"metadata": {"name": "s", "uid": "u", "generation": 2,
            "annotations": {RECORD: record.to_text().unwrap()}}});
        let mut world = World::default();
        world.see_service(Service::from_json(&object).unwrap());
        world
    }

    /// Whether `found` shows that this write was made, which was decided from the walk at 100 %.
    fn made(sent: &Record, found: &Record) -> bool {
        let mut unanswered = Unanswered::default();
        unanswered.note(sent, &world(&walked()));
        unanswered.shown_by(found).is_some()
    }

    #[test]
    fn a_finish_is_shown_by_who_begins_from_it() {
        for left in [Split::all_latest(), all("s2")] {
            let sent = finished(left.clone());
            assert!(made(&sent, &newer(&sent, from(left, "s2"))));
        }
    }

    #[test]
    fn a_finish_is_not_shown_by_who_takes_the_walk_over() {
        let sent = finished(Split::all_latest());
        let inherited = newer(&walked(), walked().start);
        assert!(!made(&sent, &inherited));
        assert!(!made(&sent, &Record { epoch: 12, ..inherited }), "however often it wrote");
        let in_its_place = newer(&walked(), from(all("s2"), "s2"));
        assert_eq!(in_its_place.epoch, sent.epoch);
        assert!(!made(&sent, &in_its_place), "each write has an epoch of its own");
        let half = split(json!([{"revisionName": "s1", "percent": 50}, {"revisionName": "s2", "percent": 50}]));
        assert!(!made(&sent, &newer(&sent, from(half, "s2"))), "half of them is not everyone");
    }

    #[test]
    fn an_end_that_leaves_everyone_on_stable_is_not_shown_by_who_begins_there() {
        let reverted = Record { reverts: true, candidate: Some("s1".parse().unwrap()), ..finished(all("s1")) };
        assert!(!made(&reverted, &newer(&walked(), walked().start)));
        assert!(!made(&reverted, &newer(&reverted, walked().start)));
    }

    #[test]
    fn a_way_back_is_shown_by_who_remembers_its_reason() {
        let sent = back(Code::RolledBack);
        let after = newer(&sent, sent.start.clone());
        assert!(made(&sent, &after));
        let mut elsewhere = after.clone();
        elsewhere.rejected[0].at = at(91);
        assert!(!made(&sent, &elsewhere), "somebody else rejected it");
        assert!(!made(&sent, &newer(&walked(), walked().start)));
    }

    #[test]
    fn a_way_back_that_rejects_nobody_leaves_no_proof() {
        let sent = back(Code::NotApproved);
        assert!(!made(&sent, &newer(&sent, sent.start.clone())));
    }

    #[test]
    fn with_stable_gone_everyone_is_on_the_candidate() {
        let sent = Record { split: all("s2"), rejected: vec![], ..back(Code::CouldNotRestore) };
        assert!(made(&sent, &newer(&sent, from(all("s2"), "s2"))));
    }

    #[test]
    fn the_same_end_with_somebodys_note_in_it_is_known_by_its_time() {
        let sent = back(Code::NotApproved);
        let noted = Record { writer: "another".into(), epoch: 9, intent: at(94), ..sent.clone() };
        assert!(made(&sent, &noted));
        assert!(!made(&sent, &Record { step_at: at(91), ..noted }), "another process ended it");
    }

    #[test]
    fn what_ends_nothing_is_not_kept() {
        let over = back(Code::RolledBack);
        let note = Record { writer: "w2".into(), epoch: 9, ..over.clone() };
        let mut unanswered = Unanswered::default();
        unanswered.note(&note, &world(&over));
        unanswered.note(&Record { phase: Phase::Held, ..note.clone() }, &World::default());
        assert!(unanswered.shown_by(&newer(&note, over.start.clone())).is_none());
    }

    #[test]
    fn what_stands_answers_for_the_tries_before_it() {
        let sent = back(Code::RolledBack);
        let found = newer(&sent, sent.start.clone());
        let mut unanswered = Unanswered::default();
        unanswered.note(&sent, &world(&walked()));
        unanswered.known_to(7);
        assert!(unanswered.shown_by(&found).is_some(), "it may come late");
        unanswered.known_to(8);
        assert!(unanswered.shown_by(&found).is_none());
    }
}
