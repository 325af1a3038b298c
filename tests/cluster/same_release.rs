//! One release, made by hand with kn and by files as a GitOps team does it: both end in Services that are alike, whatever becomes of
//! the release, and a team that changes from the one to the other in the middle of it ends there, too.

use super::apply::folder;
use super::support::*;
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

/// Who is in charge, and how it walks; `dwell`: how long it stays at the half.
fn params(dwell: &str) -> [(&'static str, String); 4] {
    [("steps", "50,100".into()), ("dwell", dwell.into()), ("bake", "1s".into()), ("probe", "/".into())]
}

/// A namespace with the shipped Pipeline.
fn place(name: &str) -> Space {
    let space = Space::new(name);
    install_with_images(&space, "pipelines/roll-out-image");
    space
}

/// As on day one: kn makes the Service, and it is taken into care.
#[track_caller]
fn by_hand(name: &str, dwell: &str) -> Space {
    let space = place(name);
    space.kn(&["service", "create", "hello", "--image", "dev.local/andante-sample:v1", "--scale-min", "1"]).good();
    space.settled("hello");
    let words: Vec<String> = params(dwell).iter().map(|(name, value)| format!("--param={name}={value}")).collect();
    let mut adopt = vec!["adopt", "hello", "--pipeline", "roll-out-image"];
    adopt.extend(words.iter().map(String::as_str));
    space.andante(&adopt).ended(0);
    space
}

/// An edit of kn's: an image, and a variable of the container.
#[track_caller]
fn edit(space: &Space, version: &str, note: &str) {
    let (image, note) = (format!("dev.local/andante-sample:{version}"), format!("NOTE={note}"));
    // What crashes is never ready.
    space.kn(&["service", "update", "hello", "--image", &image, "--env", &note, "--no-wait"]).good();
}

/// The same as a commit: the file says so, and it is applied.
#[track_caller]
fn commit(space: &Space, version: &str, note: Option<&str>) {
    let declared = Value::Object(params("1s").into_iter().map(|(name, value)| (name.into(), json!(value))).collect());
    let mut hello = sample("hello", version)
        .annotation("andante.dev/pipeline", "roll-out-image")
        .annotation("andante.dev/params", &declared.to_string());
    if let Some(note) = note {
        hello = hello.env("NOTE", note);
    }
    let files = folder(space, &format!("{version}-{note:?}"), &[("hello.json", &hello.object)]);
    space.andante(&["apply", &files]).ended(0);
}

/// The goal id.
#[track_caller]
fn goal(space: &Space) -> String {
    let told = space.andante(&["goal", "hello", "-o", "json"]).ended(0);
    serde_json::from_str::<Value>(told.last()).unwrap()["id"].as_str().unwrap().to_owned()
}

/// Both are alike, and as told: what the last rollout came to, and what everyone is on.
#[track_caller]
fn alike(one: &Space, other: &Space, end: (&str, &str), serves: (&str, &str)) {
    let [first, second] = [one, other].map(|space| {
        // A revision that crashes leaves its Service not ready.
        eventually("Knative has taken it up", LONG, || {
            let service = space.service("hello");
            (service["status"]["observedGeneration"] == service["metadata"]["generation"]).then_some(())
        });
        likeness(space, "hello")
    });
    assert_eq!(first, second, "{} and {}", one.namespace, other.namespace);
    assert_eq!(goal(one), goal(other), "one goal, however it was declared");
    assert_eq!((&first["end"]["phase"], &first["end"]["outcome"]), (&json!(end.0), &json!(end.1)), "{first:#}");
    let (version, note) = serves;
    let runs =
        json!([{"image": format!("dev.local/andante-sample:{version}"), "env": [{"name": "NOTE", "value": note}]}]);
    let everyone = first["split"].as_array().unwrap().iter().find(|target| target["percent"] == 100);
    assert_eq!(everyone.map(|target| &target["revisionName"]), Some(&runs), "{first:#}");
    for space in [one, other] {
        space.answers("hello", version, 5);
    }
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_release_by_kn_and_one_by_files_end_alike() {
    let (hand, git) = (by_hand("same-hand", "1s"), place("same-git"));
    commit(&git, "v1", None);
    git.settled("hello");
    let release = |version: &str, note: &str, code: i32| {
        edit(&hand, version, note);
        commit(&git, version, Some(note));
        for space in [&hand, &git] {
            space.andante(&["start", "hello", "--wait"]).ended(code);
        }
    };
    release("v2", "good", 0);
    alike(&hand, &git, ("finished", "done"), ("v2", "good"));
    release("crash", "bad", 28);
    alike(&hand, &git, ("rolled-back", "never-ready"), ("v2", "good"));
    release("v3", "mended", 0);
    alike(&hand, &git, ("finished", "done"), ("v3", "mended"));
}

/// A team that has a release half way out by kn puts the Service into Git, and goes back to kn in the middle of the next one; another
/// team makes the same releases and stays with kn.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_team_changes_to_git_and_back_in_the_middle_of_releases() {
    let (stays, moves) = (by_hand("switch-stays", "10m"), by_hand("switch-moves", "10m"));
    moves.serve(&sample("control", "v1"));
    let load = Load::start(&moves, &["hello", "control"], 15, Duration::from_secs(300));
    let half_way = |space: &Space, revision: &str| {
        space.andante(&["start", "hello"]).ended(0).says("started Pipeline roll-out-image");
        served_becomes(space, "hello", &format!("{revision} 50"));
    };
    let to_its_end = |space: &Space| {
        space.andante(&["control", "promote", "hello"]).ended(0);
        space.andante(&["start", "hello", "--wait"]).ended(0).ends_with("ended well");
    };
    for space in [&stays, &moves] {
        edit(space, "v2", "first");
        half_way(space, "hello-00002");
    }
    // Into Git: the walk neither sees it nor is disturbed.
    let (generation, split) = (moves.generation("hello"), moves.split("hello"));
    let files = moves.file("services", "");
    fs::remove_file(&files).unwrap();
    moves.andante(&["export", "hello", "-o", &files]).ended(0);
    moves.andante(&["apply", &files]).ended(0);
    assert_eq!((moves.generation("hello"), moves.split("hello")), (generation, split));
    for space in [&stays, &moves] {
        to_its_end(space);
    }
    alike(&stays, &moves, ("finished", "done"), ("v2", "first"));

    // The next one is a commit, and is given up by an edit in its middle.
    let file = format!("{files}/hello.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("andante-sample:v2") && text.contains("value: first"), "{text}");
    fs::write(&file, text.replace("andante-sample:v2", "andante-sample:v3").replace("value: first", "value: second"))
        .unwrap();
    moves.andante(&["apply", &files]).ended(0).says("andante start hello");
    edit(&stays, "v3", "second");
    for space in [&stays, &moves] {
        half_way(space, "hello-00003");
        edit(space, "v3", "third");
        half_way(space, "hello-00004");
        to_its_end(space);
    }
    alike(&stays, &moves, ("finished", "done"), ("v3", "third"));
    let ends = |space: &Space| -> Vec<Value> {
        let mut ends = eventually("every run says how it ended", LONG, || {
            let runs = space.list("pipelinerun", "andante.dev/service=hello");
            let ends: Vec<Value> = runs.iter().map(|run| result(run, "outcome")).collect();
            ends.iter().all(Value::is_string).then_some(ends)
        });
        ends.sort_by_key(ToString::to_string);
        ends
    };
    for space in [&stays, &moves] {
        assert_eq!(ends(space), [json!("finished"), json!("finished"), json!("superseded")], "{}", space.namespace);
    }
    // Git is history: whoever applies it again is told whose the Service is now.
    moves.andante(&["apply", &files]).ended(14).says("`kn`");
    no_error_of_ours(&load.stop(), "hello", "control");
}

/// A result of a PipelineRun.
fn result(run: &Value, name: &str) -> Value {
    let results = run["status"]["results"].as_array().into_iter().flatten();
    results.into_iter().find(|result| result["name"] == name).map_or(Value::Null, |result| result["value"].clone())
}
