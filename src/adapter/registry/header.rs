//! What a header of a stranger's answer says.
//!
//! Decides that no byte of it makes the rest unreadable. Pure.

use http::HeaderValue;
use std::borrow::Cow;

/// A header's text. Names and realms have other alphabets too, in whatever encoding: what is no UTF-8 is replaced, and
/// what stands beside it counts.
pub(super) fn text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}
