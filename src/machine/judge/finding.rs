//! What the evidence says at this moment: decides which finding goes before which. It may use sums and rules.

use super::Judge;
use crate::evidence::Sums;
use std::time::Duration;

/// What the evidence says at this moment, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The candidate is worse than stable.
    Worse(String),
    /// The candidate breaks the objective; stable is shown to keep it, or is not there to ask.
    Broken(String),
    /// The numbers cannot be computed.
    Trouble(String),
    /// No step now: the objective is broken by both, or nobody knows yet by whom, or the split is not what was asked for.
    Paused(String),
    /// Too little was counted at this step; what is wanted.
    Little(String),
    /// Nothing is wrong, and a materially worse candidate is not excluded yet.
    Unsure(String),
    /// A materially worse candidate is excluded.
    Accepted(String),
}

impl Judge {
    /// What the evidence says.
    pub fn finding(&self) -> Finding {
        let words = || self.words();
        let no_number = |s: &Sums| {
            let waits = s.ln_waits_no_longer(&self.rules);
            let statuses = s.statuses().ln_accepted(&self.rules).is_some_and(|(_, ln)| ln.is_nan());
            s.ln_worse().is_nan() || s.ln_accepted(&self.rules).is_nan() || waits.is_some_and(f64::is_nan) || statuses
        };
        if self.trouble || self.sums.as_ref().is_some_and(no_number) {
            return Finding::Trouble(format!("the evidence cannot be computed from what was counted ({})", words()));
        }
        let (Some(sums), Some(place)) = (&self.sums, &self.place) else {
            return Finding::Little("no window has closed yet".to_owned());
        };
        if sums.ln_worse() >= self.worse_at() {
            return Finding::Worse(self.worse(sums));
        }
        if let Some(found) = self.objective(sums) {
            return found;
        }
        if let Some(counts) = sums.fell_wrong() {
            return Finding::Paused(self.missplit(counts, sums.percents()));
        }
        if self.moving {
            return Finding::Little("the split is not served yet".to_owned());
        }
        let candidate = sums.at_step();
        // Evidence that was taken up is old, so a move waits for the window of what came since.
        let windows = self.seen.1 > Duration::ZERO;
        if self.failing.is_some() {
            return Finding::Little("the evidence cannot be read at the moment".to_owned());
        }
        if !windows && self.resumed == Some(place.step) {
            return Finding::Little("what came since the evidence was saved has not been read yet".to_owned());
        }
        if !windows || candidate < self.rules.min_requests {
            return Finding::Little(self.few(windows, candidate));
        }
        let needed = self.rules.accepted_at();
        // Several ways of being bad, each excluded by itself: a candidate that is bad in one of them passes that one seldom enough.
        let waits_no_longer = sums.ln_waits_no_longer(&self.rules).is_none_or(|ln| ln >= needed);
        let refuses_no_more = sums.statuses().ln_accepted(&self.rules).is_none_or(|(_, ln)| ln >= needed);
        if sums.ln_accepted(&self.rules) >= needed && waits_no_longer && refuses_no_more {
            Finding::Accepted(self.accepted(sums))
        } else {
            Finding::Unsure(self.accepted(sums))
        }
    }
}
