mod gates;

use super::*;
use crate::evidence::LeftOut;
use crate::evidence::reading::{Counters, INFINITE, Pair};
use crate::evidence::rules::tests::rules;
use crate::rollout::plan::Style;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn arms() -> Arms {
    Arms { namespace: "n".parse().unwrap(), stable: "s-1".parse().unwrap(), candidate: "s-2".parse().unwrap() }
}

pub(super) fn judge() -> Judge {
    Judge::new(rules(), arms())
}

fn counters(completed: u64, failed: u64) -> Counters {
    Counters { sent: Some(completed), active: Some(0), completed, failed, ..Counters::default() }
}

/// Stable and candidate as one gateway counts them.
pub(super) fn reading(second: i64, stable: (u64, u64), candidate: (u64, u64)) -> Reading {
    let pair = Pair { stable: Some(counters(stable.0, stable.1)), candidate: Some(counters(candidate.0, candidate.1)) };
    Reading { at: at(second), strata: [("g".to_owned(), pair)].into() }
}

pub(super) fn place(step: usize, percents: (u8, u8), served: i64) -> StepPlace {
    StepPlace { step, percents, served: at(served), baking: false }
}

/// Asks for a reading and gives it.
pub(super) fn read(judge: &mut Judge, reading: Reading) {
    let now = reading.at;
    assert!(judge.is_due(now), "a reading is due at {now}");
    judge.asked(now);
    judge.read(Ok(reading), now, &mut Log::default());
}

fn counted(judge: &Judge) -> (u64, u64) {
    let counted = judge.sums.as_ref().map(Sums::counted).unwrap_or_default();
    (counted.stable.requests, counted.candidate.requests)
}

#[test]
fn windows_open_with_the_first_reading_that_was_asked_for_after_serving() {
    let mut judge = judge();
    judge.enter(place(1, (50, 50), 10), at(8));
    assert!(judge.is_due(at(8)), "asked before it was served");
    judge.asked(at(8));
    judge.read(Ok(reading(11, (90, 0), (70, 0))), at(11), &mut Log::default());
    assert!(!judge.open);
    read(&mut judge, reading(18, (100, 0), (100, 0)));
    assert_eq!(counted(&judge), (0, 0), "Knative's own probes are in it");
    assert!(!judge.is_due(at(20)) && judge.next_moment(at(20)) == Some(after(at(18), Duration::from_millis(2500))));
    read(&mut judge, reading(28, (150, 0), (150, 0)));
    assert_eq!(counted(&judge), (50, 50));
    // The next step opens anew; what came between is nobody's.
    judge.enter(place(2, (80, 20), 35), at(35));
    read(&mut judge, reading(36, (180, 0), (180, 0)));
    read(&mut judge, reading(46, (190, 0), (220, 0)));
    assert_eq!(counted(&judge), (60, 90));
}

/// A source that keeps what it heard tells of the time before the split was served for a while, and again of the same
/// time.
#[test]
fn what_tells_of_an_older_time_opens_nothing_and_the_same_time_closes_nothing() {
    let mut judge = judge();
    judge.enter(place(1, (50, 50), 10), at(10));
    let told = |judge: &mut Judge, now: i64, of: i64, n: u64| {
        assert!(judge.is_due(at(now)));
        judge.asked(at(now));
        judge.read(Ok(reading(of, (n, 0), (n, 0))), at(now), &mut Log::default());
        (judge.open, counted(judge))
    };
    assert_eq!(told(&mut judge, 10, 0, 100), (false, (0, 0)));
    assert_eq!(told(&mut judge, 20, 0, 100), (false, (0, 0)));
    assert_eq!(told(&mut judge, 30, 25, 120), (true, (0, 0)), "what was counted until then is nobody's");
    assert_eq!(told(&mut judge, 40, 25, 120), (true, (0, 0)));
    assert!(matches!(judge.finding(), Finding::Little(_)), "no window has closed");
    assert_eq!(told(&mut judge, 60, 55, 150), (true, (30, 30)));
    assert_eq!(judge.seen, (60, Duration::from_secs(30)));
}

#[test]
fn between_two_splits_windows_can_break_the_objective_and_nothing_else() {
    let mut judge = judge();
    judge.enter(place(1, (50, 50), 0), at(0));
    read(&mut judge, reading(0, (0, 0), (0, 0)));
    read(&mut judge, reading(10, (50, 0), (50, 0)));
    let proved = |judge: &Judge| judge.sums.as_ref().unwrap().ln_accepted(&rules());
    let before = proved(&judge);
    // The next step is written, and some users have it already: no split is tested, and clean requests prove nothing.
    judge.approach(place(2, (80, 20), 15), at(15));
    read(&mut judge, reading(20, (60, 0), (9000, 0)));
    assert!((proved(&judge) - before).abs() < 1e-9, "it is no reason to go on");
    assert_eq!(judge.finding(), Finding::Little("the split is not served yet".into()));
    assert_eq!(counted(&judge), (50, 50), "told apart, since Knative's own probes are in it");
    assert!(judge.words().contains("0 of 50 (0 %) (and 0 of 8950 while a split was on its way"), "{}", judge.words());
    // An incident of both begins just when nearly everyone is on the candidate: that is no comparison.
    let mut bad = judge.clone();
    read(&mut bad, reading(30, (70, 0), (9080, 80)));
    assert_eq!(bad.finding(), Finding::Little("the split is not served yet".into()));
    // Nor is it known of a few requests whether stable keeps it.
    read(&mut bad, reading(40, (71, 0), (10_080, 1080)));
    assert!(matches!(bad.finding(), Finding::Paused(_)));
    read(&mut bad, reading(50, (1000, 0), (10_090, 1090)));
    assert!(matches!(bad.finding(), Finding::Broken(_)));
    // The window that is open when it is served is of both splits.
    judge.enter(place(2, (80, 20), 33), at(33));
    read(&mut judge, reading(40, (500, 0), (9500, 0)));
    assert_eq!((counted(&judge), judge.sums.as_ref().unwrap().at_step()), ((50, 50), 0));
    read(&mut judge, reading(50, (520, 0), (9580, 0)));
    assert_eq!(judge.sums.as_ref().unwrap().at_step(), 80);
}

#[test]
fn before_anything_is_served_windows_open_all_the_same() {
    let mut judge = judge();
    judge.approach(place(1, (50, 50), 0), at(0));
    read(&mut judge, reading(0, (0, 0), (0, 0)));
    read(&mut judge, reading(10, (700, 0), (50, 50)));
    assert!(matches!(judge.finding(), Finding::Broken(_)));
}

#[test]
fn a_split_that_is_served_no_more_for_a_while_costs_a_window_and_no_evidence() {
    let mut judge = judge();
    judge.enter(place(1, (50, 50), 0), at(0));
    read(&mut judge, reading(0, (0, 0), (0, 0)));
    read(&mut judge, reading(10, (5000, 0), (5000, 0)));
    assert!(matches!(judge.finding(), Finding::Accepted(_)));
    judge.approach(place(1, (50, 50), 12), at(12));
    assert!(matches!(judge.finding(), Finding::Little(_)));
    judge.enter(place(1, (50, 50), 0), at(14));
    assert!(matches!(judge.finding(), Finding::Accepted(_)));
    read(&mut judge, reading(20, (6000, 0), (6000, 0)));
    read(&mut judge, reading(30, (6010, 0), (6010, 0)));
    assert_eq!(counted(&judge), (5010, 5010));
}

#[test]
fn a_candidate_whose_requests_hang_is_no_wrong_split_and_worse() {
    let hangs = |second, sent| {
        let candidate = Counters { sent: Some(sent), active: Some(sent), ..Counters::default() };
        let pair = Pair { stable: Some(counters(sent, 0)), candidate: Some(candidate) };
        Reading { at: at(second), strata: [("g".to_owned(), pair)].into() }
    };
    let mut judge = judge();
    judge.enter(place(1, (50, 50), 0), at(0));
    for (second, sent) in [(0, 0), (10, 500), (20, 1000)] {
        read(&mut judge, hangs(second, sent));
    }
    assert!(judge.sums.as_ref().unwrap().fell_wrong().is_none());
    assert!(matches!(judge.finding(), Finding::Worse(_)), "{:?}", judge.finding());
    assert_eq!(counted(&judge), (1000, 0), "and nothing has ended");
}

/// Whoever looks at a step before its first window has closed cannot know whether anything was counted.
#[test]
fn before_the_first_window_has_closed_nothing_is_said_of_its_counts() {
    let mut judge = judge();
    judge.enter(place(1, (50, 50), 0), at(0));
    read(&mut judge, reading(0, (0, 0), (0, 0)));
    assert_eq!(judge.finding(), Finding::Little("the first window of this step has not closed yet".into()));
    assert!(judge.awaits_first_window());
    read(&mut judge, reading(10, (3, 0), (0, 0)));
    assert_eq!(judge.finding(), Finding::Little("no request to s-2 has been counted at this step".into()));
    assert!(!judge.awaits_first_window());
}

#[test]
fn nothing_is_counted_while_our_own_probes_run() {
    let mut judge = judge();
    judge.enter(place(1, (50, 50), 0), at(0));
    read(&mut judge, reading(0, (0, 0), (0, 0)));
    judge.shut();
    assert!(!judge.is_due(at(60)) && judge.next_moment(at(60)).is_none());
    judge.reopen(at(60));
    read(&mut judge, reading(60, (100, 0), (130, 0)));
    read(&mut judge, reading(70, (110, 0), (140, 0)));
    assert_eq!(counted(&judge), (10, 10));
}

#[test]
fn after_a_crash_what_was_saved_is_taken_up_and_what_came_since_is_one_window() {
    let mut first = judge();
    first.enter(place(1, (50, 50), 0), at(0));
    read(&mut first, reading(0, (0, 0), (0, 0)));
    read(&mut first, reading(10, (50, 1), (50, 0)));
    let saved = first.saved().unwrap();
    read(&mut first, reading(20, (100, 1), (100, 0)));
    read(&mut first, reading(30, (150, 1), (150, 0)));
    let text = serde_json::to_string(&saved).unwrap();
    let mut second = judge();
    second.take_up(&serde_json::from_str(&text).unwrap(), &mut Log::default());
    second.enter(place(1, (50, 50), 0), at(31));
    // No move on what is old.
    assert!(matches!(second.finding(), Finding::Little(why) if why.contains("since the evidence was saved")));
    read(&mut second, reading(31, (150, 1), (150, 0)));
    assert!(!matches!(second.finding(), Finding::Little(_)));
    assert_eq!((counted(&first), counted(&second)), ((150, 150), (150, 150)));
    assert_eq!(second.sums.as_ref().unwrap().windows(), 2);
    // Nothing was saved within a step: one window from its start.
    let start = first.saved_for(2, (80, 20), false).unwrap();
    let mut third = judge();
    third.take_up(&start, &mut Log::default());
    third.enter(place(2, (80, 20), 40), at(90));
    read(&mut third, reading(90, (160, 1), (190, 0)));
    assert_eq!(counted(&third), (150, 150));
    assert_eq!(third.sums.as_ref().unwrap().between().candidate.requests, 40);
    // It holds the end of the step before: it proves nothing, and the next one does.
    assert!(matches!(third.finding(), Finding::Little(_)));
    assert_eq!(third.sums.as_ref().unwrap().at_step(), 0);
    read(&mut third, reading(100, (180, 1), (270, 0)));
    assert_eq!(third.sums.as_ref().unwrap().at_step(), 80);
}

#[test]
fn sums_without_their_counters_open_new_windows() {
    let mut first = judge();
    first.enter(place(1, (50, 50), 0), at(0));
    read(&mut first, reading(0, (0, 0), (0, 0)));
    read(&mut first, reading(10, (50, 0), (50, 0)));
    let mut second = judge();
    second.take_up(&first.saved().unwrap().without_counters(), &mut Log::default());
    second.enter(place(1, (50, 50), 100), at(100));
    read(&mut second, reading(100, (500, 0), (500, 0)));
    assert_eq!(counted(&second), (50, 50));
}

#[test]
fn evidence_under_other_settings_is_not_taken_up() {
    let mut first = judge();
    first.enter(place(1, (50, 50), 0), at(0));
    read(&mut first, reading(0, (0, 0), (0, 0)));
    let mut other = Judge::new(Rules { tolerated_odds: 2.0, ..rules() }, arms());
    let mut log = Log::default();
    other.take_up(&first.saved().unwrap(), &mut log);
    assert!(other.sums.is_none() && other.memory.is_none());
    assert!(log.take()[0].text.contains("begins anew"));
}

#[test]
fn numbers_that_are_none_send_back_and_promote_nobody() {
    let mut judge = judge();
    judge.enter(place(1, (50, 50), 0), at(0));
    read(&mut judge, reading(0, (0, 0), (0, 0)));
    read(&mut judge, reading(10, (90_000, 0), (90_000, 0)));
    assert!(matches!(judge.finding(), Finding::Accepted(_)));
    judge.trouble = true;
    assert!(matches!(judge.finding(), Finding::Trouble(_)));
    assert!(matches!(judge.gate(&gates::plan(Style::Canary, None), 1), Advice::Wait(_)));
}

#[test]
fn an_outage_ends_a_patience_and_is_no_evidence_meanwhile() {
    let mut judge = judge();
    let mut log = Log::default();
    judge.enter(place(1, (50, 50), 0), at(0));
    read(&mut judge, reading(0, (0, 0), (0, 0)));
    read(&mut judge, reading(10, (90_000, 0), (90_000, 0)));
    let gone = || Err(NoReading::Unreachable { from: "the gateway".into(), text: "refused".into() });
    assert!(judge.is_due(at(20)));
    judge.asked(at(20));
    judge.read(gone(), at(20), &mut log);
    assert!(matches!(judge.finding(), Finding::Little(_)), "what was accepted is not any more");
    assert_eq!(judge.patience_ends(at(21)), Some(at(140)));
    assert_eq!(judge.outage(at(139)), None);
    assert!(judge.outage(at(140)).unwrap().contains("refused"));
    read(&mut judge, reading(141, (95_000, 0), (95_000, 0)));
    assert_eq!((judge.outage(at(300)), counted(&judge)), (None, (95_000, 95_000)));
}

#[test]
fn a_step_needs_requests_of_its_own() {
    let mut judge = judge();
    judge.enter(place(1, (50, 50), 0), at(0));
    assert_eq!(judge.finding(), Finding::Little("no window has closed yet".into()));
    read(&mut judge, reading(0, (0, 0), (0, 0)));
    read(&mut judge, reading(10, (9, 0), (9, 0)));
    assert_eq!(
        judge.finding(),
        Finding::Little("9 requests to s-2 were counted at this step, at least 10 wanted".into())
    );
    read(&mut judge, reading(20, (19, 0), (19, 0)));
    assert!(matches!(judge.finding(), Finding::Unsure(_)));
    judge.enter(place(2, (80, 20), 30), at(30));
    assert!(matches!(judge.finding(), Finding::Little(_)));
}

#[test]
fn what_is_saved_has_room_in_the_record_however_many_gateways_there_are() {
    let histogram = |n: u64| Some((1..=19).map(|e| (if e == 19 { INFINITE } else { e * 1_000_000 }, n)).collect());
    let counters = |n: u64| Counters { latency: histogram(n), ..counters(n, n / 10) };
    for gateways in [1, 5, 20, 200] {
        let gateway = |i: u64| (format!("3scale-kourier-gateway-7d9f-{i:05}"), i + 123_456_789);
        let all = |more: u64| {
            let pair = |n: u64| Pair { stable: Some(counters(n + more)), candidate: Some(counters(n + more)) };
            (0..gateways).map(gateway).map(|(name, n)| (name, pair(n))).collect()
        };
        let mut judge = judge();
        judge.enter(place(1, (50, 50), 0), at(0));
        read(&mut judge, Reading { at: at(0), strata: all(0) });
        read(&mut judge, Reading { at: at(60), strata: all(1_000_000) });
        let saved = judge.saved().unwrap();
        let bytes = serde_json::to_string(&saved).unwrap().len();
        assert!(bytes < 10 * 1024, "{gateways} gateways: {bytes} bytes");
        assert_eq!(saved.counters.is_some(), gateways <= 20, "{gateways}");
        let left_out = match gateways {
            1 | 5 => LeftOut::Nothing,
            20 => LeftOut::Latency,
            _ => LeftOut::Counters,
        };
        assert_eq!(saved.left_out, left_out, "{gateways}");
    }
}
