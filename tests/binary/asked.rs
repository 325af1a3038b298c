//! When a run began is asked of an API server that has bad moments: what it answers at last decides, and what is missing is
//! named as what it is.

use super::andante_with;
use super::server::{Request, serve};
use serde_json::json;

/// An API server that answers the questions for the run with these, the last one again and again, and knows of nothing else; the
/// path of its kubeconfig.
fn server(name: &str, of_run: &'static [(u16, &'static str)]) -> String {
    let mut asked = 0;
    let answer = move |request: &Request| {
        if !request.path.ends_with("/pipelineruns/r") {
            return (404, json!({"kind": "Status", "reason": "NotFound", "details": {"name": "x"}}));
        }
        asked += 1;
        let (status, body) = of_run[(asked - 1).min(of_run.len() - 1)];
        (status, serde_json::from_str(body).unwrap())
    };
    serve(name, "demo", CLOCK, answer)
}

const RUN: &str = r#"{"metadata": {"uid": "u1", "creationTimestamp": "2026-01-02T03:04:05Z"}}"#;
/// Its clock is ahead of this machine's by years: that is no time that passes.
const CLOCK: &str = "date: Fri, 01 Jan 2038 00:00:00 GMT\r\n";
const BAD: &str = r#"{"kind": "Status", "reason": "InternalError"}"#;

/// What this command says as the PipelineRun `demo/r`, and its exit code.
fn as_run(kubeconfig: &str, arguments: &[&str]) -> (i32, String) {
    let environment =
        [("ANDANTE_PIPELINE_RUN", "r"), ("ANDANTE_PIPELINE_RUN_UID", "u1"), ("ANDANTE_RUN_NAMESPACE", "demo")];
    let arguments: Vec<_> = arguments.iter().copied().chain(["--kubeconfig", kubeconfig, "--patience", "3s"]).collect();
    let ran = andante_with(&environment, &arguments);
    (ran.code, ran.stdout)
}

#[test]
fn a_bad_moment_at_the_start_does_not_decide_who_is_newer() {
    let kubeconfig = server("bad-moment", &[(500, BAD), (429, BAD), (200, RUN)]);
    let (code, said) = as_run(&kubeconfig, &["walk", "hello"]);
    assert_eq!(code, 3, "{said}");
    assert!(!said.contains("was created"), "{said}");
    assert!(said.contains("there is no Service hello in namespace demo"), "{said}");
}

#[test]
fn what_is_missing_is_named_as_what_it_is() {
    for (name, answer, words) in [
        ("no-right", &[(403, r#"{"kind": "Status", "reason": "Forbidden"}"#)], "was created cannot be read ("),
        ("no-run", &[(404, r#"{"kind": "Status", "reason": "NotFound", "details": {"name": "r"}}"#)], "is not known: "),
        ("no-answer", &[(500, BAD)], "was created was not answered ("),
    ] {
        let kubeconfig = server(name, answer);
        let (code, said) = as_run(&kubeconfig, &["walk", "hello"]);
        assert_eq!(code, 3, "{said}");
        assert!(said.contains(words), "{said}");
        let blames_the_right = said.contains("the right to get it");
        assert_eq!(blames_the_right, name == "no-right", "{said}");
    }
}

#[test]
fn settling_somewhere_in_the_wrong_namespace_is_not_well() {
    let kubeconfig = server("wrong-namespace", &[(200, RUN)]);
    let (code, said) = as_run(&kubeconfig, &["settle", "hello", "--to", "stable"]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("there is no Service hello in namespace demo; next: check name and namespace"), "{said}");
    let (code, said) = as_run(&kubeconfig, &["settle", "hello"]);
    assert_eq!(code, 0, "{said}");
    for arguments in [&["check", "hello", "--probe", "/"][..], &["stage", "hello", "--revision", "newest"]] {
        let (code, said) = as_run(&kubeconfig, arguments);
        assert_eq!(code, 3, "{said}");
        assert!(said.contains("there is no Service hello in namespace demo"), "{said}");
        assert!(!said.contains("--image REF"), "{said}");
    }
}
