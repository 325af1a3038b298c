//! A step that is served: what holds it, and then the next step or the end of the plan.
//!
//! Decides the next write of a walk that nothing holds back. It may use the gates, the judge and the record.

use super::scene::Scene;
use super::step::step_split;
use super::{Walk, write};
use crate::evidence::verdict::Verdict;
use crate::machine::capacity::note_receipt;
use crate::machine::course::served_at;
use crate::machine::finish::finish;
use crate::machine::judge::Advice;
use crate::machine::next::{Next, Order};
use crate::machine::standing::outcome_of;
use crate::machine::write::order;
use crate::model::event::{Event, Log, Topic};
use crate::model::moment::Moment;
use crate::model::outcome::{Code, Outcome};
use crate::model::percent::Percent;
use crate::model::time::after;
use crate::rollout::plan::Step;
use crate::rollout::record::{BadRecord, Phase, Record};
use jiff::Timestamp;
use std::time::Duration;

/// By how much two clocks may differ unnoticed (`adapter::clock`): what another process or the API server timed is put off by it,
/// so that a dwell after a restart is never shorter than was planned.
pub(super) const CLOCKS: Duration = Duration::from_secs(2);

impl Walk {
    /// Since when the step is served: seen by ourselves, or after a restart as the Route's condition tells, rounded up.
    pub(super) fn served_since(&mut self, scene: &Scene<'_>, log: &mut Log) -> Timestamp {
        if let Some(served) = self.served {
            return served;
        }
        let (record, now) = (scene.record, scene.now);
        // Nobody has watched how long a step took that another process wrote. The condition's time is of the API
        // server's clock, so what this process saw itself is not measured by it.
        let ours = self.began.is_some_and(|began| record.step_at >= began);
        let told = served_at(scene.service, record, &scene.control).filter(|_| !ours);
        let served = told.map_or(now, |told| after(told, CLOCKS).min(now));
        self.served = Some(served);
        // Gates begin anew, because on the way here they did not speak of this step.
        self.begin_gates();
        if record.step > 0 {
            let took = now.duration_since(record.step_at);
            let after = if ours { format!(" ({:.1} s after the write)", took.as_secs_f64()) } else { String::new() };
            log.once(Topic::Check, format!("step {} of {} is served{after}", record.step, self.goal.plan.steps.len()));
        }
        served
    }

    /// The step is served: gates, then the next one.
    pub(super) fn advance(&mut self, scene: &Scene<'_>, served: Timestamp, log: &mut Log) -> Next {
        let served = self.after_pause(scene, served, log);
        self.look_at_candidate(scene);
        match self.holds_back(scene, served) {
            Verdict::Wait(waiting) => self.wait_for(&waiting, scene, log),
            Verdict::Fail(why) => self.go_back(scene, why, log),
            Verdict::Pass if scene.record.step >= self.goal.plan.steps.len() => self.end_of_plan(scene, log),
            Verdict::Pass => self.take_step(scene, log),
        }
    }

    /// Since when the step counts as served: a pause makes its dwell begin anew.
    fn after_pause(&mut self, scene: &Scene<'_>, served: Timestamp, log: &mut Log) -> Timestamp {
        let was_paused = std::mem::replace(&mut self.paused, scene.is_paused());
        if self.paused {
            self.served = Some(scene.now);
        } else if was_paused {
            self.served = Some(scene.now);
            self.probing.begin(true, scene.now);
            log.say(Topic::Wait, "resumed; the dwell begins anew");
        }
        self.served.unwrap_or(served)
    }

    /// The step that comes next as far as the evidence goes, with its number; none at the end of the plan, or while the
    /// evidence allows none.
    pub(super) fn next_step(&self, scene: &Scene<'_>) -> Option<(usize, Step)> {
        let plan = &self.goal.plan;
        if scene.record.step >= plan.steps.len() {
            return None;
        }
        match self.advice(scene) {
            Advice::Go(next) => plan.step(next).cloned().map(|step| (next, step)),
            Advice::Wait(_) => None,
        }
    }

    /// Says who approved the step that comes next.
    pub(super) fn say_approval(&self, scene: &Scene<'_>, log: &mut Log) {
        let Some((number, step)) = self.next_step(scene).filter(|(_, step)| step.approval) else { return };
        let approval = scene.control.approval(number, scene.record.attempt).filter(|_| !scene.is_promoted());
        if let Some(approval) = approval {
            log.once(Topic::Check, format!("step {number} ({}) approved by {}", step.percent, approval.request.by));
        }
    }

    /// The write that takes the next step.
    fn take_step(&mut self, scene: &Scene<'_>, log: &mut Log) -> Next {
        self.say_approval(scene, log);
        let (record, service, steps) = (scene.record, scene.service, self.goal.plan.steps.len());
        let Some((number, step)) = self.next_step(scene) else {
            return Next::end(outcome_of(Code::Internal, "the plan has no next step", service));
        };
        let split = match step_split(scene.world, record, scene.candidate, step.percent) {
            Ok(split) => split,
            Err(blocker) => return Next::end(outcome_of(Code::Internal, blocker, service)),
        };
        let mut to = record.clone();
        to.step = number;
        to.step_at = scene.now;
        to.approval_since = None;
        to.capacity = self.capacity_after(scene);
        // At 100 % there is no stable left to compare with, so that step bakes: the objective alone is watched. Where stable keeps
        // a part for the bake, both are compared on until it is over.
        to.phase = if self.goal.plan.is_past_proof(number) { Phase::Baking } else { Phase::Walking };
        let (evidence, said) = self.evidence_for(&to, &split);
        to.evidence = evidence;
        self.gates.iter().for_each(|gate| gate.keep(&mut to));
        let what = format!(
            "{} to {} (step {number} of {steps}){said}",
            record.start.share_of(scene.candidate, step.percent),
            scene.candidate
        );
        let what = Event::new(Topic::Traffic, what).at(Moment::StepTaken);
        write(order(service, to, Some(split), None, what), service)
    }

    /// The write that ends the plan: for good, or held where it was asked to stop.
    fn end_of_plan(&mut self, scene: &Scene<'_>, log: &mut Log) -> Next {
        let (service, to) = (scene.service, self.goal.plan.to());
        let mut record = self.with_evidence(scene.record);
        if self.goal.plan.declared {
            return write(self.end_below(scene, record, to), service);
        }
        if to < Percent::FULL {
            // The step keeps its time: whoever goes on from here in the same run does not dwell at it once more.
            record.phase = Phase::Held;
            let what = Event::new(Topic::Wait, format!("held at {to} as asked"));
            return write(order(service, record, None, None, what), service);
        }
        match finish(scene.world, service, &record, self.size, scene.now) {
            Ok(finish) => {
                if let Some(note) = finish.pinned_note() {
                    log.once(Topic::Note, note);
                }
                self.finish_note = finish.stays_pinned;
                Next::Write(Box::new(finish.order))
            }
            Err(cannot) => Next::end(outcome_of(Code::Internal, cannot.why, service)),
        }
    }

    /// The write that ends it at the share that its goal declares.
    fn end_below(&self, scene: &Scene<'_>, mut record: Record, to: Percent) -> Result<Order, BadRecord> {
        record.phase = Phase::Finished;
        record.outcome = Some(Code::Done);
        record.reason = None;
        record.step_at = scene.now;
        record.approval_since = None;
        record.accept(scene.candidate);
        note_receipt(&mut record, scene.record);
        self.claimant.mark_goal(&mut record);
        let split = record.start.ended_at(scene.candidate, to, &record.tags);
        let what = Event::new(Topic::Traffic, format!("finished at {to}, as the goal declares: {split}"));
        order(scene.service, record, Some(split), None, what)
    }

    /// The end of a short call: what is due is done, and what was learned is saved first.
    pub(super) fn rest(&mut self, scene: &Scene<'_>, what: &str) -> Next {
        self.save(scene, true).unwrap_or_else(|| Next::end(self.not_due(scene, what)))
    }

    /// True if a short call has seen what it came to see: probes, or one reading of the evidence, and one answer of
    /// each gate.
    pub(super) fn has_looked(&self, record: &Record) -> bool {
        if record.step > 0 && !self.gates.iter().all(|gate| gate.has_answered()) {
            return false;
        }
        match &self.judge {
            Some(judge) if record.step > 0 => judge.has_looked(),
            _ => self.probing.passed(),
        }
    }

    fn not_due(&self, scene: &Scene<'_>, what: &str) -> Outcome {
        let (service, record) = (scene.service, scene.record);
        let mut outcome =
            outcome_of(Code::Done, format!("step {} of {}: {what}", record.step, self.goal.plan.steps.len()), service)
                .word("not-due")
                .next(format!("`andante walk {} --once` again then", service.called()));
        outcome.rollout = Some(record.id.clone());
        outcome.candidate.clone_from(&record.candidate);
        outcome
    }
}
