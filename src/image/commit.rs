//! The commit that an image is built from.
//!
//! Decides which texts are a commit's whole hash, and what a branch is called. Depends on `std` only.

use std::fmt;
use std::str::FromStr;

/// How many digits a short hash has. With seven, which git shows, two commits of a large repository share one sooner or
/// later, and one image would stand for both.
// Seven digits are 28 bits: among some 20,000 commits two share them more likely than not. Twelve are 48 bits: 20 million.
pub(crate) const SHORT: usize = 12;

/// The whole hash of a commit, in lower-case digits: 40 of SHA-1 or 64 of SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Commit(String);

/// A text that is no commit's hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a commit's whole hash: 40 hexadecimal digits (SHA-1) or 64 (SHA-256)")]
pub struct BadCommit(String);

impl Commit {
    /// All its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Commit {
    type Err = BadCommit;

    /// Space around it is cut off: results of other Tasks often end with a newline.
    fn from_str(text: &str) -> Result<Self, BadCommit> {
        let hash = text.trim();
        // A shortened hash is refused: it names whatever commit is the only one with it today.
        if !matches!(hash.len(), 40 | 64) || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(BadCommit(hash.chars().take(80).collect()));
        }
        Ok(Self(hash.to_ascii_lowercase()))
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A branch's own name, of whatever a pipeline calls it: `refs/heads/main` is `main`, `refs/tags/v1` is `v1`.
pub(crate) fn branch_name(text: &str) -> &str {
    let text = text.trim();
    // Webhooks of git servers tell the whole name, which Triggers hand on as it is.
    let prefixes = ["refs/heads/", "refs/tags/", "refs/"];
    prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_hash_of_either_kind() {
        let sha1 = "3f2A9c1".repeat(6)[..40].to_owned();
        assert_eq!(sha1.parse::<Commit>().unwrap().as_str(), sha1.to_lowercase());
        assert_eq!(
            format!(" {sha1}\n").parse::<Commit>().unwrap().as_str(),
            sha1.to_lowercase(),
            "spaces around it are none of it"
        );
        assert!("ab".repeat(32).parse::<Commit>().is_ok());
        for bad in ["", "3f2a9c1", "main", &"g".repeat(40), &"a".repeat(41), &"ä".repeat(20)] {
            assert!(bad.parse::<Commit>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_branch_has_many_names() {
        for (text, name) in [
            ("main", "main"),
            ("refs/heads/feature/x", "feature/x"),
            ("refs/tags/v1", "v1"),
            ("refs/pull/12/head", "pull/12/head"),
            (" main\n", "main"),
        ] {
            assert_eq!(branch_name(text), name);
        }
    }
}
