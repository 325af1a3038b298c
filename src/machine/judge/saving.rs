//! What the judge saves, and when. Decides what stands with a step that is about to be written, and what within one. It may use
//! sums and counters.

use super::{Judge, StepPlace, begin};
use crate::evidence::Saved;
use crate::model::time::after;
use jiff::Timestamp;
use std::time::Duration;

/// Time between two saves within a step.
const SAVE_EVERY: Duration = Duration::from_secs(60);

impl Judge {
    /// Everything that is known, to be saved with a step that is about to be written.
    pub fn saved_for(&self, step: usize, percents: (u8, u8), baking: bool) -> Option<Saved> {
        let mut sums = self.sums.clone().unwrap_or_else(|| self.no_sums());
        begin(&mut sums, &StepPlace { step, percents, served: Timestamp::MIN, baking });
        Some(Saved::new(&self.rules, step, sums, self.memory.clone(), self.words()).mixed(true))
    }

    /// Everything that is known at this place, if there is anything.
    pub fn saved(&self) -> Option<Saved> {
        let counters = self.memory.clone().filter(|_| self.open);
        Some(Saved::new(&self.rules, self.place?.step, self.sums.clone()?, counters, self.words()).mixed(self.mixed))
    }

    /// True if there is something to save, and it is time to.
    pub fn is_save_due(&self, now: Timestamp) -> bool {
        self.is_unsaved() && self.saved_at.is_none_or(|at| now >= after(at, SAVE_EVERY))
    }

    /// True if there is something to save.
    pub fn is_unsaved(&self) -> bool {
        self.unsaved && self.open && !self.moving
    }

    /// It is being saved.
    pub fn mark_saved(&mut self, now: Timestamp) {
        self.saved_at = Some(now);
        self.unsaved = false;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, judge, place, read, reading};
    use super::*;
    use crate::evidence::sums::Which;
    use crate::evidence::{Counts, Sums};
    use crate::model::event::Log;

    fn baking(served: i64) -> StepPlace {
        StepPlace { baking: true, ..place(5, (100, 0), served) }
    }

    fn in_the_bake(judge: &Judge) -> (Option<Counts>, u64) {
        let sums = judge.sums.as_ref().unwrap();
        (sums.whole_bake(Which::Failures), sums.ln_broken(judge.rules()).0.to_bits())
    }

    /// A bake that began anew with each process would have a new error for each, and forget what already speaks against the candidate.
    #[test]
    fn a_bake_that_another_process_goes_on_with_has_one_error_for_all_of_it() {
        let mut first = judge();
        // So long after the step was served that nothing is excused any more.
        first.enter(baking(-60), at(0));
        read(&mut first, reading(0, (0, 0), (0, 0)));
        read(&mut first, reading(10, (0, 0), (1000, 14)));
        let (seen, ln_broken) = in_the_bake(&first);
        assert_eq!(seen, Some(Counts::new(1000, 14)));
        let saved = first.saved().unwrap();
        // With the counters of that instant, and where there was no room for them, or the step's write alone was kept.
        for saved in [saved.clone(), saved.without_counters(), first.saved_for(5, (100, 0), true).unwrap()] {
            let mut second = judge();
            second.take_up(&saved, &mut Log::default());
            second.enter(baking(-40), at(20));
            assert_eq!(in_the_bake(&second), (seen, ln_broken));
            read(&mut second, reading(20, (0, 0), (1000, 14)));
            read(&mut second, reading(30, (0, 0), (2000, 28)));
            assert_eq!(in_the_bake(&second).0, Some(Counts::new(2000, 28)));
        }
        // Before the bake nothing of this was counted.
        let mut walking = Sums::new(first.rules());
        begin(&mut walking, &StepPlace { baking: false, ..baking(0) });
        assert_eq!(walking.whole_bake(Which::Failures), None);
    }
}
