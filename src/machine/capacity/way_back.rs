//! The way back to a stable that serves but is not Ready for want of pods.
//!
//! Under a quota, or on a full node, load that wants more pods than there is room for makes a Revision not Ready while its pods
//! serve, and Knative takes no split that names it. A max-scale of what it has makes it Ready within two seconds (tried).
//!
//! Decides the writes that cap it. It may use the record and observed revisions.

use super::set;
use crate::machine::next::{BoundOrder, BoundWrite};
use crate::machine::world::World;
use crate::model::observed::Revision;
use crate::model::ready::{Pods, pods};
use crate::model::scaling::ScaleBound;
use crate::rollout::capacity::{Capacity, SetBound};
use crate::rollout::record::Record;
use jiff::Timestamp;

/// What opens the way back.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::machine) enum WayBack {
    /// The bounds are noted in the record first; what is said of it.
    Note(Box<Capacity>, String),
    /// A bound is set.
    Set(BoundOrder),
    /// All is set: it is Ready in a moment.
    Wait,
}

/// What opens the way back to stable, if that is what keeps it closed. `refused`: no bound can be set.
pub(in crate::machine) fn open_way_back(
    record: &Record,
    world: &World,
    refused: bool,
    now: Timestamp,
) -> Option<WayBack> {
    let stable = world.revision(&record.start.stable).filter(|_| !refused)?;
    let roomless = matches!(pods(stable), Pods::NoRoom(_));
    let has = u32::try_from(stable.actual).ok().filter(|has| *has > 0 && roomless)?;
    let known = record.capacity.as_deref().cloned().unwrap_or_default();
    let capped = wanted(known.clone(), stable, has, now);
    if known != capped {
        let what = format!(
            "{} serves with {has} pods and has no room for more ({}): max-scale {has} lets Knative take a split to it",
            stable.name,
            stable.complaint()
        );
        return Some(WayBack::Note(Box::new(capped), what));
    }
    let next = known.bounds.iter().filter(|bound| bound.is_to_be_set(stable)).min_by_key(|bound| bound.bound);
    Some(next.map_or(WayBack::Wait, |bound| WayBack::Set(set(bound, stable, BoundWrite::WayBack))))
}

/// The bounds that fit what stable has. What was noted for it stays while it has more pods than that.
fn wanted(known: Capacity, stable: &Revision, has: u32, now: Timestamp) -> Capacity {
    let cap = known.bound(stable, ScaleBound::MaxScale).map(SetBound::value).filter(|cap| *cap <= has);
    if cap.is_some() {
        return known;
    }
    // Knative refuses a floor above the cap.
    let floored = if stable.scaling.min > has { known.with(stable, ScaleBound::MinScale, has, now) } else { known };
    floored.with(stable, ScaleBound::MaxScale, has, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observed::Revision;
    use crate::rollout::record::tests::record;
    use serde_json::{Value, json};

    fn stable(actual: i64, annotations: Value) -> Revision {
        let full = "pods are forbidden: exceeded quota: few";
        Revision::from_json(&json!({"metadata": {"name": "s1", "uid": "u", "annotations": annotations},
            "status": {"actualReplicas": actual, "desiredReplicas": 9, "conditions": [
                {"type": "Ready", "status": "False", "reason": "FailedCreate", "message": full},
                {"type": "ResourcesAvailable", "status": "False", "reason": "FailedCreate", "message": full}]}}))
        .unwrap()
    }

    fn opens(record: &Record, stable: Revision) -> Option<WayBack> {
        let mut world = World::default();
        world.see_revisions([stable]);
        open_way_back(record, &world, false, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn it_is_noted_then_set_then_waited_for() {
        let mut record = record();
        let Some(WayBack::Note(noted, what)) = opens(&record, stable(2, json!({"a": "b"}))) else { panic!("no way") };
        assert!(what.contains("max-scale 2"), "{what}");
        record.capacity = Some(noted);
        let Some(WayBack::Set(order)) = opens(&record, stable(2, json!({"a": "b"}))) else { panic!("not set") };
        assert!(order.what.text.starts_with("max-scale of s1: 2"), "{}", order.what.text);
        let capped = json!({"autoscaling.knative.dev/max-scale": "2"});
        assert_eq!(opens(&record, stable(2, capped)), Some(WayBack::Wait));
    }

    #[test]
    fn a_floor_above_the_cap_comes_down_first() {
        let mut record = record();
        let floor = json!({"autoscaling.knative.dev/min-scale": "4"});
        let Some(WayBack::Note(noted, _)) = opens(&record, stable(2, floor.clone())) else { panic!("no way") };
        record.capacity = Some(noted);
        let Some(WayBack::Set(order)) = opens(&record, stable(2, floor)) else { panic!("not set") };
        assert!(order.what.text.starts_with("min-scale of s1: 2"), "{}", order.what.text);
    }

    #[test]
    fn who_has_no_pod_or_fails_otherwise_is_not_capped() {
        assert_eq!(opens(&record(), stable(0, json!({"a": "b"}))), None);
        let mut crashed = stable(2, json!({"a": "b"}));
        for condition in crashed.conditions.values_mut() {
            condition.reason = "ExitCode3".into();
        }
        assert_eq!(opens(&record(), crashed), None);
    }
}
