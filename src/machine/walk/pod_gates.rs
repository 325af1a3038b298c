//! The gates on pods: those of the next step come before its users, and a candidate that is short of pods gets no more users.
//!
//! Decides what a shortage means. It may use the scene and what the walk remembers of pods.

use super::Walk;
use super::scene::Scene;
use super::waiting::Waiting;
use crate::evidence::verdict::Verdict;
use crate::machine::capacity::{ArmDemand, most_wanted};
use crate::machine::rollback::Why;
use crate::model::observed::Revision;
use crate::model::outcome::Code;
use crate::model::percent::Percent;
use crate::model::time::words;
use jiff::Timestamp;

/// The pods of the next step come before its users.
pub(super) fn pods_missing(walk: &Walk, scene: &Scene<'_>, _: Timestamp) -> Verdict<Waiting, Why> {
    let Some((step, next)) = walk.next_step(scene) else { return Verdict::Pass };
    match walk.pods_move(scene, step, next.percent) {
        Some(Verdict::Wait(what)) => Verdict::Wait(Waiting::Pods(what)),
        Some(Verdict::Fail(why)) => Verdict::Fail(why),
        Some(Verdict::Pass) | None => Verdict::Pass,
    }
}

/// A candidate that is short of pods for the users that it has gets no more of them. The end of the plan moves nobody, and what
/// stable keeps for a way back that would not help makes room for it.
pub(super) fn pods_short(walk: &Walk, scene: &Scene<'_>, _: Timestamp) -> Verdict<Waiting, Why> {
    let at_end = scene.record.step >= walk.goal.plan.steps.len();
    let holds = walk.pods.is_short() && !(at_end && both_are_short(walk, scene));
    match scene.world.revision(scene.candidate).filter(|_| holds) {
        Some(candidate) => Verdict::Wait(Waiting::Short(short_words(candidate))),
        None => Verdict::Pass,
    }
}

/// A shortage that lasts takes users back, if stable has the pods for all of them; where it lacks them too, going back helps
/// nobody.
pub(super) fn pods_never_came(walk: &Walk, scene: &Scene<'_>) -> Option<Why> {
    walk.short_until(scene).filter(|until| scene.now >= *until)?;
    scene.world.revision(&scene.record.start.stable)?;
    let candidate = scene.world.revision(scene.candidate)?;
    (!both_are_short(walk, scene)).then(|| {
        let lasted = words(candidate.scaling.window.max(walk.goal.capacity.within));
        Why::blameless(Code::RolledBack, format!("{} for {lasted}", short_words(candidate)))
    })
}

/// The candidate lacks pods for its users, and stable would lack them for all: going back would help nobody.
pub(super) fn both_are_short(walk: &Walk, scene: &Scene<'_>) -> bool {
    let both = scene.world.revision(&scene.record.start.stable).zip(scene.world.revision(scene.candidate));
    let Some((stable, candidate)) = both.filter(|_| walk.pods.is_short()) else { return false };
    let share = walk.goal.plan.step(scene.record.step).map_or(Percent::ZERO, |step| step.percent);
    let known = scene.record.capacity.as_deref();
    let [of_stable, of_candidate] = scene.record.start.parts_at(scene.candidate, share);
    let arms = [(stable, of_stable), (candidate, of_candidate)];
    let needed = i64::from(most_wanted(known, &arms.map(|(revision, share)| ArmDemand::now(known, revision, share))));
    stable.actual < stable.desired.max(needed) || stable.actual <= candidate.actual
}

fn short_words(candidate: &Revision) -> String {
    format!("{} has {} of {} pods that its users want", candidate.name, candidate.actual, candidate.desired)
}
