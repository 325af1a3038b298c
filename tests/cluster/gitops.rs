//! A repository of Services that is pushed to: the Pipeline `gitops` as it is shipped, on the real Tekton.

use super::support::*;
use std::time::Duration;

/// The repository as it stands now: each Service at a version of the sample.
#[track_caller]
fn push(repository: &Repository, services: &[(&str, &str)]) -> String {
    let file = |(name, version): &(&str, &str)| {
        let service = sample(name, version).annotation("andante.dev/pipeline", "ExternalOperation");
        (format!("services/{name}.json"), service.object.to_string())
    };
    let files: Vec<(String, String)> = services.iter().map(file).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    repository.commit_files(&files)
}

/// A run for what is pushed, in two short steps each.
fn gitops(repository: &Repository) -> Wish {
    let [git, _] = tools();
    let params = [
        ("git-url", repository.url.as_str()),
        ("directory", "services"),
        ("set", "shop"),
        ("steps", "50,100"),
        ("dwell", "1s"),
        ("bake", "1s"),
        ("probe", "/"),
        (git.0, git.1.as_str()),
    ];
    let account = serde_json::json!([{"pipelineTaskName": "apply", "serviceAccountName": "andante-apply"}]);
    pipeline("gitops", &params).with("/taskRunSpecs", account)
}

/// The number of its TaskRuns.
fn tasks(over: &Over) -> usize {
    over.object["status"]["childReferences"].as_array().unwrap().len()
}

/// What settling said of all.
#[track_caller]
fn message(over: &Over) -> String {
    over.result("message").unwrap_or_else(|| panic!("no message: {}", over.object["status"]))
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_push_is_applied_and_what_changed_is_walked_and_settled() {
    let space = Space::new("gitops");
    install(&space, "pipelines/gitops");
    let repository = Repository::new(&space);

    // Four Services that were never there.
    push(&repository, &[("four", "v1"), ("one", "v1"), ("three", "v1"), ("two", "v1")]);
    let first = gitops(&repository).start(&space, "first").over().good();
    assert_eq!(tasks(&first), 6, "fetch and apply, each Service, settle");
    for name in ["one", "two", "three", "four"] {
        space.answers(name, "v1", 3);
    }

    // Two good releases and a bad one; the fourth Service is as it was.
    let kept = space.generation("three");
    let pushed = push(&repository, &[("four", "crash"), ("one", "v2"), ("two", "v2")]);
    let load = Load::start(&space, &["four", "three"], 10, Duration::from_secs(150));
    let run = gitops(&repository).start(&space, "second");
    let over = run.over().bad().says(&format!("fetched {pushed}")).gives("outcome", "never-ready");
    let hits = load.stop();
    assert!(hits.iter().all(Hit::is_good), "{}", summary(&hits));
    assert_eq!(tasks(&over), 5, "fetch and apply, three walks, settle");
    let said = message(&over);
    assert!(said.starts_with("four: "), "the worst first: {said}");
    for good in ["one: finished: one-00002", "two: finished: two-00002"] {
        assert!(said.contains(good), "{said}");
    }
    assert!(!said.contains("three: "), "{said}");
    for (name, version) in [("one", "v2"), ("two", "v2"), ("three", "v1"), ("four", "v1")] {
        space.answers(name, version, 5);
    }
    assert_eq!(
        (space.generation("three"), space.list("revision", "serving.knative.dev/service=three").len()),
        (kept, 1)
    );
    assert!(space.split("four").starts_with("four-00001 100"), "{}", space.split("four"));
    assert_eq!(space.record("four")["phase"], "rolled-back");
    let changed = over.object["status"]["results"].as_array().unwrap();
    let changed = &changed.iter().find(|result| result["name"] == "changed").unwrap()["value"];
    assert_eq!(changed, &serde_json::json!(["four", "one", "two"]));

    // The same again: nothing is walked, the bad one neither, and there is nothing to settle.
    let same = gitops(&repository).start(&space, "same").over().good().gives("outcome", "unchanged");
    assert_eq!(tasks(&same), 2, "nothing is to be walked");

    // A run that is cancelled in its walks: everybody is back, and `finally` says why, of each for itself.
    push(&repository, &[("one", "v3"), ("two", "v3")]);
    let run = gitops(&repository).param("dwell", "10m").start(&space, "cancelled");
    for (name, split) in [("one", "one-00003 50"), ("two", "two-00003 50")] {
        run.serves(name, split);
    }
    run.end("CancelledRunFinally");
    let over = run.over().bad().gives("outcome", "cancelled");
    let said = message(&over);
    assert!(said.contains("one: ") && said.contains("two: ") && !said.contains("four: "), "{said}");
    for name in ["one", "two"] {
        assert_eq!(space.record(name)["phase"], "rolled-back", "finally closes what was interrupted");
        assert!(space.split(name).starts_with(&format!("{name}-00002 100")), "{}", space.split(name));
        space.answers(name, "v2", 5);
    }

    // A folder with one bad file: nothing is written, nothing is walked, and the run says which.
    let before = space.generation("one");
    repository.commit_files(&[("services/bad.json", "{\"kind\": \"Service\", \"apiVersion\": \"serving.knative.dev/v1\", \"metadata\": {\"name\": \"bad\"}, \"spec\": {\"tmplate\": {}}}")]);
    let over = gitops(&repository).start(&space, "bad").over().bad().gives("outcome", "bad-input");
    assert!(over.result("apply").unwrap().contains("nothing was written"), "{:?}", over.result("apply"));
    assert_eq!((tasks(&over), space.generation("one")), (2, before));
}
