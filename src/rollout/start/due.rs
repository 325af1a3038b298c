//! What is due for a Service, as far as the Service alone tells.
//!
//! Decides which of the many things that change about a Service are worth a look. Its namespace and its runs are looked at when its
//! turn comes. Depends on the decision.

use super::decide::{Idle, StartDecision, StartQuestion, decide};
use super::declared::{Fault, Stated};
use super::table::RunTable;
use crate::model::name::{Namespace, ServiceName};
use crate::model::observed::Service;
use crate::rollout::goal_status::{GoalPhase, StatusSeen};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// Which Service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceKey {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub name: ServiceName,
}

/// For people.
impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What is wished for a Service: two wishes that are equal are one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    /// A run; its name.
    Start(String),
    /// A note on the Service; what it says.
    Note(String),
    /// A look at how its run goes; the run.
    Run(String),
}

/// Whose object this is.
pub fn key_of(object: &Value) -> Option<ServiceKey> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    Some(ServiceKey {
        namespace: text("/metadata/namespace")?.parse().ok()?,
        name: text("/metadata/name")?.parse().ok()?,
    })
}

/// What is wished for this Service; none: nothing. `first`: nobody has looked at its run before.
pub fn wish(object: &Value, table: &Result<RunTable, Fault>, first: bool, now: Timestamp) -> Option<Wish> {
    let key = key_of(object)?;
    let service = Service::from_json(object).ok()?;
    let asked = StartQuestion {
        service: &service,
        declared: &Stated::of_json(object).read(),
        namespace: &key.namespace,
        namespace_suspends: None,
        runs: &[],
        table,
        again: false,
        now,
    };
    match decide(&asked) {
        // How its run goes is told by the run's own news, once somebody has looked.
        StartDecision::Nothing(Idle::Started(run, _)) if first => {
            let status = StatusSeen::of(&service).into_status()?;
            (status.phase == GoalPhase::Started).then(|| Wish::Run(run.name.to_string()))
        }
        // It can be read, and no row is for it: a row may come without a word from the Service.
        StartDecision::Post(faults, None) if asked.declared.is_ok() => {
            Some(Wish::Note(faults.iter().map(ToString::to_string).collect()))
        }
        StartDecision::Nothing(_) | StartDecision::Post(_, None) => None,
        StartDecision::Mark(status, _) => Some(Wish::Note(format!("{} {:?}", status.phase.word(), status.goal))),
        StartDecision::Start(making, _) => Some(Wish::Start(making.name.to_string())),
        StartDecision::Post(_, Some(status)) => Some(Wish::Note(status.reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::object;
    use super::*;
    use crate::model::observed::GOAL_STATUS;
    use serde_json::json;

    fn wish_of(object: &Value, first: bool) -> Option<Wish> {
        wish(object, &Ok(RunTable::shipped()), first, "2026-11-30T04:00:00Z".parse().unwrap())
    }

    #[test]
    fn an_edit_that_is_not_about_the_goal_is_no_wish() {
        let mut seen = object(json!({"andante.dev/pipeline": "p"}));
        let Some(Wish::Note(first)) = wish_of(&seen, false) else { panic!("{:?}", wish_of(&seen, false)) };
        assert!(first.starts_with("reached "), "{first}");
        let goal = Stated::of_json(&seen).read().unwrap().id;
        seen["metadata"]["annotations"][GOAL_STATUS] = json!(format!(
            "{{\"goal\":\"{goal}\",\"phase\":\"started\",\"run\":\"hello-1\",\"kind\":\"PipelineRun\"}}"
        ));
        assert_eq!(wish_of(&seen, false), None);
        assert_eq!(wish_of(&seen, true), Some(Wish::Run("hello-1".into())));
        seen["metadata"]["annotations"]["mine"] = json!("x");
        seen["metadata"]["labels"] = json!({"team": "blue"});
        seen["metadata"]["annotations"]["andante.dev/rollout"] = json!("{}");
        seen["spec"]["traffic"] = json!([{"revisionName": "hello-00001", "percent": 100}]);
        seen["spec"]["template"]["metadata"] = json!({"annotations": {"client.knative.dev/updateTimestamp": "now"}});
        assert_eq!(wish_of(&seen, false), None);
        seen["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example.com/web:2");
        assert!(matches!(wish_of(&seen, false), Some(Wish::Start(_))));
        assert_eq!(wish_of(&object(json!({})), true), None);
        assert_eq!(wish_of(&json!({}), true), None);
    }

    #[test]
    fn a_fault_is_noted_once() {
        let mut seen = object(json!({"andante.dev/pipeline": "p", "andante.dev/traffic": "0"}));
        let Some(Wish::Note(said)) = wish_of(&seen, false) else { panic!("a fault is a note") };
        seen["metadata"]["annotations"][GOAL_STATUS] =
            json!(json!({"phase": "unreadable", "reason": said}).to_string());
        assert_eq!(wish_of(&seen, false), None);
    }
}
