//! What the record keeps of the owner's rows: sums, and as many of the counters of the same instant as there is room for.
//!
//! Decides what is left out, and what is taken up again. Rows count one error together, so that a row which is new, gone or
//! written otherwise makes all of them begin anew: what each may take of the error was fixed before anything was seen. Depends on
//! the rows and serde.

use super::growth::SeriesMemory;
use super::sums::RowSums;
use super::{CompareRow, RowEvidence};
use crate::evidence::clustering::Phi;
use serde::{Deserialize, Serialize};

/// So many series are kept for all rows together, at most some 80 bytes each.
const MOST_SERIES: usize = 40;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRow {
    /// As it is called.
    pub name: String,
    /// What it says, in words.
    pub said: String,
    /// Which row it is, as it is written.
    #[serde(rename = "row")]
    fingerprint: u64,
    sums: RowSums,
    /// The counters; none: windows open anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counters: Option<SeriesMemory>,
}

/// All rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRows {
    /// The step that they stand at.
    step: usize,
    /// In the order in which they were named.
    pub rows: Vec<KeptRow>,
}

impl KeptRows {
    /// Rows with what each says, as they stand at a step.
    pub fn new(step: usize, rows: &[(&RowEvidence, String)]) -> Self {
        let fits = rows.iter().map(|(row, _)| row.memory.len()).sum::<usize>() <= MOST_SERIES;
        let kept = |(row, said): &(&RowEvidence, String)| KeptRow {
            name: row.row.name.clone(),
            said: said.clone(),
            fingerprint: row.row.fingerprint(row.together),
            sums: row.sums.clone(),
            counters: Some(row.memory.clone()).filter(|_| fits),
        };
        Self { step, rows: rows.iter().map(kept).collect() }
    }

    /// The step that they stand at.
    pub fn step(&self) -> usize {
        self.step
    }

    /// The rows with what was kept of them; none if they are not the same rows, or if something else is said of how many bad ones come
    /// together.
    pub fn take_up(&self, rows: &[CompareRow], together: Option<Phi>) -> Option<Vec<RowEvidence>> {
        let same = |(row, kept): (&CompareRow, &KeptRow)| row.fingerprint(together) == kept.fingerprint;
        let all = rows.len() == self.rows.len() && rows.iter().zip(&self.rows).all(same);
        all.then(|| {
            let taken = |(row, kept): (&CompareRow, &KeptRow)| {
                let mut sums = kept.sums.clone();
                if kept.counters.is_none() {
                    sums.clustering.apart();
                }
                let memory = kept.counters.clone().unwrap_or_default();
                RowEvidence { sums, memory, ..RowEvidence::new(row.clone()).together(together) }
            };
            rows.iter().zip(&self.rows).map(taken).collect()
        })
    }

    /// The same without counters: windows open anew.
    #[must_use]
    pub fn without_counters(mut self) -> Self {
        self.rows.iter_mut().for_each(|row| row.counters = None);
        self
    }
}
