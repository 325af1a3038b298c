//! Why there is no connection to a cluster.

/// Why there is no connection. Nothing was sent yet: these are faults of the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// Nothing says where the cluster is.
    #[error("no cluster: give --kubeconfig, set KUBECONFIG, or run in a pod with a service account")]
    NoCluster,
    /// The kubeconfig cannot be used.
    #[error("kubeconfig: {0}")]
    Kubeconfig(String),
    /// The service account's files cannot be used.
    #[error("service account: {0}")]
    ServiceAccount(String),
    /// The default namespace is not a name.
    #[error("the default namespace {0:?} is not a namespace: give --namespace")]
    Namespace(String),
    /// The proxy's address cannot be used.
    #[error("the proxy's address cannot be used: {0}")]
    Proxy(&'static str),
    /// TLS or credentials cannot be set up.
    #[error("{0}")]
    Client(String),
}
