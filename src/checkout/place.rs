//! Where a checkout's parts are. Decides as git does: the nearest `.git` upwards, a directory or a file that names one
//! (worktrees, submodules); what all worktrees share is in `commondir`.

use super::BadCheckout;
use crate::files;
use std::path::{Path, PathBuf};

/// The parts of a checkout.
#[derive(Debug)]
pub(super) struct Place {
    /// The tree of files; `None` for a bare repository.
    pub(super) tree: Option<PathBuf>,
    /// HEAD and the index.
    pub(super) git: PathBuf,
    /// Branches, objects and settings.
    pub(super) common: PathBuf,
}

/// The longest of the small files: a path and a few words.
const SMALL: u64 = 16 * 1024;

impl Place {
    pub(super) fn find(directory: &Path) -> Result<Self, BadCheckout> {
        let start = directory.canonicalize().map_err(|e| BadCheckout::file(directory, e))?;
        for tree in start.ancestors() {
            if let Some(place) = Self::of_tree(tree)? {
                return Ok(place);
            }
            if is_git_directory(tree) {
                return Self::with_common(None, tree.to_owned());
            }
        }
        Err(BadCheckout::None(directory.to_owned()))
    }

    /// The checkout whose tree is exactly this directory.
    pub(super) fn of_tree(tree: &Path) -> Result<Option<Self>, BadCheckout> {
        let git = tree.join(".git");
        if git.is_file() {
            let text = small(&git)?;
            let named = text.strip_prefix("gitdir:").map(str::trim).filter(|p| !p.is_empty());
            let named = named.ok_or_else(|| BadCheckout::file(&git, "it is not of the form `gitdir: PATH`"))?;
            let named = tree.join(named);
            if !is_git_directory(&named) {
                let why = format!(
                    "it names {}, which is no git directory: a worktree and a submodule need the repository that they \
                     belong to at the same path",
                    named.display()
                );
                return Err(BadCheckout::file(&git, why));
            }
            return Self::with_common(Some(tree.to_owned()), named).map(Some);
        }
        if is_git_directory(&git) {
            return Self::with_common(Some(tree.to_owned()), git).map(Some);
        }
        Ok(None)
    }

    fn with_common(tree: Option<PathBuf>, git: PathBuf) -> Result<Self, BadCheckout> {
        let file = git.join("commondir");
        let common = if file.exists() { git.join(small(&file)?.trim()) } else { git.clone() };
        Ok(Self { tree, git, common })
    }
}

/// As git tells one: a head, and either objects and refs or the way to those that are shared.
fn is_git_directory(path: &Path) -> bool {
    path.join("HEAD").exists()
        && (path.join("commondir").is_file() || (path.join("objects").is_dir() && path.join("refs").is_dir()))
}

/// A small text file of git's.
pub(super) fn small(path: &Path) -> Result<String, BadCheckout> {
    files::read_text(path, SMALL).map_err(|e| BadCheckout::file(path, e))
}
