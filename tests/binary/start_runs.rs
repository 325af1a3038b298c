//! `start` and runs: one that cannot be made is told on the Service, once, and made by whoever comes next; one of the goal before is
//! cancelled only if it was started here.

use super::andante;
use super::start::{Answers, Asked, PATCH, SERVICE, server, service};
use serde_json::{Value, json};

const CREATE: &str = "POST /apis/tekton.dev/v1/namespaces/shop/pipelineruns";

/// What is there; the run is answered so.
fn answers(declared: &Value, status: u16, answer: Value) -> Answers {
    vec![
        (SERVICE, 200, service(declared.clone(), "hello-00001")),
        ("GET /api/v1/namespaces/shop", 200, json!({"metadata": {"name": "shop"}})),
        ("GET /apis/tekton.dev/v1/namespaces/shop/pipelines/ship-it", 200, json!({"spec": {}})),
        (CREATE, status, answer),
        (PATCH, 200, json!({})),
    ]
}

/// What was written on the Service, in order.
fn notes(asked: &Asked) -> Vec<Value> {
    let asked = asked.lock().unwrap();
    let patches = asked.iter().filter(|(what, _)| what == PATCH);
    let text = |patch: &Value| patch.as_array().unwrap().last().unwrap()["value"].as_str().unwrap().to_owned();
    patches.map(|(_, patch)| serde_json::from_str(&text(patch)).unwrap()).collect()
}

#[test]
fn a_run_that_cannot_be_made_is_told_on_the_service() {
    let quota = || {
        let why = "pipelineruns.tekton.dev \"x\" is forbidden: exceeded quota: runs";
        json!({"kind": "Status", "reason": "Forbidden", "message": why})
    };
    let mut declared = json!({"andante.dev/pipeline": "ship-it"});
    let (kubeconfig, asked) = server("start-quota", answers(&declared, 403, quota()));
    let ran = andante(&["start", "hello", "--kubeconfig", &kubeconfig]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{}", ran.stderr);
    let said = notes(&asked);
    assert_eq!(said.len(), 2, "{said:?}");
    let words = |status: &Value| (status["phase"].clone(), status["made"].clone(), status["run"].clone());
    let run = said[0]["run"].clone();
    assert_eq!(words(&said[0]), (json!("started"), json!(false), run.clone()));
    assert_eq!(words(&said[1]), (json!("failed"), json!(false), run.clone()));
    let reason = said[1]["reason"].as_str().unwrap();
    assert!(reason.starts_with(&format!("PipelineRun {} cannot be made: ", run.as_str().unwrap())), "{reason}");

    // Once more, and it is the same: nothing is written. Then it can be made, under that name.
    declared["andante.dev/goal-status"] = json!(said[1].to_string());
    let (kubeconfig, asked) = server("start-quota-again", answers(&declared, 403, quota()));
    assert_eq!(andante(&["start", "hello", "--kubeconfig", &kubeconfig]).code, 3);
    assert_eq!(notes(&asked), Vec::<Value>::new());
    let (kubeconfig, asked) = server("start-quota-over", answers(&declared, 201, json!({})));
    assert_eq!(andante(&["start", "hello", "--kubeconfig", &kubeconfig]).code, 0);
    let said = notes(&asked);
    assert_eq!((said.len(), words(&said[0])), (1, (json!("started"), Value::Null, run)));
}

#[test]
fn only_a_run_that_was_started_for_the_service_is_cancelled() {
    const RUN: &str = "GET /apis/tekton.dev/v1/namespaces/shop/pipelineruns/nightly";
    const CANCEL: &str = "PATCH /apis/tekton.dev/v1/namespaces/shop/pipelineruns/nightly";
    let status =
        json!({"goal": "0123456789ab", "kind": "PipelineRun", "run": "nightly", "phase": "started", "uid": "uid-1"});
    let declared = json!({"andante.dev/pipeline": "ship-it", "andante.dev/goal-status": status.to_string()});
    for (name, owner, goes) in [("start-stranger", "uid-of-another", true), ("start-older", "uid-1", false)] {
        let run = json!({"metadata": {"name": "nightly", "ownerReferences": [{"uid": owner}]}});
        let more: Answers = vec![(RUN, 200, run), (CANCEL, 200, json!({}))];
        let (kubeconfig, asked) = server(name, [answers(&declared, 201, json!({})), more].concat());
        let ran = andante(&["start", "hello", "--kubeconfig", &kubeconfig]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let said = "PipelineRun nightly of the goal before goes on: it was not started for hello";
        assert_eq!(ran.stderr.contains(said), goes, "{}", ran.stderr);
        assert_eq!(asked.lock().unwrap().iter().any(|(what, _)| what == CANCEL), !goes, "{name}");
    }
}
