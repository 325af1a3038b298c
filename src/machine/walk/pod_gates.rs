//! The gates on pods: those of the next step come before its users, and a candidate that is short of pods gets no more users.
//!
//! Decides what a shortage means. It may use the scene and what the walk remembers of pods.

use super::Walk;
use super::scene::Scene;
use super::waiting::Waiting;
use crate::evidence::verdict::Verdict;
use crate::machine::rollback::Why;
use crate::model::observed::Revision;
use crate::model::outcome::Code;
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

/// A candidate that is short of pods for the users that it has gets no more of them.
pub(super) fn pods_short(walk: &Walk, scene: &Scene<'_>, _: Timestamp) -> Verdict<Waiting, Why> {
    match scene.world.revision(scene.candidate).filter(|_| walk.pods.is_short()) {
        Some(candidate) => Verdict::Wait(Waiting::Short(short_words(candidate))),
        None => Verdict::Pass,
    }
}

/// A shortage that lasts takes users back, if stable has the pods for all of them; where it lacks them too, going back helps
/// nobody.
pub(super) fn pods_never_came(walk: &Walk, scene: &Scene<'_>) -> Option<Why> {
    walk.short_until(scene).filter(|until| scene.now >= *until)?;
    let stable = scene.world.revision(&scene.record.start.stable)?;
    let candidate = scene.world.revision(scene.candidate)?;
    let needed = scene.record.capacity.as_ref().map_or(0, |capacity| i64::from(capacity.pods));
    let helps = stable.actual >= stable.desired.max(needed) && stable.actual > candidate.actual;
    helps.then(|| {
        let lasted = words(candidate.scaling.window.max(walk.goal.capacity.within));
        Why::blameless(Code::RolledBack, format!("{} for {lasted}", short_words(candidate)))
    })
}

fn short_words(candidate: &Revision) -> String {
    format!("{} has {} of {} pods that its users want", candidate.name, candidate.actual, candidate.desired)
}
