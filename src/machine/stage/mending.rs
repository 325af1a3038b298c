//! A stable revision that serves nobody: users have nothing that could be protected, so a candidate that is Ready gets everyone
//! at once. A split that names stable would be taken by nobody (docs/protocol.md, rule 6), so there is no other way out.
//!
//! Decides when stable counts as such, and what the end then is. It may use observed revisions and the record.

use super::Stage;
use crate::machine::finish::finish;
use crate::machine::next::Next;
use crate::machine::outcomes::{LAST_WAIT, pinned_in_care, reverted};
use crate::machine::rollback::Why;
use crate::machine::standing::outcome_of;
use crate::machine::unserved::nobody_is_served;
use crate::machine::world::World;
use crate::machine::write::RecordSize;
use crate::model::event::{Event, Log, Topic};
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::ready::{Serving, is_current, serving};
use crate::model::time::after;
use crate::rollout::record::Record;
use jiff::Timestamp;

impl Stage {
    /// Keeps in mind since when stable serves nobody.
    pub(super) fn watch_stable(
        &mut self,
        record: &Record,
        service: &Service,
        world: &World,
        now: Timestamp,
        log: &mut Log,
    ) {
        let why = nobody_is_served(&record.start.pinned(), service, world);
        self.unserved.see(why.is_some(), now);
        let Some(why) = why else { return };
        log.once(
            Topic::Stage,
            format!(
                "{why}: there is nothing to protect; what mends it gets everyone as soon as it is Ready, at once and with no way back"
            ),
        );
    }

    /// The candidate is Ready, and stable serves nobody: everyone goes to the candidate, once that has lasted for the grace.
    /// None if stable serves, and has done so for as long where it did not before.
    pub(super) fn mend(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        candidate: &RevisionName,
        now: Timestamp,
    ) -> Option<Next> {
        let settles = self.unserved.settles(self.goal.grace)?;
        if now < settles && now < self.deadline(now) {
            return Some(Next::wait(Some(settles.min(self.deadline(now)))));
        }
        // It came and went until the deadline: neither is there anybody to protect for sure, nor nobody.
        if now < settles && self.unserved.is_nobody_served() {
            let reason = format!("{} comes and goes, until the deadline", record.start.stable);
            let why = Why::blameless(Code::Inconclusive, reason);
            self.failed = Some(why.clone());
            return Some(self.fail(world, service, record, &why, now));
        }
        if !self.unserved.is_nobody_served() {
            return None;
        }
        // The Service's status names its newest ready revision a moment after that is Ready; only then may latest be followed.
        let until = after(*self.candidate_since.get_or_insert(now), LAST_WAIT);
        let known = is_current(service) && service.latest_ready.as_ref() == Some(candidate);
        if record.start.followed_latest() && !known && now < until {
            return Some(Next::wait(Some(until)));
        }
        let mut next = record.clone();
        next.candidate = Some(candidate.clone());
        self.claimant.mark_goal(&mut next);
        Some(match finish(world, service, &next, RecordSize::Whole, now) {
            Ok(finish) => {
                let mut order = finish.order;
                order.what = Event::new(
                    Topic::Stage,
                    format!("{candidate} is Ready: everyone to it, because stable serves nobody"),
                );
                Next::Write(Box::new(order))
            }
            Err(cannot) => Next::end(outcome_of(Code::BadState, cannot.why, service)),
        })
    }

    /// Everyone was sent to the candidate, or a revert is written; the end once that is served.
    pub(super) fn mended(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        let ended = self.last.written(now);
        let candidate = record.candidate.as_ref().unwrap_or(&record.start.stable);
        let mut outcome = match serving(service) {
            Serving::Yes => good_end(record, candidate, service),
            _ if now < after(ended, LAST_WAIT) && world.signal.is_none() => return self.wait(now),
            Serving::NotYet(why) | Serving::Blocked(why) if record.reverts => {
                let mut outcome = reverted(record, service);
                outcome.what = format!("{}; written, and not served yet: {why}", outcome.what);
                outcome
            }
            Serving::NotYet(why) | Serving::Blocked(why) => {
                let what = format!("everyone was sent to {candidate}, which is Ready; it is not served yet: {why}");
                outcome_of(Code::Inconclusive, what, service)
            }
        };
        outcome.candidate = Some(candidate.clone());
        outcome.digest = world.revision(candidate).and_then(|r| r.digest.clone());
        outcome.rollout = Some(record.id.clone());
        self.over(outcome, Some(record), world, service, now, log)
    }
}

/// The good end of staging after which no walk comes.
pub(super) fn good_end(record: &Record, candidate: &RevisionName, service: &Service) -> Outcome {
    if record.reverts {
        return reverted(record, service);
    }
    let what = format!("{candidate} serves everyone; {} served nobody", record.start.stable);
    outcome_of(Code::Done, what, service).word("finished").next(pinned_in_care(record, service))
}
