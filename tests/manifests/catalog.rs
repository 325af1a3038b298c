//! What is in the catalog: every file, parsed, and the small questions that all rules ask of it.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One object of one file.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) object: Value,
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The folders in a folder, by name.
pub(crate) fn folders(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let entries = entries.map(Result::unwrap).filter(|e| e.file_type().unwrap().is_dir());
    let mut names: Vec<String> = entries.map(|e| e.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The objects of a file.
pub(crate) fn objects(path: &Path) -> Vec<Item> {
    let whole = read(path);
    let parts = whole.split("\n---\n").filter(|part| !part.trim().is_empty());
    parts
        .map(|text| {
            let object = serde_saphyr::from_str(text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            Item { path: path.to_owned(), text: text.to_owned(), object }
        })
        .collect()
}

/// Every package of a kind: `tasks/NAME/NAME.yaml`.
pub(crate) fn packages(kind: &str) -> Vec<Item> {
    let base = root().join(kind);
    let found =
        folders(&base).into_iter().map(|name| objects(&base.join(&name).join(format!("{name}.yaml"))).remove(0));
    found.collect()
}

pub(crate) fn tasks() -> Vec<Item> {
    packages("tasks")
}

pub(crate) fn pipelines() -> Vec<Item> {
    packages("pipelines")
}

pub(crate) fn step_actions() -> Vec<Item> {
    packages("stepactions")
}

/// Every YAML file of a package's subfolder, all their objects.
pub(crate) fn extras(package: &Item, folder: &str) -> Vec<Item> {
    let folder = package.path.parent().unwrap().join(folder);
    let Ok(entries) = fs::read_dir(&folder) else { return vec![] };
    let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths.iter().flat_map(|path| objects(path)).collect()
}

impl Item {
    pub(crate) fn name(&self) -> &str {
        self.object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_else(|| panic!("{self}: no name"))
    }

    pub(crate) fn kind(&self) -> &str {
        self.object["kind"].as_str().unwrap()
    }

    pub(crate) fn spec(&self) -> &Value {
        &self.object["spec"]
    }
}

impl std::fmt::Display for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.strip_prefix(root()).unwrap_or(&self.path).display())
    }
}

/// A list, empty if it is not there.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// The names in a list of `{name: ...}`.
pub(crate) fn names(value: &Value, key: &str) -> BTreeSet<String> {
    list(value, key).iter().map(|v| v["name"].as_str().unwrap().to_owned()).collect()
}

/// Every text in a value, at any depth.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => vec![],
    }
}

/// The names that `$(PREFIX.NAME...)` refers to in these texts.
pub(crate) fn referred(texts: &[&str], prefix: &str) -> BTreeSet<String> {
    let begin = format!("$({prefix}.");
    let mut found = BTreeSet::new();
    for text in texts {
        for rest in text.split(&begin).skip(1) {
            let name = rest.split([')', '[', '.']).next().unwrap();
            found.insert(name.to_owned());
        }
    }
    found
}
