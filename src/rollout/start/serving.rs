//! Whether what serves is the present template.
//!
//! Decides it from the Service's own status, and only where Knative has taken up what the owner wrote last: a status that lags
//! would call an edit reached that nobody meets yet. Depends on observed Services.

use crate::model::observed::{Service, Truth};
use crate::model::percent::Percent;
use crate::model::ready::is_current;

/// What serves, beside the template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhatServes {
    /// The present template's revision has its share of the users.
    Present,
    /// Another one has, or the present one cannot serve.
    Other,
    /// Knative is at it; it cannot be said yet.
    Unsettled,
}

/// What serves now; `share`: what the template's revision is to have at least.
pub(super) fn serving(service: &Service, share: Percent) -> WhatServes {
    let configuration = service.conditions.get("ConfigurationsReady");
    if !is_current(service) {
        return WhatServes::Unsettled;
    }
    let failed = configuration.is_some_and(|c| c.truth == Truth::False);
    let follows = service.split.as_ref().is_ok_and(|split| !split.latest_share().is_zero());
    let Some(created) = &service.latest_created else {
        return if failed { WhatServes::Other } else { WhatServes::Unsettled };
    };
    if service.latest_ready.as_ref() == Some(created) {
        let ours = service.served.iter().filter(|t| t.revision_name.as_deref() == Some(created.as_str()));
        let served: i64 = ours.map(|t| t.percent).sum();
        return if served >= i64::from(share.get()) {
            WhatServes::Present
        } else if follows && service.truth("RoutesReady") != Truth::True {
            WhatServes::Unsettled
        } else {
            WhatServes::Other
        };
    }
    // What follows latest comes to the new revision by itself as soon as it is Ready.
    if !failed && (follows || service.latest_ready.is_none()) { WhatServes::Unsettled } else { WhatServes::Other }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(created: &str, ready: &str, traffic: Value, served: Value, configuration: (&str, &str)) -> WhatServes {
        let text = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
        let service = Service::from_json(&json!({
            "metadata": {"name": "hello", "uid": "u", "generation": 2},
            "spec": {"traffic": traffic},
            "status": {"observedGeneration": 2, "latestCreatedRevisionName": text(created), "latestReadyRevisionName": text(ready),
                "traffic": served,
                "conditions": [{"type": "ConfigurationsReady", "status": configuration.0, "reason": configuration.1},
                    {"type": "RoutesReady", "status": "True"}]}
        }));
        serving(&service.unwrap(), Percent::FULL)
    }

    #[test]
    fn what_serves_is_told_from_what_is_on_its_way() {
        let latest = || json!([{"latestRevision": true, "percent": 100}]);
        let pinned = || json!([{"revisionName": "a", "percent": 100}]);
        let on = |name: &str| json!([{"revisionName": name, "percent": 100}]);
        for (created, ready, traffic, served, configuration, wanted) in [
            ("b", "b", latest(), on("b"), ("True", ""), WhatServes::Present),
            ("a", "a", pinned(), on("a"), ("True", ""), WhatServes::Present),
            ("b", "b", pinned(), on("a"), ("True", ""), WhatServes::Other),
            ("b", "a", latest(), on("a"), ("Unknown", ""), WhatServes::Unsettled),
            ("b", "a", latest(), on("a"), ("False", "RevisionFailed"), WhatServes::Other),
            ("b", "a", pinned(), on("a"), ("Unknown", ""), WhatServes::Other),
            ("a", "a", latest(), on("a"), ("Unknown", "OutOfDate"), WhatServes::Unsettled),
            ("a", "", latest(), json!([]), ("Unknown", ""), WhatServes::Unsettled),
            ("a", "", latest(), json!([]), ("False", "RevisionFailed"), WhatServes::Other),
            ("", "", latest(), json!([]), ("Unknown", ""), WhatServes::Unsettled),
            ("", "", latest(), json!([]), ("False", "RevisionMissing"), WhatServes::Other),
        ] {
            assert_eq!(
                of(created, ready, traffic, served, configuration),
                wanted,
                "{created} {ready} {configuration:?}"
            );
        }
        let half = json!([{"revisionName": "b", "percent": 50}, {"revisionName": "a", "percent": 50}]);
        assert_eq!(of("b", "b", half.clone(), half, ("True", "")), WhatServes::Other);
    }

    #[test]
    fn a_status_that_lags_says_nothing() {
        let service = json!({"metadata": {"name": "hello", "uid": "u", "generation": 3},
            "status": {"observedGeneration": 2, "latestCreatedRevisionName": "a", "latestReadyRevisionName": "a",
                "traffic": [{"revisionName": "a", "percent": 100}]}});
        assert_eq!(serving(&Service::from_json(&service).unwrap(), Percent::FULL), WhatServes::Unsettled);
        let share = Percent::FULL;
        let mut seen = service;
        seen["status"]["observedGeneration"] = json!(3);
        assert_eq!(serving(&Service::from_json(&seen).unwrap(), share), WhatServes::Present);
        // Looked at, and not taken up: an edit would be called reached that no revision is made of.
        seen["status"]["conditions"] =
            json!([{"type": "Ready", "status": "Unknown", "reason": "NewObservedGenFailure"}]);
        assert_eq!(serving(&Service::from_json(&seen).unwrap(), share), WhatServes::Unsettled);
    }
}
