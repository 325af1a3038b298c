//! Reading files that others wrote.
//!
//! Decides that never more of a file is read than it may hold, and that only regular ones are but where a person names one.
//! Nothing else reads a whole file (a lint holds that). Depends on `std`.

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
    text(read(path, largest)?)
}

/// The text of a file that somebody names at the command line, if it has at most `largest` bytes. It may be a pipe, as in
/// `-f <(kustomize build)`: whoever names one means it, and is waited for.
pub(crate) fn read_named(path: &Path, largest: u64) -> io::Result<String> {
    text(read_rest(File::open(path)?, largest)?)
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

/// Bytes in lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_not_read_to_it() {
        let endless = Path::new("/dev/zero");
        assert_eq!(read_named(endless, 10).unwrap_err().to_string(), "it has more than 10 bytes");
        assert_eq!(read_text(endless, 10).unwrap_err().to_string(), "it is not a regular file");
        assert_eq!(read_named(Path::new("/dev/null"), 0).unwrap(), "");
    }
}
