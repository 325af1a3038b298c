//! git's index: the list of tracked files, with what git noted of each when it last looked (git's gitformat-index).
//!
//! Decides which bytes are an index. Pure.

use super::Format;
use super::object::varint;
use std::borrow::Cow;

/// The longest path, in bytes.
const LONGEST: usize = 4096;

/// The longest that all paths may be together, in bytes: in version 4 few bytes can stand for long ones.
const ALL: usize = 256 << 20;
/// The fewest bytes of an entry: what git noted, the name and the flags.
const LEAST: usize = 62;

/// A tracked file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IndexEntry<'a> {
    /// The path from the top of the tree.
    pub(super) path: Cow<'a, [u8]>,
    /// Kind and permissions, as git writes them.
    pub(super) mode: u32,
    /// The name of its content.
    pub(super) name: &'a [u8],
    /// Seconds and nanoseconds of the last change of the file's state and content; size. What git saw.
    pub(super) seen: Seen,
    /// git was told to take it for unchanged.
    pub(super) assumed: bool,
    /// It is left out of the checkout.
    pub(super) left_out: bool,
    /// It is only meant to be added, or in conflict.
    pub(super) unsettled: bool,
}

/// What git noted of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) ctime: (u32, u32),
    pub(super) mtime: (u32, u32),
    pub(super) size: u32,
}

/// Why bytes are no index that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadIndex {
    #[error("it is damaged")]
    Damaged,
    #[error("it is of a version that is not read here")]
    Version,
    #[error("its paths have more than {ALL} bytes together")]
    Large,
    #[error("it is split over several files, which is not read here")]
    Split,
}

/// The entries, in order.
pub(super) fn parse(bytes: &[u8], format: Format) -> Result<Vec<IndexEntry<'_>>, BadIndex> {
    let end = bytes.len().checked_sub(format.length()).ok_or(BadIndex::Damaged)?;
    let (body, checksum) = bytes.split_at(end);
    // All zeros where git was told not to compute it (`index.skipHash`).
    if checksum.iter().any(|b| *b != 0) && ring::digest::digest(format.algorithm(), body).as_ref() != checksum {
        return Err(BadIndex::Damaged);
    }
    let mut reader = Reader { rest: body };
    if reader.take(4)? != b"DIRC" {
        return Err(BadIndex::Damaged);
    }
    let version = reader.u32()?;
    if !(2..=4).contains(&version) {
        return Err(BadIndex::Version);
    }
    let count = usize::try_from(reader.u32()?).map_err(|_| BadIndex::Damaged)?;
    let mut entries: Vec<IndexEntry<'_>> = Vec::with_capacity(count.min(reader.rest.len() / LEAST));
    let mut all = 0;
    for _ in 0..count {
        let before = entries.last().map(|e| e.path.as_ref()).unwrap_or_default();
        let entry = reader.entry(version, format, before)?;
        all += entry.path.len();
        if all > ALL {
            return Err(BadIndex::Large);
        }
        entries.push(entry);
    }
    // Extensions that begin with a small letter change what the entries mean, so an unknown one ends the reading. `sdir`
    // only says that there may be entries for whole directories, which are read; a `link` needs another file.
    while !reader.rest.is_empty() {
        let signature = reader.take(4)?;
        if signature == b"link" {
            return Err(BadIndex::Split);
        }
        if signature.first().is_some_and(u8::is_ascii_lowercase) && signature != b"sdir" {
            return Err(BadIndex::Version);
        }
        let size = reader.u32()?;
        reader.take(usize::try_from(size).map_err(|_| BadIndex::Damaged)?)?;
    }
    Ok(entries)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], BadIndex> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(BadIndex::Damaged)?;
        self.rest = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, BadIndex> {
        self.take(4)?.try_into().map(u32::from_be_bytes).map_err(|_| BadIndex::Damaged)
    }

    fn u16(&mut self) -> Result<u16, BadIndex> {
        self.take(2)?.try_into().map(u16::from_be_bytes).map_err(|_| BadIndex::Damaged)
    }

    fn entry(&mut self, version: u32, format: Format, before: &[u8]) -> Result<IndexEntry<'a>, BadIndex> {
        let begin = self.rest.len();
        let ctime = (self.u32()?, self.u32()?);
        let mtime = (self.u32()?, self.u32()?);
        // Device and inode, and below user and group, are left out: they differ in each copy and mount of a checkout.
        self.take(8)?;
        let mode = self.u32()?;
        self.take(8)?;
        let size = self.u32()?;
        let name = self.take(format.length())?;
        let flags = self.u16()?;
        let extended = if flags & 0x4000 != 0 { self.u16()? } else { 0 };
        let path = if version == 4 {
            let cut = varint(&mut self.rest).and_then(|n| usize::try_from(n).ok()).ok_or(BadIndex::Damaged)?;
            let kept = before.len().checked_sub(cut).ok_or(BadIndex::Damaged)?;
            let mut path = before.get(..kept).unwrap_or_default().to_vec();
            path.extend_from_slice(self.until_zero()?);
            Cow::Owned(path)
        } else {
            let path = self.until_zero()?;
            // Padded with zeros to a multiple of eight; one of them was read.
            let read = begin - self.rest.len();
            self.take(read.next_multiple_of(8) - read)?;
            Cow::Borrowed(path)
        };
        if path.is_empty() {
            // Only an entry that stands for one in another file has no name.
            return Err(BadIndex::Split);
        }
        if path.len() > LONGEST || !is_inside(&path) {
            return Err(BadIndex::Damaged);
        }
        // Bits of the format: 0x8000 assume-valid, 0x4000 (extended) skip-worktree; 0x3000 the stage of a conflict, 0x2000
        // (extended) intent-to-add.
        Ok(IndexEntry {
            path,
            mode,
            name,
            seen: Seen { ctime, mtime, size },
            assumed: flags & 0x8000 != 0,
            left_out: extended & 0x4000 != 0,
            unsettled: flags & 0x3000 != 0 || extended & 0x2000 != 0,
        })
    }

    fn until_zero(&mut self) -> Result<&'a [u8], BadIndex> {
        let end = self.rest.iter().position(|b| *b == 0).ok_or(BadIndex::Damaged)?;
        let text = self.take(end)?;
        self.take(1)?;
        Ok(text)
    }
}

/// A path that stays in the tree, and out of git's own directory. A directory that is not checked out ends with `/`.
fn is_inside(path: &[u8]) -> bool {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    path.split(|b| *b == b'/').all(|part| !matches!(part, b"" | b"." | b"..") && !part.eq_ignore_ascii_case(b".git"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_path_leaves_the_tree() {
        for bad in ["/etc/passwd", "../x", "a/../b", "a//b", ".git/config", "a/.GIT/x", "./a", ""] {
            assert!(!is_inside(bad.as_bytes()), "{bad}");
        }
        for good in ["a", "a/b.c", ".gitignore", "sparse/", "..a"] {
            assert!(is_inside(good.as_bytes()), "{good}");
        }
    }

    #[test]
    fn few_bytes_do_not_stand_for_many() {
        // Every entry of version 4 has its path from the one before, which is as long as a path may be.
        let entry = |path: &[u8]| [[0; LEAST].as_slice(), &[0], path, &[0]].concat();
        let count = ALL / LONGEST + 1;
        let head = [b"DIRC".as_slice(), &4_u32.to_be_bytes(), &u32::try_from(count).unwrap().to_be_bytes()].concat();
        let bytes = [head, entry(&[b'x'; LONGEST]), entry(b"").repeat(count - 1), vec![0; 20]].concat();
        assert!(bytes.len() < 8 << 20);
        assert_eq!(parse(&bytes, Format::Sha1), Err(BadIndex::Large));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_index_or_none(version in 0_u32..6, count in 0_u32..5,
            mut body in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = [b"DIRC".as_slice(), &version.to_be_bytes(), &count.to_be_bytes()].concat();
            bytes.append(&mut body);
            let _ = parse(&bytes, Format::Sha1);
            bytes.extend([0; 32]);
            let _ = parse(&bytes, Format::Sha256);
        }
    }
}
