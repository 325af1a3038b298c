//! The few settings of a repository that change how it is read. Decides which repositories cannot be read here.

use super::place::Place;
use super::{BadCheckout, Format};
use crate::files;

/// The largest settings file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// The settings that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) format: Format,
    /// Whether the file system keeps executable bits.
    pub(super) file_mode: bool,
    /// Whether it keeps symbolic links.
    pub(super) symlinks: bool,
}

impl Settings {
    pub(super) fn read(place: &Place) -> Result<Self, BadCheckout> {
        let path = place.common.join("config");
        let bytes = if path.exists() {
            files::read(&path, LARGEST).map_err(|e| BadCheckout::file(&path, e))?
        } else {
            Vec::new()
        };
        Self::parse(&String::from_utf8_lossy(&bytes))
            .map_err(|why| BadCheckout::Unsupported(format!("{}: {why}", path.display())))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut settings = Self { format: Format::Sha1, file_mode: true, symlinks: true };
        for (key, value) in pairs(text) {
            match (key.as_str(), value.as_str()) {
                ("extensions.objectformat", "sha1") => settings.format = Format::Sha1,
                ("extensions.objectformat", "sha256") => settings.format = Format::Sha256,
                ("extensions.objectformat", other) => {
                    return Err(format!("objects are named by {other:?}, which is not read here"));
                }
                ("extensions.refstorage", "files") => {}
                ("extensions.refstorage", other) => {
                    return Err(format!("branches are stored as {other:?}, which is not read here"));
                }
                ("core.filemode", value) => settings.file_mode = truth(value),
                ("core.symlinks", value) => settings.symlinks = truth(value),
                _ => {}
            }
        }
        Ok(settings)
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
        let expected = Settings { format: Format::Sha256, file_mode: false, symlinks: false };
        assert_eq!(Settings::parse(text), Ok(expected));
        let plain = Settings { format: Format::Sha1, file_mode: true, symlinks: true };
        assert_eq!(Settings::parse("[core]\n\tfilemode\n"), Ok(plain));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for text in ["[extensions]\nrefStorage = reftable", "[extensions]\nobjectformat = sha3"] {
            assert!(Settings::parse(text).unwrap_err().contains("not read here"));
        }
    }
}
