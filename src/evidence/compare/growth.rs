//! What a row's counters grew by between two looks, and which looks make a window.
//!
//! Decides what became of each series. One that fell is a process that began anew, and all that it counts began with it. One that
//! vanished keeps what it grew by, since a pod that ends takes nothing back. One that appears on a process that was seen counts
//! from zero: a counter with labels appears with its first event. So does one of the candidate on a new process; stable's only
//! opens there, because it may have counted for weeks where nobody looked. A counter that falls again soon, or falls by little, is
//! none: several processes in turn, a sum, a gauge.
//!
//! Each pod is scraped at a moment of its own, so that an incident of both revisions reaches one of them first. A window
//! therefore lasts at least [`APART`] times as long as its samples lie apart (docs/compare.md has what that leaves). Growth is
//! added up over all series of a revision: a pod counts for one revision alone, so that no series of one arm has a partner in the
//! other. Depends on tallies.

use super::tally::{CounterSeries, RowTally};
use crate::evidence::counts::{MOST, Table};
use crate::evidence::reading::{TORN, TORN_PART};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A window lasts at least so many times as long as the samples of one look lie apart.
pub(super) const APART: i64 = 10;
/// It need not last longer than this, in milliseconds, however far they lie apart.
const LONGEST: i64 = 300_000;
/// A series that was not seen for so long, in milliseconds, does not come back.
const GONE: i64 = 600_000;
/// A second fall of a process within so many looks that bring news is no restart.
const SOON: u8 = 8;
/// Who begins anew begins near zero: a fall to more than half, above this, is no restart.
const NEAR_ZERO: u64 = 100;
/// One series as it was seen last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SeenSeries {
    /// Which process wrote it.
    #[serde(rename = "p")]
    process: u64,
    #[serde(rename = "n")]
    count: u64,
    /// What it grew by since the window opened.
    #[serde(rename = "g", default, skip_serializing_if = "is_zero")]
    grown: u64,
    /// When it was scraped last, in milliseconds of the server's clock.
    #[serde(rename = "t")]
    sampled: i64,
    /// So many of them lie between that and its scrape with which the window opened.
    #[serde(rename = "c", default, skip_serializing_if = "is_none")]
    covers: i64,
    /// It was not there when the window opened, so its count only opens when it is back.
    #[serde(rename = "a", default, skip_serializing_if = "std::ops::Not::not")]
    away: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_none(n: &i64) -> bool {
    *n == 0
}

/// Whose series it is and what it counts (`c` or `b`, `t` or `p`), and its id.
type SeriesKey = String;

/// What is known of a row's series.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SeriesMemory {
    /// A window is open.
    #[serde(rename = "w", default)]
    open: bool,
    #[serde(rename = "s")]
    series: BTreeMap<SeriesKey, SeenSeries>,
    /// For so many looks more another fall of a process would be too soon, and whether one came too soon.
    #[serde(rename = "f", default, skip_serializing_if = "BTreeMap::is_empty")]
    falls: BTreeMap<u64, (u8, bool)>,
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SeriesLook {
    /// No window may open yet, or one has just opened, or goes on.
    Goes,
    /// A window closed, and the next one opened. Those that are bad (or good) are the failures in it.
    Closed(Table),
    /// These cannot be counters; the window begins anew.
    Broken(String),
}

impl SeriesMemory {
    /// No window now.
    pub(super) fn shut(&mut self) {
        self.open = false;
    }

    /// So many series are remembered.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// Another look, `since` milliseconds after windows might open; none: not now.
    pub(super) fn look(&mut self, tally: &RowTally, since: Option<i64>) -> SeriesLook {
        let fell = self.fallen(tally);
        let broken = self.too_soon(tally, &fell).or_else(|| self.by_little(tally));
        self.grow(tally, &fell);
        self.series.retain(|_, seen| tally.at.saturating_sub(seen.sampled) < GONE);
        if let Some(why) = broken {
            self.open_with(tally);
            self.open &= since.is_some();
            return SeriesLook::Broken(why);
        }
        let Some(since) = since else { return SeriesLook::Goes };
        if !self.open {
            // What was scraped before the split was served is of the split before.
            let fresh = |one: &CounterSeries| tally.at.saturating_sub(one.sampled) <= since;
            if since >= 0 && !tally.series.is_empty() && (tally.series.iter().all(fresh) || since >= LONGEST) {
                self.open_with(tally);
                self.open = true;
            }
            return SeriesLook::Goes;
        }
        if self.is_long_enough(tally) { self.close(tally) } else { SeriesLook::Goes }
    }

    /// Processes of which a counter fell.
    fn fallen(&self, tally: &RowTally) -> BTreeSet<u64> {
        let fell = |one: &&CounterSeries| self.news(one).is_some_and(|seen| one.count < seen.count);
        tally.series.iter().filter(fell).map(|one| one.process).collect()
    }

    /// What was known of a series that was scraped anew.
    fn news(&self, one: &CounterSeries) -> Option<&SeenSeries> {
        self.series.get(&key(one)).filter(|seen| one.sampled > seen.sampled)
    }

    fn too_soon(&mut self, tally: &RowTally, fell: &BTreeSet<u64>) -> Option<String> {
        // A process that is gone is no suspect any more.
        let there: BTreeSet<u64> = tally.series.iter().map(|one| one.process).collect();
        self.falls.retain(|process, _| there.contains(process));
        let news: BTreeSet<u64> =
            tally.series.iter().filter(|one| self.news(one).is_some()).map(|one| one.process).collect();
        for process in news {
            let (soon, again) = self.falls.remove(&process).unwrap_or_default();
            let falls = if fell.contains(&process) {
                (SOON, again || soon > 0)
            } else {
                (soon.saturating_sub(1), again && soon > 1)
            };
            if falls.0 > 0 {
                self.falls.insert(process, falls);
            }
        }
        // Between two of them lies no growth of anything, so nothing is believed until as many looks brought no fall.
        let again = self.falls.values().any(|(_, again)| *again);
        again.then(|| {
            format!(
                "its counters fell twice within {SOON} looks: several processes that answer in turn under one name, a gauge, or \
                 one that begins anew again and again"
            )
        })
    }

    fn by_little(&self, tally: &RowTally) -> Option<String> {
        tally.series.iter().find_map(|one| {
            let before = self.news(one)?.count;
            (one.count < before && one.count > NEAR_ZERO.max(before / 2)).then(|| {
                format!(
                    "{} fell from {before} to {}: a counter that begins anew begins near zero, so this is a sum over processes, \
                     or a gauge",
                    one.name, one.count
                )
            })
        })
    }

    fn grow(&mut self, tally: &RowTally, fell: &BTreeSet<u64>) {
        let known: BTreeSet<(bool, u64)> = self
            .series
            .iter()
            .filter(|(_, seen)| !seen.away)
            .map(|(key, seen)| (key.starts_with('c'), seen.process))
            .collect();
        for one in &tally.series {
            let first = SeenSeries {
                process: one.process,
                count: one.count,
                grown: 0,
                sampled: one.sampled,
                covers: 0,
                away: false,
            };
            let Some(seen) = self.series.get_mut(&key(one)) else {
                let from_zero = one.candidate || known.contains(&(one.candidate, one.process));
                let grown = if from_zero { one.count } else { 0 };
                self.series.insert(key(one), SeenSeries { grown, ..first });
                continue;
            };
            if one.sampled <= seen.sampled {
                continue;
            }
            let began_anew = fell.contains(&one.process);
            let more = match (seen.away, began_anew) {
                (_, true) => one.count,
                (true, false) => 0,
                (false, false) => one.count.saturating_sub(seen.count),
            };
            let covers = if seen.away { 0 } else { seen.covers.saturating_add(one.sampled - seen.sampled) };
            *seen = SeenSeries { grown: seen.grown.saturating_add(more), covers, ..first };
        }
        // A counter with labels that a process has not told of since it began anew stands at zero: when it appears, that is no
        // second fall.
        let there: BTreeSet<SeriesKey> = tally.series.iter().map(key).collect();
        for (_, seen) in
            self.series.iter_mut().filter(|(key, seen)| fell.contains(&seen.process) && !there.contains(*key))
        {
            (seen.count, seen.away) = (0, false);
        }
    }

    /// A window opens with this look.
    fn open_with(&mut self, tally: &RowTally) {
        let there: BTreeSet<SeriesKey> = tally.series.iter().map(key).collect();
        // One that stands at zero has not appeared yet, and its first count will be growth.
        self.series.retain(|key, seen| there.contains(key) || seen.count > 0);
        for (key, seen) in &mut self.series {
            (seen.grown, seen.covers, seen.away) = (0, 0, !there.contains(key));
        }
    }

    /// Each series was scraped anew, and for long enough beside how far their samples lie apart.
    fn is_long_enough(&self, tally: &RowTally) -> bool {
        let spans = || {
            let seen = tally.series.iter().filter_map(|one| self.series.get(&key(one)));
            seen.map(|seen| (seen.sampled, seen.sampled - seen.covers))
        };
        let (Some(last), Some(first)) = (spans().map(|s| s.0).max(), spans().map(|s| s.0).min()) else { return false };
        // One that appeared in this window covers less of it, and could make it no longer than it is.
        let opened = spans().map(|s| s.1).min().unwrap_or(first);
        let covered = |(sampled, opened): (i64, i64)| sampled - opened;
        let shortest = spans().filter(|s| s.1 - opened <= last - first).map(covered).min().unwrap_or_default();
        let both = [true, false].map(|candidate| self.grown(candidate, true) > 0) == [true, true];
        last - opened >= LONGEST || both && shortest > 0 && shortest >= APART * (last - first)
    }

    fn grown(&self, candidate: bool, total: bool) -> u64 {
        let prefix = prefix(candidate, total);
        let own = self.series.iter().filter(|(key, _)| key.starts_with(prefix));
        own.fold(0_u64, |sum, (_, seen)| sum.saturating_add(seen.grown)).min(MOST)
    }

    fn close(&mut self, tally: &RowTally) -> SeriesLook {
        let [(all_c, part_c), (all_b, part_b)] =
            [true, false].map(|arm| (self.grown(arm, true), self.grown(arm, false)));
        self.open_with(tally);
        for (part, all) in [(part_c, all_c), (part_b, all_b)] {
            if part > all.saturating_add(TORN).saturating_add(all / TORN_PART) {
                return SeriesLook::Broken(format!(
                    "a part of {part} of a total of {all}: the one does not count among the other"
                ));
            }
        }
        SeriesLook::Closed(Table::of(all_c, all_b, part_c, part_b))
    }
}

fn prefix(candidate: bool, total: bool) -> &'static str {
    match (candidate, total) {
        (true, true) => "ct",
        (true, false) => "cp",
        (false, true) => "bt",
        (false, false) => "bp",
    }
}

fn key(one: &CounterSeries) -> SeriesKey {
    format!("{}{:x}", prefix(one.candidate, one.total), one.id)
}

#[cfg(test)]
mod tests;
