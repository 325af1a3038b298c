//! Where the cluster is and who we are there.
//!
//! Decides the order: what was named explicitly, `KUBECONFIG`, the pod's service account, `~/.kube/config`. A pod's
//! service account wins over a file that was left in a home, because it is what the Task's owner granted. Depends on
//! the environment and kube's client.

use super::connect_error::ConnectError;
use super::kubeconfig;
use crate::adapter::env::Environment;
use crate::adapter::proxy;
use crate::model::name::Namespace;
use http::Uri;
use kube::Config;
use std::path::PathBuf;
use std::time::Duration;

/// How to connect.
#[derive(Debug, Clone)]
pub struct Connect {
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--namespace`; else the context's or the pod's.
    pub namespace: Option<Namespace>,
    /// How long one call may take, connecting included.
    pub call_limit: Duration,
    /// How long a watch may be silent before it is given up. The server is asked for a bookmark a minute.
    pub silence: Duration,
}

impl Default for Connect {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            namespace: None,
            call_limit: Duration::from_secs(10),
            // A bookmark is due each minute; one that is 20 s late does not come any more.
            silence: Duration::from_secs(80),
        }
    }
}

/// What was found of a cluster.
pub(super) struct Found {
    /// Address, CA, credentials, default namespace, proxy.
    pub(super) config: Config,
    /// The kubeconfig's user entry; none for a service account.
    pub(super) user: Option<String>,
    /// The context that was chosen; none for a service account, which has none.
    pub(super) context: Option<String>,
}

/// Finds the cluster and the credentials. Files are read, nothing is sent or run.
pub(super) fn find(settings: &Connect, environment: &Environment) -> Result<Found, ConnectError> {
    let context = settings.context.as_deref();
    let files = match &settings.kubeconfig {
        Some(path) => vec![path.clone()],
        None => environment.kubeconfig(),
    };
    if !files.is_empty() {
        return from_files(&files, context, environment);
    }
    // A service account has no contexts, so whoever names one means a file.
    if context.is_none() && environment.in_pod() {
        let config = Config::incluster().map_err(|e| ConnectError::ServiceAccount(e.to_string()))?;
        return Ok(Found { config, user: None, context: None });
    }
    match environment.home_kubeconfig() {
        Some(path) => from_files(&[path], context, environment),
        None => Err(ConnectError::NoCluster),
    }
}

fn from_files(files: &[PathBuf], context: Option<&str>, environment: &Environment) -> Result<Found, ConnectError> {
    let chosen = kubeconfig::load(files, context)?;
    let mut config = chosen.config;
    config.proxy_url = match chosen.proxy {
        Some(named) => Some(proxy_address("the kubeconfig's proxy-url", &named)?),
        None => proxy_of(&config.cluster_url, environment)?,
    };
    // A connection that looks at no certificate needs none, but the client would load the system's and fail without them.
    let encrypted = |address: &Uri| address.scheme_str() != Some("http");
    let looks = encrypted(&config.cluster_url) || config.proxy_url.as_ref().is_some_and(encrypted);
    if config.root_cert.is_none() && (!looks || config.accept_invalid_certs) {
        config.root_cert = Some(Vec::new());
    }
    Ok(Found { config, user: chosen.user, context: Some(chosen.context) })
}

/// The environment's proxy, unless the server is one that is reached directly.
fn proxy_of(server: &Uri, environment: &Environment) -> Result<Option<Uri>, ConnectError> {
    let scheme = server.scheme_str().unwrap_or("https");
    let port = server.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    match environment.proxy(scheme) {
        Some((variable, named))
            if !proxy::is_direct(environment.no_proxy(), server.host().unwrap_or_default(), port) =>
        {
            proxy_address(variable, named).map(Some)
        }
        _ => Ok(None),
    }
}

/// The address of a proxy, for kube's client.
fn proxy_address(from: &'static str, named: &str) -> Result<Uri, ConnectError> {
    let bad = |why| ConnectError::Proxy { from, why };
    // This type takes a port that is none for no port at all, so the stricter reader goes before.
    proxy::address(named).map_err(bad)?;
    proxy::with_scheme(named).parse().map_err(|_| bad("it is not a URL"))
}
