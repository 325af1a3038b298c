//! Prometheus, or what speaks its query API: raw counter series by one instant query.
//!
//! Decides what an answer of the API means, and of which time it tells: that of the oldest sample and not of the question,
//! because Prometheus repeats a sample until the next scrape. The query never uses `rate()` or `increase()`: they guess
//! between scrapes, and a test of counts needs counts. Depends on the fetch and the evidence's series.

use super::endpoint::{broken, no_series};
use super::fetch::{BadFetch, Fetch, Fetched};
use super::printable::printable;
use crate::adapter::clock::SystemClock;
use crate::evidence::exposition::Sample;
use crate::evidence::reading::{Arms, NoReading, Reading};
use crate::evidence::series::{self, Dialect, SAMPLED};
use crate::run::ports::Clock;
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A server and how series are named there.
#[derive(Debug)]
pub struct Prometheus {
    fetch: Fetch,
    base: Url,
    dialect: Dialect,
    /// The scrape that was told last, by the server's clock (its bits) and by ours.
    last: Mutex<Option<(u64, Timestamp)>>,
}

/// What the query API answers.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct QueryAnswer {
    status: String,
    error_type: String,
    error: String,
    warnings: Vec<String>,
    data: Data,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

/// What a query came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// One number that belongs to no series.
    Scalar(f64),
    /// Series at a time of the server's clock, in seconds; their labels without the name.
    Vector(f64, Vec<Sample>),
}

impl Prometheus {
    /// The server at an address.
    pub fn new(fetch: Fetch, base: &str, dialect: Dialect) -> Result<Self, BadFetch> {
        Ok(Self { base: fetch.check(base)?, fetch, dialect, last: Mutex::default() })
    }

    pub(super) async fn read(&self, arms: &Arms) -> Result<Reading, NoReading> {
        let from = self.name();
        let query = self.dialect.promql(&arms.namespace, [&arms.stable, &arms.candidate]);
        let asked = SystemClock.now();
        let Value::Vector(time, series) = ask(&self.fetch, &self.base, &query, &from).await? else {
            return Err(NoReading::Broken { from, text: "a number instead of series".into() });
        };
        let (times, samples): (Vec<_>, Vec<_>) = series.into_iter().partition(|s| s.labels.contains_key(SAMPLED));
        let strata = series::read(&samples, &self.dialect, arms).map_err(|e| broken(&from, &e))?;
        if strata.is_empty() {
            return Err(no_series(&from, arms, &self.dialect));
        }
        let Some(scraped) = times.iter().map(|sample| sample.value).min_by(f64::total_cmp).filter(|t| t.is_finite())
        else {
            return Err(NoReading::Broken { from, text: "it does not say when its samples were taken".into() });
        };
        Ok(Reading { at: self.when(scraped, time, asked), strata })
    }

    /// A time of the server's clock by ours: it was as old as this when we asked. The same scrape keeps its time.
    fn when(&self, scraped: f64, time: f64, asked: Timestamp) -> Timestamp {
        // The server's clock is used for the age alone, so that its difference to ours does not matter. The age of one
        // scrape is computed once: computed again it would differ by the way of each question, and look like news.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((same, at)) = *last
            && same == scraped.to_bits()
        {
            return at;
        }
        let age = SignedDuration::try_from_secs_f64((time - scraped).max(0.0)).unwrap_or(SignedDuration::MAX);
        let at = asked.checked_sub(age).unwrap_or(Timestamp::MIN);
        *last = Some((scraped.to_bits(), at));
        at
    }

    /// Its address.
    pub(super) fn name(&self) -> String {
        format!("Prometheus at {}", self.base.authority())
    }
}

/// One instant query.
pub(crate) async fn ask(fetch: &Fetch, base: &Url, query: &str, from: &str) -> Result<Value, NoReading> {
    let mut url = base.clone();
    url.set_path(&format!("{}/api/v1/query", base.path().trim_end_matches('/')));
    url.query_pairs_mut().append_pair("query", query);
    understood(fetch.get(url, from).await?, from)
}

/// The value in an answer, or what the server says is wrong.
fn understood(fetched: Fetched, from: &str) -> Result<Value, NoReading> {
    let broken = |text: String| NoReading::Broken { from: from.to_owned(), text };
    // A query that is refused comes with status 400 or 422 and says why.
    let answer: Option<QueryAnswer> = serde_json::from_str(&fetched.body).ok();
    let refused = answer.as_ref().filter(|a| a.status == "error");
    if let Some(answer) = refused
        && [400, 422].contains(&fetched.status)
    {
        let (kind, text) = (printable(&answer.error_type), printable(&answer.error));
        return Err(broken(format!("the query is refused ({kind}): {text}")));
    }
    fetched.good(from)?;
    let answer = answer.ok_or_else(|| broken("it is not an answer of Prometheus' query API".into()))?;
    if answer.status != "success" {
        return Err(broken("the query API reports an error".into()));
    }
    // Part of an answer would look like counters that vanished.
    if !answer.warnings.is_empty() {
        return Err(broken("the answer comes with warnings: it may be only a part".into()));
    }
    let odd = |_| broken("its series cannot be read".into());
    match answer.data.result_type.as_str() {
        "scalar" => {
            let (_, value): (f64, String) = serde_json::from_value(answer.data.result).map_err(odd)?;
            Ok(Value::Scalar(number(&value).ok_or_else(|| broken(format!("{:?} is no number", printable(&value))))?))
        }
        "vector" => {
            let series: Vec<Series> = serde_json::from_value(answer.data.result).map_err(odd)?;
            let time = series.first().map_or(0.0, |one| one.value.0);
            let samples = series.into_iter().map(|one| {
                let mut labels = one.metric;
                let name = labels.remove("__name__").unwrap_or_default();
                let value = number(&one.value.1).ok_or_else(|| broken(format!("{} is no number", printable(&name))))?;
                Ok(Sample { name, labels, value })
            });
            samples.collect::<Result<_, _>>().map(|samples| Value::Vector(time, samples))
        }
        other => Err(broken(format!("a result of type {:?} instead of series or a number", printable(other)))),
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}
