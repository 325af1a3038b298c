//! People at a running rollout: they see where it is, stop it, speed it up, send it back; and see beforehand what it
//! will write.

use super::support::*;
use serde_json::{Value, json};
use std::time::Duration;

/// A walk that would stay at 20 % for a long time, once it is there.
fn walking(name: &str) -> (Space, Running) {
    let space = Space::new(name);
    space.serve(&sample("hello", "v1"));
    space.stage("hello", "v2");
    let mut walk =
        space.start(&["walk", "hello", "--steps", "20,50,100", "--dwell", "10m", "--bake", "2s", "--deadline", "50m"]);
    walk.line("step 1 of 3 is served", LONG);
    (space, walk)
}

#[track_caller]
fn status(space: &Space) -> Value {
    let ran = space.andante(&["status", "hello", "--output", "json"]).ended(0);
    serde_json::from_str(ran.last()).unwrap()
}

/// `abort`: back at once, its own exit code, the same candidate refused next time.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_person_aborts_and_users_are_back_at_once() {
    let (space, walk) = walking("abort");
    space.andante(&["control", "abort", "hello"]).ended(0);
    walk.wait(LONG).ended(15).ends_with("aborted by");
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    space.answers("hello", "v1", 10);
    // There is nothing left to steer, and that is said.
    assert_eq!(space.andante(&["control", "abort", "hello"]).code, 3);
    space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v2"]).ended(17).ends_with("--again");
}

/// `pause` holds, `promote` goes on without dwelling, but not before `resume`; `status` tells all along.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_person_pauses_resumes_and_promotes() {
    let (space, mut walk) = walking("promote");
    let seen = status(&space);
    assert_eq!((&seen["rollout"]["progress"]["percent"], &seen["serving"]["served"]), (&json!(20), &json!(true)));
    space.andante(&["control", "pause", "hello"]).ended(0);
    walk.line("paused by", LONG);
    space.andante(&["control", "promote", "hello"]).ended(0);
    let paused = "hello-00001 80 #stable, hello-00002 20 #candidate";
    holds_for("a pause is a pause", Duration::from_secs(2), || space.split("hello") == paused);
    assert!(status(&space)["rollout"]["requests"]["pause"].is_object());
    space.andante(&["control", "resume", "hello"]).ended(0);
    walk.wait(LONG).ended(0).ends_with("finished");
    assert_eq!(space.split("hello"), "latest 100");
    let seen = status(&space);
    assert_eq!((&seen["rollout"]["phase"], &seen["rollout"]["open"]), (&json!("finished"), &json!(false)));
}

/// After Ctrl-C nobody walks: `status` says so, `control` says so and what acts, and the next walk obeys what was asked.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_after_ctrl_c_nobody_is_said_to_walk() {
    let (space, walk) = walking("ctrl-c");
    walk.signal("INT");
    walk.wait(LONG).ended(19).ends_with("stopped by Ctrl-C");
    space
        .andante(&["status", "hello"])
        .ended(0)
        .says("is held, step 1 of 3 (20 %): stopped by Ctrl-C")
        .never_says("due");
    let asked = space.andante(&["control", "abort", "hello"]).ended(27);
    for acts in ["nobody walks at the moment", "`andante walk hello", "`andante settle hello"] {
        assert!(asked.last().contains(acts), "{}", asked.last());
    }
    assert_eq!(space.split("hello"), "hello-00001 80 #stable, hello-00002 20 #candidate");
    space.andante(&["walk", "hello", "--steps", "20,50,100", "--dwell", "10m"]).ended(15).ends_with("aborted by");
    space.answers("hello", "v1", 5);
}

/// After an edit that ended the walk no step is due.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_after_a_foreign_edit_no_step_is_due() {
    let (space, walk) = walking("edited-status");
    let traffic = json!({"spec": {"traffic": [{"revisionName": "hello-00001", "percent": 100}]}});
    space.merge("services.serving.knative.dev", "hello", &traffic).good();
    walk.wait(LONG).ended(14);
    space
        .andante(&["status", "hello"])
        .ended(0)
        .says("was walking, step 1 of 3 (20 %), and nobody goes on")
        .never_says("due");
    assert_eq!(status(&space)["rollout"]["edit"]["of"], "traffic");
    let asked = space.andante(&["control", "promote", "hello"]);
    assert!(asked.code == 27 && asked.err.contains("`andante settle hello"), "{}", asked.whole());
}

/// A Service that is copied with its annotations has a record of another one: no walk goes on there.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_the_record_of_a_service_that_was_made_anew_is_no_walk() {
    let (space, walk) = walking("anew");
    let old = space.service("hello");
    walk.kill();
    space.kubectl(&["delete", "services.serving.knative.dev", "hello", "--wait"]).good();
    let record = old["metadata"]["annotations"]["andante.dev/rollout"].as_str().unwrap();
    space.serve(&sample("hello", "v1").annotation("andante.dev/rollout", record));
    space.andante(&["status", "hello"]).ended(0).says("made the Service anew").never_says("due");
    let generation = space.generation("hello");
    space.andante(&["walk", "hello", "--steps", "20,50,100", "--dwell", "10m"]).ended(14);
    assert_eq!(space.generation("hello"), generation, "nothing was written");
    space.answers("hello", "v1", 5);
}

/// What was over before is not the end that is waited for; and a watch that breaks off is no news.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_watch_until_done_waits_for_the_next_rollout_and_is_not_disturbed() {
    let space = Space::new("until-done");
    space.serve(&sample("hello", "v1"));
    space.stage("hello", "v2");
    space.andante(&["walk", "hello", "--style", "all-at-once", "--bake", "1s"]).ended(0);
    let proxy = FaultProxy::start();
    let mut watch = proxy.andante(&space, "run", &["watch", "hello", "--until-done"]);
    watch.line("finished", LONG);
    proxy.inject(When::next("watch").times(4), Fault::Answer(429));
    proxy.cut_watches();
    space.stage("hello", "v3");
    let mut walk = space.start(&["walk", "hello", "--steps", "20,100", "--dwell", "10m"]);
    walk.line("step 1 of 2 is served", LONG);
    space.andante(&["control", "abort", "hello"]).ended(0);
    walk.wait(LONG).ended(15);
    let watched = watch.wait(LONG).ended(15);
    let waits = "andante: no rollout is open on hello; the next one is waited for\n";
    assert_eq!(watched.err, waits, "nothing else is in the live view");
    // One that is named is meant although it is over.
    let id = space.record("hello")["id"].as_str().unwrap().to_owned();
    space.andante(&["watch", "hello", "--until-done", "--rollout", &id]).ended(15);
}

/// Whoever asks for a Service in the wrong namespace is not told to make it there.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_service_that_is_not_there_is_asked_for_elsewhere() {
    let space = Space::new("elsewhere");
    for command in [&["status"][..], &["watch"], &["control", "abort"], &["plan"]] {
        let ran = space.andante(&[command, &["hello"]].concat());
        assert_eq!(ran.code, 3, "{}", ran.whole());
        assert!(ran.err.contains("check name and namespace") && !ran.err.contains("stage"), "{}", ran.whole());
    }
}

/// `plan` writes nothing, and what it shows is what is written.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn the_plan_shows_every_split_that_is_then_written_and_writes_nothing() {
    let space = Space::new("plan");
    space.serve(&sample("hello", "v1"));
    space.serve(&sample("hello", "v2").traffic(json!([
        {"latestRevision": true, "percent": 80},
        {"revisionName": "hello-00001", "percent": 20, "tag": "old"}
    ])));
    let before = space.service("hello");
    let steps = ["--steps", "10,50,100", "--dwell", "1s", "--bake", "1s"];
    let plan = space.andante(&[&["plan", "hello", "--output", "json"], &steps[..]].concat()).ended(0);
    let plan: Value = serde_json::from_str(plan.last()).unwrap();
    assert_eq!(space.service("hello"), before);
    let planned: Vec<String> = plan["moves"].as_array().unwrap().iter().map(|step| words(&step["traffic"])).collect();

    let watch = space.watch("hello");
    space.stage("hello", "v3");
    space.andante(&[&["walk", "hello"], &steps[..]].concat()).ended(0);
    let written = watch.values(|service| split(&service["spec"]["traffic"]));
    assert_eq!(written[1..], planned);

    // Without a cluster, from a file.
    let file = space.file("before.json", &before.to_string());
    let ran = space.andante(&[&["plan", "hello", "--file", &file, "--kubeconfig", "/nowhere"], &steps[..]].concat());
    ran.ended(0).says("hello-00002 40 % (tag stable)");
}

/// A planned split in the words of [`split`].
fn words(traffic: &Value) -> String {
    let one = |entry: &Value| {
        let revision = entry["revision"].as_str().unwrap().replace("<hello-new>", "hello-00003");
        let tag = entry["tag"].as_str().map(|t| format!(" #{t}")).unwrap_or_default();
        format!("{revision} {}{tag}", entry["percent"])
    };
    traffic.as_array().unwrap().iter().map(one).collect::<Vec<_>>().join(", ")
}
