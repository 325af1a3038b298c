//! The ingress gateway itself: its Envoys count both revisions, so no metrics system is needed.
//!
//! Every pod behind the gateway's Services is asked at once, at its own address, and is a stratum of its own: one process
//! counts both revisions at one instant, which is what a comparison needs. Decides which pods are asked, and what is said
//! where a permission or the gateway is missing; whose gateway it is says [`super::layer`]. Depends on the API server's adapter and
//! the fetch.

use super::endpoint::{broken, no_series, one_stratum, scrape};
use super::fetch::Fetch;
use super::layer::{Layer, Where};
use crate::adapter::clock::SystemClock;
use crate::adapter::cluster::{Backend, Kube};
use crate::evidence::reading::{Arms, NoReading, Pair, Reading};
use crate::evidence::series::Dialect;
use crate::model::api_error::ApiError;
use crate::model::name::{Namespace, ServiceName};
use crate::run::ports::Clock;
use futures_util::future::try_join_all;
use reqwest::Url;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a list of pods is believed. A pod that is gone is noticed at once, because it does not answer; a new one is a
/// new stratum, whose counts begin when it is first read.
const LIST_AGE: Duration = Duration::from_secs(10);

/// Whose gateway is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhoseGateway {
    /// That of the layer which serves the Service, as the cluster says.
    Serves(ServiceName),
    /// This layer's.
    Of(Layer),
    /// One that counts so.
    Counts(Box<Dialect>),
}

/// What is said of its place, each where it differs from the layer's usual one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GatewayPlace {
    /// Its namespace.
    pub namespace: Option<Namespace>,
    /// The Service in front of its pods; without it a layer may have several.
    pub service: Option<ServiceName>,
    /// The port on which each pod exposes its counters.
    pub port: Option<u16>,
}

/// The gateway.
#[derive(Debug)]
pub struct Gateway {
    kube: Kube,
    whose: WhoseGateway,
    place: GatewayPlace,
    fetch: Fetch,
    found: Mutex<Option<Arc<FoundGateway>>>,
    known: Mutex<Option<(Instant, Vec<GatewayPod>)>>,
}

/// The gateway as it was found.
#[derive(Debug)]
struct FoundGateway {
    layer: Option<Layer>,
    places: Vec<Where>,
    dialect: Dialect,
    assumed: Option<String>,
}

/// A pod of it, and the port of its counters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct GatewayPod {
    pod: Backend,
    port: u16,
}

impl Gateway {
    /// A gateway, found by this connection.
    pub fn new(kube: Kube, whose: WhoseGateway, place: GatewayPlace, fetch: Fetch) -> Self {
        Self { kube, whose, place, fetch, found: Mutex::default(), known: Mutex::default() }
    }

    /// Whose gateway is read, where it is, and how many pods it has, as far as they may be listed.
    pub async fn told(&self) -> Result<String, NoReading> {
        let found = self.found().await?;
        let whose = match found.layer {
            Some(Layer::Kourier) => "Kourier's ",
            Some(Layer::Contour) => "net-gateway-api with Contour: ",
            None => "",
        };
        // Whatever keeps them from being listed is said where they are read.
        let pods = self.list(&found).await.map_or_else(
            |_| String::new(),
            |pods| format!(", {} pod{}", pods.len(), if pods.len() == 1 { "" } else { "s" }),
        );
        let assumed = found.assumed.as_ref().map(|assumed| format!(" ({assumed})")).unwrap_or_default();
        Ok(format!("{whose}{}{pods}{assumed}", found.words()))
    }

    /// What serves the Service does not change while it is walked.
    async fn found(&self) -> Result<Arc<FoundGateway>, NoReading> {
        if let Some(found) = self.remembered_layer() {
            return Ok(found);
        }
        let unread = |error: ApiError| NoReading::Unreachable { from: self.name(), text: error.to_string() };
        let layer = match &self.whose {
            WhoseGateway::Serves(service) => Layer::of(&self.kube, service).await?,
            WhoseGateway::Of(layer) => layer.found(&self.kube).await.map_err(unread)?,
            WhoseGateway::Counts(_) => Layer::Kourier.found(&self.kube).await.map_err(unread)?,
        };
        let (named, dialect) = match &self.whose {
            WhoseGateway::Counts(dialect) => (None, (**dialect).clone()),
            _ => (Some(layer.layer), Dialect::preset(layer.layer.preset())),
        };
        let places = self.place.over(layer.places);
        let found = Arc::new(FoundGateway { layer: named, places, dialect, assumed: layer.assumed });
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&found));
        Ok(found)
    }

    fn remembered_layer(&self) -> Option<Arc<FoundGateway>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn read(&self, arms: &Arms) -> Result<Reading, NoReading> {
        let found = &self.found().await?;
        let Some(remembered) = self.remembered() else {
            return self.scrape(found, &self.list(found).await?, arms).await;
        };
        let result = self.scrape(found, &remembered, arms).await;
        if result.is_ok() {
            return result;
        }
        // One of them may be gone, and its address another pod's by now.
        let pods = self.list(found).await?;
        if pods == remembered { result } else { self.scrape(found, &pods, arms).await }
    }

    fn remembered(&self) -> Option<Vec<GatewayPod>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(at, _)| at.elapsed() < LIST_AGE).map(|(_, pods)| pods.clone())
    }

    async fn list(&self, found: &FoundGateway) -> Result<Vec<GatewayPod>, NoReading> {
        let lists = found.places.iter().map(|place| async {
            let Where { namespace, service, port } = place;
            let pods = self.kube.backends(namespace, service).await.map_err(|error| match error {
                ApiError::Forbidden(text) => NoReading::Forbidden(format!("{text}; bind {}", found.right())),
                error => NoReading::Unreachable { from: self.name(), text: error.to_string() },
            })?;
            if pods.is_empty() {
                return Err(NoReading::NoSeries(format!(
                    "no pod serves behind Service {service} in namespace {namespace}: is {} the ingress of this cluster? \
                     --gateway-namespace and --gateway-service say where it is, --evidence names other sources",
                    found.layer.map_or("it", Layer::words)
                )));
            }
            Ok(pods.into_iter().map(|pod| GatewayPod { pod, port: *port }).collect::<Vec<_>>())
        });
        let pods = try_join_all(lists).await?.concat();
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), pods.clone()));
        Ok(pods)
    }

    /// All pods at once; one that does not answer leaves no reading, because what it counted would be missing.
    async fn scrape(&self, found: &FoundGateway, pods: &[GatewayPod], arms: &Arms) -> Result<Reading, NoReading> {
        let dialect = &found.dialect;
        let pairs = pods.iter().map(|GatewayPod { pod, port }| async move {
            let from = format!("gateway pod {}", pod.name);
            let url = self.url(dialect, pod, *port, arms)?;
            let samples = scrape(&self.fetch, url, &from, dialect).await.map_err(|error| match error {
                NoReading::Unreachable { from, text } => {
                    let text = format!("{text} (is port {port} of the gateway's pods reachable from here?)");
                    NoReading::Unreachable { from, text }
                }
                error => error,
            })?;
            let pair = one_stratum(&samples, dialect, arms).map_err(|e| broken(&from, &e))?;
            Ok::<_, NoReading>((pod.name.clone(), pair))
        });
        let pairs = try_join_all(pairs).await?;
        let strata: BTreeMap<_, _> = pairs.into_iter().filter(|(_, pair)| *pair != Pair::default()).collect();
        if strata.is_empty() {
            return Err(no_series(&self.name(), arms, dialect));
        }
        Ok(Reading { at: SystemClock.now(), strata })
    }

    fn url(&self, dialect: &Dialect, pod: &Backend, port: u16, arms: &Arms) -> Result<Url, NoReading> {
        // An IPv6 address in a URL stands in brackets.
        let address = if pod.address.contains(':') { format!("[{}]", pod.address) } else { pod.address.clone() };
        let unusable = |_| NoReading::Broken { from: self.name(), text: format!("{address} is not an address") };
        let mut url: Url = format!("http://{address}:{port}/stats/prometheus").parse().map_err(unusable)?;
        if let Some(filter) = dialect.envoy_filter(&arms.namespace, [&arms.stable, &arms.candidate]) {
            url.query_pairs_mut().append_pair("filter", &filter);
        }
        Ok(url)
    }

    /// Where it is, as far as that is known.
    pub(super) fn name(&self) -> String {
        self.remembered_layer().map_or_else(|| "the gateway".to_owned(), |found| format!("the {}", found.words()))
    }
}

impl GatewayPlace {
    /// These places, or the one that is said instead.
    fn over(&self, usual: Vec<Where>) -> Vec<Where> {
        let said = |place: &Where| Where {
            namespace: self.namespace.clone().unwrap_or_else(|| place.namespace.clone()),
            service: self.service.clone().unwrap_or_else(|| place.service.clone()),
            port: self.port.unwrap_or(place.port),
        };
        let mut places: Vec<Where> = usual.iter().map(said).collect();
        // A Service that is named is the only one.
        places.dedup();
        places.truncate(if self.service.is_some() { 1 } else { places.len() });
        places
    }
}

impl FoundGateway {
    /// `gateway kourier-system/kourier`.
    fn words(&self) -> String {
        let places = self.places.iter().map(|place| format!("{}/{}", place.namespace, place.service));
        let places: Vec<_> = places.collect();
        format!("gateway{} {}", if places.len() == 1 { "" } else { "s" }, places.join(" and "))
    }

    /// What has to be bound, so that its pods may be found.
    fn right(&self) -> &'static str {
        match self.layer {
            Some(Layer::Contour) => "the Roles of config/gateway-metrics-contour.yaml to the account that walks",
            _ => "the Role of config/gateway-metrics.yaml to the account that walks",
        }
    }
}
