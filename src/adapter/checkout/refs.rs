//! The head of a checkout.
//!
//! Decides what the head points at: a name's own file goes before the file of packed names, because git writes a change
//! there first. Depends on files.

use super::place::GitPlace;
use super::{BadCheckout, file};
use crate::image::commit::Commit;
use std::path::Path;

/// The largest file of packed branches and tags that is read, in bytes: a million of them.
const LARGEST: u64 = 128 << 20;
/// How many names may point at names.
const DEEPEST: usize = 5;

/// What the head is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) commit: Commit,
    /// `None`: detached.
    pub(super) branch: Option<String>,
}

pub(super) fn head(place: &GitPlace) -> Result<Head, BadCheckout> {
    let path = place.git.join("HEAD");
    let mut name = match read(&path)? {
        Some(Points::Name(name)) => name,
        Some(Points::Commit(commit)) => return Ok(Head { commit, branch: None }),
        None => return Err(BadCheckout::file(&path, "it is not there")),
    };
    let branch = name.strip_prefix("refs/heads/").map(str::to_owned);
    // git leaves this head in a repository with a reftable, for programs that do not know of reftables.
    if branch.as_deref() == Some(".invalid") {
        return Err(BadCheckout::Unsupported("the repository stores its branches in a reftable".into()));
    }
    for _ in 0..DEEPEST {
        if !is_safe(&name) {
            return Err(BadCheckout::file(&path, "it points at something that is no name of a branch"));
        }
        match loose(place, &name)? {
            Some(Points::Name(next)) => name = next,
            Some(Points::Commit(commit)) => return Ok(Head { commit, branch }),
            None => {
                let commit = packed(place, &name)?.ok_or(BadCheckout::Unborn(branch.clone().unwrap_or(name)))?;
                return Ok(Head { commit, branch });
            }
        }
    }
    Err(BadCheckout::file(&path, "names point at names without an end"))
}

/// What a name points at.
enum Points {
    Name(String),
    Commit(Commit),
}

/// A name's own file. A worktree has names of its own beside the shared ones.
fn loose(place: &GitPlace, name: &str) -> Result<Option<Points>, BadCheckout> {
    for directory in [&place.git, &place.common] {
        let path = directory.join(name);
        // A directory there holds names below this one, so this name has no file of its own.
        if file::is_directory(&path)? {
            continue;
        }
        if let Some(found) = read(&path)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// `ref: NAME`, or a link to a name as git once made them, or a hash. Nothing of the content is told when it is neither:
/// it may be anybody's file.
fn read(path: &Path) -> Result<Option<Points>, BadCheckout> {
    if let Some(name) = linked(path) {
        return Ok(Some(Points::Name(name)));
    }
    let Some(text) = file::text(path)? else { return Ok(None) };
    if let Some(name) = text.strip_prefix("ref:") {
        return Ok(Some(Points::Name(name.trim().to_owned())));
    }
    parse(&text, path).map(Points::Commit).map(Some)
}

/// The name that a link stands for; other links are followed.
fn linked(path: &Path) -> Option<String> {
    let target = path.read_link().ok()?;
    target.to_str().filter(|name| name.starts_with("refs/")).map(str::to_owned)
}

fn parse(text: &str, path: &Path) -> Result<Commit, BadCheckout> {
    let why = "it holds neither a commit's whole hash nor the name of a branch";
    text.parse().map_err(|_| BadCheckout::file(path, why))
}

/// True if a name stays below git's directory as a path: the head may be a stranger's.
fn is_safe(name: &str) -> bool {
    name.starts_with("refs/")
        && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
        && !name.contains("..")
        && !name.contains(|c: char| c.is_control() || c == '\\')
}

fn packed(place: &GitPlace, name: &str) -> Result<Option<Commit>, BadCheckout> {
    let path = place.common.join("packed-refs");
    let Some(bytes) = file::bytes(&path, LARGEST)? else { return Ok(None) };
    let found = in_packed(&bytes, name).map(String::from_utf8_lossy);
    found.map(|hash| parse(&hash, &path)).transpose()
}

/// Lines of `HASH NAME`; comments and the tags' own targets (`^HASH`) lie between.
fn in_packed<'a>(bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    bytes.split(|b| *b == b'\n').find_map(|line| {
        let (hash, found) = line.split_at_checked(line.iter().position(|b| *b == b' ')?)?;
        (found.trim_ascii() == name.as_bytes()).then_some(hash)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_names_are_found_whole() {
        let text = b"# pack-refs with: peeled fully-peeled sorted\naa refs/heads/main2\nbb refs/heads/main\n^cc\n";
        assert_eq!(in_packed(text, "refs/heads/main"), Some(b"bb".as_slice()));
        assert_eq!(in_packed(text, "refs/heads/mai"), None);
    }

    #[test]
    fn no_name_leaves_the_repository() {
        for bad in ["refs/heads/../../x", "/etc/passwd", "refs//x", "refs/heads/.x", "HEAD", "refs/a\\b", "refs/a\n"] {
            assert!(!is_safe(bad), "{bad}");
        }
        assert!(is_safe("refs/heads/feature/x-1.2"));
    }
}
