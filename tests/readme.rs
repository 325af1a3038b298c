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
