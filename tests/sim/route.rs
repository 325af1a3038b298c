//! The Route and its ingress: a split is taken whole or not at all, and users get it a little later.

use super::condition::Cond;
use super::state::{Due, State};
use serde_json::{Value, json};
use std::time::Duration;

/// One entry of a split with its revision resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assigned {
    pub(crate) revision: String,
    pub(crate) percent: i64,
    pub(crate) tag: String,
    pub(crate) latest: bool,
}

/// The Route of the Service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Route {
    pub(crate) generation: u64,
    pub(crate) observed: u64,
    pub(crate) traffic: Value,
    /// `status.traffic`.
    pub(crate) status: Vec<Assigned>,
    pub(crate) assigned: Cond,
    pub(crate) ingress: Cond,
}

/// What the gateways were told, and what they have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ingress {
    generation: u64,
    wanted: Vec<Assigned>,
    reported: u64,
    programmed: Vec<Assigned>,
}

impl Route {
    /// Takes a list; true if it is another one.
    pub(crate) fn take(&mut self, traffic: &Value) -> bool {
        if self.traffic == *traffic {
            return false;
        }
        self.traffic = traffic.clone();
        self.generation += 1;
        true
    }

    pub(crate) fn ready(&self) -> Cond {
        Cond::all([&self.assigned, &self.ingress])
    }

    /// `status.traffic` as the API shows it.
    pub(crate) fn show(&self, service: &str) -> Value {
        let entry = |a: &Assigned| {
            let mut object = json!({"revisionName": a.revision, "percent": a.percent, "latestRevision": a.latest});
            if !a.tag.is_empty() {
                object["tag"] = json!(a.tag);
                object["url"] = json!(format!("http://{}-{service}.ns.example.com", a.tag));
            }
            object
        };
        self.status.iter().map(entry).collect()
    }
}

impl Ingress {
    /// What users of the main address get: revisions and percents, each once, none at 0.
    pub(crate) fn served(&self) -> Vec<(String, i64)> {
        let mut list: Vec<(String, i64)> = vec![];
        for entry in self.programmed.iter().filter(|e| e.percent > 0) {
            match list.iter_mut().find(|(name, _)| *name == entry.revision) {
                Some((_, percent)) => *percent += entry.percent,
                None => list.push((entry.revision.clone(), entry.percent)),
            }
        }
        list
    }

    /// The revision behind a tag's address.
    pub(crate) fn tagged(&self, tag: &str) -> Option<&str> {
        self.programmed.iter().find(|e| e.tag == tag).map(|e| e.revision.as_str())
    }

    /// The Service is gone, and its addresses with it.
    pub(crate) fn clear(&mut self) {
        self.generation += 1;
        self.wanted.clear();
        self.programmed.clear();
    }
}

impl State {
    fn resolve(&self) -> Result<Vec<Assigned>, Cond> {
        let missing = |no: bool, text: String| {
            if no { Cond::no("RevisionMissing", text) } else { Cond::maybe("RevisionMissing", text) }
        };
        let list = self.route.traffic.as_array().cloned().unwrap_or_default();
        let one = |target: &Value| {
            let latest = target["latestRevision"] == true;
            let revision = if latest {
                let name = self.configuration.as_ref().and_then(|c| c.latest_ready.clone());
                let failed = self.configuration.as_ref().is_some_and(|c| c.ready.is_false());
                name.ok_or_else(|| {
                    let text = if failed { "does not have any" } else { "is waiting for a" };
                    missing(failed, format!("Configuration {:?} {text} ready Revision.", self.name))
                })?
            } else {
                target["revisionName"].as_str().unwrap_or_default().to_owned()
            };
            match self.revisions.get(&revision) {
                None => return Err(missing(true, format!("Revision {revision:?} referenced in traffic not found."))),
                Some(r) if r.ready().is_false() => {
                    return Err(missing(true, format!("Revision {revision:?} failed to become ready.")));
                }
                Some(r) if !r.ready().is_true() => {
                    return Err(missing(false, format!("Revision {revision:?} is not yet ready.")));
                }
                Some(_) => {}
            }
            let percent = target["percent"].as_i64().unwrap_or(0);
            Ok(Assigned { revision, percent, tag: target["tag"].as_str().unwrap_or_default().to_owned(), latest })
        };
        list.iter().map(one).collect()
    }

    pub(crate) fn reconcile_route(&mut self) {
        if self.service.is_none() || self.route.generation == 0 {
            return;
        }
        self.route.observed = self.route.generation;
        match self.resolve() {
            Err(why) => self.route.assigned = why,
            Ok(list) => {
                self.route.assigned = Cond::yes();
                self.route.status = merged(&list);
                // Each tag needs a placeholder Service of its own; without it nothing more is done.
                let placeholder = |a: &Assigned| format!("{}-{}", a.tag, self.name);
                if let Some(taken) = list.iter().map(placeholder).find(|name| self.foreign.contains(name)) {
                    let text = format!("There is an existing placeholder Service {taken:?} that we do not own.");
                    self.route.ingress = Cond::no("NotOwned", text);
                    self.soon(Due::Service);
                    return;
                }
                if list != self.ingress.wanted {
                    self.ingress.wanted = list;
                    self.ingress.generation += 1;
                    self.soon(Due::Program(self.ingress.generation));
                }
                self.route.ingress = if self.ingress.reported == self.ingress.generation {
                    Cond::yes()
                } else {
                    Cond::maybe("IngressNotConfigured", "Ingress has not yet been reconciled.")
                };
            }
        }
        self.soon(Due::Service);
    }

    /// The gateways take the split: from now on users get it.
    pub(crate) fn program(&mut self, generation: u64) {
        if generation != self.ingress.generation || self.service.is_none() {
            return;
        }
        let before = self.ingress.served();
        self.ingress.programmed = self.ingress.wanted.clone();
        self.note_served();
        self.tend_sleepers(&before);
        // The controller probes every gateway before it reports.
        let wait = Duration::from_millis(self.rng.u64(20..300));
        self.after(wait, Due::Report(generation));
    }

    /// The ingress reports that it is served.
    pub(crate) fn report(&mut self, generation: u64) {
        if generation == self.ingress.generation {
            self.ingress.reported = generation;
            self.soon(Due::Route);
        }
    }
}

/// Entries that differ in their percent alone are one in the Route's status (and then never compare equal).
fn merged(list: &[Assigned]) -> Vec<Assigned> {
    let mut merged: Vec<Assigned> = vec![];
    for entry in list {
        let same = |m: &&mut Assigned| m.revision == entry.revision && m.tag == entry.tag && m.latest == entry.latest;
        match merged.iter_mut().find(same) {
            Some(m) => m.percent += entry.percent,
            None => merged.push(entry.clone()),
        }
    }
    merged
}
