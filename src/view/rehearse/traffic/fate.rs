//! What becomes of requests: which part of an arm's fails, hangs or is slow at this moment, and which fail together.
//!
//! Decides that what ails both revisions ails them alike, that failures (and 4xx) in clusters are as many as one by one, and
//! that a candidate which is late with its faults is as good as stable until then. Nothing is drawn for what was not asked for.

use super::super::behaviour::PodFaults;
use super::super::chance::{Chance, binomial, poisson};
use super::Traffic;
use std::time::Duration;

/// A pod bears about so many requests a second, where nothing else is said of pods.
const A_POD: f64 = 10.0;

/// Requests that share their fate with one that came already.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bundle {
    left: u64,
    pub(super) meets: bool,
}

/// How an arm's requests fare at this moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fate {
    /// The part that fails, each by itself or in clusters.
    pub(super) errors: f64,
    /// The part that meets a pod which fails everything, or a candidate that does.
    pub(super) lost_pods: f64,
    /// The part of the others that is answered with a 4xx, each by itself or in clusters.
    pub(super) refused: f64,
    /// The part that is never answered.
    pub(super) hanging: f64,
    /// Answers take so many times stable's time.
    pub(super) slower: f64,
}

/// Pods of one revision that are ill: until when, in the order in which they fell ill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct IllPods(Vec<Duration>);

impl IllPods {
    /// Time passes from `now` to `until` for `pods` of them; the part of their requests that meets an ill one.
    fn part(&mut self, faults: PodFaults, pods: f64, now: Duration, until: Duration, chance: &mut impl Chance) -> f64 {
        self.0.retain(|well| *well > now);
        let passed = until.saturating_sub(now).as_secs_f64();
        // By chance, because pods of one revision do not fall ill in turn.
        let more = poisson(chance, pods * passed / faults.every.as_secs_f64());
        self.0.extend((0..more).map(|_| now + faults.lasts));
        #[expect(clippy::cast_precision_loss, reason = "a few pods")]
        let ill = self.0.len() as f64;
        (ill / pods).min(1.0)
    }
}

impl<C: Chance> Traffic<C> {
    /// How requests of an arm fare that come before `until`, of so many a second.
    pub(super) fn fate(&mut self, arm: usize, rate: f64, until: Duration) -> Fate {
        let b = &self.behaviour;
        let everywhere = b.incident.filter(|i| self.is_on(Some(&i.spell))).map_or(0.0, |i| i.errors);
        let (candidate, late) = (arm == 1, self.is_late());
        let (errors, refused, hanging, slower) = if candidate && !late {
            (b.candidate_errors, b.candidate_client_errors, b.hanging, b.slower)
        } else {
            (b.errors, b.client_errors, 0.0, 1.0)
        };
        let hanging = if candidate && self.is_on(b.down.as_ref()) { 1.0 } else { hanging };
        let cold = if candidate { self.cold_errors() } else { 0.0 };
        let errors = 1.0 - (1.0 - errors) * (1.0 - everywhere) * (1.0 - cold);
        let bursts = candidate && self.bursts();
        let ill = b.pod_faults.map_or(0.0, |faults| {
            let pods = (rate / A_POD).ceil().max(1.0);
            let now = self.now;
            self.ill.get_mut(arm).map_or(0.0, |ill| ill.part(faults, pods, now, until, &mut self.chance))
        });
        Fate { errors, lost_pods: if bursts { 1.0 } else { ill }, refused, hanging, slower }
    }

    /// True while the candidate is still as good as stable.
    pub(crate) fn is_late(&self) -> bool {
        self.behaviour.late.is_some_and(|late| self.since_moved().is_none_or(|at| at < late))
    }

    /// True while the candidate fails everything in one of its bursts.
    fn bursts(&self) -> bool {
        let burst = self.behaviour.burst.zip(self.since_moved());
        burst.is_some_and(|(burst, at)| burst.is_on(at + self.phase))
    }

    /// The moments after `at`, counted from when the first users were moved, at which the candidate changes.
    pub(super) fn changes_of_candidate(&self, at: Duration) -> impl Iterator<Item = Duration> + use<C> {
        let late = self.behaviour.late.filter(|late| *late > at);
        let phase = self.phase;
        let burst = self.behaviour.burst.map(|burst| burst.next(at + phase).saturating_sub(phase));
        [late, burst].into_iter().flatten()
    }

    /// The part of the candidate's requests that fails because its pods are not there yet.
    fn cold_errors(&self) -> f64 {
        let now = self.cold.filter(|(until, _)| self.now < *until).zip(self.behaviour.cold);
        now.map_or(0.0, |((_, moved), cold)| moved * cold.errors)
    }
}

impl Bundle {
    /// How many of `n` requests meet a fate that a part of `p` meets, so many together. Bundles go on over ticks: a small share has few
    /// requests in each.
    pub(super) fn meet(&mut self, n: u64, p: f64, together: u64, chance: &mut impl Chance) -> u64 {
        let together = together.max(1);
        let begun = self.left.min(n);
        self.left -= begun;
        let mut met = if self.meets { begun } else { 0 };
        let (whole, tail) = ((n - begun) / together, (n - begun) % together);
        met += together * binomial(chance, whole, p);
        if tail > 0 {
            *self = Self { left: together - tail, meets: binomial(chance, 1, p) == 1 };
            met += if self.meets { tail } else { 0 };
        }
        met
    }
}
