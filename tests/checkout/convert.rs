//! Files that git converts when it checks them out: what git noted holds; where it does not, nothing is guessed.

use super::{FORMATS, Repo, said};

const ENDS: &str = "only its line ends are not the commit's, and whether git converts them cannot be told without git";

/// A checkout whose files `x` and `y.up` are not what the commit has, though git calls them unchanged.
fn converting(format: &str) -> Repo {
    let repo = Repo::new(format);
    repo.git(&["config", "filter.up.clean", "tr A-Z a-z"]);
    repo.git(&["config", "filter.up.smudge", "tr a-z A-Z"]);
    repo.write(".gitattributes", "*.up filter=up\nx text eol=crlf\n");
    repo.write("x", "one\ntwo\n");
    repo.write("y.up", "abc\n");
    repo.commit("converted files");
    repo.shell("rm x y.up");
    repo.git(&["checkout", "-q", "x", "y.up"]);
    assert_eq!(repo.shell_out("cat x y.up"), "one\r\ntwo\r\nABC\n");
    noted(&repo, 10);
    repo
}

/// Has git note the files' times, late enough to be trusted; git itself compares whole seconds.
fn noted(repo: &Repo, seconds: u32) {
    repo.shell(&format!("touch -d '{seconds} seconds ago' x y.up"));
    repo.git(&["status"]);
}

#[test]
fn what_git_noted_holds() {
    for format in FORMATS {
        let repo = converting(format);
        repo.is_clean();
        repo.write("y.up", "ABCD\n");
        repo.is_dirty("(y.up)");
    }
}

#[test]
fn what_only_git_can_tell() {
    for (file, expected) in
        [("x", ENDS.to_owned()), ("y.up", "its content is not the commit's, and what git".to_owned())]
    {
        let repo = converting("sha1");
        repo.shell(&format!("touch {file}"));
        let said = said(&repo);
        assert!(said.contains(&format!("/{file}: {expected}")), "{said}");
        assert!(said.ends_with("Or: give --commit HASH (and --branch NAME) instead of --source"), "{said}");
        // As it says.
        noted(&repo, 20);
        repo.is_clean();
    }
}

#[test]
fn what_no_conversion_explains() {
    let repo = converting("sha1");
    // The same sizes.
    repo.write("x", "one\r\nTWO\r\n");
    repo.write("a0", "THIS is a0\n");
    repo.is_dirty("2 tracked files are changed (a0, x)");
}

#[test]
fn line_ends_that_somebody_changed() {
    // git calls this dirty; with a setting of the user's it would not.
    let repo = Repo::new("sha1");
    repo.write("a/b", "this is a/b\r\n");
    repo.is_dirty("(a/b)");
    repo.write("a/b", "this is a/\r\n");
    repo.is_dirty("(a/b)");
}
