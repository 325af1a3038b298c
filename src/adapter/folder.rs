//! Writing files into a folder: all of them or none, each whole or not at all.
//!
//! Decides that a file whose bytes stand there already is not touched, and that only regular files are replaced. Depends on
//! `std`.

use crate::adapter::files;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How many names a file that waits for its own one may find taken, by others that write now or that were killed.
const TRIES: usize = 100;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// It was not there.
    New,
    /// It had other bytes.
    Changed,
    /// It was there as it is, and was not touched.
    Same,
}

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be written: {why}{after}")]
pub(crate) struct BadFolder {
    path: String,
    why: io::Error,
    after: &'static str,
}

/// Writes files by name, the folder itself if it is not there; one answer for each. Where one cannot be written, none is.
pub(crate) fn put_all(folder: &Path, files: &[(String, String)]) -> Result<Vec<Put>, BadFolder> {
    let nothing = "; nothing was written";
    fs::create_dir_all(folder).map_err(bad(folder, nothing))?;
    let mut puts = Vec::new();
    let mut pending = Pending::default();
    for (name, text) in files {
        let path = folder.join(name);
        let put = compare(&path, text).map_err(bad(&path, nothing))?;
        puts.push(put);
        if put != Put::Same {
            pending.add(folder, name, text).map_err(bad(&path, nothing))?;
        }
    }
    // Everything is on the disk now: what can still fail is a name alone.
    pending.files.reverse();
    while let Some((from, to)) = pending.files.last() {
        fs::rename(from, to).map_err(bad(to, "; files before it, by their names, are written"))?;
        pending.files.pop();
    }
    Ok(puts)
}

fn bad<'a>(path: &'a Path, after: &'static str) -> impl FnOnce(io::Error) -> BadFolder + use<'a> {
    move |why| BadFolder { path: path.display().to_string(), why, after }
}

fn compare(path: &Path, text: &str) -> io::Result<Put> {
    let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Put::New),
        Err(error) => Err(error),
        // A link may lead out of the folder, and a file in its place would cut it.
        Ok(metadata) if !metadata.is_file() => {
            Err(io::Error::other("something stands there that is not a regular file"))
        }
        Ok(metadata) if metadata.len() != length => Ok(Put::Changed),
        Ok(_) if files::read(path, length)? == text.as_bytes() => Ok(Put::Same),
        Ok(_) => Ok(Put::Changed),
    }
}

/// Files under other names, which are gone unless they got their own.
#[derive(Default)]
struct Pending {
    files: Vec<(PathBuf, PathBuf)>,
}

impl Pending {
    fn add(&mut self, folder: &Path, name: &str, text: &str) -> io::Result<()> {
        let mut n = 0;
        let (mut file, from) = loop {
            n += 1;
            let from = folder.join(format!(".{name}.{n}"));
            match OpenOptions::new().write(true).create_new(true).open(&from) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && n < TRIES => {}
                opened => break (opened?, from),
            }
        };
        self.files.push((from, folder.join(name)));
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        for (from, _) in &self.files {
            // What cannot be removed has no name that anybody applies.
            let _ = fs::remove_file(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("andante-folder-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    fn files(texts: &[(&str, &str)]) -> Vec<(String, String)> {
        texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn only_what_differs_is_written() {
        let folder = folder("differs").join("deep");
        let two = files(&[("a.yaml", "a"), ("b.yaml", "b")]);
        assert_eq!(put_all(&folder, &two).unwrap(), [Put::New, Put::New]);
        let written = fs::metadata(folder.join("a.yaml")).unwrap().modified().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert_eq!(put_all(&folder, &files(&[("a.yaml", "a"), ("b.yaml", "c")])).unwrap(), [Put::Same, Put::Changed]);
        assert_eq!(fs::metadata(folder.join("a.yaml")).unwrap().modified().unwrap(), written);
        assert_eq!(files::read_text(&folder.join("b.yaml"), 10).unwrap(), "c");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "nothing else stands there");
        fs::remove_dir_all(folder.parent().unwrap()).unwrap();
    }

    #[test]
    fn where_one_cannot_be_written_none_is() {
        let folder = folder("none");
        fs::create_dir_all(folder.join("b.yaml")).unwrap();
        let error = put_all(&folder, &files(&[("a.yaml", "a"), ("b.yaml", "b")])).unwrap_err().to_string();
        assert!(error.ends_with("something stands there that is not a regular file; nothing was written"), "{error}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::write(folder.join("file"), "").unwrap();
        let error = put_all(&folder.join("file"), &files(&[("a.yaml", "a")])).unwrap_err().to_string();
        assert!(error.contains("/file cannot be written: "), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
