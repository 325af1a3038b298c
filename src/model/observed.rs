//! What was seen of a Service and its Revisions, parsed from the API's own JSON into just what decisions need.
//!
//! Decides what an absent field means, and nothing about traffic. Depends on names, splits, `making` and serde. The template stays
//! JSON, because it is written back whole.

use crate::model::making::{running_digest, template_of};
use crate::model::name::{Namespace, RevisionName, ServiceName};
use crate::model::scaling::Scaling;
use crate::model::split::{BadSplit, Split};
use crate::model::template::serving_container;
use crate::model::writers::{ControllerRef, FieldWriter};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The annotation that holds the rollout's record.
pub const RECORD: &str = "andante.dev/rollout";
/// The annotation through which people steer a running rollout.
pub const CONTROL: &str = "andante.dev/control";
/// The annotation that names who is in charge of a Service, and so puts it into care.
pub const PIPELINE: &str = "andante.dev/pipeline";
/// The annotation that tells what was started for the declared goal.
pub const GOAL_STATUS: &str = "andante.dev/goal-status";
/// The annotation that says in one line where the rollout stands, for people and other programs; nothing of ours reads it.
pub const PROGRESS: &str = "andante.dev/progress";
/// How many bytes of annotations, names and values together, an object may have.
// The API server refuses the write of a longer set (apimachinery, pkg/api/validation, `TotalAnnotationSizeLimitB`).
pub(crate) const MAX_ANNOTATIONS: usize = 256 * 1024;
/// By this label a Revision tells which generation of its Configuration made it.
const MADE_BY: &str = "serving.knative.dev/configurationGeneration";

/// One of three answers of a Kubernetes condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// `True`.
    True,
    /// `False`.
    False,
    /// `Unknown`, absent, or anything else.
    Unknown,
}

/// A condition of a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its answer.
    pub truth: Truth,
    /// Its one-word reason; may be empty.
    pub reason: String,
    /// Its sentence; may be empty.
    pub message: String,
    /// When the answer last changed.
    pub since: Option<Timestamp>,
}

/// One entry of `status.traffic`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Served {
    /// The revision that it was resolved to.
    pub revision_name: Option<String>,
    /// Its share.
    #[serde(default)]
    pub percent: i64,
    /// Its tag.
    #[serde(default)]
    pub tag: Option<String>,
    /// The tag's address.
    #[serde(default)]
    pub url: Option<String>,
}

/// A Service as it was seen once.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// Its namespace.
    pub namespace: Option<Namespace>,
    /// The object's identity; another one means that it was deleted and made again.
    pub uid: String,
    /// The generation of its spec.
    pub generation: i64,
    /// The generation that its status speaks of.
    pub observed_generation: i64,
    /// The object's version, for a watch to go on from.
    pub resource_version: String,
    /// It is being deleted.
    pub deleting: bool,
    /// All annotations.
    pub annotations: BTreeMap<String, String>,
    /// `spec.traffic`, or why it cannot be read.
    pub split: Result<Split, BadSplit>,
    /// `spec.template`, whole.
    pub template: Value,
    /// `status.traffic`.
    pub served: Vec<Served>,
    /// `status.latestCreatedRevisionName`.
    pub latest_created: Option<RevisionName>,
    /// `status.latestReadyRevisionName`.
    pub latest_ready: Option<RevisionName>,
    /// `status.conditions`, by type.
    pub conditions: BTreeMap<String, Condition>,
    /// `status.url`.
    pub url: Option<String>,
    /// `metadata.managedFields`, as far as traffic and template are concerned.
    pub writers: Vec<FieldWriter>,
    /// The object that makes and keeps this one, if there is one.
    pub controller: Option<ControllerRef>,
}

/// A Revision as it was seen once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its name.
    pub name: RevisionName,
    /// The object's identity; empty where it is not told.
    pub uid: String,
    /// Its version, by which an older report is known; 0 where it is not told.
    pub version: u64,
    /// The Configuration generation that made it.
    pub configuration_generation: Option<i64>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// It is being deleted.
    pub deleting: bool,
    /// Its conditions, by type.
    pub conditions: BTreeMap<String, Condition>,
    /// Ready pods.
    pub actual: i64,
    /// Pods that the autoscaler wants; -1 when it does not know.
    pub desired: i64,
    /// The image of the container that serves, as the template said.
    pub image: Option<String>,
    /// The digest reference of it that runs.
    pub digest: Option<String>,
    /// The template that makes the same again, without a name.
    pub template: Value,
    /// What its annotations tell the autoscaler.
    pub scaling: Scaling,
}

/// An object that does not have the shape that Knative promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {kind} has no readable `{field}`")]
pub struct Unreadable {
    kind: &'static str,
    field: &'static str,
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).filter(|t| !t.is_empty())
}

fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    text(value, pointer).and_then(|t| t.parse().ok())
}

fn conditions(object: &Value) -> BTreeMap<String, Condition> {
    let list = object.pointer("/status/conditions").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|c| {
            let truth = match text(c, "/status") {
                Some("True") => Truth::True,
                Some("False") => Truth::False,
                _ => Truth::Unknown,
            };
            let condition = Condition {
                truth,
                reason: text(c, "/reason").unwrap_or_default().to_owned(),
                message: text(c, "/message").unwrap_or_default().to_owned(),
                since: time(c, "/lastTransitionTime"),
            };
            Some((text(c, "/type")?.to_owned(), condition))
        })
        .collect()
}

fn string_map(value: Option<&Value>) -> BTreeMap<String, String> {
    let map = value.and_then(Value::as_object);
    map.into_iter().flatten().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
}

/// The answer of a condition that may be absent.
fn truth_of(conditions: &BTreeMap<String, Condition>, kind: &str) -> Truth {
    conditions.get(kind).map_or(Truth::Unknown, |c| c.truth)
}

impl Service {
    /// Reads a Service from the API's JSON.
    pub fn from_json(object: &Value) -> Result<Self, Unreadable> {
        let missing = |field| Unreadable { kind: "Service", field };
        let revision = |pointer| text(object, pointer).and_then(|t| t.parse().ok());
        let served = object.pointer("/status/traffic").and_then(Value::as_array);
        Ok(Self {
            name: text(object, "/metadata/name")
                .and_then(|n| n.parse().ok())
                .ok_or_else(|| missing("metadata.name"))?,
            namespace: text(object, "/metadata/namespace").and_then(|n| n.parse().ok()),
            uid: text(object, "/metadata/uid").ok_or_else(|| missing("metadata.uid"))?.to_owned(),
            generation: object
                .pointer("/metadata/generation")
                .and_then(Value::as_i64)
                .ok_or_else(|| missing("metadata.generation"))?,
            // A Service without a status has been observed in no generation yet; the first one is 1.
            observed_generation: object
                .pointer("/status/observedGeneration")
                .and_then(Value::as_i64)
                .unwrap_or_default(),
            resource_version: text(object, "/metadata/resourceVersion").unwrap_or_default().to_owned(),
            deleting: object.pointer("/metadata/deletionTimestamp").is_some(),
            annotations: string_map(object.pointer("/metadata/annotations")),
            // A split that cannot be read is no reason to refuse the object: `status` still shows the rest of it.
            split: Split::from_json(object.pointer("/spec/traffic")),
            template: object.pointer("/spec/template").cloned().unwrap_or_default(),
            served: served.into_iter().flatten().filter_map(|t| Served::deserialize(t).ok()).collect(),
            latest_created: revision("/status/latestCreatedRevisionName"),
            latest_ready: revision("/status/latestReadyRevisionName"),
            conditions: conditions(object),
            url: text(object, "/status/url").map(str::to_owned),
            writers: FieldWriter::all(object),
            controller: ControllerRef::of(object),
        })
    }

    /// What a command needs to mean this Service: `hello -n shop`.
    pub fn called(&self) -> String {
        self.namespace.as_ref().map_or_else(|| self.name.to_string(), |ns| format!("{} -n {ns}", self.name))
    }

    /// A condition's answer.
    pub fn truth(&self, kind: &str) -> Truth {
        truth_of(&self.conditions, kind)
    }

    /// How many bytes its annotations have, names and values together.
    pub(crate) fn annotation_bytes(&self) -> usize {
        self.annotations.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// The address of a tag, as Knative reports it.
    pub fn tag_url(&self, tag: &crate::model::name::Tag) -> Option<&str> {
        self.served.iter().find(|t| t.tag.as_deref() == Some(tag.as_str())).and_then(|t| t.url.as_deref())
    }

    /// The percent of users that a revision serves, all its entries together.
    pub(crate) fn served_percent(&self, revision: &RevisionName) -> i64 {
        let of = |entry: &&Served| entry.revision_name.as_deref() == Some(revision.as_str());
        self.served.iter().filter(of).map(|entry| entry.percent).sum()
    }

    /// Who last wrote the fields that `of` accepts: the newest by time, as far as times are known.
    pub fn last_writer(&self, of: impl Fn(&FieldWriter) -> bool) -> Option<&FieldWriter> {
        self.writers.iter().filter(|w| of(w)).max_by_key(|w| w.time)
    }

    /// The user that last changed the spec. Knative's webhook notes it from the request and overwrites what a client says.
    pub fn last_modifier(&self) -> Option<&str> {
        self.annotations.get("serving.knative.dev/lastModifier").map(String::as_str)
    }
}

impl Revision {
    /// Reads a Revision from the API's JSON.
    pub fn from_json(object: &Value) -> Result<Self, Unreadable> {
        let missing = |field| Unreadable { kind: "Revision", field };
        let number = |pointer| object.pointer(pointer).and_then(Value::as_i64);
        let word = |pointer| text(object, pointer);
        let labels = string_map(object.pointer("/metadata/labels"));
        let annotations = object.pointer("/metadata/annotations").map(|m| string_map(Some(m)));
        let containers = object.pointer("/spec/containers").and_then(Value::as_array);
        let serving = containers.and_then(|list| list.get(serving_container(list)?));
        Ok(Self {
            name: word("/metadata/name").and_then(|n| n.parse().ok()).ok_or_else(|| missing("metadata.name"))?,
            uid: word("/metadata/uid").unwrap_or_default().to_owned(),
            version: word("/metadata/resourceVersion").and_then(|v| v.parse().ok()).unwrap_or_default(),
            // Rule 5: the Service's own generation runs ahead of its Configuration's, because edits of traffic raise it, so
            // neither the name nor that generation tells which Revision came of a write; this label does.
            configuration_generation: labels.get(MADE_BY).and_then(|g| g.parse().ok()),
            created: time(object, "/metadata/creationTimestamp"),
            deleting: object.pointer("/metadata/deletionTimestamp").is_some(),
            conditions: conditions(object),
            actual: number("/status/actualReplicas").unwrap_or_default(),
            desired: number("/status/desiredReplicas").unwrap_or_default(),
            image: serving.and_then(|c| text(c, "/image")).map(str::to_owned),
            digest: running_digest(object, serving),
            template: template_of(object),
            scaling: Scaling::of(annotations.as_ref()),
        })
    }

    /// A condition's answer.
    pub fn truth(&self, kind: &str) -> Truth {
        truth_of(&self.conditions, kind)
    }

    /// Ready and not on its way out: a split that names it can take effect.
    pub fn serves(&self) -> bool {
        // The Route decides all or nothing: one target that is not Ready keeps the whole split from being served (rule 6).
        self.truth("Ready") == Truth::True && !self.deleting
    }

    /// The Revision's own words about what is wrong, for a person.
    pub fn complaint(&self) -> String {
        // The two dependents come first, because `Ready` only copies the reason of the one that decided. Of them the
        // container's own condition is asked first: it carries the last words of a crash.
        let worst = ["ContainerHealthy", "ResourcesAvailable", "Ready", "Active"]
            .iter()
            .filter_map(|kind| self.conditions.get(*kind))
            .filter(|c| c.truth != Truth::True && !(c.reason.is_empty() && c.message.is_empty()))
            // False goes before Unknown, as it does when Knative computes `Ready`.
            .min_by_key(|c| c.truth != Truth::False);
        match worst {
            Some(c) if c.message.is_empty() => c.reason.clone(),
            Some(c) if c.reason.is_empty() => c.message.clone(),
            Some(c) => format!("{}: {}", c.reason, c.message),
            None => format!("{} of {} pods are ready", self.actual, self.desired.max(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_what_decisions_need() {
        let service = Service::from_json(&json!({
            "metadata": {"name": "hello", "uid": "u", "generation": 3, "resourceVersion": "9",
                "annotations": {"serving.knative.dev/lastModifier": "kim"},
                "managedFields": [
                    {"manager": "kn", "operation": "Update", "time": "2026-01-01T00:00:00Z",
                     "fieldsV1": {"f:spec": {"f:traffic": {}}}},
                    {"manager": "controller", "operation": "Update", "subresource": "status",
                     "fieldsV1": {"f:status": {}}}]},
            "spec": {"template": {"spec": {"containers": [{"image": "i:1"}]}}},
            "status": {"observedGeneration": 2, "latestReadyRevisionName": "hello-00001",
                "traffic": [{"revisionName": "hello-00001", "percent": 100, "tag": "t", "url": "http://t-hello"}],
                "conditions": [{"type": "Ready", "status": "False", "reason": "R", "message": "m",
                    "lastTransitionTime": "2026-01-01T00:00:00Z"}]}
        }))
        .unwrap();
        assert_eq!(service.generation, 3);
        assert_eq!(service.truth("Ready"), Truth::False);
        assert_eq!(service.truth("RoutesReady"), Truth::Unknown);
        assert_eq!(service.tag_url(&"t".parse().unwrap()), Some("http://t-hello"));
        assert_eq!(service.last_modifier(), Some("kim"));
        assert_eq!(service.last_writer(|w| w.traffic).map(|w| w.manager.as_str()), Some("kn"));
        assert_eq!(service.split.unwrap(), Split::all_latest());
    }

    #[test]
    fn an_object_without_identity_is_refused() {
        let error = Service::from_json(&json!({"metadata": {"name": "hello"}})).unwrap_err();
        assert_eq!(error.to_string(), "the Service has no readable `metadata.uid`");
        assert!(Revision::from_json(&json!({})).is_err());
    }

    #[test]
    fn a_complaint_prefers_what_is_false() {
        let revision = Revision::from_json(&json!({
            "metadata": {"name": "r"},
            "status": {"conditions": [
                {"type": "ResourcesAvailable", "status": "Unknown", "reason": "Deploying"},
                {"type": "ContainerHealthy", "status": "False", "reason": "ExitCode3", "message": "Container failed with: no ledger"}]}
        }))
        .unwrap();
        assert_eq!(revision.complaint(), "ExitCode3: Container failed with: no ledger");
        assert!(!revision.serves());
    }
}
