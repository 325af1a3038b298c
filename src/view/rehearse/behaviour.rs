//! How a made-up service and what is around it behave. Decides no chance and no time; it uses nothing but durations and the
//! kind of pods.

use super::pods::PodKind;
use std::time::Duration;

/// A time during which something is so, counted from when the first users are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spell {
    /// When it begins.
    pub from: Duration,
    /// How long it lasts; none: for ever.
    pub lasts: Option<Duration>,
}

impl Spell {
    /// True if it is on.
    pub fn is_on(&self, at: Duration) -> bool {
        at >= self.from && self.lasts.is_none_or(|lasts| at < self.from + lasts)
    }

    /// The moment after `at` at which it begins or ends.
    pub fn next(&self, at: Duration) -> Option<Duration> {
        let end = self.lasts.map(|lasts| self.from + lasts);
        [Some(self.from), end].into_iter().flatten().find(|moment| *moment > at)
    }
}

/// Something that hits both revisions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Incident {
    /// When.
    pub spell: Spell,
    /// The part of requests that fails because of it, whoever answers.
    pub errors: f64,
}

/// Pods that come later than the users that each step sends to them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColdStart {
    /// For how long after a larger share is served.
    pub lasts: Duration,
    /// The part of requests of the users who were moved by it that fails meanwhile.
    pub errors: f64,
}

/// Others who ask the candidate's own address, from before the first users are moved until the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtItsAddress {
    /// Requests a second.
    pub rate: f64,
    /// The part of them that fails.
    pub errors: f64,
    /// All of them that do not fail are answered with a 4xx.
    pub refused: bool,
    /// How long each takes; zero: it is answered at once.
    pub takes: Duration,
}

impl AtItsAddress {
    /// As they ask one of so many gateways.
    pub(super) fn one_of(self, gateways: u32) -> Self {
        Self { rate: self.rate / f64::from(gateways.max(1)), ..self }
    }
}

/// Pods of the gateway that end, each time the oldest, and another begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayEnds {
    /// When the first does, counted from when the first users are moved.
    pub from: Duration,
    /// How long after it the next does.
    pub every: Duration,
    /// How many do.
    pub times: u32,
}

/// Pods of about ten requests a second each, of both revisions alike, that fall ill: one fails everything for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodFaults {
    /// How long a pod is ill.
    pub lasts: Duration,
    /// How often that happens to each, on average; longer than it lasts.
    pub every: Duration,
}

/// Something that begins again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// How long it lasts.
    pub lasts: Duration,
    /// From one beginning to the next; longer than it lasts.
    pub every: Duration,
}

impl Burst {
    /// How long after the last beginning.
    fn since(&self, at: Duration) -> Duration {
        let nanos = at.as_nanos() % self.every.as_nanos().max(1);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// True if it is on; one begins at 0.
    pub fn is_on(&self, at: Duration) -> bool {
        self.since(at) < self.lasts
    }

    /// The moment after `at` at which it begins or ends.
    pub fn next(&self, at: Duration) -> Duration {
        let since = self.since(at);
        at + if since < self.lasts { self.lasts } else { self.every }.saturating_sub(since)
    }
}

/// Answers that begin at once and go on for long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Streams {
    /// The part of good answers that does.
    pub part: f64,
    /// How long one lasts.
    pub lasts: Duration,
}

/// How the service and what is around it behave.
#[derive(Debug, Clone, PartialEq)]
pub struct Behaviour {
    /// Requests a second.
    pub rate: f64,
    /// The part of stable's requests that fails.
    pub errors: f64,
    /// The part of the candidate's requests that fails.
    pub candidate_errors: f64,
    /// The part of what stable does not fail that it answers with a 4xx, and the candidate.
    pub client_errors: f64,
    pub candidate_client_errors: f64,
    /// The part of the candidate's requests that is never answered.
    pub hanging: f64,
    /// After how long the client of a request that is never answered gives up.
    pub gives_up: Duration,
    /// The median of the time that an answer takes, lognormal.
    pub latency: Duration,
    /// The deviation of that time's logarithm.
    pub spread: f64,
    /// The candidate's times are so many times stable's.
    pub slower: f64,
    /// Good answers take just so long, instead; none: as long as `latency` and `spread` say.
    pub answers: Option<Duration>,
    /// Failures take just so long; none: they come at once.
    pub failures_take: Option<Duration>,
    /// Good answers that go on as streams.
    pub streams: Option<Streams>,
    /// So many requests in a row, of one revision, share their fate: 1 where each fails by itself.
    pub together: u64,
    /// The part of failures that the source tells; the others are counted as good answers.
    pub told: f64,
    /// Somebody asks the candidate itself, whatever the split is.
    pub strangers: Option<AtItsAddress>,
    /// The candidate's pods come later than its users.
    pub cold: Option<ColdStart>,
    /// Pods of both revisions alike are ill now and then.
    pub pod_faults: Option<PodFaults>,
    /// The candidate fails everything now and then; the first time is by chance.
    pub burst: Option<Burst>,
    /// The candidate is as good as stable until so long after the first users were moved; none: from the beginning it is what is
    /// told of it.
    pub late: Option<Duration>,
    /// Pods that need time to start and bear only so much; none: there are always enough.
    pub pods: Option<PodKind>,
    /// Both fail.
    pub incident: Option<Incident>,
    /// The candidate has no pod: what is sent to it is never answered.
    pub down: Option<Spell>,
    /// The walk's process dies, and its run's next one goes on when this is over, or at once.
    pub crash: Option<Spell>,
    /// The source of evidence does not answer.
    pub outage: Option<Spell>,
    /// How many pods the gateway has; at least 1.
    pub gateways: u32,
    /// They end, with what they count and what is in flight there.
    pub gateway_ends: Option<GatewayEnds>,
    /// How old counters are when they are read.
    pub lag: Duration,
    /// How much older the candidate's are.
    pub skew: Duration,
    /// How long it takes until a split that was written is served.
    pub serves_after: Duration,
}
