//! Which Services whoever follows is to name users of: those in care that follow latest.
//!
//! Decides it from the Service alone, so that whoever follows a thousand asks nobody about one that is not due: what stands there by
//! name, is being taken up, is gradually rolled out by Knative or has an open rollout is none. Whether it can be written is decided by
//! the machine that adopts, once more and with its revisions. Depends on declarations, records and observed Services.

use super::declared::{Declaration, Fault, InCharge};
use crate::model::observed::{RECORD, Service};
use crate::model::percent::Percent;
use crate::model::ready::{Serving, is_current, shares_are_served};
use crate::rollout::declaration::part::BREAK_GLASS;
use crate::rollout::record::Record;

/// True if its users are to be named: it is in care, not suspended by itself and at rest, and all of its users have the one ready
/// revision that latest means, some of them because they follow latest.
pub(crate) fn is_due(service: &Service, declared: &Result<Declaration, Vec<Fault>>) -> bool {
    let Ok(declared) = declared else { return false };
    let in_care = declared.in_charge.as_ref().is_some_and(|who| *who != InCharge::ExternalOperation);
    if !in_care || declared.suspended.is_some() || service.deleting || service.controller.is_some() {
        return false;
    }
    let (Ok(split), Some(latest)) = (&service.split, &service.latest_ready) else { return false };
    let is_latest_alone = !split.latest_share().is_zero() && split.by_name(latest).share(latest) == Percent::FULL;
    is_latest_alone
        && !glass_stands(service)
        && is_at_rest(service)
        && is_current(service)
        && shares_are_served(service) == Serving::Yes
}

/// Somebody broke the glass, and spec is still what that write made of it: to name its users would undo what was let through. One that
/// is set for the next write counts as well, since naming would make it void.
fn glass_stands(service: &Service) -> bool {
    let Some(text) = service.annotations.get(BREAK_GLASS) else { return false };
    let (broken, used) = text.split_once(" used by ").map_or((text.as_str(), false), |(broken, _)| (broken, true));
    // It names the generation before the write that used it, and any later change of spec is one more.
    broken.parse::<i64>().is_ok_and(|at| at == service.generation || used && at + 1 == service.generation)
}

/// No rollout is open. A record that cannot be read may be one's.
fn is_at_rest(service: &Service) -> bool {
    let record = service.annotations.get(RECORD).map(|text| Record::parse(text));
    record.is_none_or(|record| record.is_ok_and(|record| !record.phase.is_open()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::object;
    use super::*;
    use crate::rollout::declaration::read::Stated;
    use crate::rollout::record::Phase;
    use crate::rollout::record::tests::record;
    use serde_json::{Value, json};

    /// A Service that serves what latest means.
    fn following(annotations: Value) -> Value {
        let mut object = object(annotations);
        object["spec"]["traffic"] = json!([{"latestRevision": true, "percent": 100}]);
        object["status"]["conditions"] = json!([{"type": "RoutesReady", "status": "True"}]);
        object
    }

    fn due(object: &Value) -> bool {
        is_due(&Service::from_json(object).unwrap(), &Stated::of_json(object).read())
    }

    #[test]
    fn in_care_whoever_follows_latest_is_due_as_soon_as_it_serves() {
        let declares = || json!({"andante.dev/pipeline": "p"});
        assert!(due(&following(declares())));
        let open =
            |phase| json!({"andante.dev/pipeline": "p", RECORD: Record { phase, ..record() }.to_text().unwrap()});
        assert!(due(&following(open(Phase::Finished))), "the one before is over");
        for (why, annotations) in [
            ("nobody is in charge", json!({})),
            ("somebody outside acts", json!({"andante.dev/pipeline": "ExternalOperation"})),
            ("who is in charge cannot be read", json!({"andante.dev/pipeline": "not: read [able"})),
            ("it cannot be acted on", json!({"andante.dev/pipeline": "p", "andante.dev/traffic": "0"})),
            ("it is suspended", json!({"andante.dev/pipeline": "p", "andante.dev/suspend": "a sale"})),
            ("a rollout is open", open(Phase::Walking)),
            ("one is held", open(Phase::Held)),
            ("its record cannot be read", json!({"andante.dev/pipeline": "p", RECORD: "{"})),
        ] {
            assert!(!due(&following(annotations)), "{why}");
        }
        let with = |path: &str, value: Value| {
            let mut object = following(declares());
            if let Some(place) = object.pointer_mut(path) {
                *place = value;
            } else {
                let (parent, name) = path.rsplit_once('/').unwrap();
                object.pointer_mut(parent).unwrap()[name] = value;
            }
            object
        };
        let shares = |a: Value, b: Value| json!([a, b]);
        for (why, object) in [
            ("by name", with("/spec/traffic", json!([{"revisionName": "hello-00001", "percent": 100}]))),
            (
                "latest is a preview",
                with(
                    "/spec/traffic",
                    shares(
                        json!({"revisionName": "hello-00001", "percent": 100}),
                        json!({"latestRevision": true, "percent": 0, "tag": "next"}),
                    ),
                ),
            ),
            (
                "two serve",
                with(
                    "/spec/traffic",
                    shares(
                        json!({"revisionName": "hello-00000", "percent": 50}),
                        json!({"latestRevision": true, "percent": 50}),
                    ),
                ),
            ),
            ("never ready", with("/status/latestReadyRevisionName", Value::Null)),
            ("being taken up", with("/metadata/generation", json!(3))),
            (
                "Knative's own gradual rollout",
                with(
                    "/status/traffic",
                    shares(
                        json!({"revisionName": "hello-00000", "percent": 40}),
                        json!({"revisionName": "hello-00001", "percent": 60}),
                    ),
                ),
            ),
            ("just being switched to", with("/status/latestReadyRevisionName", json!("hello-00002"))),
            ("being deleted", with("/metadata/deletionTimestamp", json!("2026-11-30T04:00:00Z"))),
            (
                "another's",
                with(
                    "/metadata/ownerReferences",
                    json!([{"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "name": "m",
                        "uid": "x", "controller": true}]),
                ),
            ),
        ] {
            assert!(!due(&object), "{why}");
        }
        // A newer template that is not ready yet has no users, and gets none.
        assert!(due(&with("/status/latestCreatedRevisionName", json!("hello-00002"))));
    }

    /// The Service is at generation 2.
    #[test]
    fn what_a_broken_glass_let_through_stays_until_spec_changes_again() {
        for (glass, is_due) in [
            ("1 used by kim", false),
            ("2 used by kim", false),
            ("2", false),
            ("1", true),
            ("0 used by kim", true),
            ("x used by kim", true),
        ] {
            let annotations = json!({"andante.dev/pipeline": "p", BREAK_GLASS: glass});
            assert_eq!(due(&following(annotations)), is_due, "{glass}");
        }
    }
}
