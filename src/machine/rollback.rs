//! The way back to stable, shared by every machine.
//!
//! Decides what rule 9 (docs/protocol.md) means for what is there now; rule 8 is [`crate::machine::finish`]'s. It may
//! use the record, splits and observed objects.

use crate::machine::capacity::note_receipt;
use crate::machine::clash::is_taken;
use crate::machine::migration::{is_ours, misplaced, state_of, taken_name};
use crate::machine::next::Order;
use crate::machine::world::World;
use crate::machine::write::{RecordSize, sure_order};
use crate::model::event::{Event, Topic};
use crate::model::moment::Moment;
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::Code;
use crate::model::ready::{Pods, is_current, pods};
use crate::model::split::{Split, TrafficTarget};
use crate::rollout::declaration::charge::in_care;
use crate::rollout::record::{Phase, Record};
use crate::rollout::splits::only_ready;
use jiff::Timestamp;

/// Why a rollout goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Why {
    /// The exit code that it ends with.
    pub code: Code,
    /// The reason, in a sentence without a full stop.
    pub reason: String,
    /// The candidate itself is to blame: the same one is refused next time.
    pub blames: bool,
}

impl Why {
    /// A reason to go back; whether it blames the candidate follows from the code.
    pub(super) fn new(code: Code, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), blames: code.blames() }
    }

    /// A reason that says nothing about the candidate.
    pub(super) fn blameless(code: Code, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), blames: false }
    }

    /// True if the same run may start the same plan again.
    fn interrupts(&self) -> bool {
        self.code == Code::Interrupted
    }
}

/// Users cannot be brought back to where they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CannotRestore {
    /// Why, in a sentence.
    pub why: String,
}

/// Back to the split from before, in one write that takes effect: only targets that are Ready now. Where stable is gone
/// and the candidate still serves, users go to the candidate, because the only alternative is nothing at all; the
/// record then says `could-not-restore`.
pub(super) fn roll_back(
    world: &World,
    service: &Service,
    record: &Record,
    why: &Why,
    size: RecordSize,
    now: Timestamp,
) -> Result<Order, CannotRestore> {
    let serves = |name: &RevisionName| world.serves(name);
    let keep = record.candidate.as_ref().filter(|name| serves(name));
    let mut next = record.clone();
    next.phase = if why.interrupts() { Phase::Interrupted } else { Phase::RolledBack };
    next.outcome = Some(why.code);
    if why.interrupts() {
        next.ending = world.ending;
    }
    let reason = shortened(&why.reason);
    next.reason = Some(reason.clone());
    next.step = 0;
    next.step_at = now;
    next.approval_since = None;
    note_receipt(&mut next, record);
    // What a revert makes again is what serves, whatever became of its pods.
    if why.blames && !record.reverts {
        next.reject(&reason, now);
    }
    let stable = &record.start.stable;
    let is_latest = service.latest_ready.as_ref() == Some(stable) && service.latest_created.as_ref() == Some(stable);
    let wanted = if (why.code == Code::Done || record.restored) && is_latest && is_current(service) {
        // The owner gets back exactly what they had, because there is no rejected template that latest could mean. In care it may
        // come to mean one with the next edit, so there it is by name.
        if in_care(service) { record.start.split.by_name(stable) } else { record.start.split.clone() }
    } else {
        // A candidate without a pod is about to be not Ready, and a split with its tag would then wait for it.
        let stands = |name: &&RevisionName| {
            !world.revision(name).is_some_and(|r| matches!(pods(r), Pods::Down(_) | Pods::NoRoom(_)))
        };
        let free = |_: &&RevisionName| !is_taken(service, &record.tags, &record.tags.candidate);
        record.start.restored(keep.filter(stands).filter(free), &record.tags)
    };
    let (split, what) = if let Some(safe) = only_ready(&wanted, stable, serves) {
        let mut what = format!("back to {}: {}", safe.split, why.reason);
        for target in &safe.left_out {
            what = format!(
                "{what}; left out because it is not Ready and would block this: {target} (restore it with a traffic edit once it is)"
            );
        }
        next.left_out = safe.left_out;
        (safe.split, what)
    } else if matches!(record.phase, Phase::Staging | Phase::Staged) && nobody_was_moved(service, record) {
        // Nothing can be made worse: stable serves nobody either, and the split from before is what stands in the spec.
        let what = format!("nobody was moved, {wanted} stays as it was: {}", why.reason);
        (wanted, what)
    } else {
        // Users go to what just failed only if stable is gone for good and they are on the candidate already. A stable
        // that is merely not Ready at this moment is no reason, nor is a candidate that never had anybody.
        let gone = world.revision(stable).is_none_or(|r| r.deleting);
        let has_users = |name: &&RevisionName| service.split.as_ref().is_ok_and(|s| !s.share(name).is_zero());
        let Some(candidate) = keep.filter(|_| gone).filter(has_users) else {
            return Err(CannotRestore { why: format!("{}, nothing was written", blockers(&wanted, world)) });
        };
        // Whoever asks to go back once the rollout is over learns that there is no way; nothing is to be brought to rest.
        if record.phase == Phase::Finished {
            return Err(CannotRestore {
                why: format!("{}, users stay on {candidate} and nothing was written", state_of(world, stable)),
            });
        }
        next.outcome = Some(Code::CouldNotRestore);
        let split = emergency(record, candidate, world)
            .ok_or_else(|| CannotRestore { why: format!("{stable} is gone and no safe split is left") })?;
        let what = format!("{stable} is gone, everyone to {candidate}, the only one left: {split}");
        (split, what)
    };
    // What serves users is not rejected, whatever was said of it.
    next.rejected.retain(|r| split.share(&r.revision).is_zero());
    let taken = taken_name(world, service, record);
    sure_order(service, next, split, taken, size, Event::new(Topic::Traffic, what).at(Moment::GoingBack))
        .map_err(|e| CannotRestore { why: e.to_string() })
}

/// The longest reason that is kept in a record, in characters: a container's last words can be kilobytes.
const MAX_REASON: usize = 300;

fn shortened(reason: &str) -> String {
    reason.chars().take(MAX_REASON).collect()
}

/// The last write again, without what keeps Knative from taking it, because it takes a split whole or not at all: a 0 %
/// target that turned unready meanwhile, one of our tags whose name somebody else's Service has, a name of the template
/// that is taken. None if nothing of the kind is in the way.
pub(super) fn mend(world: &World, service: &Service, record: &Record, size: RecordSize) -> Option<Order> {
    let standing = service.split.as_ref().ok()?;
    let taken = taken_name(world, service, record);
    let clashes = |t: &TrafficTarget| t.tag.as_ref().is_some_and(|tag| is_taken(service, &record.tags, tag));
    let unready = |t: &TrafficTarget| t.revision().is_some_and(|name| !world.serves(name));
    let blocking = standing.targets().iter().find(|t| t.percent.is_zero() && (unready(t) || clashes(t)));
    let what = match (blocking, taken) {
        (Some(target), _) => {
            let why = if clashes(target) { "whose tag's name is taken" } else { "which is not Ready" };
            format!("without {target}, {why} and keeps Knative from taking the split")
        }
        (None, Some(_)) => "the same split once more".to_owned(),
        (None, None) => return None,
    };
    let kept = standing.targets().iter().filter(|t| !(t.percent.is_zero() && clashes(t))).cloned().collect();
    let safe = only_ready(&Split::new(kept).ok()?, &record.start.stable, |name| world.serves(name))?;
    let mut next = record.clone();
    // Our own tags are not the owner's, so nobody is told to restore them.
    next.left_out.extend(safe.left_out.into_iter().filter(|t| !is_ours(t, &record.tags)));
    sure_order(service, next, safe.split, taken, size, Event::new(Topic::Traffic, what)).ok()
}

/// True if no target above 0 % is the candidate.
fn nobody_was_moved(service: &Service, record: &Record) -> bool {
    let on = |name: &RevisionName| service.split.as_ref().is_ok_and(|s| s.share(name).is_zero());
    service.split.is_ok() && record.candidate.as_ref().is_none_or(on)
}

/// True if users are elsewhere than the end of this rollout has them.
pub(super) fn is_stuck(service: &Service, record: &Record) -> bool {
    misplaced(service, &record.split)
}

/// What is wrong with the revisions of a split that do not serve.
fn blockers(split: &Split, world: &World) -> String {
    let unready = split.revisions().into_iter().filter(|name| !world.serves(name));
    unready.map(|name| state_of(world, name)).collect::<Vec<_>>().join(", ")
}

/// Everyone whom stable served goes to the candidate; the others stay if they serve.
fn emergency(record: &Record, candidate: &RevisionName, world: &World) -> Option<Split> {
    let split = record.start.finished(candidate, false).pinned(&record.start.latest);
    let targets: Vec<TrafficTarget> =
        split.targets().iter().filter(|t| t.revision().is_none_or(|name| world.serves(name))).cloned().collect();
    Split::new(targets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::world::tests::ready as world;
    use crate::model::observed::Revision;
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
    fn back_by_name_never_to_latest() {
        let why = Why::new(Code::RolledBack, "probe failed");
        let order =
            roll_back(&world(&["s1", "s2"]), &service("s2", "s2"), &record(), &why, RecordSize::Whole, now()).unwrap();
        assert_eq!(split_of(&order), "s1 100 %, s2 0 % (tag candidate)");
        let next = order.record.unwrap();
        assert_eq!(next.phase, Phase::RolledBack);
        assert_eq!(next.rejected[0].revision.as_str(), "s2");
    }

    /// The template says what stable runs in other words, so no revision came of it and latest is stable still.
    #[test]
    fn where_nothing_new_was_made_latest_comes_back_and_in_care_its_name() {
        let back = |annotations: serde_json::Value| {
            let service = Service { annotations: serde_json::from_value(annotations).unwrap(), ..service("s1", "s1") };
            let why = Why::blameless(Code::Done, "s1 serves this already");
            let had = json!([{"latestRevision": true, "percent": 90}, {"latestRevision": true, "percent": 10, "tag": "x"},
                {"latestRevision": true, "percent": 0, "tag": "p"}]);
            let mut record = Record { candidate: None, ..record() };
            record.start.split = Split::from_json(Some(&had)).unwrap();
            split_of(&roll_back(&world(&["s1"]), &service, &record, &why, RecordSize::Whole, now()).unwrap())
        };
        assert_eq!(back(json!({"a": "b"})), "latest 90 %, latest 10 % (tag x), latest 0 % (tag p)");
        let in_care = back(json!({"andante.dev/pipeline": "slow-walk"}));
        assert_eq!(in_care, "s1 90 %, s1 10 % (tag x), latest 0 % (tag p)");
    }

    #[test]
    fn an_unready_candidate_loses_its_tag() {
        let why = Why::new(Code::RolledBack, "crashed");
        let order =
            roll_back(&world(&["s1"]), &service("s2", "s1"), &record(), &why, RecordSize::Whole, now()).unwrap();
        assert_eq!(split_of(&order), "s1 100 %");
    }

    /// `Ready` is still what it was while the pods are gone already.
    #[test]
    fn a_candidate_whose_pods_are_gone_loses_its_tag_and_one_that_sleeps_does_not() {
        let back_with = |desired: i64, active: &str| {
            let mut world = world(&["s1"]);
            let candidate = json!({"metadata": {"name": "s2"}, "status": {"actualReplicas": 0, "desiredReplicas": desired,
                "conditions": [{"type": "Ready", "status": "True"},
                    {"type": "Active", "status": "Unknown", "reason": active}]}});
            world.revisions.insert("s2".parse().unwrap(), Revision::from_json(&candidate).unwrap());
            let why = Why::new(Code::Worse, "worse");
            split_of(&roll_back(&world, &service("s2", "s2"), &record(), &why, RecordSize::Whole, now()).unwrap())
        };
        assert_eq!(back_with(2, "Queued"), "s1 100 %");
        assert_eq!(back_with(0, "NoTraffic"), "s1 100 %, s2 0 % (tag candidate)");
    }

    #[test]
    fn an_interruption_rejects_nobody() {
        let why = Why::new(Code::Interrupted, "SIGTERM");
        let order =
            roll_back(&world(&["s1", "s2"]), &service("s2", "s2"), &record(), &why, RecordSize::Whole, now()).unwrap();
        let next = order.record.unwrap();
        assert_eq!((next.phase, next.rejected.len()), (Phase::Interrupted, 0));
    }

    #[test]
    fn without_stable_users_go_to_whoever_serves_or_nothing_is_written() {
        let why = Why::new(Code::RolledBack, "x");
        let order =
            roll_back(&world(&["s2"]), &service("s2", "s2"), &record(), &why, RecordSize::Whole, now()).unwrap();
        assert_eq!(split_of(&order), "s2 100 %");
        // A stable that exists is waited for, not given up.
        let mut unready = world(&["s2"]);
        unready
            .revisions
            .insert("s1".parse().unwrap(), Revision::from_json(&json!({"metadata": {"name": "s1"}})).unwrap());
        assert!(roll_back(&unready, &service("s2", "s2"), &record(), &why, RecordSize::Whole, now()).is_err());
        assert_eq!(order.record.unwrap().outcome, Some(Code::CouldNotRestore));
        let nothing =
            roll_back(&world(&[]), &service("s2", "s2"), &record(), &why, RecordSize::Whole, now()).unwrap_err();
        assert!(nothing.why.contains("s1 is gone"), "{}", nothing.why);
    }

    #[test]
    fn after_a_good_end_a_stable_that_is_gone_moves_nobody_and_rejects_nobody() {
        let asked = Why { blames: true, ..Why::blameless(Code::RolledBack, "asked for by kim") };
        let mut over = record();
        over.phase = Phase::Finished;
        let refused =
            roll_back(&world(&["s2"]), &service("s2", "s2"), &over, &asked, RecordSize::Whole, now()).unwrap_err();
        assert!(
            refused.why.starts_with("s1 is gone (deleted, or collected by Knative), users stay on s2"),
            "{}",
            refused.why
        );
        // In mid-walk its users go to the only one that is left, which nobody rejects.
        let blamed = Why::new(Code::RolledBack, "probe failed");
        let order =
            roll_back(&world(&["s2"]), &service("s2", "s2"), &record(), &blamed, RecordSize::Whole, now()).unwrap();
        assert_eq!(order.record.unwrap().rejected, []);
    }

    #[test]
    fn a_tag_whose_name_is_somebody_elses_stays_out_of_the_way_back() {
        let mut service = service("s2", "s2");
        let split = json!([{"revisionName": "s1", "percent": 50, "tag": "stable"},
            {"revisionName": "s2", "percent": 50, "tag": "candidate"}]);
        service.split = Split::from_json(Some(&split));
        let said = json!({"metadata": {"name": "s", "uid": "u", "generation": 2}, "status": {"conditions": [
            {"type": "RoutesReady", "status": "False", "reason": "NotOwned",
             "message": "There is an existing placeholder Service \"candidate-s\" that we do not own."}]}});
        service.conditions = Service::from_json(&said).unwrap().conditions;
        let why = Why::new(Code::RolledBack, "probe failed");
        let world = world(&["s1", "s2"]);
        let order = roll_back(&world, &service, &record(), &why, RecordSize::Whole, now()).unwrap();
        assert_eq!(split_of(&order), "s1 100 %");
        // The last write is mended in the same way.
        service.split = Ok(Split::from_json(Some(&json!([{"revisionName": "s1", "percent": 100},
            {"revisionName": "s2", "percent": 0, "tag": "candidate"}])))
        .unwrap());
        assert_eq!(split_of(&mend(&world, &service, &record(), RecordSize::Whole).unwrap()), "s1 100 %");
    }
}
