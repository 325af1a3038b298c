//! What a build writes, told so that a later one can play it again: a few stories, each write of the Service and of its Revisions'
//! bounds with its time.

use crate::sim::fault::Script;
use crate::sim::rollout::{Job, Looks, plan};
use crate::sim::world::{World, simulate};
use andante::machine::world::Signal;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::sleep;

/// One story: what is there, what is released and how, and which signal comes when (in seconds).
struct Tale {
    name: &'static str,
    images: &'static [&'static str],
    traffic: Value,
    pods: i64,
    steps: &'static [i64],
    dwell: u64,
    bake: u64,
    evidence: bool,
    signal: Option<(u64, Signal)>,
    /// Where users are once it is over, whoever finishes it.
    finished: &'static str,
}

fn tales() -> Vec<Tale> {
    let latest = || json!([{"latestRevision": true, "percent": 100}]);
    let shared = json!([{"revisionName": "hello-00002", "percent": 80}, {"revisionName": "hello-00001", "percent": 20, "tag": "old"}]);
    let walk = |name| Tale {
        name,
        images: &["ok:1", "ok:2"],
        traffic: latest(),
        pods: 1,
        steps: &[10, 50, 100],
        dwell: 5,
        bake: 5,
        evidence: false,
        signal: None,
        finished: "latest=100",
    };
    let stopped = |name, signal| Tale { steps: &[50, 100], dwell: 60, signal: Some((10, signal)), ..walk(name) };
    vec![
        walk("walk"),
        Tale { evidence: true, ..walk("walk on evidence") },
        Tale { pods: 3, steps: &[50, 100], ..walk("walk with floors") },
        Tale {
            images: &["ok:1", "ok:2", "flaky-probe:3-20"],
            traffic: shared,
            dwell: 20,
            bake: 60,
            finished: "hello-00002=80 hello-00001#old=20 hello-00003#candidate=0",
            ..walk("rollback on probes")
        },
        Tale { images: &["ok:1", "crash-start:2"], finished: "hello-00001=100", ..walk("never ready") },
        stopped("terminated", Signal::Terminate),
        stopped("held", Signal::Interrupt),
    ]
}

/// All stories, as this build plays them.
pub(super) fn told() -> Vec<Value> {
    tales().iter().map(tell).collect()
}

/// The same as text, an event a line.
pub(super) fn text(stories: &[Value]) -> String {
    let mut out = String::from("[");
    for (at, story) in stories.iter().enumerate() {
        let mut head = story.as_object().unwrap().clone();
        let events = head.remove("events").unwrap();
        let events: Vec<String> = events.as_array().unwrap().iter().map(Value::to_string).collect();
        let head = Value::Object(head).to_string();
        let comma = if at == 0 { "" } else { "," };
        write!(out, "{comma}\n{},\"events\":[\n{}\n]}}", &head[..head.len() - 1], events.join(",\n")).unwrap();
    }
    out + "\n]\n"
}

fn tell(tale: &Tale) -> Value {
    let person = matches!(tale.signal, Some((_, Signal::Interrupt)));
    let (last, before) = tale.images.split_last().unwrap();
    let looks = Looks { probe: true, evidence: tale.evidence, ..Looks::default() };
    let walk = Job::Walk(plan(tale.steps, tale.dwell, tale.bake, None), looks);
    let events = simulate(async {
        let theatre = super::scene(before, &tale.traffic, tale.pods).await;
        let prologue = theatre.world.scene_is_set();
        let bounds = bounds(&theatre.world);
        let owner = super::owner(person);
        let stage = Job::Stage { image: (*last).to_owned(), again: false };
        theatre.process("stage", &owner, &stage, Script::default()).await;
        if let Some((after, signal)) = tale.signal {
            let theatre = theatre.clone();
            spawn_local(async move {
                sleep(Duration::from_secs(after)).await;
                theatre.signal("walk", signal);
            });
        }
        theatre.process("walk", &owner, &walk, Script::default()).await;
        sleep(Duration::from_secs(60)).await;
        let story = theatre.story(prologue);
        let ours = story.writes().iter().filter(|write| write.who.run.is_some());
        let mut events: Vec<Value> = ours
            .map(|write| json!({"at": millis(write.at), "annotations": notes(&write.after), "spec": write.after["spec"]}))
            .collect();
        events.extend(bounds.borrow().iter().cloned());
        events.sort_by_key(|event| event["at"].as_u64());
        events
    });
    json!({"name": tale.name, "images": tale.images, "traffic": tale.traffic, "pods": tale.pods, "person": person,
        "walk": {"steps": tale.steps, "dwell": tale.dwell, "bake": tale.bake, "evidence": tale.evidence},
        "finished": tale.finished, "events": events})
}

fn millis(at: Duration) -> u64 {
    u64::try_from(at.as_millis()).unwrap()
}

/// Our annotations on an object.
fn notes(object: &Value) -> Value {
    let all = object["metadata"]["annotations"].as_object().unwrap();
    let ours = all.iter().filter(|(name, _)| name.starts_with(super::OURS));
    Value::Object(ours.map(|(name, text)| (name.clone(), text.clone())).collect())
}

/// Notes each change of a Revision's bounds as it comes.
fn bounds(world: &World) -> Rc<RefCell<Vec<Value>>> {
    let (noted, world) = (Rc::new(RefCell::new(Vec::new())), world.clone());
    let into = Rc::clone(&noted);
    let none = json!({"min-scale": null, "max-scale": null});
    spawn_local(async move {
        let mut last: BTreeMap<String, Value> = BTreeMap::new();
        loop {
            let of = |annotations: &Value, word: &str| annotations[format!("autoscaling.knative.dev/{word}")].clone();
            let now: Vec<(String, Value)> = world.with(|s| {
                let bounds = |a: &Value| json!({"min-scale": of(a, "min-scale"), "max-scale": of(a, "max-scale")});
                s.revisions.iter().map(|(name, revision)| (name.clone(), bounds(&revision.annotations))).collect()
            });
            for (name, bounds) in now {
                let old = last.insert(name.clone(), bounds.clone()).unwrap_or_else(|| none.clone());
                if old != bounds {
                    let mut event = bounds;
                    (event["at"], event["revision"]) = (json!(millis(world.start.elapsed())), json!(name));
                    into.borrow_mut().push(event);
                }
            }
            sleep(Duration::from_millis(5)).await;
        }
    });
    noted
}
