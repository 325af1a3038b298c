use super::*;
use crate::machine::claim::{Asker, IfBusy};
use crate::model::api_error::ApiError;
use crate::rollout::goal::{Goal, GoalOptions, WalkOptions};
use crate::rollout::plan::Plan;
use crate::view::status::samples::{at, walking, with, world};

/// A walk of the record's own run by this plan.
pub(super) fn walk_by(record: &Record, plan: Plan) -> Walk {
    let asker = Asker { owner: record.owner.clone(), intent: record.intent, if_busy: IfBusy::Fail, force: false };
    let options = WalkOptions { restarts: None, ..WalkOptions::default() };
    let options = GoalOptions { service: "hello".parse().unwrap(), candidate: None, walk: Some(options) };
    let goal = WalkGoal::of(&Goal::new(options).unwrap(), &"demo".parse().unwrap(), true).unwrap();
    Walk::new(WalkGoal { plan, ..goal }, Claimant::new(asker, record.writer.clone()))
}

/// A walk in the middle of its plan, whose last write was denied: the end that it comes to.
fn denied_in_mid_walk(error: ApiError) -> Outcome {
    let record = walking();
    let mut walk = walk_by(&record, record.plan.clone().unwrap());
    let (world, mut log) = (world(&with(&record, record.generation), None), Log::default());
    assert!(matches!(walk.decide(&world, at(60), &mut log), Next::Wait { .. }));
    walk.written(&Written::Denied(error), &world, at(60), &mut log);
    match walk.decide(&world, at(60), &mut log) {
        Next::End(outcome) => *outcome,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_policy_that_denies_in_mid_walk_what_was_allowed_before_is_no_bad_input_in_code_and_in_word() {
    let end = denied_in_mid_walk(ApiError::Invalid("a policy says no".into()));
    assert_eq!((end.code, end.word), (Code::NotPermitted, "not-permitted"), "{}", end.line());
    assert!(end.what.contains("a policy says no"), "{}", end.line());
}
