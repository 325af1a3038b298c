//! Reading files that others wrote.
//!
//! Decides that only regular files are read, and never more of them than they may hold. Depends on `std`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The whole of a regular file, if it has at most `largest` bytes.
pub(crate) fn read(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    read_rest(open_regular(path)?, largest)
}

/// All that can be read from here, if it is at most `largest` bytes.
pub(crate) fn read_rest(file: File, largest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // The size in the file's metadata is not asked for, because the file may grow.
    file.take(largest.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > largest {
        return Err(io::Error::other(format!("it has more than {largest} bytes")));
    }
    Ok(bytes)
}

/// Opens a regular file and nothing else: a pipe would be waited for, and a device need not have an end.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let metadata = path.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::other("it is a directory"));
    }
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    File::open(path)
}

/// The same as text.
pub(crate) fn read_text(path: &Path, largest: u64) -> io::Result<String> {
    String::from_utf8(read(path, largest)?).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

/// Bytes in lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
