//! In care every end is by name, whatever happens on the way, and what the owner had is known after any number of rollouts: out of
//! care they follow latest again where that moves nobody.

use super::check;
use super::exhaustive::{Case, exhaust};
use super::fault::{Crash, Script};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::story::brief;
use super::world::simulate;
use andante::machine::care::detach::IfMoves;
use andante::machine::claim::{Asker, IfBusy};
use andante::machine::settle::To;
use andante::model::outcome::{Code, Outcome};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

const ADOPT: Job = Job::Adopt("slow-walk");
const DETACH: Job = Job::Detach(IfMoves::Refuse);

fn stage(image: &str) -> Job {
    Job::Stage { image: image.into(), again: false }
}

/// Its bake is longer than any call is late.
fn walk() -> Job {
    Job::Walk(plan(&[50, 100], 2, 20, None), Looks::default())
}

fn settle(to: To) -> Job {
    Job::Settle { to: Some(to), any: false }
}

/// A Service whose owner follows latest, and what was done to it before: it ends with this split.
fn ends(name: &'static str, before: Vec<Job>, job: Job, leaves: &'static str) {
    let before = before.into_iter().map(|job| (job, None)).collect();
    let traffic = json!([{"latestRevision": true, "percent": 100}]);
    exhaust(&Case { name, traffic, images: &["ok:1"], before, job, code: Code::Done, leaves });
}

#[test]
fn a_walk_in_care_whatever_happens() {
    ends("walk in care", vec![ADOPT, stage("ok:2")], walk(), "hello-00002=100");
}

#[test]
fn a_second_walk_in_care_whatever_happens() {
    let before = vec![ADOPT, stage("ok:2"), walk(), stage("ok:3")];
    ends("second walk in care", before, walk(), "hello-00003=100");
}

#[test]
fn a_revert_in_care_whatever_happens() {
    let before = vec![ADOPT, stage("ok:2"), settle(To::Stable)];
    ends("revert in care", before, stage("ok:1"), "hello-00003=100");
}

#[test]
fn everyone_sent_to_the_candidate_in_care_whatever_happens() {
    ends("settle in care", vec![ADOPT, stage("ok:2")], settle(To::Candidate), "hello-00002=100");
}

#[test]
fn detach_after_two_rollouts_whatever_happens() {
    let before = vec![ADOPT, stage("ok:2"), walk(), stage("ok:3"), walk()];
    ends("detach after two", before, DETACH, "latest=100");
}

#[test]
fn detach_after_a_revert_whatever_happens() {
    let before = vec![ADOPT, stage("ok:2"), settle(To::Stable), stage("ok:1")];
    ends("detach after a revert", before, DETACH, "latest=100");
}

async fn run(theatre: &Theatre, label: &str, asker: &Asker, job: Job) -> Outcome {
    theatre.process(label, asker, &job, Script::default()).await.unwrap()
}

fn kim() -> Asker {
    asker("@kim", 0, IfBusy::Fail)
}

fn split(theatre: &Theatre) -> String {
    brief(&theatre.world.service().unwrap())
}

/// A release of a run of its own.
async fn release(theatre: &Theatre, name: &str, intent: u64, image: &str) -> Outcome {
    let run_of = asker(name, intent, IfBusy::Supersede);
    let staged = run(theatre, &format!("{name}-stage"), &run_of, stage(image)).await;
    if staged.word != "staged" {
        return staged;
    }
    // Long enough that a candidate whose probes fail some time after its start does so on the way.
    let patient = Job::Walk(plan(&[10, 100], 20, 20, None), Looks { probe: true, ..Looks::default() });
    run(theatre, &format!("{name}-walk"), &run_of, patient).await
}

async fn all_is_well(theatre: &Theatre, prologue: usize) {
    sleep(Duration::from_secs(30)).await;
    assert_eq!(check::all(&theatre.story(prologue)), Vec::<String>::new(), "{}", theatre.print(prologue));
    assert!(theatre.complaints().is_empty(), "{:?}", theatre.complaints());
}

/// Nobody adopted it: the annotation alone puts it into care, and the walk's process may die at any call.
#[test]
fn an_annotated_service_ends_by_name_and_follows_latest_again_out_of_care() {
    for crash in
        [None].into_iter().chain((1..=16).flat_map(|call| [Some(Crash::Before(call)), Some(Crash::After(call))]))
    {
        simulate(async {
            let theatre = Theatre::serving(7, "ok:1", true).await;
            theatre.world.declare("pipeline", Some("slow-walk"));
            let prologue = theatre.world.scene_is_set();
            let a = asker("a", 1, IfBusy::Supersede);
            assert_eq!(run(&theatre, "stage", &a, stage("ok:2")).await.word, "staged");
            let script = Script { crash, ..Script::default() };
            let end = match theatre.process("walk", &a, &walk(), script).await {
                Some(end) => end,
                None => run(&theatre, "walk-again", &a, walk()).await,
            };
            assert_eq!(
                (end.word, split(&theatre).as_str()),
                ("finished", "hello-00002=100"),
                "{crash:?}: {}",
                end.line()
            );
            assert!(
                end.next.contains("hello is in care; `andante detach hello -n ns` gives latest back"),
                "{}",
                end.line()
            );
            // An edit reaches nobody, and what waits is told.
            theatre.world.deploy_image("ok:3").unwrap();
            sleep(Duration::from_secs(20)).await;
            assert_eq!(theatre.world.served_now(), [("hello-00002".to_owned(), 100)]);
            assert_eq!(run(&theatre, "early", &kim(), DETACH).await.code, Code::BadState);
            assert_eq!(release(&theatre, "b", 2, "ok:3").await.word, "finished");
            assert_eq!(split(&theatre), "hello-00003=100");
            let end = run(&theatre, "detach", &kim(), DETACH).await;
            assert_eq!((end.word, split(&theatre).as_str()), ("detached", "latest=100"), "{}", end.line());
            all_is_well(&theatre, prologue).await;
        });
    }
}

/// Ways back between releases, then out of care; and where somebody has moved traffic since, it is theirs.
#[test]
fn what_the_owner_had_outlives_ways_back() {
    for theirs in [false, true] {
        simulate(async {
            let theatre = Theatre::serving(7, "ok:1", true).await;
            let prologue = theatre.world.scene_is_set();
            run(&theatre, "adopt", &kim(), ADOPT).await;
            assert_eq!(release(&theatre, "a", 1, "ok:2").await.word, "finished");
            let end = release(&theatre, "b", 2, "flaky-probe:3").await;
            assert_eq!(end.code, Code::RolledBack, "{}", end.line());
            assert!(end.next.contains("pinned by name, as in care"), "{}", end.line());
            assert_eq!(run(&theatre, "early", &kim(), DETACH).await.code, Code::BadState, "latest was rejected");
            assert_eq!(release(&theatre, "c", 3, "ok:4").await.word, "finished");
            assert_eq!(split(&theatre), "hello-00004=100");
            if theirs {
                theatre.world.move_traffic(&json!([{"revisionName": "hello-00002", "percent": 100}])).unwrap();
                sleep(Duration::from_secs(10)).await;
            }
            assert_eq!(run(&theatre, "detach", &kim(), DETACH).await.word, "detached");
            assert_eq!(split(&theatre), if theirs { "hello-00002=100" } else { "latest=100" });
            all_is_well(&theatre, prologue).await;
        });
    }
}

/// A person, and `finally` after them, each say why users are by name.
#[test]
fn settling_in_care_says_that_users_are_by_name() {
    simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        theatre.world.declare("pipeline", Some("slow-walk"));
        let prologue = theatre.world.scene_is_set();
        let a = asker("a", 1, IfBusy::Supersede);
        assert_eq!(run(&theatre, "stage", &a, stage("ok:2")).await.word, "staged");
        for (label, job) in [("settle", settle(To::Candidate)), ("finally", Job::Settle { to: None, any: false })] {
            let end = run(&theatre, label, &a, job).await;
            assert_eq!((end.word, split(&theatre).as_str()), ("finished", "hello-00002=100"), "{}", end.line());
            assert!(end.next.contains("`andante detach hello -n ns` gives latest back"), "{}", end.line());
        }
        all_is_well(&theatre, prologue).await;
    });
}

/// Others who follow latest beside those who are walked: by name in care, and again after it.
#[test]
fn every_entry_that_followed_latest_follows_it_again() {
    simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let had: Value = json!([{"latestRevision": true, "percent": 80}, {"latestRevision": true, "percent": 20, "tag": "x"},
            {"latestRevision": true, "percent": 0, "tag": "preview"}]);
        theatre.world.move_traffic(&had).unwrap();
        sleep(Duration::from_secs(10)).await;
        run(&theatre, "adopt", &kim(), ADOPT).await;
        assert_eq!(split(&theatre), "hello-00001=80 hello-00001#x=20 latest#preview=0");
        for (name, intent, image, leaves) in [
            ("a", 1, "ok:2", "hello-00002=80 hello-00002#x=20 latest#preview=0"),
            ("b", 2, "ok:3", "hello-00003=80 hello-00003#x=20 latest#preview=0"),
        ] {
            assert_eq!(release(&theatre, name, intent, image).await.word, "finished");
            assert_eq!(split(&theatre), leaves);
        }
        let end = run(&theatre, "detach", &kim(), DETACH).await;
        assert_eq!((end.word, split(&theatre).as_str()), ("detached", "latest=80 latest#x=20 latest#preview=0"));
    });
}

/// What serves already is asked for, once by a run and once by a person; a second time nothing is written.
#[test]
fn where_nothing_is_to_be_done_users_are_named() {
    for who in ["a", "@kim"] {
        simulate(async {
            let theatre = Theatre::serving(7, "ok:1", true).await;
            theatre.world.declare("pipeline", Some("slow-walk"));
            let prologue = theatre.world.scene_is_set();
            let asker = asker(who, 1, IfBusy::Supersede);
            let end = run(&theatre, "stage", &asker, stage("ok:1")).await;
            assert_eq!((end.word, split(&theatre).as_str()), ("unchanged", "hello-00001=100"), "{}", end.line());
            let writes = theatre.world.scene_is_set();
            assert_eq!(run(&theatre, "again", &asker, stage("ok:1")).await.word, "unchanged");
            assert_eq!(theatre.world.scene_is_set(), writes, "nothing");
            let end = run(&theatre, "detach", &kim(), DETACH).await;
            assert_eq!((end.word, split(&theatre).as_str()), ("detached", "latest=100"), "{}", end.line());
            all_is_well(&theatre, prologue).await;
        });
    }
}

/// A file that says in other words what serves: the rollout ends with nothing made, and users stay by name.
#[test]
fn a_template_that_makes_no_revision_leaves_users_by_name() {
    for adopted in [true, false] {
        simulate(async {
            let theatre = Theatre::new(3);
            let world = &theatre.world;
            // The cluster fills in what looks like something that the file lost.
            world.with(|s| s.timeout = Some(600));
            world.deploy(&world.plain("ok:1")).await;
            sleep(Duration::from_secs(10)).await;
            if adopted {
                assert_eq!(run(&theatre, "adopt", &kim(), ADOPT).await.word, "adopted");
            } else {
                world.declare("pipeline", Some("slow-walk"));
            }
            let prologue = world.scene_is_set();
            let file = Job::File(json!({"metadata": {"annotations": {}}, "spec": {"containers": [{"image": "ok:1"}]}}));
            let end = run(&theatre, "stage", &asker("a", 1, IfBusy::Supersede), file).await;
            assert_eq!(end.code, Code::Done, "{}", end.line());
            assert!(end.what.contains("the template makes no new revision"), "{}", end.line());
            assert_eq!(split(&theatre), "hello-00001=100", "{}", end.line());
            assert!(end.next.contains("`andante detach hello -n ns` gives latest back"), "{}", end.line());
            // Else this edit would reach everyone.
            world.deploy_image("ok:3").unwrap();
            all_is_well(&theatre, prologue).await;
            assert_eq!(world.served_now(), [("hello-00001".to_owned(), 100)]);
        });
    }
}

/// The first revision serves everyone, by name, also where the process dies before it could say so.
#[test]
fn a_first_deployment_in_care_is_by_name() {
    for crash in
        [None].into_iter().chain((1..=10).flat_map(|call| [Some(Crash::Before(call)), Some(Crash::After(call))]))
    {
        simulate(async {
            let theatre = Theatre::new(7);
            let world = &theatre.world;
            world.deploy(&world.plain("never:1")).await;
            world.declare("pipeline", Some("slow-walk"));
            sleep(Duration::from_secs(10)).await;
            let a = asker("a", 1, IfBusy::Supersede);
            let script = Script { crash, ..Script::default() };
            let end = match theatre.process("stage", &a, &stage("ok:2"), script).await {
                Some(end) => end,
                None => run(&theatre, "stage-again", &a, stage("ok:2")).await,
            };
            assert_eq!(
                (end.code, split(&theatre).as_str()),
                (Code::Done, "hello-00002=100"),
                "{crash:?}: {}",
                end.line()
            );
            sleep(Duration::from_secs(20)).await;
            assert_eq!(run(&theatre, "detach", &kim(), DETACH).await.word, "detached");
            assert_eq!(split(&theatre), "latest=100");
        });
    }
}

/// Nothing here acts for whoever operates it from outside, and nothing is named for them.
#[test]
fn where_somebody_outside_acts_an_end_has_the_owners_shape() {
    simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        theatre.world.declare("pipeline", Some("ExternalOperation"));
        let prologue = theatre.world.scene_is_set();
        assert_eq!(release(&theatre, "a", 1, "ok:2").await.word, "finished");
        assert_eq!(split(&theatre), "latest=100");
        all_is_well(&theatre, prologue).await;
    });
}
