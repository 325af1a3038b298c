//! What cannot be read is told, whatever its bytes are.

use super::{Repo, directory, said};
use miniz_oxide::deflate::compress_to_vec_zlib;
use proptest::prelude::*;
use std::path::Path;

#[test]
fn there_is_no_checkout() {
    let error = Repo { path: "/proc".into() }.find().unwrap_err().to_string();
    assert_eq!(error, "/proc is not in a git checkout: neither it nor a directory above it has a .git");
    let error = Repo { path: directory().join("none") }.find().unwrap_err().to_string();
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
    let said_of_it = said(&repo);
    assert!(
        said_of_it.contains("split over several files, which is not read here: give --commit HASH"),
        "{said_of_it}"
    );

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
    let damages: [(&str, &str, &[u8], &str); 11] = [
        ("HEAD", ".git/HEAD", b"\xff\xfe", "it is not UTF-8 text"),
        ("HEAD is another's file", ".git/HEAD", b"pass=hunter2", "HEAD: it holds neither a commit's whole hash"),
        ("HEAD is long", ".git/HEAD", long.as_bytes(), "it has more than 16384 bytes"),
        ("HEAD points outside", ".git/HEAD", b"ref: refs/heads/../../../secret", "no name of a branch"),
        ("HEAD points at itself", ".git/refs/heads/main", b"ref: refs/heads/main", "without an end"),
        ("HEAD of the other kind", ".git/HEAD", &[b'a'; 64], "of another kind than the repository"),
        (
            "a branch",
            ".git/refs/heads/main",
            b"pass=hunter2",
            "main: it holds neither a commit's whole hash nor the name of a branch",
        ),
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
        assert!(!said.contains("hunter2"), "{name}: {said}");
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
    assert!(said(&repo).contains(".pack: it is not there, but its index is"), "{}", said(&repo));
}

/// The lowest seven bits.
fn seven(number: usize) -> u8 {
    u8::try_from(number & 0x7f).unwrap()
}

/// A pack whose objects are these, whole or each a delta to the one before; the last has the name of the head's commit.
fn write_pack(repo: &Repo, objects: &[&[u8]]) {
    let mut pack = b"PACK\0\0\0\x02\0\0\0\x01".to_vec();
    let (mut last, mut before) = (0, None::<usize>);
    for object in objects {
        last = pack.len();
        match before.map(|before| last - before) {
            None => pack.push(0x10),
            // Two groups of seven bits, the first less by one.
            Some(back) => pack.extend([0x60, 0x80 | seven((back >> 7) - 1), seven(back)]),
        }
        pack.extend(compress_to_vec_zlib(object, 6));
        before = Some(last);
    }
    let name = repo.git(&["rev-parse", "HEAD"]);
    let name: Vec<u8> = (0..20).map(|i| u8::from_str_radix(&name[2 * i..2 * i + 2], 16).unwrap()).collect();
    let mut index = b"\xfftOc\0\0\0\x02".to_vec();
    index.extend((0..=255).flat_map(|byte| u32::from(byte >= name[0]).to_be_bytes()));
    index.extend_from_slice(&name);
    index.extend([0; 4]);
    index.extend(u32::try_from(last).unwrap().to_be_bytes());
    repo.shell("rm -rf .git/objects/??");
    std::fs::write(repo.path.join(".git/objects/pack/x.pack"), pack).unwrap();
    std::fs::write(repo.path.join(".git/objects/pack/x.idx"), index).unwrap();
}

#[test]
fn a_chain_of_deltas_has_no_more_than_an_object() {
    const SIZE: usize = 127 * 8192;
    // Each makes the same megabyte anew, of few bytes in the pack.
    let size = [0x80 | seven(SIZE), 0x80 | seven(SIZE >> 7), seven(SIZE >> 14)];
    let whole = vec![b'x'; SIZE];
    let delta = [size.as_slice(), &size, &[&[127][..], &[b'x'; 127]].concat().repeat(8192)].concat();
    for (deltas, expected) in [(0, "is damaged"), (15, "is damaged"), (16, "a commit in it cannot be read")] {
        let repo = Repo::new("sha1");
        let objects = [vec![whole.as_slice()], vec![delta.as_slice(); deltas]].concat();
        write_pack(&repo, &objects);
        assert!(said(&repo).ends_with(expected), "{deltas}: {}", said(&repo));
    }
}

/// Bytes that are a little like git's.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let words: [&'static [u8]; 12] = [
        b"ref: ",
        b"refs/heads/main",
        b"\n",
        b"gitdir: ",
        b"..",
        b"[extensions]\nworktreeConfig=",
        b"true",
        b"DIRC\0\0\0",
        b"\x04\0\0\0\x01",
        b"\xfftOc\0\0\0\x02",
        b"a/b",
        b"commit 4\0",
    ];
    let piece = prop_oneof![
        prop::sample::select(words.to_vec()).prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 0..80),
        prop::collection::vec(Just(0), 0..80),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

#[test]
fn any_bytes_in_gits_files() {
    let repo = Repo::new("sha1");
    repo.git(&["gc", "-q", "--prune=now"]);
    let listed =
        repo.shell_out("cd .git; find . -type f | grep -v -e hooks -e logs; echo commondir; echo config.worktree");
    let files: Vec<String> = listed.lines().map(str::to_owned).collect();
    assert!(files.iter().any(|f| f.contains("/pack-")) && files.len() >= 10, "{files:?}");
    let git = repo.path.join(".git");
    let read = |path: &Path| std::fs::read(path).ok();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let case = (prop::sample::select(files), bytes(), any::<Option<prop::sample::Index>>());
    let ran = runner.run(&case, |(file, bytes, at)| {
        let path = git.join(file);
        let before = read(&path);
        // In the midst of what was there, or instead of it.
        let bytes = match (&before, at) {
            (Some(before), Some(at)) if !before.is_empty() => {
                let at = at.index(before.len());
                [&before[..at], &bytes, before.get(at + bytes.len()..).unwrap_or_default()].concat()
            }
            _ => bytes,
        };
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, bytes).unwrap();
        let found = repo.find().and_then(|checkout| checkout.changes());
        std::fs::remove_file(&path).unwrap();
        if let Some(before) = before {
            std::fs::write(&path, before).unwrap();
        }
        if let Err(error) = found {
            prop_assert!(error.to_string().len() < 9000, "{error}");
        }
        Ok(())
    });
    ran.unwrap();
    repo.is_clean();
}
