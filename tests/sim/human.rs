//! People with kubectl, who know nothing of the rollout: they read the object, change it and write it back.

use super::api::{MAX_ANNOTATIONS, Who, annotation_bytes};
use super::state::State;
use super::world::World;
use andante::model::api_error::ApiError;
use andante::model::name::GoalId;
use andante::model::observed::{CONTROL, Service};
use andante::rollout::control::Control;
use andante::rollout::declaration::read::Stated;
use serde_json::{Value, json};

impl State {
    /// An edit at the worst moment: everybody to the oldest revision under a tag, or another image.
    pub(crate) fn race(&mut self, traffic: bool) {
        let Ok(old) = self.get_service() else { return };
        let mut new = old.clone();
        if traffic {
            let Some(name) = self.revisions.keys().next().cloned() else { return };
            new["spec"]["traffic"] = json!([{"revisionName": name, "percent": 100, "tag": "raced"}]);
        } else {
            new["spec"]["template"]["spec"]["containers"][0]["image"] = json!("ok:raced");
            if let Some(metadata) = new["spec"]["template"]["metadata"].as_object_mut() {
                metadata.remove("name");
            }
        }
        self.replace_service(&Who::kim(), &old, new).ok();
    }

    /// Another goal at the worst moment.
    pub(crate) fn redeclare(&mut self) {
        let Ok(old) = self.get_service() else { return };
        let mut new = old.clone();
        new["metadata"]["annotations"]["andante.dev/params"] = json!("{raced: 'yes'}");
        self.replace_service(&Who::kim(), &old, new).ok();
    }
}

/// The goal that a Service declares.
pub(crate) fn declared(service: &Value) -> GoalId {
    Stated::of_service(&Service::from_json(service).unwrap()).read().unwrap().id
}

impl World {
    /// Edits the Service as `kim` with kubectl.
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Value)) -> Result<(), ApiError> {
        self.with(|s| {
            let old = s.get_service()?;
            let mut new = old.clone();
            change(&mut new);
            s.replace_service(&Who::kim(), &old, new).map(|_| ())
        })
    }

    /// Writes another `spec.traffic`.
    pub(crate) fn move_traffic(&self, traffic: &Value) -> Result<(), ApiError> {
        self.edit(|o| o["spec"]["traffic"] = traffic.clone())
    }

    /// Deploys another image as `kn service update` does: traffic is left as it is, and the template has no name.
    pub(crate) fn deploy_image(&self, image: &str) -> Result<(), ApiError> {
        self.edit(|o| {
            let template = &mut o["spec"]["template"];
            if let Some(metadata) = template["metadata"].as_object_mut() {
                metadata.remove("name");
            }
            template["spec"]["containers"][0]["image"] = json!(image);
        })
    }

    /// Adds a 0 % tag of one's own.
    pub(crate) fn add_tag(&self, tag: &str, revision: &str) -> Result<(), ApiError> {
        self.edit(|o| {
            if let Some(list) = o["spec"]["traffic"].as_array_mut() {
                list.push(json!({"revisionName": revision, "latestRevision": false, "percent": 0, "tag": tag}));
            }
        })
    }

    /// Sets an annotation, or removes it.
    pub(crate) fn annotate(&self, key: &str, value: Option<&str>) -> Result<(), ApiError> {
        self.edit(|o| {
            if let Some(map) = o["metadata"]["annotations"].as_object_mut() {
                match value {
                    Some(value) => map.insert(key.into(), json!(value)),
                    None => map.remove(key),
                };
            }
        })
    }

    /// Declares a part of the goal, or takes it away: an annotation of ours.
    pub(crate) fn declare(&self, part: &str, value: Option<&str>) {
        self.annotate(&format!("andante.dev/{part}"), value).unwrap();
    }

    /// What the namespace says of suspension.
    pub(crate) fn suspend_namespace(&self, word: Option<&str>) {
        let annotations = word.map_or_else(|| json!({}), |word| json!({"andante.dev/suspend": word}));
        self.with(|s| s.namespace = annotations);
    }

    /// What the Service declares now.
    pub(crate) fn declared(&self) -> GoalId {
        declared(&self.service().unwrap())
    }

    /// Fills the annotations to the last byte that the API server takes.
    pub(crate) fn fill_annotations(&self) -> Result<(), ApiError> {
        let service = self.service().ok_or(ApiError::NotFound("services".into()))?;
        let key = "example.com/filled";
        let room = MAX_ANNOTATIONS.saturating_sub(annotation_bytes(&service) + key.len());
        self.annotate(key, Some(&"x".repeat(room)))
    }

    /// Applies a template of a fixed name, as teams do that name their revisions.
    pub(crate) fn apply_named(&self, name: &str, image: &str) -> Result<(), ApiError> {
        self.edit(|o| {
            o["spec"]["template"]["metadata"]["name"] = json!(name);
            o["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        })
    }

    /// Writes the template of then once more, as whoever applies an unchanged file does.
    pub(crate) fn apply_again(&self, template: &Value) -> Result<(), ApiError> {
        self.edit(|o| o["spec"]["template"] = template.clone())
    }

    /// Asks something of the running rollout, beside its record.
    pub(crate) fn control(&self, change: impl FnOnce(&mut Control)) -> Result<(), ApiError> {
        let service = self.service().ok_or(ApiError::NotFound("services".into()))?;
        let Some(record) = super::check::record(&service) else { return Ok(()) };
        let text = service.pointer("/metadata/annotations").and_then(|a| a[CONTROL].as_str());
        let mut control = Control::parse(text, &record.id);
        change(&mut control);
        self.annotate(CONTROL, Some(&serde_json::to_string(&control).unwrap()))
    }

    /// Deletes a Revision.
    pub(crate) fn delete_revision(&self, name: &str) {
        self.with(|s| s.delete_revision(name));
    }

    /// Deletes the Service.
    pub(crate) fn delete_service(&self) {
        self.with(super::state::State::delete_service);
    }
}
