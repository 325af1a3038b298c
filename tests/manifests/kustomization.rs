//! The whole catalog by one command, `kubectl apply -k .`, and the one place that says which images it runs.

use super::catalog::{Item, extras, list, names, pipelines, read, root, step_actions, tasks};
use super::generated::agrees;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

/// Parameters whose defaults are images, in the order in which the kustomization names them.
const IMAGES: [&str; 3] = ["andante-image", "git-image", "builder-image"];

fn all() -> Vec<Item> {
    [pipelines(), step_actions(), tasks()].concat()
}

/// The default of an image's parameter, the same wherever there is one.
fn default_of(name: &str) -> String {
    let found: BTreeSet<String> = all()
        .iter()
        .flat_map(|item| list(item.spec(), "params").to_vec())
        .filter(|param| param["name"] == name)
        .map(|param| param["default"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found.into_iter().next().unwrap()
}

fn kustomization() -> String {
    let mut text = String::from(
        "# The whole catalog, its accounts and its Roles, into the namespace of your context: `kubectl apply -k .`\n\
         # Each image stands here once; what is set here is the default of every Task, StepAction and Pipeline that runs it.\n\
         # But for these images it is made by `ANDANTE_BLESS=1 cargo test --test manifests`.\n\
         apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
         configMapGenerator:\n  - name: andante-images\n    literals:\n",
    );
    for name in IMAGES {
        writeln!(text, "      - {name}={}", default_of(name)).unwrap();
    }
    // A ConfigMap of this kind is read by what follows, and reaches no cluster.
    text.push_str(
        "    options:\n      disableNameSuffixHash: true\n      annotations:\n        config.kubernetes.io/local-config: \"true\"\n\
         resources:\n  - config/catalog-rbac.yaml\n",
    );
    for item in all() {
        writeln!(text, "  - {item}").unwrap();
    }
    text.push_str("replacements:\n");
    for name in IMAGES {
        write!(text, "  - source: {{kind: ConfigMap, name: andante-images, fieldPath: data.{name}}}\n    targets:\n")
            .unwrap();
        let users: BTreeSet<String> = all()
            .iter()
            .filter(|item| names(item.spec(), "params").contains(name))
            .map(|item| item.kind().to_owned())
            .collect();
        for kind in users {
            write!(
                text,
                "      - select: {{kind: {kind}}}\n        fieldPaths: [\"spec.params.[name={name}].default\"]\n"
            )
            .unwrap();
            let others = all().into_iter().filter(|i| i.kind() == kind && !names(i.spec(), "params").contains(name));
            let others: Vec<String> = others.map(|item| format!("{{name: {}}}", item.name())).collect();
            if !others.is_empty() {
                writeln!(text, "        reject: [{}]", others.join(", ")).unwrap();
            }
        }
    }
    text
}

/// The accounts, Roles and bindings of every package, each once.
fn rights() -> String {
    let mut text = String::from(
        "# What the support/rbac.yaml of all packages have, each object once, for `kubectl apply -k .`; made from them by\n\
         # `ANDANTE_BLESS=1 cargo test --test manifests`.\n",
    );
    let mut seen = BTreeSet::new();
    for package in tasks().iter().chain(&pipelines()) {
        for item in extras(package, "support") {
            if seen.insert((item.kind().to_owned(), item.name().to_owned())) {
                let lines = item.text.trim_end().lines().skip_while(|line| line.starts_with('#'));
                if seen.len() > 1 {
                    text.push_str("---\n");
                }
                lines.for_each(|line| writeln!(text, "{line}").unwrap());
            }
        }
    }
    text
}

#[test]
fn one_kustomization_has_the_whole_catalog() {
    agrees(&root().join("kustomization.yaml"), &kustomization());
    agrees(&root().join("config/catalog-rbac.yaml"), &rights());
}

/// Every file below these folders.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut open = vec![root().join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn nothing_that_is_run_names_our_image_by_itself() {
    // A sample that does would run another image than the one that was set.
    let image = default_of("andante-image");
    for folder in ["tasks", "stepactions", "pipelines", "samples"] {
        for path in files(folder).into_iter().filter(|path| path.extension().is_some_and(|e| e == "yaml")) {
            let text = read(&path);
            let defaults = text.matches(&format!("default: {image}\n")).count();
            assert_eq!(text.matches(&image).count(), defaults, "{}", path.display());
            let sample = path.parent().unwrap().ends_with("samples");
            assert!(!sample || !text.contains("andante-image"), "{}", path.display());
        }
    }
}
