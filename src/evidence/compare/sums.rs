//! What a row has counted, and what it says.
//!
//! Decides that bad ones are compared, whichever counter was named, that they are divided by how many of stable's come together
//! ([`crate::evidence::clustering`]; a row shows that by its own windows), and what is said of them. Depends on growth and the
//! comparison.

use super::growth::{SeriesLook, SeriesMemory};
use super::{CompareRow, PartIs, RowTally};
use crate::evidence::clustering::{Clustering, Phi};
use crate::evidence::comparison::Comparison;
use crate::evidence::counts::{Counts, Table};
use crate::evidence::reading::Arms;
use serde::{Deserialize, Serialize};

/// Everything that a row adds up to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RowSums {
    /// Windows in which both had something.
    #[serde(rename = "w")]
    pub(super) windows: u64,
    #[serde(rename = "c")]
    candidate: Counts,
    #[serde(rename = "b")]
    stable: Counts,
    #[serde(rename = "e")]
    evidence: Comparison,
    /// How stable's bad ones come.
    #[serde(rename = "k", default, skip_serializing_if = "Clustering::is_nothing")]
    pub(super) clustering: Clustering,
}

/// A row with what it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowEvidence {
    pub(super) row: CompareRow,
    pub(super) sums: RowSums,
    pub(super) memory: SeriesMemory,
    /// Bad ones come so many at a time; none: as stable's windows show.
    pub(super) together: Option<Phi>,
    /// There was a series of stable's total, and of the candidate's.
    pub(super) seen: [bool; 2],
    /// The numbers cannot be computed.
    pub(super) trouble: bool,
}

/// What came of a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowHeard {
    /// A window closed in which both had something.
    Window,
    /// Nothing new to judge by.
    Nothing,
    /// These are no counters of this row; why.
    Broken(String),
}

impl RowEvidence {
    /// Nothing counted yet.
    pub fn new(row: CompareRow) -> Self {
        let (sums, memory) = (RowSums::default(), SeriesMemory::default());
        Self { row, sums, memory, together: None, seen: [false; 2], trouble: false }
    }

    /// The same where bad ones are known to come so many at a time; none: as stable's windows show.
    #[must_use]
    pub fn together(self, together: Option<Phi>) -> Self {
        Self { together, ..self }
    }

    /// The row.
    pub fn row(&self) -> &CompareRow {
        &self.row
    }

    /// No window now: users are not where a split has them, or one of the two has none.
    pub fn shut(&mut self) {
        self.memory.shut();
        self.sums.clustering.apart();
    }

    /// Another look; it was asked for so many milliseconds after windows might open, none: they may not.
    pub fn look(&mut self, tally: &RowTally, since: Option<i64>) -> RowHeard {
        for (seen, candidate) in self.seen.iter_mut().zip([false, true]) {
            *seen |= tally.has(candidate);
        }
        match self.memory.look(tally, since) {
            SeriesLook::Goes => RowHeard::Nothing,
            SeriesLook::Broken(why) => {
                self.sums.clustering.apart();
                RowHeard::Broken(why)
            }
            SeriesLook::Closed(part) => self.add(part),
        }
    }

    fn add(&mut self, part: Table) -> RowHeard {
        let table = match self.row.part_is {
            PartIs::Bad => part,
            PartIs::Good => {
                let rest = |counts: Counts| Counts::new(counts.requests, counts.requests - counts.failures);
                Table { stable: rest(part.stable), candidate: rest(part.candidate) }
            }
        };
        if table.stable.requests == 0 || table.candidate.requests == 0 {
            self.sums.clustering.apart();
            return RowHeard::Nothing;
        }
        // Of the windows before, so that it is not chosen by what is judged with it.
        let phi = self.together.unwrap_or_else(|| self.sums.clustering.against());
        self.trouble |= self.sums.evidence.add_beyond(table, 1.0, phi).is_err();
        self.sums.clustering.look(table.stable);
        self.sums.windows += 1;
        self.sums.candidate = self.sums.candidate.plus(table.candidate);
        self.sums.stable = self.sums.stable.plus(table.stable);
        RowHeard::Window
    }

    /// `ln E` that bad ones are more likely with the candidate; none where it cannot be computed.
    pub fn ln_worse(&self) -> Option<f64> {
        Some(self.sums.evidence.ln_e()).filter(|ln| !self.trouble && !ln.is_nan())
    }

    /// How bad ones come, once stable has shown it or somebody has said so; none where they come alone.
    pub fn clustered(&self) -> Option<String> {
        let known = self.sums.clustering.is_known().then(|| self.sums.clustering.against());
        self.together.or(known).and_then(|phi| phi.words("bad ones"))
    }

    /// What was counted of both in windows.
    pub fn counted(&self) -> Table {
        Table { stable: self.sums.stable, candidate: self.sums.candidate }
    }

    /// A window closed in which both had something.
    pub fn has_judged(&self) -> bool {
        self.sums.windows > 0
    }

    /// The revision of which no series was ever seen, stable first.
    pub fn unseen<'a>(&self, arms: &'a Arms) -> Option<&'a crate::model::name::RevisionName> {
        let names = [&arms.stable, &arms.candidate];
        names.into_iter().zip(self.seen).find(|(_, seen)| !seen && !self.has_judged()).map(|(name, _)| name)
    }
}
