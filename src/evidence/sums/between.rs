//! Windows between two splits, and those in which requests from before the later one still end. Decides what they are held against. It may
//! use the sums that it is of.

use super::{Arm, Counts, Early, Growth, Rules, Sums, Table, Trouble};

impl Sums {
    /// A window in which requests from before the split still end: what came since is compared by itself.
    pub(super) fn add_draining(
        &mut self,
        growths: &[Growth],
        ended: Option<&Growth>,
        just_moved: Option<u64>,
        rules: &Rules,
    ) -> Result<(), Trouble> {
        let alone = self.is_alone();
        self.waiting.look();
        // What came since the split is served falls as it says, though what ends does not yet. Where a source tells nothing of
        // what came, the windows that are judged tell.
        let told = growths.iter().all(|g| g.stable.flight.is_some() && g.candidate.flight.is_some());
        if told && self.falls_wrong(growths) || self.fell_wrong.is_some() {
            return Ok(());
        }
        // Which of them are others' is told by the windows that are judged; until then all may be.
        let others = if self.strangers.is_some() { u64::MAX } else { 0 };
        let most = just_moved.map_or(0, |most| most.saturating_sub(self.excused()));
        // By what stable has shown alone: what fails at once is found in the first seconds, before stable could show anything.
        let strays = self.strays.expected(rules.every.max(self.lasted));
        let early = Early { most, phi: self.phi_estimated(rules), strays };
        let (of_both, ended) = if alone { (&[][..], None) } else { (growths, ended) };
        self.waiting.compare(of_both, ended, others, Some(early))?;
        let of_stable = |counts: Counts| if alone { Counts::default() } else { counts };
        let sum = |table: &dyn Fn(&Growth) -> Table| growths.iter().map(table).fold(Table::default(), Table::plus);
        let whole = sum(&|g| Table { stable: of_stable(g.stable.counts), candidate: g.candidate.counts });
        // Quick failures end before slow good answers of the same time do, so a rate is one of what came.
        let came = |arm: &Arm| Counts::new(arm.arrived.max(arm.counts.requests), arm.counts.failures);
        let whole_came = sum(&|g| Table { stable: of_stable(came(&g.stable)), candidate: came(&g.candidate) });
        self.add_moving(whole, whole_came, just_moved, rules)
    }

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
        self.strays.watch(whole.candidate.failures, self.lasted);
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
