//! A made-up Service with a staged candidate, as a machine sees it: the object, its Revisions, and what becomes of a
//! write.
//!
//! Decides that a write whose tests do not hold changes nothing, that a split is served a while after it was written,
//! and that pods are there unless the candidate is down. Rehearsals, golden walks and benchmarks share this stand-in; a
//! test on a cluster proves what Knative really does. It may use the machines' values.

use super::patch::patched;
use crate::machine::next::{BoundOrder, Machine, Order, Written};
use crate::machine::standing::Claimant;
use crate::machine::world::World;
use crate::model::event::Log;
use crate::model::name::{BadName, RevisionName, RolloutId, ServiceName};
use crate::model::observed::{RECORD, Revision, Service};
use crate::model::percent::Percent;
use crate::model::scaling::ScaleBound;
use crate::model::split::Split;
use crate::model::time::after;
use crate::rollout::record::Phase;
use crate::rollout::splits::{Start, Tags};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const GENERATION: &str = "/metadata/generation";

/// The Service and its two Revisions.
#[derive(Debug)]
pub struct Knative {
    /// The Service as the API server has it.
    object: Value,
    stable: RevisionName,
    candidate: RevisionName,
    /// Rises with every change of the object or the pods.
    version: u64,
    /// When the spec was changed last.
    written: Timestamp,
    serves_after: Duration,
    runs_ahead: bool,
    pods: bool,
    /// Ready and wanted pods of stable and candidate; none: one each.
    scales: Option<[(u32, u32); 2]>,
    /// Annotations of the Revisions.
    bounds: BTreeMap<RevisionName, Value>,
    /// What is known of the version of `seen`.
    world: World,
    seen: u64,
}

impl Knative {
    /// A Service on which this process just staged the second revision beside the first. It serves a split at once.
    pub fn staged(
        claimant: &Claimant,
        id: RolloutId,
        name: &ServiceName,
        [stable, candidate]: [RevisionName; 2],
        now: Timestamp,
    ) -> Result<Self, BadName> {
        let tags = Tags { candidate: "candidate".parse()?, stable: "stable".parse()? };
        let start =
            Start { split: Split::all_latest(), latest: stable.clone(), stable: stable.clone(), main: 0, beside: None };
        let split = start.at(&candidate, Percent::ZERO, &tags);
        let object = json!({
            "metadata": {"name": name, "uid": "made-up", "generation": 2, "annotations": {}},
            "spec": {"template": {}, "traffic": split},
            "status": {"latestCreatedRevisionName": candidate, "latestReadyRevisionName": candidate}
        });
        let mut me = Self {
            object,
            stable,
            candidate: candidate.clone(),
            version: 1,
            written: now,
            serves_after: Duration::ZERO,
            runs_ahead: false,
            pods: true,
            scales: None,
            bounds: BTreeMap::new(),
            world: World::default(),
            seen: 0,
        };
        if let Some(service) = me.world(now).service() {
            let mut record = claimant.begin(id, start, tags, service, now);
            record.phase = Phase::Staged;
            record.candidate = Some(candidate);
            record.split = split;
            record.deadline = after(now, Duration::from_secs(3600));
            me.put("/metadata/annotations", RECORD, json!(record.to_text().unwrap_or_default()));
            me.version += 1;
        }
        Ok(me)
    }

    /// From now on a split is served so long after it was written, one that is not served yet included.
    pub fn serves_after(&mut self, time: Duration) {
        self.serves_after = time;
    }

    /// From now on users get a split as soon as it is written, before the Service says that it is served.
    pub fn runs_ahead(&mut self) {
        self.runs_ahead = true;
    }

    /// Pods of the candidate are there, or none.
    pub fn pods(&mut self, there: bool) {
        self.version += u64::from(self.pods != there);
        self.pods = there;
    }

    /// Ready and wanted pods of stable and candidate, as the autoscaler reports them.
    pub(super) fn scale(&mut self, scales: Option<[(u32, u32); 2]>) {
        self.version += u64::from(self.scales != scales);
        self.scales = scales;
    }

    /// The floors that stand on stable and candidate.
    pub(super) fn floors(&self) -> [u32; 2] {
        [&self.stable, &self.candidate].map(|name| {
            let floor = self.bounds.get(name).and_then(|bounds| bounds.get(ScaleBound::MinScale.annotation()));
            floor.and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or_default()
        })
    }

    /// Changes the object as any writer may; a changed spec is a new generation, as with the API server.
    pub fn edit(&mut self, now: Timestamp, change: impl FnOnce(&mut Value)) {
        let spec = self.object.pointer("/spec").cloned();
        change(&mut self.object);
        if self.object.pointer("/spec") != spec.as_ref() {
            let generation = self.part(GENERATION).as_i64().unwrap_or_default();
            self.put("/metadata", "generation", json!(generation + 1));
            self.written = now;
        }
        self.version += 1;
    }

    /// What is known at this moment. A signal is set from outside and stays.
    pub fn world(&mut self, now: Timestamp) -> &mut World {
        self.serve(now);
        if self.seen != self.version {
            self.seen = self.version;
            self.look();
        }
        &mut self.world
    }

    /// Takes a machine's write, says it like any other line, and tells the machine what became of it.
    pub fn take(&mut self, order: &Order, machine: &mut impl Machine, now: Timestamp, log: &mut Log) {
        let written = self.write(order, now);
        if written == Written::Yes {
            log.add(order.what.clone());
        }
        machine.written(&written, self.world(now), now, log);
    }

    /// Takes a machine's write of a Revision's bound, in the same way.
    pub fn take_bound(&mut self, order: &BoundOrder, machine: &mut impl Machine, now: Timestamp, log: &mut Log) {
        let present = self.revision(&order.revision);
        let written = match patched(&present, &order.patch) {
            Some(object) => {
                let annotations = object.pointer("/metadata/annotations").cloned().unwrap_or_default();
                self.bounds.insert(order.revision.clone(), annotations);
                self.version += 1;
                log.say(order.what.topic, order.what.text.clone());
                Written::Yes
            }
            None => Written::Refused,
        };
        machine.bounded(order, &written, self.world(now), now, log);
    }

    /// When the split that was written last will be served; none if it is.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let pending = self.part("/status/observedGeneration") != self.part(GENERATION);
        pending.then(|| after(self.written, self.serves_after))
    }

    /// The part of users, between 0 and 1, that the candidate gets at this moment.
    pub(super) fn share(&mut self, now: Timestamp) -> f64 {
        self.world(now);
        let served = self.world.service().map(|service| service.served.as_slice()).unwrap_or_default();
        let percents = served.iter().filter(|s| s.revision_name.as_deref() == Some(self.candidate.as_str()));
        percents.map(|s| f64::from(i32::try_from(s.percent).unwrap_or_default())).sum::<f64>() / 100.0
    }

    fn write(&mut self, order: &Order, now: Timestamp) -> Written {
        let Some(object) = patched(&self.object, &order.patch) else { return Written::Refused };
        self.edit(now, |present| *present = object);
        Written::Yes
    }

    /// Serves the split once it is time.
    fn serve(&mut self, now: Timestamp) {
        let Some(due) = self.due() else { return };
        let is_time = now >= due;
        if !is_time && !self.runs_ahead {
            return;
        }
        let targets = self.object.pointer("/spec/traffic").and_then(Value::as_array).into_iter().flatten();
        let served = targets.map(|target| self.resolved(target)).collect();
        self.put("/status", "traffic", served);
        if is_time {
            let conditions = json!([
                {"type": "RoutesReady", "status": "True", "lastTransitionTime": due},
                {"type": "ConfigurationsReady", "status": "True"}
            ]);
            self.put("/status", "conditions", conditions);
            // The generation counts as observed only now, so a split that runs ahead is not believed before.
            self.put("/status", "observedGeneration", self.part(GENERATION).clone());
        }
        self.version += 1;
    }

    /// A target as the Route reports it.
    fn resolved(&self, target: &Value) -> Value {
        let mut served = target.clone();
        let Some(members) = served.as_object_mut() else { return served };
        if members.get("latestRevision").is_some_and(|latest| *latest == true) {
            members.insert("revisionName".to_owned(), self.part("/status/latestReadyRevisionName").clone());
        }
        if let Some(tag) = members.get("tag").and_then(Value::as_str) {
            let name = self.part("/metadata/name").as_str().unwrap_or_default();
            let url = format!("http://{tag}-{name}.example.com");
            members.insert("url".to_owned(), json!(url));
        }
        served
    }

    /// A part of the object; null where there is none.
    fn part(&self, pointer: &str) -> &Value {
        self.object.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// Sets a member of a part of the object.
    fn put(&mut self, pointer: &str, key: &str, value: Value) {
        if let Some(members) = self.object.pointer_mut(pointer).and_then(Value::as_object_mut) {
            members.insert(key.to_owned(), value);
        }
    }

    fn look(&mut self) {
        self.put("/metadata", "resourceVersion", json!(self.version.to_string()));
        if let Ok(service) = Service::from_json(&self.object) {
            self.world.see_service(service);
        }
        let revisions = [self.revision(&self.stable), self.revision(&self.candidate)];
        self.world.see_revisions(revisions.iter().filter_map(|object| Revision::from_json(object).ok()));
    }

    /// A Revision as the API shows it. It stays Ready without a pod, as a real one does while it sleeps or starts; Active tells of
    /// the pods.
    fn revision(&self, name: &RevisionName) -> Value {
        let pods = self.pods || *name == self.stable;
        let scale =
            self.scales.map_or((1, 1), |[stable, candidate]| if *name == self.stable { stable } else { candidate });
        let (actual, desired) = (if pods { scale.0 } else { 0 }, scale.1);
        let (active, reason) = match (actual, desired) {
            (0, 0) => ("False", "NoTraffic"),
            (0, _) => ("Unknown", "Queued"),
            _ => ("True", "Queued"),
        };
        let annotations =
            self.bounds.get(name).cloned().unwrap_or_else(|| json!({"serving.knative.dev/creator": "kim"}));
        json!({"metadata": {"name": name, "uid": name, "annotations": annotations}, "status": {
            "actualReplicas": actual, "desiredReplicas": desired, "conditions": [
                {"type": "Ready", "status": "True"},
                {"type": "Active", "status": active, "reason": reason}]}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::claim::{Asker, IfBusy};
    use crate::model::event::{Event, Topic};
    use crate::model::ready::{Serving, serving};
    use crate::rollout::owner::{Owner, OwnerKind};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn staged() -> Knative {
        let owner = Owner { kind: OwnerKind::Person, name: "kim".into(), uid: "kim".into() };
        let asker = Asker { owner, intent: at(0), if_busy: IfBusy::Fail, force: false };
        let revisions = ["s-1", "s-2"].map(|name| name.parse().unwrap());
        let claimant = Claimant::new(asker, "stage".into());
        Knative::staged(&claimant, "r1".parse().unwrap(), &"s".parse().unwrap(), revisions, at(0)).unwrap()
    }

    /// A write of this split that was made for this generation.
    fn order(generation: i64, split: Value) -> Order {
        let patch = json!([
            {"op": "test", "path": "/metadata/generation", "value": generation},
            {"op": "add", "path": "/spec/traffic", "value": split}
        ]);
        Order { patch, record: None, what: Event::new(Topic::Traffic, "x") }
    }

    fn service(knative: &mut Knative, second: i64) -> &Service {
        knative.world(at(second)).service().unwrap()
    }

    #[test]
    fn what_was_staged_is_served_and_recorded() {
        let mut knative = staged();
        assert_eq!((serving(service(&mut knative, 0)), knative.share(at(0))), (Serving::Yes, 0.0));
        let record = knative.world(at(0)).record().unwrap().unwrap();
        let now = service(&mut knative, 0);
        assert_eq!(
            (record.phase, record.generation, Ok(record.split)),
            (Phase::Staged, now.generation, now.split.clone())
        );
    }

    #[test]
    fn a_split_is_served_a_while_after_its_write() {
        let half = json!([{"revisionName": "s-1", "percent": 50}, {"revisionName": "s-2", "percent": 50}]);
        let mut knative = staged();
        knative.serves_after(Duration::from_secs(3));
        assert_eq!(knative.write(&order(2, half), at(10)), Written::Yes);
        assert_eq!(knative.due(), Some(at(13)));
        assert_eq!((serving(service(&mut knative, 12)) == Serving::Yes, knative.share(at(12))), (false, 0.0));
        knative.runs_ahead();
        assert_eq!((serving(service(&mut knative, 12)) == Serving::Yes, knative.share(at(12))), (false, 0.5));
        assert_eq!((serving(service(&mut knative, 13)), knative.due()), (Serving::Yes, None));
        assert_eq!(service(&mut knative, 13).conditions["RoutesReady"].since, Some(at(13)));
    }

    #[test]
    fn a_write_that_somebody_else_came_before_changes_nothing() {
        let mut knative = staged();
        knative.edit(at(1), |object| object["spec"]["template"] = json!({"a": 1}));
        let before = knative.object.clone();
        assert_eq!(knative.write(&order(2, json!([])), at(2)), Written::Refused);
        assert_eq!(knative.object, before);
        knative.edit(at(3), |object| object["metadata"]["annotations"]["a"] = json!("b"));
        assert_eq!(service(&mut knative, 3).generation, 3, "an annotation is no new spec");
    }

    #[test]
    fn pods_come_and_go() {
        let mut knative = staged();
        let mut there = |pods: bool| {
            knative.pods(pods);
            let revisions = &knative.world(at(0)).revisions;
            revisions.values().map(|revision| revision.actual).collect::<Vec<_>>()
        };
        assert_eq!([there(true), there(false), there(true)], [[1, 1], [1, 0], [1, 1]]);
    }
}
