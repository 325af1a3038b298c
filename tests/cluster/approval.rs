//! People approve steps; a wait for them is judged like any other time, and ends.

use super::rights::account;
use super::support::*;
use serde_json::json;
use std::time::Duration;

fn staged(name: &str, environment: &[&str]) -> Space {
    let space = Space::new(name);
    space.serve(&sample("hello", "v1"));
    let mut stage = vec!["stage", "hello", "--image", "dev.local/andante-sample:v2"];
    for variable in environment {
        stage.extend(["--set-env", variable]);
    }
    space.andante(&stage).ended(0);
    space
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_step_waits_for_its_approval_and_goes_on_with_it() {
    let space = staged("approval", &[]);
    let mut walk =
        space.start(&["walk", "hello", "--steps", "20,50,100", "--approve", "50", "--dwell", "1s", "--bake", "1s"]);
    walk.line("waits for approval", LONG);
    let waiting = "hello-00001 80 #stable, hello-00002 20 #candidate";
    // An approval of another rollout, or of another step, is none.
    space.andante(&["control", "approve", "hello", "--step", "3"]);
    holds_for("the walk waits", Duration::from_secs(3), || space.split("hello") == waiting);
    space.andante(&["control", "approve", "hello"]).ended(0);
    let ran = walk.wait(LONG).ended(0).ends_with("finished");
    ran.says("step 2 (50 %) approved by");
    assert_eq!(space.split("hello"), "latest 100");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_nobody_approves_and_users_go_back() {
    let space = staged("unapproved", &[]);
    let walk = ["walk", "hello", "--steps", "20,100", "--approve", "100", "--approval-timeout", "3s", "--dwell", "1s"];
    space.andante(&[&walk[..], &["--bake", "1s"]].concat()).ended(16).ends_with("nobody approved step 2");
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    space.answers("hello", "v1", 5);
    // Nobody said that it is bad: the same image may come again.
    space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v2"]).ended(0);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_candidate_that_dies_while_people_think_is_rolled_back() {
    let space = staged("think", &["CRASH_AFTER=5"]);
    let mut walk = space.start(&[
        "walk",
        "hello",
        "--steps",
        "10,100",
        "--approve",
        "100",
        "--dwell",
        "1s",
        "--bake",
        "1s",
        "--grace",
        "2s",
    ]);
    walk.line("waits for approval", LONG);
    // Requests to its tag kill it again and again.
    eventually("the walk goes back", LONG, || {
        space.ask("candidate-hello");
        walk.lines().iter().any(|(_, line)| line.contains("back to hello-00001")).then_some(())
    });
    walk.wait(LONG).ended(10);
    space.answers("hello", "v1", 10);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn who_may_approve_is_a_matter_of_rights_on_the_service() {
    let space = staged("approver", &[]);
    let mut walk =
        space.start(&["walk", "hello", "--steps", "20,100", "--approve", "100", "--dwell", "1s", "--bake", "1s"]);
    walk.line("waits for approval", LONG);
    let may = |verbs: &[&str]| {
        let mut all = verbs.to_vec();
        all.push("get");
        let rules = json!([{"apiGroups": ["serving.knative.dev"], "resources": ["services"], "verbs": all}]);
        account(&space, &rules)
    };
    let approve = |file: &str| space.andante(&["control", "approve", "hello", "--kubeconfig", file]);
    // Whoever may only look is refused, and told by which right.
    let refused = approve(&may(&[])).ended(20);
    for part in ["stepper may not patch services.serving.knative.dev", "verbs: [\"patch\"]"] {
        assert!(refused.whole().contains(part), "no `{part}` in {}", refused.whole());
    }
    holds_for("the walk waits", Duration::from_secs(3), || space.split("hello").contains("hello-00002 20"));
    // With that one right it counts, and the walk says who it was.
    approve(&may(&["patch"])).ended(0);
    walk.wait(LONG).ended(0).ends_with("finished").says("(100 %) approved by");
    assert_eq!(space.split("hello"), "latest 100");
}
