//! The counters of a row at one instant, series by series.
//!
//! Decides which series is whose and what it counts, which of them one process wrote, and what cannot be a count. Depends on
//! samples.

use super::COUNTER;
use crate::evidence::exposition::Sample;
use std::collections::BTreeMap;

/// Labels that tell processes apart: what Prometheus gives each target that it scrapes, and what its pod is called.
const PROCESS: [&str; 5] = ["job", "instance", "namespace", "pod", "container"];

/// One counter of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterSeries {
    /// It is the candidate's; else stable's.
    pub candidate: bool,
    /// It counts all; else those that are bad (or good).
    pub total: bool,
    /// The metric's name, for people.
    pub name: String,
    /// What tells it from the others of its kind: 48 bits, since it stands in the record.
    pub id: u64,
    /// Which process wrote it, as far as labels tell: 32 bits.
    pub process: u64,
    /// The count.
    pub count: u64,
    /// When it was scraped, in milliseconds of the server's clock.
    pub sampled: i64,
}

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowTally {
    /// The time that the server answered for, in milliseconds of its clock.
    pub at: i64,
    /// In no order.
    pub series: Vec<CounterSeries>,
}

impl RowTally {
    /// What a row's query came to, at a time of the server's clock in seconds; or what cannot be right about it.
    pub fn read(time: f64, samples: &[Sample]) -> Result<Self, String> {
        let at = millis(time);
        let times: BTreeMap<(&str, u64), i64> = samples
            .iter()
            .filter_map(|sample| Some((counter(sample, "time")?, sample)))
            .map(|(counter, sample)| ((counter, labels(sample, false)), millis(sample.value)))
            .collect();
        let mut series: Vec<CounterSeries> = Vec::new();
        for (counter, sample) in samples.iter().filter_map(|sample| Some((counter(sample, "count")?, sample))) {
            let (arm, which) = counter.split_once(' ').unwrap_or_default();
            let sampled = times.get(&(counter, labels(sample, false))).copied().unwrap_or(at);
            let process = PROCESS.map(|name| sample.labels.get(name).map_or("", String::as_str));
            let one = CounterSeries {
                candidate: arm == "candidate",
                total: which == "total",
                name: sample.name.clone(),
                id: labels(sample, true) & 0xffff_ffff_ffff,
                process: hash(process) & 0xffff_ffff,
                count: count(sample)?,
                sampled: sampled.min(at),
            };
            let of_both = |other: &CounterSeries| other.id == one.id && other.candidate != one.candidate;
            if series.iter().any(|other| of_both(other) && other.total == one.total) {
                return Err(format!(
                    "a series of {} is of both revisions: {{revision}} does not tell them apart",
                    one.name
                ));
            }
            series.push(one);
        }
        Ok(Self { at, series })
    }

    /// True if there is a series of this revision's total.
    pub fn has(&self, candidate: bool) -> bool {
        self.series.iter().any(|series| series.candidate == candidate && series.total)
    }
}

/// Which counter a sample is (`stable total`), if it is of this kind (`count` or `time`).
fn counter<'a>(sample: &'a Sample, kind: &str) -> Option<&'a str> {
    sample.labels.get(COUNTER)?.strip_suffix(kind).map(str::trim_end)
}

fn labels(sample: &Sample, named: bool) -> u64 {
    let name = if named { sample.name.as_str() } else { "" };
    let own = sample.labels.iter().filter(|(name, _)| *name != COUNTER);
    hash([name].into_iter().chain(own.flat_map(|(name, value)| [name.as_str(), value.as_str()])))
}

/// FNV-1a of texts, the same in each build: it stands in records.
pub(super) fn hash<'a>(texts: impl IntoIterator<Item = &'a str>) -> u64 {
    // The end of each text counts as well, so that two texts are not the one that they make together.
    let bytes = texts.into_iter().flat_map(|text| text.bytes().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A whole number that is not negative.
fn count(sample: &Sample) -> Result<u64, String> {
    sample.count().ok_or_else(|| format!("{} is {}, which is no count", sample.name, sample.value))
}

fn millis(seconds: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a cast to an integer stops at the ends of its range")]
    let millis = (seconds * 1000.0).round() as i64;
    millis
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(counter: &str, name: &str, labels: &[(&str, &str)], value: f64) -> Sample {
        let own = [(COUNTER, counter)].into_iter().chain(labels.iter().copied());
        Sample { name: name.into(), labels: own.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(), value }
    }

    #[test]
    fn each_series_has_its_own_time_and_process() {
        let pod = |n: &'static str| [("instance", n), ("rev", "h-2")];
        let tally = RowTally::read(
            100.0,
            &[
                sample("candidate part count", "bad", &pod("a"), 3.0),
                sample("candidate total count", "all", &pod("a"), 30.0),
                sample("candidate total count", "all", &pod("b"), 40.0),
                sample("candidate total time", "", &pod("a"), 97.5),
                sample("candidate part time", "", &pod("a"), 97.5),
                sample("stable total count", "all", &[("instance", "c")], 7.0),
                Sample { name: "other".into(), labels: BTreeMap::new(), value: f64::NAN },
            ],
        )
        .unwrap();
        let seen: Vec<_> =
            tally.series.iter().map(|s| (s.candidate, s.total, s.name.as_str(), s.count, s.sampled)).collect();
        assert_eq!(
            seen,
            [
                (true, false, "bad", 3, 97_500),
                (true, true, "all", 30, 97_500),
                (true, true, "all", 40, 100_000),
                (false, true, "all", 7, 100_000)
            ]
        );
        let of = |n: usize| (tally.series[n].process, tally.series[n].id);
        assert_eq!(of(0).0, of(1).0, "one process wrote both");
        assert!(of(1).0 != of(2).0 && of(0).1 != of(1).1 && of(1).1 != of(2).1);
        assert!(tally.has(true) && tally.has(false));
        assert_eq!(RowTally::read(0.0, &[]), Ok(RowTally::default()));
    }

    #[test]
    fn what_is_no_count_or_of_both_is_an_error() {
        for value in [f64::NAN, f64::INFINITY, -1.0, 0.5, 1e17] {
            let text = RowTally::read(1.0, &[sample("stable part count", "bad", &[], value)]).unwrap_err();
            assert!(text.starts_with("bad is ") && text.ends_with("which is no count"), "{text}");
        }
        let both = ["stable total count", "candidate total count"].map(|of| sample(of, "all", &[("rev", "h")], 1.0));
        assert!(RowTally::read(1.0, &both).unwrap_err().contains("does not tell them apart"));
    }
}
