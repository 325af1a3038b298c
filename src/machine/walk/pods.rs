//! Pods before users: what a step wants of the autoscaler before anybody is moved (docs/protocol.md, rule 13).
//!
//! Decides which floors are noted and set between verdict and step, how long they are waited for, what is given up where they
//! cannot be had, and when a candidate has too few pods for the users that it has. It may use the scene and the record.

use super::scene::Scene;
use super::{Walk, write};
use crate::evidence::verdict::Verdict;
use crate::machine::capacity::{ArmDemand, BoundTries, Demand, counted, most_wanted, pods_for, set, wanted_by_users};
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
use std::time::Duration;

/// What is done for the pods of the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PodsMove {
    /// Bounds are noted in the record before they are set; what is said of it.
    Note(Box<Capacity>, String),
    /// A bound is set.
    Set(Box<BoundOrder>),
    /// A bound could not be set, and is tried again then.
    Again(Timestamp),
    /// The pods are on their way; how many are there, and until when they are waited for.
    Coming { text: String, until: Timestamp },
}

/// What a walk remembers of pods.
#[derive(Debug, Clone, Default)]
pub(super) struct PodsMemory {
    /// What became of bounds.
    pub(super) bounds: BoundTries,
    /// Since when a floor of the candidate's that stands asks for more pods than there are.
    pub(super) lacking: Option<Timestamp>,
    /// Since when the pods of a step are waited for.
    pub(super) since: Option<(usize, Timestamp)>,
    /// Since when the candidate has too few pods for its users, and how many it had then.
    pub(super) short: Option<(Timestamp, i64)>,
    /// When that is believed, or a floor that cannot be had is given back.
    pub(super) believed: Option<Timestamp>,
    /// What users of stable and of the candidate wanted since each has the part of them that it has.
    pub(super) demand: [Demand; 2],
}

impl PodsMemory {
    /// Nothing was seen yet; floors are tried for so long.
    pub(super) fn new(within: Duration) -> Self {
        Self { bounds: BoundTries::new(within), ..Self::default() }
    }

    /// When a shortage is believed, or a floor given back, if that is still to come.
    pub(super) fn believed(&self, now: Timestamp) -> Option<Timestamp> {
        self.believed.filter(|at| *at > now)
    }

    /// The candidate has too few pods for its users.
    pub(super) fn is_short(&self) -> bool {
        self.short.is_some()
    }
}

/// The two revisions of a walk, the step's percentage, the parts of users that they have, and what users of either want over a window.
pub(super) struct ScaledArms<'a> {
    stable: &'a Revision,
    pub(super) candidate: &'a Revision,
    share: Percent,
    parts: [Percent; 2],
    wanted: [u32; 2],
}

impl<'a> ScaledArms<'a> {
    pub(super) fn of(walk: &Walk, scene: &Scene<'a>) -> Option<Self> {
        let stable = scene.world.revision(&scene.record.start.stable)?;
        let candidate = scene.world.revision(scene.candidate)?;
        let [of_stable, of_candidate] = &walk.pods.demand;
        let over = |demand: &Demand, revision: &Revision| demand.over(revision.scaling.window, scene.now);
        let share = walk.goal.plan.step(scene.record.step).map_or(Percent::ZERO, |step| step.percent);
        Some(Self {
            stable,
            candidate,
            share,
            parts: scene.record.start.parts_at(scene.candidate, share),
            wanted: [over(of_stable, stable), over(of_candidate, candidate)],
        })
    }

    /// Takes a look at what users of both want.
    pub(super) fn look(&self, scene: &Scene<'_>, demand: &mut [Demand; 2]) {
        let known = scene.record.capacity.as_deref();
        for (demand, (revision, share)) in demand.iter_mut().zip(self.shares()) {
            let wanted = wanted_by_users(known, revision, share);
            demand.look(revision, scene.service.served_percent(&revision.name), wanted, scene.now);
        }
    }

    /// The pods that all users need. Only what has been so for a whole window tells, because the autoscaler averages over it.
    fn pods(&self, known: Option<&Capacity>, since: Option<Timestamp>, now: Timestamp) -> u32 {
        let settled = |revision: &Revision| {
            self.share.is_zero() || since.is_some_and(|since| now >= after(since, revision.scaling.window))
        };
        let arms = self.shares().into_iter().zip(self.wanted);
        let arms = arms.map(|((revision, share), wanted)| ArmDemand { revision, share, wanted });
        most_wanted(known, &arms.filter(|arm| settled(arm.revision)).collect::<Vec<_>>())
    }

    fn shares(&self) -> [(&'a Revision, Percent); 2] {
        let [stable, candidate] = self.parts;
        [(self.stable, stable), (self.candidate, candidate)]
    }

    /// When the pods that users need will be known, where nothing is known and more than one pod is wanted: the first arm that
    /// wants so many tells after a window.
    fn tells_at(&self, known: Option<&Capacity>, since: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let told = |(revision, share): &(&Revision, Percent)| {
            most_wanted(known, &[ArmDemand::now(known, revision, *share)]) > 1
        };
        let windows = self.shares().into_iter().filter(told).map(|(revision, _)| revision.scaling.window);
        windows.min().and_then(|window| since.map(|since| after(since, window))).filter(|at| *at > now)
    }
}

/// The floor that its owner had, 1 at least: less than that never is of use.
pub(super) fn owners(known: &Capacity, revision: &Revision) -> u32 {
    let bound = known.bound(revision, ScaleBound::MinScale);
    bound.map_or(0, |bound| revision.scaling.min_with(bound.had.as_deref())).max(1)
}

/// A floor that was noted for another time: it does not stand, and is more than is of use now.
fn is_stale(known: &Capacity, revision: &Revision, most: u32) -> bool {
    let bound = known.bound(revision, ScaleBound::MinScale);
    bound.is_some_and(|bound| bound.is_to_be_set(revision) && !bound.stands_on(revision) && bound.value() > most)
}

/// As many ready pods as it has.
pub(super) fn ready(revision: &Revision) -> u32 {
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
        if let Some(note) = self.made_of_ours(&known, &arms) {
            return Some(Verdict::Wait(note));
        }
        if pods == 0 {
            let until = arms.tells_at(scene.record.capacity.as_deref(), self.served, scene.now)?;
            let text = "the autoscaler to tell how many pods users need".to_owned();
            return Some(Verdict::Wait(PodsMove::Coming { text, until }));
        }
        let candidate = arms.candidate;
        let parts = scene.record.start.parts_at(scene.candidate, to);
        let (want, has) = (candidate.scaling.max.unwrap_or(u32::MAX).min(pods_for(pods, parts[1])), ready(candidate));
        if let Some(why) = self.pods.bounds.no_floor(candidate) {
            let lacks = goal.mode == CapacityMode::Need && has < want;
            let why = || format!("step {step} wants {want} pods, and they cannot be asked for: {why}");
            return lacks.then(|| Verdict::Fail(Why::blameless(Code::Inconclusive, why())));
        }
        let goes_without = known.without == Some(step);
        let floor = known.bound(candidate, ScaleBound::MinScale).filter(|bound| bound.stands_on(candidate));
        let floor = floor.filter(|bound| bound.value() > has);
        // While pods are on their way no more are asked for, and what is late is given back first: a load that grows would else put
        // the end off for ever.
        let keeps = goes_without || floor.is_some();
        // After the step that ends a bake the rollout is over as soon as it is served: there is no time to keep stable warm for
        // beside that for which it is already.
        let warms = !self.goal.plan.closes(step);
        let wanted = if keeps { known.clone() } else { self.floors(&known, &arms, pods, (parts, warms), scene.now) };
        if wanted.bounds != known.bounds {
            let text = noted_words(&wanted, &arms, step, want);
            return Some(Verdict::Wait(PodsMove::Note(Box::new(wanted), text)));
        }
        let unset = [candidate, arms.stable].into_iter().filter(|revision| !self.pods.bounds.is_theirs(revision));
        let unset = unset.into_iter().find_map(|revision| {
            let bound = known.bound(revision, ScaleBound::MinScale).filter(|bound| bound.is_to_be_set(revision))?;
            Some((bound, revision))
        });
        if let Some((bound, revision)) = unset {
            return Some(Verdict::Wait(self.floor_to_set(&known, bound, revision, scene.now)));
        }
        // One that sleeps is woken by its first request, and nobody was to have more than one pod.
        if has >= want || goes_without || (want <= 1 && pods_of(candidate) == Pods::Asleep) {
            return None;
        }
        let since = self.pods.since.filter(|(at, _)| *at == step).map(|(_, since)| since);
        let bound =
            known.bound(candidate, ScaleBound::MinScale).filter(|bound| floor.is_some() || bound.value() >= want);
        // Pods that only the owner's own floor asks for: the next of many short calls does not know since when.
        let until = match (bound, since) {
            (Some(bound), _) => self.late_at(bound),
            (None, _) if self.goal.once => return None,
            (None, since) => after(since.unwrap_or(scene.now), goal.within),
        };
        let text = format!("{has} of {want} pods that step {step} ({to}) wants");
        if scene.now < until {
            return Some(Verdict::Wait(PodsMove::Coming { text, until }));
        }
        Some(self.cannot_be_had(&known, &arms, pods, (step, parts[0]), text, scene.now))
    }

    /// The write of a floor, or what comes before it.
    fn floor_to_set(&self, known: &Capacity, bound: &SetBound, revision: &Revision, now: Timestamp) -> PodsMove {
        if let Some(until) = self.pods.bounds.pause(BoundWrite::Floor, false, now) {
            return PodsMove::Again(until);
        }
        // Noted by a process that died before it was set: its pods would be late at once.
        let is_old = now >= after(bound.at, self.goal.capacity.within);
        if is_old && !self.pods.bounds.is_failing(BoundWrite::Floor) {
            let (value, word) = (bound.value(), bound.bound.word());
            let text = format!(
                "{word} {value} of {} was noted at {} and not set",
                revision.name,
                bound.at.strftime("%H:%M:%S")
            );
            return PodsMove::Note(Box::new(known.clone().with(revision, ScaleBound::MinScale, value, now)), text);
        }
        PodsMove::Set(Box::new(set(bound, revision, BoundWrite::Floor)))
    }

    /// Notes what something in the cluster made of a floor of ours, so that it goes with the others at the end.
    fn made_of_ours(&self, known: &Capacity, arms: &ScaledArms<'_>) -> Option<PodsMove> {
        [arms.candidate, arms.stable].into_iter().find_map(|revision| {
            let made = self.pods.bounds.made_of_ours(revision)?;
            let noted = known.clone().with_made(revision, ScaleBound::MinScale, made);
            let text = format!("min-scale of {} was made {made} by something else", revision.name);
            (noted != *known).then(|| PodsMove::Note(Box::new(noted), text))
        })
    }

    /// The floors of the next step. The candidate's first one is raised only now, after it was Ready; stable's is never above
    /// what it has, because what cannot be had would close the way back.
    fn floors(
        &self,
        known: &Capacity,
        arms: &ScaledArms<'_>,
        pods: u32,
        ([rest, to], warms): ([Percent; 2], bool),
        now: Timestamp,
    ) -> Capacity {
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
        let warm =
            if known.cold { pods_for(pods, arms.parts[0]) } else { pods_for(pods, self.goal.capacity.keep_warm) };
        let warm = warm.min(stable.scaling.max.unwrap_or(u32::MAX)).min(ready(stable));
        let loses = pods_for(pods, rest) < warm;
        let theirs = self.pods.bounds.is_theirs(stable);
        if warms && loses && !theirs && stable.scaling.min < warm && noted(known, stable) != warm {
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
        (step, rest): (usize, Percent),
        text: String,
        now: Timestamp,
    ) -> Verdict<PodsMove, Why> {
        let (stable, candidate) = (arms.stable, arms.candidate);
        let within = words(self.goal.capacity.within);
        let why = format!("{text} are there after {within} ({})", candidate.complaint());
        if self.goal.capacity.mode == CapacityMode::Need {
            return Verdict::Fail(Why::blameless(Code::Inconclusive, why));
        }
        let own = pods_for(pods, arms.parts[0]).max(owners(known, stable));
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
        let rest = pods_for(pods, rest);
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
            PodsMove::Again(until) => self.wait(*until, record, now),
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
