//! How long after a reading the next one is due. Decides when counters are read more often than every `every`: while nothing is known
//! of the candidate, since a release that fails everything costs users the time between two readings. It may use rules, sums and the
//! drain.

use super::Judge;
use crate::evidence::Sums;
use crate::model::time::{after, before};
use jiff::Timestamp;
use std::time::Duration;

/// So many readings come in the time of one, as soon as the first split is served, and once more when its windows are open.
// What is counted in a quarter of the time decides where everything fails; more of them would find it hardly sooner, and each
// is one look more at what waits, which makes that weigh less (`evidence::waiting`).
const AT_FIRST: u32 = 4;
/// No two readings are nearer.
const LEAST: Duration = Duration::from_secs(1);

impl Judge {
    /// How long after a reading that was asked for then the next one is due.
    pub(super) fn pace(&self, asked: Timestamp) -> Duration {
        let every = self.rules.every;
        let short = (every / AT_FIRST).max(LEAST).min(every);
        let is_first = |sums: &Sums| sums.counted().candidate.requests == sums.at_step();
        // A reading is asked for a moment before it tells, so half of a short time is left over.
        let ends = self.drain.began().map(|began| before(after(began, every), short / 2));
        let is_new = self.sums.as_ref().is_none_or(is_first) && ends.is_some_and(|ends| asked < ends);
        if is_new { short } else { every }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, judge, place, read, reading};

    #[test]
    fn the_first_time_of_the_first_step_is_read_in_quarters() {
        let mut judge = judge();
        judge.enter(place(1, (5, 95), 0), at(0));
        let mut due = |second, n| {
            read(&mut judge, reading(second, (n, 0), (n / 20, 0)));
            judge.next_at.unwrap().duration_since(at(second)).as_millis()
        };
        assert_eq!([due(0, 0), due(3, 300), due(6, 600), due(9, 900)], [2500, 2500, 2500, 10_000]);
        judge.enter(place(2, (50, 50), 20), at(20));
        read(&mut judge, reading(20, (2000, 0), (100, 0)));
        assert_eq!(judge.next_at, Some(at(30)), "what is known by then is bounded by the step");
    }
}
