//! What the evidence says at this moment: decides which finding goes before which. It may use sums and rules.

use super::Judge;
use crate::evidence::Sums;
use crate::evidence::window::Memory;
use std::time::Duration;

/// Of the last eight windows so many without the status of answers are too many for the last step.
const UNTOLD: u32 = 2;

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
            let slower = s.ln_no_slower(&self.rules).map(|(ln, _)| ln);
            let statuses = s.statuses().ln_accepted(&self.rules).map(|(_, ln)| ln);
            let of_all = [Some(s.ln_worse()), Some(s.ln_accepted(&self.rules)), waits, slower, statuses];
            of_all.into_iter().flatten().any(f64::is_nan)
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
        let no_slower = sums.ln_no_slower(&self.rules).is_none_or(|(ln, _)| ln >= needed);
        let excluded = sums.ln_accepted(&self.rules) >= needed && waits_no_longer && refuses_no_more && no_slower;
        // A candidate whose pods end may fail in just the windows that tell nothing.
        let untold = self.memory.as_ref().map_or(0, Memory::untold_windows);
        if untold >= UNTOLD {
            let words =
                format!("; {untold} of the last 8 windows told no status of answers, less than {UNTOLD} wanted");
            return Finding::Unsure(self.accepted(sums) + &words);
        }
        if excluded && !sums.leans() {
            Finding::Accepted(self.accepted(sums))
        } else {
            Finding::Unsure(self.accepted(sums))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::reading::{Arms, Counters, INFINITE, Pair, Reading};
    use crate::evidence::rules::tests::rules;
    use crate::evidence::{Margin, Rules};
    use crate::machine::judge::{Advice, StepPlace};
    use crate::model::event::Log;
    use crate::rollout::plan::{Plan, PlanOptions, Style};
    use jiff::Timestamp;

    /// Both get as many requests, none of which fails, and a tenth of stable's takes longer than 100 ms.
    fn reading(second: i64, n: u64, slow: u64) -> Reading {
        let counters = |slow: u64| {
            let latency = Some(vec![(100_000, n - slow), (INFINITE, n)]);
            Some(Counters { sent: Some(n), active: Some(0), completed: n, latency, ..Counters::default() })
        };
        let at = Timestamp::from_second(second).unwrap();
        Reading { at, strata: [("g".to_owned(), Pair { stable: counters(n / 10), candidate: counters(slow) })].into() }
    }

    fn judge(rules: Rules, warm: u64, slow: u64) -> Judge {
        let arms =
            Arms { namespace: "n".parse().unwrap(), stable: "s-1".parse().unwrap(), candidate: "s-2".parse().unwrap() };
        let mut judge = Judge::new(rules, arms);
        let (served, last) = (Timestamp::from_second(0).unwrap(), 4);
        judge.enter(StepPlace { step: last, percents: (50, 50), served, baking: false }, served);
        // Enough without a failure before times are compared.
        for (second, n, slow) in [(0, 0, 0), (40, 90_000, 9000), (50, 90_000 + warm, 9000 + slow)] {
            let reading = reading(second, n, slow);
            let now = reading.at;
            judge.asked(now);
            judge.read(Ok(reading), now, &mut Log::default());
        }
        judge
    }

    #[test]
    fn the_last_step_waits_until_a_materially_slower_candidate_is_excluded() {
        let plan = Plan::new(&PlanOptions { style: Style::Canary, ..PlanOptions::default() }).unwrap();
        let last = plan.steps.len() - 1;
        // Thirty answers of either are more than ten and tell too little.
        let few = judge(rules(), 30, 3);
        let Advice::Wait(why) = few.gate(&plan, last) else { panic!("{:?}", few.finding()) };
        assert!(why.starts_with("the last step needs more evidence: s-2 failed 0 of 90030"), "{why}");
        assert!(why.contains("; evidence against 4 times the odds of taking longer than 100 ms "), "{why}");
        assert!(why.ends_with(", 20 needed"), "{why}");
        assert_eq!(few.gate(&plan, 1), Advice::Go(2), "other steps go on");
        assert_eq!(judge(rules(), 1000, 100).gate(&plan, last), Advice::Go(last + 1));
        // Three times the odds are no worse by such a margin, and only then.
        let three = |margin| judge(Rules { margin, ..rules() }, 1000, 250);
        assert!(matches!(three(Margin::default()).finding(), Finding::Worse(_)));
        assert!(matches!(three(Margin::Odds(3.0)).finding(), Finding::Accepted(_)));
        for rules in [Rules { margin: Margin::Off, ..rules() }, Rules { accept_without: true, ..rules() }] {
            assert_eq!(judge(rules, 30, 3).gate(&plan, last), Advice::Go(last + 1));
        }
    }
}
