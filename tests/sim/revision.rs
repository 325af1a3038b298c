//! A Revision as the model holds it, and as the API shows it.

use super::condition::{self, Cond};
use super::image::{Behaviour, digest};
use super::time;
use serde_json::{Value, json};
use std::time::Duration;

/// Seconds between two ends of a container that restarts.
const RESTARTS_EVERY: u64 = 5;

/// One Revision. How it changes is in `lifecycle`.
#[derive(Debug, Clone)]
pub(crate) struct Revision {
    pub(crate) name: String,
    pub(crate) uid: u64,
    /// The Configuration generation that made it.
    pub(crate) generation: i64,
    pub(crate) created: Duration,
    pub(crate) template: Value,
    /// Its own annotations: the template's at first.
    pub(crate) annotations: Value,
    pub(crate) behaviour: Behaviour,
    pub(crate) digest: Option<String>,
    pub(crate) resources: Cond,
    pub(crate) container: Cond,
    pub(crate) active: Cond,
    pub(crate) actual: i64,
    pub(crate) desired: i64,
    /// When it was first Ready.
    pub(crate) ready_at: Option<Duration>,
    /// When it was last asked anything.
    pub(crate) used_at: Duration,
    /// It died after it was Ready; requests to it hang.
    pub(crate) dead: bool,
    /// The object as it was last published.
    pub(crate) object: Value,
}

impl Revision {
    pub(crate) fn new(
        name: &str,
        uid: u64,
        generation: i64,
        template: &Value,
        behaviour: Behaviour,
        at: Duration,
    ) -> Self {
        Self {
            name: name.to_owned(),
            uid,
            generation,
            created: at,
            template: template.clone(),
            annotations: template.pointer("/metadata/annotations").cloned().unwrap_or_else(|| json!({})),
            behaviour,
            digest: None,
            resources: Cond::maybe("Deploying", ""),
            container: Cond::maybe("ResolvingDigests", ""),
            active: Cond::maybe("Deploying", ""),
            actual: 0,
            desired: 1,
            ready_at: None,
            used_at: at,
            dead: false,
            object: Value::Null,
        }
    }

    /// Its Ready condition. It stays True while pods crash: Active does not count.
    pub(crate) fn ready(&self) -> Cond {
        Cond::all([&self.resources, &self.container])
    }

    pub(crate) fn image(&self) -> &str {
        self.template.pointer("/spec/containers/0/image").and_then(Value::as_str).unwrap_or_default()
    }

    /// Its pods, as far as anybody asks: what they wait for or ended with.
    pub(crate) fn pods(&self, now: Duration) -> Vec<Value> {
        let metadata = json!({"name": self.name, "uid": format!("pod-{}", self.uid)});
        let container = |state: Value| {
            json!({"metadata": metadata, "status": {"containerStatuses": [{"name": "user-container",
            "state": state, "lastState": {"terminated": {"exitCode": 3, "message": "cannot open the ledger"}}}]}})
        };
        match self.behaviour {
            // Without a digest there is no Deployment yet.
            _ if self.digest.is_none() || (self.ready_at.is_some() && self.desired == 0) => vec![],
            Behaviour::NoRoom { quota: true, .. } if self.ready_at.is_none() => vec![],
            Behaviour::NoRoom { .. } if self.ready_at.is_none() => {
                vec![json!({"status": {"conditions": [{"type": "PodScheduled", "status": "False",
                    "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient cpu."}]}})]
            }
            Behaviour::Unmounted => vec![json!({"metadata": metadata, "status": {"containerStatuses":
                [{"name": "user-container", "state": {"waiting": {"reason": "ContainerCreating"}}}]}})],
            Behaviour::Stuck => vec![json!({"status": {"conditions": [{"type": "PodScheduled", "status": "False",
                "reason": "Unschedulable", "message": "0/1 nodes are available"}]}})],
            Behaviour::CrashesAtStart { .. } | Behaviour::CrashesUnseen => {
                vec![container(json!({"waiting": {"reason": "CrashLoopBackOff"}}))]
            }
            _ if self.dead => vec![container(json!({"waiting": {"reason": "CrashLoopBackOff"}}))],
            Behaviour::Restarts { later, .. } if self.ready_at.is_some_and(|at| now >= at + later) => {
                let since = now.saturating_sub(self.ready_at.unwrap_or_default() + later);
                let mut pod = container(json!({"running": {}}));
                pod["status"]["containerStatuses"][0]["restartCount"] = json!(1 + since.as_secs() / RESTARTS_EVERY);
                vec![pod]
            }
            _ => vec![json!({"metadata": metadata, "status": {"containerStatuses":
                [{"name": "user-container", "restartCount": 0, "state": {"running": {}}}]}})],
        }
    }

    fn bound(&self, word: &str) -> Option<i64> {
        self.annotations.get(format!("autoscaling.knative.dev/{word}"))?.as_str()?.parse().ok()
    }

    /// So many pods at least.
    pub(crate) fn min_scale(&self) -> i64 {
        self.bound("min-scale").or_else(|| self.bound("minScale")).unwrap_or(0)
    }

    /// So many pods at most.
    pub(crate) fn max_scale(&self) -> i64 {
        self.bound("max-scale").filter(|max| *max > 0).unwrap_or(i64::MAX)
    }

    /// The object as the API shows it, of version `version`.
    pub(crate) fn render(&mut self, service: &str, version: u64, at: Duration) -> Value {
        let mut status = self.object.get("status").cloned().unwrap_or_else(|| json!({}));
        status["observedGeneration"] = json!(1);
        status["actualReplicas"] = json!(self.actual);
        status["desiredReplicas"] = json!(self.desired);
        if let Some(digest) = &self.digest {
            status["containerStatuses"] = json!([{"name": "user-container", "imageDigest": digest}]);
        }
        let ready = self.ready();
        let list = [
            ("Active", &self.active),
            ("ContainerHealthy", &self.container),
            ("Ready", &ready),
            ("ResourcesAvailable", &self.resources),
        ];
        condition::put(&mut status, &list, at);
        self.object = json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Revision",
            "metadata": {
                "name": self.name, "namespace": "ns", "uid": format!("rev-{}", self.uid), "generation": 1,
                "resourceVersion": version.to_string(), "creationTimestamp": time::text(self.created),
                "labels": {
                    "serving.knative.dev/service": service, "serving.knative.dev/configuration": service,
                    "serving.knative.dev/configurationGeneration": self.generation.to_string(),
                },
                "annotations": self.annotations,
            },
            "spec": self.template["spec"],
            "status": status,
        });
        self.object.clone()
    }

    /// The tag of the image was resolved, after it was pushed so many times.
    pub(crate) fn resolve(&mut self, pushes: u32) {
        self.digest = Some(digest(self.image(), pushes));
    }
}
