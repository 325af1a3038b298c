//! What counts as changed: what `git describe --dirty` says.

use super::{FORMATS, Repo};

type Change = fn(&Repo);

#[test]
fn what_git_calls_dirty() {
    let cases: [(&str, &str, Change); 15] = [
        ("other content", "1 tracked file is changed (a/b)", |r| r.write("a/b", "other\n")),
        ("other content of the same size", "(a/b)", |r| r.write("a/b", "that is a/b\n")),
        ("the end of a large file", "(large)", |r| {
            r.shell("printf x | dd of=large bs=1 seek=319999 conv=notrunc 2>&1");
        }),
        ("a file that is gone", "(deep/er/still/x)", |r| r.shell("rm -r deep")),
        ("a right more", "(a0)", |r| r.shell("chmod +x a0")),
        ("a right less", "(run)", |r| r.shell("chmod -x run")),
        ("a link to elsewhere", "(link)", |r| r.shell("ln -sfn a0 link")),
        ("a link instead of a file", "(a0)", |r| r.shell("cp a0 b0; ln -sf b0 a0")),
        ("a file instead of a link", "(link)", |r| r.shell("rm link; printf a/b > link")),
        ("a link instead of a directory", "(a/b)", |r| r.shell("mv a aa; ln -s aa a")),
        ("a directory instead of a file", "(a0)", |r| r.shell("rm a0; mkdir a0")),
        ("a staged change", "something is staged that is not committed", |r| {
            r.write("a/b", "staged\n");
            r.git(&["add", "a/b"]);
        }),
        ("a staged file", "something is staged", |r| {
            r.write("a/new", "staged\n");
            r.git(&["add", "a/new"]);
        }),
        ("a staged removal", "something is staged", |r| {
            r.git(&["rm", "-q", "--cached", "a/b"]);
        }),
        ("a file that is meant to be added", "something is staged", |r| {
            r.write("later", "x\n");
            r.git(&["add", "-N", "later"]);
        }),
    ];
    for format in FORMATS {
        for (name, said, change) in cases {
            let repo = Repo::new(format);
            change(&repo);
            println!("{format}: {name}");
            repo.is_dirty(said);
        }
    }
}

#[test]
fn what_git_calls_clean() {
    let cases: [(&str, Change); 10] = [
        ("files that are not tracked", |r| r.write("untracked/x", "x\n")),
        ("another time", |r| r.shell("touch -d 2001-01-01 a/b large")),
        ("written again", |r| r.shell("cp large x; cat x > large; rm x")),
        ("a copy that kept nothing", |r| {
            r.shell("cp -r . ../copy$$; rm -rf a deep; cp -r ../copy$$/. .; rm -rf ../copy$$");
        }),
        ("rights that git does not keep", |r| r.shell("chmod 600 a0; chmod 711 run")),
        ("a file that git was told to leave alone", |r| {
            r.git(&["update-index", "--assume-unchanged", "a0"]);
            r.git(&["update-index", "--skip-worktree", "a/b"]);
            r.shell("echo x > a0; rm a/b");
        }),
        ("a file system without rights", |r| {
            r.git(&["config", "core.fileMode", "false"]);
            r.shell("chmod +x a0");
        }),
        ("an index of version 4", |r| {
            r.git(&["update-index", "--index-version", "4"]);
            r.shell("touch a/b");
        }),
        ("an index without its checksum", |r| {
            r.git(&["-c", "index.skipHash=true", "update-index", "--force-write-index"]);
        }),
        ("an empty tree", |r| {
            r.git(&["rm", "-q", "-r", "."]);
            r.commit("nothing left");
        }),
    ];
    for format in FORMATS {
        for (name, change) in cases {
            let repo = Repo::new(format);
            change(&repo);
            println!("{format}: {name}");
            repo.is_clean();
        }
    }
}

#[test]
fn a_change_in_the_moment_of_the_commit() {
    // Same size, and mostly the same tick of the clock as the index: only the content can tell.
    for number in 0..20 {
        let repo = Repo::empty("sha1");
        repo.write("x", "1\n");
        repo.commit("first");
        repo.write("x", "2\n");
        assert_eq!(repo.find().unwrap().changes().unwrap().count, 1, "round {number}");
    }
}

#[test]
fn a_conflict() {
    let repo = Repo::new("sha1");
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.write("a/b", "ours\n");
    repo.commit("ours");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("a/b", "theirs\n");
    repo.commit("theirs");
    assert!(!repo.try_git(&["merge", "-q", "side"]).status.success());
    repo.is_dirty("something is staged");
}

#[test]
fn a_part_of_the_tree() {
    for format in FORMATS {
        for more in [&[][..], &["--sparse-index"]] {
            let repo = Repo::new(format);
            repo.git(&[&["sparse-checkout", "init", "--cone"], more].concat());
            repo.git(&["sparse-checkout", "set", "a"]);
            assert!(!repo.path.join("deep").exists(), "only a part");
            repo.is_clean();
            repo.write("a/b", "changed\n");
            repo.is_dirty("(a/b)");
        }
    }
}

#[test]
fn a_file_outside_the_part_that_is_there_all_the_same() {
    let repo = Repo::new("sha1");
    repo.git(&["sparse-checkout", "init", "--cone"]);
    repo.git(&["sparse-checkout", "set", "a"]);
    repo.write("deep/er/still/x", "this is deep/er/still/x\n");
    repo.is_clean();
    repo.git(&["sparse-checkout", "reapply"]);
    repo.write("deep/er/still/x", "that is deep/er/still/x\n");
    repo.is_dirty("(deep/er/still/x)");
    // A file that is a directory's place is no file of the commit's either.
    repo.shell("rm -rf deep; mkdir deep; ln -s /tmp deep/er");
    repo.as_git_says();
    // Where that is expected nobody looks at it.
    let repo = Repo::new("sha1");
    repo.git(&["sparse-checkout", "init", "--cone"]);
    repo.git(&["sparse-checkout", "set", "a"]);
    repo.git(&["config", "sparse.expectFilesOutsideOfPatterns", "true"]);
    repo.write("deep/er/still/x", "other\n");
    repo.is_clean();

    // The index names only the directory then.
    let repo = Repo::new("sha1");
    repo.git(&["sparse-checkout", "init", "--cone", "--sparse-index"]);
    repo.git(&["sparse-checkout", "set", "a"]);
    repo.write("deep/er/still/x", "other\n");
    let said = super::said(&repo);
    assert!(said.contains("/deep/: it is left out of the checkout but is there"), "{said}");
    assert!(said.ends_with("Or: give --commit HASH (and --branch NAME) instead of --source"), "{said}");
}

#[test]
fn submodules_of_which_less_counts() {
    let inner = Repo::new("sha1");
    let repo = Repo::new("sha1");
    repo.git(&["submodule", "--quiet", "add", inner.path.to_str().unwrap(), "module"]);
    repo.commit("with a module");
    let module = repo.at("module");
    let words = ["all", "dirty", "untracked"];
    module.write("a/b", "changed\n");
    for word in words {
        repo.git(&["config", "submodule.module.ignore", word]);
        assert_eq!(repo.as_git_says(), word == "untracked", "{word}");
    }
    module.commit("ahead");
    for word in words {
        repo.git(&["config", "submodule.module.ignore", word]);
        assert_eq!(repo.as_git_says(), word != "all", "{word}");
    }
    repo.git(&["config", "submodule.module.ignore", "all"]);
    repo.shell("rm -r module");
    repo.is_clean();
    repo.git(&["config", "submodule.module.ignore", "none"]);
    repo.is_dirty("(module)");
    // The files' own word, which the user's goes before.
    repo.git(&["submodule", "--quiet", "update", "--force"]);
    module.write("a/b", "changed\n");
    repo.git(&["config", "--unset", "submodule.module.ignore"]);
    repo.is_dirty("(module)");
    repo.git(&["config", "-f", ".gitmodules", "submodule.module.ignore", "dirty"]);
    repo.git(&["commit", "-q", "-m", "less counts", ".gitmodules"]);
    repo.is_clean();
    repo.git(&["config", "submodule.module.ignore", "untracked"]);
    repo.is_dirty("(module)");
    // What is staged of one that is ignored cannot be told from what else is staged.
    module.commit("ahead");
    repo.git(&["add", "module"]);
    repo.git(&["config", "submodule.module.ignore", "all"]);
    assert!(super::said(&repo).contains("give --commit HASH"), "{}", super::said(&repo));
    // Files that are not tracked are not looked for.
    repo.git(&["commit", "-q", "-m", "at it", "-a"]);
    repo.git(&["reset", "-q", "--hard"]);
    repo.git(&["config", "submodule.module.ignore", "none"]);
    assert!(super::said(&repo).contains("give --commit HASH"), "{}", super::said(&repo));
}

#[test]
fn a_submodule_without_a_commit() {
    let inner = Repo::new("sha1");
    let repo = Repo::new("sha1");
    repo.git(&["submodule", "--quiet", "add", inner.path.to_str().unwrap(), "module"]);
    repo.commit("with a module");
    repo.shell("rm -rf module; git init -q module");
    repo.write("module/untracked", "x\n");
    repo.is_clean();
    repo.at("module").git(&["add", "untracked"]);
    let said = super::said(&repo);
    assert!(
        said.contains("/module: its branch has no commit yet, and something may be staged: give --commit"),
        "{said}"
    );
}

#[test]
fn submodules() {
    for format in FORMATS {
        let inner = Repo::new(format);
        let repo = Repo::new(format);
        repo.git(&["submodule", "--quiet", "add", inner.path.to_str().unwrap(), "module"]);
        repo.commit("with a module");
        let module = repo.at("module");
        repo.is_clean();
        module.is_clean();
        assert!(module.path.join(".git").is_file());

        module.write("a/b", "changed\n");
        module.is_dirty("(a/b)");
        repo.is_dirty("(module)");
        module.git(&["checkout", "-q", "a/b"]);
        repo.is_clean();
        module.commit("ahead");
        repo.is_dirty("(module)");

        // A clone without the module's files lacks nothing that was asked for.
        let clone = Repo { path: super::directory() };
        clone.git(&["clone", "-q", repo.path.to_str().unwrap(), "."]);
        clone.is_clean();
    }
}

#[test]
fn many_changes_are_counted_and_a_few_named() {
    let repo = Repo::new("sha1");
    repo.shell("for f in a.b a-b a/b a0; do echo x >> $f; done");
    let words = repo.find().unwrap().changes().unwrap().words();
    assert_eq!(words, "4 tracked files are changed (a-b, a.b, a/b, ...)");
}
