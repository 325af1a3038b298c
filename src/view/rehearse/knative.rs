//! A made-up Service with a staged candidate, as the walk sees it: the object, its Revisions, and what becomes of a write.
//!
//! Decides that a split is served a while after it was written, and that pods are there unless the candidate is down. A
//! few lines of stand-in, for rehearsals; what Knative really does is proved on a cluster.

use crate::machine::next::Order;
use crate::machine::standing::Claimant;
use crate::machine::world::World;
use crate::model::name::{BadName, RevisionName};
use crate::model::observed::{RECORD, Revision, Service};
use crate::model::percent::Percent;
use crate::model::split::Split;
use crate::rollout::record::Phase;
use crate::rollout::splits::{Start, Tags};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// The Service and its two Revisions.
#[derive(Debug)]
pub(super) struct Knative {
    name: String,
    candidate: RevisionName,
    record: String,
    split: Split,
    generation: i64,
    version: u64,
    /// When the split was written, and when it is served.
    written: Timestamp,
    served: Timestamp,
    serves_after: Duration,
    pods: bool,
    /// What was last made of it, and of which state.
    seen: Option<((u64, bool), World)>,
}

impl Knative {
    /// A Service that was just staged for this owner.
    pub(super) fn staged(hold: &Claimant, name: &str, serves_after: Duration, now: Timestamp) -> Result<Self, BadName> {
        let stable: RevisionName = format!("{name}-00001").parse()?;
        let candidate: RevisionName = format!("{name}-00002").parse()?;
        let tags = Tags { candidate: "candidate".parse()?, stable: "stable".parse()? };
        let start = Start { split: Split::all_latest(), latest: stable.clone(), stable, main: 0 };
        let split = start.at(&candidate, Percent::ZERO, &tags);
        let mut me = Self {
            name: name.to_owned(),
            candidate: candidate.clone(),
            record: String::new(),
            split: split.clone(),
            generation: 2,
            version: 1,
            written: now,
            served: now,
            serves_after,
            pods: true,
            seen: None,
        };
        if let Ok(service) = Service::from_json(&me.object(now)) {
            let mut record = hold.begin("rehearsal".parse()?, start, tags, &service, now);
            record.phase = Phase::Staged;
            record.candidate = Some(candidate);
            record.split = split;
            record.generation = me.generation;
            record.deadline = crate::model::time::after(now, Duration::from_secs(3600));
            me.record = record.to_text().unwrap_or_default();
        }
        Ok(me)
    }

    /// The candidate's share of users that is served, between 0 and 1.
    pub(super) fn share(&self) -> f64 {
        f64::from(self.split.share(&self.candidate).get()) / 100.0
    }

    /// When the split is served.
    pub(super) fn served(&self) -> Timestamp {
        self.served
    }

    /// Pods of the candidate are there, or none.
    pub(super) fn pods(&mut self, there: bool) {
        self.version += u64::from(self.pods != there);
        self.pods = there;
    }

    /// Takes a write.
    pub(super) fn write(&mut self, order: &Order, now: Timestamp) {
        let Some(record) = &order.record else { return };
        self.record = record.to_text().unwrap_or_default();
        self.version += 1;
        if record.generation != self.generation {
            self.generation = record.generation;
            self.split = record.split.clone();
            self.written = now;
            self.served = crate::model::time::after(now, self.serves_after);
        }
    }

    /// What is known at this moment.
    pub(super) fn world(&mut self, now: Timestamp) -> &World {
        let state = (self.version, now >= self.served);
        let (_, world) = match self.seen.take() {
            Some(seen) if seen.0 == state => self.seen.insert(seen),
            _ => self.seen.insert((state, self.look(now))),
        };
        world
    }

    fn look(&self, now: Timestamp) -> World {
        let mut world = World::default();
        if let Ok(service) = Service::from_json(&self.object(now)) {
            world.see_service(service);
        }
        let revision = |name: String, pods: bool| {
            let active = if pods { "True" } else { "Unknown" };
            Revision::from_json(&json!({"metadata": {"name": name}, "status": {
                "actualReplicas": i64::from(pods), "desiredReplicas": 1, "conditions": [
                    {"type": "Ready", "status": "True"},
                    {"type": "Active", "status": active, "reason": "Queued"}]}}))
        };
        let stable = revision(format!("{}-00001", self.name), true);
        let candidate = revision(self.candidate.to_string(), self.pods);
        world.see_revisions([stable, candidate].into_iter().filter_map(Result::ok));
        world
    }

    fn object(&self, now: Timestamp) -> Value {
        let served = now >= self.served;
        let observed = if served { self.generation } else { self.generation - 1 };
        let since = if served { self.served } else { self.written };
        let traffic = json!(self.split);
        let resolved: Vec<Value> =
            traffic.as_array().into_iter().flatten().map(|target| self.resolved(target)).collect();
        let mut annotations = serde_json::Map::new();
        if !self.record.is_empty() {
            annotations.insert(RECORD.to_owned(), json!(self.record));
        }
        json!({
            "metadata": {"name": self.name, "uid": "rehearsal", "generation": self.generation,
                "resourceVersion": self.version.to_string(), "annotations": annotations},
            "spec": {"template": {}, "traffic": traffic},
            "status": {
                "observedGeneration": observed,
                "latestCreatedRevisionName": self.candidate, "latestReadyRevisionName": self.candidate,
                "traffic": resolved,
                "conditions": [
                    {"type": "RoutesReady", "status": if served { "True" } else { "Unknown" }, "lastTransitionTime": since},
                    {"type": "ConfigurationsReady", "status": "True"}]
            }
        })
    }

    /// A target as the Route reports it.
    fn resolved(&self, target: &Value) -> Value {
        let Some(target) = target.as_object() else { return Value::Null };
        let mut target = target.clone();
        if target.get("latestRevision").is_some_and(|latest| *latest == true) {
            target.insert("revisionName".to_owned(), json!(self.candidate));
        }
        if let Some(tag) = target.get("tag").and_then(Value::as_str) {
            let url = format!("http://{tag}-{}.example.com", self.name);
            target.insert("url".to_owned(), json!(url));
        }
        Value::Object(target)
    }
}
