//! Does the candidate keep the objective? It is watched apart from the comparison, because a shared incident breaks it too.
//!
//! `ln E = log of the mean over q of (q/p0)^K ((1-q)/(1-p0))^(N-K)`, a betting martingale against "each request fails with
//! a probability of at most p0" (Waudby-Smith and Ramdas 2021), which needs no independence. Decides whether stable breaks
//! the same objective over the same windows. Those are the windows since the candidate last stood best, because they are the
//! ones that speak against it.

use super::counts::{Counts, Table, real};
use super::logs::log_mean;
use super::nats::{Nats, Trouble};
use serde::{Deserialize, Serialize};

/// Multiples of the objective that are looked for, as far as they are below 1.
// As in the comparison: nobody knows how far a candidate breaks it, and the mean over eight costs at most ln 8 nats.
const MULTIPLES: [f64; 8] = [1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0];

/// `ln E` against a failure rate of at most `limit` (above 0, below 1).
pub(crate) fn ln_e(counts: Counts, limit: f64) -> f64 {
    let (failures, rest) = (real(counts.failures), real(counts.requests - counts.failures));
    let logs: Vec<f64> = MULTIPLES
        .iter()
        .map(|m| m * limit)
        .filter(|q| *q < 1.0)
        .map(|q| failures * (q / limit).ln() + rest * ((-q).ln_1p() - (-limit).ln_1p()))
        .collect();
    // A limit may be so high that no multiple of it is a rate: then there is nothing to look for.
    if logs.is_empty() { 0.0 } else { log_mean(&logs) }
}

/// How an objective stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectiveState {
    /// Nothing speaks against it loudly enough.
    Kept,
    /// The candidate breaks it, and so does stable, or an incident of both is not over: no step now.
    Shared,
    /// The candidate breaks it, and stable leans the same way: a few more windows will tell.
    Leaning,
    /// The candidate breaks it, stable does not.
    Broken,
}

/// What an objective is judged by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectiveWatch {
    /// The candidate, since the last incident of both.
    candidate: Counts,
    /// Stable, since the candidate last stood best.
    stable: Counts,
    /// The candidate's evidence when it last stood best.
    best: Nats,
    /// An incident of both is not over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    incident: bool,
}

impl ObjectiveWatch {
    /// Adds a window; `limit` is the objective, `needed` the evidence (`ln`) that breaks it.
    pub(crate) fn add(&mut self, window: Table, limit: f64, needed: f64) -> Result<(), Trouble> {
        self.candidate = self.candidate.plus(window.candidate);
        self.stable = self.stable.plus(window.stable);
        let now = Nats::floor(ln_e(self.candidate, limit))?;
        // Windows before the best moment speak for the candidate. Stable's counts from then on are of the same time as
        // what speaks against the candidate: a long good past of stable cannot hide that it fails now as well.
        if now <= self.best {
            self.best = now;
            self.stable = Counts::default();
        }
        if now.value() >= needed && self.ln_stable(limit) >= needed {
            // Windows in which stable breaks it too say nothing about the candidate.
            *self = Self { incident: true, ..Self::default() };
        } else if self.incident && self.candidate.requests > 0 && now <= Nats::ZERO {
            self.incident = false;
        }
        Ok(())
    }

    /// How it stands.
    pub(crate) fn standing(&self, limit: f64, needed: f64) -> ObjectiveState {
        if self.ln_candidate(limit) >= needed {
            // Zero is what nothing says; a stable that keeps the objective falls below it with its first requests.
            if self.ln_stable(limit) > 0.0 { ObjectiveState::Leaning } else { ObjectiveState::Broken }
        } else if self.incident {
            ObjectiveState::Shared
        } else {
            ObjectiveState::Kept
        }
    }

    /// What was counted of the candidate.
    pub(crate) fn candidate(&self) -> Counts {
        self.candidate
    }

    /// `ln E` of the candidate.
    pub(crate) fn ln_candidate(&self, limit: f64) -> f64 {
        ln_e(self.candidate, limit)
    }

    /// `ln E` of stable over the windows that speak against the candidate.
    pub(crate) fn ln_stable(&self, limit: f64) -> f64 {
        ln_e(self.stable, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        for (failures, requests, limit, wanted) in [
            (5, 100, 0.01, 2.906_603_501),
            (20, 1000, 0.01, 2.529_303_133),
            (30, 1000, 0.01, 11.328_779_675),
            (0, 1000, 0.01, -4.397_616_039),
            (7, 2000, 0.001, 2.456_866_637),
        ] {
            let value = ln_e(Counts::new(requests, failures), limit);
            assert!((value - wanted).abs() < 1e-8, "{failures} of {requests}: {value}");
        }
        assert!(ln_e(Counts::new(10, 10), 0.9).abs() < 1e-12, "nothing above 0.9 is looked for");
    }

    const NEEDED: f64 = 4.605;

    fn after(windows: &[Table]) -> ObjectiveWatch {
        let mut watch = ObjectiveWatch::default();
        for window in windows {
            watch.add(*window, 0.01, NEEDED).unwrap();
        }
        watch
    }

    #[test]
    fn a_candidate_alone_breaks_it() {
        let good = Table::of(1000, 9000, 1, 9);
        let watch = after(&[good, Table::of(100, 900, 30, 1)]);
        assert_eq!(watch.standing(0.01, NEEDED), ObjectiveState::Broken);
        assert_eq!(after(&[good; 5]).standing(0.01, NEEDED), ObjectiveState::Kept);
    }

    #[test]
    fn an_incident_of_both_is_shared_however_good_the_past_was() {
        let good = Table::of(1000, 9000, 1, 9);
        let bad = Table::of(100, 900, 30, 270);
        let mut watch = after(&[good, good, good, bad, bad]);
        assert_eq!(watch.standing(0.01, NEEDED), ObjectiveState::Shared);
        watch.add(bad, 0.01, NEEDED).unwrap();
        assert_eq!(watch.standing(0.01, NEEDED), ObjectiveState::Shared, "it lasts");
        watch.add(good, 0.01, NEEDED).unwrap();
        assert_eq!(watch.standing(0.01, NEEDED), ObjectiveState::Kept, "and is over");
    }

    #[test]
    fn a_stable_that_leans_is_waited_for() {
        // Four failures of a hundred are not enough for stable, but they do not clear it either.
        let watch = after(&[Table::of(100, 100, 30, 4)]);
        assert_eq!(watch.standing(0.01, NEEDED), ObjectiveState::Leaning);
        let cleared = after(&[Table::of(100, 100, 30, 4), Table::of(100, 900, 1, 0)]);
        assert_eq!(cleared.standing(0.01, NEEDED), ObjectiveState::Broken);
    }
}
