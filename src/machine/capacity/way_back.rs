//! The way back to a stable that serves but is not Ready for want of pods.
//!
//! Under a quota, or on a full node, load that wants more pods than there is room for makes a Revision not Ready while its pods
//! serve, and Knative takes no split that names it. A max-scale of what it has makes it Ready within two seconds (tried).
//!
//! Decides the writes that cap it, and that a cap outlives no way back. It may use the record and observed revisions.

use super::{counted, set};
use crate::machine::next::{BoundOrder, BoundWrite};
use crate::machine::world::World;
use crate::model::name::RevisionName;
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

/// What opens the way to this revision, stable as a rule, if that is what keeps it closed. `refused`: no bound can be set.
pub(in crate::machine) fn open_way_back(
    record: &Record,
    to: &RevisionName,
    world: &World,
    refused: bool,
    now: Timestamp,
) -> Option<WayBack> {
    let stable = world.revision(to).filter(|_| !refused)?;
    let roomless = matches!(pods(stable), Pods::NoRoom(_));
    let has = u32::try_from(stable.actual).ok().filter(|has| *has > 0 && roomless)?;
    let known = record.capacity.as_deref().cloned().unwrap_or_default();
    let capped = wanted(known.clone(), stable, has, now);
    if known != capped {
        let what = format!(
            "{} serves with {} and has no room for more ({}): max-scale {has} lets Knative take a split to it",
            stable.name,
            counted(has),
            stable.complaint()
        );
        return Some(WayBack::Note(Box::new(capped), what));
    }
    // Knative refuses a floor above the cap, and one that was noted for another time is not raised again.
    let noted = |bound| known.bound(stable, bound).filter(|bound| bound.is_to_be_set(stable));
    let cap = known.bound(stable, ScaleBound::MaxScale).map_or(has, SetBound::value);
    let floor = noted(ScaleBound::MinScale).filter(|_| stable.scaling.min > cap);
    let next = floor.or_else(|| noted(ScaleBound::MaxScale));
    Some(next.map_or(WayBack::Wait, |bound| WayBack::Set(set(bound, stable, BoundWrite::WayBack))))
}

/// The bounds that fit what stable has. A cap that stands there stays while it has more pods than that; one of an earlier way back
/// would take pods away.
fn wanted(known: Capacity, stable: &Revision, has: u32, now: Timestamp) -> Capacity {
    let fits = |cap: &&SetBound| cap.value() == has || cap.value() < has && cap.stands_on(stable);
    let cap = known.bound(stable, ScaleBound::MaxScale).filter(fits).map(SetBound::value);
    let most = cap.unwrap_or(has);
    let floor = known.bound(stable, ScaleBound::MinScale).map(SetBound::value);
    let lowers = stable.scaling.min > most && floor != Some(most);
    let floored = if lowers { known.with(stable, ScaleBound::MinScale, most, now) } else { known };
    if cap.is_some() { floored } else { floored.with(stable, ScaleBound::MaxScale, has, now) }
}

/// The record with its caps alone, which nobody wants who is on no way back; none where it has none.
pub(in crate::machine) fn caps_alone(record: &Record) -> Option<Record> {
    let of_caps = |bound: &SetBound| bound.bound == ScaleBound::MaxScale;
    let capacity = record.capacity.as_deref().filter(|known| known.bounds.iter().any(of_caps))?;
    Some(with_bounds(record, capacity, of_caps))
}

/// The record without the bounds of Revisions that are capped: until a way back is served the cap is what keeps it open, and
/// Knative refuses an owner's floor above it.
pub(in crate::machine) fn but_capped(record: &Record) -> Record {
    let Some(capacity) = record.capacity.as_deref() else { return record.clone() };
    let caps: Vec<_> = capacity.bounds.iter().filter(|b| b.bound == ScaleBound::MaxScale).map(|b| &b.uid).collect();
    with_bounds(record, capacity, |bound| !caps.contains(&&bound.uid))
}

fn with_bounds(record: &Record, capacity: &Capacity, keeps: impl Fn(&SetBound) -> bool) -> Record {
    let bounds = capacity.bounds.iter().filter(|bound| keeps(bound)).cloned().collect();
    Record { capacity: Some(Box::new(Capacity { bounds, ..capacity.clone() })), ..record.clone() }
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
        open_way_back(record, &record.start.stable, &world, false, Timestamp::UNIX_EPOCH)
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
    fn a_floor_of_another_time_is_not_raised_again() {
        let (mut record, bare) = (record(), stable(1, json!({"a": "b"})));
        let floor = Capacity::default().with(&bare, ScaleBound::MinScale, 3, Timestamp::UNIX_EPOCH);
        record.capacity = Some(Box::new(floor));
        let Some(WayBack::Note(noted, _)) = opens(&record, bare.clone()) else { panic!("no way") };
        record.capacity = Some(noted);
        let Some(WayBack::Set(order)) = opens(&record, bare) else { panic!("not set") };
        assert!(order.what.text.starts_with("max-scale of s1: 1"), "{}", order.what.text);
    }

    #[test]
    fn a_cap_that_stands_is_kept_and_one_of_an_earlier_way_back_takes_no_pods_away() {
        let mut record = record();
        let capacity =
            Capacity::default().with(&stable(2, json!({"a": "b"})), ScaleBound::MaxScale, 2, Timestamp::UNIX_EPOCH);
        record.capacity = Some(Box::new(capacity));
        let standing = json!({"autoscaling.knative.dev/max-scale": "2"});
        assert_eq!(opens(&record, stable(5, standing)), Some(WayBack::Wait));
        let Some(WayBack::Note(_, what)) = opens(&record, stable(5, json!({"a": "b"}))) else { panic!("no way") };
        assert!(what.contains("max-scale 5"), "{what}");
    }

    #[test]
    fn what_a_way_back_set_is_told_from_the_rest() {
        let mut record = record();
        assert_eq!((caps_alone(&record), but_capped(&record)), (None, record.clone()));
        let other = Revision::from_json(&json!({"metadata": {"name": "s2", "uid": "v"}})).unwrap();
        let (capped, at) = (stable(2, json!({"a": "b"})), Timestamp::UNIX_EPOCH);
        let capacity = Capacity::default().with(&other, ScaleBound::MinScale, 3, at);
        assert_eq!(caps_alone(&Record { capacity: Some(Box::new(capacity.clone())), ..record.clone() }), None);
        let capacity = capacity.with(&capped, ScaleBound::MinScale, 2, at).with(&capped, ScaleBound::MaxScale, 2, at);
        record.capacity = Some(Box::new(capacity));
        let bounds = |record: Record| {
            let bounds = record.capacity.unwrap().bounds;
            bounds.iter().map(|b| format!("{} of {}", b.bound.word(), b.revision)).collect::<Vec<_>>()
        };
        assert_eq!(bounds(caps_alone(&record).unwrap()), ["max-scale of s1"]);
        assert_eq!(bounds(but_capped(&record)), ["min-scale of s2"]);
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
