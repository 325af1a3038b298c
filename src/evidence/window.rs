//! What happened between two readings: differences of counters, whatever became of the processes that count.
//!
//! Decides what a difference means. A value that fell is a restart of the whole stratum, because one process counts for
//! both arms; what it had in flight is remembered ([`ended`]). A series that vanished is frozen and goes on where it was. A
//! stratum that appears only opens, because nobody knows when its counts were made. Counters that fall and soon fall again are several processes that answer in turn, and no
//! window is made of them ([`falls`]). Where the status of answers is not told, failures are not known, and nothing is judged
//! ([`untold`]). A request that was sent, was not answered and is not waiting any more is a failure: a
//! candidate whose requests all hang completes none, and would otherwise never fail. Depends on readings.

mod ended;
mod falls;
mod untold;

use super::counts::{Counts, MOST};
use super::flight::Flight;
use super::latency::Histogram;
use crate::evidence::classes::StatusCounts;
use crate::evidence::reading::{Counters, INFINITE, Pair, Reading, is_zero};
use ended::EndedGateways;
use falls::Falls;
use jiff::Timestamp;
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
    /// What was in flight at those that ended and are forgotten.
    #[serde(default, skip_serializing_if = "EndedGateways::is_none")]
    ended: EndedGateways,
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
    /// When it was first seen, where that was after the windows of the step opened.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    late: Option<Timestamp>,
    /// When its counters fell, if that is not long ago.
    #[serde(rename = "r", default, skip_serializing_if = "Falls::is_none")]
    falls: Falls,
}

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
    /// At stable: none of what was in flight when they opened still was when it was seen.
    #[serde(rename = "u", default, skip_serializing_if = "std::ops::Not::not")]
    settled: bool,
    /// What had come by the mark; more than ever came where it was first seen after the mark.
    #[serde(rename = "m", default, skip_serializing_if = "is_zero")]
    marked: u64,
    /// How many answers had no status where those that have one began to be counted.
    #[serde(rename = "t", default, skip_serializing_if = "is_zero")]
    untold_before: u64,
}

fn is_none(opening: &(u64, u64, u64)) -> bool {
    *opening == (0, 0, 0)
}

impl Memory {
    /// Windows open with this reading; `before` is what was known until now, if anything.
    pub fn open(reading: &Reading, before: Option<&Self>) -> Self {
        let mut ended = before.map(|memory| memory.ended).unwrap_or_default();
        let known = |name: &String| before.and_then(|m| m.strata.get(name)).cloned().unwrap_or_default();
        let mut strata: BTreeMap<String, ArmsSeen> = BTreeMap::new();
        for (name, pair) in &reading.strata {
            let base = known(name);
            let restarted = base.restarted(pair);
            if restarted {
                ended = ended.with(&base);
            }
            let side = |old: Option<ArmSeen>, new: &Option<Counters>| match (old, new) {
                (Some(old), Some(new)) => Some(old.seen(new, restarted).0.opened().told_from_here()),
                (Some(old), None) => Some(old.away()),
                (None, new) => new.as_ref().map(ArmSeen::of),
            };
            let (stable, candidate) = (side(base.stable, &pair.stable), side(base.candidate, &pair.candidate));
            strata.insert(name.clone(), ArmsSeen { stable, candidate, falls: base.falls, ..ArmsSeen::default() });
        }
        // Those that are not there now may come back.
        for (name, base) in before.iter().flat_map(|memory| &memory.strata) {
            strata.entry(name.clone()).or_insert_with(|| {
                let away = |side: &Option<ArmSeen>| side.clone().map(ArmSeen::away);
                let (stable, candidate) = (away(&base.stable), away(&base.candidate));
                ArmsSeen { stable, candidate, gone: base.gone.or(Some(reading.at)), late: None, falls: base.falls }
            });
        }
        let mut me = Self { at: reading.at, strata, ended: ended.earlier() };
        me.forget_gone(reading);
        me
    }

    /// The windows of a step open with what was read last: what is in flight now came before.
    pub fn begin_step(&mut self) {
        for base in self.strata.values_mut() {
            base.late = None;
            for side in [&mut base.stable, &mut base.candidate] {
                *side = side.take().map(ArmSeen::opened);
            }
        }
        self.ended = self.ended.earlier();
    }

    /// From here on what comes is counted by itself, too, beside all that came since the windows of the step opened.
    pub fn mark(&mut self) {
        let sides = self.strata.values_mut().flat_map(|base| [&mut base.stable, &mut base.candidate]);
        sides.flatten().for_each(|side| side.marked = side.opening.1);
    }

    /// True if the status of what was answered last is not told, so that nobody knows whether it failed.
    pub fn is_untold(&self) -> bool {
        self.strata.values().any(|seen| seen.falls.untold.is_last())
    }

    /// In how many of the last eight windows with answers the status of some was not told, at the gateway where that is most.
    pub fn untold_windows(&self) -> u32 {
        self.strata.values().map(|seen| seen.falls.untold.count()).max().unwrap_or_default()
    }

    /// When the counters were read.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Closes a window with this reading, and opens the next, where nobody asks what is in flight.
    pub fn close(&mut self, reading: &Reading) -> Vec<Growth> {
        self.close_knowing(reading, None)
    }

    /// Closes a window with this reading, and opens the next. Strata with one arm alone (pods that count for themselves)
    /// come as one, last. `settled`: whatever was in flight at stable at that moment has ended by now.
    pub fn close_knowing(&mut self, reading: &Reading, settled: Option<Timestamp>) -> Vec<Growth> {
        self.at = reading.at;
        self.forget_gone(reading);
        let (mut whole, mut pooled) = (Vec::new(), None::<Growth>);
        for (name, pair) in &reading.strata {
            let Some(base) = self.strata.get_mut(name) else {
                let side = |new: &Option<Counters>| new.as_ref().map(|new| ArmSeen::of(new).opened_late());
                let (stable, candidate) = (side(&pair.stable), side(&pair.candidate));
                let opened = ArmsSeen { stable, candidate, late: Some(reading.at), ..ArmsSeen::default() };
                self.strata.insert(name.clone(), opened);
                continue;
            };
            if base.restarted(pair) {
                self.ended = self.ended.with(base);
            }
            let growth = base.grow(pair, reading.at, settled);
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
    fn grow(&mut self, pair: &Pair, at: Timestamp, settled: Option<Timestamp>) -> Growth {
        let restarted = self.restarted(pair);
        let untold = self.is_untold(pair, restarted);
        if let Some(stable) = &mut self.stable {
            stable.settled = settled.is_some_and(|settled| self.late.is_none_or(|late| late <= settled));
        }
        let late = &mut self.late;
        let mut grow = |side: &mut Option<ArmSeen>, new: &Option<Counters>| {
            let Some(new) = new else { return Arm::default() };
            let old = side.take();
            let opens = old.as_ref().is_some_and(|s| s.vanished && !restarted);
            // A series that was never seen here began after the windows opened, so that its first count is growth as well.
            // `increase()` of a query would miss it: counters of Knative appear with their first request
            // (knative/serving#12131).
            let (next, arm) = old.unwrap_or_else(ArmSeen::zero).seen(new, restarted);
            if opens {
                *late = Some(at);
                *side = Some(next.opened_late().told_from_here());
                return Arm::default();
            }
            *side = Some(if untold { next.told_from_here() } else { next });
            if untold { arm.without_ends() } else { arm }
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
            settled: false,
            marked: 0,
            untold_before: counters.untold,
        }
        .opened()
    }

    /// The windows of a step open here.
    fn opened(mut self) -> Self {
        let opening = (self.counters.active.unwrap_or_default(), 0, 0);
        (self.opening, self.settled, self.marked) = (opening, false, 0);
        self
    }

    /// Its windows open here, after those of the others.
    fn opened_late(self) -> Self {
        Self { marked: u64::MAX, ..self.opened() }
    }

    /// Windows open while it is not there.
    fn away(self) -> Self {
        Self { vanished: true, ..self.opened() }
    }

    /// A process that has just begun.
    fn zero() -> Self {
        Self::of(&Counters { sent: Some(0), active: Some(0), ..Counters::default() })
    }

    /// The side after another look, and what it did since the last.
    fn seen(self, new: &Counters, restarted: bool) -> (Self, Arm) {
        // A source may tell of statuses that none came with yet.
        let counted = Counters { statuses: None, ..self.counters.clone() };
        let begun = restarted || counted == Self::zero().counters;
        let old = if begun { Self::zero() } else { self };
        let answered = new.completed.saturating_sub(old.counters.completed);
        let (lost, short) = lost(&old, new, answered);
        // An answer without a status is no good one. Failures are among those that have one; a source that tells more of them is not
        // believed.
        let told = new.told().saturating_sub(old.counters.told());
        let failed = new.failed.saturating_sub(old.counters.failed).min(told);
        let counts = Counts::new(told.saturating_add(lost), failed.saturating_add(lost));
        let latency = match (&old.counters.latency, &new.latency) {
            (Some(old), Some(new)) if same_edges(old, new) => grown(old, new),
            (None, Some(new)) if begun => grown(&zeros(new), new),
            // Other edges, or a histogram that was not there before: what it holds is not of this window.
            _ => None,
        };
        let arrived = arrived(&old.counters, new, answered).unwrap_or(counts.requests);
        let (at_opening, came, went_wrong) = old.opening;
        let since = |before: u64, more: u64| before.saturating_add(more).min(MOST);
        let opening = (at_opening, since(came, arrived), since(went_wrong, counts.failures));
        let statuses = new.statuses.map(|now| now.since(old.counters.statuses, counts.requests));
        let (settled, marked, untold_before) = (old.settled, old.marked, old.untold_before);
        let next = Self { short, opening, settled, marked, untold_before, ..Self::of(new) };
        let flight = next.flight();
        (next, Arm { counts, arrived, latency, flight, statuses })
    }

    /// What is in flight, of all and of what came since the windows opened; none where the source does not tell.
    fn flight(&self) -> Option<Flight> {
        let (sent, active) = (self.counters.sent?, self.counters.active?.min(MOST));
        let (at_opening, arrived, failed) = self.opening;
        // The totals are the whole life of a series, so what a client gave up before it was answered is among the rest.
        let unanswered = active.min(sent.saturating_sub(self.counters.completed));
        let at_opening = if self.settled { 0 } else { at_opening };
        Some(Flight { arrived, active, at_opening, unanswered, failed, fresh: arrived.saturating_sub(self.marked) })
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
