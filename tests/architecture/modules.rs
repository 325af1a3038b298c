//! What a path means: the tree of modules, and the way from a name to the file that defines it.

use crate::names::{Name, Path};
use crate::source::{Module, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path as FilePath;
use std::rc::Rc;

/// How many `use` one after another are followed: more than anybody writes, and an end where two name each other.
const FAR: usize = 16;

/// Something that a path leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// In another crate.
    Outside(Path),
    /// In one of our modules (the root of the library is the empty path), and what it is called there.
    Ours(Module, Path),
}

/// The modules of the program.
#[derive(Debug)]
pub(crate) struct House {
    pub sources: Vec<Rc<Source>>,
    /// The crates that `Cargo.toml` names for the program, as paths name them.
    pub dependencies: BTreeSet<String>,
    /// What each module calls by a short name, because a `use` brings it.
    brought: BTreeMap<Module, Vec<(String, Path)>>,
}

impl House {
    pub(crate) fn new(sources: Vec<Rc<Source>>) -> Self {
        let mut brought: BTreeMap<Module, Vec<(String, Path)>> = BTreeMap::new();
        for source in &sources {
            brought.entry(source.module.clone()).or_default();
            for name in &source.names {
                let module = brought.entry(join(&source.module, &name.within)).or_default();
                module.extend(name.brings.iter().map(|short| (short.clone(), name.path.clone())));
            }
        }
        Self { sources, dependencies: dependencies(), brought }
    }

    /// What a file names, and everything that each name can lead to: where it points, and where that was brought from.
    pub(crate) fn named<'a>(&'a self, source: &'a Source) -> impl Iterator<Item = (&'a Name, BTreeSet<Place>)> {
        source.names.iter().map(|name| {
            let within = join(&source.module, &name.within);
            let mut places = BTreeSet::new();
            for place in self.readings(&within, &name.path, FAR) {
                places.extend(self.definitions(&place, FAR));
                places.insert(place);
            }
            (name, places)
        })
    }

    /// The files in which the things that a file names are defined: a parent's `pub use child::Name` is only a face.
    pub(crate) fn uses<'a>(&'a self, source: &'a Source) -> impl Iterator<Item = &'a Source> {
        source.names.iter().flat_map(|name| {
            let within = join(&source.module, &name.within);
            let readings = self.readings(&within, &name.path, FAR);
            let ends = readings.into_iter().flat_map(|place| self.definitions(&place, FAR));
            ends.filter_map(|place| match place {
                Place::Ours(module, _) => self.file_of(&module),
                Place::Outside(_) => None,
            })
        })
    }

    /// The file of a module: its own, or that around `mod name { ... }`.
    fn file_of(&self, module: &[String]) -> Option<&Source> {
        let holds = |source: &&Source| module.starts_with(&source.module);
        self.sources.iter().map(Rc::as_ref).filter(holds).max_by_key(|source| source.module.len())
    }

    /// Where a path that is written in a module can lead. Where its first word may mean two things (a crate, and what a
    /// `use` in some function brings), both count, so that none can hide the other.
    fn readings(&self, within: &[String], path: &[String], far: usize) -> Vec<Place> {
        let Some((first, rest)) = path.split_first().filter(|_| far > 0) else { return vec![] };
        match first.as_str() {
            "crate" => return vec![self.inside(root_of(within), rest)],
            "andante" => return vec![self.inside(&[], rest)],
            "" => return vec![Place::Outside(rest.to_vec())],
            "self" => return self.beyond(within, rest, far),
            "super" => return self.beyond(&within[..within.len().saturating_sub(1)], rest, far),
            _ => {}
        }
        let mut found = Vec::new();
        if self.brought.contains_key(&join(within, &path[..1])) {
            found.push(self.inside(within, path));
        }
        for (_, target) in self.brings(within, first).filter(|(_, target)| *target != path) {
            found.extend(self.readings(within, &join(target, rest), far - 1));
        }
        if self.dependencies.contains(first) || ["std", "core", "alloc"].contains(&first.as_str()) {
            found.push(Place::Outside(path.to_vec()));
        }
        found
    }

    /// Behind `self` and `super`, which may stand several times.
    fn beyond(&self, module: &[String], rest: &[String], far: usize) -> Vec<Place> {
        match rest.first().map(String::as_str) {
            Some("super" | "self") => self.readings(module, rest, far),
            _ => vec![self.inside(module, rest)],
        }
    }

    /// As deep into the modules as the path goes.
    fn inside(&self, module: &[String], path: &[String]) -> Place {
        let whole = join(module, path);
        let deep = |end: &usize| self.brought.contains_key(&whole[..*end]);
        let end = (module.len()..=whole.len()).rev().find(deep).unwrap_or(module.len());
        Place::Ours(whole[..end].to_vec(), whole[end..].to_vec())
    }

    fn brings<'a>(&'a self, module: &[String], short: &'a str) -> impl Iterator<Item = &'a (String, Path)> {
        self.brought.get(module).into_iter().flatten().filter(move |(name, _)| name == short)
    }

    /// Where the thing itself is: the place, or what a `use` there brought it from.
    fn definitions(&self, place: &Place, far: usize) -> Vec<Place> {
        let Place::Ours(module, path) = place else { return vec![place.clone()] };
        let Some((first, rest)) = path.split_first().filter(|_| far > 0) else { return vec![place.clone()] };
        let mut found = Vec::new();
        for (_, target) in self.brings(module, first) {
            for reading in self.readings(module, &join(target, rest), far - 1).iter().filter(|r| *r != place) {
                found.extend(self.definitions(reading, far - 1));
            }
        }
        if found.is_empty() { vec![place.clone()] } else { found }
    }
}

/// The root of the crate in which a module is: `main.rs` is a crate of its own.
fn root_of(within: &[String]) -> &[String] {
    let main = within.first().is_some_and(|first| first == "main");
    &within[..usize::from(main)]
}

fn join(a: &[String], b: &[String]) -> Vec<String> {
    a.iter().chain(b).cloned().collect()
}

/// The crates that `Cargo.toml` gives the program. Those for tests and benches cannot be in it.
fn dependencies() -> BTreeSet<String> {
    let text = fs::read_to_string(FilePath::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let mut found = BTreeSet::new();
    for section in text.split("\n[") {
        let (header, lines) = section.split_once(']').unwrap_or_default();
        // `[target.'cfg(unix)'.dependencies]` and `[dependencies.kube]` give crates, too.
        match header.rsplit_once("dependencies") {
            Some((before, "")) if before.is_empty() || before.ends_with('.') => {
                found.extend(lines.lines().filter_map(|line| line.split(['.', ' ', '=']).next()).map(str::to_owned));
            }
            Some((before, after)) if before.is_empty() || before.ends_with('.') => {
                found.insert(after.trim_start_matches('.').to_owned());
            }
            _ => {}
        }
    }
    found.into_iter().filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}
