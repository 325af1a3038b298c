//! The walls between modules, checked on the source: pure modules know no effect, one adapter knows the API client, one
//! module writes traffic. `clippy.toml` holds single functions back; this holds whole crates back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

/// What a module may name of the world outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Values in, values out.
    Pure,
    /// Drives machines: the runtime's timer and channels, and the ports.
    Driver,
    /// An adapter, the command line, `main`: anything but the API client.
    Outside,
    /// The adapter of the API server.
    Cluster,
}

/// Modules of the crate root (with their submodules) that are not pure.
const DRIVERS: [&str; 2] = ["feed", "run"];
const OUTSIDE: [&str; 15] = [
    "checkout", "cli", "clock", "command", "env", "files", "lib", "main", "manifest", "prober", "registry", "report",
    "signal", "source", "tekton",
];
const TLS: &str = "tls";
const CLUSTER: &str = "cluster";

/// What no pure module names.
const EFFECTS: [&str; 12] = [
    "tokio",
    "kube",
    "k8s_openapi",
    "reqwest",
    "rustls",
    "fastrand",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::time::Instant",
    "std::time::SystemTime",
];
/// Addresses are values; only sockets are effects.
const VALUES: [&str; 2] = ["std::net::IpAddr", "std::net::SocketAddr"];
/// Modules of ours that are effects.
const OUR_EFFECTS: [&str; 13] = [
    "checkout", "clock", "cluster", "command", "env", "feed", "files", "prober", "registry", "report", "run", "signal",
    "source",
];
/// Functions that read the clock.
const CLOCKS: [&str; 4] = ["Timestamp::now", "Zoned::now", "Instant::now", "SystemTime::now"];
/// The one module that builds writes of the split.
const WRITER: &str = "machine";

/// A wall that is broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Breach {
    module: String,
    line: usize,
    names: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src/{}.rs, line {}: names {}", self.module, self.line, self.names)
    }
}

fn kind(module: &str) -> Kind {
    let root = module.split('/').next().unwrap();
    match root {
        CLUSTER => Kind::Cluster,
        _ if DRIVERS.contains(&root) => Kind::Driver,
        _ if root == TLS || OUTSIDE.contains(&root) => Kind::Outside,
        _ => Kind::Pure,
    }
}

/// The text without comments, strings' contents kept; tests at the end of a file are not the module.
fn code(text: &str) -> Vec<(usize, String)> {
    let lines = text.lines().enumerate();
    let body = lines.take_while(|(_, line)| !line.starts_with("#[cfg(test)]") || text_after_is_mod(text, line));
    body.map(|(i, line)| (i + 1, line.split("//").next().unwrap_or_default().to_owned())).collect()
}

/// A `#[cfg(test)]` in the list of modules at the top does not end the module.
fn text_after_is_mod(text: &str, line: &str) -> bool {
    let at = line.as_ptr() as usize - text.as_ptr() as usize;
    let next = text[at..].lines().nth(1).unwrap_or_default();
    next.ends_with(';')
}

/// Every path that is named, `use` trees spread out: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(code: &[(usize, String)]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut statement: Option<(usize, String)> = None;
    for (number, line) in code {
        let trimmed = line.trim();
        let begins = ["use ", "pub use ", "pub(crate) use ", "pub(super) use "].iter().any(|u| trimmed.starts_with(u));
        if statement.is_none() && !begins {
            found.extend(inline(trimmed).into_iter().map(|path| (*number, path)));
            continue;
        }
        let (start, mut text) = statement.take().unwrap_or((*number, String::new()));
        text.push_str(trimmed);
        if text.ends_with(';') {
            let tree = text.split_once("use ").map_or(text.as_str(), |(_, tree)| tree);
            let mut spread = Vec::new();
            expand("", tree.trim_end_matches(';'), &mut spread);
            found.extend(spread.into_iter().map(|path| (start, path)));
        } else {
            statement = Some((start, text));
        }
    }
    found
}

/// Paths in the middle of code: words joined by `::`.
fn inline(line: &str) -> Vec<String> {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = line.split(|c: char| !word(c)).filter(|w| w.contains("::"));
    words.map(|w| w.trim_matches(':').to_owned()).collect()
}

fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let mut depth = 0_i32;
    let mut part = String::new();
    let mut parts = Vec::new();
    for c in tree.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(c);
    }
    parts.push(part);
    for part in parts.iter().map(|p| p.trim()).filter(|p| !p.is_empty()) {
        match part.split_once("::{") {
            Some((head, rest)) => {
                expand(&format!("{prefix}{head}::"), rest.trim_end().strip_suffix('}').unwrap(), found);
            }
            None => found.push(format!("{prefix}{}", part.split(" as ").next().unwrap())),
        }
    }
}

/// True if `path` is `name` or something in it.
fn is_in(path: &str, name: &str) -> bool {
    let path = path.strip_prefix("::").unwrap_or(path);
    path == name || path.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"))
}

/// What is wrong with one module.
fn breaches(module: &str, text: &str) -> Vec<Breach> {
    let kind = kind(module);
    let code = code(text);
    let mut found = BTreeSet::new();
    let mut breach = |line: usize, names: &str| {
        found.insert(Breach { module: module.to_owned(), line, names: names.to_owned() });
    };
    for (line, path) in paths(&code) {
        if kind != Kind::Cluster && (is_in(&path, "kube") || is_in(&path, "k8s_openapi")) {
            breach(line, &path);
        }
        let forbidden = match kind {
            Kind::Pure => EFFECTS.iter().any(|e| is_in(&path, e)) && !VALUES.iter().any(|v| is_in(&path, v)),
            Kind::Driver => {
                let allowed = ["tokio::time", "tokio::sync", "tokio::select"].iter().any(|a| is_in(&path, a));
                !allowed && EFFECTS.iter().any(|e| is_in(&path, e))
            }
            Kind::Outside | Kind::Cluster => false,
        };
        let ours = match kind {
            Kind::Pure => OUR_EFFECTS.iter().any(|m| is_in(&path, &format!("crate::{m}"))),
            Kind::Driver => {
                let drives = |m: &&&str| !DRIVERS.contains(*m);
                OUR_EFFECTS.iter().filter(drives).any(|m| is_in(&path, &format!("crate::{m}")))
            }
            Kind::Outside | Kind::Cluster => false,
        };
        // Nobody depends on the commands.
        let upwards =
            !["command", "main", "lib"].contains(&module.split('/').next().unwrap()) && is_in(&path, "crate::command");
        let clock = kind != Kind::Outside
            && CLOCKS.iter().any(|c| path.ends_with(c))
            && !is_in(&path, "tokio::time")
            && !(kind == Kind::Cluster && path == "Instant::now");
        if forbidden || ours || upwards || clock {
            breach(line, &path);
        }
    }
    for (line, text) in &code {
        let builds = text.contains("\"op\"") && text.contains("/spec/traffic");
        if builds && module != WRITER {
            breach(*line, "a write of /spec/traffic");
        }
    }
    found.into_iter().collect()
}

/// Every module: its path under `src` without the ending, and its text.
fn modules() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let module = path.strip_prefix(&root).unwrap().with_extension("").display().to_string();
                found.push((module, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Files of a module's tests and samples: never part of the program.
fn is_for_tests(module: &str) -> bool {
    module.ends_with("/tests") || module.ends_with("/samples")
}

#[test]
fn walls_stand() {
    let modules = modules();
    assert!(modules.len() > 30, "only {} modules were found", modules.len());
    let broken: Vec<String> = modules
        .iter()
        .filter(|(module, _)| !is_for_tests(module))
        .flat_map(|(module, text)| breaches(module, text))
        .map(|b| b.to_string())
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_exception_is_still_needed() {
    let modules: Vec<String> = modules().into_iter().map(|(module, _)| module).collect();
    for name in DRIVERS.iter().chain(&OUTSIDE).chain(&OUR_EFFECTS).chain(&[TLS, CLUSTER, WRITER]) {
        assert!(modules.iter().any(|m| m == name), "there is no module {name} any more");
    }
}

#[test]
fn the_checker_can_fail() {
    let names =
        |module: &str, text: &str| -> Vec<String> { breaches(module, text).into_iter().map(|b| b.names).collect() };
    for (module, text, expected) in [
        ("walk", "use tokio::time::sleep;\n", "tokio::time::sleep"),
        ("walk", "use std::{\n    collections::BTreeMap,\n    fs,\n};\n", "std::fs"),
        ("walk", "use std::time::{Duration, Instant};\n", "std::time::Instant"),
        ("status/lines", "fn a() { let t = jiff::Timestamp::now(); }\n", "jiff::Timestamp::now"),
        ("status/lines", "use jiff::Timestamp;\nfn a() { let t = Timestamp::now(); }\n", "Timestamp::now"),
        ("plan", "pub(crate) use crate::cluster::Kube as K;\n", "crate::cluster::Kube"),
        ("plan", "use std::net::{IpAddr, TcpStream};\n", "std::net::TcpStream"),
        ("plan", "fn a() { std::env::var(\"X\"); }\n", "std::env::var"),
        ("run", "use tokio::net::TcpStream;\n", "tokio::net::TcpStream"),
        ("feed", "use crate::cluster::ObjectWatch;\n", "crate::cluster::ObjectWatch"),
        ("prober", "use kube::Client;\n", "kube::Client"),
        ("tekton", "use crate::command::run;\n", "crate::command::run"),
        (
            "settle",
            "    patch.push(json!({\"op\": \"add\", \"path\": \"/spec/traffic\", \"value\": s}));\n",
            "a write of /spec/traffic",
        ),
    ] {
        assert_eq!(names(module, text), [expected], "{module}: {text}");
    }
}

#[test]
fn the_checker_lets_pass_what_is_allowed() {
    for (module, text) in [
        ("walk", "use std::time::Duration;\n// use tokio::time::sleep;\n"),
        ("walk", "fn a() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n"),
        ("proxy", "use std::net::IpAddr;\nfn a() { std::net::SocketAddr::new(a, 1); }\n"),
        ("run", "use tokio::sync::mpsc::UnboundedReceiver;\nfn a() { tokio::time::sleep(d); }\n"),
        ("cluster/call", "use kube::client::Body;\n"),
        ("manifest", "use std::fs;\n"),
        ("machine", "    patch.push(json!({\"op\": \"add\", \"path\": \"/spec/traffic\", \"value\": s}));\n"),
        ("split", "use crate::clockwork::X;\nuse kubelike::Y;\n"),
    ] {
        assert_eq!(breaches(module, text), [], "{module}: {text}");
    }
    // A test module that is a file of its own does not hide what stands below it.
    let hidden = "#[cfg(test)]\nmod tests;\nuse std::fs;\n";
    assert_eq!(breaches("walk", hidden).len(), 1);
}
