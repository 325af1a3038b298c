//! Targets that keep Knative from taking any split, when a rollout begins.
//!
//! Decides which are refused before the first write, with a command that helps (docs/protocol.md, rule 6), and for which it is waited.
//! It may use the record, splits and the world.

use crate::machine::standing::outcome_of;
use crate::machine::unserved::nobody_is_served;
use crate::machine::world::World;
use crate::model::name::RevisionName;
use crate::model::observed::{Revision, Service};
use crate::model::outcome::{Code, Outcome};
use crate::model::ready::{Pods, pods};
use crate::model::split::{Split, TrafficTarget};
use crate::rollout::record::Record;
use crate::rollout::splits::Start;

/// Why the stable of a rollout that still has its split cannot be taken over now, if it serves and only lacks room for more
/// pods.
pub(super) fn lacks_room(record: Option<&Record>, world: &World, split: &Split) -> Option<String> {
    let record = record.filter(|record| record.split == *split)?;
    let stable = world.revision(&record.start.stable).filter(|stable| stable.actual > 0)?;
    let why = || format!("{} serves and has no room for more pods ({})", stable.name, stable.complaint());
    matches!(pods(stable), Pods::NoRoom(_)).then(why)
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
    use super::super::samples::{split, start};
    use super::*;
    use serde_json::json;

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
