//! A walk that judges by evidence under load, and what it cost users.

use super::andante::Ran;
use super::load::{Hit, Hits, Load};
use super::space::Space;
use super::wait::LONG;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// What every such walk of these tests is told, for speed.
pub const QUICK: [&str; 12] = [
    "--objective",
    "10%",
    "--evidence-every",
    "2s",
    "--evidence-lag",
    "1s",
    "--dwell",
    "6s",
    "--bake",
    "6s",
    "--warm-up",
    "4s",
];

/// A walk that ended, and the users that it had.
#[derive(Debug)]
pub struct Judged {
    pub ran: Ran,
    pub hits: Hits,
    /// When the first users were moved, and when the last write was made.
    pub moved: Option<Timestamp>,
    pub back: Option<Timestamp>,
}

impl Judged {
    /// Walks `hello` with these flags beside [`QUICK`] while users ask `rate` times a second.
    #[track_caller]
    pub fn walk(space: &Space, rate: u32, flags: &[&str]) -> Self {
        Self::walk_while(space, rate, flags, || {})
    }

    /// The same; `meanwhile` is done when the first users are moved.
    #[track_caller]
    pub fn walk_while(space: &Space, rate: u32, flags: &[&str], meanwhile: impl FnOnce()) -> Self {
        let load = Load::start(space, &["hello"], rate, Duration::from_secs(120));
        std::thread::sleep(Duration::from_secs(2));
        let mut walk = space.start(&[&["walk", "hello"], &QUICK[..], flags].concat());
        walk.line("(step ", LONG);
        meanwhile();
        walk.line("end:", LONG);
        let lines = walk.lines();
        let when = |text: &str| lines.iter().find(|(_, line)| line.contains(text)).map(|(at, _)| *at);
        let (moved, back) = (when("(step "), when("traffic: back to"));
        let ran = walk.wait(LONG);
        std::thread::sleep(Duration::from_secs(3));
        Self { ran, hits: load.stop(), moved, back }
    }

    /// Requests that users saw fail or never answered.
    pub fn bad(&self) -> usize {
        self.hits.iter().filter(|hit| !hit.is_good()).count()
    }

    /// How long after the write back the last user was sent to the candidate; none if it was before.
    pub fn late(&self) -> Duration {
        let candidate = |hit: &&Hit| hit.version.as_deref() == Some("v2") || !hit.is_good();
        let last = self.hits.iter().filter(candidate).map(|hit| hit.at).max();
        let late = last.zip(self.back).map_or(SignedDuration::ZERO, |(last, back)| last.duration_since(back));
        Duration::try_from(late).unwrap_or_default()
    }

    /// Figures in one line, for whoever compares them.
    pub fn figures(&self, name: &str) {
        let since = |end: Option<Timestamp>| {
            let pair = self.moved.zip(end);
            pair.map_or_else(|| "-".to_owned(), |(from, to)| format!("{:.1} s", to.duration_since(from).as_secs_f64()))
        };
        eprintln!(
            "FIGURES {name}: exit {}, {} requests, {} bad, {} from the first step to the way back, last candidate's user {:?} after it, \
             the walk took {:.1} s",
            self.ran.code,
            self.hits.len(),
            self.bad(),
            since(self.back),
            self.late(),
            self.ran.took.as_secs_f64(),
        );
    }
}
