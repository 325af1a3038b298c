//! Tables and properties of composed references.

use super::super::defaults::Flags;
use super::*;
use proptest::prelude::*;

const COMMIT: &str = "3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d";

fn settings(repository: &str, name: &str, tag: &str) -> ImageSettings {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let repository = Some(repository.to_owned());
    Flags { repository, name: given(name), tag: given(tag) }.alone().unwrap()
}

fn build() -> Build<'static> {
    let values = Values { service: Some("hello"), namespace: Some("shop"), branch: None, commit: Some(COMMIT) };
    Build { values, no_branch: "the head is detached", ..Build::default() }
}

fn composed(repository: &str, name: &str, tag: &str) -> String {
    match compose(&settings(repository, name, tag), &build()) {
        Ok(plan) => plan.repository.tagged(plan.tag.unwrap().tag).to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn repository_name_and_tag_make_a_reference() {
    for (repository, name, tag, expected) in [
        ("gcr.io/stuff", "", "", format!("gcr.io/stuff/hello:{COMMIT}")),
        ("gcr.io/stuff/", "", "short", "gcr.io/stuff/hello:3f2a9c1d5e6f".into()),
        ("gcr.io", "{namespace}-{service}", "v1", "gcr.io/shop-hello:v1".into()),
        ("localhost:5000", "", "v1", "localhost:5000/hello:v1".into()),
        ("registry/{namespace}", "mono/{service}", "v1", "docker.io/registry/shop/mono/hello:v1".into()),
        ("{namespace}.registry.example.com", "thing", "v1", "shop.registry.example.com/thing:v1".into()),
        ("stuff", "", "v1", "docker.io/stuff/hello:v1".into()),
        ("[::1]:5000/a", "", "{service}-{commit:7}", "[::1]:5000/a/hello:hello-3f2a9c1".into()),
        // A repository whose last part holds the Service's name is whole ...
        ("gcr.io/stuff/{service}", "", "v1", "gcr.io/stuff/hello:v1".into()),
        ("gcr.io/stuff/{service}/", "", "v1", "gcr.io/stuff/hello:v1".into()),
        ("gcr.io/stuff/{namespace}-{service}", "", "v1", "gcr.io/stuff/shop-hello:v1".into()),
        ("localhost:5000/{service}", "", "v1", "localhost:5000/hello:v1".into()),
        // ... unless a name was asked for; a folder of the Service's and its host are no name of an image.
        ("gcr.io/stuff/{service}", "{service}", "v1", "gcr.io/stuff/hello/hello:v1".into()),
        ("gcr.io/stuff/{service}", "worker", "v1", "gcr.io/stuff/hello/worker:v1".into()),
        ("gcr.io/{service}/images", "", "v1", "gcr.io/hello/images/hello:v1".into()),
        ("{service}.registry.example.com", "", "v1", "hello.registry.example.com/hello:v1".into()),
        // What is written out is nobody's variable.
        ("gcr.io/stuff/hello", "", "v1", "gcr.io/stuff/hello/hello:v1".into()),
    ] {
        assert_eq!(composed(repository, name, tag), expected);
    }
}

#[test]
fn what_cannot_be_is_refused_with_its_rule_and_its_origin() {
    for (repository, name, tag, said) in [
        ("gcr.io/stuff:v1", "", "", "repository \"gcr.io/stuff:v1\" (--repository): a repository has neither tag"),
        ("/", "", "", "repository \"\" (--repository): it is empty"),
        (
            "https://gcr.io",
            "",
            "",
            "repository \"https://gcr.io\" (--repository): a repository is not a URL: leave out what stands before",
        ),
        (
            "https://kim:pw@gcr.io/x",
            "",
            "",
            "repository \"https://...@gcr.io/x\" (--repository): a repository is not a",
        ),
        ("git+ssh://kim:p/w@gcr.io", "", "", "repository \"git+ssh://...@gcr.io\" (--repository): a repository is not"),
        ("kim:p/w@gcr.io/x", "", "", "repository \"...@gcr.io/x\" (--repository): a repository has neither tag nor"),
        ("gcr.io/{x}:pw@y", "", "", "repository \"...@y\" (--repository): there is no variable `{x}`"),
        (
            "gcr.io/Stuff",
            "",
            "",
            "repository \"gcr.io/Stuff\" (--repository) and name \"hello\" (built in; with --repository the cluster is not asked) make no repository: not an image reference: `Stuff/hello` is not a repository path",
        ),
        (
            "gcr.io/Stuff/{service}",
            "",
            "",
            "repository \"gcr.io/Stuff/hello\" (--repository) makes no repository: not an image reference: `Stuff/hello` is not",
        ),
        ("gcr.io", "{service}:v1", "", "name template \"hello:v1\" (--name-template): a name has neither tag"),
        ("gcr.io", "{servise}", "", "name template \"{servise}\" (--name-template): there is no variable"),
        (
            "gcr.io",
            "",
            "branch",
            "tag \"branch\" (--tag) needs the branch, and no branch is known (the head is \
            detached): give --branch NAME",
        ),
        ("gcr.io", "", "{date}", "tag \"{date}\" (--tag): there is no variable `{date}` here"),
        ("gcr.io", "", "--", "tag \"--\" (--tag): `--` cannot become a tag"),
    ] {
        let found = composed(repository, name, tag);
        assert!(found.starts_with(said), "{found}");
    }
}

#[test]
fn a_commit_is_needed_unless_the_image_is_built() {
    let mut build = build();
    build.values.commit = None;
    let settings = settings("gcr.io/stuff", "", "");
    assert_eq!(compose(&settings, &build), Err(BadImagePlan::NoCommit));
    build.built = true;
    assert_eq!(compose(&settings, &build).unwrap().tag, None);
}

#[test]
fn notes_say_what_changed_and_what_is_not_of_this_commit() {
    let mut build = build();
    build.values.branch = Some("a/b");
    let plan = compose(&settings("gcr.io/stuff", "", "{branch}"), &build).unwrap();
    assert_eq!(
        plan.notes,
        [
            "`a/b` is no tag and became `a-b`",
            "the tag `a-b` does not name the commit: another commit's image may have it"
        ]
    );
    assert_eq!(compose(&settings("gcr.io/stuff", "", ""), &build).unwrap().notes, [""; 0]);
}

#[test]
fn a_tag_tells_its_commit_by_enough_digits() {
    for (tag, tells) in [
        ("", true),
        ("short", true),
        ("{commit:12}", true),
        ("{commit:11}", false),
        ("v1", false),
        ("{service}", false),
    ] {
        assert_eq!(compose(&settings("gcr.io/stuff", "", tag), &build()).unwrap().tells_commit, tells, "{tag}");
    }
}

#[test]
fn defaults_of_many_services_tell_them_apart() {
    let map = || Origin::ConfigMap("shop".parse().unwrap());
    let annotation = Origin::Annotation("shop/hello".into());
    let flag = Origin::Flag("--name-template");
    for (repository, name, tag, origins, shared) in [
        ("gcr.io/mono", "thing", "full", [map(), map()], true),
        ("gcr.io/{namespace}", "thing", "full", [map(), map()], true),
        ("gcr.io/{service}", "thing", "full", [map(), map()], false),
        ("gcr.io/mono", "{service}", "full", [map(), map()], false),
        ("gcr.io/mono", "thing", "{service}-{commit}", [map(), map()], false),
        ("gcr.io/mono", "thing", "full", [annotation, map()], false),
        ("gcr.io/mono", "thing", "full", [map(), flag], false),
    ] {
        let mut settings = settings(repository, name, tag);
        [settings.repository.origin, settings.name.origin] = origins;
        let composed = compose(&settings, &build()).map_err(|error| error.to_string());
        assert_eq!(composed.is_err(), shared, "{composed:?}");
        if let Err(error) = composed {
            assert!(error.contains("give every Service the same image: put {service} into one of them"), "{error}");
            assert!(error.contains("\"thing\" (ConfigMap shop/andante-defaults)"), "{error}");
        }
    }
}

#[test]
fn the_namespace_is_needed_where_a_template_says_so() {
    for (repository, name, tag, needed) in [
        ("gcr.io/stuff", "", "", false),
        ("gcr.io/{namespace}", "", "", true),
        ("gcr.io", "{namespace}", "", true),
        ("gcr.io", "", "{namespace}-{commit}", true),
        ("gcr.io", "{broken", "", false),
    ] {
        assert_eq!(needs_namespace(&settings(repository, name, tag)).is_some(), needed);
    }
}

proptest! {
    #[test]
    fn what_is_composed_is_a_reference(repository in "[a-zA-Z0-9./:_{}@-]{1,40}", name in "[a-z/{}.:-]{0,20}") {
        if let Ok(plan) = compose(&settings(&repository, &name, "short"), &build()) {
            let reference = plan.repository.tagged(plan.tag.unwrap().tag);
            prop_assert_eq!(reference.to_string().parse::<Reference>(), Ok(reference));
        }
    }
}
