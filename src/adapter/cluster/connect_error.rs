//! Why there is no connection to a cluster.
//!
//! Decides which of kube's words may be repeated. Depends on kube's errors.

use super::kubeconfig;

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

/// kube's complaint about TLS or credentials. A credential plugin's output, arguments and variables may hold a secret:
/// they are left out.
pub(super) fn unusable(error: &kube::Error) -> String {
    use kube::client::AuthError;
    match error {
        kube::Error::Auth(AuthError::AuthExecRun { out, .. }) => {
            format!("the kubeconfig's credential plugin failed: {}", out.status)
        }
        kube::Error::Auth(AuthError::AuthExecStart(error)) => {
            format!("the kubeconfig's credential plugin cannot be run: {error}")
        }
        kube::Error::Auth(AuthError::ReadTokenFile(error, path)) => {
            format!("the token file {} cannot be read: {error}", path.display())
        }
        kube::Error::Auth(_) => "the kubeconfig's credentials cannot be used".into(),
        kube::Error::RustlsTls(error) => format!(
            "TLS cannot be set up: {error} (a kubeconfig without a certificate authority needs the system's \
             certificates, or SSL_CERT_FILE)"
        ),
        kube::Error::InferKubeconfig(error) => format!("kubeconfig: {}", kubeconfig::plain(error)),
        _ => "the connection cannot be set up".into(),
    }
}
