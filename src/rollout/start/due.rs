//! What is due for a Service, as far as the Service alone tells.
//!
//! Decides which of the many things that change about a Service are worth a look. Its namespace and its runs are looked at when its
//! turn comes. Depends on the decision.

use super::decide::{Idle, StartDecision, StartQuestion, decide};
use super::declared::{Fault, Stated};
use super::pin;
use super::table::RunTable;
use crate::model::name::{Namespace, ServiceName};
use crate::model::observed::{RECORD, Service};
use crate::rollout::goal_status::{GoalPhase, StatusSeen};
use crate::rollout::record::{Phase, Record};
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

/// What is to be known of a Service that many others are followed beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// Which it is.
    pub key: ServiceKey,
    /// What is wished for it; none: nothing.
    pub wish: Option<Wish>,
    /// What it declares cannot be acted on, until somebody mends it.
    pub unreadable: bool,
    /// Until when its rollout is to be over, where one is under way.
    pub deadline: Option<Timestamp>,
    /// Its users follow latest, and are to be named.
    pub unnamed: bool,
}

/// What is to be known of this Service; none of what is no Service. `first`: nobody has looked at its run before.
pub fn glance(object: &Value, table: &Result<RunTable, Fault>, first: bool, now: Timestamp) -> Option<Glance> {
    let key = key_of(object)?;
    let service = Service::from_json(object).ok()?;
    let declared = Stated::of_json(object).read();
    let asked = StartQuestion {
        service: &service,
        declared: &declared,
        namespace: &key.namespace,
        namespace_suspends: None,
        runs: &[],
        table,
        again: false,
        now,
    };
    let decided = decide(&asked);
    // What is named and not there is known to nobody but whoever looked for it last.
    let posted = || StatusSeen::of(&service).into_status().is_some_and(|status| status.phase == GoalPhase::Unreadable);
    let is_due = matches!(decided, StartDecision::Start(..));
    let unreadable = matches!(decided, StartDecision::Post(..)) || (is_due && posted());
    let (wish, deadline) = (wish(&asked, decided, first), deadline(&service));
    let unnamed = pin::is_due(&service, &declared);
    Some(Glance { key, wish, unreadable, deadline, unnamed })
}

/// Until when the rollout that is under way is to be over. One that was to stop where it is has no such time.
fn deadline(service: &Service) -> Option<Timestamp> {
    let record = Record::parse(service.annotations.get(RECORD)?).ok()?;
    (record.phase.is_open() && record.phase != Phase::Held).then_some(record.deadline)
}

fn wish(asked: &StartQuestion<'_>, decided: StartDecision, first: bool) -> Option<Wish> {
    match decided {
        // How its run goes is told by the run's own news, once somebody has looked.
        StartDecision::Nothing(Idle::Started(run, _)) if first => {
            let status = StatusSeen::of(asked.service).into_status()?;
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
    use crate::rollout::record::tests::record;
    use serde_json::json;

    fn seen(object: &Value, first: bool) -> Option<Glance> {
        glance(object, &Ok(RunTable::shipped()), first, "2026-11-30T04:00:00Z".parse().unwrap())
    }

    fn wish_of(object: &Value, first: bool) -> Option<Wish> {
        seen(object, first)?.wish
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
    fn users_who_follow_latest_are_no_wish_and_are_seen() {
        let mut following = object(json!({"andante.dev/pipeline": "p"}));
        following["spec"]["traffic"] = json!([{"latestRevision": true, "percent": 100}]);
        following["status"]["conditions"] = json!([{"type": "RoutesReady", "status": "True"}]);
        let glance = seen(&following, false).unwrap();
        assert!(glance.unnamed && matches!(glance.wish, Some(Wish::Note(_))), "{glance:?}");
        following["spec"]["traffic"] = json!([{"revisionName": "hello-00001", "percent": 100}]);
        let named = seen(&following, false).unwrap();
        assert_eq!((named.unnamed, named.wish), (false, glance.wish), "what is to be started is the same");
    }

    #[test]
    fn a_fault_is_noted_once() {
        let mut seen = object(json!({"andante.dev/pipeline": "p", "andante.dev/traffic": "0"}));
        let Some(Wish::Note(said)) = wish_of(&seen, false) else { panic!("a fault is a note") };
        seen["metadata"]["annotations"][GOAL_STATUS] =
            json!(json!({"phase": "unreadable", "reason": said}).to_string());
        assert_eq!(wish_of(&seen, false), None);
    }

    #[test]
    fn what_cannot_be_acted_on_and_what_is_late_is_seen() {
        let of = |annotations: Value| {
            let seen = seen(&object(annotations), false).unwrap();
            (seen.unreadable, seen.deadline)
        };
        assert_eq!(of(json!({"andante.dev/pipeline": "p"})), (false, None));
        assert_eq!(of(json!({"andante.dev/pipeline": "p", "andante.dev/traffic": "0"})), (true, None));
        let done = json!({"phase": "done", "goal": "0123456789ab"}).to_string();
        let unknown = json!({"andante.dev/pipeline": "a.dev/v1/Flow/f", GOAL_STATUS: done});
        assert_eq!(of(unknown), (true, None), "no row is for it");
        // Whoever looked last did not find what is named; a slip that is mended counts no more.
        let posted = |goal: &str| {
            let status = json!({"phase": "unreadable", "reason": "there is no Pipeline p", "goal": goal});
            of(json!({"andante.dev/pipeline": "p", GOAL_STATUS: status.to_string()})).0
        };
        let present = Stated::of_json(&object(json!({"andante.dev/pipeline": "p"}))).read().unwrap().id;
        assert!(posted("0123456789ab") && !posted(present.as_str()));
        let record = |phase| Record { phase, ..record() };
        let late = |phase| of(json!({RECORD: record(phase).to_text().unwrap()})).1;
        for (phase, counts) in
            [(Phase::Walking, true), (Phase::Interrupted, true), (Phase::Held, false), (Phase::Finished, false)]
        {
            assert_eq!(late(phase), counts.then_some(record(phase).deadline), "{phase:?}");
        }
    }
}
