//! `config/binding`: who follows all Services, with the least that it needs.

use super::catalog::{Item, list, objects, root};
use andante::cli::{Cli, Command};
use andante::rollout::start::table::RunTable;
use clap::Parser;
use serde_json::Value;
use std::collections::BTreeSet;

fn file(name: &str) -> Vec<Item> {
    objects(&root().join("config/binding").join(name))
}

fn of_kind(name: &str, kind: &str) -> Item {
    file(name).into_iter().find(|item| item.kind() == kind).unwrap_or_else(|| panic!("{name} has no {kind}"))
}

fn words(value: &Value, key: &str) -> Vec<String> {
    list(value, key).iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_deployed_is_what_the_program_takes() {
    let deployment = of_kind("deployment.yaml", "Deployment");
    let pod = &deployment.spec()["template"]["spec"];
    let container = &list(pod, "containers")[0];
    assert_eq!(words(container, "command"), ["andante"]);
    let arguments = [vec!["andante".to_owned()], words(container, "args")].concat();
    let Command::Start(args) = Cli::try_parse_from(arguments).unwrap().command else { panic!("it starts") };
    assert!(args.all && args.follow && args.namespace.is_none() && !args.dry_run);
    // The namespace that it reads its table from is the one that the table is in.
    let table = of_kind("andante-runs.yaml", "ConfigMap");
    assert_eq!(table.object["metadata"]["namespace"], args.system_namespace.as_str());
    let limits = &container["resources"];
    assert_eq!((&limits["limits"]["memory"], &limits["requests"]["memory"]), (&"32Mi".into(), &"16Mi".into()));
    let security = &container["securityContext"];
    for (field, wanted) in
        [("runAsNonRoot", true), ("allowPrivilegeEscalation", false), ("readOnlyRootFilesystem", true)]
    {
        assert_eq!(security[field], wanted, "{field}");
    }
    assert_eq!(security["capabilities"]["drop"], serde_json::json!(["ALL"]));
    assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
    let account = of_kind("rbac.yaml", "ServiceAccount");
    assert_eq!(pod["serviceAccountName"], account.name());
    assert_eq!(of_kind("namespace.yaml", "Namespace").name(), args.system_namespace.as_str());
}

#[test]
fn its_rights_are_those_that_the_shipped_rows_need() {
    let role = of_kind("rbac.yaml", "ClusterRole");
    let mut has = BTreeSet::new();
    for rule in list(&role.object, "rules") {
        if rule["resources"][0] == "configmaps" {
            assert_eq!(rule["resourceNames"], serde_json::json!(["andante-runs"]), "of ConfigMaps the table alone");
        }
        for group in words(rule, "apiGroups") {
            for resource in words(rule, "resources") {
                has.extend(words(rule, "verbs").into_iter().map(|verb| (group.clone(), resource.clone(), verb)));
            }
        }
    }
    let mut needs = BTreeSet::new();
    let mut need = |group: &str, resource: &str, verbs: &[&str]| {
        needs.extend(verbs.iter().map(|verb| (group.to_owned(), resource.to_owned(), (*verb).to_owned())));
    };
    need("serving.knative.dev", "services", &["get", "list", "watch", "patch"]);
    need("", "namespaces", &["get"]);
    need("", "configmaps", &["get"]);
    let table = RunTable::shipped();
    for kind in table.run_kinds().into_iter().map(|of| of.kind) {
        need(kind.group(), &kind.resource, &["get", "list", "watch", "create"]);
        if kind.group() == "tekton.dev" {
            // Runs of older goals are cancelled.
            need(kind.group(), &kind.resource, &["patch"]);
        }
    }
    for named in table.named_kinds() {
        need(named.group(), &named.resource, &["get"]);
    }
    assert_eq!(has, needs);
}

#[test]
fn the_kustomization_holds_all_of_it() {
    let text = super::catalog::read(&root().join("config/binding/kustomization.yaml"));
    let kustomization: Value = serde_saphyr::from_str(&text).unwrap();
    let resources = words(&kustomization, "resources");
    assert_eq!(resources, ["namespace.yaml", "rbac.yaml", "andante-runs.yaml", "deployment.yaml"]);
    // The image is the one that the catalog runs.
    let image = of_kind("deployment.yaml", "Deployment").spec()["template"]["spec"]["containers"][0]["image"].clone();
    let whole = super::catalog::read(&root().join("kustomization.yaml"));
    assert!(whole.contains(&format!("- andante-image={}\n", image.as_str().unwrap())), "{image}");
}
