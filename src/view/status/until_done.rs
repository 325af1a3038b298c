//! When a rollout that somebody watches is over.
//!
//! Decides which rollout is meant, and by which code it ended. It may use the status alone.

use super::Status;
use crate::machine::outcomes::LAST_WAIT;
use crate::model::name::RolloutId;
use crate::model::outcome::Code;
use crate::model::time::after;
use jiff::Timestamp;

/// Waits for the end of one rollout: the one that was named, else the one that is open, else the next one.
#[derive(Debug, Default)]
pub(crate) struct UntilDone {
    /// The rollout that was named.
    named: Option<RolloutId>,
    /// It was looked at once.
    looked: bool,
    /// The rollout that was over at the first look.
    before: Option<RolloutId>,
    /// How the one that was named ended, if that was seen.
    ended: Option<Code>,
    over_since: Option<Timestamp>,
}

impl UntilDone {
    /// Waits for this one, if one is named.
    pub(crate) fn new(named: Option<RolloutId>) -> Self {
        Self { named, ..Self::default() }
    }

    /// The code of the rollout that is meant, once it is over and served.
    pub(crate) fn look(&mut self, status: &Status, now: Timestamp) -> Option<Code> {
        let rollout = status.rollout.as_ref();
        if let Some(named) = &self.named
            && rollout.is_some_and(|r| r.id != *named)
        {
            // Its place was taken by another one.
            return Some(self.ended.unwrap_or(Code::Superseded));
        }
        if !std::mem::replace(&mut self.looked, true) {
            self.before = rollout.filter(|r| !r.open).map(|r| r.id.clone());
        }
        // A rollout that was over before is not the one that is waited for.
        let rollout = rollout.filter(|r| self.named.is_some() || Some(&r.id) != self.before.as_ref())?;
        if rollout.open {
            self.over_since = None;
            return None;
        }
        // A record that does not say how it ended must not count as a good end.
        let code = rollout.outcome.unwrap_or(Code::RolledBack);
        self.ended = Some(code);
        let since = *self.over_since.get_or_insert(now);
        (status.serving.served || now >= after(since, LAST_WAIT)).then_some(code)
    }

    /// True if no rollout is there yet that could end.
    pub(crate) fn waits_for_the_next(&self, status: &Status) -> bool {
        let id = status.rollout.as_ref().map(|rollout| &rollout.id);
        self.named.is_none() && (id.is_none() || id == self.before.as_ref())
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
        waiting.look(&explained(&with(record, 5), None), at(60))
    }

    #[test]
    fn the_one_that_was_over_before_is_not_meant() {
        let mut waiting = UntilDone::new(None);
        let before = over("r0", Code::Worse);
        assert_eq!(look(&mut waiting, &before), None);
        assert!(waiting.waits_for_the_next(&explained(&with(&before, 5), None)));
        assert_eq!(look(&mut waiting, &walking()), None);
        assert!(!waiting.waits_for_the_next(&explained(&with(&walking(), 5), None)));
        assert_eq!(look(&mut waiting, &over("r1", Code::Aborted)), Some(Code::Aborted));
        // The next one may begin and end between two looks.
        let mut waiting = UntilDone::new(None);
        assert_eq!(look(&mut waiting, &before), None);
        assert_eq!(look(&mut waiting, &over("r1", Code::Aborted)), Some(Code::Aborted));
    }

    #[test]
    fn without_any_the_first_one_is_waited_for() {
        let mut waiting = UntilDone::new(None);
        let none = explained(&service(json!({})), None);
        assert_eq!(waiting.look(&none, at(60)), None);
        assert!(waiting.waits_for_the_next(&none));
        assert_eq!(look(&mut waiting, &over("r1", Code::Aborted)), Some(Code::Aborted));
    }

    #[test]
    fn one_that_is_named_is_meant_also_when_it_is_over() {
        let named = || UntilDone::new(Some("r1".parse().unwrap()));
        assert_eq!(look(&mut named(), &over("r1", Code::Worse)), Some(Code::Worse));
        assert_eq!(look(&mut named(), &over("r2", Code::Worse)), Some(Code::Superseded));
        let mut waiting = named();
        let mut unserved = with(&over("r1", Code::Worse), 5);
        unserved["status"]["traffic"] = json!([{"revisionName": "hello-00001", "percent": 100}]);
        assert_eq!(waiting.look(&explained(&unserved, None), at(60)), None);
        assert_eq!(waiting.until(), Some(after(at(60), LAST_WAIT)));
        assert_eq!(look(&mut waiting, &over("r2", Code::Aborted)), Some(Code::Worse), "its end was seen");
    }
}
