//! Who holds a rollout, and whether they can still act.
//!
//! Decides it by the rule that claims follow (docs/protocol.md, rule 2), in more words. It may use the record and
//! ownership.

use crate::rollout::owner::{Liveness, OwnerKind};
use crate::rollout::record::Record;
use jiff::Timestamp;
use serde::Serialize;

/// Whether the owner can still act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Life {
    /// Its run runs.
    Running,
    /// Its deadline has not passed; more is not known.
    Presumed,
    /// It has done its part (staged, held) or was stopped by a signal, and left; the next one to come goes on.
    Resting,
    /// Its run is done.
    Done,
    /// Its run's object is gone (pruned, deleted, of another cluster). Its pod may still be at work, so whether anybody acts
    /// is not known; whoever comes next takes over.
    Gone,
    /// Its own deadline has passed: it counts as dead.
    Overdue,
    /// The rollout is over.
    Over,
}

impl Life {
    /// True if nobody acts on the rollout any more although it is open.
    pub(crate) fn is_dead(self) -> bool {
        matches!(self, Self::Done | Self::Overdue)
    }
}

/// Who holds a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Holder {
    /// What it is.
    pub kind: OwnerKind,
    /// `namespace/name` of a run, or a person's name.
    pub name: String,
    /// The run's uid.
    pub uid: String,
    /// When the newest run that was here began.
    pub intent: Timestamp,
    /// When it is to be held for dead.
    pub deadline: Timestamp,
    /// Whether it can still act.
    pub life: Life,
}

/// Whether the owner of a record can still act.
pub(crate) fn life(record: &Record, alive: Liveness, now: Timestamp) -> Life {
    match alive {
        _ if !record.phase.is_open() => Life::Over,
        _ if record.rests() && record.owner.kind == OwnerKind::Person => Life::Resting,
        Liveness::Done => Life::Done,
        _ if now >= record.deadline => Life::Overdue,
        Liveness::Gone => Life::Gone,
        Liveness::Running => Life::Running,
        Liveness::Unknown => Life::Presumed,
    }
}

/// Why nobody acts any more.
pub(crate) fn dead_words(life: Life) -> &'static str {
    match life {
        Life::Done => "the run that holds it is done",
        _ => "its deadline has passed, so the owner counts as dead and the split stays as it is",
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{at, walking};
    use super::*;
    use crate::rollout::owner::Owner;
    use crate::rollout::record::Phase;

    #[test]
    fn an_owner_is_dead_when_its_run_is_done_or_its_deadline_passed() {
        let mut record = walking();
        for (phase, kind, alive, now, life_then) in [
            (Phase::Walking, OwnerKind::PipelineRun, Liveness::Running, 10, Life::Running),
            (Phase::Walking, OwnerKind::PipelineRun, Liveness::Unknown, 10, Life::Presumed),
            (Phase::Walking, OwnerKind::PipelineRun, Liveness::Done, 10, Life::Done),
            (Phase::Walking, OwnerKind::PipelineRun, Liveness::Running, 5000, Life::Overdue),
            // A pruner took the object; what acts is the pod.
            (Phase::Walking, OwnerKind::PipelineRun, Liveness::Gone, 10, Life::Gone),
            (Phase::Walking, OwnerKind::PipelineRun, Liveness::Gone, 5000, Life::Overdue),
            (Phase::Walking, OwnerKind::Person, Liveness::Unknown, 5000, Life::Overdue),
            (Phase::Staged, OwnerKind::Person, Liveness::Unknown, 5000, Life::Resting),
            (Phase::Staged, OwnerKind::TaskRun, Liveness::Unknown, 5000, Life::Overdue),
            (Phase::Finished, OwnerKind::Person, Liveness::Unknown, 5000, Life::Over),
        ] {
            record.phase = phase;
            record.owner = Owner { kind, name: "ns/x".into(), uid: "x".into() };
            assert_eq!(life(&record, alive, at(now)), life_then, "{phase:?} {kind:?} {alive:?} {now}");
        }
    }
}
