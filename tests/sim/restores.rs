//! The template follows users back (`--restore-template`), whatever happens: the way back of a walk, of staging and of `settle`,
//! each killed at every call, hit by every fault and overtaken by edits. How the rollout ended stays, and whom it rejected.

use super::care;
use super::check::{self, entries};
use super::exhaustive::{Case, exhaust};
use super::fault::{Crash, Script};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::story::brief;
use super::world::simulate;
use andante::machine::claim::{Asker, IfBusy};
use andante::model::observed::{GOAL_STATUS, Service};
use andante::model::outcome::{Code, Outcome};
use andante::rollout::goal_status::StatusSeen;
use andante::rollout::record::Record;
use andante::rollout::start::decide::{Idle, StartDecision};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// Its own address turns bad in mid-walk.
pub(super) const BAD: &str = "flaky-probe:2-20";

pub(super) fn stage(image: &str) -> Job {
    Job::Stage { image: image.into(), again: false }
}

pub(super) fn walk() -> Job {
    Job::Walk(plan(&[10, 50, 100], 20, 60, None), Looks { probe: true, ..Looks::default() })
}

pub(super) fn settle() -> Job {
    Job::Settle { to: None, any: false }
}

pub(super) fn restoring(job: Job) -> Job {
    Job::Restoring(Box::new(job))
}

pub(super) fn latest() -> Value {
    json!([{"latestRevision": true, "percent": 100}])
}

fn pinned() -> Value {
    json!([{"revisionName": "hello-00001", "percent": 100}])
}

#[test]
fn a_walk_that_goes_back_and_the_template_with_it_whatever_happens() {
    exhaust(&Case {
        name: "restoring walk",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage(BAD), None)],
        job: restoring(walk()),
        code: Code::RolledBack,
        leaves: "latest=100",
    });
}

#[test]
fn staging_that_goes_back_and_the_template_with_it_whatever_happens() {
    exhaust(&Case {
        name: "restoring stage",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![],
        job: restoring(stage("crash-start:2")),
        code: Code::NeverReady,
        leaves: "latest=100",
    });
}

#[test]
fn settling_and_the_template_with_it_whatever_happens() {
    exhaust(&Case {
        name: "restoring settle",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("ok:2"), None), (walk(), Some(Crash::After(7)))],
        job: restoring(settle()),
        code: Code::Done,
        leaves: "latest=100",
    });
}

#[test]
fn the_template_of_a_rollout_that_is_over_whatever_happens() {
    exhaust(&Case {
        name: "restoring what is over",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage(BAD), None), (walk(), None)],
        job: restoring(settle()),
        code: Code::Done,
        leaves: "latest=100",
    });
}

#[test]
fn the_template_where_the_owner_names_a_revision_whatever_happens() {
    exhaust(&Case {
        name: "restoring one who is pinned",
        traffic: pinned(),
        images: &["ok:1"],
        before: vec![(stage(BAD), None)],
        job: restoring(walk()),
        code: Code::RolledBack,
        leaves: "hello-00001=100 hello-00002#candidate=0",
    });
}

#[test]
fn the_template_in_care_whatever_happens() {
    exhaust(&Case {
        name: "restoring in care",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(Job::Adopt("slow-walk"), None), (stage(BAD), None)],
        job: restoring(walk()),
        code: Code::RolledBack,
        leaves: "hello-00001=100 hello-00002#candidate=0",
    });
}

/// A stage with a Service that serves `ok:1`, and what is asked of it.
pub(super) struct Play {
    pub(super) theatre: Theatre,
    pub(super) prologue: usize,
}

impl Play {
    pub(super) async fn new(traffic: &Value) -> Self {
        Self::serving("ok:1", traffic).await
    }

    pub(super) async fn serving(image: &str, traffic: &Value) -> Self {
        let theatre = Theatre::serving(7, image, true).await;
        sleep(Duration::from_secs(60)).await;
        theatre.world.move_traffic(traffic).unwrap();
        sleep(Duration::from_secs(10)).await;
        let prologue = theatre.world.scene_is_set();
        Self { theatre, prologue }
    }

    pub(super) async fn run(&self, label: &str, asker: &Asker, job: Job) -> Outcome {
        self.theatre.process(label, asker, &job, Script::default()).await.unwrap()
    }

    /// A bad release that goes back, with the template.
    pub(super) async fn goes_back(&self, run: &Asker) -> Outcome {
        assert_eq!(self.run("stage", run, stage(BAD)).await.word, "staged");
        let end = self.run("walk", run, restoring(walk())).await;
        assert_eq!((end.code, end.word), (Code::RolledBack, "rolled-back"), "{}", end.line());
        end
    }

    fn service(&self) -> Value {
        Value::clone(&self.theatre.world.service().unwrap())
    }

    pub(super) fn image(&self) -> String {
        self.service()["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
    }

    pub(super) fn split(&self) -> String {
        brief(&self.service())
    }

    fn record(&self) -> Record {
        check::record(&self.service()).unwrap()
    }

    /// What would be started for it.
    fn would_start(&self) -> StartDecision {
        care::would_start(&self.theatre)
    }

    /// No rule was broken, and nobody of a rollout's ever followed latest while that was what was rejected.
    pub(super) async fn is_well(&self) {
        sleep(Duration::from_secs(60)).await;
        let (theatre, story) = (&self.theatre, self.theatre.story(self.prologue));
        assert_eq!(check::all(&story), Vec::<String>::new(), "{}", theatre.print(self.prologue));
        assert!(theatre.complaints().is_empty(), "{:?}", theatre.complaints());
        for write in story.writes().iter().filter(|w| w.who.run.is_some()) {
            let follows = entries(&write.after).iter().any(|e| e.name.is_none() && e.percent > 0);
            let same = write.truth.latest_ready == write.truth.latest_created;
            assert!(!follows || same, "{}", theatre.print(self.prologue));
        }
    }
}

pub(super) fn run(name: &str, intent: u64) -> Asker {
    asker(name, intent, IfBusy::Supersede)
}

pub(super) fn all_on(name: &str) -> Vec<(String, i64)> {
    vec![(name.to_owned(), 100)]
}

/// The next edit begins from what serves and reaches users, as it did before; whoever comes later is told the same end.
#[test]
fn after_it_the_owner_has_what_they_had_and_the_rejected_one_stays_rejected() {
    simulate(async {
        let play = Play::new(&latest()).await;
        let a = run("a", 1);
        let end = play.goes_back(&a).await;
        let says =
            "the template was put back to what hello-00003 runs, and latest, which is hello-00003, is followed again";
        assert!(end.what.contains(says) && !end.line().contains("pinned"), "{}", end.line());
        assert_eq!((play.split().as_str(), play.image().as_str()), ("latest=100", "ok:1"));
        assert_eq!(play.theatre.world.served_now(), all_on("hello-00003"));
        // The same run again, `finally`, and a person each find that end, and write nothing.
        let writes = play.theatre.world.scene_is_set();
        for (label, job) in [("walk-again", walk()), ("stage-again", stage(BAD)), ("finally", restoring(settle()))] {
            let again = play.run(label, &a, job).await;
            assert_eq!(again.word, "rolled-back", "{}", again.line());
            assert!(again.what.contains(says), "{}", again.line());
        }
        assert_eq!(play.run("b", &run("b", 2), stage(BAD)).await.code, Code::RejectedBefore);
        assert_eq!(play.theatre.world.scene_is_set(), writes);
        // An edit goes on from there, and the next release from that.
        play.theatre.world.deploy_image("ok:4").unwrap();
        sleep(Duration::from_secs(20)).await;
        assert_eq!(play.theatre.world.served_now(), all_on("hello-00004"), "latest is followed");
        let c = run("c", 3);
        assert_eq!(play.run("c", &c, stage("ok:5")).await.word, "staged");
        assert_eq!(play.record().start.stable.as_str(), "hello-00004", "users stay on what they have");
        assert_eq!(play.run("c-walk", &c, walk()).await.word, "finished");
        assert_eq!(play.split(), "latest=100");
        play.is_well().await;
    });
}

/// The rejected template comes again as another revision.
#[test]
fn the_rejected_template_applied_again_is_the_rejected_candidate() {
    simulate(async {
        let play = Play::new(&pinned()).await;
        play.goes_back(&run("a", 1)).await;
        assert_eq!((play.split().as_str(), play.image().as_str()), ("hello-00001=100 hello-00002#candidate=0", "ok:1"));
        play.theatre.world.deploy_image(BAD).unwrap();
        sleep(Duration::from_secs(20)).await;
        let end = play.run("b", &run("b", 2), Job::TakeUp(None)).await;
        assert_eq!(end.code, Code::RejectedBefore, "{}", end.line());
        play.is_well().await;
    });
}

/// Somebody edits in mid-walk, or while the way back is under way.
#[test]
fn what_somebody_wrote_since_stays() {
    simulate(async {
        let play = Play::new(&latest()).await;
        let a = run("a", 1);
        assert_eq!(play.run("stage", &a, stage(BAD)).await.word, "staged");
        let world = play.theatre.world.clone();
        let (end, ()) = tokio::join!(play.run("walk", &a, restoring(walk())), async {
            sleep(Duration::from_secs(5)).await;
            world.deploy_image("ok:9").unwrap();
        });
        assert_eq!(end.code, Code::RolledBack, "{}", end.line());
        assert!(end.what.contains("the template is left as kubectl wrote it"), "{}", end.line());
        assert_eq!((play.split().as_str(), play.image().as_str()), ("hello-00001=100 hello-00002#candidate=0", "ok:9"));
        let settle = Job::Settle { to: None, any: true };
        let end = play.run("settle", &asker("@kim", 900, IfBusy::Fail), restoring(settle)).await;
        assert!(
            end.code == Code::Done && end.what.contains("the template is left as kubectl wrote it"),
            "{}",
            end.line()
        );
        assert_eq!(play.image(), "ok:9");
        play.is_well().await;
    });
}

/// A template of ours is no new goal: nothing is started for it, and the goal's own run finds its end.
#[test]
fn in_care_nothing_is_started_and_users_stay_by_name() {
    for sourced in [false, true] {
        simulate(async move {
            let play = Play::new(&latest()).await;
            let kim = asker("@kim", 0, IfBusy::Fail);
            assert_eq!(play.run("adopt", &kim, Job::Adopt("slow-walk")).await.word, "adopted");
            if sourced {
                play.theatre.world.declare("source", Some("https://git.example.com/hello.git"));
            } else {
                play.theatre.world.deploy_image(BAD).unwrap();
            }
            sleep(Duration::from_secs(20)).await;
            assert!(matches!(play.would_start(), StartDecision::Start(..)), "{:?}", play.would_start());
            let a = run("a", 1);
            let declared = play.theatre.world.declared();
            play.theatre.set_goal(&a, declared.clone());
            let job = if sourced { stage(BAD) } else { Job::TakeUp(None) };
            assert_eq!(play.run("stage", &a, job.clone()).await.word, "staged");
            let end = play.run("walk", &a, restoring(walk())).await;
            assert_eq!(end.code, Code::RolledBack, "{}", end.line());
            assert!(end.what.contains("the template was put back to what hello-00001 runs"), "{}", end.line());
            assert_eq!(
                (play.split().as_str(), play.image().as_str()),
                ("hello-00001=100 hello-00002#candidate=0", "ok:1")
            );
            let now = play.theatre.world.declared();
            assert_eq!(now == declared, sourced, "a template is part of a goal, but for the image that is built");
            let service = Service::from_json(&play.service()).unwrap();
            assert_eq!(
                StatusSeen::of(&service).goal(),
                Some(&now),
                "{}",
                play.service()["metadata"]["annotations"][GOAL_STATUS]
            );
            let idle = |decision| matches!(decision, StartDecision::Nothing(Idle::Started(..)));
            assert!(idle(play.would_start()), "{:?}", play.would_start());
            // The run comes again, and finds its end.
            for (label, job) in [("stage-again", job), ("walk-again", restoring(walk()))] {
                let again = play.run(label, &a, job).await;
                assert_eq!(again.code, Code::RolledBack, "{}", again.line());
            }
            assert!(idle(play.would_start()), "{:?}", play.would_start());
            // What is declared next is started.
            play.theatre.world.deploy_image("ok:7").unwrap();
            play.theatre.world.declare("params", Some("{style: canary}"));
            sleep(Duration::from_secs(20)).await;
            assert!(matches!(play.would_start(), StartDecision::Start(..)), "{:?}", play.would_start());
            play.is_well().await;
        });
    }
}
