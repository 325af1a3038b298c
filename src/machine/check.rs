//! Checking: does the candidate answer at its own address as it must, and as stable does? Nobody is moved and nothing is written.
//!
//! A machine (see [`crate::machine::next`]) over the same questions that a walk asks before its first step, and then over the same
//! requests to both. Decides which target is asked, and when the answer is a pass, a fail or none. It may use pure modules only.

use crate::evidence::probe::{Address, Probe};
use crate::evidence::replay::ScoreVerdict;
use crate::machine::health::{Health, Watcher};
use crate::machine::next::{GiveUp, Heard, Look, Machine, Next, Question, Written};
use crate::machine::outcomes::{absent, gave_up, unreadable};
use crate::machine::probing::Probing;
use crate::machine::replaying::{BothAddresses, Replay, Replaying};
use crate::machine::standing::outcome_of;
use crate::machine::world::{Presence, World};
use crate::model::event::Log;
use crate::model::event::Topic;
use crate::model::name::RolloutId;
use crate::model::name::{RevisionName, ServiceName, Tag};
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::ready::{Serving, is_current, serving};
use crate::model::time::{after, words};
use crate::rollout::owner::{Owner, OwnerKind};
use crate::rollout::record::Phase;
use jiff::Timestamp;
use std::time::Duration;

/// The goal of a check.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CheckGoal {
    /// The Service.
    pub service: ServiceName,
    /// The tag that is asked; none: the candidate of the open rollout.
    pub tag: Option<Tag>,
    /// What is asked and what a good answer is; none: nothing but the replay.
    pub probe: Option<Probe>,
    /// What both are asked after that; none: nothing.
    pub replay: Option<Replay>,
    /// Which of the tag's addresses is asked.
    pub address: Address,
    /// When the answer must be there.
    pub deadline: Duration,
    /// How long a fault of the pods must last to be believed.
    pub grace: Duration,
}

/// The checking machine.
#[derive(Debug)]
pub(crate) struct Check {
    goal: CheckGoal,
    owner: Owner,
    began: Option<Timestamp>,
    health: Watcher,
    probing: Probing,
    replaying: Option<Replaying>,
    /// Whom the answers so far are of.
    of: Option<RevisionName>,
}

/// Who is asked.
struct CheckedTarget {
    tag: Tag,
    /// Whom it is compared with.
    stable: Option<Tag>,
    revision: RevisionName,
    rollout: Option<RolloutId>,
}

impl Check {
    /// A machine that has not looked yet.
    pub(crate) fn new(goal: CheckGoal, owner: Owner) -> Self {
        let (health, probing) = (Watcher::new(goal.grace), Probing::new(goal.probe.clone()));
        let replaying = goal.replay.clone().map(Replaying::new);
        Self { goal, owner, began: None, health, probing, replaying, of: None }
    }

    /// The target that is asked, or the end if there is none.
    fn target(&self, world: &World, service: &Service) -> Result<CheckedTarget, Box<Outcome>> {
        let end = |code, what: String| Box::new(outcome_of(code, what, service));
        if let Some(tag) = &self.goal.tag {
            let revision = service
                .served
                .iter()
                .find(|s| s.tag.as_deref() == Some(tag.as_str()))
                .and_then(|s| s.revision_name.as_deref()?.parse().ok());
            return revision
                .map(|revision| CheckedTarget { tag: tag.clone(), stable: None, revision, rollout: None })
                .ok_or_else(|| end(Code::BadState, format!("no target of {} has the tag `{tag}`", service.name)));
        }
        let record = world.record().transpose().map_err(|e| Box::new(unreadable(&e, service)))?;
        let open = record.filter(|r| r.phase.is_open());
        let Some((record, revision)) = open.and_then(|r| r.candidate.clone().map(|c| (r, c))) else {
            let stage = format!("`andante stage {}` makes a candidate; --tag asks another target", service.called());
            return Err(Box::new((*end(Code::BadState, format!("nothing is staged on {}", service.name))).next(stage)));
        };
        // A run that asks about its own candidate must not pass because of somebody else's.
        if self.owner.kind != OwnerKind::Person && record.owner.uid != self.owner.uid {
            return Err(end(
                Code::Superseded,
                format!("the candidate {revision} is of rollout {} by {}", record.id, record.owner),
            ));
        }
        if self.replaying.is_some() && !matches!(record.phase, Phase::Staged | Phase::Interrupted) {
            // What is asked here would be counted with users' requests, and be judged.
            let what = format!("{revision} has users or had some: requests are replayed before the walk begins");
            return Err(end(Code::BadState, what));
        }
        let tags = &record.tags;
        let (tag, stable) = (tags.candidate.clone(), Some(tags.stable.clone()));
        Ok(CheckedTarget { tag, stable, revision, rollout: Some(record.id.clone()) })
    }

    /// True while a cold start is our own.
    fn is_waking(&self) -> bool {
        let replayed = self.replaying.as_ref().filter(|_| self.probing.passed());
        self.probing.is_waking() || replayed.is_some_and(Replaying::is_waking)
    }

    fn judge(
        &mut self,
        world: &World,
        service: &Service,
        asked: &CheckedTarget,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        let name = &asked.revision;
        let end = |code, what: String| Next::end(with(outcome_of(code, what, service), world, asked));
        if let Health::Failing(why) = self.health.judge(world.revision(name), self.is_waking(), now) {
            return end(Code::GateFailed, format!("{name}: {why}"));
        }
        if let Some(why) = self.probing.failed() {
            return end(Code::GateFailed, format!("{name}: {why}"));
        }
        if let Some(why) = self.probing.out_of_reach() {
            return end(Code::Unreachable, format!("{name}: {why}; that says nothing of it"));
        }
        let probed =
            self.goal.probe.as_ref().map(|probe| format!("{name} answers at its own address: {}", probe.passed()));
        let replayed = match self.replayed() {
            Some(Ok(said)) => Some(format!("{name} answers as stable does: {said}")),
            Some(Err((code, why))) => return end(code, format!("{name}: {why}")),
            None => None,
        };
        let is_done = self.probing.passed() && (self.replaying.is_none() || replayed.is_some());
        if is_done && !self.health.is_ill() {
            let passed: Vec<String> = [probed, replayed].into_iter().flatten().collect();
            return Next::end(with(outcome_of(Code::Done, passed.join("; "), service).word("passed"), world, asked));
        }
        let deadline = after(*self.began.get_or_insert(now), self.goal.deadline);
        let state = serving(service);
        if now >= deadline {
            let why = match state {
                Serving::NotYet(why) | Serving::Blocked(why) => why,
                Serving::Yes => match &self.replaying {
                    Some(replaying) if self.probing.passed() => replaying.progress(),
                    _ => self.probing.wanted(),
                },
            };
            return end(
                Code::Inconclusive,
                format!("no verdict on {name} within {}: {why}", words(self.goal.deadline)),
            );
        }
        let mut until = self.health.next(now).map_or(deadline, |moment| moment.min(deadline));
        let mut ask = None;
        if let Serving::NotYet(why) | Serving::Blocked(why) = state {
            log.once(Topic::Wait, format!("not served yet: {why}"));
        } else {
            let url = |tag: &Tag| self.goal.address.of(service.tag_url(tag), &service.name, tag);
            let (url, of_stable) = (url(&asked.tag), asked.stable.as_ref().and_then(url));
            if url.is_none() || self.replaying.is_some() && of_stable.is_none() {
                log.once(Topic::Wait, "a tag has no address yet");
            }
            self.probing.look(url.as_deref(), world.revision(name), now);
            let next = if let Some(replaying) = self.replaying.as_ref().filter(|_| self.probing.passed()) {
                log.once(Topic::Check, format!("{name}: {}", replaying.wanted()));
                let both = of_stable.as_deref().zip(url.as_deref());
                ask = both.and_then(|(stable, candidate)| replaying.due(BothAddresses { stable, candidate }, now));
                replaying.next_moment(now)
            } else {
                ask = self.probing.due(url.as_deref(), now);
                if ask.is_some() && self.probing.is_wake() {
                    log.once(Topic::Check, "the candidate sleeps; waking it by its own address");
                }
                log.once(Topic::Check, format!("{name}: {}", self.probing.wanted()));
                self.probing.next_moment(now)
            };
            until = next.map_or(until, |moment| moment.min(until));
        }
        Next::Wait { until: Some(until), ask: ask.map(Question::Probe).into_iter().collect() }
    }
}

impl Check {
    /// What the replay came to, if it did: what is said of a pass, or how it ends else.
    fn replayed(&self) -> Option<Result<String, (Code, String)>> {
        let replaying = self.replaying.as_ref()?;
        if let Some(why) = replaying.out_of_reach() {
            return Some(Err((Code::Unreachable, format!("{why}; that says nothing of it"))));
        }
        Some(match replaying.verdict()? {
            ScoreVerdict::Good(said) => Ok(said),
            ScoreVerdict::Worse(why) => Err((Code::GateFailed, why)),
            ScoreVerdict::Open(why) => Err((Code::Inconclusive, format!("{why}: more pairs may tell"))),
        })
    }
}

/// The outcome with what results say of the target.
fn with(mut outcome: Outcome, world: &World, asked: &CheckedTarget) -> Outcome {
    outcome.candidate = Some(asked.revision.clone());
    outcome.digest = world.revision(&asked.revision).and_then(|r| r.digest.clone());
    outcome.rollout.clone_from(&asked.rollout);
    outcome
}

impl Machine for Check {
    fn decide(&mut self, world: &World, now: Timestamp, log: &mut Log) -> Next {
        if self.began.is_none() {
            self.began = Some(now);
            self.probing.begin(true, now);
        }
        let service = match &world.target {
            Presence::Unknown => return Next::Look(Look::Service),
            Presence::Absent => {
                return Next::end(absent(&self.goal.service, world));
            }
            Presence::Seen(service) => service.as_ref(),
        };
        if world.signal.is_some() {
            let what = "stopped by a signal; nothing was written";
            return Next::end(outcome_of(Code::Interrupted, what, service));
        }
        if !world.listed {
            return Next::wait(None);
        }
        // Which revision a tag means is told by the status, and one of an older generation names another.
        let deadline = after(self.began.unwrap_or(now), self.goal.deadline);
        if self.goal.tag.is_some() && !is_current(service) && now < deadline {
            log.once(Topic::Wait, format!("{}: Knative has not taken up the present spec yet; waiting", service.name));
            return Next::wait(Some(deadline));
        }
        match self.target(world, service) {
            Ok(asked) if *self.of.get_or_insert_with(|| asked.revision.clone()) != asked.revision => {
                let what =
                    format!("{} came in its place meanwhile: what was asked says nothing of that", asked.revision);
                Next::end(outcome_of(Code::Superseded, what, service))
            }
            Ok(asked) => self.judge(world, service, &asked, now, log),
            Err(outcome) => Next::end(*outcome),
        }
    }

    fn asked(&mut self, _: &Question, now: Timestamp) {
        match self.replaying.as_mut().filter(|_| self.probing.passed()) {
            Some(replaying) => replaying.asked(now),
            None => self.probing.asked(),
        }
    }

    fn heard(&mut self, heard: Heard, now: Timestamp, log: &mut Log) {
        let Heard::Probe(answer) = heard else { return };
        if let Some(replaying) = self.replaying.as_mut().filter(|_| self.probing.passed()) {
            let waking = replaying.is_waking();
            replaying.answered(&answer, now, log);
            if waking && !replaying.is_waking() {
                self.health.restart(now);
            }
            return;
        }
        let waking = self.probing.is_waking();
        self.probing.answered(&answer, now, log);
        if waking && !self.probing.is_waking() {
            // The cold start was ours: its pods are judged from now on.
            self.health.restart(now);
        }
    }

    fn written(&mut self, _: &Written, _: &World, _: Timestamp, _: &mut Log) {}

    fn give_up(&self, world: &World, why: GiveUp) -> Outcome {
        gave_up(world, why)
    }
}

#[cfg(test)]
mod tests;
