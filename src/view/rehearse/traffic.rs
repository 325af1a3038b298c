//! The users of a made-up service, and the gateway that counts them.
//!
//! Decides how many requests come, to whom they go and what becomes of them. Each request is sent to the candidate with
//! the split's probability, by itself, and fails by itself unless failures are told to come together; time goes in ticks
//! of at most a second. It may use chance and the form of readings.

use super::chance::{Chance, binomial, poisson};
use super::histogram::{EDGES_MS, bucket_law, microseconds};
use super::pods::{PodAnswers, PodKind, ScaledPods};
use crate::evidence::reading::{Counters, INFINITE, Pair};
use std::collections::VecDeque;
use std::time::Duration;

/// The longest tick.
const TICK: Duration = Duration::from_secs(1);
/// The same where requests wait for pods.
const POD_TICK: Duration = Duration::from_millis(100);
/// The bucket of a request that waited for a pod: 1 to 2.5 s.
const WAITED: usize = 10;

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
    /// So many requests in a row, of one revision, share their fate: 1 where each fails by itself.
    pub together: u64,
    /// The part of failures that the source tells; the others are counted as good answers.
    pub told: f64,
    /// Somebody asks the candidate itself, whatever the split is.
    pub strangers: Option<AtItsAddress>,
    /// The candidate's pods come later than its users.
    pub cold: Option<ColdStart>,
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
    /// How old counters are when they are read.
    pub lag: Duration,
    /// How much older the candidate's are.
    pub skew: Duration,
    /// How long it takes until a split that was written is served.
    pub serves_after: Duration,
}

/// What one arm's counters say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tally {
    sent: u64,
    active: u64,
    completed: u64,
    failed: u64,
    buckets: [u64; EDGES_MS.len() + 1],
}

/// Requests that share their fate with one that came already.
#[derive(Debug, Clone, Copy, Default)]
struct Bundle {
    left: u64,
    fails: bool,
}

/// The users and the gateway.
#[derive(Debug)]
pub(crate) struct Traffic<C> {
    behaviour: Behaviour,
    chance: C,
    now: Duration,
    /// When the first users were moved.
    moved: Option<Duration>,
    share: f64,
    /// Stable's and the candidate's.
    tallies: [Tally; 2],
    /// The part of answers that falls into each bucket, for both.
    laws: [Vec<f64>; 2],
    /// Requests that wait for an answer in vain, with the time at which their clients give up.
    waiting: VecDeque<(Duration, u64)>,
    past: VecDeque<(Duration, [Tally; 2])>,
    bad: u64,
    /// Requests of others in the candidate's counters.
    foreign: u64,
    bundles: [Bundle; 2],
    /// Until when the pods for the last step are missing, and the part of the candidate's users who were moved by it.
    cold: Option<(Duration, f64)>,
    /// Stable's and the candidate's pods.
    pods: Option<[ScaledPods; 2]>,
}

impl<C: Chance> Traffic<C> {
    /// Users that all go to stable.
    pub(crate) fn new(behaviour: Behaviour, chance: C) -> Self {
        let law = |slower: f64| bucket_law(behaviour.latency.as_secs_f64() * 1e3 * slower, behaviour.spread);
        let laws = [law(1.0), law(behaviour.slower)];
        let settled = |kind, rate| ScaledPods::settled(kind, behaviour.latency, rate);
        let pods = behaviour.pods.map(|kind| [settled(kind, behaviour.rate), settled(kind, 0.0)]);
        let past = VecDeque::from([(Duration::ZERO, <[Tally; 2]>::default())]);
        Self {
            behaviour,
            chance,
            now: Duration::ZERO,
            moved: None,
            share: 0.0,
            tallies: Default::default(),
            laws,
            waiting: VecDeque::new(),
            past,
            bad: 0,
            foreign: 0,
            bundles: Default::default(),
            cold: None,
            pods,
        }
    }

    /// The behaviour.
    pub(crate) fn behaviour(&self) -> &Behaviour {
        &self.behaviour
    }

    /// A split is served from now on: the part of users, between 0 and 1, that goes to the candidate.
    pub(crate) fn split(&mut self, share: f64) {
        let colder = self.behaviour.cold.filter(|_| share > self.share);
        if let Some(cold) = colder {
            self.cold = Some((self.now + cold.lasts, (share - self.share) / share));
        }
        self.share = share;
        if share > 0.0 {
            self.moved.get_or_insert(self.now);
        }
    }

    /// How long the first users have been moved; none before that.
    pub(crate) fn since_moved(&self) -> Option<Duration> {
        self.moved.map(|moved| self.now.saturating_sub(moved))
    }

    /// Requests of the candidate that failed or were never answered.
    pub(crate) fn bad(&self) -> u64 {
        self.bad
    }

    /// How many more these are than stable is expected to have failed of the candidate's requests.
    #[expect(clippy::cast_precision_loss, reason = "counts of requests")]
    pub(crate) fn extra(&self) -> f64 {
        let [_, candidate] = &self.tallies;
        self.bad as f64 - (candidate.sent - self.foreign) as f64 * self.behaviour.errors
    }

    /// True while a spell is on.
    pub(crate) fn is_on(&self, spell: Option<&Spell>) -> bool {
        spell.zip(self.since_moved()).is_some_and(|(spell, at)| spell.is_on(at))
    }

    /// The next moment, on the clock of this, at which a spell begins or ends.
    pub(crate) fn next_change(&self) -> Option<Duration> {
        let (moved, at) = (self.moved?, self.since_moved()?);
        let incident = self.behaviour.incident.as_ref().map(|i| &i.spell);
        let spells = [self.behaviour.down.as_ref(), self.behaviour.crash.as_ref(), incident];
        let spells = spells.into_iter().flatten().filter_map(|spell| spell.next(at)).map(|next| moved + next);
        spells.chain(self.cold.map(|(until, _)| until).filter(|until| *until > self.now)).min()
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, until: Duration) {
        while self.now < until {
            let change = self.next_change().unwrap_or(until);
            // A change that is due at this very moment must not stop time: a tick is a microsecond at least.
            let tick = if self.pods.is_some() { POD_TICK } else { TICK };
            let next = until.min(self.now + tick).min(change.max(self.now + Duration::from_micros(1)));
            self.tick(next);
        }
    }

    fn tick(&mut self, until: Duration) {
        let passed = until.saturating_sub(self.now).as_secs_f64();
        let all = poisson(&mut self.chance, self.behaviour.rate * passed);
        let candidates = binomial(&mut self.chance, all, self.share);
        let everywhere = self.behaviour.incident.filter(|i| self.is_on(Some(&i.spell))).map_or(0.0, |i| i.errors);
        let down = self.is_on(self.behaviour.down.as_ref());
        for (arm, n) in [(0, all - candidates), (1, candidates)] {
            let (errors, hanging) = if arm == 0 {
                (self.behaviour.errors, 0.0)
            } else {
                (self.behaviour.candidate_errors, if down { 1.0 } else { self.behaviour.hanging })
            };
            let lost = binomial(&mut self.chance, n, hanging);
            let cold = if arm == 1 { self.cold_errors() } else { 0.0 };
            let served = self.served(arm, n - lost, until);
            let answered = served.soon + served.late;
            let failed = self.failures(arm, answered, 1.0 - (1.0 - errors) * (1.0 - everywhere) * (1.0 - cold));
            let told = binomial(&mut self.chance, failed, self.behaviour.told);
            let Some((tally, law)) = self.tallies.get_mut(arm).zip(self.laws.get(arm)) else { continue };
            tally.sent += n;
            tally.completed += answered;
            tally.failed += told;
            tally.active = (tally.active + n).saturating_sub(answered + served.lost);
            // Buckets are drawn in turn, each from what the ones before it left: that is a multinomial draw.
            let (mut left, mut rest) = (served.soon, 1.0);
            for (bucket, part) in tally.buckets.iter_mut().zip(law) {
                let here = if rest > 0.0 { binomial(&mut self.chance, left, (part / rest).min(1.0)) } else { 0 };
                *bucket += here;
                left -= here;
                rest -= part;
            }
            if let Some(bucket) = tally.buckets.get_mut(WAITED) {
                *bucket += served.late;
            }
            if arm == 1 {
                self.bad += lost + failed + served.lost;
                self.waiting.push_back((until + self.behaviour.gives_up, lost));
            }
        }
        self.count_strangers(passed);
        while let Some((_, lost)) = self.waiting.front().filter(|(gone, _)| *gone <= until) {
            self.tallies[1].active -= lost;
            self.waiting.pop_front();
        }
        self.now = until;
        self.past.push_back((until, self.tallies.clone()));
        // Older tallies than a reading can ask for are forgotten.
        let oldest = until.saturating_sub(self.behaviour.lag + self.behaviour.skew);
        while self.past.get(1).is_some_and(|(at, _)| *at <= oldest) {
            self.past.pop_front();
        }
    }

    /// Others' requests are in the candidate's counters and among nobody's users: what fails of them costs no user anything.
    fn count_strangers(&mut self, passed: f64) {
        let Some(AtItsAddress { rate, errors }) = self.behaviour.strangers else { return };
        let n = poisson(&mut self.chance, rate * passed);
        let failed = binomial(&mut self.chance, n, errors);
        let [_, candidate] = &mut self.tallies;
        candidate.sent += n;
        candidate.completed += n;
        candidate.failed += failed;
        // They answer at once.
        candidate.buckets[0] += n;
        self.foreign += n;
    }

    /// The part of the candidate's requests that fails because its pods are not there yet.
    fn cold_errors(&self) -> f64 {
        let now = self.cold.filter(|(until, _)| self.now < *until).zip(self.behaviour.cold);
        now.map_or(0.0, |((_, moved), cold)| moved * cold.errors)
    }

    /// What becomes of an arm's requests that are not left hanging, before any of them fails.
    fn served(&mut self, arm: usize, n: u64, until: Duration) -> PodAnswers {
        let (from, gives_up) = (self.now, self.behaviour.gives_up);
        match self.pods.as_mut().and_then(|pods| pods.get_mut(arm)) {
            Some(pods) => pods.tick(from, until, n, gives_up),
            None => PodAnswers { soon: n, ..PodAnswers::default() },
        }
    }

    /// The floors of both revisions, from now on.
    pub(crate) fn floors(&mut self, floors: [u32; 2]) {
        for (pods, floor) in self.pods.iter_mut().flatten().zip(floors) {
            pods.floor(floor);
        }
    }

    /// Ready and wanted pods of both; none where there are always enough.
    pub(crate) fn scales(&self) -> Option<[(u32, u32); 2]> {
        self.pods.as_ref().map(|pods| pods.each_ref().map(ScaledPods::scale))
    }

    /// Requests that waited for a pod for so long that it was noticed, and the longest wait; none where there are always enough.
    pub(crate) fn waits(&self) -> Option<(u64, Duration)> {
        let [stable, candidate] = self.pods.as_ref()?.each_ref().map(ScaledPods::waits);
        Some((stable.0 + candidate.0, stable.1.max(candidate.1)))
    }

    /// The candidate's own address is asked; how long until a pod of it is there.
    pub(crate) fn poke(&mut self) -> Duration {
        let now = self.now;
        self.pods.as_mut().map_or(Duration::ZERO, |[_, candidate]| candidate.poke(now))
    }

    /// How many of an arm's `n` requests fail. Bundles go on over ticks: a small share has few requests in each.
    fn failures(&mut self, arm: usize, n: u64, p: f64) -> u64 {
        let together = self.behaviour.together.max(1);
        let Some(bundle) = self.bundles.get_mut(arm) else { return 0 };
        let begun = bundle.left.min(n);
        bundle.left -= begun;
        let mut failed = if bundle.fails { begun } else { 0 };
        let (whole, tail) = ((n - begun) / together, (n - begun) % together);
        failed += together * binomial(&mut self.chance, whole, p);
        if tail > 0 {
            *bundle = Bundle { left: together - tail, fails: binomial(&mut self.chance, 1, p) == 1 };
            failed += if bundle.fails { tail } else { 0 };
        }
        failed
    }

    /// What a source tells at this moment.
    pub(crate) fn reading(&self) -> Pair {
        let known = |age: Duration| {
            let at = self.now.saturating_sub(age);
            let found = self.past.iter().rev().find(|(then, _)| *then <= at).or_else(|| self.past.front());
            found.map(|(_, tallies)| tallies)
        };
        let lag = self.behaviour.lag;
        let stable = known(lag).map(|t| counters(&t[0]));
        // A gateway shows a revision from the first request on.
        let candidate = known(lag + self.behaviour.skew).filter(|t| t[1].sent > 0).map(|t| counters(&t[1]));
        Pair { stable, candidate }
    }
}

fn counters(tally: &Tally) -> Counters {
    let mut sum = 0;
    let edges = EDGES_MS.iter().map(|ms| microseconds(*ms)).chain([INFINITE]);
    let latency = edges.zip(&tally.buckets).map(|(edge, n)| {
        sum += n;
        (edge, sum)
    });
    Counters {
        sent: Some(tally.sent),
        active: Some(tally.active),
        completed: tally.completed,
        failed: tally.failed,
        classes: None,
        latency: Some(latency.collect()),
    }
}

#[cfg(test)]
mod tests;
