//! Pods before users: what a step wants of the autoscaler before anybody is moved (docs/protocol.md, rule 13).
//!
//! Decides which floors are noted and set between verdict and step, how long they are waited for, what is given up where they
//! cannot be had, and when a candidate has too few pods for the users that it has. It may use the scene and the record.

use super::scene::Scene;
use super::{Walk, write};
use crate::evidence::verdict::Verdict;
use crate::machine::capacity::{BoundTries, counted, most_wanted, pods_for, set};
use crate::machine::next::{BoundOrder, BoundWrite, Next};
use crate::machine::rollback::Why;
use crate::machine::write::order;
use crate::model::event::{Event, Log, Topic};
use crate::model::observed::Revision;
use crate::model::outcome::Code;
use crate::model::percent::Percent;
use crate::model::ready::{Pods, pods as pods_of};
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
    /// Since when the candidate has too few pods for its users, and how many it had then.
    short: Option<(Timestamp, i64)>,
    /// When that is believed, or a floor that cannot be had is given back.
    believed: Option<Timestamp>,
}

impl PodsMemory {
    /// When a shortage is believed, or a floor given back, if that is still to come.
    pub(super) fn believed(&self, now: Timestamp) -> Option<Timestamp> {
        self.believed.filter(|at| *at > now)
    }

    /// The candidate has too few pods for its users.
    pub(super) fn is_short(&self) -> bool {
        self.short.is_some()
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

    /// The pods that all users need. Only what has been so for a whole window tells, because the autoscaler averages over it.
    fn pods(&self, known: Option<&Capacity>, since: Option<Timestamp>, now: Timestamp) -> u32 {
        let rest = Percent::FULL.minus(self.share);
        let settled = |revision: &Revision| {
            self.share.is_zero() || since.is_some_and(|since| now >= after(since, revision.scaling.window))
        };
        let arms = [(self.stable, rest), (self.candidate, self.share)];
        let told: Vec<_> = arms.into_iter().filter(|(revision, _)| settled(revision)).collect();
        most_wanted(known, &told)
    }
}

/// The floor that its owner had, 1 at least: less than that never is of use.
fn owners(known: &Capacity, revision: &Revision) -> u32 {
    let had = known.bound(revision, ScaleBound::MinScale).and_then(|bound| bound.had.as_ref()?.parse().ok());
    had.unwrap_or(0).max(1)
}

/// A floor that was noted for another time: it does not stand, and is more than is of use now.
fn is_stale(known: &Capacity, revision: &Revision, most: u32) -> bool {
    let bound = known.bound(revision, ScaleBound::MinScale);
    bound.is_some_and(|bound| bound.is_to_be_set(revision) && !bound.stands_on(revision) && bound.value() > most)
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
        let pods = arms.pods(scene.record.capacity.as_deref(), self.served, scene.now);
        if pods == 0 {
            return None;
        }
        let candidate = arms.candidate;
        let (want, has) = (candidate.scaling.max.unwrap_or(u32::MAX).min(pods_for(pods, to)), ready(candidate));
        if let Some(why) = self.pods.bounds.refused(BoundWrite::Floor) {
            let lacks = goal.mode == CapacityMode::Need && has < want;
            let why = || format!("step {step} wants {want} pods, and they cannot be asked for: {why}");
            return lacks.then(|| Verdict::Fail(Why::blameless(Code::Inconclusive, why())));
        }
        let goes_without = known.without == Some(step);
        let coming = known.bound(candidate, ScaleBound::MinScale).filter(|bound| bound.stands_on(candidate));
        let coming = coming.filter(|bound| bound.value() > has && scene.now < after(bound.at, goal.within));
        // While pods are on their way no more are asked for, or a load that grows would put the end off for ever.
        let keeps = goes_without || coming.is_some();
        let wanted = if keeps { known.clone() } else { self.floors(&known, &arms, pods, to, scene.now) };
        if wanted.bounds != known.bounds {
            let text = noted_words(&wanted, &arms, step, want);
            return Some(Verdict::Wait(PodsMove::Note(Box::new(wanted), text)));
        }
        let unset = [candidate, arms.stable].into_iter().find_map(|revision| {
            let bound = known.bound(revision, ScaleBound::MinScale).filter(|bound| bound.is_to_be_set(revision))?;
            Some(set(bound, revision, BoundWrite::Floor))
        });
        if let Some(order) = unset {
            return Some(Verdict::Wait(PodsMove::Set(Box::new(order))));
        }
        // One that sleeps is woken by its first request, and nobody was to have more than one pod.
        if has >= want || goes_without || (want <= 1 && pods_of(candidate) == Pods::Asleep) {
            return None;
        }
        let since = self.pods.since.filter(|(at, _)| *at == step).map(|(_, since)| since);
        let bound = known.bound(candidate, ScaleBound::MinScale).filter(|bound| bound.value() >= want);
        // Pods that only the owner's own floor asks for: the next of many short calls does not know since when.
        let until = match (bound.map(|bound| bound.at), since) {
            (Some(at), _) => after(at, goal.within),
            (None, _) if self.goal.once => return None,
            (None, since) => after(since.unwrap_or(scene.now), goal.within),
        };
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
        // One pod is there already, or is woken by the last look, and users keep it. What was noted for another time is not
        // raised again.
        if want > 1 && candidate.scaling.min < want && noted(known, candidate) != want {
            wanted = wanted.with(candidate, ScaleBound::MinScale, want, now);
        } else if is_stale(known, candidate, want) {
            wanted = wanted.without_bound(candidate, ScaleBound::MinScale);
        }
        let warm = if known.cold {
            pods_for(pods, Percent::FULL.minus(arms.share))
        } else {
            pods_for(pods, self.goal.capacity.keep_warm)
        };
        let warm = warm.min(stable.scaling.max.unwrap_or(u32::MAX)).min(ready(stable));
        let loses = pods_for(pods, Percent::FULL.minus(to)) < warm;
        if loses && stable.scaling.min < warm && noted(known, stable) != warm {
            wanted = wanted.with(stable, ScaleBound::MinScale, warm, now);
        } else if is_stale(known, stable, ready(stable)) {
            wanted = wanted.without_bound(stable, ScaleBound::MinScale);
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
        let own = pods_for(pods, Percent::FULL.minus(arms.share)).max(owners(known, stable));
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
        let rest = pods_for(pods, Percent::FULL.minus(to));
        for (revision, value) in [(candidate, ready(candidate)), (stable, rest)] {
            let value = value.max(owners(known, revision));
            if noted(known, revision) > value {
                without = without.with(revision, ScaleBound::MinScale, value, now);
            }
        }
        Verdict::Wait(PodsMove::Note(Box::new(without), format!("{why}: the step is taken without them")))
    }

    /// What is kept of pods once a step is taken: what users need is told best before anybody is moved, and a dwell may be too
    /// short to tell it again.
    pub(super) fn capacity_after(&self, scene: &Scene<'_>) -> Option<Box<Capacity>> {
        let known = scene.record.capacity.as_deref();
        let arms = ScaledArms::of(self, scene).filter(|_| self.goal.capacity.mode != CapacityMode::Off);
        let pods = arms.map_or(0, |arms| arms.pods(known, self.served, scene.now));
        let kept = Capacity { pods, without: None, ..known.cloned().unwrap_or_default() };
        (kept != Capacity::default()).then(|| Box::new(kept))
    }

    /// Keeps in mind since when pods are waited for, and since when the candidate has too few for its users.
    pub(super) fn watch_pods(&mut self, scene: &Scene<'_>) {
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
        let wedge = self.wedge(scene).map(|(bound, _)| after(bound.at, self.goal.capacity.within));
        self.pods.believed = self.short_until(scene).into_iter().chain(wedge).filter(|at| *at > scene.now).min();
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
        if self.pods.bounds.refused(BoundWrite::Floor).is_some() {
            // It cannot be lowered, so it explains nothing.
            return None;
        }
        let candidate = scene.world.revision(scene.candidate)?;
        let bound = scene.record.capacity.as_deref()?.bound(candidate, ScaleBound::MinScale)?;
        let lacks = candidate.actual > 0 && candidate.scaling.min > ready(candidate);
        let roomless = matches!(pods_of(candidate), Pods::NoRoom(_));
        (lacks && roomless && bound.stands_on(candidate)).then_some((bound, candidate))
    }

    /// A floor that cannot be had in time is given back, whatever the walk waits for, so that Knative takes splits again.
    pub(super) fn mend_floor(&mut self, scene: &Scene<'_>, log: &mut Log) -> Option<Next> {
        let (bound, candidate) = self.wedge(scene)?;
        // That the split is not served meanwhile is no fault of Knative's.
        self.waiting_since = None;
        if scene.now < after(bound.at, self.goal.capacity.within) && bound.value() > ready(candidate) {
            return None;
        }
        if bound.is_to_be_set(candidate) {
            return Some(Next::Bound(Box::new(set(bound, candidate, BoundWrite::Floor))));
        }
        let next = self.next_step(scene).and_then(|(step, next)| self.pods_move(scene, step, next.percent));
        match next {
            Some(Verdict::Wait(what @ (PodsMove::Note(..) | PodsMove::Set(_)))) => {
                return Some(self.do_for_pods(&what, scene, log));
            }
            Some(Verdict::Fail(why)) => return Some(self.go_back(scene, why, log)),
            _ => {}
        }
        let known = scene.record.capacity.as_deref().cloned().unwrap_or_default();
        let value = ready(candidate).max(owners(&known, candidate));
        let lowered = Box::new(known.with(candidate, ScaleBound::MinScale, value, scene.now));
        let text = format!(
            "{} keeps {}: there is no room for more ({})",
            candidate.name,
            counted(value),
            candidate.complaint()
        );
        Some(self.do_for_pods(&PodsMove::Note(lowered, text), scene, log))
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
