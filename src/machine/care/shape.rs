//! The split that is left when a Service leaves care: the shape that its owner had, where that moves nobody.
//!
//! Decides what that shape is, by the last record, and whether anybody would be moved by it. It may use the record, splits and
//! observed objects.

use super::is_served;
use crate::machine::finish::newer_than;
use crate::machine::stage::admit::{fresh_start, without_our_tags};
use crate::machine::standing::{Moved, moved, outcome_of};
use crate::machine::world::World;
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::split::Split;
use crate::rollout::record::{Phase, Record};
use crate::rollout::splits::only_ready;

/// What becomes of the split.
#[derive(Debug, PartialEq)]
pub(super) enum Shape {
    /// It stays as it is.
    Stands,
    /// It becomes this one, and users stay where they are.
    Write(Split),
    /// The owner's would move users; why, in a sentence. `by_template`: because latest is not what serves.
    Moves { why: String, by_template: bool },
}

/// The shape that is left. `leave_pinned`: of what a rollout left, tags go and pins stay.
pub(super) fn shape(
    record: Option<&Record>,
    leave_pinned: bool,
    world: &World,
    service: &Service,
) -> Result<Shape, Box<Outcome>> {
    let bad = |what: String| Box::new(outcome_of(Code::BadState, format!("{what}; nothing was written"), service));
    let split = service.split.as_ref().map_err(|error| bad(format!("spec.traffic of {}: {error}", service.name)))?;
    // Without a record nothing in it is known to be ours.
    let Some(record) = record else { return Ok(Shape::Stands) };
    let own = without_our_tags(split, record);
    let wanted = if leave_pinned { own } else { owners(record, split, own, service) };
    if wanted == *split {
        return Ok(Shape::Stands);
    }
    is_served(service)?;
    // A 0 % target that is not Ready would keep Knative from taking the split.
    let home = record.candidate.as_ref().filter(|_| record.phase == Phase::Finished).unwrap_or(&record.start.stable);
    let safe = only_ready(&wanted, home, |name| world.serves(name));
    let safe = safe.ok_or_else(|| bad(format!("a target of {wanted} is not Ready, so Knative would not take it")))?;
    Ok(moves(&safe.split, split, service).unwrap_or(Shape::Write(safe.split)))
}

/// The owner's shape, as far as the last record tells: what they had when that rollout began, with what serves now in the place of
/// what served then. Where somebody moved traffic since, that is theirs.
fn owners(record: &Record, split: &Split, own: Split, service: &Service) -> Split {
    if moved(record, service) == Moved::Traffic || record.leaves_traffic() {
        return fresh_start(None, Some(record), service, split).map_or(own, |start| start.split);
    }
    match (record.phase, &record.candidate) {
        // A goal ended below 100 %, or a way back led there: who has a part of the users has it by name.
        _ if is_shared(record) => own,
        (Phase::Finished, Some(candidate)) => record.start.finished(candidate, true),
        _ => record.start.split.clone(),
    }
}

/// True if this end left users with stable and with what a goal gave a share below 100 %.
fn is_shared(record: &Record) -> bool {
    let both =
        |name: &RevisionName| [name, &record.start.stable].iter().all(|name| !record.split.share(name).is_zero());
    record.ended_below().is_some() || record.start.beside().is_some_and(both)
}

/// How this split would move users, if it would.
fn moves(wanted: &Split, present: &Split, service: &Service) -> Option<Shape> {
    let follows = !wanted.latest_share().is_zero();
    let Some(latest) = &service.latest_ready else {
        return Some(Shape::Moves { why: "no revision is ready".to_owned(), by_template: false });
    };
    // Latest comes to mean a newer revision by itself, as soon as that is Ready.
    if let Some(why) =
        newer_than(latest, service).filter(|_| follows && present.latest_share() != wanted.latest_share())
    {
        return Some(Shape::Moves { why, by_template: true });
    }
    let (then, now) = (wanted.pinned(latest), present.pinned(latest));
    let name = then.revisions().into_iter().find(|name| then.share(name) > now.share(name))?;
    let why = format!("{} of users would get {name}, which has {} now", then.share(name), now.share(name));
    Some(Shape::Moves { why, by_template: follows && name == latest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::world::tests::ready as world;
    use crate::rollout::plan::{Plan, PlanOptions};
    use crate::rollout::record::tests::record;
    use crate::rollout::splits::Start;
    use serde_json::{Value, json};

    fn split(traffic: &Value) -> Split {
        Split::from_json(Some(traffic)).unwrap()
    }

    /// A Service at generation 2 with this traffic, which is served.
    fn service(traffic: &Value, created: &str, ready: &str) -> Service {
        let served: Vec<Value> = traffic.as_array().unwrap().iter().map(|t| {
            json!({"revisionName": t["revisionName"].as_str().unwrap_or(ready), "percent": t["percent"], "tag": t["tag"]})
        }).collect();
        Service::from_json(&json!({
            "metadata": {"name": "s", "uid": "u", "generation": 2},
            "spec": {"template": {}, "traffic": traffic},
            "status": {"observedGeneration": 2, "latestCreatedRevisionName": created, "latestReadyRevisionName": ready,
                "traffic": served, "conditions": [{"type": "RoutesReady", "status": "True"}]}
        }))
        .unwrap()
    }

    /// A closed record of an owner who followed latest, which was `s1`.
    fn closed(phase: Phase, traffic: &Value) -> Record {
        Record { phase, outcome: Some(Code::Done), split: split(traffic), ..record() }
    }

    fn found(record: &Record, service: &Service, leave_pinned: bool) -> Shape {
        shape(Some(record), leave_pinned, &world(&["s1", "s2", "old"]), service).unwrap()
    }

    #[test]
    fn latest_is_followed_again_where_it_is_what_serves() {
        let traffic = json!([{"revisionName": "s2", "percent": 100}]);
        let finished = closed(Phase::Finished, &traffic);
        assert_eq!(found(&finished, &service(&traffic, "s2", "s2"), false), Shape::Write(Split::all_latest()));
        assert_eq!(found(&finished, &service(&traffic, "s2", "s2"), true), Shape::Stands);
        let newer = found(&finished, &service(&traffic, "s3", "s2"), false);
        assert!(matches!(newer, Shape::Moves { by_template: true, ref why } if why.contains("s3")), "{newer:?}");
        let follows = json!([{"latestRevision": true, "percent": 100}]);
        let ended = closed(Phase::Finished, &follows);
        assert_eq!(found(&ended, &service(&follows, "s3", "s2"), false), Shape::Stands, "nothing is changed");
    }

    #[test]
    fn after_a_rollback_latest_is_the_rejected_one() {
        let traffic = json!([{"revisionName": "s1", "percent": 100},
            {"revisionName": "s2", "percent": 0, "tag": "candidate"}]);
        let back = closed(Phase::RolledBack, &traffic);
        let would = found(&back, &service(&traffic, "s2", "s2"), false);
        let why = "100 % of users would get s2, which has 0 % now".to_owned();
        assert_eq!(would, Shape::Moves { why, by_template: true });
        let pinned = split(&json!([{"revisionName": "s1", "percent": 100}]));
        assert_eq!(found(&back, &service(&traffic, "s2", "s2"), true), Shape::Write(pinned), "the tag goes");
        // The template was put back by hand meanwhile.
        let mended = service(&traffic, "s1", "s1");
        assert_eq!(found(&back, &mended, false), Shape::Write(Split::all_latest()));
    }

    /// At 30 % of a goal that declares that, and after a later rollout that came back to it.
    #[test]
    fn who_has_a_declared_share_keeps_it_by_name() {
        let traffic = json!([{"revisionName": "s1", "percent": 70, "tag": "stable"},
            {"revisionName": "s2", "percent": 30, "tag": "candidate"}]);
        let whole = Plan::new(&PlanOptions::default()).unwrap();
        let mut ended = closed(Phase::Finished, &traffic);
        ended.plan = Some(whole.ending_at(30.try_into().unwrap()));
        let plain = split(&json!([{"revisionName": "s1", "percent": 70}, {"revisionName": "s2", "percent": 30}]));
        for leave_pinned in [false, true] {
            assert_eq!(found(&ended, &service(&traffic, "s2", "s2"), leave_pinned), Shape::Write(plain.clone()));
        }
        let [s1, s2] = ["s1", "s2"].map(|name| name.parse().unwrap());
        let back = json!([{"revisionName": "s1", "percent": 70}, {"revisionName": "s2", "percent": 30}]);
        let mut returned = closed(Phase::RolledBack, &back);
        returned.candidate = Some("s3".parse().unwrap());
        returned.start = Start::between(plain, "s3".parse().unwrap(), &s1, &s2).unwrap();
        assert_eq!(found(&returned, &service(&back, "s3", "s3"), false), Shape::Stands);
        // Everyone was taken back to stable: of an earlier share nothing is left.
        let home = json!([{"revisionName": "s1", "percent": 100}]);
        let united = Record { split: split(&home), start: returned.start.united(), ..returned };
        assert_eq!(found(&united, &service(&home, "s1", "s1"), false), Shape::Stands);
    }

    #[test]
    fn what_somebody_moved_since_is_theirs_but_for_our_tags() {
        let ours =
            json!([{"revisionName": "s1", "percent": 100}, {"revisionName": "s2", "percent": 0, "tag": "candidate"}]);
        let back = Record { generation: 1, ..closed(Phase::RolledBack, &ours) };
        let theirs = json!([{"revisionName": "s1", "percent": 60}, {"revisionName": "s2", "percent": 40},
            {"revisionName": "s2", "percent": 0, "tag": "candidate"}]);
        let left = split(&json!([{"revisionName": "s1", "percent": 60}, {"revisionName": "s2", "percent": 40}]));
        assert_eq!(found(&back, &service(&theirs, "s2", "s2"), false), Shape::Write(left));
    }

    #[test]
    fn a_target_that_is_not_ready_is_not_written() {
        let traffic = json!([{"revisionName": "s2", "percent": 100}]);
        let mut finished = closed(Phase::Finished, &traffic);
        finished.start = crate::rollout::splits::Start::new(
            split(
                &json!([{"latestRevision": true, "percent": 100}, {"revisionName": "gone", "percent": 0, "tag": "qa"}]),
            ),
            "s1".parse().unwrap(),
            None,
        )
        .unwrap();
        assert_eq!(found(&finished, &service(&traffic, "s2", "s2"), false), Shape::Write(Split::all_latest()));
    }

    #[test]
    fn without_a_record_nothing_is_known_to_be_ours() {
        let traffic = json!([{"revisionName": "s2", "percent": 100, "tag": "candidate"}]);
        let left = shape(None, false, &world(&["s2"]), &service(&traffic, "s2", "s2"));
        assert_eq!(left.unwrap(), Shape::Stands);
    }
}
