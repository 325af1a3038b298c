//! Staging: a candidate is made (or taken up), proved ready at 0 %, and tagged by name; nobody is sent to it.
//!
//! Decides DESIGN rules 4, 5, 10 and 11 step by step. How a rollout begins is in [`crate::begin`]; what is written when it
//! fails, in [`crate::moves`]. Depends on pure modules only.

use crate::begin::{Begin, begin};
use crate::event::{Said, Topic};
use crate::hold::{Hold, Moved, Standing, moved, outcome_of, who_moved};
use crate::layout::Tags;
use crate::machine::{GiveUp, Log, Look, Machine, Next, Written, order, template_order};
use crate::moves::{Why, roll_back};
use crate::name::{RevisionName, RolloutId, ServiceName};
use crate::observed::Service;
use crate::outcome::{Code, Outcome};
use crate::owner::Claim;
use crate::probe::Answer;
use crate::ready::{Pods, Serving, is_current, pods, serving};
use crate::record::{Phase, Record};
use crate::template::{Change, says_the_same};
use crate::world::{Target, World};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// What is to be staged.
#[derive(Debug, Clone, PartialEq)]
pub enum Want {
    /// A new revision from a changed template.
    Template(Box<Change>),
    /// A revision that is there already: by name, or the newest ready one that serves nobody.
    Revision(Option<RevisionName>),
}

/// The goal of staging.
#[derive(Debug, Clone, PartialEq)]
pub struct StageGoal {
    /// The Service.
    pub service: ServiceName,
    /// What is to be staged.
    pub want: Want,
    /// The whole object to create if there is no Service yet; none: one is made of the image alone.
    pub manifest: Option<Value>,
    /// Which revision is stable, where the split leaves a choice.
    pub stable: Option<RevisionName>,
    /// Our two tags.
    pub tags: Tags,
    /// A rolled-back or equal candidate is tried again.
    pub again: bool,
    /// How long the candidate may take.
    pub deadline: Duration,
    /// How long a failure must last to be believed.
    pub grace: Duration,
    /// How long the record names this owner as alive after staging, for the walk that follows.
    pub hold_for: Duration,
    /// The identity of a new rollout.
    pub id: RolloutId,
}

/// How long the end waits for a last split to be served before it says so.
pub(crate) const LAST_WAIT: Duration = Duration::from_secs(30);

/// How often the pods of a candidate that does not come up are asked why.
const ASK_PODS_EVERY: Duration = Duration::from_secs(3);

/// The staging machine.
#[derive(Debug)]
pub struct Stage {
    goal: StageGoal,
    hold: Hold,
    began: Option<Timestamp>,
    /// The candidate, once its lineage is proved.
    candidate: Option<RevisionName>,
    down_since: Option<Timestamp>,
    ask_pods_at: Option<Timestamp>,
    failed: Option<Why>,
    ended_at: Option<Timestamp>,
    denied: Option<Outcome>,
    /// The Service (or its first template) was written by us and is waited for.
    first: bool,
    /// The Service was there when this process looked.
    seen: bool,
}

impl Stage {
    /// A machine that has not looked yet.
    pub fn new(goal: StageGoal, hold: Hold) -> Self {
        Self {
            goal,
            hold,
            began: None,
            candidate: None,
            down_since: None,
            ask_pods_at: None,
            failed: None,
            ended_at: None,
            denied: None,
            first: false,
            seen: false,
        }
    }

    fn deadline(&self, now: Timestamp) -> Timestamp {
        after(self.began.unwrap_or(now), self.goal.deadline)
    }

    fn wait(&self, now: Timestamp) -> Next {
        let mut until = self.deadline(now);
        if let Some(since) = self.down_since {
            until = until.min(after(since, self.goal.grace));
        }
        if let Some(ended) = self.ended_at {
            until = until.min(after(ended, LAST_WAIT));
        }
        if let Some(due) = self.ask_pods_at {
            until = until.min(due);
        }
        Next::Wait { until: Some(until), ask: None }
    }

    fn absent(&mut self, world: &World, now: Timestamp, log: &mut Log) -> Next {
        let name = &self.goal.service;
        // A creation that failed leaves nothing that could have been deleted: it is tried again.
        if self.seen && (self.first || self.candidate.is_some()) {
            return Next::end(Outcome::new(Code::TakenOver, format!("Service {name} was deleted")));
        }
        if world.signal.is_some() {
            return Next::end(Outcome::new(Code::Interrupted, "stopped by a signal; nothing was written"));
        }
        let Want::Template(change) = &self.goal.want else {
            return Next::end(
                Outcome::new(Code::BadState, format!("there is no Service {name}"))
                    .next(format!("create it with `andante stage {name} --image REF`")),
            );
        };
        let mut object = self.goal.manifest.clone().unwrap_or_else(
            || json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {}, "spec": {}}),
        );
        let bare = json!({"spec": {"containers": [{}]}});
        let present = object.pointer("/spec/template").cloned().unwrap_or(bare);
        let template = match change.apply(&present) {
            Ok(template) => template,
            Err(error) => return Next::end(Outcome::new(Code::BadInput, error.to_string())),
        };
        if template.pointer("/spec/containers/0/image").and_then(Value::as_str).is_none() {
            return Next::end(Outcome::new(
                Code::BadInput,
                format!("there is no Service {name}, and no --image to create it with"),
            ));
        }
        if let Value::Object(whole) = &mut object {
            if let Value::Object(metadata) = whole.entry("metadata").or_insert_with(|| json!({})) {
                metadata.insert("name".into(), json!(name));
            }
            if let Value::Object(spec) = whole.entry("spec").or_insert_with(|| json!({})) {
                spec.insert("template".into(), template);
                spec.remove("traffic");
            }
        }
        self.began.get_or_insert(now);
        log.once(
            Topic::Stage,
            format!(
                "there is no Service {name} yet: first deployment, created and serving everyone as soon as it is ready"
            ),
        );
        self.first = true;
        Next::Create(Box::new(object))
    }

    /// A Service without a ready revision: there is nobody to protect, so the first one goes live at once.
    fn first_deployment(&mut self, world: &World, service: &Service, now: Timestamp, log: &mut Log) -> Next {
        if world.signal.is_some() {
            return Next::end(outcome_of(
                Code::Interrupted,
                "stopped by a signal before the first revision was ready",
                service,
            ));
        }
        if let Want::Template(change) = &self.goal.want {
            let wanted = match change.apply(&service.template) {
                Ok(wanted) => wanted,
                Err(error) => return Next::end(Outcome::new(Code::BadInput, error.to_string())),
            };
            if !says_the_same(&service.template, &wanted) {
                log.once(
                    Topic::Stage,
                    format!(
                        "{} has no ready revision: first deployment, serving everyone as soon as it is ready",
                        service.name
                    ),
                );
                self.first = true;
                let what = Said::new(Topic::Stage, "template patched");
                return Next::Write(Box::new(template_order(service, wanted, what)));
            }
        }
        self.first = true;
        let latest = service.latest_created.as_ref().and_then(|name| world.revision(name));
        let state = match latest {
            Some(revision) => match self.with_pods(pods(revision), &revision.name.clone(), world, now) {
                Ok(state) => state,
                Err(next) => return next,
            },
            None => Pods::Coming("no revision yet".into()),
        };
        let down = matches!(state, Pods::Down(_)) && is_current(service);
        let complaint = match state {
            Pods::Down(why) | Pods::Coming(why) => why,
            Pods::Up | Pods::Asleep => "its route is being made".into(),
        };
        if self.lasting(down, now) || now >= self.deadline(now) {
            let what = format!("the first revision of {} never became ready: {complaint}", service.name);
            return Next::end(
                outcome_of(Code::NeverReady, what, service).next("mend the image or its settings and run again"),
            );
        }
        log.once(Topic::Wait, format!("first revision: {complaint}"));
        self.wait(now)
    }

    /// The first revision is ready: leave a record behind, so that an older run that arrives later knows.
    fn first_done(&mut self, service: &Service, ready: &RevisionName, now: Timestamp) -> Next {
        if serving(service) != Serving::Yes {
            return if now >= self.deadline(now) {
                Next::end(outcome_of(Code::Inconclusive, format!("{ready} is ready, but its route is not"), service))
            } else {
                self.wait(now)
            };
        }
        let start = crate::layout::Start::new(
            service.split.clone().unwrap_or_else(|_| crate::split::Split::all_latest()),
            ready.clone(),
            None,
        );
        let Ok(start) = start else {
            return Next::end(self.deployed(service, ready));
        };
        let mut record = self.blank(start, service, now);
        record.phase = Phase::Finished;
        record.candidate = Some(ready.clone());
        record.outcome = Some(Code::Done.word().to_owned());
        match order(service, record, None, None, Said::new(Topic::Stage, format!("{ready} serves everyone"))) {
            Ok(order) => Next::Write(Box::new(order)),
            Err(error) => Next::end(outcome_of(Code::BadState, error.to_string(), service)),
        }
    }

    fn deployed(&self, service: &Service, ready: &RevisionName) -> Outcome {
        let url = service.url.as_deref().unwrap_or("no address yet");
        let mut outcome =
            outcome_of(Code::Done, format!("first deployment: {ready} serves everyone at {url}"), service)
                .word("created");
        outcome.candidate = Some(ready.to_string());
        outcome
    }

    fn blank(&self, start: crate::layout::Start, service: &Service, now: Timestamp) -> Record {
        let image = match &self.goal.want {
            Want::Template(change) => change.image.clone(),
            Want::Revision(_) => None,
        };
        Record {
            format: crate::record::FORMAT,
            id: self.goal.id.clone(),
            epoch: 0,
            writer: self.hold.writer.clone(),
            owner: self.hold.asker.owner.clone(),
            intent: self.hold.asker.intent,
            deadline: after(now, self.goal.deadline + self.goal.hold_for),
            phase: Phase::Staging,
            generation: service.generation,
            split: start.split.clone(),
            start,
            tags: self.goal.tags.clone(),
            candidate: None,
            image,
            template: None,
            plan: None,
            step: 0,
            step_at: now,
            approval_since: None,
            left_out: vec![],
            rejected: vec![],
            outcome: None,
            reason: None,
        }
    }

    /// True once `down` has lasted for the grace.
    fn lasting(&mut self, down: bool, now: Timestamp) -> bool {
        if !down {
            self.down_since = None;
            return false;
        }
        now >= after(*self.down_since.get_or_insert(now), self.goal.grace)
    }

    /// The same run came again after it had rolled this candidate back, killed before it could say so: it ends in the
    /// same way, not as somebody who tries a rejected candidate.
    fn is_own_end(&self, record: &Record) -> bool {
        let same = match &self.goal.want {
            Want::Template(change) => change.image.is_some() && change.image == record.image,
            Want::Revision(_) => false,
        };
        let owner = &self.hold.asker.owner;
        same && !self.goal.again
            && record.phase == Phase::RolledBack
            && record.owner == *owner
            && owner.kind != crate::owner::OwnerKind::Person
    }

    fn outside(
        &mut self,
        world: &World,
        service: &Service,
        record: Option<&Record>,
        now: Timestamp,
        log: &mut Log,
    ) -> Next {
        if world.signal.is_some() {
            return Next::end(outcome_of(Code::Interrupted, "stopped by a signal; nothing was written", service));
        }
        let Some(claim) = self.hold.claim(record, world, service, now) else {
            return record.map_or(Next::Look(Look::Service), |r| Next::Look(Look::Liveness(r.owner.clone())));
        };
        if let Some(end) = refused(claim, record, service) {
            return Next::end(end);
        }
        if claim == Claim::Wait {
            if now >= self.deadline(now) {
                return Next::end(outcome_of(Code::Busy, "still busy at the deadline; nothing was written", service));
            }
            if let Some(record) = record {
                log.once(Topic::Wait, format!("{} holds {} ({}); waiting", record.owner, service.name, record.id));
            }
            return Next::Wait { until: Some(after(now, Duration::from_secs(5)).min(self.deadline(now))), ask: None };
        }
        if service.latest_ready.is_none() {
            return self.first_deployment(world, service, now, log);
        }
        if self.first
            && let Some(ready) = service.latest_ready.clone()
        {
            return self.first_done(service, &ready, now);
        }
        if let Some(record) = record.filter(|r| self.is_own_end(r)) {
            return Next::end(ended_before(record, service));
        }
        let blank = |start| self.blank(start, service, now);
        match begin(&self.goal, claim, record, world, service, now, blank, log) {
            Begin::End(outcome) => Next::end(*outcome),
            Begin::Wait => {
                if now >= self.deadline(now) {
                    let what = "the revision was not Ready at the deadline; nothing was written";
                    return Next::end(outcome_of(Code::NeverReady, what, service));
                }
                self.wait(now)
            }
            Begin::Write { mut record, split, template, what } => {
                self.hold.sign(&mut record);
                match order(service, *record, split, template, Said::new(Topic::Stage, what)) {
                    Ok(order) => Next::Write(Box::new(order)),
                    Err(error) => Next::end(outcome_of(Code::BadState, error.to_string(), service)),
                }
            }
        }
    }

    fn ours(&mut self, world: &World, service: &Service, record: &Record, now: Timestamp, log: &mut Log) -> Next {
        match record.phase {
            Phase::Staging => {}
            Phase::Staged => return self.settled(world, service, record, now),
            Phase::Finished if self.first => {
                let ready = record.start.stable.clone();
                return Next::end(self.deployed(service, &ready));
            }
            _ => return self.gone_back(service, record, now),
        }
        match moved(record, service) {
            Moved::No => {}
            Moved::Traffic => {
                let what = format!(
                    "{} changed the traffic of {}; this run writes nothing more",
                    who_moved(service, true),
                    service.name
                );
                return Next::end(outcome_of(Code::TakenOver, what, service));
            }
            Moved::Template => {
                let what = format!(
                    "{} changed the template of {} during staging; nobody was moved, this run writes nothing more",
                    who_moved(service, false),
                    service.name
                );
                return Next::end(outcome_of(Code::Superseded, what, service));
            }
        }
        if world.signal.is_some() {
            let what = "stopped by a signal; nobody was moved, the candidate stays at 0 %";
            return Next::end(
                outcome_of(Code::Interrupted, what, service).next("run the same again to go on, or `andante settle`"),
            );
        }
        if let Some(why) = self.failed.clone() {
            return self.fail(world, service, record, &why, now);
        }
        match self.prove(world, service, record, now, log) {
            Err(next) => next,
            Ok(candidate) => {
                let mut next = record.clone();
                next.phase = Phase::Staged;
                next.candidate = Some(candidate.clone());
                next.step_at = now;
                next.deadline = after(now, self.goal.hold_for);
                let split = next.start.at(&candidate, crate::percent::Percent::ZERO, &next.tags);
                let what = Said::new(
                    Topic::Stage,
                    format!("{candidate} is ready and tagged `{}` at 0 %", next.tags.candidate),
                );
                match order(service, next, Some(split), None, what) {
                    Ok(order) => Next::Write(Box::new(order)),
                    Err(error) => Next::end(outcome_of(Code::BadState, error.to_string(), service)),
                }
            }
        }
    }

    /// Finds the candidate by lineage and waits until its pods are there.
    fn prove(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        now: Timestamp,
        log: &mut Log,
    ) -> Result<RevisionName, Next> {
        let candidate = match record.candidate.clone().or_else(|| self.candidate.clone()) {
            Some(name) => name,
            None => self.lineage(world, service, record, now)?,
        };
        self.candidate = Some(candidate.clone());
        let state = world.revision(&candidate).map_or_else(|| Pods::Down("it does not exist".into()), pods);
        let state = match self.with_pods(state, &candidate, world, now) {
            Ok(state) => state,
            Err(next) => return Err(next),
        };
        let down = matches!(state, Pods::Down(_));
        let lasting = self.lasting(down, now);
        let (Pods::Down(complaint) | Pods::Coming(complaint)) = state else { return Ok(candidate) };
        if lasting || now >= self.deadline(now) {
            let reason = if lasting {
                format!("{candidate} does not become ready: {complaint}")
            } else {
                format!("{candidate} was not ready within {}: {complaint}", words(self.goal.deadline))
            };
            self.failed = Some(Why::new(Code::NeverReady, reason));
            let why = self.failed.clone().unwrap_or_else(|| Why::new(Code::NeverReady, ""));
            return Err(self.fail(world, service, record, &why, now));
        }
        log.once(Topic::Wait, format!("{candidate}: {complaint}"));
        Err(self.wait(now))
    }

    /// Conditions are slow to tell why pods do not come: the pods themselves are asked, every few seconds while waiting.
    fn with_pods(
        &mut self,
        state: Pods,
        candidate: &RevisionName,
        world: &World,
        now: Timestamp,
    ) -> Result<Pods, Next> {
        let Pods::Coming(_) = state else {
            self.ask_pods_at = None;
            return Ok(state);
        };
        let due = *self.ask_pods_at.get_or_insert(after(now, ASK_PODS_EVERY));
        let said = world.pods.as_ref().filter(|p| p.revision == *candidate);
        if now >= due && said.is_none_or(|p| !p.forbidden) {
            self.ask_pods_at = Some(after(now, ASK_PODS_EVERY));
            return Err(Next::Look(Look::Pods(candidate.clone())));
        }
        Ok(match said.and_then(|p| p.trouble.clone()) {
            Some(trouble) => Pods::Down(trouble),
            None => state,
        })
    }

    /// The revision that our template made: the Configuration has observed our generation, and the revision carries the
    /// Configuration's generation (rule 5).
    fn lineage(
        &mut self,
        world: &World,
        service: &Service,
        record: &Record,
        now: Timestamp,
    ) -> Result<RevisionName, Next> {
        let timeout = |me: &mut Self| {
            if now < me.deadline(now) {
                return me.wait(now);
            }
            let complaint =
                service.conditions.get("ConfigurationsReady").map(|c| format!("{}: {}", c.reason, c.message));
            let reason =
                format!("no revision appeared within {}: {}", words(me.goal.deadline), complaint.unwrap_or_default());
            let why = Why::new(Code::NeverReady, reason);
            me.failed = Some(why.clone());
            me.fail(world, service, record, &why, now)
        };
        if !is_current(service) {
            return Err(timeout(self));
        }
        let Some(created) = service.latest_created.clone() else { return Err(timeout(self)) };
        let Some(revision) = world.revision(&created) else { return Err(timeout(self)) };
        let Some(generation) = world.configuration_generation else { return Err(Next::Look(Look::Configuration)) };
        if revision.configuration_generation.is_some_and(|g| g < generation) {
            return Err(timeout(self));
        }
        if created == record.start.stable {
            let why = Why::new(
                Code::NeverReady,
                format!("the template makes no new revision: {created} is what users are on"),
            );
            self.failed = Some(why.clone());
            return Err(self.fail(world, service, record, &why, now));
        }
        Ok(created)
    }

    fn fail(&mut self, world: &World, service: &Service, record: &Record, why: &Why, now: Timestamp) -> Next {
        let mut record = record.clone();
        record.candidate = record.candidate.or_else(|| self.candidate.clone());
        match roll_back(world, service, &record, why, now) {
            Ok(order) => Next::Write(Box::new(order)),
            Err(cannot) => {
                let what = format!("{}; and the split from before could not be written: {}", why.reason, cannot.why);
                Next::end(outcome_of(Code::CouldNotRestore, what, service))
            }
        }
    }

    /// The candidate is tagged by name; the end once that is served.
    fn settled(&mut self, world: &World, service: &Service, record: &Record, now: Timestamp) -> Next {
        let ended = *self.ended_at.get_or_insert(now);
        let state = serving(service);
        if state != Serving::Yes && now < after(ended, LAST_WAIT) && world.signal.is_none() {
            return self.wait(now);
        }
        Next::end(staged(world, service, record, state == Serving::Yes))
    }

    /// Our own rollback is written; the end once it is served.
    fn gone_back(&mut self, service: &Service, record: &Record, now: Timestamp) -> Next {
        let ended = *self.ended_at.get_or_insert(now);
        if serving(service) != Serving::Yes && now < after(ended, LAST_WAIT) {
            return self.wait(now);
        }
        Next::end(ended_before(record, service))
    }
}

impl Machine for Stage {
    fn decide(&mut self, world: &World, now: Timestamp, log: &mut Log) -> Next {
        if let Some(denied) = self.denied.take() {
            return Next::end(denied);
        }
        self.began.get_or_insert(now);
        let service = match &world.target {
            Target::Unknown => return Next::Look(Look::Service),
            Target::Absent => return self.absent(world, now, log),
            Target::Seen(service) => service.as_ref(),
        };
        self.seen = true;
        if service.deleting {
            return Next::end(Outcome::new(Code::BadState, format!("Service {} is being deleted", service.name)));
        }
        if !world.listed {
            return self.wait(now);
        }
        let record = match world.record().transpose() {
            Ok(record) => record,
            Err(error) => return Next::end(outcome_of(Code::BadState, error.to_string(), service)),
        };
        match self.hold.standing(record) {
            Standing::Ours(record) => self.ours(world, service, &record, now, log),
            Standing::Lost(record) => Next::end(self.hold.lost(record.as_deref(), service)),
            Standing::Outside(record) => self.outside(world, service, record.as_deref(), now, log),
        }
    }

    fn answered(&mut self, _: Answer, _: Timestamp, _: &mut Log) {}

    fn written(&mut self, written: &Written, world: &World, _: Timestamp, _: &mut Log) {
        if let Written::Denied(error) = written {
            if let (crate::ports::ApiError::NotFound(_), Target::Absent) = (error, &world.target) {
                let what =
                    format!("the namespace for Service {} does not exist; nothing was written", self.goal.service);
                self.denied =
                    Some(Outcome::new(Code::BadInput, what).next("create it, or name another one with --namespace"));
                return;
            }
            let traffic = world.service().and_then(|s| s.split.as_ref().ok()).cloned();
            let mut outcome = denied(error);
            outcome.traffic = traffic;
            self.denied = Some(outcome);
        }
    }

    fn give_up(&self, world: &World, why: GiveUp) -> Outcome {
        gave_up(world, why)
    }
}

/// `time + duration`, never beyond what a timestamp holds.
pub(crate) fn after(time: Timestamp, duration: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(duration).ok().and_then(|d| time.checked_add(d).ok()).unwrap_or(Timestamp::MAX)
}

/// A duration as people write it.
pub(crate) fn words(duration: Duration) -> String {
    humantime::format_duration(Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
        .to_string()
}

/// The end for a claim that says no.
pub(crate) fn refused(claim: Claim, record: Option<&Record>, service: &Service) -> Option<Outcome> {
    let record = record?;
    let (owner, id, name) = (&record.owner, &record.id, &service.name);
    match claim {
        Claim::Superseded => Some(
            outcome_of(
                Code::Superseded,
                format!("superseded: {owner} began later ({}); nothing was written", record.intent),
                service,
            )
            .next("--force goes ahead all the same"),
        ),
        Claim::Busy => Some(
            outcome_of(
                Code::Busy,
                format!("{owner} holds {name} with rollout {id} until {}; nothing was written", record.deadline),
                service,
            )
            .next(format!("wait for it, `andante settle {name}` to end it, or --if-busy supersede")),
        ),
        _ => None,
    }
}

/// The end of a write that the API server judged and refused.
pub(crate) fn denied(error: &crate::ports::ApiError) -> Outcome {
    use crate::ports::ApiError;
    match error {
        ApiError::Forbidden(_) => Outcome::new(Code::NotPermitted, error.to_string()),
        ApiError::NotFound(_) => Outcome::new(Code::TakenOver, "the Service was deleted"),
        ApiError::Invalid(_) | ApiError::Exists(_) => Outcome::new(Code::BadInput, error.to_string()),
        _ => Outcome::new(Code::Unreachable, error.to_string()),
    }
}

/// The end of a machine that the runner stops.
pub(crate) fn gave_up(world: &World, why: GiveUp) -> Outcome {
    let mut outcome = match why {
        GiveUp::Unreachable(text) => Outcome::new(Code::Unreachable, text)
            .next("`andante status` when the cluster answers again; the same run goes on from the record"),
        GiveUp::Api(error) => denied(&error),
        GiveUp::Signal => Outcome::new(Code::Interrupted, "stopped by a signal before the last write was confirmed")
            .next("`andante status`, `andante settle`"),
    };
    outcome.traffic = world.service().and_then(|s| s.split.as_ref().ok()).cloned();
    outcome
}

/// The end of a rollout that is over already, as its record tells it.
pub(crate) fn ended_before(record: &Record, service: &Service) -> Outcome {
    let word = record.outcome.as_deref().unwrap_or("rolled-back");
    let code = Code::ALL.into_iter().find(|c| c.word() == word).unwrap_or(Code::RolledBack);
    let usual = if record.phase == Phase::Finished { "finished" } else { "rolled back" };
    let reason = record.reason.clone().unwrap_or_else(|| usual.into());
    let mut outcome = outcome_of(code, reason, service);
    outcome.candidate = record.candidate.as_ref().map(ToString::to_string);
    outcome.rollout = Some(record.id.to_string());
    let mut next = Vec::new();
    // What somebody else wrote stays as it is; it may well follow latest.
    if record.start.followed_latest() && !matches!(code, Code::Done | Code::TakenOver) {
        next.push(format!(
            "traffic stays pinned by name until a rollout ends well, so a plain `kn service update` reaches nobody: stage a mended image of {}",
            service.name
        ));
    }
    for target in &record.left_out {
        next.push(format!("left out, restore it once it is Ready: {target}"));
    }
    outcome.next = next.join("; ");
    outcome
}

/// The end of good staging.
pub(crate) fn staged(world: &World, service: &Service, record: &Record, served: bool) -> Outcome {
    let candidate = record.candidate.as_ref();
    let name = candidate.map(ToString::to_string).unwrap_or_default();
    let url = service.tag_url(&record.tags.candidate).unwrap_or("an address that is not there yet").to_owned();
    let late = if served { "" } else { " (its address is not served yet)" };
    let mut outcome = outcome_of(Code::Done, format!("staged {name} at 0 %{late}: {url}"), service)
        .word("staged")
        .next(format!("andante walk {}", service.name));
    outcome.candidate = Some(name);
    outcome.digest = candidate.and_then(|c| world.revision(c)).and_then(|r| r.digest.clone());
    outcome.rollout = Some(record.id.to_string());
    outcome
}
