use super::super::{Finding, Survey};
use super::*;
use crate::evidence::rules::tests::rules;
use crate::evidence::{Saved, Sums};
use crate::model::event::Event;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn arms() -> crate::evidence::reading::Arms {
    crate::evidence::reading::Arms {
        namespace: "n".parse().unwrap(),
        stable: "s-1".parse().unwrap(),
        candidate: "s-2".parse().unwrap(),
    }
}

/// Counters of so many requests, of which so many failed and wait, and whose slowest ones took up to this edge (seconds).
fn counters(sent: u64, failed: u64, active: u64, slowest: u64) -> Counters {
    let edges = [1_000_000, 30_000_000, 60_000_000, 300_000_000];
    let done = sent - active;
    let mut latency: Vec<(u64, u64)> = edges
        .into_iter()
        .map(|edge| (edge, if edge < slowest * 1_000_000 { done.saturating_sub(1) } else { done }))
        .collect();
    latency.push((INFINITE, done));
    Counters {
        sent: Some(sent),
        active: Some(active),
        completed: done,
        failed,
        latency: Some(latency),
        ..Counters::default()
    }
}

fn reading(second: i64, stable: Counters, candidate: Counters) -> Reading {
    let pair = Pair { stable: Some(stable), candidate: Some(candidate) };
    Reading { at: at(second), strata: [("g".to_owned(), pair)].into() }
}

fn both(second: i64, sent: u64, failed: u64, slowest: u64) -> Reading {
    reading(second, counters(sent, 0, 0, slowest), counters(sent, failed, 0, slowest))
}

fn place(step: usize, percents: (u8, u8), served: i64) -> StepPlace {
    StepPlace { step, percents, served: at(served), baking: percents.1 == 0 }
}

fn read(judge: &mut Judge, reading: Reading) -> Vec<Event> {
    let (now, mut log) = (reading.at, Log::default());
    assert!(judge.is_due(now), "a reading is due at {now}");
    judge.asked(now);
    judge.read(Ok(reading), now, &mut log);
    log.take()
}

fn at_step(judge: &Judge) -> u64 {
    judge.sums.as_ref().map(Sums::at_step).unwrap_or_default()
}

#[test]
fn the_highest_edge_that_stable_ever_filled_is_how_long_its_requests_take() {
    for (slowest, wanted) in [(1, 1), (30, 30), (31, 60), (200, 300)] {
        assert_eq!(longest(&both(0, 100, 0, slowest)), Some(Duration::from_secs(wanted)));
    }
    assert_eq!(longest(&both(0, 100, 0, 301)), Some(Duration::MAX));
    assert_eq!(longest(&both(0, 0, 0, 1)), None, "nothing has ended yet");
    let mut untimed = both(0, 100, 0, 1);
    untimed.strata.values_mut().for_each(|pair| pair.stable.as_mut().unwrap().latency = None);
    assert_eq!(longest(&untimed), None);
    // What the candidate takes is its own affair: the comparison of what waits sees to it.
    let slow = reading(0, counters(100, 0, 0, 1), counters(100, 0, 0, 200));
    assert_eq!(longest(&slow), Some(Duration::from_secs(1)));
}

#[test]
fn windows_of_a_step_open_when_what_came_before_has_ended() {
    let mut judge = Judge::new(rules(), arms());
    judge.enter(place(1, (50, 50), 0), at(0));
    let said = read(&mut judge, both(0, 1000, 0, 30));
    assert_eq!(said[0].text, "each step is judged from 30s after it is served: requests to s-1 took up to that");
    read(&mut judge, both(10, 2000, 1, 30));
    read(&mut judge, both(20, 3000, 2, 30));
    assert_eq!(at_step(&judge), 0, "what ends now came under the split before");
    assert_eq!(judge.finding(), Finding::Little("what came before this step's split has not ended yet".into()));
    assert_eq!(judge.next_moment(at(21)), Some(at(30)));
    read(&mut judge, both(30, 4000, 2, 30));
    assert_eq!(at_step(&judge), 0);
    read(&mut judge, both(40, 5000, 2, 30));
    assert_eq!(at_step(&judge), 1000);
    // A probe of ours in between opens new windows of the same split, and nothing has to end before them.
    judge.shut();
    judge.reopen(at(45));
    read(&mut judge, both(45, 5500, 2, 30));
    read(&mut judge, both(55, 6000, 2, 30));
    assert_eq!(at_step(&judge), 1500);
    // But what is in flight was counted anew, and that has to end.
    let ended = |judge: &Judge, second| judge.drain.settled(&rules(), at(second)).is_some();
    assert!(!ended(&judge, 74) && ended(&judge, 75));
    // Readings are apart from then on, too, one after the other.
    let apart = |judge: &Judge, second| judge.drain.is_apart(&rules(), at(second));
    assert!(!apart(&judge, 74) && apart(&judge, 75));
    read(&mut judge, both(80, 7000, 2, 30));
    assert!(!apart(&judge, 109) && apart(&judge, 110));
    // The split was lost and is served again: users may have been elsewhere.
    judge.approach(place(1, (50, 50), 90), at(90));
    judge.enter(place(1, (50, 50), 0), at(91));
    read(&mut judge, both(91, 7100, 2, 30));
    read(&mut judge, both(101, 8100, 2, 30));
    assert_eq!(at_step(&judge), 2500);
}

/// A candidate that fails at once need not be borne until the others' time-outs have ended.
#[test]
fn meanwhile_what_came_since_is_compared_by_itself() {
    let mut judge = Judge::new(rules(), arms());
    judge.enter(place(1, (50, 50), 0), at(0));
    read(&mut judge, both(0, 1000, 0, 60));
    read(&mut judge, both(10, 1100, 100, 60));
    assert!(matches!(judge.finding(), Finding::Worse(_)), "{:?}", judge.finding());
    assert_eq!(at_step(&judge), 0);
}

#[test]
fn an_owner_knows_better_and_at_the_end_nothing_is_waited_for() {
    let mut judge = Judge::new(Rules { longest_answer: Some(Duration::from_secs(12)), ..rules() }, arms());
    judge.enter(place(1, (50, 50), 0), at(0));
    let said = read(&mut judge, both(0, 1000, 0, 300));
    assert_eq!(said[0].text, "each step is judged from 12s after it is served: --longest-answer");
    read(&mut judge, both(10, 2000, 0, 300));
    read(&mut judge, both(12, 2200, 0, 300));
    read(&mut judge, both(22, 3200, 0, 300));
    assert_eq!(at_step(&judge), 1000);
    judge.enter(place(2, (100, 0), 30), at(30));
    read(&mut judge, both(32, 4000, 0, 300));
    read(&mut judge, both(42, 5000, 0, 300));
    assert_eq!(at_step(&judge), 1000);
    let mut at_once = Judge::new(Rules { longest_answer: Some(Duration::ZERO), ..rules() }, arms());
    at_once.enter(place(1, (50, 50), 0), at(0));
    assert_eq!(read(&mut at_once, both(0, 1000, 0, 300)), []);
    read(&mut at_once, both(10, 2000, 0, 300));
    assert_eq!(at_step(&at_once), 1000);
}

#[test]
fn nobody_waits_for_streams_and_a_line_says_what_is_in_flight() {
    let mut judge = Judge::new(rules(), arms());
    judge.enter(place(1, (50, 50), 0), at(0));
    let streams = |second, sent| reading(second, counters(sent, 0, 400, 301), counters(sent, 0, 30, 1));
    read(&mut judge, streams(0, 1000));
    let mut second = 0;
    while second < 110 {
        second += 10;
        assert!(!read(&mut judge, streams(second, 1000)).iter().any(|said| said.text.contains("in flight")));
    }
    let said = read(&mut judge, streams(120, 1000));
    assert!(said[0].text.contains("with 400 requests to s-1 and 30 to s-2 in flight"), "{said:?}");
    read(&mut judge, streams(130, 1100));
    assert_eq!(at_step(&judge), 100);
}

/// Who goes on knows whether the windows were open.
#[test]
fn a_restart_goes_on_where_it_was() {
    let restarted = |judge: &Judge| {
        let text = serde_json::to_string(&judge.saved().unwrap()).unwrap();
        let saved: Saved = serde_json::from_str(&text).unwrap();
        let mut again = Judge::new(rules(), arms());
        again.take_up(&saved, &mut Log::default());
        again
    };
    let mut judge = Judge::new(rules(), arms());
    judge.enter(place(1, (50, 50), 0), at(0));
    read(&mut judge, both(0, 1000, 0, 30));
    // Killed before: it waits again, from when the split is seen to be served.
    let mut again = restarted(&judge);
    again.enter(place(1, (50, 50), 5), at(5));
    read(&mut again, both(6, 1600, 0, 30));
    read(&mut again, both(16, 2600, 0, 30));
    assert_eq!(at_step(&again), 0);
    // Killed later: what came since is one window.
    for second in [10, 20, 30, 40] {
        read(&mut judge, both(second, 1000 + 100 * second.unsigned_abs(), 0, 30));
    }
    assert_eq!(at_step(&judge), 1000);
    let mut again = restarted(&judge);
    again.enter(place(1, (50, 50), 41), at(41));
    read(&mut again, both(50, 6000, 0, 30));
    let ended = |judge: &Judge, second| judge.drain.settled(&rules(), at(second)).is_some();
    assert!(!ended(&again, 70) && ended(&again, 71), "who has just come knows it as long after");
    assert_eq!(at_step(&again), 2000);
}

#[test]
fn a_forecast_has_the_time_that_each_step_takes_longer() {
    use crate::rollout::plan::{Plan, PlanOptions, Style};
    let plan = Plan::new(&PlanOptions { style: Style::Canary, ..PlanOptions::default() }).unwrap();
    let survey = |slowest| {
        let mut survey = Survey::of(&plan);
        for second in [0, 60] {
            survey.asked(at(second));
            let reading = both(second, 1000 + 100 * second.unsigned_abs(), 0, slowest);
            survey.read(Ok(reading), &rules(), at(second), &mut Log::default());
        }
        survey.found().unwrap().clone()
    };
    let (quick, slow) = (survey(1), survey(60));
    assert_eq!((quick.longest, slow.longest), (Some(Duration::from_secs(1)), Some(Duration::from_secs(60))));
    let course = crate::evidence::forecast::Course {
        steps: vec![(0.5, Duration::ZERO), (0.5, Duration::ZERO)],
        by_budget: false,
        drain: Duration::ZERO,
        waits: None,
    };
    let told =
        |found: &super::super::Surveyed| found.forecast(&rules(), &course, &arms(), Duration::from_secs(3300)).unwrap();
    assert_ne!(told(&quick), told(&slow));
}
