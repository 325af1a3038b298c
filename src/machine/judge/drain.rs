//! What was in flight when a split was served came in under the one before it, and ends at the two revisions in other parts
//! than what comes now: time-outs of stable's still end while the candidate has had no time for any. Decides how long is
//! waited until all of it has ended, before the windows of a step open; until then they can break the candidate's objective,
//! as while a split is on its way, and what came since is compared by itself ([`crate::evidence::flight`]). It may use readings and rules.
//!
//! By time: as long as stable's slowest request ever took. What is in flight cannot tell that it is over, since quick
//! requests come and go around the slow ones.

use super::{Judge, StepPlace, words};
use crate::evidence::Rules;
use crate::evidence::reading::{Counters, INFINITE, Pair, Reading};
use crate::evidence::window::Memory;
use crate::model::event::{Log, Topic};
use crate::model::time::{after, before};
use jiff::Timestamp;
use std::time::Duration;

/// Nobody waits longer for what histograms tell: of streams that last for hours one ends at any time.
// Time-outs of a minute and what a service of a few minutes' bake can bear; who knows better says so.
const CAP: Duration = Duration::from_secs(120);
/// What is over so soon needs no time of its own: a split is told to be served a moment after it is.
const LEAST: Duration = Duration::from_secs(1);
/// Envoy merges its histograms so often, while its counters tell at once.
const HISTOGRAMS: Duration = Duration::from_secs(5);

/// What came before the split of a step, and whether it has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Drain {
    /// The longest that a request of stable's ever took, up to the next edge; longer than every edge is [`Duration::MAX`].
    /// None where no histogram was seen.
    longest: Option<Duration>,
    /// Since when the present split is served, while the windows of its step are not open yet.
    since: Option<Timestamp>,
    /// What is in flight was counted since then, so that what came later can be told.
    counts: bool,
    /// Since when the windows of the present step go on without a gap that nobody looked into.
    opened: Option<Timestamp>,
    /// When what is in flight was last counted by itself: as the windows opened, or at the last reading that was apart.
    marked: Option<Timestamp>,
    /// When they opened after what came before, unless another process saw it.
    drained: Option<Timestamp>,
}

/// The edge below which all of an arm's requests ended; [`Duration::MAX`] if the last edge is passed.
fn highest(counters: &Counters) -> Option<Duration> {
    let histogram = counters.latency.as_ref()?;
    let total = histogram.last()?.1;
    let edge = histogram.iter().find(|(_, n)| *n == total).filter(|_| total > 0)?.0;
    Some(if edge == INFINITE { Duration::MAX } else { Duration::from_micros(edge) })
}

impl Drain {
    /// What was seen before.
    pub(super) fn knows(&mut self, longest: Option<Duration>) {
        self.longest = self.longest.max(longest);
    }

    /// A reading tells how long stable's requests took, ever.
    pub(super) fn look(&mut self, reading: &Reading) {
        self.knows(longest(reading));
    }

    /// A split is served since then; none: the windows of its step are open, as far as is known since `now`.
    pub(super) fn begin(&mut self, since: Option<Timestamp>, now: Timestamp) {
        (self.since, self.counts, self.drained) = (since, false, None);
        // Without a moment to count from, what was in flight would never be known to have ended, and nothing be accepted beside stable.
        self.opened = since.is_none().then_some(now);
        self.marked = self.opened;
    }

    /// What is in flight was counted anew, since windows were shut for a while: from here on it has to end.
    pub(super) fn counted_anew(&mut self, at: Timestamp) {
        self.opened = self.opened.map(|_| at);
        self.marked = self.opened;
    }

    /// True while what came before still ends, and what came since is told from it.
    pub(super) fn goes_on(&self) -> bool {
        self.since.is_some() && self.counts
    }

    /// For how long windows stay shut.
    fn lasts(&self, rules: &Rules) -> Duration {
        time(rules, self.longest)
    }

    /// When the windows of the step may open, while they are not.
    pub(super) fn ends(&self, rules: &Rules) -> Option<Timestamp> {
        self.since.map(|since| after(since, self.lasts(rules)))
    }

    /// The latest moment since the windows opened of which it is known that what was in flight then has ended by `at`; none if not
    /// even what was when they opened has.
    pub(super) fn settled(&self, rules: &Rules, at: Timestamp) -> Option<Timestamp> {
        let settled = before(at, self.takes(rules)?);
        (settled >= self.opened?).then_some(settled)
    }

    /// True if what was in flight at the mark is known to have ended by then.
    pub(super) fn is_apart(&self, rules: &Rules, at: Timestamp) -> bool {
        self.marked.zip(self.takes(rules)).is_some_and(|(since, longest)| at >= after(since, longest))
    }

    /// The mark is here.
    pub(super) fn mark(&mut self, at: Timestamp) {
        self.marked = Some(at);
    }

    /// How long a request of stable's takes at most, as far as that is known.
    fn takes(&self, rules: &Rules) -> Option<Duration> {
        takes(rules, self.longest)
    }

    /// Since when the present split is served, or, once what came before it has ended, since then; none where another process saw that.
    pub(super) fn began(&self) -> Option<Timestamp> {
        self.since.or(self.drained)
    }

    /// From when on histograms tell of this split alone.
    pub(super) fn histograms_from(&self) -> Timestamp {
        self.drained.map_or(Timestamp::MIN, |drained| after(drained, HISTOGRAMS))
    }
}

/// For how long windows stay shut after a split is served, where stable's requests took at most `longest`.
pub(crate) fn time(rules: &Rules, longest: Option<Duration>) -> Duration {
    let time = rules.longest_answer.unwrap_or_else(|| longest.unwrap_or_default().min(CAP));
    if time < LEAST { Duration::ZERO } else { time }
}

/// How long a request of stable's takes at most, where that is known.
pub(crate) fn takes(rules: &Rules, longest: Option<Duration>) -> Option<Duration> {
    rules.longest_answer.or(longest.filter(|longest| *longest <= CAP))
}

/// The longest that a request of stable's ever took, up to the next edge of its histograms; none without one.
pub(crate) fn longest(reading: &Reading) -> Option<Duration> {
    reading.strata.values().filter_map(|pair| highest(pair.stable.as_ref()?)).max()
}

impl Judge {
    /// After a reading that was asked for then: opens the windows of the step if what came before has ended.
    pub(super) fn drained(&mut self, reading: &Reading, place: &StepPlace, asked: Timestamp, log: &mut Log) {
        // At 100 % nothing is compared, and all that ends there ended at the candidate before.
        let at_once = place.baking || place.percents.1 == 0;
        let Some(since) = self.drain.since.filter(|_| !self.moving) else { return };
        let ends = if at_once { since } else { after(since, self.drain.lasts(&self.rules)) };
        if asked < ends || reading.at < ends {
            self.mixed = true;
            if !self.drain.counts && asked >= since && reading.at >= since {
                self.memory.iter_mut().for_each(Memory::begin_step);
                self.drain.counts = true;
            }
            self.next_at = self.next_at.map(|next| if ends > asked { next.min(ends) } else { next });
            self.say_drain(log);
            return;
        }
        self.memory.iter_mut().for_each(Memory::begin_step);
        if !at_once {
            self.say_cut(reading, place, log);
        }
        self.mixed = false;
        let now = Some(reading.at);
        (self.drain.since, self.drain.opened, self.drain.marked, self.drain.drained) = (None, now, now, now);
        self.next_at = self.next_at.map(|next| next.min(after(asked, self.pace(asked))));
    }

    fn say_drain(&self, log: &mut Log) {
        let (lasts, stable) = (words::span(self.drain.lasts(&self.rules)), &self.arms.stable);
        let why = match (self.rules.longest_answer, self.drain.longest) {
            (Some(_), _) => "--longest-answer".to_owned(),
            (None, Some(longest)) if longest > CAP => {
                format!("requests to {stable} took longer, which is not waited for")
            }
            _ => format!("requests to {stable} took up to that"),
        };
        log.once(Topic::Note, format!("each step is judged from {lasts} after it is served: {why}"));
    }

    /// Where the time was cut, what is in flight may be of before.
    fn say_cut(&self, reading: &Reading, place: &StepPlace, log: &mut Log) {
        if self.rules.longest_answer.is_some() || self.drain.longest.is_none_or(|longest| longest <= CAP) {
            return;
        }
        let active = |of: fn(&Pair) -> Option<&Counters>| {
            reading.strata.values().filter_map(|pair| of(pair)?.active).fold(0, u64::saturating_add)
        };
        let (stable, candidate) = (active(|p| p.stable.as_ref()), active(|p| p.candidate.as_ref()));
        log.say(
            Topic::Note,
            format!(
                "step {} is judged from here on, with {stable} requests to {} and {candidate} to {} in flight; those from before \
                 that last longer are judged by how many wait alone",
                place.step, self.arms.stable, self.arms.candidate
            ),
        );
    }
}

#[cfg(test)]
mod tests;
