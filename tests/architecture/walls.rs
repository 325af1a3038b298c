//! Who may name what: one file's names against the table.

use crate::hidden::hidden;
use crate::modules::{House, Place};
use crate::source::{Module, Source};
use std::fmt;

/// A row of the table: what the files in a folder may name. A row of a folder in a folder adds to that of the outer one.
#[derive(Debug)]
pub(crate) struct Row {
    /// The folder (or file) under `src`.
    pub name: &'static str,
    /// The rooms, or single modules of rooms, that it may use.
    pub rooms: &'static [&'static str],
    /// What it may use of what is held back: crates, modules of crates, single names.
    pub outside: &'static [&'static str],
}

/// A wall that is broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Breach {
    pub file: String,
    pub line: usize,
    pub names: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src/{}, line {}: names {}", self.file, self.line, self.names)
    }
}

/// The room that a module belongs to. The roots of both crates are rooms of their own: `lib` and `main`.
fn room(module: &[String]) -> &str {
    module.first().map_or("lib", String::as_str)
}

/// `path` is `name`, or something in it.
fn is_in(path: &[String], name: &str, separator: &str) -> bool {
    let name: Vec<&str> = name.split(separator).collect();
    path.len() >= name.len() && path.iter().zip(&name).all(|(a, b)| a == b)
}

/// The table, with what it is held against.
#[derive(Debug)]
pub(crate) struct Walls<'a> {
    pub house: &'a House,
    pub table: &'a [Row],
    /// What needs a permit although it is not a crate of `Cargo.toml`: the effects of the standard library, the clocks.
    pub held: &'a [&'a str],
    /// The crates of `Cargo.toml` that need none.
    pub values: &'a [&'a str],
}

impl Walls<'_> {
    /// The rows that speak of a file.
    fn rows(&self, source: &Source) -> impl Iterator<Item = &Row> {
        let module: Module = if source.module.is_empty() { vec!["lib".to_owned()] } else { source.module.clone() };
        self.table.iter().filter(move |row| is_in(&module, row.name, "/"))
    }

    /// The longest name that is held back and that a path is in: `std::net` for `std::net::IpAddr`.
    fn held_back(&self, path: &[String]) -> Option<usize> {
        let crates = self.house.dependencies.iter().map(String::as_str);
        let names = crates.filter(|name| !self.values.contains(name)).chain(self.held.iter().copied());
        names.filter(|name| is_in(path, name, "::")).map(|name| name.split("::").count()).max()
    }

    /// A permit is for what is held back or for a part of it: `jiff` would be no permit to read the clock in it.
    fn is_permit(&self, permit: &str, path: &[String]) -> bool {
        is_in(path, permit, "::") && self.held_back(path).is_some_and(|held| permit.split("::").count() >= held)
    }

    /// What a file names without a permit.
    pub(crate) fn breaches(&self, source: &Source) -> Vec<Breach> {
        let breach = |line: usize, names: String| Breach { file: source.file.clone(), line, names };
        let mut found: Vec<Breach> = hidden(source).into_iter().map(|(line, what)| breach(line, what)).collect();
        if self.rows(source).next().is_none() {
            found.push(breach(1, "a room that is not in the table".to_owned()));
        }
        for (name, places) in self.house.named(source) {
            let refused = places.iter().filter(|place| !self.may(source, place));
            found.extend(refused.map(|place| breach(name.line, full(place))));
        }
        found.sort();
        found.dedup();
        found
    }

    /// A file may name what is in its own room, what its rows permit, and what is not held back.
    fn may(&self, source: &Source, place: &Place) -> bool {
        match place {
            Place::Outside(path) => {
                self.held_back(path).is_none()
                    || self.rows(source).any(|row| row.outside.iter().any(|permit| self.is_permit(permit, path)))
            }
            Place::Ours(module, _) => {
                room(module) == room(&source.module)
                    || self.rows(source).any(|row| row.rooms.iter().any(|room| is_in(module, room, "/")))
            }
        }
    }

    /// The permits of the table that no file needs: a wall could stand there.
    pub(crate) fn unused(&self) -> Vec<String> {
        let mut found = Vec::new();
        for row in self.table {
            let files = || self.house.sources.iter().filter(|s| self.rows(s).any(|r| r.name == row.name));
            let needed = |needs: &dyn Fn(&Place) -> bool| {
                files().any(|source| self.house.named(source).any(|(_, places)| places.iter().any(needs)))
            };
            let rooms = row
                .rooms
                .iter()
                .filter(|room| !needed(&|place| matches!(place, Place::Ours(module, _) if is_in(module, room, "/"))));
            let outside = row.outside.iter().filter(|permit| {
                !needed(&|place| matches!(place, Place::Outside(path) if self.is_permit(permit, path)))
            });
            found.extend(rooms.chain(outside).map(|permit| format!("{} has no use for {permit} any more", row.name)));
        }
        found
    }
}

/// A place as a full path.
fn full(place: &Place) -> String {
    match place {
        Place::Outside(path) => path.join("::"),
        Place::Ours(module, path) => {
            let root = ["crate".to_owned()];
            root.iter().chain(module).chain(path).cloned().collect::<Vec<_>>().join("::")
        }
    }
}
