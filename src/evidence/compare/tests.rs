use super::*;
use crate::evidence::Table;

fn row(text: &str) -> CompareRow {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn arms() -> Arms {
    Arms { namespace: "shop".parse().unwrap(), stable: "h-1".parse().unwrap(), candidate: "h-2".parse().unwrap() }
}

#[test]
fn rows_are_read_and_written() {
    for (text, part_is, part, total) in [
        (
            "orders: bad=b{r=\"{revision}\"} total=t{r=\"{revision}\"}",
            PartIs::Bad,
            "b{r=\"{revision}\"}",
            "t{r=\"{revision}\"}",
        ),
        (
            "a b: good=g_{revision}  total=t_{revision} or u_{revision}",
            PartIs::Good,
            "g_{revision}",
            "t_{revision} or u_{revision}",
        ),
        (
            "o: total=t{x=\" bad=1\",r=\"{revision}\"} bad=b{total=\"{revision}\"}",
            PartIs::Bad,
            "b{total=\"{revision}\"}",
            "t{x=\" bad=1\",r=\"{revision}\"}",
        ),
    ] {
        let row = row(text);
        assert_eq!((row.part_is, row.part.as_str(), row.total.as_str()), (part_is, part, total), "{text}");
        assert_eq!(row.to_string().parse(), Ok(row.clone()), "{row}");
    }
}

#[test]
fn what_is_no_row_says_what_is_missing() {
    let form = BadCompare::Form("o".into());
    for (text, wanted) in [
        ("bad=x_{revision} total=y_{revision}", BadCompare::Name("bad=x_{revision} total=y_{revision}".into())),
        ("o:", form.clone()),
        ("o: x", form.clone()),
        ("o: bad=x_{revision}", form.clone()),
        ("o: total=y_{revision}", form.clone()),
        ("o: bad=x_{revision} good=x_{revision} total=y_{revision}", form.clone()),
        ("o: bad=x_{revision} total=y_{revision} total=y_{revision}", form.clone()),
        ("o: x bad=x_{revision} total=y_{revision}", form),
        (
            "o: bad=x_{revision} total=sum(y_{revision})",
            BadCompare::Counter { name: "o".into(), which: "total", why: BadCounter::Aggregate("sum".into()) },
        ),
        (
            "o: bad=x total=y_{revision}",
            BadCompare::Counter { name: "o".into(), which: "bad", why: BadCounter::NoRevision },
        ),
    ] {
        assert_eq!(text.parse::<CompareRow>(), Err(wanted), "{text}");
    }
}

#[test]
fn both_revisions_are_asked_in_one_query_with_the_time_of_each_sample() {
    let query = row("o: bad=b{ns=\"{namespace}\",r=\"{revision}\"} total=t{r=\"{revision}\"}").promql(&arms());
    let terms: Vec<&str> = query.split(" or ").collect();
    assert_eq!(terms.len(), 8);
    assert_eq!(terms[0], r#"label_replace(b{ns="shop",r="h-1"},"andante_counter","stable part count","","")"#);
    let either = row("o: bad=b_{revision} or c_{revision} total=t_{revision}").promql(&arms());
    assert!(
        either.contains(r#"label_replace(timestamp(c_h-2),"andante_counter","candidate part time","","")"#),
        "{either}"
    );
    assert_eq!(terms[7], r#"label_replace(timestamp(t{r="h-2"}),"andante_counter","candidate total time","","")"#);
}

#[test]
fn rows_share_what_the_built_in_comparison_leaves_and_all_of_it_stays_one_error() {
    for rows in 1..=MOST_ROWS {
        let each = (-row_at(0.01, rows, false)).exp();
        let alone = (-row_at(0.01, rows, true)).exp();
        let kept = (-built_in_at(0.01, rows)).exp();
        let n = f64::from(u32::try_from(rows).unwrap());
        assert!((kept + each * n - 0.01).abs() < 1e-12 && (alone * n - 0.01).abs() < 1e-12, "{rows}");
    }
    assert!((built_in_at(0.01, 0) - 100.0_f64.ln()).abs() < 1e-12, "without rows nothing changes");
    assert!((row_at(0.01, 1, false) - 500.0_f64.ln()).abs() < 1e-12);
}

#[test]
fn there_are_few_rows_and_each_has_a_name_of_its_own() {
    let named = |name: &str| row(&format!("{name}: bad=b_{{revision}} total=t_{{revision}}"));
    let rows: Vec<_> = ["a", "b", "c", "d", "e"].map(named).into();
    assert_eq!(check(&rows), Ok(()));
    assert!(check(&[&rows[..], &[named("f")]].concat()).unwrap_err().contains("6 rows, and at most 5"));
    assert!(check(&[named("a"), named("b"), named("a")]).unwrap_err().contains("two rows are called `a`"));
}

/// One process of each revision, scraped together: totals and parts of stable and the candidate.
fn tally(second: i64, counts: [u64; 4]) -> RowTally {
    let of = [(false, true), (false, false), (true, true), (true, false)];
    let one = |((candidate, total), count): ((bool, bool), u64)| CounterSeries {
        candidate,
        total,
        name: "x".into(),
        id: u64::from(candidate),
        process: u64::from(candidate),
        count,
        sampled: second * 1000,
    };
    RowTally { at: second * 1000, series: of.into_iter().zip(counts).map(one).collect() }
}

#[test]
fn thirty_of_four_hundred_beside_twelve_of_eight_thousand_is_worse_and_good_is_turned_round() {
    for (which, opens, closes) in
        [("bad", [0, 0, 0, 0], [8000, 12, 400, 30]), ("good", [0, 0, 0, 0], [8000, 7988, 400, 370])]
    {
        let mut evidence = RowEvidence::new(row(&format!("o: {which}=b_{{revision}} total=t_{{revision}}")));
        assert_eq!(evidence.look(&tally(0, opens), Some(0)), RowHeard::Nothing);
        assert!(!evidence.has_judged() && evidence.unseen(&arms()).is_none());
        assert_eq!(evidence.look(&tally(60, closes), Some(60_000)), RowHeard::Window);
        assert_eq!(evidence.counted(), Table::of(400, 8000, 30, 12));
        assert!(evidence.ln_worse().unwrap() > row_at(0.01, MOST_ROWS, false), "{evidence:?}");
    }
}

#[test]
fn what_is_kept_is_taken_up_by_the_same_rows_alone() {
    let rows = [row("a: bad=b_{revision} total=t_{revision}"), row("b: bad=b_{revision} total=t_{revision}")];
    let mut evidence: Vec<_> = rows.iter().cloned().map(RowEvidence::new).collect();
    for one in &mut evidence {
        one.look(&tally(0, [0; 4]), Some(0));
        one.look(&tally(60, [1000, 3, 100, 2]), Some(60_000));
    }
    let said: Vec<_> = evidence.iter().map(|one| (one, String::new())).collect();
    let kept = KeptRows::new(3, &said);
    let text = serde_json::to_string(&kept).unwrap();
    let read: KeptRows = serde_json::from_str(&text).unwrap();
    assert_eq!(read, kept);
    let taken = read.take_up(&rows, None).unwrap();
    assert_eq!(
        taken.iter().map(RowEvidence::ln_worse).collect::<Vec<_>>(),
        evidence.iter().map(RowEvidence::ln_worse).collect::<Vec<_>>()
    );
    // What came since is one window.
    let mut next = taken[0].clone();
    assert_eq!(next.look(&tally(90, [2000, 3, 200, 2]), Some(90_000)), RowHeard::Window);
    assert_eq!(next.counted(), Table::of(200, 2000, 2, 3));
    // Without counters it opens anew.
    let mut anew = read.without_counters().take_up(&rows, None).unwrap().remove(0);
    assert_eq!(anew.look(&tally(90, [2000, 3, 200, 2]), Some(90_000)), RowHeard::Nothing);
    let other = row("b: bad=b2_{revision} total=t_{revision}");
    for rows in [vec![rows[0].clone()], vec![rows[0].clone(), other], vec![]] {
        assert_eq!(kept.take_up(&rows, None), None);
    }
}

/// Windows of stable's thousand and the candidate's thousand, so many bad in each.
fn after_windows(bad: &[(u64, u64)], together: Option<Phi>) -> RowEvidence {
    let mut row = RowEvidence::new(row("o: bad=b_{revision} total=t_{revision}")).together(together);
    let mut counts = [0; 4];
    row.look(&tally(0, counts), Some(0));
    for (second, (of_stable, of_candidate)) in (60..).step_by(60).zip(bad) {
        for (count, more) in counts.iter_mut().zip([1000, *of_stable, 1000, *of_candidate]) {
            *count += more;
        }
        assert_eq!(row.look(&tally(second, counts), Some(0)), RowHeard::Window);
    }
    row
}

/// A customer who tries ten times is one cause.
#[test]
fn what_comes_together_at_stable_as_well_condemns_nobody() {
    let ln = |row: &RowEvidence| row.ln_worse().unwrap();
    let after = |of_stable: [u64; 8]| {
        let windows: Vec<_> = of_stable.into_iter().map(|n| (n, 0)).chain([(0, 30)]).collect();
        after_windows(&windows, None)
    };
    let (alone, groups) = (after([2, 3, 2, 3, 2, 3, 2, 3]), after([0, 10, 0, 10, 0, 10, 0, 10]));
    assert!(ln(&groups) < ln(&alone) / 2.0, "{}, {}", ln(&groups), ln(&alone));
    assert_eq!((alone.clustered(), groups.clustered()), (None, Some("bad ones come in groups of 13".to_owned())));
    // Until stable has shown anything they are taken to come in twos; whoever knows better says so.
    let first = |together| ln(&after_windows(&[(0, 20)], together));
    let ratio = first(Some(Phi::ONE)) / first(None);
    assert!((1.8..2.2).contains(&ratio), "{ratio}");
}

/// What stable's windows have shown is kept with what they were divided by.
#[test]
fn how_they_come_is_kept_and_another_word_about_it_begins_anew() {
    let windows = [(0, 0), (10, 1), (0, 0), (0, 2), (10, 0)];
    let evidence = after_windows(&windows, None);
    let kept = KeptRows::new(2, &[(&evidence, String::new())]);
    let read: KeptRows = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
    let rows = [evidence.row().clone()];
    assert_eq!(read.take_up(&rows, None).unwrap()[0].sums, evidence.sums);
    assert_eq!(read.take_up(&rows, Some(Phi::of(2.0))), None);
    // A record of a build that divided nothing.
    let mut older = serde_json::to_value(&kept).unwrap();
    older["rows"][0]["sums"].as_object_mut().unwrap().remove("k").unwrap();
    let older = serde_json::from_value::<KeptRows>(older).unwrap().take_up(&rows, None).unwrap().remove(0);
    assert_eq!((older.counted(), older.ln_worse()), (evidence.counted(), evidence.ln_worse()));
}

#[test]
fn what_is_kept_is_bounded() {
    let rows: Vec<_> = (0..MOST_ROWS)
        .map(|n| row(&format!("{}{n}: bad=b_{{revision}} total=t_{{revision}}", "n".repeat(59))))
        .collect();
    let evidence: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let mut one = RowEvidence::new(row);
            for second in [0, 60] {
                let mut wide = tally(second, [1 << 40, 1 << 39, 1 << 40, 1 << 39]);
                for series in &mut wide.series {
                    (series.id, series.process) = ((1 << 48) - 1 - series.id, (1 << 32) - 1 - series.process);
                    (series.count, series.sampled) =
                        (series.count + second.unsigned_abs(), 1_764_000_000_000 + second * 1000);
                }
                wide.at = 1_764_000_000_000 + second * 1000;
                one.look(&wide, Some(0));
            }
            for pod in 0..4 {
                let mut more = tally(70 + pod, [1; 4]);
                more.at += 1_764_000_000_000;
                more.series
                    .iter_mut()
                    .for_each(|s| (s.id, s.process, s.sampled) = ((1 << 47) + pod.unsigned_abs(), 1 << 31, more.at));
                one.look(&more, None);
            }
            one
        })
        .collect();
    let said = || "x".repeat(120);
    let bytes = |n: usize| {
        let said: Vec<_> = evidence.iter().take(n).map(|one| (one, said())).collect();
        serde_json::to_string(&KeptRows::new(20, &said)).unwrap().len()
    };
    // With counters two rows of twenty series; without, all five.
    assert!(evidence[0].memory.len() == 20, "{}", evidence[0].memory.len());
    assert!(bytes(2) < 4500 && bytes(5) < 3 * 1024, "{} {}", bytes(2), bytes(5));
    assert!(bytes(2) > bytes(5));
}
