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
    // Its port is the one that is asked.
    let port =
        list(container, "ports").iter().find(|port| port["name"] == "metrics").unwrap()["containerPort"].as_u64();
    assert_eq!(args.metrics.map(|at| (at.ip().is_unspecified(), Some(u64::from(at.port())))), Some((true, port)));
    assert_eq!(container["livenessProbe"]["httpGet"], serde_json::json!({"path": "/healthz", "port": "metrics"}));
    // The namespace that it reads its table from is the one that the table is in.
    let table = of_kind("andante-runs.yaml", "ConfigMap");
    assert_eq!(table.object["metadata"]["namespace"], args.system_namespace.as_str());
    let limits = &container["resources"];
    assert_eq!((&limits["limits"]["memory"], &limits["requests"]["memory"]), (&"16Mi".into(), &"16Mi".into()));
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
    need("serving.knative.dev", "revisions", &["list"]);
    need("", "namespaces", &["get", "list", "watch"]);
    need("events.k8s.io", "events", &["create"]);
    need("", "configmaps", &["get"]);
    let table = RunTable::shipped();
    for kind in table.run_kinds().into_iter().map(|of| of.kind) {
        need(kind.group(), &kind.resource, &["get", "list", "watch", "create", "delete"]);
        if kind.group() == "tekton.dev" {
            // Runs of older goals are cancelled.
            need(kind.group(), &kind.resource, &["patch"]);
        }
    }
    for named in table.named_kinds() {
        need(named.group(), &named.resource, &["get"]);
    }
    assert_eq!(has, needs);
    // Nothing but runs is deleted, and who wants no run deleted leaves those rules out.
    let deletes = list(&role.object, "rules").iter().filter(|rule| words(rule, "verbs").contains(&"delete".to_owned()));
    assert!(deletes.clone().count() == 2 && deletes.clone().all(|rule| words(rule, "verbs") == ["delete"]));
}

#[test]
fn every_figure_that_an_alert_asks_for_is_one_that_there_is() {
    let rules = of_kind("alerts.yaml", "PrometheusRule");
    let known: BTreeSet<String> = andante::view::figures::names().collect();
    for rule in list(rules.spec(), "groups").iter().flat_map(|group| list(group, "rules")) {
        let asked = rule["expr"].as_str().unwrap();
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        let named = asked.split(|c: char| !is_name(c)).filter(|word| word.starts_with("andante"));
        let named: Vec<&str> = named.collect();
        assert!(!named.is_empty() && named.iter().all(|name| known.contains(*name)), "{asked}: {named:?}");
        assert!(["summary", "description"].iter().all(|text| rule["annotations"][text].is_string()), "{asked}");
    }
    let monitor = of_kind("alerts.yaml", "PodMonitor");
    let pod = &of_kind("deployment.yaml", "Deployment").object["spec"]["template"];
    assert_eq!(monitor.spec()["selector"]["matchLabels"], pod["metadata"]["labels"]);
    let container = &list(&pod["spec"], "containers")[0];
    assert_eq!(list(monitor.spec(), "podMetricsEndpoints")[0]["port"], list(container, "ports")[0]["name"]);
    let namespace = of_kind("namespace.yaml", "Namespace").name().to_owned();
    assert!(file("alerts.yaml").iter().all(|item| item.object["metadata"]["namespace"] == namespace.as_str()));
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
