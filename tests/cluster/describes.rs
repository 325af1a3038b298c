//! What the Service itself tells: Kubernetes Events, as `kubectl describe` shows them, and one line that is written with the record.
//! Nothing waits for an Event, and nothing changes where none can be posted.

use super::rights::{account, least};
use super::support::*;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const WALK: [&str; 8] = ["walk", "hello", "--steps", "50,100", "--dwell", "2s", "--bake", "1s"];

/// The Events of the Service, in order.
fn events(space: &Space) -> Vec<Value> {
    let list = space.kubectl(&["get", "events.events.k8s.io", "-o", "json"]).good().out;
    let list: Value = serde_json::from_str(&list).unwrap();
    let ours = |event: &&Value| event["reportingController"] == "andante.dev/andante";
    let mut events: Vec<Value> = list["items"].as_array().unwrap().iter().filter(ours).cloned().collect();
    events.sort_by_key(|event| event["eventTime"].as_str().unwrap().to_owned());
    events
}

fn reasons(space: &Space) -> Vec<String> {
    events(space).iter().map(|event| event["reason"].as_str().unwrap().to_owned()).collect()
}

/// The line on an object.
fn line(object: &Value) -> String {
    object["metadata"]["annotations"]["andante.dev/progress"].as_str().unwrap_or_default().to_owned()
}

/// Its first words, without times.
fn first_words(line: &str) -> String {
    line.split_whitespace().take_while(|word| !["since", "at"].contains(word)).collect::<Vec<_>>().join(" ")
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn kubectl_describe_shows_the_story() {
    let space = Space::new("describe");
    space.serve(&sample("hello", "v1"));
    let watch = space.watch("hello");
    let run = |arguments: &[&str]| space.start_as("run", arguments).wait(LONG);
    run(&["stage", "hello", "--image", "dev.local/andante-sample:v2"]).ended(0);
    run(&WALK).ended(0).ends_with("finished");
    let good = ["RolloutBegan", "CandidateReady", "WalkBegan", "StepTaken", "StepTaken", "Finished"];
    assert_eq!(reasons(&space), good);
    // `finally` says the same as the walk, and adds nothing.
    run(&["settle", "hello"]).ended(0);
    assert_eq!(reasons(&space), good);
    let uid = space.service("hello")["metadata"]["uid"].clone();
    for event in events(&space) {
        let of = &event["regarding"];
        assert_eq!((&of["kind"], &of["name"], &of["uid"]), (&json!("Service"), &json!("hello"), &uid), "{event}");
        assert_eq!(event["type"], "Normal", "{event}");
    }
    let described = space.kubectl(&["describe", "ksvc", "hello"]).good().out;
    for part in ["StepTaken", "50 % to hello-00002 (step 1 of 2)", "100 % to hello-00002 (step 2 of 2)", "Finished"] {
        assert!(described.contains(part), "no `{part}` in {described}");
    }
    // The line after each move.
    let lines = watch.values(|object| first_words(&line(object)));
    let wanted = ["", "staging", "staged hello-00002", "walking to hello-00002: 0 %", "walking to hello-00002: 50 %"];
    assert_eq!(lines[..5], wanted, "{lines:?}");
    assert_eq!(lines[lines.len() - 2..], ["baking hello-00002: 100 %", "finished"], "{lines:?}");
    assert!(described.contains("andante.dev/progress: finished at "), "{described}");

    // One that a person sends back.
    run(&["stage", "hello", "--image", "dev.local/andante-sample:v3"]).ended(0);
    let mut walk = space.start_as("run", &["walk", "hello", "--steps", "50,100", "--dwell", "10m"]);
    walk.line("step 1 of 2 is served", LONG);
    space.andante(&["control", "pause", "hello"]).ended(0);
    walk.line("paused by", LONG);
    space.andante(&["control", "abort", "hello"]).ended(0);
    walk.wait(LONG).ended(15);
    let told = reasons(&space);
    assert_eq!(
        told[good.len()..],
        ["RolloutBegan", "CandidateReady", "WalkBegan", "StepTaken", "Paused", "GoingBack", "Aborted"],
        "{told:?}"
    );
    let last = events(&space).pop().unwrap();
    assert_eq!(last["type"], "Warning");
    assert!(last["note"].as_str().unwrap().starts_with("rolled back: aborted by"), "{last}");
    assert!(line(&space.service("hello")).contains("; aborted: aborted by"), "{}", line(&space.service("hello")));
    space.answers("hello", "v2", 5);
    // Nothing of it stays behind: out of care the line goes with all the rest.
    space.andante(&["detach", "hello", "--leave-pinned"]).ended(0);
    assert_eq!(line(&space.service("hello")), "");
    assert_eq!(reasons(&space).last().map(String::as_str), Some("Detached"));
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_event_that_is_refused_or_unanswered_disturbs_nothing() {
    let space = Space::new("describe-refused");
    space.serve(&sample("hello", "v1"));
    let file = account(&space, &least());
    let run =
        |arguments: &[&str]| space.start_as("run", &[arguments, &["--kubeconfig", &file]].concat()).wait(LONG).ended(0);
    for ran in [run(&["stage", "hello", "--image", "dev.local/andante-sample:v2"]), run(&WALK)] {
        let said = ran.lines.iter().filter(|line| line.contains("no Kubernetes Events are posted")).count();
        assert!(said <= 1, "{}", ran.whole());
    }
    assert_eq!(reasons(&space), Vec::<String>::new());
    space.answers("hello", "v2", 3);

    // Where nobody answers them, a walk does not wait (for each of the seven that would be half a minute), and ends with the rest of
    // it unposted.
    let proxy = FaultProxy::start();
    proxy.inject(When::next("create").with("/events.k8s.io/").times(usize::MAX), Fault::Silence);
    let stage = ["stage", "hello", "--image", "dev.local/andante-sample:v3", "--events", "off"];
    proxy.andante(&space, "another", &stage).wait(LONG).ended(0);
    assert!(proxy.asked().iter().all(|asked| !asked.path.contains("/events.k8s.io/")), "none was asked for");
    let began = Instant::now();
    proxy.andante(&space, "another", &WALK).wait(LONG).ended(0).ends_with("finished");
    assert!(began.elapsed() < Duration::from_secs(90), "{:?}", began.elapsed());
    assert!(proxy.asked().iter().any(|asked| asked.path.contains("/events.k8s.io/")), "one was tried");
    space.answers("hello", "v3", 3);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_declaration_that_cannot_be_read_is_a_warning_on_the_service() {
    let space = Space::new("describe-slip");
    space.serve(&sample("hello", "v1").annotation("andante.dev/pipeline", "ship-it"));
    space.andante(&["start", "hello"]).ended(0);
    space.kubectl(&["annotate", "ksvc/hello", "andante.dev/traffic=0"]).good();
    for _ in 0..2 {
        space.andante(&["start", "hello"]).ended(2);
    }
    // Once for each change of what stands in goal-status.
    assert_eq!(reasons(&space), ["DeclarationUnreadable"]);
    let event = events(&space).remove(0);
    assert!(event["type"] == "Warning" && event["note"].as_str().unwrap().contains("andante.dev/traffic"), "{event}");
    space.kubectl(&["annotate", "--overwrite", "ksvc/hello", "andante.dev/traffic=101"]).good();
    space.andante(&["start", "hello"]).ended(2);
    assert_eq!(reasons(&space).len(), 2);
    let described = space.kubectl(&["describe", "ksvc", "hello"]).good().out;
    assert!(described.contains("Warning") && described.contains("DeclarationUnreadable"), "{described}");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_runs_that_are_started_and_fail_are_told() {
    let space = super::start::place("describe-runs");
    space.serve(&sample("hello", "v1").annotation("andante.dev/pipeline", "ship-it"));
    space.andante(&["start", "hello"]).ended(0);
    space.kubectl(&["annotate", "ksvc/hello", "andante.dev/params={code: '3'}"]).good();
    space.andante(&["start", "hello", "--wait"]).ended(28);
    assert_eq!(reasons(&space), ["RunStarted", "RunFailed"]);
    space.kubectl(&["annotate", "--overwrite", "ksvc/hello", "andante.dev/params={code: '0'}"]).good();
    space.andante(&["start", "hello", "--wait"]).ended(0);
    assert_eq!(reasons(&space), ["RunStarted", "RunFailed", "RunStarted", "RunDone"]);
}
