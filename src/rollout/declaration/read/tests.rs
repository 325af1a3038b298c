use super::*;
use proptest::prelude::*;
use serde_json::json;

fn service(annotations: Value) -> Value {
    let containers = json!([
        {"name": "web", "image": "registry.example.com/web:1", "ports": [{"containerPort": 8080}]},
        {"name": "side", "image": "registry.example.com/side:1"},
    ]);
    json!({"metadata": {"name": "hello", "namespace": "shop", "annotations": annotations},
        "spec": {"template": {"spec": {"containers": containers}}}})
}

fn read(object: &Value) -> Result<Declaration, Vec<String>> {
    let told = |faults: Vec<Fault>| faults.iter().map(ToString::to_string).collect();
    Stated::of_json(object).read().map_err(told)
}

#[test]
fn a_service_that_declares_nothing_has_a_goal() {
    let declared = read(&service(json!({"team.example.com/x": "y"}))).unwrap();
    assert_eq!((declared.in_charge, declared.source, declared.suspended), (None, None, None));
    assert_eq!((declared.share, declared.container.as_deref()), (Percent::FULL, Some("web")));
    assert!(declared.said.is_empty() && declared.notes.is_empty());
}

#[test]
fn every_part_is_read() {
    let declared = read(&service(json!({
        "andante.dev/pipeline": "Task/build-it",
        "andante.dev/params": "{style: canary}",
        "andante.dev/source": "git@git.example.com:shop.git",
        "andante.dev/source-revision": "3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d",
        "andante.dev/source-path": "a/b",
        "andante.dev/image-repository": "registry.example.com/{namespace}",
        "andante.dev/container": "side",
        "andante.dev/traffic": "10%",
        "andante.dev/suspend": "a sale",
        "andante.dev/rollout": "{}",
    })))
    .unwrap();
    assert_eq!(declared.in_charge.as_ref().map(InCharge::short).as_deref(), Some("tekton.dev/v1/Task/build-it"));
    assert_eq!(declared.params.iter().count(), 1);
    let source = declared.source.as_ref().unwrap();
    assert_eq!(source.url.as_str(), "git@git.example.com:shop.git");
    assert_eq!(source.path.as_ref().map(SourcePath::as_str), Some("a/b"));
    assert_eq!(
        declared.image_repository.as_ref().map(DeclaredRepository::as_str),
        Some("registry.example.com/{namespace}")
    );
    assert_eq!((declared.container.as_deref(), declared.share.get()), (Some("side"), 10));
    assert_eq!(declared.suspended.as_ref().and_then(|s| s.reason.as_deref()), Some("a sale"));
    assert_eq!(declared.said, DeclaredPart::ALL);
    assert_eq!(declared.notes, [""; 0]);
}

/// One edit mends a declaration, so one answer names everything.
#[test]
fn all_faults_are_told_at_once() {
    let mut object = service(json!({
        "andante.dev/pipeline": "Build It",
        "andante.dev/params": "{a: 1, b: 2}",
        "andante.dev/source": "shop",
        "andante.dev/source-revision": "a..b",
        "andante.dev/source-path": "/a",
        "andante.dev/image-repository": "https://r.io/x",
        "andante.dev/container": "Web",
        "andante.dev/traffic": "0",
        "andante.dev/suspend": "no",
        "andante.dev/trafic": "10",
    }));
    object["spec"]["template"]["metadata"] = json!({"annotations": {"andante.dev/pipeline": "x"}});
    object["spec"]["template"]["spec"]["containers"][1]["image"] = json!("placeholder.invalid/x");
    let told = read(&object).unwrap_err();
    let begins = [
        "annotation andante.dev/trafic is `10`: nothing reads it; andante.dev/traffic was probably meant; call it andante.dev/traffic",
        "annotation andante.dev/pipeline is `Build It`: `Build It` is not a name of an object",
        "annotation andante.dev/params is `{a: 1, b: 2}`: `a` is a number: put it in quotes if a text is meant; write a YAML or JSON map",
        "annotation andante.dev/params is `{a: 1, b: 2}`: `b` is a number",
        "annotation andante.dev/source is `shop`: it is no address; write a repository's address: https://HOST/PATH",
        "annotation andante.dev/source-revision is `a..b`: git takes no such name; write a commit's whole hash",
        "annotation andante.dev/source-path is `/a`: it does not begin at the repository's own folder",
        "annotation andante.dev/image-repository is `https://r.io/x`: repository \"https://r.io/x\"",
        "annotation andante.dev/traffic is `0`: nobody would ever be sent to the goal's code; write a whole percentage from 1 to 100",
        "annotation andante.dev/suspend is `no`: it could be a reason or an answer; write true, or say why in words",
        "annotation andante.dev/container is `Web`: `Web` is not a name of a container",
        "the image of container side is `placeholder.invalid/x`: this container gets no image that is built",
        "annotation andante.dev/pipeline of the template is `x`: there it declares nothing",
    ];
    assert_eq!(told.len(), begins.len(), "{told:#?}");
    for (told, begin) in told.iter().zip(begins) {
        assert!(told.starts_with(begin), "{told}\n{begin}");
    }
}

#[test]
fn what_does_not_belong_together_is_a_fault() {
    let source = "https://git.example.com/shop.git";
    let image = |image: &str, annotations: Value| {
        let mut object = service(annotations);
        object["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        object
    };
    for (object, said) in [
        (
            service(json!({"andante.dev/source": source})),
            "nobody is in charge of building it, because there is no andante.dev/pipeline; add andante.dev/pipeline (ExternalOperation",
        ),
        (
            service(json!({"andante.dev/pipeline": "p", "andante.dev/source-path": "a"})),
            "annotation andante.dev/source-path is `a`: there is no andante.dev/source; add andante.dev/source",
        ),
        (
            service(json!({"andante.dev/container": "other"})),
            "annotation andante.dev/container is `other`: there are: web, side; write the name of a container",
        ),
        (
            image("placeholder.invalid/hello", json!({"andante.dev/pipeline": "p"})),
            "the image of container web is `placeholder.invalid/hello`: it stands for what is built from a source, and there is no andante.dev/source",
        ),
        (
            image(
                "placeholder.invalid/hello",
                json!({"andante.dev/pipeline": "p", "andante.dev/source": source, "andante.dev/container": "side"}),
            ),
            "this container gets no image that is built; name a real image, or this container in andante.dev/container",
        ),
        (
            service(json!({"andante.dev/traffic": 10})),
            "annotation andante.dev/traffic is `10`: it is no text; put it in quotes",
        ),
    ] {
        let told = read(&object).unwrap_err();
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(told[0].contains(said), "{}", told[0]);
    }
    let mut unclear = service(json!({"andante.dev/pipeline": "p", "andante.dev/source": source}));
    unclear["spec"]["template"]["spec"]["containers"][0]["ports"] = json!([]);
    assert!(read(&unclear).unwrap_err()[0].contains("add andante.dev/container with one of: web, side"));
    let mut init = service(json!({"andante.dev/pipeline": "p", "andante.dev/source": source}));
    init["spec"]["template"]["spec"]["initContainers"] = json!([{"name": "web", "image": "placeholder.invalid/x"}]);
    assert!(read(&init).unwrap_err()[0].contains("this container gets no image that is built"));
    let good = image(
        "placeholder.invalid/hello",
        json!({"andante.dev/pipeline": "ExternalOperation", "andante.dev/source": source}),
    );
    assert!(read(&good).is_ok());
}

#[test]
fn what_an_owner_should_know_is_noted() {
    let notes = |annotations| read(&service(annotations)).unwrap().notes;
    let sourced = |revision: Option<&str>| {
        let mut annotations = json!({"andante.dev/pipeline": "p", "andante.dev/source": "https://g.example.com/x"});
        if let Some(revision) = revision {
            annotations["andante.dev/source-revision"] = json!(revision);
        }
        notes(annotations)
    };
    assert!(sourced(None)[0].starts_with("no commit is declared, so that the default branch is meant"));
    assert!(sourced(Some("main"))[0].starts_with("`main` is the name of a branch or tag: a push to it cannot be seen"));
    assert!(sourced(Some("3f2a9c1"))[0].contains("a commit is declared by its whole hash"));
    assert_eq!(sourced(Some(&"ab".repeat(20))), [""; 0]);
    let unled = notes(json!({"andante.dev/params": "{}", "andante.dev/traffic": "10", "andante.dev/suspend": "true",
        "andante.dev/team": "x"}));
    assert_eq!(
        unled,
        [
            "nothing here reads annotation andante.dev/team",
            "andante.dev/params has no effect: there is no andante.dev/pipeline",
            "andante.dev/traffic has no effect: there is no andante.dev/pipeline",
            "andante.dev/suspend has no effect: there is no andante.dev/pipeline",
        ]
    );
}

proptest! {
    /// Whatever stands in an annotation, it is read or told in one line, and never a panic.
    #[test]
    fn any_text_is_read_or_told(part in 0..DeclaredPart::ALL.len(), text in "\\PC{0,40}|[a-z{}:\\[\\]', \\n/@-]{0,40}") {
        let part = DeclaredPart::ALL[part];
        let object = service(json!({"andante.dev/pipeline": "p", (part.annotation()): text}));
        if let Err(told) = read(&object) {
            prop_assert!(!told.is_empty());
            for fault in told {
                prop_assert!(!fault.contains(char::is_control), "{}", fault);
            }
        }
    }
}

/// Whoever changes a field owns it from then on, and a revert changes kn's name for the image together with what kn pinned it to.
#[test]
fn the_goal_of_a_template_of_ours_is_told_as_it_will_be_read() {
    let image = |digit: &str| format!("r.io/a@sha256:{}", digit.repeat(64));
    let template = |image: &str, named: &str| json!({"metadata": {"annotations": {kn::USER_IMAGE: named}}, "spec": {"containers": [{"image": image}]}});
    let owned = |containers: bool, name: bool| {
        let mut template = json!({"f:metadata": {"f:annotations": {}}, "f:spec": {}});
        if containers {
            template["f:spec"]["f:containers"] = json!({});
        }
        if name {
            template["f:metadata"]["f:annotations"][format!("f:{}", kn::USER_IMAGE)] = json!({});
        }
        json!({"f:spec": {"f:template": template}})
    };
    let stored = |template: &Value, by_kn: (bool, bool), by_us: (bool, bool)| {
        let of = |manager: &str, (containers, name)| json!({"manager": manager, "operation": "Update", "fieldsV1": owned(containers, name)});
        let object = json!({"metadata": {"name": "s", "uid": "u", "generation": 1,
            "annotations": {"andante.dev/pipeline": "p"}, "managedFields": [of("kn", by_kn), of("andante", by_us)]},
            "spec": {"template": template}});
        Service::from_json(&object).unwrap()
    };
    let present = stored(&template(&image("b"), "r.io/a:2"), (true, true), (false, false));
    for (next, by_kn, by_us) in [
        (template(&image("a"), "r.io/a:1"), (false, false), (true, true)),
        (template(&image("a"), "r.io/a:2"), (false, true), (true, false)),
        (template(&image("b"), "r.io/a:1"), (true, false), (false, true)),
        (template(&image("b"), "r.io/a:2"), (true, true), (false, false)),
    ] {
        let told = Stated::of_service(&present).with_template(&next).read().unwrap().id;
        let read = Stated::of_service(&stored(&next, by_kn, by_us)).read().unwrap().id;
        assert_eq!(told, read, "{next}");
    }
}
