//! One kind of rollout, exhausted: every API call killed before and after it takes effect, hit by every fault, and
//! overtaken by somebody's edit. The end is the same as without.

use super::check;
use super::fault::{Crash, Fault, Script};
use super::rollout::{Job, Theatre, asker};
use super::story::brief;
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::model::outcome::Code;
use serde_json::Value;
use std::time::Duration;
use tokio::time::sleep;

/// One kind of rollout: what is there, what was done before without trouble, and the job that is troubled.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The Service's traffic, and the images deployed before, oldest first.
    pub(crate) traffic: Value,
    pub(crate) images: &'static [&'static str],
    /// Jobs of the same run that go well; the last one may be killed at a call.
    pub(crate) before: Vec<(Job, Option<Crash>)>,
    pub(crate) job: Job,
    /// How the job ends, and the traffic that it leaves.
    pub(crate) code: Code,
    pub(crate) leaves: &'static str,
}

/// What one troubled run came to.
struct Result {
    code: Option<Code>,
    leaves: String,
    wrong: Vec<String>,
    calls: usize,
    print: Box<dyn Fn() -> String>,
}

async fn play(case: &Case, script: Script) -> Result {
    let mut theatre = Theatre::new(7);
    theatre.calm = true;
    let world = theatre.world.clone();
    for (i, image) in case.images.iter().enumerate() {
        if i == 0 {
            world.deploy(&world.plain(image)).await;
        } else {
            world.deploy_image(image).unwrap();
            sleep(Duration::from_secs(10)).await;
        }
    }
    if !case.images.is_empty() {
        world.move_traffic(&case.traffic).unwrap();
        sleep(Duration::from_secs(10)).await;
    }
    let prologue = world.scene_is_set();
    let asker = asker("a", 1, IfBusy::Supersede);
    for (i, (job, crash)) in case.before.iter().enumerate() {
        let script = Script { crash: *crash, ..Script::default() };
        theatre.process(&format!("before-{i}"), &asker, job, script).await;
    }
    let mut outcome = theatre.process("a", &asker, &case.job, script).await;
    let calls = theatre.calls("a");
    if outcome.is_none() {
        sleep(Duration::from_secs(1)).await;
        outcome = theatre.process("a-again", &asker, &case.job, Script::default()).await;
    }
    sleep(Duration::from_secs(60)).await;
    let story = theatre.story(prologue);
    Result {
        code: outcome.map(|o| o.code),
        leaves: story.service.as_deref().map(brief).unwrap_or_default(),
        wrong: theatre
            .complaints()
            .into_iter()
            .chain(check::all(&story))
            .chain(theatre.world.with(|s| s.bounds_left()))
            .collect(),
        calls,
        print: Box::new(move || theatre.print(prologue)),
    }
}

pub(crate) fn exhaust(case: &Case) {
    let mut bad = vec![];
    let mut tries = 0;
    let mut judge = |what: String, result: &Result| {
        tries += 1;
        let mut wrong = result.wrong.clone();
        if result.code != Some(case.code) || result.leaves != case.leaves {
            wrong.push(format!(
                "ended with {:?} and left {}, wanted {:?} and {}",
                result.code, result.leaves, case.code, case.leaves
            ));
        }
        if !wrong.is_empty() {
            if bad.len() < 3 {
                eprintln!("--- {}: {what}: {wrong:#?}\n{}", case.name, (result.print)());
            }
            bad.push(format!("{what}: {}", wrong.join("; ")));
        }
    };
    let plain = simulate(play(case, Script::default()));
    judge("no trouble".into(), &plain);
    for call in 1..=plain.calls {
        for crash in [Crash::Before(call), Crash::After(call)] {
            judge(format!("{crash:?}"), &simulate(play(case, Script::killed(crash))));
        }
        for fault in Fault::EACH {
            judge(format!("{fault:?} at call {call}"), &simulate(play(case, Script::one(call, fault))));
        }
    }
    // Overtaken by somebody's edit it may end otherwise, but no rule is broken.
    for call in 1..=plain.calls {
        for traffic in [true, false] {
            let raced = simulate(play(case, Script::one(call, Fault::Raced { traffic })));
            judge_rules(&format!("an edit (of traffic: {traffic}) before call {call}"), &raced, &mut bad);
        }
    }
    eprintln!("{}: {} calls, {tries} tries, {} bad", case.name, plain.calls, bad.len());
    assert!(bad.is_empty(), "{}: {} of {tries} tries went wrong:\n{}", case.name, bad.len(), bad.join("\n"));
}

fn judge_rules(what: &str, result: &Result, bad: &mut Vec<String>) {
    if !result.wrong.is_empty() {
        eprintln!("--- {what}: {:#?}\n{}", result.wrong, (result.print)());
        bad.push(format!("{what}: {}", result.wrong.join("; ")));
    }
}
