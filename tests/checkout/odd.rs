//! What cannot be read is told, whatever its bytes are.

use super::{Repo, directory};
use andante::checkout::Checkout;

#[track_caller]
fn said(repo: &Repo) -> String {
    match repo.find().and_then(|checkout| checkout.changes()) {
        Ok(changes) => panic!("it was read: {changes:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn there_is_no_checkout() {
    let error = Checkout::find(std::path::Path::new("/proc")).unwrap_err().to_string();
    assert_eq!(error, "/proc is not in a git checkout: neither it nor a directory above it has a .git");
    let error = Checkout::find(&directory().join("none")).unwrap_err().to_string();
    assert!(error.ends_with("none: No such file or directory (os error 2)"), "{error}");
}

#[test]
fn a_branch_without_a_commit() {
    assert_eq!(said(&Repo::empty("sha256")), "the branch main has no commit yet");
}

#[test]
fn forms_that_are_not_read() {
    let repo = Repo::new("sha1");
    repo.git(&["update-index", "--split-index"]);
    assert!(said(&repo).contains("split over several files"), "{}", said(&repo));

    // git writes this form since 2.45; the settings are the same whoever wrote them.
    let repo = Repo { path: directory() };
    if !repo.try_git(&["init", "-q", "--ref-format=reftable"]).status.success() {
        repo.git(&["init", "-q"]);
        repo.git(&["config", "core.repositoryformatversion", "1"]);
        repo.git(&["config", "extensions.refStorage", "reftable"]);
    }
    assert!(said(&repo).contains("\"reftable\", which is not read here: give --commit HASH"), "{}", said(&repo));
}

#[test]
fn a_commit_that_is_not_there() {
    let repo = Repo::new("sha1");
    std::fs::write(repo.path.join(".git/refs/heads/main"), format!("{}\n", "a".repeat(40))).unwrap();
    assert!(said(&repo).ends_with(&format!("the commit {} is not there", "a".repeat(40))), "{}", said(&repo));
}

#[test]
fn damaged_files() {
    let long = "a".repeat(20_000);
    let damages: [(&str, &str, &[u8], &str); 10] = [
        ("HEAD", ".git/HEAD", b"\xff\xfe", "it is not UTF-8 text"),
        ("HEAD is long", ".git/HEAD", long.as_bytes(), "it has more than 16384 bytes"),
        ("HEAD points outside", ".git/HEAD", b"ref: refs/heads/../../../secret", "no name of a branch"),
        ("HEAD points at itself", ".git/refs/heads/main", b"ref: refs/heads/main", "without an end"),
        ("HEAD of the other kind", ".git/HEAD", &[b'a'; 64], "of another kind than the repository"),
        ("a branch", ".git/refs/heads/main", b"not a hash", "not a commit's whole hash"),
        ("the index", ".git/index", b"DIRC\0\0\0\x02\0\0\0\x09", "it is damaged"),
        ("an empty index", ".git/index", b"", "it is damaged"),
        ("a foreign index", ".git/index", &[0; 100], "it is damaged"),
        ("settings", ".git/config", b"[extensions]\nobjectFormat = md5\n", "which is not read here"),
    ];
    for (name, path, bytes, expected) in damages {
        let repo = Repo::new("sha1");
        std::fs::write(repo.path.join(path), bytes).unwrap();
        let said = said(&repo);
        assert!(said.contains(expected), "{name}: {said}");
    }
    // A bit that turned over is noticed.
    let repo = Repo::new("sha1");
    let index = repo.path.join(".git/index");
    let mut bytes = std::fs::read(&index).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&index, bytes).unwrap();
    assert!(said(&repo).contains("it is damaged"));
}

#[test]
fn damaged_objects() {
    for (name, damage) in [
        ("cut", (|bytes| bytes.truncate(9)) as fn(&mut Vec<u8>)),
        ("emptied", Vec::clear),
        ("turned over", |bytes| bytes.iter_mut().for_each(|b| *b = !*b)),
    ] {
        let repo = Repo::new("sha1");
        let commit = repo.git(&["rev-parse", "HEAD"]);
        let path = repo.path.join(".git/objects").join(&commit[..2]).join(&commit[2..]);
        let mut bytes = std::fs::read(&path).unwrap();
        damage(&mut bytes);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        assert!(said(&repo).contains("it cannot be decompressed"), "{name}: {}", said(&repo));
    }
    // Another commit under this one's name.
    let repo = Repo::new("sha1");
    let first = repo.git(&["rev-parse", "HEAD"]);
    repo.commit("second");
    let second = repo.git(&["rev-parse", "HEAD"]);
    let object = |name: &str| repo.path.join(".git/objects").join(&name[..2]).join(&name[2..]);
    std::fs::remove_file(object(&second)).unwrap();
    std::fs::copy(object(&first), object(&second)).unwrap();
    assert!(said(&repo).ends_with(&format!("the commit {second} is damaged")), "{}", said(&repo));
}

#[test]
fn damaged_packs() {
    let packed = || {
        let repo = Repo::new("sha1");
        repo.git(&["gc", "-q", "--prune=now"]);
        let files = repo.shell_out("ls .git/objects/pack/*.idx .git/objects/pack/*.pack");
        let mut files = files.lines().map(|f| repo.path.join(f)).collect::<Vec<_>>();
        files.sort();
        (repo, files)
    };
    for (name, which, length) in [("index", 0, 1100), ("index's head", 0, 4), ("pack", 1, 13), ("whole pack", 1, 0)] {
        let (repo, files) = packed();
        let bytes = std::fs::read(&files[which]).unwrap();
        std::fs::remove_file(&files[which]).unwrap();
        std::fs::write(&files[which], &bytes[..length]).unwrap();
        assert!(!said(&repo).is_empty(), "{name}");
    }
    let (repo, files) = packed();
    std::fs::remove_file(&files[1]).unwrap();
    assert!(said(&repo).contains(".pack: No such file"), "{}", said(&repo));
}
