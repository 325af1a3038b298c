//! A walker that cannot reach the candidate's own address: that is no fault of the candidate's.

use super::check;
use super::fault::Script;
use super::rollout::{Job, Looks, Theatre, asker, plan};
use super::story::brief;
use super::world::simulate;
use andante::machine::claim::IfBusy;
use andante::model::outcome::{Code, Outcome};
use std::ops::Range;
use std::time::Duration;

/// How a walk ends that cannot reach the address between these seconds of it; then how the same ends without trouble, staged
/// anew where it has to be, without `--again`; and what stands there between the two.
fn walk(candidate: &'static str, cut_off: Range<u64>, evidence: bool) -> (Outcome, String, Option<Outcome>) {
    simulate(async move {
        let theatre = Theatre::serving(7, "ok:1", true).await;
        let world = theatre.world.clone();
        let prologue = world.scene_is_set();
        let owner = asker("@kim", 1, IfBusy::Supersede);
        let stage = Job::Stage { image: candidate.into(), again: false };
        theatre.process("stage", &owner, &stage, Script::default()).await;
        let now = world.start.elapsed();
        let at = |second: u64| now + Duration::from_secs(second);
        let script = Script { cut_off: vec![at(cut_off.start)..at(cut_off.end)], ..Script::default() };
        let looks = Looks { probe: true, evidence, ..Looks::default() };
        let job = Job::Walk(plan(&[50, 100], 60, 60, None), looks);
        let first = theatre.process("a", &owner, &job, script).await.unwrap();
        let between = brief(&world.service().unwrap());
        let staged = theatre.process("stage-again", &owner, &stage, Script::default()).await.unwrap();
        let again = match staged.code {
            Code::Done => theatre.process("again", &owner, &job, Script::default()).await,
            _ => Some(staged),
        };
        assert_eq!(check::all(&theatre.story(prologue)), Vec::<String>::new(), "{}", theatre.print(prologue));
        (first, between, again)
    })
}

#[test]
fn before_anyone_is_moved_the_candidate_stays_staged_and_is_not_rejected() {
    for evidence in [false, true] {
        let (first, between, again) = walk("ok:2", 0..9999, evidence);
        assert_eq!((first.code, first.word), (Code::Unreachable, "unreachable"), "{}", first.line());
        assert!(first.what.contains("could not be reached from here for 30s"), "{}", first.what);
        assert_eq!(between, "hello-00001#stable=100 hello-00002#candidate=0");
        let again = again.unwrap();
        assert_eq!(again.code, Code::Done, "{}", again.line());
    }
}

#[test]
fn in_mid_walk_it_is_ridden_out_for_a_while() {
    let (first, ..) = walk("ok:2", 20..45, false);
    assert_eq!(first.code, Code::Done, "{}", first.line());
}

#[test]
fn in_mid_walk_users_go_back_after_the_patience_and_the_candidate_is_not_rejected() {
    let (first, between, again) = walk("ok:2", 20..9999, false);
    assert_eq!(first.code, Code::Inconclusive, "{}", first.line());
    assert!(first.what.contains("could not be reached from here"), "{}", first.what);
    assert_eq!(between, "hello-00001=100 hello-00002#candidate=0");
    let again = again.unwrap();
    assert_eq!(again.code, Code::Done, "{}", again.line());
}

/// What is reached and answers badly is still the candidate's fault.
#[test]
fn a_bad_answer_between_two_of_them_still_counts() {
    let (first, _, again) = walk("flaky-probe:2-20", 22..24, false);
    assert_eq!(first.code, Code::RolledBack, "{}", first.line());
    assert_eq!(again.unwrap().code, Code::RejectedBefore);
}
