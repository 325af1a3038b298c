//! Steps that run Andante: their flags exist and are accepted, parameters are used, results are those that the program
//! writes, and nothing about their security is left to chance.

use super::catalog::{Item, extras, list, names, pipelines, referred, step_actions, tasks, texts};
use andante::adapter::tekton::LIMIT;
use andante::cli::{self, Cli};
use clap::CommandFactory;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// A step that runs Andante, and the spec whose parameters and results it sees.
pub(crate) struct Step {
    pub(crate) of: String,
    pub(crate) spec: Value,
    pub(crate) step: Value,
}

fn is_ours(step: &Value) -> bool {
    step["command"] == json!(["andante"])
}

fn of_spec(of: &str, spec: &Value) -> Vec<Step> {
    let ours = list(spec, "steps").iter().filter(|s| is_ours(s));
    ours.map(|step| Step { of: of.to_owned(), spec: spec.clone(), step: step.clone() }).collect()
}

/// The tasks of a Pipeline, `finally` too.
pub(crate) fn tasks_of(pipeline: &Item) -> Vec<&Value> {
    list(pipeline.spec(), "tasks").iter().chain(list(pipeline.spec(), "finally")).collect()
}

/// Every one of them, wherever it stands.
pub(crate) fn steps() -> Vec<Step> {
    let mut found: Vec<Step> = tasks().iter().flat_map(|task| of_spec(&task.to_string(), task.spec())).collect();
    for action in step_actions() {
        let spec = action.spec().clone();
        found.push(Step { of: action.to_string(), step: spec.clone(), spec });
    }
    for pipeline in pipelines() {
        for task in tasks_of(&pipeline) {
            found.extend(of_spec(&format!("{pipeline}, task {}", task["name"]), &task["taskSpec"]));
        }
    }
    assert!(found.len() >= 12, "only {} steps were found", found.len());
    found
}

fn arguments(step: &Value) -> Vec<String> {
    list(step, "args").iter().map(|a| a.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_flag_exists() {
    for Step { of, step, .. } in steps() {
        let arguments = arguments(&step);
        let command = Cli::command();
        let mut sub = command.find_subcommand(&arguments[0]).unwrap_or_else(|| panic!("{of}: {}", arguments[0]));
        for word in &arguments[1..] {
            let Some(deeper) = sub.find_subcommand(word) else { break };
            sub = deeper;
        }
        let known: BTreeSet<&str> = sub.get_arguments().filter_map(clap::Arg::get_long).collect();
        for flag in arguments.iter().take_while(|a| *a != "--").filter_map(|a| a.strip_prefix("--")) {
            let name = flag.split('=').next().unwrap();
            assert!(known.contains(name), "{of}: `andante {}` has no flag --{name}", arguments[0]);
        }
    }
}

/// The arguments as Tekton fills them in for a run that names only what it must.
fn filled_in(spec: &Value, step: &Value) -> Vec<String> {
    let mut values: BTreeMap<String, Value> = BTreeMap::new();
    for param in list(spec, "params") {
        let value = match (&param["default"], param["type"] == "array") {
            (Value::Null, true) => json!([]),
            (Value::Null, false) => json!("hello"),
            (default, _) => default.clone(),
        };
        values.insert(param["name"].as_str().unwrap().to_owned(), value);
    }
    let mut filled = Vec::new();
    for argument in arguments(step) {
        if let Some(name) = argument.strip_prefix("$(params.").and_then(|a| a.strip_suffix("[*])")) {
            filled.extend(values[name].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()));
            continue;
        }
        let mut text = argument;
        for (name, value) in &values {
            text = text.replace(&format!("$(params.{name})"), value.as_str().unwrap_or("an array"));
        }
        for place in ["$(results.", "$(step.results."] {
            if let Some((before, name)) = text.split_once(place) {
                text = format!("{before}{}/{}", env!("CARGO_TARGET_TMPDIR"), name.trim_end_matches(".path)"));
            }
        }
        filled.push(text);
    }
    filled
}

#[test]
fn the_program_accepts_what_a_run_without_settings_says() {
    for Step { of, spec, step } in steps() {
        let mut arguments = filled_in(&spec, &step);
        // What other steps and workspaces give is theirs to say.
        arguments.retain(|a| !(a.starts_with('-') && a.contains("$(workspaces.")));
        for argument in arguments.iter_mut().filter(|a| a.contains("$(workspaces.")) {
            ".".clone_into(argument);
        }
        for argument in arguments.iter_mut().filter(|a| a.starts_with("$(steps.")) {
            "registry.example.com/shop/hello:1".clone_into(argument);
        }
        for argument in arguments.iter_mut().filter(|a| a.contains("=$(steps.")) {
            argument.truncate(argument.find('=').unwrap() + 1);
        }
        if arguments[0] == "image" {
            // The registry is none.
            let end = arguments.iter().position(|a| a == "--").unwrap();
            arguments.insert(end, "--patience=1ms".into());
        }
        let ran = Command::new(env!("CARGO_BIN_EXE_andante")).args(&arguments).env_clear().output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
        if arguments[0] == "image" {
            assert!(!said.contains("--help"), "{of}: andante {arguments:?}: {said}");
            continue;
        }
        // There is no cluster here: that it is looked for means that nothing was wrong before.
        assert!(said.contains("no cluster") || said.contains("kubeconfig"), "{of}: andante {arguments:?}: {said}");
    }
}

#[test]
fn parameters_are_declared_and_used() {
    let mut specs: Vec<(String, Value)> = vec![];
    specs.extend(tasks().iter().chain(&step_actions()).map(|i| (i.to_string(), i.spec().clone())));
    for pipeline in pipelines() {
        let tasks = tasks_of(&pipeline);
        specs.extend(tasks.iter().map(|t| (format!("{pipeline}, task {}", t["name"]), t["taskSpec"].clone())));
    }
    for (of, spec) in specs {
        let mut rest = spec.clone();
        rest.as_object_mut().unwrap().remove("params");
        let (declared, used) = (names(&spec, "params"), referred(&texts(&rest), "params"));
        assert_eq!(declared, used, "{of}: declared and used parameters differ");
    }
}

#[test]
fn a_parameter_has_the_name_of_its_flag() {
    for Step { of, step, .. } in steps() {
        for argument in arguments(&step) {
            if let Some((flag, name)) = argument.strip_prefix("--").and_then(|a| a.split_once("=$(params."))
                && of.starts_with("tasks/")
            {
                assert_eq!(format!("{flag})"), name, "{of}: {argument}");
            }
        }
    }
}

/// What a step means where a flag is given no value: what its caller says otherwise, else the program's own.
pub(crate) fn usual(arguments: &[String], flags: &[String], name: &str) -> Option<String> {
    let otherwise = format!("--otherwise={name}=");
    let callers = arguments.iter().chain(flags).filter_map(|argument| argument.strip_prefix(&otherwise)).next_back();
    let command = Cli::command();
    let sub = command.find_subcommand(&arguments[0]).unwrap();
    let own = || sub.get_arguments().find(|flag| flag.get_long() == Some(name)).map(clap::Arg::get_default_values);
    let own = || own()?.first().map(|value| value.to_string_lossy().into_owned());
    callers.map(str::to_owned).or_else(own)
}

/// In brackets at the end of a description stands what an empty parameter means.
fn in_brackets(param: &Value) -> Option<String> {
    let text = param["description"].as_str().unwrap().strip_suffix("`)")?;
    text.rsplit_once("(`").map(|(_, value)| value.to_owned())
}

#[test]
fn a_default_hides_nothing_that_a_service_declares() {
    let mut told = 0;
    for task in tasks() {
        let step = &list(task.spec(), "steps")[0];
        let arguments = arguments(step);
        if !names(task.spec(), "params").contains("declared") {
            continue;
        }
        for param in list(task.spec(), "params") {
            let name = param["name"].as_str().unwrap();
            let of_call = ["output", "andante-image", "service"].contains(&name);
            assert!(
                of_call || param["default"] == "" || param["default"] == json!([]),
                "{task}: {name} hides what is declared"
            );
            // What is a switch is off.
            let Some(said) = in_brackets(param).filter(|said| said != "false") else { continue };
            // In a pod, which is where a Task runs.
            let means = if name == "if-busy" { Some("supersede".into()) } else { usual(&arguments, &[], name) };
            assert_eq!(means.as_ref(), Some(&said), "{task}: {name}");
            told += 1;
        }
    }
    assert!(told > 35, "{told}");
}

#[test]
fn a_pipelines_default_hides_nothing_that_a_service_declares() {
    for pipeline in pipelines() {
        for param in list(pipeline.spec(), "params") {
            let name = param["name"].as_str().unwrap();
            // An image of a step has to be known before any step runs.
            let of_run = param["default"].is_null() || name.ends_with("-image");
            assert!(of_run || param["default"] == "" || param["default"] == json!([]), "{pipeline}: {name}");
        }
        let needed = list(pipeline.spec(), "params").iter().filter(|p| p["default"].is_null());
        let needed: Vec<&str> = needed.map(|param| param["name"].as_str().unwrap()).collect();
        assert!(
            [["service"], ["git-url"]].iter().any(|one| *one == needed[..]),
            "{pipeline}: what Services it is about is required alone: {needed:?}"
        );
        // What stands in brackets is what an empty one comes to in each task that it is passed on to under its own flag.
        for task in tasks_of(&pipeline) {
            let Some(step) = list(&task["taskSpec"], "steps").iter().find(|step| is_ours(step)) else { continue };
            let flags = list(task, "params").iter().find(|param| param["name"] == "flags");
            let flags: Vec<String> = flags.map_or(vec![], |flags| {
                list(flags, "value").iter().map(|flag| flag.as_str().unwrap().to_owned()).collect()
            });
            for given in list(task, "params") {
                let passed = given["value"].as_str().and_then(|v| v.strip_prefix("$(params.")?.strip_suffix(')'));
                let param =
                    passed.and_then(|passed| list(pipeline.spec(), "params").iter().find(|p| p["name"] == passed));
                let Some(said) = param.and_then(in_brackets).filter(|said| said != "false") else { continue };
                let name = given["name"].as_str().unwrap();
                if let Some(means) = usual(&arguments(step), &flags, name) {
                    assert_eq!(means, said, "{pipeline}, task {}: {name}", task["name"]);
                }
            }
        }
    }
}

/// What a step's subcommand writes; of a run's parameters `goal` writes those that are named.
fn written(arguments: &[String]) -> BTreeSet<String> {
    let named = |flag: &str| {
        let values = arguments.iter().filter_map(|argument| argument.strip_prefix(flag)?.split('=').next());
        values.map(str::to_owned).collect::<BTreeSet<String>>()
    };
    let parameters = &named("--given=") | &named("--list=");
    if arguments[0] == "goal" && !parameters.is_empty() {
        return &parameters | &BTreeSet::from(["message".to_owned()]);
    }
    let results =
        cli::Command::results_of(&arguments[0]).unwrap_or_else(|| panic!("what does {} write?", arguments[0]));
    results.iter().map(|(name, _)| (*name).to_owned()).collect()
}

#[test]
fn every_declared_result_is_written_and_fits() {
    for Step { of, spec, step } in steps() {
        let arguments = arguments(&step);
        let declared: BTreeSet<String> = if of.starts_with("pipelines/") && !list(&step, "results").is_empty() {
            names(&step, "results")
        } else {
            names(&spec, "results")
        };
        let written = written(&arguments);
        if of.starts_with("pipelines/") {
            assert!(declared.is_subset(&written) || declared.is_empty(), "{of}: {declared:?}");
        } else {
            assert_eq!(declared, written, "{of}");
        }
        for name in &written {
            let upper = name.to_uppercase().replace('-', "_");
            let claims = ["IMAGE_URL", "IMAGE_DIGEST", "ARTIFACT_OUTPUTS", "ARTIFACT_URI", "ARTIFACT_DIGEST"];
            assert!(!claims.iter().any(|c| upper.ends_with(c)) && upper != "IMAGES", "{of}: {name} claims a build");
        }
        // Names and punctuation of all results leave most of the room to what they say.
        let empty: usize =
            written.iter().map(|n| json!({"key": n, "value": "", "type": 1}).to_string().len() + 1).sum();
        assert!(empty < LIMIT / 2, "{of}: {empty} bytes before a word is said");
    }
}

#[test]
fn nothing_about_security_is_left_to_chance() {
    let wanted = json!({
        "runAsNonRoot": true,
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"}
    });
    for Step { of, step, .. } in steps() {
        assert_eq!(step["securityContext"], wanted, "{of}");
        assert!(step["script"].is_null() && step["workingDir"].is_null(), "{of}: each adds an init container");
        let args = arguments(&step);
        let bare =
            args.iter().take_while(|a| *a != "--").filter(|a| a.starts_with("$(params.") && !a.ends_with("[*])"));
        assert_eq!(bare.count(), 0, "{of}: what a parameter says must not become a flag");
        let secrets = list(&step, "env").iter().filter(|e| !e["valueFrom"]["secretKeyRef"].is_null());
        assert_eq!(secrets.count(), 0, "{of}: secrets are files");
    }
}

/// Steps with images of others: a fetch, a builder. Those that refer to a StepAction have its security context.
pub(crate) fn steps_of_others() -> Vec<(String, Value)> {
    let mut specs: Vec<(String, Value)> = tasks().iter().map(|task| (task.to_string(), task.spec().clone())).collect();
    for pipeline in pipelines() {
        specs.extend(tasks_of(&pipeline).iter().map(|task| (pipeline.to_string(), task["taskSpec"].clone())));
    }
    for package in [tasks(), pipelines(), step_actions()].concat() {
        for sample in extras(&package, "samples").into_iter().filter(|s| s.spec()["taskSpec"].is_object()) {
            specs.push((sample.to_string(), sample.spec()["taskSpec"].clone()));
        }
    }
    let mut found = vec![];
    for (of, spec) in specs {
        let others = list(&spec, "steps").iter().filter(|step| !is_ours(step) && step["ref"].is_null());
        found.extend(others.map(|step| (format!("{of}, step {}", step["name"]), step.clone())));
    }
    found
}

#[test]
fn steps_of_others_have_what_they_need_and_no_more() {
    let (mut fetches, mut builders) = (0, 0);
    for (of, step) in steps_of_others() {
        let words = texts(&step["args"]);
        if step["command"] == json!(["buildah"]) {
            // The three make a user namespace, which the profile RuntimeDefault forbids.
            let wanted = json!({
                "runAsUser": 0,
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"], "add": ["SETFCAP", "SETGID", "SETUID"]}
            });
            assert_eq!(step["securityContext"], wanted, "{of}");
            assert!(words.contains(&"--storage-driver=vfs"), "{of}: overlay needs more");
            // Without the right to write anywhere, Tekton cannot lay the account's credentials into root's own home.
            let env = list(&step, "env");
            assert!(env.contains(&json!({"name": "HOME", "value": "/var/tmp"})), "{of}");
            assert!(list(&step, "volumeMounts").iter().any(|m| m["mountPath"] == "/var/tmp"), "{of}");
            builders += 1;
        } else {
            let wanted = json!({
                "runAsNonRoot": true,
                "runAsUser": 65532,
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"}
            });
            assert_eq!(step["securityContext"], wanted, "{of}");
            assert!(list(&step, "workspaces").is_empty(), "{of}: the registry's credentials are not its business");
            fetches += 1;
        }
    }
    assert_eq!((fetches, builders), (2, 4));
}

#[test]
fn the_run_is_told_by_labels() {
    for Step { of, step, .. } in steps() {
        // An image and a run's parameters are told before there is a rollout that somebody owns.
        let of_build = of.starts_with("pipelines/") && arguments(&step)[0] == "goal";
        if arguments(&step)[0] == "image" || of_build {
            continue;
        }
        let env: BTreeMap<&str, &str> = list(&step, "env")
            .iter()
            .map(|e| (e["name"].as_str().unwrap(), e["valueFrom"]["fieldRef"]["fieldPath"].as_str().unwrap()))
            .collect();
        let wanted = [
            ("ANDANTE_PIPELINE_RUN", "metadata.labels['tekton.dev/pipelineRun']"),
            ("ANDANTE_PIPELINE_RUN_UID", "metadata.labels['tekton.dev/pipelineRunUID']"),
            ("ANDANTE_TASK_RUN", "metadata.labels['tekton.dev/taskRun']"),
            ("ANDANTE_TASK_RUN_UID", "metadata.labels['tekton.dev/taskRunUID']"),
            ("ANDANTE_RUN_NAMESPACE", "metadata.namespace"),
        ];
        assert_eq!(env, wanted.into_iter().collect(), "{of}");
    }
}
