//! `start` where a run is there already, is hidden, was taken away, or is one too many.

use super::andante;
use super::start::{Answers, CREATE, LIST, PATCH, PIPELINE, SERVICE, place, server, service};
use serde_json::{Value, json};

/// A declaration whose goal is not reached.
pub(super) fn declared() -> Value {
    json!({"andante.dev/pipeline": "ship-it"})
}

/// What is there where the run is there already.
pub(super) fn exists() -> Answers {
    let exists = json!({"kind": "Status", "reason": "AlreadyExists", "details": {"name": "x"}});
    vec![
        (SERVICE, 200, service(declared(), "hello-00001")),
        place(),
        (PIPELINE, 200, json!({"spec": {}})),
        (CREATE, 409, exists),
        (PATCH, 200, json!({})),
    ]
}

/// What the run for this declaration will be called: a dry run tells.
pub(super) fn name_of_run(name: &str, declared: &Value) -> String {
    let answers =
        vec![(SERVICE, 200, service(declared.clone(), "hello-00001")), place(), (PIPELINE, 200, json!({"spec": {}}))];
    let (kubeconfig, _) = server(name, answers);
    let dry = andante(&["start", "hello", "--dry-run", "--kubeconfig", &kubeconfig]);
    serde_json::from_str::<Value>(&dry.stdout).unwrap()["metadata"]["name"].as_str().unwrap().to_owned()
}

/// The same declaration, and what is noted of the run that is made for it.
fn noted(name: &str, declared: &Value) -> Value {
    let answers = vec![
        (SERVICE, 200, service(declared.clone(), "hello-00001")),
        place(),
        (PIPELINE, 200, json!({"spec": {}})),
        (CREATE, 201, json!({})),
        (PATCH, 200, json!({})),
    ];
    let (kubeconfig, asked) = server(name, answers);
    assert_eq!(andante(&["start", "hello", "--kubeconfig", &kubeconfig]).code, 0);
    let asked = asked.lock().unwrap().clone();
    let (_, last) = asked.iter().rfind(|(what, _)| what == PATCH).unwrap();
    let text = last.as_array().unwrap().last().unwrap()["value"].clone();
    let mut declared = declared.clone();
    declared["andante.dev/goal-status"] = text;
    declared
}

/// The path of the run that is noted there.
fn path_of_run(noted: &Value) -> &'static str {
    let status: Value = serde_json::from_str(noted["andante.dev/goal-status"].as_str().unwrap()).unwrap();
    format!("GET /apis/tekton.dev/v1/namespaces/shop/pipelineruns/{}", status["run"].as_str().unwrap()).leak()
}

#[test]
fn a_run_that_may_not_be_read_is_no_absent_one() {
    let noted = noted("start-hidden-before", &declared());
    let forbidden = json!({"kind": "Status", "reason": "Forbidden", "message": "User \"kim\" cannot"});
    let there = path_of_run(&noted);
    let answers = vec![
        (SERVICE, 200, service(noted, "hello-00001")),
        place(),
        (there, 403, forbidden),
        (PIPELINE, 200, json!({"spec": {}})),
        (CREATE, 201, json!({})),
        (PATCH, 200, json!({})),
    ];
    let (kubeconfig, asked) = server("start-hidden", answers);
    let ran = andante(&["start", "hello", "--again", "--kubeconfig", &kubeconfig]);
    assert_eq!(ran.code, 20, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("kim may not get pipelineruns"), "{}", ran.stderr);
    assert!(asked.lock().unwrap().iter().all(|(what, _)| what.starts_with("GET ")));
}

#[test]
fn another_run_that_was_asked_for_is_one_run_whatever_was_lost_meanwhile() {
    let first = noted("start-again-first", &declared());
    let answers = |second: &Value, state: Value| {
        let refused = json!({"kind": "Status", "reason": "Invalid"});
        let run = json!({"metadata": {"name": path_of_run(second).rsplit('/').next(),
            "ownerReferences": [{"uid": "uid-1"}]}, "status": state});
        vec![
            (SERVICE, 200, service(first.clone(), "hello-00001")),
            (SERVICE, 200, service(second.clone(), "hello-00001")),
            place(),
            (path_of_run(second), 200, run),
            (PIPELINE, 200, json!({"spec": {}})),
            (CREATE, 201, json!({})),
            (PATCH, 422, refused),
        ]
    };
    // What the second run is called is seen where its name is to be noted.
    let (kubeconfig, _) = server("start-again-name", answers(&first, json!({})));
    let gone = andante(&["start", "hello", "--again", "--kubeconfig", &kubeconfig]);
    assert_eq!(gone.code, 18, "the first one works: {}", gone.stderr);
    let failed = json!({"conditions": [{"type": "Succeeded", "status": "False"}]});
    let (kubeconfig, asked) = server("start-again-named", answers(&first, failed));
    andante(&["start", "hello", "--again", "--kubeconfig", &kubeconfig]);
    let named = asked.lock().unwrap().iter().find(|(what, _)| what == PATCH).unwrap().1.clone();
    let mut second = declared();
    let text = named.as_array().unwrap().last().unwrap()["value"].as_str().unwrap().replace("\"made\":false,", "");
    second["andante.dev/goal-status"] = json!(text);
    assert_ne!(path_of_run(&first), path_of_run(&second));
    // The answer to the note was lost, and somebody else made the run that it names: it works, or is over by now.
    for state in [json!({}), json!({"conditions": [{"type": "Succeeded", "status": "False"}]})] {
        let (kubeconfig, asked) = server("start-again", answers(&second, state));
        let ran = andante(&["start", "hello", "--again", "--kubeconfig", &kubeconfig]);
        let made = asked.lock().unwrap().iter().any(|(what, _)| what == CREATE);
        assert!(!made && ran.code != 18, "{} {}{}", ran.code, ran.stdout, ran.stderr);
    }
}

#[test]
fn a_run_that_a_pruner_took_ended_as_the_service_says_and_no_other_one_is_made() {
    let started = noted("start-pruned-before", &declared());
    let text = started["andante.dev/goal-status"].as_str().unwrap().to_owned();
    // Another goal is declared meanwhile.
    let later = |phase: &str| {
        json!({"andante.dev/pipeline": "ship-it", "andante.dev/params": "{style: canary}",
            "andante.dev/goal-status": text.replace("\"phase\":\"started\"", &format!("\"phase\":\"{phase}\""))})
    };
    for (phase, code, said) in [
        ("done", 0, "was removed, and ended well before"),
        ("failed", 28, "was removed, and failed before"),
        ("started", 28, "was removed before it was over"),
    ] {
        let answers = vec![
            (SERVICE, 200, service(started.clone(), "hello-00001")),
            (SERVICE, 200, service(later(phase), "hello-00001")),
            place(),
            (
                "GET /apis/tekton.dev/v1/namespaces/shop/pipelineruns",
                200,
                json!({"metadata": {"resourceVersion": "1"}, "items": []}),
            ),
            (PIPELINE, 200, json!({"spec": {"params": [{"name": "style"}]}})),
            (CREATE, 201, json!({})),
            (PATCH, 200, json!({})),
        ];
        let (kubeconfig, asked) = server("start-pruned", answers);
        let ran = andante(&["start", "hello", "--wait", "--kubeconfig", &kubeconfig]);
        assert_eq!(ran.code, code, "{phase}: {}{}", ran.stdout, ran.stderr);
        assert!((ran.stdout + &ran.stderr).contains(said), "{phase}");
        assert!(asked.lock().unwrap().iter().all(|(what, _)| what.starts_with("GET ")), "{phase}");
    }
}

/// A run of hello's that is over.
fn over(number: usize) -> Value {
    json!({"metadata": {"name": format!("hello-{number:012}"), "namespace": "shop", "uid": format!("run-{number}"),
            "creationTimestamp": format!("2026-11-30T04:00:0{number}Z"), "labels": {"andante.dev/service": "hello"},
            "ownerReferences": [{"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "hello", "uid": "uid-1"}]},
        "status": {"conditions": [{"type": "Succeeded", "status": "True"}]}})
}

#[test]
fn finished_runs_beyond_those_that_are_kept_are_deleted_and_a_refusal_is_a_sentence() {
    let list = json!({"metadata": {"resourceVersion": "1"}, "items": [over(3), over(1), over(2), {"metadata": {"name": "mine"}}]});
    let forbidden = json!({"kind": "Status", "reason": "Forbidden", "message": "User \"kim\" cannot"});
    let delete =
        |number: usize| -> &'static str { format!("DELETE {}/hello-{number:012}", &LIST["GET ".len()..]).leak() };
    let start = |name: &str, keep: &str, refused: bool| {
        let answer = || if refused { (403, forbidden.clone()) } else { (200, json!({})) };
        let deletes = [1, 2].map(|number| (delete(number), answer().0, answer().1));
        let mut answers = vec![
            (SERVICE, 200, service(declared(), "hello-00001")),
            place(),
            (PIPELINE, 200, json!({"spec": {}})),
            (CREATE, 201, json!({})),
            (PATCH, 200, json!({})),
            (LIST, 200, list.clone()),
        ];
        answers.extend(deletes);
        let (kubeconfig, asked) = server(name, answers);
        let ran = andante(&["start", "hello", "--keep", keep, "--kubeconfig", &kubeconfig]);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        let asked = asked.lock().unwrap().clone();
        (ran.stderr, asked.into_iter().filter(|(what, _)| what.starts_with("DELETE ")).collect::<Vec<_>>())
    };
    let (said, deleted) = start("start-keep", "1", false);
    let kept = "andante: finished pipelineruns of hello beyond the newest 1";
    assert_eq!(said, format!("{kept} are deleted: hello-000000000001, hello-000000000002\n"));
    assert_eq!(deleted.iter().map(|(what, _)| what.as_str()).collect::<Vec<_>>(), [delete(1), delete(2)]);
    assert_eq!(deleted[0].1["preconditions"], json!({"uid": "run-1"}), "another one of that name is left alone");
    let (said, deleted) = start("start-keep-refused", "1", true);
    assert!(said.starts_with(&format!("{kept} stay: not permitted: kim may not delete pipelineruns")), "{said}");
    assert_eq!(deleted.len(), 1, "the next one would be refused, too");
    for keep in ["all", "10", "3"] {
        assert_eq!(start("start-keep-more", keep, false), (String::new(), Vec::new()), "{keep}");
    }
}
