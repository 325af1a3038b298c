//! From kubeconfig files to a connection's settings.
//!
//! Decides which context, cluster and user count. kube's own loader does the same, but reads proxy variables of the
//! process on the way and fails on a `NO_PROXY` that everybody else accepts; and its parse errors quote lines of the
//! file, which holds tokens. Depends on kube's types of the file.

use super::connect::ConnectError;
use kube::Config;
use kube::config::{ExecAuthCluster, Kubeconfig, KubeconfigError, LoadDataError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::PathBuf;

/// What a kubeconfig says.
pub(super) struct Chosen {
    /// Address, CA, credentials, default namespace; without a proxy.
    pub(super) config: Config,
    /// `proxy-url`, which counts whatever `NO_PROXY` says.
    pub(super) proxy: Option<String>,
    /// The user entry's name.
    pub(super) user: Option<String>,
}

/// Reads and merges files, and takes what `context` (or `current-context`) points at.
pub(super) fn load(paths: &[PathBuf], context: Option<&str>) -> Result<Chosen, ConnectError> {
    let mut file = Kubeconfig::default();
    let mut found = false;
    for path in paths {
        // One that is missing in a list is skipped, as kubectl does; one alone is not.
        if paths.len() > 1 && !path.exists() {
            continue;
        }
        found = true;
        let shown = path.display();
        let next = Kubeconfig::read_from(path).map_err(|e| bad(&format!("{shown}: {}", plain(&e))))?;
        file = file.merge(next).map_err(|e| bad(&format!("{shown}: {}", plain(&e))))?;
    }
    if !found {
        return Err(bad("none of the files that KUBECONFIG names exists"));
    }
    choose(&file, context)
}

fn choose(file: &Kubeconfig, context: Option<&str>) -> Result<Chosen, ConnectError> {
    let name = context
        .or(file.current_context.as_deref())
        .filter(|n| !n.is_empty())
        .ok_or_else(|| bad("it has no current-context: give --context"))?;
    let context = file.contexts.iter().find(|c| c.name == name).and_then(|c| c.context.as_ref()).ok_or_else(|| {
        let mut names: Vec<&str> = file.contexts.iter().map(|c| c.name.as_str()).collect();
        names.sort_unstable();
        bad(&format!("there is no context {name:?}; there are: {}", names.join(", ")))
    })?;
    let cluster = file.clusters.iter().find(|c| c.name == context.cluster).and_then(|c| c.cluster.as_ref());
    let cluster = cluster
        .ok_or_else(|| bad(&format!("context {name:?} names a cluster {:?} that is not there", context.cluster)))?;
    let server = cluster.server.as_deref().unwrap_or_default();
    let server = server.parse().map_err(|_| bad(&format!("cluster {:?} has no readable server", context.cluster)))?;

    let mut config = Config::new(server);
    // Decodes the CA, from the data or from its file.
    let decoded = ExecAuthCluster::try_from(cluster).map_err(|e| bad(&plain(&e)))?;
    if let Some(pem) = &decoded.certificate_authority_data {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = certificates.ok().filter(|c| !c.is_empty());
        let certificates = certificates.ok_or_else(|| bad("the certificate authority is not PEM"))?;
        config.root_cert = Some(certificates.into_iter().map(|c| c.to_vec()).collect());
    }
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or_default();
    config.tls_server_name.clone_from(&cluster.tls_server_name);
    if let Some(namespace) = context.namespace.as_ref().filter(|n| !n.is_empty()) {
        config.default_namespace.clone_from(namespace);
    }
    let user = context.user.as_ref().and_then(|u| file.auth_infos.iter().find(|a| a.name == *u));
    if let Some(credentials) = user.and_then(|u| u.auth_info.as_ref()) {
        config.auth_info = credentials.clone();
        if let Some(exec) = config.auth_info.exec.as_mut().filter(|e| e.provide_cluster_info) {
            exec.cluster = Some(decoded);
        }
    }
    Ok(Chosen { config, proxy: cluster.proxy_url.clone().filter(|p| !p.is_empty()), user: context.user.clone() })
}

fn bad(text: &str) -> ConnectError {
    ConnectError::Kubeconfig(text.to_owned())
}

/// A loader's complaint without anything of the file's content.
pub(super) fn plain(error: &KubeconfigError) -> String {
    let data = |what: &str, error: &LoadDataError| match error {
        LoadDataError::DecodeBase64(_) => format!("the {what} is not base64"),
        LoadDataError::ReadFile(error, path) => format!("the {what} {} cannot be read: {error}", path.display()),
        LoadDataError::NoBase64DataOrFile => format!("the {what} is missing"),
    };
    match error {
        KubeconfigError::ReadConfig(error, _) => format!("cannot be read: {error}"),
        KubeconfigError::Parse(_) => "is not a kubeconfig (YAML cannot be parsed)".into(),
        KubeconfigError::LoadCertificateAuthority(error) => data("certificate authority", error),
        KubeconfigError::LoadClientCertificate(error) => data("client certificate", error),
        KubeconfigError::LoadClientKey(error) => data("client key", error),
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => "does not fit the others".into(),
        _ => "cannot be used".into(),
    }
}
