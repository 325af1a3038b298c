//! How failures count in a window: as stable's come, and not at all where pods may have started cold. Decides what is kept of a
//! window for those after it. It may use the sums that it is of.

use super::{Growth, Sums, Table};
use crate::evidence::acceptance;
use crate::evidence::clustering::{Clustering, Phi};
use crate::evidence::latency::Histogram;
use crate::evidence::rules::Rules;

impl Sums {
    /// How stable's failures came before the first step.
    pub fn knows(&mut self, clustering: Clustering) {
        self.clustering = clustering;
    }

    /// Failures are taken to come so many at a time, where they speak against the candidate.
    pub fn phi(&self, rules: &Rules) -> Phi {
        rules.clustering.unwrap_or_else(|| self.clustering.against())
    }

    /// The same for what speaks for it, and for objectives.
    pub(super) fn phi_estimated(&self, rules: &Rules) -> Phi {
        rules.clustering.unwrap_or_else(|| self.clustering.estimated())
    }

    /// How failures come, in words, once stable has shown it or somebody has said so; none where they come alone.
    pub fn clustered(&self, rules: &Rules) -> Option<String> {
        (rules.clustering.is_some() || self.clustering.is_known())
            .then(|| self.phi(rules))
            .and_then(|phi| phi.words("failures"))
    }

    /// The next window that is added began just after a step was served, where pods may start cold: so many failures may be
    /// excused in a rollout.
    pub fn just_moved(&mut self, most: Option<u64>) {
        self.just_moved = most;
    }

    /// Failures just after a step that the comparison left out.
    pub fn excused(&self) -> u64 {
        self.excused.failures()
    }

    /// `ln E` against a materially worse candidate, by what has ended.
    pub fn ln_accepted(&self, rules: &Rules) -> f64 {
        acceptance::ln_e(self.acceptance, self.weighed, rules.tolerated_rate)
    }

    /// Failures just after a step that the objective left out.
    pub fn spared(&self) -> u64 {
        self.spared.failures()
    }

    /// How many of these failures of the candidate the comparison leaves out, in a window that may have so many.
    pub(super) fn excuse(&mut self, users: Table, most: Option<u64>) -> u64 {
        let most = most.filter(|_| users.stable.requests > 0);
        most.map_or(0, |most| self.excused.window(users.candidate, most))
    }

    /// Without those that the objective leaves out.
    pub(super) fn spare(&mut self, users: Table, most: Option<u64>) -> Table {
        let spared = most.map_or(0, |most| self.spared.window(users.candidate, most));
        users.without_failures(spared)
    }

    /// What this window shows of stable for those after it, and of its slow answers if the window is `warm`. A candidate that is
    /// alone shows nothing: the begin of its own failing would make its failures count less.
    pub(super) fn learn(&mut self, growths: &[Growth], whole: Table, warm: bool, rules: &Rules) {
        self.clustering.look(whole.stable);
        let told = growths.iter().filter_map(|growth| growth.stable.latency.clone());
        let sum = told.reduce(|sum: Histogram, next| sum.plus(&next));
        if let Some(sum) = sum.filter(|_| warm && whole.stable.requests > 0) {
            self.slow.look(sum.total, &sum.above, rules.clustering);
        }
    }
}
