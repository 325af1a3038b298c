//! A run against its goal, sentence by sentence: another goal is declared before anybody was moved, in mid-walk, while a process is
//! dead; the present goal goes before another one; and what a run writes itself is no other goal.

use super::check;
use super::fault::{Crash, Fault, Script};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::story::brief;
use super::world::simulate;
use andante::machine::claim::{Asker, IfBusy};
use andante::model::observed::Service;
use andante::model::outcome::{Code, Outcome};
use andante::rollout::goal_status::StatusSeen;
use andante::rollout::record::Phase;
use std::time::Duration;
use tokio::time::sleep;

fn stage(image: &str) -> Job {
    Job::Stage { image: image.into(), again: false }
}

fn slowly() -> Job {
    Job::Walk(plan(&[50, 100], 60, 10, None), Looks::default())
}

fn quickly() -> Job {
    Job::Walk(plan(&[50, 100], 2, 2, None), Looks::default())
}

/// A Service that serves `ok:1` and declares a goal, with a source or without one.
async fn declaring(sourced: bool) -> Theatre {
    let theatre = Theatre::serving(7, "ok:1", true).await;
    theatre.world.declare("pipeline", Some("build-it"));
    if sourced {
        theatre.world.declare("source", Some("https://git.example.com/hello.git"));
    }
    theatre
}

/// A run that is started for what is declared now.
fn started(theatre: &Theatre, name: &str, intent: u64) -> Asker {
    let run = asker(name, intent, IfBusy::Supersede);
    theatre.set_goal(&run, theatre.world.declared());
    run
}

async fn run(theatre: &Theatre, label: &str, asker: &Asker, job: Job) -> Outcome {
    theatre.process(label, asker, &job, Script::default()).await.unwrap()
}

/// Somebody declares another goal after so many seconds.
async fn change(theatre: &Theatre, seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
    theatre.world.declare("params", Some("{style: canary}"));
}

fn phase(theatre: &Theatre) -> Phase {
    check::record(&theatre.world.service().unwrap()).unwrap().phase
}

fn split(theatre: &Theatre) -> String {
    brief(&theatre.world.service().unwrap())
}

async fn all_is_well(theatre: &Theatre, prologue: usize) {
    sleep(Duration::from_secs(30)).await;
    assert_eq!(check::all(&theatre.story(prologue)), Vec::<String>::new(), "{}", theatre.print(prologue));
}

#[test]
fn in_mid_walk_users_go_back_in_one_write() {
    simulate(async {
        let theatre = declaring(true).await;
        let prologue = theatre.world.scene_is_set();
        let a = started(&theatre, "a", 100);
        assert_eq!(run(&theatre, "stage", &a, stage("ok:2")).await.word, "staged");
        let (end, writes) = tokio::join!(run(&theatre, "walk", &a, slowly()), async {
            change(&theatre, 30).await;
            theatre.world.scene_is_set()
        });
        assert_eq!(end.code, Code::Superseded, "{}", end.line());
        assert!(end.what.starts_with("rolled back: hello declares goal "), "{}", end.line());
        assert_eq!(theatre.world.scene_is_set() - writes, 1, "one write takes them back");
        assert_eq!(split(&theatre), "hello-00001=100 hello-00002#candidate=0");
        let record = check::record(&theatre.world.service().unwrap()).unwrap();
        assert_eq!((record.phase, record.rejected), (Phase::RolledBack, vec![]), "nobody is blamed");
        all_is_well(&theatre, prologue).await;
    });
}

#[test]
fn before_anybody_was_moved_nothing_more_is_written() {
    simulate(async {
        let theatre = declaring(true).await;
        let prologue = theatre.world.scene_is_set();
        let a = started(&theatre, "a", 100);
        let (end, writes) = tokio::join!(run(&theatre, "stage", &a, stage("slow:2-30")), async {
            change(&theatre, 10).await;
            theatre.world.scene_is_set()
        });
        assert_eq!(end.code, Code::Superseded, "{}", end.line());
        assert_eq!(theatre.world.scene_is_set(), writes, "nothing");
        assert_eq!(phase(&theatre), Phase::Staging);
        // The same run writes nothing either, and a run of the present goal takes over although its run began before.
        let again = run(&theatre, "again", &a, stage("slow:2-30")).await;
        assert_eq!((again.code, theatre.world.scene_is_set()), (Code::Superseded, writes), "{}", again.line());
        let b = started(&theatre, "b", 50);
        assert_eq!(run(&theatre, "b-stage", &b, stage("ok:3")).await.word, "staged");
        assert_eq!(run(&theatre, "b-walk", &b, quickly()).await.word, "finished");
        assert_eq!(split(&theatre), "hello-00003=100");
        all_is_well(&theatre, prologue).await;
    });
}

/// Where the template says what is wanted, whoever edits it declares another goal.
#[test]
fn a_template_that_somebody_writes_during_staging_is_another_goal() {
    simulate(async {
        let theatre = declaring(false).await;
        let a = started(&theatre, "a", 100);
        let (end, writes) = tokio::join!(run(&theatre, "stage", &a, stage("slow:2-30")), async {
            sleep(Duration::from_secs(10)).await;
            theatre.world.deploy_image("ok:3").unwrap();
            theatre.world.scene_is_set()
        });
        assert_eq!((end.code, theatre.world.scene_is_set()), (Code::Superseded, writes), "{}", end.line());
        assert!(split(&theatre).starts_with("hello-00001"), "users are by name: {}", split(&theatre));
    });
}

#[test]
fn a_run_of_the_present_goal_goes_before_a_newer_one_of_another() {
    simulate(async {
        let theatre = declaring(true).await;
        let prologue = theatre.world.scene_is_set();
        // It holds the target and is dead for a while, so that it cannot go back by itself.
        let a = started(&theatre, "a", 500);
        assert_eq!(run(&theatre, "stage", &a, stage("ok:2")).await.word, "staged");
        theatre.process("walk", &a, &slowly(), Script::killed(Crash::After(8))).await;
        change(&theatre, 1).await;
        let b = started(&theatre, "b", 100);
        assert_eq!(run(&theatre, "b-stage", &b, stage("ok:3")).await.word, "staged");
        // Nor does its own time help the older one, neither while the newer one is at it nor afterwards.
        let late = run(&theatre, "late", &a, slowly()).await;
        assert_eq!(late.code, Code::Superseded, "{}", late.line());
        assert_eq!(run(&theatre, "b-walk", &b, quickly()).await.word, "finished");
        let later = run(&theatre, "later", &a, stage("ok:2")).await;
        assert_eq!(later.code, Code::Superseded, "{}", later.line());
        assert_eq!(split(&theatre), "hello-00003=100");
        all_is_well(&theatre, prologue).await;
    });
}

/// Killed at whatever call of its walk, and another goal is declared before the same run comes again, with both of its commands.
#[test]
fn a_run_that_was_killed_takes_its_users_back_when_it_comes_again() {
    let mut moved = 0;
    for crash in (2..=14).map(Crash::After) {
        simulate(async {
            let theatre = declaring(true).await;
            let prologue = theatre.world.scene_is_set();
            let a = started(&theatre, "a", 100);
            assert_eq!(run(&theatre, "stage", &a, stage("ok:2")).await.word, "staged");
            theatre.process("walk", &a, &slowly(), Script::killed(crash)).await;
            if phase(&theatre) == Phase::Finished {
                return;
            }
            let moved_some = !split(&theatre).contains("candidate=0");
            change(&theatre, 1).await;
            let end = run(&theatre, "stage-2", &a, stage("ok:2")).await;
            if moved_some {
                moved += 1;
                assert_eq!((end.code, end.word), (Code::Done, "staged"), "{crash:?}: {}", end.line());
                let end = run(&theatre, "walk-2", &a, slowly()).await;
                assert_eq!(end.code, Code::Superseded, "{crash:?}: {}", end.line());
                assert_eq!(phase(&theatre), Phase::RolledBack);
            } else {
                assert_eq!(end.code, Code::Superseded, "{crash:?}: {}", end.line());
            }
            assert!(
                split(&theatre).starts_with("hello-00001=100") || split(&theatre).starts_with("hello-00001#stable=100")
            );
            all_is_well(&theatre, prologue).await;
        });
    }
    assert!(moved > 2, "{moved} were in mid-walk");
}

/// A run that was started twice, or for a goal that was declared once more before its image was part of it.
#[test]
fn another_run_of_the_same_goal_takes_nobody_back() {
    simulate(async {
        let theatre = declaring(false).await;
        let prologue = theatre.world.scene_is_set();
        let (a, b) = (started(&theatre, "a", 100), started(&theatre, "b", 200));
        assert_eq!(run(&theatre, "stage", &a, stage("ok:2")).await.word, "staged");
        let (walked, newer) = tokio::join!(run(&theatre, "walk", &a, slowly()), async {
            sleep(Duration::from_secs(20)).await;
            assert_eq!(run(&theatre, "b-stage", &b, stage("ok:2")).await.word, "staged");
            run(&theatre, "b-walk", &b, quickly()).await
        });
        assert_eq!((walked.code, newer.word), (Code::Superseded, "finished"), "{}; {}", walked.line(), newer.line());
        assert_eq!(split(&theatre), "hello-00002=100");
        all_is_well(&theatre, prologue).await;
    });
}

/// The template from before is applied again, which is the goal from before: a run that is started for it rolls it out.
#[test]
fn a_goal_that_is_declared_again_is_rolled_out_again() {
    simulate(async {
        let theatre = declaring(false).await;
        let prologue = theatre.world.scene_is_set();
        let template = theatre.world.service().unwrap()["spec"]["template"].clone();
        let a = started(&theatre, "a", 100);
        assert_eq!(run(&theatre, "stage", &a, stage("ok:2")).await.word, "staged");
        let asked = theatre.world.declared();
        let (walked, ()) = tokio::join!(run(&theatre, "walk", &a, slowly()), async {
            sleep(Duration::from_secs(20)).await;
            theatre.world.apply_again(&template).unwrap();
        });
        assert_eq!((walked.code, phase(&theatre)), (Code::Superseded, Phase::RolledBack), "{}", walked.line());
        assert_ne!(theatre.world.declared(), asked);
        let b = started(&theatre, "b", 200);
        let staged = run(&theatre, "b-stage", &b, stage("ok:3")).await;
        assert_eq!(staged.word, "staged", "{}", staged.line());
        assert_eq!(run(&theatre, "b-walk", &b, quickly()).await.word, "finished");
        all_is_well(&theatre, prologue).await;
    });
}

/// Whatever write it was that was on its way when another goal was declared: it does not take effect, and what follows is what a run
/// of an older goal does.
#[test]
fn a_goal_that_changes_between_read_and_write_is_seen() {
    let mut raced = [0, 0];
    for call in 1..=22 {
        simulate(async {
            let theatre = declaring(true).await;
            let prologue = theatre.world.scene_is_set();
            let a = started(&theatre, "a", 100);
            let asked = theatre.world.declared();
            let script = Script::one(call, Fault::Redeclared);
            let staged = theatre.process("stage", &a, &stage("ok:2"), script.clone()).await.unwrap();
            let walked = match staged.word {
                "staged" if theatre.world.declared() == asked => {
                    Some(theatre.process("walk", &a, &quickly(), script).await.unwrap())
                }
                _ => None,
            };
            let end = walked.as_ref().unwrap_or(&staged);
            if theatre.world.declared() == asked {
                assert_eq!(end.word, "finished", "call {call} was no write: {}", end.line());
                return;
            }
            raced[usize::from(walked.is_some())] += 1;
            let writes = theatre.story(prologue);
            let at = writes.writes().iter().position(|write| write.who.run.is_none()).unwrap();
            let after: Vec<String> = writes.writes()[at + 1..].iter().map(|write| brief(&write.after)).collect();
            // Nothing, or what takes users back.
            assert!(
                after.len() <= 1 && after.iter().all(|split| split.starts_with("hello-00001=100")),
                "{call}: {after:?}"
            );
            assert_eq!(end.code, Code::Superseded, "call {call}: {}", end.line());
            assert!(theatre.world.served_now().iter().all(|(name, percent)| name == "hello-00001" || *percent == 0));
            all_is_well(&theatre, prologue).await;
        });
    }
    assert!(raced[0] > 1 && raced[1] > 2, "{raced:?}");
}

/// Without a source the image is part of the goal: what the run stages gives the goal another id, and whoever starts runs for goals
/// finds that one in the status.
#[test]
fn what_a_run_stages_itself_is_no_new_goal() {
    for crash in [None].into_iter().chain((1..=8).map(|call| Some(Crash::After(call)))) {
        simulate(async {
            let theatre = declaring(false).await;
            let prologue = theatre.world.scene_is_set();
            let a = started(&theatre, "a", 100);
            let asked = theatre.world.declared();
            if let Some(crash) = crash {
                theatre.process("killed", &a, &stage("ok:2"), Script::killed(crash)).await;
            }
            let staged = run(&theatre, "stage", &a, stage("ok:2")).await;
            assert_eq!(staged.word, "staged", "{crash:?}: {}", staged.line());
            let now = theatre.world.declared();
            assert_ne!(asked, now, "the image is part of it");
            let service = Service::from_json(&theatre.world.service().unwrap()).unwrap();
            assert_eq!(StatusSeen::of(&service).goal(), Some(&now));
            // The walk is given what the run was started for.
            let end = run(&theatre, "walk", &a, quickly()).await;
            assert_eq!((end.word, theatre.world.declared()), ("finished", now), "{}", end.line());
            all_is_well(&theatre, prologue).await;
        });
    }
}

#[test]
fn what_cannot_be_read_holds_and_begins_nothing() {
    simulate(async {
        let theatre = declaring(true).await;
        let prologue = theatre.world.scene_is_set();
        let a = started(&theatre, "a", 100);
        theatre.world.declare("traffic", Some("0"));
        let refused = run(&theatre, "refused", &a, stage("ok:2")).await;
        assert_eq!((refused.code, theatre.writes("refused")), (Code::BadInput, 0), "{}", refused.line());
        theatre.world.declare("traffic", None);
        let (staged, ()) = tokio::join!(run(&theatre, "stage", &a, stage("slow:2-20")), async {
            sleep(Duration::from_secs(5)).await;
            theatre.world.declare("traffic", Some("0"));
            sleep(Duration::from_secs(50)).await;
            assert_eq!(phase(&theatre), Phase::Staging, "it waits");
            theatre.world.declare("traffic", None);
        });
        assert_eq!(staged.word, "staged", "{}", staged.line());
        let (walked, ()) = tokio::join!(run(&theatre, "walk", &a, quickly()), async {
            sleep(Duration::from_secs(3)).await;
            theatre.world.declare("traffic", Some("0"));
            let then = split(&theatre);
            sleep(Duration::from_secs(60)).await;
            assert_eq!(split(&theatre), then, "it holds");
            theatre.world.declare("traffic", None);
        });
        assert_eq!(walked.word, "finished", "{}", walked.line());
        all_is_well(&theatre, prologue).await;
    });
}

#[test]
fn what_stays_unreadable_ends_a_staging_at_its_deadline() {
    simulate(async {
        let theatre = declaring(true).await;
        let a = started(&theatre, "a", 100);
        let (end, ()) = tokio::join!(run(&theatre, "stage", &a, stage("slow:2-20")), async {
            sleep(Duration::from_secs(5)).await;
            theatre.world.declare("traffic", Some("0"));
        });
        assert_eq!((end.code, phase(&theatre)), (Code::Inconclusive, Phase::RolledBack), "{}", end.line());
        assert!(split(&theatre).starts_with("hello-00001=100"), "{}", split(&theatre));
    });
}

#[test]
fn a_suspended_rollout_holds_and_a_way_back_is_never_withheld() {
    simulate(async {
        let theatre = declaring(true).await;
        let prologue = theatre.world.scene_is_set();
        let a = asker("a", 100, IfBusy::Supersede);
        assert_eq!(run(&theatre, "stage", &a, stage("ok:2")).await.word, "staged");
        let (end, ()) = tokio::join!(run(&theatre, "walk", &a, slowly()), async {
            sleep(Duration::from_secs(20)).await;
            theatre.world.declare("suspend", Some("sale until Monday"));
            let then = split(&theatre);
            sleep(Duration::from_secs(200)).await;
            assert_eq!(split(&theatre), then, "it holds");
            let lines = theatre.sink.lines();
            assert!(lines.iter().any(|line| line.contains("suspended: sale until Monday")), "{lines:#?}");
            let now = super::time::stamp(theatre.world.start.elapsed());
            let by_kim = |attempt| andante::rollout::control::ControlRequest { by: "kim".into(), at: now, attempt };
            theatre.world.control(|control| control.abort = Some(by_kim(1))).unwrap();
        });
        assert_eq!((end.code, phase(&theatre)), (Code::Aborted, Phase::RolledBack), "{}", end.line());
        all_is_well(&theatre, prologue).await;
    });
}

/// A run without a goal is compared with none; by times as ever.
#[test]
fn without_a_goal_nothing_is_compared() {
    simulate(async {
        let theatre = declaring(true).await;
        let prologue = theatre.world.scene_is_set();
        let a = asker("a", 100, IfBusy::Supersede);
        let (staged, ()) = tokio::join!(run(&theatre, "stage", &a, stage("slow:2-20")), change(&theatre, 5));
        assert_eq!(staged.word, "staged", "{}", staged.line());
        let older = started(&theatre, "older", 50);
        let refused = run(&theatre, "refused", &older, stage("ok:3")).await;
        assert_eq!(refused.code, Code::Superseded, "a rollout of no goal goes by its time: {}", refused.line());
        assert_eq!(run(&theatre, "walk", &a, quickly()).await.word, "finished");
        all_is_well(&theatre, prologue).await;
    });
}

/// A Service that is not there declares nothing.
#[test]
fn nothing_is_created_for_a_goal() {
    simulate(async {
        let theatre = Theatre::new(7);
        let a = asker("a", 100, IfBusy::Supersede);
        theatre.set_goal(&a, "0123456789ab".parse().unwrap());
        let end = run(&theatre, "stage", &a, stage("ok:1")).await;
        assert_eq!(end.code, Code::BadState, "{}", end.line());
        assert!(theatre.world.service().is_none());
    });
}
