//! What the source tells, for whoever reads the log: answers by class, and whose answers it times.
//!
//! Decides what is said at the start, so that a source that cannot show failures is seen before it has to. It may use readings.

use crate::evidence::classes::Classes;
use crate::evidence::reading::{Counters, Pair, Reading};
use std::collections::BTreeMap;

/// Answers of both by class since the first reading.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ClassesTold {
    /// By stratum, stable first; none where classes are not told.
    last: BTreeMap<String, [Option<Classes>; 2]>,
    grown: [Option<Classes>; 2],
}

impl ClassesTold {
    /// Another reading.
    pub(super) fn heard(&mut self, reading: &Reading) {
        for (name, pair) in &reading.strata {
            let now = both(pair).map(|arm| arm.and_then(|counters| counters.classes));
            // What a stratum counted before it was seen is of another time.
            let first = !self.last.contains_key(name);
            let before = self.last.entry(name.clone()).or_default();
            for ((grown, before), now) in self.grown.iter_mut().zip(before).zip(now) {
                let Some(now) = now else { continue };
                let since = if first { Classes::default() } else { now.since(before.unwrap_or_default()) };
                *grown = Some(grown.unwrap_or_default().plus(since));
                *before = Some(now);
            }
        }
    }

    /// Of stable and of the candidate; none where the source tells no classes of it.
    pub(super) fn grown(&self) -> [Option<Classes>; 2] {
        self.grown
    }
}

/// Whose answers are timed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TimesTold {
    /// Stable's, the candidate's.
    of: [bool; 2],
}

impl TimesTold {
    /// Another reading.
    pub(super) fn heard(&mut self, reading: &Reading) {
        let timed = |arm: Option<&Counters>| arm.is_some_and(|counters| counters.latency.is_some());
        for pair in reading.strata.values() {
            self.of.iter_mut().zip(both(pair)).for_each(|(of, arm)| *of |= timed(arm));
        }
    }

    /// The one whose answers are timed, and the one whose are not, as places in a pair; none if both are alike.
    pub(super) fn of_one_alone(self) -> Option<(usize, usize)> {
        match self.of {
            [true, false] => Some((0, 1)),
            [false, true] => Some((1, 0)),
            _ => None,
        }
    }
}

fn both(pair: &Pair) -> [Option<&Counters>; 2] {
    [pair.stable.as_ref(), pair.candidate.as_ref()]
}

#[cfg(test)]
mod tests {
    use crate::evidence::probe::Answer;
    use crate::evidence::reading::{Arms, Counters, INFINITE, Pair, Reading};
    use crate::evidence::rules::tests::rules;
    use crate::machine::judge::{Advice, Finding, Judge, StepPlace};
    use crate::model::event::Log;
    use crate::rollout::plan::{Plan, PlanOptions, Style};
    use jiff::Timestamp;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn place(step: usize, percents: (u8, u8), served: i64) -> StepPlace {
        StepPlace { step, percents, served: at(served), baking: false }
    }

    fn judge() -> Judge {
        let arms =
            Arms { namespace: "n".parse().unwrap(), stable: "s-1".parse().unwrap(), candidate: "s-2".parse().unwrap() };
        Judge::new(rules(), arms)
    }

    fn reading(second: i64, stable: (u64, u64), candidate: (u64, u64), timed: [bool; 2]) -> Reading {
        let counters = |(completed, failed): (u64, u64), timed: bool| {
            let latency = timed.then(|| vec![(1000, completed), (INFINITE, completed)]);
            Some(Counters { sent: Some(completed), active: Some(0), completed, failed, latency, ..Counters::default() })
        };
        let pair = Pair { stable: counters(stable, timed[0]), candidate: counters(candidate, timed[1]) };
        Reading { at: at(second), strata: [(String::new(), pair)].into() }
    }

    fn read(judge: &mut Judge, reading: Reading) {
        let now = reading.at;
        judge.asked(now);
        judge.read(Ok(reading), now, &mut Log::default());
    }

    #[test]
    fn times_of_one_arm_alone_are_no_comparison_and_the_last_step_waits() {
        let plan = Plan::new(&PlanOptions { style: Style::Canary, ..PlanOptions::default() }).unwrap();
        let last = plan.steps.len() - 1;
        for (timed, who) in
            [([true, false], "of s-1 take, and nothing of s-2"), ([false, true], "of s-2 take, and nothing of s-1")]
        {
            let mut judge = judge();
            judge.enter(place(last, (50, 50), 0), at(0));
            read(&mut judge, reading(0, (0, 0), (0, 0), timed));
            read(&mut judge, reading(40, (90_000, 0), (90_000, 0), timed));
            read(&mut judge, reading(80, (180_000, 0), (180_000, 0), timed));
            assert!(matches!(judge.finding(), Finding::Accepted(_)));
            let Advice::Wait(why) = judge.gate(&plan, last) else { panic!("nobody knows whether {who}") };
            assert!(why.ends_with(who), "{why}");
            assert_eq!(judge.gate(&plan, 1), Advice::Go(2), "other steps go on");
        }
    }

    /// Four gateways behind one address, asked in turn by chance, each with a history of its own: a candidate of five times the
    /// failures was promoted in 22 % of rollouts.
    #[test]
    fn of_processes_that_answer_in_turn_nothing_is_judged() {
        let mut judge = judge();
        judge.enter(place(1, (50, 50), 0), at(0));
        let histories = [0, 40_000, 9_000, 700_000];
        let (mut chance, mut refused) = (7_u64, 0);
        for ten in 0..60_i64 {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let history = histories[usize::try_from(chance >> 62).unwrap()];
            let n = history + ten.unsigned_abs() * 125;
            let now = at(ten * 10);
            judge.asked(now);
            judge.read(Ok(reading(ten * 10, (n, n / 1000), (n, n / 200), [false; 2])), now, &mut Log::default());
            refused += usize::from(judge.failing.is_some());
            if ten > 12 {
                assert!(!matches!(judge.finding(), Finding::Accepted(_)), "at {ten}");
            }
        }
        assert!(refused > 40, "{refused} of 60");
        assert!(judge.outage(at(600)).unwrap().contains("fell twice within 8 readings"));
    }

    #[test]
    fn a_restart_that_is_told_again_until_windows_open_is_one() {
        let mut judge = judge();
        judge.enter(place(1, (50, 50), 0), at(0));
        read(&mut judge, reading(0, (5000, 0), (5000, 0), [false; 2]));
        read(&mut judge, reading(10, (5100, 0), (5100, 0), [false; 2]));
        judge.enter(place(2, (50, 50), 30), at(30));
        for (now, of, n) in [(30, 25, 10), (40, 26, 10), (50, 45, 90), (60, 55, 190)] {
            judge.asked(at(now));
            judge.read(Ok(reading(of, (n, 0), (n, 0), [false; 2])), at(now), &mut Log::default());
            assert_eq!(judge.failing, None, "at {now}");
        }
        assert_eq!(judge.sums.as_ref().unwrap().counted().candidate.requests, 200);
    }

    /// Windows go on between two splits, and what we ask there ourselves is in the gateway's counters: three failed probes of
    /// ours broke the objective of a candidate that no user had met.
    #[test]
    fn what_we_ask_between_two_splits_is_held_against_nobody() {
        let silent = || Answer::Silent("no whole answer within 5s".into());
        for ours in [true, false] {
            let mut judge = judge();
            judge.approach(place(1, (50, 50), 0), at(0));
            read(&mut judge, reading(0, (0, 0), (0, 0), [false; 2]));
            if ours {
                for _ in 0..30 {
                    judge.asked_by_us(&silent());
                }
            }
            read(&mut judge, reading(10, (0, 0), (30, 30), [false; 2]));
            // Nor are others' (Knative's own, where no user comes) enough to go back, as nothing is known of stable.
            assert_eq!(matches!(judge.finding(), Finding::Paused(_)), !ours);
            assert_eq!(judge.words().contains("30 of 30 while a split was on its way"), !ours, "{}", judge.words());
        }
    }

    #[test]
    fn what_was_asked_before_a_window_opened_is_not_in_it() {
        let mut judge = judge();
        judge.asked_by_us(&Answer::Silent(String::new()));
        judge.approach(place(1, (50, 50), 0), at(0));
        read(&mut judge, reading(0, (0, 0), (1, 1), [false; 2]));
        read(&mut judge, reading(10, (0, 0), (31, 31), [false; 2]));
        assert!(judge.words().contains("30 of 30 while"), "{}", judge.words());
    }

    /// Kourier makes the Envoy cluster of a revision anew when its pods change, and counters by status begin anew with it.
    #[test]
    fn a_candidate_whose_classes_begin_anew_is_judged_by_those_that_come() {
        for fails in [true, false] {
            let mut judge = judge();
            judge.enter(place(1, (50, 50), 0), at(0));
            for ten in 0..=12_u64 {
                let n = ten * 20_000;
                let mut reading = reading(i64::try_from(ten * 10).unwrap(), (n, 0), (n, 0), [false; 2]);
                let anew = ten.checked_sub(4).map(|since| since * 20_000);
                if let (Some(told), Some(pair)) = (anew, reading.strata.get_mut("")) {
                    let failed = if fails { told } else { 0 };
                    pair.candidate = pair.candidate.take().map(|all| Counters { untold: n - told, failed, ..all });
                }
                read(&mut judge, reading);
                assert_eq!(judge.failing, None, "at {ten}");
            }
            let found = judge.finding();
            assert_eq!(matches!(found, Finding::Worse(_) | Finding::Broken(_)), fails, "{found:?}");
            let failures = judge.sums.as_ref().unwrap().counted().candidate.failures;
            assert_eq!(failures > 0, fails, "{failures}");
        }
    }
}
