//! The ready-made Pipelines as they are shipped, on the real Tekton: what a user sees, whatever ends a run.

use super::support::*;
use serde_json::{Value, json};

pub(super) const V1: &str = "dev.local/andante-sample:v1";
pub(super) const V2: &str = "dev.local/andante-sample:v2";
pub(super) const V3: &str = "dev.local/andante-sample:v3";
pub(super) const CRASH: &str = "dev.local/andante-sample:crash";

/// A namespace with the Pipeline, and a Service that serves v1.
pub(super) fn place(name: &str, package: &str) -> Space {
    let space = Space::new(name);
    install(&space, package);
    space.serve(&sample("hello", "v1"));
    space
}

/// A run of `roll-out-image` in two short steps.
pub(super) fn quick(image: &str) -> Wish {
    roll_out(image, "50,100", "1s")
}

/// A run that stands at 50 % for long.
pub(super) fn slow(image: &str) -> Wish {
    roll_out(image, "50,100", "10m")
}

pub(super) fn roll_out(image: &str, steps: &str, dwell: &str) -> Wish {
    pipeline(
        "roll-out-image",
        &[("service", "hello"), ("image", image), ("steps", steps), ("dwell", dwell), ("bake", "1s"), ("probe", "/")],
    )
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
    // Tekton writes the messages itself: the run's counts tasks, the task's names the step and its exit code.
    assert!(bad.message.contains("Failed: 1"), "{}", bad.message);
    let told = condition(&task, "Succeeded").2;
    assert!(told.contains("step-roll-out") && told.contains("exited with code 11"), "{told}");
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
    let again = again.gives("outcome", "rejected-before");
    assert!(again.result("message").unwrap().contains("was rolled back at"), "{:?}", again.result("message"));
    // What cannot be read is bad input, and what serves is nothing to do.
    let steps = roll_out(V3, "100,50", "1s").start(&space, "steps").over().bad().gives("outcome", "bad-input");
    assert!(steps.result("message").is_some_and(|m| !m.is_empty()), "{:?}", steps.result("message"));
    // The old image makes the template good again, and latest is followed again.
    let old = quick(V2).start(&space, "old").over().good().gives("outcome", "reverted");
    assert!(old.result("message").unwrap().starts_with("reverted: "), "{:?}", old.result("message"));
    assert_eq!(space.split("hello"), "latest 100");
    space.answers("hello", "v2", 5);
    let same = quick(V2).start(&space, "same").over().good().gives("outcome", "unchanged");
    assert!(same.result("message").unwrap().contains("already serves this"), "{:?}", same.result("message"));
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
    older.over().bad().gives("outcome", "superseded").says("superseded by PipelineRun");
    assert_eq!(exit_code(&older.task("roll-out").unwrap()), Some(13));
    space.answers("hello", "v2", 5);
    let generation = space.generation("hello");
    space.merge("pipelinerun", "oldest", &json!({"spec": {"status": null}})).good();
    oldest.over().bad().gives("outcome", "superseded").says("superseded by PipelineRun");
    assert_eq!(exit_code(&oldest.task("roll-out").unwrap()), Some(13));
    assert_eq!(space.generation("hello"), generation, "an older run wrote");
    space.answers("hello", "v2", 5);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_blue_green_switches_once_and_goes_back_once() {
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
    assert_eq!(over.result("outcome").as_deref(), Some("gate-failed"), "what its task said");
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
        ("watch", "15s"),
        ("steps", "20,100"),
        ("approve", "100"),
        ("dwell", "15s"),
        ("bake", "1s"),
    ];
    let run = pipeline("canary", &params).start(&space, "approved");
    served_becomes(&space, "hello", "hello-00002 20");
    eventually("the walk waits for a person", PIPELINE, || {
        run.log().contains("waits for approval, at most 30m: `andante control approve hello").then_some(())
    });
    // The canary's own share was watched already: a person is asked at once.
    let log = run.log();
    assert!(!log.lines().any(|line| line.starts_with("full: ") && line.contains("dwell")), "{log}");
    // Where people look says it, too, with the command.
    let status = space.andante(&["status", "hello"]).ended(0);
    status.says("andante control approve hello -n ");
    space.andante(&["control", "approve", "hello"]).ended(0);
    run.over().good().gives("outcome", "finished").says("canary: ").says("held at 20 %").says("approved by");
    space.answers("hello", "v2", 5);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_what_is_there_already_ends_well_without_a_walk() {
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
        .gives("outcome", "created");
    space.answers("new", "v1", 3);
}

/// In care a `kubectl patch` reaches nobody; a run that names the Service alone walks what it made, as the Service declares it.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_run_with_an_image_that_is_empty_walks_the_newest_revision() {
    let (space, _care) = in_care("pipe-empty", "care");
    install_with_images(&space, "pipelines/roll-out-image");
    let declare = |params: &str| {
        let annotation = format!("andante.dev/params={{probe: /, bake: 1s, {params}}}");
        space.kubectl(&["annotate", "--overwrite", "ksvc/hello", &annotation]).good();
    };
    let run = |name: &'static str| pipeline("roll-out-image", &[("service", "hello")]).start(&space, name);
    declare("steps: '50,100', dwell: 1s");
    patched(&space, &of_version("v2")).good();
    assert_eq!(space.split("hello"), "hello-00001 100");
    // At once: the revision need not be ready yet.
    let over = run("newest").over().good().gives("outcome", "finished").gives("revision", "hello-00002");
    over.says("as hello declares: --bake=1s --dwell=1s --probe=/ --steps=50,100 --goal=");
    space.answers("hello", "v2", 5);
    run("same").over().good().gives("outcome", "unchanged");
    // What is given to the run goes before what is declared.
    patched(&space, &of_version("v3")).good();
    let given = pipeline("roll-out-image", &[("service", "hello"), ("steps", "20,100"), ("dwell", "10m")]);
    let given = given.start(&space, "given");
    given.serves("hello", "hello-00003 20");
    // Another goal is declared, and this run is of the one that it began with.
    declare("steps: '50,100', dwell: 2s");
    let over = given.over().bad().gives("outcome", "superseded").says("hello declares goal ");
    assert!(over.result("message").unwrap().contains("rolled back"), "{:?}", over.result("message"));
    assert_eq!(exit_code(&given.task("roll-out").unwrap()), Some(13));
    space.answers("hello", "v2", 5);
    // The run that `start` makes is told which goal it is of.
    space.kubectl(&["annotate", "--overwrite", "ksvc/hello", "andante.dev/pipeline=roll-out-image"]).good();
    let goal: Value = serde_json::from_str(space.andante(&["goal", "hello", "-o", "json"]).ended(0).last()).unwrap();
    space.andante(&["start", "hello", "--wait"]).ended(0).ends_with("ended well");
    let started = space.list("pipelinerun", "andante.dev/service=hello").pop().unwrap();
    let told = started["spec"]["params"].as_array().unwrap();
    assert!(told.contains(&json!({"name": "goal", "value": goal["id"]})), "{told:?}");
    assert_eq!(space.record("hello")["goal"]["asked"], goal["id"]);
    space.answers("hello", "v3", 5);
}

/// Pipelines whose tasks are told by other names, and have defaults of their own.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_what_is_declared_reaches_each_task_of_a_pipeline() {
    let space = Space::new("pipe-declared");
    install(&space, "pipelines/canary");
    install(&space, "pipelines/blue-green");
    let params = "{first: '10', watch: 2s, steps: '10,60,100', dwell: 1s, bake: 2s, probe: /, probe-body: v2}";
    let hello = sample("hello", "v1").annotation("andante.dev/pipeline", "canary");
    space.serve(&hello.annotation("andante.dev/params", params));
    let watch = space.watch("hello");
    let run = pipeline("canary", &[("service", "hello"), ("image", V2)]).start(&space, "canary");
    let over = run.over().good().gives("outcome", "finished");
    // The first one stops at its own share, and the second one goes on in the same goal.
    let declared = "as hello declares: --steps=10 --to=10 --probe=/ --probe-body=v2 --dwell=2s --goal=";
    let over = over
        .says(declared)
        .says("as hello declares: --bake=2s --dwell=1s --probe=/ --probe-body=v2 --steps=10,60,100 --goal=");
    let shares = watch.values(|object| share(&object["spec"]["traffic"], "hello-00002"));
    assert!([10, 60, 100].iter().all(|wanted| shares.contains(&Some(*wanted))), "{shares:?}");
    assert_eq!(over.result("revision").as_deref(), Some("hello-00002"));
    let goal = space.record("hello")["goal"].clone();
    assert!(goal["asked"].is_string(), "{goal}");
    // Green must say what is declared, which v3 does not.
    let run = pipeline("blue-green", &[("service", "hello"), ("image", V3)]).start(&space, "green");
    let over = run.over().bad();
    assert_eq!(exit_code(&run.task("prove").unwrap()), Some(25), "{}", over.log);
    space.answers("hello", "v2", 5);
}
