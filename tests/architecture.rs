//! The walls of the house, checked on the source: which room may use which, which effects are behind which door, who
//! writes traffic. `clippy.toml` holds single functions back; this holds rooms and whole crates back.
//!
//! [`TABLE`] is all of it. What is not in it is refused, and what is in it and not needed is refused too, so it says what
//! the program is. There is no list of exceptions.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/hidden.rs"]
mod hidden;
#[path = "architecture/modules.rs"]
mod modules;
#[path = "architecture/names.rs"]
mod names;
#[path = "architecture/planted.rs"]
mod planted;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/source.rs"]
mod source;
#[path = "architecture/tokens.rs"]
mod tokens;
#[path = "architecture/traffic.rs"]
mod traffic;
#[path = "architecture/types.rs"]
mod types;
#[path = "architecture/walls.rs"]
mod walls;

use modules::House;
use walls::{Row, Walls};

/// A room, the rooms (or single modules of rooms) that it may use, and what it may use of what is held back ([`HELD`], and
/// every crate that is not in [`VALUES`]). A row of a folder inside a room adds to the room's.
const TABLE: &[Row] = &[
    // Pure: values in, values out. `IpAddr` is a value; a socket is not.
    Row { name: "model", rooms: &[], outside: &[] },
    // Files and annotations hold YAML; reading it is a matter of text alone.
    Row { name: "model/yaml", rooms: &[], outside: &["serde_saphyr"] },
    Row { name: "evidence", rooms: &["model"], outside: &["libm"] },
    Row { name: "image", rooms: &["model"], outside: &["std::net::IpAddr"] },
    Row { name: "rollout", rooms: &["evidence", "model"], outside: &[] },
    // What is declared says where an image goes.
    Row { name: "rollout/declaration", rooms: &["image"], outside: &[] },
    // A hash is a value of a text: goals, runs and Events are named by one.
    Row { name: "rollout/hashed", rooms: &[], outside: &["ring::digest"] },
    Row { name: "machine", rooms: &["rollout", "evidence", "model"], outside: &[] },
    Row { name: "view", rooms: &["machine", "rollout", "evidence", "model"], outside: &[] },
    // The runner waits, on the runtime's own timer and channels. Everything else comes through its ports.
    Row {
        name: "run",
        rooms: &["machine", "rollout", "evidence", "model"],
        outside: &["backon", "futures_util", "tokio::select", "tokio::sync", "tokio::time"],
    },
    // Adapters know ports and values; what a machine makes of them is none of their business.
    Row {
        name: "adapter",
        rooms: &["run/ports", "rollout", "evidence", "image", "model"],
        outside: &["http", "reqwest", "ring", "rustls", "serde_saphyr", "std::fs", "std::io", "tokio"],
    },
    Row { name: "adapter/checkout", rooms: &[], outside: &["miniz_oxide", "std::os"] },
    // A program of the user's is run at one place: git, where only it can tell.
    Row { name: "adapter/checkout/ask", rooms: &[], outside: &["std::process"] },
    Row { name: "adapter/clock", rooms: &[], outside: &["jiff::Timestamp::now", "std::time::Instant"] },
    Row { name: "adapter/cluster", rooms: &[], outside: &["fastrand", "http_body_util", "kube"] },
    Row { name: "adapter/env", rooms: &[], outside: &["std::env"] },
    // The one socket that is listened on.
    Row { name: "adapter/metrics", rooms: &[], outside: &["futures_util", "std::net::SocketAddr"] },
    Row { name: "adapter/proxy", rooms: &[], outside: &["std::net::IpAddr", "std::net::SocketAddr"] },
    Row { name: "adapter/registry", rooms: &[], outside: &["base64"] },
    Row { name: "adapter/source", rooms: &[], outside: &["futures_util", "std::thread", "std::time::SystemTime"] },
    // What was typed becomes values; nothing is done about it.
    Row {
        name: "cli",
        rooms: &["view", "machine", "rollout", "evidence", "image", "model"],
        outside: &["clap", "http", "std::net::SocketAddr"],
    },
    Row {
        name: "command",
        rooms: &["cli", "adapter", "view", "run", "machine", "rollout", "evidence", "image", "model"],
        outside: &[
            "clap",
            "fastrand",
            "futures_util",
            "reqwest::Url",
            "std::io",
            "std::net::SocketAddr",
            "std::thread",
            "tokio::select",
            "tokio::sync",
            "tokio::time",
        ],
    },
    // The roots of the library and of the program. Nobody may use them, so nobody uses a command but `main`.
    Row { name: "lib", rooms: &[], outside: &[] },
    Row {
        name: "main",
        rooms: &["command", "cli", "adapter/tls", "model/outcome"],
        outside: &["std::env", "std::process", "tokio::runtime"],
    },
];

/// Names that need a permit: the effects of the standard library, and what reads the clock without it.
const HELD: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::time::UNIX_EPOCH",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "jiff::tz::TimeZone::system",
];

/// Crates that have no effects (but those of [`HELD`]): any room may use them. Every other crate of `Cargo.toml` needs a
/// permit, a new one too.
const VALUES: &[&str] = &["humantime", "jiff", "serde", "serde_json", "thiserror"];

/// The walls of a house.
fn walls(house: &House) -> Walls<'_> {
    Walls { house, table: TABLE, held: HELD, values: VALUES }
}

/// The house as it stands.
fn house() -> House {
    House::new(source::sources())
}

/// Fails with one line for each finding.
fn none(found: Vec<impl ToString>) {
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn walls_stand() {
    let house = house();
    assert!(house.sources.len() > 150, "only {} files were found", house.sources.len());
    none(house.sources.iter().flat_map(|source| walls(&house).breaches(source)).collect());
}

#[test]
fn every_permit_of_the_table_is_needed() {
    let house = house();
    none(walls(&house).unused());
}

#[test]
fn no_modules_need_each_other_in_a_circle() {
    none(circles::circles(&house()));
}

#[test]
fn one_module_writes_the_split() {
    none(house().sources.iter().flat_map(|source| traffic::writes(source)).collect());
}

#[test]
fn a_name_is_one_type() {
    none(types::twice(&house()));
}
