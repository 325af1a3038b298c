use super::super::logs::ln_choose;
use super::*;
use proptest::prelude::*;

/// After windows of a thousand requests of stable with so many failures.
fn after(failures: &[u64]) -> Clustering {
    let mut clustering = Clustering::default();
    for failed in failures {
        clustering.look(Counts::new(1000, *failed));
    }
    clustering
}

/// Numbers of failures that come so many at a time, `mean` of them a window on average: Poisson by a fixed seed.
fn failures(windows: usize, mean: f64, together: u64) -> Vec<u64> {
    let mut state = 7_u64;
    let mut unit = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        real(state >> 33) / real(1 << 31)
    };
    let mut causes = move || {
        let (mut n, mut product) = (0, unit());
        while product > (-mean / real(together)).exp() {
            (n, product) = (n + 1, product * unit());
        }
        n * together
    };
    (0..windows).map(|_| causes()).collect()
}

/// Over every way in which the failures of two windows can fall, weighted as chance weighs it.
#[test]
fn where_failures_come_alone_the_mean_of_a_deviation_is_one() {
    for (n1, n2, k) in [(12, 40, 9), (1000, 1000, 2), (1000, 900, 20), (30, 30, 1)] {
        let mean: f64 = (0..=k)
            .filter(|x| *x <= n1 && k - x <= n2)
            .map(|x| {
                let weight = (ln_choose(n1, x) + ln_choose(n2, k - x) - ln_choose(n1 + n2, k)).exp();
                weight * deviation(Counts::new(n1, x), Counts::new(n2, k - x)).unwrap()
            })
            .sum();
        assert!((mean - 1.0).abs() < 1e-9, "{n1} {n2} {k}: {mean}");
    }
    // Five at once: 2.5 from the middle, a variance of 5/4 but for what is drawn twice.
    let five = deviation(Counts::new(1000, 0), Counts::new(1000, 5)).unwrap();
    assert!((five - 6.25 / (1.25 * 1995.0 / 1999.0)).abs() < 1e-9, "{five}");
    for (one, other) in [((10, 0), (10, 0)), ((10, 10), (10, 10)), ((0, 0), (9, 3)), ((1, 1), (0, 0))] {
        let counts = |(requests, failed)| Counts::new(requests, failed);
        assert_eq!(deviation(counts(one), counts(other)), None, "there is no choice");
    }
}

#[test]
fn what_comes_together_is_told_from_what_comes_alone() {
    for (mean, together) in [(10.0, 1), (10.0, 3), (10.0, 5), (1.0, 1), (1.0, 5)] {
        let found = after(&failures(120, mean, together));
        let (against, estimated) = (found.against().get(), found.estimated().get());
        let right = real(together);
        assert!(against >= 0.8 * right && against < 1.6 * right + 0.2, "{mean} {together}: {against}");
        assert!(estimated <= against, "what is known is the same");
    }
}

#[test]
fn it_begins_above_one_and_where_nothing_fails_it_stays_there() {
    let nothing = after(&[0; 50]);
    assert_eq!((nothing.against(), nothing.estimated()), (Phi::of(UNTIL_KNOWN), Phi::ONE));
    assert!(!nothing.is_known() && nothing.against().words("failures").is_some());
    // One group of stable's is enough to know better.
    assert!(after(&[0, 5, 0]).against() > Phi::of(4.0));
}

#[test]
fn a_shared_incident_is_no_clustering_but_at_its_ends() {
    let calm = failures(40, 10.0, 1);
    let incident = [&calm[..20], &[200, 205, 195, 201, 199, 204], &calm[20..]].concat();
    let (without, with) = (after(&calm).against().get(), after(&incident).against().get());
    assert!(with > without && with < 3.5, "{without} {with}");
    // What drifts is none either.
    let drifts: Vec<u64> = (0..60).collect();
    assert!(after(&drifts).against() < Phi::of(1.1));
}

#[test]
fn a_step_lies_between_two_windows() {
    let mut apart = after(&[0]);
    apart.apart();
    apart.look(Counts::new(1000, 9));
    assert_eq!((apart.pairs, apart.against()), (0, Phi::of(UNTIL_KNOWN)));
}

#[test]
fn people_are_told_in_words() {
    let words = [1.0, 1.49, 1.5, 3.2, 9.6, 17.0].map(|factor| Phi::of(factor).words("failures"));
    let some = |text: &str| Some(format!("failures come in {text}"));
    assert_eq!(words, [None, None, some("twos"), some("threes"), some("tens"), some("groups of 17")]);
    assert_eq!([Phi::of(0.1), Phi::of(f64::INFINITY)], [Phi::ONE, Phi::of(MOST)]);
}

#[test]
fn divided_counts_are_rounded_against_the_candidate() {
    let weighed = Weighed::default().plus(Counts::new(1000, 10), Phi::of(3.0)).plus(Counts::new(50, 1), Phi::ONE);
    assert_eq!(weighed, Weighed(383_333, 4_334));
    assert_eq!(Weighed::from(Counts::new(7, 2)).reals(), (2.0, 7.0));
    let all = Weighed::default().plus(Counts::new(1, 1), Phi::of(3.0)).reals();
    assert!(all.0 <= all.1, "{all:?}");
    assert!(Weighed::default().plus(Counts::new(u64::MAX, u64::MAX), Phi::ONE).reals().1 > 1e12);
}

#[test]
fn slow_answers_are_known_by_their_edge() {
    let window = |slow| [(10_000, 500), (100_000, slow)];
    let mut found = SlowClustering::default();
    for slow in failures(60, 20.0, 10) {
        found.look(1000, &window(slow), None);
    }
    let (low, high) = (found.at(10_000), found.at(100_000));
    assert!(low < Phi::of(1.1) && high > Phi::of(8.0), "{low:?} {high:?}");
    assert_eq!((found.of_objective(20_000) > Phi::of(8.0), found.at(7)), (true, Phi::of(UNTIL_KNOWN)));
    found.look(1000, &window(3), Some(Phi::of(4.0)));
    assert_eq!(found.at(100_000), Phi::of(4.0), "by hand it is the same everywhere");
    assert_eq!(SlowClustering::none().at(100_000), Phi::ONE);
}

proptest! {
    #[test]
    fn saved_and_loaded_it_is_the_same_and_small(
        windows in proptest::collection::vec((0..1_u64 << 40, 0..1_u64 << 40), 0..30),
    ) {
        let mut clustering = Clustering::default();
        for window in windows {
            clustering.look(window.into());
        }
        let text = serde_json::to_string(&clustering).unwrap();
        let loaded: Clustering = serde_json::from_str(&text).unwrap();
        prop_assert_eq!((loaded, loaded.against()), (clustering, clustering.against()));
        prop_assert!(text.len() < 80 && loaded.against() >= Phi::ONE && loaded.against() <= Phi::of(MOST), "{}", text);
    }
}
