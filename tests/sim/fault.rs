//! What goes wrong between a run and the API server: by an exact script, or drawn from a seed.

use super::watch::WatchEnd;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// One thing that goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// 409: refused without having looked; reads may meet it, too.
    Conflict,
    /// 429, with the time to wait.
    Slower(Duration),
    /// An HTTP error, before or after the effect.
    Status { status: u16, after: bool, retry_after: Option<Duration> },
    /// The connection breaks, before or after the effect.
    Reset { after: bool },
    /// No answer until the call's own limit; the effect happened or not.
    Silence { after: bool },
    /// No answer until the limit; the effect happens this long after the call, perhaps when nobody waits any more.
    Late(Duration),
    /// 403.
    Denied,
    /// Somebody edits the Service just before this call takes effect: the traffic, or the template.
    Raced { traffic: bool },
    /// Somebody declares another goal just before this call takes effect, which raises no generation.
    Redeclared,
    /// The watch that this call opens ends like that after this time; other calls are not touched.
    Watch(WatchEnd, Duration),
}

impl Fault {
    /// One of each kind, for exhaustive runs.
    pub(crate) const EACH: [Self; 15] = [
        Self::Conflict,
        Self::Slower(Duration::from_secs(2)),
        Self::Status { status: 500, after: false, retry_after: None },
        Self::Status { status: 500, after: true, retry_after: None },
        Self::Status { status: 503, after: false, retry_after: Some(Duration::from_secs(1)) },
        Self::Status { status: 504, after: true, retry_after: None },
        Self::Reset { after: false },
        Self::Reset { after: true },
        Self::Silence { after: false },
        Self::Silence { after: true },
        Self::Late(Duration::from_millis(10_300)),
        Self::Late(Duration::from_secs(14)),
        Self::Watch(WatchEnd::Closed, Duration::ZERO),
        Self::Watch(WatchEnd::Broken, Duration::from_millis(400)),
        Self::Watch(WatchEnd::Gone, Duration::ZERO),
    ];

    fn draw(rng: &mut fastrand::Rng) -> Self {
        let all = Self::EACH.len();
        let mut fault = match rng.usize(..=all) {
            one if one < all => Self::EACH[one],
            _ => Self::Raced { traffic: rng.bool() },
        };
        let millis = |rng: &mut fastrand::Rng, most: u64| Duration::from_millis(rng.u64(0..most));
        match &mut fault {
            Self::Slower(wait) => *wait = millis(rng, 5_000),
            Self::Late(wait) => *wait = millis(rng, 25_000),
            Self::Watch(_, after) => *after = millis(rng, 5_000),
            _ => {}
        }
        fault
    }
}

/// Where a process is killed: just before call N takes effect, or just after that and before its answer is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    Before(usize),
    After(usize),
}

/// Draws faults: so many of a thousand calls, and sometimes several in a row.
#[derive(Debug, Clone)]
pub(crate) struct Chooser {
    rng: fastrand::Rng,
    per_mille: u32,
    burst: Option<(Fault, u32)>,
}

impl Chooser {
    pub(crate) fn new(seed: u64, per_mille: u32) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed), per_mille, burst: None }
    }

    fn draw(&mut self) -> Option<Fault> {
        if let Some((fault, left)) = self.burst.take() {
            self.burst = (left > 1).then_some((fault, left - 1));
            return Some(fault);
        }
        if self.rng.u32(..1000) >= self.per_mille {
            return None;
        }
        let fault = Fault::draw(&mut self.rng);
        if self.rng.u8(..5) == 0 {
            self.burst = Some((fault, self.rng.u32(1..5)));
        }
        Some(fault)
    }
}

/// What goes wrong for one process. Calls are counted from 1.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    pub(crate) exact: BTreeMap<usize, Fault>,
    pub(crate) crash: Option<Crash>,
    pub(crate) chooser: Option<Chooser>,
    /// Times at which no call gets an answer (a reset at once).
    pub(crate) outages: Vec<Range<Duration>>,
    /// Times at which calls are refused for want of a right (403) or of credentials that are believed (401), and which calls:
    /// those whose verb begins like that.
    pub(crate) refusals: Vec<(Range<Duration>, &'static str)>,
    /// How long watches last, where that is not drawn.
    pub(crate) watches_last: Option<Duration>,
    /// Times at which the candidate's own address cannot be reached.
    pub(crate) cut_off: Vec<Range<Duration>>,
    /// From then on reads are answered and writes are not taken: a webhook that must be asked and cannot be.
    pub(crate) no_writes_from: Option<Duration>,
    /// The write of the Service that gets no answer, counted from 1, and whether it takes effect.
    pub(crate) silent_write: Option<(usize, bool)>,
    /// How many writes of the Service were tried.
    pub(crate) writes: usize,
}

impl Script {
    /// One fault at one call.
    pub(crate) fn one(call: usize, fault: Fault) -> Self {
        Self { exact: BTreeMap::from([(call, fault)]), ..Self::default() }
    }

    /// Killed at one place.
    pub(crate) fn killed(crash: Crash) -> Self {
        Self { crash: Some(crash), ..Self::default() }
    }

    /// Faults as a seed says.
    pub(crate) fn random(seed: u64, per_mille: u32) -> Self {
        Self { chooser: Some(Chooser::new(seed, per_mille)), ..Self::default() }
    }

    pub(crate) fn fault(&mut self, verb: &str, call: usize, now: Duration) -> Option<Fault> {
        self.writes += usize::from(verb == "patch services");
        if let Some((write, after)) = self.silent_write
            && verb == "patch services"
            && write == self.writes
        {
            return Some(Fault::Silence { after });
        }
        let writes = verb == "patch services" || verb == "create services";
        if writes && self.no_writes_from.is_some_and(|from| now >= from) {
            return Some(Fault::Status { status: 500, after: false, retry_after: None });
        }
        if self.refusals.iter().any(|(times, calls)| times.contains(&now) && verb.starts_with(calls)) {
            return Some(Fault::Denied);
        }
        let scripted = self.exact.get(&call).copied();
        let outage = self.outages.iter().any(|o| o.contains(&now)).then_some(Fault::Reset { after: false });
        scripted.or(outage).or_else(|| self.chooser.as_mut().and_then(Chooser::draw))
    }
}
