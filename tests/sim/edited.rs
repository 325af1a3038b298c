//! Somebody writes the template while a candidate is being staged: nobody is moved, the record is closed, the next one may
//! begin; and who writes what was staged disturbs nobody.

use super::check;
use super::fault::{Crash, Script};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::story::brief;
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::model::outcome::{Code, Outcome};
use andante::rollout::record::Phase;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

fn stage(image: &str) -> Job {
    Job::Stage { image: image.into(), again: false }
}

/// Stages `image` as the run `a` and lets `edit` happen after five seconds; the end.
async fn edited(theatre: &Theatre, job: &Job, edit: impl FnOnce(&Theatre)) -> Outcome {
    let run = asker("a", 100, IfBusy::Supersede);
    let (outcome, ()) = tokio::join!(theatre.process("a", &run, job, Script::default()), async {
        sleep(Duration::from_secs(5)).await;
        edit(theatre);
    });
    outcome.unwrap()
}

fn template(theatre: &Theatre) -> Value {
    theatre.world.service().unwrap()["spec"]["template"].clone()
}

fn phase(theatre: &Theatre) -> Phase {
    check::record(&theatre.world.service().unwrap()).unwrap().phase
}

#[test]
fn the_old_template_applied_again_ends_it_and_holds_nobody_up() {
    simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let world = theatre.world.clone();
        let (prologue, old) = (world.scene_is_set(), template(&theatre));
        let end = edited(&theatre, &stage("slow:2-60"), |t| t.world.apply_again(&old).unwrap()).await;
        assert_eq!(end.code, Code::TakenOver, "{}", end.line());
        assert!(end.what.contains("kim (with kubectl) changed the template of hello during staging"), "{}", end.what);
        assert!(end.next.contains("`andante roll-out hello -n ns --revision newest`"), "{}", end.line());
        assert_eq!((phase(&theatre), theatre.writes("a")), (Phase::RolledBack, 2));
        assert_eq!(brief(&world.service().unwrap()), "hello-00001=100");
        assert_eq!(template(&theatre)["spec"]["containers"][0]["image"], "ok:1", "theirs stands");
        // The same run is not for fighting either.
        let (run, job) = (asker("a", 100, IfBusy::Supersede), stage("slow:2-60"));
        let again = theatre.process("a-2", &run, &job, Script::default()).await.unwrap();
        assert_eq!((again.code, theatre.writes("a-2")), (Code::TakenOver, 0), "{}", again.line());
        // Nor where it was told to try again: that is meant against what other runs found.
        let job = Job::Stage { image: "slow:2-60".into(), again: true };
        let retry = theatre.process("a-3", &run, &job, Script::default()).await.unwrap();
        assert_eq!((retry.code, theatre.writes("a-3")), (Code::TakenOver, 0), "{}", retry.line());
        assert_eq!(template(&theatre)["spec"]["containers"][0]["image"], "ok:1", "theirs stands");
        // The owner's later real update reaches everyone in a rollout, after which latest is followed as before.
        world.deploy_image("ok:3").unwrap();
        sleep(Duration::from_secs(30)).await;
        let run = asker("b", 200, IfBusy::Fail);
        let staged = theatre.process("b", &run, &Job::TakeUp(None), Script::default()).await.unwrap();
        assert_eq!((staged.code, staged.word), (Code::Done, "staged"), "{}", staged.line());
        let job = Job::Walk(plan(&[50, 100], 2, 2, None), Looks::default());
        let walked = theatre.process("b-walk", &run, &job, Script::default()).await.unwrap();
        assert_eq!(walked.code, Code::Done, "{}", walked.line());
        assert_eq!(brief(&world.service().unwrap()), "latest=100");
        sleep(Duration::from_secs(10)).await;
        assert_eq!(check::all(&theatre.story(prologue)), Vec::<String>::new(), "{}", theatre.print(prologue));
    });
}

#[test]
fn the_template_that_was_staged_may_be_written_again() {
    simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let world = theatre.world.clone();
        let (prologue, old) = (world.scene_is_set(), template(&theatre));
        let end = edited(&theatre, &stage("slow:2-20"), |t| {
            let ours = template(t);
            t.world.apply_again(&old).unwrap();
            t.world.apply_again(&ours).unwrap();
        })
        .await;
        assert_eq!((end.code, end.word), (Code::Done, "staged"), "{}", end.line());
        let said = "kim (with kubectl) wrote the template of hello too, as it was staged; going on";
        assert!(theatre.sink.lines().iter().any(|line| line.contains(said)), "{:#?}", theatre.sink.lines());
        // What is newest of it is the candidate, so that latest may be followed at the end.
        let latest = world.service().unwrap()["status"]["latestCreatedRevisionName"].clone();
        assert_eq!(json!(end.candidate.unwrap()), latest);
        sleep(Duration::from_secs(10)).await;
        assert_eq!(check::all(&theatre.story(prologue)), Vec::<String>::new(), "{}", theatre.print(prologue));
    });
}

/// A file has fewer fields than what the server keeps.
#[test]
fn a_file_that_is_applied_while_it_is_staged_disturbs_nobody() {
    simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let file = json!({"spec": {"containers": [{"image": "slow:2-20"}]}});
        let end = edited(&theatre, &Job::File(file.clone()), |t| {
            t.world.apply_again(&json!({"metadata": {"annotations": {}}, "spec": file["spec"]})).unwrap();
            t.world.apply_named("hello-mine", "slow:2-20").unwrap();
        })
        .await;
        assert_eq!((end.code, end.word), (Code::Done, "staged"), "{}", end.line());
        assert_eq!(end.candidate.unwrap().as_str(), "hello-mine");
    });
}

/// Killed at whatever call, and the old template is applied before the run comes again.
#[test]
fn a_run_that_was_killed_and_finds_an_edit_closes_its_record() {
    let calls = simulate(async {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        theatre.process("a", &asker("a", 100, IfBusy::Supersede), &stage("slow:2-20"), Script::default()).await;
        theatre.calls("a")
    });
    let mut closed = 0;
    for crash in (1..=calls).flat_map(|call| [Crash::Before(call), Crash::After(call)]) {
        simulate(async {
            let theatre = Theatre::serving(7, "ok:1", true).await;
            let world = theatre.world.clone();
            let (prologue, old, run) = (world.scene_is_set(), template(&theatre), asker("a", 100, IfBusy::Supersede));
            theatre.process("a", &run, &stage("slow:2-20"), Script::killed(crash)).await;
            let phase_before = check::record(&world.service().unwrap()).map(|r| r.phase);
            let changes = template(&theatre) != old;
            world.apply_again(&old).unwrap();
            let end = theatre.process("again", &run, &stage("slow:2-20"), Script::default()).await.unwrap();
            let expected = match phase_before {
                Some(Phase::Staging) if changes => {
                    closed += 1;
                    (Code::TakenOver, Phase::RolledBack)
                }
                _ => (Code::Done, Phase::Staged),
            };
            assert_eq!((end.code, phase(&theatre)), expected, "{crash:?}: {}", end.line());
            sleep(Duration::from_secs(10)).await;
            let wrong = check::all(&theatre.story(prologue));
            assert_eq!(wrong, Vec::<String>::new(), "{crash:?}\n{}", theatre.print(prologue));
        });
    }
    assert!(closed > 3, "{closed} of them were in the middle of staging");
}

/// There is nobody to protect yet, and no newer run either.
#[test]
fn a_first_deployment_whose_template_is_written_by_another_ends_as_taken_over() {
    simulate(async {
        let theatre = Theatre::new(7);
        let end = edited(&theatre, &stage("slow:1-60"), |t| t.world.deploy_image("ok:9").unwrap()).await;
        assert_eq!(end.code, Code::TakenOver, "{}", end.line());
        assert!(!end.next.is_empty(), "{}", end.line());
    });
}

/// A revision that was there before does not depend on the template: wherever the first process dies, an edit costs nothing but
/// latest at the end.
#[test]
fn a_revision_that_is_taken_up_by_name_is_staged_whatever_the_template_becomes() {
    let job = || Job::TakeUp(Some("hello-00002".parse().unwrap()));
    let mut staging = 0;
    for crash in (1..=12).map(Crash::After) {
        simulate(async {
            let theatre = Theatre::serving(7, "ok:1", true).await;
            let world = theatre.world.clone();
            world.move_traffic(&json!([{"revisionName": "hello-00001", "percent": 100}])).unwrap();
            world.deploy_image("ok:2").unwrap();
            sleep(Duration::from_secs(30)).await;
            let (prologue, run) = (world.scene_is_set(), asker("a", 100, IfBusy::Supersede));
            theatre.process("a", &run, &job(), Script::killed(crash)).await;
            let before = check::record(&world.service().unwrap()).map(|r| r.phase);
            world.deploy_image("ok:3").unwrap();
            let end = theatre.process("again", &run, &job(), Script::default()).await.unwrap();
            staging += usize::from(before == Some(Phase::Staging));
            assert_eq!((end.code, end.word), (Code::Done, "staged"), "{crash:?}, {before:?}: {}", end.line());
            assert_eq!(end.candidate.unwrap().as_str(), "hello-00002");
            sleep(Duration::from_secs(10)).await;
            assert_eq!(check::all(&theatre.story(prologue)), Vec::<String>::new(), "{}", theatre.print(prologue));
        });
    }
    assert!(staging > 0, "an edit in the phase of staging");
}
