//! The ingress gateway itself: Kourier's Envoys count both revisions, so no metrics system is needed.
//!
//! Every pod behind the gateway's Service is asked at once, at its own address, and is a stratum of its own: one process
//! counts both revisions at one instant, which is what a comparison needs. Decides which pods are asked, and what is said
//! where a permission or the gateway is missing. Depends on the API server's adapter and the fetch.

use super::endpoint::{broken, no_series, one_stratum, scrape};
use super::fetch::Fetch;
use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::{Backend, Kube};
use crate::evidence::reading::{Arms, NoReading, Pair, Reading};
use crate::evidence::series::{Dialect, Preset};
use crate::model::api_error::ApiError;
use crate::model::name::{Namespace, ServiceName};
use crate::run::ports::Clock;
use futures_util::future::try_join_all;
use reqwest::Url;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a list of pods is believed. A pod that is gone is noticed at once, because it does not answer; a new one is a
/// new stratum, whose counts begin when it is first read.
const LIST_AGE: Duration = Duration::from_secs(10);

/// Where the gateway is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Where {
    /// Its namespace.
    pub namespace: Namespace,
    /// The Service in front of its pods.
    pub service: ServiceName,
    /// The port on which each pod exposes its counters.
    pub port: u16,
}

/// The gateway.
#[derive(Debug)]
pub struct Gateway {
    kube: Kube,
    place: Where,
    fetch: Fetch,
    dialect: Dialect,
    known: Mutex<Option<(Instant, Vec<Backend>)>>,
}

impl Gateway {
    /// Kourier's gateway, found by this connection.
    pub fn new(kube: Kube, place: Where, fetch: Fetch) -> Self {
        Self { kube, place, fetch, dialect: Dialect::preset(Preset::Kourier), known: Mutex::default() }
    }

    pub(super) async fn read(&self, arms: &Arms) -> Result<Reading, NoReading> {
        let Some(remembered) = self.remembered() else { return self.scrape(&self.list().await?, arms).await };
        let result = self.scrape(&remembered, arms).await;
        if result.is_ok() {
            return result;
        }
        // One of them may be gone, and its address another pod's by now.
        let pods = self.list().await?;
        if pods == remembered { result } else { self.scrape(&pods, arms).await }
    }

    fn remembered(&self) -> Option<Vec<Backend>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(at, _)| at.elapsed() < LIST_AGE).map(|(_, pods)| pods.clone())
    }

    async fn list(&self) -> Result<Vec<Backend>, NoReading> {
        let Where { namespace, service, .. } = &self.place;
        let pods = self.kube.backends(namespace, service).await.map_err(|error| match error {
            ApiError::Forbidden(text) => NoReading::Forbidden(format!(
                "{text}; bind the Role of config/gateway-metrics.yaml to the account that walks"
            )),
            error => NoReading::Unreachable { from: self.name(), text: error.to_string() },
        })?;
        if pods.is_empty() {
            return Err(NoReading::NoSeries(format!(
                "no pod serves behind Service {service} in namespace {namespace}: is Kourier the ingress of this cluster? \
                 --gateway-namespace and --gateway-service say where it is, --evidence names other sources"
            )));
        }
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), pods.clone()));
        Ok(pods)
    }

    /// All pods at once; one that does not answer leaves no reading, because what it counted would be missing.
    async fn scrape(&self, pods: &[Backend], arms: &Arms) -> Result<Reading, NoReading> {
        let pairs = pods.iter().map(|pod| async move {
            let from = format!("gateway pod {}", pod.name);
            let url = self.url(pod, arms)?;
            let samples = scrape(&self.fetch, url, &from, &self.dialect).await.map_err(|error| match error {
                NoReading::Unreachable { from, text } => {
                    let port = self.place.port;
                    let text = format!("{text} (is port {port} of the gateway's pods reachable from here?)");
                    NoReading::Unreachable { from, text }
                }
                error => error,
            })?;
            let pair = one_stratum(&samples, &self.dialect, arms).map_err(|e| broken(&from, &e))?;
            Ok::<_, NoReading>((pod.name.clone(), pair))
        });
        let pairs = try_join_all(pairs).await?;
        let strata: BTreeMap<_, _> = pairs.into_iter().filter(|(_, pair)| *pair != Pair::default()).collect();
        if strata.is_empty() {
            return Err(no_series(&self.name(), arms, &self.dialect));
        }
        Ok(Reading { at: SystemClock.now(), strata })
    }

    /// Envoy sends what its filter finds: a kilobyte instead of a list of all services.
    fn url(&self, pod: &Backend, arms: &Arms) -> Result<Url, NoReading> {
        // An IPv6 address in a URL stands in brackets.
        let address = if pod.address.contains(':') { format!("[{}]", pod.address) } else { pod.address.clone() };
        let unusable = |_| NoReading::Broken { from: self.name(), text: format!("{address} is not an address") };
        let mut url: Url =
            format!("http://{address}:{}/stats/prometheus", self.place.port).parse().map_err(unusable)?;
        // Calls of gRPC are counted where the gateway has Envoy's filter for that, which Kourier does not set up.
        // The filter is a regular expression, and names of revisions may have dots.
        let quoted = |text: &str| text.replace('.', "\\.");
        let filter = format!(
            "^cluster\\.{}/({}|{})\\.(upstream_rq_(total|active|completed|[1-5]xx|time)|grpc\\.([^.]+\\.)*[0-9]+)$",
            arms.namespace,
            quoted(arms.stable.as_str()),
            quoted(arms.candidate.as_str())
        );
        url.query_pairs_mut().append_pair("filter", &filter);
        Ok(url)
    }

    /// Where it is.
    pub(super) fn name(&self) -> String {
        format!("the gateway {}/{}", self.place.namespace, self.place.service)
    }
}
