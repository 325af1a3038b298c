//! House rules that are no walls: how many rooms, how long a file, what stands at a room's door.

use crate::source::{functions, lengths, lengths_under, reached, sources, src};
use crate::tokens::everything;
use crate::{TABLE, none};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The longest file: more is more than one concept.
const LONGEST: usize = 400;
/// The longest function, from `fn` to the end of its body: more is more than one thought.
const LONGEST_FUNCTION: usize = 100;
/// Half of the files are shorter than this.
const MEDIAN: usize = 150;
/// The longest that the walk's own decision may become.
const ADVANCE: usize = 60;
/// As many names as one reads at a glance.
const ENTRIES: usize = 12;
/// What a room is, what it decides, what it may use.
const FRONT_PAGE: usize = 3;

/// The folders of `src`.
fn rooms() -> BTreeSet<String> {
    let entries = fs::read_dir(src()).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    entries.filter(|path| path.is_dir()).map(name).collect()
}

#[test]
fn the_table_names_the_rooms_that_there_are() {
    let roots = ["lib", "main"].map(str::to_owned);
    let there: BTreeSet<String> = rooms().into_iter().chain(roots).collect();
    let modules: Vec<String> = sources().iter().map(|source| source.module.join("/")).collect();
    let mut named = BTreeSet::new();
    for row in TABLE {
        named.insert(row.name.split('/').next().unwrap().to_owned());
        for name in row.rooms.iter().chain([&row.name]).filter(|name| **name != "lib") {
            assert!(modules.iter().any(|module| module == name), "the table names {name}, which is no module");
        }
    }
    assert_eq!(named, there, "left: the rooms of the table, right: the rooms of src");
}

/// A file that only some macro declares would be part of the program, and no wall would know it.
#[test]
fn every_file_is_reached() {
    let reached: BTreeSet<String> = reached(everything).iter().map(|source| source.file.clone()).collect();
    let there: BTreeSet<String> = lengths().into_keys().collect();
    assert_eq!(reached, there, "left: what `mod` declares, right: the files of src");
}

#[test]
fn the_rooms_are_seen_at_a_glance() {
    let entries = fs::read_dir(src()).unwrap().count();
    assert!(entries <= ENTRIES, "src has {entries} entries, more than {ENTRIES}: which rooms are one?");
}

#[test]
fn every_room_has_a_front_page() {
    for room in rooms() {
        let text = fs::read_to_string(src().join(&room).join("mod.rs")).unwrap_or_default();
        let page = text.lines().map_while(|line| line.strip_prefix("//!")).filter(|line| !line.trim().is_empty());
        let lines = page.count();
        assert!(lines >= FRONT_PAGE, "src/{room}/mod.rs begins with {lines} lines about the room, not {FRONT_PAGE}");
    }
}

#[test]
fn no_file_is_long() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut lengths = BTreeMap::new();
    for folder in ["src", "tests", "benches"] {
        let files = lengths_under(&root.join(folder)).into_iter();
        lengths.extend(files.map(|(file, lines)| (format!("{folder}/{file}"), lines)));
    }
    let long: Vec<_> = lengths.into_iter().filter(|(_, lines)| *lines > LONGEST).collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines, so more than one concept: {long:?}");
}

#[test]
fn no_function_is_long() {
    let long: Vec<String> = reached(everything)
        .iter()
        .flat_map(|source| functions(&source.code).into_iter().map(|(name, lines)| (source.file.clone(), name, lines)))
        .filter(|(_, _, lines)| *lines > LONGEST_FUNCTION)
        .map(|(file, name, lines)| format!("{file}: {name} has {lines} lines, more than {LONGEST_FUNCTION}"))
        .collect();
    none(long);
}

#[test]
fn a_function_has_the_lines_from_its_name_to_its_end() {
    let text = "fn a() {\n    b();\n}\nmod c {\n    impl D {\n        pub(super) fn e(&self) -> F<{ 2 }>\n        where\n            \
                G: H,\n        {\n            fn i() {}\n        }\n    }\n}\ntrait J {\n    fn k(&self);\n}\ntype L = fn(u8);\n";
    let found = functions(&everything(text, "x.rs"));
    let wanted = [("a", 3), ("e", 6), ("i", 1)].map(|(name, lines)| (name.to_owned(), lines));
    assert_eq!(found, wanted);
}

#[test]
fn most_files_are_short() {
    let mut lengths: Vec<usize> = sources().iter().map(|source| source.text.lines().count()).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median < MEDIAN, "half of the files have {median} lines or more, the limit is {MEDIAN}");
}

/// What a walk does once its split is served is read as it is described: gates, then the next step or the end, in one place.
#[test]
fn the_walk_advances_by_one_way_out() {
    let sources = sources();
    let walk = sources.iter().find(|source| source.file == "machine/walk/advance.rs").unwrap();
    let from = walk.text.lines().skip_while(|line| !line.contains("fn advance("));
    let body: Vec<&str> = from.take_while(|line| *line != "    }").collect();
    assert!((5..ADVANCE).contains(&body.len()), "{} lines", body.len());
    let leaves = |line: &&&str| line.contains("return ") || line.contains('?');
    let ways: Vec<_> = body.iter().filter(leaves).collect();
    assert!(ways.is_empty(), "other ways out: {ways:?}");
}

/// A decision that takes so much takes a scene: one value, with a name.
#[test]
fn nobody_takes_too_many_arguments() {
    let many: Vec<_> = sources().into_iter().filter(|source| source.text.contains("too_many_arguments")).collect();
    let files: Vec<_> = many.iter().map(|source| &source.file).collect();
    assert!(files.is_empty(), "these let clippy's too_many_arguments pass: {files:?}");
}
