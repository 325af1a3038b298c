//! From the cluster to Git and back: what `export` writes makes no revision and moves nobody when it is applied, and an
//! export of that is the same bytes.

use super::rights::account;
use super::support::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const CORPUS: &str = include_str!("export/corpus.yaml");

/// A namespace in which no pod finds a node, so that a corpus of Services costs no pods. The account is the corpus's own.
fn without_room(name: &str) -> Space {
    let space = Space::new(name);
    let huge = json!({"cpu": "500"});
    space.apply(&json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "no-room"},
        "spec": {"limits": [{"type": "Container", "defaultRequest": huge, "default": huge}]}}));
    space.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}));
    space
}

/// What an apply must leave as it is.
#[derive(Debug, Clone, PartialEq)]
struct Standing {
    uid: Value,
    generation: Value,
    spec: Value,
    served: Value,
    record: Value,
    revisions: BTreeSet<String>,
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap().to_owned()
}

/// Every Service of the namespace, once Knative has taken up what was written.
#[track_caller]
fn standing(space: &Space) -> BTreeMap<String, Standing> {
    let services = eventually("Knative has taken up every Service", LONG, || {
        let services = space.list("ksvc", "");
        let seen = |s: &Value| s["status"]["observedGeneration"] == s["metadata"]["generation"];
        let made = |s: &Value| s["status"]["latestCreatedRevisionName"].is_string();
        services.iter().all(|s| seen(s) && made(s)).then_some(services)
    });
    let revisions = space.list("revision", "");
    services
        .iter()
        .map(|service| {
            let own =
                |r: &&Value| r["metadata"]["labels"]["serving.knative.dev/service"] == service["metadata"]["name"];
            let standing = Standing {
                uid: service["metadata"]["uid"].clone(),
                generation: service["metadata"]["generation"].clone(),
                spec: service["spec"].clone(),
                served: service["status"]["traffic"].clone(),
                record: service["metadata"]["annotations"]["andante.dev/rollout"].clone(),
                revisions: revisions.iter().filter(own).map(name).collect(),
            };
            (name(service), standing)
        })
        .collect()
}

#[track_caller]
fn unmoved(space: &Space, before: &BTreeMap<String, Standing>, by: &str) {
    let now = standing(space);
    for (service, before) in before {
        assert_eq!(now.get(service), Some(before), "{service} after {by}");
    }
}

/// A directory of this test; it goes with its namespace's other files.
fn folder(space: &Space, name: &str) -> String {
    let path = space.file(name, "");
    fs::remove_file(&path).unwrap();
    path
}

/// Exports everything; the files by name.
#[track_caller]
fn export(space: &Space, folder: &str, more: &[&str]) -> (BTreeMap<String, String>, Ran) {
    let ran = space.andante(&[&["export", "--all", "-o", folder], more].concat()).ended(0);
    let files = fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap())
    });
    (files.collect(), ran)
}

/// Exports, applies in both ways, and exports again: nothing moved, and the bytes are the same. The folder of the files.
#[track_caller]
fn there_and_back(space: &Space) -> String {
    let before = standing(space);
    let first = folder(space, "first");
    let (files, ran) = export(space, &first, &[]);
    assert_eq!(files.len(), before.len(), "{}", ran.whole());
    let again = export(space, &first, &[]).1;
    assert!(again.lines.iter().all(|line| line.ends_with(": unchanged")), "{}", again.whole());
    unmoved(space, &before, "two exports");
    let ways: [&[&str]; 3] = [
        &["apply", "-f", &first],
        &["apply", "--server-side", "--force-conflicts", "-f", &first],
        // A second time as a pipeline does it each time.
        &["apply", "--server-side", "-f", &first],
    ];
    for (at, way) in ways.iter().enumerate() {
        space.kubectl(way).good();
        unmoved(space, &before, &way.join(" "));
        let after = folder(space, &format!("after-{at}"));
        let (again, _) = export(space, &after, &[]);
        for (file, text) in &files {
            assert_eq!(again.get(file), Some(text), "{file} after kubectl {}", way.join(" "));
        }
        fs::remove_dir_all(after).unwrap();
    }
    let diff = space.kubectl(&["diff", "--server-side", "-f", &first]);
    assert_eq!(diff.code, 0, "a difference stays: {}{}", diff.out, diff.err);
    unmoved(space, &before, "all of it");
    first
}

/// Some Services of the corpus, each made in another of the ways in which Services are made.
#[track_caller]
fn make(space: &Space, documents: &[&str]) {
    let ways: [&[&str]; 3] = [&["apply"], &["create"], &["apply", "--server-side", "--field-manager", "git"]];
    for (at, way) in ways.iter().enumerate() {
        let some: Vec<&str> = documents.iter().skip(at).step_by(ways.len()).copied().collect();
        let file = space.file(&format!("made-{at}.yaml"), &some.join("\n---\n"));
        space.kubectl(&[way, &["-f", file.as_str()][..]].concat()).good();
    }
}

/// A third of the corpus, in one order and then in another, so that each Service is made in more than one way over all.
#[track_caller]
fn corpus(space: &Space, part: usize) {
    let documents: Vec<&str> = CORPUS.split("\n---\n").collect();
    assert!(documents.len() >= 34, "{}", documents.len());
    let half = documents.len() / 2;
    let some = if part == 0 { &documents[..half] } else { &documents[half..] };
    make(space, some);
    let first = there_and_back(space);
    // Where there is no such Service yet, the file makes the same.
    let other = without_room("export-anew");
    for entry in fs::read_dir(&first).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let text = text.replace(&format!("namespace: {}", space.namespace), &format!("namespace: {}", other.namespace));
        let file = other.file("anew.yaml", &text);
        let made = other.kubectl(&["create", "--dry-run=server", "-o", "json", "-f", &file]).good().out;
        let made: Value = serde_json::from_str(&made).unwrap();
        let live = space.service(made["metadata"]["name"].as_str().unwrap());
        let mut wanted = live["spec"]["template"].clone();
        // Stamps say when something was written, so that a new Service has none of the old one's.
        if let Some(Value::Object(all)) = wanted.pointer_mut("/metadata/annotations") {
            let kept = |name: &String| !name.starts_with("client.knative.dev/") && !name.starts_with("andante.dev/");
            let held = made["spec"]["template"]["metadata"]["annotations"].clone();
            all.retain(|name, _| kept(name) || held.get(name).is_some());
            if all.is_empty() {
                wanted["metadata"].as_object_mut().unwrap().remove("annotations");
            }
        }
        assert_eq!(made["spec"]["template"], wanted, "{text}");
    }
    fs::remove_dir_all(first).unwrap();
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_services_of_many_kinds_go_to_git_and_back() {
    corpus(&without_room("export-one"), 0);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_more_services_of_many_kinds_go_to_git_and_back() {
    corpus(&without_room("export-two"), 1);
}

/// A Service that users are on, in each state of a rollout.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn users_stay_where_they_are_when_an_export_is_applied() {
    let space = Space::new("export-users");
    space.serve(&sample("hello", "v1"));
    space.stage("hello", "v2");
    let out = folder(&space, "staged");
    let (files, ran) = export(&space, &out, &[]);
    assert!(ran.err.contains("hello: exported in the middle of rollout "), "{}", ran.whole());
    let text = &files["hello.yaml"];
    assert!(text.contains("image: dev.local/andante-sample:v2") && !text.contains("\n  traffic:"), "{text}");
    assert!(
        text.contains("# traffic is left out: a walk writes it") && !text.contains("andante.dev/rollout"),
        "{text}"
    );
    fs::remove_dir_all(out).unwrap();
    fs::remove_dir_all(there_and_back(&space)).unwrap();
    space.answers("hello", "v1", 5);
    // The walk goes on from there, and what it ended with stays as well.
    space.andante(&["walk", "hello", "--steps", "50,100", "--dwell", "1s", "--bake", "1s"]).ended(0);
    fs::remove_dir_all(there_and_back(&space)).unwrap();
    space.answers("hello", "v2", 5);
    space.andante(&["settle", "hello", "--to", "stable"]).ended(0);
    let (files, _) = export(&space, &folder(&space, "back"), &[]);
    assert!(files["hello.yaml"].contains("revisionName: hello-00001"), "{}", files["hello.yaml"]);
    fs::remove_dir_all(there_and_back(&space)).unwrap();
    space.answers("hello", "v1", 5);
    // In care the split is the walk's.
    space.kubectl(&["annotate", "ksvc", "hello", "andante.dev/pipeline=roll-out"]).good();
    let before = standing(&space);
    let out = folder(&space, "care");
    let (files, ran) = export(&space, &out, &["--external-operation"]);
    let text = &files["hello.yaml"];
    assert!(
        text.contains("andante.dev/pipeline: ExternalOperation\n    andante.dev/pipeline-was: roll-out\n"),
        "{text}"
    );
    // The applies before this named the split, so that leaving it out would send everyone to v2.
    assert!(text.contains("\n  traffic:\n"), "{text}");
    assert!(ran.err.contains("hello: traffic is kept, though a walk writes it"), "{}", ran.whole());
    space.kubectl(&["apply", "-f", &out]).good();
    unmoved(&space, &before, "the way out");
    let (files, _) = export(&space, &out, &["--pipeline"]);
    assert!(files["hello.yaml"].contains("andante.dev/pipeline: roll-out\n") && !files["hello.yaml"].contains("-was"));
    space.kubectl(&["apply", "-f", &out]).good();
    unmoved(&space, &before, "the way back");
    assert_eq!(space.service("hello")["metadata"]["annotations"]["andante.dev/pipeline"], "roll-out");
    space.answers("hello", "v1", 5);
    fs::remove_dir_all(out).unwrap();
}

/// Who may only look gets files that say more; who names what is not there gets none.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn what_cannot_be_asked_or_read_is_said() {
    let space = without_room("export-rights");
    space.apply(&sample("hello", "v1").object);
    standing(&space);
    let rules = json!([{"apiGroups": ["serving.knative.dev"], "resources": ["services"], "verbs": ["get", "list"]}]);
    let file = account(&space, &rules);
    let ran = space.andante(&["export", "hello", "--kubeconfig", &file]).ended(0);
    assert!(
        ran.err.contains("hello: whole, since the server did not show what it fills in: not permitted: "),
        "{}",
        ran.whole()
    );
    ran.says("containerConcurrency: 0").says("name: user-container");
    let out = folder(&space, "none");
    let ran = space.andante(&["export", "hello", "missing", "-o", &out]).ended(3);
    assert!(ran.err.contains("there is no Service missing in namespace"), "{}", ran.whole());
    assert!(!fs::exists(&out).unwrap(), "nothing is written");
    let ran = space.andante(&["export", "hello"]).ended(0).says("- image: dev.local/andante-sample:v1");
    assert_eq!(ran.err, "");
}
