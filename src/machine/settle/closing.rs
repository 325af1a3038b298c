//! After the last write of `settle`: decides when it ends, by which code, and what the end says of those whom users were
//! sent to. It may use the record and observed objects.

use super::Settle;
use crate::machine::last_split::end_unserved;
use crate::machine::migration::{misplaced, state_of};
use crate::machine::next::{Look, Next, Order};
use crate::machine::outcomes::{
    CREATED, LAST_WAIT, UNCHANGED, ended_before, finished_below, followed, reverted, with_standing,
};
use crate::machine::restore::AfterBack;
use crate::machine::rollback::{is_stuck, mend};
use crate::machine::standing::{Followed, Moved, moved, outcome_of, who_moved};
use crate::machine::world::World;
use crate::machine::write::order;
use crate::model::event::{Event, Log, Topic};
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::ready::{Pods, Serving, pods, serving};
use crate::model::time::after;
use crate::rollout::record::{Phase, Record};
use crate::rollout::told::Told;
use jiff::Timestamp;
use std::time::Duration;

/// How long a revision that sleeps is watched for a first request that wakes it.
// The autoscaler looks every two seconds (config-autoscaler, tick-interval), and its answer has to come back.
const WAKES_WITHIN: Duration = Duration::from_secs(6);

/// What the revision is that users were sent to.
enum Home {
    /// It answers, as far as can be told.
    Up,
    /// Not known yet; until when it is waited for.
    Wait(Timestamp),
    /// Its pods have to be asked.
    Ask,
    /// Something to know.
    Note(String),
    /// It does not answer.
    Down(String),
}

/// The end where the rollout had one already. Its result is how that ended, since a pipeline's `finally` may be all
/// that is left to tell it.
fn over(record: &Record, service: &Service, told: Option<&Told>) -> Outcome {
    if record.phase == Phase::Finished && record.reverts {
        return reverted(record, service);
    }
    if record.ended_below().is_some() {
        return finished_below(record, service);
    }
    let mut outcome = ended_before(record, service);
    outcome.code = Code::Done;
    if record.phase == Phase::Finished {
        outcome.word = "finished";
        let serves = record.candidate.as_ref().unwrap_or(&record.start.stable);
        outcome.what = format!("finished: {serves}");
        // Where nobody was walked anywhere the task knows better what its good end was.
        let stayed = record.candidate.as_ref().is_none_or(|candidate| *candidate == record.start.stable);
        let knows = |told: &&Told| !told.failed && [UNCHANGED, CREATED].contains(&told.word());
        if let Some(told) = told.filter(knows).filter(|_| stayed) {
            outcome.word = told.word();
            outcome.what = told.words();
        }
    }
    outcome
}

/// The end of settling as its last write left the record.
pub(super) fn settled(record: &Record, service: &Service, told: Option<&Told>) -> Outcome {
    let mut outcome = ended_before(record, service);
    outcome.word = match (record.phase, record.ending) {
        (Phase::Finished, _) => "finished",
        (_, Some(ending)) => ending.word(),
        (_, None) => told.and_then(Told::word_of_unfinished).unwrap_or("settled"),
    };
    if outcome.code == Code::RolledBack || outcome.code == Code::Done {
        // The command was asked to settle, and a rollback settles.
        outcome.code = Code::Done;
    }
    outcome
}

impl Settle {
    /// Closes the record alone: somebody moved traffic by hand, and that stands (rule 3).
    pub(super) fn close(&self, record: &Record, service: &Service, now: Timestamp) -> Result<Order, String> {
        let mut record = record.clone();
        self.claimant.sign(&mut record);
        record.phase = Phase::RolledBack;
        record.outcome = Some(Code::TakenOver);
        let who = who_moved(service, true);
        record.reason = Some(format!("{who} changed the traffic; it stays as it is and the rollout is closed"));
        record.step_at = now;
        let what = Event::new(Topic::Claim, format!("rollout {} closed, traffic left as {who} set it", record.id));
        order(service, record, None, None, what).map_err(|e| e.to_string())
    }

    /// What the run's tasks said, where that tells how it ended: not where somebody said where to.
    pub(super) fn told_for_end(&self) -> Option<&Told> {
        self.told.as_ref().filter(|_| self.goal.to.is_none())
    }

    /// The write is done: the end once it is served.
    pub(super) fn closing(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        if moved(record, service) == Moved::Traffic && misplaced(service, &record.split) {
            let who = who_moved(service, true);
            let what = format!("{who} changed the traffic of {} right after it was settled", service.name);
            return Next::end(outcome_of(Code::TakenOver, what, service));
        }
        let is_unserved = self.last.is_unserved(record, service, now);
        if is_unserved
            && let Some(next) = self.last.until_served(world, service, record, self.size, Duration::ZERO, now)
        {
            return next;
        }
        if !is_unserved && let Some(next) = self.restoring(record, world, service, now, log) {
            return next;
        }
        let ends = if self.was_over { over } else { settled };
        let mut outcome = self.restored(ends(record, service, self.told_for_end()));
        if is_unserved {
            end_unserved(&mut outcome, record, world, service);
            return Next::end(with_standing(outcome, record, world, service));
        }
        if let Some(next) = self.returning(world, record, now, log) {
            return next;
        }
        outcome = self.with_bounds(outcome, world, record);
        if record.leaves_traffic() {
            return Next::end(outcome);
        }
        match self.home(world, record, now) {
            Home::Up => {}
            Home::Wait(until) => return Next::wait(Some(until)),
            Home::Ask => return Next::Look(Look::Pods(home_of(record).clone())),
            Home::Note(note) => outcome.what = format!("{}; {note}", outcome.what),
            Home::Down(why) => {
                outcome.what = format!("{}; {why}", outcome.what);
                let to = format!("mend it, or `andante settle {} --to REVISION`", service.called());
                outcome.next = if outcome.next.is_empty() { to } else { format!("{to}; {}", outcome.next) };
                outcome.ends_as(Code::CouldNotRestore);
            }
        }
        Next::end(outcome)
    }

    /// What is to be done about the template.
    pub(super) fn restoring(
        &mut self,
        record: &Record,
        world: &World,
        service: &Service,
        now: Timestamp,
        log: &mut Log,
    ) -> Option<Next> {
        let (claimant, bounds) = (&self.claimant, &self.bounds);
        self.restore.next(&AfterBack { claimant, bounds, world, service, record, now }, log)
    }

    /// The same end with what came of the template; one that was refused is no good end of what was asked for.
    pub(super) fn restored(&self, outcome: Outcome) -> Outcome {
        let mut outcome = self.restore.said(outcome);
        if let Some(code) = self.restore.refusal() {
            outcome.ends_as(code);
        }
        outcome
    }

    /// Whether those who were sent there are answered. `Ready` alone does not tell: it stays True of a revision that was
    /// Ready once, whatever became of what it needs to start.
    fn home(&mut self, world: &World, record: &Record, now: Timestamp) -> Home {
        let served = self.last.served(now);
        let name = home_of(record);
        let Some(revision) = world.revision(name) else { return Home::Note(state_of(world, name)) };
        if revision.actual > 0 || world.signal.is_some() {
            return Home::Up;
        }
        match pods(revision) {
            Pods::Up => Home::Up,
            Pods::Asleep if now < after(served, WAKES_WITHIN) => Home::Wait(after(served, WAKES_WITHIN)),
            Pods::Asleep => Home::Note(format!("{name} sleeps: whether it still starts shows with its first request")),
            Pods::Coming(_) | Pods::Down(_) | Pods::NoRoom(_) if now < after(served, LAST_WAIT) => {
                Home::Wait(after(served, LAST_WAIT))
            }
            Pods::Coming(why) | Pods::Down(why) | Pods::NoRoom(why) => match &world.pods {
                Some(said) if said.revision == *name && said.at >= after(served, LAST_WAIT) => {
                    let trouble = said.trouble.as_ref().map(|t| format!("; {}", t.words)).unwrap_or_default();
                    Home::Down(format!("everyone is on {name}, which does not answer: {why}{trouble}"))
                }
                _ => Home::Ask,
            },
        }
    }

    /// The rollout ended before this process came, and nobody says where to: what is left of it is done, and that is all.
    pub(super) fn over_before(
        &mut self,
        record: &Record,
        world: &World,
        service: &Service,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        if let Some(next) = self.left_over(record, world, service, now) {
            return next;
        }
        if let Some(next) = self.restoring(record, world, service, now, log) {
            self.was_over = true;
            return next;
        }
        if let Some(next) = self.returning(world, record, now, log) {
            return next;
        }
        log.once(Topic::Note, format!("rollout {} is over already; nothing to settle", record.id));
        let end = self.restored(over(record, service, self.told_for_end()));
        Next::end(self.with_bounds(end, world, record))
    }

    /// What is left to do for a rollout that is over: users may still be elsewhere than its end has them. None if they are
    /// where they belong.
    pub(super) fn left_over(
        &mut self,
        record: &Record,
        world: &World,
        service: &Service,
        now: Timestamp,
    ) -> Option<Next> {
        // Traffic that was somebody else's when it was closed is none of this rollout's.
        let stands = moved(record, service) != Moved::Traffic && !record.leaves_traffic();
        if !stands || serving(service) == Serving::Yes || !is_stuck(service, record) {
            return None;
        }
        let mut signed = record.clone();
        self.claimant.sign(&mut signed);
        if let Some(order) = mend(world, service, &signed, self.size) {
            return Some(Next::Write(Box::new(order)));
        }
        let until = after(*self.began.get_or_insert(now), LAST_WAIT);
        if now < until {
            return Some(Next::wait(Some(until)));
        }
        let mut outcome = over(record, service, None);
        end_unserved(&mut outcome, record, world, service);
        Some(Next::end(with_standing(outcome, record, world, service)))
    }

    /// The end where the last write was made when the next rollout began, before that was confirmed as served.
    pub(super) fn done_before(&self, service: &Service, done: &Followed) -> Next {
        Next::end(followed(settled(&done.own, service, self.told_for_end()), done))
    }
}

/// The revision that a settled rollout has everyone on.
fn home_of(record: &Record) -> &RevisionName {
    match (&record.candidate, record.phase, record.outcome) {
        (Some(candidate), Phase::Finished, _) | (Some(candidate), _, Some(Code::CouldNotRestore)) => candidate,
        _ => &record.start.stable,
    }
}
