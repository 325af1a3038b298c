//! Care at admission: who may edit a Service may not therefore say what runs for it.

use super::support::*;
use serde_json::{Value, json};

/// `kubectl` as a person who may edit Services here, and nothing else.
fn kim(space: &Space) {
    let kind = "rbac.authorization.k8s.io/v1";
    for object in [
        json!({"apiVersion": kind, "kind": "Role", "metadata": {"name": "editor"}, "rules": [
            {"apiGroups": ["serving.knative.dev"], "resources": ["services"], "verbs": ["*"]}]}),
        json!({"apiVersion": kind, "kind": "RoleBinding", "metadata": {"name": "editor"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "editor"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "kim"}]}),
    ] {
        space.apply(&object);
    }
}

fn as_kim(space: &Space, patch: &Value) -> Done {
    space.kubectl(&["patch", "ksvc", "hello", "--as=kim", "--type=merge", "-p", &patch.to_string()])
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn declaring_needs_a_right_of_its_own() {
    let (space, care) = in_care("care-declare", "care");
    kim(&space);
    let declare =
        |name: &str, value: Value| json!({"metadata": {"annotations": {format!("andante.dev/{name}"): value}}});
    let all = [
        "params",
        "source",
        "source-revision",
        "source-path",
        "image-repository",
        "container",
        "traffic",
        "suspend",
        "again",
    ];
    let refused = |patch: &Value| {
        let done = as_kim(&space, patch);
        assert_ne!(done.code, 0, "{patch} passed");
        for word in ["kim may not declare", "create declarations.andante.dev", &space.namespace, "andante-declare"] {
            assert!(done.err.contains(word), "no `{word}` in {}", done.err);
        }
    };
    // What is no declaration needs nothing.
    as_kim(&space, &of_version("v2")).good();
    as_kim(&space, &json!({"metadata": {"labels": {"team": "blue"}}})).good();
    for name in all {
        refused(&declare(name, json!("x")));
    }
    refused(&declare("pipeline", json!("fast-walk")));
    refused(&declare("pipeline", Value::Null));
    patched(&space, &declare("source", json!("https://git.example.com/a"))).good();
    refused(&declare("source", json!("https://git.example.com/b")));
    refused(&declare("source", Value::Null));
    // Nor does it begin with one.
    let mine = declared("mine", "v1").object;
    let created = space.kubectl_with(&["create", "--as=kim", "-f", "-"], &mine);
    assert!(created.code != 0 && created.err.contains("may not declare"), "{}", created.err);
    space.kubectl_with(&["create", "--as=kim", "-f", "-"], &sample("mine", "v1").object).good();
    // As the message says.
    space.kubectl(&["create", "rolebinding", "declare", "--clusterrole", &care.role, "--user", "kim"]).good();
    eventually("the right is seen", SHORT, || {
        (as_kim(&space, &declare("source", json!("https://git.example.com/b"))).code == 0).then_some(())
    });
    as_kim(&space, &declare("pipeline", Value::Null)).good();
    assert_eq!(space.split("hello"), "hello-00001 100");
}
