//! Counts: requests and failures of one arm, and of both in one window and stratum.
//!
//! Decides which counts a formula takes. Depends on serde only.

use serde::{Deserialize, Serialize};

/// The largest count that any formula takes, about 10^12: exact as a float, with room to add.
pub(crate) const MOST: u64 = 1 << 40;

/// Requests, and those among them that failed (or were slower than something). Written as `[requests, failures]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct Counts {
    /// All of them.
    pub requests: u64,
    /// Those that failed; at most `requests`.
    pub failures: u64,
}

impl From<(u64, u64)> for Counts {
    fn from((requests, failures): (u64, u64)) -> Self {
        // serde comes this way: a record that was edited by hand brings no count that a formula cannot take.
        Self::new(requests, failures)
    }
}

impl From<Counts> for (u64, u64) {
    fn from(counts: Counts) -> Self {
        (counts.requests, counts.failures)
    }
}

impl Counts {
    /// Both numbers, kept within what a formula takes: failures are never more than requests.
    pub fn new(requests: u64, failures: u64) -> Self {
        let requests = requests.min(MOST);
        Self { requests, failures: failures.min(requests) }
    }

    /// Both numbers added.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self::new(self.requests.saturating_add(other.requests), self.failures.saturating_add(other.failures))
    }

    /// Failures a request, between 0 and 1; 0 without requests.
    pub fn rate(self) -> f64 {
        if self.requests == 0 { 0.0 } else { real(self.failures) / real(self.requests) }
    }
}

/// Both arms of one window and stratum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Table {
    /// The revision that users are on.
    pub stable: Counts,
    /// The revision that is walked to.
    pub candidate: Counts,
}

impl Table {
    /// From the four numbers, in the order of the formulas: requests of the candidate and of stable, failures of both.
    pub fn of(candidate: u64, stable: u64, failed_candidate: u64, failed_stable: u64) -> Self {
        Self { stable: Counts::new(stable, failed_stable), candidate: Counts::new(candidate, failed_candidate) }
    }

    /// Both arms added.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { stable: self.stable.plus(other.stable), candidate: self.candidate.plus(other.candidate) }
    }

    /// Without so many failed requests of the candidate, as far as it has them.
    #[must_use]
    pub(crate) fn without_failures(self, failures: u64) -> Self {
        let less = failures.min(self.candidate.failures);
        let candidate = Counts::new(self.candidate.requests - less, self.candidate.failures - less);
        Self { candidate, ..self }
    }

    /// Without so many good requests of the candidate, as far as it has them.
    #[must_use]
    pub(crate) fn without_good(self, good: u64) -> Self {
        let less = good.min(self.candidate.requests - self.candidate.failures);
        let candidate = Counts::new(self.candidate.requests - less, self.candidate.failures);
        Self { candidate, ..self }
    }

    /// All failures.
    pub fn failures(self) -> u64 {
        self.stable.failures + self.candidate.failures
    }

    /// True if it says nothing about a difference: an arm without requests, nothing failed, or everything did.
    pub fn is_mute(self) -> bool {
        let all = self.stable.requests + self.candidate.requests;
        self.stable.requests == 0 || self.candidate.requests == 0 || self.failures() == 0 || self.failures() == all
    }
}

/// A count as a number.
pub(crate) fn real(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts are at most MOST, which is exact")]
    let real = count as f64;
    real
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_never_more_than_requests() {
        assert_eq!(Counts::new(3, 9), Counts { requests: 3, failures: 3 });
        assert_eq!(Counts::new(u64::MAX, 0).plus(Counts::new(u64::MAX, 1)).requests, MOST);
        let text = serde_json::to_string(&Counts::new(7, 2)).unwrap();
        assert_eq!((text.as_str(), serde_json::from_str(&text).ok()), ("[7,2]", Some(Counts::new(7, 2))));
    }

    #[test]
    fn a_mute_table_is_one_that_leaves_no_choice() {
        for (mute, table) in [
            (true, Table::of(0, 10, 0, 3)),
            (true, Table::of(10, 0, 3, 0)),
            (true, Table::of(10, 10, 0, 0)),
            (true, Table::of(10, 10, 10, 10)),
            (false, Table::of(10, 10, 1, 0)),
            (false, Table::of(10, 10, 10, 9)),
        ] {
            assert_eq!(table.is_mute(), mute, "{table:?}");
        }
    }
}
