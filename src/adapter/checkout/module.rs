//! Submodules: checkouts within the checkout.
//!
//! Decides what of them counts, as git does: another commit, and their own changes, unless settings say that less counts.
//! Depends on files.

use super::index::IndexEntry;
use super::place::GitPlace;
use super::setting::GitSetting;
use super::{BadCheckout, Checkout, config, file};
use crate::adapter::files;
use std::collections::BTreeMap;
use std::path::Path;

/// How deep submodules may lie in each other.
const DEEPEST: usize = 10;

/// What can be said of a submodule from outside.
pub(super) enum ModuleState {
    Same,
    Other,
    /// It is at the commit, and its own changes count.
    Inner(Box<Checkout>),
}

/// What is said of a checkout's submodules.
pub(super) struct Modules<'a> {
    checkout: &'a Checkout,
    /// In how many others it lies itself.
    pub(super) depth: usize,
    /// Their names, by path, and what `.gitmodules` says of each.
    told: BTreeMap<Vec<u8>, (String, Option<String>)>,
}

impl<'a> Modules<'a> {
    pub(super) fn read(checkout: &'a Checkout, top: &Path, depth: usize) -> Result<Self, BadCheckout> {
        let settings = config::load(&top.join(".gitmodules"))?;
        let values = |key: &'static str| {
            let of_module = |s: &GitSetting| Some((s.section.strip_prefix("submodule.")?.to_owned(), s.value.clone()?));
            settings.iter().filter(move |s| s.key == key).filter_map(of_module)
        };
        let ignored: BTreeMap<String, String> = values("ignore").collect();
        let told = values("path").map(|(name, path)| (path.into_bytes(), (name.clone(), ignored.get(&name).cloned())));
        Ok(Self { checkout, depth, told: told.collect() })
    }

    /// What is not to count: the user's own word goes before that of the files.
    fn ignored(&self, path: &[u8]) -> Option<&str> {
        let settings = &self.checkout.settings;
        let told = self.told.get(path);
        let own = told.and_then(|(name, in_files)| settings.ignored.get(name).or(in_files.as_ref()));
        // git compares a submodule's own ones by its `git status`, which knows of a setting for all.
        own.or(settings.ignored_below.as_ref().filter(|_| self.depth > 0)).map(String::as_str)
    }

    /// True if nothing of the submodule counts.
    pub(super) fn is_ignored(&self, path: &[u8]) -> bool {
        self.ignored(path) == Some("all")
    }

    /// What can be said of a submodule: it is as committed if it is not checked out, or is at the commit and has no changes of
    /// its own.
    pub(super) fn state(&self, entry: &IndexEntry<'_>, directory: &Path) -> Result<ModuleState, BadCheckout> {
        if self.depth >= DEEPEST {
            return Err(BadCheckout::file(directory, "submodules lie too deep in each other"));
        }
        let Some(place) = GitPlace::of_tree(directory)? else { return Ok(ModuleState::Same) };
        let unsupported = |why: &str| Err(BadCheckout::Unsupported(format!("{}: {why}", directory.display())));
        let commit_alone = match self.ignored(&entry.path) {
            None | Some("untracked") => false,
            Some("dirty") => true,
            Some("none") => return unsupported("its files that are not tracked count too, which are not read here"),
            Some(_) => return unsupported("what is ignored in it is none of git's words"),
        };
        let index = place.git.join("index");
        let inner = match Checkout::at(place, &self.checkout.environment) {
            // git compares no commit then; only what is staged counts.
            Err(BadCheckout::Unborn(_)) if commit_alone || file::look(&index)?.is_none() => {
                return Ok(ModuleState::Same);
            }
            Err(BadCheckout::Unborn(_)) => {
                return unsupported("its branch has no commit yet, and something may be staged");
            }
            inner => inner?,
        };
        Ok(match inner.commit.as_str() == files::hex(entry.name) {
            false => ModuleState::Other,
            true if commit_alone => ModuleState::Same,
            true => ModuleState::Inner(Box::new(inner)),
        })
    }
}
