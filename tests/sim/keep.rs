//! A part of users stays on stable until the bake is over: whatever happens, the rest moves after it and not before, and nobody
//! bakes twice.

use super::exhaustive::{Case, exhaust};
use super::fault::{Crash, Script};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::machine::settle::To;
use andante::model::outcome::Code;
use andante::rollout::plan::Plan;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// Half, then a bake with 5 % on stable, then the rest.
fn kept(dwell: u64, bake: u64) -> Plan {
    let mut plan = Plan { keep: 5.try_into().unwrap(), ..plan(&[50, 95, 100], dwell, bake, None) };
    plan.steps[1].dwell = Duration::ZERO;
    plan
}

fn walk(looks: Looks) -> Job {
    Job::Walk(kept(5, 8), looks)
}

fn stage(image: &str) -> Job {
    Job::Stage { image: image.into(), again: false }
}

fn latest() -> Value {
    json!([{"latestRevision": true, "percent": 100}])
}

fn shared() -> Value {
    json!([{"revisionName": "hello-00002", "percent": 80}, {"revisionName": "hello-00001", "percent": 20, "tag": "old"}])
}

#[test]
fn a_walk_that_keeps_stable_for_the_bake_whatever_happens() {
    exhaust(&Case {
        name: "walk that keeps stable",
        traffic: shared(),
        images: &["ok:1", "ok:2"],
        before: vec![(stage("ok:3"), None)],
        job: walk(Looks { probe: true, ..Looks::default() }),
        code: Code::Done,
        leaves: "hello-00003=80 hello-00001#old=20",
    });
}

#[test]
fn a_walk_on_evidence_that_keeps_stable_for_the_bake_whatever_happens() {
    exhaust(&Case {
        name: "walk on evidence that keeps stable",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("ok:2"), None)],
        job: walk(Looks { probe: true, evidence: true, ..Looks::default() }),
        code: Code::Done,
        leaves: "latest=100",
    });
}

#[test]
fn a_rollback_out_of_a_bake_that_keeps_stable_whatever_happens() {
    exhaust(&Case {
        name: "rollback out of a bake that keeps stable",
        traffic: shared(),
        images: &["ok:1", "ok:2"],
        before: vec![(stage("flaky-probe:3-20"), None)],
        job: Job::Walk(kept(2, 90), Looks { probe: true, ..Looks::default() }),
        code: Code::RolledBack,
        leaves: "hello-00002=80 hello-00001#old=20 hello-00003#candidate=0",
    });
}

#[test]
fn settle_in_a_bake_that_keeps_stable_whatever_happens() {
    for (to, leaves) in [(None, "hello-00001=100 hello-00002#candidate=0"), (Some(To::Candidate), "latest=100")] {
        exhaust(&Case {
            name: "settle in a bake that keeps stable",
            traffic: latest(),
            images: &["ok:1"],
            before: vec![(stage("ok:2"), None), (walk(Looks::default()), Some(Crash::After(8)))],
            job: Job::Settle { to, any: false },
            code: Code::Done,
            leaves,
        });
    }
}

/// The bake's split leaves stable few users, for whom one pod would do: it keeps all that it had, since it is the way back, until
/// the rollout is over.
#[test]
fn stable_keeps_its_pods_until_the_real_end() {
    simulate(async {
        let mut theatre = Theatre::new(31);
        theatre.calm = true;
        theatre.world.deploy(&theatre.world.plain("ok:1")).await;
        theatre.world.move_traffic(&latest()).unwrap();
        theatre.world.with(|s| {
            s.pods_wanted = 3;
            s.scale_soon();
        });
        sleep(Duration::from_secs(10)).await;
        let a = asker("a", 1, IfBusy::Supersede);
        theatre.process("stage", &a, &stage("ok:2"), Script::default()).await;
        let walking = theatre.clone();
        let job = Job::Walk(kept(5, 90), Looks { probe: true, ..Looks::default() });
        let task = tokio::task::spawn_local(async move { walking.process("walk", &a, &job, Script::default()).await });
        let (mut seen, mut fewest) = (vec![], i64::MAX);
        while !task.is_finished() {
            let split = theatre.world.served_now();
            if split.iter().any(|(name, share)| name == "hello-00001" && (1..50).contains(share)) {
                fewest = fewest.min(theatre.world.with(|s| s.revisions["hello-00001"].actual));
            }
            if seen.last() != Some(&split) {
                seen.push(split);
            }
            sleep(Duration::from_millis(200)).await;
        }
        assert_eq!(task.await.unwrap().map(|end| end.code), Some(Code::Done), "{}", theatre.print(0));
        let of_new =
            |split: &Vec<(String, i64)>| split.iter().find(|(name, _)| name == "hello-00002").map_or(0, |e| e.1);
        assert_eq!(seen.iter().map(of_new).collect::<Vec<_>>(), [0, 50, 95, 100], "{}", theatre.print(0));
        assert_eq!(fewest, 3, "pods of stable while it kept 5 %\n{}", theatre.print(0));
        assert_eq!(theatre.world.with(|s| s.bounds_left()), Vec::<String>::new(), "{}", theatre.print(0));
    });
}
