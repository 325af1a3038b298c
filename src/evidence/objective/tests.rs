use super::*;

/// One hundred requests a second, in windows of ten seconds; what falls to the candidate, and how often each fails.
struct Users {
    seed: u64,
    a_second: f64,
}

impl Users {
    /// A number between 0 and 1 (xorshift).
    fn chance(&mut self) -> f64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        real(self.seed >> 24) / real(1 << 40)
    }

    fn of(&mut self, share: f64, rate: f64) -> Counts {
        let all = self.a_second * 10.0 * share;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small, and not negative")]
        let requests = all.round() as u64;
        // The gaps between failures, since most requests do not fail (a Poisson process).
        let (mut left, mut failures) = (all, 0);
        loop {
            left += self.chance().max(1e-12).ln() / rate.max(1e-12);
            if left < 0.0 {
                return Counts::new(requests, failures);
            }
            failures += 1;
        }
    }

    /// A window at this share of the candidate, where stable fails so often and the candidate so often.
    fn window(&mut self, share: f64, stable: f64, candidate: f64) -> Table {
        Table { stable: self.of(1.0 - share, stable), candidate: self.of(share, candidate) }
    }
}

const BAR: Bar = Bar { limit: 0.01, needed: 4.605_170_186, alone: false };

fn after(windows: &[Table]) -> ObjectiveWatch {
    let mut watch = ObjectiveWatch::default();
    for window in windows {
        watch.add(*window, &BAR).unwrap();
    }
    watch
}

#[test]
fn by_hand() {
    for (failures, requests, limit, wanted) in [
        (5, 100, 0.01, 2.906_603_501),
        (20, 1000, 0.01, 2.529_303_133),
        (30, 1000, 0.01, 11.328_779_675),
        (0, 1000, 0.01, -4.397_616_039),
        (7, 2000, 0.001, 2.456_866_637),
    ] {
        let value = ln_e(Counts::new(requests, failures), limit, Phi::ONE);
        assert!((value - wanted).abs() < 1e-8, "{failures} of {requests}: {value}");
    }
    assert!(ln_e(Counts::new(10, 10), 0.9, Phi::ONE).abs() < 1e-12, "nothing above 0.9 is looked for");
}

#[test]
fn where_failures_come_together_it_takes_as_many_more() {
    let (alone, threes) = (Counts::new(100, 5), Counts::new(300, 15));
    assert!((ln_e(threes, 0.01, Phi::of(3.0)) - ln_e(alone, 0.01, Phi::ONE)).abs() < 1e-9);
    let mut watch = ObjectiveWatch::default();
    watch.clustered(Phi::of(3.0));
    watch.add(Table::of(100, 9000, 9, 0), &BAR).unwrap();
    assert_eq!(watch.standing(&BAR), ObjectiveState::Kept);
    watch.add(Table::of(100, 9000, 30, 0), &BAR).unwrap();
    assert_eq!(watch.standing(&BAR), ObjectiveState::Broken);
}

#[test]
fn restarts_share_one_error() {
    let sum: f64 = (0..100_000).map(part).sum();
    assert!(sum <= 1.0 && sum > 0.999, "{sum}");
    let needed = |incidents| ObjectiveWatch { incidents, ..ObjectiveWatch::default() }.needed(&BAR);
    assert!((needed(0) - 125.0_f64.ln()).abs() < 1e-6 && (needed(1) - 1000.0_f64.ln()).abs() < 1e-6);
    let alone = Bar { alone: true, ..BAR };
    assert!((ObjectiveWatch::default().needed(&alone) - BAR.needed).abs() < 1e-12, "a bake has no incidents of both");
}

#[test]
fn a_candidate_alone_breaks_it_where_stable_is_shown_to_keep_it() {
    let good = Table::of(1000, 9000, 1, 9);
    assert_eq!(after(&[good, Table::of(100, 900, 30, 0)]).standing(&BAR), ObjectiveState::Broken);
    assert_eq!(after(&[good; 5]).standing(&BAR), ObjectiveState::Kept);
    // A few good requests of stable's are no proof that it keeps it.
    let few = Table::of(900, 25, 45, 0);
    assert_eq!(after(&[good, few]).standing(&BAR), ObjectiveState::Leaning);
    assert_eq!(after(&[vec![good], vec![few; 40]].concat()).standing(&BAR), ObjectiveState::Broken);
}

#[test]
fn an_incident_of_both_is_shared_however_good_the_past_was_until_stable_keeps_it_again() {
    let good = Table::of(1000, 9000, 1, 9);
    let bad = Table::of(100, 900, 30, 270);
    let mut watch = after(&[good, good, good, bad, bad]);
    assert_eq!(watch.standing(&BAR), ObjectiveState::Shared);
    let text = serde_json::to_string(&watch).unwrap();
    assert!(text.len() < 140, "{text}");
    assert_eq!(serde_json::from_str::<ObjectiveWatch>(&text).unwrap(), watch);
    watch.add(bad, &BAR).unwrap();
    assert_eq!(watch.standing(&BAR), ObjectiveState::Shared, "it lasts");
    // A few good ones are no end.
    watch.add(Table::of(10, 90, 0, 0), &BAR).unwrap();
    assert_eq!(watch.standing(&BAR), ObjectiveState::Shared);
    watch.add(good, &BAR).unwrap();
    assert_eq!((watch.standing(&BAR), watch.incidents), (ObjectiveState::Kept, 1));
    // What the candidate does alone from then on is its own.
    let own = Table::of(500, 500, 40, 0);
    watch.add(own, &BAR).unwrap();
    watch.add(own, &BAR).unwrap();
    assert_eq!(watch.standing(&BAR), ObjectiveState::Broken);
}

/// At 95 % of all stable has one request of twenty: good ones after the incident are many for it, and none of the candidate's bad
/// ones is undone by them.
#[test]
fn good_windows_after_an_incident_clear_nobody_of_it() {
    let mut blamed = 0;
    for seed in 1..=200 {
        let mut users = Users { seed, a_second: 50.0 };
        let mut watch = ObjectiveWatch::default();
        for window in 0..120 {
            let rate = if (10..22).contains(&window) { 0.05 } else { 0.001 };
            watch.add(users.window(0.95, rate, rate), &BAR).unwrap();
            if watch.standing(&BAR) == ObjectiveState::Broken {
                blamed += 1;
                break;
            }
        }
    }
    // 0.1 % of 1,000 longer ones in a sketch.
    assert!(blamed <= 1, "{blamed} of 200");
}

#[test]
fn a_stable_that_breaks_it_all_the_time_blames_nobody() {
    for (share, rate) in [(0.5, 0.05), (0.5, 0.015), (0.05, 0.05), (0.95, 0.02)] {
        for seed in 1..=50 {
            let mut users = Users { seed, a_second: 50.0 };
            let mut watch = ObjectiveWatch::default();
            for _ in 0..200 {
                watch.add(users.window(share, rate, rate), &BAR).unwrap();
                assert_ne!(watch.standing(&BAR), ObjectiveState::Broken, "{share} {rate} {seed}");
            }
        }
    }
}

/// The error of all evidence against a candidate that fails just as often as it may.
#[test]
fn a_candidate_at_the_objective_is_seldom_blamed() {
    let blamed = (1..=400)
        .filter(|seed| {
            let mut users = Users { seed: *seed, a_second: 50.0 };
            let mut watch = ObjectiveWatch::default();
            (0..100).any(|_| {
                watch.add(users.window(0.5, 0.001, 0.01), &BAR).unwrap();
                watch.standing(&BAR) != ObjectiveState::Kept
            })
        })
        .count();
    assert!(blamed <= 8, "{blamed} of 400");
}

/// A share of 1 % for long, with three early failures, and then an incident of both at 25 %: by far the most of stable's requests
/// are of the time before it.
#[test]
fn stable_under_another_split_does_not_outvote_the_incident() {
    let early = Table::of(100, 9900, 1, 0);
    let incident = Table::of(250, 750, 12, 36);
    let watch = |thins: bool| {
        let mut watch = ObjectiveWatch::default();
        watch.add(Table::of(20, 1980, 2, 0), &BAR).unwrap();
        watch.add(early, &BAR).unwrap();
        if thins {
            watch.fall(3.0);
        }
        watch.add(incident, &BAR).unwrap();
        watch
    };
    assert_eq!(watch(false).standing(&BAR), ObjectiveState::Broken, "as it was counted");
    assert_eq!(watch(true).standing(&BAR), ObjectiveState::Shared);
}

#[test]
fn it_grows_while_something_goes_on_and_is_at_its_best_while_nothing_does() {
    let good = Table::of(500, 500, 0, 1);
    let mut watch = after(&[good; 10]);
    assert!(!watch.grows(&BAR));
    watch.add(Table::of(500, 500, 15, 14), &BAR).unwrap();
    assert!(
        watch.grows(&BAR) && watch.standing(&BAR) == ObjectiveState::Kept,
        "far from broken, and no moment to leave stable"
    );
    for _ in 0..3 {
        watch.add(good, &BAR).unwrap();
    }
    assert!(!watch.grows(&BAR));
}

/// A record of an older build tells of stable alone since the candidate's best moment.
#[test]
fn an_older_record_is_read_and_blames_nobody_by_half_of_what_it_says() {
    let older = r#"{"candidate":[2000,90],"stable":[900,0],"best":0}"#;
    let mut watch: ObjectiveWatch = serde_json::from_str(older).unwrap();
    assert_eq!(watch.standing(&BAR), ObjectiveState::Leaning);
    watch.add(Table::of(500, 500, 25, 1), &BAR).unwrap();
    assert_eq!(watch.standing(&BAR), ObjectiveState::Broken);
}

/// A factor that rises is nothing that began.
#[test]
fn nothing_grows_where_failures_only_count_otherwise() {
    let mut watch = after(&[Table::of(1000, 9000, 1, 9); 5]);
    assert!(!watch.grows(&BAR));
    watch.clustered(Phi::of(3.0));
    watch.add(Table::of(500, 500, 0, 0), &BAR).unwrap();
    assert!(!watch.grows(&BAR));
    watch.add(Table::of(500, 500, 20, 0), &BAR).unwrap();
    assert!(watch.grows(&BAR));
}
