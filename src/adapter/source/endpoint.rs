//! One process that exposes its metrics as text, by its address.
//!
//! Decides what an answer without series means. It must be one process, because counters would seem to fall and rise behind
//! an address that leads to several. Depends on the fetch and the evidence's series.

use super::fetch::{BadFetch, Fetch};
use super::printable::printable;
use crate::adapter::clock::SystemClock;
use crate::evidence::exposition::{self, Sample};
use crate::evidence::reading::{Arms, NoReading, Pair, Reading};
use crate::evidence::series::{self, BadSeries, Dialect};
use crate::run::ports::Clock;
use reqwest::Url;
use std::collections::BTreeMap;

/// The process.
#[derive(Debug)]
pub struct Endpoint {
    fetch: Fetch,
    url: Url,
    dialect: Dialect,
}

impl Endpoint {
    /// The process at an address.
    pub fn new(fetch: Fetch, url: &str, dialect: Dialect) -> Result<Self, BadFetch> {
        Ok(Self { url: fetch.check(url)?, fetch, dialect })
    }

    pub(super) async fn read(&self, arms: &Arms) -> Result<Reading, NoReading> {
        let from = self.name();
        let samples = scrape(&self.fetch, self.url.clone(), &from, &self.dialect).await?;
        let strata = series::read(&samples, &self.dialect, arms).map_err(|e| broken(&from, &e))?;
        if strata.is_empty() {
            return Err(no_series(&from, arms, &self.dialect));
        }
        // Now, and not when it was asked: counts may have grown until the last byte came.
        Ok(Reading { at: SystemClock.now(), strata })
    }

    /// Its address.
    pub(super) fn name(&self) -> String {
        format!("{}{}", self.url.authority(), self.url.path())
    }
}

/// The samples of a process that are asked for.
pub(super) async fn scrape(fetch: &Fetch, url: Url, from: &str, dialect: &Dialect) -> Result<Vec<Sample>, NoReading> {
    let text = fetch.get(url, from).await?.good(from)?;
    let names = dialect.names();
    exposition::parse(&text, |name| names.contains(&name))
        .map_err(|e| NoReading::Broken { from: from.to_owned(), text: format!("no exposition of metrics: {e}") })
}

/// Both arms of one process, whatever its series say of their stratum.
pub(super) fn one_stratum(samples: &[Sample], dialect: &Dialect, arms: &Arms) -> Result<Pair, BadSeries> {
    let strata: BTreeMap<String, Pair> = series::read(samples, dialect, arms)?;
    Ok(strata.into_values().next().unwrap_or_default())
}

pub(super) fn broken(from: &str, error: &BadSeries) -> NoReading {
    if matches!(error, BadSeries::NoLabel { .. } | BadSeries::NoStatus { .. } | BadSeries::Both { .. }) {
        return NoReading::Setting(printable(&format!("{from}: {error}")));
    }
    NoReading::Broken { from: from.to_owned(), text: printable(&error.to_string()) }
}

pub(super) fn no_series(from: &str, arms: &Arms, dialect: &Dialect) -> NoReading {
    NoReading::NoSeries(format!(
        "{from} has no series of {} or {} in namespace {}: {}",
        arms.stable, arms.candidate, arms.namespace, dialect.advice
    ))
}
