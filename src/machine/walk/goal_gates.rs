//! Gates about what the Service declares: the goal that the walk works for (`--goal`), and whether it is suspended.
//!
//! Decides that users of an older goal go back, that nobody is moved while what is declared cannot be read, and that a suspended
//! rollout holds as a paused one does. It may use claims, the scene and the declaration.

use super::Walk;
use super::scene::Scene;
use super::waiting::Waiting;
use crate::evidence::verdict::Verdict;
use crate::machine::against::{GoalNow, has_moved};
use crate::machine::by_goal;
use crate::machine::next::Next;
use crate::machine::rollback::Why;
use crate::model::event::Log;
use crate::model::outcome::Code;
use jiff::Timestamp;

impl Walk {
    fn goal_now(&self, scene: &Scene<'_>) -> GoalNow {
        self.claimant.goal_now(Some(scene.record), scene.service)
    }

    /// The end of a walk that moved nobody yet, once another goal is declared. What was set on Revisions goes first.
    pub(super) fn outdated(&self, scene: &Scene<'_>, log: &mut Log) -> Option<Next> {
        let GoalNow::Older(why) = self.goal_now(scene) else { return None };
        let back = self.returning(scene.world, scene.record, |_| false, scene.now, log);
        Some(back.unwrap_or_else(|| Next::end(by_goal::outdated(&why, scene.service))))
    }
}

/// Another goal is declared by now. The candidate has nothing to answer for.
pub(super) fn of_older_goal(walk: &Walk, scene: &Scene<'_>) -> Option<Why> {
    match walk.goal_now(scene) {
        GoalNow::Older(why) if has_moved(scene.record) => Some(Why::blameless(Code::Superseded, why)),
        _ => None,
    }
}

pub(super) fn goal_unread(walk: &Walk, scene: &Scene<'_>, _: Timestamp) -> Verdict<Waiting, Why> {
    match walk.goal_now(scene) {
        GoalNow::Unreadable(why) => Verdict::Wait(Waiting::Declared(why)),
        GoalNow::Present | GoalNow::Older(_) => Verdict::Pass,
    }
}

pub(super) fn suspended(_: &Walk, scene: &Scene<'_>, _: Timestamp) -> Verdict<Waiting, Why> {
    match &scene.suspended {
        Some(suspended) => Verdict::Wait(Waiting::Suspended(suspended.to_string())),
        None => Verdict::Pass,
    }
}
