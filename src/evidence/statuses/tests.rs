use super::super::rules::tests::rules;
use super::*;

/// Requests of the candidate and of stable, client errors of both.
fn window(n_c: u64, n_b: u64, of_c: u64, of_b: u64) -> Growth {
    let arm = |n, client_errors| Arm {
        statuses: Some(StatusCounts { client_errors, grpc_failed: None }),
        ..Arm::new(Counts::new(n, 0), None)
    };
    Growth { stable: arm(n_b, of_b), candidate: arm(n_c, of_c) }
}

/// The same with calls that the server failed.
fn calls(n_c: u64, n_b: u64, of_c: Option<u64>, of_b: Option<u64>) -> Growth {
    let arm = |n, grpc_failed| Arm {
        statuses: Some(StatusCounts { client_errors: 0, grpc_failed }),
        ..Arm::new(Counts::new(n, 0), None)
    };
    Growth { stable: arm(n_b, of_b), candidate: arm(n_c, of_c) }
}

fn after(windows: &[Growth], rules: &Rules) -> Statuses {
    let mut statuses = Statuses::default();
    for window in windows {
        statuses.add(std::slice::from_ref(window), 0, None, rules).unwrap();
    }
    statuses
}

#[test]
fn a_window_at_a_margin_by_the_formula() {
    let table = Table::of(50, 950, 3, 10);
    let mut sums = [Nats::ZERO; GRID.len()];
    add_more(&mut sums, table, 2.0, Phi::ONE).unwrap();
    for (sum, psi) in sums.iter().zip(GRID) {
        let wanted = super::super::comparison::exact(table, 2.0, 2.0 * psi);
        assert!((sum.value() - wanted).abs() < 1e-9, "{psi}");
    }
}

/// Over every outcome of a window, weighted as its law weighs it: at the margin the mean is 1, below it is less, and what is
/// no difference at all (a scanner that meets both) is far below.
#[test]
fn its_mean_is_one_at_the_margin_and_less_below() {
    let (n_c, n_b, k) = (12, 40, 9);
    for (odds, lowest, highest) in [(2.0, 1.0 - 1e-9, 1.0 + 1e-9), (1.5, 0.0, 0.99), (1.0, 0.0, 0.98)] {
        for place in 0..GRID.len() {
            let mean: f64 = (0..=k)
                .map(|x| {
                    let table = Table::of(n_c, n_b, x, k - x);
                    let ways = super::super::logs::ln_choose(n_c, x) + super::super::logs::ln_choose(n_b, k - x);
                    let weight = (ways + real(x) * f64::ln(odds) - ln_z(table, odds)).exp();
                    let mut sums = [Nats::ZERO; GRID.len()];
                    add_more(&mut sums, table, 2.0, Phi::ONE).unwrap();
                    weight * sums[place].value().exp()
                })
                .sum();
            assert!((lowest..=highest).contains(&mean), "odds {odds}, {}: {mean}", GRID[place]);
        }
    }
}

#[test]
fn a_release_that_answers_404_to_everything_is_found_in_its_first_requests_and_never_accepted() {
    // A share of 5 %, and stable has none of them, some, or a fifth.
    for of_stable in [0, 9, 180] {
        let found =
            (1..=50_u64).find(|n| after(&[window(*n, n * 19, *n, of_stable * n / 50)], &rules()).ln_worse() > 7.0);
        assert!(found.is_some_and(|n| n <= if of_stable > 100 { 24 } else { 8 }), "{found:?} beside {of_stable}");
        let all = after(&[window(1000, 19_000, 1000, of_stable * 20)], &rules());
        assert!(all.ln_accepted(&rules()).unwrap().1 < -100.0, "it is excluded that this is accepted");
    }
}

#[test]
fn what_is_tolerated_is_no_worse_and_is_accepted() {
    for (of_c, of_b) in [
        // As many, a fifth of all.
        (2000, 2000),
        // Not twice the odds.
        (190, 100),
        // Many times stable's, and fewer than the objective lets fail.
        (80, 0),
    ] {
        let judged = after(&[window(10_000, 10_000, of_c, of_b)], &rules());
        assert!(judged.ln_worse() < 1.0, "{of_c} beside {of_b}: {}", judged.ln_worse());
        assert!(judged.ln_accepted(&rules()).unwrap().1 > rules().accepted_at(), "{of_c} beside {of_b}");
    }
    // More of both, or off.
    let more = [window(10_000, 10_000, 500, 100)];
    let alone = Rules { clustering: Some(Phi::ONE), ..rules() };
    let (one_by_one, unknown) = (after(&more, &alone).ln_worse(), after(&more, &rules()).ln_worse());
    assert!(one_by_one > 20.0 && unknown > 10.0, "{one_by_one} {unknown}");
    let off = after(&more, &Rules { client_error_margin: None, ..rules() });
    assert!(off.is_nothing() && off.ln_worse().abs() < 1e-12 && off.ln_accepted(&rules()).is_none());
}

/// A twentieth of the requests that failures need, because twenty times their rate is tolerated.
#[test]
fn where_there_are_none_they_are_excluded_long_before_failures_are() {
    let accepted =
        |n| after(&[window(n, 9 * n, 0, 0)], &rules()).ln_accepted(&rules()).unwrap().1 >= rules().accepted_at();
    assert!(accepted(225) && !accepted(224));
}

#[test]
fn calls_that_the_server_failed_have_no_margin_and_are_told_beside_client_errors() {
    let alone = Rules { clustering: Some(Phi::ONE), ..rules() };
    let judged = after(&[calls(500, 500, Some(20), Some(1))], &alone);
    let (outcome, ln, counted) = judged.loudest().unwrap();
    assert_eq!((outcome, counted), (StatusOutcome::GrpcFailed, Table::of(500, 500, 20, 1)));
    assert!(ln > 7.0 && (judged.ln_worse() - (ln - std::f64::consts::LN_2)).abs() < 0.01);
    // An arm of which none is told had none; of neither: the source does not tell.
    assert!(after(&[calls(500, 500, Some(20), None)], &alone).ln_worse() > 7.0);
    assert!(after(&[calls(500, 500, None, None)], &rules()).sums(StatusOutcome::GrpcFailed).is_none());
    // They are excluded by as many requests as failures are.
    let accepted =
        |n| after(&[calls(n, n, Some(0), Some(0))], &rules()).ln_accepted(&rules()).unwrap().1 >= rules().accepted_at();
    assert!(accepted(4534) && !accepted(4533));
}

/// A pod that dies takes all its calls with it.
#[test]
fn calls_that_fail_together_at_stable_as_well_condemn_nobody() {
    let worse = |of_stable: [u64; 8]| {
        let mut windows: Vec<Growth> =
            of_stable.into_iter().map(|failed| calls(500, 500, Some(0), Some(failed))).collect();
        windows.push(calls(500, 500, Some(20), Some(0)));
        after(&windows, &rules()).ln_worse()
    };
    let (alone, groups) = (worse([2, 3, 2, 3, 2, 3, 2, 3]), worse([0, 20, 0, 0, 0, 0, 0, 0]));
    assert!(groups < alone / 2.0, "{groups}, {alone}");
}

/// A pod that has reached its limit of requests refuses all that it gets, and so does the candidate's.
#[test]
fn refusals_that_come_together_at_stable_as_well_condemn_nobody() {
    let windows = |of_stable: [u64; 8], last: Growth| {
        let all = of_stable.into_iter().map(|refused| window(500, 500, refused / 2, refused)).chain([last]);
        all.collect::<Vec<_>>()
    };
    let worse = |of_stable| after(&windows(of_stable, window(500, 500, 60, 0)), &rules());
    let (alone, groups) = (worse([3, 2, 3, 2, 3, 2, 3, 2]), worse([0, 20, 0, 0, 0, 20, 0, 0]));
    assert!(groups.ln_worse() < alone.ln_worse() / 2.0, "{}, {}", groups.ln_worse(), alone.ln_worse());
    // In fives at most: a scanner, whose requests fall to both, leaves enough of what refuses everything.
    let everything = || window(500, 500, 500, 0);
    let mut scanned = windows([0, 40, 0, 0, 40, 0, 40, 0], everything());
    scanned.push(everything());
    let scanned = after(&scanned, &rules());
    assert_eq!(scanned.together(StatusOutcome::ClientErrors, &rules()), Some(Phi::of(MOST_TOGETHER)));
    assert!(scanned.ln_worse() > 20.0, "{}", scanned.ln_worse());
    let by_hand = Rules { clustering: Some(Phi::of(50.0)), ..rules() };
    assert_eq!(scanned.together(StatusOutcome::ClientErrors, &by_hand), Some(Phi::of(50.0)));
    // What is tolerated of the rate is held against as few causes: 30 of 1,000 where 10 are.
    let few = |rules: &Rules| after(&[window(1000, 1000, 30, 0)], rules).ln_worse();
    assert!(few(&rules()) < few(&Rules { clustering: Some(Phi::ONE), ..rules() }) * 0.7);
}

#[test]
fn what_may_be_others_speaks_neither_against_the_candidate_nor_for_it() {
    let mut judged = Statuses::default();
    judged.add(&[window(500, 500, 30, 0)], 30, None, &rules()).unwrap();
    assert_eq!(judged.loudest(), None);
    let mut judged = Statuses::default();
    judged.add(&[window(300, 2700, 0, 0)], 100, None, &rules()).unwrap();
    assert!(judged.ln_accepted(&rules()).unwrap().1 < rules().accepted_at());
}

#[test]
fn saved_and_loaded_it_is_the_same_and_small() {
    let mut judged = after(&[window(5000, 45_000, 812, 3000)], &rules());
    judged.add(&[calls(500, 4500, Some(3), Some(30))], 1, None, &rules()).unwrap();
    let text = serde_json::to_string(&judged).unwrap();
    assert_eq!(serde_json::from_str::<Statuses>(&text).unwrap(), judged);
    assert!(text.len() < 520, "{} bytes: {text}", text.len());
}
