//! Every file of the catalog is taken by Tekton's own webhooks: the release that runs here, and the oldest one that is
//! promised.

use super::support::*;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

/// True for objects of Tekton Triggers, which these clusters do not have (`manifests/contact` holds them to their types).
fn is_of_triggers(path: &Path) -> bool {
    std::fs::read_to_string(path).unwrap().contains("apiVersion: triggers.tekton.dev/")
}

/// Every YAML file below `tasks`, `stepactions` and `pipelines`.
fn files() -> Vec<PathBuf> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|e| e == "yaml") && !is_of_triggers(&path) {
                found.push(path);
            }
        }
    }
    let mut found = vec![];
    for kind in ["tasks", "stepactions", "pipelines"] {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(kind), &mut found);
    }
    found.sort();
    assert!(found.len() > 30, "only {} files were found", found.len());
    found
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn every_file_is_admitted_here() {
    let space = Space::new("admission");
    for file in files() {
        // `create`, since runs have no name of their own.
        space.kubectl(&["create", "--dry-run=server", "--validate=strict", "-f", file.to_str().unwrap()]).good();
    }
    // The webhook does say no.
    let wrong = json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {"name": "wrong"},
        "spec": {"steps": [{"name": "a", "image": "a", "args": ["$(params.nobody)"]}]}});
    let said = space.kubectl_with(&["create", "--dry-run=server", "-f", "-"], &wrong);
    assert!(said.code != 0 && said.err.contains("nobody"), "{}{}", said.out, said.err);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_every_file_is_admitted_by_the_oldest_tekton() {
    let mut ask = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testbed/cluster"));
    let done = ask.args(["admission", "--tekton", "1.12"]).args(files()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.lines().filter(|line| line.ends_with(": admitted")).count() >= files().len(), "{said}");
}
