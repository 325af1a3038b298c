//! The walk: users move from stable to the candidate step by step, each step on verdicts, and back at once on a Fail.
//!
//! A machine (see [`crate::machine`]): `(world, now) -> what next`. Everything that must survive a crash is in the record;
//! what it keeps itself (rows of probes, since when a split is served) is made anew after a restart. Decides DESIGN rules
//! 6 to 12. Depends on pure modules only.

use crate::control::Control;
use crate::event::{Said, Topic};
use crate::health::{Health, Watcher};
use crate::hold::{Hold, Moved, Standing, moved, outcome_of, who_moved};
use crate::machine::{GiveUp, Log, Look, Machine, Next, Written, order};
use crate::moves::{Why, finish, roll_back, step_split};
use crate::name::{RevisionName, ServiceName};
use crate::observed::{CONTROL, Service, Truth};
use crate::outcome::{Code, Outcome};
use crate::owner::Claim;
use crate::percent::Percent;
use crate::plan::Plan;
use crate::probe::{Address, Answer, Probe};
use crate::proof::Proof;
use crate::ready::{Serving, serving};
use crate::record::{Phase, Record};
use crate::stage::{LAST_WAIT, after, denied, ended_before, gave_up, refused, words};
use crate::world::{Signal, Target, World};
use jiff::Timestamp;
use std::time::Duration;

/// What to do when a signal ends the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTerm {
    /// Roll back: nobody else may come after a pipeline's end.
    Rollback,
    /// Leave traffic where it is.
    Hold,
}

/// The goal of a walk.
#[derive(Debug, Clone, PartialEq)]
pub struct WalkGoal {
    /// The Service.
    pub service: ServiceName,
    /// The plan.
    pub plan: Plan,
    /// When it must be over.
    pub deadline: Duration,
    /// How long a fault of the candidate must last to be believed.
    pub grace: Duration,
    /// How long a written split may take until it is served.
    pub serve_within: Duration,
    /// Probes of the candidate's address.
    pub probe: Option<Probe>,
    /// Which address of the candidate is asked.
    pub address: Address,
    /// What SIGTERM does.
    pub on_term: OnTerm,
    /// Do what is due, then end.
    pub once: bool,
}

/// The walking machine.
#[derive(Debug)]
pub struct Walk {
    goal: WalkGoal,
    hold: Hold,
    began: Option<Timestamp>,
    failed: Option<Why>,
    ended_at: Option<Timestamp>,
    denied: Option<Outcome>,
    /// Since when the present step is served; none before that.
    served: Option<Timestamp>,
    /// The step (and record epoch) that `served` and the proof speak of.
    at_step: Option<(usize, Phase)>,
    waiting_since: Option<Timestamp>,
    paused: bool,
    health: Watcher,
    proof: Proof,
    /// When users of the last step were told, for the log.
    finish_note: Option<String>,
}

impl Walk {
    /// A machine that has not looked yet.
    pub fn new(goal: WalkGoal, hold: Hold) -> Self {
        Self {
            health: Watcher::new(goal.grace),
            proof: Proof::new(goal.probe.clone()),
            goal,
            hold,
            began: None,
            failed: None,
            ended_at: None,
            denied: None,
            served: None,
            at_step: None,
            waiting_since: None,
            paused: false,
            finish_note: None,
        }
    }

    fn outside(
        &mut self,
        world: &World,
        service: &Service,
        record: Option<Record>,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        let stage = format!("`andante stage {}` makes or takes up a candidate", service.name);
        let Some(record) = record else {
            return Next::end(
                outcome_of(Code::BadState, format!("nothing is staged on {}", service.name), service).next(stage),
            );
        };
        if world.signal.is_some() {
            return Next::end(outcome_of(Code::Interrupted, "stopped by a signal; nothing was written", service));
        }
        let Some(claim) = self.hold.claim(Some(&record), world, service, now) else {
            return Next::Look(Look::Liveness(record.owner.clone()));
        };
        if let Some(end) = refused(claim, Some(&record), service) {
            return Next::end(end);
        }
        let began = *self.began.get_or_insert(now);
        if claim == Claim::Wait {
            let deadline = after(began, self.goal.deadline);
            if now >= deadline {
                return Next::end(outcome_of(Code::Busy, "still busy at the deadline; nothing was written", service));
            }
            log.once(Topic::Wait, format!("{} holds {} (rollout {}); waiting", record.owner, service.name, record.id));
            return Next::Wait { until: Some(after(now, Duration::from_secs(5)).min(deadline)), ask: None };
        }
        if !record.phase.is_open() {
            return Next::end(self.over(&record, service, stage));
        }
        if record.phase == Phase::Staging {
            return Next::end(
                outcome_of(
                    Code::BadState,
                    format!("the candidate of {} is not proved ready yet", service.name),
                    service,
                )
                .next(stage),
            );
        }
        if moved(&record, service) == Moved::Traffic {
            let what =
                format!("{} changed the traffic of {}; nothing was written", who_moved(service, true), service.name);
            return Next::end(
                outcome_of(Code::TakenOver, what, service)
                    .next(format!("`andante settle {}` closes the rollout and leaves traffic as it is", service.name)),
            );
        }
        let same_owner = record.owner.uid == self.hold.asker.owner.uid;
        let rests = matches!(record.phase, Phase::Staged | Phase::Held);
        if let Some(plan) = &record.plan
            && same_owner
            && !rests
            && *plan != self.goal.plan
        {
            let what = "this run already walks by another plan; nothing was written";
            return Next::end(
                outcome_of(Code::BadState, what, service)
                    .next(format!("run it with the same settings, or `andante settle {}` first", service.name)),
            );
        }
        self.take(record, service, claim, now, log)
    }

    /// The write that makes the rollout ours; no traffic moves.
    fn take(&mut self, old: Record, service: &Service, claim: Claim, now: Timestamp, log: &mut Log) -> Next {
        let mut record = old.clone();
        let goes_on = matches!(old.phase, Phase::Walking | Phase::Baking);
        let same_run = claim == Claim::Resume && goes_on;
        let at = old.plan.as_ref().and_then(|p| p.step(old.step)).map_or(Percent::ZERO, |s| s.percent);
        let steps = &self.goal.plan.steps;
        record.step = match old.phase {
            Phase::Staged | Phase::Interrupted => 0,
            _ => steps.iter().take_while(|s| s.percent <= at).count(),
        };
        if !same_run {
            record.deadline = after(now, self.goal.deadline);
            if !goes_on {
                record.step_at = now;
                record.phase = Phase::Walking;
            }
            if record.phase == Phase::Baking && record.step < steps.len() {
                record.phase = Phase::Walking;
            }
            let whole = steps.get(record.step.wrapping_sub(1)).is_some_and(|s| s.percent == Percent::FULL);
            if whole {
                record.phase = Phase::Baking;
            }
        }
        record.plan = Some(self.goal.plan.clone());
        record.outcome = None;
        record.reason = None;
        self.hold.sign(&mut record);
        let id = record.id.clone();
        let what = match (claim, same_run) {
            (Claim::TakeOver, _) => format!("rollout {id} taken over from {}, {} so far", old.owner, at),
            (_, true) => format!("going on with rollout {id}, step {} of {}", record.step, steps.len()),
            _ => format!("rollout {id}, {} steps to {}", steps.len(), self.goal.plan.to()),
        };
        let _ = log;
        write(order(service, record, None, None, Said::new(Topic::Claim, what)), service)
    }

    /// The rollout ended before this process came.
    fn over(&self, record: &Record, service: &Service, stage: String) -> Outcome {
        let ours = record.owner.uid == self.hold.asker.owner.uid;
        let candidate = record.candidate.as_ref().map(ToString::to_string).unwrap_or_default();
        if record.phase == Phase::Finished {
            let mut outcome =
                outcome_of(Code::Done, format!("already finished: {candidate}"), service).word("finished");
            outcome.candidate = Some(candidate);
            outcome.rollout = Some(record.id.to_string());
            return outcome;
        }
        if ours && record.owner.kind != crate::owner::OwnerKind::Person {
            return ended_before(record, service);
        }
        outcome_of(
            Code::BadState,
            format!("nothing is staged on {}; the last rollout was rolled back", service.name),
            service,
        )
        .next(stage)
    }

    fn ours(&mut self, world: &World, service: &Service, record: &Record, now: Timestamp, log: &mut Log) -> Next {
        if matches!(record.phase, Phase::Finished | Phase::RolledBack | Phase::Interrupted | Phase::Held) {
            return self.closing(world, service, record, now);
        }
        match moved(record, service) {
            Moved::Traffic => {
                let what = format!(
                    "{} changed the traffic of {} in mid-walk; this run writes nothing more",
                    who_moved(service, true),
                    service.name
                );
                return Next::end(outcome_of(Code::TakenOver, what, service).next(format!(
                    "`andante settle {}` closes the rollout and leaves traffic as it is",
                    service.name
                )));
            }
            Moved::Template => log.once(
                Topic::Note,
                format!(
                    "{} changed the template: it reaches nobody, it waits until it is staged",
                    who_moved(service, false)
                ),
            ),
            Moved::No => {}
        }
        let Some(candidate) = record.candidate.clone() else {
            return Next::end(outcome_of(Code::BadState, "the record names no candidate", service));
        };
        if let Some(next) = self.judged(world, service, record, &candidate, now) {
            return next;
        }
        self.enter(record, now);
        let deadline = record.deadline;
        let state = serving(service);
        if state != Serving::Yes {
            let next = self.unserved(world, service, record, state, now, log);
            return self.asking_on(next, world, service, record, &candidate, now, log);
        }
        self.waiting_since = None;
        let served = self.served_since(service, record, now, log);
        self.advance(world, service, record, &candidate, served, deadline, now, log)
    }

    /// A new step (or a restart) begins with empty rows.
    fn enter(&mut self, record: &Record, now: Timestamp) {
        let here = (record.step, record.phase);
        if self.at_step != Some(here) {
            let fresh = self.at_step.is_some();
            self.at_step = Some(here);
            self.served = None;
            self.waiting_since = None;
            self.proof.begin(record.step == 0 || !fresh, now);
        }
    }

    /// Since when the step is served: seen by ourselves, or after a restart as the Route's condition tells, rounded up.
    fn served_since(&mut self, service: &Service, record: &Record, now: Timestamp, log: &mut Log) -> Timestamp {
        if let Some(served) = self.served {
            return served;
        }
        let routes = service.conditions.get("RoutesReady").and_then(|c| c.since);
        // Conditions carry whole seconds; without one, or with a clock that runs ahead, the wait is longer, not shorter.
        let seen = routes.map_or(now, |since| after(since, Duration::from_secs(1)));
        let served = record.step_at.max(seen).min(now);
        self.served = Some(served);
        if record.step > 0 {
            let took = now.duration_since(record.step_at);
            log.once(
                Topic::Check,
                format!(
                    "step {} of {} is served ({:.1} s after the write)",
                    record.step,
                    self.goal.plan.steps.len(),
                    took.as_secs_f64()
                ),
            );
        }
        served
    }

    /// Everything that sends users back: signals, people, the deadline, the candidate's health, failed probes.
    fn judged(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        candidate: &RevisionName,
        now: Timestamp,
    ) -> Option<Next> {
        if self.failed.is_none() {
            self.failed = self.why_back(world, service, record, candidate, now);
        }
        let why = self.failed.clone()?;
        Some(match roll_back(world, service, record, &why, now) {
            Ok(order) => Next::Write(Box::new(order)),
            Err(cannot) => Next::end(
                outcome_of(
                    Code::CouldNotRestore,
                    format!("{}; could not go back: {}", why.reason, cannot.why),
                    service,
                )
                .next(format!("bring {} back or `andante settle {} --to REVISION`", record.start.stable, service.name)),
            ),
        })
    }

    /// Why users have to go back, if they have to.
    fn why_back(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        candidate: &RevisionName,
        now: Timestamp,
    ) -> Option<Why> {
        let why = |code, reason: String| Some(Why::new(code, reason));
        let back = !self.goal.once && self.goal.on_term == OnTerm::Rollback;
        if world.signal == Some(Signal::Terminate) && back {
            return why(Code::Interrupted, "stopped by SIGTERM".into());
        }
        let control = Control::parse(service.annotations.get(CONTROL).map(String::as_str), &record.id);
        if let Some(abort) = &control.abort {
            return why(Code::Aborted, format!("aborted by {}", abort.by));
        }
        let stable = &record.start.stable;
        if world.revision(stable).is_none() && !record.split.share(stable).is_zero() {
            return why(Code::CouldNotRestore, format!("{stable} was deleted"));
        }
        if let Health::Failing(reason) = self.health.judge(world.revision(candidate), self.proof.is_waking(), now) {
            return why(Code::RolledBack, format!("{candidate}: {reason}"));
        }
        if let Some(reason) = self.proof.failed() {
            return why(Code::RolledBack, format!("{candidate}: {reason}"));
        }
        if now >= record.deadline {
            return why(Code::Inconclusive, "the deadline passed".into());
        }
        None
    }

    fn unserved(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        state: Serving,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        if let Some(end) = self.stop(world, service, record) {
            return end;
        }
        let since = *self.waiting_since.get_or_insert(now);
        let limit = after(since, self.goal.serve_within);
        let (Serving::NotYet(text) | Serving::Blocked(text)) = state else { return self.sleep(limit, record, now) };
        if now >= limit {
            let reason = format!("the split was not served within {}: {text}", words(self.goal.serve_within));
            self.failed = Some(Why::new(Code::RolledBack, reason));
            return Next::Wait { until: Some(now), ask: None };
        }
        if service.truth("RoutesReady") == Truth::False {
            log.once(Topic::Wait, format!("not served yet: {text}"));
        }
        self.sleep(limit, record, now)
    }

    /// While a split is on its way users are on the candidate already (from the second step on), so probes go on.
    #[expect(clippy::too_many_arguments, reason = "one decision over everything known")]
    fn asking_on(
        &mut self,
        next: Next,
        world: &World,
        service: &Service,
        record: &Record,
        candidate: &RevisionName,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        match next {
            Next::Wait { until: Some(until), .. } if record.step > 1 => {
                let ask = self.question(world, service, record, candidate, now, log);
                let until = self.proof.next_moment(now).map_or(until, |moment| until.min(moment));
                Next::Wait { until: Some(until), ask }
            }
            other => other,
        }
    }

    /// The next thing to ask of the candidate's own address, if it is time.
    fn question(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        candidate: &RevisionName,
        now: Timestamp,
        log: &mut Log,
    ) -> Option<crate::probe::Request> {
        let tag = &record.tags.candidate;
        let url = self.goal.address.of(service.tag_url(tag), &service.name, tag);
        self.proof.next_question(url.as_deref(), world.revision(candidate), now, log)
    }

    /// The end on a signal where traffic stays as it is.
    fn stop(&self, world: &World, service: &Service, record: &Record) -> Option<Next> {
        let signal = world.signal?;
        let how = if signal == Signal::Interrupt { "Ctrl-C" } else { "SIGTERM" };
        let mut outcome =
            outcome_of(Code::Interrupted, format!("stopped by {how}; traffic stays where it is"), service)
                .next(format!("`andante walk {0}` goes on, `andante settle {0}` rolls back", service.name));
        outcome.rollout = Some(record.id.to_string());
        Some(Next::end(outcome))
    }

    /// Waits for news, at most until `until`, the deadline, or the health watcher's own moment.
    fn sleep(&mut self, until: Timestamp, record: &Record, now: Timestamp) -> Next {
        let mut until = until.min(record.deadline);
        if let Some(moment) = self.health.next(now) {
            until = until.min(moment);
        }
        Next::Wait { until: Some(until), ask: None }
    }

    /// The step is served: dwell, gates, approval, then the next one.
    #[expect(clippy::too_many_arguments, reason = "one decision over everything known")]
    fn advance(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        candidate: &RevisionName,
        served: Timestamp,
        deadline: Timestamp,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        if let Some(end) = self.stop(world, service, record) {
            return end;
        }
        let control = Control::parse(service.annotations.get(CONTROL).map(String::as_str), &record.id);
        let plan = self.goal.plan.clone();
        let last = record.step >= plan.steps.len();
        if let Some(pause) = &control.pause {
            self.paused = true;
            log.once(Topic::Wait, format!("paused by {} at {}", pause.by, pause.at));
            self.served = Some(now);
            if self.goal.once {
                return Next::end(self.not_due(service, record, "paused".to_owned()));
            }
            return self.sleep(deadline, record, now);
        }
        if self.paused {
            self.paused = false;
            self.proof.begin(true, now);
            log.say(Topic::Wait, "resumed; the dwell begins anew");
        }
        let promoted = control.promote.is_some();
        let stay = match plan.step(record.step) {
            _ if promoted && !last => Duration::ZERO,
            _ if record.phase == Phase::Baking => plan.bake,
            Some(step) => step.dwell,
            None => Duration::ZERO,
        };
        let until = after(self.proof.failed_at().map_or(served, |failed| failed.max(served)), stay);
        // Gates run while we dwell, so that a bad answer costs users no more than it takes to go back.
        let ask = self.question(world, service, record, candidate, now, log);
        let wait = |until: Timestamp, me: &mut Self, ask| match me.sleep(until, record, now) {
            Next::Wait { until: Some(until), .. } => {
                let until = me.proof.next_moment(now).map_or(until, |moment| until.min(moment));
                Next::Wait { until: Some(until), ask }
            }
            other => other,
        };
        if now < until {
            if record.step > 0 {
                let kind = if record.phase == Phase::Baking { "bake" } else { "dwell" };
                log.once(
                    Topic::Wait,
                    format!("{kind} {} at step {} of {}", words(stay), record.step, plan.steps.len()),
                );
            }
            if self.goal.once && ask.is_none() && self.proof.passed() {
                return Next::end(self.not_due(service, record, format!("the next move is due at {until}")));
            }
            return wait(until, self, ask);
        }
        if !self.proof.passed() {
            log.once(Topic::Wait, self.proof.wanted());
            return wait(deadline, self, ask);
        }
        if last {
            if ask.is_some() {
                self.proof.withdraw();
            }
            return self.end_of_plan(world, service, record, now, log);
        }
        let next = if promoted { plan.steps.len() } else { record.step + 1 };
        let Some(step) = plan.step(next).cloned() else {
            return Next::end(outcome_of(Code::Internal, "the plan has no next step", service));
        };
        if step.approval && !promoted {
            match control.approval(next) {
                Some(approval) => {
                    log.once(
                        Topic::Check,
                        format!("step {next} ({}) approved by {}", step.percent, approval.request.by),
                    );
                }
                None => return self.unapproved(service, record, next, until, now, log, ask),
            }
        }
        match step_split(world, record, candidate, step.percent) {
            Err(blocker) => {
                log.once(Topic::Wait, format!("step {next} cannot be taken: {blocker}"));
                if self.goal.once {
                    return Next::end(self.not_due(service, record, blocker));
                }
                wait(deadline, self, ask)
            }
            Ok(split) => {
                // What a write comes before is not asked: it is asked again after the write, whatever becomes of that.
                if ask.is_some() {
                    self.proof.withdraw();
                }
                let mut to = record.clone();
                to.step = next;
                to.step_at = now;
                to.approval_since = None;
                to.phase = if next == plan.steps.len() && step.percent == Percent::FULL {
                    Phase::Baking
                } else {
                    Phase::Walking
                };
                let what = format!(
                    "{} to {candidate} (step {next} of {})",
                    record.start.share_at(step.percent),
                    plan.steps.len()
                );
                write(order(service, to, Some(split), None, Said::new(Topic::Traffic, what)), service)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one decision over everything known")]
    fn unapproved(
        &mut self,
        service: &Service,
        record: &Record,
        next: usize,
        since: Timestamp,
        now: Timestamp,
        log: &mut Log,
        ask: Option<crate::probe::Request>,
    ) -> Next {
        let Some(asked) = record.approval_since else {
            // Written down, so that a restart does not give people a new half hour.
            let mut to = record.clone();
            to.approval_since = Some(since.max(record.step_at));
            if ask.is_some() {
                self.proof.withdraw();
            }
            let percent = self.goal.plan.step(next).map_or(Percent::ZERO, |s| s.percent);
            let what = format!(
                "step {next} ({percent}) waits for approval, at most {}: `andante control approve {} --rollout {} --step {next}`",
                words(self.goal.plan.approval_timeout),
                service.name,
                record.id
            );
            return write(order(service, to, None, None, Said::new(Topic::Wait, what)), service);
        };
        let until = after(asked, self.goal.plan.approval_timeout);
        if now >= until {
            let reason = format!("nobody approved step {next} within {}", words(self.goal.plan.approval_timeout));
            self.failed = Some(Why::new(Code::NotApproved, reason));
            return Next::Wait { until: Some(now), ask: None };
        }
        if self.goal.once {
            return Next::end(self.not_due(service, record, format!("step {next} waits for approval until {until}")));
        }
        let _ = log;
        match self.sleep(until, record, now) {
            Next::Wait { until, .. } => Next::Wait { until, ask },
            other => other,
        }
    }

    fn end_of_plan(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        let to = self.goal.plan.to();
        if to < Percent::FULL {
            let mut held = record.clone();
            held.phase = Phase::Held;
            held.step_at = now;
            let what = Said::new(Topic::Wait, format!("held at {to} as asked"));
            return write(order(service, held, None, None, what), service);
        }
        match finish(world, service, record, now) {
            Ok(finish) => {
                if let Some(why) = &finish.stays_pinned {
                    log.once(Topic::Note, format!("traffic stays pinned by name, latest is not restored: {why}"));
                }
                self.finish_note = finish.stays_pinned;
                Next::Write(Box::new(finish.order))
            }
            Err(cannot) => Next::end(outcome_of(Code::Internal, cannot.why, service)),
        }
    }

    fn not_due(&self, service: &Service, record: &Record, what: String) -> Outcome {
        let mut outcome =
            outcome_of(Code::Done, format!("step {} of {}: {what}", record.step, self.goal.plan.steps.len()), service)
                .word("not-due")
                .next(format!("`andante walk {} --once` again then", service.name));
        outcome.rollout = Some(record.id.to_string());
        outcome.candidate = record.candidate.as_ref().map(ToString::to_string);
        outcome
    }

    /// The last write is done: the end once it is served.
    fn closing(&mut self, world: &World, service: &Service, record: &Record, now: Timestamp) -> Next {
        let ended = *self.ended_at.get_or_insert(now);
        let unserved = serving(service) != Serving::Yes && moved(record, service) == Moved::No;
        let terminated = world.signal == Some(Signal::Terminate) && now >= after(ended, Duration::from_secs(2));
        if unserved && now < after(ended, LAST_WAIT) && !terminated {
            let quick = after(ended, Duration::from_secs(2));
            let until = if world.signal.is_some() { quick } else { after(ended, LAST_WAIT) };
            return Next::Wait { until: Some(until), ask: None };
        }
        let candidate = record.candidate.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut outcome = match record.phase {
            Phase::Finished => {
                let next =
                    self.finish_note.clone().map(|why| format!("traffic stays pinned: {why}")).unwrap_or_default();
                outcome_of(Code::Done, format!("finished: {candidate} has what {} had", record.start.stable), service)
                    .word("finished")
                    .next(next)
            }
            Phase::Held => outcome_of(Code::Done, format!("held at {} to {candidate}", self.goal.plan.to()), service)
                .word("held")
                .next(format!("`andante walk {0}` goes on, `andante settle {0}` rolls back", service.name)),
            Phase::Interrupted => {
                let mut outcome = ended_before(record, service);
                outcome.next = format!(
                    "the same run starts again from its first step; `andante settle {}` closes it",
                    service.name
                );
                outcome
            }
            _ => ended_before(record, service),
        };
        if unserved {
            outcome.what.push_str("; written, but not confirmed as served yet");
        }
        outcome.candidate = Some(candidate);
        outcome.digest = record.candidate.as_ref().and_then(|c| world.revision(c)).and_then(|r| r.digest.clone());
        outcome.rollout = Some(record.id.to_string());
        Next::end(outcome)
    }
}

/// A write, or the end if its record cannot be written.
fn write(order: Result<crate::machine::Order, crate::record::BadRecord>, service: &Service) -> Next {
    match order {
        Ok(order) => Next::Write(Box::new(order)),
        Err(error) => Next::end(outcome_of(Code::BadState, error.to_string(), service)),
    }
}

impl Machine for Walk {
    fn decide(&mut self, world: &World, now: Timestamp, log: &mut Log) -> Next {
        if let Some(denied) = self.denied.take() {
            return Next::end(denied);
        }
        self.began.get_or_insert(now);
        let service = match &world.target {
            Target::Unknown => return Next::Look(Look::Service),
            Target::Absent => {
                return Next::end(
                    Outcome::new(Code::BadState, format!("there is no Service {}", self.goal.service))
                        .next(format!("create it with `andante stage {} --image REF`", self.goal.service)),
                );
            }
            Target::Seen(service) => service.as_ref(),
        };
        if service.deleting {
            return Next::end(Outcome::new(Code::TakenOver, format!("Service {} is being deleted", service.name)));
        }
        if !world.listed {
            return Next::Wait { until: None, ask: None };
        }
        let record = match world.record().transpose() {
            Ok(record) => record,
            Err(error) => return Next::end(outcome_of(Code::BadState, error.to_string(), service)),
        };
        match self.hold.standing(record) {
            Standing::Ours(record) => self.ours(world, service, &record, now, log),
            Standing::Lost(record) => Next::end(self.hold.lost(record.as_deref(), service)),
            Standing::Outside(record) => self.outside(world, service, record.map(|r| *r), now, log),
        }
    }

    fn answered(&mut self, answer: Answer, now: Timestamp, log: &mut Log) {
        self.proof.answered(&answer, now, log);
    }

    fn written(&mut self, written: &Written, world: &World, _: Timestamp, _: &mut Log) {
        if let Written::Denied(error) = written {
            let mut outcome = denied(error);
            if let Some(why) = &self.failed {
                outcome.code = Code::CouldNotRestore;
                outcome.what = format!("{}; the way back was refused: {}", why.reason, outcome.what);
            }
            outcome.traffic = world.service().and_then(|s| s.split.as_ref().ok()).cloned();
            self.denied = Some(outcome);
        }
    }

    fn give_up(&self, world: &World, why: GiveUp) -> Outcome {
        gave_up(world, why)
    }
}
