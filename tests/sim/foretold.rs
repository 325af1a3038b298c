//! What Knative stores of a template is more than a file or an older revision says, and it is part of the goal. The write that
//! carries such a template names the goal that it makes, so that nobody starts a second run, wherever the first one is killed.

use super::check;
use super::fault::{Crash, Fault, Script};
use super::human::declared;
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::story::brief;
use super::world::simulate;
use andante::machine::claim::{Asker, IfBusy};
use andante::model::observed::{GOAL_STATUS, Service};
use andante::model::outcome::{Code, Outcome};
use andante::rollout::goal_status::StatusSeen;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// A file that says nothing of what this cluster fills in: a name of the container, and `timeoutSeconds`.
fn file() -> Job {
    Job::File(json!({"metadata": {"annotations": {}}, "spec": {"containers": [{"image": "ok:2"}]}}))
}

fn walk() -> Job {
    Job::Walk(plan(&[50, 100], 2, 2, None), Looks::default())
}

/// A Service that serves `ok:1` and declares a goal without a source, on a cluster with a default of its own.
async fn declaring(timeout: Option<u64>) -> (Theatre, Asker) {
    let mut theatre = Theatre::new(7);
    theatre.calm = true;
    let world = theatre.world.clone();
    world.with(|s| s.timeout = timeout);
    world.deploy(&world.plain("ok:1")).await;
    world.move_traffic(&json!([{"latestRevision": true, "percent": 100}])).unwrap();
    sleep(Duration::from_secs(10)).await;
    world.declare("pipeline", Some("roll-out-image"));
    (theatre, asker("a", 100, IfBusy::Supersede))
}

/// Notes that a run was started for what is declared now, as whoever starts it does.
fn noted(theatre: &Theatre, run: &Asker) {
    let goal = theatre.world.declared();
    let status = json!({"goal": goal, "phase": "started", "run": "a", "kind": "PipelineRun"});
    theatre.world.annotate(GOAL_STATUS, Some(&status.to_string())).unwrap();
    theatre.set_goal(run, goal);
}

fn status_goal(service: &Value) -> Option<andante::model::name::GoalId> {
    StatusSeen::of(&Service::from_json(service).ok()?).goal().cloned()
}

/// Where a second run would have been started: after which writes of ours the status names another goal than the declared one.
fn second_starts(theatre: &Theatre, prologue: usize) -> Vec<String> {
    let story = theatre.story(prologue);
    let ours = story.writes().iter().filter(|write| write.who.run.is_some());
    let wrong = ours.filter(|write| status_goal(&write.after) != Some(declared(&write.after)));
    wrong.map(|write| format!("{:?}: {}", write.who.run, brief(&write.after))).collect()
}

async fn run(theatre: &Theatre, label: &str, asker: &Asker, job: &Job) -> Outcome {
    theatre.process(label, asker, job, Script::default()).await.unwrap()
}

/// Every call of the staging is killed before and after it takes effect, and hit by every fault.
#[test]
fn a_file_is_one_goal_whatever_happens() {
    let plain = simulate(staged_from_a_file(Script::default()));
    for call in 1..=plain {
        for crash in [Crash::Before(call), Crash::After(call)] {
            simulate(staged_from_a_file(Script::killed(crash)));
        }
        for fault in Fault::EACH {
            simulate(staged_from_a_file(Script::one(call, fault)));
        }
    }
}

async fn staged_from_a_file(script: Script) -> usize {
    let (theatre, a) = declaring(Some(600)).await;
    let prologue = theatre.world.scene_is_set();
    noted(&theatre, &a);
    let why = format!("{:?} {:?}", script.crash, script.exact);
    let mut staged = theatre.process("stage", &a, &file(), script).await;
    assert_eq!(second_starts(&theatre, prologue), Vec::<String>::new(), "{why}: {}", theatre.print(prologue));
    if staged.is_none() {
        staged = theatre.process("stage-2", &a, &file(), Script::default()).await;
    }
    assert_eq!(staged.as_ref().map(|end| end.word), Some("staged"), "{why}: {staged:?}\n{}", theatre.print(prologue));
    assert_eq!(theatre.world.service().unwrap()["spec"]["template"]["spec"]["timeoutSeconds"], 600);
    let end = run(&theatre, "walk", &a, &walk()).await;
    assert_eq!(end.word, "finished", "{why}: {}", end.line());
    assert_eq!(second_starts(&theatre, prologue), Vec::<String>::new(), "{why}");
    // What was noted of the run that was started stays.
    let status = theatre.world.service().unwrap()["metadata"]["annotations"][GOAL_STATUS].clone();
    let status: Value = serde_json::from_str(status.as_str().unwrap()).unwrap();
    assert_eq!((&status["run"], &status["phase"]), (&json!("a"), &json!("started")), "{why}");
    sleep(Duration::from_secs(30)).await;
    assert_eq!(check::all(&theatre.story(prologue)), Vec::<String>::new(), "{why}: {}", theatre.print(prologue));
    theatre.calls("stage")
}

/// A person's rollout of a file is no new goal either: the run that was started for the goal before is the last one.
#[test]
fn a_file_of_a_person_is_no_new_goal() {
    simulate(async {
        let (theatre, _) = declaring(Some(600)).await;
        let goal = theatre.world.declared();
        let status = json!({"goal": goal, "phase": "done", "run": "before"});
        theatre.world.annotate(GOAL_STATUS, Some(&status.to_string())).unwrap();
        let prologue = theatre.world.scene_is_set();
        let kim = asker("@kim", 100, IfBusy::Fail);
        let staged = run(&theatre, "kim", &kim, &file()).await;
        assert_eq!(staged.word, "staged", "{}", staged.line());
        assert_eq!(second_starts(&theatre, prologue), Vec::<String>::new());
    });
}

/// An older Knative made the revision that serves, and put back its template gets defaults of today.
#[test]
fn a_revert_is_one_goal_whatever_happens() {
    let plain = simulate(reverted(Script::default()));
    for call in 1..=plain {
        for crash in [Crash::Before(call), Crash::After(call)] {
            simulate(reverted(Script::killed(crash)));
        }
    }
}

async fn reverted(script: Script) -> usize {
    let (theatre, a) = declaring(None).await;
    noted(&theatre, &a);
    let stage = |image: &str| Job::Stage { image: image.into(), again: false };
    assert_eq!(run(&theatre, "bad", &a, &stage("crash-start:2")).await.code, Code::NeverReady);
    // Somebody declares the goal anew, and a run of it releases what serves.
    theatre.world.declare("params", Some("{again: 'yes'}"));
    let b = asker("b", 200, IfBusy::Supersede);
    noted(&theatre, &b);
    theatre.world.with(|s| s.timeout = Some(300));
    let prologue = theatre.world.scene_is_set();
    let why = format!("{:?}", script.crash);
    let mut end = theatre.process("revert", &b, &stage("ok:1"), script).await;
    assert_eq!(second_starts(&theatre, prologue), Vec::<String>::new(), "{why}: {}", theatre.print(prologue));
    if end.is_none() {
        end = theatre.process("revert-2", &b, &stage("ok:1"), Script::default()).await;
    }
    assert_eq!(end.as_ref().map(|end| end.code), Some(Code::Done), "{why}: {end:?}\n{}", theatre.print(prologue));
    assert_eq!(theatre.world.service().unwrap()["spec"]["template"]["spec"]["timeoutSeconds"], 300, "{why}");
    assert_eq!(second_starts(&theatre, prologue), Vec::<String>::new(), "{why}: {}", theatre.print(prologue));
    theatre.calls("revert")
}

/// Where some webhook takes no dry runs, the goal's name comes with the next write.
#[test]
fn without_dry_runs_the_status_is_right_at_the_end() {
    simulate(async {
        let (theatre, a) = declaring(Some(600)).await;
        theatre.world.with(|s| s.dry_runs = false);
        let prologue = theatre.world.scene_is_set();
        noted(&theatre, &a);
        let staged = run(&theatre, "stage", &a, &file()).await;
        assert_eq!(staged.word, "staged", "{}", staged.line());
        let service = theatre.world.service().unwrap();
        assert_eq!(status_goal(&service), Some(declared(&service)));
        assert_eq!(second_starts(&theatre, prologue).len(), 1, "between its two writes");
        let lines = theatre.sink.lines();
        assert!(lines.iter().any(|line| line.contains("cannot be asked by a dry run")), "{lines:#?}");
        assert_eq!(run(&theatre, "walk", &a, &walk()).await.word, "finished");
    });
}

/// What is asked is asked once, and only where a goal is at stake.
#[test]
fn a_rollout_without_a_goal_asks_nothing() {
    for (is_noted, asked) in [(false, 0), (true, 1)] {
        simulate(async move {
            let (theatre, a) = declaring(Some(600)).await;
            if is_noted {
                noted(&theatre, &a);
            }
            assert_eq!(run(&theatre, "stage", &a, &file()).await.word, "staged");
            assert_eq!(theatre.world.with(|s| s.asked_dry), asked);
        });
    }
}
