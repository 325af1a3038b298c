//! The checker can fail: breaches are planted in the real files, and each must be found. Every line that a wall once let
//! through is here.

use crate::modules::House;
use crate::source::{Source, sources};
use crate::tokens::program;
use crate::{circles, traffic, types, walls};
use std::rc::Rc;

/// The house with a text at the end of each of some files: below their tests, which hide nothing.
fn planted(sources: &[Rc<Source>], texts: &[(&str, &str)]) -> House {
    let mut sources = sources.to_vec();
    for (file, text) in texts {
        let source = sources.iter_mut().find(|source| source.file == *file);
        let source = source.unwrap_or_else(|| panic!("there is no src/{file} to plant a breach in"));
        let text = format!("{}\n{text}\n", source.text);
        *source = Rc::new(Source::new(source.file.clone(), source.module.clone(), text, program));
    }
    House::new(sources)
}

/// What is found in one file of a house.
fn found(house: &House, file: &str) -> Vec<String> {
    let source = house.sources.iter().find(|source| source.file == file).unwrap();
    walls(house).breaches(source).into_iter().chain(traffic::writes(source)).map(|breach| breach.names).collect()
}

const WALK: &str = "machine/walk/take.rs";
const SETTLE: &str = "machine/settle.rs";
const CALL: &str = "adapter/cluster/call.rs";
const POINTER: &str = "a pointer to spec.traffic";
const KEY: &str = "traffic as a key of an object";

#[test]
fn the_checker_can_fail() {
    let sources = sources();
    for (file, text, expected) in [
        // A room is refused because it is above, whether it reads files, writes them, or knows flags.
        (WALK, "use crate::adapter::manifest::read_for_staging;", "crate::adapter::manifest::read_for_staging"),
        (WALK, "use crate::adapter::tekton::Results;", "crate::adapter::tekton::Results"),
        (WALK, "use crate::adapter::tls::client;", "crate::adapter::tls::client"),
        (WALK, "use crate::cli::WalkArgs;", "crate::cli::WalkArgs"),
        (WALK, "use super::super::super::adapter::cluster::Kube;", "crate::adapter::cluster::Kube"),
        (CALL, "use crate::machine::walk::Walk;", "crate::machine::walk::Walk"),
        (SETTLE, "const T: &str = \"/spec/traffic\";\nfn a() { json!({\"op\": \"add\", \"path\": T}) }", POINTER),
        (SETTLE, "fn a() { json!({\n\"op\": \"add\",\n\"path\": \"/spec/traffic\",\n\"value\": s}) }", POINTER),
        // No room looks up.
        ("model/percent.rs", "use crate::evidence::Sums;", "crate::evidence::Sums"),
        ("evidence/gate.rs", "use crate::rollout::record::Record;", "crate::rollout::record::Record"),
        ("image/tag.rs", "use crate::evidence::Sums;", "crate::evidence::Sums"),
        ("rollout/plan.rs", "use crate::machine::walk::Walk;", "crate::machine::walk::Walk"),
        (WALK, "use crate::run::ports::Clock;", "crate::run::ports::Clock"),
        ("view/plan.rs", "use crate::run::ports::Clock;", "crate::run::ports::Clock"),
        ("run/watch.rs", "pub(crate) use crate::adapter::cluster::Kube as K;", "crate::adapter::cluster::Kube"),
        ("adapter/prober.rs", "fn a(limits: crate::run::Limits) {}", "crate::run::Limits"),
        ("adapter/tekton.rs", "use crate::command::run;", "crate::command::run"),
        ("cli/walk.rs", "use crate::command::run;", "crate::command::run"),
        ("lib.rs", "pub use adapter::cluster::Kube;", "crate::adapter::cluster::Kube"),
        ("main.rs", "use andante::machine::walk::Walk;", "crate::machine::walk::Walk"),
        // Other ways to say it.
        (WALK, "use crate::{\n    adapter::{\n        manifest::{self as m},\n    },\n};", "crate::adapter::manifest"),
        (WALK, "use crate::adapter as a;", "crate::adapter"),
        (WALK, "use crate as c;\nfn a() { c::adapter::tls::client() }", "crate::adapter::tls::client"),
        (WALK, "use self::super::super::super::adapter::tls;", "crate::adapter::tls"),
        (
            WALK,
            "mod a { fn b() { super::super::super::super::adapter::tls::client() } }",
            "crate::adapter::tls::client",
        ),
        (WALK, "fn a() { vec![crate\n    // Here:\n    ::adapter::tls::client()] }", "crate::adapter::tls::client"),
        (WALK, "macro_rules! a { () => { $crate::adapter::tls::client() } }", "crate::adapter::tls::client"),
        (WALK, "#[serde(with = \"crate::adapter::tekton\")]\nstruct A;", "crate::adapter::tekton"),
        (
            WALK,
            "struct A {\n    #[cfg(test)]\n    b: u8,\n    c: crate::adapter::cluster::Kube,\n}",
            "crate::adapter::cluster::Kube",
        ),
        (WALK, "#[cfg(any(test, unix))]\nuse crate::adapter::tls;", "crate::adapter::tls"),
        // Effects.
        (WALK, "use tokio::time::sleep;", "tokio::time::sleep"),
        (WALK, "use std::{\n    collections::BTreeMap,\n    fs,\n};", "std::fs"),
        (WALK, "use std as s;\nfn a() { s::fs::read(\"x\") }", "std::fs::read"),
        (WALK, "use std::time;\nfn a() { time::Instant::now() }", "std::time::Instant::now"),
        (WALK, "use std::time::{Duration, Instant};", "std::time::Instant"),
        (WALK, "use ::r#tokio::spawn;", "tokio::spawn"),
        (WALK, "use fastrand;", "fastrand"),
        ("view/status/lines.rs", "fn a() { jiff::Timestamp::now() }", "jiff::Timestamp::now"),
        ("view/status/lines.rs", "use jiff::Timestamp as T;\nfn a() { T::now() }", "jiff::Timestamp::now"),
        ("rollout/plan.rs", "use std::net::{IpAddr, TcpStream};", "std::net::TcpStream"),
        ("image/tag.rs", "use std::net::{IpAddr, TcpStream};", "std::net::TcpStream"),
        ("evidence/gate.rs", "fn a() { std::env::var(\"X\") }", "std::env::var"),
        ("run/mod.rs", "use tokio::net::TcpStream;", "tokio::net::TcpStream"),
        ("cli/walk.rs", "fn a() { std::fs::read(\"x\") }", "std::fs::read"),
        ("adapter/prober.rs", "use kube::Client;", "kube::Client"),
        ("adapter/cluster/call.rs", "fn a() { std::env::var(\"X\") }", "std::env::var"),
        ("command/roll.rs", "use k8s_openapi::api::core::v1::Pod;", "k8s_openapi::api::core::v1::Pod"),
        // What hides names.
        (WALK, "use std::*;", "all of std::*"),
        (WALK, "use crate::machine::judge::*;", "all of crate::machine::judge::*"),
        (WALK, "include!(\"../adapter/tls.rs\");", "code from elsewhere (include!)"),
        (WALK, "#[path = \"../../adapter/tls.rs\"]\nmod t;", "a file that is not where its name says (#[path])"),
        (
            WALK,
            "#[cfg_attr(unix, path = \"../../adapter/tls.rs\")]\nmod t;",
            "a file that is not where its name says (#[path])",
        ),
        (WALK, "extern crate kube as k;", "a second name for a crate (extern crate)"),
        ("adapter/tls.rs", "#[macro_export]\nmacro_rules! a { () => {} }", "a macro that is used without a path"),
        // Other ways to write the split.
        (SETTLE, "const T: &str = \"/spec\\\n    /traffic\";", POINTER),
        (SETTLE, "const T: &str = r#\"/spec/traffic/0/percent\"#;", POINTER),
        (SETTLE, "const T: &str = \"\\u{2f}spec\\x2ftraffic\";", POINTER),
        (SETTLE, "fn a() { concat!(\"/spec/\", \"traffic\") }", POINTER),
        (SETTLE, "fn a() { format!(\"/spec/{field}\") }", POINTER),
        (SETTLE, "fn a() { json!({\"op\": \"replace\", \"path\": \"/spec\", \"value\": s}) }", POINTER),
        (SETTLE, "fn a() { object.pointer_mut(\"/spec/traffic\") }", POINTER),
        // In an object that is sent as a whole.
        (SETTLE, "fn a() { json!({\"spec\": {\"traffic\": split}}) }", KEY),
        (SETTLE, "fn a() { spec.insert(\"traffic\".into(), split); }", KEY),
        (SETTLE, "fn a() { *spec.entry(r#\"traffic\"#).or_default() = split; }", KEY),
        (SETTLE, "fn a() { object[\"spec\"][\"traffic\"] = split; }", KEY),
        (SETTLE, "fn a() { spec.extend([(String::from(\"traffic\"), split)]); }", KEY),
        ("adapter/manifest.rs", "const T: &str = \"traffic\";", KEY),
        ("machine/apply/body.rs", "fn a() { spec.extend(x.map(|x| (\"traffic\".to_owned(), x))); }", KEY),
    ] {
        let found = found(&planted(&sources, &[(file, text)]), file);
        assert!(found.iter().any(|names| names == expected), "{file}: {text}\nwas not found, only {found:?}");
    }
}

#[test]
fn the_checker_lets_pass_what_is_allowed() {
    let sources = sources();
    for (file, text) in [
        (WALK, "use std::time::Duration;\n// use tokio::time::sleep;\n/* use tokio::time::sleep; */"),
        (WALK, "/// Like [`crate::adapter::tls::client`].\nfn a() { \"crate::adapter::tls::client\" }"),
        (WALK, "#[cfg(test)]\nmod a {\n    use std::fs;\n}"),
        (WALK, "#[cfg(test)]\nuse crate::adapter::tls;"),
        (WALK, "use super::super::super::model::percent::Percent;"),
        (WALK, "use crate::machine::judge::{self, Judge as J};\nfn a() { Vec::<u8>::new() }"),
        ("image/tag.rs", "use std::net::IpAddr;"),
        ("adapter/proxy.rs", "fn a() { std::net::SocketAddr::new(a, 1) }"),
        ("run/mod.rs", "use tokio::sync::mpsc::UnboundedReceiver as U;\nfn a() { tokio::time::sleep(d) }"),
        (CALL, "use kube::client::Body as B;\nuse crate::run::ports::Clock;"),
        ("adapter/manifest.rs", "use std::fs;"),
        ("model/split.rs", "use crate::model::clockwork::X;\nuse kubelike::Y;"),
        (WALK, "fn a() {\n    path = b[path == c];\n}"),
        ("main.rs", "use andante::command::run;"),
        ("machine/write.rs", "fn a() { json!({\"op\": \"add\", \"path\": \"/spec/traffic\", \"value\": s}) }"),
        (SETTLE, "fn a() { object.pointer(\"/spec/traffic\").or(object.pointer(\"/spec\")) }"),
        (SETTLE, "fn a() { spec.remove(\"traffic\"); object[\"traffic\"] == split || name == \"traffic\" }"),
        (SETTLE, "fn a() { match part { A => \"traffic\" } }\nfn b() { object[\"spec\"].get(\"traffic\") }"),
        ("view/plan.rs", "fn a() { json!({\"traffic\": split}) }"),
        (SETTLE, "const T: [&str; 3] = [\"/spec/template\", \"/spec/trafficked\", \"/\"];"),
    ] {
        let found = found(&planted(&sources, &[(file, text)]), file);
        assert!(found.is_empty(), "{file}: {text}\n{found:?}");
    }
}

#[test]
fn a_face_in_a_room_that_may_be_used_is_no_door() {
    let sources = sources();
    let house = planted(
        &sources,
        &[("run/ports.rs", "pub use crate::machine::walk::Walk;"), (CALL, "use crate::run::ports::Walk;")],
    );
    assert_eq!(found(&house, "run/ports.rs"), [""; 0]);
    assert!(found(&house, CALL).iter().any(|names| names == "crate::machine::walk::Walk"));
}

#[test]
fn a_permit_that_nobody_needs_is_found() {
    let sources = sources();
    let mut house = planted(&sources, &[]);
    house.sources.retain(|source| source.file != "adapter/clock.rs");
    assert_eq!(
        walls(&house).unused(),
        [
            "adapter/clock has no use for jiff::Timestamp::now any more",
            "adapter/clock has no use for std::time::Instant any more"
        ]
    );
}

#[test]
fn a_circle_is_found() {
    let sources = sources();
    for (file, text, through) in [
        ("machine/write.rs", "use crate::machine::walk::Walk;", "machine/write.rs uses src/machine/walk.rs"),
        // A parent's face leads to the child that defines the name.
        ("evidence/counts.rs", "use super::Sums;", "evidence/counts.rs uses src/evidence/sums.rs"),
        (
            "machine/standing.rs",
            "fn a() { crate::machine::settle::settle() }",
            "machine/standing.rs uses src/machine/settle.rs",
        ),
    ] {
        let circles = circles::circles(&planted(&sources, &[(file, text)]));
        assert!(circles.iter().any(|circle| circle.contains(through)), "{file}: {text}\n{circles:?}");
    }
    // One thing in several files is none.
    let present = circles::circles(&planted(&sources, &[]));
    assert_eq!(circles::circles(&planted(&sources, &[(WALK, "use super::Walk as W;\nimpl W {}")])), present);
}

#[test]
fn a_name_that_stands_twice_is_found() {
    let sources = sources();
    for (text, name) in [
        ("struct Walk;", "Walk"),
        ("pub(crate) enum Walk<A> {}", "Walk"),
        ("fn a() {\n    type Walk = u8;\n}", "Walk"),
        ("trait Walk {}", "Walk"),
        ("name_type! {\n    /// A tag.\n    Tag, \"tag\", \"\", |t| true\n}", "Tag"),
    ] {
        let twice = types::twice(&planted(&sources, &[("view/plan.rs", text)]));
        assert!(twice.len() == 1 && twice[0].starts_with(&format!("{name} is a type in ")), "{text}: {twice:?}");
    }
    for text in [
        "#[cfg(test)]\nmod a {\n    struct Walk;\n}",
        "impl Iterator for A {\n    type Walk = u8;\n}",
        "trait A {\n    type Walk: Clone;\n}",
    ] {
        let twice = types::twice(&planted(&sources, &[("view/plan.rs", text)]));
        assert!(twice.is_empty(), "{text}: {twice:?}");
    }
}
