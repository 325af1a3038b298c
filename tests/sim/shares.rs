//! A goal that declares a share below 100 %: its rollout is over there, and the next goal goes on from what stands.

use super::check;
use super::fault::{Crash, Fault, Script};
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::story::brief;
use super::world::simulate;
use andante::machine::care::detach::IfMoves;
use andante::machine::claim::{Asker, IfBusy};
use andante::machine::settle::To;
use andante::model::outcome::{Code, Outcome};
use andante::rollout::record::{Phase, Record};
use std::time::Duration;
use tokio::time::sleep;

fn stage(image: &str) -> Job {
    Job::Stage { image: image.into(), again: false }
}

fn walk() -> Job {
    Job::Walk(plan(&[10, 50, 100], 2, 5, None), Looks { probe: true, ..Looks::default() })
}

/// The same for long enough that a candidate whose probes fail some time after its start does so on the way.
fn patient_walk() -> Job {
    Job::Walk(plan(&[10, 100], 20, 20, None), Looks { probe: true, ..Looks::default() })
}

/// A Service that serves `ok:1`, whose goal is built from a source and declares this share.
async fn declaring(share: &str) -> Theatre {
    let theatre = Theatre::serving(7, "ok:1", true).await;
    theatre.world.declare("pipeline", Some("build-it"));
    theatre.world.declare("source", Some("https://git.example.com/hello.git"));
    theatre.world.declare("traffic", Some(share));
    theatre
}

fn started(theatre: &Theatre, name: &str, intent: u64) -> Asker {
    let run = asker(name, intent, IfBusy::Supersede);
    theatre.set_goal(&run, theatre.world.declared());
    run
}

async fn run(theatre: &Theatre, label: &str, asker: &Asker, job: &Job) -> Outcome {
    theatre.process(label, asker, job, Script::default()).await.unwrap()
}

/// Stages an image for what is declared now, and walks to it.
async fn release(theatre: &Theatre, name: &str, intent: u64, image: &str) -> Outcome {
    let a = started(theatre, name, intent);
    let staged = run(theatre, &format!("{name}-stage"), &a, &stage(image)).await;
    assert_eq!(staged.word, "staged", "{}", staged.line());
    let walk = if image.starts_with("ok") { walk() } else { patient_walk() };
    run(theatre, &format!("{name}-walk"), &a, &walk).await
}

fn split(theatre: &Theatre) -> String {
    brief(&theatre.world.service().unwrap())
}

fn record(theatre: &Theatre) -> Record {
    check::record(&theatre.world.service().unwrap()).unwrap()
}

async fn all_is_well(theatre: &Theatre, prologue: usize) {
    sleep(Duration::from_secs(90)).await;
    assert_eq!(check::all(&theatre.story(prologue)), Vec::<String>::new(), "{}", theatre.print(prologue));
}

/// Killed at whatever call and hit by whatever fault, it is over at its share; `settle` and the same run leave it alone.
#[test]
fn a_goal_with_a_share_is_over_there_whatever_happens() {
    let calls = simulate(over_at_a_share(Script::default()));
    for call in 1..=calls {
        for crash in [Crash::Before(call), Crash::After(call)] {
            simulate(over_at_a_share(Script::killed(crash)));
        }
        for fault in Fault::EACH {
            simulate(over_at_a_share(Script::one(call, fault)));
        }
    }
}

async fn over_at_a_share(script: Script) -> usize {
    let theatre = declaring("30").await;
    let prologue = theatre.world.scene_is_set();
    let a = started(&theatre, "a", 100);
    let why = format!("{:?} {:?}", script.crash, script.exact);
    assert_eq!(run(&theatre, "stage", &a, &stage("ok:2")).await.word, "staged");
    let mut end = theatre.process("walk", &a, &walk(), script).await;
    if end.is_none() {
        end = theatre.process("walk-2", &a, &walk(), Script::default()).await;
    }
    let end = end.unwrap();
    assert_eq!((end.code, end.word), (Code::Done, "finished"), "{why}: {}", end.line());
    assert!(end.what.contains("finished at 30 %, as the goal declares"), "{why}: {}", end.line());
    let at_share = "hello-00001#stable=70 hello-00002#candidate=30";
    assert_eq!((split(&theatre).as_str(), record(&theatre).phase), (at_share, Phase::Finished), "{why}");
    let writes = theatre.world.scene_is_set();
    for (label, job) in
        [("again", stage("ok:2")), ("walk-again", walk()), ("settle", Job::Settle { to: None, any: false })]
    {
        let end = run(&theatre, label, &a, &job).await;
        assert_eq!((end.code, end.word), (Code::Done, "finished"), "{label} {why}: {}", end.line());
    }
    assert_eq!((theatre.world.scene_is_set(), split(&theatre).as_str()), (writes, at_share), "{why}");
    all_is_well(&theatre, prologue).await;
    theatre.calls("walk")
}

#[test]
fn the_same_code_is_walked_on_by_a_goal_that_declares_more() {
    simulate(async {
        let theatre = declaring("30").await;
        let prologue = theatre.world.scene_is_set();
        assert_eq!(release(&theatre, "a", 100, "ok:2").await.word, "finished");
        theatre.world.declare("traffic", Some("100"));
        assert_eq!(release(&theatre, "b", 200, "ok:2").await.word, "finished");
        let never_below = theatre
            .story(prologue)
            .served()
            .skip_while(|s| !s.split.contains(&("hello-00002".into(), 30)))
            .all(|s| s.split.iter().any(|(name, percent)| name == "hello-00002" && *percent >= 30));
        assert!(never_below, "{}", theatre.print(prologue));
        assert_eq!(split(&theatre), "hello-00002=100");
        all_is_well(&theatre, prologue).await;
    });
}

#[test]
fn other_code_takes_the_users_of_an_earlier_share_first() {
    simulate(async {
        let theatre = declaring("30").await;
        let prologue = theatre.world.scene_is_set();
        assert_eq!(release(&theatre, "a", 100, "ok:2").await.word, "finished");
        theatre.world.declare("source-revision", Some(&"b".repeat(40)));
        assert_eq!(release(&theatre, "b", 200, "ok:3").await.word, "finished");
        assert_eq!(split(&theatre), "hello-00001#stable=70 hello-00003#candidate=30");
        theatre.world.declare("traffic", Some("20"));
        theatre.world.declare("source-revision", Some(&"c".repeat(40)));
        assert_eq!(release(&theatre, "c", 300, "ok:4").await.word, "finished");
        assert_eq!(split(&theatre), "hello-00001#stable=80 hello-00004#candidate=20");
        theatre.world.declare("traffic", None);
        theatre.world.declare("source-revision", Some(&"d".repeat(40)));
        assert_eq!(release(&theatre, "d", 400, "ok:5").await.word, "finished");
        assert_eq!(split(&theatre), "hello-00005=100");
        all_is_well(&theatre, prologue).await;
    });
}

#[test]
fn a_way_back_is_to_the_share_of_before() {
    simulate(async {
        let theatre = declaring("30").await;
        let prologue = theatre.world.scene_is_set();
        assert_eq!(release(&theatre, "a", 100, "ok:2").await.word, "finished");
        theatre.world.declare("source-revision", Some(&"b".repeat(40)));
        let end = release(&theatre, "b", 200, "flaky-probe:3").await;
        assert_eq!(end.code, Code::RolledBack, "{}", end.line());
        let served: Vec<_> = theatre.world.served_now().into_iter().filter(|(_, percent)| *percent > 0).collect();
        assert_eq!(served, [("hello-00001".to_owned(), 70), ("hello-00002".to_owned(), 30)]);
        all_is_well(&theatre, prologue).await;
    });
}

/// The second rollout killed at whatever call and hit by whatever fault: it is over at its share, or back at the earlier one.
#[test]
fn beside_an_earlier_share_whatever_happens() {
    let at_share = [("hello-00001", 70), ("hello-00003", 30)];
    let back = [("hello-00001", 70), ("hello-00002", 30)];
    for (image, phase, serves) in [("ok:3", Phase::Finished, at_share), ("flaky-probe:3", Phase::RolledBack, back)] {
        let calls = simulate(beside(image, phase, serves, Script::default()));
        for call in 1..=calls {
            for crash in [Crash::Before(call), Crash::After(call)] {
                simulate(beside(image, phase, serves, Script::killed(crash)));
            }
            for fault in Fault::EACH {
                simulate(beside(image, phase, serves, Script::one(call, fault)));
            }
        }
    }
}

async fn beside(image: &str, phase: Phase, serves: [(&str, i64); 2], script: Script) -> usize {
    let theatre = declaring("30").await;
    let prologue = theatre.world.scene_is_set();
    assert_eq!(release(&theatre, "a", 100, "ok:2").await.word, "finished");
    theatre.world.declare("source-revision", Some(&"b".repeat(40)));
    let why = format!("{image} {:?} {:?}", script.crash, script.exact);
    let b = started(&theatre, "b", 200);
    assert_eq!(run(&theatre, "b-stage", &b, &stage(image)).await.word, "staged", "{why}");
    if theatre.process("b-walk", &b, &patient_walk(), script).await.is_none() {
        run(&theatre, "b-walk-2", &b, &patient_walk()).await;
    }
    sleep(Duration::from_secs(90)).await;
    let served: Vec<_> = theatre.world.served_now().into_iter().filter(|(_, percent)| *percent > 0).collect();
    let wanted = serves.map(|(name, percent)| (name.to_owned(), percent));
    assert_eq!((record(&theatre).phase, served), (phase, wanted.to_vec()), "{why}: {}", theatre.print(prologue));
    all_is_well(&theatre, prologue).await;
    theatre.calls("b-walk")
}

/// The goal of the newer share is declared while its run is on the way from the older one: nobody is left with neither.
#[test]
fn a_goal_that_changes_beside_an_earlier_share_goes_back_to_that() {
    simulate(async {
        let theatre = declaring("30").await;
        let prologue = theatre.world.scene_is_set();
        assert_eq!(release(&theatre, "a", 100, "ok:2").await.word, "finished");
        theatre.world.declare("source-revision", Some(&"b".repeat(40)));
        let b = started(&theatre, "b", 200);
        assert_eq!(run(&theatre, "b-stage", &b, &stage("ok:3")).await.word, "staged");
        let slow = Job::Walk(plan(&[10, 100], 60, 5, None), Looks::default());
        let (end, ()) = tokio::join!(run(&theatre, "b-walk", &b, &slow), async {
            sleep(Duration::from_secs(20)).await;
            theatre.world.declare("source-revision", Some(&"c".repeat(40)));
        });
        assert_eq!(end.code, Code::Superseded, "{}", end.line());
        assert_eq!(split(&theatre), "hello-00001=70 hello-00002=30 hello-00003#candidate=0");
        all_is_well(&theatre, prologue).await;
    });
}

#[test]
fn a_goal_may_declare_less_for_the_same_code() {
    simulate(async {
        let theatre = declaring("30").await;
        let prologue = theatre.world.scene_is_set();
        assert_eq!(release(&theatre, "a", 100, "ok:2").await.word, "finished");
        theatre.world.declare("traffic", Some("20"));
        assert_eq!(release(&theatre, "b", 200, "ok:2").await.word, "finished");
        assert_eq!(split(&theatre), "hello-00001#stable=80 hello-00002#candidate=20");
        all_is_well(&theatre, prologue).await;
    });
}

/// A source that moved on (a branch) makes other code of the same goal.
#[test]
fn other_code_of_the_same_goal_is_walked_and_the_same_code_is_not() {
    simulate(async {
        let theatre = declaring("30").await;
        let prologue = theatre.world.scene_is_set();
        assert_eq!(release(&theatre, "a", 100, "ok:2").await.word, "finished");
        let again = started(&theatre, "b", 200);
        let end = run(&theatre, "b", &again, &stage("ok:2")).await;
        assert_eq!((end.code, end.word), (Code::Done, "finished"), "{}", end.line());
        assert_eq!(release(&theatre, "c", 300, "ok:3").await.word, "finished");
        assert_eq!(split(&theatre), "hello-00001#stable=70 hello-00003#candidate=30");
        // A person has one name for all they do: another goal is another goal.
        let kim = started(&theatre, "@kim", 400);
        assert_eq!(run(&theatre, "kim", &kim, &stage("ok:3")).await.word, "finished");
        theatre.world.declare("traffic", Some("50"));
        let kim = started(&theatre, "@kim", 500);
        assert_eq!(run(&theatre, "kim-more", &kim, &stage("ok:3")).await.word, "staged");
        assert_eq!(run(&theatre, "kim-walk", &kim, &walk()).await.word, "finished");
        assert_eq!(split(&theatre), "hello-00001#stable=50 hello-00003#candidate=50");
        all_is_well(&theatre, prologue).await;
    });
}

/// And what there was before is that from then on: neither the next rollout nor a way back brings the share of then back.
#[test]
fn a_release_of_what_stable_runs_takes_everyone_back_for_good() {
    simulate(async {
        let theatre = declaring("30").await;
        let prologue = theatre.world.scene_is_set();
        assert_eq!(release(&theatre, "a", 100, "ok:2").await.word, "finished");
        theatre.world.declare("source-revision", Some(&"b".repeat(40)));
        let b = started(&theatre, "b", 200);
        let end = run(&theatre, "b", &b, &stage("ok:1")).await;
        assert_eq!((end.code, split(&theatre).as_str()), (Code::Done, "hello-00001=100"), "{}", end.line());
        let kim = asker("@kim", 300, IfBusy::Fail);
        run(&theatre, "kim", &kim, &Job::Settle { to: Some(To::Stable), any: true }).await;
        assert_eq!(theatre.world.served_now(), [("hello-00001".to_owned(), 100)]);
        theatre.world.declare("source-revision", Some(&"c".repeat(40)));
        assert_eq!(release(&theatre, "c", 400, "flaky-probe:3").await.code, Code::RolledBack);
        assert_eq!(
            theatre.world.served_now().into_iter().filter(|(_, p)| *p > 0).collect::<Vec<_>>(),
            [("hello-00001".to_owned(), 100)]
        );
        all_is_well(&theatre, prologue).await;
    });
}

/// Out of care users keep the shares that were declared, by name; and into it again.
#[test]
fn a_share_outlives_care() {
    simulate(async {
        let theatre = declaring("30").await;
        let prologue = theatre.world.scene_is_set();
        assert_eq!(release(&theatre, "a", 100, "ok:2").await.word, "finished");
        let at_share = "hello-00001#stable=70 hello-00002#candidate=30";
        let kim = asker("@kim", 200, IfBusy::Fail);
        assert_eq!(run(&theatre, "adopt", &kim, &Job::Adopt("slow-walk")).await.word, "adopted");
        assert_eq!(split(&theatre), at_share);
        assert!(record(&theatre).ended_below().is_some(), "the next goal walks on from here");
        let end = run(&theatre, "detach", &kim, &Job::Detach(IfMoves::Refuse)).await;
        assert_eq!((end.code, end.word), (Code::Done, "detached"), "{}", end.line());
        assert_eq!(split(&theatre), "hello-00001=70 hello-00002=30");
        assert_eq!(theatre.world.with(|s| s.bounds_left()), Vec::<String>::new());
        all_is_well(&theatre, prologue).await;
    });
}

#[test]
fn the_brake_takes_everyone_either_way() {
    for (to, leaves) in [(To::Candidate, "hello-00002=100"), (To::Stable, "hello-00001=100 hello-00002#candidate=0")] {
        simulate(async {
            let theatre = declaring("30").await;
            let prologue = theatre.world.scene_is_set();
            assert_eq!(release(&theatre, "a", 100, "ok:2").await.word, "finished");
            let kim = asker("@kim", 200, IfBusy::Fail);
            let end = run(&theatre, "kim", &kim, &Job::Settle { to: Some(to.clone()), any: true }).await;
            assert_eq!((end.code, split(&theatre).as_str()), (Code::Done, leaves), "{}", end.line());
            assert_eq!(theatre.world.with(|s| s.bounds_left()), Vec::<String>::new());
            all_is_well(&theatre, prologue).await;
        });
    }
}

/// Without a goal nothing of it is compared, and without a share all is as ever.
#[test]
fn who_works_for_no_goal_knows_no_share() {
    simulate(async {
        let theatre = declaring("30").await;
        let a = asker("a", 100, IfBusy::Supersede);
        assert_eq!(run(&theatre, "stage", &a, &stage("ok:2")).await.word, "staged");
        assert_eq!(run(&theatre, "walk", &a, &walk()).await.word, "finished");
        assert_eq!(split(&theatre), "hello-00002=100");
    });
}
