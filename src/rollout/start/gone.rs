//! How a run ended that is not there any more.
//!
//! Decides that a run which a pruner took after its end ended as the Service says: by what was noted of its end, else by the record
//! of the rollout that it ran. Depends on observed Services and the record.

use super::over::RunState;
use crate::model::name::Namespace;
use crate::model::observed::{RECORD, Service};
use crate::model::outcome::Code;
use crate::rollout::goal_status::{GoalPhase, StartedRun, StatusSeen};
use crate::rollout::owner::OwnerKind;
use crate::rollout::record::Record;

/// How it ended; none where nothing on the Service tells.
pub(crate) fn ended(service: &Service, namespace: &Namespace, run: &StartedRun) -> Option<RunState> {
    let noted = StatusSeen::of(service).into_status().filter(|status| status.made && status.run.as_ref() == Some(run));
    match noted.map(|status| (status.phase, status.reason)) {
        Some((GoalPhase::Done, said)) => return Some(RunState::Done(said)),
        Some((GoalPhase::Failed, said)) => return Some(RunState::Failed(said)),
        _ => {}
    }
    let record = Record::parse(service.annotations.get(RECORD)?).ok()?;
    let ran = record.owner.kind != OwnerKind::Person && record.owner.name == format!("{namespace}/{}", run.name);
    if !ran || record.phase.is_open() {
        return None;
    }
    let said = format!("its rollout ended as {}", record.ended_as().word());
    Some(if record.ended_as() == Code::Done { RunState::Done(said) } else { RunState::Failed(said) })
}

#[cfg(test)]
mod tests {
    use super::super::samples::service;
    use super::*;
    use crate::model::observed::GOAL_STATUS;
    use crate::rollout::owner::Owner;
    use crate::rollout::record::{Phase, tests::record};
    use serde_json::{Value, json};

    fn told(annotations: Value) -> Option<RunState> {
        let run = StartedRun { kind: Some("PipelineRun".into()), name: "hello-1".parse().unwrap() };
        ended(&service(annotations), &"shop".parse().unwrap(), &run)
    }

    #[test]
    fn what_was_noted_or_recorded_says_how_a_run_ended_that_is_gone() {
        let status = |run: &str, phase: &str| {
            json!({"goal": "0123456789ab", "run": run, "kind": "PipelineRun", "phase": phase, "reason": "so"})
                .to_string()
        };
        let noted = |run: &str, phase: &str| told(json!({GOAL_STATUS: status(run, phase)}));
        assert_eq!(noted("hello-1", "done"), Some(RunState::Done("so".into())));
        assert_eq!(noted("hello-1", "failed"), Some(RunState::Failed("so".into())));
        assert_eq!((noted("hello-1", "started"), noted("hello-2", "done")), (None, None));
        let recorded = |owner: &str, phase: Phase, outcome: Option<Code>| {
            let owner = Owner { kind: OwnerKind::PipelineRun, name: owner.into(), uid: "r".into() };
            let record = Record { owner, phase, outcome, ..record() }.to_text().unwrap();
            told(json!({GOAL_STATUS: status("hello-1", "started"), RECORD: record}))
        };
        let done = Some(RunState::Done("its rollout ended as done".into()));
        assert_eq!(recorded("shop/hello-1", Phase::Finished, Some(Code::Done)), done);
        let back = Some(RunState::Failed("its rollout ended as rolled-back".into()));
        assert_eq!(recorded("shop/hello-1", Phase::RolledBack, None), back);
        assert_eq!(recorded("shop/hello-1", Phase::Walking, None), None);
        assert_eq!(recorded("shop/hello-2", Phase::Finished, Some(Code::Done)), None);
        assert_eq!(told(json!({})), None);
    }
}
