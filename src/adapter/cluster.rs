//! The Kubernetes API, spoken by `kube`: the adapter behind [`crate::run::ports::Cluster`].
//!
//! Decides how long a call may take, what a failure means (`failure`) and that nothing is tried twice, because the runner
//! has the patience; only who is not known any more (401) asks once more with credentials that are newer (`session`). Objects cross as the API's own JSON. Depends on `kube` for addresses, credentials and TLS only: every
//! request is written out here, so that the answer's headers are seen and no retry of kube's own multiplies a write.

mod backends;
mod call;
mod connect;
mod connect_error;
mod failure;
mod find;
mod images;
mod kubeconfig;
mod networking;
mod objects;
mod page;
mod poster;
mod runs;
mod service;
mod session;
mod starts;
mod tasks;
mod watch;

pub use backends::Backend;
pub use connect_error::ConnectError;
pub use find::Connect;
pub use objects::Selection;
pub use poster::Poster;
pub use service::KnativeService;
pub use tasks::RunTasks;
pub use watch::ObjectWatch;

use crate::model::name::{Namespace, ServiceName};
use session::Session;
use std::sync::Arc;
use std::time::Duration;

/// A connection to one cluster, as one user, for one namespace. Cheap to clone.
#[derive(Clone)]
pub struct Kube {
    session: Arc<Session>,
    namespace: Namespace,
    server: String,
    user: Option<String>,
    limit: Duration,
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
}

impl std::fmt::Debug for Kube {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kube").field("server", &self.server).field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
