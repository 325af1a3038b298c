mod noise;

use super::*;
use crate::model::observed::Service;
use crate::model::template::TemplateChange;
use crate::rollout::declaration::read::Stated;
use noise::{disturb, noise};
use proptest::prelude::*;
use proptest::sample::subsequence;

const COMMIT: &str = "3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d";
const USER_IMAGE: &str = "client.knative.dev/user-image";

fn service(annotations: Value, template: Value) -> Value {
    json!({"metadata": {"name": "hello", "namespace": "shop", "annotations": annotations}, "spec": {"template": template}})
}

fn id(object: &Value) -> String {
    let read = Stated::of_json(object).read();
    read.unwrap_or_else(|faults| panic!("{faults:?} in {object}")).id.to_string()
}

/// With every part.
fn all() -> Value {
    json!({
        "andante.dev/pipeline": "build-it",
        "andante.dev/params": "{style: canary, steps: ['5', '25']}",
        "andante.dev/source": "https://git.example.com/shop.git",
        "andante.dev/source-revision": COMMIT,
        "andante.dev/source-path": "services/hello",
        "andante.dev/image-repository": "registry.example.com/shop",
        "andante.dev/container": "web",
        "andante.dev/traffic": "50",
    })
}

fn template() -> Value {
    json!({
        "metadata": {"annotations": {"autoscaling.knative.dev/min-scale": "1"}, "labels": {"team": "blue"}},
        "spec": {
            "timeoutSeconds": 300,
            "containers": [
                {"name": "web", "image": "registry.example.com/web:1", "ports": [{"containerPort": 8080}],
                 "env": [{"name": "A", "value": "1"}]},
                {"name": "side", "image": "registry.example.com/side:1", "args": ["-v"]},
            ],
        },
    })
}

/// An object at a pointer, made where it is not.
fn object<'a>(value: &'a mut Value, names: &[&str]) -> &'a mut Map<String, Value> {
    let mut value = value;
    for name in names {
        let fields = value.as_object_mut().unwrap();
        value = fields.entry(*name).or_insert_with(|| json!({}));
    }
    value.as_object_mut().unwrap()
}

fn put(value: &mut Value, names: &[&str], name: &str, new: Value) {
    object(value, names).insert(name.to_owned(), new);
}

fn at<'a>(value: &'a mut Value, pointer: &str) -> &'a mut Value {
    value.pointer_mut(pointer).unwrap()
}

/// **These ids never change.** They stand on Services: if one came out otherwise, every Service in care would be started.
#[test]
fn ids_of_old_are_the_same_today() {
    let plain = json!({"spec": {"containers": [{"name": "user-container", "image": "registry.example.com/hello:1"}]}});
    let ids = [
        id(&service(json!({}), plain.clone())),
        id(&service(json!({"andante.dev/pipeline": "roll-out-image"}), plain)),
        id(&service(all(), template())),
    ];
    assert_eq!(ids, ["0236269c4fae", "193d47f5fb90", "bbad01bb0905"]);
}

/// What is written, in words that can be compared by eye.
#[test]
fn the_canonical_form_is_sorted_and_without_spaces() {
    let template = json!({"z": [true, {"b": "\"\n", "a": 1}], "a": {}});
    let mut text = String::new();
    sorted(&template, &mut text);
    assert_eq!(text, r#"{"a":{},"z":[true,{"a":1,"b":"\"\n"}]}"#);
    let meant = Meant {
        in_charge: None,
        params: &Params::default(),
        source: None,
        image_repository: None,
        container: Some("web"),
        share: Percent::FULL,
        template: json!({"spec": {}}),
    };
    assert_eq!(meant.canonical(), r#"{"container":"web","template":{"spec":{}},"traffic":100}"#);
}

#[test]
fn what_is_spelt_otherwise_is_the_same_goal() {
    let before = id(&service(all(), template()));
    for (name, text) in [
        ("pipeline", "Pipeline/build-it"),
        ("pipeline", " tekton.dev/v1/Pipeline/build-it\n"),
        ("pipeline", "{kind: Pipeline, name: build-it, apiVersion: tekton.dev/v1}"),
        ("pipeline", "{\"name\":\"build-it\",\n \"apiVersion\":\"tekton.dev/v1\",\"kind\":\"Pipeline\"}"),
        ("params", "{\"steps\":[\"5\",\"25\"],\"style\":\"canary\"}"),
        ("params", "# ours\nsteps:\n- '5'\n- \"25\"\nstyle: 'canary'\n"),
        ("source", "HTTPS://Git.Example.COM/shop.git "),
        ("source-revision", &COMMIT.to_uppercase()),
        ("source-path", "./services//hello/"),
        ("image-repository", " registry.example.com/shop\n"),
        ("traffic", "50%"),
        ("suspend", "true"),
        ("suspend", "sale until Monday"),
    ] {
        let mut object = service(all(), template());
        put(&mut object, &["metadata", "annotations"], &format!("andante.dev/{name}"), json!(text));
        assert_eq!(id(&object), before, "{name}: {text}");
    }
    // What is declared as it is anyhow is not another goal either.
    for name in ["container", "traffic", "source-path"] {
        let mut said = service(all(), template());
        let usual = match name {
            "container" => "web",
            "traffic" => "100",
            _ => ".",
        };
        put(&mut said, &["metadata", "annotations"], &format!("andante.dev/{name}"), json!(usual));
        let mut unsaid = said.clone();
        object(&mut unsaid, &["metadata", "annotations"]).remove(&format!("andante.dev/{name}"));
        assert_eq!(id(&said), id(&unsaid), "{name}");
    }
}

#[test]
fn each_declared_thing_is_part_of_the_goal() {
    let mut ids = vec![id(&service(all(), template()))];
    let mut other = |annotation: &str, text: Option<&str>| {
        let mut said = service(all(), template());
        let annotations = object(&mut said, &["metadata", "annotations"]);
        match text {
            Some(text) => annotations.insert(format!("andante.dev/{annotation}"), json!(text)),
            None => annotations.remove(&format!("andante.dev/{annotation}")),
        };
        ids.push(id(&said));
    };
    for (annotation, texts) in [
        (
            "pipeline",
            vec![
                "other",
                "Task/build-it",
                "ExternalOperation",
                "tekton.dev/v1beta1/Pipeline/build-it",
                "{apiVersion: tekton.dev/v1, kind: Pipeline, resolver: git, params: {a: b}}",
                "{apiVersion: tekton.dev/v1, kind: Pipeline, resolver: git, params: {a: c}}",
                "{apiVersion: tekton.dev/v1, kind: Pipeline, resolver: hub, params: {a: c}}",
            ],
        ),
        (
            "params",
            vec![
                "{style: canary}",
                "{style: linear, steps: ['5', '25']}",
                "{style: canary, steps: ['25', '5']}",
                "{style: canary, steps: '5 25'}",
                "{Style: canary, steps: ['5', '25']}",
            ],
        ),
        (
            "source",
            vec![
                "https://git.example.com/shop",
                "https://git.example.com/Shop.git",
                "ssh://git@git.example.com/shop.git",
            ],
        ),
        ("source-revision", vec!["main", "v1", "4f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d"]),
        ("source-path", vec!["services/other", "services"]),
        ("image-repository", vec!["registry.example.com/other", "registry.example.com/shop/{service}"]),
        ("container", vec!["side"]),
        ("traffic", vec!["49", "1"]),
    ] {
        for text in texts {
            other(annotation, Some(text));
        }
        if !matches!(annotation, "pipeline" | "source" | "container") {
            other(annotation, None);
        }
    }
    let unlike: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!(unlike.len(), ids.len(), "two of them have one id");
}

#[test]
fn the_template_is_part_of_the_goal_but_for_the_image_that_is_built() {
    let sourced = all();
    let plain = json!({"andante.dev/pipeline": "roll-out-image", "andante.dev/container": "web"});
    let changes: [(&str, &str, Value, bool); 7] = [
        ("/spec/containers/0", "image", json!("registry.example.com/web:2"), false),
        ("/spec/containers/1", "image", json!("registry.example.com/side:2"), true),
        ("/spec/containers/0", "env", json!([{"name": "A", "value": "2"}]), true),
        ("/spec/containers/0", "args", json!(["-v"]), true),
        ("/spec", "timeoutSeconds", json!(60), true),
        ("/metadata/annotations", "autoscaling.knative.dev/min-scale", json!("2"), true),
        ("/metadata/labels", "team", json!("green"), true),
    ];
    for (pointer, field, value, with_source) in changes {
        for (annotations, other) in [(&sourced, with_source), (&plain, true)] {
            let mut changed = template();
            at(&mut changed, pointer).as_object_mut().unwrap().insert(field.to_owned(), value.clone());
            let same = id(&service(annotations.clone(), changed)) == id(&service(annotations.clone(), template()));
            assert_eq!(!same, other, "{pointer} {field}");
        }
    }
    // The order of containers, arguments and variables is theirs.
    let mut turned = template();
    at(&mut turned, "/spec/containers").as_array_mut().unwrap().reverse();
    assert_ne!(id(&service(all(), turned)), id(&service(all(), template())));
}

/// Knative makes another revision where one of these is written, and its pods may run elsewhere: no part of it is a goal of before.
#[test]
fn an_empty_object_that_somebody_wrote_is_part_of_the_goal() {
    let of = |spec: &Value| {
        let mut template = template();
        for (name, value) in spec.as_object().unwrap() {
            put(&mut template, &["spec"], name, value.clone());
        }
        id(&service(json!({"andante.dev/pipeline": "p"}), template))
    };
    let term = |selector: Value| {
        let mut term = json!({"topologyKey": "zone", "namespaces": []});
        if !selector.is_null() {
            term["labelSelector"] = selector;
        }
        json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}})
    };
    let volume = |kind: &str| json!({"volumes": [{"name": "v", kind: {}}]});
    assert_eq!(of(&term(json!({"matchLabels": {}}))), of(&term(json!({}))), "the same selector");
    let specs = [
        json!({}),
        term(Value::Null),
        term(json!({})),
        term(json!({"matchLabels": {"app": "a"}})),
        volume("emptyDir"),
        volume("projected"),
        json!({"securityContext": {}}),
    ];
    let ids: std::collections::BTreeSet<String> = specs.iter().map(of).collect();
    assert_eq!(ids.len(), specs.len(), "two of them have one id");
}

/// What kn makes of a template that it was to leave alone: it pins the tag, and says when it was there.
#[test]
fn what_kn_stamps_is_no_goal() {
    let digest = format!("registry.example.com/web@sha256:{}", "ab".repeat(32));
    let other = format!("registry.example.com/web@sha256:{}", "cd".repeat(32));
    let stamped = |image: &str, named: Option<&str>| {
        let mut template = template();
        put(at(&mut template, "/spec/containers/0"), &[], "image", json!(image));
        let annotations = object(&mut template, &["metadata", "annotations"]);
        annotations.insert("client.knative.dev/updateTimestamp".to_owned(), json!("2026-11-29T10:00:00Z"));
        annotations.extend(named.map(|named| (USER_IMAGE.to_owned(), json!(named))));
        put(&mut template, &["metadata", "labels"], "client.knative.dev/nonce", json!("x"));
        template
    };
    let of = |template| id(&service(json!({"andante.dev/pipeline": "p"}), template));
    let before = of(template());
    let tag = "registry.example.com/web:1";
    assert_eq!(of(stamped(tag, Some(tag))), before);
    assert_eq!(of(stamped(&digest, Some(tag))), before, "kn pinned it");
    assert_ne!(of(stamped("registry.example.com/web:2", Some(tag))), before, "somebody named another tag");
    assert_ne!(of(stamped(&digest, Some("registry.example.com/other:1"))), before, "kn pins within a repository");
    assert_ne!(of(stamped(&digest, Some(""))), before, "only the digest names it");
    assert_ne!(of(stamped(&digest, None)), before);
    // Who else wrote the containers meant the digest, whatever kn's name for it still says.
    let owned = |image: &str, managers: Value| {
        let mut object = service(json!({"andante.dev/pipeline": "p"}), stamped(image, Some(tag)));
        put(&mut object, &["metadata"], "managedFields", managers);
        id(&object)
    };
    let fields = |user_image: bool, containers: bool| {
        let mut template =
            json!({"f:metadata": {"f:annotations": {"f:client.knative.dev/updateTimestamp": {}}}, "f:spec": {}});
        if user_image {
            put(&mut template, &["f:metadata", "f:annotations"], &format!("f:{USER_IMAGE}"), json!({}));
        }
        if containers {
            put(&mut template, &["f:spec"], "f:containers", json!({}));
        }
        json!({"f:spec": {"f:template": template}})
    };
    let kn = |containers| json!({"manager": "kn", "operation": "Update", "fieldsV1": fields(true, containers)});
    let kubectl = json!({"manager": "kubectl-set", "operation": "Update", "fieldsV1": fields(false, true)});
    assert_eq!(owned(&digest, json!([kn(true)])), before);
    let set = owned(&digest, json!([kn(false), kubectl]));
    assert_ne!(set, before);
    assert_ne!(owned(&other, json!([kn(false), kubectl])), set);
}

#[test]
fn an_observed_service_has_the_same_goal() {
    let digest = format!("registry.example.com/web@sha256:{}", "ab".repeat(32));
    for owner in [true, false] {
        let mut object = service(all(), template());
        put(&mut object, &["metadata", "annotations"], "andante.dev/container", json!("side"));
        put(&mut object, &["metadata"], "uid", json!("u"));
        put(&mut object, &["metadata"], "generation", json!(1));
        put(at(&mut object, "/spec/template/spec/containers/0"), &[], "image", json!(digest));
        put(
            &mut object,
            &["spec", "template", "metadata", "annotations"],
            USER_IMAGE,
            json!("registry.example.com/web:1"),
        );
        let owned =
            json!({"f:metadata": {"f:annotations": {format!("f:{USER_IMAGE}"): {}}}, "f:spec": {"f:containers": {}}});
        let manager = json!({"manager": "kn", "operation": "Update", "fieldsV1": {"f:spec": {"f:template": owned}}});
        let managers =
            if owner { json!([manager]) } else { json!([{"manager": "x", "operation": "Update", "fieldsV1": {}}]) };
        put(&mut object, &["metadata"], "managedFields", managers);
        let observed = Service::from_json(&object).unwrap();
        assert_eq!(Stated::of_service(&observed).read().unwrap().id.to_string(), id(&object));
    }
}

proptest! {
    #[test]
    fn no_noise_is_another_goal(
        declared in subsequence(vec!["params", "source-revision", "source-path", "image-repository", "traffic"], 0..=5),
        sourced in any::<bool>(),
        noises in proptest::collection::vec(noise(), 0..8),
    ) {
        let mut annotations = all();
        let gone: Vec<String> = object(&mut annotations, &[]).keys()
            .filter(|name| !["pipeline", "container"].iter().chain(&declared).any(|kept| name.ends_with(&format!("/{kept}"))))
            .cloned().collect();
        for name in gone {
            if !sourced || name != "andante.dev/source" {
                object(&mut annotations, &[]).remove(&name);
            }
        }
        if !sourced {
            object(&mut annotations, &[]).retain(|name, _| !name.contains("/source"));
        }
        let before = service(annotations, template());
        let mut after = before.clone();
        for noise in &noises {
            disturb(&mut after, noise);
        }
        prop_assert_eq!(id(&after), id(&before));
    }

    /// A build's image, the marks of a repeated candidate and a revision's name, in any order, as `stage` writes them.
    #[test]
    fn our_own_writes_are_no_goal(
        writes in proptest::collection::vec((any::<bool>(), any::<bool>(), any::<bool>(), "[a-z0-9]{4}"), 1..5),
    ) {
        let mut annotations = all();
        object(&mut annotations, &[]).remove("andante.dev/container");
        let before = id(&service(annotations.clone(), template()));
        let mut present = template();
        put(&mut present, &["metadata", "annotations"], USER_IMAGE, json!("registry.example.com/web:1"));
        for (image, again, named, word) in writes {
            let change = TemplateChange {
                image: image.then(|| format!("registry.example.com/web:{word}@sha256:{}", "ab".repeat(32))),
                again: again.then(|| word.clone()),
                digest: Some(word.clone()),
                revision_name: named.then(|| format!("hello-{word}").parse().unwrap()),
                ..TemplateChange::default()
            };
            present = change.apply(&present).unwrap();
            prop_assert_eq!(id(&service(annotations.clone(), present.clone())), before.clone());
        }
    }

    /// Whatever a variable, an argument or an annotation of the template says, another text is another goal.
    #[test]
    fn another_text_is_another_goal(a in "\\PC{0,12}", b in "\\PC{0,12}", place in 0..3_usize) {
        let of = |text: &str| {
            let mut template = template();
            match place {
                0 => put(at(&mut template, "/spec/containers/0/env/0"), &[], "value", json!(text)),
                1 => put(at(&mut template, "/spec/containers/1"), &[], "args", json!([text])),
                _ => put(&mut template, &["metadata", "annotations"], "team.example.com/note", json!(text)),
            }
            id(&service(all(), template))
        };
        prop_assert_eq!(of(&a) == of(&b), a == b);
    }
}
