//! What a metrics system calls its counts: names and label templates, because names and labels change from one release of
//! Knative to the next and a collector may change them once more. What is known has a preset ([`super::presets`]).
//!
//! Decides which series are asked for and what each counts. Depends on label templates and samples.

use super::pattern::{BadPattern, Labels};
use super::{BadSeries, Part, labels_of};
use crate::evidence::classes::StatusClass;
use crate::evidence::exposition::Sample;
use crate::evidence::grpc::GrpcStatus;
use crate::evidence::reading::INFINITE;
use crate::model::name::{Namespace, RevisionName};
use std::collections::BTreeMap;

/// The label of series that tell when samples were taken.
pub const SAMPLED: &str = "andante_sampled";

/// The unit of a histogram's edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// A histogram of the time that answers take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramSeries {
    /// The series of its cumulative buckets.
    pub bucket: String,
    /// The unit of its edges.
    pub unit: Unit,
}

/// How calls of gRPC are told by their status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrpcSeries {
    /// A series for each status, by its number.
    Each(Vec<(GrpcStatus, String)>),
    /// A label of the series of answers by status.
    Label(String),
}

/// One way in which requests are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// Requests that were sent.
    pub sent: Option<String>,
    /// Requests that wait for their answer.
    pub active: Option<String>,
    /// Answers.
    pub completed: String,
    /// Answers by status: all of them, whatever their status, because what has none cannot be told from what is missing.
    pub failed: String,
    /// The label of `failed` with the status or its class ([`StatusClass`] says which is a failure).
    pub code: String,
    /// Calls of gRPC by their status.
    pub grpc: Option<GrpcSeries>,
    /// Time.
    pub latency: Option<HistogramSeries>,
    /// How a series names its revision, where the dialect's own templates do not hold.
    pub labels: Option<Labels>,
}

/// How a metrics system counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// Ways to count, best first; each arm is counted by the first that it has series of.
    pub ways: Vec<Metrics>,
    /// How a series names its revision.
    pub labels: Labels,
    /// Each process is counted by itself, by the first of these labels that a series has.
    pub strata: Vec<String>,
    /// In a stratum there is one series of each kind for each arm; another one means that something is counted twice.
    pub one_series_each: bool,
    /// Which setting is missing where no series are found.
    pub advice: &'static str,
}

/// Names that make no dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDialect {
    /// A label template.
    #[error("--evidence-labels: {0}")]
    Labels(#[from] BadPattern),
    /// Metrics by name.
    #[error("--evidence-metrics: {0}")]
    Metrics(String),
}

const OWN_ADVICE: &str = "check --evidence-metrics and --evidence-labels against what it exposes";

impl Dialect {
    /// The dialect with the owner's own label templates, if there are any. A label of the preset's is replaced by the
    /// owner's of the same name; a `{revision}` elsewhere replaces the preset's labels whole.
    pub fn with_labels<'a>(mut self, texts: impl IntoIterator<Item = &'a str>) -> Result<Self, BadDialect> {
        let texts: Vec<&str> = texts.into_iter().collect();
        if texts.is_empty() {
            return Ok(self);
        }
        self.labels = match Labels::new(texts.iter().copied()) {
            Ok(own) => own,
            // Labels that narrow: the preset's stay.
            Err(BadPattern::NoRevision) => {
                let own = Labels::pairs_of(texts.iter().copied())?;
                for way in &mut self.ways {
                    way.labels = way.labels.as_ref().map(|labels| labels.with(&own));
                }
                self.labels.with(&own)
            }
            Err(error) => return Err(error.into()),
        };
        // A star of the owner's may fit several series of one process.
        self.one_series_each &= !texts.iter().any(|text| text.contains('*'));
        Ok(self)
    }

    /// The dialect with metrics by name: `completed=NAME,code=LABEL` and, if there are such, `failed=` (answers by status, where
    /// that is another series), `grpc=` (the label with a gRPC call's status), `sent=`, `active=`, `latency=` (the buckets' name) and
    /// `unit=s|ms`.
    pub fn with_metrics(mut self, text: &str) -> Result<Self, BadDialect> {
        let bad = |why: String| BadDialect::Metrics(why);
        let mut given = BTreeMap::new();
        for pair in text.split(',') {
            let (key, value) = pair.trim().split_once('=').ok_or_else(|| bad(format!("`{pair}` is not KEY=NAME")))?;
            let ok = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
            if value.is_empty() || !value.chars().all(ok) {
                return Err(bad(format!("`{value}` is not a metric's name")));
            }
            if given.insert(key, value.to_owned()).is_some() {
                return Err(bad(format!("`{key}` stands there twice")));
            }
        }
        let mut take = |key: &str| given.remove(key);
        let completed = take("completed").ok_or_else(|| bad("`completed=NAME` is missing".into()))?;
        let code = take("code").ok_or_else(|| bad("`code=LABEL` (the status) is missing".into()))?;
        let latency = take("latency");
        let unit = match (take("unit").as_deref(), &latency) {
            (Some("s"), _) | (None, None) => Unit::Seconds,
            (Some("ms"), _) => Unit::Milliseconds,
            (Some(other), _) => return Err(bad(format!("`unit={other}`: it is `s` or `ms`"))),
            (None, Some(name)) if name.contains("_seconds") => Unit::Seconds,
            (None, Some(name)) if name.contains("_ms") || name.contains("_milliseconds") => Unit::Milliseconds,
            (None, Some(name)) => {
                return Err(bad(format!("`{name}` does not say its unit: add `unit=s` or `unit=ms`")));
            }
        };
        let way = Metrics {
            sent: take("sent"),
            active: take("active"),
            failed: take("failed").unwrap_or_else(|| completed.clone()),
            completed,
            code,
            grpc: take("grpc").map(GrpcSeries::Label),
            latency: latency.map(|bucket| HistogramSeries { bucket, unit }),
            labels: None,
        };
        if let Some(key) = given.keys().next() {
            return Err(bad(format!("`{key}` is none of completed, code, failed, grpc, sent, active, latency, unit")));
        }
        self.ways = vec![way];
        // Other labels (methods, sources) may tell series of one revision apart.
        self.one_series_each = false;
        self.advice = OWN_ADVICE;
        Ok(self)
    }

    /// Every name that is asked for.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.ways.iter().flat_map(Metrics::names).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// One instant query (PromQL) for all series of both arms, and for when each process was scraped: series with the
    /// label [`SAMPLED`].
    pub fn promql(&self, namespace: &Namespace, revisions: [&RevisionName; 2]) -> String {
        let (mut counts, mut times) = (Vec::new(), Vec::new());
        for way in &self.ways {
            let mut names = way.names();
            names.sort_unstable();
            names.dedup();
            // One query for everything: two queries would be answered at two instants.
            let labels = self.labels_of(way).promql(namespace, revisions);
            counts.push(format!("{{__name__=~\"{}\"{labels}}}", names.join("|")));
            // One metric each: `timestamp` drops its name.
            for name in way.sent.iter().chain([&way.completed]) {
                let time = format!("timestamp({{__name__=\"{name}\"{labels}}})");
                times.push(format!("label_replace({time},\"{SAMPLED}\",\"true\",\"\",\"\")"));
            }
        }
        [counts, times].concat().join(" or ")
    }

    pub(super) fn labels_of<'a>(&'a self, way: &'a Metrics) -> &'a Labels {
        way.labels.as_ref().unwrap_or(&self.labels)
    }

    /// Which stratum a series is of.
    pub(super) fn stratum(&self, labels: &BTreeMap<String, String>) -> String {
        self.strata.iter().find_map(|name| labels.get(name)).cloned().unwrap_or_default()
    }
}

impl Metrics {
    fn names(&self) -> Vec<&str> {
        let optional = [&self.sent, &self.active].into_iter().flatten().map(String::as_str);
        let bucket = self.latency.as_ref().map(|h| h.bucket.as_str());
        let calls: &[(GrpcStatus, String)] = if let Some(GrpcSeries::Each(names)) = &self.grpc { names } else { &[] };
        let calls = calls.iter().map(|(_, name)| name.as_str());
        optional.chain([self.completed.as_str(), self.failed.as_str()]).chain(bucket).chain(calls).collect()
    }

    /// The name of the buckets.
    pub(super) fn buckets(&self) -> String {
        self.latency.as_ref().map(|histogram| histogram.bucket.clone()).unwrap_or_default()
    }

    /// What a sample of an arm counts; `all`: whose labels are named where its own says nothing.
    pub(super) fn parts(&self, sample: &Sample, all: &[Sample]) -> Result<Vec<Part>, BadSeries> {
        let name = &sample.name;
        let mut parts = Vec::new();
        for (wanted, part) in [
            (self.sent.as_ref(), Part::Sent),
            (self.active.as_ref(), Part::Active),
            (Some(&self.completed), Part::Completed),
        ] {
            if wanted == Some(name) {
                parts.push(part);
            }
        }
        if *name == self.failed {
            let status = sample.labels.get(&self.code).map_or("", String::as_str);
            let class = StatusClass::read(status).ok_or_else(|| BadSeries::NoStatus {
                name: name.clone(),
                label: self.code.clone(),
                value: status.to_owned(),
                has: labels_of(all, name),
            })?;
            parts.push(Part::Status(class));
            // Where the answer itself tells that it is bad, the call's status says the same once more.
            let call = self.grpc.as_ref().filter(|_| class.is_good()).and_then(|grpc| grpc.labelled(sample));
            parts.extend(call.map(Part::Call));
        }
        parts.extend(self.grpc.as_ref().and_then(|grpc| grpc.named(name)).map(Part::Call));
        if let Some(histogram) = self.latency.as_ref().filter(|h| h.bucket == *name) {
            parts.push(Part::Within(histogram.edge(sample)?));
        }
        Ok(parts)
    }
}

impl GrpcSeries {
    /// Names that end with the status' number.
    pub(super) fn numbered(prefix: &str) -> Self {
        Self::Each(GrpcStatus::all().map(|status| (status, format!("{prefix}{}", status.number()))).collect())
    }

    /// The status that a series of this name counts.
    fn named(&self, name: &str) -> Option<GrpcStatus> {
        let Self::Each(names) = self else { return None };
        names.iter().find(|(_, one)| one == name).map(|(status, _)| *status)
    }

    /// The status of the calls that a sample of answers counts; none where they are no calls of gRPC.
    fn labelled(&self, sample: &Sample) -> Option<GrpcStatus> {
        let Self::Label(label) = self else { return None };
        GrpcStatus::read(sample.labels.get(label)?)
    }
}

impl HistogramSeries {
    /// The upper edge in microseconds.
    fn edge(&self, sample: &Sample) -> Result<u64, BadSeries> {
        let text = sample.labels.get("le").map_or("", String::as_str);
        let bad = || BadSeries::Edge { name: self.bucket.clone(), edge: text.to_owned() };
        let edge: f64 = text.parse().map_err(|_| bad())?;
        // Whole microseconds, so that edges can be compared as numbers: 0.005 s and 5 ms are one edge.
        let scaled = edge * if self.unit == Unit::Seconds { 1e6 } else { 1e3 };
        match scaled.round() {
            _ if edge == f64::INFINITY => Ok(INFINITE),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: whole, and in range")]
            whole if (0.0..1e18).contains(&whole) => Ok(whole as u64),
            _ => Err(bad()),
        }
    }
}
