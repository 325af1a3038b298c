//! What an older build began, this one finishes: every write that it made, replayed as it made it, and after each of them a process of
//! this build comes in its place, or to settle it, or with a newer release.
//!
//! `older/*.json` is what builds wrote on this model (docs/protocol.md, "The record"): events with their times in milliseconds, a write
//! of the Service or of a Revision's bounds each. `first.json` is of one from before declared goals. What this build writes joins them
//! by `ANDANTE_KEEP_RECORDS=VERSION cargo test --test simulator older`, once a release.

mod told;

use super::api::Who;
use super::check::{self, record};
use super::fault::Script;
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::story::brief;
use super::world::simulate;
use andante::machine::claim::{Asker, IfBusy};
use andante::model::outcome::{Code, Outcome};
use andante::model::writers::FIELD_MANAGER;
use andante::rollout::record::Phase;
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;
use tokio::time::{sleep, sleep_until};

const OURS: &str = "andante.dev/";
/// The folder of what older builds wrote.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sim/older");

/// One story of an older build.
#[derive(Debug, Clone)]
struct Older(Value);

/// What every older build wrote that is kept.
#[expect(clippy::disallowed_methods, reason = "files of these tests alone")]
fn stories() -> Vec<Older> {
    let files = fs::read_dir(KEPT).unwrap().map(|entry| entry.unwrap().path());
    let texts = files
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .map(|path| fs::read_to_string(path).unwrap());
    texts.flat_map(|text| serde_json::from_str::<Vec<Value>>(&text).unwrap()).map(Older).collect()
}

/// Whose a story is: a run's, or a person's.
fn owner(person: bool) -> Asker {
    if person { asker("@kim", 1, IfBusy::Fail) } else { asker("a", 1, IfBusy::Supersede) }
}

/// A Service that serves the last of these images with this split, to users who want so many pods.
async fn scene(images: &[&str], traffic: &Value, pods: i64) -> Theatre {
    let mut theatre = Theatre::new(7);
    theatre.calm = true;
    let world = theatre.world.clone();
    for (i, image) in images.iter().enumerate() {
        if i == 0 {
            world.deploy(&world.plain(image)).await;
        } else {
            world.deploy_image(image).unwrap();
            sleep(Duration::from_secs(10)).await;
        }
    }
    world.move_traffic(traffic).unwrap();
    world.with(|s| {
        s.pods_wanted = pods;
        s.scale_soon();
    });
    sleep(Duration::from_secs(10)).await;
    theatre
}

impl Older {
    fn name(&self) -> &str {
        self.0["name"].as_str().unwrap()
    }

    fn events(&self) -> &[Value] {
        self.0["events"].as_array().unwrap()
    }

    /// The images that were deployed before, and the one that is released.
    fn images(&self) -> (Vec<&str>, &str) {
        let mut images: Vec<&str> = self.0["images"].as_array().unwrap().iter().map(|i| i.as_str().unwrap()).collect();
        let last = images.pop().unwrap();
        (images, last)
    }

    fn owner(&self) -> Asker {
        owner(self.0["person"] == true)
    }

    fn stage(&self) -> Job {
        Job::Stage { image: self.images().1.to_owned(), again: false }
    }

    fn walk(&self) -> Job {
        let percents =
            |list: &Value| -> Vec<i64> { list.as_array().unwrap().iter().map(|p| p.as_i64().unwrap()).collect() };
        let seconds = |field: &str| self.0["walk"][field].as_u64().unwrap();
        let plan = plan(&percents(&self.0["walk"]["steps"]), seconds("dwell"), seconds("bake"), None);
        Job::Walk(plan, Looks { probe: true, evidence: self.0["walk"]["evidence"] == true, ..Looks::default() })
    }

    /// Where users are once it is over, whoever finishes it.
    fn leaves(&self) -> &str {
        self.0["finished"].as_str().unwrap()
    }

    /// The older build's first events, as they came, on a Service as it found it; how many writes made the scene.
    async fn replayed(&self, events: usize) -> (Theatre, usize) {
        let theatre = scene(&self.images().0, &self.0["traffic"], self.0["pods"].as_i64().unwrap()).await;
        let world = theatre.world.clone();
        let prologue = world.scene_is_set();
        for event in &self.events()[..events] {
            sleep_until(world.start + Duration::from_millis(event["at"].as_u64().unwrap())).await;
            happens(&theatre, event);
        }
        (theatre, prologue)
    }
}

/// A write of the older build.
fn happens(theatre: &Theatre, event: &Value) {
    if let Some(name) = event["revision"].as_str() {
        let patch: Vec<Value> = ["min-scale", "max-scale"]
            .iter()
            .filter_map(|bound| {
                let path = format!("/metadata/annotations/autoscaling.knative.dev~1{bound}");
                let stands = theatre
                    .world
                    .with(|s| s.revisions[name].annotations[format!("autoscaling.knative.dev/{bound}")].clone());
                match (&event[*bound], stands) {
                    (Value::Null, Value::Null) => None,
                    (Value::Null, _) => Some(json!({"op": "remove", "path": path})),
                    (value, _) => Some(json!({"op": "add", "path": path, "value": value})),
                }
            })
            .collect();
        theatre.world.with(|s| s.patch_revision(name, &json!(patch))).unwrap();
        return;
    }
    theatre.world.with(|s| {
        let old = s.get_service().unwrap();
        let mut new = old.clone();
        new["spec"] = event["spec"].clone();
        let all = new["metadata"]["annotations"].as_object_mut().unwrap();
        all.retain(|name, _| !name.starts_with(OURS));
        all.extend(event["annotations"].as_object().unwrap().clone());
        // Each write is its process's, which the record names.
        let writer = record(&new).expect("a record of an older build is read").writer;
        let who = Who { user: "older".into(), manager: FIELD_MANAGER.into(), run: Some(writer) };
        s.replace_service(&who, &old, new).unwrap();
    });
}

fn split(theatre: &Theatre) -> String {
    brief(&theatre.world.service().unwrap())
}

/// What is wrong at the end, whatever came of it.
fn wrong(theatre: &Theatre, prologue: usize) -> Vec<String> {
    let story = theatre.story(prologue);
    let complaints = theatre.complaints().into_iter().chain(check::all(&story));
    complaints.chain(theatre.world.with(|s| s.bounds_left())).collect()
}

/// Plays every story, cut after each of its events, and what comes then; says what is wrong of each.
fn after_each_event(then: impl AsyncFn(&Older, &Theatre, Phase) -> Vec<String>) {
    after_each_event_of(&stories(), then);
}

fn after_each_event_of(stories: &[Older], then: impl AsyncFn(&Older, &Theatre, Phase) -> Vec<String>) {
    let (mut bad, mut tries) = (Vec::new(), 0);
    for older in stories {
        for events in 1..=older.events().len() {
            let wrong = simulate(async {
                let (theatre, prologue) = older.replayed(events).await;
                sleep(Duration::from_secs(1)).await;
                let phase = record(&theatre.world.service().unwrap()).unwrap().phase;
                let mut wrong = then(older, &theatre, phase).await;
                sleep(Duration::from_secs(60)).await;
                wrong.extend(self::wrong(&theatre, prologue));
                if !wrong.is_empty() {
                    eprintln!("--- {} after {events} events: {wrong:#?}\n{}", older.name(), theatre.print(prologue));
                }
                wrong
            });
            tries += 1;
            bad.extend(wrong.iter().map(|wrong| format!("{} after {events} events: {wrong}", older.name())));
        }
    }
    assert!(tries > 30, "only {tries} events");
    assert!(bad.is_empty(), "{} of {tries}:\n{}", bad.len(), bad.join("\n"));
}

async fn plays(theatre: &Theatre, label: &str, asker: &Asker, job: &Job) -> Outcome {
    theatre.process(label, asker, job, Script::default()).await.unwrap()
}

/// The same run comes again: it ends as if nothing had come between.
async fn goes_on(older: &Older, theatre: &Theatre, phase: Phase) -> Vec<String> {
    let owner = older.owner();
    let mut end = None;
    if phase == Phase::Staging {
        end = Some(plays(theatre, "stage-again", &owner, &older.stage()).await);
    }
    if end.as_ref().is_none_or(|end| end.code == Code::Done) {
        end = Some(plays(theatre, "walk-again", &owner, &older.walk()).await);
    }
    sleep(Duration::from_secs(30)).await;
    let (left, end) = (split(theatre), end.unwrap());
    if left == older.leaves() { vec![] } else { vec![format!("{} left {left}, wanted {}", end.line(), older.leaves())] }
}

#[test]
fn the_same_run_goes_on_with_what_an_older_build_began() {
    after_each_event(goes_on);
}

/// What is kept for later builds is what this one writes, and can be played again.
#[test]
#[expect(clippy::disallowed_methods, reason = "a setting of this test alone")]
fn what_this_build_writes_can_be_kept() {
    let told = told::told();
    if let Ok(version) = std::env::var("ANDANTE_KEEP_RECORDS") {
        fs::write(format!("{KEPT}/{version}.json"), told::text(&told)).unwrap();
    }
    let again: Vec<Value> = serde_json::from_str(&told::text(&told)).unwrap();
    assert_eq!(again, told);
    after_each_event_of(&told.into_iter().map(Older).collect::<Vec<_>>(), goes_on);
}

#[test]
fn what_an_older_build_began_is_settled() {
    after_each_event(async |older, theatre, phase| {
        let served = theatre.world.served_now();
        let end = plays(theatre, "finally", &older.owner(), &Job::Settle { to: None, any: false }).await;
        let record = record(&theatre.world.service().unwrap()).unwrap();
        let mut wrong = vec![];
        if end.code != Code::Done || record.phase.is_open() {
            wrong.push(format!("{} with {:?}", end.line(), record.phase));
        }
        sleep(Duration::from_secs(30)).await;
        // Whoever was over stays where it was, and nobody else keeps a candidate that was not finished.
        let now = theatre.world.served_now();
        let back = record.start.split.pinned(&record.start.latest);
        let on =
            |name: &str| back.revisions().iter().find(|r| r.as_str() == name).map_or(0, |r| i64::from(back.share(r)));
        let is_back = now.iter().all(|(name, percent)| on(name) == *percent);
        if !(is_back || !phase.is_open() && now == served) {
            wrong.push(format!("users got {served:?} and then {now:?}"));
        }
        wrong
    });
}

#[test]
fn a_newer_release_takes_over_what_an_older_build_began() {
    after_each_event(async |older, theatre, _| {
        let newer = asker("b", 100, IfBusy::Supersede);
        let stage = Job::Stage { image: "ok:9".into(), again: false };
        let staged = plays(theatre, "stage-b", &newer, &stage).await;
        let walked = plays(theatre, "walk-b", &newer, &older.walk()).await;
        sleep(Duration::from_secs(30)).await;
        let mut wrong: Vec<String> =
            [staged, walked].iter().filter(|end| end.code != Code::Done).map(Outcome::line).collect();
        let serves = theatre.world.with(|s| {
            let name = &s.ingress.served()[0].0;
            s.revisions[name].template["spec"]["containers"][0]["image"].clone()
        });
        if serves != "ok:9" {
            wrong.push(format!("{serves} serves, and not the newer release: {}", split(theatre)));
        }
        wrong
    });
}
