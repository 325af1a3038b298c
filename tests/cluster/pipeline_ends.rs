//! What ends a run of a Pipeline on the real Tekton, and where users are then.

use super::pipelines::{CRASH, V2, V3, place, quick, roll_out, slow};
use super::support::*;
use jiff::Timestamp;
use serde_json::json;

/// Nobody is on the candidate, and the record is closed.
fn is_back(space: &Space, version: &str) {
    let split = space.split("hello");
    assert!(split.starts_with("hello-00001 100"), "{split}");
    space.answers("hello", version, 5);
    let phase = space.record("hello")["phase"].as_str().unwrap().to_owned();
    assert!(["rolled-back", "interrupted"].contains(&phase.as_str()), "{phase}");
}

/// Runs to 50 %, is ended in some way, and users are back.
fn ended_at_half(space: &Space, wish: Wish, name: &str, end: impl Fn(&PipelineRun)) -> Over {
    let run = wish.start(space, name);
    run.serves("hello", "50");
    end(&run);
    let over = run.over();
    eventually("users are back on stable", LONG, || space.split("hello").starts_with("hello-00001 100").then_some(()));
    over
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_run_that_is_cancelled_takes_users_back() {
    let _usual = usual_settings();
    let space = place("pipe-cancel", "pipelines/roll-out-image");
    // With `finally`, which may run while the walk's pod still dies.
    let over = ended_at_half(&space, slow(V2), "gracefully", |run| run.end("CancelledRunFinally")).bad();
    let over = over.gives("outcome", "cancelled");
    assert!(over.result("message").unwrap().contains("the run was cancelled"), "{:?}", over.result("message"));
    is_back(&space, "v1");
    assert_eq!(space.record("hello")["phase"], "rolled-back", "finally closes what was interrupted");
    // Without it: SIGTERM is the last chance.
    ended_at_half(&space, slow(V3), "plainly", |run| run.end("Cancelled")).bad();
    is_back(&space, "v1");
    // Its pods and its results are gone: the record tells.
    assert_eq!(space.record("hello")["ending"], "cancelled", "{}", space.record("hello"));
    space.andante(&["status", "hello"]).says("the run was cancelled");
}

/// Somebody's pruner deletes the run in mid-walk: its pod is told to go, and no user is sent to the candidate a second later. Both
/// moments are of this machine: when the pod's end is heard of, and when users send their requests.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_a_run_whose_object_is_pruned_takes_users_back_within_a_second() {
    let _usual = usual_settings();
    let space = place("pipe-pruned", "pipelines/roll-out-image");
    let run = slow(V2).start(&space, "pruned");
    served_becomes(&space, "hello", "50");
    let name = run.pod("roll-out").unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
    let (pod, load) =
        (space.watch_pod(&name), Load::start(&space, &["hello"], 50, std::time::Duration::from_secs(120)));
    std::thread::sleep(std::time::Duration::from_secs(3));
    space.kubectl(&["delete", "pipelinerun", "pruned", "--wait=false"]).good();
    let told = eventually("its pod is told to go", LONG, || {
        let going = |seen: &Seen| seen.object["metadata"]["deletionTimestamp"].is_string();
        pod.seen().into_iter().find(going).map(|seen| seen.at)
    });
    eventually("users are back", LONG, || (space.record("hello")["phase"] == "interrupted").then_some(()));
    std::thread::sleep(std::time::Duration::from_secs(3));
    let hits = load.stop();
    assert!(hits.iter().all(Hit::is_good), "{}", summary(&hits));
    let on_it = hits.iter().filter(|hit| hit.version.as_deref() == Some("v2"));
    let last = on_it.map(|hit| hit.at).max().expect("half of all were on the candidate");
    let took = last.duration_since(told);
    eprintln!(
        "FIGURES pruned: the last user was sent to the candidate {:.2} s after its pod was told",
        took.as_secs_f64()
    );
    assert!(took < jiff::SignedDuration::from_secs(1), "told at {told}, the last user at {last}");
    is_back(&space, "v1");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_a_run_whose_time_is_up_takes_users_back() {
    let _usual = usual_settings();
    let space = place("pipe-time", "pipelines/roll-out-image");
    // Room for a busy machine, whose pods may take twenty seconds to say their first line.
    let short = json!({"pipeline": "50s", "tasks": "45s", "finally": "5s"});
    // `timeouts.pipeline` alone: no `finally` runs.
    let whole = json!({"pipeline": "45s"});
    let over = ended_at_half(&space, slow(V2).with("/timeouts", whole), "whole", |_| {}).bad();
    assert_eq!(over.reason, "PipelineRunTimeout");
    is_back(&space, "v1");
    assert_eq!(space.record("hello")["ending"], "timed-out", "{}", space.record("hello"));
    let over = ended_at_half(&space, slow(V3).with("/timeouts", short), "tasks", |_| {}).bad();
    assert!(over.reason.contains("Timeout"), "{}", over.reason);
    let over = over.gives("outcome", "timed-out");
    assert!(over.result("message").unwrap().contains("timed out"), "{:?}", over.result("message"));
    is_back(&space, "v1");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_step_whose_time_is_up_leaves_the_rest_to_finally() {
    let space = place("pipe-step", "pipelines/roll-out-image");
    // A step's own timeout is SIGKILL: nothing is said, nothing is written. It is part of the Pipeline.
    let mut object = space.get("pipeline", "roll-out-image");
    object["spec"]["tasks"][0]["taskSpec"]["steps"][0]["timeout"] = json!("40s");
    object["metadata"] = json!({"name": "roll-out-image"});
    space.apply(&object);
    let run = slow(V2).start(&space, "killed");
    served_becomes(&space, "hello", "50");
    let over = run.over().bad().gives("outcome", "timed-out");
    let message = over.result("message").unwrap();
    assert!(message.contains("settled by PipelineRun") && message.contains("timed out"), "{message}");
    is_back(&space, "v1");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_process_that_is_killed_is_followed_by_one_that_goes_on() {
    let space = place("pipe-killed", "pipelines/roll-out-image");
    retried(&space);
    let run = roll_out(V2, "50,100", "15s").start(&space, "killed");
    served_becomes(&space, "hello", "hello-00002 50");
    let watch = space.watch("hello");
    kill_step(&space);
    // The split stays; the task's next pod goes on from the record.
    let over = run.over().good().gives("outcome", "finished").says("going on with rollout");
    assert!(!over.log.contains("back to hello-00001"), "{}", over.log);
    let splits = watch.values(|object| split(&object["spec"]["traffic"]));
    assert!(!splits.iter().any(|s| s.starts_with("hello-00001 100")), "nobody went back: {splits:?}");
    space.answers("hello", "v2", 5);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_pod_that_is_deleted_takes_users_back_and_finally_says_so() {
    let space = place("pipe-deleted", "pipelines/roll-out-image");
    let run = slow(V2).start(&space, "deleted");
    served_becomes(&space, "hello", "hello-00002 50");
    let pod = run.pod("roll-out").unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
    space.kubectl(&["delete", "pod", &pod, "--wait=false"]).good();
    let over = run.over().bad();
    let message = over.result("message").unwrap();
    assert!(message.contains("settled by PipelineRun"), "{message}");
    // Tekton makes a task whose pod it does not find a pod anew, also in the moment before it fails the task: what that one
    // has begun is settled as well, and it writes nothing more.
    if message.contains("stopped by SIGTERM") {
        over.gives("outcome", "interrupted");
    } else {
        assert!(over.log.contains("this run writes nothing more"), "{message}");
        over.gives("outcome", "settled");
    }
    is_back(&space, "v1");
}

/// Gives the rollout's task one more attempt.
fn retried(space: &Space) {
    let mut object = space.get("pipeline", "roll-out-image");
    object["spec"]["tasks"][0]["retries"] = json!(1);
    object["metadata"] = json!({"name": "roll-out-image"});
    space.apply(&object);
}

/// SIGKILL for the process that works in this namespace: the bundled cluster's pods are processes of this machine.
fn kill_step(space: &Space) {
    let told = format!("ANDANTE_RUN_NAMESPACE={}", space.namespace);
    let mut killed = 0;
    for entry in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
        let is_step = read("cmdline").starts_with(b"andante\0") && {
            let environment = read("environ");
            environment.split(|b| *b == 0).any(|variable| variable == told.as_bytes())
        };
        if is_step {
            let pid = entry.file_name().into_string().unwrap();
            assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
            killed += 1;
        }
    }
    assert_eq!(killed, 1, "the walk's process in {}", space.namespace);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_retried_task_ends_as_its_first_attempt_did() {
    let space = place("pipe-retry", "pipelines/roll-out-image");
    retried(&space);
    let run = quick(CRASH).start(&space, "retried");
    run.over().bad().gives("outcome", "never-ready");
    let task = run.task("roll-out").unwrap();
    assert_eq!(task["status"]["retriesStatus"].as_array().unwrap().len(), 1);
    assert_eq!(exit_code(&task), Some(11), "the second attempt ends in the same way: {task}");
    assert_eq!(task_result(&task, "outcome").as_deref(), Some("never-ready"));
    assert_eq!(task_result(&task, "revision").as_deref(), Some("hello-00002"), "it names what was tried, too");
    is_back(&space, "v1");
}

/// With this setting a step that is cancelled, or whose time is up, gets SIGKILL, and a plain cancel runs no `finally`:
/// nothing of ours hears of it.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_run_that_ends_without_a_word_is_told_of_and_taken_over() {
    let space = place("pipe-silent", "pipelines/roll-out-image");
    let setting = Setting::new(&space, "keep-pod-on-cancel");
    let run = slow(V2).start(&space, "silent");
    served_becomes(&space, "hello", "hello-00002 50");
    run.end("Cancelled");
    run.over().bad();
    eventually("the walk's process is killed", LONG, || {
        let task = run.task("roll-out")?;
        let pod = space.find("pod", task["status"]["podName"].as_str()?)?;
        let phase = pod["status"]["phase"].as_str()?;
        (phase != "Running").then_some(())
    });
    drop(setting);
    // Nobody was left to take users back: the split stands, and `status` says whose it is and until when.
    holds_for("the split stays", std::time::Duration::from_secs(10), || {
        space.served("hello").contains("hello-00002 50")
    });
    space.andante(&["status", "hello"]).says("DEAD: the run that holds it is done (deadline ");
    // The next run takes over what was left, and ends it.
    quick(V3).start(&space, "next").over().good().gives("outcome", "finished").says("taking over");
    space.answers("hello", "v3", 5);
    // Or a person does.
    let setting = Setting::new(&space, "keep-pod-on-cancel");
    let run = slow(V2).start(&space, "silent-again");
    served_becomes(&space, "hello", "50");
    run.end("Cancelled");
    run.over().bad();
    drop(setting);
    space.andante(&["settle", "hello"]).ended(0);
    space.answers("hello", "v3", 5);
}

/// The record's deadline is the end of what a silent run may hold: it passes with nobody there.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_deadline_that_passes_with_nobody_there_is_told_and_settled() {
    let space = place("pipe-deadline", "pipelines/roll-out-image");
    let setting = Setting::new(&space, "keep-pod-on-cancel");
    let wish = roll_out(V2, "50,100", "20s").param("deadline", "45s");
    let run = wish.start(&space, "silent");
    served_becomes(&space, "hello", "hello-00002 50");
    run.end("Cancelled");
    run.over().bad();
    drop(setting);
    let deadline: Timestamp = space.record("hello")["deadline"].as_str().unwrap().parse().unwrap();
    assert!(deadline > Timestamp::now(), "it passed before anything could be seen");
    while Timestamp::now() < deadline {
        assert!(space.served("hello").contains("hello-00002 50"), "{}", space.served("hello"));
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    // Nobody writes by himself; it stands there, and is said.
    holds_for("the split stays", std::time::Duration::from_secs(5), || {
        space.served("hello").contains("hello-00002 50")
    });
    space.andante(&["status", "hello"]).ended(0).says("DEAD: ").says(" ago)").says("andante settle hello");
    space.andante(&["settle", "hello"]).ended(0).says("settled by");
    is_back(&space, "v1");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_kubelet_that_restarts_disturbs_no_walk() {
    let space = place("pipe-kubelet", "pipelines/roll-out-image");
    let run = roll_out(V2, "50,100", "20s").start(&space, "kubelet");
    served_becomes(&space, "hello", "hello-00002 50");
    let _alone = disturbing();
    let mut restart = std::process::Command::new("tests/testbed/cluster");
    assert!(restart.args(["restart", "kubelet"]).status().unwrap().success());
    run.over().good().gives("outcome", "finished");
    space.answers("hello", "v2", 5);
}
