//! Pods before users: what a step wants of the autoscaler before anybody is moved (docs/protocol.md, rule 13).
//!
//! Decides which floors are noted and set between verdict and step, how long they are waited for, what is given up where they
//! cannot be had, and when a candidate has too few pods for the users that it has. It may use the scene and the record.

use super::scene::Scene;
use super::{Walk, write};
use crate::evidence::verdict::Verdict;
use crate::machine::capacity::{BoundTries, counted, most_wanted, pods_for, set};
use crate::machine::next::{BoundOrder, Next};
use crate::machine::rollback::Why;
use crate::machine::write::order;
use crate::model::event::{Event, Log, Topic};
use crate::model::observed::Revision;
use crate::model::outcome::Code;
use crate::model::percent::Percent;
use crate::model::ready::{Pods, pods};
use crate::model::scaling::ScaleBound;
use crate::model::time::{after, words};
use crate::rollout::capacity::{Capacity, CapacityMode, SetBound};
use jiff::Timestamp;

/// What is done for the pods of the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PodsMove {
    /// Bounds are noted in the record before they are set; what is said of it.
    Note(Box<Capacity>, String),
    /// A bound is set.
    Set(Box<BoundOrder>),
    /// The pods are on their way; how many are there, and until when they are waited for.
    Coming { text: String, until: Timestamp },
}

/// What a walk remembers of pods.
#[derive(Debug, Clone, Default)]
pub(super) struct PodsMemory {
    /// What became of bounds.
    pub(super) bounds: BoundTries,
    /// Since when the pods of a step are waited for.
    since: Option<(usize, Timestamp)>,
    /// Since when the candidate has too few pods for its users.
    short: Option<Timestamp>,
}

impl PodsMemory {
    /// Since when the candidate has too few pods for its users; none: it has enough.
    pub(super) fn short(&self) -> Option<Timestamp> {
        self.short
    }
}

/// The two revisions of a walk and the part of users that the candidate has.
struct ScaledArms<'a> {
    stable: &'a Revision,
    candidate: &'a Revision,
    share: Percent,
}

impl<'a> ScaledArms<'a> {
    fn of(walk: &Walk, scene: &Scene<'a>) -> Option<Self> {
        Some(Self {
            stable: scene.world.revision(&scene.record.start.stable)?,
            candidate: scene.world.revision(scene.candidate)?,
            share: walk.goal.plan.step(scene.record.step).map_or(Percent::ZERO, |step| step.percent),
        })
    }

    /// The pods that all users need.
    fn pods(&self, known: Option<&Capacity>) -> u32 {
        let rest = Percent::FULL.minus(self.share);
        most_wanted(known, &[(self.stable, rest), (self.candidate, self.share)])
    }
}

/// As many ready pods as it has.
fn ready(revision: &Revision) -> u32 {
    u32::try_from(revision.actual).unwrap_or_default()
}

/// The value that is noted for its floor; 0 where none is.
fn noted(known: &Capacity, revision: &Revision) -> u32 {
    known.bound(revision, ScaleBound::MinScale).map_or(0, SetBound::value)
}

impl Walk {
    /// What is to be done for the pods of the next step, or that they cannot be had. None: users may come.
    pub(super) fn pods_move(&self, scene: &Scene<'_>, step: usize, to: Percent) -> Option<Verdict<PodsMove, Why>> {
        let goal = &self.goal.capacity;
        let arms = ScaledArms::of(self, scene).filter(|_| goal.mode != CapacityMode::Off)?;
        let known = scene.record.capacity.as_deref().cloned().unwrap_or_default();
        let pods = arms.pods(scene.record.capacity.as_deref());
        if pods == 0 {
            return None;
        }
        let want = arms.candidate.scaling.max.unwrap_or(u32::MAX).min(pods_for(pods, to));
        if let Some(why) = self.pods.bounds.refused() {
            let lacks = goal.mode == CapacityMode::Need && ready(arms.candidate) < want;
            let why = || format!("step {step} wants {want} pods, and they cannot be asked for: {why}");
            return lacks.then(|| Verdict::Fail(Why::blameless(Code::Inconclusive, why())));
        }
        let goes_without = known.without == Some(step);
        let wanted = if goes_without { known.clone() } else { self.floors(&known, &arms, pods, to, scene.now) };
        if wanted.bounds != known.bounds {
            let text = noted_words(&wanted, &arms, step, want);
            return Some(Verdict::Wait(PodsMove::Note(Box::new(wanted), text)));
        }
        let unset = [arms.candidate, arms.stable].into_iter().find_map(|revision| {
            let bound = known.bound(revision, ScaleBound::MinScale).filter(|bound| bound.is_to_be_set(revision))?;
            Some(set(bound, revision))
        });
        if let Some(order) = unset {
            return Some(Verdict::Wait(PodsMove::Set(Box::new(order))));
        }
        let has = ready(arms.candidate);
        if has >= want || goes_without {
            return None;
        }
        let since = self.pods.since.filter(|(at, _)| *at == step).map_or(scene.now, |(_, since)| since);
        let bound = known.bound(arms.candidate, ScaleBound::MinScale).filter(|bound| bound.value() == want);
        let until = after(bound.map_or(since, |bound| bound.at), goal.within);
        let text = format!("{has} of {want} pods that step {step} ({to}) wants");
        if scene.now < until {
            return Some(Verdict::Wait(PodsMove::Coming { text, until }));
        }
        Some(self.cannot_be_had(&known, &arms, pods, (step, to), text, scene.now))
    }

    /// The floors of the next step. The candidate's first one is raised only now, after it was Ready; stable's is never above
    /// what it has, because what cannot be had would close the way back.
    fn floors(&self, known: &Capacity, arms: &ScaledArms<'_>, pods: u32, to: Percent, now: Timestamp) -> Capacity {
        let mut wanted = Capacity { pods, without: None, ..known.clone() };
        let (stable, candidate) = (arms.stable, arms.candidate);
        let want = candidate.scaling.max.unwrap_or(u32::MAX).min(pods_for(pods, to));
        let floor = candidate.scaling.min.max(noted(known, candidate));
        // One pod is there already, or is woken by the last look, and users keep it.
        if want > 1 && floor < want {
            wanted = wanted.with(candidate, ScaleBound::MinScale, want, now);
        }
        let warm = if known.cold {
            pods_for(pods, Percent::FULL.minus(arms.share))
        } else {
            pods_for(pods, self.goal.capacity.keep_warm)
        };
        let warm = warm.min(stable.scaling.max.unwrap_or(u32::MAX)).min(ready(stable));
        let loses = pods_for(pods, Percent::FULL.minus(to)) < warm;
        if loses && stable.scaling.min.max(noted(known, stable)) < warm {
            wanted = wanted.with(stable, ScaleBound::MinScale, warm, now);
        }
        wanted
    }

    /// The pods did not come in time: first stable's warm ones are given up for them, then the step is taken without them, and
    /// what cannot be had is given back so that the Revision is Ready again.
    fn cannot_be_had(
        &self,
        known: &Capacity,
        arms: &ScaledArms<'_>,
        pods: u32,
        (step, to): (usize, Percent),
        text: String,
        now: Timestamp,
    ) -> Verdict<PodsMove, Why> {
        let (stable, candidate) = (arms.stable, arms.candidate);
        let within = words(self.goal.capacity.within);
        let why = format!("{text} are there after {within} ({})", candidate.complaint());
        if self.goal.capacity.mode == CapacityMode::Need {
            return Verdict::Fail(Why::blameless(Code::Inconclusive, why));
        }
        let own = pods_for(pods, Percent::FULL.minus(arms.share)).max(1);
        let warm = noted(known, stable);
        if !known.cold && warm > own {
            let mut cold = Capacity { cold: true, ..known.clone() };
            cold = cold.with(stable, ScaleBound::MinScale, own, now);
            let floor = noted(known, candidate);
            if floor > 0 {
                cold = cold.with(candidate, ScaleBound::MinScale, floor, now);
            }
            let what = format!("{why}: {} gives up the pods that a way back would need", stable.name);
            return Verdict::Wait(PodsMove::Note(Box::new(cold), what));
        }
        // There is no room for both: stable keeps what its own users need once the step is taken.
        let mut without = Capacity { without: Some(step), cold: true, ..known.clone() };
        let (has, rest) = (ready(candidate).max(1), pods_for(pods, Percent::FULL.minus(to)).max(1));
        for (revision, value) in [(candidate, has), (stable, rest)] {
            if noted(known, revision) > value {
                without = without.with(revision, ScaleBound::MinScale, value, now);
            }
        }
        Verdict::Wait(PodsMove::Note(Box::new(without), format!("{why}: the step is taken without them")))
    }

    /// Keeps in mind since when pods are waited for, and since when the candidate has too few for its users.
    pub(super) fn watch_pods(&mut self, scene: &Scene<'_>) {
        let step = self.next_step(scene).map(|(step, _)| step);
        match (step, self.pods.since) {
            (Some(step), Some((at, _))) if step == at => {}
            (step, _) => self.pods.since = step.map(|step| (step, scene.now)),
        }
        let short = ScaledArms::of(self, scene).is_some_and(|arms| self.is_short(scene, &arms));
        self.pods.short = short.then(|| self.pods.short.unwrap_or(scene.now));
    }

    /// Knative wants more than twice the pods for the candidate's users that it has, and no floor of ours asks for them.
    fn is_short(&self, scene: &Scene<'_>, arms: &ScaledArms<'_>) -> bool {
        let candidate = arms.candidate;
        let known = scene.record.capacity.as_deref();
        let ours = known.and_then(|c| c.bound(candidate, ScaleBound::MinScale)).filter(|b| b.stands_on(candidate));
        let floor = ours.map_or(0, |bound| i64::from(bound.value()));
        self.goal.capacity.mode != CapacityMode::Off
            && !arms.share.is_zero()
            && candidate.actual.saturating_mul(2) < candidate.desired
            && candidate.desired > floor.max(1)
    }

    /// When a shortage has lasted for a whole window of the autoscaler.
    pub(super) fn short_until(&self, scene: &Scene<'_>) -> Option<Timestamp> {
        let window = scene.world.revision(scene.candidate)?.scaling.window;
        self.pods.short.map(|since| after(since, window))
    }

    /// True if the candidate is Ready no more only because a floor of ours cannot be had: its pods serve.
    pub(super) fn is_wedged_by_floor(scene: &Scene<'_>) -> bool {
        let Some(candidate) = scene.world.revision(scene.candidate) else { return false };
        let known = scene.record.capacity.as_deref();
        let floor = known.and_then(|c| c.bound(candidate, ScaleBound::MinScale)).filter(|b| b.stands_on(candidate));
        floor.is_some() && candidate.scaling.min > ready(candidate) && candidate.actual > 0
    }

    /// A floor in the making may keep Knative from serving what is written: it is had in time, or given back.
    pub(super) fn mend_floor(&mut self, scene: &Scene<'_>, log: &mut Log) -> Option<Next> {
        let roomless = scene.world.revision(scene.candidate).is_some_and(|r| matches!(pods(r), Pods::NoRoom(_)));
        if !roomless || !Self::is_wedged_by_floor(scene) {
            return None;
        }
        let (step, next) = self.next_step(scene)?;
        match self.pods_move(scene, step, next.percent)? {
            Verdict::Wait(what) => Some(self.do_for_pods(&what, scene, log)),
            Verdict::Fail(why) => Some(self.go_back(scene, why, log)),
            Verdict::Pass => None,
        }
    }

    /// Does what is to be done for the pods of a step.
    pub(super) fn do_for_pods(&mut self, what: &PodsMove, scene: &Scene<'_>, log: &mut Log) -> Next {
        let (service, record, now) = (scene.service, scene.record, scene.now);
        match what {
            PodsMove::Note(capacity, text) => {
                let mut to = record.clone();
                to.capacity = Some(capacity.clone());
                write(order(service, to, None, None, Event::new(Topic::Pods, text.clone())), service)
            }
            PodsMove::Set(order) => Next::Bound(order.clone()),
            PodsMove::Coming { text, until } => {
                log.once(Topic::Pods, format!("waiting for {text}"));
                self.wait(*until, record, now)
            }
        }
    }
}

fn noted_words(wanted: &Capacity, arms: &ScaledArms<'_>, step: usize, want: u32) -> String {
    let (stable, candidate) = (arms.stable, arms.candidate);
    let keeps = Some(noted(wanted, stable)).filter(|keeps| *keeps > 0);
    let keeps = keeps.map(|keeps| format!("{} keeps {} for the way back", stable.name, counted(keeps)));
    let wants = (want > 1).then(|| format!("step {step} wants {} of {}", counted(want), candidate.name));
    wants.into_iter().chain(keeps).collect::<Vec<_>>().join(", ")
}
