//! What one decision costs: the walk in the middle of a dwell, asked again with an unchanged world. It reads the record
//! anew each time, so this is about what every event of a watch costs, beside parsing it.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]
// A benchmark is about real time.
#![allow(clippy::disallowed_methods)]

use andante::evidence::probe::{Address, Answer, Probe};
use andante::machine::claim::{Asker, IfBusy};
use andante::machine::next::{Heard, Machine, Next, Question};
use andante::machine::standing::Claimant;
use andante::machine::walk::step_split;
use andante::machine::walk::{Walk, WalkGoal};
use andante::machine::world::World;
use andante::model::event::Log;
use andante::model::name::RevisionName;
use andante::model::observed::{RECORD, Revision, Service};
use andante::model::percent::Percent;
use andante::model::split::Split;
use andante::rollout::goal::OnTerm;
use andante::rollout::owner::{Owner, OwnerKind};
use andante::rollout::plan::{Plan, PlanOptions, Style};
use andante::rollout::record::{FORMAT, Phase, Record};
use andante::rollout::splits::{Start, Tags};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::hint::black_box;
use std::time::{Duration, Instant};

const WARM_UP: Duration = Duration::from_millis(500);
const BATCHES: usize = 61;
const BATCH: u32 = 500;
const WRITER: &str = "bench-1";
/// Of the steps 1, 5, 25, 50, 100.
const STEP: usize = 3;

fn main() {
    let written: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    let (mut walk, world) = dwelling(written);
    let mut log = Log::default();
    // A minute into two of dwelling; the first decision asks for a probe, which passes.
    let now = written + SignedDuration::from_secs(60);
    let first = walk.decide(&world, now, &mut log);
    let Next::Wait { ask, .. } = &first else { panic!("it waits: {first:?}") };
    let [probe @ Question::Probe(_)] = ask.as_slice() else { panic!("a probe is due: {first:?}") };
    walk.asked(probe, now);
    let good = Answer::Http { status: 200, headers: vec![], body: String::new(), latency: Duration::ZERO };
    walk.heard(Heard::Probe(good), now, &mut log);
    let wait = walk.decide(&world, now, &mut log);
    assert!(matches!(&wait, Next::Wait { until: Some(_), ask } if ask.is_empty()), "it dwells: {wait:?}");

    let began = Instant::now();
    while began.elapsed() < WARM_UP {
        decide(&mut walk, &world, now, &mut log);
    }
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let began = Instant::now();
            for _ in 0..BATCH {
                decide(&mut walk, &world, now, &mut log);
            }
            began.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH)
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    let after = walk.decide(&world, now, &mut log);
    assert_eq!(after, wait, "asked twice with the same world, it gives the same answer");
    let bytes = world.service().and_then(|s| s.annotations.get(RECORD)).map_or(0, String::len);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average: {}", load.trim());
    let how =
        format!("one decision in the middle of a dwell with a record of {bytes} bytes; {BATCHES} batches of {BATCH}");
    println!("figure: decide.median = {:.0} ns ({how})", batches.get(BATCHES / 2).unwrap());
    println!("figure: decide.min = {:.0} ns (the same, the fastest batch)", batches.first().unwrap());
}

fn decide(walk: &mut Walk, world: &World, now: Timestamp, log: &mut Log) {
    black_box(walk.decide(black_box(world), black_box(now), log));
    black_box(log.take());
}

/// A walk at its third step, served, and the world that it sees.
fn dwelling(written: Timestamp) -> (Walk, World) {
    let owner = Owner { kind: OwnerKind::PipelineRun, name: "default/release-7".into(), uid: "4f1c".into() };
    let plan = Plan::new(&PlanOptions {
        style: Style::Canary,
        steps: vec![],
        dwell: Some(Duration::from_secs(120)),
        bake: Some(Duration::from_secs(300)),
        to: Percent::FULL,
        approve: vec![],
        approval_timeout: Duration::from_secs(1800),
    })
    .unwrap();
    let (stable, candidate): (RevisionName, RevisionName) =
        ("hello-00001".parse().unwrap(), "hello-00002".parse().unwrap());
    let mut record = Record {
        format: FORMAT,
        id: "r1".parse().unwrap(),
        epoch: 6,
        writer: WRITER.into(),
        owner: owner.clone(),
        intent: written,
        deadline: written + SignedDuration::from_mins(55),
        phase: Phase::Walking,
        generation: 5,
        split: Split::all_latest(),
        start: Start::new(Split::all_latest(), stable.clone(), None).unwrap(),
        tags: Tags { candidate: "candidate".parse().unwrap(), stable: "stable".parse().unwrap() },
        candidate: Some(candidate.clone()),
        image: Some("registry.example.com/hello:3f2a9c1".into()),
        template: Some("0123456789abcdef".into()),
        plan: Some(plan.clone()),
        attempt: 1,
        step: STEP,
        step_at: written,
        approval_since: None,
        evidence: None,
        left_out: vec![],
        rejected: vec![],
        outcome: None,
        reason: None,
    };
    let mut world = World::default();
    world.see_revisions([stable.as_str(), candidate.as_str()].map(revision));
    let percent = plan.step(STEP).unwrap().percent;
    record.split = step_split(&world, &record, &candidate, percent).unwrap();
    world.see_service(service(&record));
    let goal = WalkGoal {
        gates: None,
        restarts: None,
        service: "hello".parse().unwrap(),
        plan,
        deadline: Duration::from_secs(55 * 60),
        grace: Duration::from_secs(10),
        serve_within: Duration::from_secs(120),
        probe: Some(Probe {
            path: "/healthz".into(),
            status: None,
            body: None,
            header: None,
            max_latency: None,
            passes: 3,
            failures: 3,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(5),
        }),
        address: Address::Public,
        on_term: OnTerm::Rollback,
        once: false,
        judge: None,
    };
    let asker = Asker { owner, intent: written, if_busy: IfBusy::Supersede, force: false };
    (Walk::new(goal, Claimant::new(asker, WRITER.into())), world)
}

/// A revision with a pod.
fn revision(name: &str) -> Revision {
    Revision::from_json(&json!({
        "metadata": {"name": name},
        "spec": {"containers": [{"image": "registry.example.com/hello:3f2a9c1"}]},
        "status": {"actualReplicas": 1, "desiredReplicas": 1, "conditions": [
            {"type": "Active", "status": "True"}, {"type": "ContainerHealthy", "status": "True"},
            {"type": "Ready", "status": "True"}, {"type": "ResourcesAvailable", "status": "True"}]}
    }))
    .unwrap()
}

/// The Service as Knative shows it once the record's split is served.
fn service(record: &Record) -> Service {
    let spec = serde_json::to_value(&record.split).unwrap();
    let served: Vec<Value> = spec
        .as_array()
        .unwrap()
        .iter()
        .map(|target| {
            let mut target = target.clone();
            let tag = target.get("tag").and_then(Value::as_str).unwrap_or_default();
            let url = json!(format!("http://{tag}-hello.default.example.com"));
            target.as_object_mut().unwrap().insert("url".into(), url);
            target
        })
        .collect();
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": record.step_at});
    Service::from_json(&json!({
        "metadata": {
            "name": "hello", "uid": "8a52", "generation": record.generation, "resourceVersion": "4711",
            "annotations": {
                RECORD: record.to_text().unwrap(),
                "serving.knative.dev/creator": "kim", "serving.knative.dev/lastModifier": "kim"
            }
        },
        "spec": {
            "template": {"spec": {"containers": [{"image": "registry.example.com/hello:3f2a9c1"}]}},
            "traffic": spec
        },
        "status": {
            "observedGeneration": record.generation, "url": "http://hello.default.example.com",
            "latestCreatedRevisionName": "hello-00002", "latestReadyRevisionName": "hello-00002",
            "conditions": [condition("ConfigurationsReady"), condition("Ready"), condition("RoutesReady")],
            "traffic": served
        }
    }))
    .unwrap()
}
