//! The users of a made-up service, and the gateway that counts them.
//!
//! Decides how many requests come, to whom they go and what becomes of them. Each request is sent to the candidate with
//! the split's probability, by itself, and fails by itself unless failures are told to come together; time goes in ticks
//! of at most a second. It may use chance and the form of readings.

mod fate;
mod gateways;
mod tally;

pub(crate) use gateways::Gateways;

use super::behaviour::{AtItsAddress, Behaviour, Spell};
use super::chance::{Chance, binomial, poisson};
use super::histogram::bucket_law;
use super::lasting::{Ends, Lasting, flying, mean, still_flying};
use super::pods::{PodAnswers, ScaledPods};
use crate::evidence::reading::Pair;
use fate::{Bundle, Fate, IllPods};
use std::collections::VecDeque;
use std::time::Duration;
use tally::Tally;

/// The longest tick.
const TICK: Duration = Duration::from_secs(1);
/// The same where requests wait for pods.
const POD_TICK: Duration = Duration::from_millis(100);
/// The bucket of a request that waited for a pod: 1 to 2.5 s.
const WAITED: usize = 10;

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
    /// Requests of both that take their time: answers, failures and streams of a set length, and what waits in vain.
    lasting: [Lasting; 2],
    /// Requests of both whose quick answer is on its way.
    flying: [u64; 2],
    past: VecDeque<(Duration, [Tally; 2])>,
    bad: u64,
    /// Requests of others in the candidate's counters.
    foreign: u64,
    /// Requests of both that fail together, and those that are refused together.
    bundles: [[Bundle; 2]; 2],
    /// Until when the pods for the last step are missing, and the part of the candidate's users who were moved by it.
    cold: Option<(Duration, f64)>,
    /// Stable's and the candidate's pods that are ill.
    ill: [IllPods; 2],
    /// How far the candidate's first burst is on when the first users are moved.
    phase: Duration,
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
        let mut me = Self {
            behaviour,
            chance,
            now: Duration::ZERO,
            moved: None,
            share: 0.0,
            tallies: Default::default(),
            laws,
            lasting: Default::default(),
            flying: [0; 2],
            past,
            bad: 0,
            foreign: 0,
            bundles: Default::default(),
            cold: None,
            ill: Default::default(),
            phase: Duration::ZERO,
            pods,
        };
        if let Some(burst) = me.behaviour.burst {
            me.phase = burst.every.mul_f64(me.chance.unit());
        }
        me.remember();
        me
    }

    /// Stable has been asked for long: what takes its time is in flight, and its histogram has seen it.
    fn remember(&mut self) {
        let (rate, b) = (self.behaviour.rate, &self.behaviour);
        let streams = b.streams.map_or(0.0, |s| s.part);
        let good = (1.0 - b.errors) * (1.0 - streams);
        let lasts = [
            b.answers.unwrap_or_default(),
            b.failures_take.unwrap_or_default(),
            b.streams.map_or(Duration::ZERO, |s| s.lasts),
        ];
        let rates = [rate * good, rate * b.errors, rate * (1.0 - b.errors) * streams];
        for (kind, (lasts, rate)) in lasts.into_iter().zip(rates).enumerate() {
            let mut at = Duration::ZERO;
            while at < lasts {
                let n = poisson(&mut self.chance, rate * TICK.min(lasts.saturating_sub(at)).as_secs_f64());
                let failed = if kind == 1 { n } else { 0 };
                let told = binomial(&mut self.chance, failed, self.behaviour.told);
                at = lasts.min(at + TICK);
                let tally = &mut self.tallies[0];
                tally.sent += n;
                tally.active += n;
                tally.completed += if kind == 2 { n } else { 0 };
                let ends = match kind {
                    0 => Ends { good: n, ..Ends::default() },
                    1 => Ends { failed, told, ..Ends::default() },
                    _ => Ends { streams: n, ..Ends::default() },
                };
                self.lasting[0].push(at, ends);
            }
            if lasts > Duration::ZERO && rate > 0.0 {
                let tally = &mut self.tallies[0];
                tally.sent += 1;
                tally.completed += 1;
                tally.took(lasts, 1);
            }
        }
        self.past = VecDeque::from([(Duration::ZERO, self.tallies.clone())]);
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

    /// Requests of the candidate that failed, were answered with a 4xx or never.
    pub(crate) fn bad(&self) -> u64 {
        self.bad
    }

    /// How many more these are than stable is expected to have failed of the candidate's requests.
    #[expect(clippy::cast_precision_loss, reason = "counts of requests")]
    pub(crate) fn extra(&self) -> f64 {
        let [_, candidate] = &self.tallies;
        let (failed, refused) = (self.behaviour.errors, self.behaviour.client_errors);
        self.bad as f64 - (candidate.sent - self.foreign) as f64 * (failed + (1.0 - failed) * refused)
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
        let spells = spells.chain(self.changes_of_candidate(at).map(|next| moved + next));
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
        let rates = [1.0 - self.share, self.share].map(|share| self.behaviour.rate * share);
        for ((arm, n), rate) in [(0, all - candidates), (1, candidates)].into_iter().zip(rates) {
            let Fate { errors, lost_pods, refused, hanging, slower } = self.fate(arm, rate, until);
            let lost = binomial(&mut self.chance, n, hanging);
            let served = self.served(arm, n - lost, until);
            let answered = served.soon + served.late;
            let law = usize::from(arm == 1 && !self.is_late());
            let together = self.behaviour.together;
            let Some([failing, refusing]) = self.bundles.get_mut(arm) else { continue };
            let failed = failing.meet(answered, errors, together, &mut self.chance);
            let failed = failed + binomial(&mut self.chance, answered - failed, lost_pods);
            let told = binomial(&mut self.chance, failed, self.behaviour.told);
            let b = &self.behaviour;
            let (answers, failures_take, streams) = (b.answers, b.failures_take, b.streams);
            let mean = mean(b.latency, b.spread) * slower;
            let streaming = streams.map_or(0, |s| binomial(&mut self.chance, answered - failed, s.part));
            let good = answered - failed - streaming;
            // What is on its way at the end of a tick is answered in a later one.
            let (late, quick) =
                if answers.is_some() { (0, 0) } else { (served.late.min(good), good - served.late.min(good)) };
            let before = self.flying.get(arm).copied().unwrap_or_default();
            let still = binomial(&mut self.chance, before, still_flying(passed, mean));
            let fly = binomial(&mut self.chance, quick, flying(passed, mean));
            let soon = quick - fly + before - still;
            let at_once = if failures_take.is_some() { 0 } else { failed };
            let mut refusals = refusing.meet(soon + late, refused, together, &mut self.chance);
            let mut ends = Ends::default();
            if answers.is_some() {
                ends.good = good;
            }
            let Some((tally, law)) = self.tallies.get_mut(arm).zip(self.laws.get(law)) else { continue };
            let Some((lasting, on_its_way)) = self.lasting.get_mut(arm).zip(self.flying.get_mut(arm)) else { continue };
            *on_its_way = still + fly;
            tally.sent += n;
            let done = soon + late + at_once;
            tally.completed += done + streaming;
            tally.failed += if failures_take.is_some() { 0 } else { told };
            tally.active = (tally.active + n).saturating_sub(done + served.lost);
            if let Some(takes) = answers {
                lasting.push(until + takes.mul_f64(slower), ends);
            }
            if let Some(takes) = failures_take {
                lasting.push(until + takes, Ends { failed, told, ..Ends::default() });
            }
            if let Some(streams) = streams {
                lasting.push(until + streams.lasts, Ends { streams: streaming, ..Ends::default() });
            }
            // Buckets are drawn in turn, each from what the ones before it left: that is a multinomial draw.
            let (mut left, mut rest) = (soon + at_once, 1.0);
            for (bucket, part) in tally.buckets.iter_mut().zip(law) {
                let here = if rest > 0.0 { binomial(&mut self.chance, left, (part / rest).min(1.0)) } else { 0 };
                *bucket += here;
                left -= here;
                rest -= part;
            }
            if let Some(bucket) = tally.buckets.get_mut(WAITED) {
                *bucket += late;
            }
            if arm == 1 {
                lasting.push(until + self.behaviour.gives_up, Ends { gone: lost, ..Ends::default() });
            }
            for ends in lasting.until(until) {
                refusals += refusing.meet(ends.good, refused, together, &mut self.chance);
                tally.end(ends, answers.unwrap_or_default().mul_f64(slower), failures_take, streams.map(|s| s.lasts));
            }
            tally.refused += refusals;
            if arm == 1 {
                self.bad += lost + failed + served.lost + refusals;
            }
        }
        self.count_strangers(passed);
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
        let Some(AtItsAddress { rate, errors, refused, takes }) = self.behaviour.strangers else { return };
        let n = poisson(&mut self.chance, rate * passed);
        let failed = binomial(&mut self.chance, n, errors);
        let refused = if refused { n - failed } else { 0 };
        let [_, candidate] = &mut self.tallies;
        candidate.sent += n;
        candidate.completed += n;
        candidate.failed += failed;
        candidate.refused += refused;
        // What takes long is counted when it ends, in the same tick; nobody looks at what of theirs is in flight.
        candidate.took(takes, n);
        self.foreign += n;
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

    /// What a source tells at this moment.
    pub(crate) fn reading(&self) -> Pair {
        let known = |age: Duration| {
            let at = self.now.saturating_sub(age);
            let found = self.past.iter().rev().find(|(then, _)| *then <= at).or_else(|| self.past.front());
            found.map(|(_, tallies)| tallies)
        };
        let lag = self.behaviour.lag;
        let stable = known(lag).map(|t| t[0].counters());
        // A gateway shows a revision from the first request on.
        let candidate = known(lag + self.behaviour.skew).filter(|t| t[1].sent > 0).map(|t| t[1].counters());
        Pair { stable, candidate }
    }
}

#[cfg(test)]
mod tests;
