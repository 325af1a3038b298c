//! Checking: does the candidate answer at its own address as it must? Nobody is moved and nothing is written.
//!
//! A machine (see [`crate::machine::next`]) over the same questions that a walk asks before its first step. Decides
//! which target is asked, and when the answer is a pass, a fail or none. It may use pure modules only.

use crate::evidence::probe::{Address, Probe};
use crate::machine::health::{Health, Watcher};
use crate::machine::next::{GiveUp, Heard, Look, Machine, Next, Question, Written};
use crate::machine::outcomes::{absent, gave_up, unreadable};
use crate::machine::probing::Probing;
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
use jiff::Timestamp;
use std::time::Duration;

/// The goal of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckGoal {
    /// The Service.
    pub service: ServiceName,
    /// The tag that is asked; none: the candidate of the open rollout.
    pub tag: Option<Tag>,
    /// What is asked and what a good answer is.
    pub probe: Probe,
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
}

/// Who is asked.
struct CheckedTarget {
    tag: Tag,
    revision: RevisionName,
    rollout: Option<RolloutId>,
}

impl Check {
    /// A machine that has not looked yet.
    pub(crate) fn new(goal: CheckGoal, owner: Owner) -> Self {
        let (health, probing) = (Watcher::new(goal.grace), Probing::new(Some(goal.probe.clone())));
        Self { goal, owner, began: None, health, probing }
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
                .map(|revision| CheckedTarget { tag: tag.clone(), revision, rollout: None })
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
        Ok(CheckedTarget { tag: record.tags.candidate.clone(), revision, rollout: Some(record.id.clone()) })
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
        if let Health::Failing(why) = self.health.judge(world.revision(name), self.probing.is_waking(), now) {
            return end(Code::GateFailed, format!("{name}: {why}"));
        }
        if let Some(why) = self.probing.failed() {
            return end(Code::GateFailed, format!("{name}: {why}"));
        }
        if let Some(why) = self.probing.out_of_reach() {
            return end(Code::Unreachable, format!("{name}: {why}; that says nothing of it"));
        }
        if self.probing.passed() && !self.health.is_ill() {
            let passed = format!("{name} answers at its own address: {}", self.goal.probe.passed());
            return Next::end(with(outcome_of(Code::Done, passed, service).word("passed"), world, asked));
        }
        let deadline = after(*self.began.get_or_insert(now), self.goal.deadline);
        let state = serving(service);
        if now >= deadline {
            let why = match state {
                Serving::NotYet(why) | Serving::Blocked(why) => why,
                Serving::Yes => self.probing.wanted(),
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
            let url = self.goal.address.of(service.tag_url(&asked.tag), &service.name, &asked.tag);
            self.probing.look(url.as_deref(), world.revision(name), now);
            ask = self.probing.due(url.as_deref(), now);
            if ask.is_some() && self.probing.is_wake() {
                log.once(Topic::Check, "the candidate sleeps; waking it by its own address");
            }
            log.once(Topic::Check, format!("{name}: {}", self.probing.wanted()));
            until = self.probing.next_moment(now).map_or(until, |moment| moment.min(until));
        }
        Next::Wait { until: Some(until), ask: ask.map(Question::Probe).into_iter().collect() }
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
            Ok(asked) => self.judge(world, service, &asked, now, log),
            Err(outcome) => Next::end(*outcome),
        }
    }

    fn asked(&mut self, _: &Question, _: Timestamp) {
        self.probing.asked();
    }

    fn heard(&mut self, heard: Heard, now: Timestamp, log: &mut Log) {
        let Heard::Probe(answer) = heard else { return };
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
mod tests {
    use super::*;
    use crate::evidence::probe::Answer;
    use crate::machine::world::Signal;
    use crate::model::observed::{RECORD, Revision};
    use crate::rollout::record::Phase;
    use crate::rollout::record::tests::record;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn probe() -> Probe {
        Probe {
            path: "/healthz".into(),
            status: None,
            body: Some("v2".into()),
            header: None,
            max_latency: None,
            passes: 2,
            failures: 2,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            patience: Duration::from_secs(60),
        }
    }

    fn check(kind: OwnerKind, uid: &str, tag: Option<&str>) -> Check {
        let owner = Owner { kind, name: uid.into(), uid: uid.into() };
        let goal = CheckGoal {
            service: "hello".parse().unwrap(),
            tag: tag.map(|t| t.parse().unwrap()),
            probe: probe(),
            address: Address::Public,
            deadline: Duration::from_secs(60),
            grace: Duration::from_secs(10),
        };
        Check::new(goal, owner)
    }

    /// A staged candidate `hello-2` of the record's own owner, with this many pods.
    fn world(actual: i64) -> World {
        let mut staged = record();
        staged.phase = Phase::Staged;
        staged.candidate = Some("hello-2".parse().unwrap());
        let traffic = json!([
            {"revisionName": "hello-1", "percent": 100, "tag": "stable"},
            {"revisionName": "hello-2", "percent": 0, "tag": "candidate", "url": "http://candidate-hello"}
        ]);
        let mut world = World::default();
        world.see_service(
            Service::from_json(&json!({
                "metadata": {"name": "hello", "uid": "u", "generation": 2,
                    "annotations": {RECORD: staged.to_text().unwrap()}},
                "spec": {"template": {}, "traffic": [
                    {"revisionName": "hello-1", "percent": 100, "tag": "stable"},
                    {"revisionName": "hello-2", "percent": 0, "tag": "candidate"}]},
                "status": {"observedGeneration": 2, "traffic": traffic,
                    "conditions": [{"type": "RoutesReady", "status": "True"}]}
            }))
            .unwrap(),
        );
        let revision = |name: &str| {
            Revision::from_json(&json!({"metadata": {"name": name}, "status": {"actualReplicas": actual,
                "desiredReplicas": 1, "conditions": [{"type": "Ready", "status": "True"},
                    {"type": "Active", "status": if actual > 0 { "True" } else { "Unknown" }, "reason": "Queued"}]}}))
            .unwrap()
        };
        world.see_revisions([revision("hello-1"), revision("hello-2")]);
        world
    }

    fn answer(body: &str) -> Answer {
        Answer::Http { status: 200, headers: vec![], body: body.into(), latency: Duration::ZERO }
    }

    /// Asks and answers until the end; at most for two minutes.
    fn end(check: &mut Check, world: &World, body: &str) -> Outcome {
        let mut log = Log::default();
        for second in 0..120 {
            match check.decide(world, at(second), &mut log) {
                Next::End(outcome) => return *outcome,
                Next::Wait { ask, .. } => {
                    for question in ask {
                        let Question::Probe(request) = &question else { panic!("a check asks {question:?}") };
                        let asked = (request.url.as_str(), request.path.as_str());
                        assert_eq!(asked, ("http://candidate-hello", "/healthz"));
                        check.asked(&question, at(second));
                        check.heard(Heard::Probe(answer(body)), at(second), &mut log);
                    }
                }
                other => panic!("a check neither writes nor looks further: {other:?}"),
            }
        }
        panic!("no end");
    }

    #[test]
    fn good_answers_pass_and_bad_ones_fail() {
        let good = end(&mut check(OwnerKind::Person, "me", None), &world(1), "v2");
        assert_eq!((good.code, good.word), (Code::Done, "passed"));
        assert_eq!(good.candidate.as_ref().map(RevisionName::as_str), Some("hello-2"));
        let bad = end(&mut check(OwnerKind::Person, "me", None), &world(1), "v1");
        assert_eq!(bad.code, Code::GateFailed);
        assert!(bad.what.contains("the body does not contain \"v2\""), "{}", bad.what);
    }

    #[test]
    fn pods_that_are_gone_fail_after_the_grace() {
        let mut check = check(OwnerKind::Person, "me", None);
        check.probing = Probing::new(Some(Probe { interval: Duration::from_secs(90), ..probe() }));
        let gone = end(&mut check, &world(0), "v2");
        assert_eq!(gone.code, Code::GateFailed);
        assert!(gone.what.contains("0 of 1 pods"), "{}", gone.what);
    }

    #[test]
    fn no_answer_by_the_deadline_is_no_verdict() {
        let mut check = check(OwnerKind::Person, "me", None);
        check.probing = Probing::new(Some(Probe { interval: Duration::from_secs(90), ..probe() }));
        let end = end(&mut check, &world(1), "v2");
        assert_eq!(end.code, Code::Inconclusive);
    }

    #[test]
    fn a_run_does_not_pass_by_the_candidate_of_another() {
        let other = end(&mut check(OwnerKind::PipelineRun, "other", None), &world(1), "v2");
        assert_eq!(other.code, Code::Superseded);
        let own = record().owner.uid;
        assert_eq!(end(&mut check(OwnerKind::PipelineRun, &own, None), &world(1), "v2").code, Code::Done);
    }

    #[test]
    fn a_tag_names_another_target_and_must_exist() {
        let none = end(&mut check(OwnerKind::Person, "me", Some("green")), &world(1), "v2");
        assert_eq!((none.code, none.what.as_str()), (Code::BadState, "no target of hello has the tag `green`"));
        assert_eq!(end(&mut check(OwnerKind::Person, "me", Some("candidate")), &world(1), "v2").code, Code::Done);
    }

    #[test]
    fn a_tag_of_an_older_generation_is_not_asked() {
        let mut older = world(1);
        let Presence::Seen(service) = &mut older.target else { unreachable!("it was seen") };
        service.generation += 1;
        let mut check = check(OwnerKind::Person, "me", Some("candidate"));
        let next = check.decide(&older, at(0), &mut Log::default());
        assert_eq!(next, Next::wait(Some(at(60))), "neither asked nor called missing");
        assert_eq!(end(&mut check, &world(1), "v2").code, Code::Done);
    }

    #[test]
    fn a_signal_ends_it() {
        let mut world = world(1);
        world.signal = Some(Signal::Terminate);
        assert_eq!(end(&mut check(OwnerKind::Person, "me", None), &world, "v2").code, Code::Interrupted);
    }
}
