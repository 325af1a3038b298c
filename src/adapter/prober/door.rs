//! A way to the ingress gateway where the candidate's own name does not resolve: its pods, found as for the counters, by the
//! EndpointSlices of a Service.
//!
//! Decides which pod is connected to, and that another one is after a connection that failed. Which listener that is, is the
//! Service's: Kourier's inner one (`kourier-internal`) knows every host, the cluster's own ones too, and answers none of them
//! with a redirect to HTTPS. Depends on the API server's adapter.

use crate::adapter::cluster::{Backend, Kube};
use crate::model::api_error::ApiError;
use crate::model::name::{Namespace, ServiceName};
use reqwest::Url;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a list of pods is believed; a connection that fails is noticed at once.
const LIST_AGE: Duration = Duration::from_secs(10);

/// A Service in front of the gateway's pods, found by this connection.
#[derive(Debug)]
pub struct GatewayDoor {
    kube: Kube,
    namespace: Namespace,
    service: ServiceName,
    known: Mutex<KnownPods>,
}

/// The pods as they were listed last.
#[derive(Debug, Default)]
struct KnownPods {
    listed: Option<(Instant, Vec<Backend>)>,
    /// How often a connection failed: each time it is the next pod's turn.
    turn: usize,
}

impl GatewayDoor {
    /// Asks nothing yet.
    pub fn new(kube: Kube, namespace: Namespace, service: ServiceName) -> Self {
        Self { kube, namespace, service, known: Mutex::default() }
    }

    /// The address of a pod, or why there is none.
    pub(super) async fn find(&self) -> Result<Url, String> {
        if let Some(url) = self.remembered() {
            return url;
        }
        let Self { namespace, service, .. } = self;
        let pods = self.kube.backends(namespace, service).await.map_err(|error| match error {
            ApiError::Forbidden(text) | ApiError::Withdrawn(text) => format!(
                "the gateway cannot be found: {text}; bind the Role of config/gateway-metrics.yaml to the account that asks"
            ),
            error => format!("the gateway cannot be found: {error}"),
        })?;
        if pods.is_empty() {
            return Err(format!(
                "no pod serves behind Service {service} in namespace {namespace}; `--via gateway=NAMESPACE/SERVICE` names another"
            ));
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).listed = Some((Instant::now(), pods));
        self.remembered().unwrap_or_else(|| Err("the gateway's pods are gone".to_owned()))
    }

    /// The address of the pod whose turn it is, if the list is fresh.
    fn remembered(&self) -> Option<Result<Url, String>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, pods) = known.listed.as_ref().filter(|(at, _)| at.elapsed() < LIST_AGE)?;
        let pod = pods.get(known.turn.checked_rem(pods.len())?)?;
        let Some(port) = pod.http_port else {
            return Some(Err(format!("Service {} has no port for plain HTTP", self.service)));
        };
        // An IPv6 address in a URL stands in brackets.
        let host = if pod.address.contains(':') { format!("[{}]", pod.address) } else { pod.address.clone() };
        let url = format!("http://{host}:{port}").parse();
        Some(url.map_err(|_| format!("the gateway's pod {} has no usable address", pod.name)))
    }

    /// The connection failed: the pods are listed anew, and the next one is taken.
    pub(super) fn failed(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.listed = None;
        known.turn = known.turn.wrapping_add(1);
    }
}
