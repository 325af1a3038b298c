//! ARCHITECTURE.md and CONTRIBUTING.md are maps: every file that they name is there, and every type of the glossary.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// What stands in backticks in a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Names a file or a folder: it has an ending of ours, or a slash. What is made by a build is not there, and
/// `NAME` and `mod.rs` stand for any.
fn names_a_place(word: &str) -> bool {
    let path = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    let ends = [".rs", ".yaml", ".md", ".json", ".toml"].iter().any(|end| word.ends_with(end));
    let apart = ["andante.dev/", "target/"].iter().any(|begin| word.starts_with(begin)) || word.contains("NAME");
    let apart = apart || word == "mod.rs";
    path && !apart && (ends || word.contains('/')) && !word.starts_with('/')
}

/// The places that a line names and that are not there. A name may go on from one that the line named before: from what lies beside it,
/// and from what lies in it.
fn astray(line: &str) -> Vec<String> {
    let mut from = BTreeSet::from([root(), root().join("src")]);
    let mut found = Vec::new();
    for word in quoted(line).filter(|word| names_a_place(word)) {
        let here: Vec<PathBuf> = from.iter().map(|from| from.join(word)).filter(|path| path.exists()).collect();
        if here.is_empty() {
            found.push(word.to_owned());
        }
        for path in here {
            from.extend(path.parent().map(Path::to_path_buf));
            from.insert(path.with_extension(""));
        }
    }
    found
}

#[test]
fn every_place_on_the_maps_is_there() {
    let wrong: Vec<String> = ["ARCHITECTURE.md", "CONTRIBUTING.md"]
        .iter()
        .flat_map(|name| {
            let text = read(name);
            let astray: Vec<String> = text.lines().flat_map(astray).collect();
            astray.into_iter().map(move |place| format!("{name}: {place}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All of `src`, as one text.
fn source() -> String {
    fn of(folder: &Path, text: &mut String) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                of(&entry, text);
            } else {
                text.push_str(&fs::read_to_string(entry).unwrap());
            }
        }
    }
    let mut text = String::new();
    of(&root().join("src"), &mut text);
    text
}

/// True if the source defines this type, or has this module, field or function.
pub(crate) fn is_known(name: &str, source: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let after = |before: &str| {
        let wanted = format!("{before}{name}");
        source.match_indices(&wanted).any(|(at, _)| ends(&source[at + wanted.len()..]))
    };
    // Types of names are made by a macro, whose calls begin with the name.
    let keywords = ["struct ", "enum ", "trait ", "type ", "fn ", "mod ", "const ", "pub "];
    keywords.iter().any(|word| after(word)) || source.contains(&format!("    {name}, \""))
}

#[test]
fn every_type_of_the_glossary_is_there() {
    let text = read("ARCHITECTURE.md");
    let (_, words) = text.split_once("| word | meaning | type |\n").expect("the glossary");
    let rows: Vec<&str> = words.lines().skip(1).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 30, "only {} words", rows.len());
    let source = source();
    let types = rows.iter().flat_map(|row| quoted(row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default()));
    let unknown: Vec<&str> = types.filter(|name| !name.split("::").all(|part| is_known(part, &source))).collect();
    assert!(unknown.is_empty(), "no type of src: {unknown:?}");
}

#[test]
fn what_leads_astray_is_noticed() {
    let row = "| it | `rollout/goal/walking.rs`, beside it `plan.rs`, `nowhere.rs`; `rollout/none.rs`, `a word`, `fn/`";
    assert_eq!(astray(row), ["plan.rs", "nowhere.rs", "rollout/none.rs", "fn/"]);
    assert_eq!(astray("`rollout/start/decide.rs`, `row.rs` and `rollout/record.rs`, `epoch.rs`"), [""; 0]);
    let source = "pub struct Walker;\nname_type! {\n    GoalId, \"goal id\",\n";
    assert!(is_known("GoalId", source) && is_known("Walker", source) && !is_known("Walk", source));
}
