//! What happened between two readings: differences of counters, whatever became of the processes that count.
//!
//! Decides what a difference means. A value that fell is a restart of the whole stratum, because one process counts for
//! both arms. A series that vanished is frozen and goes on where it was. A stratum that appears only opens, because nobody
//! knows when its counts were made. Counters that fall and soon fall again are several processes that answer in turn, and no
//! window is made of them ([`falls`]). A request that was sent, was not answered and is not waiting any more is a failure: a
//! candidate whose requests all hang completes none, and would otherwise never fail. Depends on readings.

mod falls;

use super::counts::{Counts, MOST};
use super::flight::Flight;
use super::latency::Histogram;
use crate::evidence::classes::StatusCounts;
use crate::evidence::reading::{Counters, INFINITE, Pair, Reading};
use falls::Falls;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one arm did in a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arm {
    /// Requests that came to an end, and failures among them.
    pub counts: Counts,
    /// Requests that came in, whether they have ended or not: what a split is about. Where a source counts answers alone,
    /// those that came to an end.
    pub arrived: u64,
    /// How long answers took; none without a histogram.
    pub latency: Option<Histogram>,
    /// What is in flight at its end; none where the source does not tell what was sent or what waits.
    pub flight: Option<Flight>,
    /// What the status of answers tells beside failures; none where the source tells failures alone.
    pub statuses: Option<StatusCounts>,
}

/// What one stratum did in a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Growth {
    /// The revision that users are on.
    pub stable: Arm,
    /// The revision that is walked to.
    pub candidate: Arm,
}

/// The counters that the next window begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// When they were read.
    at: Timestamp,
    /// By stratum.
    strata: BTreeMap<String, ArmsSeen>,
}

/// Both arms of one stratum; none: no series of that arm was ever seen there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct ArmsSeen {
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    stable: Option<ArmSeen>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    candidate: Option<ArmSeen>,
    /// Since when the whole stratum is gone.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    gone: Option<Timestamp>,
    /// When its counters fell, if that is not long ago.
    #[serde(rename = "r", default, skip_serializing_if = "Falls::is_none")]
    falls: Falls,
}

/// A stratum that is gone for so long does not come back. If it does, it only opens.
const GONE: SignedDuration = SignedDuration::from_mins(10);

/// Counters of one arm as last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ArmSeen {
    #[serde(flatten)]
    counters: Counters,
    /// How far `sent - active - completed` is below its highest value: an answer counts when it begins and waits until it
    /// ends, so the difference falls and rises by itself, and only what rises above all that was is lost.
    #[serde(rename = "h", default, skip_serializing_if = "is_zero")]
    short: u64,
    /// The arm had vanished when the windows opened, so its counters only open a window when it is back.
    #[serde(rename = "v", default, skip_serializing_if = "std::ops::Not::not")]
    vanished: bool,
    /// What was in flight when the windows of this step opened, what came since, and what failed since.
    #[serde(rename = "o", default, skip_serializing_if = "is_none")]
    opening: (u64, u64, u64),
    /// What had come by the mark.
    #[serde(rename = "m", default, skip_serializing_if = "is_zero")]
    marked: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

fn is_none(opening: &(u64, u64, u64)) -> bool {
    *opening == (0, 0, 0)
}

impl Memory {
    /// Windows open with this reading; `before` is what was known until now, if anything.
    pub fn open(reading: &Reading, before: Option<&Self>) -> Self {
        let known = |name: &String| before.and_then(|m| m.strata.get(name)).cloned().unwrap_or_default();
        let open = |(name, pair): (&String, &Pair)| {
            let base = known(name);
            let restarted = base.restarted(pair);
            let side = |old: Option<ArmSeen>, new: &Option<Counters>| match (old, new) {
                (Some(old), Some(new)) => Some(old.seen(new, restarted).0.opened()),
                (Some(old), None) => Some(ArmSeen { vanished: true, ..old }),
                (None, new) => new.as_ref().map(ArmSeen::of),
            };
            (
                name.clone(),
                ArmsSeen {
                    stable: side(base.stable, &pair.stable),
                    candidate: side(base.candidate, &pair.candidate),
                    gone: None,
                    falls: base.falls,
                },
            )
        };
        Self { at: reading.at, strata: reading.strata.iter().map(open).collect() }
    }

    /// The windows of a step open with what was read last: what is in flight now came before.
    pub fn begin_step(&mut self) {
        for side in self.strata.values_mut().flat_map(|base| [&mut base.stable, &mut base.candidate]) {
            *side = side.take().map(ArmSeen::opened);
        }
    }

    /// From here on what comes is counted by itself, too, beside all that came since the windows of the step opened.
    pub fn mark(&mut self) {
        let sides = self.strata.values_mut().flat_map(|base| [&mut base.stable, &mut base.candidate]);
        sides.flatten().for_each(|side| side.marked = side.opening.1);
    }

    /// When the counters were read.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Closes a window with this reading, and opens the next. Strata with one arm alone (pods that count for themselves)
    /// come as one, last.
    pub fn close(&mut self, reading: &Reading) -> Vec<Growth> {
        self.at = reading.at;
        self.forget_gone(reading);
        let (mut whole, mut pooled) = (Vec::new(), None::<Growth>);
        for (name, pair) in &reading.strata {
            let Some(base) = self.strata.get_mut(name) else {
                let opened = ArmsSeen {
                    stable: pair.stable.as_ref().map(ArmSeen::of),
                    candidate: pair.candidate.as_ref().map(ArmSeen::of),
                    ..ArmsSeen::default()
                };
                self.strata.insert(name.clone(), opened);
                continue;
            };
            let growth = base.grow(pair);
            if base.stable.is_some() && base.candidate.is_some() {
                whole.push(growth);
            } else {
                pooled = Some(match pooled {
                    None => growth,
                    Some(sum) => sum.plus(&growth),
                });
            }
        }
        whole.extend(pooled);
        whole
    }

    /// Pods come and go while a bake lasts. What they counted is in the sums, so their last counters are of no use.
    fn forget_gone(&mut self, reading: &Reading) {
        self.strata.retain(|name, base| {
            base.gone = if reading.strata.contains_key(name) { None } else { base.gone.or(Some(reading.at)) };
            base.gone.is_none_or(|since| reading.at.duration_since(since) < GONE)
        });
    }

    /// The same without histograms, for a record that has no room for them. The next window says nothing of latency then.
    #[must_use]
    pub fn lighter(mut self) -> Self {
        for side in self.strata.values_mut().flat_map(|base| [&mut base.stable, &mut base.candidate]).flatten() {
            side.counters.latency = None;
        }
        self
    }
}

impl ArmsSeen {
    /// True if a counter of either arm fell: one process counts for both.
    fn restarted(&self, pair: &Pair) -> bool {
        let fell = |old: &Option<ArmSeen>, new: &Option<Counters>| {
            old.as_ref().zip(new.as_ref()).is_some_and(|(old, new)| old.fell(new))
        };
        fell(&self.stable, &pair.stable) || fell(&self.candidate, &pair.candidate)
    }

    fn grow(&mut self, pair: &Pair) -> Growth {
        let restarted = self.restarted(pair);
        let grow = |side: &mut Option<ArmSeen>, new: &Option<Counters>| {
            let Some(new) = new else { return Arm::default() };
            let old = side.take();
            let opens = old.as_ref().is_some_and(|s| s.vanished && !restarted);
            // A series that was never seen here began after the windows opened, so that its first count is growth as well.
            // `increase()` of a query would miss it: counters of Knative appear with their first request
            // (knative/serving#12131).
            let (next, arm) = old.unwrap_or_else(ArmSeen::zero).seen(new, restarted);
            *side = Some(if opens { next.opened() } else { next });
            if opens { Arm::default() } else { arm }
        };
        Growth { stable: grow(&mut self.stable, &pair.stable), candidate: grow(&mut self.candidate, &pair.candidate) }
    }
}

impl ArmSeen {
    fn of(counters: &Counters) -> Self {
        // Classes are for people: what is computed with them stands beside, and the record does not keep them.
        Self {
            counters: Counters { classes: None, ..counters.clone() },
            short: 0,
            vanished: false,
            opening: (0, 0, 0),
            marked: 0,
        }
        .opened()
    }

    /// The windows of a step open here.
    fn opened(mut self) -> Self {
        (self.opening, self.marked) = ((self.counters.active.unwrap_or_default(), 0, 0), 0);
        self
    }

    /// A process that has just begun.
    fn zero() -> Self {
        Self::of(&Counters { sent: Some(0), active: Some(0), ..Counters::default() })
    }

    fn fell(&self, new: &Counters) -> bool {
        let old = &self.counters;
        let sent = old.sent.zip(new.sent).is_some_and(|(old, new)| new < old);
        let latency = old.latency.as_ref().zip(new.latency.as_ref()).is_some_and(|(old, new)| {
            same_edges(old, new) && old.iter().zip(new).any(|((_, old), (_, new))| new < old)
        });
        let statuses = old.statuses.zip(new.statuses).is_some_and(|(old, new)| new.fell(old));
        new.completed < old.completed || new.failed < old.failed || sent || latency || statuses
    }

    /// The side after another look, and what it did since the last.
    fn seen(self, new: &Counters, restarted: bool) -> (Self, Arm) {
        // A source may tell of statuses that none came with yet.
        let counted = Counters { statuses: None, ..self.counters.clone() };
        let begun = restarted || counted == Self::zero().counters;
        let old = if begun { Self::zero() } else { self };
        let answered = new.completed.saturating_sub(old.counters.completed);
        let (lost, short) = lost(&old, new, answered);
        // Failures are among the answers; a source that tells more of them is not believed.
        let failed = new.failed.saturating_sub(old.counters.failed).min(answered);
        let counts = Counts::new(answered.saturating_add(lost), failed.saturating_add(lost));
        let latency = match (&old.counters.latency, &new.latency) {
            (Some(old), Some(new)) if same_edges(old, new) => grown(old, new),
            (None, Some(new)) if begun => grown(&zeros(new), new),
            // Other edges, or a histogram that was not there before: what it holds is not of this window.
            _ => None,
        };
        let arrived = arrived(&old.counters, new, answered).unwrap_or(counts.requests);
        let ((at_opening, came, went_wrong), marked) = (old.opening, old.marked);
        let since = |before: u64, more: u64| before.saturating_add(more).min(MOST);
        let opening = (at_opening, since(came, arrived), since(went_wrong, counts.failures));
        let flight = flight(opening, marked, new);
        let statuses = new.statuses.map(|now| now.since(old.counters.statuses, counts.requests));
        (Self { short, opening, marked, ..Self::of(new) }, Arm { counts, arrived, latency, flight, statuses })
    }
}

/// Requests that were sent and will never be answered, and how far the difference is now below its highest value. A source
/// that does not tell what waits loses nothing.
fn lost(old: &ArmSeen, new: &Counters, answered: u64) -> (u64, u64) {
    let (Some(sent), Some(active)) = (new.sent, new.active) else { return (0, old.short) };
    let (Some(sent_before), Some(active_before)) = (old.counters.sent, old.counters.active) else {
        return (0, old.short);
    };
    // In 128 bits, because differences of what a source tells may be negative or beyond 64.
    let up = i128::from(sent.saturating_sub(sent_before)) + i128::from(active_before);
    let rise = up - i128::from(active) - i128::from(answered);
    let above = rise - i128::from(old.short);
    let amount = |n: i128| u64::try_from(n.max(0)).unwrap_or(MOST).min(MOST);
    (amount(above), amount(-above))
}

/// What is in flight, for windows that opened with so much in flight, what came and failed since, and what had come by the mark.
fn flight((at_opening, arrived, failed): (u64, u64, u64), marked: u64, now: &Counters) -> Option<Flight> {
    let (sent, active) = (now.sent?, now.active?.min(MOST));
    // The totals are the whole life of a series, so what a client gave up before it was answered is among the rest.
    let unanswered = active.min(sent.saturating_sub(now.completed));
    Some(Flight { arrived, active, at_opening, unanswered, failed, fresh: arrived.saturating_sub(marked) })
}

/// Requests that came in: what was sent, and what the gateway answered by itself because no connection could be made. None
/// where the source does not tell what was sent.
fn arrived(old: &Counters, new: &Counters, answered: u64) -> Option<u64> {
    let sent = new.sent?.saturating_sub(old.sent?);
    let by_itself = answered.saturating_sub(sent.saturating_add(old.active.unwrap_or_default()));
    Some(sent.saturating_add(by_itself).min(MOST))
}

fn same_edges(a: &[(u64, u64)], b: &[(u64, u64)]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((a, _), (b, _))| a == b)
}

fn zeros(histogram: &[(u64, u64)]) -> Vec<(u64, u64)> {
    histogram.iter().map(|(edge, _)| (*edge, 0)).collect()
}

/// The growth of a cumulative histogram; none if it is no histogram.
fn grown(old: &[(u64, u64)], new: &[(u64, u64)]) -> Option<Histogram> {
    let below: Vec<(u64, u64)> =
        old.iter().zip(new).map(|((_, old), (edge, new))| (*edge, new.saturating_sub(*old).min(MOST))).collect();
    let total = below.last().filter(|(edge, _)| *edge == INFINITE).map(|(_, n)| *n)?;
    let rises = below.iter().zip(below.iter().skip(1)).all(|((_, a), (_, b))| a <= b);
    let finite = below.iter().filter(|(edge, _)| *edge != INFINITE);
    rises.then(|| Histogram { total, above: finite.map(|(edge, n)| (*edge, total - n)).collect() })
}

impl Arm {
    /// Requests that came in and came to an end.
    pub fn new(counts: Counts, latency: Option<Histogram>) -> Self {
        Self { counts, arrived: counts.requests, latency, flight: None, statuses: None }
    }

    fn plus(&self, other: &Self) -> Self {
        let latency = match (&self.latency, &other.latency) {
            (Some(a), Some(b)) => Some(a.plus(b)),
            (a, b) => a.clone().or_else(|| b.clone()),
        };
        let flight = match (self.flight, other.flight) {
            (Some(a), Some(b)) => Some(a.plus(b)),
            (a, b) => a.or(b),
        };
        let statuses = [self.statuses, other.statuses].into_iter().flatten().reduce(StatusCounts::plus);
        let arrived = self.arrived.saturating_add(other.arrived);
        Self { counts: self.counts.plus(other.counts), arrived, latency, flight, statuses }
    }
}

impl Growth {
    fn plus(&self, other: &Self) -> Self {
        Self { stable: self.stable.plus(&other.stable), candidate: self.candidate.plus(&other.candidate) }
    }
}

#[cfg(test)]
mod tests;
