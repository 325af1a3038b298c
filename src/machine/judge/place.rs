//! Where in a rollout a reading was made. Decides nothing.

use jiff::Timestamp;

/// A place in a rollout: which windows are counted, and what they are expected to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepPlace {
    /// The step, counted from 1.
    pub step: usize,
    /// Percents of candidate and stable.
    pub percents: (u8, u8),
    /// Since when it is served.
    pub served: Timestamp,
    /// Everyone is on the candidate.
    pub baking: bool,
}
