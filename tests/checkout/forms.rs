//! Forms of a repository that others write: as git reads them, or a refusal that names `--commit`.

use super::{FORMATS, Repo, directory, said};

#[test]
fn repositories_of_other_versions() {
    let formats: [&[(&str, &str)]; 13] = [
        &[("core.repositoryFormatVersion", "2")],
        &[("core.repositoryFormatVersion", "many")],
        &[("core.repositoryFormatVersion", "1"), ("extensions.ofTheFuture", "true")],
        &[("core.repositoryFormatVersion", "0"), ("extensions.ofTheFuture", "true")],
        &[("core.repositoryFormatVersion", "0"), ("extensions.objectFormat", "sha1")],
        &[("core.repositoryFormatVersion", "0"), ("extensions.noop-v1", "x")],
        &[("core.repositoryFormatVersion", "1"), ("extensions.noop-v1", "x")],
        &[("core.repositoryFormatVersion", "1"), ("extensions.objectFormat", "sha1")],
        &[("core.repositoryFormatVersion", "1"), ("extensions.objectFormat", "sha3")],
        &[("core.repositoryFormatVersion", "1"), ("extensions.noop", "x")],
        &[("core.repositoryFormatVersion", "1"), ("extensions.preciousObjects", "true")],
        &[("core.repositoryFormatVersion", "0"), ("extensions.preciousObjects", "true")],
        &[("core.repositoryFormatVersion", "0"), ("extensions.worktreeConfig", "true")],
    ];
    for format in formats {
        let repo = Repo::new("sha1");
        for (key, value) in format {
            // By its file: git takes no setting in a repository that it refuses.
            repo.git(&["config", "-f", ".git/config", key, value]);
        }
        println!("{format:?}");
        if repo.try_git(&["rev-parse", "HEAD"]).status.success() {
            repo.is_clean();
        } else {
            assert!(
                said(&repo).ends_with("give --commit HASH (and --branch NAME) instead of --source"),
                "{}",
                said(&repo)
            );
        }
    }
    // Where no version is said, git looks at no extension.
    let repo = Repo::new("sha1");
    repo.git(&["config", "-f", ".git/config", "extensions.objectFormat", "sha256"]);
    repo.git(&["config", "-f", ".git/config", "extensions.ofTheFuture", "true"]);
    repo.git(&["config", "-f", ".git/config", "--unset", "core.repositoryFormatVersion"]);
    repo.is_clean();
}

/// A repository whose commits are in one pack only.
fn packed(format: &str, version: &str) -> Repo {
    let repo = Repo::new(format);
    for number in 0..20 {
        repo.write("a/b", &format!("{number}\n"));
        repo.commit(&format!("commit {number}"));
    }
    repo.git(&["-c", &format!("pack.indexVersion={version}"), "repack", "-q", "-a", "-d", "-f"]);
    repo.git(&["prune-packed"]);
    repo
}

#[test]
fn an_index_of_a_pack_of_the_first_version() {
    for format in FORMATS {
        let repo = packed(format, "1");
        let head = repo.shell_out("head -c 4 .git/objects/pack/*.idx | od -An -tx1");
        assert_ne!(head.trim(), "ff 74 4f 63", "git wrote the second version");
        for commit in repo.git(&["rev-list", "HEAD"]).lines() {
            repo.git(&["checkout", "-q", commit]);
            repo.is_clean();
        }
    }
}

#[test]
fn files_beside_the_packs_that_are_none() {
    for (name, script) in [
        ("an index without its pack", "cp *.idx pack-0.idx"),
        ("no index", "echo hello > pack-0.idx; cp *.pack pack-0.pack"),
        ("an index of the future", "printf '\\377tOc\\0\\0\\0\\3' > pack-0.idx; cp pack-?*.pack pack-0.pack"),
        ("an empty one", ": > pack-0.idx; : > pack-0.pack"),
        ("an index that is cut", "head -c 1100 pack-?*.idx > pack-0.idx; cp pack-??*.pack pack-0.pack"),
        ("zeros", "head -c 1200 /dev/zero > pack-0.idx; : > pack-0.pack"),
    ] {
        for format in FORMATS {
            let repo = packed(format, "2");
            repo.shell(&format!("cd .git/objects/pack; {script}"));
            println!("{format}: {name}");
            repo.is_clean();
        }
    }
}

#[test]
fn stores_whose_names_are_quoted() {
    for format in FORMATS {
        let lender = Repo { path: directory().join("w\u{ef}th \"all\"\nof it") };
        std::fs::create_dir_all(&lender.path).unwrap();
        lender.git(&["init", "-q", "-b", "main", &format!("--object-format={format}")]);
        lender.write("x", "x\n");
        lender.commit("first");
        let repo = Repo::empty(format);
        let parent = lender.path.parent().unwrap().to_str().unwrap();
        let quoted = format!("# borrowed\n\"{parent}/w\\303\\257th \\\"all\\\"\\nof it/.git/objects\"\n");
        std::fs::write(repo.path.join(".git/objects/info/alternates"), quoted).unwrap();
        repo.git(&["reset", "-q", "--hard", &lender.git(&["rev-parse", "HEAD"])]);
        repo.is_clean();
    }
}
