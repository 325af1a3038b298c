//! `--from-file`: what a file cannot say is told before any cluster is asked.

use super::{andante, file};

fn service(more: &str) -> String {
    format!("apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {{name: hello}}\nspec:\n  template:\n{more}")
}

/// What each line says, without its time.
fn said(stdout: &str) -> Vec<&str> {
    stdout.lines().map(|line| line.get(9..).unwrap_or_default()).collect()
}

#[track_caller]
fn refused(name: &str, why: &str) {
    let ran = andante(&["stage", "hello", "--from-file", name]);
    assert_eq!((ran.code, said(&ran.stdout)), (2, vec![format!("end:     {why}").as_str()]), "{}", ran.stderr);
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_field() {
    for (more, said) in [
        (
            "    spec: {containers: [{image: i, env: [{name: A, value: yes}]}]}\n",
            ": spec.template.spec.containers[0].env[0].value is true (YAML reads yes, on and y so), and a text is needed: \
             put it in quotes",
        ),
        (
            "    spec:\n      containerConcurrency: 010\n      containerConcurrency: 8\n",
            ": line 8, spec.template.spec.containerConcurrency: this field is set twice",
        ),
        ("    spec: {}\n---\nkind: [\n", ": line 8: unclosed bracket '['"),
        (
            "    spec: {}\n  traffic: [{revisionName: hello-1, percent: 100}]\n",
            " holds spec.traffic, which is the rollout's to write: remove it from the file",
        ),
    ] {
        let name = file("refused.yaml", &service(more));
        refused(&name, &format!("{name}{said}"));
    }
    let named = file("named.yaml", &service("    metadata: {name: bye-r1}\n    spec: {}\n"));
    refused(&named, "spec.template.metadata.name of the file: `bye-r1` must begin with `hello-`");
}

#[test]
fn what_is_left_out_is_said() {
    let text = format!("kind: Secret\nmetadata: {{name: s}}\n---\n{}status: {{}}\n", service("    spec: {}\n"));
    let name = file("export.yaml", &text);
    // There is no cluster to stage it on.
    let ran = andante(&["stage", "hello", "--from-file", &name, "--context", "none"]);
    assert_ne!(ran.code, 0);
    let notes = [
        format!("note:    {name} also holds Secret `s`: only Service hello is taken from it"),
        format!("note:    {name}: status left out, because the server sets it"),
    ];
    assert_eq!(said(&ran.stdout).get(..2), Some([notes[0].as_str(), notes[1].as_str()].as_slice()), "{}", ran.stderr);
}
