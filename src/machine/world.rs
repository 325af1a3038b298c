//! Everything known of the world at one moment, folded from watches, answers and signals.
//!
//! Decides which report is newer, because an older one must never overwrite a newer one. It may use observed objects
//! and the record.

use crate::machine::foretold::Foretold;
use crate::model::bytes::Meaning;
use crate::model::ending::Ending;
use crate::model::name::{Namespace, RevisionName};
use crate::model::observed::{PIPELINE, RECORD, Revision, Service};
use crate::model::podwords::PodTrouble;
pub use crate::model::signal::Signal;
use crate::rollout::declaration::suspend::Suspended;
use crate::rollout::owner::{Liveness, Owner};
use crate::rollout::record::{BadRecord, Record};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// The Service as far as known.
#[derive(Debug, Clone, Default)]
pub enum Presence {
    /// Not looked yet.
    #[default]
    Unknown,
    /// There is none.
    Absent,
    /// It was seen.
    Seen(Box<Service>),
}

/// What pods said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodsSaid {
    /// The revision that was asked about.
    pub revision: RevisionName,
    /// When.
    pub at: Timestamp,
    /// What is wrong, if something is known to be.
    pub trouble: Option<PodTrouble>,
    /// That none of a pod's containers was made yet, in words.
    pub being_made: Option<String>,
    /// There is no right to ask: asking again is of no use.
    pub forbidden: bool,
}

/// Who has a name that Knative needs for a tag's placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameHolder {
    /// Nobody, or the Service's own Route.
    Nobody,
    /// Something of this kind, with its article.
    Other(&'static str),
    /// It cannot be read.
    Unknown,
}

/// What the namespace said of suspension when it was read last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceSaid {
    /// When.
    pub at: Timestamp,
    /// That it is suspended.
    pub suspended: Option<Suspended>,
    /// It cannot be read: asking again is of no use.
    pub unread: bool,
}

/// Whose word suspends a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuspendedBy {
    /// Its own.
    Service,
    /// Its namespace's.
    Namespace,
}

/// What is known.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The namespace that is looked at, where that is known.
    pub namespace: Option<Namespace>,
    /// The Service.
    pub target: Presence,
    /// Its Revisions by name; complete once `listed`.
    pub revisions: BTreeMap<RevisionName, Revision>,
    /// The Revisions were listed.
    pub listed: bool,
    /// What the API said about an owner, by uid.
    pub liveness: Option<(String, Liveness)>,
    /// The Configuration's own generation, once asked for.
    pub configuration_generation: Option<i64>,
    /// What the pods of a revision said when they were last asked, and when that was.
    pub pods: Option<PodsSaid>,
    /// What image references meant when they were asked for.
    pub images: BTreeMap<String, Meaning>,
    /// Who has which names that tags need, as far as asked.
    pub names: BTreeMap<String, NameHolder>,
    /// What the namespace said of suspension when it was read last.
    pub namespace_said: Option<NamespaceSaid>,
    /// What a template would be stored as, as it was asked last.
    pub foretold: Option<Foretold>,
    /// The last signal that arrived.
    pub signal: Option<Signal>,
    /// Why the run is ended from outside, where that could be read when the signal came.
    pub ending: Option<Ending>,
    /// The Service's version when it was last seen.
    version: Option<u64>,
}

impl World {
    /// Nothing is known yet of what is in this namespace.
    pub fn of(namespace: Option<Namespace>) -> Self {
        Self { namespace, ..Self::default() }
    }

    /// The Service, if it is there.
    pub fn service(&self) -> Option<&Service> {
        match &self.target {
            Presence::Seen(service) => Some(service),
            Presence::Unknown | Presence::Absent => None,
        }
    }

    /// Takes a report of the Service, unless a newer one of the same object is known already: a watch may lag behind
    /// the answer to our own write.
    pub fn see_service(&mut self, service: Service) {
        let version: Option<u64> = service.resource_version.parse().ok();
        // Versions of two objects do not compare, because a Service may be deleted and made again under one name.
        let same = self.service().is_some_and(|known| known.uid == service.uid);
        if same && version.zip(self.version).is_some_and(|(new, known)| new < known) {
            return;
        }
        self.version = version;
        self.target = Presence::Seen(Box::new(service));
    }

    /// The Service is gone. A report about another object of the same name than the one known is ignored.
    pub fn lose_service(&mut self, uid: Option<&str>) {
        // A late report of a deletion may speak of the object before this one.
        if uid.is_none() || self.service().is_none_or(|known| Some(known.uid.as_str()) == uid) {
            self.target = Presence::Absent;
            self.version = None;
        }
    }

    /// Takes a whole list of Revisions.
    pub fn see_revisions(&mut self, list: impl IntoIterator<Item = Revision>) {
        self.revisions = list.into_iter().map(|r| (r.name.clone(), r)).collect();
        self.listed = true;
    }

    /// Takes a report of one Revision, unless a newer one of the same object is known already.
    pub fn see_revision(&mut self, revision: Revision) {
        let known = self.revisions.get(&revision.name);
        if known.is_none_or(|known| known.uid != revision.uid || known.version <= revision.version) {
            self.revisions.insert(revision.name.clone(), revision);
        }
    }

    /// A Revision, if it is there.
    pub fn revision(&self, name: &RevisionName) -> Option<&Revision> {
        self.revisions.get(name)
    }

    /// The Revision is there and Ready: a split that names it can take effect.
    pub fn serves(&self, name: &RevisionName) -> bool {
        self.revision(name).is_some_and(Revision::serves)
    }

    /// What suspends this Service: its own word, else its namespace's, as far as that was read. Nobody is suspended who names
    /// nobody in charge.
    pub fn suspended(&self, service: &Service) -> Option<(SuspendedBy, Suspended)> {
        service.annotations.get(PIPELINE)?;
        let by_namespace = || self.namespace_said.as_ref()?.suspended.clone();
        Suspended::of_service(service)
            .map(|own| (SuspendedBy::Service, own))
            .or_else(|| by_namespace().map(|said| (SuspendedBy::Namespace, said)))
    }

    /// Takes what a dry run of this write answered; none: it cannot be asked.
    pub fn foretell(&mut self, patch: &Value, answer: Option<&Value>) {
        self.foretold = self.service().and_then(|service| Foretold::of(service, patch, answer));
    }

    /// The record on the Service, if there is one.
    pub fn record(&self) -> Option<Result<Record, BadRecord>> {
        self.service().and_then(|s| s.annotations.get(RECORD)).map(|text| Record::parse(text))
    }

    /// What a signal stopped, in words: why the run is ended is said where it is known.
    pub fn stopped_by(&self, signal: Signal) -> String {
        let why = self.ending.map(|ending| format!(": {}", ending.words())).unwrap_or_default();
        format!("stopped by {}{why}", signal.name())
    }

    /// What is known about an owner; none if it was not asked yet.
    pub fn liveness_of(&self, owner: &Owner) -> Option<Liveness> {
        self.liveness.as_ref().filter(|(uid, _)| *uid == owner.uid).map(|(_, alive)| *alive)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// A world in which these revisions are Ready, and nothing else is known.
    pub(crate) fn ready(names: &[&str]) -> World {
        let mut world = World::default();
        world.see_revisions(names.iter().map(|name| {
            Revision::from_json(&json!({"metadata": {"name": name},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]}}))
            .unwrap()
        }));
        world
    }

    fn service(uid: &str, version: &str, generation: i64) -> Service {
        Service::from_json(&json!({
            "metadata": {"name": "s", "uid": uid, "generation": generation, "resourceVersion": version}
        }))
        .unwrap()
    }

    #[test]
    fn an_older_report_never_overwrites_a_newer_one() {
        let mut world = World::default();
        world.see_service(service("u", "10", 3));
        world.see_service(service("u", "9", 2));
        assert_eq!(world.service().unwrap().generation, 3);
        world.see_service(service("u", "11", 4));
        assert_eq!(world.service().unwrap().generation, 4);
        // A new object under the same name starts its own count.
        world.see_service(service("other", "2", 1));
        assert_eq!(world.service().unwrap().generation, 1);
        world.lose_service(Some("u"));
        assert!(world.service().is_some());
        world.lose_service(Some("other"));
        assert!(world.service().is_none());
    }
}
