use super::super::behaviour::{Burst, ColdStart, Incident, PodFaults, Streams};
use super::super::chance::tests::Seeded;
use super::super::histogram::normal;
use super::*;
use crate::evidence::reading::{Counters, INFINITE};

pub(crate) fn behaviour() -> Behaviour {
    Behaviour {
        rate: 100.0,
        errors: 0.01,
        candidate_errors: 0.2,
        client_errors: 0.0,
        candidate_client_errors: 0.0,
        hanging: 0.0,
        gives_up: Duration::from_secs(2),
        latency: Duration::from_millis(60),
        spread: 0.8,
        slower: 1.0,
        answers: None,
        failures_take: None,
        streams: None,
        together: 1,
        told: 1.0,
        strangers: None,
        cold: None,
        pod_faults: None,
        burst: None,
        late: None,
        pods: None,
        incident: None,
        down: None,
        crash: None,
        outage: None,
        gateways: 1,
        gateway_ends: None,
        lag: Duration::ZERO,
        skew: Duration::ZERO,
        serves_after: Duration::from_millis(400),
    }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Within five standard deviations.
#[track_caller]
fn near(found: u64, n: f64, p: f64) {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let off = (found as f64 - n * p).abs();
    assert!(off <= 5.0 * (n * p * (1.0 - p)).sqrt() + 1.0, "{found} of {n} at {p}");
}

#[test]
fn users_are_counted_as_they_were_split() {
    let mut traffic = Traffic::new(behaviour(), Seeded(1));
    traffic.pass(seconds(100));
    assert_eq!((traffic.reading().candidate, traffic.bad()), (None, 0));
    traffic.split(0.25);
    traffic.pass(seconds(500));
    let Pair { stable: Some(stable), candidate: Some(candidate) } = traffic.reading() else { panic!() };
    near(candidate.sent.unwrap(), 40_000.0, 0.25);
    near(candidate.failed, 10_000.0, 0.2);
    near(stable.failed, 40_000.0, 0.01);
    assert_eq!(candidate.failed, traffic.bad());
    for counters in [&stable, &candidate] {
        let latency = counters.latency.as_ref().unwrap();
        assert_eq!(latency.last(), Some(&(INFINITE, counters.completed)));
        assert!(latency.windows(2).all(|w| w[0].1 <= w[1].1 && w[0].0 < w[1].0));
        // Half of lognormal times are below the median, between the edges of 50 and 100 ms.
        let at = |us: u64| latency.iter().find(|(edge, _)| *edge == us).unwrap().1;
        assert!(at(50_000) < counters.completed / 2 && at(100_000) > counters.completed / 2);
    }
}

#[test]
fn what_is_never_answered_waits_until_its_client_gives_up() {
    let down = Some(Spell { from: seconds(10), lasts: Some(seconds(20)) });
    let mut traffic =
        Traffic::new(Behaviour { down, candidate_errors: 0.0, latency: Duration::ZERO, ..behaviour() }, Seeded(2));
    traffic.split(1.0);
    traffic.pass(seconds(10));
    assert_eq!(traffic.bad(), 0);
    traffic.pass(seconds(25));
    assert!(traffic.is_on(traffic.behaviour.down.as_ref()));
    let candidate = traffic.reading().candidate.unwrap();
    let (sent, active) = (candidate.sent.unwrap(), candidate.active.unwrap());
    near(active, 1_000_000.0, 0.0002);
    assert_eq!(sent - candidate.completed, traffic.bad());
    traffic.pass(seconds(40));
    let candidate = traffic.reading().candidate.unwrap();
    assert_eq!((candidate.active, candidate.failed), (Some(0), 0));
    near(traffic.bad(), 1_000_000.0, 0.002);
}

#[test]
fn counters_are_as_old_as_told() {
    let old = Behaviour { lag: seconds(5), skew: seconds(3), ..behaviour() };
    let (mut late, mut now) = (Traffic::new(old, Seeded(3)), Traffic::new(behaviour(), Seeded(3)));
    let mut seen = Vec::new();
    for traffic in [&mut late, &mut now] {
        traffic.split(0.5);
    }
    for second in 1..40 {
        late.pass(seconds(second));
        now.pass(seconds(second));
        seen.push(now.reading());
        if second > 9 {
            let at = usize::try_from(second).unwrap() - 1;
            assert_eq!(late.reading().stable, seen[at - 5].stable);
            assert_eq!(late.reading().candidate, seen[at - 8].candidate);
        }
    }
}

#[test]
fn an_incident_hits_both() {
    let spell = Spell { from: seconds(0), lasts: None };
    let incident = Some(Incident { spell, errors: 0.5 });
    let mut traffic = Traffic::new(Behaviour { incident, candidate_errors: 0.01, ..behaviour() }, Seeded(4));
    traffic.split(0.5);
    traffic.pass(seconds(200));
    let pair = traffic.reading();
    for counters in [pair.stable, pair.candidate].into_iter().flatten() {
        near(counters.failed, 10_000.0, 0.505);
    }
}

#[test]
fn spells_begin_and_end() {
    let spell = Spell { from: seconds(3), lasts: Some(seconds(2)) };
    assert_eq!([2, 3, 4, 5].map(|s| spell.is_on(seconds(s))), [false, true, true, false]);
    assert_eq!([0, 3, 5].map(|s| spell.next(seconds(s))), [Some(seconds(3)), Some(seconds(5)), None]);
    assert!(Spell { from: seconds(3), lasts: None }.is_on(seconds(9_999)));
}

#[test]
fn the_normal_law_is_the_known_one() {
    for (x, p) in [(0.0, 0.5), (1.0, 0.841_344_7), (-1.96, 0.024_997_9), (4.0, 0.999_968_3)] {
        assert!((normal(x) - p).abs() < 2e-7, "{x}");
    }
    assert!((bucket_law(60.0, 0.8).iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn failures_that_come_together_are_as_many_and_in_groups() {
    let together = Behaviour { together: 5, ..behaviour() };
    let mut traffic = Traffic::new(together, Seeded(5));
    traffic.split(0.01);
    traffic.pass(seconds(20_000));
    let Pair { stable: Some(stable), candidate: Some(candidate) } = traffic.reading() else { panic!() };
    // The mean is the same; only the spread is wider.
    let groups = |failed: u64, sent: u64, p: f64| {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        near(failed / 5, sent as f64 / 5.0, p);
    };
    groups(stable.failed, stable.completed, 0.01);
    groups(candidate.failed, candidate.completed, 0.2);
    // At one request a second and revision, groups go on over ticks: the last one alone may not be whole.
    assert!(candidate.failed % 5 == 0 || traffic.bundles[1][0].meets, "{candidate:?}");
    let mut all = Traffic::new(Behaviour { together: 7, candidate_errors: 1.0, ..behaviour() }, Seeded(6));
    all.split(0.3);
    all.pass(seconds(50));
    let candidate = all.reading().candidate.unwrap();
    assert_eq!(candidate.failed, candidate.completed);
}

#[test]
fn failures_that_are_not_told_are_bad_all_the_same() {
    let mut traffic = Traffic::new(Behaviour { told: 0.25, ..behaviour() }, Seeded(7));
    traffic.split(1.0);
    traffic.pass(seconds(100));
    let candidate = traffic.reading().candidate.unwrap();
    near(traffic.bad(), 10_000.0, 0.2);
    near(candidate.failed, 2_000.0, 0.25);
}

#[test]
fn pods_that_come_late_fail_those_who_were_moved_to_them() {
    let cold = Some(ColdStart { lasts: seconds(10), errors: 0.5 });
    let mut traffic = Traffic::new(Behaviour { cold, candidate_errors: 0.0, ..behaviour() }, Seeded(8));
    traffic.split(0.5);
    traffic.pass(seconds(10));
    near(traffic.bad(), 500.0, 0.5);
    let before = traffic.bad();
    traffic.pass(seconds(30));
    assert_eq!(traffic.bad(), before, "they are there now");
    // Of everyone, half were moved only now.
    traffic.split(1.0);
    traffic.pass(seconds(40));
    near(traffic.bad() - before, 1_000.0, 0.25);
    let before = traffic.bad();
    traffic.split(0.2);
    traffic.pass(seconds(50));
    assert_eq!(traffic.bad(), before, "a way back needs no new pods");
}

/// Others ask whatever the split is, and what fails of theirs costs no user anything.
#[test]
fn others_at_the_candidates_address_are_counted_there_and_are_no_users() {
    let strangers = Some(AtItsAddress { rate: 2.0, errors: 1.0, refused: false, takes: Duration::ZERO });
    let mut traffic =
        Traffic::new(Behaviour { strangers, candidate_errors: 0.0, errors: 0.0, ..behaviour() }, Seeded(5));
    traffic.pass(seconds(100));
    let Pair { candidate: Some(before), .. } = traffic.reading() else { panic!() };
    near(before.failed, 2000.0, 0.1);
    assert_eq!((before.sent, before.completed), (Some(before.failed), before.failed));
    traffic.split(0.5);
    traffic.pass(seconds(200));
    let Pair { candidate: Some(after), .. } = traffic.reading() else { panic!() };
    assert!(after.sent > Some(4000) && after.failed < 500);
    assert_eq!((traffic.bad(), traffic.extra().abs() < 1e-9), (0, true));
}

#[test]
fn quick_answers_are_on_their_way_at_every_moment() {
    let mut traffic = Traffic::new(behaviour(), Seeded(9));
    let mut sum = 0;
    for second in 1..=200 {
        traffic.pass(seconds(second));
        let stable = traffic.reading().stable.unwrap();
        let active = stable.active.unwrap();
        assert_eq!(stable.sent.unwrap(), stable.completed + active);
        sum += active;
    }
    // A hundred a second that take 83 ms on average, failures aside.
    assert!((1400..1900).contains(&sum), "{sum}");
}

#[test]
fn answers_and_failures_take_the_time_that_was_told() {
    let slow = Behaviour { answers: Some(seconds(10)), failures_take: Some(seconds(30)), ..behaviour() };
    let mut traffic = Traffic::new(Behaviour { candidate_errors: 0.1, ..slow }, Seeded(10));
    let before = traffic.reading().stable.unwrap();
    // It has been so for long: ten seconds of good answers and thirty of failures are in flight.
    near(before.active.unwrap(), 3000.0, 0.34);
    traffic.split(1.0);
    traffic.pass(seconds(9));
    let candidate = traffic.reading().candidate.unwrap();
    assert_eq!((candidate.completed, candidate.active), (0, candidate.sent));
    traffic.pass(seconds(29));
    let candidate = traffic.reading().candidate.unwrap();
    assert!(candidate.completed > 1500 && candidate.failed == 0, "{candidate:?}");
    traffic.pass(seconds(100));
    let candidate = traffic.reading().candidate.unwrap();
    near(candidate.failed, 7000.0, 0.1);
    let latency = candidate.latency.as_ref().unwrap();
    let at = |us: u64| latency.iter().find(|(edge, _)| *edge == us).unwrap().1;
    assert_eq!((at(5_000_000), at(30_000_000)), (0, candidate.completed));
    assert_eq!(at(10_000_000), candidate.completed - candidate.failed);
}

#[test]
fn streams_are_answered_at_once_and_stay() {
    let streams = Some(Streams { part: 1.0, lasts: seconds(600) });
    let mut traffic =
        Traffic::new(Behaviour { streams, errors: 0.0, candidate_errors: 0.0, ..behaviour() }, Seeded(11));
    near(traffic.reading().stable.unwrap().active.unwrap(), 600_000.0, 0.1);
    traffic.split(0.5);
    traffic.pass(seconds(300));
    let Pair { stable: Some(stable), candidate: Some(candidate) } = traffic.reading() else { panic!() };
    assert_eq!(candidate.active, candidate.sent);
    assert_eq!(candidate.sent, Some(candidate.completed));
    near(stable.active.unwrap(), 450_000.0, 0.1);
}

/// One cluster has N requests of one revision, and the rate stays what was told; so it is with 4xx.
#[test]
fn clusters_come_whole_and_are_rare() {
    let together = Behaviour { together: 3, errors: 0.001, candidate_errors: 0.001, ..behaviour() };
    let mut traffic = Traffic::new(together, Seeded(12));
    traffic.split(0.5);
    let (mut before, mut failing, mut odd) = (0, 0_u64, 0_u64);
    for second in 1..=6000 {
        traffic.pass(seconds(second));
        let failed = traffic.reading().candidate.unwrap().failed;
        failing += u64::from(failed > before);
        odd += u64::from(!(failed - before).is_multiple_of(3));
        before = failed;
    }
    near(before / 3, 100_000.0, 0.001);
    // 100 clusters of three: fewer than one in ten is cut by the end of a tick.
    assert!(failing > 60 && odd <= failing / 3, "{failing} {odd}");
    let refusing = Behaviour { together: 5, errors: 0.0, client_errors: 0.01, ..behaviour() };
    let mut traffic = Traffic::new(refusing, Seeded(12));
    traffic.pass(seconds(100));
    let refused = traffic.reading().stable.unwrap().statuses.unwrap().client_errors;
    near(refused / 5, 2000.0, 0.01);
    assert!(refused.is_multiple_of(5) || traffic.bundles[0][1].meets, "{refused}");
}

/// Ten seconds a pod in every thousand, ten and one of them: a hundredth of the requests of both, and all of a pod's.
#[test]
fn pods_of_both_fall_ill_alike() {
    let faults = Some(PodFaults { lasts: seconds(10), every: seconds(1000) });
    let quiet = Behaviour { errors: 0.0, candidate_errors: 0.0, rate: 110.0, pod_faults: faults, ..behaviour() };
    let mut traffic = Traffic::new(quiet, Seeded(13));
    traffic.split(1.0 / 11.0);
    let (mut seen, mut whole) = (0, 0_u64);
    for second in 1..=100_000 {
        traffic.pass(seconds(second));
        let candidate = traffic.reading().candidate.unwrap();
        whole += u64::from(candidate.failed > seen);
        seen = candidate.failed;
    }
    let Pair { stable: Some(stable), candidate: Some(candidate) } = traffic.reading() else { panic!() };
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let parts = [stable, candidate].map(|arm| arm.failed as f64 / arm.completed as f64);
    // A thousand and a hundred faults: three and ten per cent give or take, by their number.
    assert!((parts[0] - 0.01).abs() < 0.0012 && (parts[1] - 0.01).abs() < 0.004, "{parts:?}");
    // The candidate has one pod: while it is ill it fails all, ten a second, and else nothing.
    assert!((8..=12).contains(&(seen / whole)), "{seen} in {whole} s");
}

#[test]
fn the_candidate_fails_everything_in_bursts_and_nothing_between() {
    let burst = Some(Burst { lasts: seconds(10), every: seconds(600) });
    for seed in 0..5 {
        let bursting = Behaviour { errors: 0.0, candidate_errors: 0.0, burst, ..behaviour() };
        let mut traffic = Traffic::new(bursting, Seeded(seed));
        traffic.pass(seconds(77));
        traffic.split(0.5);
        let (mut before, mut failing) = ((0, 0), 0_u64);
        for second in 78..=677 {
            traffic.pass(seconds(second));
            let now = traffic.reading().candidate.unwrap();
            let (failed, completed) = (now.failed - before.0, now.completed - before.1);
            failing += u64::from(failed > 0);
            assert!(failed <= completed);
            before = (now.failed, now.completed);
        }
        // It begins within a second.
        assert!((10..=12).contains(&failing), "{failing}");
        near(traffic.bad(), 30_000.0, 10.0 / 600.0);
        assert_eq!(traffic.reading().stable.unwrap().failed, 0);
    }
}

#[test]
fn bursts_begin_and_end() {
    let burst = Burst { lasts: seconds(10), every: seconds(60) };
    assert_eq!([0, 9, 10, 59, 60, 130].map(|s| burst.is_on(seconds(s))), [true, true, false, false, true, false]);
    assert_eq!([0, 9, 10, 59, 60].map(|s| burst.next(seconds(s)).as_secs()), [10, 10, 60, 60, 70]);
}

#[test]
fn a_candidate_that_is_late_is_as_good_as_stable_until_then() {
    let bad = Behaviour { candidate_errors: 0.5, hanging: 0.5, slower: 50.0, errors: 0.0, ..behaviour() };
    let mut traffic = Traffic::new(Behaviour { late: Some(seconds(60)), ..bad }, Seeded(15));
    traffic.pass(seconds(30));
    traffic.split(0.5);
    traffic.pass(seconds(90));
    let now = traffic.reading().candidate.unwrap();
    let slow = |latency: Option<Vec<(u64, u64)>>| {
        let latency = latency.unwrap();
        latency.last().unwrap().1 - latency.iter().find(|(edge, _)| *edge == 1_000_000).unwrap().1
    };
    assert_eq!((traffic.bad(), now.failed, slow(now.latency) < 5), (0, 0, true));
    traffic.pass(seconds(150));
    // Half hang, and of the others half fail.
    near(traffic.bad(), 3000.0, 0.75);
    assert!(slow(traffic.reading().candidate.unwrap().latency) > 500);
}

/// They are no failures and cost users as much; answers that take their time are refused when they end.
#[test]
fn client_errors_are_answers_of_their_own() {
    for answers in [None, Some(seconds(3))] {
        let failing_none = Behaviour { candidate_errors: 0.0, errors: 0.0, ..behaviour() };
        let refusing = Behaviour { client_errors: 0.01, candidate_client_errors: 0.5, answers, ..failing_none };
        let mut traffic = Traffic::new(refusing, Seeded(17));
        traffic.split(0.25);
        traffic.pass(seconds(400));
        let Pair { stable: Some(stable), candidate: Some(candidate) } = traffic.reading() else { panic!() };
        let of = |counters: &Counters| counters.statuses.unwrap().client_errors;
        near(of(&stable), 30_000.0, 0.01);
        near(of(&candidate), 10_000.0, 0.5);
        assert_eq!((stable.failed, candidate.failed, traffic.bad()), (0, 0, of(&candidate)));
        assert!((4500.0..5300.0).contains(&traffic.extra()), "{}", traffic.extra());
    }
}

/// What is not asked for draws no number, so a seed means what it meant before.
#[test]
fn faults_that_never_come_change_no_draw() {
    let played = |behaviour: Behaviour| {
        let mut traffic = Traffic::new(behaviour, Seeded(16));
        traffic.pass(seconds(10));
        traffic.split(0.3);
        traffic.pass(seconds(100));
        (traffic.reading(), traffic.bad(), traffic.chance.unit().to_bits())
    };
    // A candidate that is late by nothing is one that is not late.
    assert_eq!(played(behaviour()), played(Behaviour { late: Some(Duration::ZERO), ..behaviour() }));
    assert_ne!(played(behaviour()), played(Behaviour { late: Some(seconds(50)), ..behaviour() }));
}
