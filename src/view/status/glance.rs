//! A status as one short line, for a live view: phase, step, who gets what and how its pods are.
//!
//! Decides what is left out; two glances are equal when nothing worth a line changed.

use super::lines::pods;
use super::rollout::{moves, word};
use super::{RevisionStatus, Status, dead_words, rollout::Rollout};
use crate::rollout::record::{EditOf, Phase};

/// How wide the first column is: a space follows `walking 10/10 (100 %)`.
const STAND: usize = 22;

/// The status in one line.
pub(crate) fn glance(status: &Status) -> String {
    let stand = status.rollout.as_ref().map_or_else(|| "no rollout".to_owned(), stand);
    let served = status.serving.served;
    let revision = |s: &RevisionStatus| {
        // An arrow marks a percentage that is asked for and not served yet.
        let (sign, percent) = if served { (' ', s.percent) } else { ('>', s.asked) };
        format!("{} {sign}{percent:>3} % {}", s.name, pods(s))
    };
    let revisions: Vec<String> = status.revisions.iter().map(revision).collect();
    let mut parts = vec![revisions.join(" | ")];
    if status.serving.blocked {
        parts.push(format!("REFUSED by Knative: {}", status.serving.why.as_deref().unwrap_or_default()));
    }
    let unready =
        status.conditions.iter().find(|c| c.kind == "Ready" && c.status == "False" && !status.serving.blocked);
    parts.extend(unready.map(|c| format!("not Ready: {} {}", c.reason, c.message)));
    if status.unreadable.is_some() {
        parts.push("the record cannot be read".to_owned());
    }
    if let Some(rollout) = &status.rollout {
        parts.extend(remarks(rollout));
    }
    let parts: Vec<String> = parts.into_iter().filter(|p| !p.is_empty()).collect();
    format!("{stand:<STAND$} {}", parts.join("; ")).trim_end().to_owned()
}

fn stand(rollout: &Rollout) -> String {
    let nobody = rollout.left.is_some() && moves(rollout.phase);
    let phase = if nobody { "left" } else { word(rollout.phase) };
    match &rollout.progress {
        Some(p) if matches!(rollout.phase, Phase::Walking | Phase::Baking | Phase::Held) => {
            format!("{phase} {}/{} ({})", p.step, p.of, p.percent)
        }
        _ => rollout.ended_below.map_or_else(|| phase.to_owned(), |share| format!("{phase} ({share})")),
    }
}

fn remarks(rollout: &Rollout) -> Vec<String> {
    let mut remarks = vec![format!("epoch {}", rollout.epoch)];
    if !rollout.open {
        remarks.extend(rollout.reason.clone());
        return remarks;
    }
    let requests = &rollout.requests;
    for (verb, request) in [("paused", &requests.pause), ("aborted", &requests.abort), ("promoted", &requests.promote)]
    {
        remarks.extend(request.as_ref().map(|r| format!("{verb} by {}", r.by)));
    }
    let step = rollout.progress.as_ref().map_or(0, |p| p.step);
    for approval in requests.approved.iter().filter(|a| a.step > step) {
        remarks.push(format!("step {} approved by {}", approval.step, approval.request.by));
    }
    remarks.extend(rollout.edit.as_ref().map(|e| match e.of {
        EditOf::Traffic => format!("{} changed the traffic", e.by),
        EditOf::Template => format!("{} changed the template", e.by),
        EditOf::Service => format!("{} made the Service anew", e.by),
    }));
    remarks.extend(rollout.reason.clone());
    if let Some(waits) = &rollout.waits {
        if rollout.owner.life.is_dead() {
            remarks.push(format!("{}: waits for {}", dead_words(rollout.owner.life), waits.text));
        } else if waits.kind == "approval" {
            remarks.push(format!("waits for `{}`", waits.command.as_deref().unwrap_or_default()));
        } else if matches!(waits.kind, "blocked" | "declaration") {
            remarks.push(format!("waits for {}", waits.text));
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::super::samples::{asked_by_kim, at, explained, service, walking, with};
    use super::*;
    use crate::rollout::control::Control;
    use serde_json::json;

    #[test]
    fn one_line_says_it_all() {
        let line = glance(&explained(&with(&walking(), 5), None));
        assert_eq!(
            line,
            "walking 1/3 (1 %)      hello-00001   99 % up (1 pod) | hello-00002    1 % up (1 pod); epoch 4"
        );
        assert!(glance(&explained(&service(json!({})), None)).starts_with("no rollout"));
    }

    #[test]
    fn what_is_not_served_yet_is_marked() {
        let mut object = with(&walking(), 5);
        object["status"]["traffic"][0]["percent"] = json!(100);
        object["status"]["traffic"][1]["percent"] = json!(0);
        let line = glance(&explained(&object, None));
        assert!(line.contains("hello-00001 > 99 % up (1 pod) | hello-00002 >  1 % up (1 pod); epoch 4"), "{line}");
        object["status"]["conditions"] =
            json!([{"type": "RoutesReady", "status": "False", "reason": "RevisionMissing"}]);
        assert!(glance(&explained(&object, None)).contains("REFUSED by Knative: RevisionMissing"));
    }

    #[test]
    fn a_walk_that_lost_its_target_is_left() {
        let mut edited = with(&walking(), 6);
        edited["spec"]["traffic"] = json!([{"revisionName": "hello-00001", "percent": 100}]);
        let line = glance(&explained(&edited, None));
        assert!(line.starts_with("left 1/3 (1 %)  ") && line.contains("somebody changed the traffic"), "{line}");
    }

    #[test]
    fn people_and_waits_are_remarked() {
        let mut record = walking();
        record.step = 2;
        record.approval_since = Some(at(20));
        let mut control = Control::of(record.id.clone());
        let line = glance(&explained(&with(&record, 5), Some(&control)));
        assert!(line.ends_with("waits for `andante control approve hello -n demo --rollout r1 --step 3`"), "{line}");
        control.pause = Some(asked_by_kim());
        let line = glance(&explained(&with(&record, 5), Some(&control)));
        assert!(line.ends_with("epoch 4; paused by kim"), "{line}");
    }
}
