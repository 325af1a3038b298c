//! Whether users are sent to anything that serves them.
//!
//! Decides when there is nothing to protect: a release is then what helps, and every caution would only keep it away. It may
//! use observed revisions and splits.

use crate::machine::world::World;
use crate::model::observed::{Revision, Service};
use crate::model::ready::{Pods, pods};
use crate::model::split::Split;
use crate::model::time::after;
use jiff::Timestamp;
use std::time::Duration;

/// Why none of the revisions that users are sent to serves anybody; none if one of them does, or may at any moment. `pinned`
/// names revisions only. Knative goes on serving what it served where it cannot take a split, so that counts as well.
pub(crate) fn nobody_is_served(pinned: &Split, service: &Service, world: &World) -> Option<String> {
    let still = service.served.iter().filter(|t| t.percent > 0).filter_map(|t| t.revision_name.as_ref()?.parse().ok());
    if still.filter_map(|name| world.revision(&name)).any(answers) {
        return None;
    }
    none_serves(pinned, world)
}

/// A revision that is not Ready may lack room for more pods, and those that it has serve. One that crashes has a pod for a
/// moment at each of its starts.
fn answers(revision: &Revision) -> bool {
    revision.serves() || revision.actual > 0 && !matches!(pods(revision), Pods::Down(_))
}

/// Why none of the revisions that have users in this split serves anybody, whatever Knative serves at the moment.
pub(super) fn none_serves(pinned: &Split, world: &World) -> Option<String> {
    let users = pinned.targets().iter().filter(|t| !t.percent.is_zero()).filter_map(|t| t.revision());
    let mut why = None;
    for name in users {
        let complaint = match world.revision(name) {
            None => "it does not exist".to_owned(),
            Some(revision) if answers(revision) => return None,
            Some(revision) => revision.complaint(),
        };
        why.get_or_insert(format!("{name} serves nobody ({complaint})"));
    }
    why
}

/// Since when users have nothing that serves them, as far as this process has seen.
#[derive(Debug, Clone, Default)]
pub(super) struct UnservedUsers {
    /// Since when nobody is served.
    nobody: Option<Timestamp>,
    /// Since when they are served again.
    again: Option<Timestamp>,
}

impl UnservedUsers {
    /// Keeps in mind whether anybody is served now.
    pub(super) fn see(&mut self, is_nobody_served: bool, now: Timestamp) {
        if is_nobody_served {
            self.nobody.get_or_insert(now);
            self.again = None;
        } else if self.nobody.take().is_some() {
            // A container that crashes again and again is up for a moment each time.
            self.again = Some(now);
        }
    }

    /// When what is seen now has lasted for the grace; none if users were served all along.
    pub(super) fn settles(&self, grace: Duration) -> Option<Timestamp> {
        self.nobody.or(self.again).map(|since| after(since, grace))
    }

    /// True while nobody is served.
    pub(super) fn is_nobody_served(&self) -> bool {
        self.nobody.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn world(list: &[(&str, &str, i64)]) -> World {
        let mut world = World::default();
        world.see_revisions(list.iter().map(|(name, ready, actual)| {
            let (ready, reason) = if *ready == "full" { ("False", "FailedCreate") } else { (*ready, "ExitCode3") };
            Revision::from_json(
                &json!({"metadata": {"name": name}, "status": {"actualReplicas": actual, "conditions": [
                {"type": "Ready", "status": ready, "reason": reason, "message": "exceeded quota"},
                {"type": "ResourcesAvailable", "status": ready, "reason": reason, "message": "exceeded quota"}]}}),
            )
            .unwrap()
        }));
        world
    }

    /// A Service that serves these.
    fn service(served: &[&str]) -> Service {
        let traffic = served.iter().map(|name| json!({"revisionName": name, "percent": 100})).collect::<Vec<_>>();
        Service::from_json(
            &json!({"metadata": {"name": "s", "uid": "u", "generation": 1}, "status": {"traffic": traffic}}),
        )
        .unwrap()
    }

    fn split() -> Split {
        Split::from_json(Some(&json!([{"revisionName": "a", "percent": 80}, {"revisionName": "b", "percent": 20},
            {"revisionName": "c", "percent": 0, "tag": "t"}])))
        .unwrap()
    }

    #[test]
    fn one_that_serves_or_may_serve_is_enough() {
        assert_eq!(nobody_is_served(&split(), &service(&[]), &world(&[("a", "False", 0), ("b", "True", 1)])), None);
        assert_eq!(
            nobody_is_served(&split(), &service(&[]), &world(&[("a", "full", 2), ("b", "False", 0)])),
            None,
            "for want of room"
        );
        assert_eq!(
            nobody_is_served(&split(), &service(&[]), &world(&[("a", "True", 0), ("b", "False", 0)])),
            None,
            "asleep"
        );
    }

    #[test]
    fn a_pod_of_a_moment_of_one_that_crashes_serves_nobody() {
        let crashing = world(&[("a", "False", 1), ("b", "False", 0)]);
        assert!(nobody_is_served(&split(), &service(&["a"]), &crashing).is_some());
    }

    #[test]
    fn what_knative_still_serves_counts_although_another_split_is_asked_for() {
        let world = world(&[("a", "False", 0), ("b", "False", 0), ("old", "True", 1)]);
        assert_eq!(nobody_is_served(&split(), &service(&["old"]), &world), None);
        assert!(nobody_is_served(&split(), &service(&["a"]), &world).is_some());
    }

    #[test]
    fn what_has_no_users_does_not_count() {
        let why = nobody_is_served(&split(), &service(&[]), &world(&[("a", "False", 0), ("c", "True", 1)]));
        assert_eq!(why.as_deref(), Some("a serves nobody (ExitCode3: exceeded quota)"));
    }
}
