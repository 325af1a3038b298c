//! Whether users are sent to anything that serves them.
//!
//! Decides when there is nothing to protect: a release is then what helps, and every caution would only keep it away. It may
//! use observed revisions and splits.

use crate::machine::world::World;
use crate::model::split::Split;

/// Why none of the revisions that users are sent to serves anybody; none if one of them does, or may at any moment. `pinned`
/// names revisions only.
pub(crate) fn nobody_is_served(pinned: &Split, world: &World) -> Option<String> {
    let users = pinned.targets().iter().filter(|t| !t.percent.is_zero()).filter_map(|t| t.revision());
    let mut why = None;
    for name in users {
        let complaint = match world.revision(name) {
            None => "it does not exist".to_owned(),
            // A revision that lacks room for more pods is not Ready either, and those that it has serve.
            Some(revision) if revision.serves() || revision.actual > 0 => return None,
            Some(revision) => revision.complaint(),
        };
        why.get_or_insert(format!("{name} serves nobody ({complaint})"));
    }
    why
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observed::Revision;
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

    fn split() -> Split {
        Split::from_json(Some(&json!([{"revisionName": "a", "percent": 80}, {"revisionName": "b", "percent": 20},
            {"revisionName": "c", "percent": 0, "tag": "t"}])))
        .unwrap()
    }

    #[test]
    fn one_that_serves_or_may_serve_is_enough() {
        assert_eq!(nobody_is_served(&split(), &world(&[("a", "False", 0), ("b", "True", 1)])), None);
        assert_eq!(
            nobody_is_served(&split(), &world(&[("a", "False", 2), ("b", "False", 0)])),
            None,
            "for want of room"
        );
        assert_eq!(nobody_is_served(&split(), &world(&[("a", "True", 0), ("b", "False", 0)])), None, "asleep");
    }

    #[test]
    fn what_has_no_users_does_not_count() {
        let why = nobody_is_served(&split(), &world(&[("a", "False", 0), ("c", "True", 1)]));
        assert_eq!(why.as_deref(), Some("a serves nobody (ExitCode3)"));
    }
}
