//! What the owner has when a rollout begins, and what about it forbids to begin.
//!
//! Decides which tags are the owner's and which are ours, what of an older record is still true, and which targets
//! would block every split (docs/protocol.md, rules 4, 6 and 9). It may use pure modules only.

use super::kept::following_again;
use crate::machine::claim::Claim;
use crate::machine::standing::outcome_of;
use crate::machine::unserved::nobody_is_served;
use crate::machine::world::World;
use crate::model::name::{RevisionName, ServiceName, Tag};
use crate::model::observed::{Revision, Service};
use crate::model::outcome::{Code, Outcome};
use crate::model::ready::{Pods, pods};
use crate::model::split::{Split, TrafficTarget};
use crate::rollout::record::{Phase, Record};
use crate::rollout::splits::{BadStart, Start, Tags, room_for_tags};

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

/// Why the stable of a rollout that still has its split cannot be taken over now, if it serves and only lacks room for more
/// pods.
pub(super) fn lacks_room(record: Option<&Record>, world: &World, split: &Split) -> Option<String> {
    let record = record.filter(|record| record.split == *split)?;
    let stable = world.revision(&record.start.stable).filter(|stable| stable.actual > 0)?;
    let why = || format!("{} serves and has no room for more pods ({})", stable.name, stable.complaint());
    matches!(pods(stable), Pods::NoRoom(_)).then(why)
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

/// The split without what an earlier rollout of ours left: its 0 % entries go, its tags come off.
pub(crate) fn without_our_tags(split: &Split, record: &Record) -> Split {
    // A tag is ours if our last write put it there, on the same revision; one that was set since is the owner's.
    let ours = |t: &TrafficTarget, tag: &Tag| {
        let written = record.split.tagged(tag).is_some_and(|w| w.follow == t.follow);
        written && (*tag == record.tags.candidate || *tag == record.tags.stable)
    };
    let was_owners = |tag: &Tag| record.start.split.tagged(tag).is_some();
    let targets: Vec<TrafficTarget> = split
        .targets()
        .iter()
        .filter_map(|t| match &t.tag {
            Some(tag) if ours(t, tag) && !was_owners(tag) => {
                if t.percent.is_zero() {
                    None
                } else {
                    Some(TrafficTarget { tag: None, ..t.clone() })
                }
            }
            _ => Some(t.clone()),
        })
        .collect();
    Split::new(targets).unwrap_or_else(|_| split.clone())
}

/// Refused before anything is looked at: the Service's name leaves no room for a tag, and a rollout needs two. Stable's keeps
/// the way back, the candidate's makes its address, by which it is proved before anyone is sent to it.
pub(crate) fn no_tag_fits(service: &ServiceName) -> Option<Outcome> {
    let length = service.as_str().len();
    (room_for_tags(service) == 0).then(|| {
        let what = format!(
            "no tag fits beside a Service name of {length} characters: Knative makes the host name `TAG-{service}` of a tag, of at most 63 characters; nothing was written"
        );
        Outcome::new(Code::BadInput, what).next("give the Service a name of at most 61 characters (a name is for good: a new Service)")
    })
}

/// Refused before the first write: a tag of ours that is the owner's already, or that makes no host name.
pub(crate) fn tags_are_free(tags: &Tags, start: &Start, service: &Service) -> Result<(), Box<Outcome>> {
    if let Some(end) = no_tag_fits(&service.name) {
        return Err(Box::new(end));
    }
    let bad = |what: String, next: String| Err(Box::new(outcome_of(Code::BadState, what, service).next(next)));
    let room = room_for_tags(&service.name);
    for tag in [&tags.candidate, &tags.stable] {
        if let Some(target) = start.split.tagged(tag) {
            let most = if tags.are_shortened(&service.name) {
                format!(" (of at most {room} characters, since the Service's name is long)")
            } else {
                String::new()
            };
            return bad(
                format!("the tag `{tag}` is the owner's already ({target}); nothing was written"),
                format!("choose other names: --candidate-tag, --stable-tag{most}"),
            );
        }
    }
    for tag in [&tags.candidate, &tags.stable] {
        if tag.as_str().len() > room {
            return bad(
                format!("the host name `{tag}-{}` would be longer than 63 characters", service.name),
                format!("choose names of at most {room} characters: --candidate-tag, --stable-tag"),
            );
        }
    }
    Ok(())
}

/// Refused before the first write: a target that is not Ready, because Knative would block everything after it. Where users
/// have nothing that serves, a release is what mends that (`stage::mending`), and it leaves such targets out.
pub(crate) fn targets_are_ready(start: &Start, world: &World, service: &Service) -> Result<(), Box<Outcome>> {
    let pinned = start.pinned();
    if nobody_is_served(&pinned, service, world).is_some() {
        return Ok(());
    }
    let Some(name) = pinned.revisions().into_iter().find(|name| !world.serves(name)) else { return Ok(()) };
    let why = world.revision(name).map_or_else(|| "it does not exist".to_owned(), Revision::complaint);
    let what = format!(
        "the traffic of {} names {name}, which is not Ready ({why}); Knative takes a split whole or not at all, so no split could follow, no rollback either; nothing was written",
        service.name
    );
    let next = way_out(name, &pinned, world, service);
    Err(Box::new(outcome_of(Code::BadState, what, service).next(next)))
}

/// What makes a split possible again in which `blocker` is not Ready.
fn way_out(blocker: &RevisionName, pinned: &Split, world: &World, service: &Service) -> String {
    let kn = format!("`kn service update {}", service.called());
    let of = |t: &&TrafficTarget| t.revision() == Some(blocker);
    let tag = pinned.targets().iter().filter(of).find_map(|t| t.tag.as_ref());
    let untag = tag.map(|tag| format!(" --untag {tag}")).unwrap_or_default();
    if pinned.share(blocker).is_zero() {
        return match tag {
            Some(_) => format!("mend {blocker} or remove its target: {kn}{untag}`"),
            None => format!("mend {blocker} or remove its target from spec.traffic"),
        };
    }
    let ready = pinned.targets().iter().find(|t| !t.percent.is_zero() && t.revision().is_some_and(|r| world.serves(r)));
    match ready.and_then(TrafficTarget::revision) {
        Some(ready) => format!("mend {blocker}, or send its users to who serves: {kn} --traffic {ready}=100{untag}`"),
        // Its own pods serve although it is not Ready, as where a quota leaves no room for more of them.
        None => "its pods serve, though: give it what it lacks, then run the same again".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::plan::{Plan, PlanOptions};
    use crate::rollout::record::tests::record;
    use serde_json::json;

    fn split(traffic: serde_json::Value) -> Split {
        Split::from_json(Some(&traffic)).unwrap()
    }

    fn start(traffic: serde_json::Value, latest: &str) -> Start {
        Start::new(split(traffic), latest.parse().unwrap(), None).unwrap()
    }

    /// A closed record whose owner followed latest and that left `s2 100` behind.
    fn pinned() -> Record {
        let mut record = record();
        record.phase = Phase::Finished;
        record.outcome = Some(Code::Done);
        record.split = split(json!([{"revisionName": "s2", "percent": 100}]));
        record
    }

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

    /// What is said of the usual tags of a Service whose name is so long, with this traffic.
    fn of_length(length: usize, traffic: serde_json::Value) -> Option<(Code, String)> {
        let name = "a".repeat(length);
        let object = json!({"metadata": {"name": name, "uid": "u", "generation": 1}, "spec": {"traffic": traffic}});
        let service = Service::from_json(&object).unwrap();
        let tags = Tags::usual(&service.name);
        tags_are_free(&tags, &start(traffic, "s1"), &service).err().map(|end| (end.code, end.line()))
    }

    #[test]
    fn a_long_name_leaves_room_for_short_tags_or_for_none() {
        let plain = json!([{"latestRevision": true, "percent": 100}]);
        for length in [1, 53, 54, 61] {
            assert_eq!(of_length(length, plain.clone()), None, "{length}");
        }
        for length in [62, 63] {
            let (code, line) = of_length(length, plain.clone()).unwrap();
            assert_eq!(code, Code::BadInput);
            assert!(line.contains("no tag fits") && line.contains("at most 61 characters"), "{line}");
        }
        let theirs =
            json!([{"latestRevision": true, "percent": 100}, {"revisionName": "s0", "percent": 0, "tag": "c"}]);
        assert_eq!(of_length(53, theirs.clone()), None, "ours are longer");
        let (code, line) = of_length(60, theirs).unwrap();
        assert_eq!(code, Code::BadState);
        assert!(line.contains("the tag `c` is the owner's already") && line.contains("at most 2 characters"), "{line}");
    }

    #[test]
    fn a_tag_of_our_name_that_was_set_since_is_the_owners() {
        let mut record = pinned();
        let tagged =
            json!([{"revisionName": "s2", "percent": 100}, {"revisionName": "s1", "percent": 0, "tag": "candidate"}]);
        assert_eq!(without_our_tags(&split(tagged.clone()), &record), split(tagged.clone()));
        record.split = split(tagged.clone());
        assert_eq!(without_our_tags(&split(tagged), &record).to_string(), "s2 100 %");
    }

    /// The end, if there is one, where only `s1` is Ready and `bad` has this many pods.
    fn refusal(traffic: serde_json::Value, actual: i64) -> Option<String> {
        let mut world = World::default();
        world.see_revisions([("s1", "True", 1), ("bad", "False", actual)].map(|(name, ready, actual)| {
            // One that is not Ready and has pods lacks room for more of them.
            let (reason, message) = if actual > 0 { ("FailedCreate", "exceeded quota") } else { ("ExitCode3", "") };
            Revision::from_json(&json!({"metadata": {"name": name}, "status": {"actualReplicas": actual,
                "conditions": [{"type": "Ready", "status": ready, "reason": reason, "message": message}]}}))
            .unwrap()
        }));
        let service = Service::from_json(
            &json!({"metadata": {"name": "hello", "namespace": "demo", "uid": "u", "generation": 1}}),
        );
        let start = Start { split: split(traffic), ..start(json!([{"revisionName": "s1", "percent": 100}]), "s1") };
        targets_are_ready(&start, &world, &service.unwrap()).err().map(|outcome| outcome.line())
    }

    #[test]
    fn a_target_that_is_not_ready_is_refused_with_a_command_that_helps() {
        let tagged = refusal(
            json!([{"revisionName": "s1", "percent": 100}, {"revisionName": "bad", "percent": 0, "tag": "qa"}]),
            0,
        );
        assert!(tagged.unwrap().contains("`kn service update hello -n demo --untag qa`"));
        let shared =
            refusal(json!([{"revisionName": "s1", "percent": 80}, {"revisionName": "bad", "percent": 20}]), 0).unwrap();
        assert!(shared.contains("`kn service update hello -n demo --traffic s1=100`"), "{shared}");
        let alone = json!([{"revisionName": "bad", "percent": 100}]);
        assert_eq!(refusal(alone.clone(), 0), None, "nothing to protect");
        assert!(refusal(alone, 2).unwrap().contains("its pods serve"));
    }
}
