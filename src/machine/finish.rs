//! On to the candidate for good, in the shape that the owner had (docs/protocol.md, rule 8). Decides whether traffic
//! may follow latest again. It may use the record, splits and observed objects.

use crate::machine::capacity::note_receipt;
use crate::machine::migration::taken_name;
use crate::machine::next::Order;
use crate::machine::rollback::CannotRestore;
use crate::machine::world::World;
use crate::machine::write::{RecordSize, sure_order};
use crate::model::event::Event;
use crate::model::event::Topic;
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::Code;
use crate::model::ready::is_current;
use crate::rollout::record::Phase;
use crate::rollout::record::Record;
use crate::rollout::splits::only_ready;
use jiff::Timestamp;
/// What the end of a good rollout is, and why it does not follow latest if it did before.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finish {
    /// The write.
    pub order: Order,
    /// The split ends pinned although the owner followed latest; why.
    pub stays_pinned: Option<String>,
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
    let stays_pinned = if record.start.followed_latest() { newer_than(candidate, service) } else { None };
    let follow = record.start.followed_latest() && stays_pinned.is_none();
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
    let mut split = record.start.finished(candidate, follow);
    // A target that blocks now is left out, like those that a rollback had to leave out, because users come first.
    if let Some(safe) = only_ready(&split, candidate, |name| world.serves(name)) {
        next.left_out.extend(safe.left_out);
        split = safe.split;
    }
    let what = Event::new(Topic::Traffic, format!("finished: {split}"));
    let taken = taken_name(world, service, record);
    let order =
        sure_order(service, next, split, taken, size, what).map_err(|e| CannotRestore { why: e.to_string() })?;
    Ok(Finish { order, stays_pinned })
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
        Service::from_json(&json!({
            "metadata": {"name": "s", "uid": "u", "generation": 2, "annotations": {"a": "b"}},
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
}
