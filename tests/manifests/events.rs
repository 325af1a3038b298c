//! `config/binding-eventing` and `config/push.yaml`: what events come to is what the program takes, with the least that it needs.

use super::catalog::{Item, list, objects, read, root};
use andante::cli::{Cli, Command};
use andante::model::observed::{GOAL_STATUS, PIPELINE};
use andante::model::writers::{APPLY_MANAGER, DECLARE_MANAGER, FIELD_MANAGER};
use clap::Parser;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const EVENTING: [&str; 3] = ["source.yaml", "listener.yaml", "catch-up.yaml"];

fn eventing() -> Vec<Item> {
    EVENTING.iter().flat_map(|name| objects(&root().join("config/binding-eventing").join(name))).collect()
}

fn push() -> Vec<Item> {
    objects(&root().join("config/push.yaml"))
}

fn of_kind<'a>(items: &'a [Item], kind: &str, name: &str) -> &'a Item {
    let found = items.iter().find(|item| item.kind() == kind && item.name() == name);
    found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

/// The one run that a template makes.
fn made(items: &[Item], name: &str) -> Value {
    let template = of_kind(items, "TriggerTemplate", name);
    let made = list(template.spec(), "resourcetemplates");
    assert_eq!(made.len(), 1);
    let text = made[0].to_string();
    let text = text.replace("$(tt.params.service)", "hello").replace("$(tt.params.namespace)", "shop");
    let text = text.replace("$(tt.params.commit)", "3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d");
    assert!(!text.contains("$("), "{text}");
    serde_json::from_str(&text).unwrap()
}

fn typed(container: &Value) -> Command {
    let words = ["command", "args"].map(|key| list(container, key).to_vec()).concat();
    let words: Vec<&str> = words.iter().map(|word| word.as_str().unwrap()).collect();
    Cli::try_parse_from(words).unwrap().command
}

/// As the namespace's Pod Security `restricted` demands, and the image of the catalog.
fn is_restricted(container: &Value) {
    let security = &container["securityContext"];
    let wanted = json!({"runAsNonRoot": true, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}});
    assert_eq!(*security, wanted);
    let image = container["image"].as_str().unwrap();
    assert!(read(&root().join("kustomization.yaml")).contains(&format!("- andante-image={image}\n")), "{image}");
}

#[test]
fn an_event_comes_to_a_look_at_its_service() {
    let items = eventing();
    let run = made(&items, "andante-start");
    let step = &run["spec"]["taskSpec"]["steps"][0];
    is_restricted(step);
    let Command::Start(args) = typed(step) else { panic!("it starts") };
    let named = (args.service.as_ref().unwrap().as_str(), args.namespace.as_ref().unwrap().as_str());
    assert_eq!((named, args.all, args.follow), (("hello", "shop"), false, false));
    // Whoever could name a Service could else name a flag.
    let words = list(step, "args");
    assert_eq!(words[words.len() - 2], "--");
    // The account is the one that the Deployment has.
    let accounts = objects(&root().join("config/binding/rbac.yaml"));
    let account = of_kind(&accounts, "ServiceAccount", "andante-start");
    for name in [&run["spec"]["serviceAccountName"], &catch_up(&items)["serviceAccountName"]] {
        assert_eq!(name, account.name());
    }
    let source = of_kind(&items, "ApiServerSource", "andante-services").spec();
    assert_eq!(source["mode"], "Resource", "the filter reads the whole object");
    let listener = of_kind(&items, "EventListener", "andante-start");
    let at = format!(
        "http://el-{}.{}.svc.cluster.local:8080",
        listener.name(),
        listener.object["metadata"]["namespace"].as_str().unwrap()
    );
    assert_eq!(source["sink"]["uri"], at.as_str());
    let Command::Start(args) = typed(&list(&catch_up(&items), "containers")[0]) else { panic!("it starts") };
    assert!(args.all && !args.follow && args.namespace.is_none());
    is_restricted(&list(&catch_up(&items), "containers")[0]);
}

fn catch_up(items: &[Item]) -> Value {
    of_kind(items, "CronJob", "andante-catch-up").spec()["jobTemplate"]["spec"]["template"]["spec"].clone()
}

#[test]
fn what_a_rollout_writes_is_told_from_a_wish_by_its_field_manager() {
    let items = eventing();
    let interceptors =
        list(&list(of_kind(&items, "EventListener", "andante-start").spec(), "triggers")[0], "interceptors");
    let filter = interceptors[0]["params"][0]["value"].as_str().unwrap();
    for said in [format!("'{PIPELINE}' in"), format!("'{GOAL_STATUS}' in"), format!("manager != '{FIELD_MANAGER}'")] {
        assert!(filter.contains(&said), "{said}: {filter}");
    }
    // Files that are applied, and commits that are declared, are wishes.
    for wish in [APPLY_MANAGER, DECLARE_MANAGER] {
        assert!(wish != FIELD_MANAGER && !filter.contains(wish), "{wish}: {filter}");
    }
}

#[test]
fn a_push_comes_to_a_declared_commit() {
    let items = push();
    let run = made(&items, "andante-push");
    let step = &run["spec"]["taskSpec"]["steps"][0];
    is_restricted(step);
    let Command::Declare(args) = typed(step) else { panic!("it declares") };
    assert_eq!(args.cluster.service.as_str(), "hello");
    assert_eq!(args.declaration.source_revision.as_deref(), Some("3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d"));
    assert!(!args.dry_run && args.declaration.pipeline.is_none() && args.declaration.source.is_none());
    assert_eq!(run["spec"]["serviceAccountName"], of_kind(&items, "ServiceAccount", "andante-declare").name());
    // Nobody's word is taken unsigned.
    let interceptors =
        list(&list(of_kind(&items, "EventListener", "andante-push").spec(), "triggers")[0], "interceptors");
    let params = list(&interceptors[0], "params");
    assert!(interceptors[0]["ref"]["name"] == "github" && params.iter().any(|param| param["name"] == "secretRef"));
    // Whoever declares may change that one Service, and declare.
    let rules = &of_kind(&items, "Role", "andante-declare").object["rules"];
    assert_eq!(
        *rules,
        json!([
            {"apiGroups": ["serving.knative.dev"], "resources": ["services"], "resourceNames": ["hello"], "verbs": ["get", "patch"]},
            {"apiGroups": ["andante.dev"], "resources": ["declarations"], "verbs": ["create"]}
        ])
    );
}

#[test]
fn whoever_listens_makes_task_runs_and_reads_no_secret() {
    for (items, role) in [(eventing(), "andante-listener"), (push(), "andante-push")] {
        let rules =
            ["Role", "ClusterRole"].map(|kind| list(&of_kind(&items, kind, role).object, "rules").to_vec()).concat();
        let mut writes = BTreeSet::new();
        for rule in &rules {
            let verbs: BTreeSet<&str> = list(rule, "verbs").iter().filter_map(Value::as_str).collect();
            if verbs != BTreeSet::from(["get", "list", "watch"]) {
                writes.insert(format!("{} {verbs:?}", rule["resources"]));
            }
            assert!(!rule["resources"].to_string().contains("secrets"), "{rule}");
        }
        assert_eq!(writes, BTreeSet::from([r#"["taskruns"] {"create"}"#.to_owned()]));
        // Every account that is named is there.
        for binding in items.iter().filter(|item| item.kind().ends_with("RoleBinding")) {
            let subject = binding.object["subjects"][0]["name"].as_str().unwrap();
            of_kind(&items, "ServiceAccount", subject);
            let role = &binding.object["roleRef"];
            of_kind(&items, role["kind"].as_str().unwrap(), role["name"].as_str().unwrap());
        }
    }
}

#[test]
fn the_kustomization_takes_the_deployment_away_and_holds_the_rest() {
    let text = read(&root().join("config/binding-eventing/kustomization.yaml"));
    let kustomization: Value = serde_saphyr::from_str(&text).unwrap();
    let resources: Vec<&str> = list(&kustomization, "resources").iter().map(|r| r.as_str().unwrap()).collect();
    assert_eq!(resources, [&["../binding"][..], &EVENTING[..]].concat());
    let patch: Value = serde_saphyr::from_str(list(&kustomization, "patches")[0]["patch"].as_str().unwrap()).unwrap();
    let base = objects(&root().join("config/binding/deployment.yaml"));
    let gone = of_kind(&base, "Deployment", patch["metadata"]["name"].as_str().unwrap());
    assert_eq!(patch["$patch"], "delete");
    assert_eq!(patch["metadata"]["namespace"], gone.object["metadata"]["namespace"]);
}
