//! The table of violations in `docs/evidence-figures.md`: each of its rows is one of the benchmark's, with a command that can be
//! typed, and the quick ones end as they promise.

#[path = "../../benches/evidence/violations/rows.rs"]
mod rows;

use andante::cli::{Cli, Command, RehearseArgs};
use andante::command::rehearsed;
use rows::{GROUPS, Promise, Row};

fn all() -> impl Iterator<Item = &'static Row> {
    GROUPS.iter().flat_map(|(_, _, rows)| rows.iter())
}

fn arguments(row: &Row) -> RehearseArgs {
    let words = ["andante", "rehearse"].into_iter().chain(row.flags.split_whitespace());
    let cli = Cli::of_arguments(words.map(Into::into)).unwrap();
    let Command::Rehearse(args) = cli.command else { unreachable!("{} is no rehearsal", row.flags) };
    *args
}

#[test]
fn each_row_can_be_typed_and_stands_in_the_page() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/evidence-figures.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut missing: Vec<&str> = Vec::new();
    for row in all() {
        assert!(row.runs > 0 && !row.what.is_empty() && arguments(row).runs.is_none(), "{}", row.flags);
        let there = page.lines().any(|line| {
            line.contains(&format!("| `{}` |", row.flags)) && line.contains(&format!("| {} |", row.before))
        });
        if !there {
            missing.push(row.flags);
        }
    }
    assert!(missing.is_empty(), "not in docs/evidence-figures.md: {missing:#?}");
    let headings = GROUPS.iter().filter(|(_, title, _)| !page.contains(&format!("### {title}\n")));
    assert_eq!(headings.map(|(name, ..)| *name).collect::<Vec<_>>(), Vec::<&str>::new());
}

/// Rows that are over in a minute or two of the walk's time.
#[test]
fn what_is_loud_goes_back_at_once() {
    let loud = ["--candidate-errors", "--candidate-client-errors", "--candidate-slower 2"];
    let quick = all().filter(|row| {
        row.promise == Promise::Worse && !row.flags.contains("--rate") && loud.iter().any(|f| row.flags.contains(f))
    });
    let mut played = 0;
    for row in quick {
        let table = rehearsed(&arguments(row)).unwrap();
        let ends: Vec<&str> = table.rows.iter().map(|end| end.outcome.as_str()).collect();
        assert!(matches!(ends[..], ["worse" | "objective-broken"]), "{}: {ends:?}", row.flags);
        played += 1;
    }
    assert!(played >= 4, "{played}");
}
