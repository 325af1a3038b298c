//! The candidate's health while users are on it (docs/protocol.md, rule 11).
//!
//! Decides whether a fault is believed: it must last for a grace, because a Revision that failed may become Ready again
//! by itself. It may use observed revisions, and remembers since when something was wrong.

use crate::model::observed::Revision;
use crate::model::ready::{Pods, pods};
use crate::model::time::after;
use jiff::Timestamp;
use std::time::Duration;

/// How the candidate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Health {
    /// Up, asleep, or not ill for long enough to be believed.
    Fine,
    /// Ill for longer than the grace; the reason.
    Failing(String),
}

/// How long a cold start may take before it counts as a fault, where the grace is shorter: pulls, a runtime that starts slowly.
const WAKE_GRACE: Duration = Duration::from_secs(60);

/// Watches one revision.
#[derive(Debug, Clone)]
pub(super) struct Watcher {
    grace: Duration,
    since: Option<Timestamp>,
    moment: Option<Timestamp>,
    /// It slept when it was last seen well: its next pods are a start and no recovery.
    asleep: bool,
    /// It lost pods that it had, and has none back yet.
    lost: bool,
    /// When it last had pods again after it had lost them.
    back: Option<Timestamp>,
}

impl Watcher {
    /// A watcher that believes a fault after `grace`.
    pub(super) fn new(grace: Duration) -> Self {
        Self { grace, since: None, moment: None, asleep: false, lost: false, back: None }
    }

    /// Judges what is seen now. `waking`: we made it start from zero ourselves. A start takes longer than a recovery may, whoever
    /// caused it, so what slept gets the longer grace in any case.
    pub(super) fn judge(&mut self, revision: Option<&Revision>, waking: bool, now: Timestamp) -> Health {
        let state = revision.map(pods);
        let asleep = state == Some(Pods::Asleep);
        let trouble = match revision.zip(state) {
            None => Some("it was deleted".to_owned()),
            Some((revision, state)) => match state {
                Pods::Up | Pods::Asleep => None,
                // Some of its pods are there and serve: the autoscaler is at work, or there is no room for more.
                Pods::Coming(_) | Pods::NoRoom(_) if revision.actual > 0 => None,
                Pods::Coming(why) | Pods::NoRoom(why) | Pods::Down(why) => Some(why),
            },
        };
        let Some(why) = trouble else {
            if std::mem::take(&mut self.lost) {
                self.back = Some(now);
            }
            (self.since, self.moment, self.asleep) = (None, None, asleep);
            return Health::Fine;
        };
        self.lost |= !self.asleep && !waking;
        let grace = if waking || self.asleep { self.grace.max(WAKE_GRACE) } else { self.grace };
        let until = after(*self.since.get_or_insert(now), grace);
        self.moment = Some(until);
        // A deleted revision does not come back.
        if revision.is_none() || now >= until { Health::Failing(why) } else { Health::Fine }
    }

    /// A cold start that we caused is over: what is wrong counts from now.
    pub(super) fn restart(&mut self, now: Timestamp) {
        if self.since.is_some() {
            self.since = Some(now);
        }
    }

    /// What was seen is explained by something else.
    pub(super) fn excuse(&mut self) {
        (self.since, self.moment) = (None, None);
    }

    /// When the candidate last came back after it had lost its pods: what was seen of it before is of no use for a step.
    pub(super) fn back(&self) -> Option<Timestamp> {
        self.back
    }

    /// True while something is wrong that is not believed yet: no moment to send anybody more there.
    pub(super) fn is_ill(&self) -> bool {
        self.since.is_some()
    }

    /// When to judge again without news.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.moment.filter(|moment| *moment > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn revision(actual: i64, desired: i64, active: &str) -> Revision {
        Revision::from_json(&json!({
            "metadata": {"name": "r"},
            "status": {"actualReplicas": actual, "desiredReplicas": desired, "conditions": [
                {"type": "Ready", "status": "True"}, {"type": "Active", "status": active, "reason": "Queued"}]}
        }))
        .unwrap()
    }

    fn asleep() -> Revision {
        Revision::from_json(&json!({"metadata": {"name": "r"}, "status": {"actualReplicas": 0,
            "desiredReplicas": 0, "conditions": [{"type": "Ready", "status": "True"},
            {"type": "Active", "status": "False", "reason": "NoTraffic"}]}}))
        .unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_fault_must_last_and_a_recovery_forgives_it() {
        let (up, down) = (revision(1, 1, "True"), revision(0, 1, "Unknown"));
        let mut watcher = Watcher::new(Duration::from_secs(10));
        assert_eq!(watcher.judge(Some(&down), false, at(0)), Health::Fine);
        assert_eq!(watcher.next(at(0)), Some(at(10)));
        assert_eq!(watcher.judge(Some(&down), false, at(9)), Health::Fine);
        assert_eq!(watcher.judge(Some(&up), false, at(9)), Health::Fine);
        assert_eq!(watcher.judge(Some(&down), false, at(12)), Health::Fine);
        assert!(matches!(watcher.judge(Some(&down), false, at(22)), Health::Failing(_)));
    }

    #[test]
    fn a_start_from_zero_takes_longer_than_a_recovery_may() {
        let (up, down) = (revision(1, 1, "True"), revision(0, 2, "Unknown"));
        let mut watcher = Watcher::new(Duration::from_secs(10));
        watcher.judge(Some(&asleep()), false, at(0));
        assert_eq!(watcher.judge(Some(&down), false, at(1)), Health::Fine);
        assert_eq!(watcher.judge(Some(&down), false, at(60)), Health::Fine, "whoever woke it");
        assert!(matches!(watcher.judge(Some(&down), false, at(61)), Health::Failing(_)), "it never came");
        watcher.judge(Some(&up), false, at(62));
        watcher.judge(Some(&down), false, at(63));
        assert!(matches!(watcher.judge(Some(&down), false, at(73)), Health::Failing(_)), "and lost them later");
    }

    #[test]
    fn who_serves_and_has_no_room_for_more_is_not_ill() {
        let with = |actual: i64| {
            let full =
                json!({"type": "Ready", "status": "False", "reason": "FailedCreate", "message": "webhook is down"});
            let status = json!({"actualReplicas": actual, "desiredReplicas": 4, "conditions": [full]});
            Revision::from_json(&json!({"metadata": {"name": "r"}, "status": status})).unwrap()
        };
        let mut watcher = Watcher::new(Duration::from_secs(10));
        watcher.judge(Some(&with(1)), false, at(0));
        assert_eq!(watcher.judge(Some(&with(1)), false, at(60)), Health::Fine);
        assert!(!watcher.is_ill());
        watcher.judge(Some(&with(0)), false, at(61));
        assert!(matches!(watcher.judge(Some(&with(0)), false, at(71)), Health::Failing(_)));
    }

    #[test]
    fn pods_that_were_lost_come_back_and_those_of_a_sleeper_only_start() {
        let (up, down) = (revision(1, 1, "True"), revision(0, 1, "Unknown"));
        let asleep = asleep();
        let mut watcher = Watcher::new(Duration::from_secs(10));
        for (second, seen, back) in [
            (0, &up, None),
            (1, &down, None),
            (3, &up, Some(3)),
            (4, &up, Some(3)),
            (5, &asleep, Some(3)),
            (6, &down, Some(3)),
            (8, &up, Some(3)),
            (9, &down, Some(3)),
            (10, &asleep, Some(10)),
        ] {
            watcher.judge(Some(seen), false, at(second));
            assert_eq!(watcher.back(), back.map(at), "at {second} s");
        }
    }

    #[test]
    fn waking_may_take_longer_and_deletion_is_believed_at_once() {
        let mut watcher = Watcher::new(Duration::from_secs(10));
        let down = revision(0, 1, "Unknown");
        assert_eq!(watcher.judge(Some(&down), true, at(0)), Health::Fine);
        assert_eq!(watcher.judge(Some(&down), true, at(59)), Health::Fine);
        assert!(matches!(watcher.judge(Some(&down), true, at(60)), Health::Failing(_)));
        assert!(matches!(watcher.judge(None, false, at(61)), Health::Failing(_)));
    }
}
