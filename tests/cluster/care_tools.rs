//! What others' tools do to users of a Service in care, with the policies and without: the table of docs/care.md.
//!
//! Each finds everyone on the first revision, by name, and a second one that no pipeline has proved.

use super::support::*;
use serde_json::{Value, json};
use std::time::Duration;

const PROVED: &str = "hello-00001 100";

/// What no pipeline and no person ever meant for users, as it calls itself.
const NEVER: &str = "unversioned";

/// The file that Git has; `n` makes its template new.
fn file(n: usize) -> Sample {
    declared("hello", "plain").env("N", &n.to_string())
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

/// What came of a write: the split, None where it was refused; and whether the one who wrote was told the ways out.
type Came = (&'static str, Option<String>, bool);

fn came(space: &Space, tool: &'static str, done: &Done) -> Came {
    let told = done.err.contains("moved by its rollouts alone");
    if done.code == 0 {
        space.settled("hello");
    }
    (tool, (done.code == 0).then(|| space.split("hello")), told)
}

/// Plays all of them, each with everyone on the first revision.
fn play(space: &Space) -> Vec<Came> {
    let one = |(at, (tool, write, ..)): (usize, &Row)| {
        everyone_back(space, at + 2);
        came(space, tool, &write(space, at + 10))
    };
    TOOLS.iter().enumerate().map(one).collect()
}

fn expected(of: fn(&Row) -> Option<&'static str>, policies: bool) -> Vec<Came> {
    TOOLS.iter().map(|row| (row.0, of(row).map(str::to_owned), policies && names_a_split(row))).collect()
}

/// What only the policies refuse: another split by name.
fn names_a_split(row: &Row) -> bool {
    row.2.is_some() && row.3.is_none()
}

/// The second revision, unproved.
fn second(space: &Space) {
    everyone_back(space, 1);
    space.merge("ksvc", "hello", &of_version("v2")).good();
    space.ready("hello-00002");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_no_tool_brings_users_to_what_is_not_proved() {
    let (space, _care) = in_care("care-tools", "care");
    space.serve(&sample("control", "v1"));
    second(&space);
    let load = Load::start(&space, &["hello", "control"], 10, Duration::from_secs(300));
    assert_eq!(play(&space), expected(|row| row.3, true));
    // A tool whose file names no split finds nothing to do afterwards.
    let git = file(99).object;
    space.kubectl_with(&FORCED, &git).good();
    space.settled("hello");
    let diff =
        space.kubectl_with(&["diff", "--server-side", "--force-conflicts", "--field-manager=gitops", "-f", "-"], &git);
    assert_eq!((diff.code, diff.out.as_str()), (0, ""), "{}", diff.err);
    let hits = load.stop();
    for version in ["v2", NEVER] {
        nobody_saw(&whole(&hits, "hello"), version);
    }
    no_error_of_ours(&hits, "hello", "control");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_without_policies_every_other_tool_does() {
    let space = Space::new("care-free");
    space.serve(&declared("hello", "v1"));
    second(&space);
    let load = Load::start(&space, &["hello"], 10, Duration::from_secs(300));
    assert_eq!(play(&space), expected(|row| row.2, false));
    let hits = load.stop();
    for version in ["v2", NEVER] {
        assert!(hits.iter().any(|hit| hit.version.as_deref() == Some(version)), "{version}: {}", summary(&hits));
    }
}

/// With warnings, who names a split gets it, and everyone else stays.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_with_warnings_a_tool_moves_users_only_by_name() {
    let (space, _care) = in_care("care-warns", "care-warn");
    second(&space);
    let load = Load::start(&space, &["hello"], 10, Duration::from_secs(300));
    assert_eq!(play(&space), expected(|row| row.3.or(row.2), true));
    let hits = load.stop();
    // The second revision was named by whoever wrote; the others by nobody.
    assert!(hits.iter().any(|hit| hit.version.as_deref() == Some("v2")), "{}", summary(&hits));
    nobody_saw(&whole(&hits, "hello"), NEVER);
}

/// A walk of everyone from v1 to v3, at its half and staying there; beside them is a revision of v2 that nobody proved.
fn half_way(space: &Space) -> (Running, String) {
    let image = ["roll-out", "hello", "--image", "dev.local/andante-sample:v3"];
    let slow = ["--steps", "50,100", "--dwell", "10m", "--bake", "1s", "--again"];
    let mut walk = space.start(&[&image[..], &slow].concat());
    walk.line("step 1 of 2 is served", LONG);
    let half = space.split("hello");
    assert!(half.starts_with("hello-00001 50 #stable, hello-") && half.ends_with(" 50 #candidate"), "{half}");
    (walk, half)
}

/// The tool leaves the split as it is, or is refused: with the ways out where it named a split, and by the API server where others
/// own a field. Whether a server-side apply meets such an owner depends on which of the tools before had the split.
#[track_caller]
fn stays(space: &Space, row: &Row, at: usize, half: &str) {
    let (tool, split, told) = came(space, row.0, &row.1(space, at + 10));
    let may_meet_owners = tool.starts_with("server-side apply") && !names_a_split(row);
    assert!(split.is_some() == row.3.is_some() || may_meet_owners, "{tool}: {split:?}");
    assert_eq!(told, names_a_split(row), "{tool}");
    assert_eq!(space.split("hello"), half, "{tool}");
}

/// In the middle of a walk each tool leaves the split as it is, or is refused, and the walk goes on to its end.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_no_tool_stops_a_walk() {
    let (space, _care) = in_care("care-mid", "care");
    space.serve(&sample("control", "v1"));
    space.merge("ksvc", "hello", &of_version("v2")).good();
    space.ready("hello-00002");
    let load = Load::start(&space, &["hello", "control"], 10, Duration::from_secs(300));
    let (walk, half) = half_way(&space);
    for (at, row) in TOOLS.iter().enumerate() {
        stays(&space, row, at, &half);
    }
    space.andante(&["control", "promote", "hello"]).ended(0);
    walk.wait(LONG).ended(0);
    space.answers("hello", "v3", 5);
    let hits = load.stop();
    for version in ["v2", NEVER] {
        nobody_saw(&whole(&hits, "hello"), version);
    }
    no_error_of_ours(&hits, "hello", "control");
}

/// The same with warnings, but who names a split gets it, and the walk ends.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_with_warnings_a_tool_stops_a_walk_only_by_name() {
    let (space, _care) = in_care("care-warns-mid", "care-warn");
    space.merge("ksvc", "hello", &of_version("v2")).good();
    space.ready("hello-00002");
    let (mut walk, mut half) = half_way(&space);
    for (at, row) in TOOLS.iter().enumerate() {
        if names_a_split(row) {
            let found = came(&space, row.0, &row.1(&space, at + 10));
            assert_eq!(found, (row.0, Some("hello-00002 100".to_owned()), true));
            walk.wait(LONG).ended(14);
            space.andante(&["settle", "hello", "--to", "hello-00001"]).ended(0);
            (walk, half) = half_way(&space);
        } else {
            stays(&space, row, at, &half);
        }
    }
}
