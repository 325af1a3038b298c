//! The template follows users back (`--restore-template`), on a real Knative, under load: the next edit begins from what serves, and
//! nobody meets the rejected candidate again.

use super::support::*;
use serde_json::{Value, json};
use std::time::Duration;

const BAD: [&str; 7] =
    ["roll-out", "hello", "--image", "dev.local/andante-sample:crash", "--grace", "2s", "--restore-template"];
const V2: [&str; 4] = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];
const WALK: [&str; 9] =
    ["walk", "hello", "--steps", "50,100", "--dwell", "10m", "--deadline", "50m", "--restore-template"];
const SETTLE: [&str; 3] = ["settle", "hello", "--restore-template"];
const NAMED_BACK: &str = "hello-00001 100, hello-00002 0 #candidate";

fn image(space: &Space) -> String {
    let image = &space.service("hello")["spec"]["template"]["spec"]["containers"][0]["image"];
    image.as_str().unwrap().to_owned()
}

/// Latest is followed, and that is this revision.
fn follows(space: &Space, revision: &str) {
    assert_eq!(space.split("hello"), "latest 100");
    let on = |traffic: &Value| {
        let all = traffic.as_array().into_iter().flatten().find(|target| target["percent"] == 100);
        all.is_some_and(|target| target["revisionName"] == revision)
    };
    eventually("it is served", LONG, || on(&space.service("hello")["status"]["traffic"]).then_some(()));
}

/// Nobody followed latest before that was this revision.
fn never_followed_another(watch: &Watch, revision: &str, from: i64) {
    for seen in watch.seen() {
        let follows = seen.object["spec"]["traffic"].as_array().into_iter().flatten();
        let follows = follows.into_iter().any(|t| t["latestRevision"] == true && t["percent"] == 100);
        let ours = seen.object["metadata"]["generation"].as_i64() > Some(from);
        let ready = &seen.object["status"]["latestReadyRevisionName"];
        assert!(!ours || !follows || ready == revision, "{}", seen.object);
    }
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_bad_release_goes_back_with_its_template_and_latest_is_followed_again() {
    let space = Space::new("restore");
    space.serve(&sample("hello", "v1"));
    let (before, watch) = (space.generation("hello"), space.watch("hello"));
    let load = Load::start(&space, &["hello"], 20, Duration::from_secs(120));
    let end = space.andante(&BAD).ended(11);
    end.says("the template is put back to what hello-00001 runs")
        .says("the template was put back to what hello-00003 runs, and latest, which is hello-00003, is followed again")
        .ends_with("traffic now: latest 100 %");
    follows(&space, "hello-00003");
    let hits = load.stop();
    assert!(hits.iter().all(|hit| hit.is_good() && hit.version.as_deref() == Some("v1")), "{}", summary(&hits));
    // Staged, back, the template, and latest.
    assert_eq!(space.generation("hello"), before + 4);
    never_followed_another(&watch, "hello-00003", before);
    assert!(image(&space).ends_with(":v1"), "{}", image(&space));
    let record = space.record("hello");
    assert_eq!((&record["phase"], &record["outcome"]), (&json!("rolled-back"), &json!("never-ready")), "{record}");
    // The bad one stays rejected; `finally` finds how it ended; the next edit begins from what serves, and reaches users.
    let before = space.generation("hello");
    space.andante(&BAD).ended(17);
    space.andante(&SETTLE).ended(0).says("the template was put back");
    assert_eq!(space.generation("hello"), before);
    let v2 = json!({"spec": {"template": {"spec": {"containers": [{"image": "dev.local/andante-sample:v2"}]}}}});
    space.merge("ksvc", "hello", &v2).good();
    follows(&space, "hello-00004");
    space.answers("hello", "v2", 5);
}

/// Half of the users are on the candidate when a person aborts: none of them meets it again.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_aborted_walk_takes_users_back_first_and_the_template_after_them() {
    let space = Space::new("restore-walk");
    space.serve(&sample("hello", "v1"));
    space.start_as("run", &V2).wait(LONG).ended(0);
    let mut walk = space.start_as("run", &WALK);
    walk.line("step 1 of 2 is served", LONG);
    let (before, watch) = (space.generation("hello"), space.watch("hello"));
    space.andante(&["control", "abort", "hello"]).ended(0);
    served_becomes(&space, "hello", "hello-00001 100");
    let load = Load::start(&space, &["hello"], 20, Duration::from_secs(120));
    walk.wait(LONG).ended(15).says("is followed again");
    follows(&space, "hello-00003");
    let hits = load.stop();
    assert!(hits.iter().all(|hit| hit.is_good() && hit.version.as_deref() == Some("v1")), "{}", summary(&hits));
    // Back, the template, and latest: three writes, in that order.
    assert_eq!(space.generation("hello"), before + 3);
    never_followed_another(&watch, "hello-00003", before);
    let mut templates: Vec<(bool, bool)> = vec![];
    for seen in watch.seen() {
        let image = seen.object["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap();
        let back = seen.object["spec"]["traffic"][0]["percent"] == 100;
        let state = (back, image.ends_with(":v1"));
        if templates.last() != Some(&state) {
            templates.push(state);
        }
    }
    assert_eq!(templates, [(false, false), (true, false), (true, true)]);
}

/// What somebody edits in between is theirs, for the walk and for `settle`.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn what_somebody_edited_since_is_kept() {
    let space = Space::new("restore-edit");
    space.serve(&sample("hello", "v1"));
    space.start_as("run", &V2).wait(LONG).ended(0);
    let mut walk = space.start_as("run", &WALK);
    walk.line("step 1 of 2 is served", LONG);
    let theirs = json!({"spec": {"template": {"spec": {"timeoutSeconds": 77}}}});
    space.merge("ksvc", "hello", &theirs).good();
    walk.line("changed the template", LONG);
    space.andante(&["control", "abort", "hello"]).ended(0);
    walk.wait(LONG).ended(15).says("the template is left as");
    space.andante(&SETTLE).ended(0).says("the template is left as");
    let template = space.service("hello")["spec"]["template"].clone();
    assert_eq!(template["spec"]["timeoutSeconds"], 77, "{template}");
    assert!(image(&space).ends_with(":v2"), "{}", image(&space));
    assert_eq!(space.split("hello"), NAMED_BACK);
    space.answers("hello", "v1", 5);
}

/// Killed at the write that takes users back and at the two after it, before and after: the same run goes on.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_killed_at_the_way_back_at_the_template_and_at_latest() {
    killed_at_each_write("restore-kill", |space, proxy, when, point| {
        let mut walk = proxy.andante(space, "run", &WALK);
        walk.line("step 1 of 2 is served", LONG);
        // Dry runs tell the goal, and are no writes; without a goal there is none.
        let gate = proxy.hold(when, point);
        space.andante(&["control", "abort", "hello"]).ended(0);
        gate.reached(LONG);
        assert_eq!(walk.kill().code, -1, "killed");
        gate.shut();
        proxy.behave();
        proxy.andante(space, "run", &WALK).wait(LONG).ended(15)
    });
}

/// The same of `settle`, after a walk that is gone for good.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_settling_killed_at_the_way_back_at_the_template_and_at_latest() {
    killed_at_each_write("settle-kill", |space, proxy, when, point| {
        let mut walk = space.start_as("run", &WALK);
        walk.line("step 1 of 2 is served", LONG);
        walk.kill();
        let gate = proxy.hold(when, point);
        let settle = proxy.andante(space, "run", &SETTLE);
        gate.reached(LONG);
        assert_eq!(settle.kill().code, -1, "killed");
        gate.shut();
        proxy.behave();
        proxy.andante(space, "run", &SETTLE).wait(LONG).ended(0)
    });
}

/// `kills` brings half of the users to a candidate, kills what goes back at that write, and runs it again.
#[track_caller]
fn killed_at_each_write(test: &str, kills: impl Fn(&Space, &FaultProxy, When, Point) -> Ran) {
    for (write, point) in (1..=3).flat_map(|write| [(write, Point::Before), (write, Point::After)]) {
        let space = Space::new(&format!("{test}-{write}-{}", if point == Point::Before { "before" } else { "after" }));
        space.serve(&sample("hello", "v1"));
        space.start_as("run", &V2).wait(LONG).ended(0);
        let proxy = FaultProxy::start();
        kills(&space, &proxy, When::next("patch").nth(write), point).says("is followed again");
        follows(&space, "hello-00003");
        assert!(image(&space).ends_with(":v1"), "{}", image(&space));
        assert_eq!(space.list("revisions", "serving.knative.dev/service=hello").len(), 3, "one was made of it");
        space.answers("hello", "v1", 5);
    }
}

/// A walk that is killed for good, and one that a pipeline's end terminates: `settle` does all of it.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_settling_puts_the_template_back_too() {
    let space = Space::new("restore-settle");
    space.serve(&sample("hello", "v1"));
    space.start_as("run", &V2).wait(LONG).ended(0);
    let mut walk = space.start_as("run", &WALK);
    walk.line("step 1 of 2 is served", LONG);
    walk.signal("TERM");
    let ended = walk.wait(LONG);
    assert!([19, 22].contains(&ended.code), "a busy Knative confirms it later: {}", ended.whole());
    ended.says("--restore-template` puts it back");
    assert_eq!(space.split("hello"), NAMED_BACK);
    assert!(image(&space).ends_with(":v2"), "{}", image(&space));
    space.start_as("run", &SETTLE).wait(LONG).ended(0).says("is followed again");
    follows(&space, "hello-00003");
    assert!(image(&space).ends_with(":v1"), "{}", image(&space));
    space.answers("hello", "v1", 5);
    space.andante(&["settle", "hello", "--to", "candidate", "--restore-template"]).ended(2).says("is for a way back");
}

/// In care the template goes back and users stay by name; it is no new goal, and the rejected one again is no new candidate.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_in_care_the_goal_that_was_rejected_stays_so() {
    let space = Space::new("restore-care");
    space.serve(&sample("hello", "v1"));
    space.andante(&["adopt", "hello", "--pipeline", "build-it"]).ended(0);
    let goal = |space: &Space| -> String {
        let ran = space.andante(&["goal", "hello", "--output", "json"]).ended(0);
        let told: Value = serde_json::from_str(ran.last()).unwrap();
        told["id"].as_str().unwrap().to_owned()
    };
    let status = |space: &Space| -> Value {
        let text = space.service("hello")["metadata"]["annotations"]["andante.dev/goal-status"].clone();
        serde_json::from_str(text.as_str().unwrap()).unwrap()
    };
    let stable = goal(&space);
    let crash = json!({"spec": {"template": {"spec": {"containers": [{"image": "dev.local/andante-sample:crash"}]}}}});
    space.merge("ksvc", "hello", &crash).good();
    let rejected = goal(&space);
    assert_ne!(stable, rejected);
    let newest = [
        "roll-out",
        "hello",
        "--revision",
        "newest",
        "--goal",
        &rejected,
        "--ready-within",
        "30s",
        "--restore-template",
    ];
    let run = |name: &str, goal: &str| {
        let arguments = newest.map(|argument| if argument == rejected { goal } else { argument });
        space.start_as(name, &arguments).wait(LONG)
    };
    // A revision that is not Ready is none that could be taken up, so it is named.
    let named = newest.map(|argument| if argument == "newest" { "hello-00002" } else { argument });
    space.start_as("run", &named).wait(LONG).ended(11).says("the template was put back to what hello-00001 runs");
    assert!(space.split("hello").starts_with("hello-00001 100"), "{}", space.split("hello"));
    assert!(image(&space).ends_with(":v1"), "{}", image(&space));
    assert_eq!((goal(&space), &status(&space)["goal"]), (stable.clone(), &json!(stable)), "no new goal");
    space.andante(&["start", "hello", "--dry-run"]).ended(0).says("was started for this goal of hello");
    // The same run again finds its end.
    run("run", &rejected).ended(11).says("the template was put back");
    space.answers("hello", "v1", 5);
}
