use super::super::*;
use super::{arms, at, counters, judge, place, read, reading};
use crate::evidence::Counts;
use crate::evidence::forecast::Baseline;
use crate::evidence::reading::{Counters, INFINITE, Pair};
use crate::evidence::rules::tests::rules;
use crate::model::percent::Percent;
use crate::rollout::plan::{Plan, PlanOptions, Style};

pub(super) fn plan(style: Style, approve: Option<i64>) -> Plan {
    Plan::new(&PlanOptions {
        style,
        steps: vec![],
        dwell: Some(Duration::from_secs(30)),
        bake: Some(Duration::ZERO),
        keep_stable: Percent::ZERO,
        to: Percent::FULL,
        approve: approve.map(|p| p.try_into().unwrap()).into_iter().collect(),
        approval_timeout: Duration::from_secs(60),
    })
    .unwrap()
}

#[test]
fn the_budget_goes_as_far_as_is_known_and_stops_for_approvals() {
    let mut judge = judge();
    let baseline = Baseline { counts: Counts::new(1000, 0), over: Duration::from_secs(10), ..Baseline::default() };
    let memory = Memory::open(&reading(0, (0, 0), (0, 0)), None);
    judge.know(&Surveyed::of(baseline, memory));
    let budget = plan(Style::Budget, None);
    assert_eq!(judge.gate(&budget, 0), Advice::Go(1), "1 % at 100 a second");
    judge.enter(place(1, (1, 99), 0), at(0));
    read(&mut judge, reading(0, (0, 0), (0, 0)));
    read(&mut judge, reading(10, (990, 0), (10, 0)));
    let Advice::Go(next) = judge.gate(&budget, 1) else { panic!("clean requests open the way") };
    assert!((2..=6).contains(&next), "{next}");
    read(&mut judge, reading(300, (29_700, 0), (300, 0)));
    let below = budget.steps.len() - 1;
    assert_eq!(judge.gate(&budget, 1), Advice::Go(below), "never past the last one below 100 %");
    assert_eq!(judge.gate(&plan(Style::Budget, Some(20)), 1), Advice::Go(8), "nor past one that a person must approve");
    let Advice::Wait(why) = judge.gate(&budget, below) else { panic!("300 requests prove nothing yet") };
    assert!(why.starts_with("the last step needs more evidence"), "{why}");
}

#[test]
fn an_unknown_rate_of_requests_bounds_nothing() {
    let mut judge = judge();
    assert_eq!(judge.reach(), None);
    judge.enter(place(1, (50, 50), 0), at(0));
    read(&mut judge, reading(0, (0, 0), (0, 0)));
    read(&mut judge, reading(10, (0, 0), (0, 0)));
    assert_eq!(judge.reach(), None, "nor does a window without requests");
    read(&mut judge, reading(20, (50, 0), (50, 0)));
    assert!(judge.reach().is_some());
}

/// Steps that are shorter than the warm-up would let a slow candidate through to where there is no stable to compare
/// with.
#[test]
fn the_last_step_waits_until_time_was_compared_if_the_source_tells_it() {
    let rules = Rules { margin: crate::evidence::Margin::Edges(0), warm_up: Duration::from_secs(30), ..rules() };
    let told = |second, n, timed: bool| {
        let latency = timed.then(|| vec![(1000, n), (INFINITE, n)]);
        let counters = Some(Counters { latency, ..counters(n, 0) });
        let pair = Pair { stable: counters.clone(), candidate: counters };
        Reading { at: at(second), strata: [("g".to_owned(), pair)].into() }
    };
    let plan = plan(Style::Canary, None);
    let last = plan.steps.len() - 1;
    for timed in [true, false] {
        let mut judge = Judge::new(rules.clone(), arms());
        judge.enter(place(last, (50, 50), 0), at(0));
        read(&mut judge, told(0, 0, timed));
        read(&mut judge, told(10, 90_000, timed));
        assert!(matches!(judge.finding(), Finding::Accepted(_)));
        let Advice::Wait(why) = judge.gate(&plan, last) else {
            assert!(!timed, "90000 answers that nobody timed");
            continue;
        };
        assert!(timed && why.contains("was compared for 0 requests, at least 10 wanted"), "{why}");
        assert_eq!(judge.gate(&plan, 1), Advice::Go(2), "other steps go on");
        read(&mut judge, told(30, 90_001, timed));
        read(&mut judge, told(40, 90_201, timed));
        assert_eq!(judge.gate(&plan, last), Advice::Go(last + 1));
    }
}
