//! Pipelines in namespaces that admit little, under the Role that is shipped, and under less than it.

use super::pipelines::{V2, V3, quick};
use super::support::*;
use serde_json::{Value, json};

/// The account and the Role of a package in `target`, for runs in `steps`.
fn admit(target: &Space, steps: &Space) {
    for space in [target, steps] {
        install(space, "pipelines/roll-out-image");
    }
    target.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "andante-steps"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "andante-roll-out-image"},
        "subjects": [{"kind": "ServiceAccount", "name": "andante", "namespace": steps.namespace}]
    }));
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_restricted_namespace_admits_a_whole_pipeline() {
    // The sample's own pods are not restricted ones, so the runs have a namespace of their own.
    let (steps, target) = (Space::new("pipe-restricted"), Space::new("pipe-restricted-target"));
    let label = format!("namespace/{}", steps.namespace);
    steps.kubectl(&["label", &label, "pod-security.kubernetes.io/enforce=restricted"]).good();
    admit(&target, &steps);
    target.serve(&sample("hello", "v1"));
    let wish = |image: &str| quick(image).param("namespace", &target.namespace);
    wish(V2).start(&steps, "good").over().good().gives("outcome", "finished");
    target.answers("hello", "v2", 5);

    // Without the right to write: said by its name, and users stay where they are.
    let mut role = target.get("role.rbac.authorization.k8s.io", "andante-roll-out-image");
    for rule in role["rules"].as_array_mut().unwrap() {
        rule["verbs"].as_array_mut().unwrap().retain(|verb| verb != "patch");
    }
    role["metadata"] = json!({"name": "andante-roll-out-image"});
    target.apply(&role);
    let run = wish(V3).start(&steps, "denied");
    let over = run.over().bad();
    assert!(over.result("roll-out").unwrap().contains("patch"), "{:?}", over.result("roll-out"));
    assert_eq!(exit_code(&run.task("roll-out").unwrap()), Some(20));
    target.answers("hello", "v2", 5);
}

/// A right to do one thing with one kind of object.
struct Right {
    group: String,
    resource: String,
    verb: String,
}

impl Right {
    /// The name of an account that lacks it.
    fn account(&self) -> String {
        let group = if self.group.is_empty() { "core".to_owned() } else { self.group.replace('.', "-") };
        format!("without-{}-{}-{group}", self.verb, self.resource)
    }

    /// As the optional ones are listed here.
    fn words(&self) -> String {
        let core = if self.group.is_empty() { " of the core" } else { "" };
        format!("{} {}{core}", self.verb, self.resource)
    }
}

/// The shipped Role without one right, bound for an account of `steps` that is named after what it lacks.
fn lacking(target: &Space, steps: &Space, right: &Right) {
    let name = right.account();
    let mut role = catalog("pipelines/roll-out-image/support/rbac.yaml#andante-roll-out-image");
    let mut taken = 0;
    let mut rules = vec![];
    for rule in role["rules"].as_array().unwrap() {
        // A rule of several resources loses the right to one of them.
        for of in rule["resources"].as_array().unwrap() {
            let mut verbs = rule["verbs"].as_array().unwrap().clone();
            let before = verbs.len();
            let other = of != &right.resource || rule["apiGroups"] != json!([right.group]);
            verbs.retain(|verb| other || verb != &right.verb);
            taken += before - verbs.len();
            if !verbs.is_empty() {
                rules.push(json!({"apiGroups": rule["apiGroups"], "resources": [of], "verbs": verbs}));
            }
        }
    }
    assert_eq!(taken, 1, "the shipped Role has no right to {}", right.words());
    role["rules"] = json!(rules);
    role["metadata"] = json!({"name": name});
    target.apply(&role);
    steps.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}));
    target.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": steps.namespace}]
    }));
}

/// Every right of the shipped Role, resource by resource.
fn shipped() -> Vec<Right> {
    let role = catalog("pipelines/roll-out-image/support/rbac.yaml#andante-roll-out-image");
    let mut found = vec![];
    let words = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    for rule in role["rules"].as_array().unwrap() {
        let group = rule["apiGroups"][0].as_str().unwrap();
        for resource in words(&rule["resources"]) {
            let right = |verb| Right { group: group.to_owned(), resource: resource.clone(), verb };
            found.extend(words(&rule["verbs"]).into_iter().map(right));
        }
    }
    found
}

/// The TaskRun of the shipped Task under this account.
fn attempt(steps: &Space, account: &str, params: &[(&str, &str)]) -> Value {
    let all = params.iter().copied().chain([("andante-image", image())]);
    let params: Vec<Value> = all.map(|(name, value)| json!({"name": name, "value": value})).collect();
    task_run(steps, account, &json!({"serviceAccountName": account, "taskRef": {"name": "roll-out"}, "params": params}))
}

/// Each right of the shipped Role, taken away from an account in turn: either the run fails at once and names it, or the
/// Role's comment calls it optional and the rollout goes well without it.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_each_right_that_is_taken_away_is_named() {
    let (steps, target) = (Space::new("pipe-rights"), Space::new("pipe-rights-target"));
    let label = format!("namespace/{}", steps.namespace);
    steps.kubectl(&["label", &label, "pod-security.kubernetes.io/enforce=restricted"]).good();
    install(&steps, "tasks/roll-out");
    target.serve(&sample("hello", "v1"));
    let optional = [
        "create events",
        "get jobs",
        "get namespaces of the core",
        "get pipelineruns",
        "get services of the core",
        "get taskruns",
        "list pods of the core",
        "patch revisions",
    ];
    let mut went_well = vec![];
    for right in shipped() {
        let account = right.account();
        lacking(&target, &steps, &right);
        // Only what is not there yet has to be made.
        let makes = right.verb == "create" && right.resource == "services";
        let service = if makes { "another" } else { "hello" };
        let image = if target.split("hello").contains("latest") && target.version("hello").as_deref() == Some("v1") {
            V2
        } else {
            V3
        };
        let answers = target.version("hello").expect("users are answered");
        let params = [
            ("service", service),
            ("namespace", &target.namespace),
            ("image", image),
            ("steps", "50,100"),
            ("dwell", "1s"),
            ("bake", "1s"),
            ("again", "true"),
        ];
        let run = attempt(&steps, &account, &params);
        let Right { resource, verb, .. } = &right;
        let right = right.words();
        if condition(&run, "Succeeded").0 == "True" {
            went_well.push(right);
            continue;
        }
        assert_eq!(exit_code(&run), Some(20), "{right}: {}", run["status"]);
        assert_eq!(task_result(&run, "outcome").as_deref(), Some("not-permitted"), "{right}");
        let message = task_result(&run, "message").unwrap();
        for part in [&account, &format!("may not {verb} {resource}"), &target.namespace] {
            assert!(message.contains(part.as_str()), "{right}: no `{part}` in {message}");
        }
        assert_eq!(target.version("hello"), Some(answers), "{right}: users were moved");
    }
    went_well.sort();
    assert_eq!(went_well, optional, "what a rollout goes well without is what the Role calls optional");
}

/// Without the right to read runs the pod's own start tells who is older: a run whose step begins last, behind a slow build,
/// does not overwrite a newer one.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_of_runs_that_cannot_be_read_the_later_pod_wins() {
    let space = Space::new("pipe-unread");
    space.serve(&sample("hello", "v1"));
    let right = Right { group: "tekton.dev".into(), resource: "taskruns".into(), verb: "get".into() };
    lacking(&space, &space, &right);
    let begin = |name: &str, release: &str, slow: bool| {
        let mut task = catalog("tasks/stage-revision/stage-revision.yaml")["spec"].clone();
        if slow {
            let build =
                json!({"name": "build", "image": "dev.local/andante-shell:v1", "script": "#!/bin/sh\nsleep 40\n"});
            task["steps"].as_array_mut().unwrap().insert(0, build);
        }
        let all = [("service", "hello"), ("image", release), ("andante-image", image())];
        let params: Vec<Value> = all.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        space.apply(&json!({"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"name": name},
            "spec": {"serviceAccountName": right.account(), "taskSpec": task, "params": params}}));
    };
    let over = |name: &str| {
        eventually(&format!("TaskRun {name} is over"), PIPELINE, || {
            let run = space.get("taskrun", name);
            ["True", "False"].contains(&condition(&run, "Succeeded").0.as_str()).then_some(run)
        })
    };
    begin("older", V2, true);
    eventually("the older one's pod runs", LONG, || {
        space.list("pod", "tekton.dev/taskRun=older").iter().any(|p| p["status"]["phase"] == "Running").then_some(())
    });
    // Times are compared to hundredths of a second; nobody begins two runs in one.
    std::thread::sleep(std::time::Duration::from_secs(1));
    begin("newer", V3, false);
    assert_eq!(condition(&over("newer"), "Succeeded").0, "True");
    let older = over("older");
    let pod = older["status"]["podName"].as_str().unwrap();
    let said = space.kubectl(&["logs", pod, "--all-containers"]).out;
    for part in ["when TaskRun", "cannot be read", "its pod's start counts instead", "--intent-at"] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
    assert_eq!(task_result(&older, "outcome").as_deref(), Some("superseded"), "{said}");
    assert_eq!(space.split("hello"), "hello-00001 100 #stable, hello-00002 0 #candidate");
    space.answers("candidate-hello", "v3", 3);
}
