//! Checkouts made by git itself, read without it: the same commit, the same branch, the same verdict about changes.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
// These tests are about processes, files and their times.
#![allow(clippy::disallowed_methods)]

#[path = "checkout/changes.rs"]
mod changes;
#[path = "checkout/convert.rs"]
mod convert;
#[path = "checkout/forms.rs"]
mod forms;
#[path = "checkout/head.rs"]
mod head;
#[path = "checkout/image.rs"]
mod image;
#[path = "checkout/odd.rs"]
mod odd;
#[path = "checkout/pipeline.rs"]
mod pipeline;
#[path = "checkout/settings.rs"]
mod settings;
#[path = "checkout/unreadable.rs"]
mod unreadable;
#[path = "checkout/where_files_are.rs"]
mod where_files_are;

use andante::adapter::checkout::{BadCheckout, Checkout};
use andante::adapter::env::Environment;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// The kinds of names that git gives to objects.
const FORMATS: [&str; 2] = ["sha1", "sha256"];

/// A directory, and git in it.
#[derive(Debug, Clone)]
struct Repo {
    path: PathBuf,
}

impl Repo {
    /// An empty repository on the branch `main`.
    fn empty(format: &str) -> Self {
        let repo = Self { path: directory() };
        repo.git(&["init", "-q", "-b", "main", &format!("--object-format={format}")]);
        repo
    }

    /// One with a commit of files of every kind.
    fn new(format: &str) -> Self {
        let repo = Self::empty(format);
        // An order of paths that is not the order of names: `a.b` before `a/b` before `a0`.
        for path in ["a.b", "a/b", "a0", "a-b", "deep/er/still/x", "spa ce", "\u{fc}n\u{ef}", "new\nline", ".hidden"] {
            repo.write(path, &format!("this is {path}\n"));
        }
        repo.write("empty", "");
        repo.write("large", &"0123456789abcdef".repeat(20_000));
        repo.write("run", "#!/bin/sh\n");
        repo.shell("chmod +x run; ln -s a/b link; ln -s nowhere dangling");
        repo.commit("first");
        repo
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// Runs git, which must do it.
    #[track_caller]
    fn git(&self, arguments: &[&str]) -> String {
        let output = self.try_git(arguments);
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn try_git(&self, arguments: &[&str]) -> Output {
        self.try_git_in(&[], arguments)
    }

    /// The same with more variables.
    fn try_git_in(&self, more: &[(&str, &str)], arguments: &[&str]) -> Output {
        let mut command = Command::new("git");
        command.current_dir(&self.path).envs(variables(more));
        command.args(arguments).output().expect("git is needed for these tests")
    }

    #[track_caller]
    fn shell(&self, script: &str) {
        let done = Command::new("sh").current_dir(&self.path).args(["-e", "-c", script]).status().unwrap();
        assert!(done.success(), "{script}");
    }

    #[track_caller]
    fn shell_out(&self, script: &str) -> String {
        let done = Command::new("sh").current_dir(&self.path).args(["-e", "-c", script]).output().unwrap();
        assert!(done.status.success(), "{script}");
        String::from_utf8(done.stdout).unwrap()
    }

    fn at(&self, path: &str) -> Self {
        Self { path: self.path.join(path) }
    }

    fn find(&self) -> Result<Checkout, BadCheckout> {
        self.find_in(&[])
    }

    /// With git's variables, and without git where no `PATH` is among them.
    fn find_in(&self, more: &[(&str, &str)]) -> Result<Checkout, BadCheckout> {
        let variables = variables(more);
        let variables = variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Checkout::find(&self.path, &Environment::invented(variables, Path::new("/nowhere")))
    }

    /// What is read is what git says; true if git calls it dirty.
    #[track_caller]
    fn as_git_says(&self) -> bool {
        self.as_git_says_in(&[])
    }

    /// The same with more variables.
    #[track_caller]
    fn as_git_says_in(&self, more: &[(&str, &str)]) -> bool {
        let checkout = self.find_in(more).unwrap();
        assert_eq!(checkout.commit().as_str(), self.git(&["rev-parse", "HEAD"]), "the commit");
        let branch = self.try_git(&["symbolic-ref", "-q", "--short", "HEAD"]);
        let branch = branch.status.success().then(|| String::from_utf8(branch.stdout).unwrap().trim_end().to_owned());
        assert_eq!(checkout.branch(), branch.as_deref(), "the branch");
        // Our look comes first: git's own would refresh the times in the index.
        let changes = checkout.changes().unwrap();
        let described = self.try_git_in(more, &["describe", "--always", "--dirty"]);
        assert!(described.status.success(), "{}", String::from_utf8_lossy(&described.stderr));
        let dirty = described.stdout.trim_ascii_end().ends_with(b"-dirty");
        assert_eq!(changes.none(), !dirty, "{changes:?}; git status: {}", self.git(&["status", "--short"]));
        dirty
    }

    #[track_caller]
    fn is_clean(&self) {
        assert!(!self.as_git_says(), "git calls it dirty");
    }

    #[track_caller]
    fn is_dirty(&self, said: &str) {
        assert!(self.as_git_says(), "git calls it clean");
        let words = self.find().unwrap().changes().unwrap().words();
        assert!(words.contains(said), "{words}");
    }
}

/// What git is told from outside in these tests, and more.
fn variables(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let settings = [
        ("user.name", "kim"),
        ("user.email", "kim@example.com"),
        ("protocol.file.allow", "always"),
        ("safe.directory", "*"),
        ("advice.detachedHead", "false"),
    ];
    let named = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut variables = vec![named("GIT_CONFIG_NOSYSTEM", "1"), named("GIT_CONFIG_GLOBAL", "/dev/null")];
    variables.push(named("GIT_CONFIG_COUNT", &settings.len().to_string()));
    for (i, (key, value)) in settings.iter().enumerate() {
        variables.extend([named(&format!("GIT_CONFIG_KEY_{i}"), key), named(&format!("GIT_CONFIG_VALUE_{i}"), value)]);
    }
    // Those of the user's home count where the home is named.
    if more.iter().any(|(name, _)| *name == "HOME") {
        variables.retain(|(name, _)| name != "GIT_CONFIG_GLOBAL");
    }
    variables.extend(more.iter().map(|(name, value)| named(name, value)));
    variables
}

/// What is said of a checkout that cannot be read.
#[track_caller]
fn said(repo: &Repo) -> String {
    match repo.find().and_then(|checkout| checkout.changes()) {
        Ok(changes) => panic!("it was read: {changes:?}"),
        Err(error) => error.to_string(),
    }
}

/// A fresh directory.
fn directory() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("checkout-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}
