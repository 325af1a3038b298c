//! House rules that are no walls: how many rooms, how long a file, what stands at a room's door.

use crate::TABLE;
use crate::source::{lengths, reached, sources, src};
use crate::tokens::everything;
use std::collections::BTreeSet;
use std::fs;

/// The longest file: more is more than one concept.
const LONGEST: usize = 400;
/// Half of the files are shorter than this.
const MEDIAN: usize = 150;
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
    let long: Vec<_> = lengths().into_iter().filter(|(_, lines)| *lines > LONGEST).collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines, so more than one concept: {long:?}");
}

#[test]
fn most_files_are_short() {
    let mut lengths: Vec<usize> = sources().iter().map(|source| source.text.lines().count()).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median < MEDIAN, "half of the files have {median} lines or more, the limit is {MEDIAN}");
}

/// A decision that takes so much takes a scene: one value, with a name.
#[test]
fn no_machine_takes_too_many_arguments() {
    let machines = sources().into_iter().filter(|source| source.file.starts_with("machine/"));
    let many: Vec<_> = machines.filter(|source| source.text.contains("too_many_arguments")).collect();
    let files: Vec<_> = many.iter().map(|source| &source.file).collect();
    assert!(files.is_empty(), "these let clippy's too_many_arguments pass: {files:?}");
}
