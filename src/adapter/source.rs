//! Sources of evidence: the adapters behind [`crate::run::ports::Source`].
//!
//! Decides where counters are read and how long that may take; [`crate::evidence::series`] decides what the series mean. A
//! reading is whole, or there is none, because a part of the counters would look like requests that vanished. Depends on
//! `reqwest`, the API server's adapter, files and standard input.

mod aside;
mod endpoint;
mod fetch;
mod file;
mod gates;
mod gateway;
mod layer;
mod printable;
mod prometheus;

pub use endpoint::Endpoint;
pub use fetch::{BadFetch, Fetch, HttpCredentials};
pub use file::CountsFile;
pub use gates::Gates;
pub use gateway::{Gateway, GatewayPlace, WhoseGateway};
pub use layer::{Layer, Where};
pub use prometheus::Prometheus;

use crate::adapter::clock::SystemClock;
use crate::evidence::compare::{CompareRow, RowTally};
use crate::evidence::gate::{Gate, Measured};
use crate::evidence::reading::{Arms, NoReading, Reading};
use crate::run::ports::{Clock, NoSource, Source};
use std::time::Duration;

/// One source of the known kinds, with its time limit.
#[derive(Debug)]
pub struct EvidenceSource {
    /// Where.
    pub from: CountersFrom,
    /// Who asks the owner's own gates, if there are any.
    pub gates: Option<Box<Gates>>,
    /// How long one reading may take.
    pub limit: Duration,
    /// How old counters may be: a source that stands still is none.
    pub patience: Duration,
}

/// Where counters are read.
#[derive(Debug)]
pub enum CountersFrom {
    /// Nowhere.
    Nothing,
    /// The ingress gateway's pods.
    Gateway(Box<Gateway>),
    /// A Prometheus.
    Prometheus(Box<Prometheus>),
    /// One process that exposes its metrics.
    Endpoint(Box<Endpoint>),
    /// A file, or standard input.
    Counts(CountsFile),
}

impl Source for EvidenceSource {
    async fn read(&self, arms: &Arms) -> Result<Reading, NoReading> {
        let reading = async {
            match &self.from {
                CountersFrom::Nothing => NoSource.read(arms).await,
                CountersFrom::Gateway(gateway) => gateway.read(arms).await,
                CountersFrom::Prometheus(prometheus) => prometheus.read(arms).await,
                CountersFrom::Endpoint(endpoint) => endpoint.read(arms).await,
                CountersFrom::Counts(counts) => counts.read().await,
            }
        };
        let reading = tokio::time::timeout(self.limit, reading).await.unwrap_or_else(|_| {
            let text = format!("no whole answer within {}", humantime::format_duration(self.limit));
            Err(NoReading::Unreachable { from: self.name(), text })
        })?;
        // A source that stands still repeats the past, and the past was good: it must not let a walk go on. A time ahead of
        // ours is no age at all; clocks of two machines differ.
        let age = Duration::try_from(SystemClock.now().duration_since(reading.at)).unwrap_or_default();
        if age <= self.patience {
            return Ok(reading);
        }
        let age = humantime::format_duration(Duration::from_secs(age.as_secs()));
        let text = format!("its counters are {age} old: whatever fills it stands still");
        Err(NoReading::Broken { from: self.name(), text })
    }

    async fn measure(&self, gate: &Gate, arms: &Arms) -> Measured {
        let Some(gates) = &self.gates else { return NoSource.measure(gate, arms).await };
        tokio::time::timeout(self.limit, gates.measure(gate, arms)).await.unwrap_or_else(|_| {
            Measured::Unanswered(format!("no whole answer within {}", humantime::format_duration(self.limit)))
        })
    }

    async fn count(&self, row: &CompareRow, arms: &Arms) -> Result<RowTally, String> {
        tokio::time::timeout(self.limit, self.fresh(row, arms))
            .await
            .unwrap_or_else(|_| Err(format!("no whole answer within {}", humantime::format_duration(self.limit))))
    }
}

impl EvidenceSource {
    /// The counters of a row, unless whatever scrapes them stands still: what it repeats is of no time that users were on.
    async fn fresh(&self, row: &CompareRow, arms: &Arms) -> Result<RowTally, String> {
        let Some(gates) = &self.gates else { return NoSource.count(row, arms).await };
        let tally = gates.count(row, arms).await?;
        let newest = tally.series.iter().map(|series| series.sampled).max();
        let age = newest.map(|newest| Duration::from_millis(tally.at.saturating_sub(newest).unsigned_abs()));
        match age.filter(|age| *age > self.patience) {
            Some(age) => {
                let age = humantime::format_duration(Duration::from_secs(age.as_secs()));
                Err(format!("its counters are {age} old: whatever scrapes them stands still"))
            }
            None => Ok(tally),
        }
    }

    /// Whose gateway is read and where it is, in a few words; none where no gateway is. An error is one that a reading would end with.
    pub async fn finds(&self) -> Option<Result<String, NoReading>> {
        let CountersFrom::Gateway(gateway) = &self.from else { return None };
        let late = || NoReading::Unreachable { from: self.name(), text: "no whole answer in time".to_owned() };
        Some(tokio::time::timeout(self.limit, gateway.told()).await.unwrap_or_else(|_| Err(late())))
    }

    /// No source, for what asks for none.
    pub fn nothing() -> Self {
        Self { from: CountersFrom::Nothing, gates: None, limit: Duration::ZERO, patience: Duration::ZERO }
    }

    /// What is read, in a few words.
    pub fn name(&self) -> String {
        match &self.from {
            CountersFrom::Nothing => "nothing".into(),
            CountersFrom::Gateway(gateway) => gateway.name(),
            CountersFrom::Prometheus(prometheus) => prometheus.name(),
            CountersFrom::Endpoint(endpoint) => endpoint.name(),
            CountersFrom::Counts(counts) => counts.name(),
        }
    }
}
