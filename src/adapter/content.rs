//! The digest of a content.
//!
//! Decides which algorithms are computed here. Depends on ring.

use super::files::hex;
use crate::image::reference::{Algorithm, Digest};

/// The content's digest by this algorithm; `None`: it is not computed here.
pub(crate) fn digest(algorithm: Algorithm, content: &[u8]) -> Option<Digest> {
    let computed = match algorithm {
        Algorithm::Sha256 => &ring::digest::SHA256,
        Algorithm::Sha384 => &ring::digest::SHA384,
        Algorithm::Sha512 => &ring::digest::SHA512,
        Algorithm::Blake3 => return None,
    };
    let hash = ring::digest::digest(computed, content);
    format!("{}:{}", algorithm.word(), hex(hash.as_ref())).parse().ok()
}
