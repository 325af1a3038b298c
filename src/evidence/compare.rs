//! The owner's own counters, compared: whether what the business counts as bad happens more often with the candidate.
//!
//! Decides how a row is written, what is asked for it, and how much of the error that a rollout may make is a row's. A row is
//! raw cumulative counters of both revisions, series by series ([`tally`]); what they grew by between two looks ([`growth`]) is
//! judged by the same sequential test as failures are ([`crate::evidence::comparison`]), and what stands of it after a crash is
//! in [`kept`]. It compares and excludes nothing: a row sends users back, and no row says that the candidate is good. Asking is
//! an adapter's work. Depends on names, samples and the comparison.
//!
//! ```
//! use andante::evidence::compare::CompareRow;
//!
//! let row: CompareRow = "orders: bad=orders_total{state=\"failed\",rev=\"{revision}\"} total=orders_total{rev=\"{revision}\"}"
//!     .parse()?;
//! assert_eq!(row.name, "orders");
//! // A sum over pods falls when a pod ends, and what falls is no counter.
//! assert!("orders: bad=sum(x{rev=\"{revision}\"}) total=y{rev=\"{revision}\"}".parse::<CompareRow>().is_err());
//! # Ok::<(), andante::evidence::compare::BadCompare>(())
//! ```

mod expression;
mod growth;
mod kept;
mod sums;
mod tally;

pub use expression::BadCounter;
pub use kept::{KeptRow, KeptRows};
pub use sums::{RowEvidence, RowHeard};
pub use tally::{CounterSeries, RowTally};

use crate::evidence::clustering::Phi;
use crate::evidence::gate::named;
use crate::evidence::reading::Arms;
use crate::model::name::RevisionName;
use serde::{Deserialize, Serialize};
use std::fmt;

/// So many rows there may be.
pub const MOST_ROWS: usize = 5;
/// The part of the error that the built-in comparison keeps beside rows of the owner's; they share the rest equally.
// Fixed before any data is seen: parts that were chosen after a look would not add up to the error that was promised. A fifth
// costs the built-in comparison a quarter of a nat, one failure more or less.
const KEPT: f64 = 0.8;
/// The label of a query's series that tells which of the four counters it is, or that it is its time.
const COUNTER: &str = "andante_counter";

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CompareRow {
    /// As it is called in lines and reasons.
    pub name: String,
    /// What `part` counts.
    pub part_is: PartIs,
    /// The counter of bad ones, or of good ones. `{namespace}` and `{revision}` stand for names.
    pub part: String,
    /// The counter of all.
    pub total: String,
}

/// What the counter beside the total counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartIs {
    /// What is bad.
    Bad,
    /// What is good: the rest of the total is bad.
    Good,
}

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCompare {
    /// No name before a colon.
    #[error("`{0}` has no name: write `NAME: bad=COUNTER total=COUNTER` (or `good=` instead of `bad=`)")]
    Name(String),
    /// Not the two counters.
    #[error("compare `{0}` is not `bad=COUNTER total=COUNTER` (or `good=COUNTER total=COUNTER`), each once")]
    Form(String),
    /// A counter that is none.
    #[error("compare `{name}`, {which}: {why}")]
    Counter {
        /// The row.
        name: String,
        /// `bad`, `good` or `total`.
        which: &'static str,
        /// What is wrong.
        why: BadCounter,
    },
}

impl PartIs {
    fn word(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Good => "good",
        }
    }
}

impl std::str::FromStr for CompareRow {
    type Err = BadCompare;

    fn from_str(text: &str) -> Result<Self, BadCompare> {
        let shown = || BadCompare::Name(text.chars().filter(|c| !c.is_control()).take(60).collect());
        let (name, counters) = named(text).ok_or_else(shown)?;
        let form = || BadCompare::Form(name.to_owned());
        let found = expression::settings(counters, &["bad=", "good=", "total="]).ok_or_else(form)?;
        let (mut part, mut total) = (None, None);
        for (key, value) in found {
            let (which, place) = match key {
                "bad=" => (PartIs::Bad.word(), &mut part),
                "good=" => (PartIs::Good.word(), &mut part),
                _ => ("total", &mut total),
            };
            expression::check(value).map_err(|why| BadCompare::Counter { name: name.to_owned(), which, why })?;
            if place.replace((which, value.to_owned())).is_some() {
                return Err(form());
            }
        }
        let (Some((which, part)), Some((_, total))) = (part, total) else { return Err(form()) };
        let part_is = if which == PartIs::Bad.word() { PartIs::Bad } else { PartIs::Good };
        Ok(Self { name: name.to_owned(), part_is, part, total })
    }
}

impl TryFrom<String> for CompareRow {
    type Error = BadCompare;

    fn try_from(text: String) -> Result<Self, BadCompare> {
        text.parse()
    }
}

impl From<CompareRow> for String {
    fn from(row: CompareRow) -> Self {
        row.to_string()
    }
}

/// As it is read.
impl fmt::Display for CompareRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}={} total={}", self.name, self.part_is.word(), self.part, self.total)
    }
}

impl CompareRow {
    /// One instant query for the four counters, series by series, and for when each sample was taken.
    pub fn promql(&self, arms: &Arms) -> String {
        let filled = |text: &str, revision: &RevisionName| {
            text.replace("{namespace}", arms.namespace.as_str()).replace("{revision}", revision.as_str())
        };
        let mut terms = Vec::new();
        for (arm, revision) in [("stable", &arms.stable), ("candidate", &arms.candidate)] {
            for (which, text) in [("part", &self.part), ("total", &self.total)] {
                // One query for everything, since two would be answered at two instants. The time of a sample is a query of
                // its own, which drops the metric's name, and is told of a selector alone.
                let counter = filled(text, revision);
                let times =
                    expression::alternatives(&counter).into_iter().map(|one| ("time", format!("timestamp({one})")));
                for (what, value) in [("count", counter.clone())].into_iter().chain(times) {
                    terms.push(format!("label_replace({value},\"{COUNTER}\",\"{arm} {which} {what}\",\"\",\"\")"));
                }
            }
        }
        terms.join(" or ")
    }

    /// What tells this row, as it is written and with what is said of how many bad ones come together, from others: evidence that was
    /// made under another is not its own.
    pub fn fingerprint(&self, together: Option<Phi>) -> u64 {
        let together = together.map(|phi| phi.get().to_string());
        tally::hash([self.to_string()].iter().chain(&together).map(String::as_str))
    }
}

/// What is wrong with several rows together.
pub fn check(rows: &[CompareRow]) -> Result<(), String> {
    if rows.len() > MOST_ROWS {
        return Err(format!(
            "{} rows, and at most {MOST_ROWS} are compared: each takes of the error of all",
            rows.len()
        ));
    }
    match rows.iter().enumerate().find(|(n, row)| rows.iter().take(*n).any(|other| other.name == row.name)) {
        Some((_, twice)) => Err(format!("two rows are called `{}`", twice.name)),
        None => Ok(()),
    }
}

/// `ln` of the evidence at which the built-in comparison decides, beside so many rows of the owner's.
pub fn built_in_at(alpha: f64, rows: usize) -> f64 {
    if rows == 0 { -alpha.ln() } else { -(alpha * KEPT).ln() }
}

/// `ln` of the evidence at which one of so many rows decides. Where nothing else is compared the rows share the whole error.
pub fn row_at(alpha: f64, rows: usize, alone: bool) -> f64 {
    let share = if alone { alpha } else { alpha * (1.0 - KEPT) };
    // At most five.
    let rows = u32::try_from(rows.max(1)).map_or(f64::INFINITY, f64::from);
    rows.ln() - share.ln()
}

#[cfg(test)]
mod tests;
