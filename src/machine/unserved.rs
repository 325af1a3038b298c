//! Whether users are sent to anything that serves them.
//!
//! Decides when there is nothing to protect: a release is then what helps, and every caution would only keep it away. It may
//! use observed revisions and splits.

use crate::machine::world::World;
use crate::model::observed::{Revision, Service};
use crate::model::split::Split;

/// Why none of the revisions that users are sent to serves anybody; none if one of them does, or may at any moment. `pinned`
/// names revisions only. Knative goes on serving what it served where it cannot take a split, so that counts as well.
pub(crate) fn nobody_is_served(pinned: &Split, service: &Service, world: &World) -> Option<String> {
    let answers = |revision: &Revision| revision.serves() || revision.actual > 0;
    let still = service.served.iter().filter(|t| t.percent > 0).filter_map(|t| t.revision_name.as_ref()?.parse().ok());
    if still.filter_map(|name| world.revision(&name)).any(answers) {
        return None;
    }
    let users = pinned.targets().iter().filter(|t| !t.percent.is_zero()).filter_map(|t| t.revision());
    let mut why = None;
    for name in users {
        let complaint = match world.revision(name) {
            None => "it does not exist".to_owned(),
            // A revision that lacks room for more pods is not Ready either, and those that it has serve.
            Some(revision) if answers(revision) => return None,
            Some(revision) => revision.complaint(),
        };
        why.get_or_insert(format!("{name} serves nobody ({complaint})"));
    }
    why
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn world(list: &[(&str, &str, i64)]) -> World {
        let mut world = World::default();
        world.see_revisions(list.iter().map(|(name, ready, actual)| {
            Revision::from_json(&json!({"metadata": {"name": name}, "status": {"actualReplicas": actual,
                "conditions": [{"type": "Ready", "status": ready, "reason": "ExitCode3"}]}}))
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
            nobody_is_served(&split(), &service(&[]), &world(&[("a", "False", 2), ("b", "False", 0)])),
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
    fn what_knative_still_serves_counts_although_another_split_is_asked_for() {
        let world = world(&[("a", "False", 0), ("b", "False", 0), ("old", "True", 1)]);
        assert_eq!(nobody_is_served(&split(), &service(&["old"]), &world), None);
        assert!(nobody_is_served(&split(), &service(&["a"]), &world).is_some());
    }

    #[test]
    fn what_has_no_users_does_not_count() {
        let why = nobody_is_served(&split(), &service(&[]), &world(&[("a", "False", 0), ("c", "True", 1)]));
        assert_eq!(why.as_deref(), Some("a serves nobody (ExitCode3)"));
    }
}
