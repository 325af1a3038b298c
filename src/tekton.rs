//! Results of a Tekton step: one small file each.
//!
//! Decides what is written when: every declared result at the beginning with a neutral value (a task that reads a
//! result which does not exist is skipped, `finally` tasks too), the values at the end, and never so much that the
//! whole set does not fit into the message in which Tekton carries it. Depends on `std` and `serde_json`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Where Tekton looks for a Task's results.
pub const DIRECTORY: &str = "/tekton/results";
/// All results of a step together, as Tekton encodes them. Kubernetes carries 4 KiB for a container and 12 KiB for a
/// pod, and every later step reports the Task's results again.
pub const LIMIT: usize = 1024;

/// Where results go: the directory that is named, that of the result whose path is named, or Tekton's own.
pub fn directory(named: Option<&Path>, declared: &[(&str, &str)]) -> PathBuf {
    let Some(named) = named else { return PathBuf::from(DIRECTORY) };
    let is_result = |name: &str| declared.iter().any(|(declared, _)| *declared == name);
    match named.file_name().and_then(|name| name.to_str()) {
        Some(name) if is_result(name) && !named.is_dir() => named.parent().unwrap_or(named).to_owned(),
        _ => named.to_owned(),
    }
}

/// A result that was not written.
#[derive(Debug, thiserror::Error)]
pub enum BadResult {
    /// The Task does not declare it.
    #[error("the result {0} is not declared")]
    Undeclared(String),
    /// It would burst the set.
    #[error("the result {name} has {size} bytes too many for the {LIMIT} that all results share")]
    TooLarge {
        /// Its name.
        name: String,
        /// By how much.
        size: usize,
    },
    /// The file cannot be written.
    #[error("the result {name} cannot be written: {error}")]
    Io {
        /// Its name.
        name: String,
        /// Why.
        error: io::Error,
    },
}

/// The declared results and what was written so far.
#[derive(Debug)]
pub struct Results {
    directory: PathBuf,
    written: BTreeMap<String, String>,
}

impl Results {
    /// Writes every declared result with its neutral value. `None` where the directory does not exist: this is not a
    /// step.
    pub fn begin(directory: &Path, declared: &[(&str, &str)]) -> Result<Option<Self>, BadResult> {
        if !directory.is_dir() {
            return Ok(None);
        }
        // Declared names are known before the first is checked, so that the set is judged as a whole.
        let written = declared.iter().map(|(name, _)| ((*name).to_owned(), String::new())).collect();
        let mut results = Self { directory: directory.to_owned(), written };
        for (name, neutral) in declared {
            results.set(name, neutral)?;
        }
        Ok(Some(results))
    }

    /// Writes one value, without a newline. What does not fit is not written, and the value from before stays.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), BadResult> {
        let excess = self.excess(name, value)?;
        if excess > 0 {
            return Err(BadResult::TooLarge { name: name.to_owned(), size: excess });
        }
        std::fs::write(self.directory.join(name), value)
            .map_err(|error| BadResult::Io { name: name.to_owned(), error })?;
        self.written.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// Writes a text for people, shortened (with `...`) as far as the set demands.
    pub fn set_text(&mut self, name: &str, text: &str) -> Result<(), BadResult> {
        let mut short = text.to_owned();
        while self.excess(name, &short)? > 0 && !short.is_empty() {
            let mut kept: Vec<char> = short.trim_end_matches("...").chars().collect();
            kept.truncate(kept.len().saturating_sub(self.excess(name, &short)?.div_ceil(6).max(4)));
            short = if kept.is_empty() { String::new() } else { kept.into_iter().chain("...".chars()).collect() };
        }
        self.set(name, &short)
    }

    /// By how many bytes the set would be too large with this value.
    fn excess(&self, name: &str, value: &str) -> Result<usize, BadResult> {
        if !self.written.contains_key(name) {
            return Err(BadResult::Undeclared(name.to_owned()));
        }
        let others = self.written.iter().filter(|(n, _)| *n != name).map(|(n, v)| encoded(n, v));
        Ok((others.sum::<usize>() + encoded(name, value)).saturating_sub(LIMIT))
    }
}

/// The size of one result in Tekton's message: `{"key":"...","value":"...","type":1},`.
fn encoded(name: &str, value: &str) -> usize {
    serde_json::json!({"key": name, "value": value, "type": 1}).to_string().len() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_results_path_names_its_directory() {
        let declared = [("message", "")];
        let of = |named: Option<&str>| directory(named.map(Path::new), &declared);
        assert_eq!(of(None), Path::new(DIRECTORY));
        assert_eq!(of(Some("/tekton/steps/step-walk/results/message")), Path::new("/tekton/steps/step-walk/results"));
        assert_eq!(of(Some("/tmp/here")), Path::new("/tmp/here"));
    }

    #[test]
    fn the_size_is_that_of_tektons_encoding() {
        assert_eq!(encoded("a", "b\n"), r#"{"key":"a","type":1,"value":"b\n"},"#.len());
    }
}
