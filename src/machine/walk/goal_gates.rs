//! Gates about what the Service declares: the goal that the walk works for (`--goal`), and whether it is suspended.
//!
//! Decides that users of an older goal go back, that nobody is moved while what is declared cannot be read, that a suspended
//! rollout holds as a paused one does, and when the namespace is read, which may suspend it as well. It may use claims, the scene and
//! the declaration.

use super::Walk;
use super::scene::Scene;
use super::waiting::Waiting;
use crate::evidence::verdict::Verdict;
use crate::machine::against::{GoalNow, has_moved};
use crate::machine::by_goal;
use crate::machine::next::Next;
use crate::machine::rollback::Why;
use crate::machine::world::SuspendedBy;
use crate::model::event::Log;
use crate::model::observed::PIPELINE;
use crate::model::outcome::Code;
use crate::model::time::after;
use jiff::Timestamp;
use std::time::Duration;

/// How long what was read of the namespace counts. It is read before a step and while it holds one, and not watched: to watch one by
/// its name is a right that only the whole cluster can give, and to get it is one of its own.
const COUNTS: Duration = Duration::from_secs(15);

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
    let Some((by, suspended)) = &scene.suspended else { return Verdict::Pass };
    let (text, service) = (suspended.to_string(), scene.service);
    let until = match by {
        SuspendedBy::Service => return wait_for_word(text, service.name.to_string(), None),
        SuspendedBy::Namespace => read_until(scene),
    };
    if until.is_none() && !unread(scene) {
        return Verdict::Wait(Waiting::NamespaceUnread);
    }
    let place = scene.world.namespace.as_ref().map_or_else(String::new, |name| format!(" {name}"));
    wait_for_word(text, format!("namespace{place}"), until)
}

fn wait_for_word(text: String, of: String, until: Option<Timestamp>) -> Verdict<Waiting, Why> {
    Verdict::Wait(Waiting::Suspended { text, of, until })
}

/// Until when counts what was read of the namespace; none: it is to be read.
fn read_until(scene: &Scene<'_>) -> Option<Timestamp> {
    scene.world.namespace_said.as_ref().map(|said| after(said.at, COUNTS)).filter(|until| scene.now < *until)
}

/// The namespace may not be read.
fn unread(scene: &Scene<'_>) -> bool {
    scene.world.namespace_said.as_ref().is_some_and(|said| said.unread)
}

/// Nobody is moved before it is known whether the namespace suspends that. Who names nobody in charge is not suspended.
pub(super) fn namespace_unread(_: &Walk, scene: &Scene<'_>, _: Timestamp) -> Verdict<Waiting, Why> {
    let may = scene.service.annotations.contains_key(PIPELINE) && !unread(scene);
    if may && read_until(scene).is_none() { Verdict::Wait(Waiting::NamespaceUnread) } else { Verdict::Pass }
}
