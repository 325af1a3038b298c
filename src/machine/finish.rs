//! On to the candidate for good, in the shape that the owner had (docs/protocol.md, rule 8). Decides whether traffic
//! may follow latest again; in care it never does. It may use the record, splits, what is declared and observed objects.

use crate::machine::capacity::note_receipt;
use crate::machine::migration::taken_name;
use crate::machine::next::Order;
use crate::machine::outcomes::stays_by_name;
use crate::machine::rollback::CannotRestore;
use crate::machine::world::World;
use crate::machine::write::{RecordSize, sure_order};
use crate::model::event::Event;
use crate::model::event::Topic;
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::Code;
use crate::model::ready::is_current;
use crate::model::split::Split;
use crate::rollout::declaration::charge::in_care;
use crate::rollout::record::Phase;
use crate::rollout::record::Record;
use crate::rollout::splits::{Start, only_ready};
use jiff::Timestamp;

/// What the end of a good rollout is, and why it does not follow latest if it did before.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finish {
    /// The write.
    pub order: Order,
    /// The split ends pinned although the owner followed latest; why.
    pub stays_pinned: Option<String>,
}

impl Finish {
    /// That in a sentence for the log.
    pub(super) fn pinned_note(&self) -> Option<String> {
        self.stays_pinned.as_ref().map(|why| format!("traffic stays pinned by name, latest is not restored: {why}"))
    }
}

/// The candidate has everything for good, in the shape that the owner had (rule 8).
pub(super) fn finish(
    world: &World,
    service: &Service,
    record: &Record,
    size: RecordSize,
    now: Timestamp,
) -> Result<Finish, CannotRestore> {
    let candidate =
        record.candidate.as_ref().ok_or_else(|| CannotRestore { why: "the record names no candidate".into() })?;
    let newer = if record.start.followed_latest() { newer_than(candidate, service) } else { None };
    let follow = record.start.followed_latest() && newer.is_none();
    let mut next = record.clone();
    next.phase = Phase::Finished;
    next.outcome = Some(Code::Done);
    next.reason = None;
    next.step_at = now;
    next.approval_since = None;
    if let Some(plan) = &mut next.plan {
        // It is over with everyone, whatever share a goal had declared.
        plan.declared = false;
    }
    next.accept(candidate);
    note_receipt(&mut next, record);
    let mut split = good_split(&record.start, candidate, follow, service);
    // A target that blocks now is left out, like those that a rollback had to leave out, because users come first.
    if let Some(safe) = only_ready(&split, candidate, |name| world.serves(name)) {
        next.left_out.extend(safe.left_out);
        split = safe.split;
    }
    let what = Event::new(Topic::Traffic, format!("finished: {split}"));
    let taken = taken_name(world, service, record);
    let order =
        sure_order(service, next, split, taken, size, what).map_err(|e| CannotRestore { why: e.to_string() })?;
    Ok(Finish { order, stays_pinned: newer.or_else(|| stays_by_name(&record.start, service)) })
}

/// Where a good end has everyone, and how: who followed latest does so again where `follow` says that this moves nobody. In care
/// they have the names of that, since the next template would reach them at once; what they had is kept in the record.
pub(crate) fn good_split(start: &Start, candidate: &RevisionName, follow: bool, service: &Service) -> Split {
    let split = start.finished(candidate, follow);
    if in_care(service) { split.by_name(candidate) } else { split }
}

/// Why `latest` would not mean the candidate, if so.
pub(super) fn newer_than(candidate: &RevisionName, service: &Service) -> Option<String> {
    if !is_current(service) {
        return Some("the Configuration has not observed the present template yet".into());
    }
    // Latest means the newest ready revision: a newer template would get all users as soon as it is Ready, unjudged.
    match (&service.latest_created, &service.latest_ready) {
        (Some(created), _) if created != candidate => {
            Some(format!("a newer template waits ({created}); it reaches nobody until it is staged"))
        }
        (_, Some(ready)) if ready != candidate => Some(format!("the newest ready revision is {ready}")),
        (Some(_), Some(_)) => None,
        _ => Some("the newest revision is not known".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::world::tests::ready as world;
    use crate::rollout::record::tests::record;
    use serde_json::json;

    fn service(created: &str, ready: &str) -> Service {
        declaring(&json!({"a": "b"}), created, ready)
    }

    fn declaring(annotations: &serde_json::Value, created: &str, ready: &str) -> Service {
        Service::from_json(&json!({
            "metadata": {"name": "s", "uid": "u", "generation": 2, "annotations": annotations},
            "spec": {"traffic": [{"revisionName": "s1", "percent": 50}, {"revisionName": "s2", "percent": 50}]},
            "status": {"observedGeneration": 2, "latestCreatedRevisionName": created, "latestReadyRevisionName": ready}
        }))
        .unwrap()
    }

    fn now() -> Timestamp {
        Timestamp::from_second(9).unwrap()
    }

    fn split_of(order: &Order) -> String {
        order.record.as_ref().unwrap().split.to_string()
    }

    #[test]
    fn a_finish_follows_latest_only_if_latest_is_the_candidate() {
        let good = finish(&world(&["s1", "s2"]), &service("s2", "s2"), &record(), RecordSize::Whole, now()).unwrap();
        assert_eq!((split_of(&good.order).as_str(), good.stays_pinned), ("latest 100 %", None));
        let newer = finish(&world(&["s1", "s2"]), &service("s3", "s2"), &record(), RecordSize::Whole, now()).unwrap();
        assert_eq!(split_of(&newer.order), "s2 100 %");
        assert!(newer.stays_pinned.unwrap().contains("s3"));
    }
    #[test]
    fn in_care_a_finish_is_by_name_and_says_so() {
        let end = |pipeline: &str, record: &Record, created: &str| {
            let service = declaring(&json!({"andante.dev/pipeline": pipeline}), created, "s2");
            let end = finish(&world(&["s1", "s2"]), &service, record, RecordSize::Whole, now()).unwrap();
            let next = end.order.record.clone().unwrap();
            assert_eq!(next.start, record.start, "what the owner had stays known");
            (split_of(&end.order), end.stays_pinned.unwrap_or_default())
        };
        for in_charge in ["slow-walk", "not: read [able"] {
            let (split, why) = end(in_charge, &record(), "s2");
            assert_eq!(split, "s2 100 %");
            assert!(why.contains("in care") && why.contains("andante detach s"), "{why}");
        }
        assert!(end("slow-walk", &record(), "s3").1.contains("s3"), "what waits is news, care is none");
        assert_eq!(end("ExternalOperation", &record(), "s2"), ("latest 100 %".to_owned(), String::new()));
        // Everyone is where they would be out of care, and a preview at 0 % stays one.
        let had = json!([{"latestRevision": true, "percent": 70}, {"latestRevision": true, "percent": 20, "tag": "x"},
            {"revisionName": "s1", "percent": 10, "tag": "old"}, {"latestRevision": true, "percent": 0, "tag": "p"}]);
        let mut mixed = record();
        mixed.start = Start::new(Split::from_json(Some(&had)).unwrap(), "s1".parse().unwrap(), None).unwrap();
        let (split, _) = end("slow-walk", &mixed, "s2");
        assert_eq!(split, "s2 70 %, s2 20 % (tag x), s1 10 % (tag old), latest 0 % (tag p)");
        // Who named a revision is told nothing.
        let mut named = record();
        named.start.split = Split::from_json(Some(&json!([{"revisionName": "s1", "percent": 100}]))).unwrap();
        assert_eq!(end("slow-walk", &named, "s2"), ("s2 100 %".to_owned(), String::new()));
    }
}
