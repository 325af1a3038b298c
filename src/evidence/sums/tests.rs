use super::super::classes::StatusCounts;
use super::super::clustering::Phi;
use super::super::flight::Flight;
use super::super::latency::Margin;
use super::super::objective::ObjectiveState;
use super::super::rules::Tail;
use super::super::rules::tests::rules;
use super::*;
use proptest::prelude::*;

pub(super) fn growth(table: Table, latency: Option<[Histogram; 2]>) -> Growth {
    let [stable, candidate] = latency.map_or([None, None], |h| h.map(Some));
    Growth { stable: Arm::new(table.stable, stable), candidate: Arm::new(table.candidate, candidate) }
}

const EDGES: [u64; 3] = [10_000, 100_000, 1_000_000];

fn histogram(total: u64, above: [u64; 3]) -> Histogram {
    Histogram { total, above: EDGES.into_iter().zip(above).collect() }
}

pub(super) fn sums(rules: &Rules) -> Sums {
    let mut sums = Sums::new(rules);
    sums.step((50, 50));
    sums
}

#[test]
fn the_two_comparisons_share_one_error() {
    let mut both = sums(&rules());
    let table = Table::of(500, 500, 5, 5);
    both.add(&[growth(table, None)], Window::Warm, &rules()).unwrap();
    let mut alone = Sums::new(&Rules { margin: crate::evidence::Margin::Off, ..rules() });
    alone.step((50, 50));
    alone.add(&[growth(table, None)], Window::Warm, &rules()).unwrap();
    // Without a word of what waits that has nothing to say, and its tenth is lost; statuses that are not told have a tenth of 1.
    let failures = alone.parts().0.exp();
    assert!((alone.ln_worse() - (0.8 * failures + 0.1).ln()).abs() < 1e-9);
    assert!((both.ln_worse() - (0.8 * (0.6 * failures + 0.4) + 0.1).ln()).abs() < 1e-9);
}

#[test]
fn warm_up_counts_for_failures_alone() {
    let slow = [histogram(500, [400, 0, 0]), histogram(500, [500, 490, 10])];
    let mut cold = sums(&rules());
    cold.add(&[growth(Table::of(500, 500, 0, 0), Some(slow.clone()))], Window::Cold, &rules()).unwrap();
    assert!((cold.ln_worse() - 0.9_f64.ln()).abs() < 1e-9 && cold.counted().candidate.requests == 500);
    let mut warm = sums(&rules());
    warm.add(&[growth(Table::of(500, 500, 0, 0), Some(slow))], Window::Warm, &rules()).unwrap();
    assert!(warm.ln_worse() > rules().worse_at());
    assert_eq!(warm.parts().1.unwrap().1, 100_000);
}

#[test]
fn windows_of_a_false_split_are_left_out() {
    let mut sums = sums(&rules());
    sums.add(&[growth(Table::of(900, 100, 400, 0), None)], Window::Warm, &rules()).unwrap();
    assert_eq!((sums.windows(), sums.at_step(), sums.fell_wrong()), (0, 0, Some((900, 100))));
    // It ends when requests fall as they should again, and the next window is judged.
    sums.add(&[growth(Table::of(500, 500, 0, 0), None)], Window::Warm, &rules()).unwrap();
    assert_eq!((sums.windows(), sums.at_step(), sums.fell_wrong()), (1, 500, None));
}

/// Somebody else's tests at the candidate's address are no users, while earlier requests still end as little as later.
#[test]
fn what_came_falls_wrong_while_earlier_requests_still_end_too() {
    let rules = rules();
    let window = |candidate, failed| {
        let mut window = growth(Table::of(candidate, 500, failed, 0), None);
        window.stable.flight = Some(Flight { arrived: 500, ..Flight::default() });
        window.candidate.flight = Some(Flight { arrived: candidate, failed, ..Flight::default() });
        window
    };
    let worse = |window: Growth| {
        let mut sums = sums(&rules);
        sums.add(&[window], Window::Draining, &rules).unwrap();
        (sums.ln_worse() > rules.worse_at(), sums.between().candidate.failures)
    };
    assert_eq!(worse(window(500, 400)), (true, 400), "as users fall");
    assert_eq!(worse(window(900, 400)), (false, 0), "more than the split explains");
}

#[test]
fn an_objective_for_latency_is_watched_beside_the_other() {
    let rules = Rules { tail: Some(Tail { part: 0.01, within: 90_000 }), ..rules() };
    let mut sums = sums(&rules);
    let slow = || [histogram(500, [400, 0, 0]), histogram(500, [400, 30, 0])];
    sums.add(&[growth(Table::of(500, 500, 0, 0), Some(slow()))], Window::Warm, &rules).unwrap();
    sums.add(&[growth(Table::of(500, 500, 0, 0), Some(slow()))], Window::Warm, &rules).unwrap();
    let found = sums.objective(&rules);
    assert_eq!(
        (found.state, found.which, found.counted.candidate),
        (ObjectiveState::Broken, Which::Latency, Counts::new(1000, 60))
    );
}

#[test]
fn the_bake_is_judged_by_itself() {
    let mut sums = sums(&rules());
    for _ in 0..50 {
        sums.add(&[growth(Table::of(500, 500, 0, 0), None)], Window::Warm, &rules()).unwrap();
    }
    sums.bake();
    sums.step((100, 0));
    sums.add(&[growth(Table::of(400, 0, 20, 0), None)], Window::Warm, &rules()).unwrap();
    assert_eq!(sums.objective(&rules()).state, ObjectiveState::Broken);
}

/// Half an hour without a failure, then one of twenty; and the same after a crash in between.
#[test]
fn a_clean_bake_hides_nothing_that_begins_in_it() {
    let rules = Rules { tail: Some(Tail { part: 0.01, within: 90_000 }), ..rules() };
    let window = |failed, slow| {
        growth(Table::of(1000, 0, failed, 0), Some([histogram(0, [0; 3]), histogram(1000, [500, slow, 0])]))
    };
    let mut clean = Sums::new(&rules);
    clean.step((100, 0));
    clean.bake();
    for _ in 0..180 {
        clean.add(&[window(0, 0)], Window::Warm, &rules).unwrap();
    }
    let loaded: Sums = serde_json::from_str(&serde_json::to_string(&clean).unwrap()).unwrap();
    for (bad, which) in [(window(50, 0), Which::Failures), (window(0, 50), Which::Latency)] {
        for mut sums in [clean.clone(), loaded.clone()] {
            assert_eq!(sums.objective(&rules).state, ObjectiveState::Kept);
            sums.add(std::slice::from_ref(&bad), Window::Warm, &rules).unwrap();
            let stands = sums.objective(&rules);
            let counts = stands.counted.candidate;
            assert_eq!((stands.state, stands.which, counts), (ObjectiveState::Broken, which, Counts::new(1000, 50)));
            assert_eq!(sums.whole_bake(which), Some(Counts::new(181_000, 50)));
        }
    }
}

/// What has begun a moment ago is not worse yet, and nobody takes the last step on it.
#[test]
fn no_last_step_while_the_evidence_of_worse_grows() {
    let rules = rules();
    let mut sums = sums(&rules);
    let mut add = |failed| {
        sums.add(&[growth(Table::of(5000, 5000, failed, 5), None)], Window::Warm, &rules).unwrap();
        let accepted = sums.ln_accepted(&rules) >= rules.accepted_at();
        (accepted, sums.ln_worse() >= rules.worse_at(), sums.leans())
    };
    for _ in 0..20 {
        add(5);
    }
    assert_eq!(add(5), (true, false, false));
    // Three and four times as many: the second says more than nothing said.
    let began = [add(15), add(20)];
    assert!(began.contains(&(true, false, true)), "{began:?}");
    let after = [add(5), add(5), add(5)].map(|(.., leans)| leans);
    assert_eq!(after, [true, true, false], "and a stray failure holds nothing up for long");
}

#[test]
fn in_the_bake_stable_is_neither_a_control_nor_an_excuse() {
    let mut sums = sums(&rules());
    sums.bake();
    sums.step((100, 0));
    // A request that hung at stable when everyone left it, and somebody who asks stable's own address.
    sums.add(&[growth(Table::of(400, 1, 0, 1), None)], Window::Warm, &rules()).unwrap();
    sums.add(
        &[growth(Table::of(400, 5000, 40, 0), Some([histogram(5000, [0; 3]), histogram(400, [400; 3])]))],
        Window::Warm,
        &rules(),
    )
    .unwrap();
    assert_eq!(sums.objective(&rules()).state, ObjectiveState::Broken);
    assert!(sums.ln_worse() < 1.0, "nothing is compared");
}

proptest! {
    #[test]
    fn saved_and_loaded_at_any_window_it_is_the_same(
        windows in proptest::collection::vec((0..300_u64, 0..300_u64, 0..9_u64, 0..9_u64), 1..12), cut in 0..12_usize,
    ) {
        let rules = Rules { tail: Some(Tail { part: 0.01, within: 90_000 }), ..rules() };
        let (mut straight, mut resumed) = (sums(&rules), sums(&rules));
        for (i, (n_c, n_b, k_c, k_b)) in windows.into_iter().enumerate() {
            let table = Table::of(n_c, n_b, k_c, k_b);
            let histograms = [histogram(n_b, [n_b, n_b / 2, 0]), histogram(n_c, [n_c, n_c / 3, 0])];
            let growths = [growth(table, Some(histograms)), growth(Table::of(n_b, n_c, k_b, k_c), None)];
            straight.add(&growths, Window::Warm, &rules).unwrap();
            if i == cut {
                resumed = serde_json::from_str(&serde_json::to_string(&resumed).unwrap()).unwrap();
            }
            let turned: Vec<Growth> = growths.into_iter().rev().collect();
            resumed.add(&turned, Window::Warm, &rules).unwrap();
        }
        prop_assert_eq!(&straight, &resumed);
        prop_assert_eq!(straight.ln_worse().to_bits(), resumed.ln_worse().to_bits());
    }
}

/// Ten seconds at half of all: these of users at each arm, and what others had at the candidate's own address.
fn beside(users: u64, failed: u64, others: u64) -> Growth {
    growth(Table::of(users + others, users, failed + others, 0), None)
}

fn known() -> Sums {
    let mut sums = Sums::new(&rules());
    sums.meet(Strangers::seen(Counts::new(60, 60), Duration::from_secs(60)).unwrap());
    sums.step((50, 50));
    sums
}

fn judged(mut sums: Sums, windows: &[Growth]) -> (f64, ObjectiveState) {
    for window in windows {
        sums.lasts(Duration::from_secs(10));
        sums.add(std::slice::from_ref(window), Window::Warm, &rules()).unwrap();
    }
    (sums.ln_worse(), sums.objective(&rules()).state)
}

/// Forty users and a monitor that fails each second, which the split cannot tell: what was seen of it before anyone was
/// moved is not held against the candidate.
#[test]
fn failures_that_others_may_have_had_are_not_held_against_the_candidate() {
    let windows = vec![beside(41, 0, 10); 60];
    // Three windows: where stable has not failed yet, failures are taken to come in twos.
    let (worse, objective) = judged(sums(&rules()), &windows[..3]);
    assert!(worse > 4.0 || objective == ObjectiveState::Broken, "nobody knows of them: {worse}");
    let (worse, objective) = judged(known(), &windows);
    assert_eq!(objective, ObjectiveState::Kept);
    assert!(worse < 1.0, "{worse}");
}

#[test]
fn a_candidate_that_fails_does_not_hide_behind_them() {
    let found = |(worse, objective)| worse >= rules().worse_at() || objective == ObjectiveState::Broken;
    // All fail, in the first window; a fifth, soon.
    assert!(found(judged(known(), &[beside(40, 40, 10)])));
    assert_eq!(judged(known(), &vec![beside(500, 100, 10); 2]).1, ObjectiveState::Broken);
    // At one of a hundred the split says that two of twenty are users' at least.
    let mut small = known();
    small.step((1, 99));
    let window = growth(Table::of(20, 990, 20, 0), None);
    assert_eq!(judged(small, &[window]).1, ObjectiveState::Broken);
}

#[test]
fn good_answers_that_others_may_have_had_prove_nothing() {
    let monitor = Strangers::seen(Counts::new(600, 0), Duration::from_secs(60)).unwrap();
    let after = |strangers: Option<&Strangers>, users, others| {
        let mut sums = Sums::new(&rules());
        if let Some(s) = strangers {
            sums.meet(s.clone());
        }
        sums.step((50, 50));
        for _ in 0..20 {
            sums.lasts(Duration::from_secs(10));
            sums.add(&[growth(Table::of(users + others, users, 0, 0), None)], Window::Warm, &rules()).unwrap();
        }
        (sums.ln_accepted(&rules()), sums.fell_wrong().is_some())
    };
    let (alone, _) = after(None, 150, 0);
    let (beside, wrong) = after(Some(&monitor), 150, 100);
    assert!(beside <= alone && !wrong, "{beside} {alone}");
    assert!(after(None, 150, 100).1, "others whom nobody knows are a false split");
}

/// What hangs has not ended, so that neither failures nor their acceptance know of it.
#[test]
fn what_hangs_is_found_worse_and_never_accepted() {
    let flight = |arrived, active| Flight { arrived, active, unanswered: active, ..Flight::default() };
    let after = |hangs: bool| {
        let mut sums = sums(&rules());
        for reading in 1..=20_u64 {
            let mut window = growth(Table::of(500, 500, 0, 0), None);
            window.stable.flight = Some(flight(500 * reading, 4));
            window.candidate.flight = Some(flight(500 * reading, if hangs { 4 + 5 * reading } else { 1 }));
            sums.add(&[window], Window::Warm, &rules()).unwrap();
        }
        let accepted = sums.ln_waits_no_longer(&rules()).unwrap() >= rules().accepted_at();
        assert!(sums.ln_accepted(&rules()) >= rules().accepted_at());
        (sums.ln_worse() >= rules().worse_at(), accepted)
    };
    assert_eq!((after(true), after(false)), ((true, false), (false, true)));
}

/// What each part costs and may: weights that sum to 1 whatever is told.
#[test]
fn client_errors_alone_send_a_release_back_and_are_told_as_the_reason() {
    let statuses = |client_errors| Some(StatusCounts { client_errors, grpc_failed: None });
    let refusing = |stable: u64, candidate: u64| Growth {
        stable: Arm { statuses: statuses(stable), ..Arm::new(Counts::new(950, 0), None) },
        candidate: Arm { statuses: statuses(candidate), ..Arm::new(Counts::new(50, 0), None) },
    };
    let judged = |of_stable, of_candidate| {
        let mut sums = Sums::new(&rules());
        sums.step((5, 95));
        sums.add(&[refusing(of_stable, of_candidate)], Window::Warm, &rules()).unwrap();
        sums
    };
    let (good, bad) = (judged(10, 1), judged(10, 50));
    assert!(good.ln_worse() < 0.1 && !good.is_by_status());
    assert!(bad.ln_worse() > rules().worse_at() + 50.0 && bad.is_by_status());
    // No failure: neither the objective nor what is printed of failures knows of them.
    assert_eq!(bad.objective(&rules()).state, ObjectiveState::Kept);
    assert_eq!(bad.counted().candidate, Counts::new(50, 0));
    let text = serde_json::to_string(&bad).unwrap();
    assert_eq!(serde_json::from_str::<Sums>(&text).unwrap(), bad);
    // Everyone is on the candidate: what still ends at stable is no control, and what was is not added to.
    let mut baking = bad.clone();
    baking.step((100, 0));
    baking.add(&[refusing(0, 50)], Window::Warm, &rules()).unwrap();
    assert_eq!(baking.statuses().loudest(), bad.statuses().loudest());
}

#[test]
fn a_window_is_divided_by_what_stable_showed_in_the_windows_before_it() {
    let rules = Rules { margin: Margin::Off, ..rules() };
    let (mut sums, mut expected) = (sums(&rules), Starts::default());
    for (failed, of_stable) in [(0, 5), (1, 0), (5, 10), (40, 0), (0, 5), (0, 0), (2, 10), (0, 0)] {
        let table = Table::of(500, 500, failed, of_stable);
        expected.add_beyond(table, 1.0, sums.phi(&rules)).unwrap();
        expected.close().unwrap();
        sums.add(&[growth(table, None)], Window::Warm, &rules).unwrap();
    }
    assert_eq!(sums.failures, expected);
    assert_eq!(sums.clustered(&rules).map(|words| words.starts_with("failures come in ")), Some(true));
    let alone = Rules { clustering: Some(Phi::ONE), ..rules };
    assert_eq!((sums.phi(&alone), sums.clustered(&alone)), (Phi::ONE, None), "by hand it is what was said");
}

/// At a share of 1 % five failures at once are much, unless stable's come so too.
#[test]
fn groups_of_failures_that_stable_has_as_well_condemn_nobody() {
    let rules = rules();
    let worse = |of_stable: [u64; 8]| {
        let mut sums = sums(&rules);
        sums.step((1, 99));
        for failed in of_stable {
            sums.add(&[growth(Table::of(10, 990, 0, failed), None)], Window::Warm, &rules).unwrap();
        }
        sums.add(&[growth(Table::of(10, 990, 5, 5), None)], Window::Warm, &rules).unwrap();
        sums.ln_worse() >= rules.worse_at()
    };
    assert!(worse([5, 6, 5, 4, 6, 5, 5, 4]));
    assert!(!worse([5, 10, 0, 5, 15, 0, 5, 0]), "as many failures, in fives");
}

/// What stable did decides it: a candidate cannot make its own failures count less.
#[test]
fn the_candidate_has_no_part_in_how_failures_count() {
    let rules = rules();
    let phi = |of_candidate: [u64; 6]| {
        let mut sums = sums(&rules);
        for (failed, of_stable) in of_candidate.into_iter().zip([3, 5, 4, 6, 2, 4]) {
            sums.add(&[growth(Table::of(500, 500, failed, of_stable), None)], Window::Warm, &rules).unwrap();
        }
        sums.phi(&rules)
    };
    assert_eq!(phi([0; 6]), phi([0, 400, 0, 400, 0, 400]));
}

#[test]
fn just_after_a_step_a_few_failures_are_not_compared_and_count_otherwise() {
    let rules = Rules { margin: Margin::Off, ..rules() };
    let judged = |just: Option<u64>, failed| {
        let mut sums = sums(&rules);
        for _ in 0..3 {
            sums.just_moved(just);
            sums.add(&[growth(Table::of(500, 500, failed, 0), None)], Window::Cold, &rules).unwrap();
        }
        (
            sums.ln_worse() >= rules.worse_at(),
            sums.excused(),
            sums.counted().candidate.failures,
            sums.ln_accepted(&rules),
        )
    };
    let (excused, counted) = (judged(Some(25), 8), judged(None, 8));
    assert_eq!((excused.0, excused.1, excused.2), (false, 24, 24));
    assert_eq!((counted.0, counted.1), (true, 0));
    assert_eq!(excused.3.to_bits(), counted.3.to_bits(), "the last step needs the same proof");
    assert_eq!((judged(Some(10), 8).0, judged(Some(10), 8).1), (false, 10), "fourteen that are left may come in twos");
    assert!(judged(Some(25), 250).0, "what fails often is found by the rest");
}
