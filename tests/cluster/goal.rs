//! What a Service declares, read where it stands: by the command, by the Task, after an edit of its annotations.

use super::support::*;
use serde_json::{Value, json};

const COMMIT: &str = "3f2a9c1d5e7b8a0f4c6d2e1b9a8f7c6d5e4b3a21";
const SOURCE: &str = "https://git.example.com/shop.git";

/// The goal as JSON.
#[track_caller]
fn goal(space: &Space, service: &str, more: &[&str]) -> Value {
    let ran = space.andante(&[&["goal", service, "-o", "json"], more].concat()).ended(0);
    serde_json::from_str(ran.last()).unwrap()
}

#[track_caller]
fn id(space: &Space, service: &str) -> String {
    goal(space, service, &[])["id"].as_str().unwrap().to_owned()
}

fn annotate(space: &Space, annotation: &str) {
    space.kubectl(&["annotate", "--overwrite", "ksvc/hello", annotation]).good();
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_declared_goal_is_read_and_changes_with_what_is_declared() {
    let space = Space::new("goal");
    space.serve(&sample("hello", "v1"));
    let declared = goal(&space, "hello", &[]);
    assert_eq!(
        (&declared["pipeline"], &declared["source"], &declared["traffic"]),
        (&Value::Null, &Value::Null, &json!(100))
    );
    let mut ids = vec![id(&space, "hello")];
    let generation = space.generation("hello");
    for annotation in [
        "andante.dev/pipeline=build-it",
        "andante.dev/params={style: canary, steps: ['5', '25']}",
        &format!("andante.dev/source={SOURCE}"),
        &format!("andante.dev/source-revision={COMMIT}"),
        "andante.dev/source-path=services/hello",
        "andante.dev/image-repository=registry.example.com/{namespace}",
        "andante.dev/traffic=50",
    ] {
        annotate(&space, annotation);
        ids.push(id(&space, "hello"));
    }
    let before = ids.last().unwrap().clone();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8, "each annotation makes another goal: {ids:?}");
    let declared = goal(&space, "hello", &[]);
    let params = json!({"style": "canary", "steps": ["5", "25"]});
    let pipeline = json!({"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "name": "build-it", "params": params});
    assert_eq!(declared["pipeline"], pipeline);
    assert_eq!(declared["source"], json!({"url": SOURCE, "revision": COMMIT, "path": "services/hello"}));
    assert_eq!(declared["imageRepository"], "registry.example.com/{namespace}");
    assert_eq!((&declared["traffic"], &declared["suspend"]), (&json!(50), &Value::Null));

    // Another spelling, a suspension, foreign annotations and the other way to write the split mean no other goal.
    annotate(
        &space,
        "andante.dev/pipeline={\"kind\": \"Pipeline\", \"name\": \"build-it\", \"apiVersion\": \"tekton.dev/v1\"}",
    );
    annotate(&space, "andante.dev/suspend=a sale until Monday");
    annotate(&space, "team.example.com/note=x");
    assert_eq!(id(&space, "hello"), before);
    assert_eq!(goal(&space, "hello", &[])["suspend"], json!({"by": "service", "reason": "a sale until Monday"}));
    assert_eq!(space.generation("hello"), generation, "declaring makes no revision");
    // With a source the image is what is built, so another one is no other goal; the environment is.
    space.stage("hello", "v2");
    assert_eq!(id(&space, "hello"), before, "a build's image");
    space.andante(&["settle", "hello"]).ended(0);
    assert_eq!(id(&space, "hello"), before, "our own record and split");
    let env =
        json!([{"op": "add", "path": "/spec/template/spec/containers/0/env", "value": [{"name": "A", "value": "1"}]}]);
    space.kubectl(&["patch", "ksvc/hello", "--type=json", "-p", &env.to_string()]).good();
    assert_ne!(id(&space, "hello"), before);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_goal_that_cannot_be_read_is_told_whole() {
    let space = Space::new("goal-faults");
    space.serve(&sample("hello", "v1"));
    for annotation in
        ["andante.dev/pipeline=Build It", "andante.dev/traffic=0", "andante.dev/trafic=10", "andante.dev/container=x"]
    {
        annotate(&space, annotation);
    }
    let ran = space.andante(&["goal", "hello", "-o", "json"]).ended(2);
    let told: Value = serde_json::from_str(ran.last()).unwrap();
    let places: Vec<&str> = told["faults"].as_array().unwrap().iter().map(|f| f["place"].as_str().unwrap()).collect();
    let wanted = ["trafic", "pipeline", "traffic", "container"].map(|name| format!("annotation andante.dev/{name}"));
    assert_eq!(places, wanted);
    // The same in a file, without a cluster's help.
    let file = space.file("hello.yaml", &space.kubectl(&["get", "ksvc/hello", "-o", "yaml"]).good().out);
    let ran = space.andante(&["goal", "hello", "-f", &file]).ended(2);
    assert_eq!(ran.err.lines().filter(|line| line.contains("annotation andante.dev/")).count(), 4, "{}", ran.whole());
    space.andante(&["goal", "other", "-o", "json"]).ended(3);
}

/// As kn writes: it keeps the image's name, says when it was there, and pins the tag. Who else names a digest means it.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_digest_is_a_goal_unless_kn_pinned_it() {
    let space = Space::new("goal-pinned");
    space.serve(&sample("hello", "v1").annotation("andante.dev/pipeline", "roll-out-image"));
    let before = id(&space, "hello");
    let image = space.service("hello")["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    let by_digest = |digits: &str| {
        let (repository, _) = image.as_str().unwrap().rsplit_once(':').unwrap();
        format!("{repository}@sha256:{}", digits.repeat(32))
    };
    let edit = |manager: &str, image: &str, more: &Value| {
        let image = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}]);
        let patch = Value::from([image.as_array().unwrap().clone(), more.as_array().unwrap().clone()].concat());
        let manager = format!("--field-manager={manager}");
        space.kubectl(&["patch", "ksvc/hello", "--type=json", &manager, "-p", &patch.to_string()]).good();
    };
    let stamp = |name: &str, value: &Value| json!({"op": "add", "path": format!("/spec/template/metadata/annotations/client.knative.dev~1{name}"), "value": value});
    let stamps = json!([stamp("user-image", &image), stamp("updateTimestamp", &json!("2026-11-29T10:00:00Z"))]);
    edit("kn", &by_digest("ab"), &stamps);
    assert_eq!(id(&space, "hello"), before, "kn's stamps and pin");
    edit("kubectl-set", &by_digest("cd"), &json!([]));
    let meant = id(&space, "hello");
    assert_ne!(meant, before, "a digest of somebody else's");
    edit("kubectl-set", &by_digest("ef"), &json!([]));
    assert_ne!(id(&space, "hello"), meant);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_suspended_namespace_is_told() {
    let space = Space::new("goal-suspended");
    space.serve(&sample("hello", "v1"));
    space.kubectl(&["annotate", "namespace", &space.namespace, "andante.dev/suspend=moving house"]).good();
    assert_eq!(goal(&space, "hello", &[])["suspend"], json!({"by": "namespace", "reason": "moving house"}));
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn the_task_hands_a_declared_goal_on() {
    let space = Space::new("goal-task");
    install(&space, "tasks/read-goal");
    let declared = sample("hello", "v1")
        .annotation("andante.dev/pipeline", "build-it")
        .annotation("andante.dev/params", "{style: canary, steps: ['5', '25']}")
        .annotation("andante.dev/source", SOURCE)
        .annotation("andante.dev/source-revision", COMMIT)
        .annotation("andante.dev/image-repository", "registry.example.com/shop")
        .annotation("andante.dev/traffic", "50");
    space.serve(&declared);
    let params = json!([{"name": "service", "value": "hello"}, {"name": "andante-image", "value": image()}]);
    let spec = json!({"serviceAccountName": "andante", "taskRef": {"name": "read-goal"}, "params": params});
    let run = task_run(&space, "read", &spec);
    let of = |run: &Value, name: &str| task_result(run, name).unwrap_or_else(|| panic!("no {name}: {}", run["status"]));
    for (name, value) in [
        ("goal", id(&space, "hello").as_str()),
        ("git-url", SOURCE),
        ("git-revision", COMMIT),
        ("context", "."),
        ("repository", "registry.example.com/shop"),
        ("traffic", "50"),
        ("pipeline", "tekton.dev/v1/Pipeline/build-it"),
        ("params", "{\"steps\":[\"5\",\"25\"],\"style\":\"canary\"}"),
        ("message", &format!("goal {}", id(&space, "hello"))),
    ] {
        assert_eq!(of(&run, name), value, "{name}");
    }
    let container = space.service("hello")["spec"]["template"]["spec"]["containers"][0]["name"].clone();
    assert_eq!(json!(of(&run, "container")), container);
    // Faults end it with the code of a mistake, and results that were declared are there.
    annotate(&space, "andante.dev/traffic=all");
    let run = task_run(&space, "faulty", &spec);
    assert_eq!(exit_code(&run), Some(2));
    assert_eq!((of(&run, "goal"), of(&run, "params")), (String::new(), "{}".to_owned()));
    assert!(of(&run, "message").contains("annotation andante.dev/traffic is `all`"), "{}", of(&run, "message"));
}
