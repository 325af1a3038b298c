//! The objectives among the sums: decides by which limit each is judged at a moment, and which of them stands worst.

use super::{Sums, Which};
use crate::evidence::Rules;
use crate::evidence::counts::Table;
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
    /// Stable missed objectives before anyone was moved: they are less for this rollout.
    pub fn misses(&mut self, missed: Missed) {
        if self.missed.is_none() {
            self.missed = Some(missed);
            // What was judged by another limit says nothing of this one.
            self.watches().for_each(|watch| *watch = ObjectiveWatch::default());
        }
    }

    /// What stable missed of the objectives before anyone was moved.
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
