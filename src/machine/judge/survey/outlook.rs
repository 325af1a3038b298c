//! What is said before anyone is moved of how long a decision takes, and of what helps where none is to be had in time. Decides words. It
//! may use the forecast.

use super::in_the_way::{self, Others};
use super::{Surveyed, drain, words};
use crate::evidence::Rules;
use crate::evidence::forecast::{Course, WaitingOutlook};
use crate::evidence::reading::{Arms, Reading};
use std::time::Duration;

/// Tolerated rates that are tried, where the one that is asked for lets nothing be decided in time.
const RATES: [f64; 5] = [0.002, 0.005, 0.01, 0.02, 0.05];

/// What stable had in flight, added up over readings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WaitingSeen {
    unanswered: u64,
    active: u64,
    readings: u32,
}

impl WaitingSeen {
    /// Another reading.
    pub(super) fn heard(&mut self, reading: &Reading) {
        let told = reading.strata.values().filter_map(|pair| {
            let stable = pair.stable.as_ref()?;
            let (sent, active) = (stable.sent?, stable.active?);
            Some((active.min(sent.saturating_sub(stable.completed)), active))
        });
        let Some((unanswered, active)) = told.reduce(|a, b| (a.0.saturating_add(b.0), a.1.saturating_add(b.1))) else {
            return;
        };
        self.unanswered = self.unanswered.saturating_add(unanswered);
        self.active = self.active.saturating_add(active);
        self.readings = self.readings.saturating_add(1);
    }

    /// Requests that waited for their answer, and all in flight, at a reading on average; none where nothing is told of it.
    fn means(self) -> Option<(f64, f64)> {
        let mean = |sum: u64| crate::evidence::counts::real(sum.min(1 << 52)) / f64::from(self.readings);
        (self.readings > 0).then(|| (mean(self.unanswered), mean(self.active)))
    }
}

/// Why no decision is to be had in time, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoDecision {
    /// Why, in words.
    pub why: String,
    /// What helps, in words.
    pub ways: String,
}

impl Surveyed {
    /// How long a decision takes, or why it cannot be had in `time`; in words.
    pub fn forecast(&self, rules: &Rules, course: &Course, arms: &Arms, time: Duration) -> Result<String, NoDecision> {
        let lambda = self.baseline.lambda();
        let counts = self.baseline.counts;
        let waits = self.waits.means().and_then(|(waiting, in_flight)| {
            let takes = drain::takes(rules, self.longest);
            WaitingOutlook::new(lambda, waiting, in_flight, takes, self.strangers.is_some())
        });
        let course = Course { drain: drain::time(rules, self.longest), waits, ..course.clone() };
        let seen = format!(
            "{} gets {} requests a second, {} of {} failed",
            arms.stable,
            words::number(lambda),
            counts.failures,
            counts.requests
        );
        let Some(took) = self.takes(rules, &course, time) else {
            let others = self.in_the_way(rules, &course, time);
            let why = self.too_long(rules, &course, arms, &others, time);
            let ways = self.ways(rules, &course, arms, &others, time);
            return Err(NoDecision { why: format!("{seen}: {why}"), ways });
        };
        Ok(if rules.accept_without {
            format!("{seen}: the steps take about {}; the last one needs no proof", words::span(took))
        } else {
            format!("{seen}: a decision on a candidate as good as that takes about {}", words::span(took))
        })
    }

    /// In whole seconds; none if it takes longer than `time`.
    fn takes(&self, rules: &Rules, course: &Course, time: Duration) -> Option<Duration> {
        let took = self.decides(rules, course, &Others::ALL, time)?;
        Some(Duration::from_secs(took.as_secs()))
    }

    /// What takes longer than `time`.
    fn too_long(&self, rules: &Rules, course: &Course, arms: &Arms, others: &[Others], time: Duration) -> String {
        let there_are = words::span(time);
        let without = Course { waits: None, ..course.clone() };
        if let (Some(waits), Some(rest)) = (&course.waits, self.takes(rules, &without, time)) {
            return format!(
                "some {} of them wait for their answer at any moment, and to tell that no more of {}'s hang would take longer than the \
                 {there_are} that there are (all else takes about {})",
                words::number(waits.waiting(self.baseline.lambda()).round().max(1.0)),
                arms.candidate,
                words::span(rest)
            );
        }
        let others = if others.is_empty() {
            String::new()
        } else {
            format!(", since others' requests to {} {}", arms.candidate, in_the_way::words(others))
        };
        format!("a decision would take longer than the {there_are} that there are{others}")
    }

    /// What helps.
    fn ways(&self, rules: &Rules, course: &Course, arms: &Arms, others: &[Others], time: Duration) -> String {
        let mut quiet = if others.is_empty() {
            String::new()
        } else {
            format!("stop what asks {} by its own address, or ", arms.candidate)
        };
        for way in in_the_way::ways(others) {
            quiet.extend([way, ", "]);
        }
        if !others.is_empty() && !others.contains(&Others::Fail) {
            return format!("{quiet}or --accept-without-evidence with a --bake");
        }
        let enough = RATES.into_iter().filter(|rate| *rate > rules.tolerated_rate).find_map(|tolerated_rate| {
            let took = self.takes(&Rules { tolerated_rate, ..rules.clone() }, course, time)?;
            Some(format!(" ({} would do, in about {})", words::percent(tolerated_rate), words::span(took)))
        });
        let unknown = course.waits.is_some() && drain::takes(rules, self.longest).is_none();
        let longest = if unknown { "--longest-answer with the time that the slowest one takes, " } else { "" };
        format!(
            "{quiet}a higher --tolerated-rate{}, {longest}a longer --deadline, or --accept-without-evidence with a --bake",
            enough.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::Survey;
    use crate::evidence::forecast::Course;
    use crate::evidence::reading::{Arms, Counters, INFINITE, Pair, Reading};
    use crate::evidence::rules::tests::rules;
    use crate::evidence::{Margin, Rules};
    use crate::model::event::Log;
    use crate::rollout::plan::{Plan, PlanOptions, Style};
    use jiff::Timestamp;
    use std::time::Duration;

    /// Of so many requests a second that take so many seconds each; `edge` is that below which the histogram has all.
    fn said(rate: u64, takes: u64, edge: u64) -> Result<String, super::NoDecision> {
        let rules = Rules { margin: Margin::Off, ..rules() };
        let mut survey =
            Survey::of(&Plan::new(&PlanOptions { style: Style::Canary, ..PlanOptions::default() }).unwrap());
        for ten in 0..20 {
            let (second, active) = (1000 + 10 * ten, rate * takes);
            let (sent, at) = (rate * second, Timestamp::from_second(second.cast_signed()).unwrap());
            let completed = sent - active;
            let latency = Some(vec![(edge / 2, 0), (edge, completed), (INFINITE, completed)]);
            let stable = Counters { sent: Some(sent), active: Some(active), completed, latency, ..Counters::default() };
            let pair = Pair { stable: Some(stable), candidate: None };
            survey.asked(at);
            let reading = Reading { at, strata: [("g".to_owned(), pair)].into() };
            survey.read(Ok(reading), &rules, at, &mut Log::default());
        }
        let arms =
            Arms { namespace: "n".parse().unwrap(), stable: "s-1".parse().unwrap(), candidate: "s-2".parse().unwrap() };
        let steps = [0.1, 0.5].map(|share| (share, Duration::from_secs(60))).to_vec();
        let course = Course { steps, by_budget: false, drain: Duration::ZERO, waits: None };
        survey.found().unwrap().forecast(&rules, &course, &arms, Duration::from_secs(3300))
    }

    #[test]
    fn a_service_whose_answers_are_slow_and_few_is_told_what_helps() {
        let enough = said(100, 10, 30_000_000).unwrap();
        assert!(enough.contains("a decision on a candidate as good as that takes about "), "{enough}");
        // Longer than is waited for: nobody knows when what was in flight has ended, so that no two looks are apart.
        let never = said(20, 5, 300_000_000).unwrap_err();
        let why = "some 100 of them wait for their answer at any moment, and to tell that no more of s-2's hang would take longer";
        assert!(never.why.contains(why) && never.why.contains("(all else takes about "), "{}", never.why);
        assert!(never.ways.contains(" % would do, in about "), "{}", never.ways);
        let longest = "--longest-answer with the time that the slowest one takes, ";
        assert!(never.ways.contains(longest), "{}", never.ways);
        // Where it is known, it is no way out.
        let seldom = said(2, 30, 60_000_000).unwrap_err();
        assert!(!seldom.ways.contains(longest), "{}", seldom.ways);
    }

    #[test]
    fn one_that_is_asked_too_seldom_is_told_so_alone() {
        let few = said(1, 0, 100_000).unwrap_err();
        assert!(few.why.ends_with("a decision would take longer than the 55m that there are"), "{}", few.why);
    }
}
