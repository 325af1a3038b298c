//! A walk that judges by evidence under load, and what it cost users.

use super::andante::Ran;
use super::load::{Hit, Hits, Load};
use super::space::{Space, record};
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

/// `walk hello` with these flags, and those of [`QUICK`] that are not among them.
pub fn quick<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    let missing = QUICK.chunks(2).filter(|pair| !flags.contains(&pair[0])).flatten();
    ["walk", "hello"].into_iter().chain(missing.copied()).chain(flags.iter().copied()).collect()
}

/// A walk that ended, and the users that it had.
#[derive(Debug)]
pub struct Judged {
    pub ran: Ran,
    pub hits: Hits,
    /// When the first users were moved, and when the last write was made.
    pub moved: Option<Timestamp>,
    pub back: Option<Timestamp>,
    /// The instant of the last reading that was judged.
    pub read: Option<Timestamp>,
}

impl Judged {
    /// The outcome of a walk that went back on evidence: worse than stable, or by the objective, whichever was known first.
    #[track_caller]
    pub fn verdict(&self) -> &'static str {
        if self.ran.code == 24 {
            self.ran.clone().says("objective broken").says(" decides)");
            return "objective-broken";
        }
        self.ran.clone().ended(23).says("worse than stable").says("100 decides");
        "worse"
    }

    /// Walks `hello` with these flags beside [`QUICK`] while users ask `rate` times a second.
    #[track_caller]
    pub fn walk(space: &Space, rate: u32, flags: &[&str]) -> Self {
        Self::walk_while(space, rate, flags, || {})
    }

    /// The same; `meanwhile` is done when the first users are moved.
    #[track_caller]
    pub fn walk_while(space: &Space, rate: u32, flags: &[&str], meanwhile: impl FnOnce()) -> Self {
        let load = Load::start(space, &["hello"], rate, Duration::from_secs(300));
        Self::of(space, load, flags, meanwhile)
    }

    /// The same with these flags alone: all else is as the command line has it.
    #[track_caller]
    pub fn by_default(space: &Space, rate: u32, flags: &[&str]) -> Self {
        let load = Load::start(space, &["hello"], rate, Duration::from_secs(300));
        Self::told(space, load, &[&["walk", "hello"], flags].concat(), || {})
    }

    /// As [`Self::walk_while`] with a load of one's own.
    #[track_caller]
    pub fn of(space: &Space, load: Load, flags: &[&str], meanwhile: impl FnOnce()) -> Self {
        Self::told(space, load, &quick(flags), meanwhile)
    }

    #[track_caller]
    fn told(space: &Space, load: Load, arguments: &[&str], meanwhile: impl FnOnce()) -> Self {
        std::thread::sleep(Duration::from_secs(2));
        let mut walk = space.start(arguments);
        walk.line("(step ", LONG);
        meanwhile();
        walk.line("end:", Duration::from_secs(280));
        let lines = walk.lines();
        let when = |text: &str| lines.iter().find(|(_, line)| line.contains(text)).map(|(at, _)| *at);
        let (moved, back) = (when("(step "), when("traffic: back to"));
        let ran = walk.wait(LONG);
        std::thread::sleep(Duration::from_secs(3));
        // The way back is decided, and its record made, in the same moment in which the reading arrives.
        let record = record(&space.service("hello"));
        let read = record.filter(|r| r["phase"] == "rolled-back").and_then(|r| r["step_at"].as_str()?.parse().ok());
        Self { ran, hits: load.stop(), moved, back, read }
    }

    /// Requests that users saw fail or never answered, since the first of them were moved: what they met before is no walk's fault.
    pub fn bad(&self) -> usize {
        let since = self.moved.unwrap_or(Timestamp::MIN);
        self.hits.iter().filter(|hit| hit.at >= since && !hit.is_good()).count()
    }

    /// How long after the reading that decided the last user was sent to the candidate.
    pub fn late(&self) -> Duration {
        let candidate = |hit: &&Hit| hit.version.as_deref() == Some("v2") || !hit.is_good();
        let last = self.hits.iter().filter(candidate).map(|hit| hit.at).max();
        let late = last.zip(self.read).map_or(SignedDuration::ZERO, |(last, read)| last.duration_since(read));
        Duration::try_from(late).unwrap_or_default()
    }

    /// Figures in one line, for whoever compares them.
    pub fn figures(&self, name: &str) {
        let since = |end: Option<Timestamp>| {
            let pair = self.moved.zip(end);
            pair.map_or_else(|| "-".to_owned(), |(from, to)| format!("{:.1} s", to.duration_since(from).as_secs_f64()))
        };
        eprintln!(
            "FIGURES {name}: exit {}, {} requests, {} bad, {} from the first step to the way back, last candidate's user {:.0?} after the \
             reading that decided, the walk took {:.1} s",
            self.ran.code,
            self.hits.len(),
            self.bad(),
            since(self.back),
            self.late(),
            self.ran.took.as_secs_f64(),
        );
    }
}
