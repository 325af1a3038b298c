//! What is going on with a Service, as a value: who holds it, where it stands, what is waited for, what to do next.
//!
//! Decides nothing about traffic: [`explain`] looks at what was seen once, [`lines`] and [`glance`] put it in words.
//! The JSON form is part of the interface (`docs/status.md`). It may use pure modules only.

mod advice;
pub(crate) mod glance;
mod holder;
pub(crate) mod lines;
mod rollout;
#[cfg(test)]
pub(crate) mod samples;
mod sides;
mod times;
pub(crate) mod until_done;
mod waits;

pub(crate) use holder::Life;
pub(crate) use holder::{dead_words, life};
pub(crate) use rollout::Rollout;
pub(crate) use rollout::word as phase_word;
pub(crate) use sides::{RevisionStatus, Role};
pub(crate) use times::clock;

use crate::machine::against::goal_note;
use crate::machine::capacity::standing_words;
use crate::machine::others::other_writers;
use crate::machine::unserved::nobody_is_served;
use crate::machine::world::World;
use crate::model::observed::{Condition, Service, Truth};
use crate::model::ready::{Serving, serving};
use crate::model::split::Split;
use jiff::Timestamp;
use serde::Serialize;

/// The annotation with which Knative itself is told to move traffic slowly; Knative reads both spellings.
const ROLLOUT_DURATION: [&str; 2] = ["serving.knative.dev/rollout-duration", "serving.knative.dev/rolloutDuration"];

/// How a Service is called: its namespace, and the words that name it on a command line (`hello -n demo`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Called {
    /// The namespace.
    pub namespace: String,
    /// Service and flags, to be repeated in commands that are proposed.
    pub words: String,
}

/// Everything that is worth saying about a Service at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Status {
    /// Its name.
    pub service: String,
    /// Its namespace.
    pub namespace: String,
    /// The last rollout; none if there never was one, or its record cannot be read.
    pub rollout: Option<Rollout>,
    /// Why the record cannot be read.
    pub unreadable: Option<String>,
    /// `spec.traffic`; none if it cannot be read.
    pub asked: Option<Split>,
    /// `status.traffic`.
    pub served: Vec<Share>,
    /// Whether the one is the other.
    pub serving: Agreement,
    /// The revisions that serve, are asked to, or belong to the rollout.
    pub revisions: Vec<RevisionStatus>,
    /// Conditions of the Service that are not True.
    pub conditions: Vec<BadCondition>,
    /// What the owner should know and that stops nothing.
    pub notes: Vec<String>,
    /// What to do next, each a sentence.
    pub next: Vec<String>,
}

/// One entry of the split that users get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Share {
    /// The revision.
    pub revision: String,
    /// Its percentage.
    pub percent: i64,
    /// Its tag.
    pub tag: Option<String>,
    /// The tag's address.
    pub url: Option<String>,
}

/// Whether users get what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Agreement {
    /// It is served.
    pub served: bool,
    /// Knative refuses it as it stands.
    pub blocked: bool,
    /// Why it is not served (yet).
    pub why: Option<String>,
    /// Since when routes are ready, as far as known.
    pub since: Option<Timestamp>,
}

/// A condition that is not True.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct BadCondition {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// `False` or `Unknown`.
    pub status: &'static str,
    /// Its reason.
    pub reason: String,
    /// Its message.
    pub message: String,
}

/// Explains what was seen; none if the Service was not seen.
pub(crate) fn explain(world: &World, called: &Called, now: Timestamp) -> Option<Status> {
    let service = world.service()?;
    let record = world.record();
    let mut status = Status {
        service: service.name.to_string(),
        namespace: called.namespace.clone(),
        rollout: None,
        unreadable: None,
        asked: service.split.as_ref().ok().cloned(),
        served: served(service),
        serving: agreement(service),
        revisions: Vec::new(),
        conditions: troubles(service),
        notes: notes(service),
        next: Vec::new(),
    };
    let record = match record {
        Some(Ok(record)) => Some(record),
        Some(Err(error)) => {
            status.unreadable = Some(error.to_string());
            None
        }
        None => None,
    };
    status.revisions = sides::sides(world, service, record.as_ref());
    if let Some(record) = record.as_ref().filter(|record| !record.phase.is_open() || record.rests()) {
        status.notes.extend(standing_words(record, world, &service.called()));
    }
    status.notes.extend(record.as_ref().and_then(|record| goal_note(record, service)));
    status.rollout = record.as_ref().map(|record| rollout::explain(record, world, service, called, now));
    let pinned = service.split.as_ref().ok().zip(service.latest_ready.as_ref()).map(|(s, latest)| s.pinned(latest));
    let unserved = pinned.and_then(|split| nobody_is_served(&split, service, world));
    status.next = advice::next(&status, record.as_ref(), unserved.as_deref(), service, called);
    Some(status)
}

fn served(service: &Service) -> Vec<Share> {
    let share = |t: &crate::model::observed::Served| Share {
        revision: t.revision_name.clone().unwrap_or_else(|| "latest".into()),
        percent: t.percent,
        tag: t.tag.clone(),
        url: t.url.clone(),
    };
    service.served.iter().map(share).collect()
}

fn agreement(service: &Service) -> Agreement {
    let since = service.conditions.get("RoutesReady").filter(|c| c.truth == Truth::True).and_then(|c| c.since);
    let (served, blocked, why) = match serving(service) {
        Serving::Yes => (true, false, None),
        Serving::NotYet(why) => (false, false, Some(why)),
        Serving::Blocked(why) => (false, true, Some(why)),
    };
    Agreement { served, blocked, why, since }
}

fn troubles(service: &Service) -> Vec<BadCondition> {
    let failing = |(kind, c): (&String, &Condition)| {
        let status = match c.truth {
            Truth::True => return None,
            Truth::False => "False",
            Truth::Unknown => "Unknown",
        };
        Some(BadCondition { kind: kind.clone(), status, reason: c.reason.clone(), message: c.message.clone() })
    };
    service.conditions.iter().filter_map(failing).collect()
}

fn notes(service: &Service) -> Vec<String> {
    let mut notes = Vec::new();
    if service.deleting {
        notes.push("the Service is being deleted".to_owned());
    }
    if let Err(error) = &service.split {
        notes.push(format!("spec.traffic cannot be read: {error}"));
    }
    if let Some(note) = rollout_duration(service) {
        notes.push(note);
    }
    notes.extend(other_writers(service));
    notes
}

/// A warning where Knative itself moves traffic over time.
pub(crate) fn rollout_duration(service: &Service) -> Option<String> {
    let (key, value) = ROLLOUT_DURATION.iter().find_map(|k| service.annotations.get_key_value(*k))?;
    Some(format!("{key} is {value}: Knative itself ramps entries that follow latest, by time alone"))
}

#[cfg(test)]
mod tests {
    use super::samples::{called, explained, service, with};
    use super::*;
    use serde_json::json;

    #[test]
    fn without_a_record_there_is_no_rollout_and_a_way_to_begin() {
        let status = explained(&service(json!({})), None);
        assert_eq!(status.rollout, None);
        assert_eq!(status.next, ["`andante stage hello -n demo --image REF` begins a rollout"]);
        assert!(explain(&World::default(), &called(), Timestamp::UNIX_EPOCH).is_none());
    }

    #[test]
    fn a_record_that_cannot_be_read_says_so() {
        let status = explained(&service(json!({"andante.dev/rollout": "{}"})), None);
        assert!(status.rollout.is_none());
        assert!(status.unreadable.unwrap().contains("--discard-record"));
    }

    #[test]
    fn knatives_own_ramp_is_noted() {
        let status = explained(&service(json!({"serving.knative.dev/rollout-duration": "60s"})), None);
        assert!(status.notes[0].contains("rollout-duration is 60s"));
    }

    #[test]
    fn what_stands_of_a_rollout_that_nobody_is_at_is_noted() {
        use crate::model::{observed::Revision, scaling::ScaleBound};
        use crate::rollout::{capacity::Capacity, record::Phase};
        let stable = |min: Option<&str>| {
            let annotations = min.map_or(json!({}), |min| json!({"autoscaling.knative.dev/min-scale": min}));
            let metadata = json!({"name": "hello-00001", "uid": "u", "annotations": annotations});
            Revision::from_json(&json!({"metadata": metadata})).unwrap()
        };
        let capacity = Capacity::default().with(&stable(None), ScaleBound::MinScale, 3, samples::at(9));
        for (phase, noted) in [(Phase::Held, true), (Phase::Staged, true), (Phase::Walking, false)] {
            let mut record = samples::walking();
            (record.phase, record.capacity) = (phase, Some(Box::new(capacity.clone())));
            let mut world = samples::world(&with(&record, 5), None);
            world.revisions.insert("hello-00001".parse().unwrap(), stable(Some("3")));
            let status = explain(&world, &called(), samples::at(60)).unwrap();
            assert_eq!(status.notes.iter().any(|n| n.starts_with("min-scale 3 on hello-00001")), noted, "{phase:?}");
        }
    }

    #[test]
    fn whoever_may_write_it_back_is_noted() {
        let mut object = service(json!({}));
        object["metadata"]["ownerReferences"] = json!([{"apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService", "name": "model", "controller": true}]);
        let status = explained(&object, None);
        assert!(status.notes[0].starts_with("InferenceService model"), "{:?}", status.notes);
    }

    #[test]
    fn what_is_asked_and_what_is_served_may_differ() {
        let mut object = with(&samples::walking(), 5);
        object["status"]["traffic"][0]["percent"] = json!(100);
        object["status"]["traffic"][1]["percent"] = json!(0);
        let status = explained(&object, None);
        assert!(!status.serving.served);
        assert_eq!(status.served[0].percent, 100);
        assert_eq!(status.asked.unwrap().share(&"hello-00002".parse().unwrap()).get(), 1);
    }

    /// Every name of a field in a value, at any depth.
    fn fields(value: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
        for (name, value) in value.as_object().into_iter().flatten() {
            found.insert(name.clone());
            fields(value, found);
        }
        value.as_array().into_iter().flatten().for_each(|value| fields(value, found));
    }

    #[test]
    fn every_field_of_the_json_is_documented() {
        let mut record = samples::walking();
        record.approval_since = Some(samples::at(20));
        record.reject("bad", samples::at(20));
        record.left_out = record.split.targets().to_vec();
        let mut control = crate::rollout::control::Control::of(record.id.clone());
        control.pause = Some(samples::asked_by_kim());
        control.approved.push(crate::rollout::control::Approval { step: 3, request: samples::asked_by_kim() });
        let mut object = with(&record, 5);
        object["metadata"]["generation"] = json!(9);
        object["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
        let mut found = std::collections::BTreeSet::new();
        fields(&serde_json::to_value(explained(&object, Some(&control))).unwrap(), &mut found);
        assert!(found.len() > 60, "{found:?}");
        let document = include_str!("../../docs/status.md");
        let missing: Vec<_> = found.iter().filter(|name| !document.contains(&format!("`{name}`"))).collect();
        assert!(missing.is_empty(), "docs/status.md lacks {missing:?}");
    }
}
