//! What the API server does to the one Service: reads, writes with admission, deletion. Everything else follows later.

use super::managed;
use super::patch;
use super::state::{Due, Kind, State};
use super::story::{Truth, Write};
use super::time;
use super::webhook;
use andante::model::api_error::ApiError;
use serde_json::{Value, json};
use std::rc::Rc;

const MODIFIER: &str = "serving.knative.dev/lastModifier";
/// So many bytes all annotations of an object may have together.
pub(crate) const MAX_ANNOTATIONS: usize = 256 * 1024;

/// How many bytes the annotations of an object have, names and values together.
pub(crate) fn annotation_bytes(object: &Value) -> usize {
    let map = object.pointer("/metadata/annotations").and_then(Value::as_object);
    map.into_iter().flatten().map(|(k, v)| k.len() + v.as_str().unwrap_or_default().len()).sum()
}

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Who {
    /// The user, as admission sees it.
    pub(crate) user: String,
    /// The field manager.
    pub(crate) manager: String,
    /// Which process of ours it is; none for people.
    pub(crate) run: Option<String>,
}

impl Who {
    /// A person with kubectl.
    pub(crate) fn kim() -> Self {
        Self { user: "kim".into(), manager: "kubectl".into(), run: None }
    }
}

impl State {
    fn not_found(&self) -> ApiError {
        ApiError::NotFound(format!("services.serving.knative.dev {:?} not found", self.name))
    }

    /// Fills in what this cluster's own defaults say.
    fn fill_in(&self, object: &mut Value) {
        let spec = object.pointer_mut("/spec/template/spec").and_then(Value::as_object_mut);
        if let (Some(timeout), Some(spec)) = (self.timeout, spec) {
            spec.entry("timeoutSeconds").or_insert(json!(timeout));
        }
    }

    pub(crate) fn get_service(&self) -> Result<Value, ApiError> {
        self.service.as_deref().cloned().ok_or_else(|| self.not_found())
    }

    pub(crate) fn create_service(&mut self, who: &Who, object: &Value) -> Result<Value, ApiError> {
        if self.service.is_some() {
            return Err(ApiError::Exists(format!("services.serving.knative.dev {:?} already exists", self.name)));
        }
        let mut object = object.clone();
        if object.pointer("/metadata/name").and_then(Value::as_str) != Some(self.name.as_str()) {
            return Err(ApiError::Invalid("metadata.name".into()));
        }
        webhook::default(&mut object);
        self.fill_in(&mut object);
        webhook::validate(&object, None).map_err(ApiError::Invalid)?;
        let at = time::text(self.now());
        let (uid, version) = (self.fresh_uid(), self.bump());
        object["status"] = json!({});
        object["metadata"]["namespace"] = json!("ns");
        object["metadata"]["uid"] = json!(format!("svc-{uid}"));
        object["metadata"]["generation"] = json!(1);
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        object["metadata"]["creationTimestamp"] = json!(at);
        object["metadata"]["annotations"]["serving.knative.dev/creator"] = json!(who.user);
        object["metadata"]["annotations"][MODIFIER] = json!(who.user);
        managed::note(&mut object, None, &who.manager, &at);
        Ok(self.store(who, object))
    }

    pub(crate) fn patch_service(&mut self, who: &Who, patch: &Value) -> Result<Value, ApiError> {
        let old = self.service.clone().ok_or_else(|| self.not_found())?;
        let new = patch::apply(&old, patch).map_err(ApiError::Refused)?;
        self.replace_service(who, &old, new)
    }

    /// The same as a dry run.
    pub(crate) fn would_store(&mut self, who: &Who, patch: &Value) -> Result<Value, ApiError> {
        self.asked_dry += 1;
        if !self.dry_runs {
            return Err(ApiError::Invalid("admission webhook \"other\" does not support dry run".into()));
        }
        let old = self.service.clone().ok_or_else(|| self.not_found())?;
        let new = patch::apply(&old, patch).map_err(ApiError::Refused)?;
        self.admitted(who, &old, new)
    }

    /// A server-side apply: what the body names is as it says, and what its manager owned and it no longer names is gone.
    pub(crate) fn apply_service(
        &mut self,
        who: &Who,
        body: &Value,
        (force, dry): (bool, bool),
    ) -> Result<Value, ApiError> {
        let named = |field: &str| body["metadata"][field].as_str();
        let Some(old) = self.service.clone() else {
            if named("uid").is_some() {
                return Err(ApiError::Refused("uid mismatch: no existing object was found".into()));
            }
            return if dry { Ok(body.clone()) } else { self.create_service(who, body) };
        };
        if ["uid", "resourceVersion"].iter().any(|f| named(f).is_some_and(|v| old["metadata"][f] != v)) {
            return Err(ApiError::Refused("Operation cannot be fulfilled".into()));
        }
        let conflicts = managed::conflicts(&old, body, &who.manager);
        if !force && !conflicts.is_empty() {
            return Err(ApiError::Conflict(conflicts));
        }
        let mut new = (*old).clone();
        json_patch::merge(&mut new, body);
        if body["spec"].get("traffic").is_none() && managed::owns_split(&old, &who.manager) {
            new["spec"]["traffic"] = Value::Null;
        }
        let mut new = self.admitted(who, &old, new)?;
        managed::applied(&mut new, &who.manager);
        if dry || new == *old {
            return Ok(new);
        }
        new["metadata"]["resourceVersion"] = json!(self.bump().to_string());
        Ok(self.store(who, new))
    }

    /// A write of the whole object, whatever verb it came by.
    pub(crate) fn replace_service(&mut self, who: &Who, old: &Value, new: Value) -> Result<Value, ApiError> {
        let mut new = self.admitted(who, old, new)?;
        if new == *old {
            return Ok(new);
        }
        new["metadata"]["resourceVersion"] = json!(self.bump().to_string());
        Ok(self.store(who, new))
    }

    /// What becomes of a written object before it is stored.
    fn admitted(&self, who: &Who, old: &Value, mut new: Value) -> Result<Value, ApiError> {
        if new["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"] {
            return Err(ApiError::Refused("Operation cannot be fulfilled".into()));
        }
        for field in ["name", "namespace", "uid"] {
            if new["metadata"][field] != old["metadata"][field] {
                return Err(ApiError::Invalid(format!("metadata.{field}: field is immutable")));
            }
        }
        for field in ["generation", "creationTimestamp", "managedFields"] {
            new["metadata"][field] = old["metadata"][field].clone();
        }
        // The status is a subresource: a write to the object leaves it.
        new["status"] = old["status"].clone();
        webhook::default(&mut new);
        self.fill_in(&mut new);
        webhook::validate(&new, Some(old)).map_err(ApiError::Invalid)?;
        let spec_changed = new["spec"] != old["spec"];
        let modifier = |o: &Value| o["metadata"]["annotations"][MODIFIER].clone();
        if spec_changed {
            new["metadata"]["generation"] = json!(old["metadata"]["generation"].as_i64().unwrap_or(0) + 1);
            new["metadata"]["annotations"][MODIFIER] = json!(who.user);
        } else if modifier(&new) != modifier(old) {
            return Err(ApiError::Invalid(format!("invalid value: metadata.annotations.{MODIFIER}")));
        }
        if new == *old {
            return Ok(new);
        }
        // Judged last, with what admission added.
        if annotation_bytes(&new) > MAX_ANNOTATIONS {
            return Err(ApiError::Invalid(
                "patch services.serving.knative.dev: Invalid: metadata.annotations (FieldValueTooLong)".into(),
            ));
        }
        managed::note(&mut new, Some(old), &who.manager, &time::text(self.now()));
        Ok(new)
    }

    /// Keeps an accepted object, notes who wrote it, and wakes the controllers.
    fn store(&mut self, who: &Who, object: Value) -> Value {
        let before = self.service.take();
        let after = Rc::new(object.clone());
        let (sent, at) = (self.now(), self.now());
        let write = Write { sent, at, who: who.clone(), before, after: after.clone(), truth: self.truth() };
        self.log.writes.push(write);
        self.service = Some(after.clone());
        self.publish(Kind::Service, false, after);
        self.soon(Due::Service);
        object
    }

    /// What was true at this moment, whatever the status said.
    fn truth(&self) -> Truth {
        let configuration = self.configuration.as_ref();
        Truth {
            latest_ready: configuration.and_then(|c| c.latest_ready.clone()),
            latest_created: configuration.and_then(|c| c.latest_created.clone()),
            template: configuration.filter(|c| c.observed == c.generation).map(|c| c.template.clone()),
            ready: self.revisions.values().filter(|r| r.ready().is_true()).map(|r| r.name.clone()).collect(),
        }
    }

    /// Deletes the Service and all that it owns.
    pub(crate) fn delete_service(&mut self) {
        let Some(object) = self.service.take() else { return };
        self.bump();
        self.publish(Kind::Service, true, object);
        self.configuration = None;
        self.route = super::route::Route::default();
        self.ingress.clear();
        let names: Vec<_> = self.revisions.keys().cloned().collect();
        for name in names {
            self.delete_revision(&name);
        }
        self.note_served();
    }

    /// Deletes one Revision; nothing prevents that, not even users on it.
    pub(crate) fn delete_revision(&mut self, name: &str) {
        let Some(revision) = self.revisions.remove(name) else { return };
        let at = self.now();
        self.log.deleted.push((at, name.to_owned()));
        let version = self.bump();
        let mut object = revision.object.clone();
        self.buried.insert(name.to_owned(), revision);
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        self.publish(Kind::Revision, true, Rc::new(object));
        self.soon(Due::Configuration);
        self.soon(Due::Route);
    }
}
