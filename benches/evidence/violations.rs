//! Every promise beside the worlds that break what it rests on: rehearsed by the code of `andante rehearse`, with its seeds 1 to
//! N, so that each row is printed again by the command that stands in it.

#[path = "violations/rows.rs"]
mod rows;

use super::runs;
use andante::cli::{Cli, Command};
use andante::command::rehearsed;
use andante::view::rehearse::{OutcomeRow, RehearsalTable};
use rows::{GROUPS, Promise, Row};

const HEAD: &str = "| what is broken | `andante rehearse` | promised | before | now (95 % interval) | ends | bad requests, mean | takes, mean | runs |
|---|---|---|---|---|---|---|---|---|";

/// The groups of `ANDANTE_ROWS` (names, commas between them), or all.
pub(crate) fn print() {
    let only = std::env::var("ANDANTE_ROWS").unwrap_or_default();
    let wanted = |name: &str| only.is_empty() || only.split(',').any(|one| one == name);
    println!("## Promises where the world breaks what they rest on");
    for (_, title, rows) in GROUPS.into_iter().filter(|(name, ..)| wanted(name)) {
        println!("\n### {title}\n\n{HEAD}");
        for row in rows {
            println!("{}", line(row, &play(row)));
        }
    }
}

/// Plays it.
fn play(row: &Row) -> RehearsalTable {
    let runs = (u64::from(row.runs) * runs() / 20_000).max(1).to_string();
    let words =
        ["andante", "rehearse"].into_iter().chain(row.flags.split_whitespace()).chain(["--runs", runs.as_str()]);
    let cli = Cli::of_arguments(words.map(Into::into)).unwrap();
    let Command::Rehearse(args) = cli.command else { panic!("{} is no rehearsal", row.flags) };
    rehearsed(&args).unwrap()
}

/// As the table shows it.
fn line(row: &Row, table: &RehearsalTable) -> String {
    let all = &table.all;
    let ends: Vec<String> = table.rows.iter().map(|end| format!("{} {}", end.runs, end.outcome)).collect();
    let time = all.took.average.round() as u64;
    format!(
        "| {} | `{}` | {} | {} | {} | {} | {:.1} ± {:.1} | {}m{:02}s | {} |",
        row.what,
        row.flags,
        promised(row.promise),
        row.before,
        found(row.promise, table),
        ends.join(", "),
        all.bad.average,
        all.bad.give_or_take,
        time / 60,
        time % 60,
        all.runs
    )
}

fn promised(promise: Promise) -> String {
    match promise {
        Promise::NoWorse => "at most 1 % worse".to_owned(),
        Promise::Blameless => "at most 1 % worse, 1 % by the objective".to_owned(),
        Promise::Worse => "at most 5 % promoted".to_owned(),
        Promise::Nothing(rests_on) => format!("nothing ({rests_on})"),
    }
}

/// The part of runs that the promise is about, with its interval; where the interval lies beyond it, that is said.
fn found(promise: Promise, table: &RehearsalTable) -> String {
    let words = |of: &[(&str, &str, f64)]| {
        let parts: Vec<String> = of
            .iter()
            .map(|(end, word, most)| {
                let (part, low, high) = part(table, end);
                let broken = if low > *most { " **(more than promised)**" } else { "" };
                format!("{:.2} % {word} ({:.2} to {:.2}){broken}", part * 100.0, low * 100.0, high * 100.0)
            })
            .collect();
        parts.join(", ")
    };
    match promise {
        Promise::NoWorse => words(&[("worse", "worse", 0.01)]),
        Promise::Blameless => words(&[("worse", "worse", 0.01), ("objective-broken", "by the objective", 0.01)]),
        Promise::Worse => words(&[("finished", "promoted", 0.05)]),
        Promise::Nothing(_) => words(&[("finished", "promoted", 1.0)]),
    }
}

/// How many ended so, with the ends of the 95 % interval.
fn part(table: &RehearsalTable, end: &str) -> (f64, f64, f64) {
    let row = table.rows.iter().find(|row| row.outcome == end);
    row.map_or_else(|| OutcomeRow::none(table.all.runs), |row| row.part)
}
