//! The first contact: what READMEs of the catalog say is typed as it stands there, from an empty namespace. The image of
//! Andante is set in the one place that the README names, and nothing else is changed.

use super::support::*;
use serde_json::json;

const SECTION: &str = "## Install and run";

/// Types the blocks of a README. Each `kubectl apply -k .` begins in a namespace of its own; after each block every run
/// is over and good, and `hello` answers as told (an empty text: there is no Service).
#[track_caller]
fn follow(name: &str, readme: &str, heading: &str, versions: &[&str]) {
    let _logs = undisturbed();
    let blocks = blocks(readme, heading);
    assert_eq!(blocks.len(), versions.len(), "{readme}: {blocks:#?}");
    let places: Vec<Space> = blocks.iter().filter(|block| is_a_beginning(block)).map(|_| Space::new(name)).collect();
    let mut places = places.iter();
    let mut newcomer = None;
    for (block, version) in blocks.iter().zip(versions) {
        if is_a_beginning(block) {
            newcomer = Some(Newcomer::new(places.next().unwrap()).sets_the_image());
        }
        type_it(newcomer.as_ref().expect("the first block installs"), block, version);
    }
}

fn is_a_beginning(block: &str) -> bool {
    block.lines().any(|line| line.starts_with("kubectl apply -k ."))
}

#[track_caller]
fn type_it(newcomer: &Newcomer<'_>, block: &str, version: &str) {
    let space = newcomer.space();
    let runs = || -> Vec<serde_json::Value> {
        let all = ["pipelinerun", "taskrun"].into_iter().flat_map(|kind| space.list(kind, ""));
        all.filter(|run| run["metadata"]["ownerReferences"].is_null()).collect()
    };
    let before = runs().len();
    newcomer.types(block);
    let made = block.matches("kubectl create -f ").count();
    assert!(made > 0, "nothing is run: {block}");
    let all = eventually("every run is over", PIPELINE, || {
        let all = runs();
        all.iter().all(|run| condition(run, "Succeeded").0 != "Unknown").then_some(all)
    });
    assert_eq!(all.len() - before, made, "{block}");
    for run in &all {
        assert_eq!(condition(run, "Succeeded").0, "True", "{}: {:#}", run["metadata"]["name"], run["status"]);
    }
    if !version.is_empty() {
        space.answers("hello", version, 5);
    }
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn the_readme_leads_from_nothing_to_a_rollout() {
    follow("contact", "README.md", "## From Tekton", &["v2"]);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_the_canary_is_tried_and_approved_as_its_readme_says() {
    follow("contact-canary", "pipelines/canary/README.md", SECTION, &["v2", "v3"]);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_commit_is_built_as_the_readme_says() {
    let all = blocks("pipelines/build-it-and-roll-it-out-slowly/README.md", SECTION);
    let [_, here] = &all[..] else { panic!("{all:#?}") };
    let _logs = undisturbed();
    let space = Space::new("contact-build");
    type_it(&Newcomer::new(&space).sets_the_image(), here, "v2");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_folder_is_applied_and_walked_as_the_readme_says() {
    let all = blocks("pipelines/gitops/README.md", SECTION);
    let [_, here] = &all[..] else { panic!("{all:#?}") };
    let _logs = undisturbed();
    let space = Space::new("contact-gitops");
    type_it(&Newcomer::new(&space).sets_the_image(), here, "v2");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_the_other_pipelines_are_tried_as_their_readmes_say() {
    follow("contact-image", "pipelines/roll-out-image/README.md", SECTION, &["v2", "v3"]);
    follow("contact-green", "pipelines/blue-green/README.md", SECTION, &["v2"]);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_tasks_are_tried_as_their_readmes_say() {
    follow("contact-image", "tasks/image-reference/README.md", SECTION, &[""]);
    follow("contact-check", "tasks/check-revision/README.md", SECTION, &["v1"]);
    follow("contact-apply", "tasks/apply-services/README.md", SECTION, &["v1"]);
    follow("contact-goal", "tasks/read-goal/README.md", SECTION, &["v1"]);
    follow("contact-walk", "tasks/walk-traffic/README.md", SECTION, &["v2"]);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_the_other_tasks_are_tried_as_their_readmes_say() {
    follow("contact-stage", "tasks/stage-revision/README.md", SECTION, &["v1", "v1"]);
    follow("contact-settle", "tasks/settle-rollout/README.md", SECTION, &["v1"]);
    follow("contact-roll", "tasks/roll-out/README.md", SECTION, &["v3"]);
}

/// A quota on everything that a container may ask for, and defaults for what asks for nothing: Tekton's own containers,
/// and Knative's.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_namespace_with_a_quota_builds_and_rolls_out() {
    let _logs = undisturbed();
    let space = Space::new("contact-quota");
    space.apply(&json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "all"}, "spec": {"hard": {
        "requests.cpu": "4", "requests.memory": "8Gi", "limits.cpu": "40", "limits.memory": "40Gi"}}}));
    space.apply(&json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"}, "spec": {"limits": [
        {"type": "Container", "default": {"cpu": "1", "memory": "96Mi"},
         "defaultRequest": {"cpu": "10m", "memory": "32Mi"}}]}}));
    let all = blocks("pipelines/build-it-and-roll-it-out-slowly/README.md", SECTION);
    type_it(&Newcomer::new(&space).sets_the_image(), all.last().unwrap(), "v2");
}
