//! What the cluster knows about runs and people: whether a run still runs, when it began, who we are, what an
//! installation's ConfigMap says, and what a namespace does.
//!
//! Decides what counts as the end of a run. All of it is optional knowledge, because the deadline in the record tells as
//! well: a missing right is "unknown". Depends on requests and owners.

use super::Kube;
use super::call::Call;
use super::failure::ApiRequest;
use crate::model::api_error::ApiError;
use crate::model::name::{Namespace, RevisionName};
use crate::rollout::owner::{Liveness, Owner, OwnerKind};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// So often it is asked whether a run still runs, where what failed may pass.
const TRIES: u32 = 3;
/// The pause between two of them: a machine waits meanwhile.
const PAUSE: Duration = Duration::from_millis(500);

impl Kube {
    /// Whether a run still runs. A run that is another one now (same name, other uid) is gone. One bad moment of the API server
    /// makes nothing unknown: `settle --to` takes back what may be a living run's.
    pub async fn liveness(&self, owner: &Owner) -> Liveness {
        let mut answer = self.run(owner).await;
        for _ in 1..TRIES {
            if !answer.as_ref().is_some_and(|answer| answer.as_ref().is_err_and(ApiError::is_passing)) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            answer = self.run(owner).await;
        }
        match answer {
            Some(Ok(run)) if text(&run, "/metadata/uid") != Some(&owner.uid) => Liveness::Gone,
            Some(Ok(run)) if is_over(&run) => Liveness::Done,
            Some(Ok(_)) => Liveness::Running,
            Some(Err(ApiError::NotFound(_))) => Liveness::Gone,
            // Also where the cluster has no such kind: the run is one of another cluster.
            Some(Err(_)) | None => Liveness::Unknown,
        }
    }

    /// When a run was created. A person is none, and what is another run by now tells nothing.
    ///
    /// # Errors
    ///
    /// Why that cannot be read: no right to, or the object is not there (any more).
    pub async fn run_created(&self, owner: &Owner) -> Result<Timestamp, ApiError> {
        let none = || ApiError::NotFound(format!("{owner} is no run of this cluster"));
        let run = self.run(owner).await.ok_or_else(none)??;
        if text(&run, "/metadata/uid") != Some(&owner.uid) {
            return Err(ApiError::NotFound(format!("{owner} is another run by now")));
        }
        text(&run, "/metadata/creationTimestamp").and_then(|at| at.parse().ok()).ok_or_else(none)
    }

    /// Who the cluster says we are; else the name of the kubeconfig's user; else `None`.
    pub async fn who_am_i(&self) -> Option<String> {
        // Every user that the cluster knows may ask this (ClusterRole system:basic-user).
        let group = "authentication.k8s.io";
        let asked = ApiRequest {
            verb: "create",
            group: group.into(),
            resource: "selfsubjectreviews".into(),
            namespace: None,
            name: None,
        };
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let path = format!("/apis/{group}/v1/selfsubjectreviews");
        let answer = self.call(&Call { asked, path, body: Some(("application/json", &review)) }).await;
        let said = answer.ok().and_then(|r| text(&r, "/status/userInfo/username").map(str::to_owned));
        said.or_else(|| self.user.clone())
    }

    /// A ConfigMap's data, of any namespace.
    pub async fn config_map(&self, namespace: &Namespace, name: &str) -> Result<Value, ApiError> {
        let asked = ApiRequest {
            verb: "get",
            group: "".into(),
            resource: "configmaps".into(),
            namespace: Some(namespace.to_string()),
            name: Some(name.to_owned()),
        };
        let path = format!("/api/v1/namespaces/{namespace}/configmaps/{}", super::call::encoded(name));
        let mut object = self.call(&Call { asked, path, body: None }).await?;
        Ok(object.get_mut("data").map_or_else(|| json!({}), Value::take))
    }

    /// The annotations of the namespace that is used.
    pub async fn namespace_annotations(&self) -> Result<Value, ApiError> {
        let name = self.namespace().to_string();
        let asked = ApiRequest {
            verb: "get",
            group: "".into(),
            resource: "namespaces".into(),
            namespace: Some(name.clone()),
            name: Some(name.clone()),
        };
        let mut object = self.call(&Call { asked, path: format!("/api/v1/namespaces/{name}"), body: None }).await?;
        Ok(object.pointer_mut("/metadata/annotations").map_or_else(|| json!({}), Value::take))
    }

    /// GET of a run; `None` for what is no object. The name stands in a record that anybody may have written, so it is
    /// checked before it becomes a path.
    pub(super) async fn run(&self, owner: &Owner) -> Option<Result<Value, ApiError>> {
        let (group, resource) = match owner.kind {
            OwnerKind::PipelineRun => ("tekton.dev", "pipelineruns"),
            OwnerKind::TaskRun => ("tekton.dev", "taskruns"),
            OwnerKind::Job => ("batch", "jobs"),
            OwnerKind::Person => return None,
        };
        let (namespace, name) = owner.name.split_once('/')?;
        let namespace: Namespace = namespace.parse().ok()?;
        let name: RevisionName = name.parse().ok()?;
        let asked = ApiRequest {
            verb: "get",
            group: group.into(),
            resource: resource.into(),
            namespace: Some(namespace.to_string()),
            name: Some(name.to_string()),
        };
        let path = format!("/apis/{group}/v1/namespaces/{namespace}/{resource}/{name}");
        Some(self.call(&Call { asked, path, body: None }).await)
    }
}

/// A Tekton run is over when `Succeeded` has an answer, a Job when it is complete or failed.
fn is_over(run: &Value) -> bool {
    let conditions = run.pointer("/status/conditions").and_then(Value::as_array);
    let ended = conditions.into_iter().flatten().any(|c| {
        let condition = (text(c, "/type"), text(c, "/status"));
        matches!(condition, (Some("Succeeded"), Some("True" | "False")) | (Some("Complete" | "Failed"), Some("True")))
    });
    ended || text(run, "/status/completionTime").is_some()
}

pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// A condition of a status.
pub(super) fn find<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array)?;
    conditions.iter().find(|condition| text(condition, "/type") == Some(kind))
}
