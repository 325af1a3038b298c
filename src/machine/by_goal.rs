//! What its goal lets a run do to a target, and the ends of a run whose goal is no more the present one.
//!
//! Decides that nothing is written for an older goal but what takes its own users back. It may use claims, the record and
//! observed objects.

use crate::machine::against::{GoalNow, has_moved};
use crate::machine::standing::{Claimant, outcome_of};
use crate::model::observed::Service;
use crate::model::outcome::{Code, Outcome};
use crate::rollout::record::Record;

/// What a goal lets a run do to a target that it does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GoalSays {
    /// Begin, or go on.
    Go,
    /// Users are on the candidate of this very goal, and only the walk has something to do for them.
    OnlyWalk,
    /// Nothing: this is the end.
    End(Box<Outcome>),
}

/// Decides that for a target with this record.
pub(super) fn by_goal(claimant: &Claimant, record: Option<&Record>, service: &Service) -> GoalSays {
    let end = match claimant.goal_now(record, service) {
        GoalNow::Present => return GoalSays::Go,
        GoalNow::Older(why) => outdated(&why, service),
        GoalNow::Unreadable(why) => unread(&why, service),
    };
    // Nobody else may come for them: whoever is of the goal that they were moved for takes them back, or keeps them where they are
    // until it is known what is declared.
    let has_users = record.is_some_and(|r| r.phase.is_open() && has_moved(r) && claimant.is_of_goal(r));
    if has_users { GoalSays::OnlyWalk } else { GoalSays::End(Box::new(end)) }
}

/// The end of a run that moved nobody and whose goal is another one by now.
pub(super) fn outdated(why: &str, service: &Service) -> Outcome {
    outcome_of(Code::Superseded, format!("superseded: {why}; this run writes nothing more"), service)
        .next("a run of the present goal (`andante goal` prints it) takes over; without --goal nothing is compared")
}

/// The end of a run that cannot tell whether its goal is the present one.
fn unread(why: &str, service: &Service) -> Outcome {
    outcome_of(Code::BadInput, format!("{why}; nothing was written"), service).next(format!(
        "mend the annotation (`andante goal {}` tells every fault) and run the same again; without --goal nothing is compared",
        service.called()
    ))
}
