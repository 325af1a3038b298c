//! What the README says in tables is what the program does: the exit codes are written from the one enum, and what the
//! error promises rest on is rehearsed by the very commands that stand there.
//!
//! `ANDANTE_BLESS=1 cargo test --test readme` rewrites the tables.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, clippy::indexing_slicing)]

#[path = "readme/founding.rs"]
mod founding;
#[path = "readme/map.rs"]
mod map;
#[path = "readme/violations.rs"]
mod violations;

use andante::model::outcome::{Code, WORDS};
use serde_json::Value;
use std::fmt::Write as _;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

const CODES: &str = "<!-- exit codes: generated, checked by a test -->\n";
const OUTCOMES: &str = "<!-- outcomes: generated, checked by a test -->\n";
const BASES: &str = "<!-- rehearsed: generated, checked by a test -->\n";
const END: &str = "<!-- end -->";

/// One writer at a time: two tables are of one file.
static FILE: Mutex<()> = Mutex::new(());

/// What the error promises rest on, what was broken, and the command that breaks it. Whoever makes a promise hold
/// without one of them takes its row out.
const RESTS_ON: [(&str, &str, &str); 3] = [
    (
        "failures come alone, or up to five together as stable's own do",
        "twenty requests in a row share their fate, in two equal revisions",
        "andante rehearse --style budget --errors 1% --objective 10% --clusters 20 --runs 50",
    ),
    (
        "the source tells failures",
        "it tells none, and the candidate fails all",
        "andante rehearse --style budget --candidate-errors 100% --failures-told 0 --runs 5",
    ),
    (
        "slow answers lie beyond an edge of the histogram",
        "all take 110 ms, the candidate's twice as long: both between 100 and 250 ms",
        "andante rehearse --style budget --answers 110ms --candidate-slower 2 --runs 5",
    ),
];

/// How the rehearsals of a command ended, in words.
fn rehearsed(command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().collect();
    let ran =
        Command::new(env!("CARGO_BIN_EXE_andante")).args(&words[1..]).args(["--output", "json"]).output().unwrap();
    assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
    let table: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let ends: Vec<String> = table["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} `{}`", row["runs"], row["outcome"].as_str().unwrap()))
        .collect();
    let bad = table["all"]["bad_requests"]["mean"].as_f64().unwrap();
    format!("{}; {bad:.0} bad requests on average", ends.join(", "))
}

fn bases() -> String {
    let mut table = String::from("| it rests on | broken here | how that ends | |\n| --- | --- | --- | --- |\n");
    let ends = thread::scope(|scope| {
        let all = RESTS_ON.map(|(_, _, command)| scope.spawn(move || rehearsed(command)));
        all.map(|one| one.join().unwrap())
    });
    for ((base, broken, command), end) in RESTS_ON.into_iter().zip(ends) {
        writeln!(table, "| {base} | {broken} | {end} | `{command}` |").unwrap();
    }
    table
}

/// The README with a table of it made anew, or a complaint that it is stale.
fn holds(begin: &str, table: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let _one = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    let text = std::fs::read_to_string(path).unwrap();
    let wanted = with_table(&text, begin, table);
    if std::env::var_os("ANDANTE_BLESS").is_some() {
        std::fs::write(path, &wanted).unwrap();
    } else {
        assert_eq!(text, wanted, "run `ANDANTE_BLESS=1 cargo test --test readme`");
    }
}

fn codes() -> String {
    let mut table = String::from("| code | outcome | meaning |\n| ---: | --- | --- |\n");
    for code in Code::ALL {
        writeln!(table, "| {} | `{}` | {} |", code.number(), code.word(), code.meaning()).unwrap();
    }
    table
}

fn outcomes() -> String {
    let mut table = String::from("| outcome | meaning |\n| --- | --- |\n");
    for (word, meaning) in WORDS {
        writeln!(table, "| `{word}` | {meaning} |").unwrap();
    }
    table
}

/// The text with what stands between the marks replaced.
fn with_table(text: &str, begin: &str, table: &str) -> String {
    let (before, rest) = text.split_once(begin).expect("the first mark");
    let (_, after) = rest.split_once(END).expect("the last mark");
    format!("{before}{begin}{table}{END}{after}")
}

#[test]
fn the_table_of_exit_codes_is_true() {
    holds(CODES, &codes());
}

#[test]
fn the_table_of_outcomes_is_true() {
    holds(OUTCOMES, &outcomes());
}

#[test]
fn what_the_error_promises_rest_on_costs_what_is_said_where_it_is_broken() {
    holds(BASES, &bases());
}

#[test]
fn a_stale_table_is_noticed() {
    let stale = format!("a\n{CODES}| 0 | old |\n{END}\nb\n");
    let whole = |text: &str| with_table(text, CODES, &codes());
    assert_ne!(stale, whole(&stale));
    assert_eq!(whole(&stale), whole(&whole(&stale)));
}

/// Every link of the walkthrough to a source file, with the names in backticks right behind it: `` `one` `` or
/// `` `one` and `two` ``.
fn signposts(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for part in text.split("](../src/").skip(1) {
        let (path, rest) = part.split_once(')').expect("a link ends");
        let (mut rest, mut names) = (rest.trim_start(), Vec::new());
        while let Some((name, after)) = rest.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
            names.push(name.to_owned());
            rest = after.strip_prefix(" and ").unwrap_or_default();
        }
        found.push((format!("src/{path}"), names));
    }
    found
}

#[test]
fn the_walkthrough_leads_where_it_says() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let text = std::fs::read_to_string(format!("{root}docs/walkthrough.md")).unwrap();
    let signposts = signposts(&text);
    assert!(signposts.len() > 30, "only {} links", signposts.len());
    let mut wrong = Vec::new();
    for (path, names) in &signposts {
        let Ok(code) = std::fs::read_to_string(format!("{root}{path}")) else {
            wrong.push(format!("{path} is not there"));
            continue;
        };
        if names.is_empty() {
            wrong.push(format!("{path}: no name to look for"));
        }
        for name in names {
            if !map::is_known(name, &code) {
                wrong.push(format!("{path} does not define {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_signpost_that_leads_astray_is_noticed() {
    let text = "1. [a](../src/cli/roll.rs) `gone` and [b](../src/lib.rs): no name.";
    assert_eq!(signposts(text), [("src/cli/roll.rs".into(), vec!["gone".to_owned()]), ("src/lib.rs".into(), vec![])]);
}
