//! The figures that a release is compared by: size, start-up, the reference of an image, and on a real cluster requests,
//! memory and the time to bring users back. `make bench` runs it against the cluster that KUBECONFIG names; without one it
//! ends after the first three. With the argument `pods` it measures what users wait for pods instead, which takes half an
//! hour; `pods NAME` takes only the rows whose name has NAME in it. With `starting` it measures how soon an edit of a Service starts its
//! run, while those who follow are killed. With `binding` (`binding MINUTES`) it measures for an hour what
//! whoever follows 1, 100 and 1,000 Services asks and holds while nothing happens; that needs no cluster.
//!
//! Each figure is a line `figure: NAME = VALUE UNIT (how)` on standard output, what the runs said is on standard error.
//! Nothing here fails because of a time: only a run that did not do what was asked ends it.

#![allow(missing_docs, unreachable_pub, dead_code, unused_imports)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stderr, clippy::print_stdout)]
// Processes and real time: clocks and the environment are what this is about.
#![allow(clippy::disallowed_methods, clippy::doc_markdown)]

#[path = "../tests/cluster"]
mod cluster {
    // The cluster tests' own: namespaces, the binary as a process, users who are counted, the counting proxy.
    pub mod support;
}

#[path = "../tests/adapters/authority.rs"]
mod authority;

mod live {
    pub mod back;
    pub mod binding;
    pub mod figures;
    pub mod gate;
    pub mod image;
    pub mod meter;
    pub mod pods;
    pub mod requests;
    pub mod room;
    pub mod runs;
    pub mod shipped;
    pub mod start;
    pub mod starting;
}

use live::figures::load;
use live::{back, binding, image, pods, requests, room, runs, shipped, start, starting};
use std::time::{Duration, Instant};

/// All but the pods stays below five minutes: repeats stop here.
const ENOUGH: Duration = Duration::from_secs(240);

fn main() {
    let until = Instant::now() + ENOUGH;
    let build = shipped::build();
    let mut rows = std::env::args().skip_while(|argument| argument != "pods");
    if rows.next().is_some() {
        // Cargo ends its own words with `--bench`.
        let named = rows.find(|argument| !argument.starts_with("--")).unwrap_or_default();
        pods::measure(&build.path, &named);
        return;
    }
    let mut minutes = std::env::args().skip_while(|argument| argument != "binding");
    if minutes.next().is_some() {
        load("at the beginning");
        binding::measure(&build, minutes.next().and_then(|text| text.parse().ok()).unwrap_or(60));
        load("at the end");
        return;
    }
    if std::env::args().any(|argument| argument == "starting") {
        starting::measure(&build);
        load("at the end");
        return;
    }
    load("at the beginning");
    shipped::size(&build);
    start::idle();
    start::measure(&build);
    image::measure(&build);
    if std::env::var_os("KUBECONFIG").is_none_or(|value| value.is_empty()) {
        println!("KUBECONFIG names no cluster: `make bench` brings one up and measures the rest");
        return;
    }
    let room = room::Room::new();
    let runner = runs::Runner { binary: &build.path, space: &room.space };
    requests::measure(runner);
    back::measure(runner, until);
    load("at the end");
}
