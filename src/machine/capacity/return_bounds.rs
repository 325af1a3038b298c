//! What the owner had comes back, at every end.
//!
//! Decides which bound is given back when: at once, but for the arm that has just received users, whose pods the autoscaler
//! would take away again by its old average. It may use the record and observed revisions.

use super::give_back;
use crate::machine::next::BoundOrder;
use crate::machine::world::World;
use crate::model::name::RevisionName;
use crate::model::observed::Revision;
use crate::model::percent::Percent;
use crate::model::scaling::ScaleBound;
use crate::model::time::after;
use crate::rollout::capacity::SetBound;
use crate::rollout::record::{Phase, Record};
use jiff::Timestamp;
use std::cmp::Reverse;
use std::time::Duration;

/// The longest that an end waits for the autoscaler: a window may be an hour, and a run has to end.
const LONGEST: Duration = Duration::from_secs(120);

/// Where giving back has got to.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::machine) enum Returned {
    /// Nothing of ours stands any more.
    All,
    /// The next write.
    Write(BoundOrder),
    /// Until then the arm that received users keeps its pods.
    Wait(Timestamp),
}

/// The revision that everyone was sent to by the last write of a rollout that is over.
pub(in crate::machine) fn receives(record: &Record) -> &RevisionName {
    match (&record.candidate, record.phase) {
        (Some(candidate), Phase::Finished) => candidate,
        _ => &record.start.stable,
    }
}

/// Notes since when whoever has everyone after the last write had them, where that write moves nobody: after a bake, or where
/// nobody was ever sent to the candidate. Otherwise they come with the write.
pub(in crate::machine) fn note_receipt(next: &mut Record, before: &Record) {
    let Some(capacity) = &mut next.capacity else { return };
    let had = before.candidate.as_ref().map_or(Percent::ZERO, |candidate| before.split.share(candidate));
    capacity.received = match next.phase {
        Phase::Finished => {
            let ends = next.plan.as_ref().filter(|plan| plan.declared);
            let ends = ends.map_or_else(|| before.start.whole(), |plan| before.start.share_at(plan.to()));
            (had == ends).then_some(before.step_at)
        }
        // Stable never lost anybody.
        _ => (before.step == 0 && had.is_zero()).then_some(Timestamp::UNIX_EPOCH),
    };
}

/// The bounds of a record that stand and are to go, with their Revisions. Where a goal ends below 100 %, stable keeps its floor for
/// as long as it has users: it is the way back.
fn standing<'a>(record: &'a Record, world: &'a World) -> impl Iterator<Item = (&'a SetBound, &'a Revision)> {
    let bounds = record.capacity.iter().flat_map(|capacity| &capacity.bounds);
    let has_users = |name: &RevisionName| {
        world.service().is_none_or(|s| s.split.as_ref().is_ok_and(|split| !split.share(name).is_zero()))
    };
    let keeps = record.ended_below().map(|_| &record.start.stable).filter(|name| has_users(name));
    let kept = move |bound: &SetBound| bound.bound == ScaleBound::MinScale && Some(&bound.revision) == keeps;
    bounds.filter(move |bound| !kept(bound)).filter_map(|bound| {
        let revision = world.revision(&bound.revision)?;
        bound.stands_on(revision).then_some((bound, revision))
    })
}

/// Gives back what stands. `has_received`: the arm received users when the record's last step was written.
pub(in crate::machine) fn return_bounds(
    record: &Record,
    world: &World,
    has_received: impl Fn(&RevisionName) -> bool,
    now: Timestamp,
) -> Returned {
    let mut wait = None;
    let received = record.capacity.as_ref().and_then(|capacity| capacity.received).unwrap_or(record.step_at);
    let mut left: Vec<_> = standing(record, world).collect();
    // The cap first: Knative refuses a floor of the owner's above it, and who received everyone may have to grow.
    left.sort_by_key(|(bound, _)| Reverse(bound.bound));
    for (bound, revision) in left {
        // One pod is not taken away while requests come.
        let keeps = bound.bound == ScaleBound::MinScale && has_received(&bound.revision) && bound.value() > 1;
        let until = after(received, revision.scaling.window.min(LONGEST));
        if keeps && now < until {
            wait = Some(wait.map_or(until, |other: Timestamp| other.min(until)));
            continue;
        }
        return Returned::Write(give_back(bound, revision));
    }
    wait.map_or(Returned::All, Returned::Wait)
}

/// The bounds that still stand and who takes them away, for a person; none if nothing stands.
pub(crate) fn standing_words(record: &Record, world: &World, called: &str) -> Option<String> {
    let words: Vec<_> = standing(record, world)
        .map(|(bound, _)| format!("{} {} on {}", bound.bound.word(), bound.value(), bound.revision))
        .collect();
    let takes = "takes what this rollout set away again";
    (!words.is_empty()).then(|| format!("{} still stands: `andante settle {called}` {takes}", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observed::Service;
    use crate::rollout::capacity::Capacity;
    use crate::rollout::plan::{Plan, PlanOptions};
    use crate::rollout::record::tests::record;
    use serde_json::{Value, json};

    fn revision(name: &str, min: Option<&str>) -> Revision {
        let annotations = min.map_or(json!({"a": "b"}), |min| json!({"autoscaling.knative.dev/min-scale": min}));
        Revision::from_json(&json!({"metadata": {"name": name, "uid": name, "annotations": annotations}})).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A finished record with a floor of 3 on both, and the world in which these floors stand.
    fn stage(stable: Option<&str>, candidate: Option<&str>) -> (Record, World) {
        let mut record = record();
        record.phase = Phase::Finished;
        let capacity = Capacity::default().with(&revision("s1", None), ScaleBound::MinScale, 3, at(0));
        record.capacity = Some(Box::new(capacity.with(&revision("s2", Some("1")), ScaleBound::MinScale, 3, at(0))));
        let mut world = World::default();
        world.see_revisions([revision("s1", stable), revision("s2", candidate)]);
        (record, world)
    }

    fn last(order: &BoundOrder) -> Value {
        order.patch.as_array().unwrap().last().unwrap().clone()
    }

    #[test]
    fn who_lost_users_gives_back_at_once_and_who_received_them_after_a_window() {
        let (record, world) = stage(Some("3"), Some("3"));
        let to = receives(&record);
        assert_eq!(to.as_str(), "s2");
        let Returned::Write(order) = return_bounds(&record, &world, |name| name == to, at(1)) else {
            panic!("nothing")
        };
        let pointer = "/metadata/annotations/autoscaling.knative.dev~1min-scale";
        assert_eq!((order.revision.as_str(), last(&order)), ("s1", json!({"op": "remove", "path": pointer})));
        let (record, world) = stage(None, Some("3"));
        assert_eq!(return_bounds(&record, &world, |name| name == to, at(59)), Returned::Wait(at(60)));
        let Returned::Write(order) = return_bounds(&record, &world, |name| name == to, at(60)) else {
            panic!("nothing")
        };
        assert_eq!(last(&order), json!({"op": "add", "path": pointer, "value": "1"}));
        assert_eq!(order.patch[1], json!({"op": "test", "path": pointer, "value": "3"}));
        assert!(standing_words(&record, &world, "s").unwrap().starts_with("min-scale 3 on s2 still stands"));
        assert!(matches!(return_bounds(&record, &world, |_| false, at(1)), Returned::Write(_)), "nobody is waited for");
    }

    /// After a bake the write that finishes moves nobody, so the autoscaler has seen them for that long already.
    #[test]
    fn the_window_counts_from_the_write_that_moved_users() {
        let (mut before, world) = stage(None, Some("3"));
        (before.step, before.step_at) = (2, at(100));
        let finished = |before: &Record, split: Value| {
            let before = Record { split: serde_json::from_value(split).unwrap(), ..before.clone() };
            let mut next = Record { phase: Phase::Finished, step_at: at(150), ..before.clone() };
            note_receipt(&mut next, &before);
            next
        };
        let whole = json!([{"revisionName": "s2", "percent": 100}]);
        let baked = finished(&before, whole);
        assert_eq!(return_bounds(&baked, &world, |_| true, at(155)), Returned::Wait(at(160)));
        assert!(matches!(return_bounds(&baked, &world, |_| true, at(160)), Returned::Write(_)));
        let half = json!([{"revisionName": "s1", "percent": 50}, {"revisionName": "s2", "percent": 50}]);
        let moved = finished(&before, half);
        assert_eq!(return_bounds(&moved, &world, |_| true, at(160)), Returned::Wait(at(210)), "by the last write");
        // At the share that its goal declares the end moves nobody either.
        let shared = json!([{"revisionName": "s1", "percent": 70}, {"revisionName": "s2", "percent": 30}]);
        let plan = Plan::new(&PlanOptions::default()).unwrap().ending_at(30.try_into().unwrap());
        let ended = finished(&Record { plan: Some(plan), ..before.clone() }, shared);
        assert_eq!(return_bounds(&ended, &world, |_| true, at(155)), Returned::Wait(at(160)));
        // Back before anybody was moved: nobody has received anybody.
        (before.step, before.split) =
            (0, serde_json::from_value(json!([{"revisionName": "s1", "percent": 100}])).unwrap());
        let mut back = Record { phase: Phase::RolledBack, step_at: at(150), ..before.clone() };
        note_receipt(&mut back, &before);
        assert!(matches!(return_bounds(&back, &world, |_| true, at(150)), Returned::Write(_)));
    }

    #[test]
    fn a_cap_goes_before_the_owners_floor_above_it_and_waits_for_nobody() {
        let capped = |max: Option<&str>| {
            let mut annotations = json!({"autoscaling.knative.dev/min-scale": "3"});
            if let Some(max) = max {
                annotations["autoscaling.knative.dev/max-scale"] = json!(max);
            }
            Revision::from_json(&json!({"metadata": {"name": "s1", "uid": "s1", "annotations": annotations}})).unwrap()
        };
        let mut record = record();
        let had = revision("s1", Some("5"));
        let capacity = Capacity::default().with(&had, ScaleBound::MinScale, 3, at(0));
        record.capacity = Some(Box::new(capacity.with(&had, ScaleBound::MaxScale, 3, at(0))));
        let mut world = World::default();
        world.see_revisions([capped(Some("3"))]);
        let Returned::Write(order) = return_bounds(&record, &world, |_| true, at(1)) else { panic!("nothing") };
        assert_eq!(last(&order)["path"], "/metadata/annotations/autoscaling.knative.dev~1max-scale");
        world.see_revisions([capped(None)]);
        let Returned::Write(order) = return_bounds(&record, &world, |_| true, at(60)) else { panic!("nothing") };
        assert_eq!(last(&order)["value"], "5");
    }

    #[test]
    fn where_a_goal_ends_below_100_stable_keeps_its_floor() {
        let (mut record, world) = stage(Some("3"), Some("3"));
        let whole = Plan::new(&PlanOptions::default()).unwrap();
        record.plan = Some(whole.ending_at(30_i64.try_into().unwrap()));
        record.split = serde_json::from_value(json!([
            {"revisionName": "s1", "percent": 70, "tag": "stable"}, {"revisionName": "s2", "percent": 30, "tag": "candidate"}
        ]))
        .unwrap();
        assert_eq!(record.ended_below(), Some(30_i64.try_into().unwrap()));
        let Returned::Write(order) = return_bounds(&record, &world, |_| false, at(1)) else { panic!("nothing") };
        assert_eq!(order.revision.as_str(), "s2", "the candidate's goes as ever");
        let (_, mut world) = stage(Some("3"), Some("1"));
        assert_eq!(return_bounds(&record, &world, |_| false, at(1)), Returned::All);
        assert_eq!(standing_words(&record, &world, "s"), None);
        // Somebody else took its users away: it is no way back any more.
        let moved = json!([{"revisionName": "s2", "percent": 100}]);
        world.see_service(
            Service::from_json(
                &json!({"metadata": {"name": "s", "uid": "u", "generation": 2}, "spec": {"traffic": moved}}),
            )
            .unwrap(),
        );
        assert!(matches!(return_bounds(&record, &world, |_| false, at(1)), Returned::Write(_)));
        let (_, world) = stage(Some("3"), Some("1"));
        // Back on stable, or all on the candidate, it goes.
        record.phase = Phase::RolledBack;
        assert!(matches!(return_bounds(&record, &world, |_| false, at(1)), Returned::Write(_)));
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        for (stable, candidate) in [(None, Some("1")), (Some("9"), Some("4")), (None, None)] {
            let (record, world) = stage(stable, candidate);
            assert_eq!(return_bounds(&record, &world, |_| false, at(1)), Returned::All, "{stable:?} {candidate:?}");
        }
    }
}
