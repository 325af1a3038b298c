use super::*;
use crate::evidence::classes::StatusClass;
use crate::evidence::forecast::Course;
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
    assert_eq!((alone.strangers, took, alone.baseline.foreign), (None, 10, 0.0), "what came before is of no account");
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
    assert!(took == 60 && (0.8..0.9).contains(&failing.baseline.foreign), "of sixty in a minute one deviation less");
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
    let course = Course { steps: vec![(0.5, Duration::ZERO)], by_budget: false, drain: Duration::ZERO, waits: None };
    let told = failing.forecast(&rules(), &course, &arms(), Duration::from_secs(3300)).unwrap_err();
    assert!(told.why.ends_with("since others' requests to s-2 fail"), "{told:?}");
}

/// A monitor that is refused, or slow, holds the last step up as one that fails does; each has a way out of its own.
#[test]
fn others_who_are_refused_or_slow_are_known_to_leave_no_decision_before_anyone_is_moved() {
    let (quiet, _) = found(survey(Style::Canary, 60), 100, |seconds| (2 * seconds, 0));
    let course = Course { steps: vec![(0.5, Duration::ZERO)], by_budget: false, drain: Duration::ZERO, waits: None };
    let told = |found: &Surveyed| found.forecast(&rules(), &course, &arms(), Duration::from_secs(3300));
    assert!(told(&quiet).is_ok());
    let mut refused = quiet.clone();
    (refused.refused, refused.baseline.refused) = (120, 2.0);
    let no = told(&refused).unwrap_err();
    assert!(no.why.ends_with("since others' requests to s-2 are answered with a 4xx"), "{no:?}");
    assert!(no.ways.starts_with("stop what asks s-2 by its own address, or --client-error-margin off"), "{no:?}");
    assert!(refused.forecast(&Rules { client_error_margin: None, ..rules() }, &course, &arms(), LONGEST * 55).is_ok());
    let mut slow = quiet.clone();
    slow.times = Some(Histogram { total: 6000, above: vec![(50_000, 3000), (100_000, 600), (2_500_000, 0)] });
    assert!(told(&slow).is_ok());
    slow.foreign_times = Some(Histogram { total: 120, above: vec![(50_000, 120), (100_000, 120), (2_500_000, 120)] });
    let no = told(&slow).unwrap_err();
    assert!(no.why.ends_with("since others' requests to s-2 take long"), "{no:?}");
    assert!(no.ways.contains("--latency-margin off"), "{no:?}");
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
    let said = "the source tells of s-1: 990 2xx, 10 5xx in 30s; of s-2: 2 2xx; no status of gRPC calls";
    assert_eq!(found.told(&arms()).unwrap(), said);
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

/// Stable's counters each ten seconds, at so many requests and failures a second.
fn looked(rules: &Rules, users: u64, failures: u64) -> (Surveyed, i64) {
    let mut survey = survey(Style::Canary, 120);
    for ten in 0..60_u64 {
        let counters = Counters { completed: users * ten, failed: failures * ten, ..Counters::default() };
        let now = at(10 * i64::try_from(ten).unwrap());
        let pair = Pair { stable: Some(counters), candidate: None };
        let reading = Reading { at: now, strata: [(String::new(), pair)].into() };
        survey.read(Ok(reading), rules, now, &mut Log::default());
        if let Some(found) = survey.found() {
            return (found.clone(), now.as_second());
        }
    }
    panic!("nothing is found")
}

#[test]
fn a_stable_that_leans_towards_missing_the_objective_is_looked_at_until_that_is_told() {
    let stable = &arms().stable;
    let (good, took) = looked(&rules(), 200, 1);
    assert_eq!((good.missed, good.open, took), (None, false, 60));
    assert_eq!(looked(&rules(), 1000, 9).1, 60, "just below it");
    let (twice, took) = looked(&rules(), 200, 4);
    assert!((70..=120).contains(&took) && !twice.open, "{took}");
    let said = twice.misses(&rules(), stable).unwrap();
    assert!(
        said.starts_with("s-1 misses the objective already: ") && said.contains("(2 %) failed, at most 1 % wanted in "),
        "{said}"
    );
    let (few, took) = looked(&rules(), 10, 1);
    assert_eq!((few.missed.is_some(), took), (true, 60), "a tenth of them");
    // Twice as many as it allows, of five a second, is not told in five minutes.
    let (untold, took) = looked(&rules(), 50, 1);
    assert_eq!((untold.missed, untold.open, took), (None, true, 300));
    let said = untold.untold(&rules(), stable).unwrap();
    assert!(said.contains("30 of 1500 (2 %) failed in 5m"), "{said}");
}

/// When stable is known, by counters each ten seconds of all that were answered and of those that have a status; or what is wrong.
fn by_status(mut survey: Survey, told: impl Fn(u64) -> (u64, u64)) -> Result<i64, String> {
    for ten in 0..=20_u64 {
        let (completed, told) = told(ten);
        let counters = Counters { completed, untold: completed - told, ..Counters::default() };
        let now = at(10 * i64::try_from(ten).unwrap());
        let pair = Pair { stable: Some(counters), candidate: None };
        let reading = Reading { at: now, strata: [(String::new(), pair)].into() };
        survey.read(Ok(reading), &rules(), now, &mut Log::default());
        if survey.found().is_some() {
            return Ok(now.as_second());
        }
    }
    Err(survey.outage(Duration::from_secs(60), at(200)).unwrap().to_string())
}

#[test]
fn classes_that_began_anew_are_no_riddle_and_those_that_never_come_move_nobody() {
    for style in [Style::Canary, Style::BlueGreen] {
        let took = |told: &dyn Fn(u64) -> (u64, u64)| by_status(survey(style, 5), told);
        assert_eq!(took(&|ten| (4257 + 1000 * ten, 1000 * ten)), Ok(10), "before anyone looked");
        assert_eq!(took(&|ten| (1000 * ten, 1000 * ten)), Ok(10));
        let anew = |ten: u64| (104 + 1000 * ten, if ten == 0 { 104 } else { 1000 * (ten - 1) });
        assert_eq!(took(&anew), Ok(20), "while it was looked at");
        for never in [took(&|ten| (4257 + ten, 0)), took(&|ten| (1000 * ten, 500 * ten))] {
            let why = never.unwrap_err();
            assert!(why.starts_with("unusable answer of the source: in 4 of 8 windows it told no status"), "{why}");
        }
    }
}
