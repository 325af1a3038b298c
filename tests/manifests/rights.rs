//! Roles: no more than what a Task does, and the one in the README is the widest of them.

use super::catalog::{Item, extras, list, pipelines, read, root, tasks};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One right: group, resource, verb.
type Right = (String, String, String);

fn rights(role: &Value) -> BTreeSet<Right> {
    let mut found = BTreeSet::new();
    let words = |rule: &Value, key: &str| -> Vec<String> {
        list(rule, key).iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    };
    for rule in list(role, "rules") {
        for group in words(rule, "apiGroups") {
            for resource in words(rule, "resources") {
                found.extend(words(rule, "verbs").into_iter().map(|v| (group.clone(), resource.clone(), v)));
            }
        }
    }
    found
}

fn role(package: &Item) -> BTreeSet<Right> {
    extras(package, "support").iter().filter(|i| i.kind() == "Role").flat_map(|i| rights(&i.object)).collect()
}

fn readmes() -> BTreeSet<Right> {
    let readme = read(&root().join("README.md"));
    let (_, rest) = readme.split_once("kind: Role\n").expect("the README has a Role");
    let (yaml, _) = rest.split_once("```").expect("it ends");
    rights(&serde_saphyr::from_str(yaml).unwrap())
}

#[test]
fn the_readmes_role_is_what_a_whole_rollout_needs() {
    let roll_out = tasks().into_iter().find(|t| t.name() == "roll-out").unwrap();
    assert_eq!(role(&roll_out), readmes());
}

#[test]
fn no_role_is_wider_than_its_task() {
    let whole = readmes();
    for package in tasks().iter().chain(&pipelines()) {
        let role = role(package);
        assert!(!role.is_empty(), "{package}: no Role");
        // Where images go by default, whether a namespace is suspended, and which Services there are, is asked by those Tasks
        // alone.
        let asked = |r: &Right| {
            ["configmaps", "namespaces"].contains(&r.1.as_str()) && r.2 == "get" || r.1 == "services" && r.2 == "list"
        };
        assert!(role.iter().all(|r| whole.contains(r) || asked(r)), "{package}: {role:?}");
        let forbidden = ["*", "delete", "escalate", "bind", "impersonate", "update"];
        assert!(!role.iter().any(|(_, resource, verb)| forbidden.contains(&verb.as_str()) || resource == "secrets"));
    }
    let writes = |name: &str| {
        let task = tasks().into_iter().find(|t| t.name() == name).unwrap();
        let writes = role(&task).into_iter().filter(|r| ["patch", "create"].contains(&r.2.as_str()));
        writes.map(|r| format!("{} {}", r.2, r.1)).collect::<Vec<_>>()
    };
    for asks in ["check-revision", "read-goal"] {
        assert_eq!(writes(asks), [""; 0], "{asks} writes nothing");
    }
    for walks in ["settle-rollout", "walk-traffic"] {
        assert_eq!(writes(walks), ["create events", "patch revisions", "patch services"]);
    }
    assert_eq!(writes("apply-services"), ["create services", "patch services"]);
    assert_eq!(writes("stage-revision"), ["create events", "patch revisions", "create services", "patch services"]);
}

#[test]
fn every_role_is_bound_to_an_account_of_its_own() {
    for package in tasks().iter().chain(&pipelines()) {
        let support = extras(package, "support");
        let kinds: Vec<&str> = support.iter().map(Item::kind).collect();
        for kind in ["ServiceAccount", "Role", "RoleBinding"] {
            assert!(kinds.contains(&kind), "{package}: support has no {kind}");
        }
        assert!(!kinds.iter().any(|k| k.starts_with("Cluster")), "{package}: nothing needs the whole cluster");
        for binding in support.iter().filter(|i| i.kind() == "RoleBinding") {
            let subject = binding.object["subjects"][0]["name"].as_str().unwrap();
            assert_ne!(subject, "default", "{package}");
            assert!(
                support.iter().any(|i| i.kind() == "ServiceAccount" && i.name() == subject),
                "{package}: {subject}"
            );
        }
    }
}

#[test]
fn packages_that_are_installed_together_add_up() {
    let mut known = BTreeMap::new();
    for package in tasks().iter().chain(&pipelines()) {
        for item in extras(package, "support") {
            let before = known.insert((item.kind().to_owned(), item.name().to_owned()), item.object.clone());
            let same = before.as_ref().is_none_or(|before| *before == item.object);
            assert!(same, "{package}: another package's {} {} is overwritten", item.kind(), item.name());
        }
    }
}

#[test]
fn of_configmaps_the_defaults_alone_are_read() {
    let mut seen = 0;
    for package in tasks().iter().chain(&pipelines()) {
        for role in extras(package, "support").iter().filter(|i| i.kind() == "Role") {
            for rule in list(&role.object, "rules").iter().filter(|r| r["resources"][0] == "configmaps") {
                assert_eq!(rule["resourceNames"], serde_json::json!(["andante-defaults"]), "{package}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 2);
}
