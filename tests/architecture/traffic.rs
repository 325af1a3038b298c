//! Who writes `spec.traffic`: the one module that fences it.
//!
//! The rule is about the pointer, wherever it stands and however it is spelled, because a patch can be put together from
//! any text. Outside the writer `/spec/traffic` may only be the argument of `.pointer(...)`, which reads. The same is true of
//! a pointer into it, of `/spec` (who writes that writes the split, too), and of a text that can become one of them.

use crate::source::Source;
use crate::tokens::{is_mark, line, string, tokens, word};
use crate::walls::Breach;
use proc_macro2::{Delimiter, TokenTree};

const SPLIT: &str = "/spec/traffic";
/// The one module that builds writes of the split.
const WRITER: &str = "machine/write.rs";

/// The pointers of a file that could be written to.
pub(crate) fn writes(source: &Source) -> Vec<Breach> {
    let mut lines = Vec::new();
    if source.file != WRITER {
        look(&source.code, &mut lines);
    }
    let breach = |line| Breach { file: source.file.clone(), line, names: "a pointer to spec.traffic".to_owned() };
    lines.into_iter().map(breach).collect()
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
