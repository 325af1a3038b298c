//! From a commit to walked traffic: a real repository, a real builder, a registry that the kubelet pulls from.

use super::support::*;
use serde_json::{Value, json};
use std::time::Duration;

/// A run for a commit, with everything else from the ConfigMap and the defaults.
fn commit(repository: &Repository, hash: &str, probe: &str) -> Wish {
    let [git, builder] = tools();
    let params = [
        ("service", "hello"),
        ("git-url", repository.url.as_str()),
        ("git-revision", hash),
        ("tls-verify", "false"),
        ("steps", "50,100"),
        ("dwell", "1s"),
        ("bake", "1s"),
        ("probe", probe),
        (git.0, git.1.as_str()),
        (builder.0, builder.1.as_str()),
    ];
    let account = json!([{"pipelineTaskName": "build", "serviceAccountName": "andante-build"}]);
    pipeline("build-it-and-roll-it-out-slowly", &params).with("/taskRunSpecs", account)
}

/// What became of a step of the build.
fn step(run: &PipelineRun, name: &str) -> Value {
    let task = run.task("build").unwrap();
    let steps = task["status"]["steps"].as_array().unwrap();
    steps.iter().find(|s| s["name"] == name).unwrap_or_else(|| panic!("no step {name}: {task}")).clone()
}

fn place(name: &str) -> (Space, Repository) {
    let space = Space::new(name);
    install(&space, "pipelines/build-it-and-roll-it-out-slowly");
    let repository = format!("{}/{}", registry(), space.namespace);
    space.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "andante-defaults"},
        "data": {"image-repository": repository}}));
    let source = Repository::new(&space);
    (space, source)
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_commit_is_built_rolled_out_and_not_built_again() {
    let (space, source) = place("build");
    let first = source.commit(&["VERSION=v1"]);
    commit(&source, &first, "/").start(&space, "first").over().good().gives("outcome", "created");
    space.answers("hello", "v1", 3);

    let second = source.commit(&["VERSION=v2"]);
    let load = Load::start(&space, &["hello"], 20, Duration::from_secs(90));
    let run = commit(&source, &second, "/").start(&space, "second");
    let over = run.over().good().gives("outcome", "finished").says(&format!("fetched {second}"));
    space.answers("hello", "v2", 5);
    let hits = load.stop();
    assert!(hits.iter().all(Hit::is_good), "{}", summary(&hits));
    assert_eq!(over.object["status"]["childReferences"].as_array().unwrap().len(), 3, "build, rollout, settle");
    // What was pushed is what runs: the same digest in the result, in the Service, and at the node.
    let image = over.result("image").unwrap();
    assert!(image.starts_with(&format!("{}/{}/hello@sha256:", registry(), space.namespace)), "{image}");
    assert_eq!(space.service("hello")["spec"]["template"]["spec"]["containers"][0]["image"], json!(image));
    let pods = space.list("pod", "serving.knative.dev/revision=hello-00002");
    let digest = image.split_once('@').unwrap().1;
    let ran = pods[0]["status"]["containerStatuses"].as_array().unwrap();
    assert!(ran.iter().any(|c| c["imageID"].as_str().unwrap().ends_with(digest)), "{ran:?}");

    // The same commit: its image is there, nothing is built, nobody is moved.
    let run = commit(&source, &second, "/").start(&space, "same");
    run.over().good().gives("image", &image).says("already serves this");
    for name in ["build", "push"] {
        assert_eq!(step(&run, name)["terminationReason"], "Skipped", "{name}");
    }
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_bad_commit_is_rolled_back_and_its_run_says_why() {
    let (space, source) = place("build-bad");
    let good = source.commit(&["VERSION=v1"]);
    commit(&source, &good, "/healthz").start(&space, "good").over().good();
    let bad = source.commit(&["VERSION=v2", "HEALTH_STATUS=500"]);
    let run = commit(&source, &bad, "/healthz").start(&space, "bad");
    let over = run.over().bad().gives("outcome", "rolled-back").gives("revision", "hello-00002");
    let message = over.result("message").unwrap();
    assert!(message.contains("3 probes of /healthz failed in a row: status 500"), "{message}");
    let task = run.task("roll-out").unwrap();
    assert_eq!(exit_code(&task), Some(10));
    space.answers("hello", "v1", 5);
    // The same bad commit again is refused before anybody is moved.
    let again = commit(&source, &bad, "/healthz").start(&space, "again");
    again.over().bad().says("was rolled back at");
    assert_eq!(exit_code(&again.task("roll-out").unwrap()), Some(17));
    space.answers("hello", "v1", 5);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_build_that_fails_moves_nobody() {
    let (space, source) = place("build-fails");
    space.serve(&sample("hello", "v1"));
    // Somebody else's rollout, from before: this run has neither begun nor lost one.
    space.stage("hello", "v3");
    let hash = source.commit(&["VERSION=v2"]);
    let broken = commit(&source, &hash, "/").param("dockerfile", "Nowhere");
    let generation = space.generation("hello");
    let run = broken.start(&space, "broken");
    let over = run.over().bad().gives("outcome", "build-failed");
    assert!(over.result("message").unwrap().starts_with("the task build failed"), "{:?}", over.result("message"));
    assert!(run.task("roll-out").is_none(), "a rollout without an image");
    assert_eq!(space.generation("hello"), generation);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_older_run_whose_build_ends_last_changes_nothing() {
    let (space, source) = place("build-race");
    space.serve(&sample("hello", "v1"));
    // The newer run has to be over before this build is, also on a busy machine.
    let old = source.commit_slow(&["VERSION=v2"], 120);
    let older = commit(&source, &old, "/").start(&space, "older");
    eventually("the older run builds", LONG, || older.log().contains("STEP 4/4: RUN").then_some(()));
    let new = source.commit(&["VERSION=v3"]);
    commit(&source, &new, "/").start(&space, "newer").over().good().gives("outcome", "finished");
    space.answers("hello", "v3", 5);
    let generation = space.generation("hello");
    assert!(older.task("roll-out").is_none(), "the older run's build ended before the newer run");
    // It was built and pushed, and says itself why it goes no further.
    let over = older.over().bad().gives("outcome", "superseded").says("superseded by PipelineRun");
    assert!(over.result("image").is_some());
    assert_eq!(exit_code(&older.task("roll-out").unwrap()), Some(13));
    assert_eq!(space.generation("hello"), generation, "the older run wrote");
    space.answers("hello", "v3", 5);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_run_that_built_is_cancelled_in_its_walk_and_users_go_back() {
    let _usual = usual_settings();
    let (space, source) = place("build-cancel");
    space.serve(&sample("hello", "v1"));
    let hash = source.commit(&["VERSION=v2"]);
    let run = commit(&source, &hash, "/").param("dwell", "10m").start(&space, "cancelled");
    served_becomes(&space, "hello", "hello-00002 50");
    run.end("CancelledRunFinally");
    let over = run.over().bad().gives("revision", "hello-00002");
    assert!(over.result("image").unwrap().contains("/hello@sha256:"), "what was built is told all the same");
    assert_eq!(space.record("hello")["phase"], "rolled-back", "finally closes what was interrupted");
    assert!(space.split("hello").starts_with("hello-00001 100"), "{}", space.split("hello"));
    space.answers("hello", "v1", 5);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_the_task_says_where_a_build_goes() {
    let space = Space::new("image-task");
    install(&space, "tasks/image-reference");
    let repository = format!("{}/{}", registry(), space.namespace);
    space.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "andante-defaults"},
        "data": {"image-repository": repository, "image-tag": "short"}}));
    let digest = format!("sha256:{}", "ab".repeat(32));
    let run = |name: &str, more: &[(&str, &str)]| {
        let commit = ("commit", "3f2a9c1d5e7b8a0f4c6d2e1b9a8f7c6d5e4b3a21");
        let all = [("service", "hello"), commit, ("andante-image", image())].into_iter().chain(more.iter().copied());
        let params: Vec<Value> = all.map(|(n, v)| json!({"name": n, "value": v})).collect();
        let spec = json!({"serviceAccountName": "andante", "taskRef": {"name": "image-reference"}, "params": params});
        task_run(&space, name, &spec)
    };
    let before = run("before", &[("if-exists", "skip")]);
    let of = |run: &Value, name: &str| task_result(run, name).unwrap_or_else(|| panic!("no {name}: {}", run["status"]));
    assert_eq!(of(&before, "image"), format!("{repository}/hello:3f2a9c1d5e7b"));
    assert_eq!((of(&before, "exists"), of(&before, "digest-reference")), ("false".into(), String::new()));
    let after = run("after", &[("digest", &digest)]);
    assert_eq!(of(&after, "digest-reference"), format!("{repository}/hello@{digest}"));
}

/// A Service of two containers, of which the declaration names the one that does not serve. Nothing but the Service is given to
/// the run: what fetches and builds are the Pipeline's own, as an installation names them.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_declared_commit_is_built_with_service_as_the_only_parameter() {
    let space = Space::new("build-declared");
    install_with_images(&space, "pipelines/build-it-and-roll-it-out-slowly");
    let source = Repository::new(&space);
    let first = source.commit(&["VERSION=v2"]);
    let params = "{tls-verify: 'false', steps: '50,100', dwell: 1s, bake: 1s, probe: /, set-env: [DECLARED=yes]}";
    let mut hello = sample("hello", "v1")
        .annotation("andante.dev/pipeline", "build-it-and-roll-it-out-slowly")
        .annotation("andante.dev/source", &source.url)
        .annotation("andante.dev/source-revision", &first)
        .annotation("andante.dev/image-repository", &format!("{}/{}", registry(), space.namespace))
        .annotation("andante.dev/container", "beside")
        .annotation("andante.dev/params", params);
    let image = "dev.local/andante-sample:v1";
    hello.object["spec"]["template"]["spec"]["containers"] = json!([{"name": "web", "image": image, "ports": [{"containerPort": 8082}]}, {"name": "beside", "image": image}]);
    space.serve(&hello);
    let goal = space.andante(&["goal", "hello", "-o", "json"]).ended(0);
    let goal: Value = serde_json::from_str(goal.last()).unwrap();

    let run = |name: &'static str| {
        let account = json!([{"pipelineTaskName": "build", "serviceAccountName": "andante-build"}]);
        let only = json!([{"name": "service", "value": "hello"}]);
        let wish = pipeline("build-it-and-roll-it-out-slowly", &[]).with("/params", only);
        wish.with("/taskRunSpecs", account).start(&space, name).over()
    };
    let over = run("declared").good().gives("outcome", "finished").says(&format!("fetched {first}"));
    assert_eq!(over.object["status"]["childReferences"].as_array().unwrap().len(), 3, "no pod for it");
    let built = over.result("image").unwrap();
    let containers = |at: usize| space.service("hello")["spec"]["template"]["spec"]["containers"][at].clone();
    assert_eq!((&containers(0)["image"], &containers(1)["image"]), (&json!(image), &json!(built)));
    assert_eq!(containers(1)["env"], json!([{"name": "DECLARED", "value": "yes"}]));
    assert!(built.starts_with(&format!("{}/{}/hello@", registry(), space.namespace)), "{built}");
    let record = space.record("hello");
    assert_eq!(
        (&record["goal"]["asked"], record["plan"]["steps"].as_array().unwrap().len()),
        (&goal["id"], 2),
        "{record}"
    );

    // Where no commit is declared, it is the default branch's.
    space.kubectl(&["annotate", "ksvc/hello", "andante.dev/source-revision-"]).good();
    let second = source.commit(&["VERSION=v3"]);
    run("branch").good().says(&format!("fetched {second}"));
    assert_ne!(containers(1)["image"], json!(built));

    // So is the folder. What is there already would not be built again.
    source.commit(&["VERSION=v4"]);
    space.kubectl(&["annotate", "ksvc/hello", "andante.dev/source-path=nowhere"]).good();
    let bad = run("nowhere").bad().gives("outcome", "build-failed");
    assert!(bad.log.contains("nowhere"), "{}", bad.log);
}
