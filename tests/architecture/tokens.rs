//! What the compiler sees of a file: tokens. Line breaks, comments and spaces are gone here, so nothing can hide in them.

use proc_macro2::{Delimiter, Group, Literal, Punct, Spacing, TokenStream, TokenTree};

/// Words with which an item begins (after its visibility).
const ITEMS: [&str; 14] = [
    "async",
    "const",
    "enum",
    "extern",
    "fn",
    "impl",
    "macro_rules",
    "mod",
    "static",
    "struct",
    "trait",
    "type",
    "union",
    "use",
];

/// The tokens of a file that are part of the program: without docs, and without what only tests see.
pub(crate) fn program(text: &str, file: &str) -> Vec<TokenTree> {
    without_tests(everything(text, file).into_iter().collect())
}

/// All tokens of a file.
pub(crate) fn everything(text: &str, file: &str) -> Vec<TokenTree> {
    let stream: TokenStream = text.parse().unwrap_or_else(|e| panic!("src/{file} is not Rust: {e}"));
    stream.into_iter().collect()
}

fn without_tests(stream: TokenStream) -> Vec<TokenTree> {
    let all: Vec<TokenTree> = stream.into_iter().collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let (attributes, after) = attributes(&all, at);
        if attributes.iter().any(|a| is_for_tests(a))
            && let Some(end) = end_of_item(&all, at, after)
        {
            at = end;
            continue;
        }
        for attribute in attributes.iter().filter(|a| first_word(a) != "doc") {
            kept.push(TokenTree::Punct(Punct::new('#', Spacing::Alone)));
            kept.push(TokenTree::Group(with_paths_of_strings(attribute)));
        }
        if after == at {
            kept.push(inside(&all[at]));
            at += 1;
        } else {
            at = after;
        }
    }
    kept
}

/// A token, with the same done to what is in it.
fn inside(token: &TokenTree) -> TokenTree {
    match token {
        TokenTree::Group(group) => {
            let stream = without_tests(group.stream()).into_iter().collect();
            regrouped(group, stream)
        }
        other => other.clone(),
    }
}

fn regrouped(group: &Group, stream: TokenStream) -> TokenTree {
    let mut new = Group::new(group.delimiter(), stream);
    new.set_span(group.span());
    TokenTree::Group(new)
}

/// The attributes that begin at `at` (`#[...]` and `#![...]`), and where they end.
fn attributes(all: &[TokenTree], at: usize) -> (Vec<&Group>, usize) {
    let mut found = Vec::new();
    let mut after = at;
    while is_mark(all.get(after), '#') {
        let bang = usize::from(is_mark(all.get(after + 1), '!'));
        match all.get(after + 1 + bang) {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => found.push(group),
            _ => break,
        }
        after += 2 + bang;
    }
    (found, after)
}

/// Exactly `cfg(test)`: what is more, or less, than that is in some program.
fn is_for_tests(attribute: &Group) -> bool {
    attribute.stream().to_string().replace(' ', "") == "cfg(test)"
}

/// Where the item ends whose attributes stand at `at`; none if it is no item (a field, an expression), because nothing is
/// left out then.
fn end_of_item(all: &[TokenTree], at: usize, after: usize) -> Option<usize> {
    let begins = match at.checked_sub(1).map(|before| &all[before]) {
        None => true,
        Some(TokenTree::Punct(mark)) => mark.as_char() == ';',
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
        Some(_) => false,
    };
    let mut rest = after;
    if word(all.get(rest)).as_deref() == Some("pub") {
        rest += 1;
        rest += usize::from(matches!(all.get(rest), Some(TokenTree::Group(_))));
    }
    let is_item = word(all.get(rest)).is_some_and(|word| ITEMS.contains(&word.as_str()));
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        other => is_mark(Some(other), ';'),
    };
    let end = all[rest..].iter().position(ends)?;
    (begins && is_item).then_some(rest + end + 1)
}

/// A macro may read a path out of a string (`#[serde(with = "crate::x::y")]`): it stands beside the string then.
fn with_paths_of_strings(attribute: &Group) -> Group {
    let mut stream = TokenStream::new();
    for token in attribute.stream() {
        match &token {
            TokenTree::Group(group) => stream.extend([TokenTree::Group(with_paths_of_strings(group))]),
            TokenTree::Literal(literal) => stream.extend(path_in(literal)),
            _ => {}
        }
        stream.extend([token]);
    }
    let TokenTree::Group(group) = regrouped(attribute, stream) else { unreachable!() };
    group
}

fn path_in(literal: &Literal) -> Vec<TokenTree> {
    let text = string(literal).unwrap_or_default();
    let is_path = text.contains("::") && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ':');
    let tokens = text.parse::<TokenStream>().ok().filter(|_| is_path);
    let at_its_line = |mut token: TokenTree| {
        token.set_span(literal.span());
        token
    };
    tokens.into_iter().flatten().map(at_its_line).collect()
}

/// The text of a string literal, however it is written: raw, with escapes, over several lines.
pub(crate) fn string(literal: &Literal) -> Option<String> {
    let text = literal.to_string();
    let text = text.trim_start_matches(['b', 'c']);
    if let Some(raw) = text.strip_prefix('r') {
        let raw = raw.trim_matches('#');
        return Some(raw.strip_prefix('"')?.strip_suffix('"')?.to_owned());
    }
    Some(unescaped(text.strip_prefix('"')?.strip_suffix('"')?))
}

fn unescaped(text: &str) -> String {
    let mut found = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            found.push(c);
            continue;
        }
        match rest.next() {
            Some('n') => found.push('\n'),
            Some('r') => found.push('\r'),
            Some('t') => found.push('\t'),
            Some('0') => found.push('\0'),
            Some('\n') => rest = rest.as_str().trim_start().chars(),
            Some('x') => found.extend(number(&rest.by_ref().take(2).collect::<String>())),
            Some('u') => found.extend(number(&rest.by_ref().take_while(|c| *c != '}').skip(1).collect::<String>())),
            Some(other) => found.push(other),
            None => {}
        }
    }
    found
}

fn number(digits: &str) -> Option<char> {
    u32::from_str_radix(&digits.replace('_', ""), 16).ok().and_then(char::from_u32)
}

fn first_word(attribute: &Group) -> String {
    word(attribute.stream().into_iter().next().as_ref()).unwrap_or_default()
}

/// The word that a token is, `r#` or not.
pub(crate) fn word(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(word)) => {
            let word = word.to_string();
            Some(word.strip_prefix("r#").map_or(word.clone(), str::to_owned))
        }
        _ => None,
    }
}

/// The keyword that a token is: `r#type` is a name, not one.
pub(crate) fn keyword(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(word)) => Some(word.to_string()),
        _ => None,
    }
}

/// The token is this mark.
pub(crate) fn is_mark(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// The tokens of a group.
pub(crate) fn tokens(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

/// The line on which a token stands.
pub(crate) fn line(token: &TokenTree) -> usize {
    token.span().start().line
}
