//! A checkout of git's, read without git: which commit and branch it is at, and whether its tracked files are that
//! commit's.
//!
//! Decides what counts as changed, by the rule of `git describe --dirty`: tracked files that differ from the commit,
//! staged or not; files that are not tracked do not count. Where git converts a file when it checks it out (line ends,
//! names in it, LFS) its content is converted back; what only a program of the user's can convert back is asked of git,
//! where there is one, and else cannot be told. No program that the checkout itself names is executed, because it may be a
//! stranger's pull request, and its files are read up to limits. Every verdict is compared with git's own by
//! `tests/checkout`. Depends on files and the environment.

mod ask;
mod changes;
mod config;
mod content;
mod convert;
mod delta;
mod file;
mod index;
mod module;
mod object;
mod place;
mod refs;
mod setting;
mod tree;

pub use changes::Changes;

use crate::adapter::env::Environment;
use crate::image::commit::Commit;
use std::path::{Path, PathBuf};

/// A checkout that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BadCheckout {
    /// There is none.
    #[error("{} is not in a git checkout: neither it nor a directory above it has a .git", .0.display())]
    None(PathBuf),
    /// One of git's files cannot be read.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The branch has no commit.
    #[error("the branch {0} has no commit yet")]
    Unborn(String),
    /// A form that is not read here.
    #[error("{0}: give --commit HASH (and --branch NAME) instead of --source")]
    Unsupported(String),
}

impl BadCheckout {
    fn file(path: &Path, why: impl std::fmt::Display) -> Self {
        Self::File { path: path.to_owned(), why: why.to_string() }
    }
}

/// How a repository names its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Sha1,
    Sha256,
}

impl Format {
    /// Bytes of a name.
    fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    fn algorithm(self) -> &'static ring::digest::Algorithm {
        match self {
            // git's choice, not ours.
            Self::Sha1 => &ring::digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &ring::digest::SHA256,
        }
    }

    /// Begins the name of an object of this kind and size; its content follows.
    fn begin(self, kind: &str, size: u64) -> ring::digest::Context {
        let mut context = ring::digest::Context::new(self.algorithm());
        context.update(format!("{kind} {size}\0").as_bytes());
        context
    }

    /// The name of a whole object.
    fn name(self, kind: &str, content: &[u8]) -> Vec<u8> {
        let mut context = self.begin(kind, u64::try_from(content.len()).unwrap_or(u64::MAX));
        context.update(content);
        context.finish().as_ref().to_vec()
    }
}

/// A checkout: where it is and what its head says.
#[derive(Debug)]
pub struct Checkout {
    place: place::GitPlace,
    settings: config::GitConfig,
    commit: Commit,
    branch: Option<String>,
    environment: Environment,
}

impl Checkout {
    /// Finds the checkout that `directory` is in and reads its head, with the settings of the user in this environment.
    pub fn find(directory: &Path, environment: &Environment) -> Result<Self, BadCheckout> {
        Self::at(place::GitPlace::find(directory)?, environment)
    }

    fn at(place: place::GitPlace, environment: &Environment) -> Result<Self, BadCheckout> {
        let settings = config::GitConfig::read(&place, environment)?;
        let head = refs::head(&place)?;
        // A hash of the other kind would be looked for in vain, and the file that is damaged would not be named.
        if head.commit.as_str().len() != settings.format.length() * 2 {
            return Err(BadCheckout::file(&place.git.join("HEAD"), "its hash is of another kind than the repository"));
        }
        Ok(Self { place, settings, commit: head.commit, branch: head.branch, environment: environment.clone() })
    }

    /// The commit.
    pub fn commit(&self) -> &Commit {
        &self.commit
    }

    /// The branch; `None` where the head is detached, as most pipelines leave it.
    pub fn branch(&self) -> Option<&str> {
        self.branch.as_deref()
    }

    /// What differs from the commit.
    pub fn changes(&self) -> Result<Changes, BadCheckout> {
        changes::find(self, 0)
    }
}
