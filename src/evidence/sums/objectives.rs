//! The objectives among the sums: decides by which limit each is judged at a moment, and which of them stands worst.

use super::{Arm, Growth, Sums, Trouble, Which, slow};
use crate::evidence::Rules;
use crate::evidence::counts::{Counts, Table};
use crate::evidence::missed::Missed;
use crate::evidence::objective::{Bar, ObjectiveState, ObjectiveWatch};

/// How an objective stands, with what that rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ObjectiveStanding {
    /// In a word.
    pub state: ObjectiveState,
    /// Which of them.
    pub which: Which,
    /// By what it is judged.
    pub bar: Bar,
    /// Of both over the same windows; of the candidate alone where there is no stable.
    pub counted: Table,
    /// `ln E` against the candidate, and how much breaks it.
    pub ln_e: f64,
    pub needed: f64,
    /// What speaks against the candidate has grown since it last stood best.
    pub grows: bool,
}

impl Sums {
    /// Stable misses objectives: they are less for this rollout.
    pub fn misses(&mut self, missed: Missed) {
        let known = self.missed.unwrap_or_default();
        let of_times = if known.slow.is_some() { known } else { missed };
        let all = Missed { failed: known.failed.or(missed.failed), ..of_times };
        // What was judged by another limit says nothing of this one.
        if all.failed != known.failed {
            (self.objective, self.untold) = (ObjectiveWatch::default(), None);
        }
        if all.slow != known.slow {
            self.tail = self.tail.map(|_| ObjectiveWatch::default());
        }
        self.missed = Some(all).filter(|all| *all != Missed::default());
    }

    /// Before anyone was moved stable failed more often than the objective allows, which was not told from chance: its windows at the
    /// steps go on with that.
    pub fn leans_to_miss(&mut self, seen: Counts) {
        if self.missed.is_none_or(|missed| missed.failed.is_none()) {
            self.untold.get_or_insert(seen);
        }
    }

    /// Whether this window of stable tells that it misses the objective for failures, where it leaned to before anyone was moved. One
    /// that did not, and fails now, meets an incident: that ends, and until then nobody is moved on.
    pub(super) fn look_at_stable(&mut self, stable: Counts, rules: &Rules) {
        let Some(before) = self.untold else { return };
        let seen = before.plus(stable);
        self.untold = Some(seen);
        if let Some(missed) = Missed::of(Some(seen), self.phi_estimated(rules), None, rules) {
            self.misses(missed);
        }
    }

    /// What stable misses of the objectives, by what was counted before anyone was moved or from there on.
    pub fn missed(&self) -> Option<&Missed> {
        self.missed.as_ref()
    }

    pub(super) fn watches(&mut self) -> impl Iterator<Item = &mut ObjectiveWatch> {
        std::iter::once(&mut self.objective).chain(&mut self.tail)
    }

    /// Everyone is on the candidate.
    pub(super) fn is_alone(&self) -> bool {
        self.percents.0 > 0 && self.percents.1 == 0
    }

    /// Holds the times of a window against their objective, if there is one; so many requests of the candidate may be others'.
    pub(super) fn add_slow(
        &mut self,
        growths: &[Growth],
        others: u64,
        bar: &Bar,
        rules: &Rules,
    ) -> Result<(), Trouble> {
        let alone = self.is_alone();
        let (Some(watch), Some(tail)) = (&mut self.tail, rules.tail) else { return Ok(()) };
        let phi = self.slow.of_objective(tail.within);
        watch.clustered(phi);
        let sum = |arm: fn(&Growth) -> &Arm| {
            growths.iter().map(|g| slow(arm(g).latency.as_ref(), tail.within)).fold(Counts::default(), Counts::plus)
        };
        let stable = if alone { Counts::default() } else { sum(|g| &g.stable) };
        let window = Table { stable, candidate: sum(|g| &g.candidate) }.without_failures(others);
        watch.add(window, bar)?;
        self.changes.iter_mut().try_for_each(|c| c.tail.add(window.candidate, bar.limit, phi))
    }

    /// By what the objectives for failures and for latency are judged now.
    pub(super) fn bars(&self, rules: &Rules) -> [Bar; 2] {
        let part = rules.tail.map_or(1.0, |tail| tail.part);
        let limits = self.missed.map_or([rules.objective, part], |m| [m.limit(rules), m.part(part, rules)]);
        limits.map(|limit| Bar { limit, needed: rules.broken_at(), alone: self.is_alone() })
    }

    /// `ln E` that the candidate breaks the objective that stands worst, and how much does.
    pub fn ln_broken(&self, rules: &Rules) -> (f64, f64) {
        let standing = self.objective(rules);
        (standing.ln_e, standing.needed)
    }

    /// How the objectives stand, the worst first.
    pub(crate) fn objective(&self, rules: &Rules) -> ObjectiveStanding {
        let [failures, slow_ones] = self.bars(rules);
        let of = |watch: &ObjectiveWatch, bar: Bar, which| {
            // Where stable is not there to ask, what counts is what the candidate does since some time.
            let change = self.change(which).filter(|_| bar.alone);
            if let Some(change) = change {
                let ln_e = change.ln_e(bar.limit);
                let is_broken = ln_e >= bar.needed;
                let state = if is_broken { ObjectiveState::Broken } else { ObjectiveState::Kept };
                let candidate = if is_broken { change.recent() } else { change.whole() };
                let counted = Table { candidate, ..Table::default() };
                return ObjectiveStanding { state, which, bar, counted, ln_e, needed: bar.needed, grows: false };
            }
            ObjectiveStanding {
                state: watch.standing(&bar),
                which,
                bar,
                counted: watch.counted(&bar),
                ln_e: watch.ln_candidate(&bar),
                needed: watch.needed(&bar),
                grows: watch.grows(&bar),
            }
        };
        let failures = of(&self.objective, failures, Which::Failures);
        let latency = self.tail.as_ref().map(|watch| of(watch, slow_ones, Which::Latency));
        // Worst first: what breaks an objective must not hide behind the other one.
        let rank = |standing: &ObjectiveStanding| match standing.state {
            ObjectiveState::Kept => usize::from(standing.grows),
            ObjectiveState::Shared => 2,
            ObjectiveState::Leaning => 3,
            ObjectiveState::Broken => 4,
        };
        latency.filter(|latency| rank(latency) > rank(&failures)).unwrap_or(failures)
    }
}

#[cfg(test)]
mod tests;
