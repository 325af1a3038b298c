//! Care at admission: who may edit a Service may not therefore say what runs for it.

use super::rights::kubeconfig;
use super::support::*;
use andante::rollout::declaration::part::DeclaredPart;
use serde_json::{Value, json};

/// `kubectl` as a person who may edit Services here, and nothing else.
pub(super) fn kim(space: &Space) {
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

pub(super) fn as_kim(space: &Space, patch: &Value) -> Done {
    space.kubectl(&["patch", "ksvc", "hello", "--as=kim", "--type=merge", "-p", &patch.to_string()])
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn declaring_needs_a_right_of_its_own() {
    let (space, care) = in_care("care-declare", "care");
    kim(&space);
    let annotate = |name: &str, value: Value| json!({"metadata": {"annotations": {name: value}}});
    let declare = |name: &str, value: Value| annotate(&format!("andante.dev/{name}"), value);
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
    for name in DeclaredPart::guarded() {
        refused(&annotate(name, json!("x")));
    }
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

/// What is declared on `hello`.
fn declaration(space: &Space) -> Value {
    let annotations = space.service("hello")["metadata"]["annotations"].clone();
    DeclaredPart::guarded()
        .map(|name| (name.to_owned(), annotations[name].clone()))
        .filter(|(_, v)| !v.is_null())
        .collect()
}

/// While a rollout is open, a write that no longer names who is in charge takes no part of the declaration away, since the rest
/// would be another goal; one that goes on naming it says what it means.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_declaration_stays_whole_while_a_rollout_is_open() {
    let (space, _care) = in_care("care-whole", "care");
    kim(&space);
    let annotate = |annotations: Value| json!({"metadata": {"annotations": annotations}});
    let said = json!({"andante.dev/params": "{style: canary}", "andante.dev/traffic": "50"});
    patched(&space, &annotate(said)).good();
    space.stage("hello", "v2");
    let mut before = declaration(&space);
    assert_eq!(before.as_object().unwrap().len(), 3);
    // A file that knows nothing of declarations, by somebody who may not declare.
    let nothing = DeclaredPart::guarded().map(|name| (name.to_owned(), Value::Null)).collect();
    as_kim(&space, &annotate(nothing)).good();
    assert_eq!(declaration(&space), before);
    // One that has another half of it, by somebody who may. Whoever suspends is heard.
    let half = json!({"andante.dev/pipeline": null, "andante.dev/params": null, "andante.dev/traffic": "100",
        "andante.dev/container": "web", "andante.dev/again": "x", "andante.dev/suspend": "kim looks"});
    patched(&space, &annotate(half)).good();
    before["andante.dev/suspend"] = json!("kim looks");
    assert_eq!(declaration(&space), before);
    let kept = annotation(&space, "andante.dev/kept");
    for name in ["pipeline", "params", "traffic", "container", "again"] {
        assert!(kept.contains(&format!("andante.dev/{name}")), "no {name} in {kept}");
    }
    patched(&space, &annotate(json!({"andante.dev/pipeline": null, "andante.dev/suspend": null}))).good();
    assert_eq!(declaration(&space), before);
    // Who names who is in charge means the rest.
    patched(&space, &annotate(json!({"andante.dev/params": null, "andante.dev/suspend": null}))).good();
    assert_eq!(declaration(&space), json!({"andante.dev/pipeline": "slow-walk", "andante.dev/traffic": "50"}));
    // At rest all of it can go.
    space.andante(&["settle", "hello"]).ended(0);
    patched(&space, &annotate(json!({"andante.dev/pipeline": null, "andante.dev/traffic": null}))).good();
    assert_eq!(declaration(&space), json!({}));
    assert_eq!(space.split("hello").split(',').next(), Some("hello-00001 100"));
}

/// Whoever is told of a push declares its commit by the Role that is shipped for it, and by nothing that comes short of that.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_push_may_be_declared_by_the_role_that_is_shipped() {
    const COMMITS: [&str; 2] = ["1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222"];
    let (space, _care) = in_care("care-push", "care");
    let source =
        json!({"andante.dev/source": "https://git.example.com/shop.git", "andante.dev/source-revision": COMMITS[0]});
    patched(&space, &json!({"metadata": {"annotations": source}})).good();
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/push.yaml")).unwrap();
    let text = text.replace("namespace: default", &format!("namespace: {}", space.namespace));
    let objects = text.split("\n---\n").map(|part| serde_saphyr::from_str::<Value>(part).unwrap());
    let mut shipped: Vec<Value> = objects.filter(|object| object["metadata"]["name"] == "andante-declare").collect();
    assert_eq!(
        shipped.iter().map(|o| o["kind"].as_str().unwrap()).collect::<Vec<_>>(),
        ["ServiceAccount", "Role", "RoleBinding"]
    );
    let whole = shipped[1]["rules"].clone();
    // Without the right to declare it may write Services, and this all the same not.
    shipped[1]["rules"].as_array_mut().unwrap().retain(|rule| rule["resources"] != json!(["declarations"]));
    assert_ne!(shipped[1]["rules"], whole);
    for object in &shipped {
        space.apply(object);
    }
    let file = kubeconfig(&space, "andante-declare");
    let declare = || space.andante(&["declare", "hello", "--source-revision", COMMITS[1], "--kubeconfig", &file]);
    declare().ended(20).says("may not declare what runs for the Service hello (andante.dev/source-revision)");
    assert_eq!(annotation(&space, "andante.dev/source-revision"), COMMITS[0]);
    shipped[1]["rules"] = whole;
    space.apply(&shipped[1]);
    eventually("the right is seen", SHORT, || (declare().code == 0).then_some(()));
    assert_eq!(annotation(&space, "andante.dev/source-revision"), COMMITS[1]);
    declare().ended(0).says("declares this already");
    assert_eq!((annotation(&space, "andante.dev/kept").as_str(), space.split("hello").as_str()), ("", "latest 100"));
}
