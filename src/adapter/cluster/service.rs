//! One Knative Service, its Configuration and its Revisions: [`Cluster`] as requests.
//!
//! Decides paths and parameters only, each so that the narrowest right is enough. Depends on requests and the ports.

use super::Kube;
use super::call::Call;
use super::failure::ApiRequest;
use super::objects::Selection;
use super::watch::ObjectWatch;
use crate::adapter::clock::SystemClock;
use crate::adapter::env::Environment;
use crate::model::api_error::ApiError;
use crate::model::api_kind::ApiKind;
use crate::model::bytes::Meaning;
use crate::model::ending::Ending;
use crate::model::name::{Namespace, RevisionName, ServiceName};
use crate::model::writers::{APPLY_MANAGER, DECLARE_MANAGER, FIELD_MANAGER};
use crate::rollout::owner::{Liveness, Owner};
use crate::run::ports::{ApplyCall, Clock, Cluster, List, NamedKind};
use serde_json::{Value, json};

const GROUP: &str = "serving.knative.dev";

/// One Service of one namespace.
#[derive(Debug, Clone)]
pub struct KnativeService {
    kube: Kube,
    name: ServiceName,
    /// Where credentials and proxies for registries are found; none: no registry is asked.
    registries: Option<Environment>,
    /// The TaskRun that this process belongs to, if it does.
    task: Option<Owner>,
}

impl KnativeService {
    pub(super) fn new(kube: Kube, name: ServiceName) -> Self {
        Self { kube, name, registries: None, task: None }
    }

    /// The same, and it asks registries what images mean.
    #[must_use]
    pub fn asking_registries(self, environment: &Environment) -> Self {
        Self { registries: Some(environment.clone()), ..self }
    }

    /// The same, and it asks why this task is being ended when it is.
    #[must_use]
    pub fn of_task(self, task: Option<Owner>) -> Self {
        Self { task, ..self }
    }

    fn asked(&self, verb: &'static str, resource: &'static str, name: Option<&str>) -> ApiRequest {
        let namespace = Some(self.kube.namespace.to_string());
        ApiRequest { verb, group: GROUP.into(), resource: resource.into(), namespace, name: name.map(str::to_owned) }
    }

    fn path(&self, resource: &str) -> String {
        format!("/apis/{GROUP}/v1/namespaces/{}/{resource}", self.kube.namespace)
    }

    async fn get(&self, resource: &'static str, name: &str) -> Result<Value, ApiError> {
        let asked = self.asked("get", resource, Some(name));
        self.kube.call(&Call { asked, path: format!("{}/{name}", self.path(resource)), body: None }).await
    }

    /// The Service's own Revisions, by the label that Knative puts on them.
    fn revisions_path(&self) -> String {
        format!("{}?labelSelector=serving.knative.dev%2Fservice%3D{}", self.path("revisions"), self.name)
    }
}

impl Kube {
    /// LIST of all Services of the namespace; of each what `kept` makes of it.
    pub async fn services(&self, kept: impl Fn(Value) -> Option<Value>) -> Result<Vec<Value>, ApiError> {
        let kind = ApiKind::usual(&format!("{GROUP}/v1"), "Service");
        let of = Selection { kind, namespace: Some(self.namespace.clone()), labels: None, name: None };
        Ok(self.list_objects(&of, kept).await?.items)
    }

    /// DELETE of one Service of the namespace, if it is the one that has this uid.
    pub async fn delete_service(&self, name: &ServiceName, uid: &str) -> Result<(), ApiError> {
        let service = self.service(name.clone());
        let asked = service.asked("delete", "services", Some(name.as_str()));
        let path = format!("{}/{name}", service.path("services"));
        let body = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}});
        self.call(&Call { asked, path, body: Some(("application/json", &body)) }).await.map(drop)
    }
}

impl KnativeService {
    /// PATCH of the Service with what an owner declares, under the field manager of such wishes.
    pub async fn declare(&self, patch: &Value) -> Result<Value, ApiError> {
        self.patch(patch, "", DECLARE_MANAGER).await
    }

    /// PATCH of the Service; `dry` is what makes it a dry run, or nothing.
    async fn patch(&self, patch: &Value, dry: &str, manager: &str) -> Result<Value, ApiError> {
        let asked = self.asked("patch", "services", Some(self.name.as_str()));
        let path = format!("{}/{}?{dry}{}", self.path("services"), self.name, write_parameters(manager));
        self.kube.call(&Call { asked, path, body: Some(("application/json-patch+json", patch)) }).await
    }
}

/// Who writes, and that a misspelt field is an error instead of nothing.
fn write_parameters(manager: &str) -> String {
    // Knative's schema is structural: without `Strict` the API server drops an unknown field and says that all is well.
    format!("fieldManager={manager}&fieldValidation=Strict")
}

impl Cluster for KnativeService {
    type Watch = ObjectWatch;

    fn namespace(&self) -> Option<&Namespace> {
        Some(&self.kube.namespace)
    }

    async fn service(&self) -> Result<Value, ApiError> {
        self.get("services", self.name.as_str()).await
    }

    async fn create_service(&self, object: &Value) -> Result<Value, ApiError> {
        let asked = self.asked("create", "services", Some(self.name.as_str()));
        let path = format!("{}?{}", self.path("services"), write_parameters(FIELD_MANAGER));
        self.kube.call(&Call { asked, path, body: Some(("application/json", object)) }).await
    }

    async fn patch_service(&self, patch: &Value) -> Result<Value, ApiError> {
        self.patch(patch, "", FIELD_MANAGER).await
    }

    async fn would_store(&self, patch: &Value) -> Result<Value, ApiError> {
        self.patch(patch, "dryRun=All&", FIELD_MANAGER).await
    }

    async fn apply_service(&self, object: &Value, call: ApplyCall) -> Result<Value, ApiError> {
        let asked = self.asked("patch", "services", Some(self.name.as_str()));
        let dry = if call.dry { "dryRun=All&" } else { "" };
        let force = call.force;
        let place = format!("{}/{}", self.path("services"), self.name);
        let path = format!("{place}?{dry}force={force}&fieldManager={APPLY_MANAGER}&fieldValidation=Strict");
        self.kube.call(&Call { asked, path, body: Some(("application/apply-patch+yaml", object)) }).await
    }

    async fn patch_revision(&self, name: &RevisionName, patch: &Value) -> Result<Value, ApiError> {
        let asked = self.asked("patch", "revisions", Some(name.as_str()));
        let target = format!("{}/{name}?{}", self.path("revisions"), write_parameters(FIELD_MANAGER));
        self.kube.call(&Call { asked, path: target, body: Some(("application/json-patch+json", patch)) }).await
    }

    async fn watch_service(&self, version: &str) -> Result<ObjectWatch, ApiError> {
        // A watch of a name is allowed by a rule with that resourceName; one of all Services would not be.
        let path = format!("{}?fieldSelector=metadata.name%3D{}", self.path("services"), self.name);
        let asked = self.asked("watch", "services", Some(self.name.as_str()));
        self.kube.watch(asked, &path, version).await
    }

    async fn revisions(&self) -> Result<List, ApiError> {
        let asked = self.asked("list", "revisions", None);
        let mut list = self.kube.call(&Call { asked, path: self.revisions_path(), body: None }).await?;
        let version = list.pointer("/metadata/resourceVersion").and_then(Value::as_str).map(str::to_owned);
        match (list.get_mut("items").map(Value::take), version) {
            (Some(Value::Array(items)), Some(version)) => Ok(List { items, version }),
            _ => Err(ApiError::Unreachable("list revisions: the answer is not a list".into())),
        }
    }

    async fn watch_revisions(&self, version: &str) -> Result<ObjectWatch, ApiError> {
        self.kube.watch(self.asked("watch", "revisions", None), &self.revisions_path(), version).await
    }

    async fn configuration(&self) -> Result<Value, ApiError> {
        // A Service's Configuration has its name.
        self.get("configurations", self.name.as_str()).await
    }

    async fn pods(&self, name: &RevisionName) -> Result<Vec<Value>, ApiError> {
        // Fifty are enough to find one that has something wrong; a large revision may have hundreds.
        let namespace = self.kube.namespace.to_string();
        let path = format!(
            "/api/v1/namespaces/{namespace}/pods?limit=50&labelSelector=serving.knative.dev%2Frevision%3D{name}"
        );
        let asked = ApiRequest {
            verb: "list",
            group: "".into(),
            resource: "pods".into(),
            namespace: Some(namespace),
            name: None,
        };
        let mut list = self.kube.call(&Call { asked, path, body: None }).await?;
        match list.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => Ok(items),
            _ => Err(ApiError::Unreachable("list pods: the answer is not a list".into())),
        }
    }

    async fn meaning(&self, image: &str, template: &Value) -> Meaning {
        match &self.registries {
            Some(environment) => self.kube.meaning(image, template, environment).await,
            None => Meaning::Unknown("no registry is asked here".to_owned()),
        }
    }

    async fn named(&self, kind: NamedKind, name: &str) -> Result<Value, ApiError> {
        let resource = match kind {
            NamedKind::KnativeService => return self.get("services", name).await,
            NamedKind::Route => return self.get("routes", name).await,
            NamedKind::Service => "services",
        };
        let namespace = self.kube.namespace.to_string();
        let path = format!("/api/v1/namespaces/{namespace}/{resource}/{name}");
        let (namespace, name) = (Some(namespace), Some(name.to_owned()));
        let asked = ApiRequest { verb: "get", group: "".into(), resource: resource.into(), namespace, name };
        self.kube.call(&Call { asked, path, body: None }).await
    }

    async fn namespace_annotations(&self) -> Result<Value, ApiError> {
        self.kube.namespace_annotations().await
    }

    async fn ending(&self) -> Option<Ending> {
        self.kube.ending(self.task.as_ref()?, SystemClock.now()).await
    }

    async fn liveness(&self, owner: &Owner) -> Liveness {
        self.kube.liveness(owner).await
    }
}
