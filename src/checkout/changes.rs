//! What differs from the commit: the index from its tree, the files from the index. Decides when a file's content must
//! be read: whenever its time or size is not what git noted, or was noted too late to be trusted.

use super::index::{self, Entry, Seen};
use super::place::Place;
use super::{BadCheckout, Checkout, object, tree};
use crate::files;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The largest index that is read, in bytes: some million files.
const LARGEST: u64 = 512 << 20;
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
    let (entries, written) = match std::fs::metadata(&path) {
        Ok(metadata) => {
            let bytes = files::read(&path, LARGEST).map_err(|e| BadCheckout::file(&path, e))?;
            let entries = index::parse(&bytes, format).map_err(|e| BadCheckout::file(&path, e))?;
            (entries, time(metadata.mtime(), metadata.mtime_nsec()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), (0, 0)),
        Err(error) => return Err(BadCheckout::file(&path, error)),
    };
    let committed = object::tree_of(&checkout.place.common, format, checkout.commit.as_str())?;
    changes.staged = entries.iter().any(|e| e.unsettled) || tree::name(&entries, format) != committed;
    let mut directories = BTreeSet::new();
    for entry in entries.iter().filter(|e| !e.skipped && !e.unsettled) {
        let file = top.join(OsStr::from_bytes(&entry.path));
        let same = !behind_link(top, &file, &mut directories) && is_same(checkout, entry, &file, written, depth)?;
        if !same {
            changes.file(&entry.path);
        }
    }
    Ok(changes)
}

/// True if a directory above the file is none, or a link: what is found there is not the tracked file.
fn behind_link(top: &Path, file: &Path, known: &mut BTreeSet<PathBuf>) -> bool {
    let directories: Vec<&Path> = file.ancestors().skip(1).take_while(|d| *d != top).collect();
    for directory in directories.into_iter().rev() {
        if known.contains(directory) {
            continue;
        }
        if !directory.symlink_metadata().is_ok_and(|m| m.is_dir()) {
            return true;
        }
        known.insert(directory.to_owned());
    }
    false
}

fn is_same(
    checkout: &Checkout,
    entry: &Entry,
    file: &Path,
    written: (u32, u32),
    depth: usize,
) -> Result<bool, BadCheckout> {
    let metadata = match file.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(BadCheckout::file(file, error)),
    };
    match entry.mode & KIND {
        MODULE => return module_is_same(entry, file, depth),
        DIRECTORY => return Ok(true),
        LINK if metadata.is_symlink() => {
            let target = std::fs::read_link(file).map_err(|e| BadCheckout::file(file, e))?;
            return Ok(checkout.settings.format.name("blob", target.as_os_str().as_bytes()) == entry.name);
        }
        LINK if checkout.settings.symlinks || !metadata.is_file() => return Ok(false),
        LINK => {}
        _ if !metadata.is_file() => return Ok(false),
        _ if checkout.settings.file_mode && (metadata.mode() & 0o100 != 0) != (entry.mode & 0o100 != 0) => {
            return Ok(false);
        }
        _ => {}
    }
    if seen(&metadata) == entry.seen && entry.seen.mtime < written {
        return Ok(true);
    }
    let name = content(checkout, file, metadata.len()).map_err(|e| BadCheckout::file(file, e))?;
    Ok(name == entry.name)
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

/// The name of a file's content.
fn content(checkout: &Checkout, path: &Path, size: u64) -> io::Result<Vec<u8>> {
    let mut context = checkout.settings.format.begin("blob", size);
    // A file that grows meanwhile differs either way.
    let mut file = File::open(path)?.take(size);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(context.finish().as_ref().to_vec());
        }
        context.update(buffer.get(..count).unwrap_or_default());
    }
}

/// A submodule is as committed if it is not checked out, or is at the commit and has no changes of its own.
fn module_is_same(entry: &Entry, directory: &Path, depth: usize) -> Result<bool, BadCheckout> {
    if depth >= DEEPEST {
        return Err(BadCheckout::file(directory, "submodules lie too deep in each other"));
    }
    let Some(place) = Place::of_tree(directory)? else { return Ok(true) };
    let inner = Checkout::at(place)?;
    Ok(inner.commit.as_str() == files::hex(&entry.name) && find(&inner, depth + 1)?.none())
}
