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
