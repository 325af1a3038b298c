//! What the owner has when a rollout begins.
//!
//! Decides what of an older record is still true, and who is walked (docs/protocol.md, rules 2, 6 and 9). It may use pure modules only.

use super::kept::following_again;
use super::tags::without_our_tags;
use crate::machine::claim::Claim;
use crate::machine::standing::outcome_of;
use crate::machine::world::World;
use crate::model::name::RevisionName;
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::model::split::{Split, TrafficTarget};
use crate::rollout::record::{Phase, Record};
use crate::rollout::splits::{BadStart, Start};

/// What the owner had, by the older record while that is still true.
pub(crate) fn inherited_start(
    chosen: Option<&RevisionName>,
    claim: Claim,
    record: Option<&Record>,
    world: &World,
    split: &Split,
) -> Option<Start> {
    let record = record?;
    let latest = world.service().and_then(|service| service.latest_ready.as_ref());
    let still_true = record.split == *split
        // Who follows latest has what that means now.
        && (split.latest_share().is_zero() || latest.is_none_or(|latest| *latest == record.start.latest))
        && (matches!(claim, Claim::TakeOver | Claim::Resume) || record.phase == Phase::RolledBack)
        && record.outcome != Some(Code::CouldNotRestore)
        // Then the owner has now what they wrote.
        && !record.leaves_traffic()
        && world.serves(&record.start.stable)
        && chosen.is_none_or(|name| *name == record.start.stable);
    still_true.then(|| without_left_out(&record.start, record, world))
}

/// What the owner has: the split that stands there now.
pub(crate) fn fresh_start(
    chosen: Option<&RevisionName>,
    record: Option<&Record>,
    service: &Service,
    split: &Split,
) -> Result<Start, Box<Outcome>> {
    let bad = |code, what: String| Box::new(outcome_of(code, what, service));
    let latest = service
        .latest_ready
        .clone()
        .ok_or_else(|| bad(Code::BadState, format!("{} has no ready revision", service.name)))?;
    let own = record.map_or_else(|| split.clone(), |r| without_our_tags(split, r));
    let between = record.filter(|r| r.split == *split && chosen.is_none_or(|name| *name == r.start.stable));
    let between = between
        .filter(|r| r.ended_below().is_some())
        .and_then(|r| Start::between(own.clone(), latest.clone(), &r.start.stable, r.candidate.as_ref()?));
    let start = between.map_or_else(|| Start::new(own, latest, chosen), Ok);
    let start = start.map(|start| following_again(start, record, service, split));
    start.map_err(|error| match error {
        BadStart::Ambiguous(_) => {
            let mut outcome = outcome_of(Code::BadState, error.to_string(), service);
            outcome.next = "say which one users are to be walked away from: --stable REVISION".into();
            Box::new(outcome)
        }
        BadStart::NotServing(..) => bad(Code::BadInput, error.to_string()),
    })
}

/// The start without the targets that a rollback had to leave out and that still are not there, because no split could
/// hold them.
fn without_left_out(start: &Start, record: &Record, world: &World) -> Start {
    let absent = |t: &TrafficTarget| {
        record.left_out.iter().any(|l| l.tag == t.tag && l.revision() == Some(t.revision().unwrap_or(&start.latest)))
            && t.percent.is_zero()
            && !world.serves(t.revision().unwrap_or(&start.latest))
    };
    let kept: Vec<TrafficTarget> = start.split.targets().iter().filter(|t| !absent(t)).cloned().collect();
    let before = start.split.targets().iter().take(start.main).filter(|t| absent(t)).count();
    match Split::new(kept) {
        // The walked entry moves up by the entries before it that are gone.
        Ok(split) => {
            let beside =
                start.beside.map(|at| at - start.split.targets().iter().take(at).filter(|t| absent(t)).count());
            Start { split, main: start.main - before, beside, ..start.clone() }
        }
        Err(_) => start.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{pinned, split, start};
    use super::*;
    use crate::rollout::plan::{Plan, PlanOptions};
    use serde_json::json;

    /// The next rollout begins from both, and a way back is to both; whoever says otherwise is heard.
    #[test]
    fn what_a_goal_left_below_100_is_walked_from_both() {
        let shared = json!([{"revisionName": "s1", "percent": 70, "tag": "stable"},
            {"revisionName": "s2", "percent": 30, "tag": "candidate"}]);
        let plan = Plan::new(&PlanOptions::default()).unwrap().ending_at(30.try_into().unwrap());
        let ended = Record { split: split(shared.clone()), plan: Some(plan), ..pinned() };
        let service = Service::from_json(&json!({
            "metadata": {"name": "s", "uid": "u", "generation": 2}, "spec": {"traffic": shared.clone()},
            "status": {"observedGeneration": 2, "latestCreatedRevisionName": "s2", "latestReadyRevisionName": "s2"}}));
        let service = service.unwrap();
        let of = |chosen: Option<&str>, traffic: serde_json::Value| {
            let chosen = chosen.map(|name| name.parse().unwrap());
            fresh_start(chosen.as_ref(), Some(&ended), &service, &split(traffic))
        };
        let begun = of(None, shared.clone()).unwrap();
        assert_eq!((begun.stable.as_str(), begun.beside().unwrap().as_str()), ("s1", "s2"));
        assert!(begun.followed_latest() && !begun.follows_alone());
        assert_eq!(begun.restored(None, &ended.tags).to_string(), "s1 70 %, s2 30 %");
        let next: RevisionName = "s3".parse().unwrap();
        assert_eq!(begun.finished(&next, true).to_string(), "latest 100 %");
        assert_eq!(of(Some("s2"), shared).unwrap().beside(), None, "only its own users are walked");
        let theirs = json!([{"revisionName": "s1", "percent": 60}, {"revisionName": "s2", "percent": 40}]);
        assert!(of(None, theirs).unwrap_err().next.contains("--stable"));
        // A way back is what the next one begins from; also without what had to be left out.
        let restored = begun.restored(None, &ended.tags);
        let mut back =
            Record { phase: Phase::RolledBack, start: begun.clone(), split: restored.clone(), ..ended.clone() };
        let world = crate::machine::world::tests::ready(&["s1", "s2"]);
        let again = |back: &Record| inherited_start(None, Claim::Free, Some(back), &world, &restored);
        assert_eq!(again(&back), Some(begun.clone()));
        let qa =
            split(json!([{"revisionName": "gone", "percent": 0, "tag": "qa"}, {"latestRevision": true, "percent": 70},
            {"revisionName": "s2", "percent": 30}]));
        back.left_out = vec![qa.targets()[0].clone()];
        back.start = Start { split: qa, main: 1, beside: Some(2), ..begun.clone() };
        assert_eq!(again(&back), Some(begun));
    }

    #[test]
    fn what_a_rollback_left_out_does_not_keep_the_next_release_from_beginning() {
        let had =
            json!([{"revisionName": "gone", "percent": 0, "tag": "qa"}, {"latestRevision": true, "percent": 100}]);
        let had = start(had, "s1");
        let mut record = pinned();
        assert_eq!(without_left_out(&had, &record, &World::default()), had, "nothing was left out");
        record.left_out = vec![had.split.targets()[0].clone()];
        let less = without_left_out(&had, &record, &World::default());
        assert_eq!((less.split.to_string().as_str(), less.main), ("latest 100 %", 0));
        assert!(less.followed_latest());
    }
}
