//! From series to counters: which series of a metrics system count what, whose they are, and what cannot be a count.
//!
//! Decides whose each series is, and nothing about the candidate. A value that is no whole number, a series that stands
//! there twice and a series of both arms are errors and never guesses, because a wrong count would become evidence. Depends
//! on the exposition's samples and the reading.

mod dialect;
mod pattern;

pub use dialect::{BadDialect, Dialect, HistogramSeries, Metrics, Preset, SAMPLED, Unit};
pub use pattern::{BadPattern, Labels};

use crate::evidence::exposition::Sample;
use crate::evidence::reading::{Arms, Counters, INFINITE, Pair};
use std::collections::BTreeMap;

/// Counts are exact in a float up to here; a process that counts more has lost some already.
const MOST: f64 = 9_007_199_254_740_992.0;

/// What is wrong with the series. Names of metrics and labels only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSeries {
    /// A count that is none.
    #[error("{name} is {value}, which is no count")]
    NoCount {
        /// The series' name.
        name: String,
        /// Its value.
        value: String,
    },
    /// Two series where there can be one.
    #[error(
        "two series of {name} for {revision} that differ in {labels}: the same process is scraped twice; choose one with \
         --evidence-labels"
    )]
    Twice {
        /// The series' name.
        name: String,
        /// Whose they are.
        revision: String,
        /// The labels in which they differ.
        labels: String,
    },
    /// One series of both arms.
    #[error("the labels of --evidence-labels do not tell {stable} and {candidate} apart")]
    Both {
        /// The one.
        stable: String,
        /// The other.
        candidate: String,
    },
    /// A bucket without an edge, or with one that is no number.
    #[error("{name} has the edge {edge:?}, which is no number")]
    Edge {
        /// The series' name.
        name: String,
        /// What stands there.
        edge: String,
    },
    /// Cumulative buckets that fall.
    #[error("the buckets of {0} fall from one edge to the next: they are not cumulative")]
    Falling(String),
}

/// What one series counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Sent,
    Active,
    Completed,
    Failed,
    /// Answers at or below this many microseconds.
    Within(u64),
}

/// Whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ArmName {
    Stable,
    Candidate,
}

/// Parts of one arm in one stratum, being put together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Parts(BTreeMap<Part, u64>);

impl Parts {
    fn add(&mut self, part: Part, count: u64) {
        let sum = self.0.entry(part).or_default();
        *sum = sum.saturating_add(count);
    }

    /// None where nothing was ever sent, because a source shows other series (a gauge, a bucket) of an arm before that.
    fn counters(self, metrics: &Metrics) -> Result<Option<Counters>, BadSeries> {
        let one = |part| self.0.get(&part).copied();
        if one(Part::Sent).is_none() && one(Part::Completed).is_none() {
            return Ok(None);
        }
        let mut latency = Vec::new();
        for (part, count) in &self.0 {
            if let Part::Within(edge) = part {
                latency.push((*edge, *count));
            }
        }
        if latency.iter().zip(latency.iter().skip(1)).any(|((_, a), (_, b))| a > b) {
            let name = metrics.latency.as_ref().map(|h| h.bucket.clone()).unwrap_or_default();
            return Err(BadSeries::Falling(name));
        }
        // Without its last bucket a histogram does not say how many answers there were.
        let whole = latency.last().is_some_and(|(edge, _)| *edge == INFINITE);
        Ok(Some(Counters {
            sent: one(Part::Sent),
            active: one(Part::Active),
            // These two appear with the first answer, so that absence is zero where requests were sent.
            completed: one(Part::Completed).unwrap_or_default(),
            failed: one(Part::Failed).unwrap_or_default(),
            latency: whole.then_some(latency),
        }))
    }
}

/// One series that is somebody's.
#[derive(Debug)]
struct Counted<'a> {
    /// Which alternative of the dialect.
    way: usize,
    arm: ArmName,
    part: Part,
    count: u64,
    sample: &'a Sample,
}

/// Finds out what each sample counts; those of others are left out.
fn sort<'a>(samples: &'a [Sample], dialect: &Dialect, arms: &Arms) -> Result<Vec<Counted<'a>>, BadSeries> {
    let mut counted = Vec::new();
    for sample in samples {
        for (way, metrics) in dialect.ways.iter().enumerate() {
            let labels = dialect.labels_of(metrics);
            let stable = labels.fits(&sample.labels, &arms.namespace, &arms.stable);
            let candidate = labels.fits(&sample.labels, &arms.namespace, &arms.candidate);
            let arm = match (stable, candidate) {
                (false, false) => continue,
                (true, false) => ArmName::Stable,
                (false, true) => ArmName::Candidate,
                (true, true) => {
                    let (stable, candidate) = (arms.stable.to_string(), arms.candidate.to_string());
                    return Err(BadSeries::Both { stable, candidate });
                }
            };
            for part in metrics.parts(sample)? {
                counted.push(Counted { way, arm, part, count: count(sample)?, sample });
            }
        }
    }
    Ok(counted)
}

/// A whole number that is not negative.
fn count(sample: &Sample) -> Result<u64, BadSeries> {
    let value = sample.value;
    if value.is_finite() && (0.0..=MOST).contains(&value) && value.fract() == 0.0 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: whole, and in range")]
        return Ok(value as u64);
    }
    Err(BadSeries::NoCount { name: sample.name.clone(), value: value.to_string() })
}

/// The counters of both arms in each stratum, for a dialect that tells strata apart. Empty: no series of either arm.
pub fn read(samples: &[Sample], dialect: &Dialect, arms: &Arms) -> Result<BTreeMap<String, Pair>, BadSeries> {
    let counted = sort(samples, dialect, arms)?;
    let mut seen: BTreeMap<(String, usize, ArmName, Part), &Sample> = BTreeMap::new();
    let mut strata: BTreeMap<String, BTreeMap<(ArmName, usize), Parts>> = BTreeMap::new();
    for Counted { way, arm, part, count, sample } in counted {
        let stratum = dialect.stratum(&sample.labels);
        if dialect.one_series_each
            && let Some(other) = seen.insert((stratum.clone(), way, arm, part), sample)
        {
            let revision = if arm == ArmName::Stable { &arms.stable } else { &arms.candidate };
            return Err(BadSeries::Twice {
                name: sample.name.clone(),
                revision: revision.to_string(),
                labels: difference(sample, other),
            });
        }
        strata.entry(stratum).or_default().entry((arm, way)).or_default().add(part, count);
    }
    let pairs = strata.into_iter().map(|(name, parts)| Ok((name, pair(parts, dialect)?)));
    let pairs: Result<BTreeMap<_, _>, BadSeries> = pairs.collect();
    Ok(pairs?.into_iter().filter(|(_, pair)| *pair != Pair::default()).collect())
}

/// Each arm by the first way in which it is counted at all.
fn pair(parts: BTreeMap<(ArmName, usize), Parts>, dialect: &Dialect) -> Result<Pair, BadSeries> {
    let mut pair = Pair::default();
    for ((arm, way), parts) in parts {
        let Some(metrics) = dialect.ways.get(way) else { continue };
        let place = if arm == ArmName::Stable { &mut pair.stable } else { &mut pair.candidate };
        if place.is_none() {
            *place = parts.counters(metrics)?;
        }
    }
    // Buckets with other edges cannot be compared: two generations of the same metric have other ones.
    let edges = |c: &Option<Counters>| {
        let latency = c.as_ref().and_then(|c| c.latency.as_ref());
        latency.map(|l| l.iter().map(|(edge, _)| *edge).collect::<Vec<_>>())
    };
    if let (Some(a), Some(b)) = (edges(&pair.stable), edges(&pair.candidate))
        && a != b
    {
        for counters in [&mut pair.stable, &mut pair.candidate].into_iter().flatten() {
            counters.latency = None;
        }
    }
    Ok(pair)
}

fn difference(a: &Sample, b: &Sample) -> String {
    let names = a.labels.keys().chain(b.labels.keys().filter(|k| !a.labels.contains_key(*k)));
    let differ: Vec<&str> = names.filter(|k| a.labels.get(*k) != b.labels.get(*k)).map(String::as_str).collect();
    if differ.is_empty() { "nothing".into() } else { differ.join(", ") }
}

#[cfg(test)]
mod tests;
