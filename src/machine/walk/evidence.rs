//! The walk's evidence: when it is read, what it holds up, what it sends back, what is saved.
//!
//! Decides how findings of the [`crate::machine::judge::Judge`] act on the walk. Without a judge a walk goes by
//! readiness, replicas, probes and the gates that ask something of their own (restarts, rows of `--compare`, the
//! owner's). It may use the judge, the plan and the record.

use super::{Walk, write};
use crate::evidence::Saved;
use crate::evidence::forecast::Course;
use crate::evidence::reading::{Arms, NoReading};
use crate::evidence::{OnInconclusive, OnObjective, Rules};
use crate::machine::judge::{Advice, Finding, Judge, StepPlace};
use crate::machine::next::Next;
use crate::machine::next::Question;
use crate::machine::rollback::Why;
use crate::machine::standing::outcome_of;
use crate::machine::walk::pod_gates::both_are_short;
use crate::machine::walk::scene::Scene;
use crate::machine::write::order;
use crate::model::event::Log;
use crate::model::event::{Event, Topic};
use crate::model::name::{Namespace, RevisionName};
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::percent::Percent;
use crate::model::split::Split;
use crate::model::time::{before, words};
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;
use std::time::Duration;

/// How evidence is judged, and where the revisions live that it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgeGoal {
    /// The rules.
    pub rules: Rules,
    /// The namespace of the Service.
    pub namespace: Namespace,
}

/// A walk that goes on without a decision leaves at most this much of its time beside the bake, to end by its deadline.
const MARGIN: Duration = Duration::from_secs(300);

impl Walk {
    /// Whom the evidence is about.
    fn arms(&self, record: &Record, candidate: &RevisionName) -> Option<Arms> {
        let namespace = self.goal.judge.as_ref()?.namespace.clone();
        Some(Arms { namespace, stable: record.start.stable.clone(), candidate: candidate.clone() })
    }

    /// Before anyone is moved: stable's rate, who else asks the candidate, and whether a decision can be had in time. None: go
    /// on.
    pub(super) fn survey(&mut self, service: &Service, record: &Record, now: Timestamp, log: &mut Log) -> Option<Next> {
        let rules = self.goal.judge.as_ref()?.rules.clone();
        let plan = &self.goal.plan;
        let first = record.step == 0 || matches!(record.phase, Phase::Staged | Phase::Interrupted);
        if let Some(mistake) = self.survey.mistake().filter(|_| first) {
            let what = format!("the evidence cannot be read: {mistake}; nobody was moved");
            let next = format!("mend the setting; then `andante walk {}`", service.called());
            return Some(Next::end(outcome_of(Code::BadInput, what, service).next(next)));
        }
        // Where nothing is compared, nothing is to be known of stable, and counters that cannot be read keep nobody.
        if !first || !plan.compares() && self.survey.is_failing() {
            return None;
        }
        let arms = self.arms(record, record.candidate.as_ref()?)?;
        let stays = |code, what: String, next: &str| {
            let what = format!("{what}; nobody was moved");
            Some(Next::end(
                outcome_of(code, what, service).next(format!("{next}; then `andante walk {}`", service.called())),
            ))
        };
        let Some(found) = self.survey.found() else {
            if let Some(why) = self.survey.outage(rules.patience, now) {
                if matches!(why, NoReading::Forbidden(_)) {
                    return stays(Code::NotPermitted, format!("the evidence cannot be read: {why}"), "add the rule");
                }
                let what = format!("no evidence could be read for {}: {why}", words(rules.patience));
                return stays(Code::Inconclusive, what, "mend the source, or name another with --evidence");
            }
            let looks = if plan.compares() {
                format!("reading the rate of {} before anyone is moved", arms.stable)
            } else {
                format!("looking who else asks {} before anyone is moved", arms.candidate)
            };
            log.once(Topic::Wait, looks);
            if let Some(why) = self.survey.why_longer(&rules, &arms.stable) {
                log.once_of(Topic::Wait, "longer", why);
            }
            let ask = if self.survey.is_due(now) { vec![Question::Reading(arms)] } else { vec![] };
            return Some(Next::Wait { until: self.survey.next_moment(now), ask });
        };
        if let Some(told) = found.told(&arms) {
            log.once(Topic::Check, told);
        }
        if let Some(told) = found.others(&arms) {
            log.once(Topic::Note, told);
        }
        if let Some(misses) = found.misses(&rules, &arms.stable) {
            if rules.strict_objective {
                let ways = "mend what serves, or raise --objective, or leave out --strict-objective";
                return stays(Code::Inconclusive, format!("{misses} (--strict-objective)"), ways);
            }
            let instead = found.instead(&rules, &arms.stable).unwrap_or_default();
            log.once(Topic::Note, format!("{misses}; {instead}"));
        } else if let Some(untold) = found.untold(&rules, &arms.stable) {
            log.once(Topic::Note, untold);
        }
        if !plan.compares() {
            return None;
        }
        let course = Course {
            steps: plan
                .steps
                .iter()
                // The proof is wanted before the bake, so no decision is to be had there.
                .take(plan.before_bake())
                .map(|s| (f64::from(s.percent.get()) / 100.0, s.dwell))
                .collect(),
            by_budget: plan.style.by_budget(),
            // The survey knows how long that is, and what waits.
            drain: Duration::ZERO,
            waits: None,
        };
        // The bake comes after the decision, so its time is not there to decide in.
        match found.forecast(&rules, &course, &arms, self.goal.deadline.saturating_sub(plan.bake)) {
            Ok(told) => log.once(Topic::Check, told),
            // The findings of many short calls add up, so none of them has to see the end.
            Err(none) if plan.to() < Percent::FULL || self.goal.once => log.once(Topic::Note, none.why),
            Err(none) if rules.on_inconclusive == OnInconclusive::Promote => {
                log.once(Topic::Note, format!("{}; it goes on without one then, as --on-inconclusive says", none.why));
            }
            Err(none) => return stays(Code::Inconclusive, none.why, &none.ways),
        }
        None
    }

    /// The judge, once it is known whom it judges. It takes up what the record holds.
    pub(super) fn appoint(&mut self, record: &Record, candidate: &RevisionName, log: &mut Log) {
        let Some(goal) = &self.goal.judge else {
            let by = self.judged_by();
            log.once(Topic::Note, format!("no evidence is read: this walk judges by {by} alone"));
            return;
        };
        if self.judge.is_some() {
            return;
        }
        let Some(arms) = self.arms(record, candidate) else { return };
        let rows = self.goal.compare.as_ref().map_or(0, |compare| compare.rows.len());
        let mut judge = Judge::new(goal.rules.clone(), arms).beside(rows);
        if let Some(found) = self.survey.found() {
            judge.know(found);
        }
        if let Some(saved) = &record.evidence {
            judge.take_up(saved, log);
        }
        if !self.goal.plan.compares() {
            let style = self.goal.plan.style.name();
            let what = match self.goal.plan.keep {
                kept if kept.is_zero() => {
                    format!(
                        "{style} moves everyone at once: nothing is compared; the objective is watched during the bake"
                    )
                }
                kept => format!("{style} moves all but {kept} at once: nothing is compared before the bake"),
            };
            log.once(Topic::Note, what);
        }
        self.judge = Some(judge);
    }

    /// Of the evidence of another run, what was seen before anyone was moved.
    pub(super) fn seen_before(&self, saved: &Saved) -> Option<Box<Saved>> {
        let rules = &self.goal.judge.as_ref()?.rules;
        saved.before(rules).map(Box::new)
    }

    /// A served step: this is where windows are.
    pub(super) fn take_place(&mut self, scene: &Scene<'_>, served: Timestamp) {
        // Windows begin when our last question is answered, because requests of ours would be counted as users'.
        if self.probing.is_asking() && !self.last_look {
            return self.approach_place(scene);
        }
        let (record, candidate, now) = (scene.record, scene.candidate, scene.now);
        let Some(judge) = self.judge.as_mut().filter(|_| record.step > 0) else { return };
        let percents = percents(&record.split, record, candidate);
        judge.enter(StepPlace { step: record.step, percents, served, baking: bakes_alone(record, percents) }, now);
    }

    /// A step that is written and not served yet.
    pub(super) fn approach_place(&mut self, scene: &Scene<'_>) {
        let (record, candidate, now) = (scene.record, scene.candidate, scene.now);
        let Some(judge) = self.judge.as_mut().filter(|_| record.step > 0) else { return };
        let percents = percents(&record.split, record, candidate);
        let baking = bakes_alone(record, percents);
        judge.approach(StepPlace { step: record.step, percents, served: now, baking }, now);
    }

    /// The evidence, if it is what users go back for.
    pub(super) fn evidence_against(&self, record: &Record) -> Option<Why> {
        let judge = self.judge.as_ref()?;
        match judge.finding() {
            Finding::Worse(what) => Some(Why::new(Code::Worse, format!("worse than stable: {what}"))),
            Finding::Broken(_) if self.holds_at_the_end(record) => None,
            Finding::Broken(what) => Some(Why::new(Code::ObjectiveBroken, what)),
            Finding::Trouble(what) => Some(Why::blameless(Code::Inconclusive, what)),
            _ => None,
        }
    }

    fn holds_at_the_end(&self, record: &Record) -> bool {
        let holds = self.judge.as_ref().is_some_and(|j| j.rules().on_objective == OnObjective::Hold);
        // While stable has users there is something to compare with, and a candidate that breaks it alone goes back.
        holds && record.phase == Phase::Baking && record.split.share(&record.start.stable).is_zero()
    }

    /// Why there is no decision, if none is to be waited for any longer.
    pub(super) fn undecided(&self, record: &Record, now: Timestamp) -> Option<String> {
        if let Some(why) = self.probing.out_of_reach().filter(|_| record.step > 0) {
            return Some(format!("no decision is to be had of the candidate: {why}"));
        }
        let judge = self.judge.as_ref().filter(|_| record.step > 0)?;
        let by = if now < record.deadline { "in time" } else { "by the deadline" };
        let late = || match judge.gate(&self.goal.plan, record.step) {
            Advice::Wait(waits) if now >= self.decides_at(record) => Some(format!("no decision {by}: {waits}")),
            _ => None,
        };
        judge.outage(now).or_else(late)
    }

    /// What happens without a decision: users go back, unless the owner said otherwise.
    pub(super) fn on_inconclusive(&self) -> OnInconclusive {
        self.judge.as_ref().map_or(OnInconclusive::Rollback, |judge| judge.rules().on_inconclusive)
    }

    /// When no decision is waited for any longer: at the deadline. One that goes on without a decision is over by then,
    /// so it leaves time for the bake, and a tenth of all or five minutes for splits, probes and gates.
    pub(super) fn decides_at(&self, record: &Record) -> Timestamp {
        if self.on_inconclusive() != OnInconclusive::Promote {
            return record.deadline;
        }
        let bake = if record.phase == Phase::Baking { Duration::ZERO } else { self.goal.plan.bake };
        before(record.deadline, bake + MARGIN.min(self.goal.deadline / 10))
    }

    /// The end, or the way on, where users stay although the evidence has not decided or the objective is broken.
    pub(super) fn without_decision(&mut self, scene: &Scene<'_>, log: &mut Log) -> Option<Next> {
        let (service, record, now) = (scene.service, scene.record, scene.now);
        if self.holds_at_the_end(record)
            && let Some(Finding::Broken(what)) = self.judge.as_ref().map(Judge::finding)
        {
            return Some(self.held(service, record, Code::ObjectiveBroken, what, now));
        }
        if self.holds_for_room(scene) {
            let lacks = "the candidate lacks pods for its users, and stable would for all of them";
            let why = format!("{}; {lacks}, so nobody is sent back", self.late(record.step));
            return Some(self.held(service, record, Code::Inconclusive, why, now));
        }
        match (self.undecided(record, now), self.on_inconclusive()) {
            (Some(why), OnInconclusive::Hold) => Some(self.held(service, record, Code::Inconclusive, why, now)),
            // Nothing speaks against the candidate, so a walk that the deadline cuts short is held as well.
            (None, OnInconclusive::Hold) if record.step > 0 && now >= record.deadline => {
                Some(self.held(service, record, Code::Inconclusive, self.late(record.step), now))
            }
            (Some(why), OnInconclusive::Promote) => {
                let last = self.goal.plan.is_past_proof(record.step);
                let does = if last { "it ends all the same" } else { "it goes on without one" };
                log.once_of(Topic::Note, does, format!("{why}; {does}, as --on-inconclusive says"));
                self.promoted_anyway = true;
                None
            }
            _ => None,
        }
    }

    /// Time is up, and going back would leave users with fewer pods.
    pub(super) fn holds_for_room(&self, scene: &Scene<'_>) -> bool {
        scene.record.step > 0 && scene.now >= scene.record.deadline && both_are_short(self, scene)
    }

    /// Traffic stays, the rollout stays open, and its end says why.
    fn held(&mut self, service: &Service, record: &Record, code: Code, why: String, now: Timestamp) -> Next {
        let mut held = self.with_evidence(record);
        held.phase = Phase::Held;
        held.step_at = now;
        held.outcome = Some(code);
        let what = Event::new(Topic::Wait, format!("held where it is: {why}"));
        held.reason = Some(why);
        write(order(service, held, None, None, what), service)
    }

    /// The end of a walk that was held without a good reason to stop.
    pub(super) fn held_end(record: &Record, service: &Service) -> Option<Outcome> {
        let code = record.outcome?;
        let reason = record.reason.clone().unwrap_or_default();
        let what = format!("{reason}; traffic stays where it is");
        Some(
            outcome_of(code, what, service)
                .next(format!("`andante walk {0}` goes on, `andante settle {0}` rolls back", service.called())),
        )
    }

    /// Which step may be taken next as far as the evidence goes.
    pub(super) fn advice(&self, scene: &Scene<'_>) -> Advice {
        let (plan, record) = (&self.goal.plan, scene.record);
        if scene.is_promoted() || self.promoted_anyway {
            return Advice::Go(plan.promoted_to(record.step));
        }
        self.judge.as_ref().map_or(Advice::Go(record.step + 1), |judge| judge.gate(plan, record.step))
    }

    /// True if the candidate's own address has to be asked once more, with the windows shut, before the next move.
    pub(super) fn needs_look(&self, record: &Record) -> bool {
        self.judges(record) && self.goal.probe.is_some() && !self.last_look
    }

    /// True if windows are counted at this step, so that nothing of ours may be in them.
    pub(super) fn judges(&self, record: &Record) -> bool {
        self.judge.is_some() && record.step > 0
    }

    /// True while a window is open in which nothing of ours may be.
    pub(super) fn counts_users(&self, record: &Record) -> bool {
        self.judges(record) && !self.last_look && self.waiting_since.is_none()
    }

    pub(super) fn begin_look(&mut self, now: Timestamp) {
        self.last_look = true;
        if let Some(judge) = &mut self.judge {
            judge.shut();
        }
        self.probing.begin(false, now);
    }

    pub(super) fn end_look(&mut self, now: Timestamp) {
        if std::mem::take(&mut self.last_look)
            && let Some(judge) = &mut self.judge
        {
            judge.reopen(now);
        }
    }

    /// The record with what the evidence says now, for a write that moves traffic or ends the rollout.
    pub(super) fn with_evidence(&self, record: &Record) -> Record {
        let saved = self.judge.as_ref().filter(|_| record.step > 0).and_then(Judge::saved);
        let saved = saved.map(|s| Box::new(s.without_counters()));
        let mut with = Record { evidence: saved.or_else(|| record.evidence.clone()), ..record.clone() };
        self.gates.iter().for_each(|gate| gate.keep(&mut with));
        with
    }

    /// The evidence as the next step begins with it, and what it says, for that step's line.
    pub(super) fn evidence_for(&self, to: &Record, split: &Split) -> (Option<Box<Saved>>, String) {
        let (Some(judge), Some(candidate)) = (&self.judge, &to.candidate) else { return (None, String::new()) };
        let percents = percents(split, to, candidate);
        let saved = judge.saved_for(to.step, percents, bakes_alone(to, percents));
        let said = if to.step > 1 { format!("; {}", judge.summary()) } else { String::new() };
        (saved.map(Box::new), said)
    }

    /// Saves what is new, if it is time to.
    pub(super) fn save(&mut self, scene: &Scene<'_>, at_once: bool) -> Option<Next> {
        let (service, record, now) = (scene.service, scene.record, scene.now);
        let rows: Vec<String> = self.gates.iter().filter_map(|gate| gate.saves(now, at_once)).collect();
        // What one of them has to save takes the other's along, in one write.
        let at_once = at_once || !rows.is_empty();
        let due = |judge: &&Judge| record.step > 0 && (judge.is_save_due(now) || at_once && judge.is_unsaved());
        let judge = self.judge.as_ref().filter(due);
        let said: Vec<String> = judge.map(Judge::summary).into_iter().chain(rows).collect();
        if said.is_empty() {
            return None;
        }
        let saved = judge.and_then(Judge::saved).map(Box::new);
        let mut to = Record { evidence: saved.or_else(|| record.evidence.clone()), ..record.clone() };
        self.gates.iter().for_each(|gate| gate.keep(&mut to));
        let what = Event::new(Topic::Check, said.join("; "));
        self.saving = Some(now);
        Some(write(order(service, to, None, None, what), service))
    }
}

/// Percents of candidate and stable in a split.
fn percents(split: &Split, record: &Record, candidate: &RevisionName) -> (u8, u8) {
    (split.share(candidate).get(), split.share(&record.start.stable).get())
}

/// True if everyone is on the candidate for the bake: there is no stable left to compare with.
fn bakes_alone(record: &Record, (_, of_stable): (u8, u8)) -> bool {
    record.phase == Phase::Baking && of_stable == 0
}
