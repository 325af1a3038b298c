//! `andante image --source`: the tag is the checkout's commit, and what is not that commit is refused unless it shall be marked.

use super::{FORMATS, Repo, variables};
use std::process::Command;

/// Exit code, standard output and standard error, without git.
fn image(repo: &Repo, more: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_andante"));
    command.args(["image", "hello", "--repository", "gcr.io/stuff", "--source"]).arg(&repo.path).args(more);
    let output = command.env_clear().env("HOME", "/nowhere").envs(variables(&[])).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_checkout_names_its_whole_commit_and_one_that_differs_is_refused() {
    for format in FORMATS {
        let repo = Repo::new(format);
        let commit = repo.git(&["rev-parse", "HEAD"]);
        let (code, said, told) = image(&repo, &[]);
        assert_eq!((code, said), (Some(0), format!("gcr.io/stuff/hello:{commit}\n")), "{told}");
        repo.write("a/b", "other\n");
        let (code, said, told) = image(&repo, &[]);
        assert_eq!((code, said.as_str()), (Some(2), ""), "{told}");
        for part in ["is not what was committed: 1 tracked file is changed (a/b)", "--dirty mark"] {
            assert!(told.contains(part), "{told}");
        }
        let (code, said, told) = image(&repo, &["--dirty", "mark"]);
        assert_eq!((code, said), (Some(0), format!("gcr.io/stuff/hello:{commit}-dirty\n")), "{told}");
        assert!(told.contains("the checkout is not what was committed: 1 tracked file is changed (a/b)"), "{told}");
        // Nor is another commit's name taken for this one's.
        let other = commit.replace(|digit: char| digit.is_ascii_digit(), "e");
        let (code, said, told) = image(&repo, &["--commit", &other]);
        assert_eq!((code, said.as_str()), (Some(2), ""), "{told}");
        assert!(told.contains(&format!("is at {commit}")), "{told}");
    }
}
