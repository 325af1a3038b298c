//! The Kubernetes API, spoken by `kube`: the adapter behind [`crate::run::ports::Cluster`].
//!
//! Decides how long a call may take, what a failure means ([`failure`]) and that nothing is tried twice: patience is
//! the runner's. Objects cross as the API's own JSON. Depends on `kube` for addresses, credentials and TLS only; every
//! request is written out here, so that the answer's headers are seen and no retry of kube's own multiplies a write.

mod backends;
mod call;
mod connect;
mod connect_error;
mod failure;
mod kubeconfig;
mod runs;
mod service;
mod watch;

pub use backends::Backend;
pub use connect::Connect;
pub use connect_error::ConnectError;
pub(crate) use failure::lacks_kind;
pub use service::KnativeService;
pub use watch::ObjectWatch;

use crate::model::name::{Namespace, ServiceName};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A connection to one cluster, as one user, for one namespace. Cheap to clone; clones share the time limit.
#[derive(Clone)]
pub struct Kube {
    client: kube::Client,
    namespace: Namespace,
    server: String,
    user: Option<String>,
    limit: Arc<AtomicU64>,
    silence: Duration,
}

impl Kube {
    /// The namespace that is used.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The API server's address, for messages.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// One Service of the namespace.
    pub fn service(&self, name: ServiceName) -> KnativeService {
        KnativeService::new(self.clone(), name)
    }

    /// Sets how long a call that begins from now on may take, for all clones. After a signal there is less time.
    pub fn set_call_limit(&self, limit: Duration) {
        self.limit.store(millis(limit), Ordering::Relaxed);
    }

    fn call_limit(&self) -> Duration {
        Duration::from_millis(self.limit.load(Ordering::Relaxed))
    }
}

fn millis(limit: Duration) -> u64 {
    u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).max(1)
}

impl std::fmt::Debug for Kube {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kube").field("server", &self.server).field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
