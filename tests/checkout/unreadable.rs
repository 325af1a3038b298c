//! What may not be read, or is no file, is not absent: no other repository is read instead, and nothing is waited for.

use super::{Repo, said};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A checkout within another, which would be taken if the inner one were thought absent.
fn nested() -> (Repo, Repo) {
    let outer = Repo::new("sha1");
    let inner = outer.at("inner");
    std::fs::create_dir(&inner.path).unwrap();
    inner.git(&["init", "-q", "-b", "within"]);
    inner.write("x", "x\n");
    inner.commit("inner");
    assert_eq!(inner.find().unwrap().branch(), Some("within"));
    (outer, inner)
}

/// Every file of git's that is looked at.
const FILES: [&str; 10] = [
    ".git",
    ".git/HEAD",
    ".git/commondir",
    ".git/config",
    ".git/config.worktree",
    ".git/index",
    ".git/refs/heads/within",
    ".git/packed-refs",
    ".git/objects/info/alternates",
    ".git/objects/pack/x.idx",
];

/// A checkout in another, with something else in place of one of its files.
#[track_caller]
fn replaced(file: &str, script: &str) -> Repo {
    let (_, inner) = nested();
    inner.git(&["config", "extensions.worktreeConfig", "true"]);
    // What is looked at only when nothing goes before it.
    match file {
        ".git/packed-refs" => inner.shell("rm .git/refs/heads/within"),
        ".git/objects/info/alternates" | ".git/objects/pack/x.idx" => {
            let commit = inner.git(&["rev-parse", "HEAD"]);
            inner.shell(&format!("rm -f .git/objects/{}/{}", &commit[..2], &commit[2..]));
        }
        _ => {}
    }
    inner.shell(&format!("rm -rf {file}; {script}"));
    inner
}

#[test]
fn a_link_to_itself() {
    for file in FILES {
        let inner = replaced(file, &format!("ln -s $(basename {file}) {file}"));
        let said = said(&inner);
        // A head that is a link is one that git made, until it is read.
        let named = format!("{}: Too many levels of symbolic links", inner.path.join(file).display());
        assert!(said.starts_with(&named), "{file}: {said}");
    }
}

#[test]
fn a_pipe_or_a_device() {
    for file in FILES {
        for (script, kind) in [("mkfifo", "a pipe"), ("ln -s /dev/zero", "a device")] {
            let inner = replaced(file, &format!("{script} {file}"));
            let said = said(&inner);
            let named = format!("{}: it is not a regular file", inner.path.join(file).display());
            assert!(said.starts_with(&named), "{file} is {kind}: {said}");
        }
    }
}

#[test]
fn a_pack_that_is_a_pipe() {
    let (_, inner) = nested();
    inner.git(&["gc", "-q", "--prune=now"]);
    inner.shell("cd .git/objects/pack; p=$(ls *.pack); rm -f $p; mkfifo $p");
    assert!(said(&inner).ends_with(".pack: it is not a regular file"), "{}", said(&inner));
}

#[test]
fn a_directory_where_a_file_should_be() {
    for file in FILES.iter().filter(|f| ![".git", ".git/refs/heads/within", ".git/packed-refs"].contains(f)) {
        let inner = replaced(file, &format!("mkdir -p {file}"));
        let said = said(&inner);
        assert!(said.starts_with(&format!("{}: it is a directory", inner.path.join(file).display())), "{file}: {said}");
    }
}

/// `andante image` as a user that may read only what everybody may.
fn as_nobody(repo: &Repo) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_andante"));
    command.args(["image", "hello", "--repository", "registry.example.com/hello", "--source"]).arg(&repo.path);
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(65532).gid(65532);
    }
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_may_not_be_read() {
    let (_, inner) = nested();
    assert_eq!(as_nobody(&inner), (Some(0), String::new()), "as long as everything may be read");
    for file in FILES.iter().filter(|f| !f.ends_with("commondir")) {
        let script = match *file {
            ".git" => "mkdir .git; touch .git/HEAD; chmod 0 .git".to_owned(),
            _ => format!("touch {file}; chmod 0 {file}"),
        };
        let inner = replaced(file, &script);
        let (code, said) = as_nobody(&inner);
        assert_eq!(code, Some(2), "{file}: {said}");
        let named = format!("--source: {}", inner.path.join(file).display());
        assert!(said.contains(&named) && said.contains("Permission denied"), "{file}: {said}");
        assert!(said.contains("--commit HASH (and --branch NAME) needs no checkout"), "{file}: {said}");
    }
    // Directories that may not be looked into.
    for directory in [".git/refs", ".git/objects", ".git/objects/pack", "below"] {
        let (_, inner) = nested();
        inner.write("below/y", "y\n");
        inner.commit("more");
        inner.git(&["gc", "-q", "--prune=now"]);
        inner.shell(&format!("chmod 0 {directory}"));
        let (code, said) = as_nobody(&inner);
        assert_eq!(code, Some(2), "{directory}: {said}");
        assert!(said.contains(directory) && said.contains("Permission denied"), "{directory}: {said}");
    }
}
