//! What differs from the commit: the index from its tree, the files from the index.
//!
//! Decides when a file's content must be read: whenever its time or size is not what git noted, or was noted too late to be
//! trusted. Depends on the index, the objects and files.

use super::convert::{LineEnds, filtered};
use super::index::{self, IndexEntry, Seen};
use super::place::GitPlace;
use super::{BadCheckout, Checkout, file, object, tree};
use crate::adapter::files;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The largest index that is read, in bytes: two million files or more.
const LARGEST: u64 = 256 << 20;
/// How deep submodules may lie in each other.
const DEEPEST: usize = 10;

const LINK: u32 = 0o120_000;
const MODULE: u32 = 0o160_000;
const DIRECTORY: u32 = 0o40_000;
const KIND: u32 = 0o170_000;

/// What differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Something is staged that is not in the commit.
    pub staged: bool,
    /// Tracked files that are not as the index has them: the first few.
    pub files: Vec<String>,
    /// How many there are.
    pub count: usize,
}

impl Changes {
    /// How many files are named.
    const NAMED: usize = 3;

    /// True if nothing differs.
    pub fn none(&self) -> bool {
        !self.staged && self.count == 0
    }

    fn file(&mut self, path: &[u8]) {
        self.count += 1;
        if self.files.len() < Self::NAMED {
            self.files.push(String::from_utf8_lossy(path).into_owned());
        }
    }

    /// What differs, in words.
    pub fn words(&self) -> String {
        let staged = self.staged.then(|| "something is staged that is not committed".to_owned());
        let files = (self.count > 0).then(|| {
            let more = if self.count > self.files.len() { ", ..." } else { "" };
            let verb = if self.count == 1 { "tracked file is" } else { "tracked files are" };
            format!("{} {verb} changed ({}{more})", self.count, self.files.join(", "))
        });
        staged.into_iter().chain(files).collect::<Vec<_>>().join("; ")
    }
}

pub(super) fn find(checkout: &Checkout, depth: usize) -> Result<Changes, BadCheckout> {
    let mut changes = Changes::default();
    let Some(top) = &checkout.place.tree else { return Ok(changes) };
    let format = checkout.settings.format;
    let path = checkout.place.git.join("index");
    let written = file::look(&path)?.map_or((0, 0), |m| time(m.mtime(), m.mtime_nsec()));
    let bytes = file::bytes(&path, LARGEST)?;
    let entries = bytes.as_deref().map_or(Ok(Vec::new()), |bytes| index::parse(bytes, format));
    let entries = entries.map_err(|e| BadCheckout::file(&path, e))?;
    let committed = object::tree_of(&checkout.place.common, format, checkout.commit.as_str())?;
    changes.staged = entries.iter().any(|e| e.unsettled) || tree::name(&entries, format) != committed;
    let mut directories = BTreeSet::new();
    for entry in entries.iter().filter(|e| !e.skipped && !e.unsettled) {
        let path = top.join(OsStr::from_bytes(&entry.path));
        let same = !behind_link(top, &path, &mut directories)?
            && match verdict(checkout, entry, &path, written, depth)? {
                FileState::Same => true,
                FileState::Other => false,
                FileState::Content(size) => is_content(checkout, top, entry, &path, size)?,
            };
        if !same {
            changes.file(&entry.path);
        }
    }
    Ok(changes)
}

/// True if a directory above the file is none, or a link: what is found there is not the tracked file.
fn behind_link(top: &Path, path: &Path, known: &mut BTreeSet<PathBuf>) -> Result<bool, BadCheckout> {
    let directories: Vec<&Path> = path.ancestors().skip(1).take_while(|d| *d != top).collect();
    // From the top down, because below a link nothing is the checkout's own.
    for directory in directories.into_iter().rev() {
        if known.contains(directory) {
            continue;
        }
        if !file::known(directory, directory.symlink_metadata())?.is_some_and(|m| m.is_dir()) {
            return Ok(true);
        }
        known.insert(directory.to_owned());
    }
    Ok(false)
}

/// What can be said of a tracked file without reading it.
enum FileState {
    Same,
    Other,
    /// Its content must be read, of this size.
    Content(u64),
}

fn verdict(
    checkout: &Checkout,
    entry: &IndexEntry<'_>,
    path: &Path,
    written: (u32, u32),
    depth: usize,
) -> Result<FileState, BadCheckout> {
    let either = |same| if same { FileState::Same } else { FileState::Other };
    let Some(metadata) = file::known(path, path.symlink_metadata())? else { return Ok(FileState::Other) };
    match entry.mode & KIND {
        MODULE if !metadata.is_dir() => return Ok(FileState::Other),
        MODULE => return module_is_same(entry, path, depth).map(either),
        DIRECTORY => return Ok(FileState::Same),
        LINK if metadata.is_symlink() => {
            let target = path.read_link().map_err(|e| BadCheckout::file(path, e))?;
            return Ok(either(checkout.settings.format.name("blob", target.as_os_str().as_bytes()) == entry.name));
        }
        // Where the file system has no links git writes the target into a plain file, whose content is compared.
        LINK if checkout.settings.symlinks || !metadata.is_file() => return Ok(FileState::Other),
        LINK => {}
        _ if !metadata.is_file() => return Ok(FileState::Other),
        _ if checkout.settings.file_mode && (metadata.mode() & 0o100 != 0) != (entry.mode & 0o100 != 0) => {
            return Ok(FileState::Other);
        }
        _ => {}
    }
    let now = seen(&metadata);
    // git calls the other case racy: a file that changed in the tick in which the index was written has the noted time and
    // perhaps the noted size, so only its content tells (git's Documentation/technical/racy-git).
    if now == entry.seen && entry.seen.mtime < written {
        return Ok(FileState::Same);
    }
    // git does not look at the content of another size either, unless it noted none.
    if now.size != entry.seen.size && entry.seen.size != 0 {
        return Ok(FileState::Other);
    }
    Ok(FileState::Content(metadata.len()))
}

/// What git would note of the file now.
fn seen(metadata: &Metadata) -> Seen {
    Seen {
        ctime: time(metadata.ctime(), metadata.ctime_nsec()),
        mtime: time(metadata.mtime(), metadata.mtime_nsec()),
        // git keeps the low 32 bits.
        size: u32::try_from(metadata.len() & 0xffff_ffff).unwrap_or_default(),
    }
}

/// git keeps the low 32 bits of both.
fn time(seconds: i64, nanoseconds: i64) -> (u32, u32) {
    (u32::try_from(seconds & 0xffff_ffff).unwrap_or_default(), u32::try_from(nanoseconds).unwrap_or_default())
}

/// True if the file's content is the entry's. Where only git can tell, that is an error: a guess would mark a good image
/// as dirty, or a dirty one as good.
fn is_content(
    checkout: &Checkout,
    top: &Path,
    entry: &IndexEntry<'_>,
    path: &Path,
    size: u64,
) -> Result<bool, BadCheckout> {
    let bad = |e| BadCheckout::file(path, e);
    let format = checkout.settings.format;
    let mut context = format.begin("blob", size);
    pieces(path, size, |piece| context.update(piece)).map_err(bad)?;
    if context.finish().as_ref() == entry.name {
        return Ok(true);
    }
    let why = if with_other_ends(checkout, path, size).map_err(bad)?.is_some_and(|name| name == entry.name) {
        "only its line ends are not the commit's, and whether git converts them".to_owned()
    } else if let Some(attributes) = filtered(checkout, top, &entry.path)? {
        format!("its content is not the commit's, and what git makes of it by {attributes}")
    } else {
        return Ok(false);
    };
    let shown = path.display();
    Err(BadCheckout::Unsupported(format!(
        "{shown}: {why} cannot be told without git; `git status` in a step that has git notes what is unchanged. Or"
    )))
}

/// The name of a file's content with the line ends of commits; `None` if it has no others.
fn with_other_ends(checkout: &Checkout, path: &Path, size: u64) -> io::Result<Option<Vec<u8>>> {
    let (mut ends, mut left) = (LineEnds::default(), 0);
    pieces(path, size, |piece| left += ends.convert(piece).len())?;
    let left = u64::try_from(left + ends.end().len()).unwrap_or(u64::MAX);
    if left == size {
        return Ok(None);
    }
    let mut context = checkout.settings.format.begin("blob", left);
    let mut ends = LineEnds::default();
    pieces(path, size, |piece| context.update(&ends.convert(piece)))?;
    context.update(ends.end());
    Ok(Some(context.finish().as_ref().to_vec()))
}

/// The first bytes of a file, so many at most, piece by piece. A file that grows meanwhile differs either way.
fn pieces(path: &Path, size: u64, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut file = files::open_regular(path)?.take(size);
    // Piece by piece: a file may be larger than the memory of a step.
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => take(buffer.get(..count).unwrap_or_default()),
        }
    }
}

/// A submodule is as committed if it is not checked out, or is at the commit and has no changes of its own.
fn module_is_same(entry: &IndexEntry<'_>, directory: &Path, depth: usize) -> Result<bool, BadCheckout> {
    if depth >= DEEPEST {
        return Err(BadCheckout::file(directory, "submodules lie too deep in each other"));
    }
    let Some(place) = GitPlace::of_tree(directory)? else { return Ok(true) };
    let inner = Checkout::at(place)?;
    Ok(inner.commit.as_str() == files::hex(entry.name) && find(&inner, depth + 1)?.none())
}
