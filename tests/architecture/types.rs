//! The names of types, in the whole crate: one name is one thing.

use crate::modules::House;
use crate::source::Source;
use crate::tokens::{is_mark, keyword, tokens, word};
use proc_macro2::{Delimiter, Group, TokenTree};
use std::collections::BTreeMap;

/// Names that stand for more than one type, with the files of each.
pub(crate) fn twice(house: &House) -> Vec<String> {
    let makers: Vec<String> = house.sources.iter().flat_map(|source| makers(source)).collect();
    let mut files: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for source in &house.sources {
        let mut names = Vec::new();
        types(&source.code, false, &mut names);
        made(&source.code, &makers, &mut names);
        for name in names {
            files.entry(name).or_default().push(&source.file);
        }
    }
    let twice = files.into_iter().filter(|(_, files)| files.len() > 1);
    twice.map(|(name, files)| format!("{name} is a type in src/{}", files.join(" and in src/"))).collect()
}

/// The types that are written down. A `type` in an `impl` or a `trait` has the name that the trait gave it.
fn types(code: &[TokenTree], of_a_trait: bool, found: &mut Vec<String>) {
    let mut of_a_trait_next = false;
    for (at, token) in code.iter().enumerate() {
        match keyword(Some(token)).as_deref() {
            Some("struct" | "enum" | "union") => found.extend(word(code.get(at + 1))),
            Some("type") if !of_a_trait => found.extend(word(code.get(at + 1))),
            Some("trait") => {
                found.extend(word(code.get(at + 1)));
                of_a_trait_next = true;
            }
            // In a signature (`fn a(b: impl Iterator)`) it is a type, and no body follows.
            Some("impl") => of_a_trait_next = begins_an_item(code, at),
            Some("fn" | "mod") => of_a_trait_next = false,
            _ => {}
        }
        if let TokenTree::Group(group) = token {
            let body = group.delimiter() == Delimiter::Brace;
            types(&tokens(group), body && of_a_trait_next, found);
            of_a_trait_next &= !body;
        }
    }
}

fn begins_an_item(code: &[TokenTree], at: usize) -> bool {
    match at.checked_sub(1).map(|before| &code[before]) {
        None => true,
        Some(TokenTree::Group(group)) => group.delimiter() != Delimiter::Parenthesis,
        Some(before) => is_mark(Some(before), ';'),
    }
}

/// The macros of a file that make a type with the name that they are given first (`struct $name`).
fn makers(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (at, token) in source.code.iter().enumerate() {
        let body = match source.code.get(at + 3) {
            Some(TokenTree::Group(body)) if word(Some(token)).as_deref() == Some("macro_rules") => body,
            _ => continue,
        };
        if makes_a_type(body) {
            found.extend(word(source.code.get(at + 2)));
        }
    }
    found
}

fn makes_a_type(body: &Group) -> bool {
    let code = tokens(body);
    code.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Group(group) => makes_a_type(group),
        _ => matches!(keyword(Some(token)).as_deref(), Some("struct" | "enum")) && is_mark(code.get(at + 1), '$'),
    })
}

/// The types that such macros make.
fn made(code: &[TokenTree], makers: &[String], found: &mut Vec<String>) {
    for (at, token) in code.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let called = at > 1 && is_mark(code.get(at - 1), '!');
        if called && word(code.get(at - 2)).is_some_and(|name| makers.contains(&name)) {
            found.extend(tokens(group).iter().find_map(|token| word(Some(token))));
        }
        made(&tokens(group), makers, found);
    }
}
