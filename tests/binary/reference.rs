//! docs/cli.md is what the executable says about itself.

use super::andante;
use andante::adapter::env::Environment;
use andante::cli::Cli;
use andante::model::outcome::{Code, WORDS};
use clap::CommandFactory;
use std::fmt::Write;
use std::path::Path;

/// Every subcommand, those of subcommands after their own: `image`, `image resolve`.
fn subcommands() -> Vec<String> {
    fn below(command: &clap::Command, before: &str, found: &mut Vec<String>) {
        for sub in command.get_subcommands() {
            let name = format!("{before}{}", sub.get_name());
            found.push(name.clone());
            below(sub, &format!("{name} "), found);
        }
    }
    let mut found = Vec::new();
    below(&Cli::command(), "", &mut found);
    found
}

/// A subcommand's words and a flag.
fn words<'a>(name: &'a str, flag: &'a str) -> Vec<&'a str> {
    name.split(' ').chain([flag]).collect()
}

fn help(arguments: &[&str]) -> String {
    let ran = andante(arguments);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments:?}");
    assert!(!ran.stdout.contains('\u{1b}'), "no colours in {arguments:?}");
    ran.stdout.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

fn reference() -> String {
    let mut text = String::from(
        "# The command line\n\nWhat `andante --help` and the help of each subcommand say. This file is made from the \
         program by `ANDANTE_BLESS=1 cargo test --test binary`; a test compares the two.\n\n## Exit codes\n\n\
         They are part of the interface: they are what Tekton shows. Results and JSON carry the word.\n\n\
         | code | word | meaning |\n| --- | --- | --- |\n",
    );
    for code in Code::ALL {
        writeln!(text, "| {} | `{}` | {} |", code.number(), code.word(), code.meaning()).unwrap();
    }
    text.push_str("\nKinds of `done`, and what `settle` says of a whole run:\n\n| word | meaning |\n| --- | --- |\n");
    for (word, meaning) in WORDS {
        writeln!(text, "| `{word}` | {meaning} |").unwrap();
    }
    write!(text, "\n## andante\n\n```text\n{}```\n", help(&["--help"])).unwrap();
    for name in subcommands() {
        write!(text, "\n## andante {name}\n\n```text\n{}```\n", help(&words(&name, "--help"))).unwrap();
    }
    text
}

#[test]
fn the_reference_is_what_the_program_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let said = reference();
    if Environment::of_process().variable("ANDANTE_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &said).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let first = said.lines().zip(written.lines()).find(|(a, b)| a != b);
    assert!(
        said == written,
        "docs/cli.md is not what the program says; first difference: {first:?}; ANDANTE_BLESS=1 cargo test --test binary"
    );
}

#[test]
fn short_help_fits_a_screen_and_version_is_the_packages() {
    for name in subcommands() {
        let short = help(&words(&name, "-h"));
        assert!(short.lines().all(|line| line.chars().count() <= 100), "{name}");
    }
    assert_eq!(help(&["--version"]), format!("andante {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn nothing_to_do_is_bad_input() {
    let ran = andante(&[]);
    assert_eq!(ran.code, i32::from(Code::BadInput.number()));
    assert!(ran.stderr.contains("Usage: andante <COMMAND>"), "{}", ran.stderr);
}
