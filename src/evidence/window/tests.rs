use super::*;
use proptest::prelude::*;

fn counters(sent: u64, active: u64, completed: u64, failed: u64) -> Counters {
    Counters { sent: Some(sent), active: Some(active), completed, failed, ..Counters::default() }
}

fn reading(strata: &[(&str, Option<Counters>, Option<Counters>)]) -> Reading {
    let pair = |(name, stable, candidate): &(&str, Option<Counters>, Option<Counters>)| {
        ((*name).to_owned(), Pair { stable: stable.clone(), candidate: candidate.clone() })
    };
    Reading { at: Timestamp::UNIX_EPOCH, strata: strata.iter().map(pair).collect() }
}

fn one(stable: Counters, candidate: Counters) -> Reading {
    reading(&[("g", Some(stable), Some(candidate))])
}

/// Requests and failures of stable and candidate in each window, one stratum.
fn windows(readings: &[Reading]) -> Vec<[(u64, u64); 2]> {
    let mut memory = Memory::open(&readings[0], None);
    let sum = |growths: Vec<Growth>| {
        let sum = growths.iter().fold(Growth::default(), |sum, g| sum.plus(g));
        [sum.stable.counts.into(), sum.candidate.counts.into()]
    };
    readings[1..].iter().map(|r| sum(memory.close(r))).collect()
}

#[test]
fn growth_is_the_difference() {
    let seen = windows(&[
        one(counters(100, 0, 100, 3), counters(10, 0, 10, 1)),
        one(counters(190, 0, 190, 4), counters(20, 0, 20, 3)),
        one(counters(190, 0, 190, 4), counters(20, 0, 20, 3)),
    ]);
    assert_eq!(seen, [[(90, 1), (10, 2)], [(0, 0), (0, 0)]]);
}

#[test]
fn what_was_sent_and_never_answered_failed_and_what_waits_did_not() {
    // Measured on a candidate whose pods all died: 39 sent, 26 answered, all 2xx; 4 of the rest wait still.
    let seen = windows(&[
        one(counters(0, 0, 0, 0), counters(0, 0, 0, 0)),
        one(counters(500, 2, 498, 0), counters(39, 4, 26, 0)),
        one(counters(900, 0, 900, 0), counters(43, 0, 26, 0)),
    ]);
    assert_eq!(seen, [[(498, 0), (35, 9)], [(402, 0), (8, 8)]]);
}

#[test]
fn an_answer_that_has_begun_and_not_ended_is_no_loss() {
    // Envoy counts an answer when its headers come, and the request as active until its body has ended.
    let seen = windows(&[
        one(counters(0, 0, 0, 0), counters(0, 0, 0, 0)),
        one(counters(100, 3, 100, 0), counters(10, 2, 10, 0)),
        one(counters(200, 0, 200, 0), counters(20, 0, 20, 0)),
        one(counters(300, 0, 297, 0), counters(30, 0, 28, 0)),
    ]);
    assert_eq!(seen[..2], [[(100, 0), (10, 0)], [(100, 0), (10, 0)]]);
    assert_eq!(seen[2], [[(100, 3), (10, 2)]].concat()[..], "three and two of these were lost");
}

#[test]
fn answers_to_what_was_never_sent_count_all_the_same() {
    // No connection could be made: the gateway answers 503 by itself.
    let seen =
        windows(&[one(counters(0, 0, 0, 0), counters(0, 0, 0, 0)), one(counters(9, 0, 9, 0), counters(0, 0, 7, 7))]);
    assert_eq!(seen, [[(9, 0), (7, 7)]]);
}

#[test]
fn a_restart_counts_from_zero_for_both_arms() {
    let seen = windows(&[
        one(counters(1000, 1, 999, 9), counters(5, 0, 5, 1)),
        // Stable fell; the candidate's counter is higher than before by chance.
        one(counters(60, 0, 60, 2), counters(8, 0, 8, 0)),
        one(counters(70, 0, 70, 2), counters(9, 0, 9, 0)),
    ]);
    assert_eq!(seen, [[(60, 2), (8, 0)], [(10, 0), (1, 0)]]);
}

#[test]
fn a_series_that_vanishes_is_frozen_and_one_that_appears_began_since() {
    let (b, c) = (|n| Some(counters(n, 0, n, 0)), |n| Some(counters(n, 0, n, n)));
    let seen = windows(&[
        reading(&[("g", b(100), None)]),
        reading(&[("g", b(110), c(2))]),
        reading(&[("g", b(120), None)]),
        reading(&[("g", b(130), c(5))]),
    ]);
    assert_eq!(seen, [[(10, 0), (2, 2)], [(10, 0), (0, 0)], [(10, 0), (3, 3)]]);
}

#[test]
fn what_was_sent_has_arrived_whether_it_ended_or_not() {
    let arrived = |old: Counters, new: Counters| ArmSeen::of(&old).seen(&new, false).1.arrived;
    assert_eq!(arrived(counters(10, 0, 10, 0), counters(60, 50, 10, 0)), 50, "all hang");
    assert_eq!(arrived(counters(60, 50, 10, 0), counters(60, 0, 60, 0)), 0, "answers to what came before");
    assert_eq!(arrived(counters(10, 0, 10, 0), counters(10, 0, 17, 7)), 7, "no connection could be made");
    let silent = |completed| Counters { completed, ..Counters::default() };
    assert_eq!(arrived(silent(10), silent(14)), 4, "a source that counts answers alone");
}

#[test]
fn a_pod_that_is_gone_for_long_is_forgotten_and_what_it_counted_is_not() {
    let n = |n| Some(counters(n, 0, n, 0));
    let read = |minute: i64, strata: &[(&str, Option<Counters>, Option<Counters>)]| Reading {
        at: Timestamp::from_second(minute * 60).unwrap(),
        ..reading(strata)
    };
    let mut memory = Memory::open(&read(0, &[("old", n(1), n(1)), ("new", n(1), n(1))]), None);
    let requests = |growths: Vec<Growth>| growths.iter().map(|g| g.candidate.counts.requests).sum::<u64>();
    assert_eq!(requests(memory.close(&read(1, &[("old", n(9), n(9)), ("new", n(2), n(2))]))), 9);
    for minute in 2..12 {
        memory.close(&read(minute, &[("new", n(2), n(2))]));
        assert!(memory.strata.contains_key("old"), "{minute}");
    }
    let mut back = memory.clone();
    assert_eq!(requests(back.close(&read(11, &[("old", n(11), n(11)), ("new", n(2), n(2))]))), 2, "it was only away");
    memory.close(&read(12, &[("new", n(2), n(2))]));
    assert!(!memory.strata.contains_key("old"));
    assert_eq!(requests(memory.close(&read(13, &[("old", n(50), n(50)), ("new", n(2), n(2))]))), 0, "it only opens");
}

#[test]
fn what_had_vanished_when_the_windows_opened_only_opens() {
    let n = |n| Some(counters(n, 0, n, 0));
    let before = Memory::open(&reading(&[("g", n(100), n(50))]), None);
    let mut memory = Memory::open(&reading(&[("g", n(110), None)]), Some(&before));
    let growth = memory.close(&reading(&[("g", n(120), n(70))]));
    assert_eq!((growth[0].stable.counts.requests, growth[0].candidate.counts.requests), (10, 0));
    let growth = memory.close(&reading(&[("g", n(130), n(71))]));
    assert_eq!(growth[0].candidate.counts.requests, 1);
}

#[test]
fn a_new_gateway_pod_opens_and_a_lost_one_says_nothing() {
    let n = |n| Some(counters(n, 0, n, 0));
    let seen = windows(&[
        reading(&[("g1", n(100), n(10))]),
        reading(&[("g1", n(110), n(11)), ("g2", n(500), n(500))]),
        reading(&[("g2", n(510), n(503))]),
    ]);
    assert_eq!(seen, [[(10, 0), (1, 0)], [(10, 0), (3, 0)]]);
}

#[test]
fn pods_that_count_for_themselves_come_as_one_stratum() {
    let n = |n, k| Some(counters(n, 0, n, k));
    let mut memory =
        Memory::open(&reading(&[("p1", n(0, 0), None), ("p2", None, n(0, 0)), ("g", n(0, 0), n(0, 0))]), None);
    let growths = memory.close(&reading(&[("p1", n(80, 1), None), ("p2", None, n(20, 2)), ("g", n(5, 0), n(4, 0))]));
    let brief: Vec<_> = growths.iter().map(|g| (g.stable.counts.into(), g.candidate.counts.into())).collect();
    assert_eq!(brief, [((5, 0), (4, 0)), ((80, 1), (20, 2))]);
}

fn histogram(below: [u64; 3]) -> Vec<(u64, u64)> {
    [5_000, 10_000, INFINITE].into_iter().zip(below).collect()
}

fn timed(n: u64, below: [u64; 3]) -> Counters {
    Counters { latency: Some(histogram(below)), ..counters(n, 0, n, 0) }
}

#[test]
fn histograms_grow_restart_and_are_left_out_when_they_are_none() {
    let mut memory = Memory::open(&one(timed(10, [5, 8, 10]), timed(0, [0, 0, 0])), None);
    let growth = memory.close(&one(timed(30, [15, 20, 30]), timed(4, [1, 2, 4])));
    let above = |arm: &Arm| arm.latency.as_ref().map(|h| (h.total, h.above.clone()));
    assert_eq!(above(&growth[0].stable), Some((20, vec![(5_000, 10), (10_000, 8)])));
    assert_eq!(above(&growth[0].candidate), Some((4, vec![(5_000, 3), (10_000, 2)])));
    let restarted = memory.close(&one(timed(3, [1, 2, 3]), timed(1, [0, 0, 1])));
    assert_eq!(above(&restarted[0].stable), Some((3, vec![(5_000, 2), (10_000, 1)])));
    let broken = memory.close(&one(timed(9, [8, 3, 9]), timed(2, [0, 0, 2])));
    assert_eq!(above(&broken[0].stable), None, "a histogram that falls within itself");
    // Where there was no room to keep them, the next window says nothing of latency, the one after it does.
    let mut light = memory.lighter();
    assert_eq!(above(&light.close(&one(timed(10, [9, 9, 10]), timed(3, [1, 1, 3])))[0].candidate), None);
    assert!(above(&light.close(&one(timed(11, [9, 9, 11]), timed(4, [1, 1, 4])))[0].candidate).is_some());
}

proptest! {
    #[test]
    fn nothing_is_counted_twice_or_invented(
        steps in proptest::collection::vec((0..50_u64, 0..50_u64, 0..20_u64), 1..20),
    ) {
        // Requests are sent, and later answered or lost; every loss shows once, and none before it happened.
        let (mut sent, mut waiting, mut completed, mut lost) = (0, 0_u64, 0, 0);
        let mut readings = vec![one(counters(0, 0, 0, 0), counters(0, 0, 0, 0))];
        for (new, answers, losses) in steps {
            sent += new;
            waiting += new;
            let answers = answers.min(waiting);
            (completed, waiting) = (completed + answers, waiting - answers);
            let losses = losses.min(waiting);
            (lost, waiting) = (lost + losses, waiting - losses);
            readings.push(one(counters(1, 0, 1, 0), counters(sent, waiting, completed, 0)));
        }
        let seen = windows(&readings);
        let (requests, failures) = seen.iter().fold((0, 0), |(n, k), w| (n + w[1].0, k + w[1].1));
        prop_assert_eq!((requests, failures), (completed + lost, lost));
    }

    #[test]
    fn saved_and_loaded_it_goes_on_the_same(
        a in (0..1000_u64, 0..1000_u64), b in (0..1000_u64, 0..1000_u64), latency in any::<bool>(),
    ) {
        let counters = |(n, k): (u64, u64)| {
            let plain = counters(n + k, 0, n + k, k);
            if latency { Counters { latency: Some(histogram([n / 2, n, n + k])), ..plain } } else { plain }
        };
        let mut memory = Memory::open(&one(counters(a), counters(b)), None);
        let mut loaded: Memory = serde_json::from_str(&serde_json::to_string(&memory).unwrap()).unwrap();
        prop_assert_eq!(&loaded, &memory);
        let next = one(counters((a.0 + 5, a.1 + 1)), counters((b.0 + 1, b.1)));
        prop_assert_eq!(loaded.close(&next), memory.close(&next));
    }
}

/// Client errors grow as failures do: a fall is a restart of both arms, and what a status began with is growth.
#[test]
fn statuses_grow_as_failures_do() {
    let of = |n: u64, client_errors: u64, grpc_failed: Option<u64>| Counters {
        statuses: Some(StatusCounts { client_errors, grpc_failed }),
        ..counters(n, 0, n, 0)
    };
    let read = |second: i64, stable: Counters, candidate: Counters| Reading {
        at: Timestamp::from_second(second).unwrap(),
        strata: [("g".to_owned(), Pair { stable: Some(stable), candidate: Some(candidate) })].into(),
    };
    let told = |client_errors, grpc_failed| Some(StatusCounts { client_errors, grpc_failed });
    let mut memory = Memory::open(&read(0, of(1000, 50, None), of(100, 7, None)), None);
    let grown = memory.close(&read(10, of(1200, 60, Some(3)), of(150, 47, None)));
    assert_eq!((grown[0].stable.statuses, grown[0].candidate.statuses), (told(10, Some(3)), told(40, None)));
    // The record keeps the counters that the next window begins with.
    memory = serde_json::from_str(&serde_json::to_string(&memory).unwrap()).unwrap();
    let grown = memory.close(&read(20, of(1300, 60, Some(4)), of(250, 147, None)));
    assert_eq!((grown[0].stable.statuses, grown[0].candidate.statuses), (told(0, Some(1)), told(100, None)));
    // One count that is lower than it was: the process began anew, and all of it is growth.
    let grown = memory.close(&read(30, of(1400, 59, Some(5)), of(260, 147, None)));
    assert_eq!((grown[0].stable.counts.requests, grown[0].candidate.counts.requests), (1400, 260));
    assert_eq!((grown[0].stable.statuses, grown[0].candidate.statuses), (told(59, Some(5)), told(147, None)));
    // Never more than there were answers.
    let grown = memory.close(&read(40, of(1410, 99, Some(5)), of(260, 147, None)));
    assert_eq!(grown[0].stable.statuses, told(10, Some(0)));
}
