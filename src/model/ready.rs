//! When to believe Knative: is a split served, is a candidate up, is it dying.
//!
//! Decides rules 5, 7 and 11 (docs/protocol.md) from one look at the objects. How long a state has lasted is judged
//! elsewhere, because nothing is remembered here. Depends on observed objects and splits.

use crate::model::observed::{Condition, Revision, Service, Truth};
use crate::model::podwords::{lacks_room, makes_no_pods};
use crate::model::split::Split;
use std::collections::BTreeMap;

/// Whether the split in `spec.traffic` is what users get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Serving {
    /// It is served.
    Yes,
    /// Not yet; why, in a few words.
    NotYet(String),
    /// Knative refuses it as it stands.
    Blocked(String),
}

/// True if the Service's status speaks of its present spec, and its Configuration's too.
pub(crate) fn is_current(service: &Service) -> bool {
    // The generation alone proves nothing: after a write of a named template and a split together Knative 1.23 shows, for
    // about 100 ms, the new generation, `RoutesReady` True and the old `status.traffic`, because the Route is not touched
    // until the Configuration has caught up. Only `ConfigurationsReady` tells.
    let says = |kind: &str, reason: &str| service.conditions.get(kind).is_some_and(|c| c.reason == reason);
    // Every reconciler raises the observed generation whether it got anywhere or not. Where the Configuration changed in the same
    // moment (its revision crashed, say), the Service's write to it is refused: then all stands as before, the old revision as
    // created last, and only this reason, which any progress replaces, tells that the new template has reached nobody yet
    // (knative/pkg: reconciler/reconcile_common.go; seen with Knative 1.23 for about 100 ms).
    service.observed_generation >= service.generation
        && !says("ConfigurationsReady", "OutOfDate")
        && !says("Ready", "NewObservedGenFailure")
}

/// Rule 7: generation observed, `ConfigurationsReady` not `OutOfDate`, `Ready` not `NewObservedGenFailure`, `RoutesReady` True, `status.traffic` equal to the
/// request entry by entry.
pub(crate) fn serving(service: &Service) -> Serving {
    served_if(service, equals_status)
}

/// Rule 6: users have the shares that `spec.traffic` asks for, so what it means now is what is served. Not so while
/// Knative's own gradual rollout is under way, or while a revision that became Ready is just being switched to.
pub(crate) fn shares_are_served(service: &Service) -> Serving {
    // A template whose name is taken keeps Knative from migrating traffic, and users from nothing: the next template, which
    // has another name or none, is what mends it.
    let name_taken = service.conditions.get("RoutesReady").is_some_and(|c| c.reason == "RevisionNameTaken");
    if name_taken && is_current(service) && service.split.as_ref().is_ok_and(|split| equals_shares(split, service)) {
        return Serving::Yes;
    }
    served_if(service, equals_shares)
}

/// True if Knative has not taken up the newest generation yet, and its routes stand as `spec.traffic` asks for, by names alone: a
/// template that was written meanwhile moves nobody. Only whoever saw this very split served may believe it.
pub(crate) fn routes_stand(service: &Service) -> bool {
    let routes = service.conditions.get("RoutesReady").is_some_and(|c| c.truth == Truth::True);
    let stands = |split: &Split| {
        split.targets().iter().all(|target| target.revision().is_some()) && equals_status(split, service)
    };
    routes && !is_current(service) && service.split.as_ref().is_ok_and(stands)
}

fn served_if(service: &Service, agrees: impl Fn(&Split, &Service) -> bool) -> Serving {
    let Ok(split) = &service.split else { return Serving::Blocked("spec.traffic cannot be read".into()) };
    if service.observed_generation < service.generation {
        return Serving::NotYet("not observed yet".into());
    }
    if !is_current(service) {
        return Serving::NotYet("the Configuration is out of date".into());
    }
    // `RoutesReady` and not `Ready`: while the newest template fails, `Ready` is False and users are served as before.
    // `status.traffic` alone is not enough either: it shows the new split while the ingress still has the old one
    // (`RoutesReady` Unknown, `IngressNotConfigured`). Both were seen on Knative 1.23 with Kourier.
    let routes = service.conditions.get("RoutesReady");
    match routes {
        Some(c) if c.truth == Truth::True => {}
        Some(c) if c.truth == Truth::False => {
            return Serving::Blocked(format!("{}: {}", c.reason, c.message));
        }
        Some(c) if c.message.is_empty() => return Serving::NotYet(c.reason.clone()),
        Some(c) => return Serving::NotYet(format!("{}: {}", c.reason, c.message)),
        None => return Serving::NotYet("no RoutesReady condition yet".into()),
    }
    if agrees(split, service) {
        Serving::Yes
    } else {
        Serving::NotYet("status.traffic is not the split asked for yet".into())
    }
}

/// Compares the shares of revisions alone: tags, order and entries at 0 % send no user anywhere.
fn equals_shares(split: &Split, service: &Service) -> bool {
    let latest = service.latest_ready.as_ref();
    let mut shares: BTreeMap<Option<&str>, i64> = BTreeMap::new();
    for wanted in split.targets() {
        let revision = wanted.revision().or(latest).map(crate::model::name::RevisionName::as_str);
        *shares.entry(revision).or_default() += i64::from(wanted.percent);
    }
    for served in &service.served {
        *shares.entry(served.revision_name.as_deref()).or_default() -= served.percent;
    }
    shares.values().all(|left| *left == 0)
}

/// Compares spec and status by revision, percent and tag, entries that follow latest resolved to the newest ready one.
fn equals_status(split: &Split, service: &Service) -> bool {
    // In order, as Knative's own comparison does; entries of a Split are merged already, as the Route merges them.
    let latest = service.latest_ready.as_ref();
    split.targets().len() == service.served.len()
        && split.targets().iter().zip(&service.served).all(|(wanted, served)| {
            let revision = wanted.revision().or(latest).map(crate::model::name::RevisionName::as_str);
            served.revision_name.as_deref() == revision
                && served.percent == i64::from(wanted.percent)
                && served.tag.as_deref() == wanted.tag.as_ref().map(crate::model::name::Tag::as_str)
        })
}

/// What a candidate's pods say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pods {
    /// Ready, and as many pods as it must have.
    Up,
    /// Ready, scaled to zero for want of requests.
    Asleep,
    /// Not Ready yet, or its pods are still coming.
    Coming(String),
    /// It only lacks room: no node takes its pods, a quota is full, or no more are made beside those that serve. It starts by
    /// itself once there is room.
    NoRoom(String),
    /// The revision wants pods and has none, or it is not Ready (any more). This is fatal if it lasts.
    Down(String),
}

/// Rule 11: replicas rather than conditions. `Ready` stays True while every pod of a once-ready revision crashes.
pub(crate) fn pods(revision: &Revision) -> Pods {
    if revision.deleting {
        return Pods::Down("it is being deleted".into());
    }
    match revision.truth("Ready") {
        Truth::False if is_roomless(revision) => return Pods::NoRoom(revision.complaint()),
        Truth::False => return Pods::Down(revision.complaint()),
        Truth::Unknown => return Pods::Coming(revision.complaint()),
        Truth::True => {}
    }
    // `Active` has severity Info: False with `NoTraffic` is a healthy revision that was scaled to zero.
    let active = revision.conditions.get("Active");
    let no_traffic = active.is_some_and(|c| c.reason == "NoTraffic");
    // A revision can be Ready with fewer pods than min-scale, and keeps that mark (knative/serving#16649, open).
    let least = i64::from(revision.scaling.min);
    if revision.actual >= least.max(1) {
        return Pods::Up;
    }
    if revision.actual > 0 {
        return Pods::Coming(format!("{} of {} pods are ready", revision.actual, least));
    }
    // Below zero: without metrics the autoscaler does not know how many pods it wants, and says -1.
    if no_traffic || (revision.desired <= 0 && least == 0) {
        return Pods::Asleep;
    }
    if active.is_some_and(|c| c.truth == Truth::True) {
        // Active is True only with a pod behind it: the replica count lags.
        return Pods::Coming("its replica count is not there yet".into());
    }
    let reason = active.map(|c| c.reason.as_str()).filter(|r| !r.is_empty()).unwrap_or("unknown");
    Pods::Down(format!("0 of {} pods are ready (Active: {reason})", revision.desired.max(least)))
}

/// True if room is all that a revision lacks which is not Ready: its containers have nothing to answer for.
fn is_roomless(revision: &Revision) -> bool {
    let says = |kind: &str| revision.conditions.get(kind).filter(|c| c.truth == Truth::False);
    let lacks = |c: &Condition| lacks_room(&c.reason, &c.message) || revision.actual > 0 && makes_no_pods(&c.reason);
    says("ContainerHealthy").is_none() && says("ResourcesAvailable").or_else(|| says("Ready")).is_some_and(lacks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn service(generation: i64, observed: i64, conditions: Value, served: Value) -> Service {
        Service::from_json(&json!({
            "metadata": {"name": "s", "uid": "u", "generation": generation},
            "spec": {"traffic": [{"revisionName": "a", "percent": 95}, {"latestRevision": true, "percent": 5, "tag": "c"}]},
            "status": {"observedGeneration": observed, "latestReadyRevisionName": "b",
                "conditions": conditions, "traffic": served}
        }))
        .unwrap()
    }

    fn routes(status: &str, reason: &str) -> Value {
        json!([{"type": "RoutesReady", "status": status, "reason": reason}])
    }

    fn right() -> Value {
        json!([{"revisionName": "a", "percent": 95}, {"revisionName": "b", "percent": 5, "tag": "c", "latestRevision": true}])
    }

    #[test]
    fn a_template_that_is_not_taken_up_yet_moves_nobody_who_is_named() {
        let named = |generation, observed, conditions, served: Value| {
            let by_name =
                json!([{"revisionName": "a", "percent": 95}, {"revisionName": "b", "percent": 5, "tag": "c"}]);
            let split = Split::from_json(Some(&by_name));
            Service { split, ..service(generation, observed, conditions, served) }
        };
        let served = || json!([{"revisionName": "a", "percent": 95}, {"revisionName": "b", "percent": 5, "tag": "c"}]);
        assert!(routes_stand(&named(3, 2, routes("True", ""), served())));
        let not = [
            // It has been taken up, so the usual rule tells.
            named(2, 2, routes("True", ""), served()),
            // The routes are on their way, or another split was written.
            named(3, 2, routes("Unknown", "IngressNotConfigured"), served()),
            named(3, 2, routes("True", ""), json!([{"revisionName": "a", "percent": 100}])),
            // Whoever follows latest is moved by a template.
            service(3, 2, routes("True", ""), right()),
        ];
        assert!(not.iter().all(|service| !routes_stand(service)));
    }

    #[test]
    fn believed_only_when_everything_agrees() {
        assert_eq!(serving(&service(2, 2, routes("True", ""), right())), Serving::Yes);
        let not_yet = [
            service(3, 2, routes("True", ""), right()),
            service(2, 2, routes("Unknown", "IngressNotConfigured"), right()),
            service(2, 2, json!([]), right()),
            // The race that lies: RoutesReady still True, the split still the old one.
            service(2, 2, routes("True", ""), json!([{"revisionName": "a", "percent": 100}])),
            service(
                2,
                2,
                json!([{"type": "RoutesReady", "status": "True"},
                    {"type": "ConfigurationsReady", "status": "Unknown", "reason": "OutOfDate"}]),
                right(),
            ),
            // The Configuration could not be written.
            service(
                2,
                2,
                json!([{"type": "RoutesReady", "status": "True"}, {"type": "ConfigurationsReady", "status": "True"},
                    {"type": "Ready", "status": "Unknown", "reason": "NewObservedGenFailure"}]),
                right(),
            ),
        ];
        for service in not_yet {
            assert!(matches!(serving(&service), Serving::NotYet(_)), "{service:?}");
        }
        let blocked = service(2, 2, routes("False", "RevisionMissing"), right());
        assert!(matches!(serving(&blocked), Serving::Blocked(_)));
    }

    fn revision(ready: &str, active: (&str, &str), actual: i64, desired: i64, min: &str) -> Revision {
        Revision::from_json(&json!({
            "metadata": {"name": "r", "annotations": {"autoscaling.knative.dev/min-scale": min}},
            "status": {"actualReplicas": actual, "desiredReplicas": desired, "conditions": [
                {"type": "Ready", "status": ready},
                {"type": "Active", "status": active.0, "reason": active.1, "severity": "Info"}]}
        }))
        .unwrap()
    }

    #[test]
    fn replicas_are_believed_not_conditions() {
        assert_eq!(pods(&revision("True", ("True", ""), 1, 1, "0")), Pods::Up);
        assert_eq!(pods(&revision("True", ("True", ""), 3, 3, "3")), Pods::Up);
        assert_eq!(pods(&revision("True", ("False", "NoTraffic"), 0, 0, "0")), Pods::Asleep);
        assert!(matches!(pods(&revision("True", ("True", ""), 1, 3, "3")), Pods::Coming(_)));
        assert!(matches!(pods(&revision("Unknown", ("Unknown", "Queued"), 0, 1, "0")), Pods::Coming(_)));
        assert!(matches!(pods(&revision("False", ("Unknown", ""), 0, 1, "0")), Pods::Down(_)));
        let crashing = pods(&revision("True", ("Unknown", "Queued"), 0, 1, "0"));
        assert_eq!(crashing, Pods::Down("0 of 1 pods are ready (Active: Queued)".into()));
    }

    #[test]
    fn who_only_lacks_room_is_not_down() {
        let failed = |conditions: Value| {
            pods(
                &Revision::from_json(&json!({"metadata": {"name": "r"}, "status": {"conditions": conditions}}))
                    .unwrap(),
            )
        };
        let (reason, full) = ("FailedCreate", "pods are forbidden: exceeded quota: few");
        for kind in ["ResourcesAvailable", "Ready"] {
            let state = failed(json!([{"type": "Ready", "status": "False", "reason": reason, "message": full},
                {"type": kind, "status": "False", "reason": reason, "message": full}]));
            assert_eq!(state, Pods::NoRoom(format!("{reason}: {full}")));
        }
        // A template that serves is not to blame for what keeps more pods of it from being made.
        let with = |actual: i64, container: &str| {
            let conditions = json!([{"type": "Ready", "status": "False", "reason": reason, "message": "denied the request"},
                {"type": "ContainerHealthy", "status": container},
                {"type": "ResourcesAvailable", "status": "False", "reason": reason, "message": "denied the request"}]);
            let status = json!({"actualReplicas": actual, "conditions": conditions});
            pods(&Revision::from_json(&json!({"metadata": {"name": "r"}, "status": status})).unwrap())
        };
        assert!(matches!(with(1, "True"), Pods::NoRoom(_)));
        assert!(matches!(with(0, "True"), Pods::Down(_)) && matches!(with(1, "False"), Pods::Down(_)));
        let crash = failed(json!([{"type": "Ready", "status": "False", "reason": "ExitCode3"},
            {"type": "ContainerHealthy", "status": "False", "reason": "ExitCode3"},
            {"type": "ResourcesAvailable", "status": "False", "reason": "Unschedulable"}]));
        assert_eq!(crash, Pods::Down("ExitCode3".into()));
    }
}
