//! The objects that the shipped rows make, whole.

use super::contract::Contract;
use super::declared::{Fault, InCharge};
use super::making::{MadeRun, Making};
use super::samples::{declared, service};
use super::table::RunTable;
use serde_json::{Value, json};

fn making(table: &RunTable, pipeline: &str, params: &str) -> Making {
    let annotations = json!({"andante.dev/pipeline": pipeline, "andante.dev/params": params,
        "andante.dev/source": "https://git.example.com/hello.git", "andante.dev/source-revision": "main"});
    let (service, declaration) = (service(annotations.clone()), declared(annotations));
    let in_charge = InCharge::read(pipeline).unwrap();
    let contract = Contract::of(&service.name, &"shop".parse().unwrap(), &declaration);
    Making::new("hello-1".parse().unwrap(), table.row(&in_charge).unwrap(), &in_charge, contract, &service)
}

fn made(pipeline: &str, params: &str, named: Option<Value>) -> Result<MadeRun, Vec<Fault>> {
    making(&RunTable::shipped(), pipeline, params).object(named.as_ref())
}

/// The object without what all have alike, which is held here.
fn own(made: MadeRun, params: Value) -> Value {
    let mut object = made.object;
    let goal = object["metadata"]["labels"]["andante.dev/goal"].as_str().unwrap().to_owned();
    let mut metadata = object.as_object_mut().unwrap().remove("metadata").unwrap();
    metadata["labels"].as_object_mut().unwrap().remove("mine");
    assert_eq!(
        metadata,
        json!({"name": "hello-1", "namespace": "shop",
            "labels": {"andante.dev/service": "hello", "andante.dev/goal": goal, "app.kubernetes.io/managed-by": "andante"},
            "ownerReferences": [{"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "hello", "uid": "uid-1",
                "controller": false, "blockOwnerDeletion": false}]})
    );
    if let Some(given) = object["spec"].as_object_mut().unwrap().remove("params") {
        let mut wanted = vec![
            json!({"name": "andante-service", "value": "hello"}),
            json!({"name": "andante-namespace", "value": "shop"}),
            json!({"name": "andante-goal", "value": goal}),
            json!({"name": "andante-git-url", "value": "https://git.example.com/hello.git"}),
            json!({"name": "andante-git-revision", "value": "main"}),
            json!({"name": "andante-context", "value": "."}),
            json!({"name": "andante-repository", "value": ""}),
            json!({"name": "andante-container", "value": ""}),
        ];
        wanted.extend(params.as_array().unwrap().iter().cloned());
        assert_eq!(given, Value::Array(wanted));
    }
    object
}

fn with_params(names: &[(&str, Option<&str>)]) -> Value {
    let param = |(name, default): &(&str, Option<&str>)| match default {
        Some(default) => json!({"name": name, "default": default}),
        None => json!({"name": name}),
    };
    json!({"spec": {"params": names.iter().map(param).collect::<Vec<_>>()}})
}

#[test]
fn a_pipeline_becomes_a_pipeline_run() {
    let pipeline = with_params(&[("service", None), ("style", Some("canary")), ("andante-goal", None)]);
    let made = made("p", "{style: blue-green, stile: x}", Some(pipeline)).unwrap();
    assert_eq!(
        made.notes,
        ["Pipeline p (tekton.dev/v1) has no parameter stile: nothing reads what is declared for it"]
    );
    let params = json!([{"name": "service", "value": "hello"}, {"name": "stile", "value": "x"}, {"name": "style", "value": "blue-green"}]);
    assert_eq!(
        own(made, params),
        json!({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "spec": {
            "pipelineRef": {"name": "p"},
            "timeouts": {"pipeline": "2h20m", "tasks": "2h10m", "finally": "10m"},
            "taskRunTemplate": {"serviceAccountName": "andante"}}})
    );
}

#[test]
fn the_pipeline_that_builds_has_two_accounts() {
    let pipeline = with_params(&[("service", None), ("git-url", None), ("context", Some("."))]);
    let made = made("build-it-and-roll-it-out-slowly", "{}", Some(pipeline)).unwrap();
    let params = json!([{"name": "service", "value": "hello"}, {"name": "git-url", "value": "https://git.example.com/hello.git"},
        {"name": "context", "value": "."}]);
    assert_eq!(
        own(made, params),
        json!({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "spec": {
            "pipelineRef": {"name": "build-it-and-roll-it-out-slowly"},
            "taskRunSpecs": [{"pipelineTaskName": "build", "serviceAccountName": "andante-build"}],
            "timeouts": {"pipeline": "2h20m", "tasks": "2h10m", "finally": "10m"},
            "taskRunTemplate": {"serviceAccountName": "andante"}}})
    );
}

/// A run that was given the declared repository as typed would go past the operator's rules for names and tags; so the step that
/// names the image reads it on the Service.
#[test]
fn the_shipped_pipelines_are_told_their_goal_and_the_container_and_no_repository() {
    let plain = |name: &str| {
        let annotations = json!({"andante.dev/pipeline": name, "andante.dev/container": "web",
            "andante.dev/image-repository": "registry.example.com/shop"});
        let (service, declaration) = (service(annotations.clone()), declared(annotations));
        let in_charge = declaration.in_charge.clone().unwrap();
        let contract = Contract::of(&service.name, &"shop".parse().unwrap(), &declaration);
        let (table, name) = (RunTable::shipped(), "hello-1".parse().unwrap());
        let making = Making::new(name, table.row(&in_charge).unwrap(), &in_charge, contract, &service);
        let has = ["service", "goal", "container", "repository"].map(|name| (name, Some("")));
        let made = making.object(Some(&with_params(&has))).unwrap().object;
        let params = made["spec"]["params"].as_array().unwrap().clone();
        let own = params.into_iter().filter(|param| !param["name"].as_str().unwrap().starts_with("andante-"));
        (
            declaration.id.to_string(),
            own.map(|param| (param["name"].clone(), param["value"].clone())).collect::<Vec<_>>(),
        )
    };
    let (goal, told) = plain("build-it-and-roll-it-out-slowly");
    let [hello, web, repository] = ["hello", "web", "registry.example.com/shop"].map(|text| json!(text));
    assert_eq!(told, [(json!("service"), hello.clone()), (json!("goal"), json!(goal)), (json!("container"), web)]);
    let (goal, told) = plain("roll-out-image");
    assert_eq!(told, [(json!("service"), hello), (json!("goal"), json!(goal)), (json!("repository"), repository)]);
}

#[test]
fn a_task_becomes_a_task_run() {
    let made = made("Task/t", "{}", Some(with_params(&[("namespace", Some(""))]))).unwrap();
    assert_eq!(
        own(made, json!([{"name": "namespace", "value": "shop"}])),
        json!({"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "spec": {
            "taskRef": {"name": "t"}, "serviceAccountName": "andante", "timeout": "2h"}})
    );
}

#[test]
fn a_cron_job_becomes_a_job_with_variables() {
    let cronjob = json!({"spec": {"jobTemplate": {
        "metadata": {"labels": {"mine": "a", "andante.dev/service": "other"}, "name": "x", "namespace": "y"},
        "spec": {"backoffLimit": 0, "template": {"spec": {"serviceAccountName": "own", "restartPolicy": "Never", "containers": [
            {"name": "c", "image": "i", "env": [{"name": "A", "value": "b"}, {"name": "ANDANTE_GOAL", "value": "old"}]},
            {"name": "d", "image": "i"}]}}}}}});
    let made = made("CronJob/nightly", "{style: x}", Some(cronjob)).unwrap();
    assert_eq!(made.kind.path(Some("shop")), "/apis/batch/v1/namespaces/shop/jobs");
    let object = own(made, json!([]));
    let spec = &object["spec"];
    assert_eq!((&spec["backoffLimit"], &spec["template"]["spec"]["serviceAccountName"]), (&json!(0), &json!("own")));
    let containers = spec["template"]["spec"]["containers"].as_array().unwrap();
    let names = |at: usize| -> Vec<&str> {
        containers[at]["env"].as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap()).collect()
    };
    let ours = [
        "ANDANTE_SERVICE",
        "ANDANTE_NAMESPACE",
        "ANDANTE_GOAL",
        "ANDANTE_GIT_URL",
        "ANDANTE_GIT_REVISION",
        "ANDANTE_CONTEXT",
        "ANDANTE_REPOSITORY",
        "ANDANTE_CONTAINER",
        "ANDANTE_PARAM_STYLE",
    ];
    assert_eq!(names(1), ours);
    assert_eq!(names(0), [&["A"], &ours[..]].concat());
}

#[test]
fn a_custom_task_becomes_a_custom_run() {
    let made = made("custom.tekton.dev/v1alpha1/TaskLoop/l", "{a: b}", None).unwrap();
    assert_eq!(
        own(made, json!([{"name": "a", "value": "b"}])),
        json!({"apiVersion": "tekton.dev/v1beta1", "kind": "CustomRun", "spec": {
            "customRef": {"apiVersion": "custom.tekton.dev/v1alpha1", "kind": "TaskLoop", "name": "l"},
            "serviceAccountName": "andante", "timeout": "2h"}})
    );
}

#[test]
fn a_pipeline_by_a_resolver_is_given_no_plain_names() {
    let row = "{apiVersion: tekton.dev/v1, kind: Pipeline, resolvers: [git], makes: PipelineRun, plain: [service]}";
    let table = RunTable::of_data(&json!({"r": row}), "it");
    let making = making(&table, "{apiVersion: tekton.dev/v1, kind: Pipeline, resolver: git, params: {url: u}}", "{}");
    assert_eq!(making.reads(), None);
    let object = own(making.object(None).unwrap(), json!([]));
    assert_eq!(object["spec"]["pipelineRef"], json!({"resolver": "git", "params": [{"name": "url", "value": "u"}]}));
}

#[test]
fn a_kind_of_anybodys_is_made_from_its_template() {
    let row = "{apiVersion: a.dev/v1, kind: Flow, makes: {apiVersion: a.dev/v1, kind: FlowRun, parameters: spec.args}, \
        template: {metadata: {labels: {mine: x}}, spec: {ref: '{name}', note: '{{goal} {service}: {unknown} {git-url}'}}, \
        done: [status.phase=Done], failed: [status.phase=Bad]}";
    let table = RunTable::of_data(&json!({"r": row}), "it");
    let made = making(&table, "a.dev/v1/Flow/f", "{a: b}").object(None).unwrap();
    let goal = made.object["metadata"]["labels"]["andante.dev/goal"].as_str().unwrap().to_owned();
    assert_eq!(made.object["spec"]["args"].as_array().unwrap().len(), 9);
    let object = own(made, json!([]));
    assert_eq!((&object["kind"], &object["spec"]["ref"]), (&json!("FlowRun"), &json!("f")));
    assert_eq!(object["spec"]["note"], json!(format!("{{{goal} hello: {{unknown}} https://git.example.com/hello.git")));
}

#[test]
fn a_parameter_that_nothing_gives_is_a_fault_before_a_run_fails() {
    let faults = made("p", "{style: x}", Some(with_params(&[("image", None), ("Style", None)]))).unwrap_err();
    let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "annotation andante.dev/params is `style`: Pipeline p (tekton.dev/v1) wants the parameter `image`, which has no default; \
          add it, such as {image: '...'}"
        ]
    );
    let fault = making(&RunTable::shipped(), "p", "{}").not_there().to_string();
    assert_eq!(
        fault,
        "annotation andante.dev/pipeline is `tekton.dev/v1/Pipeline/p`: there is no Pipeline p (tekton.dev/v1) in namespace shop; \
         make it there, or name another one"
    );
}
