//! Counters from a file or from standard input: for tests, and for systems that nobody else speaks.
//!
//! The format is one JSON object, in a file that is read anew each time, or one a line on standard input, of which the
//! newest counts:
//!
//! ```json
//! {"strata": {"edge-1": {
//!   "stable":    {"sent": 1000, "active": 2, "completed": 998, "failed": 3, "client_errors": 12,
//!                 "latency_ms": [[100, 950], ["+Inf", 998]]},
//!   "candidate": {"completed": 50, "failed": 0, "client_errors": 1, "latency_ms": [[100, 49], ["+Inf", 50]]}}}}
//! ```
//!
//! Only `completed` and `failed` must be there. `client_errors` (4xx), `grpc_failed` (of a service of gRPC) and `latency_ms` are
//! told of both revisions, or of neither. `latency_ms`: upper edges and cumulative counts, the last edge `"+Inf"`.
//! What cannot be (a stratum that stands twice, more failed than completed, more timed than completed, a
//! count above 2^53) is refused with its place: whoever writes such a file counts wrong, and a walk would go by it. Beside `strata`, `"at"` (RFC 3339) says when the counters were these; else that is when the file was written, or the line
//! came. The same time again is no news.

use super::aside::Aside;
use super::printable::printable;
use crate::adapter::clock::SystemClock;
use crate::evidence::classes::StatusCounts;
use crate::evidence::reading::{Counters, INFINITE, MOST_COUNTED, NoReading, Pair, Reading};
use crate::run::ports::Clock;
use jiff::Timestamp;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// The largest file or line.
const LARGEST: u64 = 16 << 20;

/// Where the counters stand.
#[derive(Debug)]
pub enum CountsFile {
    /// In a file.
    File(PathBuf, Aside),
    /// On a stream; its newest line and when it came, or why there is none.
    Lines(Arc<Mutex<Result<(String, Timestamp), String>>>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTold {
    at: Option<Timestamp>,
    #[serde(deserialize_with = "each_once")]
    strata: BTreeMap<String, ToldPair>,
}

/// Strata, each of which stands there once: of two with one name only the last would be heard.
fn each_once<'de, D: Deserializer<'de>>(text: D) -> Result<BTreeMap<String, ToldPair>, D::Error> {
    struct Strata;
    impl<'de> Visitor<'de> for Strata {
        type Value = BTreeMap<String, ToldPair>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("strata by name")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut strata = BTreeMap::new();
            while let Some((name, pair)) = map.next_entry::<String, ToldPair>()? {
                if strata.contains_key(&name) {
                    return Err(A::Error::custom(format_args!("the stratum {name:?} stands there twice")));
                }
                strata.insert(name, pair);
            }
            Ok(strata)
        }
    }
    text.deserialize_map(Strata)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToldPair {
    stable: Option<ToldCounters>,
    candidate: Option<ToldCounters>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToldCounters {
    sent: Option<u64>,
    active: Option<u64>,
    completed: u64,
    failed: u64,
    client_errors: Option<u64>,
    grpc_failed: Option<u64>,
    latency_ms: Option<Vec<(Edge, u64)>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Edge {
    Number(f64),
    Word(String),
}

impl CountsFile {
    /// A file.
    pub fn of_file(path: PathBuf) -> Self {
        Self::File(path, Aside::default())
    }

    /// A stream, read on a thread of its own as it comes.
    pub fn of_stream(stream: impl Read + Send + 'static) -> Self {
        let newest = Arc::new(Mutex::new(Err("nothing came yet".to_owned())));
        let place = Arc::clone(&newest);
        let put = move |value| *place.lock().unwrap_or_else(PoisonError::into_inner) = value;
        // A thread, because reading standard input cannot be broken off: waited for, it would stop the way back.
        std::thread::spawn(move || {
            let mut lines = std::io::BufReader::new(stream);
            loop {
                let mut line = String::new();
                match (&mut lines).take(LARGEST).read_line(&mut line) {
                    Ok(0) => return put(Err("the stream has ended".into())),
                    Ok(_) if !line.ends_with('\n') && line.len() as u64 == LARGEST => {
                        return put(Err("a line is longer than 16 MiB".into()));
                    }
                    Ok(_) if line.trim().is_empty() => {}
                    Ok(_) => put(Ok((line, SystemClock.now()))),
                    Err(error) => return put(Err(error.to_string())),
                }
            }
        });
        Self::Lines(newest)
    }

    pub(super) async fn read(&self) -> Result<Reading, NoReading> {
        let unreachable = |text: String| NoReading::Unreachable { from: self.name(), text };
        let told = match self {
            Self::Lines(newest) => newest.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Self::File(path, aside) => aside.read(path, LARGEST).await.map_err(|e| e.to_string()).and_then(written),
        };
        let (text, came) = told.map_err(unreachable)?;
        let (at, strata) = understood(&text).map_err(|text| NoReading::Broken { from: self.name(), text })?;
        if strata.values().all(|pair| *pair == Pair::default()) {
            return Err(NoReading::NoSeries(format!("{} names no counters of either revision", self.name())));
        }
        // The clock of whoever wrote it may be ahead of ours.
        Ok(Reading { at: at.unwrap_or(came).min(SystemClock.now()), strata })
    }

    /// Its name.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path, _) => path.display().to_string(),
            Self::Lines(_) => "standard input".into(),
        }
    }
}

/// A file's text, and when it was written.
fn written((text, modified): (String, SystemTime)) -> Result<(String, Timestamp), String> {
    let at = Timestamp::try_from(modified).map_err(|_| "the time of its last change is none".to_owned())?;
    Ok((text, at))
}

/// When the counters were these, if it says so, and what they are.
fn understood(text: &str) -> Result<(Option<Timestamp>, BTreeMap<String, Pair>), String> {
    let told: FileTold =
        serde_json::from_str(text).map_err(|e| format!("{} (line {}, column {})", cause(&e), e.line(), e.column()))?;
    let counters = |told: Option<ToldCounters>| told.map(counters).transpose();
    let pair = |told: ToldPair| Ok(Pair { stable: counters(told.stable)?, candidate: counters(told.candidate)? });
    let strata: Result<BTreeMap<String, Pair>, String> =
        told.strata.into_iter().map(|(name, told)| pair(told).map(|pair| (name, pair))).collect();
    let strata = strata?;
    told_alike(&strata)?;
    Ok((told.at, strata))
}

/// What is compared is told of every answer or of none: how long it took, and its status.
fn told_alike(strata: &BTreeMap<String, Pair>) -> Result<(), String> {
    let alike = |what: &str, is_told: &dyn Fn(&Counters) -> bool| {
        let arms = strata.values().flat_map(|pair| [(&pair.stable, "stable"), (&pair.candidate, "candidate")]);
        let answered = arms.filter_map(|(arm, name)| Some((arm.as_ref()?, name))).filter(|(arm, _)| arm.completed > 0);
        let (told, untold): (Vec<_>, Vec<_>) = answered.partition(|(arm, _)| is_told(arm));
        match (told.first(), untold.first()) {
            (Some((_, told)), Some((_, untold))) => {
                Err(format!("{what} stands with {told} and not with {untold}: tell it of both, or of neither"))
            }
            _ => Ok(()),
        }
    };
    alike("latency_ms", &|arm| arm.latency.is_some())?;
    alike("client_errors", &|arm| arm.statuses.is_some())?;
    alike("grpc_failed", &|arm| arm.statuses.is_some_and(|statuses| statuses.grpc_failed.is_some()))
}

/// serde's words without the place, which is said after them; they hold names out of the text.
fn cause(error: &serde_json::Error) -> String {
    let text = error.to_string();
    printable(text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what))
}

fn counters(told: ToldCounters) -> Result<Counters, String> {
    if told.failed > told.completed {
        return Err(format!("{} failed of {} completed", told.failed, told.completed));
    }
    if let Some((bad, what)) = [(told.client_errors, "client_errors"), (told.grpc_failed, "grpc_failed")]
        .into_iter()
        .find_map(|(n, what)| n.filter(|n| *n > told.completed - told.failed).map(|n| (n, what)))
    {
        return Err(format!("{what}: {bad} beside {} failed of {} completed", told.failed, told.completed));
    }
    if told.grpc_failed.is_some() && told.client_errors.is_none() {
        return Err(
            "grpc_failed stands without client_errors: tell those of calls as well, 0 where there are none".into()
        );
    }
    let (sent, active) = (told.sent.unwrap_or_default(), told.active.unwrap_or_default());
    if let Some(most) = [told.completed, sent, active].into_iter().find(|count| *count > MOST_COUNTED) {
        return Err(format!("{most} is more than anybody can count"));
    }
    if told.sent.is_some() && active > sent {
        return Err(format!("{active} active of {sent} sent"));
    }
    let mut latency = Vec::new();
    for (edge, count) in told.latency_ms.iter().flatten() {
        latency.push((microseconds(edge)?, *count));
    }
    let rises = |a: &(u64, u64), b: &(u64, u64)| a.0 < b.0 && a.1 <= b.1;
    if !latency.iter().zip(latency.iter().skip(1)).all(|(a, b)| rises(a, b)) {
        return Err("latency_ms: edges and cumulative counts must rise".into());
    }
    if !latency.is_empty() && latency.last().is_none_or(|(edge, _)| *edge != INFINITE) {
        return Err("latency_ms: the last edge must be \"+Inf\"".into());
    }
    if let Some((_, timed)) = latency.last().filter(|(_, timed)| *timed > told.completed) {
        return Err(format!("latency_ms: {timed} answers of {} completed", told.completed));
    }
    Ok(Counters {
        sent: told.sent,
        active: told.active,
        completed: told.completed,
        untold: 0,
        failed: told.failed,
        classes: None,
        statuses: told.client_errors.map(|client_errors| StatusCounts { client_errors, grpc_failed: told.grpc_failed }),
        latency: told.latency_ms.is_some().then_some(latency).filter(|l| !l.is_empty()),
    })
}

fn microseconds(edge: &Edge) -> Result<u64, String> {
    match edge {
        Edge::Word(word) if word == "+Inf" => Ok(INFINITE),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: whole, and in range")]
        Edge::Number(ms) if (0.0..1e15).contains(ms) => Ok((ms * 1e3).round() as u64),
        Edge::Number(ms) => Err(format!("latency_ms: {ms} is no edge")),
        Edge::Word(word) => Err(format!("latency_ms: {:?} is no edge", printable(word))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_format_is_read() {
        let text = r#"{"strata": {"edge-1": {
            "stable": {"sent": 1000, "active": 2, "completed": 998, "failed": 3, "client_errors": 12,
                       "latency_ms": [[0.5, 950], ["+Inf", 998]]},
            "candidate": {"completed": 50, "failed": 0, "client_errors": 1, "latency_ms": [["+Inf", 49]]}}}}"#;
        let (at, strata) = understood(text).unwrap();
        assert_eq!(at, None);
        let timed = understood(r#"{"at": "2026-01-02T03:04:05Z", "strata": {}}"#).unwrap();
        assert_eq!(timed.0, Some("2026-01-02T03:04:05Z".parse().unwrap()));
        let stable = Counters {
            sent: Some(1000),
            active: Some(2),
            completed: 998,
            untold: 0,
            failed: 3,
            classes: None,
            statuses: Some(StatusCounts { client_errors: 12, grpc_failed: None }),
            latency: Some(vec![(500, 950), (INFINITE, 998)]),
        };
        let statuses = Some(StatusCounts { client_errors: 1, grpc_failed: None });
        let candidate =
            Counters { completed: 50, statuses, latency: Some(vec![(INFINITE, 49)]), ..Counters::default() };
        assert_eq!(strata["edge-1"], Pair { stable: Some(stable), candidate: Some(candidate) });
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place() {
        let of = |counters: &str| format!("{{\"strata\": {{\"a\": {{\"stable\": {counters}}}}}}}");
        for (text, why) in [
            ("", "EOF"),
            ("[]", "invalid length"),
            ("{\"strata\": {}, \"more\": 1}", "unknown field `more`"),
            ("{\"strata\": {}, \"a\\u001b[31m\": 1}", "unknown field `a[31m`"),
            ("{\"strata\": {}, \"at\": \"noon\"}", "(line 1"),
            (&of("{\"completed\": 1}"), "missing field `failed`"),
            (&of("{\"completed\": 1.5, \"failed\": 0}"), "invalid type: floating point"),
            (&of("{\"completed\": -1, \"failed\": 0}"), "invalid value"),
            (&of("{\"completed\": 1, \"failed\": 2}"), "2 failed of 1 completed"),
            (&of("{\"completed\": 1, \"failed\": 0, \"completed\": 2}"), "duplicate field `completed`"),
            (&of("{\"completed\": 18446744073709551615, \"failed\": 0}"), "is more than anybody can count"),
            (&of("{\"completed\": 1, \"failed\": 0, \"active\": 18446744073709551615}"), "more than anybody can count"),
            (&of("{\"completed\": 1, \"failed\": 0, \"sent\": 5, \"active\": 6}"), "6 active of 5 sent"),
            (
                &of("{\"completed\": 1, \"failed\": 0, \"latency_ms\": [[1, 1], [\"+Inf\", 2]]}"),
                "2 answers of 1 completed",
            ),
            (
                "{\"strata\": {\"a\": {\"stable\": null}, \"a\": {\"candidate\": null}}}",
                "the stratum \"a\" stands there twice (line 1",
            ),
            (
                "{\"strata\": {\"a\": {\"stable\": {\"completed\": 9, \"failed\": 0, \"latency_ms\": [[\"+Inf\", 9]]}, \
                 \"candidate\": {\"completed\": 1, \"failed\": 0}}}}",
                "latency_ms stands with stable and not with candidate",
            ),
            (
                "{\"strata\": {\"a\": {\"stable\": {\"completed\": 9, \"failed\": 0, \"client_errors\": 2}, \
                 \"candidate\": {\"completed\": 1, \"failed\": 0}}}}",
                "client_errors stands with stable and not with candidate",
            ),
            (&of("{\"completed\": 9, \"failed\": 2, \"client_errors\": 8}"), "client_errors: 8 beside 2 failed of 9"),
            (&of("{\"completed\": 9, \"failed\": 2, \"grpc_failed\": 1}"), "stands without client_errors"),
            (&of("{\"completed\": 1, \"failed\": 0, \"latency_ms\": [[1, 1]]}"), "the last edge"),
            (&of("{\"completed\": 1, \"failed\": 0, \"latency_ms\": [[1, 3], [\"+Inf\", 1]]}"), "must rise"),
            (&of("{\"completed\": 1, \"failed\": 0, \"latency_ms\": [[-1, 3], [\"+Inf\", 5]]}"), "-1 is no edge"),
            (&of("{\"completed\": 1, \"failed\": 0, \"latency_ms\": [[\"x\", 3], [\"+Inf\", 5]]}"), "\"x\" is no edge"),
        ] {
            let found = understood(text).unwrap_err();
            assert!(found.contains(why), "{text}: {found}");
        }
    }
}
