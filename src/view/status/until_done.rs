//! When a rollout that somebody watches is over.
//!
//! Decides which rollout is meant, and by which code it ended.

use super::Status;
use crate::machine::outcomes::LAST_WAIT;
use crate::model::name::RolloutId;
use crate::model::outcome::Code;
use crate::model::time::after;
use crate::rollout::record::EditOf;
use jiff::Timestamp;

/// Waits for the end of one rollout: the one that was named, else the one that is open, else the next one.
#[derive(Debug, Default)]
pub(crate) struct UntilDone {
    /// The rollout that is meant, from its name or from when it was first seen on.
    meant: Option<RolloutId>,
    /// It was seen.
    seen: bool,
    /// The Service was looked at once.
    looked: bool,
    /// The rollout that was over at the first look.
    before: Option<RolloutId>,
    /// How the one that is meant ended, if that was seen.
    ended: Option<Code>,
    over_since: Option<Timestamp>,
}

/// The end of what was watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WatchEnd {
    /// The rollout's own code, or what became of it.
    pub code: Code,
    /// What became of it, where no end of its own was seen.
    pub why: Option<String>,
}

impl WatchEnd {
    fn own(code: Code) -> Self {
        Self { code, why: None }
    }

    fn other(code: Code, why: String) -> Self {
        Self { code, why: Some(why) }
    }
}

impl UntilDone {
    /// Waits for this one, if one is named.
    pub(crate) fn new(named: Option<RolloutId>) -> Self {
        Self { meant: named, ..Self::default() }
    }

    /// The end of the rollout that is meant, once it is over and served, or can end here no more.
    pub(crate) fn look(&mut self, status: &Status, now: Timestamp) -> Option<WatchEnd> {
        let rollout = status.rollout.as_ref();
        if !std::mem::replace(&mut self.looked, true) {
            self.before = rollout.filter(|r| !r.open).map(|r| r.id.clone());
        }
        if self.meant.is_none() {
            // A rollout that was over before is not the one that is waited for.
            self.meant = rollout.map(|r| r.id.clone()).filter(|id| Some(id) != self.before.as_ref());
        }
        let meant = self.meant.clone()?;
        let Some(rollout) = rollout.filter(|r| r.id == meant) else { return self.missing(&meant, status) };
        self.seen = true;
        if rollout.edit.as_ref().is_some_and(|edit| edit.of == EditOf::Service) {
            let why =
                format!("{} was made anew with the record of rollout {meant}: nobody goes on with it", status.service);
            return Some(WatchEnd::other(Code::RecordLost, why));
        }
        if rollout.open {
            self.over_since = None;
            return None;
        }
        // A record that does not say how it ended must not count as a good end.
        let code = rollout.outcome.unwrap_or(Code::RolledBack);
        self.ended = Some(code);
        let since = *self.over_since.get_or_insert(now);
        (status.serving.served || now >= after(since, LAST_WAIT)).then(|| WatchEnd::own(code))
    }

    /// What it means that the Service has no record of this rollout.
    fn missing(&self, meant: &RolloutId, status: &Status) -> Option<WatchEnd> {
        if let Some(code) = self.ended {
            return Some(WatchEnd::own(code));
        }
        let service = &status.service;
        match &status.rollout {
            Some(other) if self.seen => {
                let why = format!("rollout {} took the place of {meant} on {service}", other.id);
                Some(WatchEnd::other(Code::Superseded, why))
            }
            Some(other) => {
                let why = format!(
                    "{service} has the record of rollout {} and none of {meant}: another one took its place, or none was \
                     ever called so",
                    other.id
                );
                Some(WatchEnd::other(Code::Superseded, why))
            }
            None if self.seen => {
                let how = if status.unreadable.is_some() { "cannot be read any more" } else { "was removed" };
                let why = format!("the record of rollout {meant} on {service} {how}: how it ends is not told here");
                Some(WatchEnd::other(Code::RecordLost, why))
            }
            None => None,
        }
    }

    /// What is waited for as long as there is no rollout that could end.
    pub(crate) fn waits_for(&self, status: &Status) -> Option<String> {
        let service = &status.service;
        match &self.meant {
            Some(_) if self.seen || status.rollout.is_some() => None,
            Some(named) => Some(format!("there is no record of a rollout on {service}; rollout {named} is waited for")),
            None => Some(format!("no rollout is open on {service}; the next one is waited for")),
        }
    }

    /// Until when an end is waited for to be served.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.over_since.map(|since| after(since, LAST_WAIT))
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{at, explained, service, walking, with};
    use super::*;
    use crate::rollout::record::{Phase, Record};
    use serde_json::json;

    fn over(id: &str, code: Code) -> Record {
        let (phase, outcome) = (Phase::RolledBack, Some(code));
        Record { id: id.parse().unwrap(), phase, outcome, ..walking() }
    }

    fn look(waiting: &mut UntilDone, record: &Record) -> Option<Code> {
        waiting.look(&explained(&with(record, 5), None), at(60)).map(|end| end.code)
    }

    /// The code and the sentence of an end that is not the rollout's own.
    fn other(end: Option<WatchEnd>) -> (Code, String) {
        let end = end.unwrap();
        (end.code, end.why.unwrap())
    }

    fn nothing() -> Status {
        explained(&service(json!({})), None)
    }

    #[test]
    fn the_one_that_was_over_before_is_not_meant() {
        let mut waiting = UntilDone::new(None);
        let before = over("r0", Code::Worse);
        assert_eq!(look(&mut waiting, &before), None);
        let waits = waiting.waits_for(&explained(&with(&before, 5), None)).unwrap();
        assert_eq!(waits, "no rollout is open on hello; the next one is waited for");
        assert_eq!(look(&mut waiting, &walking()), None);
        assert_eq!(waiting.waits_for(&explained(&with(&walking(), 5), None)), None);
        assert_eq!(look(&mut waiting, &over("r1", Code::Aborted)), Some(Code::Aborted));
        // The next one may begin and end between two looks.
        let mut waiting = UntilDone::new(None);
        assert_eq!(look(&mut waiting, &before), None);
        assert_eq!(look(&mut waiting, &over("r1", Code::Aborted)), Some(Code::Aborted));
    }

    #[test]
    fn without_any_the_first_one_is_waited_for() {
        let mut waiting = UntilDone::new(None);
        assert_eq!(waiting.look(&nothing(), at(60)), None);
        assert!(waiting.waits_for(&nothing()).is_some());
        assert_eq!(look(&mut waiting, &over("r1", Code::Aborted)), Some(Code::Aborted));
    }

    #[test]
    fn the_one_that_was_open_is_meant_whoever_comes_after_it() {
        for after in [over("r2", Code::Done), Record { id: "r2".parse().unwrap(), ..walking() }] {
            let mut waiting = UntilDone::new(None);
            assert_eq!(look(&mut waiting, &walking()), None);
            let end = other(waiting.look(&explained(&with(&after, 5), None), at(60)));
            assert_eq!(end, (Code::Superseded, "rollout r2 took the place of r1 on hello".to_owned()));
        }
    }

    #[test]
    fn one_that_is_named_is_meant_also_when_it_is_over() {
        let named = || UntilDone::new(Some("r1".parse().unwrap()));
        assert_eq!(look(&mut named(), &over("r1", Code::Worse)), Some(Code::Worse));
        let mut waiting = named();
        let mut unserved = with(&over("r1", Code::Worse), 5);
        unserved["status"]["traffic"] = json!([{"revisionName": "hello-00001", "percent": 100}]);
        assert_eq!(waiting.look(&explained(&unserved, None), at(60)), None);
        assert_eq!(waiting.until(), Some(after(at(60), LAST_WAIT)));
        assert_eq!(look(&mut waiting, &over("r2", Code::Aborted)), Some(Code::Worse), "its end was seen");
    }

    #[test]
    fn a_name_that_is_not_there_is_said() {
        let mut waiting = UntilDone::new(Some("r7".parse().unwrap()));
        assert_eq!(waiting.look(&nothing(), at(60)), None);
        let waits = waiting.waits_for(&nothing()).unwrap();
        assert_eq!(waits, "there is no record of a rollout on hello; rollout r7 is waited for");
        let (code, why) = other(waiting.look(&explained(&with(&walking(), 5), None), at(60)));
        assert_eq!(code, Code::Superseded);
        assert!(
            why.starts_with("hello has the record of rollout r1 and none of r7: another one took its place"),
            "{why}"
        );
    }

    #[test]
    fn a_record_that_is_lost_in_mid_watch_ends_it() {
        for named in [None, Some("r1".parse().unwrap())] {
            let garbled = explained(&service(json!({"andante.dev/rollout": "{}"})), None);
            let anew = explained(&with(&walking(), 1), None);
            for (status, how) in [(nothing(), "was removed"), (garbled, "cannot be read"), (anew, "was made anew")] {
                let mut waiting = UntilDone::new(named.clone());
                assert_eq!(look(&mut waiting, &walking()), None);
                let (code, why) = other(waiting.look(&status, at(60)));
                assert!(code == Code::RecordLost && why.contains(how), "{code:?}: {why}");
            }
            // One that had ended has told how.
            let mut waiting = UntilDone::new(named);
            assert_eq!(look(&mut waiting, &walking()), None);
            let mut unserved = with(&over("r1", Code::Worse), 5);
            unserved["status"]["traffic"] = json!([]);
            assert_eq!(waiting.look(&explained(&unserved, None), at(60)), None);
            assert_eq!(waiting.look(&nothing(), at(61)), Some(WatchEnd::own(Code::Worse)));
        }
    }
}
