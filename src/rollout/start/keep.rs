//! Which finished runs of a Service are too many.
//!
//! Decides that only what was started here counts (by label, owner and name), only what is over, the newest ones stay, and so does the
//! run that the Service names and the one whose rollout is open. Where the Service does not tell that, nothing is too much. Depends on
//! the other modules of this room, observed Services and the record.

use super::due::ServiceKey;
use super::over::RunKind;
use super::whose::{is_of, service_of};
use crate::model::name::Namespace;
use crate::model::observed::{RECORD, Service};
use crate::rollout::goal_status::StatusSeen;
use crate::rollout::record::Record;
use serde_json::{Value, json};

/// How many are deleted at once: what was there before anybody counted goes little by little, and no turn takes long.
const AT_ONCE: usize = 20;

/// How many finished runs of one kind a Service keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All: nothing is deleted.
    All,
    /// So many.
    Newest(usize),
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OldRun {
    /// When it was made, as the API server writes times: text that sorts.
    made: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// What is kept of a run of this Service that is over; none of anything else.
pub fn finished(kind: &RunKind, run: &Value, service: &ServiceKey, uid: &str) -> Option<Value> {
    let text = |pointer: &str| run.pointer(pointer).and_then(Value::as_str);
    let ours = service_of(run).as_ref() == Some(service) && is_of(run, uid);
    let goes = text("/metadata/deletionTimestamp").is_some();
    let over = kind.seen(run).is_some_and(|seen| seen.state.is_over());
    (ours && over && !goes).then_some(())?;
    Some(json!([text("/metadata/creationTimestamp")?, text("/metadata/name")?, text("/metadata/uid")?]))
}

/// Those beyond the newest so many, the oldest first.
pub fn surplus(list: &[Value], most: usize) -> Vec<OldRun> {
    let read = |words: &Value| {
        let (made, name, uid) = serde_json::from_value(words.clone()).ok()?;
        Some(OldRun { made, name, uid })
    };
    let mut runs: Vec<OldRun> = list.iter().filter_map(read).collect();
    runs.sort_unstable();
    runs.truncate(runs.len().saturating_sub(most));
    runs
}

/// What of it may be deleted, as the Service stands; `uid`: of the Service that owns them.
pub fn spared(old: Vec<OldRun>, service: &Service, uid: &str, namespace: &Namespace) -> Vec<OldRun> {
    let seen = StatusSeen::of(service);
    let record = service.annotations.get(RECORD).map(|text| Record::parse(text)).transpose();
    let (Ok(record), false) = (record, matches!(seen, StatusSeen::Unreadable { .. })) else { return Vec::new() };
    if service.uid != uid {
        return Vec::new();
    }
    let named = seen.into_status().and_then(|status| status.run).map(|run| run.name.to_string());
    let open = record.filter(|record| record.phase.is_open()).map(|record| record.owner.name);
    let may =
        |run: &OldRun| Some(&run.name) != named.as_ref() && open.as_ref() != Some(&format!("{namespace}/{}", run.name));
    old.into_iter().filter(may).take(AT_ONCE).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::service;
    use super::super::table::RunTable;
    use super::*;
    use crate::model::observed::GOAL_STATUS;
    use crate::rollout::owner::{Owner, OwnerKind};
    use crate::rollout::record::{Phase, tests::record};

    fn run(number: usize, state: &str) -> Value {
        json!({"metadata": {"name": format!("hello-{number:012}"), "namespace": "shop", "uid": format!("run-{number}"),
                "creationTimestamp": format!("2026-11-30T04:00:{number:02}Z"), "labels": {"andante.dev/service": "hello"},
                "ownerReferences": [{"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "hello", "uid": "uid-1"}]},
            "status": {"conditions": [{"type": "Succeeded", "status": state}]}})
    }

    fn kept(run: &Value) -> Option<Value> {
        let kind = RunTable::shipped().run_kind("PipelineRun").unwrap();
        let key = ServiceKey { namespace: "shop".parse().unwrap(), name: "hello".parse().unwrap() };
        finished(&kind, run, &key, "uid-1")
    }

    fn numbers(runs: &[OldRun]) -> Vec<usize> {
        runs.iter().map(|run| run.uid.trim_start_matches("run-").parse().unwrap()).collect()
    }

    #[test]
    fn only_what_was_started_here_and_is_over_counts() {
        for state in ["True", "False"] {
            assert_eq!(kept(&run(1, state)), Some(json!(["2026-11-30T04:00:01Z", "hello-000000000001", "run-1"])));
        }
        assert_eq!(kept(&run(1, "Unknown")), None, "it works");
        for (pointer, other) in [
            ("/metadata/name", json!("hello-mine")),
            ("/metadata/namespace", json!("other")),
            ("/metadata/labels/andante.dev~1service", json!("world")),
            ("/metadata/ownerReferences/0/uid", json!("uid-2")),
            ("/metadata/ownerReferences", json!([])),
            ("/metadata/uid", Value::Null),
        ] {
            let mut run = run(1, "True");
            *run.pointer_mut(pointer).unwrap() = other;
            assert_eq!(kept(&run), None, "{pointer}");
        }
        let mut goes = run(1, "True");
        goes["metadata"]["deletionTimestamp"] = json!("2026-11-30T05:00:00Z");
        assert_eq!(kept(&goes), None, "it goes already");
    }

    #[test]
    fn the_newest_stay_and_so_do_the_named_one_and_an_open_rollouts() {
        let list: Vec<Value> = [3, 1, 4, 2].iter().filter_map(|number| kept(&run(*number, "True"))).collect();
        assert_eq!(numbers(&surplus(&list, 2)), [1, 2]);
        assert_eq!(numbers(&surplus(&list, 4)), [0; 0]);
        let old = || surplus(&list, 1);
        let may =
            |annotations: Value| numbers(&spared(old(), &service(annotations), "uid-1", &"shop".parse().unwrap()));
        assert_eq!(may(json!({})), [1, 2, 3]);
        let status =
            |run: &str| json!({"phase": "done", "goal": "0123456789ab", "run": run, "uid": "uid-1"}).to_string();
        assert_eq!(may(json!({GOAL_STATUS: status("hello-000000000002")})), [1, 3]);
        let of = |phase: Phase| {
            let owner = Owner { kind: OwnerKind::PipelineRun, name: "shop/hello-000000000001".into(), uid: "r".into() };
            Record { owner, phase, ..record() }.to_text().unwrap()
        };
        assert_eq!(may(json!({RECORD: of(Phase::Walking)})), [2, 3]);
        assert_eq!(may(json!({RECORD: of(Phase::Finished)})), [1, 2, 3]);
        // Where it cannot be told who is named or at work, or the Service is another one, nothing goes.
        for unreadable in [json!({GOAL_STATUS: "x"}), json!({RECORD: "x"})] {
            assert_eq!(may(unreadable), [0; 0]);
        }
        assert!(spared(old(), &service(json!({})), "uid-2", &"shop".parse().unwrap()).is_empty());
        let many: Vec<Value> = (1..60).filter_map(|number| kept(&run(number, "True"))).collect();
        let first = spared(surplus(&many, 10), &service(json!({})), "uid-1", &"shop".parse().unwrap());
        assert_eq!(numbers(&first), (1..=AT_ONCE).collect::<Vec<_>>());
    }
}
