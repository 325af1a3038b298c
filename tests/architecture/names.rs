//! Every path that a file names: in `use` trees, in code, in macros and in attributes.

use crate::tokens::{is_mark, keyword, line, tokens, word};
use proc_macro2::{Delimiter, TokenTree};

/// A path, as it was written: `["super", "walk", "Walk"]`. It begins with `""` if it began with `::`.
pub(crate) type Path = Vec<String>;

/// A path that is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub line: usize,
    /// The modules `mod name { ... }` of the file around it.
    pub within: Vec<String>,
    pub path: Path,
    /// What it is called from here on, if a `use` named it.
    pub brings: Option<String>,
}

/// All of them.
pub(crate) fn names(code: &[TokenTree]) -> Vec<Name> {
    let mut found = Vec::new();
    look(code, &[], &mut found);
    found
}

fn look(code: &[TokenTree], within: &[String], found: &mut Vec<Name>) {
    let mut at = 0;
    while at < code.len() {
        if keyword(code.get(at)).as_deref() == Some("use") && !is_mark(code.get(at + 1), '<') {
            let end = code[at..].iter().position(|t| is_mark(Some(t), ';')).map_or(code.len(), |end| at + end);
            let mut brought = Vec::new();
            use_tree(&code[at + 1..end], &[], &mut brought);
            found.extend(brought.into_iter().map(|name| Name { within: within.to_vec(), ..name }));
            at = end;
        } else if let Some((name, group)) = inline_module(&code[at..]) {
            let deeper: Vec<String> = within.iter().cloned().chain([name]).collect();
            look(&tokens(group), &deeper, found);
            at += 3;
        } else if let Some((path, after)) = path(code, at) {
            if path.len() > 1 {
                found.push(Name { line: line(&code[at]), within: within.to_vec(), path, brings: None });
            }
            at = after;
        } else {
            if let TokenTree::Group(group) = &code[at] {
                look(&tokens(group), within, found);
            }
            at += 1;
        }
    }
}

/// `mod name { ... }`.
fn inline_module(code: &[TokenTree]) -> Option<(String, &proc_macro2::Group)> {
    match code {
        [TokenTree::Ident(keyword), name @ TokenTree::Ident(_), TokenTree::Group(group), ..]
            if keyword == "mod" && group.delimiter() == Delimiter::Brace =>
        {
            Some((word(Some(name))?, group))
        }
        _ => None,
    }
}

fn is_colons(code: &[TokenTree], at: usize) -> bool {
    is_mark(code.get(at), ':') && is_mark(code.get(at + 1), ':')
}

/// The path that begins at `at`, and where it ends.
fn path(code: &[TokenTree], at: usize) -> Option<(Path, usize)> {
    let mut found = Vec::new();
    let mut after = at;
    if is_colons(code, at) {
        // Behind a `>` it goes on with a type's own name: `Vec::<u8>::new`.
        let goes_on = at > 0 && is_mark(code.get(at - 1), '>');
        if !goes_on {
            found.push(String::new());
        }
        after += 2;
    }
    while let Some(segment) = word(code.get(after)) {
        found.push(segment);
        after += 1;
        if !is_colons(code, after) || word(code.get(after + 2)).is_none() {
            break;
        }
        after += 2;
    }
    (after > at).then_some((found, after))
}

/// Spreads a tree out: `a::{b, c as d}` is `a::b` and `a::c`, which is called `d`.
fn use_tree(code: &[TokenTree], prefix: &[String], found: &mut Vec<Name>) {
    let mut whole = prefix.to_vec();
    for (at, token) in code.iter().enumerate() {
        match token {
            TokenTree::Group(group) => {
                for branch in tokens(group).split(|t| is_mark(Some(t), ',')) {
                    use_tree(branch, &whole, found);
                }
                return;
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' && at == 0 => whole.push(String::new()),
            TokenTree::Punct(mark) if mark.as_char() == '*' => whole.push("*".to_owned()),
            TokenTree::Ident(keyword) if keyword == "as" => break,
            TokenTree::Ident(_) => whole.extend(word(Some(token))),
            _ => {}
        }
    }
    let Some(first) = code.first() else { return };
    if whole.last().is_some_and(|last| last == "self") && whole.len() > 1 {
        whole.pop();
    }
    let renamed = code.iter().position(|t| matches!(t, TokenTree::Ident(keyword) if keyword == "as"));
    let brings = renamed.map_or(whole.last().cloned(), |at| word(code.get(at + 1)));
    found.push(Name { line: line(first), within: Vec::new(), path: whole, brings });
}
