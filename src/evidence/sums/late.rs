//! What of the sums is about faults that begin late.

use super::super::change::Change;
use super::super::counts::Counts;
use super::{Sums, Which};

impl Sums {
    /// Evidence against the candidate has just grown: what has begun a moment ago is not proved yet.
    pub fn leans(&self) -> bool {
        !self.lean.is_none()
    }

    /// All that was counted of the candidate in the bake; none before it.
    pub fn whole_bake(&self, which: Which) -> Option<Counts> {
        self.change(which).map(Change::whole)
    }

    /// Whether the candidate began to break this objective in the bake; none before it.
    pub(super) fn change(&self, which: Which) -> Option<&Change> {
        let changes = self.changes.as_ref()?;
        Some(match which {
            Which::Failures => &changes.failures,
            Which::Latency => &changes.tail,
        })
    }
}
