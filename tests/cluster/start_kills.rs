//! A start that is killed exactly before and exactly after each of its writes, and run again: one run for the goal, and the Service
//! says so, as if it had never been killed.

use super::start::{annotate, place, status};
use super::support::*;
use serde_json::{Value, json};

const START: [&str; 4] = ["start", "hello", "--keep", "1"];

/// Every write of a start that has an older run to cancel and a finished one to delete, in order.
fn writes() -> [(&'static str, When); 5] {
    let noted = || When::next("patch").with("/services/hello?");
    [
        ("its run is named", noted()),
        ("its run is made", When::next("create").with("/pipelineruns?")),
        ("that is noted", noted().nth(2)),
        ("the older run is cancelled", When::next("patch").with("/pipelineruns/")),
        ("a finished run is deleted", When::next("delete").with("/pipelineruns/")),
    ]
}

fn is_over(run: &Value) -> bool {
    ["True", "False"].contains(&condition(run, "Succeeded").0.as_str())
}

fn name(run: &Value) -> &str {
    run["metadata"]["name"].as_str().unwrap()
}

/// All runs of the Service; of a goal alone, if one is named.
fn runs(space: &Space, goal: Option<&Value>) -> Vec<Value> {
    let more = goal.map(|goal| format!(",andante.dev/goal={}", goal.as_str().unwrap())).unwrap_or_default();
    space.list("pipelinerun", &format!("andante.dev/service=hello{more}"))
}

/// A goal of which nobody has heard.
fn declare(space: &Space, note: &str) {
    annotate(space, &format!("andante.dev/params={{note: {note}, sleep: '300'}}"));
}

/// One run works, the one that the Service names, and at least two are over.
fn ready_for_another(space: &Space) -> String {
    let named = status(space)["run"].as_str().unwrap().to_owned();
    for run in runs(space, None).iter().filter(|run| name(run) != named && !is_over(run)) {
        // One that ends meanwhile is over as well, and takes no change any more.
        drop(space.merge("pipelinerun", name(run), &json!({"spec": {"status": "Cancelled"}})));
    }
    eventually("the others are over", LONG, || {
        let over = runs(space, None).iter().filter(|run| is_over(run)).count();
        (over >= 2 && over + 1 == runs(space, None).len()).then_some(())
    });
    named
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_start_killed_at_its_writes_starts_one_run() {
    let space = place("start-kill");
    space.serve(&sample("hello", "v1").annotation("andante.dev/pipeline", "ship-it"));
    space.andante(&["start", "hello"]).ended(0).ends_with("has reached its goal");
    let generation = space.generation("hello");
    for note in ["first", "second", "third"] {
        declare(&space, note);
        space.andante(&START).ended(0).says("started Pipeline ship-it");
    }
    let points = [(Point::Before, "before"), (Point::After, "after")];
    let cases =
        writes().into_iter().flat_map(|(what, when)| points.map(|(point, side)| (what, when.clone(), point, side)));
    for (at, (what, when, point, side)) in cases.enumerate() {
        let case = format!("killed {side} {what}");
        let older = ready_for_another(&space);
        declare(&space, &format!("n{at}"));
        let proxy = FaultProxy::start();
        let gate = proxy.hold(when, point);
        let first = proxy.andante(&space, "run", &START);
        gate.reached(LONG);
        assert_eq!(first.kill().code, -1, "{case}");
        gate.shut();
        proxy.all_went_wrong();
        proxy.behave();
        let again = proxy.andante(&space, "run", &START).wait(LONG).ended(0);
        // Whoever is killed before its run is made makes it the second time.
        let made = at < 3;
        again.says(if made { "started Pipeline ship-it" } else { "was started for this goal of hello, and runs" });
        let said = status(&space);
        let there = runs(&space, Some(&said["goal"]));
        assert_eq!(there.len(), 1, "{case}: {said}");
        assert_eq!((&said["run"], &said["phase"]), (&there[0]["metadata"]["name"], &json!("started")), "{case}");
        assert!(said["made"].is_null(), "{case}: {said}");
        assert!(!is_over(&there[0]) && name(&there[0]) != older, "{case}");
        // Where nothing of it stood there yet, or all of it, the older one is cancelled; else it goes on until it meets the newer
        // goal (`goals_in_a_row`).
        if at == 0 || at > 6 {
            let gone = || space.find("pipelinerun", &older).is_none_or(|run| is_over(&run));
            eventually(&format!("{case}: {older} is cancelled"), LONG, || gone().then_some(()));
        }
        // Asked once more, nothing is made.
        space.andante(&START).ended(0).says("was started for this goal of hello, and runs");
        assert_eq!(runs(&space, Some(&said["goal"])).len(), 1, "{case}");
    }
    // What was not deleted then is now.
    let older = ready_for_another(&space);
    declare(&space, "last");
    let ran = space.andante(&START).ended(0);
    assert!(ran.whole().contains("beyond the newest 1 are deleted"), "{}", ran.whole());
    assert_eq!(runs(&space, None).iter().filter(|run| is_over(run) && name(run) != older).count(), 1);
    assert_eq!(space.generation("hello"), generation, "nothing of it made a revision");
}
