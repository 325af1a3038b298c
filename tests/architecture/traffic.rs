//! Who writes `spec.traffic`: the one module that fences it.
//!
//! The rule is about the pointer, wherever it stands and however it is spelled, because a patch can be put together from
//! any text. Outside the writer `/spec/traffic` may only be the argument of `.pointer(...)`, which reads. The same is true of
//! a pointer into it, of `/spec` (who writes that writes the split, too), and of a text that can become one of them.
//!
//! Who sends an object as a whole names the split by a key, `traffic`. So in the rooms that make or send objects the word may be
//! read and taken out, and put in by the writer alone.

use crate::source::Source;
use crate::tokens::{is_mark, line, string, tokens, word};
use crate::walls::Breach;
use proc_macro2::{Delimiter, TokenTree};

const SPLIT: &str = "/spec/traffic";
/// The one module that builds writes of the split.
const WRITER: &str = "machine/write.rs";
/// The key of the split in an object's `spec`.
const KEY: &str = "traffic";
/// Rooms that only show what stands there, or is to stand in a file.
const SHOW: [&str; 3] = ["cli/", "command/", "view/"];

/// The pointers of a file that could be written to, and the keys that it puts into an object.
pub(crate) fn writes(source: &Source) -> Vec<Breach> {
    let (mut pointers, mut keys) = (Vec::new(), Vec::new());
    if source.file != WRITER {
        look(&source.code, &mut pointers);
        if !SHOW.iter().any(|room| source.file.starts_with(room)) {
            put(&source.code, &mut keys);
        }
    }
    let breach = |names: &'static str| move |line| Breach { file: source.file.clone(), line, names: names.to_owned() };
    let pointers = pointers.into_iter().map(breach("a pointer to spec.traffic"));
    pointers.chain(keys.into_iter().map(breach("traffic as a key of an object"))).collect()
}

/// Where the key is put into something: `"traffic": ...` of `json!`, `.insert("traffic", ...)`, `["traffic"] = ...`, and what makes
/// a text of its own of it.
fn put(code: &[TokenTree], found: &mut Vec<usize>) {
    for (at, token) in code.iter().enumerate() {
        let (before, behind) = (at.checked_sub(1).and_then(|at| code.get(at)), code.get(at + 1));
        let is_set = || is_mark(behind, '=') && !is_mark(code.get(at + 2), '=') && !is_mark(code.get(at + 2), '>');
        let taken = match token {
            TokenTree::Group(group) => {
                let inner = tokens(group);
                put(&inner, found);
                let called = word(before).is_some_and(|name| ["entry", "from", "insert"].contains(&name.as_str()));
                match group.delimiter() {
                    Delimiter::Parenthesis => called && inner.first().is_some_and(is_key),
                    Delimiter::Bracket => matches!(inner.as_slice(), [only] if is_key(only)) && is_set(),
                    Delimiter::Brace | Delimiter::None => false,
                }
            }
            _ if !is_key(token) => false,
            _ if is_mark(behind, ':') || is_mark(behind, '.') => true,
            _ => {
                is_mark(before, '=')
                    && !at.checked_sub(2).is_some_and(|at| is_mark(code.get(at), '=') || is_mark(code.get(at), '!'))
            }
        };
        if taken {
            found.push(line(token));
        }
    }
}

fn is_key(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Literal(text) if string(text).as_deref() == Some(KEY))
}

fn look(code: &[TokenTree], found: &mut Vec<usize>) {
    for (at, token) in code.iter().enumerate() {
        match token {
            TokenTree::Group(_) if is_reading(code, at) => {}
            TokenTree::Group(group) => look(&tokens(group), found),
            TokenTree::Literal(text) if string(text).is_some_and(|text| reaches_the_split(&text)) => {
                found.push(line(token));
            }
            _ => {}
        }
    }
}

/// The parentheses of `.pointer("...")`, with nothing but one text in them.
fn is_reading(code: &[TokenTree], at: usize) -> bool {
    let TokenTree::Group(group) = &code[at] else { return false };
    let called = at > 1 && word(code.get(at - 1)).as_deref() == Some("pointer") && is_mark(code.get(at - 2), '.');
    let one_text = matches!(tokens(group).as_slice(), [TokenTree::Literal(_)]);
    called && group.delimiter() == Delimiter::Parenthesis && one_text
}

/// The text is the pointer, goes on behind it, or can become it when something is put behind or into it.
fn reaches_the_split(text: &str) -> bool {
    let fixed = text.split('{').next().unwrap_or_default();
    let behind = text.strip_prefix(SPLIT);
    behind.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)) || (fixed.len() > 1 && SPLIT.starts_with(fixed))
}
