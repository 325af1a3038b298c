use super::*;
use proptest::prelude::*;

fn nats(value: f64) -> Nats {
    Nats::floor(value).unwrap()
}

/// `E` by the definition: the weighted sum over starts of the products from there on, and what is not given out.
fn slow(windows: &[f64]) -> f64 {
    let products = (0..windows.len()).map(|from| weight(from as u64) * windows[from..].iter().sum::<f64>().exp());
    (products.sum::<f64>() + rest(windows.len() as u64)).ln()
}

fn fast(windows: &[f64]) -> Mixture<1> {
    let mut mixture = Mixture::default();
    for window in windows {
        mixture.close([nats(*window)]).unwrap();
    }
    mixture
}

#[test]
fn weights_sum_to_one() {
    let mut given = 0.0;
    for n in 0..5000 {
        given += weight(n);
        assert!((given + rest(n + 1) - 1.0).abs() < 1e-12, "after {n} windows");
    }
    assert!((weight(0) - 0.754_098).abs() < 1e-6 && (weight(180) - 2.593e-4).abs() < 1e-7, "{}", weight(180));
}

/// Nothing is known before the first window, and one that says nothing takes no weight.
#[test]
fn nothing_said_is_nothing_added() {
    let mut mixture = fast(&[]);
    for _ in 0..100 {
        mixture.close([Nats::ZERO]).unwrap();
    }
    assert_eq!(mixture, Mixture::default());
    assert!(mixture.ln_e(1).abs() < 1e-15);
}

#[test]
fn by_hand() {
    // 0.7541 of the weight begins with the first window, 0.2459 is left.
    assert!((fast(&[2.0]).ln_e(1) - (0.754_098_36 * 2.0_f64.exp() + 0.245_901_64).ln()).abs() < 1e-8);
    // Nine clean windows, then two bad ones: one product is at e^-9 e^10, the starts after them have the rest.
    let windows = [[-1.0; 9].as_slice(), &[5.0, 5.0]].concat();
    let late = fast(&windows).ln_e(1);
    assert!((late - slow(&windows)).abs() < 1e-8 && late > 4.3, "{late}");
}

#[test]
fn since_when_matters() {
    let (early, late) = (fast(&[3.0, -3.0]), fast(&[-3.0, 3.0]));
    assert_ne!(early, late);
    // What is over counts as much as what is outweighed, what goes on counts more.
    assert!(late.ln_e(1) > early.ln_e(1));
}

/// An hour of windows in which a hundredth fails at both, then three times as many at the candidate.
#[test]
fn a_clean_past_does_not_hide_what_began() {
    let (mut one, mut starts) = (Comparison::default(), Starts::default());
    for _ in 0..360 {
        let table = Table::of(500, 500, 5, 5);
        one.add(table).unwrap();
        starts.add(table).unwrap();
        starts.close().unwrap();
    }
    let until = |worse: &mut dyn FnMut() -> f64| (1..=500).find(|_| worse() >= 100.0_f64.ln());
    let bad = Table::of(500, 500, 15, 5);
    let alone = until(&mut || {
        one.add(bad).unwrap();
        one.ln_e()
    });
    let with_starts = until(&mut || {
        starts.add(bad).unwrap();
        starts.close().unwrap();
        starts.ln_e()
    });
    assert_eq!((alone, with_starts), (Some(49), Some(6)));
}

#[test]
fn sums_of_builds_before_are_begun_anew() {
    let before = "[123,-456,789,0,0,0,0]";
    assert_eq!(serde_json::from_str::<Starts>(before).unwrap(), Starts::default());
    assert!(serde_json::from_str::<Starts>("[3,[1,2]]").unwrap() == Starts::default(), "a sum for each alternative");
    assert!(serde_json::from_str::<Starts>("\"nothing\"").is_err());
}

#[test]
fn what_is_no_number_is_trouble() {
    assert_eq!(fast(&[1.0]).close([nats(1e30)]), Ok(()));
    assert!(Nats::floor(f64::NAN).is_err());
    // At the ends of what fits it stays finite.
    let mut mixture = fast(&[1e30, 1e30]);
    mixture.close([nats(-1e30)]).unwrap();
    assert!(fast(&[-1e30, -1e30, 3.0]).ln_e(1).is_finite() && mixture.ln_e(1).is_finite());
}

/// A window of at most sixty requests with at most eight failures.
fn table() -> impl Strategy<Value = Table> {
    (1..30_u64, 1..30_u64, 0..4_u64, 0..4_u64)
        .prop_map(|(n_c, n_b, k_c, k_b)| Table::of(n_c, n_b, k_c.min(n_c), k_b.min(n_b)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn it_is_the_weighted_sum_and_never_more(windows in proptest::collection::vec(-20.0..20.0_f64, 0..80)) {
        let (exact, kept) = (slow(&windows), fast(&windows).ln_e(1));
        prop_assert!(kept <= exact + 1e-12 && kept >= exact - 1e-8, "{kept} {exact}");
    }

    #[test]
    fn the_order_of_gateways_within_a_window_does_not_matter(
        windows in proptest::collection::vec(proptest::collection::vec(table(), 1..5), 1..6), turn in 0..5_usize,
    ) {
        let (mut there, mut turned) = (Starts::default(), Starts::default());
        for window in &windows {
            let mut other = window.clone();
            other.rotate_left(turn % window.len());
            for (a, b) in window.iter().zip(&other) {
                there.add(*a).unwrap();
                turned.add(*b).unwrap();
            }
            there.close().unwrap();
            turned.close().unwrap();
        }
        prop_assert_eq!(there, turned);
    }

    #[test]
    fn saved_and_loaded_at_any_window_it_is_the_same(tables in proptest::collection::vec(table(), 1..20), cut in 0..20_usize) {
        let (mut straight, mut resumed) = (Starts::default(), Starts::default());
        for (i, table) in tables.into_iter().enumerate() {
            if i == cut {
                resumed = serde_json::from_str(&serde_json::to_string(&resumed).unwrap()).unwrap();
            }
            for starts in [&mut straight, &mut resumed] {
                starts.add(table).unwrap();
                starts.close().unwrap();
            }
        }
        prop_assert_eq!(straight, resumed);
        prop_assert_eq!(straight.ln_e().to_bits(), resumed.ln_e().to_bits());
    }
}

/// Whatever came before, the mean of what follows is what stands: over every outcome of a window, as random assignment
/// weighs it.
#[test]
fn given_the_past_and_the_totals_its_mean_does_not_grow() {
    use super::super::logs::ln_choose;
    let (n_c, n_b, k) = (12, 40, 9);
    for past in [vec![], vec![Table::of(20, 20, 5, 0)], vec![Table::of(20, 20, 0, 5); 30]] {
        let mut before = Starts::default();
        for table in past {
            before.add(table).unwrap();
            before.close().unwrap();
        }
        let mean: f64 = (0..=k)
            .map(|x| {
                let ways = ln_choose(n_c, x) + ln_choose(n_b, k - x) - ln_choose(n_c + n_b, k);
                let mut after = before;
                after.add(Table::of(n_c, n_b, x, k - x)).unwrap();
                after.close().unwrap();
                (ways + after.ln_e()).exp()
            })
            .sum();
        assert!(mean <= before.ln_e().exp() * (1.0 + 1e-12) && mean > before.ln_e().exp() * 0.999_999, "{mean}");
    }
}
