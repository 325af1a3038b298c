//! Commits in git's store.
//!
//! Decides where one is looked for: a file of its own, then packs, then borrowed stores. Nothing but commits is ever read,
//! because only the tree's name is needed. Depends on files and `miniz_oxide`.

use super::{BadCheckout, Format, delta, file};
use crate::adapter::files;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// How much of a packed or loose commit is read, compressed, in bytes.
const COMPRESSED: usize = 4 << 20;
/// How much of a packed one is read at first.
const FIRST: usize = 8 << 10;
/// How much of it may come out, in bytes. The tree is in its first line.
const LARGEST: usize = 16 << 20;
/// How long a chain of deltas may be; git makes them 50 long.
const DEEPEST: usize = 512;
/// The largest list of stores that is read, in bytes.
const LONGEST: u64 = 16 << 10;
/// How many stores may be borrowed from.
const STORES: usize = 32;

/// The tree of a commit, by its name's bytes.
pub(super) fn tree_of(common: &Path, format: Format, commit: &str) -> Result<Vec<u8>, BadCheckout> {
    let name = from_hex(commit).ok_or_else(|| BadCheckout::file(common, "not a hash"))?;
    let missing = || BadCheckout::file(&common.join("objects"), format!("the commit {commit} is not there"));
    let content = find(common, format, &name)?.ok_or_else(missing)?;
    // The name is the hash of the content, so a damaged or wrongly assembled commit cannot pass.
    if format.name("commit", &content) != name {
        return Err(BadCheckout::file(&common.join("objects"), format!("the commit {commit} is damaged")));
    }
    let line = content.strip_prefix(b"tree ").and_then(|rest| rest.get(..format.length() * 2));
    let tree = line.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(from_hex);
    tree.ok_or_else(|| BadCheckout::file(&common.join("objects"), format!("the commit {commit} names no tree")))
}

fn find(common: &Path, format: Format, name: &[u8]) -> Result<Option<Vec<u8>>, BadCheckout> {
    let mut stores = vec![common.join("objects")];
    let (mut at, mut bad) = (0, None);
    while let Some(store) = stores.get(at).cloned() {
        if let Some(content) = loose(&store, name)? {
            return Ok(Some(content));
        }
        if let Some(content) = packed(&store, format, name, &mut bad)? {
            return Ok(Some(content));
        }
        if let Some(text) = file::bytes(&store.join("info/alternates"), LONGEST)? {
            let lines = text.split(|b| *b == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#"));
            // A line that looks quoted and is not is taken as it stands, as by git.
            let named = lines.map(|line| quoted(line).unwrap_or_else(|| line.to_vec()));
            stores.extend(named.take(STORES).map(|path| store.join(OsStr::from_bytes(&path))));
        }
        at += 1;
        if at >= STORES {
            break;
        }
    }
    // It may be in what could not be read.
    bad.map_or(Ok(None), Err)
}

/// The bytes of a path that is quoted as in C; `None` if it is not.
fn quoted(line: &[u8]) -> Option<Vec<u8>> {
    let mut rest = line.strip_prefix(b"\"")?;
    let mut path = Vec::new();
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        if byte == b'"' {
            return rest.is_empty().then_some(path);
        }
        if byte != b'\\' {
            path.push(byte);
            continue;
        }
        let (&byte, after) = rest.split_first()?;
        rest = after;
        path.push(match byte {
            b'a' => 7,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            b'\\' | b'"' => byte,
            b'0'..=b'3' => {
                let (digits, after) = rest.split_at_checked(2)?;
                rest = after;
                let digits =
                    digits.iter().map(|d| (b'0'..=b'7').contains(d).then(|| d - b'0')).collect::<Option<Vec<_>>>()?;
                digits.iter().fold(byte - b'0', |value, digit| value << 3 | digit)
            }
            _ => return None,
        });
    }
}

/// An object's own file: `commit SIZE`, a zero byte and the content, compressed.
fn loose(store: &Path, name: &[u8]) -> Result<Option<Vec<u8>>, BadCheckout> {
    let hex = files::hex(name);
    let (directory, file) = hex.split_at(2);
    let path = store.join(directory).join(file);
    let limit = u64::try_from(COMPRESSED).unwrap_or(u64::MAX);
    let Some(bytes) = file::bytes(&path, limit)? else { return Ok(None) };
    let whole = inflate(&bytes, LARGEST).ok_or_else(|| BadCheckout::file(&path, "it cannot be decompressed"))?;
    let header = whole.iter().position(|b| *b == 0).filter(|_| whole.starts_with(b"commit "));
    let content = header.and_then(|end| whole.get(end + 1..)).map(<[u8]>::to_vec);
    content.map(Some).ok_or_else(|| BadCheckout::file(&path, "it is not a commit"))
}

/// The object at the beginning of these bytes. The next one follows it in a pack, and is not looked at.
fn inflate(bytes: &[u8], largest: usize) -> Option<Vec<u8>> {
    decompress_to_vec_zlib_with_limit(bytes, largest).ok()
}

/// A packed commit. What cannot be read is noted and left, as by git: the commit may be in another pack as well.
fn packed(
    store: &Path,
    format: Format,
    name: &[u8],
    bad: &mut Option<BadCheckout>,
) -> Result<Option<Vec<u8>>, BadCheckout> {
    let directory = store.join("pack");
    let Some(entries) = file::known(&directory, std::fs::read_dir(&directory))? else { return Ok(None) };
    let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut indexes = paths.map_err(|e| BadCheckout::file(&directory, e))?;
    indexes.retain(|path| path.extension().is_some_and(|e| e == "idx"));
    indexes.sort();
    for path in indexes {
        match in_pack(&path, format, name) {
            Ok(None) => {}
            Ok(found) => return Ok(found),
            Err(error) => *bad = bad.take().or(Some(error)),
        }
    }
    Ok(None)
}

/// The commit in the pack of this index.
fn in_pack(path: &Path, format: Format, name: &[u8]) -> Result<Option<Vec<u8>>, BadCheckout> {
    let index = PackIndex::open(path, format)?;
    let Some(offset) = index.find(name).map_err(|e| BadCheckout::file(path, e))? else { return Ok(None) };
    let pack = path.with_extension("pack");
    let file = file::open(&pack)?.ok_or_else(|| BadCheckout::file(&pack, "it is not there, but its index is"))?;
    let content = Pack { file, index, format }.object(offset).map_err(|e| BadCheckout::file(&pack, e))?;
    content.map(Some).ok_or_else(|| BadCheckout::file(&pack, "a commit in it cannot be read"))
}

/// An index of a pack: names in order, and where each object begins.
struct PackIndex {
    file: File,
    count: u64,
    length: u64,
    /// Of version 1: an offset stands before each name, and nothing before the table.
    first: bool,
}

impl PackIndex {
    const TABLE: u64 = 256 * 4;

    fn open(path: &Path, format: Format) -> Result<Self, BadCheckout> {
        let bad = |e: std::io::Error| BadCheckout::file(path, e);
        let file = files::open_regular(path).map_err(bad)?;
        let mut head = [0; 8];
        file.read_exact_at(&mut head, 0).map_err(bad)?;
        let first = !head.starts_with(b"\xfftOc");
        if !first && head != *b"\xfftOc\0\0\0\x02" {
            return Err(BadCheckout::Unsupported(format!("{} is an index of an unknown version", path.display())));
        }
        let mut index = Self { file, count: 0, length: u64::try_from(format.length()).unwrap_or(32), first };
        index.count = index.u32(index.table() + 255 * 4).map_err(bad)?;
        if first {
            // Nothing else tells that it is an index: its table, whose numbers only grow, and its size.
            let size = index.table() + Self::TABLE + index.count * (4 + index.length) + 2 * index.length;
            let numbers: std::io::Result<Vec<u64>> = (0..256).map(|byte| index.u32(byte * 4)).collect();
            if !numbers.map_err(bad)?.is_sorted() || index.file.metadata().map_err(bad)?.len() != size {
                return Err(BadCheckout::file(path, "it is no index of a pack"));
            }
        }
        Ok(index)
    }

    fn table(&self) -> u64 {
        if self.first { 0 } else { 8 }
    }

    /// Where the name of this number is.
    fn name(&self, number: u64) -> u64 {
        let before = if self.first { 4 * (number + 1) } else { 0 };
        self.table() + Self::TABLE + number * self.length + before
    }

    fn u32(&self, at: u64) -> std::io::Result<u64> {
        let mut bytes = [0; 4];
        self.file.read_exact_at(&mut bytes, at)?;
        Ok(u64::from(u32::from_be_bytes(bytes)))
    }

    /// The object's offset in the pack.
    fn find(&self, name: &[u8]) -> std::io::Result<Option<u64>> {
        let Some(first) = name.first().map(|b| u64::from(*b)) else { return Ok(None) };
        // The table says how many names begin with each byte or a smaller one, so that only one byte's names are searched.
        let mut low = if first == 0 { 0 } else { self.u32(self.table() + (first - 1) * 4)? };
        let mut high = self.u32(self.table() + first * 4)?;
        let mut found = vec![0; name.len()];
        while low < high {
            let middle = low.midpoint(high);
            self.file.read_exact_at(&mut found, self.name(middle))?;
            match found.as_slice().cmp(name) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return self.offset(middle).map(Some),
            }
        }
        Ok(None)
    }

    /// After the names stand their checksums, then the offsets; those beyond 31 bits are in a table of their own.
    fn offset(&self, number: u64) -> std::io::Result<u64> {
        if self.first {
            return self.u32(self.name(number) - 4);
        }
        let offsets = self.name(self.count) + self.count * 4;
        let offset = self.u32(offsets + number * 4)?;
        if offset & 0x8000_0000 == 0 {
            return Ok(offset);
        }
        let at = offsets + self.count * 4 + (offset & 0x7fff_ffff) * 8;
        Ok(self.u32(at)? << 32 | self.u32(at + 4)?)
    }
}

/// A pack.
struct Pack {
    file: File,
    index: PackIndex,
    format: Format,
}

impl Pack {
    /// The content of the commit at this offset; `None` if it cannot be read as one.
    fn object(&self, mut offset: u64) -> std::io::Result<Option<Vec<u8>>> {
        // From the commit down to the object that is stored whole. All deltas together may have as much as one object, so
        // that a hostile chain takes no more memory than an honest commit.
        let mut deltas: Vec<Vec<u8>> = Vec::new();
        let mut room = LARGEST;
        while deltas.len() <= DEEPEST {
            let Some(piece) = self.piece(offset, room)? else { return Ok(None) };
            let base = match piece.base {
                DeltaBase::None => {
                    return Ok(deltas.iter().rev().try_fold(piece.content, |base, delta| delta::apply(&base, delta)));
                }
                DeltaBase::Before(distance) => offset.checked_sub(distance).filter(|base| *base != offset),
                DeltaBase::Named(name) => self.index.find(&name)?,
            };
            let Some(base) = base else { return Ok(None) };
            offset = base;
            room = room.saturating_sub(piece.content.len());
            deltas.push(piece.content);
        }
        Ok(None)
    }

    /// The object or delta at an offset. Little is read at first, because most commits are small.
    fn piece(&self, offset: u64, room: usize) -> std::io::Result<Option<Unpacked>> {
        let left = self.file.metadata()?.len().saturating_sub(offset);
        let left = usize::try_from(left).unwrap_or(COMPRESSED);
        for length in [FIRST, COMPRESSED] {
            let mut bytes = vec![0; length.min(left)];
            self.file.read_exact_at(&mut bytes, offset)?;
            let piece = Unpacked::parse(&bytes, self.format, room);
            if piece.is_some() || length >= left {
                return Ok(piece);
            }
        }
        Ok(None)
    }
}

/// The object to which a delta is the difference.
enum DeltaBase {
    /// It is none, but the commit itself.
    None,
    /// The object so many bytes before it.
    Before(u64),
    Named(Vec<u8>),
}

/// A commit or a delta, unpacked.
struct Unpacked {
    base: DeltaBase,
    content: Vec<u8>,
}

impl Unpacked {
    fn parse(mut rest: &[u8], format: Format, room: usize) -> Option<Self> {
        // Kinds of the format: 1 a commit, 6 a delta to what stands before it, 7 a delta to a named object.
        let base = match kind(&mut rest)? {
            1 => DeltaBase::None,
            6 => DeltaBase::Before(varint(&mut rest)?),
            7 => {
                let (name, after) = rest.split_at_checked(format.length())?;
                rest = after;
                DeltaBase::Named(name.to_vec())
            }
            _ => return None,
        };
        Some(Self { base, content: inflate(rest, room)? })
    }
}

/// The kind of a packed object; its size, which follows in the same bytes, is found again when it is unpacked.
fn kind(rest: &mut &[u8]) -> Option<u8> {
    let (&first, after) = rest.split_first()?;
    *rest = after;
    let mut byte = first;
    while byte & 0x80 != 0 {
        let (&next, after) = rest.split_first()?;
        *rest = after;
        byte = next;
    }
    Some((first >> 4) & 7)
}

/// Seven bits a byte, the highest first, each but the first raised by one.
pub(super) fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for place in 0..9 {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value = if place == 0 { 0 } else { (value + 1) << 7 } | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}
