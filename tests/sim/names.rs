//! Whoever follows names users of a Service in care: killed at each of its calls and hit by every fault, beside another one who does
//! the same. Nobody is moved, a goal that waits is started, and the next edit reaches nobody.

use super::check;
use super::fault::{Crash, Fault, Script};
use super::rollout::{Job, Theatre, asker};
use super::starts::{name_users, named, start};
use super::world::{World, simulate};
use andante::machine::care::detach::IfMoves;
use andante::machine::claim::IfBusy;
use andante::model::outcome::Code;
use andante::rollout::start::pins::PinCame;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

fn traffic(service: &Value) -> Vec<(String, i64)> {
    let targets = service["spec"]["traffic"].as_array().cloned().unwrap_or_default();
    targets
        .iter()
        .map(|t| (t["revisionName"].as_str().unwrap_or("latest").to_owned(), t["percent"].as_i64().unwrap_or_default()))
        .collect()
}

/// What is wrong after it, and how many calls whoever was troubled made.
async fn play(script: Script, edit: bool) -> (Vec<String>, usize) {
    fastrand::seed(7);
    let world = World::new("hello", 7);
    world.deploy(&world.plain("ok:1")).await;
    let served = world.served_now();
    world.declare("pipeline", Some("ship-it"));
    if edit {
        // It comes together with the first sight, and is not ready.
        world.deploy_image("ok:2").unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    let both = (name_users(&world, "troubled", script), name_users(&world, "other", Script::default()));
    let ((_, troubled), _) = futures_util::future::join(both.0, both.1).await;
    let mut wrong = vec![];
    for turn in 0..6 {
        sleep(Duration::from_secs(20)).await;
        name_users(&world, &format!("calm-{turn}"), Script::default()).await;
        start(&world, &format!("start-{turn}"), Script::default(), 10).await;
        if !edit && world.served_now() != served {
            wrong.push(format!("users were moved from {served:?} to {:?}", world.served_now()));
        }
    }
    let service = world.service().unwrap();
    let now = traffic(&service);
    if now.iter().any(|(name, _)| name == "latest") || now.len() != 1 {
        wrong.push(format!("the split is {now:?}"));
    }
    match check::record(&service) {
        Some(record) if record.start.split.to_string() == "latest 100 %" => {}
        other => wrong.push(format!("the owner's shape is lost: {:?}", other.map(|record| record.start.split))),
    }
    // Whatever was named first, it is named once: what serves need not be brought there, and what waits is.
    let runs = world.with(|s| s.run_store.made.len());
    let serves = service["status"]["latestReadyRevisionName"] == json!(world.served_now()[0].0);
    if runs != usize::from(!serves) || named(&service).is_some() != (runs == 1) {
        wrong.push(format!("{runs} runs, and the newest {}", if serves { "serves" } else { "waits" }));
    }
    let before = world.served_now();
    world.deploy_image("ok:3").unwrap();
    sleep(Duration::from_secs(60)).await;
    if world.served_now() != before {
        wrong.push("the next edit reached users".to_owned());
    }
    // Named twice is nothing written.
    let writes = world.with(|s| s.log.writes.len());
    name_users(&world, "again", Script::default()).await;
    if world.with(|s| s.log.writes.len()) != writes {
        wrong.push("what is by name was written again".to_owned());
    }
    (wrong, troubled)
}

fn exhaust(edit: bool) {
    let (plain, calls) = simulate(play(Script::default(), edit));
    let mut bad: Vec<String> = plain.into_iter().map(|wrong| format!("no trouble: {wrong}")).collect();
    for call in 1..=calls.max(1) {
        let crashes = [Crash::Before(call), Crash::After(call)].map(Script::killed);
        let faults = Fault::EACH.into_iter().chain([Fault::Redeclared, Fault::Denied]);
        for script in crashes.into_iter().chain(faults.map(|fault| Script::one(call, fault))) {
            let what = format!("call {call}: {:?} {:?}", script.crash, script.exact.values().next());
            bad.extend(simulate(play(script, edit)).0.into_iter().map(|wrong| format!("{what}: {wrong}")));
        }
    }
    eprintln!("edit {edit}: {calls} calls, {} bad", bad.len());
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn users_are_named_whatever_happens() {
    exhaust(false);
}

#[test]
fn users_are_named_beside_an_edit_whatever_happens() {
    exhaust(true);
}

/// How often users are named by who looks for a minute.
async fn followed(world: &World) -> usize {
    let mut named = 0;
    for turn in 0..400 {
        sleep(Duration::from_millis(150)).await;
        let (came, _) = name_users(world, &format!("follower-{turn}"), Script::default()).await;
        named += usize::from(matches!(came, Some(Ok(PinCame::Pinned))));
    }
    named
}

/// Whoever follows sees the first revision become ready as well as the run that deploys it: whoever is faster, latest is known.
#[test]
fn users_of_a_first_deployment_are_named_by_whoever_is_faster() {
    let mut faster = [0, 0];
    for call in 0..=14 {
        simulate(async {
            let theatre = Theatre::new(7);
            let world = &theatre.world;
            world.deploy(&world.plain("never:1")).await;
            world.declare("pipeline", Some("slow-walk"));
            sleep(Duration::from_secs(10)).await;
            let (a, kim) = (asker("a", 1, IfBusy::Supersede), asker("@kim", 0, IfBusy::Fail));
            let stage = Job::Stage { image: "ok:2".into(), again: false };
            // At one of its calls it is told to wait.
            let script = Script::one(call, Fault::Slower(Duration::from_secs(3)));
            let run = theatre.process("stage", &a, &stage, script);
            let (end, named) = futures_util::future::join(Box::pin(run), followed(world)).await;
            let end = end.unwrap();
            let now = traffic(&world.service().unwrap());
            assert_eq!((end.code, now), (Code::Done, vec![("hello-00002".to_owned(), 100)]), "{}", end.line());
            assert!(named <= 1, "named {named} times");
            faster[named] += 1;
            let detach = Job::Detach(IfMoves::Refuse);
            let end = theatre.process("detach", &kim, &detach, Script::default()).await.unwrap();
            assert_eq!(end.word, "detached", "{}", end.line());
            assert_eq!(traffic(&world.service().unwrap()), [("latest".to_owned(), 100)]);
        });
    }
    eprintln!("the run was faster {} times, whoever follows {} times", faster[0], faster[1]);
    assert!(faster.iter().all(|times| *times > 0), "{faster:?}");
}

/// The first revision becomes ready while a run waits for its own, and whoever follows names users on it: they stay, and what the run
/// made is a candidate.
#[test]
fn users_of_a_first_revision_that_came_late_stay_on_it() {
    simulate(async {
        let theatre = Theatre::new(7);
        let world = &theatre.world;
        world.deploy(&world.plain("slow:1-20")).await;
        world.declare("pipeline", Some("slow-walk"));
        let (a, stage) = (asker("a", 1, IfBusy::Supersede), Job::Stage { image: "slow:2-40".into(), again: false });
        let run = theatre.process("stage", &a, &stage, Script::default());
        let (end, named) = futures_util::future::join(Box::pin(run), followed(world)).await;
        let end = end.unwrap();
        assert_eq!((end.code, named), (Code::Done, 1), "{}", end.line());
        assert_eq!(world.served_now(), [("hello-00001".to_owned(), 100)], "{}", end.line());
        assert!(!end.line().contains("serves everyone"), "{}", end.line());
        assert_eq!(
            end.candidate.as_ref().map(andante::model::name::RevisionName::as_str),
            Some("hello-00002"),
            "{}",
            end.line()
        );
        let now = traffic(&world.service().unwrap());
        assert_eq!(now, [("hello-00001".to_owned(), 100), ("hello-00002".to_owned(), 0)], "{}", end.line());
    });
}
