//! Tables of what a change makes of a template, and of which templates mean the same.

mod of_kn;

use super::*;

fn template() -> Value {
    json!({
        "metadata": {"name": "hello-v1", "annotations": {"a": "b"}},
        "spec": {"containers": [{"name": "app", "image": "i:1", "ports": [{"containerPort": 8080}],
            "env": [{"name": "A", "valueFrom": {"x": 1}}], "unknown": 7}, {"name": "side", "image": "s:1"}]}
    })
}

fn image(image: &str) -> TemplateChange {
    TemplateChange { image: Some(image.into()), ..TemplateChange::default() }
}

#[test]
fn a_file_keeps_our_marks_as_long_as_they_are_true() {
    let marked = |image: &str| json!({"metadata": {"annotations": {AGAIN: "r1", DIGEST: "sha256:aa"}}, "spec": {"containers": [{"image": image}]}});
    let file = json!({"spec": {"containers": [{"image": "i:live"}]}});
    let change = TemplateChange { file: Some(file), ..TemplateChange::default() };
    assert!(says_the_same(&marked("i:live"), &change.apply(&marked("i:live")).unwrap()));
    let moved = change.apply(&marked("i:1")).unwrap();
    assert_eq!(moved["metadata"]["annotations"], json!({AGAIN: "r1"}), "the digest spoke of another image");
}

/// A selector that chooses all pods is not one that chooses none, whichever of the two the file has.
#[test]
fn an_empty_object_that_somebody_wrote_is_a_change() {
    let of = |term: Value| json!({"spec": {"containers": [{"image": "i:1"}], "topologySpreadConstraints": [term]}});
    let [none, all] = [json!({"maxSkew": 1}), json!({"maxSkew": 1, "labelSelector": {}})].map(of);
    assert!(!says_the_same(&none, &all) && !says_the_same(&all, &none));
    let spelt = of(json!({"maxSkew": 1, "labelSelector": {"matchLabels": {}, "matchExpressions": []}}));
    assert!(says_the_same(&all, &spelt) && says_the_same(&spelt, &all));
}

#[test]
fn image_and_env_change_and_nothing_else_does() {
    let change = TemplateChange { env: vec![("A".into(), "1".into()), ("B".into(), "2".into())], ..image("i:2") };
    let new = change.apply(&template()).unwrap();
    assert_eq!(
        new,
        json!({
            "metadata": {"annotations": {"a": "b"}},
            "spec": {"containers": [{"name": "app", "image": "i:2", "ports": [{"containerPort": 8080}],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "unknown": 7},
                {"name": "side", "image": "s:1"}]}
        })
    );
}

#[test]
fn the_container_is_chosen_or_asked_for() {
    let side = TemplateChange { container: Some("side".into()), ..image("s:2") }.apply(&template()).unwrap();
    assert_eq!(side.pointer("/spec/containers/1/image"), Some(&json!("s:2")));
    let missing = TemplateChange { container: Some("x".into()), ..image("s:2") }.apply(&template()).unwrap_err();
    assert_eq!(missing.to_string(), "there is no container `x`; there are: app, side");
    let two = json!({"spec": {"containers": [{"name": "a"}, {"name": "b"}]}});
    assert_eq!(image("i").apply(&two), Err(BadChange::WhichContainer("a, b".into())));
    assert_eq!(image("i").apply(&json!({})), Err(BadChange::NoContainer));
}

#[test]
fn a_name_is_dropped_or_replaced() {
    let named = TemplateChange { revision_name: Some("hello-v2".parse().unwrap()), ..image("i:2") };
    assert_eq!(named.apply(&template()).unwrap().pointer("/metadata/name"), Some(&json!("hello-v2")));
    let bare = json!({"metadata": {"name": "x"}, "spec": {"containers": [{"image": "i"}]}});
    assert_eq!(image("i").apply(&bare).unwrap(), json!({"spec": {"containers": [{"image": "i"}]}}));
}

#[test]
fn the_files_name_is_used_while_it_is_free() {
    let change = TemplateChange { file: Some(template()), ..TemplateChange::default() };
    let name = |change: TemplateChange| change.apply(&json!({})).unwrap().pointer("/metadata/name").cloned();
    assert_eq!(name(change.with_free_name(|_| false)), Some(json!("hello-v1")));
    assert_eq!(name(change.with_free_name(|taken| taken.as_str() == "hello-v1")), None);
    let own = TemplateChange { revision_name: Some("hello-v2".parse().unwrap()), ..change };
    assert_eq!(name(own.with_free_name(|_| false)), Some(json!("hello-v2")));
}

/// As Knative 1.23 stores a template of an image alone.
fn stored() -> Value {
    json!({"metadata": {"creationTimestamp": null, "annotations": {"client.knative.dev/updateTimestamp": "t"}}, "spec": {
        "containerConcurrency": 0, "timeoutSeconds": 300, "enableServiceLinks": false,
        "containers": [{"name": "user-container", "image": "i:1", "resources": {},
            "ports": [{"containerPort": 80, "protocol": "TCP"}],
            "readinessProbe": {"successThreshold": 1, "tcpSocket": {"port": 0}}}]}})
}

fn written() -> Value {
    json!({"spec": {"containers": [{"image": "i:1", "env": [], "ports": [{"containerPort": 80}]}]}})
}

#[test]
fn defaults_do_not_make_a_difference_but_values_do() {
    assert!(says_the_same(&stored(), &written()));
    assert!(!says_the_same(&written(), &stored()));
    assert!(!says_the_same(&stored(), &json!({"spec": {"containers": [{"image": "i:2"}]}})));
    let mut slower = written();
    slower["spec"]["timeoutSeconds"] = json!(60);
    assert!(!says_the_same(&stored(), &slower));
}

#[test]
fn what_a_file_no_longer_says_is_a_difference() {
    for (pointer, key, value) in [
        ("/spec", "containerConcurrency", json!(10)),
        ("/spec", "timeoutSeconds", json!(60)),
        ("/spec", "serviceAccountName", json!("robot")),
        ("/spec", "volumes", json!([{"name": "v"}])),
        ("/spec/containers/0", "resources", json!({"limits": {"memory": "64Mi"}})),
        ("/spec/containers/0", "readinessProbe", json!({"httpGet": {"path": "/healthz"}})),
        ("/spec/containers/0", "args", json!(["-v"])),
        ("/spec/containers/0", "name", json!("app")),
        ("/metadata", "annotations", json!({"autoscaling.knative.dev/max-scale": "3"})),
        ("/metadata", "labels", json!({"team": ""})),
    ] {
        let mut live = stored();
        live.pointer_mut(pointer).unwrap()[key] = value;
        assert!(!says_the_same(&live, &written()), "{pointer}/{key}");
        assert!(says_at_least(&live, &written()), "{pointer}/{key}");
    }
}

#[test]
fn what_knative_fills_in_only_at_the_creation_is_kept() {
    let change = TemplateChange { file: Some(written()), ..TemplateChange::default() };
    let template = change.apply(&stored()).unwrap();
    assert_eq!(template["spec"]["enableServiceLinks"], json!(false));
    assert_eq!(template["spec"].get("containerConcurrency"), None);
    let mut says = written();
    says["spec"]["enableServiceLinks"] = json!(true);
    let change = TemplateChange { file: Some(says), ..TemplateChange::default() };
    assert_eq!(change.apply(&stored()).unwrap()["spec"]["enableServiceLinks"], json!(true));
    assert_eq!(change.apply(&json!({})).unwrap()["spec"]["enableServiceLinks"], json!(true));
}

#[test]
fn fingerprints_ignore_the_name_alone() {
    let again = TemplateChange { again: Some("1".into()), ..TemplateChange::default() };
    assert_eq!(fingerprint(&template()), fingerprint(&TemplateChange::default().apply(&template()).unwrap()));
    assert_ne!(fingerprint(&template()), fingerprint(&again.apply(&template()).unwrap()));
}
