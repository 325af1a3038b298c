//! What the status of answers tells, for people: a reason of its own where it sends users back, and what is not excluded yet.
//!
//! Decides words only. It may use sums and rules.

use super::Judge;
use super::words::{evidence, number, percent, status_name};
use crate::evidence::Sums;
use crate::evidence::statuses::StatusOutcome;

impl Judge {
    /// Why the candidate is worse: what its answers say where that decides, else the comparison alone, and in which pod it fails.
    pub(super) fn worse(&self, sums: &Sums) -> String {
        let Some((outcome, _, counted)) = sums.statuses().loudest().filter(|_| sums.is_by_status()) else {
            return self.words() + &self.pods.words().unwrap_or_default();
        };
        let (c, b) = (counted.candidate, counted.stable);
        let does = match outcome {
            StatusOutcome::ClientErrors => "answers 4xx (or gRPC statuses like that)",
            StatusOutcome::GrpcFailed => "fails gRPC calls",
        };
        let does = if sums.statuses().tells_grpc() { does } else { "answers 4xx" };
        let (of_c, of_b, stable) = (percent(c.rate()), percent(b.rate()), &self.arms.stable);
        format!(
            "{does}: {} of {} ({of_c}), {stable} {} of {} ({of_b}); {}",
            c.failures,
            c.requests,
            b.failures,
            b.requests,
            self.words()
        )
    }

    /// The last thing that a candidate has to show where the rest is shown: it is not told each time.
    pub(super) fn statuses_not_excluded(&self, sums: &Sums) -> String {
        let (rules, needed) = (&self.rules, self.rules.accepted_at());
        let found = sums.statuses().ln_accepted(rules).filter(|(_, ln)| *ln < needed);
        let Some((outcome, ln)) = found.filter(|_| sums.ln_accepted(rules) >= needed) else { return String::new() };
        let (odds, rate) = outcome.materially(rules);
        format!(
            "; evidence against {} times the odds of {} (and {} or more) {}, {} needed",
            number(odds),
            status_name(outcome),
            percent(rate),
            evidence(ln),
            evidence(needed)
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::evidence::classes::StatusCounts;
    use crate::evidence::reading::{Arms, Counters, Pair, Reading};
    use crate::evidence::rules::tests::rules;
    use crate::machine::judge::{Advice, Finding, Judge, StepPlace};
    use crate::model::event::Log;
    use crate::rollout::plan::{Plan, PlanOptions, Style};
    use jiff::Timestamp;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Requests and client errors of stable and of the candidate, after a minute at half of the users.
    fn judged(stable: (u64, u64), candidate: (u64, u64), calls: bool) -> Judge {
        let arms =
            Arms { namespace: "n".parse().unwrap(), stable: "s-1".parse().unwrap(), candidate: "s-2".parse().unwrap() };
        let mut judge = Judge::new(rules(), arms);
        judge.enter(StepPlace { step: 3, percents: (50, 50), served: at(0), baking: false }, at(0));
        let counters = |(n, bad): (u64, u64)| {
            let (client_errors, grpc_failed) = if calls { (0, Some(bad)) } else { (bad, None) };
            let statuses = Some(StatusCounts { client_errors, grpc_failed });
            Some(Counters { sent: Some(n), active: Some(0), completed: n, statuses, ..Counters::default() })
        };
        for (second, stable, candidate) in [(0, (0, 0), (0, 0)), (60, stable, candidate)] {
            let pair = Pair { stable: counters(stable), candidate: counters(candidate) };
            let reading = Reading { at: at(second), strata: [(String::new(), pair)].into() };
            judge.asked(at(second));
            judge.read(Ok(reading), at(second), &mut Log::default());
        }
        judge
    }

    #[test]
    fn a_release_that_answers_404_goes_back_with_that_reason() {
        let Finding::Worse(why) = judged((900, 3), (900, 812), false).finding() else { panic!("not worse") };
        let wanted = "answers 4xx: 812 of 900 (90.2 %), s-1 3 of 900 (0.33 %); s-2 failed 0 of 900 (0 %)";
        assert!(why.starts_with(wanted), "{why}");
        assert!(why.contains(", 4xx over 1000000 (812 of 900 beside 3 of 900); 100 decides)"), "{why}");
        let Finding::Worse(why) = judged((900, 3), (900, 90), true).finding() else { panic!("not worse") };
        assert!(why.starts_with("fails gRPC calls: 90 of 900 (10 %), s-1 3 of 900 (0.33 %); "), "{why}");
    }

    /// Not four times the odds of 4xx are neither found nor excluded by so many: the last step waits and says for what.
    #[test]
    fn the_last_step_waits_until_materially_more_are_excluded() {
        let plan = Plan::new(&PlanOptions { style: Style::Canary, ..PlanOptions::default() }).unwrap();
        let last = plan.steps.len() - 1;
        let waits = judged((9000, 50), (9000, 180), false);
        let Advice::Wait(why) = waits.gate(&plan, last) else { panic!("{:?}", waits.finding()) };
        assert!(why.contains("; evidence against 6 times the odds of 4xx (and 2 % or more) "), "{why}");
        assert_eq!(waits.gate(&plan, 1), Advice::Go(2), "other steps go on");
        let good = judged((9000, 900), (9000, 900), false);
        assert!(matches!(good.finding(), Finding::Accepted(_)), "{:?}", good.finding());
    }
}
