//! The tag of an image.
//!
//! Decides which texts are a tag. Depends on names.

use crate::model::name::name_type;

/// The longest tag, in characters: the distribution specification's own bound.
pub(crate) const LONGEST: usize = 128;

name_type! {
    /// The tag of an image: `v1.2`, or a commit's hash.
    ImageTag, "tag",
    "letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`, at most 128 characters",
    is_tag
}

fn is_tag(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST && !text.starts_with(['.', '-']) && text.bytes().all(is_tag_byte)
}

/// True for what a tag may hold, at any place but the first.
pub(crate) fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)
}
