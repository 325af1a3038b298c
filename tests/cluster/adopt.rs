//! Into care and out of it on a real Knative: nobody is moved, nothing is started, and the owner's shape comes back.

use super::rights::account;
use super::support::*;
use serde_json::{Value, json};

const ADOPT: [&str; 6] = ["adopt", "hello", "--pipeline", "ship-it", "--param", "note=a"];
const QUICK: [&str; 4] = ["--style", "all-at-once", "--bake", "1s"];

fn status(space: &Space) -> Value {
    serde_json::from_str(&annotation(space, "andante.dev/goal-status")).unwrap()
}

/// A candidate that crashes at its start is rolled back, and the template is its.
fn roll_back(space: &Space, name: &str) {
    space.andante(&["roll-out", name, "--image", "dev.local/andante-sample:crash", "--grace", "2s"]).ended(11);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn adopting_moves_nobody_and_starts_nothing() {
    let space = Space::new("adopt");
    space.serve(&sample("hello", "v1"));
    space.serve(&sample("control", "v1"));
    let before = space.generation("hello");
    // Every fault at once, and a dry run: nothing is written.
    let faults = space.andante(&["adopt", "hello", "--pipeline", "A b", "--traffic", "0"]).ended(2);
    assert!(
        faults.last().contains("pipeline is `A b`") && faults.last().contains("traffic is `0`"),
        "{}",
        faults.last()
    );
    let dry = space.andante(&[&ADOPT[..], &["--dry-run"]].concat()).ended(0);
    dry.says("andante.dev/pipeline: absent -> `ship-it`").says("spec.traffic: latest 100 % -> hello-00001 100 %");
    assert_eq!((space.generation("hello"), ours(&space, "hello")), (before, vec![]));

    let load = Load::start(&space, &["hello", "control"], 20, LONG);
    space.andante(&ADOPT).ended(0).ends_with("nobody was moved, and nothing is started");
    assert_eq!((space.generation("hello"), space.split("hello")), (before + 1, "hello-00001 100".to_owned()));
    space.andante(&ADOPT).ended(0).ends_with("there is nothing to do");
    assert_eq!(space.generation("hello"), before + 1);
    space.andante(&["start", "hello"]).ended(0).ends_with("has reached its goal");
    assert!(space.list("pipelinerun", "andante.dev/service=hello").is_empty());
    // An edit reaches nobody, and is another goal.
    let adopted = status(&space);
    assert_eq!(
        (&adopted["phase"], annotation(&space, "andante.dev/params")),
        (&json!("reached"), "{\"note\":\"a\"}".to_owned())
    );
    patched(&space, &of_version("v2")).good();
    space.ready("hello-00002");
    let goal: Value = serde_json::from_str(space.andante(&["goal", "hello", "-o", "json"]).ended(0).last()).unwrap();
    assert_ne!(goal["id"], adopted["goal"]);
    let hits = load.stop();
    nobody_saw(&whole(&hits, "hello"), "v2");
    no_error_of_ours(&hits, "hello", "control");
    // What waits would serve if latest were followed.
    space.andante(&["detach", "hello"]).ended(3).ends_with("--leave-pinned");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn after_a_finished_rollout_detaching_gives_latest_back() {
    let space = Space::new("detach");
    space.serve(&sample("hello", "v1"));
    space.andante(&ADOPT).ended(0);
    space.stage("hello", "v2");
    space.andante(&["detach", "hello"]).ended(18).ends_with("andante control abort hello");
    space.andante(&[&["walk", "hello"], &QUICK[..]].concat()).ended(0).ends_with("traffic now: hello-00002 100 %");
    space.andante(&["detach", "hello"]).ended(0).ends_with("traffic now: latest 100 %");
    assert_eq!((space.split("hello"), ours(&space, "hello")), ("latest 100".to_owned(), vec![]));
    space.andante(&["detach", "hello"]).ended(0).ends_with("traffic now: latest 100 %").says("there is nothing to do");
    space.answers("hello", "v2", 5);
    // Everything is as Knative does it.
    patched(&space, &of_version("v3")).good();
    space.answers("hello", "v3", 5);
}

/// The annotation alone puts it into care, and no policy is there: whatever a rollout ends with, the next template reaches nobody
/// until it is rolled out. Out of care latest is followed again.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_in_care_every_end_is_by_name_and_detach_gives_latest_back() {
    let space = Space::new("by-name");
    let preview =
        json!([{"latestRevision": true, "percent": 100}, {"latestRevision": true, "percent": 0, "tag": "preview"}]);
    space.serve(&sample("hello", "v1").traffic(preview));
    space.kubectl(&["annotate", "ksvc", "hello", "andante.dev/pipeline=ship-it"]).good();
    let ends = |words: &[&str], leaves: &str| {
        let ran = space.andante(&[&["roll-out", "hello", "--grace", "2s"], words, &QUICK[..]].concat()).ended(0);
        assert_eq!(space.split("hello"), format!("{leaves} 100, latest 0 #preview"), "{}", ran.whole());
        space.settled("hello");
        ran
    };
    let image = |version: &str| format!("dev.local/andante-sample:{version}");
    // What serves already, a walk, and what somebody's edit made meanwhile.
    ends(&["--image", &image("v1")], "hello-00001").says("by name from now on");
    let told = "hello is in care; `andante detach hello";
    ends(&["--image", &image("v2")], "hello-00002").ends_with(told);
    patched(&space, &of_version("v3")).good();
    space.ready("hello-00003");
    space.settled("hello");
    space.answers("hello", "v2", 5);
    ends(&["--revision", "newest"], "hello-00003").ends_with(told);
    // A way back, and the template that is put back after it.
    roll_back(&space, "hello");
    space.andante(&["detach", "hello"]).ended(3).says("--restore-template");
    ends(&["--image", &image("v3")], "hello-00005").ends_with(told);
    space.answers("hello", "v3", 5);
    space.andante(&["detach", "hello"]).ended(0).ends_with("traffic now: latest 100 %, latest 0 % (tag preview)");
    assert_eq!(ours(&space, "hello"), Vec::<String>::new());
    patched(&space, &of_version("v1")).good();
    space.answers("hello", "v1", 5);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_where_users_would_be_moved_the_template_is_put_back_first() {
    let space = Space::new("detach-restore");
    space.serve(&sample("hello", "v1"));
    space.andante(&ADOPT).ended(0);
    roll_back(&space, "hello");
    let (split, before) = (space.split("hello"), space.generation("hello"));
    space.andante(&["detach", "hello"]).ended(3).says("--restore-template").says("--leave-pinned");
    assert_eq!((space.split("hello"), space.generation("hello")), (split, before), "nothing was written");
    let watch = space.watch("hello");
    let load = Load::start(&space, &["hello"], 20, LONG);
    space.andante(&["detach", "hello", "--restore-template"]).ended(0).ends_with("traffic now: latest 100 %");
    assert!(load.stop().iter().all(Hit::is_good), "somebody was not answered");
    assert_eq!(ours(&space, "hello"), Vec::<String>::new());
    space.answers("hello", "v1", 5);
    // Nobody is on latest before that is what serves.
    for seen in watch.seen() {
        let follows = seen.object["spec"]["traffic"].as_array().unwrap().iter();
        let follows = follows.into_iter().any(|t| t["latestRevision"] == true && t["percent"] == 100);
        let ready = &seen.object["status"]["latestReadyRevisionName"];
        assert!(!follows || ready == "hello-00003", "{}", seen.object);
    }
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_policies_let_both_through_and_nothing_is_left() {
    let (space, _care) = in_care("adopt-care", "care");
    let mixed =
        json!([{"latestRevision": true, "percent": 100}, {"latestRevision": true, "percent": 0, "tag": "preview"}]);
    space.serve(&sample("mine", "v1").traffic(mixed));
    let adopt = ["adopt", "mine", "--pipeline", "slow-walk"];
    space.andante(&adopt).ended(0);
    assert_eq!(space.split("mine"), "mine-00001 100, latest 0 #preview");
    space.settled("mine");
    let patch = of_version("v2").to_string();
    space.kubectl(&["patch", "ksvc", "mine", "--type=merge", "--field-manager=kims-editor", "-p", &patch]).good();
    space.ready("mine-00002");
    space.andante(&[&["roll-out", "mine", "--revision", "newest"], &QUICK[..]].concat()).ended(0);
    assert_eq!(space.split("mine"), "mine-00002 100, latest 0 #preview");
    space.answers("mine", "v2", 3);
    space
        .andante(&["detach", "mine"])
        .ended(0)
        .ends_with("nobody was moved; traffic now: latest 100 %, latest 0 % (tag preview)");
    assert_eq!(ours(&space, "mine"), Vec::<String>::new(), "no mark of a broken glass either");
    // The other way out, of a Service that was declared by hand and pinned by the policies.
    roll_back(&space, "hello");
    space.andante(&["detach", "hello"]).ended(3);
    space
        .andante(&["detach", "hello", "--leave-pinned"])
        .ended(0)
        .ends_with("a new template reaches nobody until traffic is changed, too");
    assert_eq!((space.split("hello"), ours(&space, "hello")), ("hello-00001 100".to_owned(), vec![]));
    space.answers("hello", "v1", 3);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn whoever_may_not_declare_neither_adopts_nor_detaches() {
    let (space, care) = in_care("adopt-rights", "care");
    space.serve(&sample("mine", "v1"));
    let rules = json!([{"apiGroups": ["serving.knative.dev"], "resources": ["services", "revisions"],
        "verbs": ["get", "list", "watch", "patch"]}]);
    let file = account(&space, &rules);
    let run = |arguments: &[&str]| space.andante(&[arguments, &["--kubeconfig", &file]].concat());
    let adopt = ["adopt", "mine", "--pipeline", "slow-walk"];
    run(&adopt).ended(20).says("may not declare");
    assert_eq!(ours(&space, "mine"), Vec::<String>::new());
    space
        .kubectl(&[
            "create",
            "rolebinding",
            "declare",
            "--clusterrole",
            &care.role,
            "--serviceaccount",
            &format!("{}:stepper", space.namespace),
        ])
        .good();
    eventually("the right is seen", SHORT, || (run(&adopt).code == 0).then_some(()));
    space.kubectl(&["delete", "rolebinding", "declare"]).good();
    eventually("the right is gone", SHORT, || {
        let dry = json!({"metadata": {"annotations": {"andante.dev/params": "{}"}}}).to_string();
        let done = space.kubectl(&[
            "patch",
            "ksvc",
            "mine",
            "--type=merge",
            "--dry-run=server",
            "-p",
            &dry,
            "--as",
            &format!("system:serviceaccount:{}:stepper", space.namespace),
        ]);
        done.err.contains("may not declare").then_some(())
    });
    run(&["detach", "mine"]).ended(20);
    assert_eq!(space.split("mine"), "mine-00001 100");
}
