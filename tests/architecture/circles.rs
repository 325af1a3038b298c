//! Circles: of the children of one module, none may need itself by way of others, whatever lies inside of them.
//!
//! A child's use of what its parent defines (an `impl` that goes on in a file of its own) and a parent's use of its
//! children are no circle: they are one thing in several files. So the methods of one type (`Walk`, `Stage`, `Judge`) may call each
//! other across files, which this test cannot see: paths tell it who needs whom, and `self.method()` has none. A type lies in several
//! files because its state is one (a walk remembers what it asked, saw and wrote) and its questions are many.

use crate::modules::House;
use crate::source::{Module, Source};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Who uses whom among the children of one module, and in which files that shows.
type Level = BTreeMap<Module, BTreeMap<Module, (String, String)>>;

/// Every circle, in words.
pub(crate) fn circles(house: &House) -> Vec<String> {
    let levels = levels(house);
    let mut found = BTreeMap::new();
    for level in levels.values() {
        for start in level.keys() {
            if let Some(circle) = shortest(level, start) {
                let members: BTreeSet<_> = circle.iter().map(|&(child, _)| child).collect();
                found.entry(members).or_insert_with(|| words(&circle));
            }
        }
    }
    found.into_values().collect()
}

/// For each module that has children: their uses of each other.
fn levels(house: &House) -> BTreeMap<Module, Level> {
    let mut found: BTreeMap<Module, Level> = BTreeMap::new();
    for from in &house.sources {
        for to in house.uses(from) {
            let Some(shared) = parted(from, to) else { continue };
            let child = |source: &Source| source.module[..=shared].to_vec();
            let level = found.entry(from.module[..shared].to_vec()).or_default();
            let uses = level.entry(child(from)).or_default();
            uses.entry(child(to)).or_insert_with(|| (from.file.clone(), to.file.clone()));
        }
    }
    found
}

/// How far two modules have the same way; none if one is the other, or is in it.
fn parted(a: &Source, b: &Source) -> Option<usize> {
    let shared = a.module.iter().zip(&b.module).take_while(|(a, b)| a == b).count();
    (shared < a.module.len() && shared < b.module.len()).then_some(shared)
}

/// A way, as its steps: from which child, and in which files that shows.
type Way<'a> = Vec<(&'a Module, &'a (String, String))>;

/// The shortest way from a child back to itself.
fn shortest<'a>(level: &'a Level, start: &'a Module) -> Option<Way<'a>> {
    let mut seen = BTreeSet::new();
    let mut open: VecDeque<(&Module, Way)> = VecDeque::from([(start, vec![])]);
    while let Some((child, way)) = open.pop_front() {
        for (next, files) in level.get(child).into_iter().flatten() {
            let longer: Way = way.iter().copied().chain([(child, files)]).collect();
            if next == start {
                return Some(longer);
            }
            if seen.insert(next) {
                open.push_back((next, longer));
            }
        }
    }
    None
}

fn words(circle: &Way) -> String {
    let steps: Vec<String> = circle.iter().map(|(_, (from, to))| format!("src/{from} uses src/{to}")).collect();
    format!("a circle: {}", steps.join(", "))
}
