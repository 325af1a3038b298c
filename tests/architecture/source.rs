//! The files of `src`, as text and as tokens.

use crate::names::{Name, names};
use crate::tokens::{is_mark, program, tokens};
use proc_macro2::{Delimiter, TokenTree};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A place in the tree of modules: `["machine", "walk"]`. The root of the library is empty, the program is `["main"]`.
pub(crate) type Module = Vec<String>;

/// One file of the program.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Its path under `src`, as people say it.
    pub file: String,
    /// Its place in the tree of modules.
    pub module: Module,
    /// What the program has of it: no comments, no tests.
    pub code: Vec<TokenTree>,
    /// The paths in it.
    pub names: Vec<Name>,
    /// As it was written.
    pub text: String,
}

/// What is taken of a file's text: [`program`], or [`everything`](crate::tokens::everything).
type Reading = fn(&str, &str) -> Vec<TokenTree>;

impl Source {
    pub(crate) fn new(file: String, module: Module, text: String, read: Reading) -> Self {
        let code = read(&text, &file);
        Self { names: names(&code), file, module, code, text }
    }
}

/// Where the sources are.
pub(crate) fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file that is a part of the program. A file is a part because a `mod` outside tests says so, not because of its
/// name: a file that is called `tests.rs` hides nothing.
pub(crate) fn sources() -> Vec<Rc<Source>> {
    reached(program)
}

/// Every file that is reached from the two roots when files are read in a given way.
pub(crate) fn reached(read: Reading) -> Vec<Rc<Source>> {
    let mut found = Vec::new();
    follow(vec![], "lib.rs".to_owned(), read, &mut found);
    follow(vec!["main".to_owned()], "main.rs".to_owned(), read, &mut found);
    found
}

fn follow(module: Module, file: String, read: Reading, found: &mut Vec<Rc<Source>>) {
    let text = fs::read_to_string(src().join(&file)).unwrap();
    let source = Source::new(file, module, text, read);
    let mut children = Vec::new();
    declared(&source.code, &source.module, &mut children);
    found.push(Rc::new(source));
    for child in children {
        let path = child.join("/");
        let candidates = [format!("{path}.rs"), format!("{path}/mod.rs")];
        let file = candidates.into_iter().find(|file| src().join(file).is_file());
        follow(child, file.unwrap_or_else(|| panic!("there is no file of the module {path}")), read, found);
    }
}

/// The modules that are declared as files of their own (`mod name;`), also inside of `mod name { ... }` and of macros.
fn declared(code: &[TokenTree], within: &[String], found: &mut Vec<Module>) {
    let mut at = 0;
    while at < code.len() {
        let child = |name: &TokenTree| within.iter().cloned().chain([name.to_string()]).collect::<Module>();
        match &code[at..] {
            [TokenTree::Ident(word), name @ TokenTree::Ident(_), end, ..]
                if word == "mod" && is_mark(Some(end), ';') =>
            {
                found.push(child(name));
                at += 3;
            }
            [TokenTree::Ident(word), name @ TokenTree::Ident(_), TokenTree::Group(body), ..] if word == "mod" => {
                declared(&tokens(body), &child(name), found);
                at += 3;
            }
            [TokenTree::Group(group), ..] => {
                declared(&tokens(group), within, found);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// The functions of a file, in it and in its modules and macros, with their lines from `fn` to the end of the body. What has no body has no
/// length.
pub(crate) fn functions(code: &[TokenTree]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, token) in code.iter().enumerate() {
        if let TokenTree::Group(group) = token {
            found.extend(functions(&tokens(group)));
        }
        let (TokenTree::Ident(word), Some(TokenTree::Ident(name))) = (token, code.get(at + 1)) else { continue };
        if word != "fn" {
            continue;
        }
        // Braces before `>` or `,` hold a number in a type.
        let is_end = |place: usize| match &code[place] {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                !is_mark(code.get(place + 1), '>') && !is_mark(code.get(place + 1), ',')
            }
            other => is_mark(Some(other), ';'),
        };
        if let Some(TokenTree::Group(body)) = (at + 2..code.len()).find(|place| is_end(*place)).map(|end| &code[end]) {
            let lines = body.span_close().end().line - word.span().start().line + 1;
            found.push((name.to_string(), lines));
        }
    }
    found
}

/// How many lines each file under `src` has, tests included.
pub(crate) fn lengths() -> BTreeMap<String, usize> {
    lengths_under(&src())
}

/// How many lines each file of Rust under this folder has, by its path in there.
pub(crate) fn lengths_under(folder: &Path) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let file = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(file, fs::read_to_string(&path).unwrap().lines().count());
            }
        }
    }
    found
}
