//! What would hide names from the walls: code that is elsewhere, names that are not spelled out.

use crate::source::Source;
use crate::tokens::{is_mark, line, tokens, word};
use proc_macro2::TokenTree;

/// What a file has of it: the line, and what it is.
pub(crate) fn hidden(source: &Source) -> Vec<(usize, String)> {
    let globs = source.names.iter().filter(|name| name.path.last().is_some_and(|last| last == "*"));
    let mut found: Vec<_> = globs.map(|name| (name.line, format!("all of {}", name.path.join("::")))).collect();
    look(&source.code, &mut found);
    found
}

fn look(code: &[TokenTree], found: &mut Vec<(usize, String)>) {
    for (at, token) in code.iter().enumerate() {
        let next = word(code.get(at + 1));
        let what = match word(Some(token)).as_deref() {
            Some("include") if is_mark(code.get(at + 1), '!') => Some("code from elsewhere (include!)"),
            Some("extern") if next.as_deref() == Some("crate") => Some("a second name for a crate (extern crate)"),
            Some("macro_export" | "macro_use") => Some("a macro that is used without a path"),
            _ => None,
        };
        found.extend(what.map(|what| (line(token), what.to_owned())));
        if let TokenTree::Group(group) = token {
            if at > 0 && is_mark(code.get(at - 1), '#') && moves_a_file(&tokens(group)) {
                found.push((line(token), "a file that is not where its name says (#[path])".to_owned()));
            }
            look(&tokens(group), found);
        }
    }
}

/// The attribute `#[path = "..."]`, also where it depends on the target (`#[cfg_attr(unix, path = "...")]`).
fn moves_a_file(attribute: &[TokenTree]) -> bool {
    let sets_path = |code: &[TokenTree]| {
        code.windows(2).any(|pair| word(pair.first()).as_deref() == Some("path") && is_mark(pair.get(1), '='))
    };
    match (word(attribute.first()).as_deref(), attribute.get(1)) {
        (Some("path"), _) => sets_path(attribute),
        (Some("cfg_attr"), Some(TokenTree::Group(inner))) => sets_path(&tokens(inner)),
        _ => false,
    }
}
