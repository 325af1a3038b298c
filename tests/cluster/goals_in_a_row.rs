//! Goals in quick succession, as pushes declare them, with builds that take longer or shorter than the next one's: the newest one
//! serves in the end, runs of older ones are cancelled or end superseded, and nobody meets an older goal's code again who could have
//! met a newer one's.

use super::start::{annotate, runs, status};
use super::support::*;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A commit, the image that comes of it, how the image calls itself, and how many seconds its build takes.
type Push = (&'static str, &'static str, &'static str, u32);

/// The images that three commits become.
fn pushes(seconds: [u32; 3]) -> [Push; 3] {
    [
        ("2b1a4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d", "v2", "v2", seconds[0]),
        ("3c2b5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e", "v3", "v3", seconds[1]),
        ("4d3c6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f", "plain", "unversioned", seconds[2]),
    ]
}

/// A Service that serves v1 and declares where it comes from, a Pipeline whose build waits as long as it is told, and somebody who
/// starts what is declared.
fn place(name: &str, pushes: &[Push], older: &str) -> (Space, Running) {
    let space = Space::new(name);
    install(&space, "tasks/roll-out");
    let arm = |(commit, image, _, seconds): &Push| format!("{commit}) sleep {seconds}; image={image};;");
    let arms: Vec<String> = pushes.iter().map(arm).collect();
    let arms = arms.join("\n");
    let script = format!(
        "#!/bin/sh\nset -eu\ncase \"$(params.commit)\" in\n{arms}\nesac\nprintf 'dev.local/andante-sample:%s' \"$image\" > \"$(results.image.path)\"\n"
    );
    let build = json!({"params": [{"name": "commit"}], "results": [{"name": "image"}],
        "steps": [{"name": "build", "image": "dev.local/andante-shell:v1", "script": script}]});
    let given = |params: &[(&str, &str)]| -> Value {
        params.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
    };
    let walk = given(&[
        ("service", "$(params.service)"),
        ("goal", "$(params.goal)"),
        ("image", "$(tasks.build.results.image)"),
        ("steps", "50,100"),
        ("dwell", "5s"),
        ("bake", "2s"),
        ("andante-image", image()),
    ]);
    space.apply(&json!({"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "metadata": {"name": "ship-it"}, "spec": {
        "params": [{"name": "service"}, {"name": "goal"}, {"name": "git-revision"}],
        "tasks": [
            {"name": "build", "taskSpec": build, "params": given(&[("commit", "$(params.git-revision)")])},
            {"name": "roll-out", "taskRef": {"name": "roll-out"}, "params": walk}]}}));
    space.serve(&sample("control", "v1"));
    space.serve(&sample("hello", "v1"));
    let source = ["--source", "https://git.example.com/hello.git"];
    space.andante(&[&["adopt", "hello", "--pipeline", "ship-it"], &source[..]].concat()).ended(0);
    let mut follower = space.start(&["start", "--all", "--follow", "--older", older]);
    follower.line("following", SHORT);
    (space, follower)
}

/// Declares a commit, as whatever hears of a push does; its run, once it is there.
fn push(space: &Space, (commit, ..): Push) -> String {
    let before = status(space)["run"].clone();
    annotate(space, &format!("andante.dev/source-revision={commit}"));
    eventually("a run for it", SHORT, || {
        let said = status(space);
        let run = said["run"].as_str().filter(|run| said["run"] != before && !run.is_empty())?;
        space.find("pipelinerun", run).map(|_| run.to_owned())
    })
}

/// Waits for the end of a run; its condition's reason, and the exit code of its rollout if it came to one.
fn over(space: &Space, run: &str) -> (String, Option<i64>) {
    let run = PipelineRun { space, name: run.to_owned() };
    let over = run.over();
    (over.reason, run.task("roll-out").and_then(|task| exit_code(&task)))
}

/// Nobody who asked after the first answer of a newer goal's code met an older one's.
#[track_caller]
fn nobody_goes_back(hits: &[Hit], pushes: &[Push]) {
    let hello = whole(hits, "hello");
    let of = |version: &'static str| hello.iter().filter(move |hit| hit.version.as_deref() == Some(version));
    for (at, (.., newer, _)) in pushes.iter().enumerate() {
        let answered = of(newer).map(|hit| hit.at + SignedDuration::try_from(hit.latency).unwrap());
        let Some(first) = answered.min() else { continue };
        for (.., older, _) in &pushes[..at] {
            let late = of(older).find(|hit| hit.at > first);
            assert!(late.is_none(), "{older} was met after {newer}, which was there from {first}: {late:?}");
        }
    }
}

/// The newest one serves, and everything says so.
#[track_caller]
fn the_newest_serves(space: &Space, run: &str, (.., version, _): Push) -> i64 {
    assert_eq!(over(space, run).1, Some(0), "the newest one's run ends well");
    space.answers("hello", version, 10);
    eventually("its end is noted", SHORT, || (status(space)["phase"] == "done").then_some(()));
    let (said, record) = (status(space), space.record("hello"));
    assert_eq!(said["run"], json!(run));
    assert_eq!((&record["phase"], &record["outcome"]), (&json!("finished"), &json!("done")), "{record}");
    assert_eq!(record["goal"]["asked"], said["goal"]);
    space.generation("hello")
}

/// Three pushes within ten seconds, of which the newest one's build is the shortest.
fn three_pushes(name: &str, older: &str) {
    let pushes = pushes([45, 25, 1]);
    let (space, follower) = place(name, &pushes, older);
    let load = Load::start(&space, &["hello", "control"], 15, Duration::from_secs(240));
    let began = Instant::now();
    let made = pushes.map(|one| {
        assert!(began.elapsed() < Duration::from_secs(10), "three goals took {:?}", began.elapsed());
        push(&space, one)
    });
    let generation = the_newest_serves(&space, &made[2], pushes[2]);
    let served = Timestamp::now();
    for run in &made[..2] {
        let (reason, code) = over(&space, run);
        match older {
            "cancel" => assert_eq!((reason.as_str(), code), ("Cancelled", None), "{run}"),
            _ => assert_eq!(code, Some(13), "{run} ended superseded: {reason}"),
        }
    }
    assert_eq!(space.generation("hello"), generation, "whoever came late wrote nothing");
    assert_eq!(runs(&space, "pipelinerun").len(), 3, "one run for each");
    let hits = load.stop();
    nobody_goes_back(&hits, &pushes);
    for (.., version, _) in &pushes[..2] {
        nobody_saw(&whole(&hits, "hello"), version);
    }
    nobody_saw(&between(&hits, "hello", served, Timestamp::MAX), "v1");
    no_error_of_ours(&hits, "hello", "control");
    follower.signal("TERM");
    assert_eq!(follower.wait(SHORT).code, 0);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_three_pushes_in_ten_seconds_end_in_the_newest() {
    three_pushes("row-cancel", "cancel");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_runs_of_older_pushes_that_go_on_end_superseded() {
    three_pushes("row-leave", "leave");
}

/// Half of the users are on the first one's code already when two more come.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_push_in_mid_walk_goes_back_before_a_newer_one_moves_anybody() {
    let pushes = pushes([1, 30, 5]);
    let (space, follower) = place("row-walk", &pushes, "leave");
    let load = Load::start(&space, &["hello", "control"], 15, Duration::from_secs(240));
    let first = push(&space, pushes[0]);
    PipelineRun { space: &space, name: first.clone() }.serves("hello", "hello-00002 50");
    let began = Instant::now();
    let second = push(&space, pushes[1]);
    assert!(began.elapsed() < Duration::from_secs(10), "two goals took {:?}", began.elapsed());
    let third = push(&space, pushes[2]);
    assert_eq!(over(&space, &first).1, Some(13), "it went back, as superseded");
    let generation = the_newest_serves(&space, &third, pushes[2]);
    assert_eq!(over(&space, &second).1, Some(13), "its build ended last");
    assert_eq!(space.generation("hello"), generation, "whoever came late wrote nothing");
    assert_eq!(runs(&space, "pipelinerun").len(), 3, "one run for each");
    let hits = load.stop();
    let hello = whole(&hits, "hello");
    let met = |version: &str| hello.iter().filter(|hit| hit.version.as_deref() == Some(version)).count();
    assert!(met("v2") > 10, "users were on the first one's code: {}", summary(&hits));
    nobody_goes_back(&hits, &pushes);
    nobody_saw(&hello, "v3");
    no_error_of_ours(&hits, "hello", "control");
    follower.signal("TERM");
    assert_eq!(follower.wait(SHORT).code, 0);
}
