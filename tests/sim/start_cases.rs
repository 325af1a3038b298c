//! A start, whatever happens: each of its calls is killed before and after it takes effect and hit by every fault, and then the goal
//! is declared anew, the Service deleted or suspended, or another run is asked for. Each goal has one run at most, and none is lost.

use super::fault::{Crash, Fault, Script};
use super::human::declared as goal_of;
use super::starts::{WORKS, declared, named, start, versions};
use super::world::{World, simulate};
use andante::model::observed::Service;
use andante::rollout::declaration::read::Stated;
use andante::rollout::goal_status::{GoalPhase, StatusSeen, asked_again};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::sleep;

/// So many finished runs are kept.
const KEEP: usize = 2;
/// What a call may still do that nobody waits for any more.
const LATE: Duration = Duration::from_secs(16);

/// What is done, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Parameters are declared.
    Declare(&'static str),
    /// Another run is asked for by this word.
    Ask(&'static str),
    /// Somebody starts, and nothing goes wrong.
    Start,
    /// Somebody starts, and it goes wrong as the script says.
    Troubled,
    /// Somebody starts while another one does, and for one of them it goes wrong.
    Two,
    /// The Service is suspended, or not any more.
    Suspend(bool),
    /// Its namespace is.
    SuspendNamespace(bool),
    /// It is deleted and made again, with everything that it declares and says.
    MakeAgain,
    /// The runs that work end meanwhile.
    Wait,
}

use Deed::{Ask, Declare, MakeAgain, Start, Suspend, SuspendNamespace, Troubled, Two, Wait};

impl Deed {
    pub(crate) async fn done(self, world: &World, script: &Script) -> usize {
        match self {
            Declare(note) => world.declare("params", Some(&format!("{{note: {note}}}"))),
            Ask(word) => world.declare("again", Some(word)),
            Suspend(on) => world.declare("suspend", on.then_some("true")),
            SuspendNamespace(on) => world.suspend_namespace(on.then_some("a sale")),
            Wait => sleep(WORKS + LATE).await,
            Start => {
                // A start that failed is for nothing but time.
                start(world, "calm", Script::default(), KEEP).await;
            }
            Troubled => return start(world, "troubled", script.clone(), KEEP).await.calls,
            Two => {
                let both =
                    (start(world, "troubled", script.clone(), KEEP), start(world, "other", Script::default(), KEEP));
                return futures_util::future::join(both.0, both.1).await.0.calls;
            }
            MakeAgain => {
                let mut copy = Value::clone(&world.service().unwrap());
                world.delete_service();
                copy.as_object_mut().unwrap().remove("status");
                copy["spec"].as_object_mut().unwrap().remove("traffic");
                let (annotations, name) = (copy["metadata"]["annotations"].take(), world.name().to_owned());
                copy["metadata"] = serde_json::json!({"name": name, "namespace": "ns", "annotations": annotations});
                world.deploy(&copy).await;
            }
        }
        sleep(Duration::from_secs(1)).await;
        0
    }
}

/// What is wrong with a story of starts; `moot`: nothing is due at its end.
pub(crate) fn wrong(world: &World, moot: bool) -> Vec<String> {
    let (mut wrong, made) = world.with(|s| (s.run_store.wrong.clone(), s.run_store.made.clone()));
    // How often each goal of each Service was declared, and how often another run was asked for while it was.
    let mut asked: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut last: Option<(String, String, Option<String>)> = None;
    let mut word_at = None;
    for (at, version) in versions(world) {
        let service = Service::from_json(&version).unwrap();
        if Stated::of_service(&service).read().is_ok_and(|stated| stated.in_charge.is_none()) {
            continue;
        }
        let (uid, goal, word) = (service.uid.clone(), goal_of(&version).to_string(), asked_again(&service));
        let is_new = |last: &(String, String, Option<String>)| last.0 != uid || last.1 != goal;
        let asks = last.as_ref().is_some_and(|last| last.2 != word && word.is_some());
        if asks {
            word_at = Some((at, uid.clone()));
        }
        *asked.entry((uid.clone(), goal.clone())).or_default() +=
            usize::from(last.as_ref().is_none_or(is_new)) + usize::from(asks);
        last = Some((uid, goal, word));
    }
    for ((uid, goal), most) in &asked {
        let there = made.iter().filter(|made| made.uid == *uid && made.goal == *goal).count();
        if there > *most {
            wrong.push(format!("goal {goal} has {there} runs, and was declared or asked for {most} times"));
        }
    }
    let Some(object) = world.service() else { return wrong };
    let service = Service::from_json(&object).unwrap();
    let status = StatusSeen::of(&service).into_status();
    let goal = goal_of(&object);
    let is_made = |name: &str| made.iter().any(|made| made.name == name && made.goal == goal.as_str());
    match &status {
        _ if moot => {}
        Some(status) if status.goal.as_ref() != Some(&goal) => wrong.push("the goal was lost".to_owned()),
        Some(status) if status.phase == GoalPhase::Reached && status.run.is_none() => {}
        Some(status) if !status.made => wrong.push("its run was named and not noted".to_owned()),
        Some(_) if !named(&object).is_some_and(|name| is_made(&name)) => {
            wrong.push("its run was never made".to_owned());
        }
        Some(_) => {}
        None => wrong.push("nobody looked".to_owned()),
    }
    // Each word counts once, and for a run that is made after it was written. One that stands there at the first look asks for
    // nothing: it may have come with a copy.
    let reached = status.as_ref().is_some_and(|status| status.run.is_none());
    if let (false, Some((at, uid))) = (moot || reached, word_at)
        && uid == service.uid
        && !made.iter().any(|made| made.uid == uid && made.at >= at)
    {
        wrong.push("a word that asked for another run was swallowed".to_owned());
    }
    wrong
}

/// How many finished runs there are.
fn finished(world: &World) -> usize {
    world.with(|s| s.runs_now().iter().filter(|run| !run["status"].is_null()).count())
}

/// One story: `before` goes well, `deeds` has what is troubled in it, and in the end somebody starts twice without trouble.
async fn play(deeds: &[Deed], script: Script) -> (Vec<String>, usize) {
    // The library's own jitter must repeat itself too.
    fastrand::seed(7);
    let world = World::new("hello", 7);
    declared(&world).await;
    let mut calls = 0;
    let mut suspended_at = None;
    for deed in deeds {
        calls += deed.done(&world, &script).await;
        match deed {
            Suspend(true) | SuspendNamespace(true) => suspended_at = Some(world.start.elapsed()),
            Suspend(false) | SuspendNamespace(false) => suspended_at = None,
            _ => {}
        }
    }
    for deed in [Start, Wait, Start, Wait, Start] {
        deed.done(&world, &script).await;
    }
    let mut wrong = wrong(&world, suspended_at.is_some());
    if let Some(at) = suspended_at {
        let late = world.with(|s| s.run_store.made.iter().filter(|made| made.at > at + LATE).count());
        if late > 0 {
            wrong.push(format!("{late} runs were made while it is suspended"));
        }
    }
    // All are over when one more is made: then no more than so many are left.
    Declare("last").done(&world, &script).await;
    Start.done(&world, &script).await;
    let finished = finished(&world);
    if suspended_at.is_none() && finished > KEEP {
        wrong.push(format!("{finished} finished runs are kept"));
    }
    (wrong, calls)
}

fn exhaust(name: &str, deeds: &[Deed]) {
    let (plain, calls) = simulate(play(deeds, Script::default()));
    let mut bad: Vec<String> = plain.into_iter().map(|wrong| format!("no trouble: {wrong}")).collect();
    let mut tries = 1;
    assert!(calls > 0, "{name}: nobody is troubled");
    for call in 1..=calls {
        let crashes = [Crash::Before(call), Crash::After(call)].map(Script::killed);
        let faults = Fault::EACH.into_iter().chain([Fault::Redeclared]).map(|fault| Script::one(call, fault));
        for script in crashes.into_iter().chain(faults) {
            tries += 1;
            let what = format!("call {call}: {:?} {:?}", script.crash, script.exact.values().next());
            bad.extend(simulate(play(deeds, script)).0.into_iter().map(|wrong| format!("{what}: {wrong}")));
        }
    }
    eprintln!("{name}: {calls} calls, {tries} tries, {} bad", bad.len());
    assert!(bad.is_empty(), "{name}: {} things went wrong in {tries} tries:\n{}", bad.len(), bad.join("\n"));
}

#[test]
fn a_first_look_whatever_happens() {
    exhaust("first look", &[MakeAgain, Troubled]);
}

#[test]
fn a_start_whatever_happens() {
    exhaust("start", &[Declare("a"), Troubled]);
}

#[test]
fn a_start_that_a_second_one_meets_whatever_happens() {
    exhaust("two", &[Declare("a"), Two]);
    exhaust("two, and the goal before", &[Declare("a"), Start, Declare("b"), Two, Declare("a"), Two]);
}

#[test]
fn the_end_of_a_run_is_noted_whatever_happens() {
    exhaust("end", &[Declare("a"), Start, Wait, Troubled]);
}

#[test]
fn another_goal_meanwhile_and_the_one_before_again_whatever_happens() {
    exhaust("another goal", &[Declare("a"), Troubled, Declare("b")]);
    exhaust("given up", &[Declare("a"), Troubled, Declare("b"), Declare("a")]);
    exhaust("there and back", &[Declare("a"), Start, Declare("b"), Troubled, Declare("a")]);
    exhaust("back again", &[Declare("a"), Start, Declare("b"), Start, Declare("a"), Troubled]);
    exhaust("by two", &[Declare("a"), Troubled, Declare("b"), Start, Declare("a")]);
}

#[test]
fn another_run_that_was_asked_for_whatever_happens() {
    exhaust("asked again", &[Declare("a"), Start, Wait, Ask("more"), Troubled]);
    // Before anybody knows of the first one that it was made.
    exhaust("asked meanwhile", &[Declare("a"), Troubled, Ask("more")]);
    exhaust("asked while it works", &[Declare("a"), Start, Ask("more"), Troubled]);
    exhaust("asked twice", &[Declare("a"), Start, Wait, Ask("more"), Troubled, Wait, Ask("most")]);
}

#[test]
fn no_more_runs_are_kept_than_are_wanted_whatever_happens() {
    let made = |note| [Declare(note), Start, Wait];
    let before = [made("a"), made("b"), made("c"), made("d")].concat();
    exhaust("keep", &[before.as_slice(), &[Declare("e"), Troubled, Declare("f")]].concat());
    exhaust("keep by two", &[before.as_slice(), &[Declare("e"), Two, Declare("a")]].concat());
}

#[test]
fn a_service_that_is_made_again_is_another_one_whatever_happens() {
    exhaust("made again", &[Declare("a"), Troubled, MakeAgain]);
    exhaust("and started", &[Declare("a"), Start, MakeAgain, Declare("b"), Troubled]);
}

#[test]
fn what_is_suspended_starts_nothing_whatever_happens() {
    exhaust("suspended", &[Suspend(true), Declare("a"), Troubled]);
    exhaust("suspended meanwhile", &[Declare("a"), Troubled, Suspend(true)]);
    exhaust("suspended and not", &[Declare("a"), Troubled, Suspend(true), Start, Suspend(false)]);
    exhaust("a namespace", &[SuspendNamespace(true), Declare("a"), Troubled]);
    exhaust("a namespace and not", &[SuspendNamespace(true), Declare("a"), Troubled, SuspendNamespace(false)]);
}
