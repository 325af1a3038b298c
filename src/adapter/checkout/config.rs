//! The few settings of a repository that change how it is read.
//!
//! Decides which repositories cannot be read here. Depends on files.

use super::place::GitPlace;
use super::{BadCheckout, Format, file};
use std::path::Path;

/// The largest settings file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// The settings that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GitConfig {
    pub(super) format: Format,
    /// Whether the file system keeps executable bits.
    pub(super) file_mode: bool,
    /// Whether it keeps symbolic links.
    pub(super) symlinks: bool,
    /// Whether it has no tree of files.
    bare: bool,
    /// The place of the tree of files by `core.worktree`, seen from git's own directory.
    tree: Option<String>,
    /// A worktree may have settings of its own.
    own: bool,
}

impl Default for GitConfig {
    fn default() -> Self {
        Self { format: Format::Sha1, file_mode: true, symlinks: true, bare: false, tree: None, own: false }
    }
}

impl GitConfig {
    pub(super) fn read(place: &GitPlace) -> Result<Self, BadCheckout> {
        let mut settings = Self::default();
        settings.take_file(&place.common.join("config"))?;
        if settings.own {
            settings.take_file(&place.git.join("config.worktree"))?;
        } else if place.git != place.common {
            // The shared settings tell where the first worktree's files are.
            settings.tree = None;
        }
        settings.fits(place)?;
        Ok(settings)
    }

    /// The files must be where the repository says that they are: others would be compared.
    fn fits(&self, place: &GitPlace) -> Result<(), BadCheckout> {
        let why = match (&place.tree, &self.tree) {
            (Some(found), Some(told)) => {
                let told = place.git.join(told);
                let same = told.canonicalize().is_ok_and(|told| found.canonicalize().is_ok_and(|found| told == found));
                (!same).then(|| format!("core.worktree says that the files are in {}", told.display()))
            }
            (None, _) if !self.bare => Some("it is git's own directory, without the files".to_owned()),
            _ => None,
        };
        match why {
            Some(why) => Err(BadCheckout::Unsupported(format!("{}: {why}", place.git.display()))),
            None => Ok(()),
        }
    }

    fn take_file(&mut self, path: &Path) -> Result<(), BadCheckout> {
        let bytes = file::bytes(path, LARGEST)?.unwrap_or_default();
        self.take(&String::from_utf8_lossy(&bytes))
            .map_err(|why| BadCheckout::Unsupported(format!("{}: {why}", path.display())))
    }

    /// Later settings go before earlier ones.
    fn take(&mut self, text: &str) -> Result<(), String> {
        for (key, value) in pairs(text) {
            match (key.as_str(), value.as_str()) {
                ("extensions.objectformat", "sha1") => self.format = Format::Sha1,
                ("extensions.objectformat", "sha256") => self.format = Format::Sha256,
                // git refuses an extension that it does not know, too: it may change what every other file means.
                ("extensions.objectformat", other) => {
                    return Err(format!("objects are named by {other:?}, which is not read here"));
                }
                ("extensions.refstorage", "files") => {}
                ("extensions.refstorage", other) => {
                    return Err(format!("branches are stored as {other:?}, which is not read here"));
                }
                ("extensions.worktreeconfig", value) => self.own = truth(value),
                ("core.filemode", value) => self.file_mode = truth(value),
                ("core.symlinks", value) => self.symlinks = truth(value),
                ("core.bare", value) => self.bare = truth(value),
                ("core.worktree", value) => self.tree = Some(value.to_owned()),
                _ => {}
            }
        }
        Ok(())
    }
}

fn truth(value: &str) -> bool {
    !matches!(value.to_ascii_lowercase().as_str(), "false" | "no" | "off" | "0" | "")
}

/// `section.key` and value, of sections without a subsection; keys are in lower case. Included files are not read: git
/// does not look for these settings there either when it opens a repository.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix('[') {
            section = rest.split(']').next().unwrap_or_default().trim().to_ascii_lowercase();
            continue;
        }
        if line.starts_with(['#', ';']) || line.is_empty() {
            continue;
        }
        // A key alone is true.
        let (key, value) = line.split_once('=').unwrap_or((line, "true"));
        let value = value.split(['#', ';']).next().unwrap_or_default().trim().trim_matches('"');
        found.push((format!("{section}.{}", key.trim().to_ascii_lowercase()), value.to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_read() {
        let text = "[core]\n\trepositoryformatversion = 1\n\tFileMode = false ; no\n[extensions]\n\tobjectFormat=sha256\n\
                    [branch \"core.symlinks\"]\n\tremote = origin\n[CORE]\n\tsymlinks = \"no\"\n";
        let read = |text: &str| {
            let mut settings = GitConfig::default();
            settings.take(text).map(|()| settings)
        };
        let expected = GitConfig { format: Format::Sha256, file_mode: false, symlinks: false, ..GitConfig::default() };
        assert_eq!(read(text), Ok(expected));
        assert_eq!(read("[core]\n\tfilemode\n"), Ok(GitConfig::default()));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for text in ["[extensions]\nrefStorage = reftable", "[extensions]\nobjectformat = sha3"] {
            assert!(GitConfig::default().take(text).unwrap_err().contains("not read here"));
        }
    }
}
