//! Where a repository says that its files and branches are: settings, links, submodules.

use super::{FORMATS, Repo, directory, said};

#[test]
fn a_head_that_is_a_link() {
    for format in FORMATS {
        let repo = Repo::new(format);
        repo.shell("rm .git/HEAD; ln -s refs/heads/main .git/HEAD");
        repo.is_clean();
        assert_eq!(repo.find().unwrap().branch(), Some("main"));
        // The link leads nowhere then.
        repo.git(&["pack-refs", "--all"]);
        assert!(!repo.path.join(".git/HEAD").exists());
        repo.is_clean();
    }
    let unborn = Repo::empty("sha1");
    unborn.shell("rm .git/HEAD; ln -s refs/heads/later .git/HEAD");
    assert_eq!(said(&unborn), "the branch later has no commit yet");
}

#[test]
fn settings_of_one_worktree() {
    let repo = Repo::new("sha1");
    let other = Repo { path: directory().join("other") };
    repo.git(&["worktree", "add", "-q", "-b", "side", other.path.to_str().unwrap()]);
    repo.git(&["config", "extensions.worktreeConfig", "true"]);
    other.git(&["config", "--worktree", "core.fileMode", "false"]);
    other.shell("chmod +x a0");
    other.is_clean();
    repo.shell("chmod +x a0");
    repo.is_dirty("(a0)");
    // They go before the shared ones.
    repo.git(&["config", "core.fileMode", "false"]);
    other.git(&["config", "--worktree", "core.fileMode", "true"]);
    repo.is_clean();
    other.is_dirty("(a0)");
}

#[test]
fn files_that_are_elsewhere() {
    let elsewhere = directory();
    for own in [false, true] {
        let repo = Repo::new("sha1");
        repo.git(&["config", "core.worktree", repo.path.to_str().unwrap()]);
        repo.is_clean();
        repo.git(&["config", "core.worktree", ".."]);
        repo.is_clean();
        let other = Repo { path: directory().join("other") };
        repo.git(&["worktree", "add", "-q", "-b", "side", other.path.to_str().unwrap()]);
        let elsewhere = elsewhere.to_str().unwrap();
        if own {
            repo.git(&["config", "--unset", "core.worktree"]);
            repo.git(&["config", "extensions.worktreeConfig", "true"]);
            repo.git(&["config", "--worktree", "core.worktree", elsewhere]);
        } else {
            repo.git(&["config", "core.worktree", elsewhere]);
        }
        let expected = format!(
            "{}: core.worktree says that the files are in {elsewhere}: give --commit HASH (and --branch NAME) instead of \
             --source",
            repo.path.join(".git").display()
        );
        assert_eq!(said(&repo), expected);
        // That is about the first worktree alone.
        other.is_clean();
    }
}

#[test]
fn gits_own_directory_has_no_files() {
    let repo = Repo::new("sha1");
    repo.write("a/b", "changed\n");
    let said = said(&repo.at(".git"));
    assert!(said.contains(".git: it is git's own directory, without the files: give --commit"), "{said}");
}

#[test]
fn a_submodule_that_is_none_any_more() {
    let inner = Repo::new("sha1");
    for (change, clean) in [
        ("rm -r module", false),
        ("rm -r module; echo x > module", false),
        ("rm -r module; ln -s a module", false),
        ("rm -r module; mkdir module", true),
    ] {
        let repo = Repo::new("sha1");
        repo.git(&["submodule", "--quiet", "add", inner.path.to_str().unwrap(), "module"]);
        repo.commit("with a module");
        repo.shell(change);
        if clean { repo.is_clean() } else { repo.is_dirty("(module)") }
    }
}
