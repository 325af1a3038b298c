//! The head of a checkout. Decides what it points at: a file of its own goes before the file of packed ones.

use super::BadCheckout;
use super::place::{Place, small};
use crate::files;
use crate::image::commit::Commit;

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

pub(super) fn head(place: &Place) -> Result<Head, BadCheckout> {
    let path = place.git.join("HEAD");
    let text = small(&path)?;
    let Some(mut name) = target(&text) else {
        let commit = text.parse().map_err(|e| BadCheckout::file(&path, e))?;
        return Ok(Head { commit, branch: None });
    };
    let branch = name.strip_prefix("refs/heads/").map(str::to_owned);
    if branch.as_deref() == Some(".invalid") {
        return Err(BadCheckout::Unsupported("the repository stores its branches in a reftable".into()));
    }
    for _ in 0..DEEPEST {
        if !is_safe(&name) {
            return Err(BadCheckout::file(&path, "it points at something that is no name of a branch"));
        }
        // A worktree has names of its own beside the shared ones.
        let own = [&place.git, &place.common].into_iter().map(|d| d.join(&name)).find(|p| p.is_file());
        let Some(file) = own else {
            let commit = packed(place, &name)?.ok_or(BadCheckout::Unborn(branch.clone().unwrap_or(name)))?;
            return Ok(Head { commit, branch });
        };
        let text = small(&file)?;
        match target(&text) {
            Some(next) => name = next,
            None => return Ok(Head { commit: text.parse().map_err(|e| BadCheckout::file(&file, e))?, branch }),
        }
    }
    Err(BadCheckout::file(&path, "names point at names without an end"))
}

/// What `ref: NAME` points at.
fn target(text: &str) -> Option<String> {
    text.strip_prefix("ref:").map(|name| name.trim().to_owned())
}

/// A name becomes a path.
fn is_safe(name: &str) -> bool {
    name.starts_with("refs/")
        && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
        && !name.contains("..")
        && !name.contains(|c: char| c.is_control() || c == '\\')
}

fn packed(place: &Place, name: &str) -> Result<Option<Commit>, BadCheckout> {
    let path = place.common.join("packed-refs");
    if !path.exists() {
        return Ok(None);
    }
    let bytes = files::read(&path, LARGEST).map_err(|e| BadCheckout::file(&path, e))?;
    let found = in_packed(&String::from_utf8_lossy(&bytes), name).map(str::parse).transpose();
    found.map_err(|e| BadCheckout::file(&path, e))
}

/// Lines of `HASH NAME`; comments and the tags' own targets (`^HASH`) lie between.
fn in_packed<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().filter_map(|line| line.split_once(' ')).find(|(_, n)| n.trim_end() == name).map(|(hash, _)| hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_names_are_found_whole() {
        let text = "# pack-refs with: peeled fully-peeled sorted\naa refs/heads/main2\nbb refs/heads/main\n^cc\n";
        assert_eq!(in_packed(text, "refs/heads/main"), Some("bb"));
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
