//! What the README says in tables is what the program does: the exit codes are written from the one enum.
//!
//! `ANDANTE_BLESS=1 cargo test --test readme` rewrites the table.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

use andante::model::outcome::Code;
use std::fmt::Write as _;

const BEGIN: &str = "<!-- exit codes: generated, checked by a test -->\n";
const END: &str = "<!-- end -->";

fn table() -> String {
    let mut table = String::from("| code | outcome | meaning |\n| ---: | --- | --- |\n");
    for code in Code::ALL {
        writeln!(table, "| {} | `{}` | {} |", code.number(), code.word(), code.meaning()).unwrap();
    }
    table
}

/// The text with what stands between the marks replaced.
fn with_table(text: &str, table: &str) -> String {
    let (before, rest) = text.split_once(BEGIN).expect("the first mark");
    let (_, after) = rest.split_once(END).expect("the last mark");
    format!("{before}{BEGIN}{table}{END}{after}")
}

#[test]
fn the_table_of_exit_codes_is_true() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let wanted = with_table(&text, &table());
    if std::env::var_os("ANDANTE_BLESS").is_some() {
        std::fs::write(path, &wanted).unwrap();
    } else {
        assert_eq!(text, wanted, "run `ANDANTE_BLESS=1 cargo test --test readme`");
    }
}

#[test]
fn a_stale_table_is_noticed() {
    let stale = format!("a\n{BEGIN}| 0 | old |\n{END}\nb\n");
    assert_ne!(stale, with_table(&stale, &table()));
    assert_eq!(with_table(&stale, &table()), with_table(&with_table(&stale, &table()), &table()));
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
            let defines = ["fn ", "struct ", "enum ", "trait ", "const ", "type "];
            if !defines.iter().any(|word| code.contains(&format!("{word}{name}"))) {
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
