//! What others' tools do to users of a Service in care, with the policies and without: the table of docs/care.md.
//!
//! Each finds everyone on the first revision, by name, and a second one that no pipeline has proved.

use super::support::*;
use serde_json::{Value, json};

const PROVED: &str = "hello-00001 100";

/// The file that Git has; `n` makes its template new.
fn file(n: usize) -> Sample {
    declared("hello", "v2").env("N", &n.to_string())
}

fn with_latest(n: usize) -> Value {
    file(n).traffic(json!([{"latestRevision": true, "percent": 100}])).object
}

fn to_second() -> Value {
    json!([{"revisionName": "hello-00002", "percent": 100}])
}

/// The object as it is, with a new template and another split; None takes the split out.
fn present(space: &Space, n: usize, traffic: Option<Value>) -> Value {
    let mut object = space.service("hello");
    object["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "N", "value": n.to_string()}]);
    object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    match traffic {
        Some(traffic) => object["spec"]["traffic"] = traffic,
        None => drop(object["spec"].as_object_mut().unwrap().remove("traffic")),
    }
    object
}

fn edit(space: &Space, script: &str) -> Done {
    let mut command = space.cluster.kubectl();
    command.env("KUBE_EDITOR", format!("sed -i {script}")).args(["-n", &space.namespace, "edit", "ksvc", "hello"]);
    run(&mut command, None, LONG)
}

/// A tool, what comes of its split without policies, and with them; None: the write is refused.
type Row = (&'static str, fn(&Space, usize) -> Done, Option<&'static str>, Option<&'static str>);

const SERVER: [&str; 5] = ["apply", "--server-side", "--field-manager=gitops", "-f", "-"];
const FORCED: [&str; 6] = ["apply", "--server-side", "--force-conflicts", "--field-manager=gitops", "-f", "-"];

const TOOLS: [Row; 12] = [
    (
        "patch of the template",
        |s, n| s.merge("ksvc", "hello", &json!({"spec": {"template": file(n).object["spec"]["template"]}})),
        Some(PROVED),
        Some(PROVED),
    ),
    (
        "patch of the split",
        |s, _| s.merge("ksvc", "hello", &json!({"spec": {"traffic": to_second()}})),
        Some("hello-00002 100"),
        None,
    ),
    (
        "edit of the split to latest",
        |s, _| edit(s, "'s/- latestRevision: false/- latestRevision: true/;/  revisionName: hello-00001/d'"),
        Some("latest 100"),
        Some(PROVED),
    ),
    (
        "apply without a split",
        |s, n| s.kubectl_with(&["apply", "-f", "-"], &file(n).object),
        Some(PROVED),
        Some(PROVED),
    ),
    (
        "apply with latest",
        |s, n| s.kubectl_with(&["apply", "-f", "-"], &with_latest(n)),
        Some("latest 100"),
        Some(PROVED),
    ),
    (
        "apply that takes its split out",
        |s, n| s.kubectl_with(&["apply", "-f", "-"], &file(n).object),
        Some("latest 100"),
        Some(PROVED),
    ),
    ("server-side apply without a split", |s, n| s.kubectl_with(&FORCED, &file(n).object), Some(PROVED), Some(PROVED)),
    ("server-side apply with latest", |s, n| s.kubectl_with(&SERVER, &with_latest(n)), None, None),
    (
        "server-side apply with latest, forced",
        |s, n| s.kubectl_with(&FORCED, &with_latest(n)),
        Some("latest 100"),
        Some(PROVED),
    ),
    (
        "server-side apply with another name, forced",
        |s, n| s.kubectl_with(&FORCED, &file(n).traffic(to_second()).object),
        Some("hello-00002 100"),
        None,
    ),
    ("replace without a split", |s, n| replaced(s, &present(s, n, None)), Some("latest 100"), Some(PROVED)),
    (
        "replace with another split",
        |s, n| replaced(s, &present(s, n, Some(to_second()))),
        Some("hello-00002 100"),
        None,
    ),
];

/// Everyone on the first revision by name, as a rollout leaves them; written as our own program, whose epoch rises.
fn everyone_back(space: &Space, epoch: usize) {
    let record = format!(r#"{{"format":1,"epoch":{epoch},"phase":"finished"}}"#);
    let patch = json!({"metadata": {"annotations": {"andante.dev/rollout": record}},
        "spec": {"traffic": [{"revisionName": "hello-00001", "percent": 100}]}})
    .to_string();
    space.kubectl(&["patch", "ksvc", "hello", "--type=merge", "--field-manager=andante", "-p", &patch]).good();
    space.settled("hello");
}

/// Plays all of them; the splits that came of each.
fn play(space: &Space) -> Vec<(&'static str, Option<String>)> {
    let mut found = vec![];
    for (at, (name, write, ..)) in TOOLS.iter().enumerate() {
        everyone_back(space, at + 1);
        let done = write(space, at + 10);
        found.push((*name, (done.code == 0).then(|| space.split("hello"))));
        if done.code == 0 {
            space.settled("hello");
        }
    }
    found
}

fn expected(of: fn(&Row) -> Option<&'static str>) -> Vec<(&'static str, Option<String>)> {
    TOOLS.iter().map(|row| (row.0, of(row).map(str::to_owned))).collect()
}

/// The second revision, unproved.
fn second(space: &Space) {
    everyone_back(space, 0);
    space.merge("ksvc", "hello", &of_version("v2")).good();
    space.ready("hello-00002");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn long_no_tool_brings_users_to_what_is_not_proved() {
    let (space, _care) = in_care("care-tools", "care");
    space.serve(&sample("control", "v1"));
    second(&space);
    let load = Load::start(&space, &["hello", "control"], 10, std::time::Duration::from_secs(300));
    assert_eq!(play(&space), expected(|row| row.3));
    // A tool whose file names no split finds nothing to do afterwards.
    let git = file(99).object;
    space.kubectl_with(&FORCED, &git).good();
    space.settled("hello");
    let diff =
        space.kubectl_with(&["diff", "--server-side", "--force-conflicts", "--field-manager=gitops", "-f", "-"], &git);
    assert_eq!((diff.code, diff.out.as_str()), (0, ""), "{}", diff.err);
    let hits = load.stop();
    nobody_saw(&whole(&hits, "hello"), "v2");
    no_error_of_ours(&hits, "hello", "control");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn long_without_policies_every_other_tool_does() {
    let space = Space::new("care-free");
    space.serve(&declared("hello", "v1"));
    second(&space);
    let load = Load::start(&space, &["hello"], 10, std::time::Duration::from_secs(300));
    assert_eq!(play(&space), expected(|row| row.2));
    let hits = load.stop();
    assert!(hits.iter().any(|hit| hit.version.as_deref() == Some("v2")), "{}", summary(&hits));
}
