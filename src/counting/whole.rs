//! One stratum out of processes that count one arm each, and come and go: Knative's queue-proxies.
//!
//! Decides what a series that falls or vanishes means: one that falls was counted anew from nothing, one that vanished
//! keeps what it had. Kept between readings; a new ledger begins with what the living series say, so after a restart a
//! total may be lower than before, which readers know as a reset. Depends on sorted series.

use super::{Arm, BadSeries, Counted, Dialect, Part, Parts, pair, sort};
use crate::exposition::Sample;
use crate::reading::{Arms, Pair};
use std::collections::BTreeMap;

/// Totals that never fall, out of series that do.
#[derive(Debug, Default)]
pub struct Ledger {
    /// What each series said last.
    last: BTreeMap<String, u64>,
    totals: BTreeMap<(Arm, usize), Parts>,
}

/// Series that are remembered at most; a pod has some dozens.
const MOST_SERIES: usize = 200_000;

impl Ledger {
    /// Adds what came since the last reading; the totals. None: no series of either arm.
    pub fn read(&mut self, samples: &[Sample], dialect: &Dialect, arms: &Arms) -> Result<Option<Pair>, BadSeries> {
        let counted = sort(samples, dialect, arms)?;
        if counted.is_empty() {
            return Ok(None);
        }
        let mut gauges: BTreeMap<(Arm, usize), u64> = BTreeMap::new();
        for Counted { way, arm, part, count, sample } in counted {
            let parts = self.totals.entry((arm, way)).or_default();
            if part == Part::Active {
                let sum = gauges.entry((arm, way)).or_default();
                *sum = sum.saturating_add(count);
                continue;
            }
            let last = self.last.insert(format!("{part:?} {} {:?}", sample.name, sample.labels), count);
            let growth = match last {
                Some(last) if last <= count => count - last,
                _ => count,
            };
            parts.add(part, growth);
        }
        if self.last.len() > MOST_SERIES {
            return Err(BadSeries::TooMany(self.last.len()));
        }
        let mut totals = self.totals.clone();
        for (key, sum) in gauges {
            totals.entry(key).or_default().add(Part::Active, sum);
        }
        pair(totals, dialect).map(Some)
    }
}
