//! What a walk keeps in mind of pods between two looks, and floors that keep a Revision from being Ready.
//!
//! Decides since when a candidate is short of pods, when a floor that nobody follows is given up, and when one that cannot be had
//! is lowered, whatever the walk waits for. It may use the scene and the record.

use super::Walk;
use super::pods::{PodsMove, ScaledArms, owners, ready};
use super::scene::Scene;
use crate::evidence::verdict::Verdict;
use crate::machine::capacity::{counted, set};
use crate::machine::health::Health;
use crate::machine::next::{BoundWrite, Next};
use crate::model::event::{Log, Topic};
use crate::model::observed::Revision;
use crate::model::ready::{Pods, pods as pods_of};
use crate::model::scaling::ScaleBound;
use crate::model::time::{after, words};
use crate::rollout::capacity::{CapacityMode, SetBound};
use jiff::Timestamp;

impl Walk {
    /// Takes a look at the candidate's pods: what is wrong has to last to be believed.
    pub(super) fn watch_health(&mut self, scene: &Scene<'_>, log: &mut Log) {
        let candidate = scene.world.revision(scene.candidate);
        let back = self.health.back();
        if self.wedge(scene).is_some() {
            // Its pods serve; what cannot be had is given back.
            self.health.excuse();
            self.failing = None;
            return;
        }
        // Before its first users a floor of ours is what makes it start, also for a process that did not see it sleep.
        let waking = self.probing.is_waking() || (scene.record.step == 0 && lacking_floor(scene).is_some());
        self.failing = match self.health.judge(candidate, waking, scene.now) {
            Health::Failing(reason) => Some(reason),
            Health::Fine => None,
        };
        if self.health.back() != back && self.at_step.is_some() {
            log.say(Topic::Wait, format!("{} has its pods again; the dwell begins anew", scene.candidate));
        }
    }

    /// Keeps in mind since when pods are waited for, and since when the candidate has too few for its users.
    pub(super) fn watch_pods(&mut self, scene: &Scene<'_>, log: &mut Log) {
        self.pods.bounds.see(scene.record, scene.world, log);
        if let Some(arms) = ScaledArms::of(self, scene) {
            arms.look(scene, &mut self.pods.demand);
        }
        let lacks = lacking_floor(scene).is_some();
        self.pods.lacking = lacks.then(|| self.pods.lacking.unwrap_or(scene.now));
        if let Some(why) = self.ignored(scene) {
            self.pods.bounds.refuse(BoundWrite::Floor, &why, true, log);
        }
        let step = self.next_step(scene).map(|(step, _)| step);
        match (step, self.pods.since) {
            (Some(step), Some((at, _))) if step == at => {}
            (step, _) => self.pods.since = step.map(|step| (step, scene.now)),
        }
        let short = ScaledArms::of(self, scene).is_some_and(|arms| self.is_short(scene, &arms));
        let actual = scene.world.revision(scene.candidate).map_or(0, |revision| revision.actual);
        // A pod that came begins the time anew.
        let known = self.pods.short.filter(|(_, had)| actual <= *had);
        self.pods.short = short.then(|| (known.map_or(scene.now, |(since, _)| since), actual));
        let wedge = self.wedge(scene).map(|(bound, _)| self.late_at(bound));
        self.pods.believed = self.short_until(scene).into_iter().chain(wedge).filter(|at| *at > scene.now).min();
    }

    /// When pods that were asked for are late: from when they were, or from when they were lost long after that.
    pub(super) fn late_at(&self, bound: &SetBound) -> Timestamp {
        let within = self.goal.capacity.within;
        // The next of many short calls has watched nothing.
        let lost = self.pods.lacking.filter(|lost| !self.goal.once && *lost >= after(bound.at, within));
        after(lost.unwrap_or(bound.at), within)
    }

    /// Why no floor is of use: one stood for the whole time, there is room, and the autoscaler wants no pod more for it.
    fn ignored(&self, scene: &Scene<'_>) -> Option<String> {
        let goal = &self.goal.capacity;
        let (bound, candidate) = lacking_floor(scene).filter(|_| goal.mode != CapacityMode::Off)?;
        let is_late = scene.now >= self.late_at(bound) && !bound.is_to_be_set(candidate);
        let follows = candidate.desired >= i64::from(bound.value()) || matches!(pods_of(candidate), Pods::NoRoom(_));
        (is_late && !follows).then(|| {
            let within = words(goal.within);
            format!(
                "no pod came for min-scale {} of {} in {within}, its autoscaler ignores it",
                bound.value(),
                candidate.name
            )
        })
    }

    /// Knative wants more than twice the pods for the candidate's users that it has, beyond every floor; or there is no room for
    /// those that it wants, so that it is not Ready, and serves.
    fn is_short(&self, scene: &Scene<'_>, arms: &ScaledArms<'_>) -> bool {
        let candidate = arms.candidate;
        let roomless = candidate.actual > 0 && matches!(pods_of(candidate), Pods::NoRoom(_));
        let lacks = candidate.actual.saturating_mul(2) < candidate.desired
            && candidate.desired > i64::from(candidate.scaling.min.max(1));
        let is_asked = self.goal.capacity.mode != CapacityMode::Off;
        scene.record.step > 0 && (roomless && self.wedge(scene).is_none() || is_asked && lacks)
    }

    /// When a shortage has lasted for so long that it is believed: a window of the autoscaler, and the time that pods may take to
    /// come, since the last one came.
    pub(super) fn short_until(&self, scene: &Scene<'_>) -> Option<Timestamp> {
        let window = scene.world.revision(scene.candidate)?.scaling.window;
        self.pods.short.map(|(since, _)| after(since, window.max(self.goal.capacity.within)))
    }

    /// The floor that keeps the candidate from being Ready: its pods serve, and there is no room for those that we asked for.
    pub(super) fn wedge<'a>(&self, scene: &Scene<'a>) -> Option<(&'a SetBound, &'a Revision)> {
        self.wedge_of(scene, scene.world.revision(scene.candidate)?)
    }

    /// The floor that keeps a Revision from being Ready.
    fn wedge_of<'a>(&self, scene: &Scene<'a>, revision: &'a Revision) -> Option<(&'a SetBound, &'a Revision)> {
        if self.pods.bounds.refused(BoundWrite::Floor).is_some() {
            // It cannot be lowered, so it explains nothing.
            return None;
        }
        let known = scene.record.capacity.as_deref()?;
        let bound = known.bound(revision, ScaleBound::MinScale)?;
        // What its owner asks for as well is not ours to lower.
        let lowers = bound.is_to_be_set(revision) || bound.value() > owners(known, revision);
        let lacks = lowers && revision.actual > 0 && revision.scaling.min > ready(revision);
        let roomless = matches!(pods_of(revision), Pods::NoRoom(_));
        (lacks && roomless && bound.stands_on(revision)).then_some((bound, revision))
    }

    /// A floor that cannot be had in time is given back, whatever the walk waits for, so that Knative takes splits again.
    pub(super) fn mend_floor(&mut self, scene: &Scene<'_>, log: &mut Log) -> Option<Next> {
        self.mend_stable(scene, log).or_else(|| self.mend_candidate(scene, log))
    }

    /// Stable had the pods of its floor when that was set. If one is lost where there is no room for another, the way back is
    /// closed until the floor is what is there.
    fn mend_stable(&mut self, scene: &Scene<'_>, log: &mut Log) -> Option<Next> {
        let stable = scene.world.revision(&scene.record.start.stable)?;
        let (bound, stable) = self.wedge_of(scene, stable)?;
        // That the split is not served meanwhile is no fault of Knative's.
        self.waiting_since = None;
        if bound.is_to_be_set(stable) {
            return Some(self.set_floor(scene, bound, stable));
        }
        self.lower(scene, bound, stable, log)
    }

    fn mend_candidate(&mut self, scene: &Scene<'_>, log: &mut Log) -> Option<Next> {
        let (bound, candidate) = self.wedge(scene)?;
        // That the split is not served meanwhile is no fault of Knative's.
        self.waiting_since = None;
        if scene.now < self.late_at(bound) && bound.value() > ready(candidate) {
            return None;
        }
        if bound.is_to_be_set(candidate) {
            return Some(self.set_floor(scene, bound, candidate));
        }
        let next = self.next_step(scene).and_then(|(step, next)| self.pods_move(scene, step, next.percent));
        match next {
            Some(Verdict::Wait(what @ (PodsMove::Note(..) | PodsMove::Set(_)))) => {
                return Some(self.do_for_pods(&what, scene, log));
            }
            Some(Verdict::Fail(why)) => return Some(self.go_back(scene, why, log)),
            _ => {}
        }
        self.lower(scene, bound, candidate, log)
    }

    fn set_floor(&self, scene: &Scene<'_>, bound: &SetBound, revision: &Revision) -> Next {
        match self.pods.bounds.pause(BoundWrite::Floor, false, scene.now) {
            Some(until) => self.wait(until, scene.record, scene.now),
            None => Next::Bound(Box::new(set(bound, revision, BoundWrite::Floor))),
        }
    }

    /// Lowers a floor to what is there; none where its owner asks for as much.
    fn lower(&mut self, scene: &Scene<'_>, bound: &SetBound, revision: &Revision, log: &mut Log) -> Option<Next> {
        let known = scene.record.capacity.as_deref().cloned().unwrap_or_default();
        let value = ready(revision).max(owners(&known, revision));
        if value >= bound.value() {
            return None;
        }
        let lowered = Box::new(known.with(revision, ScaleBound::MinScale, value, scene.now));
        let text =
            format!("{} keeps {}: there is no room for more ({})", revision.name, counted(value), revision.complaint());
        Some(self.do_for_pods(&PodsMove::Note(lowered, text), scene, log))
    }
}

/// The candidate's floor, where one stands and asks for more pods than there are.
fn lacking_floor<'a>(scene: &Scene<'a>) -> Option<(&'a SetBound, &'a Revision)> {
    let candidate = scene.world.revision(scene.candidate)?;
    let bound = scene.record.capacity.as_deref()?.bound(candidate, ScaleBound::MinScale)?;
    (bound.stands_on(candidate) && bound.value() > ready(candidate)).then_some((bound, candidate))
}
