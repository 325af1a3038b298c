//! Before the first step: decides what stable's rate is, who else asks the candidate, and whether a decision can be had in
//! time. It may use readings and the forecast.

use super::outage::Newest;
use super::told::ClassesTold;
use super::{drain, words};
use crate::evidence::Counts;
use crate::evidence::Rules;
use crate::evidence::Strangers;
use crate::evidence::classes::Classes;
use crate::evidence::forecast::{Baseline, Course, until_accepted};
use crate::evidence::reading::{Arms, NoReading, Reading};
use crate::evidence::window::Memory;
use crate::model::event::Log;
use crate::model::event::Topic;
use crate::model::time::after;
use crate::rollout::plan::Plan;
use jiff::Timestamp;
use std::time::Duration;

/// How many requests tell a rate well enough.
const ENOUGH: u64 = 100;
/// How long a rate is looked at, at most; as long where others' requests to the candidate fail, because what may be theirs
/// later is bounded the better the longer they were seen. Otherwise as long as the first step lasts, if that is less: who asks
/// more rarely seldom asks in the steps in which users are few, which are those where his requests count for much. By budget
/// a step lasts longer than its dwell.
const LONGEST: Duration = Duration::from_secs(60);

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Surveyed {
    /// Stable's requests.
    pub baseline: Baseline,
    /// The last counters.
    pub memory: Memory,
    /// Others at the candidate's own address, if there are any.
    pub strangers: Option<Strangers>,
    /// Answers by class of stable and of the candidate, as far as the source tells them.
    pub classes: [Option<Classes>; 2],
    /// The longest that a request of stable's ever took, up to the next edge of the histogram; none without one.
    pub longest: Option<Duration>,
}

/// Looks at stable, and at who else asks the candidate.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// Stable's rate is of no account: nothing will be compared.
    only_others: bool,
    /// How long others are looked for, at least.
    look: Duration,
    began: Option<(Timestamp, Memory)>,
    counts: Counts,
    /// All that came to the candidate: no user is on it yet.
    foreign: Counts,
    asked: Option<Timestamp>,
    next_at: Option<Timestamp>,
    failing: Option<(Timestamp, NoReading)>,
    /// The latest time that the source told of.
    newest: Newest,
    classes: ClassesTold,
    found: Option<Surveyed>,
}

impl Survey {
    /// For this plan; where it moves everyone at once, one reading is enough if nobody else's requests fail.
    pub fn of(plan: &Plan) -> Self {
        let dwell = plan.steps.first().map_or(Duration::ZERO, |step| step.dwell);
        let lasts = if plan.style.by_budget() { dwell * 2 } else { dwell };
        let look = if plan.compares() { lasts.min(LONGEST) } else { Duration::ZERO };
        Self { only_others: !plan.compares(), look, ..Self::default() }
    }

    /// True if readings fail at the moment.
    pub fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    /// What was found, once it is.
    pub fn found(&self) -> Option<&Surveyed> {
        self.found.as_ref()
    }

    /// True if it is time to read and no reading is out.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.asked.is_none() && self.next_at.is_none_or(|at| now >= at)
    }

    /// A reading is out.
    pub fn asked(&mut self, now: Timestamp) {
        self.asked = Some(now);
    }

    /// When it will be time to read, if no reading is out or due.
    pub fn next_moment(&self, now: Timestamp) -> Option<Timestamp> {
        self.next_at.filter(|at| self.asked.is_none() && *at > now)
    }

    /// A reading came, or none.
    pub fn read(&mut self, result: Result<Reading, NoReading>, rules: &Rules, now: Timestamp, log: &mut Log) {
        self.asked = None;
        self.next_at = Some(after(now, rules.every));
        let trusted = result.and_then(|reading| match &mut self.began {
            Some((_, memory)) => memory.trust(&reading).map(|()| reading),
            None => Ok(reading),
        });
        let reading = match trusted {
            Ok(reading) => reading,
            Err(error) => {
                log.once(Topic::Wait, format!("no evidence can be read: {error}"));
                let since = self.failing.take().map_or(now, |(since, _)| since);
                self.failing = Some((since, error));
                return;
            }
        };
        self.failing = None;
        self.newest.told(reading.at, rules.every, now, log);
        self.classes.heard(&reading);
        let Some((began, memory)) = &mut self.began else {
            self.began = Some((reading.at, Memory::open(&reading, None)));
            return;
        };
        // A reading of no later time is no news.
        if reading.at <= memory.at() {
            return;
        }
        for growth in memory.close(&reading) {
            self.counts = self.counts.plus(growth.stable.counts);
            // What ends without having come now was a user's of an earlier walk.
            let (ended, came) = (growth.candidate.counts, growth.candidate.arrived);
            self.foreign = self.foreign.plus(Counts::new(ended.requests.min(came), ended.failures));
        }
        let over = Duration::try_from(reading.at.duration_since(*began)).unwrap_or_default();
        let enough =
            (self.only_others || self.counts.requests >= ENOUGH) && self.foreign.failures == 0 && over >= self.look;
        if enough || over >= LONGEST.max(rules.every) {
            let foreign = per_second(self.foreign.failures, over);
            let baseline = Baseline { counts: self.counts, over, foreign };
            let strangers = Strangers::seen(self.foreign, over);
            let longest = drain::longest(&reading);
            let classes = self.classes.grown();
            self.found = Some(Surveyed { baseline, memory: memory.clone(), strangers, classes, longest });
        }
    }

    /// A setting that does not fit the source, which is to be mended before anyone is moved, whatever the plan compares.
    pub fn mistake(&self) -> Option<&NoReading> {
        let (_, why) = self.failing.as_ref()?;
        Some(why).filter(|why| matches!(why, NoReading::Setting(_)))
    }

    /// Why nothing will be found: readings have failed for too long, are not permitted, or a setting does not fit.
    pub fn outage(&self, patience: Duration, now: Timestamp) -> Option<&NoReading> {
        let (since, why) = self.failing.as_ref()?;
        let lasts = matches!(why, NoReading::Forbidden(_) | NoReading::Setting(_));
        (lasts || now >= after(*since, patience)).then_some(why)
    }
}

/// So many in this time, a second.
fn per_second(count: u64, over: Duration) -> f64 {
    Baseline { counts: Counts::new(count, 0), over, foreign: 0.0 }.lambda()
}

impl Surveyed {
    /// What the source tells of answers by class; none where it tells failures alone. So a source that shows no failures can be seen.
    pub fn told(&self, arms: &Arms) -> Option<String> {
        let [stable, candidate] = self.classes;
        let over = words::span(Duration::from_secs(self.baseline.over.as_secs()));
        let of = |name: &dyn std::fmt::Display, classes: Classes| format!("of {name}: {}", classes.words());
        let stable = of(&arms.stable, stable?);
        let candidate = candidate.filter(|classes| classes.all() > 0);
        let candidate = candidate.map_or_else(String::new, |classes| format!("; {}", of(&arms.candidate, classes)));
        // A call that fails comes with a 200: whoever serves gRPC has to know that nobody sees it.
        let calls = self.classes[0].and_then(|classes| classes.calls());
        let calls = calls.map_or_else(
            || "no status of gRPC calls".to_owned(),
            |calls| format!("gRPC calls of {}: {}", arms.stable, calls.words()),
        );
        Some(format!("the source tells {stable} in {over}{candidate}; {calls}"))
    }

    /// Who else asks the candidate, and what is done about it; none if nobody does.
    pub fn others(&self, arms: &Arms) -> Option<String> {
        let (seen, over) = self.strangers.as_ref()?.before();
        let does = if seen.failures > 0 {
            "as many failures are not held against it, and its evidence is the weaker for it"
        } else {
            "as many good answers prove nothing for it"
        };
        Some(format!(
            "others ask {} by its own address: {} requests in {} while no user was on it, {} failed; {does}",
            arms.candidate,
            seen.requests,
            words::span(Duration::from_secs(over.as_secs())),
            seen.failures
        ))
    }

    /// How long a decision takes, or why it cannot be had in `time`; in words.
    pub fn forecast(&self, rules: &Rules, course: &Course, arms: &Arms, time: Duration) -> Result<String, String> {
        let lambda = self.baseline.lambda();
        let counts = self.baseline.counts;
        let course = &Course { drain: drain::time(rules, self.longest), ..course.clone() };
        let stable = &arms.stable;
        let seen = format!(
            "{stable} gets {} requests a second, {} of {} failed",
            words::number(lambda),
            counts.failures,
            counts.requests
        );
        let Some(took) = until_accepted(rules, course, &self.baseline, time) else {
            let others = if self.baseline.foreign > 0.0 {
                format!(", since others' requests to {} fail", arms.candidate)
            } else {
                String::new()
            };
            return Err(format!(
                "{seen}: a decision would take longer than the {} that there are{others}",
                words::span(time)
            ));
        };
        let took = Duration::from_secs(took.as_secs());
        Ok(if rules.accept_without {
            format!("{seen}: the steps take about {}; the last one needs no proof", words::span(took))
        } else {
            format!("{seen}: a decision on a candidate as good as that takes about {}", words::span(took))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::classes::StatusClass;
    use crate::evidence::grpc::GrpcStatus;
    use crate::evidence::reading::{Counters, Pair};
    use crate::evidence::rules::tests::rules;
    use crate::rollout::plan::{PlanOptions, Style};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn arms() -> Arms {
        Arms { namespace: "n".parse().unwrap(), stable: "s-1".parse().unwrap(), candidate: "s-2".parse().unwrap() }
    }

    /// For a walk that dwells so long.
    fn survey(style: Style, dwell: u64) -> Survey {
        let wish = PlanOptions { style, dwell: Some(Duration::from_secs(dwell)), ..PlanOptions::default() };
        Survey::of(&Plan::new(&wish).unwrap())
    }

    /// What is found when stable gets `users` a second and the candidate these (good and bad); and after how many seconds.
    fn found(mut survey: Survey, users: u64, candidate: impl Fn(u64) -> (u64, u64)) -> (Surveyed, i64) {
        let counters = |completed, failed| Counters {
            sent: Some(completed),
            active: Some(0),
            completed,
            failed,
            ..Counters::default()
        };
        for ten in 0..20 {
            let now = at(10 * ten);
            let (good, bad) = candidate(10 * ten.unsigned_abs());
            let pair = Pair {
                stable: Some(counters(users * 10 * ten.unsigned_abs(), 0)),
                candidate: Some(counters(good + bad, bad)),
            };
            survey.asked(now);
            let reading = Reading { at: now, strata: [("g".to_owned(), pair)].into() };
            survey.read(Ok(reading), &rules(), now, &mut Log::default());
            if let Some(found) = survey.found() {
                return (found.clone(), 10 * ten);
            }
        }
        panic!("nothing is found in 200 seconds")
    }

    #[test]
    fn who_asks_the_candidate_while_no_user_is_on_it_is_a_stranger() {
        let (alone, took) = found(survey(Style::Canary, 5), 100, |_| (7, 2));
        assert_eq!(
            (alone.strangers, took, alone.baseline.foreign),
            (None, 10, 0.0),
            "what came before is of no account"
        );
        let (good, took) = found(survey(Style::Canary, 5), 100, |seconds| (seconds, 0));
        assert_eq!(took, 10);
        let said = good.others(&arms()).unwrap();
        assert_eq!(
            said,
            "others ask s-2 by its own address: 10 requests in 10s while no user was on it, 0 failed; as many good answers \
             prove nothing for it"
        );
        // Failures of theirs are looked at for a minute.
        let (failing, took) = found(survey(Style::Canary, 5), 100, |seconds| (0, seconds));
        assert_eq!((took, failing.baseline.foreign), (60, 1.0));
        assert!(failing.others(&arms()).unwrap().contains("60 requests in 1m while no user was on it, 60 failed"));
        // A monitor that asks each half minute is not yet there in the first ten seconds.
        let monitor = |seconds| (0, (seconds + 5) / 30);
        assert_eq!(
            found(survey(Style::Canary, 120), 100, |_| (0, 0)).1,
            60,
            "as long as the first step lasts, or a minute"
        );
        assert_eq!(found(survey(Style::Canary, 30), 100, |_| (0, 0)).1, 30);
        let (seen, took) = found(survey(Style::Budget, 30), 100, monitor);
        assert_eq!((seen.strangers.unwrap().before().0, took), (Counts::new(2, 2), 60));
        let course = Course { steps: vec![(0.5, Duration::ZERO)], by_budget: false, drain: Duration::ZERO };
        let told = failing.forecast(&rules(), &course, &arms(), Duration::from_secs(3300)).unwrap_err();
        assert!(told.ends_with("since others' requests to s-2 fail"), "{told}");
    }

    /// With classes, so that a source that shows no failures is seen before it has to.
    #[test]
    fn what_the_source_tells_of_both_is_said_by_class() {
        let mut survey = survey(Style::Canary, 30);
        let told = |second: i64, stable: [u64; 2], candidate: u64| {
            let counters = |counts: [u64; 2]| {
                let mut classes = Classes::default();
                for (n, digit) in counts.into_iter().zip([2, 5]) {
                    classes.add(StatusClass::Of(digit), n);
                }
                let (completed, failed) = (classes.all(), classes.failed());
                Some(Counters { completed, failed, classes: Some(classes), ..Counters::default() })
            };
            let pair = Pair { stable: counters(stable), candidate: counters([candidate, 0]) };
            Reading { at: at(second), strata: [("g".to_owned(), pair)].into() }
        };
        for reading in [told(0, [7000, 5], 12), told(10, [7330, 8], 12), told(30, [7990, 15], 14)] {
            let now = reading.at;
            survey.read(Ok(reading), &rules(), now, &mut Log::default());
        }
        let found = survey.found().unwrap();
        assert_eq!(
            found.told(&arms()).unwrap(),
            "the source tells of s-1: 990 2xx, 10 5xx in 30s; of s-2: 2 2xx; no status of gRPC calls"
        );
        let mut calling = found.clone();
        if let Some(classes) = &mut calling.classes[0] {
            classes.add_call(GrpcStatus::read("0").unwrap(), 400);
            classes.add_call(GrpcStatus::read("UNAVAILABLE").unwrap(), 7);
        }
        assert!(calling.told(&arms()).unwrap().ends_with("; gRPC calls of s-1: 400 OK, 7 UNAVAILABLE"));
        let (silent, _) = found_without_classes();
        assert_eq!(silent.told(&arms()), None);
    }

    fn found_without_classes() -> (Surveyed, i64) {
        found(survey(Style::Canary, 5), 100, |_| (0, 0))
    }

    #[test]
    fn a_setting_that_does_not_fit_waits_for_nothing_and_processes_in_turn_are_no_rate() {
        let mut log = Log::default();
        let mut wrong = survey(Style::BlueGreen, 5);
        wrong.read(Err(NoReading::Setting("no such label".into())), &rules(), at(0), &mut log);
        assert!(wrong.mistake().is_some() && wrong.outage(Duration::from_secs(60), at(0)).is_some());
        let mut in_turn = survey(Style::Canary, 5);
        for (ten, users) in [9000, 90, 9010, 100, 9020, 110, 9030].into_iter().enumerate() {
            let counters = Counters { completed: users, ..Counters::default() };
            let pair = Pair { stable: Some(counters), candidate: None };
            let now = at(10 * i64::try_from(ten).unwrap());
            let reading = Reading { at: now, strata: [(String::new(), pair)].into() };
            in_turn.read(Ok(reading), &rules(), now, &mut log);
        }
        assert!(in_turn.is_failing());
        let said = in_turn.outage(Duration::from_secs(20), at(60)).unwrap().to_string();
        assert!(said.starts_with("unusable answer of the source: its counters fell twice within 8 readings"), "{said}");
    }

    #[test]
    fn where_nothing_is_compared_one_reading_tells_who_else_asks() {
        assert_eq!(found(survey(Style::Canary, 5), 1, |_| (0, 0)).1, 60, "a hundred requests of stable, or a minute");
        assert_eq!(found(survey(Style::BlueGreen, 5), 0, |_| (0, 0)).1, 10);
        assert_eq!(found(survey(Style::BlueGreen, 5), 100, |seconds| (0, seconds)).1, 60);
    }
}
