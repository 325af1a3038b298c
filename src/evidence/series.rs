//! From series to counters: which series of a metrics system count what, whose they are, and what cannot be a count.
//!
//! Decides whose each series is, and nothing about the candidate. A value that is no whole number, a series that stands
//! there twice and a series of both arms are errors and never guesses, because a wrong count would become evidence. Depends
//! on the exposition's samples and the reading.

mod dialect;
mod pattern;
mod presets;

pub use dialect::{BadDialect, Dialect, GrpcSeries, HistogramSeries, Metrics, SAMPLED, Unit};
pub use pattern::{BadPattern, Labels};
pub use presets::Preset;

use crate::evidence::classes::{Classes, StatusClass};
use crate::evidence::exposition::Sample;
use crate::evidence::grpc::GrpcStatus;
use crate::evidence::reading::{Arms, Counters, INFINITE, Pair, torn};
use crate::model::name::RevisionName;
use std::collections::{BTreeMap, BTreeSet};

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
    /// More answers by class than there were at all.
    #[error(
        "{completed} counts {answers} answers of {revision}, and {classes} {told} by their status: some are missing; do both \
         count the same requests?"
    )]
    Classes {
        /// The series of answers.
        completed: String,
        /// How many it counts.
        answers: u64,
        /// Whose.
        revision: String,
        /// The series by status.
        classes: String,
        /// How many that counts.
        told: u64,
    },
    /// The label that should tell the status is nowhere.
    #[error(
        "no sample of {name} has the label {label:?} that should tell the status (`code=` of --evidence-metrics); they have {has}"
    )]
    NoLabel {
        /// The series' name.
        name: String,
        /// The label that was asked for.
        label: String,
        /// Those that there are.
        has: String,
    },
    /// The label that should tell the status tells something else.
    #[error(
        "{name} has the label {label}={value:?}, which is no status (`code=` of --evidence-metrics names the label that tells \
         it); its samples have {has}"
    )]
    NoStatus {
        /// The series' name.
        name: String,
        /// The label that was asked for.
        label: String,
        /// What it says.
        value: String,
        /// The labels that there are.
        has: String,
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
    /// Answers of a class.
    Status(StatusClass),
    /// Calls of gRPC with a status, which are answers that are counted already.
    Call(GrpcStatus),
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
    fn counters(self, metrics: &Metrics, revision: &RevisionName) -> Result<Option<Counters>, BadSeries> {
        let one = |part| self.0.get(&part).copied();
        let (mut latency, mut classes, mut calls) = (Vec::new(), None::<Classes>, Classes::default());
        for (part, count) in &self.0 {
            match part {
                Part::Within(edge) => latency.push((*edge, *count)),
                Part::Status(class) => classes.get_or_insert_default().add(*class, *count),
                Part::Call(status) => calls.add_call(*status, *count),
                Part::Sent | Part::Active | Part::Completed => {}
            }
        }
        if one(Part::Sent).is_none() && one(Part::Completed).is_none() && classes.is_none() {
            return Ok(None);
        }
        if latency.iter().zip(latency.iter().skip(1)).any(|((_, a), (_, b))| a > b) {
            return Err(BadSeries::Falling(metrics.buckets()));
        }
        let told = classes.unwrap_or_default();
        let completed = answered(one(Part::Completed), told.all(), metrics, revision)?;
        let untold = completed - told.all();
        // Without its last bucket a histogram does not say how many answers there were; one of more than there were is of
        // something else, or of a time before the counters began anew.
        let most = completed.saturating_add(torn(completed));
        let timed = latency.last().is_some_and(|(edge, n)| *edge == INFINITE && *n <= most);
        let told = told.plus(calls);
        Ok(Some(Counters {
            sent: one(Part::Sent),
            active: one(Part::Active),
            completed,
            untold,
            failed: told.failed(),
            classes: Some(told),
            statuses: Some(told.compared()),
            latency: timed.then_some(latency),
        }))
    }
}

/// How many answers there were, at least as many as have a status. Fewer may have one, because an Envoy cluster that is made anew
/// begins to count by status anew: whether that is so, two readings tell ([`super::window`]). More may have one only by what came
/// while the process wrote the one and the other. Each series appears with the first answer, so that absence is zero.
fn answered(answers: Option<u64>, told: u64, metrics: &Metrics, revision: &RevisionName) -> Result<u64, BadSeries> {
    match answers {
        Some(answers) if told > answers.saturating_add(torn(answers)) => Err(BadSeries::Classes {
            completed: metrics.completed.clone(),
            answers,
            revision: revision.to_string(),
            classes: metrics.failed.clone(),
            told,
        }),
        answers => Ok(answers.unwrap_or_default().max(told)),
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
            for part in metrics.parts(sample, samples)? {
                counted.push(Counted { way, arm, part, count: count(sample)?, sample });
            }
        }
    }
    for (way, metrics) in dialect.ways.iter().enumerate() {
        let told = counted.iter().filter(|one| one.way == way && one.sample.name == metrics.failed);
        let mut told = told.map(|one| one.sample).peekable();
        // Where others have it, a sample without it is an answer without a status.
        if told.peek().is_some() && told.all(|sample| !sample.labels.contains_key(&metrics.code)) {
            let (name, label) = (metrics.failed.clone(), metrics.code.clone());
            return Err(BadSeries::NoLabel { has: labels_of(samples, &name), name, label });
        }
    }
    Ok(counted)
}

/// The labels that samples of this name have.
fn labels_of(samples: &[Sample], name: &str) -> String {
    let names = samples.iter().filter(|sample| sample.name == name).flat_map(|sample| sample.labels.keys());
    let names: Vec<&str> = names.map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// A whole number that is not negative.
fn count(sample: &Sample) -> Result<u64, BadSeries> {
    let error = || BadSeries::NoCount { name: sample.name.clone(), value: sample.value.to_string() };
    sample.count().ok_or_else(error)
}

/// The counters of both arms in each stratum, for a dialect that tells strata apart. Empty: no series of either arm.
pub fn read(samples: &[Sample], dialect: &Dialect, arms: &Arms) -> Result<BTreeMap<String, Pair>, BadSeries> {
    let counted = sort(samples, dialect, arms)?;
    let mut seen: BTreeMap<(String, usize, ArmName, Part), &Sample> = BTreeMap::new();
    let mut strata: BTreeMap<String, BTreeMap<(ArmName, usize), Parts>> = BTreeMap::new();
    for Counted { way, arm, part, count, sample } in counted {
        let stratum = dialect.stratum(&sample.labels);
        // Calls have a series for each method.
        if dialect.one_series_each
            && !matches!(part, Part::Call(_))
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
    let pairs = strata.into_iter().map(|(name, parts)| Ok((name, pair(parts, dialect, arms)?)));
    let pairs: Result<BTreeMap<_, _>, BadSeries> = pairs.collect();
    Ok(pairs?.into_iter().filter(|(_, pair)| *pair != Pair::default()).collect())
}

/// Each arm by the first way in which it is counted at all.
fn pair(parts: BTreeMap<(ArmName, usize), Parts>, dialect: &Dialect, arms: &Arms) -> Result<Pair, BadSeries> {
    let mut pair = Pair::default();
    for ((arm, way), parts) in parts {
        let Some(metrics) = dialect.ways.get(way) else { continue };
        let (place, revision) = match arm {
            ArmName::Stable => (&mut pair.stable, &arms.stable),
            ArmName::Candidate => (&mut pair.candidate, &arms.candidate),
        };
        if place.is_none() {
            *place = parts.counters(metrics, revision)?;
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
