//! Results of a Tekton step: one small file each.
//!
//! Decides what is written when: every declared result at the beginning with a neutral value, because a task that reads a
//! result which does not exist is skipped, `finally` tasks too; the values at the end; and never so much that the whole set
//! does not fit into the message in which Tekton carries it. Depends on `std` and `serde_json`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Where Tekton looks for a Task's results.
pub const DIRECTORY: &str = "/tekton/results";
/// All results of a step together, as Tekton encodes them. Kubernetes carries 4 KiB for a container and 12 KiB for a
/// pod, and every later step reports the Task's results again.
// Tekton fails a step whose message is longer than 4096 bytes. A pod's 12 KiB are shared by all its containers (3 KiB each
// with two steps and Tekton's own two), and a message that is cut there cannot be parsed: tektoncd/pipeline#4808.
pub const LIMIT: usize = 1024;
/// The same for a Task of one step whose results no other step reports again.
pub const ONE_STEP: usize = 3072;

/// The directory of results: the one that is named, that of the result whose path is named, or Tekton's own.
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
    #[error("the result {name} has {size} bytes too many for the {limit} that all results share")]
    TooLarge {
        /// Its name.
        name: String,
        /// By how much.
        size: usize,
        /// How many there are for all.
        limit: usize,
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
    limit: usize,
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
        let mut results = Self { directory: directory.to_owned(), limit: LIMIT, written };
        for (name, neutral) in declared {
            results.set(name, neutral)?;
        }
        Ok(Some(results))
    }

    /// The same with another room for all of them.
    #[must_use]
    pub fn with_room(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// Writes one value, without a newline, because Tekton takes the file byte for byte. A value that does not fit is not
    /// written, and the value from before stays.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), BadResult> {
        self.set_all(&[(name, value)])
    }

    /// Writes several values that belong together: all of them, or none if one does not fit.
    pub fn set_all(&mut self, values: &[(&str, &str)]) -> Result<(), BadResult> {
        let (after, size) = self.with(values)?;
        if size > 0 {
            let longest = values.iter().max_by_key(|(_, value)| value.len()).map_or("", |(name, _)| name);
            return Err(BadResult::TooLarge { name: longest.to_owned(), size, limit: self.limit });
        }
        for (name, value) in values {
            std::fs::write(self.directory.join(name), value)
                .map_err(|error| BadResult::Io { name: (*name).to_owned(), error })?;
        }
        self.written = after;
        Ok(())
    }

    /// Writes a text for people, shortened (with `...`) as far as the set demands.
    pub fn set_text(&mut self, name: &str, text: &str) -> Result<(), BadResult> {
        let mut short = text.to_owned();
        loop {
            let (_, excess) = self.with(&[(name, &short)])?;
            if excess == 0 || short.is_empty() {
                return self.set(name, &short);
            }
            let mut kept: Vec<char> = short.trim_end_matches("...").chars().collect();
            // A character takes at most six bytes in JSON (`\u001b`), so a sixth of the excess is never too much to cut;
            // the next turn of the loop cuts again where it was too little.
            kept.truncate(kept.len().saturating_sub(excess.div_ceil(6).max(4)));
            short = if kept.is_empty() { String::new() } else { kept.into_iter().chain("...".chars()).collect() };
        }
    }

    /// The set with these values, and by how many bytes it would be too large.
    fn with(&self, values: &[(&str, &str)]) -> Result<(BTreeMap<String, String>, usize), BadResult> {
        let mut after = self.written.clone();
        for (name, value) in values {
            let known = after.get_mut(*name).ok_or_else(|| BadResult::Undeclared((*name).to_owned()))?;
            (*value).clone_into(known);
        }
        let size: usize = after.iter().map(|(name, value)| encoded(name, value)).sum();
        Ok((after, size.saturating_sub(self.limit)))
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
