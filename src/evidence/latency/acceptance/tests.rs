use super::super::super::clustering::SlowClustering;
use super::super::{Histogram, Latency};
use super::*;
use crate::evidence::logs::ln_choose;
use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

const ODDS: f64 = 4.0;

fn needed() -> f64 {
    20.0_f64.ln()
}

/// So many times the odds of `p`.
fn worse(p: f64, odds: f64) -> f64 {
    odds * p / (1.0 - p + odds * p)
}

/// One window of answers, each slower than the edge with its arm's probability.
fn after(table: Table) -> f64 {
    let mut sums = EdgeSums::default();
    sums.add(&[table], 0, Margin::default(), Phi::ONE).unwrap();
    sums.ln_e(ODDS, Phi::ONE).unwrap()
}

/// Over all outcomes of two small arms; the candidate's and stable's parts beyond the edge.
fn mean(p_c: f64, p_b: f64) -> f64 {
    let (n_c, n_b) = (30_u64, 24_u64);
    let law = |n: u64, k: u64, p: f64| (ln_choose(n, k) + real(k) * p.ln() + real(n - k) * (-p).ln_1p()).exp();
    let all = (0..=n_c).flat_map(|k_c| (0..=n_b).map(move |k_b| (k_c, k_b)));
    all.map(|(k_c, k_b)| law(n_c, k_c, p_c) * law(n_b, k_b, p_b) * after(Table::of(n_c, n_b, k_c, k_b)).exp()).sum()
}

#[test]
fn of_a_materially_slower_candidate_its_mean_is_at_most_one() {
    for p_b in [0.01, 0.05, 0.2, 0.5] {
        let p_c = worse(p_b, ODDS);
        assert!(p_c > floor(ODDS) - 1e-12 && mean(p_c, p_b) <= 1.0 + 1e-9, "at {p_b}: {}", mean(p_c, p_b));
        assert!(mean(worse(p_b, 2.0 * ODDS), p_b) <= 1.0 + 1e-9);
        assert!(mean(p_b, p_b) > 1.1, "and of one that is as quick it grows");
    }
    // What is beyond an edge that stable never reaches is beyond the odds, too.
    assert!(mean(floor(ODDS), 1e-9) <= 1.0 + 1e-9);
}

#[test]
fn each_of_three_ways_passes_an_edge() {
    // Stable's median and below, where slow answers are nearly all of both: nothing can be told by odds, nor needs to be.
    assert!(after(Table::of(1000, 1000, 1000, 1000)) > needed());
    // Answers on both sides of the edge.
    assert!(after(Table::of(400, 400, 80, 80)) > needed());
    // Nobody is as slow.
    assert!(after(Table::of(400, 400, 0, 0)) > needed());
    // At the margin it is accepted.
    assert!(after(Table::of(2000, 2000, 540, 400)) > needed());
    for slower in [Table::of(400, 400, 200, 80), Table::of(400, 400, 400, 0), Table::of(400, 400, 60, 16)] {
        assert!(after(slower) < 0.0, "{slower:?}");
    }
}

fn histogram(total: u64, above: [u64; 3]) -> Histogram {
    Histogram { total, above: [50_000, 100_000, 250_000].into_iter().zip(above).collect() }
}

fn latency(margin: Margin, windows: u64, stable: &Histogram, candidate: &Histogram, foreign: u64) -> Latency {
    let mut latency = Latency::default();
    for window in 1..=windows {
        latency.add(stable, candidate, margin).unwrap();
        latency.prove(&[(stable, candidate)], foreign * window, margin, &SlowClustering::none()).unwrap();
    }
    latency
}

fn ln(margin: Margin, stable: &Histogram, candidate: &Histogram, foreign: u64) -> (f64, u64) {
    latency(margin, 4, stable, candidate, foreign).ln_accepted(margin, &SlowClustering::none()).unwrap()
}

#[test]
fn one_edge_alone_holds_it_back() {
    let odds = Margin::default();
    let stable = histogram(250, [120, 25, 2]);
    assert!(ln(odds, &stable, &histogram(250, [125, 25, 3]), 0).0 > needed());
    let (ln_e, edge) = ln(odds, &stable, &histogram(250, [125, 70, 3]), 0);
    assert!(ln_e < 0.0 && edge == 100_000);
    // All of stable's between two edges, and the candidate's beyond the second, which is none of stable's percentiles.
    let (ln_e, edge) = ln(odds, &histogram(250, [250, 0, 0]), &histogram(250, [250, 250, 0]), 0);
    assert!(ln_e < 0.0 && edge == 100_000);
    // With a margin of an edge it is no slower.
    assert!(ln(Margin::Edges(1), &stable, &histogram(250, [125, 70, 3]), 0).0 > needed());
    assert_eq!(Latency::default().ln_accepted(odds, &SlowClustering::none()), None);
}

/// A monitor of the candidate's own address, answered at once.
#[test]
fn others_quick_answers_prove_nothing() {
    let (stable, users) = (histogram(250, [120, 25, 2]), histogram(100, [95, 60, 10]));
    let seen = Histogram { total: 1000, above: users.above.clone() };
    assert!(ln(Margin::default(), &stable, &users, 0).0 < 0.0);
    assert!(ln(Margin::default(), &stable, &seen, 0).0 > needed(), "they hide it");
    assert!(ln(Margin::default(), &stable, &seen, 900).0 < 0.0);
    // What was not there to be taken off in one window is taken off in a later one.
    let mut sums = EdgeSums::default();
    sums.add(&[Table::of(10, 100, 4, 40)], 50, Margin::default(), Phi::ONE).unwrap();
    sums.add(&[Table::of(100, 100, 4, 40)], 50, Margin::default(), Phi::ONE).unwrap();
    assert_eq!((sums.slow, sums.quick, sums.others), (8, 6 + 96 - 50, 50));
    // Of two gateways it may be each one.
    let mut two = EdgeSums::default();
    two.add(&[Table::of(100, 100, 0, 0), Table::of(20, 100, 0, 0)], 50, Margin::default(), Phi::ONE).unwrap();
    assert_eq!((two.quick, two.others), (50, 20));
}

/// Windows of 100 answers each, half of them of the candidate, until it is accepted; none within `most`.
fn accepted_after(chance: &mut SmallRng, (p_c, p_b): ([f64; 3], [f64; 3]), most: u64) -> Option<u64> {
    let margin = Margin::default();
    let mut draw = |n: u64, p: [f64; 3]| {
        let times: Vec<f64> = (0..n).map(|_| chance.random::<f64>()).collect();
        histogram(n, p.map(|p| times.iter().filter(|t| **t < p).count() as u64))
    };
    let mut latency = Latency::default();
    (1..=most).find(|_| {
        let (stable, candidate) = (draw(50, p_b), draw(50, p_c));
        latency.add(&stable, &candidate, margin).unwrap();
        latency.prove(&[(&stable, &candidate)], 0, margin, &SlowClustering::none()).unwrap();
        latency.ln_accepted(margin, &SlowClustering::none()).is_some_and(|(ln, _)| ln >= needed())
    })
}

/// However often one looks: a simulation of 300 walks with 80 windows each.
#[test]
fn four_times_the_odds_at_one_edge_pass_seldom_and_an_equal_one_always() {
    let mut chance = SmallRng::seed_from_u64(7);
    let stable = [0.6, 0.25, 0.02];
    let mut passed = 0;
    for _ in 0..300 {
        let slower = [0.6, worse(0.25, ODDS), worse(0.02, ODDS)];
        passed += u32::from(accepted_after(&mut chance, (slower, stable), 80).is_some());
    }
    assert!(passed <= 15, "{passed} of 300");
    let mut windows = 0;
    for _ in 0..100 {
        windows += accepted_after(&mut chance, (stable, stable), 80).expect("as quick as stable");
    }
    assert!((500..2000).contains(&windows), "{windows}: some 500 answers of each");
}

fn table() -> impl Strategy<Value = Table> {
    (1..2000_u64, 1..2000_u64, 0.0..1.0_f64, 0.0..1.0_f64).prop_map(|(n_c, n_b, p_c, p_b)| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a small count")]
        let part = |n: u64, p: f64| (real(n) * p * p) as u64;
        Table::of(n_c, n_b, part(n_c, p_c), part(n_b, p_b))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn more_that_may_be_others_never_speak_for_it(
        windows in proptest::collection::vec(table(), 1..5), fewer in 0..2000_u64, more in 0..2000_u64,
    ) {
        let with = |foreign| {
            let mut sums = EdgeSums::default();
            for table in &windows {
                sums.add(&[*table], foreign, Margin::default(), Phi::ONE).unwrap();
            }
            sums.ln_e(ODDS, Phi::ONE).unwrap()
        };
        // A window of which all quick answers are taken off may leave no choice, and then says nothing.
        prop_assert!(with(fewer + more) <= with(fewer).max(0.0) + 1e-7);
    }

    #[test]
    fn saved_and_loaded_it_is_the_same_and_small(counts in proptest::collection::vec(0..90_000_u64, 38..39)) {
        let above = |shift: usize| {
            let mut above: Vec<u64> = counts.iter().copied().skip(shift).take(19).collect();
            above.sort_unstable_by(|a, b| b.cmp(a));
            let edges = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000];
            Histogram { total: 100_000, above: edges.into_iter().map(|ms| ms * 1000).zip(above).collect() }
        };
        let margin = Margin::default();
        let mut latency = latency(margin, 3, &above(0), &above(19), 0);
        latency.close().unwrap();
        let text = serde_json::to_string(&latency).unwrap();
        let without = serde_json::to_string(&Latency { accepted: vec![], ..latency.clone() }).unwrap();
        prop_assert!(text.len() - without.len() < 1000, "{} of {} bytes", text.len() - without.len(), text.len());
        let loaded: Latency = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&loaded, &latency);
        // A record of before has none, and they begin with the next window.
        let old: Latency = serde_json::from_str(&without).unwrap();
        prop_assert_eq!(old.ln_accepted(margin, &SlowClustering::none()), None);
    }
}
