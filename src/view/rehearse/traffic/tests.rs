use super::super::behaviour::{ColdStart, Incident, Streams};
use super::super::chance::tests::Seeded;
use super::super::histogram::normal;
use super::*;

pub(crate) fn behaviour() -> Behaviour {
    Behaviour {
        rate: 100.0,
        errors: 0.01,
        candidate_errors: 0.2,
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
        pods: None,
        incident: None,
        down: None,
        crash: None,
        outage: None,
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
    assert!(traffic.is_on(traffic.behaviour().down.as_ref()));
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
    assert!(candidate.failed % 5 == 0 || traffic.bundles[1].fails, "{candidate:?}");
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
    let strangers = Some(AtItsAddress { rate: 2.0, errors: 1.0 });
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
