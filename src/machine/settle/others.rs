//! `settle` where there is nothing of its own run to bring to rest: no rollout, or somebody else's.
//!
//! Decides which records are left alone, and that the end then is what the run's deciding task said. It may use the record,
//! its owner and the world.

use super::{ANY, Settle};
use crate::machine::next::{Look, Next};
use crate::machine::standing::outcome_of;
use crate::machine::world::World;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::rollout::owner::{Liveness, OwnerKind};
use crate::rollout::record::Record;
use jiff::Timestamp;

/// The word of an end of which nothing better is known.
pub(super) const UNTOUCHED: &str = "untouched";

impl Settle {
    pub(super) fn untouched(&self, service: &Service, what: impl Into<String>) -> Next {
        Next::end(self.by_its_tasks(outcome_of(Code::Done, what, service).word(UNTOUCHED)))
    }

    /// An end that is none of a rollout: how the run ended is what its deciding task said. Whoever says where to, or whose
    /// rollout is meant, asks about something else.
    pub(super) fn by_its_tasks(&self, mut outcome: Outcome) -> Outcome {
        let asks = self.goal.to.is_some() || self.goal.rollout.is_some();
        if let Some(told) = self.told.as_ref().filter(|_| !asks) {
            outcome.word = told.word();
            outcome.what = told.words();
        }
        outcome
    }

    /// Why this record is none of our business, if so: in a pipeline only the run's own rollout is.
    pub(super) fn is_anothers(&self, record: &Record) -> Option<String> {
        let wanted = match &self.goal.rollout {
            Some(wanted) if wanted == ANY => return None,
            Some(wanted) => wanted.clone(),
            None if self.claimant.asker.owner.kind != OwnerKind::Person => self.claimant.asker.owner.uid.clone(),
            None => return None,
        };
        let matches = wanted == record.id.as_str() || wanted == record.owner.uid;
        (!matches).then(|| format!("the record is of rollout {} by {}; nothing was touched", record.id, record.owner))
    }

    /// The end where the record is another's. Who says where to is not told that all is well: a newer run's rollout, or one
    /// whose run still goes on, is left alone with a code of its own, and any other one is settled, since a record can be
    /// edited. None: go on.
    pub(super) fn leave(
        &self,
        record: &Record,
        other: String,
        world: &World,
        service: &Service,
        now: Timestamp,
    ) -> Option<Next> {
        // The record is a newer run's, so this run's rollout ended by being superseded.
        let newer = self.goal.rollout.is_none() && self.goal.run_began.is_some_and(|began| began < record.intent);
        if self.goal.to.is_none() || self.goal.rollout.is_some() {
            let word = if newer { Code::Superseded.word() } else { UNTOUCHED };
            return Some(Next::end(self.by_its_tasks(outcome_of(Code::Done, other, service).word(word))));
        }
        let all_the_same = "--rollout any does it all the same";
        if newer || !record.phase.is_open() {
            return Some(Next::end(outcome_of(Code::Superseded, other, service).next(all_the_same)));
        }
        match world.liveness_of(&record.owner) {
            None => Some(Next::Look(Look::Liveness(record.owner.clone()))),
            Some(Liveness::Running) if now < record.deadline => {
                Some(Next::end(outcome_of(Code::Busy, other, service).next(all_the_same)))
            }
            // Neither who is newer is known nor whether the other one still goes on: a newer run's users are not sent back.
            Some(Liveness::Unknown) if self.goal.run_began.is_none() && now < record.deadline => {
                let what = format!(
                    "{other}: when this run began cannot be read, nor whether {} still runs, so its rollout may be a newer one that goes on until {}",
                    record.owner, record.deadline
                );
                let next = format!("{all_the_same}; the right to get runs (README, \"Rights\") tells which is newer");
                Some(Next::end(outcome_of(Code::Busy, what, service).next(next)))
            }
            Some(_) => None,
        }
    }
}
