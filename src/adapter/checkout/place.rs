//! Where a checkout's parts are.
//!
//! Decides as git does: the nearest `.git` upwards, a directory or a file that names one (worktrees, submodules); the parts
//! that all worktrees share are in `commondir`. Depends on files.

use super::BadCheckout;
use super::file::{is_directory, known, look, text};
use std::path::{Path, PathBuf};

/// The parts of a checkout.
#[derive(Debug)]
pub(super) struct GitPlace {
    /// The tree of files; `None` for a bare repository.
    pub(super) tree: Option<PathBuf>,
    /// HEAD and the index.
    pub(super) git: PathBuf,
    /// Branches, objects and settings.
    pub(super) common: PathBuf,
}

impl GitPlace {
    pub(super) fn find(directory: &Path) -> Result<Self, BadCheckout> {
        // Links are resolved first: "upwards" is where the directory really lies.
        let start = directory.canonicalize().map_err(|e| BadCheckout::file(directory, e))?;
        for tree in start.ancestors() {
            if let Some(place) = Self::of_tree(tree)? {
                return Ok(place);
            }
            if is_git_directory(tree)? {
                return Self::with_common(None, tree.to_owned());
            }
        }
        Err(BadCheckout::None(directory.to_owned()))
    }

    /// The checkout whose tree is exactly this directory.
    pub(super) fn of_tree(tree: &Path) -> Result<Option<Self>, BadCheckout> {
        let git = tree.join(".git");
        let Some(metadata) = look(&git)? else { return Ok(None) };
        if metadata.is_dir() {
            let found = is_git_directory(&git)?;
            return found.then(|| Self::with_common(Some(tree.to_owned()), git)).transpose();
        }
        let content = text(&git)?.unwrap_or_default();
        let named = content.strip_prefix("gitdir:").map(str::trim).filter(|p| !p.is_empty());
        let named = named.ok_or_else(|| BadCheckout::file(&git, "it is not of the form `gitdir: PATH`"))?;
        let named = tree.join(named);
        if !is_git_directory(&named)? {
            let why = format!(
                "it names {}, which is no git directory: a worktree and a submodule need the repository that they \
                 belong to at the same path",
                named.display()
            );
            return Err(BadCheckout::file(&git, why));
        }
        Self::with_common(Some(tree.to_owned()), named).map(Some)
    }

    fn with_common(tree: Option<PathBuf>, git: PathBuf) -> Result<Self, BadCheckout> {
        let named = text(&git.join("commondir"))?;
        let common = named.map_or_else(|| git.clone(), |path| git.join(path.trim()));
        Ok(Self { tree, git, common })
    }
}

/// As git tells one: a head, which may be a link to a branch that has no commit yet, and either objects and refs or the
/// way to those that are shared.
fn is_git_directory(path: &Path) -> Result<bool, BadCheckout> {
    let head = path.join("HEAD");
    Ok(known(&head, head.symlink_metadata())?.is_some()
        && (look(&path.join("commondir"))?.is_some()
            || (is_directory(&path.join("objects"))? && is_directory(&path.join("refs"))?)))
}
