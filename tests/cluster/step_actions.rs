//! StepActions: steps of ours beside others' in one pod.

use super::pipelines::{V2, place};
use super::support::*;
use serde_json::json;

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn step_actions_work_together_in_one_pod() {
    let space = place("pipe-actions", "tasks/roll-out");
    for name in ["stage-revision", "check-revision", "walk-traffic"] {
        install(&space, &format!("stepactions/{name}"));
    }
    let step = |name: &str, action: &str, params: &[(&str, &str)]| {
        let mut all =
            vec![json!({"name": "service", "value": "hello"}), json!({"name": "andante-image", "value": image()})];
        all.extend(params.iter().map(|(n, v)| json!({"name": n, "value": v})));
        json!({"name": name, "ref": {"name": action}, "params": all})
    };
    let run = task_run(
        &space,
        "actions",
        &json!({"serviceAccountName": "andante", "taskSpec": {
        "results": [{"name": "outcome", "value": "$(steps.walk.results.outcome)"},
            {"name": "revision", "value": "$(steps.stage.results.revision)"}],
        "steps": [
            step("stage", "stage-revision", &[("image", V2)]),
            step("check", "check-revision", &[("probe", "/"), ("probe-body", "v2")]),
            step("walk", "walk-traffic", &[("steps", "50,100"), ("dwell", "1s"), ("bake", "1s")])
        ]}}),
    );
    assert_eq!(condition(&run, "Succeeded").0, "True", "{}", run["status"]);
    assert_eq!(task_result(&run, "outcome").as_deref(), Some("finished"));
    assert_eq!(task_result(&run, "revision").as_deref(), Some("hello-00002"));
    space.answers("hello", "v2", 3);
}

/// What git-clone's StepAction takes, gives and leaves, with the cluster's own image of git: its own cannot be had here.
fn git_clone(space: &Space) {
    let [(_, git), _] = tools();
    let script = "#!/bin/sh\nset -eu\ngit clone --quiet \"$URL\" \"$OUT\"\ncd \"$OUT\"\n\
        git checkout --quiet --detach \"$REVISION\"\ngit rev-parse HEAD | tr -d '\\n' >$(step.results.commit.path)\n";
    space.apply(&json!({"apiVersion": "tekton.dev/v1beta1", "kind": "StepAction", "metadata": {"name": "git-clone"},
    "spec": {
        "params": [{"name": "url"}, {"name": "revision", "default": ""}, {"name": "output-path"}],
        "results": [{"name": "commit"}],
        "image": git, "script": script,
        "env": [{"name": "URL", "value": "$(params.url)"}, {"name": "REVISION", "value": "$(params.revision)"},
            {"name": "OUT", "value": "$(params.output-path)"}, {"name": "HOME", "value": "/tekton/home"}],
        "securityContext": {"runAsNonRoot": true, "runAsUser": 65532}
    }}));
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_commit_is_built_and_rolled_out_in_one_pod() {
    let space = place("pipe-one-pod", "tasks/roll-out");
    git_clone(&space);
    // The sample says no image: the StepActions say it, as it was set for the whole catalog.
    Newcomer::new(&space).sets_the_image().types("kubectl apply -k .");
    let source = Repository::new(&space);
    let hash = source.commit(&["VERSION=v2"]);
    let mut spec = catalog("stepactions/roll-out/samples/one-pod.yaml")["spec"].clone();
    let [_, (_, builder)] = tools();
    let repository = format!("{}/{}", registry(), space.namespace);
    for param in spec["params"].as_array_mut().unwrap() {
        param["value"] = match param["name"].as_str().unwrap() {
            "service" => json!("hello"),
            "git-url" => json!(source.url),
            "git-revision" => json!(hash),
            "repository" => json!(repository),
            "builder-image" => json!(builder),
            "probe" => json!("/"),
            "tls-verify" => json!("false"),
            other => panic!("what is {other} to be?"),
        };
    }
    // The sample's own plan takes minutes.
    let walk = spec["taskSpec"]["steps"].as_array_mut().unwrap().last_mut().unwrap();
    for (name, value) in [("steps", "50,100"), ("dwell", "1s"), ("bake", "1s")] {
        walk["params"].as_array_mut().unwrap().push(json!({"name": name, "value": value}));
    }
    let run = task_run(&space, "one-pod", &spec);
    assert_eq!(condition(&run, "Succeeded").0, "True", "{}", run["status"]);
    assert_eq!(task_result(&run, "outcome").as_deref(), Some("finished"));
    let image = task_result(&run, "image").unwrap();
    assert_eq!(space.service("hello")["spec"]["template"]["spec"]["containers"][0]["image"], json!(image));
    space.answers("hello", "v2", 5);
}
