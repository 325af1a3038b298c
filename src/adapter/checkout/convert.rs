//! What git may do to a file between the commit and the tree of files: other line ends, names, filters such as LFS's.
//!
//! Decides how it is undone, and which files only a program of the user's can convert back. Depends on files.

use super::{BadCheckout, Checkout, file};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The largest file of attributes that is read, in bytes; git's own limit is 100 MB.
const LARGEST: u64 = 4 << 20;

/// Line ends as commits have them: `\r\n` becomes `\n`.
#[derive(Debug, Clone, Default)]
struct LineEnds {
    /// The last byte was a `\r`, and what follows it is not known yet.
    held: bool,
}

impl LineEnds {
    fn convert(&mut self, piece: &[u8]) -> Vec<u8> {
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
    fn end(self) -> &'static [u8] {
        if self.held { b"\r" } else { b"" }
    }
}

/// The object's name that git writes into a file for `$Id$` is left out again.
#[derive(Debug, Clone, Default)]
struct Names {
    /// What followed a `$`, as long as it may be a name.
    held: Option<Vec<u8>>,
}

impl Names {
    const MARK: &[u8] = b"Id:";
    /// The longest name, in bytes; git has no limit.
    const LONGEST: usize = 64 * 1024;

    fn take(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut made = Vec::with_capacity(piece.len());
        for &byte in piece {
            let Some(mut held) = self.held.take() else {
                made.push(byte);
                self.held = (byte == b'$').then(Vec::new);
                continue;
            };
            let in_name = held.len() >= Self::MARK.len();
            if in_name && byte == b'$' {
                made.extend_from_slice(b"Id$");
            } else if in_name && byte != b'\n' && held.len() < Self::LONGEST
                || !in_name && Self::MARK.get(held.len()) == Some(&byte)
            {
                held.push(byte);
                self.held = Some(held);
            } else {
                made.append(&mut held);
                made.push(byte);
                self.held = (byte == b'$').then(Vec::new);
            }
        }
        made
    }

    fn end(self) -> Vec<u8> {
        self.held.unwrap_or_default()
    }
}

/// What git converts by itself, converted back: line ends, then names, as git does.
#[derive(Debug, Clone, Default)]
pub(super) struct Cleaner {
    ends: Option<LineEnds>,
    names: Option<Names>,
}

impl Cleaner {
    /// Every way.
    pub(super) fn all() -> [Self; 3] {
        let (ends, names) = (Some(LineEnds::default()), Some(Names::default()));
        [Self { ends: ends.clone(), names: None }, Self { ends: None, names: names.clone() }, Self { ends, names }]
    }

    pub(super) fn take(&mut self, piece: &[u8]) -> Vec<u8> {
        let piece = self.ends.as_mut().map_or_else(|| piece.to_vec(), |ends| ends.convert(piece));
        self.names.as_mut().map_or(piece.clone(), |names| names.take(&piece))
    }

    /// What is left at the end.
    pub(super) fn end(self) -> Vec<u8> {
        let last = self.ends.map(LineEnds::end).unwrap_or_default();
        let Some(mut names) = self.names else { return last.to_vec() };
        let mut made = names.take(last);
        made.append(&mut names.end());
        made
    }
}

/// What the files of attributes may say of a path.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    /// It may be kept by LFS.
    pub(super) lfs: bool,
    /// The file that may have git run a program for it or re-encode it.
    pub(super) programs: Option<PathBuf>,
}

/// What may hold for this path. Files of attributes outside the checkout are not known.
pub(super) fn attributes(checkout: &Checkout, top: &Path, path: &[u8]) -> Result<Attributes, BadCheckout> {
    let tracked = Path::new(OsStr::from_bytes(path));
    let name = tracked.file_name().unwrap_or_default().as_bytes();
    // Attributes of every directory above the file hold for it, and the repository's own (`info/attributes`) as well.
    let beside = tracked.ancestors().skip(1).map(|directory| top.join(directory).join(".gitattributes"));
    let mut found = Attributes::default();
    for file in std::iter::once(checkout.place.common.join("info/attributes")).chain(beside) {
        let bytes = file::bytes(&file, LARGEST)?.unwrap_or_default();
        for word in bytes.split(|b| *b == b'\n').filter_map(|line| converting(line, name)) {
            found.lfs |= word == b"filter=lfs";
            found.programs.get_or_insert_with(|| file.clone());
        }
    }
    Ok(found)
}

/// The word of a line of attributes by which a file of this name may be converted with a program. Only patterns for ends of
/// names are looked at, as LFS writes them; every other is taken to fit.
fn converting<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let pattern = words.next().filter(|pattern| !pattern.starts_with(b"#"))?;
    // A pattern that is not understood is taken to fit: an error that asks for git is better than a good image called dirty.
    let fits = match pattern.strip_prefix(b"*.") {
        Some(end) if !end.iter().any(|b| b"*?[\\/".contains(b)) => {
            name.strip_suffix(end).is_some_and(|rest| rest.ends_with(b"."))
        }
        _ => true,
    };
    words.find(|word| fits && (word.starts_with(b"filter=") || word.starts_with(b"working-tree-encoding=")))
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
    fn names_are_left_out_across_pieces() {
        let text = b"$Id: 0f $ $$Id$ $Id:a\nb$ $Idx: $Id:$Id: b$ $Id: open";
        for cut in 0..=text.len() {
            let (before, after) = text.split_at(cut);
            let mut names = Names::default();
            let made = [names.take(before), names.take(after), names.end()].concat();
            let expected = b"$Id$ $$Id$ $Id:a\nb$ $Idx: $Id$Id: b$ $Id: open";
            assert_eq!(made, expected, "cut at {cut}: {}", String::from_utf8_lossy(&made));
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
            ("*.psd\tident", false),
            ("  *.psd working-tree-encoding=UTF-16", true),
            ("# *.psd filter=lfs", false),
            ("", false),
        ] {
            assert_eq!(converting(line.as_bytes(), b"big.psd").is_some(), expected, "{line}");
        }
        assert_eq!(converting(b"*.psd filter=lfs", b"psd"), None, "the dot belongs to it");
    }
}
