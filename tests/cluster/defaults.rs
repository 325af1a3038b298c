//! Where an image goes, from the cluster's defaults: real ConfigMaps, annotations and rights.

use super::rights::account;
use super::support::*;
use serde_json::{Value, json};

const COMMIT: &str = "3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d";
const MAP: &str = "andante-defaults";

fn defaults(space: &Space, data: &Value) {
    space.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": MAP}, "data": data}));
}

/// A namespace for a Service, and one that stands for the installation's.
fn two(name: &str) -> (Space, Space) {
    (Space::new(name), Space::new(&format!("{name}-sys")))
}

/// `andante image hello`, with the installation's namespace.
fn name(space: &Space, system: &Space, more: &[&str]) -> Ran {
    let arguments = ["image", "hello", "--commit", COMMIT, "--system-namespace", &system.namespace];
    space.andante(&[&arguments, more].concat())
}

/// The `kubectl` command that an error proposes about one place, run with another repository.
fn follow_advice(space: &Space, said: &str, place: &str, repository: &str) {
    let line = said.lines().find(|l| l.contains(place)).unwrap_or_else(|| panic!("nothing about {place} in {said}"));
    let (_, command) = line.split_once("kubectl ").expect("a command");
    let command = command.replace("REPOSITORY", repository);
    let arguments = command.replace('\'', "");
    space.kubectl(&arguments.split_whitespace().collect::<Vec<_>>()).good();
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn each_place_is_asked_in_its_order_and_no_further() {
    let (space, system) = two("defaults");
    let proxy = FaultProxy::start();
    let run = |more: &[&str]| {
        let before = proxy.asked().len();
        let base = ["image", "hello", "--commit", COMMIT, "--explain", "--system-namespace", &system.namespace];
        let ran = proxy.andante(&space, "run", &[&base, more].concat()).wait(LONG).ended(0);
        assert_eq!(ran.lines.len(), 1, "the reference and nothing else: {}", ran.whole());
        (ran.last().to_owned(), proxy.asked().len() - before, ran)
    };
    defaults(&system, &json!({"image-repository": "gcr.io/cluster", "image-name-template": "{namespace}-{service}"}));
    let (image, asked, ran) = run(&[]);
    assert_eq!((image, asked), (format!("gcr.io/cluster/{}-hello:{COMMIT}", space.namespace), 3));
    assert!(ran.err.contains(&format!("ConfigMap {}/{MAP}", system.namespace)), "{}", ran.err);

    // The namespace's tag beside the installation's repository.
    defaults(&space, &json!({"image-tag": "short", "image-tags": "?"}));
    let (image, asked, ran) = run(&["--name-template", "x"]);
    assert_eq!((image.as_str(), asked), ("gcr.io/cluster/x:3f2a9c1d5e6f", 3));
    assert!(ran.err.contains("has a key \"image-tags\", which nothing reads"), "{}", ran.err);

    defaults(&space, &json!({"image-tag": "short", "image-repository": "gcr.io/shop\n"}));
    // Each for itself: the installation's name below the namespace's repository, with the namespace's tag.
    let (image, asked, _) = run(&[]);
    assert_eq!((image, asked), (format!("gcr.io/shop/{}-hello:3f2a9c1d5e6f", space.namespace), 3));
    let (image, asked, _) = run(&["--name-template", "x"]);
    assert_eq!((image.as_str(), asked), ("gcr.io/shop/x:3f2a9c1d5e6f", 2));
    defaults(&space, &json!({"image-tag": "short", "image-repository": "gcr.io/shop", "image-name-template": "x"}));
    let file = name(&space, &system, &[]).ended(2).err;
    assert!(file.contains("give every Service the same image: put {service} into"), "{file}");

    space.serve(&sample("hello", "v1"));
    space.kubectl(&["annotate", "ksvc", "hello", "andante.dev/image-repository=gcr.io/own"]).good();
    let (image, asked, _) = run(&[]);
    assert_eq!((image.as_str(), asked), ("gcr.io/own/x:3f2a9c1d5e6f", 2));
    let (image, asked, _) = run(&["--name-template", "y", "--tag", "full"]);
    assert_eq!((image, asked), (format!("gcr.io/own/y:{COMMIT}"), 1));

    let (image, asked, _) = run(&["--repository", "localhost:5000"]);
    assert_eq!((image, asked), (format!("localhost:5000/hello:{COMMIT}"), 0));
    assert_eq!(space.generation("hello"), 1, "nothing was written");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn nothing_set_is_told_with_commands_that_work() {
    let (space, system) = two("unset");
    let ran = name(&space, &system, &[]).ended(2);
    let said = ran.err;
    assert!(
        said.starts_with("andante: no image repository is set. Looked at:\n  --repository was not given\n"),
        "{said}"
    );
    assert!(said.contains(&format!("there is no Service {}/hello yet", space.namespace)), "{said}");
    assert_eq!(said.lines().count(), 5, "{said}");

    follow_advice(&space, &said, &format!("ConfigMap {}/{MAP}", system.namespace), "gcr.io/cluster");
    name(&space, &system, &[]).ended(0).ends_with(&format!("gcr.io/cluster/hello:{COMMIT}"));
    system.kubectl(&["patch", "configmap", MAP, "-p", r#"{"data":{"image-repository":""}}"#]).good();
    defaults(&space, &json!({"unrelated": "x"}));
    space.serve(&sample("hello", "v1"));
    let said = name(&space, &system, &[]).ended(2).err;
    for (place, repository) in [
        (format!("ConfigMap {}/{MAP}", system.namespace), "gcr.io/one"),
        (format!("ConfigMap {}/{MAP}", space.namespace), "gcr.io/two"),
        (format!("Service {}/hello", space.namespace), "gcr.io/three"),
    ] {
        follow_advice(&space, &said, &place, repository);
        name(&space, &system, &[]).ended(0).ends_with(&format!("{repository}/hello:{COMMIT}"));
    }
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn what_may_not_be_read_is_told_as_such() {
    let (space, system) = two("unread");
    defaults(&space, &json!({"image-repository": "gcr.io/shop"}));
    let maps = json!({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "resourceNames": [MAP]});
    let services = json!({"apiGroups": ["serving.knative.dev"], "resources": ["services"], "verbs": ["get"]});
    let ask = |rules: Value| {
        let file = account(&space, &rules);
        name(&space, &system, &["--kubeconfig", &file])
    };

    // Enough: the two rights that the README names, and none in the installation's namespace.
    let ran = ask(json!([maps, services])).ended(0).ends_with(&format!("gcr.io/shop/hello:{COMMIT}"));
    let note = format!("andante: note: ConfigMap {}/{MAP} may not be read: ", system.namespace);
    assert!(
        ran.err.starts_with(&note) && ran.err.ends_with("; name and tag are as if it said nothing\n"),
        "{}",
        ran.err
    );

    // The annotation would go before.
    let said = ask(json!([maps])).ended(20).err;
    let begin = format!(
        "andante: ConfigMap {}/{MAP} names the image repository \"gcr.io/shop\", but a place that goes before it may not",
        space.namespace
    );
    assert!(said.starts_with(&begin), "{said}");
    let rule = "apiGroups: [\"serving.knative.dev\"], resources: [\"services\"], verbs: [\"get\"]";
    assert!(
        said.contains(&format!("Service {}/hello may not be read: ", space.namespace)) && said.contains(rule),
        "{said}"
    );

    let said = ask(json!([services])).ended(20).err;
    for namespace in [&space.namespace, &system.namespace] {
        assert!(said.contains(&format!("ConfigMap {namespace}/{MAP} may not be read: ")), "{said}");
    }
    assert!(said.contains("resources: [\"configmaps\"], verbs: [\"get\"]"), "{said}");
    assert!(said.contains(&format!("there is no Service {}/hello yet", space.namespace)), "{said}");

    assert!(said.contains("config/defaults-reader.yaml"), "{said}");

    // A parameter needs no right at all.
    let file = account(&space, &json!([]));
    name(&space, &system, &["--kubeconfig", &file, "--repository", "gcr.io/own"]).ended(0);
}

/// The shipped Role for the installation's namespace, for the account of this test.
fn grant(space: &Space, system: &Space) {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/defaults-reader.yaml")).unwrap();
    let subject = "name: andante-build\n    namespace: default";
    assert!(text.contains(subject));
    let text = text
        .replace(subject, &format!("name: stepper\n    namespace: {}", space.namespace))
        .replace("namespace: andante-system", &format!("namespace: {}", system.namespace));
    let file = system.file("defaults-reader.yaml", &text);
    system.kubectl(&["apply", "-f", &file]).good();
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn the_installations_defaults_are_read_by_the_role_that_is_shipped_and_not_without() {
    let (space, system) = two("defaults-role");
    defaults(&system, &json!({"image-repository": "gcr.io/cluster"}));
    let shipped = catalog("pipelines/build-it-and-roll-it-out-slowly/support/rbac.yaml#andante-build");
    let file = account(&space, &shipped["rules"]);
    let ask = || name(&space, &system, &["--kubeconfig", &file]);
    let denied = ask().ended(20).err;
    for part in ["stepper may not get configmaps", &system.namespace, "config/defaults-reader.yaml"] {
        assert!(denied.contains(part), "{denied}");
    }
    grant(&space, &system);
    // A binding takes effect within a moment.
    let image = eventually("the defaults may be read", SHORT, || {
        let ran = ask();
        (ran.code == 0).then(|| ran.last().to_owned())
    });
    assert_eq!(image, format!("gcr.io/cluster/hello:{COMMIT}"));
    // That one object, and nothing to change it.
    system.kubectl(&["create", "configmap", "other"]).good();
    let may = |verb: &str, what: &str| {
        let account = format!("system:serviceaccount:{}:stepper", space.namespace);
        system.kubectl(&["auth", "can-i", verb, what, "--as", &account]).out.trim() == "yes"
    };
    assert!(may("get", &format!("configmap/{MAP}")));
    assert!(!may("get", "configmap/other") && !may("list", "configmaps") && !may("patch", &format!("configmap/{MAP}")));
}
