//! How a walk begins. Decides whether this process may take the rollout, from which step it goes on, and what is said
//! if the rollout ended before. It may use claims, the record and the world.

use super::advance::CLOCKS;
use super::{Walk, write};
use crate::machine::by_goal::{GoalSays, by_goal};
use crate::machine::claim::Claim;
use crate::machine::judge::Survey;
use crate::machine::next::{Look, Next};
use crate::machine::others;
use crate::machine::outcomes::{ended_before, finished_below, pinned_in_care, refused, reverted, with_standing};
use crate::machine::standing::{Moved, moved, outcome_of, who_moved};
use crate::machine::walk::step::step_split;
use crate::machine::walk::stopped::phase_before;
use crate::machine::world::{Signal, World};
use crate::machine::write::order;
use crate::model::event::Log;
use crate::model::event::{Event, Topic};
use crate::model::moment::Moment;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::percent::Percent;
use crate::model::time::{after, before};
use crate::rollout::capacity::Capacity;
use crate::rollout::goal::OnTerm;
use crate::rollout::owner::OwnerKind;
use crate::rollout::plan::Plan;
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;
use std::time::Duration;

impl Walk {
    pub(super) fn outside(
        &mut self,
        world: &World,
        service: &Service,
        record: Option<Record>,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        let Some(record) = record else {
            return Next::end(
                outcome_of(Code::BadState, format!("nothing is staged on {}", service.name), service)
                    .next(staged_by(service)),
            );
        };
        // A pod that is stopped before it could go on must first bring back the users of its own run.
        let ours_to_bring_back = world.signal == Some(Signal::Terminate)
            && self.goal.on_term == OnTerm::Rollback
            && !self.goal.once
            && record.owner.uid == self.claimant.asker.owner.uid
            && matches!(record.phase, Phase::Walking | Phase::Baking)
            && record.step > 0;
        if world.signal.is_some() && !ours_to_bring_back {
            return Next::end(outcome_of(Code::Interrupted, "stopped by a signal; nothing was written", service));
        }
        // What is left of a rollout of this run that is over has nothing to do with what is declared by now.
        let over = !record.phase.is_open() && record.owner.uid == self.claimant.asker.owner.uid;
        let says = if over { GoalSays::Go } else { by_goal(&self.claimant, Some(&record), service) };
        if let GoalSays::End(end) = says {
            return Next::End(end);
        }
        // Whoever only takes users back goes by the plan of then.
        let of_then = || record.plan.as_ref().filter(|plan| plan.declared).map(Plan::to);
        let share = if says == GoalSays::Go { self.claimant.declared_share(service) } else { of_then() };
        if let Some(share) = share {
            self.end_at(share);
        }
        let Some(claim) = self.claimant.claim(Some(&record), world, service, now) else {
            return Next::Look(Look::Liveness(record.owner.clone()));
        };
        if let Some(end) = refused(claim, Some(&record), service) {
            return Next::end(end);
        }
        if claim == Claim::Wait {
            return self.in_line(&record, service, now, log);
        }
        if !record.phase.is_open() {
            return self.after_the_end(&record, world, service, now, log);
        }
        if record.phase == Phase::Staging {
            return Next::end(
                outcome_of(
                    Code::BadState,
                    format!("the candidate of {} is not proved ready yet", service.name),
                    service,
                )
                .next(staged_by(service)),
            );
        }
        if moved(&record, service) == Moved::Traffic {
            let what =
                format!("{} changed the traffic of {}; nothing was written", who_moved(service, true), service.name);
            return Next::end(outcome_of(Code::TakenOver, what, service).next(format!(
                "`andante settle {}` closes the rollout and leaves traffic as it is",
                service.called()
            )));
        }
        let same_owner = record.owner.uid == self.claimant.asker.owner.uid;
        // Whoever comes after a rest may bring another plan; a run that was stopped in mid-walk goes on with its own.
        let person = record.owner.kind == OwnerKind::Person;
        let phase = if person { record.phase } else { phase_before(&record) };
        let rests = matches!(phase, Phase::Staged | Phase::Held);
        if let Some(plan) = self.nobody_left_to_keep(&record, same_owner && !rests) {
            let what = "nobody is left on stable to be kept for the bake: users are beyond that split already";
            log.once(Topic::Note, what);
            self.go_by(plan);
        }
        let other = record.plan.as_ref().filter(|plan| same_owner && !rests && **plan != self.goal.plan);
        match other {
            // Whoever only has users to take back goes by the plan of then: with another goal another one may be declared.
            Some(plan) if says == GoalSays::OnlyWalk => self.go_by(plan.clone()),
            Some(_) => return Next::end(by_another_plan(service)),
            None => {}
        }
        if let Some(end) = self.is_above(&record, service) {
            return Next::end(end);
        }
        // Whoever only has users to take back asks nothing about the next step.
        if says == GoalSays::Go
            && let Some(next) = self.survey(service, &record, now, log)
        {
            return next;
        }
        others::say(service, log);
        others::say_outside(service, log);
        self.take(&record, world, service, claim, now)
    }

    /// Another rollout goes on, and is waited for.
    fn in_line(&mut self, record: &Record, service: &Service, now: Timestamp, log: &mut Log) -> Next {
        let deadline = after(*self.began.get_or_insert(now), self.goal.deadline);
        if now >= deadline {
            return Next::end(outcome_of(Code::Busy, "still busy at the deadline; nothing was written", service));
        }
        log.once(Topic::Wait, format!("{} holds {} (rollout {}); waiting", record.owner, service.name, record.id));
        // Nothing watches the owner's run, so the wait is short: the runner forgets what it knew of a run whenever
        // time wakes it.
        Next::wait(Some(after(now, Duration::from_secs(5)).min(deadline)))
    }

    /// The rollout is over. What this run's own last process did not come to is done; a person has no run that could come again.
    fn after_the_end(
        &mut self,
        record: &Record,
        world: &World,
        service: &Service,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        let own = record.owner.uid == self.claimant.asker.owner.uid;
        let run = own && record.owner.kind != OwnerKind::Person;
        let next = run.then(|| self.restoring(world, service, record, now, log)).flatten();
        let late = || self.returning_late(world, service, record, now, log);
        if let Some(next) = next.or_else(|| own.then(late).flatten()) {
            return next;
        }
        let over = self.restore.said(self.over(record, service));
        Next::end(with_standing(over, record, world, service))
    }

    /// The end where users are beyond the plan already.
    fn is_above(&self, record: &Record, service: &Service) -> Option<Outcome> {
        let (at, to) = (percent_of(record), self.goal.plan.to());
        (at > to && !matches!(record.phase, Phase::Staged | Phase::Interrupted)).then(|| {
            let what = format!("{} is at {at} already, above --to {to}; nothing was written", service.name);
            let next = format!("a walk goes up only: `andante settle {}` goes back", service.called());
            outcome_of(Code::BadInput, what, service).next(next)
        })
    }

    /// The goal declares this share for its end, so the plan ends there. A goal declares no other one for as long as it is that goal.
    fn end_at(&mut self, share: Percent) {
        let plan = self.goal.plan.ending_at(share);
        if plan != self.goal.plan {
            self.go_by(plan);
        }
    }

    /// The plan without anybody on stable for the bake, where that split would send users back who are on the candidate already.
    /// A run that walked by it is met by it again (`own`: it is this run's).
    fn nobody_left_to_keep(&self, record: &Record, own: bool) -> Option<Plan> {
        let plan = Some(&self.goal.plan).filter(|plan| !plan.keep.is_zero())?;
        let old = record.plan.as_ref().filter(|_| !matches!(record.phase, Phase::Staged | Phase::Interrupted))?;
        let bakes = plan.step(plan.bakes_at()?)?.percent;
        let beyond = old.step(record.step).is_some_and(|here| here.percent > bakes);
        let all = plan.without_kept();
        let goes_on = own && *old == all;
        // Whoever moved these after a bake has nothing more to bake for, unless it ended because the objective broke.
        let baked = old.closes(record.step) && record.outcome != Some(Code::ObjectiveBroken);
        (goes_on || beyond && !baked).then_some(all)
    }

    fn go_by(&mut self, plan: Plan) {
        self.survey = Survey::of(&plan);
        self.goal.plan = plan;
    }

    /// The write that makes the rollout ours; no traffic moves.
    pub(super) fn take(
        &mut self,
        old: &Record,
        world: &World,
        service: &Service,
        claim: Claim,
        now: Timestamp,
    ) -> Next {
        let mut record = old.clone();
        // A walk that a signal stopped goes on as if it had been killed: same attempt, same dwell.
        record.phase = phase_before(old);
        let goes_on = matches!(record.phase, Phase::Walking | Phase::Baking);
        let same_run = claim == Claim::Resume && goes_on;
        let at = percent_of(old);
        let plan = &self.goal.plan;
        let steps = &plan.steps;
        // Another plan has other steps, so the walk goes on after the last one that is not above what users have.
        record.step = match record.phase {
            Phase::Staged | Phase::Interrupted => 0,
            _ => steps.iter().take_while(|s| s.percent <= at).count(),
        };
        // Whoever stopped at the split that bakes by this plan has not shown what is wanted before it.
        let was_proved = old.plan.as_ref().is_some_and(|plan| plan.is_past_proof(old.step));
        if plan.bakes_at() == Some(record.step) && !was_proved {
            record.step -= 1;
        }
        if !goes_on || old.plan.as_ref() != Some(&self.goal.plan) {
            // People approve and promote an attempt: what they asked of another plan or beginning must not count for
            // this one.
            record.attempt += 1;
            // What another attempt gave up says nothing of this one. What users need was told best before anybody was moved, and
            // stable is the same.
            record.capacity = record.capacity.take().and_then(|known| {
                let kept = known.inherited(true, |name| world.revision(name)).unwrap_or_default();
                let kept = Capacity { pods: known.pods, ..kept };
                (kept != Capacity::default()).then(|| Box::new(kept))
            });
        }
        // A new beginning gets the whole time: another run, a person who comes back, the next of many short calls.
        if !same_run || self.goal.once || self.claimant.asker.owner.kind == OwnerKind::Person {
            record.deadline = after(now, self.goal.deadline);
        }
        if !same_run {
            if !goes_on {
                record.step_at = self.dwelt_since(old, record.step, claim, now);
                record.phase = Phase::Walking;
            }
            let bakes = self.goal.plan.is_past_proof(record.step);
            if record.phase == Phase::Baking && !bakes {
                record.phase = Phase::Walking;
            }
            if bakes {
                record.phase = Phase::Baking;
            }
        }
        // Evidence belongs to one rollout and one run. After a stop in between only the sums are taken up, because what
        // the counters grew by meanwhile is no step's.
        record.evidence = match claim {
            Claim::Resume if goes_on => record.evidence,
            // Users were left where they are so that somebody looks. Who goes on after that begins a bake of its own: the counts that
            // ended the last one would end it, too, before anything is seen.
            Claim::Resume if old.outcome == Some(Code::ObjectiveBroken) => {
                record.evidence.as_deref().and_then(|saved| self.seen_before(saved))
            }
            Claim::Resume => record.evidence.map(|saved| Box::new(saved.without_counters())),
            // Who else asks the candidate asks whoever walks, and is not looked for once users are on it.
            _ if record.step > 0 => record.evidence.as_deref().and_then(|saved| self.seen_before(saved)),
            _ => None,
        };
        let kept = record.compared.take().filter(|_| claim == Claim::Resume);
        record.compared = kept.map(|kept| if goes_on { kept } else { Box::new(kept.without_counters()) });
        record.plan = Some(self.goal.plan.clone());
        (record.outcome, record.reason, record.ending) = (None, None, None);
        self.claimant.sign(&mut record);
        let id = record.id.clone();
        let what = match (claim, same_run) {
            (Claim::TakeOver, _) => format!("rollout {id} taken over from {}, {} so far", old.owner, at),
            (_, true) => format!("going on with rollout {id}, step {} of {}", record.step, steps.len()),
            _ => format!("rollout {id}, {} to {}", counted(steps.len()), self.goal.plan.to()),
        };
        // An interruption may have dropped a tag whose revision was not ready; the walk needs its address.
        let mut split = None;
        if old.phase == Phase::Interrupted
            && old.split.tagged(&old.tags.candidate).is_none()
            && let Some(candidate) = &record.candidate
        {
            match step_split(world, &record, candidate, Percent::ZERO) {
                Ok(at_zero) => split = Some(at_zero),
                Err(blocker) => {
                    let next = format!("`andante settle {}`, then stage again", service.called());
                    return Next::end(outcome_of(Code::BadState, blocker, service).next(next));
                }
            }
        }
        // One that only goes on after a crash begins nothing.
        let what = Event::new(Topic::Claim, what).at((!same_run).then_some(Moment::WalkBegan));
        write(order(service, record, split, None, what), service)
    }

    /// Since when the present step's dwell counts for a walk that goes on after a rest. What this very run held as it was
    /// asked to, it has dwelt at already; at most a whole dwell counts, so that nobody's time to approve is over before
    /// it began.
    fn dwelt_since(&self, old: &Record, step: usize, claim: Claim, now: Timestamp) -> Timestamp {
        let as_asked = claim == Claim::Resume && old.phase == Phase::Held && old.outcome.is_none();
        let had = old.plan.as_ref().and_then(|plan| plan.step(old.step)).map(|step| step.percent);
        match self.goal.plan.step(step) {
            Some(here) if as_asked && had == Some(here.percent) => old.step_at.max(before(now, here.dwell + CLOCKS)),
            _ => now,
        }
    }

    /// The rollout ended before this process came.
    fn over(&self, record: &Record, service: &Service) -> Outcome {
        let ours = record.owner.uid == self.claimant.asker.owner.uid;
        let candidate = record.candidate.as_ref().map(ToString::to_string).unwrap_or_default();
        if record.phase == Phase::Finished && record.reverts {
            return reverted(record, service);
        }
        if record.ended_below().is_some() {
            return finished_below(record, service);
        }
        if record.phase == Phase::Finished {
            let mut outcome = outcome_of(Code::Done, format!("already finished: {candidate}"), service)
                .word("finished")
                .next(pinned_in_care(record, service));
            outcome.candidate.clone_from(&record.candidate);
            outcome.rollout = Some(record.id.clone());
            return outcome;
        }
        if ours && record.owner.kind != crate::rollout::owner::OwnerKind::Person {
            return ended_before(record, service);
        }
        outcome_of(
            Code::BadState,
            format!("nothing is staged on {}; the last rollout was rolled back", service.name),
            service,
        )
        .next(staged_by(service))
    }
}

/// Who makes a candidate.
fn staged_by(service: &Service) -> String {
    format!("`andante stage {}` makes or takes up a candidate", service.called())
}

/// The percent that users have by the record's plan.
fn percent_of(record: &Record) -> Percent {
    record.plan.as_ref().and_then(|plan| plan.step(record.step)).map_or(Percent::ZERO, |step| step.percent)
}

/// The end of a run that walked by other settings and goes on.
fn by_another_plan(service: &Service) -> Outcome {
    let what = "this run already walks by another plan; nothing was written";
    let next = format!("run it with the same settings, or `andante settle {}` first", service.called());
    outcome_of(Code::BadState, what, service).next(next)
}

/// `1 step`, `5 steps`.
fn counted(steps: usize) -> String {
    if steps == 1 { "1 step".to_owned() } else { format!("{steps} steps") }
}

#[cfg(test)]
mod tests {
    use super::super::tests::walk_by;
    use super::*;
    use crate::rollout::plan::{PlanOptions, Style};
    use crate::view::status::samples::walking;

    /// Whom stable kept for the bake have been moved. Whoever goes on from there has baked already, and is over at once, unless
    /// the objective broke just then and users were to stay: that has to be seen well again, with nobody left to keep.
    #[test]
    fn what_is_held_at_the_end_of_a_kept_bake_because_the_objective_broke_bakes_again() {
        let (keep_stable, steps) = ("5".parse().unwrap(), vec!["50".parse().unwrap()]);
        let plan = PlanOptions { style: Style::Canary, steps, keep_stable, ..PlanOptions::default() };
        let plan = Plan::new(&plan).unwrap();
        let held = |step, outcome| {
            let record = Record { phase: Phase::Held, step, outcome, plan: Some(plan.clone()), ..walking() };
            walk_by(&record, plan.clone()).nobody_left_to_keep(&record, false)
        };
        let last = plan.steps.len();
        assert!(plan.closes(last) && !plan.closes(last - 1));
        assert_eq!(held(last, Some(Code::ObjectiveBroken)), Some(plan.without_kept()));
        for outcome in [None, Some(Code::Interrupted), Some(Code::Inconclusive)] {
            assert_eq!(held(last, outcome), None, "{outcome:?}: it has baked");
        }
        // In the bake, or before it, there is somebody to keep.
        for step in [1, last - 1] {
            assert_eq!(held(step, Some(Code::ObjectiveBroken)), None);
        }
    }
}
