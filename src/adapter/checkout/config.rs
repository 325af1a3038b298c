//! The few settings that change how a checkout is read.
//!
//! Decides which files of settings hold, in git's order: the machine's, the user's, the repository's, those of one worktree,
//! the environment's; and which repositories cannot be read here. Depends on files.

use super::place::GitPlace;
use super::setting::{self, GitSetting};
use super::{BadCheckout, Format, file};
use crate::adapter::env::Environment;
use crate::adapter::files;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The largest settings file that is read, in bytes.
const LARGEST: u64 = 1 << 20;
/// How deep settings may include others; git's own limit.
const DEEPEST: usize = 10;

/// The settings that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GitConfig {
    /// What the repository is.
    pub(super) format: Format,
    /// Whether the file system keeps executable bits.
    pub(super) file_mode: bool,
    /// Whether it keeps symbolic links.
    pub(super) symlinks: bool,
    /// Whether files may be left out of the checkout.
    pub(super) sparse: bool,
    /// Whether a file that is left out and there all the same is not to be looked at.
    pub(super) expects_outside: bool,
    /// What counts in submodules: a name of one and `ignore`.
    pub(super) ignored: BTreeMap<String, String>,
    /// What counts in submodules of submodules where nothing is said of them: `diff.ignoreSubmodules`.
    pub(super) ignored_below: Option<String>,
    /// The repository's own settings name programs that convert files.
    pub(super) own_filters: bool,
    /// Whether it has no tree of files.
    bare: bool,
    /// The place of the tree of files by `core.worktree`, seen from git's own directory.
    tree: Option<String>,
}

impl Default for GitConfig {
    fn default() -> Self {
        Self {
            format: Format::Sha1,
            file_mode: true,
            symlinks: true,
            sparse: false,
            expects_outside: false,
            ignored: BTreeMap::new(),
            ignored_below: None,
            own_filters: false,
            bare: false,
            tree: None,
        }
    }
}

impl GitConfig {
    pub(super) fn read(place: &GitPlace, environment: &Environment) -> Result<Self, BadCheckout> {
        let shared = place.common.join("config");
        let own = place.git.join("config.worktree");
        let mut settings = Self::default();
        let layout = Layout::of(&load(&shared)?).map_err(|why| unsupported(&shared, why))?;
        settings.format = layout.format;
        let reading = SettingFiles { place, home: environment.variable("HOME").map(PathBuf::from) };
        for path in environment.git_settings() {
            // As git does: settings that this user may not read are none for it.
            if !files::open_regular(&path).is_err_and(|e| e.kind() == ErrorKind::PermissionDenied) {
                reading.take_file(&mut settings, &path, 0)?;
            }
        }
        // The programs and places that the repository itself names.
        (settings.own_filters, settings.bare, settings.tree) = (false, false, None);
        reading.take_file(&mut settings, &shared, 0)?;
        if layout.own {
            reading.take_file(&mut settings, &own, 0)?;
        } else if place.git != place.common {
            // The shared settings tell where the first worktree's files are.
            settings.tree = None;
        }
        let (filters, bare, tree) = (settings.own_filters, settings.bare, settings.tree.clone());
        for (name, value) in environment.git_pairs() {
            let setting = GitSetting::named(name, value).into_iter().collect::<Vec<_>>();
            settings.take(&setting).map_err(|why| BadCheckout::Unsupported(format!("GIT_CONFIG_COUNT: {why}")))?;
        }
        (settings.own_filters, settings.bare, settings.tree) = (filters, bare, tree);
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
        why.map_or(Ok(()), |why| Err(unsupported(&place.git, why)))
    }

    /// Later settings go before earlier ones.
    fn take(&mut self, settings: &[GitSetting]) -> Result<(), String> {
        for setting in settings {
            match (setting.section.as_str(), setting.key.as_str()) {
                ("core", "filemode") => self.file_mode = setting.truth()?,
                ("core", "symlinks") => self.symlinks = setting.truth()?,
                ("core", "sparsecheckout") => self.sparse = setting.truth()?,
                ("core", "bare") => self.bare = setting.truth()?,
                ("core", "worktree") => self.tree = Some(setting.text()?.to_owned()),
                ("sparse", "expectfilesoutsideofpatterns") => self.expects_outside = setting.truth()?,
                ("diff", "ignoresubmodules") => self.ignored_below = Some(setting.text()?.to_owned()),
                (section, "ignore") => {
                    if let Some(name) = section.strip_prefix("submodule.") {
                        self.ignored.insert(name.to_owned(), setting.text()?.to_owned());
                    }
                }
                (section, "clean" | "process") if section.starts_with("filter.") => self.own_filters = true,
                _ => {}
            }
        }
        Ok(())
    }
}

/// How the repository is stored. git takes this from the repository's own file alone, without what that includes.
struct Layout {
    format: Format,
    /// A worktree may have settings of its own.
    own: bool,
}

impl Layout {
    /// git refuses a version or an extension that it does not know: it may change what every other file means.
    fn of(settings: &[GitSetting]) -> Result<Self, String> {
        let (mut version, mut unknown, mut newer) = (None, None, None);
        let mut layout = Self { format: Format::Sha1, own: false };
        for setting in settings {
            let key = setting.key.as_str();
            match (setting.section.as_str(), key) {
                ("core", "repositoryformatversion") => {
                    let text = setting.text()?;
                    version = Some(text.parse::<u32>().map_err(|_| format!("the version {text:?} is not read here"))?);
                }
                ("extensions", "worktreeconfig") => layout.own = setting.truth()?,
                ("extensions", "noop" | "preciousobjects" | "partialclone") => {}
                ("extensions", "objectformat" | "refstorage" | "relativeworktrees" | "noop-v1") => {
                    newer = Some(key);
                    layout.take(key, setting)?;
                }
                ("extensions", _) => unknown = Some(key),
                _ => {}
            }
        }
        match (version, unknown, newer) {
            // Without a version git looks at none of them.
            (None, ..) => Ok(Self { format: Format::Sha1, ..layout }),
            (Some(0), _, Some(key)) => {
                Err(format!("extensions.{key} belongs to version 1, but the repository says 0, which git refuses"))
            }
            (Some(1), Some(key), _) => Err(format!("extensions.{key} is an extension that is not read here")),
            (Some(0 | 1), ..) => Ok(layout),
            (Some(version), ..) => Err(format!("the repository is of version {version}, which is not read here")),
        }
    }

    fn take(&mut self, key: &str, setting: &GitSetting) -> Result<(), String> {
        match (key, setting.text().unwrap_or_default()) {
            ("objectformat", "sha1") => self.format = Format::Sha1,
            ("objectformat", "sha256") => self.format = Format::Sha256,
            ("objectformat", other) => return Err(format!("objects are named by {other:?}, which is not read here")),
            ("refstorage", "files") => {}
            ("refstorage", other) => return Err(format!("branches are stored as {other:?}, which is not read here")),
            _ => {}
        }
        Ok(())
    }
}

fn unsupported(path: &Path, why: impl std::fmt::Display) -> BadCheckout {
    BadCheckout::Unsupported(format!("{}: {why}", path.display()))
}

/// The settings of one file.
pub(super) fn load(path: &Path) -> Result<Vec<GitSetting>, BadCheckout> {
    let bytes = file::bytes(path, LARGEST)?.unwrap_or_default();
    setting::parse(&bytes).map_err(|line| unsupported(path, format!("line {line} is no setting of git's")))
}

/// Reads files of settings and what they include.
struct SettingFiles<'a> {
    place: &'a GitPlace,
    home: Option<PathBuf>,
}

impl SettingFiles<'_> {
    fn take_file(&self, settings: &mut GitConfig, path: &Path, depth: usize) -> Result<(), BadCheckout> {
        if depth > DEEPEST {
            return Err(unsupported(path, "settings include others without an end"));
        }
        for setting in load(path)? {
            let conditional = setting.section.starts_with("includeif.");
            if setting.key != "path" || !(conditional || setting.section == "include") {
                settings.take(&[setting]).map_err(|why| unsupported(path, why))?;
                continue;
            }
            let named = setting.text().map_err(|why| unsupported(path, why))?;
            let included = self.included(path, named).map_err(|why| unsupported(path, why))?;
            let mut with = settings.clone();
            self.take_file(&mut with, &included, depth + 1)?;
            // Where the files are is taken from the repository's own file alone.
            (with.bare, with.tree) = (settings.bare, settings.tree.clone());
            if !conditional {
                *settings = with;
                continue;
            }
            // Conditions are not read, so they may not matter. Programs count as named, because that only keeps git unasked.
            settings.own_filters = with.own_filters;
            if with != *settings {
                let why = format!("whether {} holds here ({}) cannot be told", included.display(), setting.section);
                return Err(unsupported(path, why));
            }
        }
        Ok(())
    }

    /// The file that is meant: seen from the one that includes it, or from the user's home.
    fn included(&self, from: &Path, named: &str) -> Result<PathBuf, String> {
        if let Some(below) = named.strip_prefix("~/") {
            let home = self.home.as_ref().ok_or_else(|| format!("it includes {named}, and HOME is not set"))?;
            return Ok(home.join(below));
        }
        if named.starts_with(['~', '%']) {
            return Err(format!("it includes {named}, whose place cannot be told"));
        }
        Ok(from.parent().unwrap_or(&self.place.git).join(named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(text: &str) -> Result<(Format, bool), String> {
        Layout::of(&setting::parse(text.as_bytes()).unwrap()).map(|layout| (layout.format, layout.own))
    }

    #[test]
    fn what_matters_is_read() {
        let text = "[core]\n\tFileMode = false ; no\n[branch \"core.symlinks\"]\n\tremote = origin\n[CORE] symlinks = \"no\"\n\
                    [submodule \"A.b\"]\nignore = all\n[filter \"x\"]\nclean = cat\n";
        let mut settings = GitConfig::default();
        settings.take(&setting::parse(text.as_bytes()).unwrap()).unwrap();
        let ignored = BTreeMap::from([("A.b".to_owned(), "all".to_owned())]);
        let expected =
            GitConfig { file_mode: false, symlinks: false, own_filters: true, ignored, ..GitConfig::default() };
        assert_eq!(settings, expected);
    }

    #[test]
    fn the_form_of_a_repository() {
        let version = "[core]\nrepositoryformatversion = 1\n";
        let sha256 = "[extensions]\nobjectFormat=sha256\nworktreeConfig\n";
        assert_eq!(layout(&format!("{version}{sha256}")), Ok((Format::Sha256, true)));
        assert_eq!(layout(sha256), Ok((Format::Sha1, true)), "git looks at no extension where no version is said");
        for text in
            ["[extensions]\nrefStorage = reftable", "[extensions]\nobjectformat = sha3", "[extensions]\nnew = 1"]
        {
            assert!(layout(&format!("{version}{text}")).unwrap_err().contains("not read here"));
        }
    }
}
