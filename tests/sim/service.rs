//! The Service's own controller: it hands template and traffic down, and copies states up.

use super::condition::{self, Cond};
use super::route::Assigned;
use super::state::{Due, Kind, State};
use serde_json::{Value, json};
use std::rc::Rc;

impl State {
    pub(crate) fn reconcile_service(&mut self) {
        let Some(service) = self.service.clone() else { return };
        let (template, traffic) = (&service["spec"]["template"], &service["spec"]["traffic"]);
        let made = self.configuration.get_or_insert_default().take(template);
        if made {
            self.soon(Due::Configuration);
        }
        let caught_up = self.configuration.as_ref().is_some_and(|c| c.generation == c.observed);
        let named = template.pointer("/metadata/name").and_then(Value::as_str).is_some_and(|n| !n.is_empty());
        // A named revision must exist before the Route may name it; until then the Route, and what the status says of
        // it, stays as it was: for a moment the new generation is "observed" and the old routes are "True".
        let waits = named && !caught_up;
        // A name that another template's revision has keeps every split from being migrated, whatever the split is.
        let taken = self.configuration.as_ref().is_some_and(|c| c.name_taken);
        if !waits && !taken && self.route.take(traffic) {
            self.soon(Due::Route);
        }
        self.report_service(&service, waits, caught_up);
    }

    fn report_service(&mut self, service: &Rc<Value>, waits: bool, caught_up: bool) {
        let Some(configuration) = &self.configuration else { return };
        let mut status = service["status"].clone();
        status["observedGeneration"] = service["metadata"]["generation"].clone();
        let configurations = if caught_up {
            for (field, name) in [
                ("latestCreatedRevisionName", &configuration.latest_created),
                ("latestReadyRevisionName", &configuration.latest_ready),
            ] {
                if let Some(name) = name {
                    status[field] = json!(name);
                }
            }
            configuration.ready.clone()
        } else {
            Cond::maybe("OutOfDate", "The Configuration is still working to reflect the latest desired specification.")
        };
        let routes = if configuration.name_taken {
            Cond::no("RevisionNameTaken", "The revision name is taken by a conflicting Revision")
        } else if waits {
            standing(service)
        } else if self.route.generation != self.route.observed {
            Cond::maybe("OutOfDate", "The Route is still working to reflect the latest desired specification.")
        } else {
            status["traffic"] = self.route.show(&self.name);
            let ready = self.route.ready();
            if ready.is_true() && !agrees(&service["spec"]["traffic"], &self.route.status) {
                Cond::maybe("TrafficNotMigrated", "Traffic is not yet migrated to the latest revision.")
            } else {
                ready
            }
        };
        status["url"] = json!(format!("http://{}.ns.example.com", self.name));
        let ready = Cond::all([&configurations, &routes]);
        let list = [("ConfigurationsReady", &configurations), ("Ready", &ready), ("RoutesReady", &routes)];
        condition::put(&mut status, &list, self.now());
        if status == service["status"] {
            return;
        }
        let mut object = Value::clone(service);
        object["status"] = status;
        object["metadata"]["resourceVersion"] = json!(self.bump().to_string());
        let object = Rc::new(object);
        self.service = Some(object.clone());
        self.publish(Kind::Service, false, object);
    }
}

/// `RoutesReady` as the status has it now.
fn standing(service: &Value) -> Cond {
    let list = service.pointer("/status/conditions").and_then(Value::as_array);
    let now = list.into_iter().flatten().find(|c| c["type"] == "RoutesReady");
    let word = |field: &str| now.and_then(|c| c[field].as_str()).unwrap_or_default().to_owned();
    match now.and_then(|c| c["status"].as_str()) {
        Some("True") => Cond::yes(),
        Some("False") => Cond::no(&word("reason"), word("message")),
        _ => Cond::maybe(&word("reason"), word("message")),
    }
}

/// Compares request and status by position, as Knative does; entries that follow latest are taken as resolved.
fn agrees(wanted: &Value, got: &[Assigned]) -> bool {
    let wanted = wanted.as_array().map(Vec::as_slice).unwrap_or_default();
    wanted.len() == got.len()
        && wanted.iter().zip(got).all(|(w, g)| {
            (w["latestRevision"] == true || w["revisionName"] == json!(g.revision))
                && w["percent"] == json!(g.percent)
                && w["tag"].as_str().unwrap_or_default() == g.tag
        })
}
