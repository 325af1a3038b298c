//! The real executable: exact output and exit codes where no cluster is needed, and the command line's reference.
//!
//! `ANDANTE_BLESS=1 cargo test --test binary` writes `docs/cli.md` anew.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "binary/adopt.rs"]
mod adopt;
#[path = "binary/apply.rs"]
mod apply;
#[path = "binary/asked.rs"]
mod asked;
#[path = "binary/declare.rs"]
mod declare;
#[path = "binary/export.rs"]
mod export;
#[path = "binary/flags.rs"]
mod flags;
#[path = "binary/from_file.rs"]
mod from_file;
#[path = "binary/goal.rs"]
mod goal;
#[path = "binary/image.rs"]
mod image;
#[path = "binary/plan.rs"]
mod plan;
#[path = "binary/reference.rs"]
mod reference;
#[path = "binary/rehearse.rs"]
mod rehearse;
#[path = "binary/results.rs"]
mod results;
#[path = "binary/server.rs"]
mod server;
#[path = "binary/start.rs"]
mod start;
#[path = "binary/start_again.rs"]
mod start_again;
#[path = "binary/start_runs.rs"]
mod start_runs;
#[path = "binary/unreachable.rs"]
mod unreachable;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What came of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs the executable without any of our own environment.
fn andante(arguments: &[&str]) -> Ran {
    andante_with(&[], arguments)
}

/// Runs it with these variables alone.
fn andante_with(environment: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_andante"))
        .args(arguments)
        .env_clear()
        .env("HOME", scratch("home"))
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs it and compares everything.
fn expect(arguments: &[&str], code: i32, stdout: &str, stderr: &str) {
    let ran = andante(arguments);
    let expected = Ran { code, stdout: stdout.into(), stderr: stderr.into() };
    assert_eq!(ran, expected, "andante {}", arguments.join(" "));
}

/// A directory of this test run.
fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("binary").join(name);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// A file of this test run with this content.
fn file(name: &str, content: &str) -> String {
    let path = scratch("files").join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}
