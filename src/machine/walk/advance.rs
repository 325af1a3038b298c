//! A step that is served: dwell, questions, pauses, approval, and then the next step or the end of the plan.

use super::{Walk, write};
use crate::machine::finish::finish;
use crate::machine::judge::Advice;
use crate::machine::next::Next;
use crate::machine::rollback::Why;
use crate::machine::standing::outcome_of;
use crate::machine::walk::step::step_split;
use crate::machine::world::World;
use crate::machine::write::order;
use crate::model::event::Log;
use crate::model::event::{Event, Topic};
use crate::model::name::RevisionName;
use crate::model::observed::{CONTROL, Service};
use crate::model::outcome::{Code, Outcome};
use crate::model::percent::Percent;
use crate::model::time::{after, words};
use crate::rollout::control::Control;
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;
use std::time::Duration;

impl Walk {
    /// The step is served: dwell, gates, approval, then the next one.
    #[expect(clippy::too_many_arguments, reason = "one decision over everything known")]
    pub(super) fn advance(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        candidate: &RevisionName,
        served: Timestamp,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        let control = Control::parse(service.annotations.get(CONTROL).map(String::as_str), &record.id);
        let plan = self.goal.plan.clone();
        let last = record.step >= plan.steps.len();
        if let Some(pause) = &control.pause {
            self.paused = true;
            log.once(Topic::Wait, format!("paused by {} at {}", pause.by, pause.at.strftime("%H:%M:%S")));
            self.served = Some(now);
            self.end_look(now);
            if self.goal.once {
                return self.rest(service, record, "paused", now);
            }
            // A pause stops the ramp, never the look at users' luck.
            let ask = self.question(world, service, record, candidate, now, log);
            return self.wait(record.deadline, ask, record, now);
        }
        let mut served = served;
        if self.paused {
            self.paused = false;
            served = now;
            self.served = Some(now);
            self.probing.begin(true, now);
            log.say(Topic::Wait, "resumed; the dwell begins anew");
        }
        let promoted = control.promoted(record.attempt).is_some();
        let stay = match plan.step(record.step) {
            _ if promoted && !last => Duration::ZERO,
            _ if record.phase == Phase::Baking => plan.bake,
            Some(step) => step.dwell,
            None => Duration::ZERO,
        };
        let failed = self.probing.failed_at().filter(|_| !self.last_look);
        let until = after(failed.map_or(served, |failed| failed.max(served)), stay);
        // Gates run while we dwell, so that a bad answer costs users no more than it takes to go back.
        let ask = self.question(world, service, record, candidate, now, log);
        let hurried = self.promoted_anyway && record.phase != Phase::Baking;
        if now < until && !hurried {
            if record.step > 0 {
                let kind = if record.phase == Phase::Baking { "bake" } else { "dwell" };
                log.once(
                    Topic::Wait,
                    format!("{kind} {} at step {} of {}", words(stay), record.step, plan.steps.len()),
                );
            }
            if self.goal.once && ask.is_none() && self.has_looked(record) {
                return self.rest(service, record, &format!("the next move is due at {until}"), now);
            }
            return self.wait(until, ask, record, now);
        }
        // A question that is due or out is answered first: the last look before users are moved is a fresh one.
        if ask.is_some() || self.probing.is_asking() {
            return self.wait(record.deadline, ask, record, now);
        }
        let probes_count = !self.judges(record) || self.last_look;
        if probes_count && !self.probing.passed() {
            log.once(Topic::Wait, self.probing.wanted());
            return self.wait(record.deadline, ask, record, now);
        }
        if self.health.is_ill() {
            self.end_look(now);
            log.once(
                Topic::Wait,
                format!("{candidate} has no ready pod at the moment; no step until it has or has failed"),
            );
            return self.wait(record.deadline, ask, record, now);
        }
        if let Some(missing) = self.gate_missing(record, promoted) {
            // Each answer is a line already.
            self.end_look(now);
            if self.goal.once && self.has_looked(record) {
                return self.rest(service, record, &missing, now);
            }
            return self.wait(record.deadline, ask, record, now);
        }
        let next = match self.gate(record, promoted) {
            Advice::Go(next) => next,
            Advice::Wait(why) => {
                self.end_look(now);
                Self::say_unproved(&why, log);
                if self.goal.once && self.has_looked(record) {
                    return self.rest(service, record, &why, now);
                }
                return self.wait(record.deadline, ask, record, now);
            }
        };
        if last {
            if self.needs_look(record) {
                return self.look(world, service, record, candidate, now, log);
            }
            if ask.is_some() {
                self.probing.withdraw();
            }
            return self.end_of_plan(world, service, record, now, log);
        }
        let Some(step) = plan.step(next).cloned() else {
            return Next::end(outcome_of(Code::Internal, "the plan has no next step", service));
        };
        if step.approval && !promoted {
            match control.approval(next, record.attempt) {
                Some(approval) => {
                    log.once(
                        Topic::Check,
                        format!("step {next} ({}) approved by {}", step.percent, approval.request.by),
                    );
                }
                None => return self.unapproved(world, service, record, next, until, now, log, ask),
            }
        }
        match step_split(world, record, candidate, step.percent) {
            Err(blocker) => {
                self.end_look(now);
                log.once(Topic::Wait, format!("step {next} cannot be taken: {blocker}"));
                if self.goal.once {
                    return self.rest(service, record, &blocker, now);
                }
                self.wait(record.deadline, ask, record, now)
            }
            Ok(_) if self.needs_look(record) => self.look(world, service, record, candidate, now, log),
            Ok(split) => {
                // What a write comes before is not asked: it is asked again after the write, whatever becomes of that.
                if ask.is_some() {
                    self.probing.withdraw();
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
                let (evidence, said) = self.evidence_for(&to, &split);
                to.evidence = evidence;
                let what = format!(
                    "{} to {candidate} (step {next} of {}){said}",
                    record.start.share_at(step.percent),
                    plan.steps.len()
                );
                write(order(service, to, Some(split), None, Event::new(Topic::Traffic, what)), service)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one decision over everything known")]
    pub(super) fn unapproved(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        next: usize,
        since: Timestamp,
        now: Timestamp,
        log: &mut Log,
        ask: Option<crate::evidence::probe::ProbeRequest>,
    ) -> Next {
        let Some(asked) = record.approval_since else {
            // Written down, so that a restart does not give people a new half hour.
            let mut to = record.clone();
            to.approval_since = Some(since.max(record.step_at));
            if ask.is_some() {
                self.probing.withdraw();
            }
            let percent = self.goal.plan.step(next).map_or(Percent::ZERO, |s| s.percent);
            let what = format!(
                "step {next} ({percent}) waits for approval, at most {}: `andante control approve {} --rollout {} --step {next}`",
                words(self.goal.plan.approval_timeout),
                service.called(),
                record.id
            );
            return write(order(service, to, None, None, Event::new(Topic::Wait, what)), service);
        };
        let until = after(asked, self.goal.plan.approval_timeout);
        if now >= until {
            let reason = format!("nobody approved step {next} within {}", words(self.goal.plan.approval_timeout));
            return self.go_back(world, service, record, Why::new(Code::NotApproved, reason), now, log);
        }
        if self.goal.once {
            return self.rest(service, record, &format!("step {next} waits for approval until {until}"), now);
        }
        self.wait(until, ask, record, now)
    }

    pub(super) fn end_of_plan(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        let to = self.goal.plan.to();
        let record = &self.with_evidence(record);
        if to < Percent::FULL {
            let mut held = record.clone();
            held.phase = Phase::Held;
            held.step_at = now;
            let what = Event::new(Topic::Wait, format!("held at {to} as asked"));
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

    /// The end of a short call: what is due is done, and what was learned is saved first.
    pub(super) fn rest(&mut self, service: &Service, record: &Record, what: &str, now: Timestamp) -> Next {
        self.save(service, record, true, now).unwrap_or_else(|| Next::end(self.not_due(service, record, what)))
    }

    /// True if a short call has seen what it came to see: probes, or one reading of the evidence, and one answer of each gate.
    fn has_looked(&self, record: &Record) -> bool {
        if record.step > 0 && !self.gates.have_answered() {
            return false;
        }
        match &self.judge {
            Some(judge) if record.step > 0 => judge.has_looked(),
            _ => self.probing.passed(),
        }
    }

    /// Windows shut, the candidate's own address is asked once more before a move.
    fn look(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        candidate: &RevisionName,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        self.begin_look(now);
        let ask = self.question(world, service, record, candidate, now, log);
        self.wait(record.deadline, ask, record, now)
    }

    /// What the evidence lacks is said when it is another thing than before: numbers alone are said with each save.
    fn say_unproved(why: &str, log: &mut Log) {
        let kind: String = why.chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect();
        log.once_of(Topic::Wait, &kind, why);
    }

    pub(super) fn not_due(&self, service: &Service, record: &Record, what: &str) -> Outcome {
        let mut outcome =
            outcome_of(Code::Done, format!("step {} of {}: {what}", record.step, self.goal.plan.steps.len()), service)
                .word("not-due")
                .next(format!("`andante walk {} --once` again then", service.called()));
        outcome.rollout = Some(record.id.to_string());
        outcome.candidate = record.candidate.as_ref().map(ToString::to_string);
        outcome
    }

    /// The next thing to ask of the candidate's own address, if it is time.
    pub(super) fn question(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        candidate: &RevisionName,
        now: Timestamp,
        log: &mut Log,
    ) -> Option<crate::evidence::probe::ProbeRequest> {
        if self.counts_users(record) {
            // Requests of ours would be counted as users'.
            return None;
        }
        let tag = &record.tags.candidate;
        let url = self.goal.address.of(service.tag_url(tag), &service.name, tag);
        self.probing.next_question(url.as_deref(), world.revision(candidate), now, log)
    }
}
