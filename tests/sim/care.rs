//! Into care and out of it, whatever happens: every call of `adopt` and `detach` is killed before and after it takes effect, hit
//! by every fault and overtaken by edits. Nobody is moved, nothing is started, and the owner's shape comes back.

use super::check;
use super::exhaustive::{Case, exhaust};
use super::fault::Script;
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::story::brief;
use super::world::simulate;
use andante::machine::care::detach::IfMoves;
use andante::machine::claim::{Asker, IfBusy};
use andante::machine::settle::To;
use andante::model::name::Namespace;
use andante::model::observed::{GOAL_STATUS, Service};
use andante::model::outcome::{Code, Outcome};
use andante::rollout::declaration::read::Stated;
use andante::rollout::start::decide::{Idle, StartDecision, StartQuestion, decide};
use andante::rollout::start::table::RunTable;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

const ADOPT: Job = Job::Adopt("slow-walk");
const DETACH: Job = Job::Detach(IfMoves::Refuse);

fn stage(image: &str) -> Job {
    Job::Stage { image: image.into(), again: false }
}

fn walk() -> Job {
    Job::Walk(plan(&[50, 100], 2, 2, None), Looks::default())
}

fn latest() -> Value {
    json!([{"latestRevision": true, "percent": 100}])
}

#[test]
fn adopt_whatever_happens() {
    exhaust(&Case {
        name: "adopt",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![],
        job: ADOPT,
        code: Code::Done,
        leaves: "hello-00001=100",
    });
}

#[test]
fn adopt_of_a_mixed_split_whatever_happens() {
    exhaust(&Case {
        name: "adopt a mixed split",
        traffic: json!([{"revisionName": "hello-00001", "percent": 20, "tag": "old"}, {"latestRevision": true, "percent": 80},
            {"latestRevision": true, "percent": 0, "tag": "preview"}]),
        images: &["ok:1", "ok:2"],
        before: vec![],
        job: ADOPT,
        code: Code::Done,
        leaves: "hello-00001#old=20 hello-00002=80 latest#preview=0",
    });
}

#[test]
fn adopt_after_a_rollback_whatever_happens() {
    exhaust(&Case {
        name: "adopt after a rollback",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(stage("ok:2"), None), (Job::Settle { to: Some(To::Stable), any: false }, None)],
        job: ADOPT,
        code: Code::Done,
        leaves: "hello-00001=100 hello-00002#candidate=0",
    });
}

#[test]
fn detach_whatever_happens() {
    exhaust(&Case {
        name: "detach",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(ADOPT, None)],
        job: DETACH,
        code: Code::Done,
        leaves: "latest=100",
    });
}

#[test]
fn detach_of_a_mixed_split_whatever_happens() {
    exhaust(&Case {
        name: "detach a mixed split",
        traffic: json!([{"revisionName": "hello-00001", "percent": 20, "tag": "old"}, {"latestRevision": true, "percent": 80},
            {"latestRevision": true, "percent": 0, "tag": "preview"}]),
        images: &["ok:1", "ok:2"],
        before: vec![(ADOPT, None)],
        job: DETACH,
        code: Code::Done,
        leaves: "hello-00001#old=20 latest=80 latest#preview=0",
    });
}

#[test]
fn detach_after_a_rollout_whatever_happens() {
    exhaust(&Case {
        name: "detach after a rollout",
        traffic: latest(),
        images: &["ok:1"],
        before: vec![(ADOPT, None), (stage("ok:2"), None), (walk(), None)],
        job: DETACH,
        code: Code::Done,
        leaves: "latest=100",
    });
}

/// Rolled back: the template is the rejected one.
fn rolled_back() -> Vec<(Job, Option<super::fault::Crash>)> {
    vec![(ADOPT, None), (stage("ok:2"), None), (Job::Settle { to: Some(To::Stable), any: false }, None)]
}

#[test]
fn detach_where_users_would_be_moved_whatever_happens() {
    exhaust(&Case {
        name: "detach refused",
        traffic: latest(),
        images: &["ok:1"],
        before: rolled_back(),
        job: DETACH,
        code: Code::BadState,
        leaves: "hello-00001=100 hello-00002#candidate=0",
    });
}

#[test]
fn detach_and_leave_traffic_by_name_whatever_happens() {
    exhaust(&Case {
        name: "detach pinned",
        traffic: latest(),
        images: &["ok:1"],
        before: rolled_back(),
        job: Job::Detach(IfMoves::LeavePinned),
        code: Code::Done,
        leaves: "hello-00001=100",
    });
}

#[test]
fn detach_and_restore_the_template_whatever_happens() {
    exhaust(&Case {
        name: "detach and restore",
        traffic: latest(),
        images: &["ok:1"],
        before: rolled_back(),
        job: Job::Detach(IfMoves::RestoreTemplate),
        code: Code::Done,
        leaves: "latest=100",
    });
}

async fn run(theatre: &Theatre, label: &str, asker: &Asker, job: Job) -> Outcome {
    theatre.process(label, asker, &job, Script::default()).await.unwrap()
}

fn kim() -> Asker {
    asker("@kim", 0, IfBusy::Fail)
}

/// What would be started for the Service as it stands.
pub(crate) fn would_start(theatre: &Theatre) -> StartDecision {
    let object = theatre.world.service().unwrap();
    let (service, namespace): (_, Namespace) = (Service::from_json(&object).unwrap(), "ns".parse().unwrap());
    let declared = Stated::of_json(&object).read();
    decide(&StartQuestion {
        service: &service,
        declared: &declared,
        namespace: &namespace,
        namespace_suspends: None,
        runs: &[],
        table: &Ok(RunTable::shipped()),
        again: false,
        now: jiff::Timestamp::UNIX_EPOCH,
    })
}

fn ours(theatre: &Theatre) -> Vec<String> {
    let service = theatre.world.service().unwrap();
    let annotations = service["metadata"]["annotations"].as_object().unwrap();
    annotations.keys().filter(|name| name.starts_with("andante.dev/")).cloned().collect()
}

/// Adopted, then changed, rolled out, and detached: what is started, what serves, and what is left at each step.
#[test]
fn a_life_in_care() {
    simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let prologue = theatre.world.scene_is_set();
        let end = run(&theatre, "adopt", &kim(), ADOPT).await;
        assert_eq!((end.code, end.word), (Code::Done, "adopted"), "{}", end.line());
        assert_eq!(would_start(&theatre), StartDecision::Nothing(Idle::Reached), "adopting starts nothing");
        assert_eq!(theatre.world.served_now(), [("hello-00001".to_owned(), 100)]);
        let writes = theatre.world.scene_is_set();
        assert_eq!(run(&theatre, "again", &kim(), ADOPT).await.word, "unchanged");
        assert_eq!(theatre.world.scene_is_set(), writes, "a second call writes nothing");
        // An edit reaches nobody, and is what is started.
        theatre.world.deploy_image("ok:2").unwrap();
        sleep(Duration::from_secs(20)).await;
        assert_eq!(theatre.world.served_now(), [("hello-00001".to_owned(), 100)]);
        assert!(matches!(would_start(&theatre), StartDecision::Start(..)), "{:?}", would_start(&theatre));
        // With it nobody may leave.
        let end = run(&theatre, "early", &kim(), DETACH).await;
        assert!(end.code == Code::BadState && end.what.contains("hello-00002"), "{}", end.line());
        // The run that was older than the adoption is no older one by it.
        let older = asker("a", 1, IfBusy::Supersede);
        assert_eq!(run(&theatre, "stage", &older, stage("ok:2")).await.word, "staged");
        let end = run(&theatre, "open", &kim(), DETACH).await;
        assert_eq!(end.code, Code::Busy, "{}", end.line());
        assert_eq!(run(&theatre, "open-adopt", &kim(), Job::Adopt("fast-walk")).await.code, Code::Busy);
        assert_eq!(run(&theatre, "walk", &older, walk()).await.word, "finished");
        assert_eq!(brief(&theatre.world.service().unwrap()), "hello-00002=100");
        let end = run(&theatre, "detach", &kim(), DETACH).await;
        assert_eq!((end.code, end.word), (Code::Done, "detached"), "{}", end.line());
        assert_eq!((brief(&theatre.world.service().unwrap()).as_str(), ours(&theatre)), ("latest=100", vec![]));
        assert_eq!(would_start(&theatre), StartDecision::Nothing(Idle::Nobody));
        assert_eq!(run(&theatre, "detach-again", &kim(), DETACH).await.word, "unchanged");
        sleep(Duration::from_secs(30)).await;
        assert_eq!(check::all(&theatre.story(prologue)), Vec::<String>::new(), "{}", theatre.print(prologue));
        assert!(theatre.complaints().is_empty(), "{:?}", theatre.complaints());
    });
}

/// What was started before it was adopted is known still, and a declaration that changes says that it is reached.
#[test]
fn adopting_again_declares_another_goal_as_reached() {
    simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        run(&theatre, "adopt", &kim(), ADOPT).await;
        let status = || theatre.world.service().unwrap()["metadata"]["annotations"][GOAL_STATUS].clone();
        let first = status();
        assert_eq!(run(&theatre, "other", &kim(), Job::Adopt("fast-walk")).await.word, "adopted");
        assert_ne!(status(), first);
        assert_eq!(would_start(&theatre), StartDecision::Nothing(Idle::Reached));
        // The shape of before the first one is what comes back.
        assert_eq!(run(&theatre, "detach", &kim(), DETACH).await.word, "detached");
        assert_eq!((brief(&theatre.world.service().unwrap()).as_str(), ours(&theatre)), ("latest=100", vec![]));
    });
}
