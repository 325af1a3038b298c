//! The ready-made Pipelines as they are shipped, on the real Tekton: what a user sees, whatever ends a run.

use super::support::*;
use serde_json::{Value, json};

const V1: &str = "dev.local/andante-sample:v1";
const V2: &str = "dev.local/andante-sample:v2";
const V3: &str = "dev.local/andante-sample:v3";
const CRASH: &str = "dev.local/andante-sample:crash";

/// A namespace with the Pipeline, and a Service that serves v1.
fn place(name: &str, package: &str) -> Space {
    let space = Space::new(name);
    install(&space, package);
    space.serve(&sample("hello", "v1"));
    space
}

/// A run of `roll-out-image` in two short steps.
fn quick(image: &str) -> Wish {
    roll_out(image, "50,100", "1s")
}

/// A run that stands at 50 % for long.
fn slow(image: &str) -> Wish {
    roll_out(image, "50,100", "10m")
}

fn roll_out(image: &str, steps: &str, dwell: &str) -> Wish {
    pipeline(
        "roll-out-image",
        &[("service", "hello"), ("image", image), ("steps", steps), ("dwell", dwell), ("bake", "1s"), ("probe", "/")],
    )
}

/// Nobody is on the candidate, and the record is closed.
fn is_back(space: &Space, version: &str) {
    let split = space.split("hello");
    assert!(split.starts_with("hello-00001 100"), "{split}");
    space.answers("hello", version, 5);
    let phase = space.record("hello")["phase"].as_str().unwrap().to_owned();
    assert!(["rolled-back", "interrupted"].contains(&phase.as_str()), "{phase}");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn an_image_is_rolled_out_under_load_and_a_bad_one_is_not() {
    let space = place("pipe-image", "pipelines/roll-out-image");
    let load = Load::start(&space, &["hello"], 20, std::time::Duration::from_secs(100));
    let good = quick(V2).start(&space, "good").over().good();
    let good = good.gives("outcome", "finished").gives("revision", "hello-00002").says("finished: hello-00002");
    assert_eq!(good.object["status"]["childReferences"].as_array().unwrap().len(), 2, "one pod, and one that settles");
    space.answers("hello", "v2", 5);
    let hits = load.stop();
    assert!(hits.iter().all(Hit::is_good), "{}", summary(&hits));

    let run = quick(CRASH).start(&space, "bad");
    let bad = run.over().bad().gives("outcome", "never-ready").gives("revision", "hello-00003");
    assert!(bad.result("message").unwrap().contains("cannot open the ledger"), "{:?}", bad.result("message"));
    let task = run.task("roll-out").unwrap();
    assert_eq!(exit_code(&task), Some(11));
    assert_eq!(task_result(&task, "outcome").as_deref(), Some("never-ready"), "a failed task has results, too");
    // The last line says what happened, what traffic is now and what to do next.
    let last = bad.log.lines().rfind(|l| l.starts_with("roll-out: ")).unwrap();
    for part in ["does not become ready", "traffic now: hello-00002 100 %", "next: "] {
        assert!(last.contains(part), "{last}");
    }
    space.answers("hello", "v2", 5);
    // The same bad image is not tried again.
    let again = quick(CRASH).start(&space, "again").over().bad();
    assert!(again.result("roll-out").unwrap().contains("was rolled back at"), "{:?}", again.result("roll-out"));
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_newer_run_supersedes_an_older_one_that_walks() {
    let space = place("pipe-race", "pipelines/roll-out-image");
    // The oldest one of all: as if its build ended last.
    let oldest = quick(V3).with("/status", json!("PipelineRunPending")).start(&space, "oldest");
    std::thread::sleep(std::time::Duration::from_secs(1));
    let older = slow(V3).start(&space, "older");
    served_becomes(&space, "hello", "hello-00002 50");
    let newer = quick(V2).start(&space, "newer");
    newer.over().good().gives("outcome", "finished").says("taking over from PipelineRun");
    older.over().bad().says("superseded by PipelineRun");
    assert_eq!(exit_code(&older.task("roll-out").unwrap()), Some(13));
    space.answers("hello", "v2", 5);
    let generation = space.generation("hello");
    space.merge("pipelinerun", "oldest", &json!({"spec": {"status": null}})).good();
    oldest.over().bad().says("superseded by PipelineRun");
    assert_eq!(exit_code(&oldest.task("roll-out").unwrap()), Some(13));
    assert_eq!(space.generation("hello"), generation, "an older run wrote");
    space.answers("hello", "v2", 5);
}

/// Runs to 50 %, is ended in some way, and users are back.
fn ended_at_half(space: &Space, wish: Wish, name: &str, end: impl Fn(&PipelineRun)) -> Over {
    let run = wish.start(space, name);
    served_becomes(space, "hello", "50");
    end(&run);
    let over = run.over();
    eventually("users are back on stable", LONG, || space.split("hello").starts_with("hello-00001 100").then_some(()));
    over
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_run_that_is_cancelled_takes_users_back() {
    let space = place("pipe-cancel", "pipelines/roll-out-image");
    // With `finally`, which may run while the walk's pod still dies.
    let over = ended_at_half(&space, slow(V2), "gracefully", |run| run.end("CancelledRunFinally")).bad();
    assert!(over.result("outcome").is_some(), "{}", over.object["status"]["results"]);
    is_back(&space, "v1");
    assert_eq!(space.record("hello")["phase"], "rolled-back", "finally closes what was interrupted");
    // Without it: SIGTERM is the last chance.
    ended_at_half(&space, slow(V3), "plainly", |run| run.end("Cancelled")).bad();
    is_back(&space, "v1");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_run_whose_time_is_up_takes_users_back() {
    let space = place("pipe-time", "pipelines/roll-out-image");
    let short = json!({"pipeline": "25s", "tasks": "20s", "finally": "5s"});
    // `timeouts.pipeline` alone: no `finally` runs.
    let whole = json!({"pipeline": "20s"});
    let over = ended_at_half(&space, slow(V2).with("/timeouts", whole), "whole", |_| {}).bad();
    assert_eq!(over.reason, "PipelineRunTimeout");
    is_back(&space, "v1");
    let over = ended_at_half(&space, slow(V3).with("/timeouts", short), "tasks", |_| {}).bad();
    assert!(over.reason.contains("Timeout"), "{}", over.reason);
    is_back(&space, "v1");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_step_whose_time_is_up_leaves_the_rest_to_finally() {
    let space = place("pipe-step", "pipelines/roll-out-image");
    // A step's own timeout is SIGKILL: nothing is said, nothing is written. It is part of the Pipeline.
    let mut object = space.get("pipeline", "roll-out-image");
    object["spec"]["tasks"][0]["taskSpec"]["steps"][0]["timeout"] = json!("15s");
    object["metadata"] = json!({"name": "roll-out-image"});
    space.apply(&object);
    let run = slow(V2).start(&space, "killed");
    served_becomes(&space, "hello", "50");
    let over = run.over().bad().gives("outcome", "settled");
    assert!(over.result("message").unwrap().contains("settled by PipelineRun"), "{:?}", over.result("message"));
    is_back(&space, "v1");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_process_that_is_killed_is_followed_by_one_that_goes_on() {
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
#[ignore = "needs a cluster: make test-cluster"]
fn a_pod_that_is_deleted_takes_users_back_and_finally_says_so() {
    let space = place("pipe-deleted", "pipelines/roll-out-image");
    let run = slow(V2).start(&space, "deleted");
    served_becomes(&space, "hello", "hello-00002 50");
    let pod = run.pod("roll-out").unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
    space.kubectl(&["delete", "pod", &pod, "--wait=false"]).good();
    let over = run.over().bad().gives("outcome", "settled");
    assert!(over.result("message").unwrap().contains("stopped by SIGTERM"), "{:?}", over.result("message"));
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
#[ignore = "needs a cluster: make test-cluster"]
fn a_retried_task_ends_as_its_first_attempt_did() {
    let space = place("pipe-retry", "pipelines/roll-out-image");
    retried(&space);
    let run = quick(CRASH).start(&space, "retried");
    run.over().bad().gives("outcome", "never-ready");
    let task = run.task("roll-out").unwrap();
    assert_eq!(task["status"]["retriesStatus"].as_array().unwrap().len(), 1);
    assert_eq!(exit_code(&task), Some(11), "the second attempt ends in the same way: {task}");
    is_back(&space, "v1");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn blue_green_switches_once_and_goes_back_once() {
    let space = place("pipe-bluegreen", "pipelines/blue-green");
    let run = |image: &str, body: &str, bake: &str| {
        let params = [("service", "hello"), ("image", image), ("probe", "/"), ("probe-body", body), ("bake", bake)];
        pipeline("blue-green", &params)
    };
    let watch = space.watch("hello");
    let over = run(V2, "v2", "3s").start(&space, "good").over().good().gives("outcome", "finished");
    // Green was asked at its own address before anybody was on it.
    assert!(
        over.log.contains("prove: ") && over.log.contains("hello-00002 answers at its own address"),
        "{}",
        over.log
    );
    // Nobody, everyone; and in the end by following latest again.
    let shares = watch.values(|object| share(&object["spec"]["traffic"], "hello-00002"));
    assert_eq!(shares, [None, Some(0), Some(100), None], "one switch");
    space.answers("hello", "v2", 5);

    // A green that does not answer as it must is never switched to.
    let over = run(V3, "v4", "3s").start(&space, "unproved").over().bad();
    assert!(over.log.contains("the body does not contain \"v4\""), "{}", over.log);
    assert_eq!(over.result("outcome").as_deref(), Some("settled"));
    space.answers("hello", "v2", 5);

    // One that fails while it is watched: everyone back to blue, in one write.
    let failing = run("dev.local/andante-sample:plain", "", "2m").list("set-env", &["VERSION=v5", "CRASH_AFTER=40"]);
    let started = failing.start(&space, "failing");
    served_becomes(&space, "hello", "hello-00004 100");
    let load = Load::start(&space, &["hello"], 20, std::time::Duration::from_secs(60));
    let over = started.over().bad().gives("outcome", "rolled-back");
    drop(load);
    assert!(over.log.contains("traffic now: hello-00002 100 %"), "{}", over.log);
    space.answers("hello", "v2", 5);
}

fn share(traffic: &Value, revision: &str) -> Option<i64> {
    let of = traffic.as_array()?.iter().filter(|t| t["revisionName"] == revision);
    let mut sum = None;
    for target in of {
        sum = Some(sum.unwrap_or(0) + target["percent"].as_i64().unwrap_or(0));
    }
    sum
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_person_approves_between_canary_and_full() {
    let space = place("pipe-approve", "pipelines/canary");
    let params = [
        ("service", "hello"),
        ("image", V2),
        ("first", "20"),
        ("watch", "1s"),
        ("steps", "20,100"),
        ("approve", "100"),
        ("dwell", "1s"),
        ("bake", "1s"),
    ];
    let run = pipeline("canary", &params).start(&space, "approved");
    served_becomes(&space, "hello", "hello-00002 20");
    eventually("the walk waits for a person", PIPELINE, || {
        run.log().contains("waits for approval, at most 30m: `andante control approve hello").then_some(())
    });
    space.andante(&["control", "approve", "hello"]).ended(0);
    run.over().good().gives("outcome", "finished").says("canary: ").says("held at 20 %").says("approved by");
    space.answers("hello", "v2", 5);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn what_is_there_already_ends_well_without_a_walk() {
    let space = place("pipe-same", "pipelines/canary");
    install(&space, "pipelines/blue-green");
    let params = [("service", "hello"), ("image", V1)];
    pipeline("canary", &params).start(&space, "canary-same").over().good().says("already serves this");
    pipeline("blue-green", &params).start(&space, "green-same").over().good().says("already serves this");
    // A first deployment needs no walk either.
    pipeline("canary", &[("service", "new"), ("image", V1)])
        .start(&space, "first")
        .over()
        .good()
        .gives("outcome", "finished");
    space.answers("new", "v1", 3);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn step_actions_work_together_in_one_pod() {
    let space = place("pipe-actions", "tasks/roll-out");
    for name in ["stage-revision", "check-revision", "walk-traffic"] {
        install(&space, &format!("stepactions/{name}"));
    }
    let step = |name: &str, action: &str, params: &[(&str, &str)]| {
        let mut all =
            vec![json!({"name": "service", "value": "hello"}), json!({"name": "andante-image", "value": image()})];
        all.extend(params.iter().map(|(n, v)| json!({"name": n, "value": v})));
        json!({"name": name, "ref": {"name": action}, "params": all})
    };
    space.apply(&json!({
        "apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"name": "actions"},
        "spec": {"serviceAccountName": "andante", "taskSpec": {
            "results": [{"name": "outcome", "value": "$(steps.walk.results.outcome)"},
                {"name": "revision", "value": "$(steps.stage.results.revision)"}],
            "steps": [
                step("stage", "stage-revision", &[("image", V2)]),
                step("check", "check-revision", &[("probe", "/"), ("probe-body", "v2")]),
                step("walk", "walk-traffic", &[("steps", "50,100"), ("dwell", "1s"), ("bake", "1s")])
            ]}}
    }));
    let run = eventually("the TaskRun is over", PIPELINE, || {
        let run = space.get("taskrun", "actions");
        ["True", "False"].contains(&condition(&run, "Succeeded").0.as_str()).then_some(run)
    });
    assert_eq!(condition(&run, "Succeeded").0, "True", "{}", run["status"]);
    assert_eq!(task_result(&run, "outcome").as_deref(), Some("finished"));
    assert_eq!(task_result(&run, "revision").as_deref(), Some("hello-00002"));
    space.answers("hello", "v2", 3);
}

/// The account and the Role of a package in `target`, for runs in `steps`.
fn admit(target: &Space, steps: &Space) {
    for space in [target, steps] {
        install(space, "pipelines/roll-out-image");
    }
    target.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "andante-steps"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "andante-roll-out-image"},
        "subjects": [{"kind": "ServiceAccount", "name": "andante", "namespace": steps.namespace}]
    }));
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_restricted_namespace_admits_a_whole_pipeline() {
    // The sample's own pods are not restricted ones, so the runs have a namespace of their own.
    let (steps, target) = (Space::new("pipe-restricted"), Space::new("pipe-restricted-target"));
    let label = format!("namespace/{}", steps.namespace);
    steps.kubectl(&["label", &label, "pod-security.kubernetes.io/enforce=restricted"]).good();
    admit(&target, &steps);
    target.serve(&sample("hello", "v1"));
    let wish = |image: &str| quick(image).param("namespace", &target.namespace);
    wish(V2).start(&steps, "good").over().good().gives("outcome", "finished");
    target.answers("hello", "v2", 5);

    // Without the right to write: said by its name, and users stay where they are.
    let mut role = target.get("role.rbac.authorization.k8s.io", "andante-roll-out-image");
    for rule in role["rules"].as_array_mut().unwrap() {
        rule["verbs"].as_array_mut().unwrap().retain(|verb| verb != "patch");
    }
    role["metadata"] = json!({"name": "andante-roll-out-image"});
    target.apply(&role);
    let run = wish(V3).start(&steps, "denied");
    let over = run.over().bad();
    assert!(over.result("roll-out").unwrap().contains("patch"), "{:?}", over.result("roll-out"));
    assert_eq!(exit_code(&run.task("roll-out").unwrap()), Some(20));
    target.answers("hello", "v2", 5);
}

/// A setting of Tekton for as long as this lives; nobody else's tests cancel runs meanwhile.
struct Setting<'a> {
    space: &'a Space,
    name: &'static str,
}

impl<'a> Setting<'a> {
    fn new(space: &'a Space, name: &'static str) -> Self {
        Self::set(space, name, "true");
        Self { space, name }
    }

    fn set(space: &Space, name: &str, value: &str) {
        let patch = json!({"data": {name: value}}).to_string();
        let mut kubectl = space.cluster.kubectl();
        kubectl.args(["-n", "tekton-pipelines", "patch", "configmap", "feature-flags", "--type=merge", "-p", &patch]);
        assert!(kubectl.output().unwrap().status.success(), "{name}={value}");
    }
}

impl Drop for Setting<'_> {
    fn drop(&mut self) {
        Self::set(self.space, self.name, "false");
    }
}

/// With this setting a cancelled step gets SIGKILL, and a plain cancel runs no `finally`: nothing of ours hears of it.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_run_that_ends_without_a_word_is_told_of_and_taken_over() {
    let space = place("pipe-silent", "pipelines/roll-out-image");
    let setting = Setting::new(&space, "keep-pod-on-cancel");
    // The controller has to hear of the setting.
    std::thread::sleep(std::time::Duration::from_secs(5));
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
    space.andante(&["status", "hello"]).says("the run that holds it is done or gone");
    // The next run takes over what was left, and ends it.
    quick(V3).start(&space, "next").over().good().gives("outcome", "finished").says("taking over");
    space.answers("hello", "v3", 5);
    // Or a person does.
    let setting = Setting::new(&space, "keep-pod-on-cancel");
    std::thread::sleep(std::time::Duration::from_secs(5));
    let run = slow(V2).start(&space, "silent-again");
    served_becomes(&space, "hello", "50");
    run.end("Cancelled");
    run.over().bad();
    drop(setting);
    space.andante(&["settle", "hello"]).ended(0);
    space.answers("hello", "v3", 5);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_kubelet_that_restarts_disturbs_no_walk() {
    let space = place("pipe-kubelet", "pipelines/roll-out-image");
    let run = roll_out(V2, "50,100", "20s").start(&space, "kubelet");
    served_becomes(&space, "hello", "hello-00002 50");
    let mut restart = std::process::Command::new("tests/testbed/cluster");
    assert!(restart.args(["restart", "kubelet"]).status().unwrap().success());
    run.over().good().gives("outcome", "finished");
    space.answers("hello", "v2", 5);
}
