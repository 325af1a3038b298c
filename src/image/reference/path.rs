//! The path of a repository.
//!
//! Decides which texts are a path. Depends on names.

use crate::model::name::name_type;

/// The longest path, in characters, as the container tools' library has it. Docker Hub's `library/` counts.
const LONGEST: usize = 255;

name_type! {
    /// The path of a repository below its host: `library/redis`.
    RepositoryPath, "repository path",
    "parts joined by `/`, each of lower-case letters and digits, joined by one `.`, one or two `_`, or any number of \
     `-`; at most 255 characters",
    is_path
}

fn is_path(text: &str) -> bool {
    text.len() <= LONGEST && text.split('/').all(is_component)
}

/// Letters and digits, with separators between them only.
fn is_component(text: &str) -> bool {
    let alnum = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    // One dot, one or two underscores, any number of dashes: the library's grammar, which `tests/registry` compares with.
    let separates = |s: &str| matches!(s, "." | "_" | "__") || s.bytes().all(|b| b == b'-');
    text.starts_with(alnum) && text.ends_with(alnum) && text.split(alnum).all(separates)
}
