//! Whether a file's content is the commit's, perhaps converted.
//!
//! Decides when a converted file is the commit's: what git noted of it, with what it becomes when it is converted back, or
//! what git itself says. Depends on files.

use super::convert::{Cleaner, attributes};
use super::index::IndexEntry;
use super::{BadCheckout, Checkout, ask};
use crate::adapter::files;
use std::io::{self, Read};
use std::path::Path;

/// A tracked file whose content is to be looked at.
pub(super) struct FileContent<'a> {
    /// The top of its checkout.
    pub(super) top: &'a Path,
    /// What the index says of it.
    pub(super) entry: &'a IndexEntry<'a>,
    /// Where it is.
    pub(super) path: &'a Path,
    /// How many bytes of it are read.
    pub(super) size: u64,
    /// It looks as git noted it, but too late to be trusted: it may have changed in the tick in which the index was written.
    pub(super) noted: bool,
}

/// True if the file's content is the entry's. Where only git can tell, that is an error: a guess would mark a good image
/// as dirty, or a dirty one as good.
pub(super) fn is_content(checkout: &Checkout, of: &FileContent<'_>) -> Result<bool, BadCheckout> {
    let bad = |e| BadCheckout::file(of.path, e);
    if of.blob(checkout).map_err(bad)? == of.entry.name {
        return Ok(true);
    }
    let attributes = attributes(checkout, of.top, &of.entry.path)?;
    // A commit holds the hash of the content then, so nothing is left to chance.
    if attributes.lfs && of.lfs_pointer(checkout).map_err(bad)? == of.entry.name {
        return Ok(true);
    }
    let cleaned = of.is_cleaned(checkout).map_err(bad)?;
    // git noted the size of a converted file for this very content, so it converts the file; and what it converts back is
    // the commit's, whatever happened in that tick.
    if cleaned && of.noted {
        return Ok(true);
    }
    if !cleaned && !of.noted && attributes.programs.is_none() {
        return Ok(false);
    }
    if let Some(name) = ask::name(checkout, of.top, &of.entry.path) {
        return Ok(name == of.entry.name);
    }
    let why = match attributes.programs {
        _ if cleaned => {
            "only its line ends or the names in it are not the commit's, and whether git converts them".into()
        }
        Some(file) => format!("its content is not the commit's, and what git makes of it by {}", file.display()),
        None => return Ok(false),
    };
    let shown = of.path.display();
    Err(BadCheckout::Unsupported(format!(
        "{shown}: {why} cannot be told without git; `git status` in a step that has git notes what is unchanged, a second \
         after the checkout. Or"
    )))
}

impl FileContent<'_> {
    /// The name of the content as it stands.
    fn blob(&self, checkout: &Checkout) -> io::Result<Vec<u8>> {
        let mut context = checkout.settings.format.begin("blob", self.size);
        self.pieces(|piece| context.update(piece))?;
        Ok(context.finish().as_ref().to_vec())
    }

    /// The name of what LFS commits instead of the content (its `docs/spec.md`).
    fn lfs_pointer(&self, checkout: &Checkout) -> io::Result<Vec<u8>> {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        self.pieces(|piece| context.update(piece))?;
        let hash = files::hex(context.finish().as_ref());
        let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{hash}\nsize {}\n", self.size);
        Ok(checkout.settings.format.name("blob", pointer.as_bytes()))
    }

    /// True if the content is the commit's but for line ends and names in it.
    fn is_cleaned(&self, checkout: &Checkout) -> io::Result<bool> {
        for cleaner in Cleaner::all() {
            // The size stands before the content, so it is found first.
            let (mut working, mut left) = (cleaner.clone(), 0);
            self.pieces(|piece| left += working.take(piece).len())?;
            let left = u64::try_from(left + working.end().len()).unwrap_or(u64::MAX);
            if left == self.size {
                continue;
            }
            let (mut working, mut context) = (cleaner, checkout.settings.format.begin("blob", left));
            self.pieces(|piece| context.update(&working.take(piece)))?;
            context.update(&working.end());
            if context.finish().as_ref() == self.entry.name {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The content piece by piece: a file may be larger than the memory of a step. One that grows meanwhile differs either
    /// way.
    fn pieces(&self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let mut file = files::open_regular(self.path)?.take(self.size);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(()),
                count => take(buffer.get(..count).unwrap_or_default()),
            }
        }
    }
}
