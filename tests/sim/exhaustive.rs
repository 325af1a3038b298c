//! Every API call of every kind of rollout, killed before and after it takes effect, and hit by every fault: the end is
//! the same as without.

use super::check;
use super::fault::{Crash, Fault, Script};
use super::rollout::{Job, Theatre, asker, plan};
use super::story::brief;
use super::world::simulate;
use andante::outcome::Code;
use andante::owner::IfBusy;
use andante::settle::To;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// One kind of rollout: what is there, what was done before without trouble, and the job that is troubled.
struct Case {
    name: &'static str,
    /// The Service's traffic, and the images deployed before, oldest first.
    traffic: Value,
    images: &'static [&'static str],
    /// Jobs of the same run that go well; the last one may be killed at a call.
    before: Vec<(Job, Option<Crash>)>,
    job: Job,
    /// How the job ends, and the traffic that it leaves.
    code: Code,
    leaves: &'static str,
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
    let theatre = Theatre::new(7);
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
        wrong: theatre.complaints().into_iter().chain(check::all(&story)).collect(),
        calls,
        print: Box::new(move || theatre.print(prologue)),
    }
}

fn exhaust(case: &Case) {
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

fn stage(image: &str) -> Job {
    Job::Stage { image: image.into(), again: false }
}

fn walk(probe: bool) -> Job {
    Job::Walk { plan: plan(&[10, 50, 100], 5, 5, None), probe, once: false }
}

fn latest() -> Value {
    json!([{"latestRevision": true, "percent": 100}])
}

fn shared() -> Value {
    json!([{"revisionName": "hello-00002", "percent": 80}, {"revisionName": "hello-00001", "percent": 20, "tag": "old"}])
}

#[test]
fn stage_whatever_happens() {
    exhaust(&Case {
        name: "stage",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![],
        job: stage("ok:2"),
        code: Code::Done,
        leaves: "hello-00001#stable=100 hello-00002#candidate=0",
    });
}

#[test]
fn first_deployment_whatever_happens() {
    exhaust(&Case {
        name: "first deployment",
        traffic: latest(),
        images: &[],
        before: vec![],
        job: stage("ok:1"),
        code: Code::Done,
        leaves: "latest=100",
    });
}

#[test]
fn a_candidate_that_never_starts_whatever_happens() {
    exhaust(&Case {
        name: "never ready",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![],
        job: stage("crash-start:2"),
        code: Code::NeverReady,
        leaves: "hello-00001=100",
    });
}

#[test]
fn a_candidate_whose_pods_alone_tell_whatever_happens() {
    exhaust(&Case {
        name: "crash that only pods tell",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![],
        job: stage("crash-unseen:2"),
        code: Code::NeverReady,
        leaves: "hello-00001=100",
    });
}

#[test]
fn taking_up_whatever_happens() {
    exhaust(&Case {
        name: "take up",
        traffic: json!([{"revisionName": "hello-00001", "percent": 100}]),
        images: &["ok:1", "ok:2"],
        before: vec![],
        job: Job::TakeUp(None),
        code: Code::Done,
        leaves: "hello-00001#stable=100 hello-00002#candidate=0",
    });
}

#[test]
fn walk_whatever_happens() {
    exhaust(&Case {
        name: "walk",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("ok:2"), None)],
        job: walk(true),
        code: Code::Done,
        leaves: "latest=100",
    });
}

#[test]
fn walk_beside_a_pinned_third_whatever_happens() {
    exhaust(&Case {
        name: "walk beside a third",
        traffic: shared(),
        images: &["ok:1", "ok:2"],
        before: vec![(stage("ok:3"), None)],
        job: walk(false),
        code: Code::Done,
        leaves: "hello-00003=80 hello-00001#old=20",
    });
}

#[test]
fn rollback_on_probes_whatever_happens() {
    exhaust(&Case {
        name: "rollback on probes",
        traffic: shared(),
        images: &["ok:1", "ok:2"],
        before: vec![(stage("flaky-probe:3-20"), None)],
        job: Job::Walk { plan: plan(&[10, 50, 100], 20, 60, None), probe: true, once: false },
        code: Code::RolledBack,
        leaves: "hello-00002=80 hello-00001#old=20 hello-00003#candidate=0",
    });
}

#[test]
fn rollback_on_dying_pods_whatever_happens() {
    exhaust(&Case {
        name: "rollback on dying pods",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("crash-later:2-25"), None)],
        job: Job::Walk { plan: plan(&[10, 50, 100], 20, 60, None), probe: false, once: false },
        code: Code::RolledBack,
        leaves: "hello-00001=100 hello-00002#candidate=0",
    });
}

#[test]
fn settle_in_mid_walk_whatever_happens() {
    exhaust(&Case {
        name: "settle in mid-walk",
        traffic: shared(),
        images: &["ok:1", "ok:2"],
        before: vec![(stage("ok:3"), None), (walk(false), Some(Crash::After(7)))],
        job: Job::Settle { to: None, any: false },
        code: Code::Done,
        leaves: "hello-00002=80 hello-00001#old=20 hello-00003#candidate=0",
    });
}

#[test]
fn settle_after_the_end_whatever_happens() {
    exhaust(&Case {
        name: "settle after the end",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("ok:2"), None), (walk(false), None)],
        job: Job::Settle { to: Some(To::Stable), any: false },
        code: Code::Done,
        leaves: "hello-00001=100 hello-00002#candidate=0",
    });
}

#[test]
fn settle_forward_whatever_happens() {
    exhaust(&Case {
        name: "settle to the candidate",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("ok:2"), None), (walk(false), Some(Crash::After(7)))],
        job: Job::Settle { to: Some(To::Candidate), any: false },
        code: Code::Done,
        leaves: "latest=100",
    });
}
