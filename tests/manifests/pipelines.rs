//! Pipelines: self-contained, their times nested, and a `finally` that always runs.

use super::catalog::{Item, list, names, pipelines, referred, texts};
use super::steps::{tasks_of, usual};
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Seconds of a duration as Tekton writes it.
pub(crate) fn duration(text: &str) -> u64 {
    humantime::parse_duration(text).unwrap_or_else(|e| panic!("{text}: {e}")).as_secs()
}

/// What a task is given: each of a `matrix` has one of a list.
fn given(task: &Value) -> BTreeSet<String> {
    &names(task, "params") | &names(&task["matrix"], "params")
}

/// True if a Pipeline is about the Services that a task finds, and not about one that its run names.
fn is_about_several(pipeline: &Item) -> bool {
    !names(pipeline.spec(), "params").contains("service")
}

#[test]
fn a_pipeline_needs_nothing_installed() {
    for pipeline in pipelines() {
        for task in tasks_of(&pipeline) {
            let name = task["name"].as_str().unwrap();
            assert!(task["taskRef"].is_null() && task["taskSpec"].is_object(), "{pipeline}: {name}");
            let steps = list(&task["taskSpec"], "steps");
            assert!(steps.iter().all(|s| s["ref"].is_null()), "{pipeline}: {name} refers to a StepAction");
        }
    }
}

#[test]
fn parameters_are_passed_on_and_exist() {
    for pipeline in pipelines() {
        let mut rest = pipeline.spec().clone();
        rest.as_object_mut().unwrap().remove("params");
        for list in ["tasks", "finally"] {
            for task in rest[list].as_array_mut().into_iter().flatten() {
                let spec = task.as_object_mut().unwrap().remove("taskSpec").unwrap();
                let (given, known) = (given(task), names(&spec, "params"));
                assert!(given.is_subset(&known), "{pipeline}: {} has no {:?}", task["name"], given.difference(&known));
                let needed = super::catalog::list(&spec, "params").iter().filter(|p| p["default"].is_null());
                for param in needed {
                    assert!(
                        given.contains(param["name"].as_str().unwrap()),
                        "{pipeline}: {} needs {param}",
                        task["name"]
                    );
                }
            }
        }
        let declared = names(pipeline.spec(), "params");
        assert_eq!(declared, referred(&texts(&rest), "params"), "{pipeline}: declared and used parameters differ");
    }
}

#[test]
fn no_task_takes_a_parameter_by_its_name_alone() {
    // Tekton hands a run's parameters on into an embedded spec by name, over the spec's own defaults.
    for pipeline in pipelines() {
        let ours = names(pipeline.spec(), "params");
        for task in tasks_of(&pipeline) {
            let (given, known) = (given(task), names(&task["taskSpec"], "params"));
            let silent: Vec<_> = known.intersection(&ours).filter(|name| !given.contains(*name)).collect();
            assert!(silent.is_empty(), "{pipeline}: {} takes {silent:?} without being given them", task["name"]);
        }
    }
}

/// What a parameter of a task comes to where neither the run nor the Service says it: the Pipeline's default, the task's own, or
/// what its step means by default.
fn default_of(pipeline: &Item, task: &Value, name: &str) -> String {
    let find = |list: &[Value], name: &str, key: &str| {
        list.iter().find(|p| p["name"] == name).and_then(|p| p[key].as_str()).map(str::to_owned)
    };
    let own = find(list(&task["taskSpec"], "params"), name, "default").unwrap();
    let given = find(list(task, "params"), name, "value").map_or(own, |given| {
        let passed = given.strip_prefix("$(params.").and_then(|g| g.strip_suffix(')'));
        passed.map_or(given.clone(), |passed| find(list(pipeline.spec(), "params"), passed, "default").unwrap())
    });
    if !given.is_empty() {
        return given;
    }
    let texts = |list: &[Value]| list.iter().map(|text| text.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let step = &list(&task["taskSpec"], "steps")[0];
    let flags =
        list(task, "params").iter().find(|param| param["name"] == "flags").map(|flags| texts(list(flags, "value")));
    usual(&texts(list(step, "args")), &flags.unwrap_or_default(), name).unwrap()
}

#[test]
fn a_step_ends_before_tekton_ends_it() {
    for pipeline in pipelines() {
        for task in tasks_of(&pipeline) {
            let name = task["name"].as_str().unwrap();
            let limit = duration(task["timeout"].as_str().unwrap_or_else(|| panic!("{pipeline}: {name}: no timeout")));
            let own: u64 = ["ready-within", "deadline"]
                .iter()
                .filter(|p| names(&task["taskSpec"], "params").contains(**p))
                .map(|p| duration(&default_of(&pipeline, task, p)))
                .sum();
            // A pod that is late, and the way back.
            assert!(
                own == 0 || own + 300 <= limit,
                "{pipeline}: {name} takes {own} s itself, its timeout is {limit} s"
            );
        }
    }
}

#[test]
fn finally_takes_nothing_that_may_be_missing() {
    for pipeline in pipelines() {
        let last = list(pipeline.spec(), "finally");
        assert_eq!(last.len(), 1, "{pipeline}: tasks of `finally` run side by side; one settles");
        let texts = texts(&last[0]["params"]);
        assert!(referred(&texts, "tasks").is_empty(), "{pipeline}: a result that is missing skips the task");
        assert!(last[0]["when"].is_null(), "{pipeline}: settling is never skipped");
        // Nor is it one of a matrix: of a list that is empty or missing nothing would be settled, and nothing said.
        assert!(last[0]["matrix"].is_null(), "{pipeline}: one task settles all");
    }
}

#[test]
fn what_is_walked_is_settled() {
    for pipeline in pipelines() {
        let last = &list(pipeline.spec(), "finally")[0];
        let args = texts(&list(&last["taskSpec"], "steps")[0]["args"]);
        assert_eq!(args[0], "settle", "{pipeline}");
        // Services that no run names are found by their records.
        assert_eq!(args.contains(&"--all"), is_about_several(&pipeline), "{pipeline}");
        // What a run is not given is what the Service declares, for the way back too.
        let given = list(last, "params").contains(&json!({"name": "declared", "value": "true"}));
        assert!(given || args.contains(&"--declared=true"), "{pipeline}: what is declared does not reach `finally`");
        for task in list(pipeline.spec(), "tasks").iter().filter(|task| !task["matrix"].is_null()) {
            assert!(is_about_several(&pipeline), "{pipeline}: {} rolls out what nothing settles", task["name"]);
        }
    }
}

#[test]
fn a_pipeline_says_how_the_rollout_ended() {
    for pipeline in pipelines() {
        let results: BTreeMap<&str, &str> = list(pipeline.spec(), "results")
            .iter()
            .map(|r| (r["name"].as_str().unwrap(), r["value"].as_str().unwrap()))
            .collect();
        // Several Services have a revision each, which the message names.
        let of_one = ["revision"].into_iter().filter(|_| !is_about_several(&pipeline));
        for name in ["outcome", "message"].into_iter().chain(of_one) {
            assert!(results.contains_key(name), "{pipeline}: no result {name}");
        }
        let known: BTreeMap<&str, &Value> =
            tasks_of(&pipeline).into_iter().map(|task| (task["name"].as_str().unwrap(), task)).collect();
        for (name, value) in results {
            let path: Vec<&str> = value.trim_start_matches("$(").trim_end_matches(')').split('.').collect();
            let ["tasks" | "finally", task, "results", result] = path[..] else {
                panic!("{pipeline}: {name}: {value}")
            };
            let result = result.trim_end_matches("[*]");
            assert!(names(&known[task]["taskSpec"], "results").contains(result), "{pipeline}: {name}: {value}");
            // A run that refers to results of a matrix which no task consumed fails (Tekton 1.15, `ResultsCache`).
            assert!(known[task]["matrix"].is_null(), "{pipeline}: {name}: {value}");
        }
    }
}
