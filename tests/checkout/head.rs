//! Which commit and branch: wherever git keeps them.

use super::{FORMATS, Repo, directory};

#[test]
fn a_plain_checkout_from_its_top_and_from_below() {
    for format in FORMATS {
        let repo = Repo::new(format);
        repo.is_clean();
        repo.at("deep/er").is_clean();
        repo.git(&["checkout", "-q", "-b", "feature/x"]);
        repo.commit("second");
        repo.is_clean();
        repo.git(&["checkout", "-q", "--detach"]);
        repo.is_clean();
    }
}

#[test]
fn packed_names_and_objects() {
    for format in FORMATS {
        let repo = Repo::new(format);
        repo.git(&["gc", "-q", "--prune=now"]);
        assert!(!repo.path.join(".git/refs/heads/main").exists(), "it was packed");
        repo.is_clean();
        // A name of its own goes before the packed one.
        repo.commit("second");
        repo.is_clean();
        repo.git(&["pack-refs", "--all"]);
        repo.git(&["multi-pack-index", "write"]);
        repo.is_clean();
    }
}

#[test]
fn commits_that_are_stored_as_differences() {
    for format in FORMATS {
        let repo = Repo::new(format);
        let message =
            "a long message that many commits share, so that one is best told as a change of another ".repeat(20);
        for number in 0..30 {
            repo.write("a/b", &format!("{number}\n"));
            repo.commit(&format!("{message}{number}"));
        }
        for arguments in [&["repack", "-a", "-d", "-f", "--depth=50", "--window=60"][..], &["repack", "-a", "-d"]] {
            repo.git(arguments);
        }
        let index = repo.shell_out("ls .git/objects/pack/*.idx");
        let listed = repo.git(&["verify-pack", "-v", index.trim()]);
        // NAME commit SIZE PACKED OFFSET DEPTH BASE
        let deltas: Vec<&str> = listed
            .lines()
            .map(|l| l.split_whitespace().collect::<Vec<_>>())
            .filter(|w| w.len() == 7 && w[1] == "commit")
            .map(|w| w[0])
            .collect();
        assert!(deltas.len() >= 10, "only {} commits are differences: {listed}", deltas.len());
        for commit in deltas {
            repo.git(&["checkout", "-q", commit]);
            repo.is_clean();
        }
    }
}

#[test]
fn worktrees() {
    for format in FORMATS {
        let repo = Repo::new(format);
        let other = Repo { path: directory().join("other") };
        repo.git(&["worktree", "add", "-q", "-b", "side", other.path.to_str().unwrap()]);
        other.commit("on the side");
        other.is_clean();
        repo.is_clean();
        repo.git(&["pack-refs", "--all"]);
        other.is_clean();
        other.write("a/b", "changed\n");
        other.is_dirty("1 tracked file is changed (a/b)");
        repo.is_clean();
        // Without the repository that it belongs to it tells nothing.
        std::fs::rename(&repo.path, repo.path.with_extension("moved")).unwrap();
        let error = other.find().unwrap_err().to_string();
        assert!(error.contains("need the repository that they belong to at the same path"), "{error}");
    }
}

#[test]
fn clones_shallow_partial_and_borrowing() {
    for format in FORMATS {
        let repo = Repo::new(format);
        repo.commit("second");
        repo.git(&["config", "uploadpack.allowFilter", "true"]);
        let url = format!("file://{}", repo.path.display());
        let path = repo.path.to_str().unwrap();
        for arguments in [
            &["clone", "-q", "--depth=1", &url][..],
            &["clone", "-q", "--filter=blob:none", &url],
            &["clone", "-q", "--shared", path],
            &["clone", "-q", "--no-single-branch", "--branch=main", &url],
        ] {
            let clone = Repo { path: directory() };
            clone.git(&[arguments, &["."]].concat());
            clone.is_clean();
        }
        // A mirror has no tree that could differ.
        let mirror = Repo { path: directory() };
        mirror.git(&["clone", "-q", "--bare", &url, "."]);
        let checkout = mirror.find().unwrap();
        assert_eq!((checkout.commit().as_str(), checkout.branch()), (&*repo.git(&["rev-parse", "HEAD"]), Some("main")));
        assert!(checkout.changes().unwrap().none());
    }
}

#[test]
fn a_name_of_a_name() {
    let repo = Repo::new("sha1");
    repo.git(&["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    repo.git(&["symbolic-ref", "HEAD", "refs/heads/alias"]);
    let checkout = repo.find().unwrap();
    assert_eq!(checkout.commit().as_str(), repo.git(&["rev-parse", "HEAD"]));
    assert_eq!(checkout.branch(), Some("alias"));
}

#[test]
fn as_a_pipeline_fetches() {
    // What the git-clone Task does: init, fetch one commit, check it out without a branch.
    let repo = Repo::new("sha1");
    let clone = Repo::empty("sha1");
    clone.git(&["remote", "add", "origin", &format!("file://{}", repo.path.display())]);
    clone.git(&["fetch", "-q", "--depth=1", "origin", "--update-head-ok", "--force", "main"]);
    clone.git(&["checkout", "-q", "-f", "FETCH_HEAD"]);
    clone.is_clean();
    assert_eq!(clone.find().unwrap().branch(), None);
}
