//! Care at admission: what several policies say of the same write is said in the same words, and the variant that warns
//! differs in one word. What they do is tried on the real API server.

use super::catalog::{Item, list, objects, read, root};
use andante::model::api_error::MAY_NOT_DECLARE;
use andante::model::writers::FIELD_MANAGER;
use andante::rollout::declaration::image::PLACEHOLDER;
use andante::rollout::declaration::part::{DeclaredPart, NOTES};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn all() -> Vec<Item> {
    let folder = root().join("config/care");
    let files: Value = objects(&folder.join("kustomization.yaml")).remove(0).object;
    list(&files, "resources").iter().flat_map(|file| objects(&folder.join(file.as_str().unwrap()))).collect()
}

fn policies() -> Vec<Item> {
    all().into_iter().filter(|item| item.kind().ends_with("AdmissionPolicy")).collect()
}

/// Named expressions of a policy: its variables, or its conditions.
fn named(policy: &Item, key: &str) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    let all = list(policy.spec(), key).iter();
    all.map(|one| (text(&one["name"]), text(&one["expression"]))).collect()
}

#[test]
fn every_policy_is_bound_and_fails_in_care_alone() {
    let policies = policies();
    assert_eq!(policies.len(), 3);
    for policy in &policies {
        assert_eq!(policy.spec()["failurePolicy"], "Fail", "{policy}");
        assert_eq!(policy.object["apiVersion"], "admissionregistration.k8s.io/v1", "{policy}");
        let conditions = named(policy, "matchConditions");
        // As the program asks it (`rollout::declaration::charge::in_care`): nobody is in charge, or somebody outside.
        let in_charge = "o.metadata.?annotations[?'andante.dev/pipeline'].orValue('ExternalOperation').trim()";
        let asks = format!("{in_charge} != 'ExternalOperation')");
        assert!(conditions["in-care"].ends_with(&asks), "{policy}");
        let rules = list(&policy.spec()["matchConstraints"], "resourceRules");
        assert_eq!((rules.len(), &rules[0]["resources"]), (1, &json!(["services"])), "{policy}");
        let kind = format!("{}Binding", policy.kind());
        let bound = all().iter().any(|item| item.kind() == kind && item.spec()["policyName"] == policy.name());
        assert!(bound, "{policy} is bound by nothing");
    }
}

#[test]
fn what_policies_share_they_say_alike() {
    let policies = policies();
    let mut said: BTreeMap<String, (String, String)> = BTreeMap::new();
    for policy in &policies {
        let mutates = policy.kind().starts_with("Mutating");
        let create = policy.spec()["matchConstraints"]["resourceRules"][0]["operations"][0] == "CREATE";
        for key in ["variables", "matchConditions"] {
            for (name, text) in named(policy, key) {
                // There is no old object at a CREATE; and what the mutating policy reads is not yet filled in, its glass not marked.
                let differs = (create && ["before", "in-care"].contains(&name.as_str()))
                    || (mutates && ["asked", "glass"].contains(&name.as_str()))
                    || name == "leavesNothing";
                if differs {
                    continue;
                }
                let (before, by) = said.entry(name.clone()).or_insert((text.clone(), policy.to_string()));
                assert_eq!((&*before, &name), (&text, &name), "{policy} and {by}");
            }
        }
    }
    for shared in [
        "byUs",
        "declaring",
        "foreign",
        "epoch",
        "lastEpoch",
        "ours",
        "latest",
        "pinnable",
        "stoodFollows",
        "glass",
        "not-deleting",
        "has-users",
    ] {
        assert!(said.contains_key(shared), "nobody says {shared}");
    }
}

#[test]
fn what_declares_is_what_the_docs_say() {
    let names: Vec<String> = DeclaredPart::guarded().map(|name| format!("'{name}'")).collect();
    let said: Vec<String> =
        policies().iter().filter_map(|policy| named(policy, "variables").remove("declaring")).collect();
    assert_eq!(said, vec![format!("[{}]", names.join(", ")); 2]);
    let docs = read(&root().join("docs/care.md"));
    for name in DeclaredPart::guarded() {
        let short = name.trim_start_matches("andante.dev/");
        assert!(docs.contains(&format!("`{short}`")) || docs.contains(&format!("`{name}`")), "docs/care.md: {name}");
    }
}

#[test]
fn what_is_put_back_is_what_the_program_notes() {
    let names: Vec<String> = NOTES.iter().map(|name| format!("'{name}'")).collect();
    let begins = format!("[{}] .filter(k, k in variables.before)", names.join(", "));
    let said: Vec<String> = policies().iter().filter_map(|policy| named(policy, "variables").remove("ours")).collect();
    assert_eq!(said, vec![begins; 2]);
}

#[test]
fn every_policy_knows_our_own_program_by_the_name_that_it_writes_under() {
    for policy in policies() {
        let variables = named(&policy, "variables");
        let ours = format!("request.options.?fieldManager.orValue('') == '{FIELD_MANAGER}'");
        assert_eq!(variables["byUs"], ours, "{policy}");
        assert!(variables["foreign"].starts_with("!variables.byUs ||"), "{policy}");
    }
}

/// The program ends such a refusal as a missing right, and not as bad input.
#[test]
fn who_may_not_declare_is_told_so_in_the_words_that_the_program_knows() {
    let refuses = policies().into_iter().filter(|policy| !policy.kind().starts_with("Mutating"));
    let asks =
        |rule: &&Value| rule["expression"].as_str().is_some_and(|text| text.contains("resource('declarations')"));
    let rules: Vec<Value> = refuses
        .flat_map(|policy| list(policy.spec(), "validations").iter().filter(asks).cloned().collect::<Vec<_>>())
        .collect();
    assert_eq!(rules.len(), 1);
    let said = rules[0]["messageExpression"].as_str().unwrap();
    assert!(said.contains(MAY_NOT_DECLARE), "{said}");
}

#[test]
fn what_stands_for_an_image_is_what_the_program_takes_for_it() {
    let keep = policies().into_iter().find(|policy| policy.kind().starts_with("Mutating")).unwrap();
    let asks = named(&keep, "variables").remove("standsFor").unwrap();
    let pattern = format!("matches('^(?i:{})([:/]|$)')", PLACEHOLDER.replace('.', "[.]"));
    assert_eq!(asks.matches(&pattern).count(), 2, "{asks}");
    assert!(asks.contains(&format!("'{}' in variables.after", DeclaredPart::Source.annotation())), "{asks}");
}

#[test]
fn the_right_to_declare_is_the_only_one_that_is_given() {
    let roles: Vec<Item> = all().into_iter().filter(|item| item.kind().ends_with("Role")).collect();
    assert_eq!(roles.len(), 1);
    let rule = json!([{"apiGroups": ["andante.dev"], "resources": ["declarations"], "verbs": ["create"]}]);
    assert_eq!((roles[0].name(), &roles[0].object["rules"]), ("andante-declare", &rule));
}

#[test]
fn the_variant_that_warns_changes_one_binding() {
    let overlay = objects(&root().join("config/care-warn/kustomization.yaml")).remove(0).object;
    assert_eq!(overlay["resources"], json!(["../care"]));
    let patches = list(&overlay, "patches");
    let target = &patches[0]["target"];
    assert_eq!(patches.len(), 1);
    let found = all().into_iter().find(|item| item.kind() == target["kind"] && item.name() == target["name"]).unwrap();
    assert_eq!(found.spec()["validationActions"], json!(["Deny"]));
}
