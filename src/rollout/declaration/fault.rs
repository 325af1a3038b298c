//! One thing of a declaration that cannot be read, as a value.
//!
//! Decides how much of what was found is shown: one short line, and no password. Depends on the names of annotations.

use super::part::DeclaredPart;
use serde::Serialize;

/// So many characters of what was found are shown.
const SHOWN: usize = 80;

/// One thing that cannot be read: where it stands, what was found, why it is wrong, and what may stand there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{place} is `{found}`: {why}; {allowed}")]
pub struct Fault {
    /// Where it stands: `annotation andante.dev/traffic`.
    pub place: String,
    /// What was found, in one line of at most 80 characters and `...`.
    pub found: String,
    /// Why it cannot be read.
    pub why: String,
    /// What may stand there, or what to do.
    pub allowed: String,
}

impl Fault {
    /// A fault of an annotation that declares; what may stand there is known.
    pub(super) fn of(part: DeclaredPart, found: &str, why: impl Into<String>) -> Self {
        Self::at(place(part.annotation()), found, why, part.allowed())
    }

    /// A fault of a declaring annotation of the namespace.
    pub(crate) fn of_namespace(part: DeclaredPart, found: &str, why: impl Into<String>) -> Self {
        Self::at(format!("{} of the namespace", place(part.annotation())), found, why, part.allowed())
    }

    /// A fault with words of its own.
    pub(super) fn at(place: String, found: &str, why: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { place, found: shown(found), why: one_line(&why.into()), allowed: allowed.into() }
    }
}

/// An annotation as the place of a fault.
pub(super) fn place(annotation: &str) -> String {
    format!("annotation {}", shown(annotation))
}

/// A text of anybody's, as one short line without the account that a URL may hold.
pub(super) fn shown(text: &str) -> String {
    let line = one_line(text);
    if line.chars().count() <= SHOWN {
        return line;
    }
    line.chars().take(SHOWN).chain("...".chars()).collect()
}

/// A text as one line without the account that a URL may hold. A reason often holds what was found.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.map(without_account).collect::<Vec<_>>().join(" ")
}

/// What stands between `://` and `@` may be a password.
fn without_account(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let authority = rest.split('/').next().unwrap_or(rest);
    match authority.rsplit_once('@') {
        Some((account, _)) => format!("{scheme}://...{}", rest.get(account.len()..).unwrap_or_default()),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_one_short_line_without_a_password() {
        assert_eq!(shown(" a\n\tb\u{7}c "), "a b c");
        assert_eq!(shown(&"x".repeat(81)), format!("{}...", "x".repeat(80)));
        assert_eq!(shown("https://kim:secret@git.example.com/a@b"), "https://...@git.example.com/a@b");
        assert_eq!(shown("see https://a@b https://c/d@e"), "see https://...@b https://c/d@e");
        let fault = Fault::of(DeclaredPart::Traffic, "0", "nobody would be sent there");
        assert_eq!(
            fault.to_string(),
            "annotation andante.dev/traffic is `0`: nobody would be sent there; write a whole percentage from 1 to 100"
        );
    }
}
