//! Real registries (Debian's docker-registry, the distribution project's), images of a real builder (buildah), and the
//! grammar of references against the container tools' own library (Go).
//!
//! They run as processes on the loopback address. What they need is installed by `.ci/run`; where it is missing these
//! tests fail and say so.

#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
// These tests are processes, files and time.
#![allow(clippy::disallowed_methods)]

#[path = "registry/access.rs"]
mod access;
#[path = "registry/builder.rs"]
mod builder;
#[path = "registry/grammar.rs"]
mod grammar;
#[path = "registry/questions.rs"]
mod questions;
#[path = "registry/server.rs"]
mod server;
#[path = "registry/tokens.rs"]
mod tokens;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// What came of one call.
#[derive(Debug)]
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    #[track_caller]
    fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// The same; the test fails if anything that was printed has this text.
    #[track_caller]
    fn never_says(self, secrets: &[&str]) -> Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(!secrets.iter().any(|secret| all.contains(secret)), "{all}");
        self
    }

    /// What it printed as JSON.
    #[track_caller]
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:#?}"))
    }
}

/// Runs the executable without any of our own environment; a registry in trouble is asked for a second.
fn andante(arguments: &[&str]) -> Ran {
    andante_with(arguments, &[])
}

fn andante_with(arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_andante"))
        .args(arguments)
        .args(["--patience", "1s"])
        .env_clear()
        .env("HOME", "/nowhere")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A fresh directory.
fn directory() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("registry-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A directory with a Docker config of one registry.
fn docker_config(registry: &str, entry: &serde_json::Value) -> String {
    let path = directory();
    let config = serde_json::json!({"auths": {registry: entry}});
    std::fs::write(path.join("config.json"), config.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}
