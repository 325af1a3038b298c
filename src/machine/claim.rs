//! Whose turn it is when two want to write one target.
//!
//! Decides rule 2 (docs/protocol.md): take over, resume, wait or refuse. It may use the record and its owner; time and
//! liveness are arguments.

use crate::rollout::owner::OwnerKind;
use crate::rollout::owner::{Liveness, Owner};
use crate::rollout::record::Record;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What to do about a target that somebody else holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IfBusy {
    /// Wait until it is free.
    Wait,
    /// Give up at once.
    Fail,
    /// Take it over if our intent is newer.
    Supersede,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// Who it is.
    pub owner: Owner,
    /// When its run began.
    pub intent: Timestamp,
    /// What to do when somebody else holds the target.
    pub if_busy: IfBusy,
    /// Go ahead although a newer run was here (`--force`).
    pub force: bool,
}

/// The answer to "may I?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Nobody holds the target: begin.
    Free,
    /// The record is ours, or its owner rests with an open rollout: go on with it.
    Resume,
    /// An unfinished rollout of somebody who cannot or shall not act any more: inherit it.
    TakeOver,
    /// A newer run was here, or holds it.
    Superseded,
    /// Somebody holds it and the policy is to give up.
    Busy,
    /// Somebody holds it and the policy is to wait.
    Wait,
}

/// True if the owner of an open rollout can no longer act: its run is done or gone, or its own deadline has passed.
pub fn is_dead(record: &Record, alive: Liveness, now: Timestamp) -> bool {
    matches!(alive, Liveness::Done | Liveness::Gone) || now >= record.deadline
}

/// Decides whether `asker` may act on a target with this record. `by_goal`: it works for the goal that is declared now, and the
/// record is of another one, so that no times are compared. `alive` is about the record's owner.
pub fn claim(record: Option<&Record>, asker: &Asker, by_goal: bool, alive: Liveness, now: Timestamp) -> Claim {
    let Some(record) = record else { return Claim::Free };
    if record.owner.uid == asker.owner.uid && record.owner.kind == asker.owner.kind {
        return if record.phase.is_open() { Claim::Resume } else { Claim::Free };
    }
    // The newest intent stays in the record after the end, so that an older run that arrives later knows.
    if asker.intent < record.intent && !asker.force && !by_goal {
        return Claim::Superseded;
    }
    if !record.phase.is_open() {
        return Claim::Free;
    }
    // A person who staged, held or pressed Ctrl-C has left the terminal, so the next asker goes on.
    let rests = record.rests() && record.owner.kind == OwnerKind::Person;
    if rests || is_dead(record, alive, now) || asker.force {
        return Claim::TakeOver;
    }
    match asker.if_busy {
        IfBusy::Wait => Claim::Wait,
        IfBusy::Fail => Claim::Busy,
        IfBusy::Supersede if by_goal || asker.intent > record.intent => Claim::TakeOver,
        // Two runs may well have begun in the same second, which is as fine as Kubernetes tells it: the holder keeps
        // the target.
        IfBusy::Supersede => Claim::Superseded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Code;
    use crate::rollout::owner::OwnerKind;
    use crate::rollout::record::Phase;
    use crate::rollout::record::tests::record;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn asker(uid: &str, intent: i64, if_busy: IfBusy) -> Asker {
        let owner = Owner { kind: OwnerKind::PipelineRun, name: format!("ns/{uid}"), uid: uid.into() };
        Asker { owner, intent: at(intent), if_busy, force: false }
    }

    /// A record of run `a` with intent 100 and deadline 1000.
    fn held(phase: Phase) -> Record {
        let mut record = record();
        record.owner = asker("a", 0, IfBusy::Fail).owner;
        record.intent = at(100);
        record.deadline = at(1000);
        record.phase = phase;
        record
    }

    #[test]
    fn rule_2_line_by_line() {
        use Claim::{Busy, Free, Resume, Superseded, TakeOver, Wait};
        use IfBusy::Fail;
        use Liveness::{Done, Gone, Running, Unknown};
        use Phase::{Finished, Held, RolledBack, Walking};
        let cases = [
            ("the same run goes on", Walking, "a", 100, Fail, Running, 500, Resume),
            ("the same run begins anew after its end", Finished, "a", 100, Fail, Running, 500, Free),
            ("newer supersedes", Walking, "b", 200, IfBusy::Supersede, Running, 500, TakeOver),
            ("older is superseded", Walking, "b", 50, IfBusy::Supersede, Running, 500, Superseded),
            ("older is superseded after the end too", Finished, "b", 50, Fail, Done, 500, Superseded),
            ("older is superseded after a rollback too", RolledBack, "b", 50, Fail, Done, 500, Superseded),
            ("equal times: who holds it keeps it", Walking, "b", 100, IfBusy::Supersede, Running, 500, Superseded),
            ("newer fails by policy", Walking, "b", 200, Fail, Running, 500, Busy),
            ("newer waits by policy", Walking, "b", 200, IfBusy::Wait, Running, 500, Wait),
            ("a dead owner is inherited", Walking, "b", 200, Fail, Done, 500, TakeOver),
            ("so is one whose run was pruned", Walking, "b", 200, Fail, Gone, 500, TakeOver),
            ("unknown is alive until the deadline", Walking, "b", 200, Fail, Unknown, 999, Busy),
            ("and dead from then on", Walking, "b", 200, Fail, Unknown, 1000, TakeOver),
            ("a run that holds is still busy", Held, "b", 200, Fail, Running, 500, Busy),
            ("after the end anybody newer begins", Finished, "b", 200, Fail, Unknown, 500, Free),
        ];
        for (what, phase, uid, intent, policy, alive, now, expected) in cases {
            let claim = claim(Some(&held(phase)), &asker(uid, intent, policy), false, alive, at(now));
            assert_eq!(claim, expected, "{what}");
        }
        assert_eq!(claim(None, &asker("b", 1, Fail), false, Unknown, at(5)), Free);
    }

    #[test]
    fn force_goes_ahead() {
        let mut older = asker("b", 50, IfBusy::Fail);
        older.force = true;
        assert_eq!(claim(Some(&held(Phase::Walking)), &older, false, Liveness::Running, at(500)), Claim::TakeOver);
        assert_eq!(claim(Some(&held(Phase::Finished)), &older, false, Liveness::Done, at(500)), Claim::Free);
    }

    /// A policy that says what to do about somebody who is at it stands, whatever is declared.
    #[test]
    fn the_present_goal_goes_before_another_one_whatever_the_times() {
        for (phase, intent, policy, expected) in [
            (Phase::Walking, 50, IfBusy::Supersede, Claim::TakeOver),
            (Phase::Walking, 100, IfBusy::Supersede, Claim::TakeOver),
            (Phase::Finished, 50, IfBusy::Supersede, Claim::Free),
            (Phase::RolledBack, 50, IfBusy::Fail, Claim::Free),
            (Phase::Walking, 50, IfBusy::Wait, Claim::Wait),
            (Phase::Walking, 50, IfBusy::Fail, Claim::Busy),
        ] {
            let claim = claim(Some(&held(phase)), &asker("b", intent, policy), true, Liveness::Running, at(500));
            assert_eq!(claim, expected, "{phase:?} {intent} {policy:?}");
        }
    }

    #[test]
    fn a_person_at_rest_lets_the_next_one_go_on() {
        let mut record = held(Phase::Staged);
        record.owner.kind = OwnerKind::Person;
        assert_eq!(
            claim(Some(&record), &asker("b", 200, IfBusy::Fail), false, Liveness::Unknown, at(500)),
            Claim::TakeOver
        );
        for open in [Phase::Walking, Phase::Staging] {
            record.phase = open;
            assert_eq!(
                claim(Some(&record), &asker("b", 200, IfBusy::Fail), false, Liveness::Unknown, at(500)),
                Claim::Busy
            );
        }
        // Whoever pressed Ctrl-C has left as well, also in the middle of staging.
        record.outcome = Some(Code::Interrupted);
        for stopped in [Phase::Staging, Phase::Held, Phase::Interrupted] {
            record.phase = stopped;
            let newer = asker("b", 200, IfBusy::Fail);
            assert_eq!(claim(Some(&record), &newer, false, Liveness::Unknown, at(500)), Claim::TakeOver, "{stopped:?}");
        }
    }
}
