//! What becomes of a run for an older goal once a newer one's is started.
//!
//! Decides that a run which has not staged yet is cancelled in the way that still lets its `finally` work: nobody waits for what it
//! builds. One that has staged holds the Service's record and is left alone, because the newer one takes over from it. Depends on
//! observed Services.

use super::over::{RunSeen, RunState};
use crate::model::name::Namespace;
use crate::model::observed::{RECORD, Service};
use crate::rollout::goal_status::{StartedRun, StatusSeen};
use serde_json::{Value, json};

/// A run that is to be cancelled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cancelling {
    /// The run.
    pub run: StartedRun,
    /// The merge patch that does it.
    pub patch: Value,
}

/// The run of the goal before, if it works and has not staged. `service` is as it was before the newer run was noted.
pub(crate) fn older(service: &Service, namespace: &Namespace, runs: &[RunSeen]) -> Option<Cancelling> {
    let run = StatusSeen::of(service).into_status()?.run?;
    let works = runs.iter().any(|seen| seen.name == run.name && seen.state == RunState::Running);
    // As Tekton calls it; a Job has no such thing, and others are unknown.
    let word = match run.kind.as_deref()? {
        "PipelineRun" => "CancelledRunFinally",
        "TaskRun" => "TaskRunCancelled",
        "CustomRun" => "RunCancelled",
        _ => return None,
    };
    (works && !has_staged(service, namespace, &run))
        .then(|| Cancelling { run, patch: json!({"spec": {"status": word}}) })
}

/// True if the Service's record names it, or may: one that cannot be read says nothing against it.
fn has_staged(service: &Service, namespace: &Namespace, run: &StartedRun) -> bool {
    let Some(record) = service.annotations.get(RECORD) else { return false };
    let record: Value = serde_json::from_str(record).unwrap_or_default();
    let owner = record.pointer("/owner/name").and_then(Value::as_str);
    owner.is_none_or(|owner| owner == format!("{namespace}/{}", run.name))
}

#[cfg(test)]
mod tests {
    use super::super::samples::service;
    use super::*;
    use crate::model::observed::GOAL_STATUS;

    fn of(kind: &str, state: RunState, record: Option<&str>) -> Option<Value> {
        let status = json!({"phase": "started", "goal": "0123456789ab", "run": "hello-1", "kind": kind}).to_string();
        let mut annotations = json!({"andante.dev/pipeline": "p", GOAL_STATUS: status});
        if let Some(record) = record {
            annotations[RECORD] = json!(record);
        }
        let seen = RunSeen { name: "hello-1".parse().unwrap(), state };
        older(&service(annotations), &"shop".parse().unwrap(), &[seen])
            .map(|cancelling| cancelling.patch["spec"]["status"].clone())
    }

    #[test]
    fn what_has_not_staged_is_cancelled_with_its_finally() {
        let running = || RunState::Running;
        assert_eq!(of("PipelineRun", running(), None), Some(json!("CancelledRunFinally")));
        assert_eq!(of("TaskRun", running(), None), Some(json!("TaskRunCancelled")));
        let others = r#"{"owner": {"kind": "PipelineRun", "name": "shop/another"}}"#;
        assert_eq!(of("CustomRun", running(), Some(others)), Some(json!("RunCancelled")));
        // What has staged, may have, is over, or cannot be cancelled.
        assert_eq!(of("PipelineRun", running(), Some(r#"{"owner": {"name": "shop/hello-1"}}"#)), None);
        assert_eq!(of("PipelineRun", running(), Some("garbled")), None);
        assert_eq!(of("PipelineRun", RunState::Done(String::new()), None), None);
        assert_eq!(of("Job", running(), None), None);
        assert_eq!(older(&service(json!({})), &"shop".parse().unwrap(), &[]), None);
    }
}
