use super::*;

/// `(whose, which, process, count)` scraped at a second; processes are scraped `apart` seconds after each other.
fn tally(second: i64, series: &[(char, char, u64, u64)]) -> RowTally {
    apart(second, 0, series)
}

fn apart(second: i64, apart: i64, series: &[(char, char, u64, u64)]) -> RowTally {
    let one = |(arm, which, process, count): &(char, char, u64, u64)| CounterSeries {
        candidate: *arm == 'c',
        total: *which == 't',
        name: format!("{arm}{which}"),
        id: *process,
        process: *process,
        count: *count,
        sampled: second * 1000 - i64::try_from(*process).unwrap() * apart * 1000,
    };
    RowTally { at: second * 1000, series: series.iter().map(one).collect() }
}

/// What the looks after the first one came to, ten seconds apart.
fn looks(all: &[&[(char, char, u64, u64)]]) -> Vec<SeriesLook> {
    let mut memory = SeriesMemory::default();
    let looks = all.iter().zip((0..).step_by(10)).map(|(series, second)| {
        let looked = memory.look(&tally(second, series), Some(second * 1000));
        // A record keeps what is known.
        memory = serde_json::from_str(&serde_json::to_string(&memory).unwrap()).unwrap();
        looked
    });
    looks.skip(1).collect()
}

fn closed(c: u64, b: u64, bad_c: u64, bad_b: u64) -> SeriesLook {
    SeriesLook::Closed(Table::of(c, b, bad_c, bad_b))
}

#[test]
fn growth_of_all_pods_is_added_up_and_a_pod_that_ends_takes_nothing_back() {
    let stable = |n: u64, bad: u64| [('b', 't', 1, 1000 + n), ('b', 'p', 1, 10 + bad)];
    let candidate = |n: u64, bad: u64| [('c', 't', 2, n), ('c', 'p', 2, bad)];
    let look = |b: u64, c: u64, other: &[_]| [&stable(b, b / 100)[..], &candidate(c, c / 10)[..], other].concat();
    let seen = looks(&[
        &look(0, 0, &[('b', 't', 3, 70_000)]),
        &look(100, 10, &[('b', 't', 3, 70_050)]),
        // The pod of 70,050 is gone.
        &look(200, 20, &[]),
        &look(300, 30, &[]),
    ]);
    assert_eq!(seen, [closed(10, 150, 1, 1), closed(10, 100, 1, 1), closed(10, 100, 1, 1)]);
}

#[test]
fn a_process_that_begins_anew_counts_from_zero() {
    let seen = looks(&[
        &[('b', 't', 1, 1000), ('b', 'p', 1, 10), ('c', 't', 2, 500), ('c', 'p', 2, 1)],
        // What it counts as bad did not fall, and is of after the restart as well.
        &[('b', 't', 1, 1100), ('b', 'p', 1, 10), ('c', 't', 2, 40), ('c', 'p', 2, 3)],
    ]);
    assert_eq!(seen, [closed(40, 100, 3, 0)]);
}

/// Seen with a real Prometheus: after a restart the counter of bad ones is not there until the first one.
#[test]
fn a_counter_that_appears_again_after_a_restart_is_no_second_fall() {
    let seen = looks(&[
        &[('b', 't', 1, 1000), ('b', 'p', 1, 10), ('c', 't', 2, 10)],
        &[('b', 't', 1, 1100), ('b', 'p', 1, 11), ('c', 't', 2, 20)],
        &[('b', 't', 1, 90), ('c', 't', 2, 30)],
        &[('b', 't', 1, 190), ('b', 'p', 1, 1), ('c', 't', 2, 40)],
    ]);
    assert_eq!(seen, [closed(10, 100, 0, 1), closed(10, 90, 0, 0), closed(10, 100, 0, 1)]);
    // Within one window, too: what was bad before the restart stays counted.
    let mut memory = SeriesMemory::default();
    let mut look = |second: i64, series: &[_]| memory.look(&tally(second, series), Some(second * 1000));
    look(0, &[('b', 't', 1, 1000), ('b', 'p', 1, 10), ('c', 't', 2, 10)]);
    look(10, &[('b', 't', 1, 1100), ('b', 'p', 1, 12), ('c', 't', 2, 10)]);
    look(20, &[('b', 't', 1, 90), ('c', 't', 2, 10)]);
    let last = look(30, &[('b', 't', 1, 190), ('b', 'p', 1, 1), ('c', 't', 2, 11)]);
    assert_eq!(last, closed(1, 290, 0, 3));
}

#[test]
fn a_series_that_appears_counts_where_its_process_or_its_revision_is_new() {
    let seen = looks(&[
        &[('b', 't', 1, 1000)],
        &[
            ('b', 't', 1, 1100),
            ('b', 'p', 1, 2),
            ('c', 't', 2, 8),
            ('c', 'p', 2, 5),
            ('b', 't', 3, 90_000),
            ('b', 'p', 3, 900),
        ],
        &[
            ('b', 't', 1, 1200),
            ('b', 'p', 1, 2),
            ('c', 't', 2, 9),
            ('c', 'p', 2, 5),
            ('b', 't', 3, 90_001),
            ('b', 'p', 3, 900),
        ],
    ]);
    assert_eq!(seen, [closed(8, 100, 5, 2), closed(1, 101, 0, 0)]);
}

#[test]
fn one_that_is_missed_for_a_look_goes_on_and_one_that_was_away_at_the_opening_only_opens() {
    let both = [('b', 't', 1, 100), ('c', 't', 2, 100)];
    let seen = looks(&[
        &both,
        &[('b', 't', 1, 110), ('c', 't', 2, 110)],
        &[('b', 't', 1, 120)],
        &[('b', 't', 1, 130), ('c', 't', 2, 140)],
        &[('b', 't', 1, 140), ('c', 't', 2, 150)],
    ]);
    // It was there when the second window opened, so what it did meanwhile is of that window.
    assert_eq!(seen, [closed(10, 10, 0, 0), SeriesLook::Goes, closed(30, 20, 0, 0), closed(10, 10, 0, 0)]);
    let mut memory = SeriesMemory::default();
    let mut look = |second: i64, since, series: &[_]| memory.look(&tally(second, series), since);
    assert_eq!(look(0, None, &both), SeriesLook::Goes);
    assert_eq!(look(10, Some(0), &[('b', 't', 1, 110)]), SeriesLook::Goes, "it opens");
    assert_eq!(look(20, Some(10_000), &[('b', 't', 1, 120), ('c', 't', 2, 900)]), SeriesLook::Goes);
    assert_eq!(look(30, Some(20_000), &[('b', 't', 1, 130), ('c', 't', 2, 905)]), closed(5, 20, 0, 0));
}

#[test]
fn what_falls_by_little_or_again_is_no_counter() {
    let seen = looks(&[
        &[('b', 't', 1, 100_000), ('c', 't', 2, 10)],
        &[('b', 't', 1, 90_000), ('c', 't', 2, 20)],
        &[('b', 't', 1, 90_100), ('c', 't', 2, 30)],
        &[('b', 't', 1, 50), ('c', 't', 2, 40)],
        &[('b', 't', 1, 60), ('c', 't', 2, 50)],
    ]);
    assert!(matches!(&seen[0], SeriesLook::Broken(why) if why.starts_with("bt fell from 100000 to 90000")), "{seen:?}");
    assert_eq!(seen[1], closed(10, 100, 0, 0), "what came after that is counted");
    assert!(matches!(&seen[2], SeriesLook::Broken(why) if why.contains("fell twice within 8 looks")), "{seen:?}");
    assert!(matches!(seen[3], SeriesLook::Broken(_)), "not yet: {seen:?}");
}

/// With four processes behind one address what lies between two looks is no growth of anything.
#[test]
fn of_processes_that_answer_in_turn_nothing_is_believed_until_there_is_one() {
    let turns = [5000, 9, 6000, 5001, 10, 6001, 5002, 11];
    let then = (0..12).map(|n| 20 + n);
    let counts: Vec<[_; 2]> = turns.into_iter().chain(then).map(|n| [('b', 't', 1, n), ('c', 't', 2, n)]).collect();
    let seen = looks(&counts.iter().map(|look| &look[..]).collect::<Vec<_>>());
    let broken: Vec<bool> = seen.iter().map(|look| matches!(look, SeriesLook::Broken(_))).collect();
    // The first fall may be a restart; from the second on, and for eight looks after the last, nothing counts.
    assert_eq!(broken.iter().filter(|broken| !**broken).count(), 2 + 5, "{seen:?}");
    assert!(broken[2..14].iter().all(|broken| *broken) && broken[14..].iter().all(|broken| !broken), "{seen:?}");
}

#[test]
fn a_part_of_more_than_the_total_is_none() {
    let seen = looks(&[
        &[('b', 't', 1, 0), ('b', 'p', 1, 0), ('c', 't', 2, 0)],
        &[('b', 't', 1, 10), ('b', 'p', 1, 20), ('c', 't', 2, 1)],
        &[('b', 't', 1, 20), ('b', 'p', 1, 41), ('c', 't', 2, 2)],
    ]);
    // A little is torn.
    assert_eq!(seen[0], closed(1, 10, 0, 10));
    assert!(matches!(&seen[1], SeriesLook::Broken(why) if why.contains("21 of a total of 10")), "{seen:?}");
}

#[test]
fn a_window_lasts_longer_than_its_samples_lie_apart() {
    let mut memory = SeriesMemory::default();
    let mut look = |second: i64| {
        let n = u64::try_from(second).unwrap();
        memory.look(&apart(second, 5, &[('b', 't', 1, n), ('c', 't', 2, n)]), Some(second * 1000))
    };
    assert_eq!(look(0), SeriesLook::Goes, "scraped before windows might open");
    let seen: Vec<_> = [10, 20, 30, 40, 50, 59, 60, 70].into_iter().map(&mut look).collect();
    assert_eq!(seen[..6], [const { SeriesLook::Goes }; 6]);
    assert_eq!(seen[6], closed(50, 50, 0, 0), "ten times five seconds");
    assert_eq!(seen[7], SeriesLook::Goes);
}

#[test]
fn the_same_scrape_again_is_no_news_and_no_window_closes_without_both() {
    let mut memory = SeriesMemory::default();
    let one = tally(0, &[('b', 't', 1, 5), ('c', 't', 2, 5)]);
    for second in 0..4 {
        assert_eq!(memory.look(&RowTally { at: second * 1000, ..one.clone() }, Some(second * 1000)), SeriesLook::Goes);
    }
    assert_eq!(memory.look(&tally(10, &[('b', 't', 1, 9), ('c', 't', 2, 5)]), Some(10_000)), SeriesLook::Goes);
    assert_eq!(memory.look(&tally(20, &[('b', 't', 1, 19), ('c', 't', 2, 6)]), Some(20_000)), closed(1, 14, 0, 0));
    // Shut, it is only seen.
    memory.shut();
    assert_eq!(memory.look(&tally(30, &[('b', 't', 1, 29), ('c', 't', 2, 9)]), None), SeriesLook::Goes);
    assert_eq!(memory.look(&tally(40, &[('b', 't', 1, 30), ('c', 't', 2, 10)]), Some(0)), SeriesLook::Goes);
    assert_eq!(memory.look(&tally(50, &[('b', 't', 1, 31), ('c', 't', 2, 11)]), Some(10_000)), closed(1, 1, 0, 0));
}
