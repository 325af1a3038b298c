//! The walk: users move from stable to the candidate step by step, each step on verdicts, and back at once on a Fail.
//!
//! A machine (see [`crate::machine::next`]): `(world, now) -> what next`. The record holds everything that must survive
//! a crash; the walk's own memory (rows of probes, since when a split is served) is made anew after a restart. Decides
//! rules 6 to 12 of docs/protocol.md. It may use pure modules only.

use crate::evidence::probe::Answer;
use crate::evidence::reading::{NoReading, Reading};
use crate::machine::capacity::Demand;
use crate::machine::health::Watcher;
use crate::machine::judge::{Judge, Survey};
use crate::machine::last_split::LastSplit;
use crate::machine::next::{BoundOrder, GiveUp, Heard, Look, Machine, Next, Question, Written};
use crate::machine::outcomes::{denied, missing, taken_over};
use crate::machine::probing::Probing;
use crate::machine::restore::Restore;
use crate::machine::rollback::Why;
use crate::machine::standing::{Claimant, Moved, Standing, moved, outcome_of, who_moved};
use crate::machine::unserved::UnservedUsers;
use crate::machine::walk::asking::{AskingGate, gates_of};
use crate::machine::walk::pods::PodsMemory;
use crate::machine::walk::reach::not_reached;
use crate::machine::walk::scene::Scene;
use crate::machine::world::{Presence, World};
use crate::machine::write::RecordSize;
use crate::model::event::{Event, Log, Topic};
use crate::model::moment::Moment;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::podwords::trouble;
use crate::model::ready::{Serving, serving};
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;

mod advance;
mod asking;
mod back;
mod closing;
mod evidence;
mod gates;
mod goal;
mod goal_gates;
mod pod_gates;
mod pods;
mod pods_watch;
mod questions;
mod reach;
mod scene;
mod step;
mod stopped;
mod take;
#[cfg(test)]
mod tests;
mod unserved;
mod waiting;

pub use evidence::JudgeGoal;
pub use goal::{CompareGoal, GateGoal, WalkGoal};

/// The walking machine.
#[derive(Debug)]
pub struct Walk {
    goal: WalkGoal,
    claimant: Claimant,
    began: Option<Timestamp>,
    failed: Option<Why>,
    /// The last write, until users have it.
    last: LastSplit,
    denied: Option<Outcome>,
    /// Since when the present step is served; none before that.
    served: Option<Timestamp>,
    /// The step and phase that `served` and the rows speak of.
    at_step: Option<(usize, Phase)>,
    waiting_since: Option<Timestamp>,
    /// Whether users have anything that serves them.
    unserved_users: UnservedUsers,
    paused: bool,
    /// Since when the way back is blocked.
    stuck_since: Option<Timestamp>,
    health: Watcher,
    probing: Probing,
    gates: Vec<Box<dyn AskingGate>>,
    survey: Survey,
    judge: Option<Judge>,
    /// The owner's policy goes on without a decision.
    promoted_anyway: bool,
    /// Windows are shut while the candidate's own address is asked before a move.
    last_look: bool,
    /// When the evidence was put into the write that was decided last, if it was one that saves it.
    saving: Option<Timestamp>,
    /// What has been wrong with the candidate's pods for long enough to be believed.
    failing: Option<String>,
    /// What the candidate's pods said was wrong when they were last asked.
    pods_say: Option<String>,
    /// Pods that were asked for, and shortages.
    pods: PodsMemory,
    /// How much of the record is written: less once the API server has no room for it.
    size: RecordSize,
    /// What is done about the template once users are back.
    restore: Restore,
    /// Why traffic ends pinned although the owner followed latest, for the last sentence.
    finish_note: Option<String>,
}

impl Walk {
    /// A machine that has not looked yet.
    pub fn new(goal: WalkGoal, claimant: Claimant) -> Self {
        let within = goal.capacity.within;
        Self {
            health: Watcher::new(goal.grace),
            probing: Probing::new(goal.probe.clone()),
            gates: gates_of(&goal),
            survey: Survey::of(&goal.plan),
            restore: Restore::new(goal.restore_template, &goal.capacity, goal.once),
            goal,
            claimant,
            began: None,
            failed: None,
            last: LastSplit::default(),
            denied: None,
            served: None,
            at_step: None,
            waiting_since: None,
            unserved_users: UnservedUsers::default(),
            paused: false,
            stuck_since: None,
            judge: None,
            promoted_anyway: false,
            last_look: false,
            saving: None,
            failing: None,
            pods_say: None,
            pods: PodsMemory::new(within),
            size: RecordSize::Whole,
            finish_note: None,
        }
    }

    /// The same that knows what users of stable wanted while the candidate came up.
    #[must_use]
    pub(crate) fn knowing(mut self, stable: &Demand) -> Self {
        self.pods.demand[0].clone_from(stable);
        self
    }

    fn ours(&mut self, world: &World, service: &Service, record: &Record, now: Timestamp, log: &mut Log) -> Next {
        if matches!(record.phase, Phase::Finished | Phase::RolledBack | Phase::Interrupted | Phase::Held) {
            return self.closing(world, service, record, now, log);
        }
        match moved(record, service) {
            Moved::Traffic => {
                // Whom somebody else sent where is no longer this rollout's, and its bounds go at once.
                if let Some(next) = self.returning(world, record, |_| false, now, log) {
                    return next;
                }
                return Next::end(taken_over(service, " in mid-walk"));
            }
            Moved::Template => {
                let who = who_moved(service, false);
                let what = format!("{who} changed the template: it reaches nobody, it waits until it is staged");
                log.add_once(Event::new(Topic::Note, what).at(Moment::TemplateWaits));
            }
            Moved::No => {}
        }
        let Some(candidate) = record.candidate.clone() else {
            return Next::end(outcome_of(Code::BadState, "the record names no candidate", service));
        };
        // Alarms come before every end that leaves traffic where it is, because SIGTERM in a pod is one of them (rule
        // 12).
        let scene = Scene::new(world, service, record, &candidate, now);
        if record.phase == Phase::Staged
            && let Some(why) = self.probing.out_of_reach()
        {
            let back = self.returning(world, record, |_| false, now, log);
            return back.unwrap_or_else(|| Next::end(not_reached(&scene, why)));
        }
        self.appoint(record, &candidate, log);
        self.watch_health(&scene, log);
        self.watch_pods(&scene, log);
        self.gates.iter_mut().for_each(|gate| gate.see(&scene));
        if let Some(why) = self.failed.clone().or_else(|| self.alarm(&scene)) {
            return self.go_back(&scene, why, log);
        }
        if let Some(next) = self.outdated(&scene, log) {
            return next;
        }
        self.enter(record, now);
        if let Some(signal) = world.signal {
            return self.stop(signal, &scene);
        }
        // Of a way back that another process was on.
        if let Some(next) = self.uncap(world, record, now, log) {
            return next;
        }
        if let Some(next) = self.leave_staged(&scene) {
            return next;
        }
        if let Some(next) = self.without_decision(&scene, log) {
            return next;
        }
        if let Some(next) = self.mend_floor(&scene, log) {
            return next;
        }
        match serving(service) {
            Serving::Yes => self.served(&scene, log),
            Serving::NotYet(why) | Serving::Blocked(why) => self.unserved(&scene, &why, log),
        }
    }

    /// The split is served: on with the walk, and what was learned is saved while it waits.
    fn served(&mut self, scene: &Scene<'_>, log: &mut Log) -> Next {
        self.waiting_since = None;
        let served = self.served_since(scene, log);
        self.take_place(scene, served);
        let next = self.advance(scene, served, log);
        if matches!(next, Next::Wait { .. })
            && let Some(save) = self.save(scene, false)
        {
            return save;
        }
        self.asking(next, scene, true, log)
    }

    /// A new step (or a restart) begins with empty rows.
    fn enter(&mut self, record: &Record, now: Timestamp) {
        let here = (record.step, record.phase);
        if self.at_step != Some(here) {
            let fresh = self.at_step.is_some();
            self.at_step = Some(here);
            self.served = None;
            self.waiting_since = None;
            self.last_look = false;
            self.begin_gates();
            self.pods.bounds.begin_step();
            // A sleeping candidate is woken before the first percent (rule 10), and once more after a restart.
            self.probing.begin(record.step == 0 || !fresh, now);
        }
    }

    fn begin_gates(&mut self) {
        self.gates.iter_mut().for_each(|gate| gate.begin());
    }

    /// An answer of the candidate's own address.
    fn answered(&mut self, answer: &Answer, now: Timestamp, log: &mut Log) {
        let waking = self.probing.is_waking();
        self.probing.answered(answer, now, log);
        if let Some(judge) = &mut self.judge {
            judge.asked_by_us(answer);
        }
        if waking && !self.probing.is_waking() {
            // The cold start was ours: its pods are judged from now on.
            self.health.restart(now);
        }
    }

    fn read(&mut self, result: Result<Reading, NoReading>, now: Timestamp, log: &mut Log) {
        if let Some(judge) = &mut self.judge {
            judge.read(result, now, log);
        } else if let Some(goal) = &self.goal.judge {
            self.survey.read(result, &goal.rules, now, log);
        }
    }

    /// Waits for news, at most until `until`, the deadline, the health watcher's own moment, or the next probe.
    pub(super) fn wait(&self, until: Timestamp, record: &Record, now: Timestamp) -> Next {
        let deadline = Some(record.deadline).filter(|at| *at > now);
        let own = [deadline, self.health.next(now), self.probing.next_moment(now), self.pods.believed(now)];
        let until = own.into_iter().flatten().fold(until.min(record.deadline), Timestamp::min);
        Next::wait(Some(until))
    }
}

/// A write, or the end if its record cannot be written.
fn write(order: Result<crate::machine::next::Order, crate::rollout::record::BadRecord>, service: &Service) -> Next {
    match order {
        Ok(order) => Next::Write(Box::new(order)),
        Err(error) => Next::end(outcome_of(Code::BadState, error.to_string(), service)),
    }
}

impl Machine for Walk {
    fn decide(&mut self, world: &World, now: Timestamp, log: &mut Log) -> Next {
        if let Some(denied) = self.denied.clone() {
            return Next::end(denied);
        }
        self.saving = None;
        self.began.get_or_insert(now);
        let service = match &world.target {
            Presence::Unknown => return Next::Look(Look::Service),
            Presence::Absent if self.claimant.has_written() => {
                let what = format!("Service {} was deleted; this run writes nothing more", self.goal.service);
                return Next::end(Outcome::new(Code::TakenOver, what));
            }
            Presence::Absent => {
                let next = "name its namespace with -n if that is another one; `andante stage";
                return Next::end(
                    Outcome::new(Code::BadState, missing(&self.goal.service, world))
                        .next(format!("{next} {} --image REF` creates it", self.goal.service)),
                );
            }
            Presence::Seen(service) => service.as_ref(),
        };
        if service.deleting {
            return Next::end(Outcome::new(Code::TakenOver, format!("Service {} is being deleted", service.name)));
        }
        if !world.listed {
            return Next::wait(None);
        }
        let record = match world.record().transpose() {
            Ok(record) => record,
            Err(error) => return self.lost(world, service, now).unread(&error, log),
        };
        match self.claimant.standing(record) {
            Standing::Ours(record) => self.ours(world, service, &record, now, log),
            Standing::Noted(own) => self.closing(world, service, &own, now, log),
            Standing::Followed(done) => self.done_before(world, service, &done),
            Standing::Lost(newer) => self.lost(world, service, now).to(newer.as_deref(), log),
            Standing::Outside(record) => self.outside(world, service, record.map(|r| *r), now, log),
        }
    }

    fn asked(&mut self, question: &Question, now: Timestamp) {
        match (question, &mut self.judge) {
            (Question::Probe(_), _) => self.probing.asked(),
            (Question::Reading(_), Some(judge)) => judge.asked(now),
            (Question::Reading(_), None) => self.survey.asked(now),
            _ => self.gates.iter_mut().for_each(|gate| gate.asked(question, now)),
        }
    }

    fn heard(&mut self, heard: Heard, now: Timestamp, log: &mut Log) {
        match heard {
            Heard::Probe(answer) => self.answered(&answer, now, log),
            Heard::Reading(result) => self.read(result, now, log),
            heard => {
                if let Heard::Pods(Ok(pods)) = &heard {
                    self.pods_say = trouble(&pods.candidate).map(|trouble| trouble.words);
                }
                self.gates.iter_mut().for_each(|gate| gate.heard(&heard, now, log));
            }
        }
    }

    fn written(&mut self, written: &Written, world: &World, _: Timestamp, _: &mut Log) {
        if let (Some(at), Some(judge)) = (self.saving, &mut self.judge) {
            judge.mark_saved(at);
        }
        self.gates.iter_mut().for_each(|gate| self.saving.into_iter().for_each(|at| gate.saved(at)));
        if let Written::Denied(error) = written {
            if self.restore.is_denied(error) || self.denied_for_room(error, world) {
                return;
            }
            let mut outcome = denied(error);
            if let Some(why) = &self.failed {
                outcome.ends_as(Code::CouldNotRestore);
                outcome.what = format!("{}; the way back was refused: {}", why.reason, outcome.what);
            } else if self.claimant.has_written() && outcome.code == Code::BadInput {
                // The input is not to blame: something in the cluster denies in mid-walk what it allowed before.
                outcome.ends_as(Code::NotPermitted);
            }
            outcome.traffic = world.service().and_then(|s| s.split.as_ref().ok()).cloned();
            if let (Some(signal), None) = (world.signal, &self.failed) {
                outcome = self.unmarked(world, signal, &outcome);
            }
            self.denied = Some(outcome);
        }
    }

    fn unanswered(&mut self, record: &Record, world: &World) {
        self.claimant.unanswered(record, world);
    }

    fn bounded(&mut self, order: &BoundOrder, written: &Written, world: &World, now: Timestamp, log: &mut Log) {
        self.pods.bounds.bounded(order, written, world, now, log);
    }

    fn give_up(&self, world: &World, why: GiveUp) -> Outcome {
        self.given_up(world, why)
    }
}
