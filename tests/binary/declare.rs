//! `declare`: what is refused without a cluster, and what is written on one that answers as scripted.

use super::andante;
use super::start::{PATCH, SERVICE, server, service};
use serde_json::{Value, json};

const NEW: &str = "4f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d";
const OTHER: &str = "5f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d";

fn built(revision: &str) -> Value {
    let annotations = json!({"andante.dev/pipeline": "ship-it", "andante.dev/source": "https://git.example.com/hello.git",
        "andante.dev/source-revision": revision});
    service(annotations, "hello-00002")
}

fn declare(file: &str, flags: &[&str]) -> (i32, String) {
    let ran = andante(&[&["declare", "hello", "--kubeconfig", file][..], flags].concat());
    (ran.code, format!("{}{}", ran.stdout, ran.stderr))
}

#[test]
fn something_has_to_be_declared_and_somewhere() {
    let ran = andante(&["declare", "hello"]);
    assert!(ran.code == 2 && ran.stdout.contains("nothing is given that could be declared"), "{}", ran.stdout);
    let ran = andante(&["declare", "hello", "--source-revision", NEW]);
    assert!(ran.code == 2 && ran.stdout.contains("no cluster: give --kubeconfig"), "{}", ran.stdout);
    // What a git server did not tell says nothing, and nothing else is declared instead.
    let ran = andante(&["declare", "--source-revision=", "--", "hello"]);
    assert!(ran.code == 2 && ran.stdout.contains("nothing is given"), "{}", ran.stdout);
    let ran = andante(&["declare", "hello", "--source-revision", "$(tt.params.commit)"]);
    assert!(ran.code == 2 && ran.stderr.contains("unresolved Tekton variable"), "{}", ran.stderr);
}

#[test]
fn a_commit_is_written_with_one_look_and_one_write() {
    let answers = vec![(SERVICE, 200, built("main")), (PATCH, 200, built(NEW))];
    let (file, asked) = server("declare-commit", answers);
    let (code, said) = declare(&file, &["--source-revision", NEW]);
    assert!(code == 0 && said.contains("declared on hello, whose goal is "), "{said}");
    assert!(
        said.contains(&format!("`main` -> `{NEW}`; traffic now: hello-00002 100 %; next: `andante start hello")),
        "{said}"
    );
    let asked = asked.lock().unwrap();
    // Neither Revisions nor a namespace are asked for: the least right is enough.
    assert_eq!(asked.iter().map(|(what, _)| what.as_str()).collect::<Vec<_>>(), [SERVICE, PATCH]);
    let writes: Vec<&Value> = asked[1].1.as_array().unwrap().iter().filter(|op| op["op"] != "test").collect();
    assert_eq!(
        writes,
        [&json!({"op": "add", "path": "/metadata/annotations/andante.dev~1source-revision", "value": NEW})]
    );
}

#[test]
fn what_stands_there_or_is_only_asked_for_is_not_written() {
    let (file, asked) = server("declare-same", vec![(SERVICE, 200, built(NEW))]);
    let (code, said) = declare(&file, &["--source-revision", NEW]);
    assert!(code == 0 && said.contains("hello declares this already"), "{said}");
    let (code, said) = declare(&file, &["--source-revision", OTHER, "--dry-run"]);
    assert!(code == 0 && said.contains(&format!("andante.dev/source-revision: `{NEW}` -> `{OTHER}`")), "{said}");
    assert!(said.contains("a dry run: nothing was written"), "{said}");
    assert!(asked.lock().unwrap().iter().all(|(what, _)| what == SERVICE));
}

#[test]
fn another_declaration_in_between_is_read_again_and_a_policys_no_is_told() {
    let refused =
        json!({"kind": "Status", "code": 422, "reason": "Invalid", "message": "the server rejected our request"});
    let answers = vec![
        (SERVICE, 200, built("main")),
        (PATCH, 422, refused),
        (SERVICE, 200, built(OTHER)),
        (PATCH, 200, built(NEW)),
    ];
    let (file, asked) = server("declare-raced", answers);
    let (code, said) = declare(&file, &["--source-revision", NEW]);
    assert!(code == 0 && said.contains("looking again") && said.contains(&format!("`{OTHER}` -> `{NEW}`")), "{said}");
    assert_eq!(asked.lock().unwrap().len(), 4);
    // As config/care refuses it.
    let why =
        "ValidatingAdmissionPolicy 'andante-care' with binding 'andante-care' denied request: kim may not declare here";
    let no = json!({"kind": "Status", "code": 422, "reason": "Invalid", "message": format!("services.serving.knative.dev \"hello\" is forbidden: {why}")});
    let (file, _) = server("declare-denied", vec![(SERVICE, 200, built("main")), (PATCH, 422, no)]);
    let (code, said) = declare(&file, &["--source-revision", NEW]);
    assert!(code == 20 && said.contains("may not declare") && said.contains("docs/care.md"), "{said}");
}

#[test]
fn where_nobody_is_in_charge_it_is_said_who_says_so() {
    let (file, asked) = server("declare-nobody", vec![(SERVICE, 200, service(json!({}), "hello-00002"))]);
    let (code, said) = declare(&file, &["--source-revision", NEW]);
    assert!(
        code == 3 && said.contains("nobody is in charge of hello") && said.contains("`andante adopt hello"),
        "{said}"
    );
    assert_eq!(asked.lock().unwrap().len(), 1);
}
