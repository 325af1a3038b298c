//! What a Service names is started: once for each goal, whoever asks and whatever is killed meanwhile.

use super::rights::account;
use super::support::*;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub(super) const STATUS: &str = "andante.dev/goal-status";

/// A Pipeline of one short task that ends with the code it is given, under the account that the shipped rows name.
pub(super) fn place(name: &str) -> Space {
    let space = Space::new(name);
    space.kubectl(&["create", "serviceaccount", "andante"]).good();
    let params = json!([{"name": "service"}, {"name": "code", "default": "0"}, {"name": "note", "default": ""}, {"name": "sleep", "default": "0"},
        {"name": "andante-goal", "default": ""}]);
    let script =
        "#!/bin/sh\necho \"$(params.service) $(params.andante-goal)\"\nsleep $(params.sleep)\nexit $(params.code)\n";
    let step = json!({"name": "step", "image": "dev.local/andante-shell:v1", "script": script});
    space.apply(&json!({"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "metadata": {"name": "ship-it"},
        "spec": {"params": params, "tasks": [{"name": "task", "taskSpec": {"steps": [step]}}]}}));
    space
}

pub(super) fn annotate(space: &Space, annotation: &str) {
    space.kubectl(&["annotate", "--overwrite", "ksvc/hello", annotation]).good();
}

/// The runs of the Service, by name.
pub(super) fn runs(space: &Space, kind: &str) -> Vec<String> {
    let mut names: Vec<String> = space
        .list(kind, "andante.dev/service=hello")
        .iter()
        .map(|run| run["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// What stands in goal-status.
#[track_caller]
pub(super) fn status(space: &Space) -> Value {
    let service = space.service("hello");
    let text = service["metadata"]["annotations"][STATUS].as_str().unwrap_or_else(|| panic!("no {STATUS}"));
    serde_json::from_str(text).unwrap()
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_declared_goal_is_started_once() {
    let space = place("start");
    space.serve(&sample("hello", "v1"));
    let generation = space.generation("hello");
    space.andante(&["start", "hello"]).ended(0).ends_with("names nobody who is in charge");

    // What serves when it is declared need not be brought there.
    annotate(&space, "andante.dev/pipeline=ship-it");
    space.andante(&["start", "hello"]).ended(0).ends_with("has reached its goal");
    assert_eq!((status(&space)["phase"].as_str(), runs(&space, "pipelinerun").len()), (Some("reached"), 0));

    // Another goal is one run; asked again, still one.
    annotate(&space, "andante.dev/params={note: a}");
    space.andante(&["start", "hello", "--wait"]).ended(0).says("started Pipeline ship-it").ends_with("ended well");
    let first = status(&space);
    assert_eq!((&first["phase"], &first["kind"]), (&json!("done"), &json!("PipelineRun")), "{first}");
    assert_eq!(runs(&space, "pipelinerun"), [first["run"].as_str().unwrap()]);
    space.andante(&["start", "hello"]).ended(0).ends_with("was started for this goal of hello, and ended well");
    assert_eq!(runs(&space, "pipelinerun").len(), 1);
    let run = space.get("pipelinerun", first["run"].as_str().unwrap());
    let owner = &run["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["controller"]), (&json!("Service"), &json!(false)), "{owner}");
    let goal = &first["goal"];
    let told = run["spec"]["params"].as_array().unwrap();
    for (name, value) in [
        ("andante-service", &json!("hello")),
        ("andante-goal", goal),
        ("service", &json!("hello")),
        ("note", &json!("a")),
    ] {
        assert!(told.contains(&json!({"name": name, "value": value})), "{name}: {told:?}");
    }

    // Another one, and the one before again: a run each.
    annotate(&space, "andante.dev/params={note: b}");
    space.andante(&["start", "hello"]).ended(0).says("started Pipeline ship-it");
    annotate(&space, "andante.dev/params={note: a}");
    space.andante(&["start", "hello"]).ended(0).says("started Pipeline ship-it");
    assert_eq!((runs(&space, "pipelinerun").len(), &status(&space)["goal"]), (3, goal));

    // Made, and killed before it was noted.
    annotate(&space, "andante.dev/params={note: c}");
    let made = space.andante(&["start", "hello", "--dry-run", "-o", "json"]).ended(0);
    let made: Value = serde_json::from_str(made.last()).unwrap();
    space.kubectl_with(&["create", "-f", "-"], &made).good();
    assert_ne!(status(&space)["run"], made["metadata"]["name"]);
    space.andante(&["start", "hello"]).ended(0).says("was started already");
    assert_eq!((runs(&space, "pipelinerun").len(), &status(&space)["run"]), (4, &made["metadata"]["name"]));
    assert_eq!(space.generation("hello"), generation, "nothing of it made a revision");

    // Suspended: nothing, until it is not any more.
    annotate(&space, "andante.dev/suspend=a sale");
    annotate(&space, "andante.dev/params={note: d}");
    space.andante(&["start", "hello"]).ended(0).ends_with("is suspended by andante.dev/suspend of it (a sale)");
    space.kubectl(&["annotate", "namespace", &space.namespace, "andante.dev/suspend=true"]).good();
    annotate(&space, "andante.dev/suspend-");
    space.andante(&["start", "hello"]).ended(0).ends_with("of its namespace");
    assert_eq!(runs(&space, "pipelinerun").len(), 4);
    space.kubectl(&["annotate", "namespace", &space.namespace, "andante.dev/suspend-"]).good();

    // Somebody outside is in charge.
    annotate(&space, "andante.dev/pipeline=ExternalOperation");
    space.andante(&["start", "hello"]).ended(0).ends_with("is expected to act");
    assert_eq!(runs(&space, "pipelinerun").len(), 4);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_what_cannot_be_started_is_posted_and_mending_it_starts_nothing() {
    let space = place("start-faults");
    space.serve(&sample("hello", "v1"));
    annotate(&space, "andante.dev/pipeline=ship-it");
    space.andante(&["start", "hello"]).ended(0);
    let before = status(&space);
    for (wrong, said) in [
        ("andante.dev/pipeline=a.dev/v1/Flow/f", "{apiVersion: a.dev/v1, kind: Flow, makes: CustomRun}"),
        ("andante.dev/pipeline=nobody", "there is no Pipeline nobody (tekton.dev/v1) in namespace"),
        ("andante.dev/traffic=0", "annotation andante.dev/traffic is `0`"),
    ] {
        annotate(&space, wrong);
        let ran = space.andante(&["start", "hello"]).ended(2);
        assert!(ran.err.contains(said), "{}", ran.whole());
        let posted = status(&space);
        assert_eq!((&posted["phase"], &posted["goal"]), (&json!("unreadable"), &before["goal"]), "{posted}");
        assert!(posted["reason"].as_str().unwrap().contains(said.split('{').next().unwrap()), "{posted}");
        let version = space.service("hello")["metadata"]["resourceVersion"].clone();
        space.andante(&["start", "hello"]).ended(2);
        assert_eq!(space.service("hello")["metadata"]["resourceVersion"], version, "it is said once");
        annotate(&space, "andante.dev/pipeline=ship-it");
        annotate(&space, "andante.dev/traffic-");
        space.andante(&["start", "hello"]).ended(0).ends_with("has reached its goal");
    }
    assert_eq!(runs(&space, "pipelinerun").len(), 0);

    // A run that fails is told by the exit code, and another one is made when it is asked for.
    annotate(&space, "andante.dev/params={code: '3'}");
    let ran = space.andante(&["start", "hello", "--wait"]).ended(28);
    assert!(ran.err.contains("failed: "), "{}", ran.whole());
    assert_eq!(status(&space)["phase"], "failed");
    space.andante(&["start", "hello"]).ended(0).says("--again` starts another one");
    space.andante(&["start", "hello", "--again"]).ended(0).says("started Pipeline ship-it");
    space.andante(&["start", "hello", "--again"]).ended(18);
    assert_eq!(runs(&space, "pipelinerun").len(), 2);
    // The annotation asks for the same, each word once.
    eventually("the second run is over", LONG, || {
        let run = status(&space)["run"].as_str().unwrap().to_owned();
        (condition(&space.get("pipelinerun", &run), "Succeeded").0 == "False").then_some(())
    });
    annotate(&space, "andante.dev/again=once-more");
    space.andante(&["start", "hello"]).ended(0).says("started Pipeline ship-it");
    space.andante(&["start", "hello"]).ended(0).ends_with("was started for this goal of hello, and runs");
    assert_eq!(runs(&space, "pipelinerun").len(), 3);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_tasks_and_cron_jobs_are_run_as_well() {
    let space = place("start-kinds");
    space.serve(&sample("hello", "v1").annotation("andante.dev/pipeline", "Task/short"));
    space.andante(&["start", "hello"]).ended(0).ends_with("has reached its goal");
    let step = json!({"name": "step", "image": "dev.local/andante-shell:v1", "script": "#!/bin/sh\nexit 0\n"});
    space.apply(&json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {"name": "short"}, "spec": {"steps": [step]}}));
    annotate(&space, "andante.dev/params={note: a}");
    space.andante(&["start", "hello", "--wait"]).ended(0).says("started Task short (tekton.dev/v1) as TaskRun");
    assert_eq!(runs(&space, "taskrun").len(), 1);

    // The CronJob is a template alone: it never runs by itself.
    let container = json!({"name": "c", "image": "dev.local/andante-shell:v1", "command": ["/bin/sh", "-c"],
        "args": ["test \"$ANDANTE_SERVICE $ANDANTE_PARAM_NOTE\" = 'hello b'"]});
    let template =
        json!({"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}});
    space.apply(&json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"},
        "spec": {"schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": {"spec": template}}}));
    annotate(&space, "andante.dev/pipeline=CronJob/nightly");
    annotate(&space, "andante.dev/params={note: b}");
    space.andante(&["start", "hello"]).ended(0).says("started CronJob nightly (batch/v1) as Job");
    let job = runs(&space, "job");
    assert_eq!(job.len(), 1);
    let made = space.get("job", &job[0]);
    let env = made["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
    assert!(env.contains(&json!({"name": "ANDANTE_PARAM_NOTE", "value": "b"})), "{env:?}");
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_follower_starts_one_run_for_each_change_of_the_goal() {
    let space = place("start-follow");
    let declared = |version: &str| sample("hello", version).annotation("andante.dev/pipeline", "ship-it");
    space.serve(&declared("v1"));
    let follow = || {
        let mut follower = space.start(&["start", "--all", "--follow", "--debounce", "500ms"]);
        follower.line("following", SHORT);
        follower
    };
    let mut followers = vec![follow(), follow()];
    eventually("it is noted that the goal serves", SHORT, || {
        space.service("hello")["metadata"]["annotations"][STATUS]
            .as_str()
            .filter(|text| text.contains("reached"))
            .map(drop)
    });
    let mut expected = 0;
    let mut took = Vec::new();
    let mut one_more = |what: &str| {
        expected += 1;
        let began = Instant::now();
        eventually(&format!("a run for {what}"), SHORT, || {
            (runs(&space, "pipelinerun").len() >= expected).then_some(())
        });
        took.push(began.elapsed());
        let noted = eventually(&format!("the run for {what} is noted"), SHORT, || {
            let run = status(&space)["run"].as_str()?.to_owned();
            runs(&space, "pipelinerun").contains(&run).then_some(run)
        });
        holds_for("one run alone", Duration::from_secs(4), || runs(&space, "pipelinerun").len() == expected);
        noted
    };
    annotate(&space, "andante.dev/params={note: a}");
    let a = one_more("kubectl annotate");
    // What is not about the goal.
    annotate(&space, "team.example.com/note=x");
    space.kubectl(&["label", "ksvc/hello", "team=blue"]).good();
    // Three edits in a moment, as requests: a process each takes longer than the edits may rest.
    for note in ["b", "c", "d"] {
        let edit = json!({"metadata": {"annotations": {"andante.dev/params": format!("{{note: {note}}}")}}});
        at_once(&space, &edit).unwrap();
    }
    one_more("three edits");
    annotate(&space, "andante.dev/params={note: a}");
    assert_ne!(one_more("the goal before"), a);
    space.apply(&declared("v2").annotation("andante.dev/params", "{note: a}").object);
    one_more("an image by kubectl apply");

    // Killed while something changes, and there again.
    for follower in followers.drain(..) {
        follower.kill();
    }
    annotate(&space, "andante.dev/params={note: e}");
    followers.push(follow());
    one_more("an edit that nobody saw");
    annotate(&space, "andante.dev/params={note: f}");
    std::thread::sleep(Duration::from_millis(600));
    followers.remove(0).kill();
    followers.push(follow());
    one_more("an edit with a kill at about its turn");
    eventually("the end of its run is noted", LONG, || (status(&space)["phase"] == "done").then_some(()));
    eprintln!("a run was there after {took:?}");
    for follower in followers {
        let id = follower.id();
        let memory = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        eprintln!("{}", memory.lines().filter(|line| line.starts_with("Vm")).collect::<Vec<_>>().join("\n"));
        follower.signal("TERM");
        assert_eq!(follower.wait(SHORT).code, 0, "it ends at once when it is asked to");
    }
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn only_so_many_runs_work_at_once() {
    let space = place("start-many");
    for name in ["hello", "world"] {
        space.serve(&sample(name, "v1").annotation("andante.dev/pipeline", "ship-it"));
    }
    space.andante(&["start", "--all"]).ended(0);
    for name in ["hello", "world"] {
        space.kubectl(&["annotate", &format!("ksvc/{name}"), "andante.dev/params={note: a}"]).good();
    }
    // A run that waits for its time to come works.
    let count = || space.list("pipelinerun", "andante.dev/service").len();
    space.andante(&["start", "--all", "--max-running", "1"]).ended(0).says("1 wait for the next pass");
    assert_eq!(count(), 1);
    let mut follower = space.start(&["start", "--all", "--follow", "--max-running", "1"]);
    follower.line("following", SHORT);
    eventually("the other one's turn comes", LONG, || (count() == 2).then_some(()));
    follower.signal("TERM");
    follower.wait(SHORT);
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn the_shipped_rights_are_enough() {
    let space = place("start-rights");
    space.serve(&sample("hello", "v1").annotation("andante.dev/pipeline", "ship-it"));
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/binding/rbac.yaml")).unwrap();
    let objects = text.split("\n---\n").map(|part| serde_saphyr::from_str::<Value>(part).unwrap());
    let role = objects.into_iter().find(|object| object["kind"] == "ClusterRole").unwrap();
    let file = account(&space, &role["rules"]);
    let all = ["start", "--all", "--system-namespace", &space.namespace, "--kubeconfig", &file];
    space.andante(&all).ended(0).says("hello has reached its goal").never_says("not permitted");
    annotate(&space, "andante.dev/params={note: a}");
    space.andante(&all).ended(0).says("started Pipeline ship-it");
    let one = ["start", "hello", "--wait", "--system-namespace", &space.namespace, "--kubeconfig", &file];
    space.andante(&one).ended(0).ends_with("ended well");
    let wanted = (Some("done"), 1);
    assert_eq!((status(&space)["phase"].as_str(), runs(&space, "pipelinerun").len()), wanted);

    // The operator's table is read where it is, and a namespace chooses from it: here both are in one place.
    let row =
        "{apiVersion: tekton.dev/v1, kind: Pipeline, makes: PipelineRun, timeouts: {pipeline: 7m}, plain: [service]}";
    space.apply(
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "andante-runs"}, "data": {"p": row}}),
    );
    annotate(&space, "andante.dev/params={note: b}");
    space.andante(&all).ended(0).says("started Pipeline ship-it");
    let run = space.get("pipelinerun", status(&space)["run"].as_str().unwrap());
    assert_eq!(run["spec"]["timeouts"]["pipeline"], "7m0s");
    assert!(run["spec"]["params"].as_array().unwrap().contains(&json!({"name": "note", "value": "b"})));

    // Without a right it is named, and nothing is made.
    let rules =
        role["rules"].as_array().unwrap().iter().filter(|rule| !rule["resources"].to_string().contains("pipelineruns"));
    let file = account(&space, &rules.cloned().collect());
    annotate(&space, "andante.dev/params={note: c}");
    let ran =
        space.andante(&["start", "hello", "--system-namespace", &space.namespace, "--kubeconfig", &file]).ended(20);
    assert!(ran.err.contains("get") && ran.err.contains("pipelineruns"), "{}", ran.whole());
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_what_is_not_ours_takes_no_place_and_what_is_copied_was_never_acted_on() {
    let space = place("start-strangers");
    space.serve(&sample("hello", "v1").annotation("andante.dev/pipeline", "ship-it"));
    space.andante(&["start", "hello"]).ended(0).ends_with("has reached its goal");
    // Anybody's run with our label: it takes no place, and ends nothing.
    let params = json!([{"name": "service", "value": "x"}, {"name": "sleep", "value": "300"}]);
    space.apply(&json!({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
        "metadata": {"name": "mine", "labels": {"andante.dev/service": "hello"}},
        "spec": {"pipelineRef": {"name": "ship-it"}, "params": params}}));
    annotate(&space, "andante.dev/params={note: a, sleep: '5'}");
    space.andante(&["start", "--all", "--max-running", "1"]).ended(0).says("started Pipeline ship-it");
    // A run that a pruner took after its end ended well.
    let run = status(&space)["run"].as_str().unwrap().to_owned();
    eventually("its run is over", LONG, || {
        (condition(&space.get("pipelinerun", &run), "Succeeded").0 == "True").then_some(())
    });
    space.andante(&["start", "hello"]).ended(0).ends_with("ended well");
    assert_eq!(status(&space)["phase"], "done");
    space.kubectl(&["delete", "pipelinerun", &run, "--wait=true"]).good();
    space.andante(&["start", "hello", "--wait"]).ended(0).ends_with("was removed, and ended well before");
    // A copy of the Service carries its status, which is of another object.
    let mut copy = space.service("hello");
    copy["metadata"] = json!({"name": "world", "annotations": copy["metadata"]["annotations"]});
    copy.as_object_mut().unwrap().remove("status");
    space.apply(&copy);
    space.andante(&["start", "world"]).ended(0);
    eventually("the copy has a status of its own", LONG, || {
        space.andante(&["start", "world"]).ended(0);
        let text = space.service("world")["metadata"]["annotations"][STATUS].as_str()?.to_owned();
        let status: Value = serde_json::from_str(&text).unwrap();
        (status["uid"] == space.service("world")["metadata"]["uid"] && status["run"] != json!(run)).then_some(())
    });
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_run_for_an_older_goal_is_cancelled_unless_it_is_to_go_on() {
    let space = place("start-older");
    space.serve(&sample("hello", "v1").annotation("andante.dev/pipeline", "ship-it"));
    space.andante(&["start", "hello"]).ended(0).ends_with("has reached its goal");
    let slow = |note: &str, flags: &[&str]| {
        annotate(&space, &format!("andante.dev/params={{note: {note}, sleep: '300'}}"));
        let ran = space.andante(&[&["start", "hello"], flags].concat()).ended(0).says("started Pipeline ship-it");
        (status(&space)["run"].as_str().unwrap().to_owned(), ran)
    };
    let (first, _) = slow("a", &[]);
    let (second, ran) = slow("b", &["--older", "leave"]);
    assert!(!ran.err.contains("cancelled"), "{}", ran.whole());
    let (third, ran) = slow("c", &[]);
    assert!(ran.err.contains(&format!("PipelineRun {second} of the goal before is cancelled")), "{}", ran.whole());
    eventually("the second one ends", LONG, || {
        (condition(&space.get("pipelinerun", &second), "Succeeded").0 == "False").then_some(())
    });
    for run in [&first, &third] {
        assert_eq!(condition(&space.get("pipelinerun", run), "Succeeded").0, "Unknown", "{run} goes on");
    }
}
