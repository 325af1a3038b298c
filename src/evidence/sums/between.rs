//! Windows between two splits, and those in which requests from before the later one still end. Decides what they are held against. It may
//! use the sums that it is of.

use super::{Rules, Sums, Table, Trouble};

impl Sums {
    /// A window between two splits is held against the objectives alone. The comparison supposes that both arms met the
    /// same times in the same proportion: where a split changed and an incident began in one window, they did not.
    pub(super) fn add_moving(
        &mut self,
        whole: Table,
        judged: Table,
        just_moved: Option<u64>,
        rules: &Rules,
    ) -> Result<(), Trouble> {
        self.moving = (self.moving.0.plus(whole.candidate), self.moving.1.plus(whole.stable));
        let theirs = self.theirs(whole.candidate, None);
        let [failures, _] = self.bars(rules);
        let users = self.spare(judged.without_failures(theirs.failed), just_moved);
        let phi = self.phi_estimated(rules);
        self.changes.iter_mut().try_for_each(|c| c.failures.add(users.candidate, failures.limit, phi))?;
        self.objective.add(users, &failures)
    }

    /// What was counted between two splits, and until requests from before the later one had ended: users' requests, and those by which
    /// Knative tries each split that is written. The counters do not tell them apart.
    pub fn between(&self) -> Table {
        let (candidate, stable) = self.moving;
        Table { stable, candidate }
    }
}
