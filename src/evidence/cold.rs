//! Failures of pods that start cold. Decides what of a window just after a step is not held against the candidate by the
//! comparison and by the objective, and how much of it at most.
//!
//! Where pods come later than users, some of those who were just moved fail, whatever the release is: stable would do the same if
//! it had grown as fast. Fewer failures never speak louder against the candidate, so to excuse some keeps the comparison's error;
//! what it costs is that a release that is a little worse is found later, by as many failures as the bound says. The comparison and
//! the objective have a bound each, since they judge different windows: the objective those in which a split is on its way and those
//! without stable, too. Acceptance and what is printed know of no excuse. Depends on counts.

use super::counts::Counts;
use serde::{Deserialize, Serialize};

/// So many of a hundred requests of a window may fail.
// What fails more often than that is found as soon as without the excuse, nearly.
const PERCENT: u64 = 5;
/// In all, so long a time's share of everyone's requests: 5 % of those that come in two and a half seconds.
// Steps add up to everyone, once, and half of a start of five seconds is over when windows open.
const SECONDS: f64 = 0.125;
/// At least so many in all.
const LEAST: u64 = 10;

/// So many failures may be excused in a rollout, at this rate of requests a second, if it is known.
pub(crate) fn most(lambda: Option<f64>) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast stops at the ends of its range"
    )]
    let part = (lambda.unwrap_or_default() * SECONDS) as u64;
    part.max(LEAST)
}

/// So many failures of these requests may be those of pods that start cold.
pub(crate) fn excusable(candidate: Counts) -> u64 {
    candidate.failures.min(candidate.requests / (100 / PERCENT))
}

/// Failures that were excused in this rollout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Excused(u64);

impl Excused {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// How many.
    pub(crate) fn failures(self) -> u64 {
        self.0
    }

    /// So many failures of this window of the candidate are excused, if it is of the time just after a step; `most` in a rollout.
    pub(crate) fn window(&mut self, candidate: Counts, most: u64) -> u64 {
        let excused = excusable(candidate).min(most.saturating_sub(self.0));
        self.0 += excused;
        excused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_of_many_are_excused_until_the_bound_is_reached() {
        let mut excused = Excused::default();
        assert_eq!(excused.window(Counts::new(100, 3), 10), 3);
        assert_eq!(excused.window(Counts::new(100, 40), 10), 5, "a release that fails 40 % is found by the other 35");
        assert_eq!(excused.window(Counts::new(19, 2), 10), 0, "of a few requests nothing");
        assert_eq!(excused.window(Counts::new(1000, 9), 10), 2, "at every step it adds up");
        assert_eq!((excused.window(Counts::new(1000, 9), 10), excused.failures()), (0, 10));
        assert_eq!([None, Some(20.0), Some(1000.0), Some(f64::NAN)].map(most), [10, 10, 125, 10]);
    }
}
