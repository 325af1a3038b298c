//! The end of a plan: which step bakes, whether stable keeps a part of its users for it, and how long what is left takes.
//!
//! A plan that ends with everyone bakes at its last step. Where stable keeps a part of its users for the bake, the step before
//! that bakes, and the last one moves these users once the bake has ended well. Depends on the plan only.

use super::{BadPlan, Plan, PlanOptions};
use crate::model::percent::Percent;
use std::time::Duration;

/// The largest part of its users, in percent, that stable may keep for the bake.
// A control of 2 to 5 % is enough to compare with. More would be a step of the walk that nobody is told of, since approvals and
// proof come before the bake.
pub(super) const MOST_KEPT: u8 = 20;

impl PlanOptions {
    /// What stable keeps for a bake of this length, if it may. A walk that stops below 100 % does not bake.
    pub(super) fn kept(&self, bake: Duration) -> Result<Percent, BadPlan> {
        if self.keep_stable.get() > MOST_KEPT {
            return Err(BadPlan::KeepsTooMuch(self.keep_stable.get()));
        }
        if self.keep_stable.is_zero() || self.to < Percent::FULL {
            return Ok(Percent::ZERO);
        }
        if bake.is_zero() { Err(BadPlan::KeepsForNoBake) } else { Ok(self.keep_stable) }
    }
}

/// Puts the split that bakes before the last one.
pub(super) fn keep(percents: &mut Vec<Percent>, keep: Percent) -> Result<(), BadPlan> {
    let bakes = Percent::FULL.minus(keep);
    if let Some(above) = percents.iter().find(|p| **p > bakes && **p < Percent::FULL) {
        return Err(BadPlan::AboveBake(*above, bakes));
    }
    percents.retain(|p| *p < bakes);
    percents.extend([bakes, Percent::FULL]);
    Ok(())
}

impl Plan {
    /// The number of the step that bakes, counted from 1; none where the walk ends below 100 %.
    pub fn bakes_at(&self) -> Option<usize> {
        let bakes = self.steps.len().checked_sub(usize::from(!self.keep.is_zero()));
        bakes.filter(|bakes| *bakes > 0 && self.to() == Percent::FULL)
    }

    /// How many steps come before the one that bakes: all where none does.
    pub fn before_bake(&self) -> usize {
        self.bakes_at().map_or(self.steps.len(), |bakes| bakes - 1)
    }

    /// True for the step that bakes, and for the one after it.
    pub fn is_past_proof(&self, number: usize) -> bool {
        self.bakes_at().is_some_and(|bakes| number >= bakes)
    }

    /// True for the step that moves the users whom stable kept for the bake: the bake is over by then.
    pub fn closes(&self, number: usize) -> bool {
        !self.keep.is_zero() && self.bakes_at().is_some_and(|bakes| number > bakes)
    }

    /// The step to which a promotion goes from here: to the bake, and from there to the end.
    pub fn promoted_to(&self, step: usize) -> usize {
        self.bakes_at().filter(|bakes| step < *bakes).unwrap_or(self.steps.len())
    }

    /// The same without anybody kept on stable for the bake: everyone bakes.
    #[must_use]
    pub fn without_kept(&self) -> Self {
        let Some(bakes) = self.bakes_at().filter(|_| !self.keep.is_zero()) else { return self.clone() };
        let mut plan = Self { keep: Percent::ZERO, ..self.clone() };
        let asked = plan.steps.remove(bakes - 1).approval;
        plan.steps.iter_mut().skip(bakes - 1).for_each(|last| last.approval |= asked);
        plan
    }

    /// The steps of the end bake instead of dwelling, so they have no time of their own (`own`). Whoever is to approve the last
    /// one is asked before the bake, because nearly everyone is moved by then.
    pub(super) fn begin_bake(&mut self, own: impl Fn(Percent) -> Option<Duration>) -> Result<(), BadPlan> {
        let Some(bakes) = self.bakes_at() else { return Ok(()) };
        let end = self.steps.get_mut(bakes - 1..).unwrap_or_default();
        if let Some(timed) = end.iter().find(|step| own(step.percent).is_some()) {
            return Err(BadPlan::LastTime(timed.percent.get()));
        }
        let asked = end.iter().any(|step| step.approval);
        for (i, step) in end.iter_mut().enumerate() {
            (step.dwell, step.approval) = (Duration::ZERO, asked && i == 0);
        }
        Ok(())
    }

    /// Dwell and bake of what comes after so many steps: the shortest time that it can take, approvals aside. By the budget
    /// the evidence may pass over all steps but the last one before the bake.
    pub fn shortest_after(&self, taken: usize) -> Duration {
        let (before, bakes) = (self.before_bake(), self.bakes_at());
        let by_budget = self.style.by_budget();
        let dwells = self.steps.iter().enumerate().take(before).skip(taken);
        let dwells = dwells.filter(|(i, _)| !by_budget || i + 1 == before).map(|(_, step)| step.dwell);
        let bake = if bakes.is_some_and(|bakes| taken < bakes) { self.bake } else { Duration::ZERO };
        dwells.sum::<Duration>() + bake
    }
}
