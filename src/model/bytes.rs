//! What an image reference means: the digest behind its tag.
//!
//! Decides when two digests can be compared. Depends on `std` only.

/// What was found out about a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// The registry has this digest under it (`sha256:...`).
    Digest(String),
    /// The registry has no such image.
    Nothing,
    /// Nobody could be asked; why.
    Unknown(String),
}

/// The digest in a reference that has one: `sha256:...` of `registry.example/app@sha256:...`.
pub fn digest_of(reference: &str) -> Option<&str> {
    reference.rsplit_once('@').map(|(_, digest)| digest).filter(|digest| digest.contains(':'))
}

/// True if both are known and differ: other bytes under the same words.
pub fn are_other_bytes(runs: Option<&str>, means: Option<&str>) -> bool {
    runs.and_then(digest_of).zip(means).is_some_and(|(runs, means)| runs != means)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_on_both_sides_is_compared() {
        let runs = Some("r.example/app@sha256:aa");
        assert_eq!(digest_of("r.example/app@sha256:aa"), Some("sha256:aa"));
        assert_eq!(digest_of("r.example/app:1"), None);
        assert!(are_other_bytes(runs, Some("sha256:bb")));
        assert!(!are_other_bytes(runs, Some("sha256:aa")));
        assert!(!are_other_bytes(runs, None));
        assert!(!are_other_bytes(None, Some("sha256:bb")));
    }
}
