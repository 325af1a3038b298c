//! One of git's files.
//!
//! Decides what is absent: only a file of which the system says so. A file that may not be read, or is no regular file, is
//! an error that names it, because another repository further up would be read instead if it were taken for absent.
//! Depends on `std`.

use super::BadCheckout;
use crate::adapter::files;
use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

/// The longest of the small files: a path and a few words.
const SMALL: u64 = 16 * 1024;

/// What the system answered about a path; `None` where nothing is.
pub(super) fn known<T>(path: &Path, answer: io::Result<T>) -> Result<Option<T>, BadCheckout> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(BadCheckout::file(path, error)),
    }
}

/// What is at a path, at the end of links.
pub(super) fn look(path: &Path) -> Result<Option<Metadata>, BadCheckout> {
    known(path, path.metadata())
}

/// True if a directory is there.
pub(super) fn is_directory(path: &Path) -> Result<bool, BadCheckout> {
    Ok(look(path)?.is_some_and(|m| m.is_dir()))
}

/// The regular file at a path.
pub(super) fn open(path: &Path) -> Result<Option<File>, BadCheckout> {
    known(path, files::open_regular(path))
}

/// The whole content of one, up to a limit.
pub(super) fn bytes(path: &Path, largest: u64) -> Result<Option<Vec<u8>>, BadCheckout> {
    let Some(file) = open(path)? else { return Ok(None) };
    files::read_rest(file, largest).map(Some).map_err(|e| BadCheckout::file(path, e))
}

/// The text of a small one.
pub(super) fn text(path: &Path) -> Result<Option<String>, BadCheckout> {
    let Some(bytes) = bytes(path, SMALL)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).map_err(|_| BadCheckout::file(path, "it is not UTF-8 text"))
}
