//! What a person can do next.
//!
//! Decides words only. It may use the record and the status.

use super::{Called, Life, RevisionStatus, Role, Status};
use crate::machine::outcomes::pinned_words;
use crate::model::observed::Service;
use crate::rollout::owner::OwnerKind;
use crate::rollout::record::{EditOf, Phase, Record};

/// What to do next. `unserved`: why users have nothing that serves them, if so.
pub(super) fn next(
    status: &Status,
    record: Option<&Record>,
    unserved: Option<&str>,
    service: &Service,
    called: &Called,
) -> Vec<String> {
    let here = &called.words;
    if let Some(why) = &status.unreadable {
        return vec![why.clone()];
    }
    let (Some(record), Some(rollout)) = (record, &status.rollout) else {
        return unserved.map_or_else(
            || vec![format!("`andante stage {here} --image REF` begins a rollout")],
            |why| vec![mends(why, here)],
        );
    };
    if !rollout.open {
        return match unserved {
            Some(why) => without_users_served(status, record, why, here),
            None => after_the_end(status, record, service, here),
        };
    }
    // After a foreign edit that ends a walk nobody writes any more (rule 3), so this comes before everything that a walk
    // could do.
    match rollout.edit.as_ref().map(|edit| edit.of) {
        Some(EditOf::Traffic | EditOf::Service) => {
            return vec![format!("`andante settle {here}` closes the rollout and leaves traffic as it is")];
        }
        Some(EditOf::Template) if record.phase == Phase::Staging => {
            return vec![format!("`andante settle {here}` ends the rollout, then `andante stage {here}` begins anew")];
        }
        _ => {}
    }
    if rollout.owner.life.is_dead() || rollout.owner.life == Life::Gone {
        let goes_on = format!("`andante walk {here}` takes it over and goes on");
        let ends = format!("`andante settle {here}` rolls back");
        return if record.phase == Phase::Staging { vec![ends] } else { vec![goes_on, ends] };
    }
    let settles = format!("`andante settle {here}` rolls back");
    match record.phase {
        Phase::Staging if record.is_stopped() => vec![format!("the same `andante stage {here} ...` goes on"), settles],
        Phase::Staging => vec![format!("wait; {settles}")],
        Phase::Interrupted if rollout.owner.kind == OwnerKind::Person => {
            vec![format!("`andante walk {here}` starts again from its first step"), settles]
        }
        Phase::Staged | Phase::Held => vec![format!("`andante walk {here}` goes on"), settles],
        Phase::Interrupted => vec![settles],
        _ => match rollout.waits.as_ref().map(|waits| (waits.kind, waits.command.clone())) {
            Some(("blocked" | "declaration", None)) => vec![
                "mend what is waited for, and the walk goes on".to_owned(),
                format!("`andante control abort {here}` rolls back"),
            ],
            Some((_, Some(command))) => {
                vec![format!("`{command}`"), format!("`andante control abort {here}` rolls back")]
            }
            _ => vec![format!("nothing; `andante control pause|abort|promote {here}` steers it")],
        },
    }
}

/// The command that helps where users have nothing that serves them.
fn mends(why: &str, here: &str) -> String {
    format!(
        "`andante roll-out {here} --image REF` with what mends it: {why}, so it gets everyone as soon as it is Ready"
    )
}

/// After the end of a rollout: the way back where that would serve, and a release that mends.
fn without_users_served(status: &Status, record: &Record, why: &str, here: &str) -> Vec<String> {
    let stable = &record.start.stable;
    let stands = |r: &&RevisionStatus| r.name == stable.as_str() && matches!(r.pods, "up" | "asleep");
    let back = status.revisions.iter().find(stands);
    back.map(|_| format!("`andante settle {here} --to stable` goes back to {stable}, which is Ready"))
        .into_iter()
        .chain([mends(why, here)])
        .collect()
}

fn after_the_end(status: &Status, record: &Record, service: &Service, here: &str) -> Vec<String> {
    let mut next = Vec::new();
    if !status.serving.served && status.revisions.iter().any(|r| r.percent != r.asked) {
        next.push(format!("`andante settle {here}` brings users to where this rollout ended, or says what keeps them"));
    }
    let rolled_back = record.phase == Phase::RolledBack;
    let pinned = status.asked.as_ref().is_some_and(|split| split.latest_share().is_zero());
    if rolled_back && pinned && record.start.followed_latest() {
        next.push(pinned_words(service));
        next.push(format!("`andante stage {here} --image REF` with a mended image"));
    }
    for target in &record.left_out {
        next.push(format!("restore what was left out, once it is Ready: {target}"));
    }
    if next.is_empty() {
        let first = record.candidate.as_ref() == Some(&record.start.stable);
        next.push(if rolled_back || first {
            format!("`andante stage {here} --image REF` begins the next one")
        } else {
            way_back(status, here)
        });
    }
    next
}

/// Whether a release that ended well can still be taken back. Nothing holds the revision from before any more, so it may be
/// collected at any time, and what may be collected is not promised.
fn way_back(status: &Status, here: &str) -> String {
    let Some(stable) = status.revisions.iter().find(|r| r.role == Role::Stable) else { return "nothing".to_owned() };
    let name = &stable.name;
    match (stable.pods, &stable.why) {
        ("missing", _) => format!(
            "nothing; {name} is gone, so there is no way back to it: `andante settle {here} --to REVISION` takes another one"
        ),
        ("up" | "asleep", _) => {
            format!("nothing; `andante settle {here} --to stable` rolls back while Knative keeps {name}")
        }
        (_, why) => format!(
            "nothing; {name} is not ready to take users back: {}",
            why.as_deref().unwrap_or("its pods are not there")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::explain;
    use super::super::samples::{self, at, called, explained, walking, with, world};
    use super::*;
    use crate::model::observed::Revision;
    use crate::rollout::owner::Liveness;
    use serde_json::json;

    #[test]
    fn a_dead_owner_is_said_plainly() {
        let mut record = walking();
        record.deadline = at(20);
        let status = explained(&with(&record, 5), None);
        let rollout = status.rollout.unwrap();
        assert_eq!(rollout.owner.life, Life::Overdue);
        assert_eq!(rollout.waits.unwrap().text, "the next run, or `andante settle hello -n demo`");
        assert_eq!(status.next.len(), 2, "{:?}", status.next);
    }

    /// A pruned run's pod may still walk, so nobody says that it is dead.
    #[test]
    fn a_run_whose_object_is_gone_is_not_called_dead() {
        let mut record = walking();
        record.owner.kind = OwnerKind::PipelineRun;
        let mut world = samples::world(&with(&record, 5), None);
        world.liveness = Some((record.owner.uid.clone(), Liveness::Gone));
        let status = explain(&world, &called(), at(60)).unwrap();
        let text = super::super::lines::lines(&status, at(60)).join("\n");
        assert!(text.contains("its run object is gone: if its pod is gone as well, nobody acts any more"), "{text}");
        assert!(!text.contains("DEAD") && text.contains("waits for  step 2 (50 %)"), "{text}");
        assert!(text.contains("takes it over and goes on") && text.contains("rolls back"), "{text}");
        world.liveness = Some((record.owner.uid.clone(), Liveness::Done));
        let status = explain(&world, &called(), at(60)).unwrap();
        assert!(super::super::lines::lines(&status, at(60)).join("\n").contains("DEAD: the run that holds it is done"));
    }

    #[test]
    fn after_a_rollback_the_pin_is_explained() {
        let mut record = walking();
        record.phase = Phase::RolledBack;
        let status = explained(&with(&record, 5), None);
        assert!(status.next[0].contains("pinned by name until a rollout ends well"), "{:?}", status.next);
        let mut in_care = with(&record, 5);
        in_care["metadata"]["annotations"]["andante.dev/pipeline"] = json!("slow-walk");
        let status = explained(&in_care, None);
        assert!(status.next[0].contains("pinned by name, as in care"), "{:?}", status.next);
        record.phase = Phase::Finished;
        let status = explained(&with(&record, 5), None);
        assert!(
            status.next[0].contains("--to stable` rolls back while Knative keeps hello-00001"),
            "{:?}",
            status.next
        );
    }

    #[test]
    fn what_is_gone_is_not_offered() {
        let mut record = walking();
        record.phase = Phase::Finished;
        let object = with(&record, 5);
        let mut world = world(&object, None);
        world.revisions.remove(&record.start.stable);
        let next = explain(&world, &called(), at(60)).unwrap().next;
        assert!(next[0].contains("hello-00001 is gone, so there is no way back"), "{next:?}");
        assert!(!next[0].contains("--to stable"), "{next:?}");
    }

    #[test]
    fn users_who_are_elsewhere_after_the_end_are_brought_back() {
        let mut record = walking();
        record.phase = Phase::RolledBack;
        let mut object = with(&record, 5);
        object["status"]["traffic"][0]["percent"] = json!(50);
        object["status"]["traffic"][1]["percent"] = json!(50);
        let status = explained(&object, None);
        assert!(status.next[0].starts_with("`andante settle hello -n demo` brings users"), "{:?}", status.next);
    }

    /// What is advised where these revisions are not Ready and have no pod.
    fn with_broken(object: &serde_json::Value, broken: &[&str]) -> Vec<String> {
        let mut world = samples::world(object, None);
        for name in broken {
            let down = json!({"metadata": {"name": name}, "status": {"actualReplicas": 0, "desiredReplicas": 1,
                "conditions": [{"type": "Ready", "status": "False", "reason": "ExitCode3"}]}});
            world.revisions.insert(name.parse().unwrap(), Revision::from_json(&down).unwrap());
        }
        super::super::explain(&world, &samples::called(), at(60)).unwrap().next
    }

    #[test]
    fn where_nobody_is_served_the_advice_is_what_mends_that() {
        let mut plain = samples::service(json!({}));
        plain["spec"]["traffic"] = json!([{"latestRevision": true, "percent": 100}]);
        assert!(with_broken(&plain, &[])[0].contains("begins a rollout"));
        let next = with_broken(&plain, &["hello-00002"]);
        assert!(next[0].starts_with("`andante roll-out hello -n demo --image REF` with what mends it"), "{next:?}");
        assert!(next[0].contains("hello-00002 serves nobody (ExitCode3)"), "{next:?}");
        // After a good end the way back helps at once, if there is one.
        let mut finished = walking();
        finished.phase = Phase::Finished;
        finished.split = finished.start.finished(&"hello-00002".parse().unwrap(), false);
        let next = with_broken(&with(&finished, 5), &["hello-00002"]);
        assert!(next[0].contains("--to stable` goes back to hello-00001"), "{next:?}");
        let next = with_broken(&with(&finished, 5), &["hello-00001", "hello-00002"]);
        assert!(next.len() == 1 && next[0].contains("roll-out"), "{next:?}");
    }
}
