//! Samples: runs that name what exists, give what is required, and end by themselves before Tekton ends them.

use super::catalog::{Item, extras, list, names, pipelines, tasks};
use super::pipelines::duration;
use serde_json::Value;
use std::collections::BTreeSet;

fn runs(package: &Item) -> Vec<Item> {
    let kinds = ["TaskRun", "PipelineRun"];
    extras(package, "samples").into_iter().filter(|i| kinds.contains(&i.kind())).collect()
}

fn required(spec: &Value) -> BTreeSet<String> {
    let needed = list(spec, "params").iter().filter(|p| p["default"].is_null());
    needed.map(|p| p["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn samples_give_what_is_required_and_nothing_unknown() {
    for package in tasks().iter().chain(&pipelines()) {
        let runs = runs(package);
        assert!(!runs.is_empty(), "{package}: no sample runs it");
        for run in runs {
            let reference = if run.kind() == "TaskRun" { "taskRef" } else { "pipelineRef" };
            let name = &run.spec()[reference]["name"];
            let known = [vec![package.clone()], extras(package, "samples")].concat();
            let of = known.iter().find(|p| p.kind() != run.kind() && name == p.name());
            let of = of.unwrap_or_else(|| panic!("{run}: where is {name}?"));
            let given = names(run.spec(), "params");
            let known = names(of.spec(), "params");
            assert!(given.is_subset(&known), "{run}: {:?} are unknown", given.difference(&known));
            let required = required(of.spec());
            assert!(required.is_subset(&given), "{run}: {:?} are missing", required.difference(&given));
        }
    }
}

#[test]
fn samples_run_under_an_account_of_their_own() {
    for package in tasks().iter().chain(&pipelines()) {
        for run in runs(package) {
            let account = match run.kind() {
                "TaskRun" => run.spec()["serviceAccountName"].as_str(),
                _ => run.spec()["taskRunTemplate"]["serviceAccountName"].as_str(),
            };
            assert!(account.is_some_and(|a| a != "default"), "{run}: no service account");
        }
    }
}

#[test]
fn a_run_leaves_every_task_its_time() {
    for pipeline in pipelines() {
        for run in runs(&pipeline) {
            let time = |name: &str| {
                let text = run.spec()["timeouts"][name].as_str().unwrap_or_else(|| panic!("{run}: no timeouts.{name}"));
                duration(text)
            };
            let (whole, tasks, last) = (time("pipeline"), time("tasks"), time("finally"));
            assert_eq!(whole, tasks + last, "{run}: what tasks and finally take is the whole");
            let name = &run.spec()["pipelineRef"]["name"];
            let known = [vec![pipeline.clone()], extras(&pipeline, "samples")].concat();
            let of = known.iter().find(|p| p.kind() == "Pipeline" && name == p.name());
            let of = of.unwrap_or_else(|| panic!("{run}: where is {name}?"));
            let sum: u64 = list(of.spec(), "tasks").iter().map(|t| duration(t["timeout"].as_str().unwrap())).sum();
            assert!(sum < tasks, "{run}: its tasks may take {sum} s, timeouts.tasks is {tasks} s");
            for task in list(of.spec(), "finally") {
                assert!(duration(task["timeout"].as_str().unwrap()) <= last, "{run}: {}", task["name"]);
            }
        }
    }
}
