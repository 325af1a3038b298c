//! What catalogs ask of an entry: the catalog's own linter, and Artifact Hub.

use super::catalog::{Item, list, pipelines, read, root, step_actions, tasks, texts};
use serde_json::Value;

/// Categories that the Tekton catalog knows.
const CATEGORIES: [&str; 19] = [
    "Automation",
    "Build Tools",
    "CLI",
    "Cloud",
    "Code Quality",
    "Continuous Integration",
    "Deployment",
    "Developer Tools",
    "Git",
    "Image Build",
    "Kubernetes",
    "Messaging",
    "Monitoring",
    "Networking",
    "Openshift",
    "Publishing",
    "Security",
    "Storage",
    "Testing",
];

fn all() -> Vec<Item> {
    [tasks(), step_actions(), pipelines()].concat()
}

fn annotation<'a>(item: &'a Item, name: &str) -> &'a str {
    item.object["metadata"]["annotations"][name].as_str().unwrap_or_else(|| panic!("{item}: no annotation {name}"))
}

#[test]
fn every_entry_says_what_catalogs_ask() {
    for item in all() {
        assert_eq!(item.path.file_stem().unwrap(), item.name(), "{item}: file and name differ");
        assert_eq!(item.path.parent().unwrap().file_name().unwrap(), item.name(), "{item}: folder and name differ");
        let version = item.object["metadata"]["labels"]["app.kubernetes.io/version"].as_str();
        assert_eq!(version, Some(env!("CARGO_PKG_VERSION")), "{item}: the label is the tag without `v`");
        assert_eq!(annotation(&item, "tekton.dev/pipelines.minVersion"), "1.12.0", "{item}");
        for category in annotation(&item, "tekton.dev/categories").split(',').map(str::trim) {
            assert!(CATEGORIES.contains(&category), "{item}: the catalog has no category {category:?}");
        }
        for platform in annotation(&item, "tekton.dev/platforms").split(',').map(str::trim) {
            assert_eq!(platform.split('/').count(), 2, "{item}: {platform} is not OS/ARCHITECTURE");
        }
        assert!(!annotation(&item, "tekton.dev/tags").is_empty(), "{item}");
        assert!(!annotation(&item, "tekton.dev/displayName").is_empty(), "{item}");
        assert_eq!(annotation(&item, "artifacthub.io/category"), "integration-delivery", "{item}");
        assert_eq!(annotation(&item, "artifacthub.io/license"), "Apache-2.0", "{item}");
        let description = item.spec()["description"].as_str().unwrap_or_default();
        assert!(description.len() > 40, "{item}: a description is asked for");
        for param in list(item.spec(), "params") {
            assert!(param["description"].is_string(), "{item}: {} is not described", param["name"]);
        }
    }
}

#[test]
fn every_entry_has_its_api_version() {
    for item in all() {
        let wanted = if item.kind() == "StepAction" { "tekton.dev/v1beta1" } else { "tekton.dev/v1" };
        assert_eq!(item.object["apiVersion"], wanted, "{item}");
    }
}

/// Images that are named, with the defaults of parameters in their place.
fn images(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    match value {
        Value::Array(items) => items.iter().for_each(|item| found.extend(images(item))),
        Value::Object(fields) => {
            if let Some(name) = fields.get("name").and_then(Value::as_str).filter(|n| n.ends_with("-image")) {
                found.extend(fields.get("default").and_then(Value::as_str).map(str::to_owned));
                assert!(!name.is_empty());
            }
            found.extend(fields.get("image").and_then(Value::as_str).filter(|i| !i.contains("$(")).map(str::to_owned));
            fields.values().for_each(|field| found.extend(images(field)));
        }
        _ => {}
    }
    found
}

#[test]
fn images_have_a_tag_that_is_not_latest() {
    let mut ours = 0;
    for item in all() {
        let images = images(&item.object);
        assert!(!images.is_empty(), "{item}: no image is named");
        for image in images {
            let (name, digest) = image.split_once('@').map_or((image.as_str(), ""), |(n, d)| (n, d));
            let tag = name.rsplit('/').next().unwrap().split_once(':').map(|(_, tag)| tag);
            assert!(tag.is_some_and(|t| !t.is_empty() && t != "latest"), "{item}: {image} needs a tag");
            assert!(digest.is_empty() || digest.starts_with("sha256:"), "{item}: {image}");
            if name.contains("/andante:") {
                ours += 1;
                assert_eq!(tag, Some(env!("CARGO_PKG_VERSION")), "{item}: {image}");
            }
        }
    }
    assert!(ours > 10, "{ours}");
}

#[test]
fn no_parameter_is_pasted_into_a_script() {
    for item in all() {
        let mut scripts = vec![];
        find(&item.object, "script", &mut scripts);
        for script in scripts {
            assert!(!script.contains("$(params"), "{item}: {script}");
        }
        // The same for a shell that is called by its name.
        let mut commands = vec![];
        find_lists(&item.object, &["command", "args"], &mut commands);
        for words in commands.iter().filter(|words| words.iter().any(|w| w.starts_with("set -"))) {
            assert!(!words.iter().any(|w| w.starts_with("set -") && w.contains("$(params")), "{item}: {words:?}");
        }
    }
}

fn find<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| find(item, key, found)),
        Value::Object(fields) => {
            found.extend(fields.get(key).and_then(Value::as_str));
            fields.values().for_each(|field| find(field, key, found));
        }
        _ => {}
    }
}

fn find_lists<'a>(value: &'a Value, keys: &[&str], found: &mut Vec<Vec<&'a str>>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| find_lists(item, keys, found)),
        Value::Object(fields) => {
            found.extend(keys.iter().filter_map(|key| fields.get(*key)).map(texts));
            fields.values().for_each(|field| find_lists(field, keys, found));
        }
        _ => {}
    }
}

#[test]
fn every_entry_has_a_readme_and_samples() {
    for item in [tasks(), pipelines()].concat() {
        let folder = item.path.parent().unwrap();
        let readme = read(&folder.join("README.md"));
        assert!(readme.starts_with(&format!("# {}\n", item.name())), "{item}: README.md begins with the name");
        assert!(folder.join("samples").read_dir().is_ok_and(|mut d| d.next().is_some()), "{item}: no samples");
        assert!(folder.join("support/rbac.yaml").exists(), "{item}: no support/rbac.yaml");
    }
    for kind in ["tasks", "stepactions", "pipelines"] {
        assert!(root().join(kind).join("artifacthub-repo.yml").exists(), "{kind}: no artifacthub-repo.yml");
        assert!(root().join(kind).join("README.md").exists(), "{kind}: no README.md");
    }
}
