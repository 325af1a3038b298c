//! What differs from the commit: the index from its tree, the files from the index.
//!
//! Decides when a file's content must be read: whenever its time or size is not what git noted, or was noted too late to be
//! trusted. Depends on the index, the objects and files.

use super::content::{self, FileContent};
use super::index::{self, BadIndex, IndexEntry, Seen};
use super::module::{ModuleState, Modules};
use super::{BadCheckout, Checkout, file, object, tree};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The largest index that is read, in bytes: two million files or more.
const LARGEST: u64 = 256 << 20;

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
    let entries = entries.map_err(|e| match e {
        BadIndex::Damaged => BadCheckout::file(&path, e),
        _ => BadCheckout::Unsupported(format!("{}: {e}", path.display())),
    })?;
    let committed = object::tree_of(&checkout.place.common, format, checkout.commit.as_str())?;
    changes.staged = entries.iter().any(|e| e.unsettled) || tree::name(&entries, format) != committed;
    let modules = Modules::read(checkout, top, depth)?;
    if changes.staged && entries.iter().any(|e| e.mode & KIND == MODULE && modules.is_ignored(&e.path)) {
        let why = "something is staged, and whether it is more than a submodule that is to be ignored";
        return Err(BadCheckout::Unsupported(format!("{}: {why} cannot be told", top.display())));
    }
    let mut directories = BTreeSet::new();
    for entry in entries.iter().filter(|e| !e.assumed && !e.unsettled) {
        let path = top.join(OsStr::from_bytes(&entry.path));
        if entry.left_out && !is_there_all_the_same(checkout, entry, &path)? {
            continue;
        }
        if entry.mode & KIND == MODULE && modules.is_ignored(&entry.path) {
            continue;
        }
        let same = !behind_link(top, &path, &mut directories)?
            && match verdict(checkout, &modules, entry, &path, written)? {
                FileState::Same => true,
                FileState::Other => false,
                FileState::Content { size, noted } => {
                    content::is_content(checkout, &FileContent { top, entry, path: &path, size, noted })?
                }
            };
        if !same {
            changes.file(&entry.path);
        }
    }
    Ok(changes)
}

/// True if a file that is left out of the checkout is there, so that it counts. As in git: only where files are left out by
/// the checkout's patterns, not where a single one was marked by hand.
fn is_there_all_the_same(checkout: &Checkout, entry: &IndexEntry<'_>, path: &Path) -> Result<bool, BadCheckout> {
    if !checkout.settings.sparse || checkout.settings.expects_outside {
        return Ok(false);
    }
    let there = file::known(path, path.symlink_metadata())?.is_some();
    if there && entry.mode & KIND == DIRECTORY {
        // The index names none of its files.
        return Err(BadCheckout::Unsupported(format!(
            "{}: it is left out of the checkout but is there, and whether its files are the commit's cannot be told; \
             `git sparse-checkout reapply` removes it or names what is in the way. Or",
            path.display()
        )));
    }
    Ok(there)
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
    /// Its content must be read, of this size; `noted` if it looks as git noted it, but too late to be trusted.
    Content {
        size: u64,
        noted: bool,
    },
}

fn verdict(
    checkout: &Checkout,
    modules: &Modules<'_>,
    entry: &IndexEntry<'_>,
    path: &Path,
    written: (u32, u32),
) -> Result<FileState, BadCheckout> {
    let either = |same| if same { FileState::Same } else { FileState::Other };
    let Some(metadata) = file::known(path, path.symlink_metadata())? else { return Ok(FileState::Other) };
    match entry.mode & KIND {
        MODULE if !metadata.is_dir() => return Ok(FileState::Other),
        MODULE => {
            return Ok(match modules.state(entry, path)? {
                ModuleState::Same => FileState::Same,
                ModuleState::Other => FileState::Other,
                ModuleState::Inner(inner) => either(find(&inner, modules.depth + 1)?.none()),
            });
        }
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
    Ok(FileState::Content { size: metadata.len(), noted: now == entry.seen })
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
