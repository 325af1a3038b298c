//! The beginning of a hash, as a word that names hold.
//!
//! Decides its digits: lower-case hexadecimal of SHA-256. Depends on ring.

use std::fmt::Write;

/// The first so many bytes of the text's hash, two digits each.
pub(crate) fn digits(text: &str, bytes: usize) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    hash.as_ref().iter().take(bytes).fold(String::new(), |mut digits, byte| {
        // Writing into a text cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
