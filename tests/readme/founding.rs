//! docs/founding-proposal.md: every capability stands there once and in order, the sum is the tables', and each test, file, command
//! and flag that is named exists.
//!
//! Whether a test shows what it is named for, only a reader can judge.

use andante::cli::Cli;
use clap::CommandFactory;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/founding-proposal.md";
/// How many capabilities there are.
const ALL: usize = 60;
const STATES: [&str; 4] = ["there", "in part", "not yet", "Knative cannot"];
/// What a row says that no cluster test shows.
const ELSEWHERE: &str = "not on the cluster";
/// What begins the list of commands that the page says are missing.
const MISSING: &str = "Meant, and no command yet: ";
/// Folders of this repository that a code span may begin with.
const FOLDERS: [&str; 8] = ["config", "docs", "pipelines", "samples", "src", "stepactions", "tasks", "tests"];

/// Something of this repository.
fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What stands between backticks. The page has no fenced blocks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The cells of each row that begins with a number.
fn rows(page: &str) -> Vec<(usize, Vec<&str>)> {
    let mut rows = Vec::new();
    for line in page.lines() {
        let inside = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')).unwrap_or_default();
        let cells: Vec<&str> = inside.split('|').map(str::trim).collect();
        if let Ok(number) = cells[0].parse() {
            rows.push((number, cells));
        }
    }
    rows
}

/// The file of a test as the page names it, and the function.
fn test_of(span: &str) -> Option<(String, &str)> {
    let (place, name) = span.rsplit_once("::")?;
    let file = match place.split_once('/') {
        Some(("src", _)) => format!("{place}.rs"),
        Some(_) => format!("tests/{place}.rs"),
        None => format!("tests/cluster/{place}.rs"),
    };
    Some((file, name))
}

/// True if the file has a test of this name: a function that is marked as one.
fn is_test(file: &str, name: &str) -> bool {
    let code = std::fs::read_to_string(at(file)).unwrap_or_default();
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    let Some(function) = lines.iter().position(|line| line.starts_with(&format!("fn {name}("))) else { return false };
    let above = lines[..function].iter().rev();
    above.take_while(|line| line.starts_with("#[") || line.starts_with("//")).any(|line| *line == "#[test]")
}

/// What is wrong with a command as it would be typed.
fn wrong_command(typed: &str) -> Option<String> {
    let mut command = Cli::command();
    let mut words = typed.split_whitespace().skip(1).peekable();
    let mut named = false;
    while let Some(sub) = words.peek().and_then(|word| command.find_subcommand(word)).cloned() {
        (command, named) = (sub, true);
        words.next();
    }
    if !named {
        return Some(format!("`{typed}`: there is no such command"));
    }
    let has = |flag: &str| {
        let flag = flag.split('=').next().unwrap_or(flag);
        command.get_arguments().any(|argument| {
            argument.get_long().is_some_and(|long| flag.strip_prefix("--") == Some(long))
                || argument.get_short().is_some_and(|short| flag.strip_prefix('-') == Some(&short.to_string()))
        })
    };
    words.find(|word| word.starts_with('-') && !has(word)).map(|flag| format!("`{typed}`: it has no {flag}"))
}

/// True if some command has the flag.
fn is_flag(flag: &str) -> bool {
    Cli::command()
        .get_subcommands()
        .any(|sub| sub.get_arguments().any(|argument| argument.get_long() == flag.strip_prefix("--")))
}

/// What is wrong with the names in a text, links included.
fn wrong_names(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for span in spans(text) {
        if let Some((file, name)) = test_of(span) {
            if !is_test(&file, name) {
                wrong.push(format!("`{span}`: there is no test {name} in {file}"));
            }
        } else if span.starts_with("andante ") {
            wrong.extend(wrong_command(span));
        } else if span.starts_with("--") {
            if !is_flag(span) {
                wrong.push(format!("no command has {span}"));
            }
        } else if span.split_once('/').is_some_and(|(folder, _)| FOLDERS.contains(&folder)) && !at(span).exists() {
            wrong.push(format!("there is no {span}"));
        }
    }
    for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        if !link.starts_with("https://") && !at("docs").join(link).exists() {
            wrong.push(format!("the link to {link} leads nowhere"));
        }
    }
    wrong
}

/// What is wrong with one row.
fn wrong_row(number: usize, cells: &[&str]) -> Vec<String> {
    let [_, wanted, state, today, shown] = cells else {
        return vec![format!("{number} has {} cells", cells.len())];
    };
    let mut wrong = Vec::new();
    if wanted.is_empty() || today.is_empty() {
        wrong.push(format!("{number} does not say what is wanted, or what there is today"));
    }
    if !STATES.contains(state) {
        wrong.push(format!("{number} is `{state}`, which is none of {}", STATES.join(", ")));
    }
    let tests: Vec<_> = spans(shown).filter_map(test_of).collect();
    let usable = ["there", "in part"].contains(state);
    if usable && tests.is_empty() {
        wrong.push(format!("{number} is {state}, and no test shows it"));
    }
    let live = tests.iter().any(|(file, _)| file.starts_with("tests/cluster/"));
    if usable && !live && !today.contains(ELSEWHERE) {
        wrong.push(format!("{number} is shown by no test on a cluster, and does not say `{ELSEWHERE}`"));
    }
    wrong
}

/// Everything that is wrong with the page.
fn wrong_page(page: &str) -> Vec<String> {
    let rows = rows(page);
    let mut wrong = wrong_names(page);
    let numbers: Vec<usize> = rows.iter().map(|(number, _)| *number).collect();
    if numbers != (1..=ALL).collect::<Vec<_>>() {
        wrong.push(format!("it does not number 1 to {ALL}, each once and in order: {numbers:?}"));
    }
    wrong.extend(rows.iter().flat_map(|(number, cells)| wrong_row(*number, cells)));
    let [there, part, not_yet, cannot] =
        STATES.map(|state| rows.iter().filter(|(_, row)| row.get(2) == Some(&state)).count());
    let sum = format!("{there} are there, {part} in part, {not_yet} not yet, {cannot} that today's Knative cannot do.");
    let introduction = page.split("\n## ").next().unwrap_or_default();
    if !introduction.contains(&sum) {
        wrong.push(format!("its introduction does not say: {sum}"));
    }
    if let Some(missing) = introduction.split_once(MISSING).and_then(|(_, rest)| rest.lines().next()) {
        let there = spans(missing).filter(|name| Cli::command().find_subcommand(name).is_some());
        wrong.extend(there.map(|name| format!("`{name}` is a command by now: what do its rows say?")));
    } else {
        wrong.push(format!("it does not say: {MISSING}"));
    }
    wrong
}

fn page() -> String {
    std::fs::read_to_string(at(PAGE)).unwrap()
}

#[test]
fn the_founding_proposals_capabilities_are_as_the_page_says() {
    let wrong = wrong_page(&page());
    assert!(wrong.is_empty(), "{PAGE}:\n{}", wrong.join("\n"));
}

#[test]
fn a_page_that_says_what_is_not_so_is_noticed() {
    let page = page();
    let row = |number: usize| page.lines().find(|line| line.starts_with(&format!("| {number} |"))).unwrap();
    for (old, new, said) in [
        (row(7), "", "it does not number 1 to 60"),
        (row(8), row(7), "it does not number 1 to 60"),
        ("are there, ", "are here, ", "its introduction does not say"),
        ("| not yet |", "| there |", "is there, and no test shows it"),
        ("| not yet |", "| soon |", "is `soon`, which is none of"),
        ("| not yet |", "| not yet | |", "has 6 cells"),
        (
            "start::a_declared_goal_is_started_once",
            "start::a_goal_is_started",
            "no test a_goal_is_started in tests/cluster/start.rs",
        ),
        ("start::a_declared_goal_is_started_once", "start::annotate", "no test annotate in tests/cluster/start.rs"),
        ("binary/goal::what_a", "binary/gaol::what_a", "in tests/binary/gaol.rs"),
        ("src/rollout/start/golden::a_custom", "src/rollout/golden::a_custom", "in src/rollout/golden.rs"),
        ("`andante check hello --probe", "`andante chuck hello --probe", "there is no such command"),
        ("`andante check hello --probe", "`andante check hello --prob", "it has no --prob"),
        ("`--context`", "`--kontext`", "no command has --kontext"),
        ("(../config/care)", "(../config/carf)", "the link to ../config/carf leads nowhere"),
        ("`tests/cluster/start.rs`", "`tests/cluster/begin.rs`", "there is no tests/cluster/begin.rs"),
        ("yet: `dashboard`", "yet: `walk`", "`walk` is a command by now"),
        ("Shown, but not on the cluster", "Shown", "30 is shown by no test on a cluster"),
    ] {
        assert!(page.contains(old), "the page has no {old}");
        let wrong = wrong_page(&page.replacen(old, new, 1));
        assert!(wrong.iter().any(|wrong| wrong.contains(said)), "{old} -> {new}: {wrong:#?}");
    }
}
