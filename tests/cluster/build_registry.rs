//! Builds for registries that ask for a password, and that only a company's own authority vouches for: the build of the
//! Pipeline as it is shipped, on the real Tekton. Nodes pull from elsewhere, so nothing is rolled out here.

use super::support::*;
use serde_json::{Value, json};

const PIPELINE_FILE: &str = "pipelines/build-it-and-roll-it-out-slowly/build-it-and-roll-it-out-slowly.yaml";

/// The build of a commit alone, to its end, with these workspaces.
fn build(space: &Space, name: &str, given: &[(&str, String)], workspaces: Value) -> Value {
    let pipeline = catalog(PIPELINE_FILE);
    let task = &pipeline["spec"]["tasks"][0];
    assert_eq!(task["name"], "build");
    let find = |list: &Value, name: &Value| list.as_array().unwrap().iter().find(|p| p["name"] == *name).cloned();
    let params = task["taskSpec"]["params"].as_array().unwrap().iter().map(|param| {
        let name = &param["name"];
        let ours = given.iter().find(|(n, _)| name == n).map(|(_, value)| json!(value));
        let value = ours.unwrap_or_else(|| find(&pipeline["spec"]["params"], name).unwrap()["default"].clone());
        assert!(!value.is_null(), "{name} is needed");
        json!({"name": name, "value": value})
    });
    let params: Vec<Value> = params.collect();
    let spec = json!({"serviceAccountName": "andante-build", "taskSpec": task["taskSpec"], "params": params,
        "workspaces": workspaces});
    task_run(space, name, &spec)
}

fn ended(run: &Value, step: &str) -> (i64, String) {
    let steps = run["status"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|s| s["name"] == step).unwrap();
    let code = step["terminated"]["exitCode"].as_i64().unwrap();
    (code, step["terminationReason"].as_str().unwrap_or_default().to_owned())
}

/// A commit of an image that holds a note, and the parameters of its build into this repository.
fn a_note(space: &Space, repository: &str) -> (Repository, Vec<(&'static str, String)>) {
    let source = Repository::new(space);
    let hash = source.commit_files(&[("Dockerfile", "FROM scratch\nCOPY note /note\n"), ("note", "one")]);
    let mut given = vec![
        ("service", "hello".to_owned()),
        ("git-url", source.url.clone()),
        ("git-revision", hash),
        ("repository", repository.to_owned()),
        ("andante-image", image().to_owned()),
    ];
    given.extend(tools());
    (source, given)
}

fn log(space: &Space, run: &Value, step: &str) -> String {
    let pod = run["status"]["podName"].as_str().unwrap();
    space.kubectl(&["logs", pod, "-c", &format!("step-{step}")]).good().out
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_build_goes_to_a_registry_with_a_password_and_an_authority_of_its_own() {
    let space = Space::new("build-private");
    install(&space, "pipelines/build-it-and-roll-it-out-slowly");
    let registry = PrivateRegistry::start(&space);
    let repository = format!("{}/shop", registry.address);
    let (_source, given) = a_note(&space, &repository);
    let login = json!({"name": "dockerconfig", "secret": {"secretName": "dockerconfig"}});
    let authority = json!({"name": "registry-ca", "configMap": {"name": "registry-ca"}});

    // Without the authority nobody is believed, and nothing is built for that.
    let stranger = build(&space, "stranger", &given, json!([login]));
    assert_eq!(ended(&stranger, "reference").0, 31);
    let said = log(&space, &stranger, "reference");
    assert!(said.contains("its certificate is not believed") && said.contains("--ca-file"), "{said}");
    // Without the password nobody gets in: a refusal may hide what is not there yet, so the push tells.
    let nobody = build(&space, "nobody", &given, json!([authority]));
    assert_eq!(ended(&nobody, "reference").0, 0);
    let said = log(&space, &nobody, "reference");
    assert!(said.contains("401") && said.contains("--docker-config"), "{said}");
    assert_ne!(ended(&nobody, "push").0, 0);
    assert!(task_result(&nobody, "digest-reference").is_none(), "{}", nobody["status"]);

    let built = build(&space, "built", &given, json!([login, authority]));
    assert_eq!(condition(&built, "Succeeded").0, "True", "{}", built["status"]);
    let reference = task_result(&built, "digest-reference").unwrap();
    assert!(reference.starts_with(&format!("{repository}/hello@sha256:")), "{reference}");
    // The fetch, which runs what the repository's server sends, has neither.
    let pod = space.get("pod", built["status"]["podName"].as_str().unwrap());
    let mounts = |step: &str| {
        let containers = pod["spec"]["containers"].as_array().unwrap();
        let found = containers.iter().find(|c| c["name"] == format!("step-{step}")).unwrap();
        let paths = found["volumeMounts"].as_array().unwrap().iter().map(|m| m["mountPath"].as_str().unwrap());
        paths.filter(|path| path.starts_with("/workspace/")).count()
    };
    assert_eq!(["fetch", "reference", "build", "push", "digest"].map(mounts), [0, 2, 2, 2, 2]);

    // The same commit again: the registry is asked, with the password, and nothing is built.
    let again = build(&space, "again", &given, json!([login, authority]));
    assert_eq!(task_result(&again, "digest-reference").unwrap(), reference);
    assert_eq!(task_result(&again, "exists").as_deref(), Some("true"));
    assert_eq!(ended(&again, "build").1, "Skipped");

    for run in [stranger, nobody, built, again] {
        let pod = run["status"]["podName"].as_str().unwrap();
        let said = space.kubectl(&["logs", pod, "--all-containers"]).out + &run["status"].to_string();
        assert!(!said.contains(PASSWORD) && !said.contains(&base64(&format!("kim:{PASSWORD}"))), "{said}");
    }
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_build_goes_to_a_registry_by_name_without_tls_when_it_is_told_so() {
    let space = Space::new("build-plain");
    install(&space, "pipelines/build-it-and-roll-it-out-slowly");
    // The cluster's own registry, by its name.
    let repository = format!("registry.andante-testbed.svc.cluster.local:5000/{}", space.namespace);
    let (_source, mut given) = a_note(&space, &repository);
    given.extend([("tls-verify", "false".to_owned()), ("plain-http", "true".to_owned())]);
    let built = build(&space, "built", &given, json!([]));
    assert_eq!(condition(&built, "Succeeded").0, "True", "{}", built["status"]);
    let reference = task_result(&built, "digest-reference").unwrap();
    assert!(reference.starts_with(&format!("{repository}/hello@sha256:")), "{reference}");
}
