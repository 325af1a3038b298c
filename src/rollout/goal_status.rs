//! What was started for a Service's goal, as it stands on the Service: annotation `andante.dev/goal-status`, one JSON object of
//! `goal`, `run`, `kind`, `phase`, `reason` and `time`.
//!
//! Decides that a write which only gives a goal another id leaves everything else that is said of it as it was. A status that
//! names the declared goal means that nothing is to be started for it. Depends on names, the owner and JSON.

use crate::model::name::GoalId;
use crate::rollout::owner::{Owner, OwnerKind};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

/// The goal that a status names; none where it cannot be read, which says nothing of any goal.
pub fn goal_of(text: &str) -> Option<GoalId> {
    object(text)?.get("goal")?.as_str()?.parse().ok()
}

/// The same status with another id of the goal.
pub fn with_goal(text: &str, goal: &GoalId) -> Option<String> {
    let mut status = object(text)?;
    status.insert("goal".to_owned(), json!(goal));
    Some(Value::Object(status).to_string())
}

/// The status of a run that nobody noted when it was started; none of a person's, which is no run.
pub fn of_run(goal: &GoalId, owner: &Owner, at: Timestamp) -> Option<String> {
    if owner.kind == OwnerKind::Person {
        return None;
    }
    // The run lives in the Service's namespace, and the status names it without that.
    let run = owner.name.rsplit('/').next().unwrap_or_default();
    let reason = format!("{owner} works for it");
    let (kind, time) = (format!("{:?}", owner.kind), at.to_string());
    let status = json!({"goal": goal, "run": run, "kind": kind, "phase": "started", "reason": reason, "time": time});
    Some(status.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> GoalId {
        text.parse().unwrap()
    }

    #[test]
    fn another_id_leaves_all_else_as_it_was() {
        let text = r#"{"goal":"0123456789ab","run":"hello-x","phase":"started","newer":[1]}"#;
        assert_eq!(goal_of(text), Some(id("0123456789ab")));
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let carried = with_goal(text, &id("ba9876543210")).unwrap();
        assert_eq!(json(&carried), json(&text.replace("0123456789ab", "ba9876543210")));
        for bad in ["", "[]", "null"] {
            assert_eq!((goal_of(bad), with_goal(bad, &id("ba9876543210"))), (None, None), "{bad}");
        }
        for of_none in ["{}", r#"{"goal":"x"}"#] {
            assert_eq!(goal_of(of_none), None);
        }
    }

    #[test]
    fn a_run_is_noted_and_a_person_is_none() {
        let owner = Owner { kind: OwnerKind::PipelineRun, name: "shop/run-1".into(), uid: "u".into() };
        let noted = of_run(&id("0123456789ab"), &owner, Timestamp::UNIX_EPOCH).unwrap();
        let wanted = json!({"goal": "0123456789ab", "run": "run-1", "kind": "PipelineRun", "phase": "started",
            "reason": "PipelineRun shop/run-1 works for it", "time": "1970-01-01T00:00:00Z"});
        assert_eq!(serde_json::from_str::<Value>(&noted).unwrap(), wanted);
        let kim = Owner { kind: OwnerKind::Person, name: "kim".into(), uid: "kim".into() };
        assert_eq!(of_run(&id("0123456789ab"), &kim, Timestamp::UNIX_EPOCH), None);
    }
}
