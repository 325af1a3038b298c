//! The Configuration: every new template becomes a Revision, and latestReady only moves forward.

use super::condition::Cond;
use super::image::Behaviour;
use super::revision::Revision;
use super::state::{Due, Kind, Life, State};
use serde_json::{Value, json};
use std::rc::Rc;

/// The Configuration of the Service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Configuration {
    pub(crate) generation: i64,
    pub(crate) observed: i64,
    pub(crate) template: Value,
    pub(crate) latest_created: Option<String>,
    pub(crate) latest_ready: Option<String>,
    pub(crate) ready: Cond,
    pub(crate) name_taken: bool,
}

impl Default for Cond {
    fn default() -> Self {
        Self::maybe("", "")
    }
}

impl Configuration {
    /// Takes a template; true if it is another one.
    pub(crate) fn take(&mut self, template: &Value) -> bool {
        if self.template == *template {
            return false;
        }
        self.template = template.clone();
        self.generation += 1;
        true
    }

    /// The object as the API shows it.
    pub(crate) fn render(&self, name: &str) -> Value {
        let mut status = json!({"observedGeneration": self.observed, "conditions": [
            {"type": "Ready", "status": self.ready.status, "reason": self.ready.reason, "message": self.ready.message}]});
        for (field, revision) in
            [("latestCreatedRevisionName", &self.latest_created), ("latestReadyRevisionName", &self.latest_ready)]
        {
            if let Some(revision) = revision {
                status[field] = json!(revision);
            }
        }
        json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Configuration",
            "metadata": {"name": name, "namespace": "ns", "generation": self.generation,
                "labels": {"serving.knative.dev/service": name}},
            "spec": {"template": self.template}, "status": status,
        })
    }
}

impl State {
    pub(crate) fn reconcile_configuration(&mut self) {
        let Some(mut configuration) = self.configuration.clone() else { return };
        let generation = configuration.generation;
        let given = configuration.template.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let name = if given.is_empty() { format!("{}-{generation:05}", self.name) } else { given.to_owned() };
        let exists = self.revisions.get(&name).map(|r| r.template["spec"] == configuration.template["spec"]);
        configuration.name_taken = exists == Some(false) || self.foreign_revisions.contains(given);
        configuration.observed = generation;
        if configuration.name_taken {
            let text = format!("Revision creation failed with message: revisions {name:?} already exists.");
            configuration.ready = Cond::no("RevisionFailed", text);
        } else {
            if exists.is_none() {
                self.create_revision(&name, generation, &configuration.template);
            }
            configuration.latest_created = Some(name.clone());
            let latest_ready = self.newest_ready(configuration.latest_ready.as_deref(), &name);
            if latest_ready != configuration.latest_ready {
                configuration.latest_ready = latest_ready;
                self.soon(Due::Route);
            }
            let ready = self.revisions.get(&name).map(Revision::ready).unwrap_or_default();
            configuration.ready = if ready.is_false() {
                Cond::no("RevisionFailed", format!("Revision {name:?} failed with message: {}.", ready.message))
            } else {
                Cond { reason: String::new(), message: String::new(), ..ready }
            };
        }
        self.configuration = Some(configuration);
        self.soon(Due::Service);
    }

    /// The newest ready revision from the present one on; a deleted one falls back to the newest that is left.
    fn newest_ready(&self, now: Option<&str>, created: &str) -> Option<String> {
        let is_ready = |name: &str| self.revisions.get(name).is_some_and(|r| r.ready().is_true());
        // A template that names an existing revision is the one exception to "forward only".
        let named = self.configuration.as_ref().and_then(|c| c.template.pointer("/metadata/name")).is_some();
        if named && is_ready(created) {
            return Some(created.to_owned());
        }
        let floor = now.and_then(|n| self.revisions.get(n)).map_or(0, |r| r.generation);
        let newest = self.revisions.values().filter(|r| r.ready().is_true() && r.generation >= floor);
        newest.max_by_key(|r| r.generation).map(|r| r.name.clone()).or_else(|| now.map(str::to_owned))
    }

    fn create_revision(&mut self, name: &str, generation: i64, template: &Value) {
        let image = template.pointer("/spec/containers/0/image").and_then(Value::as_str).unwrap_or_default();
        let broken = self.broken.contains(image);
        let behaviour = Behaviour::of(if broken { "crash-start:0" } else { image }, &mut self.rng);
        let (uid, at) = (self.fresh_uid(), self.now());
        self.revisions.insert(name.to_owned(), Revision::new(name, uid, generation, template, behaviour, at));
        self.show_revision(name);
        let lag = self.lag();
        self.after(lag, Due::Revision(name.to_owned(), uid, Life::Resolve));
    }

    /// Publishes a revision as it is now, and tells the controllers that look at it.
    pub(crate) fn show_revision(&mut self, name: &str) {
        let (version, at, service) = (self.bump(), self.now(), self.name.clone());
        let Some(revision) = self.revisions.get_mut(name) else { return };
        let object = Rc::new(revision.render(&service, version, at));
        self.publish(Kind::Revision, false, object);
        self.soon(Due::Configuration);
        self.soon(Due::Route);
    }
}
