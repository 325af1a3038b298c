//! What the Role allows is enough, and what it does not allow is named.

use super::support::*;
use serde_json::{Value, json};

/// A kubeconfig of a service account that may do these things to Knative's resources.
pub(super) fn account(space: &Space, rules: &Value) -> String {
    let meta = json!({"name": "stepper"});
    let (group, kind) = ("rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1");
    for object in [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}),
        json!({"apiVersion": kind, "kind": "Role", "metadata": meta, "rules": rules}),
        json!({"apiVersion": kind, "kind": "RoleBinding", "metadata": meta,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "stepper"},
            "subjects": [{"kind": "ServiceAccount", "name": "stepper", "namespace": space.namespace}]}),
    ] {
        space.apply(&object);
    }
    kubeconfig(space, "stepper")
}

/// A kubeconfig of a service account that is there.
pub(super) fn kubeconfig(space: &Space, account: &str) -> String {
    let token = space.kubectl(&["create", "token", account]).good().out.trim().to_owned();
    let whole = space.kubectl(&["config", "view", "--raw", "--minify", "--flatten", "-o", "json"]).good().out;
    let mut config: Value = serde_json::from_str(&whole).unwrap();
    config["users"][0]["user"] = json!({"token": token});
    space.file(&format!("{account}.kubeconfig"), &config.to_string())
}

/// The least that the steps need.
pub(super) fn least() -> Value {
    json!([
        {"apiGroups": ["serving.knative.dev"], "resources": ["services"],
            "verbs": ["get", "watch", "patch", "create"]},
        {"apiGroups": ["serving.knative.dev"], "resources": ["revisions"], "verbs": ["list", "watch"]},
        {"apiGroups": ["serving.knative.dev"], "resources": ["configurations"], "verbs": ["get"]}
    ])
}

fn run(space: &Space, kubeconfig: &str, run: &str, arguments: &[&str]) -> Ran {
    space.start_as(run, &[arguments, &["--kubeconfig", kubeconfig]].concat()).wait(LONG)
}

const V1: [&str; 4] = ["stage", "hello", "--image", "dev.local/andante-sample:v1"];
const V2: [&str; 4] = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn the_least_role_is_enough() {
    let space = Space::new("least-role");
    let file = account(&space, &least());
    run(&space, &file, "first", &V1).ended(0).says("first deployment");
    run(&space, &file, "second", &V2).ended(0).ends_with("staged hello-00002");
    // Nobody may read runs here, so a run of which only the record speaks is alive.
    let third = run(&space, &file, "third", &["stage", "hello", "--image", "x", "--if-busy", "fail"]);
    third.ended(18).says("cannot be read").ends_with("second");
    let walk = ["walk", "hello", "--steps", "50,100", "--dwell", "1s", "--bake", "1s"];
    run(&space, &file, "second", &walk).ended(0).ends_with("finished");
    run(&space, &file, "second", &["settle", "hello", "--to", "stable"]).ended(0);
    space.answers("hello", "v1", 3);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_missing_right_is_named() {
    let space = Space::new("no-right");
    space.serve(&sample("hello", "v1"));
    let mut rules = least();
    rules[0]["verbs"] = json!(["get", "watch"]);
    let file = account(&space, &rules);
    let refused = run(&space, &file, "run", &V2).ended(20);
    for word in ["stepper", "patch", "services.serving.knative.dev", "hello", &space.namespace] {
        assert!(refused.last().contains(word), "no `{word}` in: {}", refused.last());
    }
    assert_eq!(space.generation("hello"), 1, "nothing was written");
    rules[0]["verbs"] = json!(["patch"]);
    account(&space, &rules);
    let refused = run(&space, &file, "run", &V2).ended(20);
    assert!(refused.last().contains("may not get services.serving.knative.dev"), "{}", refused.last());
    rules = least();
    rules.as_array_mut().unwrap().remove(1);
    account(&space, &rules);
    let refused = run(&space, &file, "run", &V2).ended(20);
    assert!(refused.last().contains("may not list revisions.serving.knative.dev"), "{}", refused.last());
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_right_that_is_taken_away_in_mid_walk_ends_it_clearly() {
    let space = Space::new("right-gone");
    space.serve(&sample("hello", "v1"));
    let file = account(&space, &least());
    run(&space, &file, "run", &V2).ended(0);
    let walk = ["walk", "hello", "--steps", "50,100", "--dwell", "4s", "--bake", "1s", "--patience", "10s"];
    let mut walking = space.start_as("run", &[&walk[..], &["--kubeconfig", &file]].concat());
    walking.line("step 1 of 2 is served", LONG);
    space.kubectl(&["delete", "rolebinding", "stepper"]).good();
    let ended = walking.wait(LONG).ended(20);
    assert!(ended.last().contains("not permitted any more"), "{}", ended.last());
    // Whichever was asked for last.
    let named = ["patch", "get", "watch"].map(|verb| format!("may not {verb} services.serving.knative.dev"));
    assert!(named.iter().any(|name| ended.last().contains(name)), "{}", ended.last());
    assert!(ended.last().contains("hello-00002 50 %"), "what traffic is now: {}", ended.last());
    assert_eq!(space.split("hello"), "hello-00001 50 #stable, hello-00002 50 #candidate");
    account(&space, &least());
    run(&space, &file, "run", &walk).ended(0).ends_with("finished");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_right_that_comes_back_in_mid_walk_is_waited_for() {
    let space = Space::new("right-back");
    space.serve(&sample("hello", "v1"));
    let file = account(&space, &least());
    run(&space, &file, "run", &V2).ended(0);
    let walk = ["walk", "hello", "--steps", "50,100", "--dwell", "4s", "--bake", "1s"];
    let mut walking = space.start_as("run", &[&walk[..], &["--kubeconfig", &file]].concat());
    walking.line("step 1 of 2 is served", LONG);
    space.kubectl(&["delete", "rolebinding", "stepper"]).good();
    walking.line("not permitted any more", LONG);
    std::thread::sleep(std::time::Duration::from_secs(8));
    assert_eq!(space.split("hello"), "hello-00001 50 #stable, hello-00002 50 #candidate");
    account(&space, &least());
    walking.wait(LONG).ended(0).ends_with("finished");
    space.answers("hello", "v2", 3);
}

/// A token that is believed no more, in a file that gets another one: what is left of the token's time does not matter.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_token_file_with_a_new_token_is_read_anew() {
    let space = Space::new("token-file");
    space.serve(&sample("hello", "v1"));
    let file = account(&space, &least());
    space.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "session"}}));
    let bound = ["create", "token", "stepper", "--bound-object-kind", "Secret", "--bound-object-name", "session"];
    let token = space.file("stepper.token", space.kubectl(&bound).good().out.trim());
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    config["users"][0]["user"] = json!({"tokenFile": token});
    std::fs::write(&file, config.to_string()).unwrap();
    run(&space, &file, "run", &V2).ended(0);
    let walk = ["walk", "hello", "--steps", "50,100", "--dwell", "20s", "--bake", "1s"];
    let mut walking = space.start_as("run", &[&walk[..], &["--kubeconfig", &file]].concat());
    walking.line("step 1 of 2 is served", LONG);
    // Its token dies with it.
    space.kubectl(&["delete", "secret", "session"]).good();
    walking.line("does not accept our credentials", LONG);
    std::fs::write(&token, space.kubectl(&["create", "token", "stepper"]).good().out.trim()).unwrap();
    walking.wait(LONG).ended(0).ends_with("finished");
    space.answers("hello", "v2", 3);
}
