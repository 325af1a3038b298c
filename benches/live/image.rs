//! `andante image`: the plain case, which asks nobody, and checkouts of a few files and of many.

use super::figures::{figure, times};
use super::meter::Meter;
use super::shipped::Build;
use super::start::runs;
use std::io::{Read, Write, pipe};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

const FEW: usize = 10;
const MANY: usize = 20_000;

pub fn measure(build: &Build) {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    one(build, "image.plain", &["--commit", commit], "`image` with --repository and --commit: no file, no request");
    for (name, count) in [("image.source", FEW), ("image.source-large", MANY)] {
        let checkout = Checkout::of(count);
        let how = format!("`image` with --repository and --source, a checkout of {count} files");
        one(build, name, &["--source", checkout.0.to_str().unwrap()], &how);
        // What a copy between volumes leaves: no time is what git noted, so that every file is read.
        checkout.run("find . -path ./.git -prune -o -name '*.txt' -print0 | xargs -0 touch");
        one(build, &format!("{name}-read"), &["--source", checkout.0.to_str().unwrap()], &format!("{how}, each read"));
    }
}

fn one(build: &Build, name: &str, more: &[&str], how: &str) {
    let arguments = [&["image", "hello", "--repository", "registry.example.com/stuff"], more].concat();
    times(name, runs(&build.path, &arguments), &format!("from spawn to exit, {how}"));
    figure(&format!("{name}.peak"), peak(&build.path, &arguments), "KiB", "the most that was resident in one such run");
}

/// The most memory of a run that is over in a moment: held up by a full pipe when it gives its answer, it can be asked.
fn peak(program: &Path, arguments: &[&str]) -> u64 {
    const FILLING: usize = 64 * 1024;
    let (mut answers, mut full) = pipe().unwrap();
    full.write_all(&vec![b'\n'; FILLING]).unwrap();
    let mut command = Command::new(program);
    let mut child = command.args(arguments).stdin(Stdio::null()).stdout(full).spawn().unwrap();
    let meter = Meter::of(child.id());
    sleep(Duration::from_secs(1));
    assert!(child.try_wait().unwrap().is_none(), "it ended before its answer was read");
    let peak = meter.stop().peak_kib;
    // It holds the other end of the pipe too.
    drop(command);
    let mut answer = String::new();
    answers.read_to_string(&mut answer).unwrap();
    assert!(child.wait().unwrap().success() && answer.contains("registry.example.com/stuff/hello:"), "{answer}");
    peak
}

/// A checkout made by git, removed in the end.
struct Checkout(PathBuf);

impl Checkout {
    fn of(count: usize) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        for number in 0..count {
            let directory = path.join(format!("part-{}/of-{}", number / 1000, number / 50));
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join(format!("{number}.txt")), format!("file {number}\n").repeat(100)).unwrap();
        }
        let checkout = Self(path);
        checkout.run("git init -q -b main && git add -A");
        // What was written in the moment of the index would be read.
        sleep(Duration::from_secs(1));
        checkout.run(
            "git -c user.name=bench -c user.email=bench@example.com -c gc.auto=0 commit -q -m files && \
             git update-index -q --refresh --force-write-index",
        );
        checkout
    }

    fn run(&self, script: &str) {
        let done = Command::new("sh").args(["-e", "-c", script]).current_dir(&self.0).status().unwrap();
        assert!(done.success(), "{script}");
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
