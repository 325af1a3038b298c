//! What is made from the Tasks: StepActions, the task specs in Pipelines, the tables in READMEs.

use super::catalog::{Item, extras, list, packages, pipelines, read, referred, root, step_actions, tasks, texts};
use super::text::{end_of, indent, moved, section};
use andante::adapter::env::Environment;
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Compares a file with what it should be, or writes it.
pub(crate) fn agrees(path: &Path, wanted: &str) {
    if Environment::of_process().variable("ANDANTE_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // At once or not at all: other tests read it meanwhile.
        let made = path.with_extension("made");
        fs::write(&made, wanted).unwrap();
        fs::rename(made, path).unwrap();
        return;
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    let first = wanted.lines().zip(found.lines()).find(|(a, b)| a != b);
    assert!(
        found == wanted,
        "{} is stale; first difference: {first:?}; ANDANTE_BLESS=1 cargo test --test manifests",
        path.display()
    );
}

/// A StepAction from a Task's only step. What a StepAction cannot have is left to the Step that uses it: its name,
/// resources and workspaces (whose paths become parameters).
fn step_action(task: &Item) -> String {
    let lines: Vec<&str> = task.text.lines().collect();
    let mut text = format!(
        "# Made from tasks/{0}/{0}.yaml by `ANDANTE_BLESS=1 cargo test --test manifests`.\n\
         apiVersion: tekton.dev/v1beta1\nkind: StepAction\n",
        task.name()
    );
    text.push_str(&moved(&section(&lines, "metadata", 0), 0));
    text.push_str("spec:\n");
    text.push_str(&moved(&section(&lines, "description", 2), 0));
    text.push_str(&moved(&section(&lines, "params", 2), 0));
    let used = referred(&texts(&task.spec()["steps"]), "workspaces");
    for workspace in list(task.spec(), "workspaces").iter().filter(|w| used.contains(w["name"].as_str().unwrap())) {
        let (name, what) = (workspace["name"].as_str().unwrap(), workspace["description"].as_str().unwrap());
        write!(text, "    - name: {name}-path\n      description: \"Path: {what}\"\n      default: \"\"\n").unwrap();
    }
    text.push_str(&moved(&section(&lines, "results", 2), 0));
    let steps = section(&lines, "steps", 2);
    let step: Vec<&str> = steps[1..].to_vec();
    assert!(step[0].starts_with("    - name: "), "{task}: a step begins with its name");
    for key in ["image", "command", "args", "env", "securityContext"] {
        text.push_str(&moved(&section(&step, key, 6), -4));
    }
    let mut text = text.replace("$(results.", "$(step.results.");
    for workspace in used {
        text = text.replace(&format!("$(workspaces.{workspace}.path)"), &format!("$(params.{workspace}-path)"));
    }
    text
}

#[test]
fn step_actions_are_the_steps_of_the_tasks() {
    for task in tasks() {
        let name = task.name().to_owned();
        agrees(&root().join(format!("stepactions/{name}/{name}.yaml")), &step_action(&task));
    }
    let of = |kind| packages(kind).iter().map(|p| p.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(of("stepactions"), of("tasks"), "each Task has its StepAction, and no other is there");
}

/// A Pipeline with every `taskSpec: # tasks/NAME` made from that Task.
fn with_task_specs(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let (mut wanted, mut at) = (String::new(), 0);
    while at < lines.len() {
        wanted.push_str(lines[at]);
        wanted.push('\n');
        let Some((_, name)) = lines[at].split_once("taskSpec: # tasks/") else {
            at += 1;
            continue;
        };
        let task = read(&root().join(format!("tasks/{name}/{name}.yaml")));
        let task: Vec<&str> = task.lines().collect();
        let by = isize::try_from(indent(lines[at])).unwrap();
        for key in ["description", "workspaces", "params", "results", "steps"] {
            wanted.push_str(&moved(&section(&task, key, 2), by));
        }
        at = end_of(&lines, at);
    }
    wanted
}

#[test]
fn pipelines_carry_the_tasks_as_they_are() {
    for pipeline in pipelines() {
        agrees(&pipeline.path, &with_task_specs(&read(&pipeline.path)));
    }
}

fn default(param: &Value) -> String {
    match &param["default"] {
        Value::Null => "required".into(),
        Value::String(text) if text.is_empty() => String::new(),
        Value::String(text) => format!("`{text}`"),
        Value::Array(items) if items.is_empty() => "none".into(),
        other => format!("`{other}`"),
    }
}

fn parameters(spec: &Value) -> String {
    let mut table = String::from("| parameter | default | meaning |\n| --- | --- | --- |\n");
    for param in list(spec, "params") {
        let (name, what) = (param["name"].as_str().unwrap(), param["description"].as_str().unwrap());
        let kind = if param["type"] == "array" { " (array)" } else { "" };
        // What an empty one means stands in brackets at the end.
        let (what, usual) = match what.strip_suffix("`)").and_then(|what| what.rsplit_once(" (`")) {
            Some((what, usual)) => (what, format!("`{usual}`")),
            None => (what, default(param)),
        };
        writeln!(table, "| `{name}`{kind} | {usual} | {what} |").unwrap();
    }
    table
}

fn results(spec: &Value) -> String {
    let mut table = String::from("| result | meaning |\n| --- | --- |\n");
    for result in list(spec, "results") {
        let (name, what) = (result["name"].as_str().unwrap(), result["description"].as_str().unwrap());
        writeln!(table, "| `{name}` | {what} |").unwrap();
    }
    table
}

/// The text with what stands between two marks replaced.
fn with_table(text: &str, what: &str, table: &str) -> String {
    let begin = format!("<!-- {what}: generated -->\n");
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("no mark {begin}"));
    let (_, after) = rest.split_once("<!-- end -->").expect("the last mark");
    format!("{before}{begin}{table}<!-- end -->{after}")
}

#[test]
fn readmes_have_the_tables_of_their_package() {
    for package in tasks().iter().chain(&pipelines()) {
        let path = package.path.with_file_name("README.md");
        let text = with_table(&read(&path), "parameters", &parameters(package.spec()));
        agrees(&path, &with_table(&text, "results", &results(package.spec())));
    }
}

/// The first sentence of a description, in one line.
fn first_sentence(item: &Item) -> String {
    let whole = item.spec()["description"].as_str().unwrap().replace('\n', " ");
    whole.split_once(". ").map_or(whole.as_str(), |(first, _)| first).trim_end_matches('.').to_owned()
}

/// The README of a StepAction: a step that uses it, as the first sample of its Task does, and the tables.
fn step_actions_readme(action: &Item, task: &Item) -> String {
    let name = action.name();
    let sample = &extras(task, "samples")[0];
    let (mut params, mut workspaces) = (String::new(), String::new());
    let known: Vec<&str> = list(action.spec(), "params").iter().map(|p| p["name"].as_str().unwrap()).collect();
    let path = |workspace: &str| format!("{workspace}-path");
    let bound: Vec<&str> = list(task.spec(), "workspaces").iter().map(|w| w["name"].as_str().unwrap()).collect();
    let bound: Vec<&str> = bound.into_iter().filter(|w| known.contains(&path(w).as_str())).collect();
    // The checkout says which commit it is, and a digest is what comes after a build.
    let said_by_checkout = |name: &str| bound.contains(&"source") && ["commit", "digest"].contains(&name);
    for param in list(sample.spec(), "params").iter().filter(|p| !said_by_checkout(p["name"].as_str().unwrap())) {
        let value = serde_json::to_string(&param["value"]).unwrap();
        writeln!(params, "      - {{name: {}, value: {value}}}", param["name"].as_str().unwrap()).unwrap();
    }
    for workspace in bound {
        writeln!(workspaces, "      - {{name: {workspace}-path, value: $(workspaces.{workspace}.path)}}   # if bound")
            .unwrap();
    }
    format!(
        "# {name}\n\n{}.\n\nThe step of the Task [{name}](../../tasks/{name}), whose README says more, for Tasks of your own:\n\n\
         ```yaml\nsteps:\n  - name: {name}\n    ref: {{name: {name}}}\n    params:\n{params}{workspaces}```\n\n\
         `kubectl apply -k .` installs it with the rest of the catalog, whose image stands in `kustomization.yaml`; alone it is installed by \
         `kubectl apply -f stepactions/{name}/{name}.yaml`, and `andante-image` says what it runs. Its account needs the rights of [support/rbac.yaml](../../tasks/{name}/support/rbac.yaml).\n\n\
         ## Parameters\n\n{}\n## Results\n\n{}",
        first_sentence(action),
        parameters(action.spec()),
        results(action.spec()),
    )
}

#[test]
fn step_actions_have_readmes_and_a_list() {
    let mut table = String::from("| StepAction | what it does |\n| --- | --- |\n");
    for (action, task) in step_actions().iter().zip(tasks()) {
        assert_eq!(action.name(), task.name());
        agrees(&action.path.with_file_name("README.md"), &step_actions_readme(action, &task));
        writeln!(table, "| [{0}]({0}) | {1} |", action.name(), first_sentence(action)).unwrap();
    }
    let path = root().join("stepactions/README.md");
    agrees(&path, &with_table(&read(&path), "step actions", &table));
}

#[test]
fn what_is_generated_is_put_in_place() {
    let text = "a\n<!-- results: generated -->\nold\n<!-- end -->\nb\n";
    assert_eq!(with_table(text, "results", "new\n"), "a\n<!-- results: generated -->\nnew\n<!-- end -->\nb\n");
    let pipeline =
        "  tasks:\n    - name: settle\n      taskSpec: # tasks/settle-rollout\n        old: 1\n    - name: next\n";
    let made = with_task_specs(pipeline);
    assert!(made.contains("      taskSpec: # tasks/settle-rollout\n        description: >-\n"), "{made}");
    assert!(!made.contains("old: 1") && made.ends_with("    - name: next\n"), "{made}");
    assert_eq!(with_task_specs(&made), made);
}
