//! What somebody meets who tries the catalog for the first time: READMEs name what is there, every sample is run by one
//! of them, and those that need another project are as that project takes them.

use super::catalog::{Item, extras, list, names, objects, pipelines, read, referred, root, step_actions, tasks, texts};
use super::steps::{steps, steps_of_others, tasks_of};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Samples that need more than a cluster with Knative and Tekton: what their text and their README must name.
const NEEDS: [(&str, &[&str]); 4] = [
    ("pipelines/canary/samples/with-approval-task.yaml", &["manual approval gate", "ApprovalTask"]),
    ("pipelines/build-it-and-roll-it-out-slowly/samples/on-push.yaml", &["Pipelines as Code", "Repository"]),
    ("stepactions/roll-out/samples/one-pod.yaml", &["git-clone"]),
    ("pipelines/gitops/samples/on-push.yaml", &["Tekton Triggers"]),
];

/// Path and text of each README that has commands for the catalog.
fn readmes() -> Vec<(String, String)> {
    let mut paths =
        ["README.md", "tasks/README.md", "pipelines/README.md", "stepactions/README.md"].map(str::to_owned).to_vec();
    paths.extend([tasks(), pipelines()].concat().iter().map(|package| {
        let readme = package.path.with_file_name("README.md");
        readme.strip_prefix(root()).unwrap().to_str().unwrap().to_owned()
    }));
    paths.into_iter().map(|path| (path.clone(), read(&root().join(&path)))).collect()
}

/// The commands of a README.
fn commands(text: &str) -> String {
    text.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}

#[test]
fn every_file_that_a_command_names_is_there() {
    let mut seen = 0;
    for (path, text) in readmes() {
        for word in commands(&text).split_whitespace() {
            let ours = ["tasks/", "pipelines/", "stepactions/", "samples/", "config/"];
            if Path::new(word).extension().is_some_and(|e| e == "yaml")
                && !word.contains('*')
                && ours.iter().any(|folder| word.starts_with(folder))
            {
                assert!(root().join(word).exists(), "{path}: there is no {word}");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "only {seen}");
}

#[test]
fn every_sample_is_run_by_a_readme_or_says_what_it_needs() {
    let all: String = readmes().iter().map(|(_, text)| commands(text)).collect();
    for package in [tasks(), pipelines(), step_actions()].concat() {
        let samples: BTreeSet<String> = extras(&package, "samples").iter().map(Item::to_string).collect();
        for sample in samples {
            let Some((_, needs)) = NEEDS.iter().find(|(path, _)| *path == sample) else {
                assert!(
                    all.contains(&format!("kubectl create -f {sample}\n")) || all.contains(&format!("{sample} ")),
                    "{sample}"
                );
                continue;
            };
            let kind = if sample.starts_with("stepactions/") {
                "stepactions/README.md".into()
            } else {
                format!("{}/README.md", sample.split("/samples").next().unwrap())
            };
            let (readme, text) = (read(&root().join(&kind)), read(&root().join(&sample)));
            for need in *needs {
                let plain = |text: &str| text.replace("\n# ", " ").replace('\n', " ");
                assert!(plain(&readme).contains(need), "{kind} does not name {need}, which {sample} needs");
                assert!(plain(&text).contains(need), "{sample} does not name {need}");
            }
        }
    }
}

#[test]
fn a_readme_installs_from_one_place_and_into_one_namespace() {
    for (path, text) in readmes() {
        for line in commands(&text).lines() {
            assert!(!line.contains(" -n "), "{path}: a namespace that the other commands do not name: {line}");
            assert!(
                !line.starts_with("kubectl apply -f tasks") && !line.starts_with("kubectl apply -f pipelines"),
                "{path}: {line}"
            );
        }
    }
}

#[test]
fn what_stages_can_be_told_to_try_again() {
    for pipeline in pipelines() {
        let mut staging = tasks_of(&pipeline);
        staging.retain(|task| names(&task["taskSpec"], "params").contains("again"));
        assert!(!staging.is_empty(), "{pipeline}: nothing stages");
        for task in staging {
            let given = list(task, "params").contains(&json!({"name": "again", "value": "$(params.again)"}));
            assert!(given, "{pipeline}: {} cannot be told", task["name"]);
        }
    }
    for task in tasks().iter().filter(|t| ["stage-revision", "roll-out"].contains(&t.name())) {
        assert!(names(task.spec(), "params").contains("again"), "{task}");
    }
}

#[test]
fn every_step_asks_for_what_a_quota_counts() {
    let ours = steps().into_iter().filter(|step| !step.of.starts_with("stepactions/")).map(|s| (s.of, s.step));
    let mut seen = 0;
    for (of, step) in ours.chain(steps_of_others()) {
        for amount in ["requests", "limits"] {
            for what in ["cpu", "memory"] {
                let value = &step["computeResources"][amount][what];
                assert!(value.is_string(), "{of}, {}: no {amount} of {what}", step["name"]);
                seen += 1;
            }
        }
    }
    assert!(seen > 80, "only {seen}");
}

/// The ApprovalTask of openshift-pipelines/manual-approval-gate, v1alpha1: its parameters and their types.
#[test]
fn the_approval_task_is_asked_as_its_gate_takes_it() {
    let all = objects(&root().join(NEEDS[0].0));
    let pipeline = all.iter().find(|item| item.kind() == "Pipeline").unwrap();
    let asks: Vec<&Value> =
        list(pipeline.spec(), "tasks").iter().filter(|t| t["taskRef"]["kind"] == "ApprovalTask").collect();
    let [ask] = asks[..] else { panic!("{asks:?}") };
    assert_eq!(ask["taskRef"], json!({"apiVersion": "openshift-pipelines.org/v1alpha1", "kind": "ApprovalTask"}));
    assert!(ask["timeout"].is_string() && ask["taskSpec"].is_null());
    for param in list(ask, "params") {
        let value = &param["value"];
        match param["name"].as_str().unwrap() {
            "approvers" => assert!(value.is_array(), "{param}"),
            "description" => assert!(value.is_string(), "{param}"),
            "numberOfApprovalsRequired" => assert!(value.as_str().unwrap().parse::<u32>().unwrap() > 0, "{param}"),
            other => panic!("the gate has no parameter {other}"),
        }
    }
    // What it needs beside the gate are Tasks of this catalog.
    let known: BTreeSet<String> = tasks().iter().map(|task| task.name().to_owned()).collect();
    for task in tasks_of(pipeline).into_iter().filter(|task| task["taskRef"]["apiVersion"].is_null()) {
        let name = task["taskRef"]["name"].as_str().unwrap();
        assert!(known.contains(name), "{name}");
        let (given, has) =
            (names(task, "params"), names(tasks().iter().find(|t| t.name() == name).unwrap().spec(), "params"));
        assert!(given.is_subset(&has), "{name}: {given:?}");
    }
}

/// What Pipelines as Code reads of a run: its annotations, lists in brackets, and the variables that it fills in.
#[test]
fn the_run_on_a_push_is_as_pipelines_as_code_takes_it() {
    let all = objects(&root().join(NEEDS[1].0));
    let [run] = &all[..] else { panic!("one run") };
    let annotations = run.object["metadata"]["annotations"].as_object().unwrap();
    for (name, value) in annotations {
        let (value, name) = (value.as_str().unwrap(), name.strip_prefix("pipelinesascode.tekton.dev/").unwrap());
        match name {
            "on-event" | "on-target-branch" => {
                assert!(value.starts_with('[') && value.ends_with(']'), "{name}: {value}");
            }
            "max-keep-runs" => assert!(value.parse::<u32>().unwrap() > 0),
            "pipeline" => {
                let path = value.split_once(&format!("/raw/v{}/", env!("CARGO_PKG_VERSION"))).unwrap().1;
                assert!(root().join(path).exists(), "{path}");
            }
            other => panic!("{other} is not an annotation that is read"),
        }
    }
    let variables: BTreeSet<&str> =
        run.text.split("{{ ").skip(1).map(|rest| rest.split_once(" }}").unwrap().0).collect();
    assert_eq!(variables, BTreeSet::from(["repo_url", "revision"]));
    assert_eq!(run.spec()["pipelineRef"]["name"], "build-it-and-roll-it-out-slowly");
}

/// What Tekton Triggers 0.37 takes (pkg/apis/triggers/v1beta1): every reference leads somewhere, parameters are declared, bound and
/// used, and the run that is made is one of the Pipeline's.
#[test]
fn the_run_on_a_push_is_as_triggers_takes_it() {
    let all = objects(&root().join(NEEDS[3].0));
    let of_kind = |kind: &str| all.iter().find(|item| item.kind() == kind).unwrap_or_else(|| panic!("no {kind}"));
    for item in all.iter().filter(|item| ["EventListener", "TriggerBinding", "TriggerTemplate"].contains(&item.kind()))
    {
        assert_eq!(item.object["apiVersion"], "triggers.tekton.dev/v1beta1", "{}", item.kind());
    }
    let (listener, binding, template) =
        (of_kind("EventListener"), of_kind("TriggerBinding"), of_kind("TriggerTemplate"));
    let [trigger] = list(listener.spec(), "triggers") else { panic!("one trigger") };
    assert_eq!(trigger["bindings"], json!([{"ref": binding.name()}]));
    assert_eq!(trigger["template"], json!({"ref": template.name()}));
    let account = listener.spec()["serviceAccountName"].as_str().unwrap();
    for kind in ["RoleBinding", "ClusterRoleBinding"] {
        assert_eq!(of_kind(kind).object["subjects"][0]["name"], account, "{kind}");
    }
    assert_eq!(of_kind("ServiceAccount").name(), account);
    // Whoever can reach the listener could else have anything applied.
    let checks = |of: &str| list(trigger, "interceptors").iter().find(|one| one["ref"]["name"] == of).unwrap();
    let github = list(checks("github"), "params");
    assert!(github.iter().any(|param| param["name"] == "secretRef" && param["value"]["secretKey"].is_string()));
    assert!(github.contains(&json!({"name": "eventTypes", "value": ["push"]})));
    assert_eq!(list(checks("cel"), "params")[0]["name"], "filter");

    let [run] = list(template.spec(), "resourcetemplates") else { panic!("one run") };
    let (declared, bound) = (names(template.spec(), "params"), names(binding.spec(), "params"));
    assert_eq!((&declared, &declared), (&bound, &referred(&texts(run), "tt.params")));
    let pipeline =
        pipelines().into_iter().find(|pipeline| run["spec"]["pipelineRef"]["name"] == pipeline.name()).unwrap();
    let (given, known) = (names(&run["spec"], "params"), names(pipeline.spec(), "params"));
    assert!(given.is_subset(&known), "{:?}", given.difference(&known));
    assert!(given.contains("git-url"));
    // It is one that somebody makes by hand, but for its name and what is pushed.
    let by_hand = &objects(&pipeline.path.with_file_name("samples").join("from-a-branch.yaml"))[0];
    for field in ["pipelineRef", "timeouts", "taskRunTemplate", "taskRunSpecs"] {
        assert_eq!(run["spec"][field], by_hand.spec()[field], "{field}");
    }
}
