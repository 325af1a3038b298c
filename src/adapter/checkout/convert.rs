//! What git may do to a file between the commit and the tree of files: other line ends, filters such as LFS's.
//!
//! Decides when it cannot be told whether a file is changed. Then only git knows, with the settings of the user that checked
//! it out. Depends on files.

use super::{BadCheckout, Checkout, file};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The largest file of attributes that is read, in bytes; git's own limit is 100 MB.
const LARGEST: u64 = 4 << 20;

/// Line ends as commits have them: `\r\n` becomes `\n`.
#[derive(Debug, Default)]
pub(super) struct LineEnds {
    /// The last byte was a `\r`, and what follows it is not known yet.
    held: bool,
}

impl LineEnds {
    pub(super) fn convert(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut made = Vec::with_capacity(piece.len() + 1);
        for &byte in piece {
            if self.held && byte != b'\n' {
                made.push(b'\r');
            }
            self.held = byte == b'\r';
            if !self.held {
                made.push(byte);
            }
        }
        made
    }

    /// What is left at the end.
    pub(super) fn end(self) -> &'static [u8] {
        if self.held { b"\r" } else { b"" }
    }
}

/// The file of attributes that may have git run a filter for this path, re-encode it or put a name into it. Files of
/// attributes outside the checkout are not known.
pub(super) fn filtered(checkout: &Checkout, top: &Path, path: &[u8]) -> Result<Option<String>, BadCheckout> {
    let tracked = Path::new(OsStr::from_bytes(path));
    let name = tracked.file_name().unwrap_or_default().as_bytes();
    // Attributes of every directory above the file hold for it, and the repository's own (`info/attributes`) as well.
    let beside = tracked.ancestors().skip(1).map(|directory| top.join(directory).join(".gitattributes"));
    for attributes in std::iter::once(checkout.place.common.join("info/attributes")).chain(beside) {
        let bytes = file::bytes(&attributes, LARGEST)?.unwrap_or_default();
        if bytes.split(|b| *b == b'\n').any(|line| converts(line, name)) {
            return Ok(Some(attributes.display().to_string()));
        }
    }
    Ok(None)
}

/// True if a line of attributes may be about a file of this name and have it converted. Only patterns for ends of names
/// are looked at, as LFS writes them; every other is taken to fit.
fn converts(line: &[u8], name: &[u8]) -> bool {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let Some(pattern) = words.next().filter(|pattern| !pattern.starts_with(b"#")) else { return false };
    // A pattern that is not understood is taken to fit: an error that asks for git is better than a good image called dirty.
    let fits = match pattern.strip_prefix(b"*.") {
        Some(end) if !end.iter().any(|b| b"*?[\\/".contains(b)) => {
            name.strip_suffix(end).is_some_and(|rest| rest.ends_with(b"."))
        }
        _ => true,
    };
    let own = |word: &[u8]| {
        word.starts_with(b"filter=") || word.starts_with(b"working-tree-encoding=") || word == b"ident".as_slice()
    };
    fits && words.any(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(pieces: &[&[u8]]) -> Vec<u8> {
        let mut ends = LineEnds::default();
        let mut made: Vec<u8> = pieces.iter().flat_map(|piece| ends.convert(piece)).collect();
        made.extend_from_slice(ends.end());
        made
    }

    #[test]
    fn line_ends_are_found_across_pieces() {
        let text = b"a\r\nb\n\r\r\nc\rd\r";
        for cut in 0..=text.len() {
            let (before, after) = text.split_at(cut);
            assert_eq!(converted(&[before, after]), b"a\nb\n\r\nc\rd\r", "cut at {cut}");
        }
    }

    #[test]
    fn attributes_that_convert() {
        for (line, expected) in [
            ("*.psd filter=lfs diff=lfs merge=lfs -text", true),
            ("*.psb filter=lfs", false),
            ("*psd filter=lfs", true),
            ("art/** filter=lfs", true),
            ("[attr]binary filter=x", true),
            ("* text=auto", false),
            ("*.psd -filter", false),
            ("*.psd\tident", true),
            ("  *.psd working-tree-encoding=UTF-16", true),
            ("# *.psd filter=lfs", false),
            ("", false),
        ] {
            assert_eq!(converts(line.as_bytes(), b"big.psd"), expected, "{line}");
        }
        assert!(!converts(b"*.psd filter=lfs", b"psd"), "the dot belongs to it");
    }
}
