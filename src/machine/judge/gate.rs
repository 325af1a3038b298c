//! Decides whether the next step may be taken, and which one it is. It may use findings, the plan and the course.

use super::{Finding, Judge};
use crate::evidence::forecast::Baseline;
use crate::evidence::{Counts, Sums, ramp};
use crate::machine::course::reachable;
use crate::rollout::plan::{Plan, Step};
use std::time::Duration;

/// What the evidence says about the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// It may be this one, counted from 1; the plan's last one again where that is reached.
    Go(usize),
    /// Not yet; why.
    Wait(String),
}

impl Judge {
    /// After `step` steps of the plan: where to, as far as the evidence goes. The walk decides about dwell, approvals
    /// and probes.
    pub fn gate(&self, plan: &Plan, step: usize) -> Advice {
        // Whom stable kept for the bake have been moved when it had ended well: nothing more is to be found out.
        if plan.closes(step) {
            return Advice::Go(plan.steps.len());
        }
        let mut unsure = None;
        if step > 0 {
            match self.finding() {
                Finding::Accepted(_) => {}
                Finding::Unsure(why) => unsure = Some(why).filter(|_| !self.rules().accept_without),
                Finding::Worse(why)
                | Finding::Broken(why)
                | Finding::Trouble(why)
                | Finding::Paused(why)
                | Finding::Little(why) => return Advice::Wait(why),
            }
        }
        if step >= plan.steps.len() {
            return Advice::Go(plan.steps.len());
        }
        let next = if plan.style.by_budget() { self.farthest(plan, step) } else { Advice::Go(step + 1) };
        if matches!(next, Advice::Go(next) if plan.closes(next)) {
            // Whom stable kept are moved when nothing is going on: there is nothing to compare with afterwards.
            let leans = self.sums.as_ref().is_some_and(Sums::leans).then(|| self.words());
            return match self.unsettled().or(leans) {
                Some(why) => Advice::Wait(format!("the end of the bake waits: {why}")),
                None => next,
            };
        }
        // A plan of one switch has nothing to compare before it.
        let missing = unsure.or_else(|| self.untimed().or_else(|| self.unsettled()).filter(|_| step > 0));
        match (next, missing) {
            (Advice::Go(next), Some(why)) if plan.bakes_at() == Some(next) => {
                let which = if plan.closes(next + 1) { "step of the bake" } else { "last step" };
                Advice::Wait(format!("the {which} needs more evidence: {why}"))
            }
            (next, _) => next,
        }
    }

    /// True while the first window of this step is open: its counts may decide in a moment, so that nothing can be said of
    /// them yet.
    pub fn awaits_first_window(&self) -> bool {
        self.seen.1.is_zero() && self.failing.is_none() && matches!(self.finding(), Finding::Little(_))
    }

    /// At 100 % there is no stable to compare with: a source that tells how long answers take has told it by then, also
    /// where steps are shorter than the warm-up.
    fn untimed(&self) -> Option<String> {
        if let Some((timed, untimed)) = self.times.of_one_alone().filter(|_| self.compares_times()) {
            let arms = [&self.arms.stable, &self.arms.candidate];
            let name = |place: usize| arms.get(place).map_or(String::new(), ToString::to_string);
            let (timed, untimed) = (name(timed), name(untimed));
            return Some(format!("the source tells how long answers of {timed} take, and nothing of {untimed}"));
        }
        let least = self.rules().min_requests.max(1);
        let timed = self.sums.as_ref()?.timed().filter(|timed| *timed < least && !self.rules().accept_without)?;
        Some(format!("how long answers take was compared for {timed} requests, at least {least} wanted"))
    }

    fn compares_times(&self) -> bool {
        let rules = self.rules();
        !rules.accept_without && (rules.margin.compares() || rules.tail.is_some())
    }

    /// The farthest step that the exposure budget allows: at most one that needs an approval, and never past the last
    /// one before the bake in the same move.
    fn farthest(&self, plan: &Plan, step: usize) -> Advice {
        let below = plan.before_bake();
        let Some(may) = reachable(plan, step).filter(|_| step < below) else { return Advice::Go(step + 1) };
        let Some((reach, budget)) = self.reach() else { return Advice::Go(step + 1) };
        // The tiny excess forgives rounding, since hundredths are not exact in binary.
        let affordable = |s: &&Step| f64::from(s.percent.get()) / 100.0 <= reach + 1e-9;
        let far = plan.steps.iter().take(below).filter(affordable).count();
        // The first step is taken in any case, because nothing is known without it.
        match far.min(*may.end()) {
            next if next > step => Advice::Go(next),
            _ if step == 0 => Advice::Go(1),
            _ => Advice::Wait(format!(
                "{} % could cost more than the budget of {budget:.0} failed requests by what is known so far",
                plan.step(step + 1).map_or(100, |s| s.percent.get()),
            )),
        }
    }

    /// The share of users, between 0 and 1, that the exposure budget allows for the next step, and the budget itself in
    /// failed requests; none where the rate of requests is not known, or was zero: nothing is bounded by it then.
    pub fn reach(&self) -> Option<(f64, f64)> {
        let (requests, time) = self.seen;
        let seen = Baseline { counts: Counts::new(requests, 0), over: time, ..Baseline::default() };
        let lambda = if time > Duration::ZERO { Some(seen.lambda()) } else { self.lambda };
        let lambda = lambda.filter(|lambda| *lambda > 0.0)?;
        let judged = self.sums.as_ref().map(Sums::judged).unwrap_or_default();
        Some((ramp::allowed(&self.rules, lambda, judged), ramp::budget(&self.rules, lambda)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::StepPlace;
    use super::super::tests::{at, judge, place, read, reading};
    use super::*;
    use crate::rollout::plan::{PlanOptions, Style};

    /// Half of the users, then all but the tenth that stable keeps for the bake, then everyone.
    fn kept() -> Plan {
        let keep_stable = "20".parse().unwrap();
        let steps = vec!["50".parse().unwrap()];
        Plan::new(&PlanOptions { style: Style::Canary, steps, keep_stable, ..PlanOptions::default() }).unwrap()
    }

    /// In the bake that stable keeps a part of, after a clean hour and a window in which so many failed of the candidate's 8,000 and of
    /// stable's 2,000.
    fn in_the_bake(candidate: u64, stable: u64) -> Judge {
        let mut judge = judge();
        let bakes = kept().bakes_at().unwrap();
        judge.enter(StepPlace { baking: true, ..place(bakes, (80, 20), 0) }, at(0));
        read(&mut judge, reading(0, (0, 0), (0, 0)));
        read(&mut judge, reading(10, (20_000, 0), (80_000, 0)));
        read(&mut judge, reading(20, (22_000, stable), (88_000, candidate)));
        judge
    }

    /// At 100 % there is nothing left to compare with, so whom stable kept are moved when nothing is going on.
    #[test]
    fn the_end_of_a_bake_that_stable_keeps_a_part_of_waits_while_something_goes_on() {
        let (plan, bakes) = (kept(), 2);
        assert_eq!((plan.bakes_at(), plan.closes(bakes + 1)), (Some(bakes), true));
        assert_eq!(in_the_bake(0, 0).gate(&plan, bakes), Advice::Go(bakes + 1));
        // Ten of 8,000 beside none of 2,000 are far from worse, and more than nothing said.
        let Advice::Wait(why) = in_the_bake(10, 0).gate(&plan, bakes) else { panic!("moved while it leans") };
        assert!(why.starts_with("the end of the bake waits: s-2 failed 10 of 88000"), "{why}");
        // Both fail a little more than they may: that is no difference, and may be the begin of an incident.
        let Advice::Wait(why) = in_the_bake(104, 26).gate(&plan, bakes) else { panic!("moved into an incident") };
        assert!(why.starts_with("the end of the bake waits: s-2 has 104 of 8000 (1.3 %) failed"), "{why}");
        // Nothing holds whoever has been moved.
        assert_eq!(in_the_bake(104, 26).gate(&plan, bakes + 1), Advice::Go(bakes + 1));
    }
}
