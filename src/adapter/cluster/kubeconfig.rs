//! From kubeconfig files to a connection's settings.
//!
//! Decides which context, cluster and user count. kube's own loader is not used for three reasons. It reads proxy variables
//! of the process on the way and fails on a `NO_PROXY` that everybody else accepts. Its parse errors quote lines of the file,
//! which holds tokens. And a YAML reader for each of its types is a twentieth of the binary. Depends on kube's types of the
//! file.

use super::connect_error::ConnectError;
use crate::adapter::files;
use kube::Config;
use kube::config::{ExecAuthCluster, Kubeconfig, KubeconfigError, LoadDataError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The largest kubeconfig that is read, in bytes: room for some hundred clusters with their certificates.
const LARGEST: u64 = 8 << 20;

/// What a kubeconfig says.
pub(super) struct Chosen {
    /// Address, CA, credentials, default namespace; without a proxy.
    pub(super) config: Config,
    /// `proxy-url`, which counts whatever `NO_PROXY` says.
    pub(super) proxy: Option<String>,
    /// The user entry's name.
    pub(super) user: Option<String>,
    /// The context's name.
    pub(super) context: String,
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
        let next = read(path).map_err(|why| bad(&format!("{shown}: {why}")))?;
        file = file.merge(next).map_err(|e| bad(&format!("{shown}: {}", plain(&e))))?;
    }
    if !found {
        return Err(bad("none of the files that KUBECONFIG names exists"));
    }
    choose(&file, context)
}

/// One file, with the paths in it made whole. What is wrong is said without anything that it holds.
fn read(path: &Path) -> Result<Kubeconfig, String> {
    let not_one = || "is not a kubeconfig (YAML cannot be parsed)".to_owned();
    let text = files::read_named(path, LARGEST).map_err(|e| format!("cannot be read: {e}"))?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).map_err(|_| not_one())?;
    let mut file = Kubeconfig::default();
    for document in documents.into_iter().filter(|d| !d.is_null()) {
        // By way of a tree: one YAML reader for everything, and kube's types read JSON with the code that is here anyway.
        let next = serde_json::from_value(numbers_as_text(document)).map_err(|_| not_one())?;
        file = file.merge(next).map_err(|e| plain(&e))?;
    }
    // Paths are relative to the file that holds them, so they are made whole before files are merged.
    let whole = |named: &mut Option<String>| {
        if let (Some(name), Some(folder)) = (named.as_mut(), path.parent()) {
            *name = folder.join(&*name).to_string_lossy().into_owned();
        }
    };
    for cluster in file.clusters.iter_mut().filter_map(|c| c.cluster.as_mut()) {
        whole(&mut cluster.certificate_authority);
    }
    for user in file.auth_infos.iter_mut().filter_map(|a| a.auth_info.as_mut()) {
        whole(&mut user.client_certificate);
        whole(&mut user.client_key);
        whole(&mut user.token_file);
        // A command without a slash is looked for in PATH, as kubectl does.
        if let Some(exec) = user.exec.as_mut().filter(|e| e.command.as_ref().is_some_and(|c| c.contains('/'))) {
            whole(&mut exec.command);
        }
    }
    Ok(file)
}

/// No field of a kubeconfig is a number, but names and tokens may look like one; kubectl takes them too.
fn numbers_as_text(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::String(number.to_string()),
        Value::Array(items) => items.into_iter().map(numbers_as_text).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, field)| (name, numbers_as_text(field))).collect(),
        other => other,
    }
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
    let proxy = cluster.proxy_url.clone().filter(|p| !p.is_empty());
    Ok(Chosen { config, proxy, user: context.user.clone(), context: name.to_owned() })
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
        KubeconfigError::LoadCertificateAuthority(error) => data("certificate authority", error),
        KubeconfigError::LoadClientCertificate(error) => data("client certificate", error),
        KubeconfigError::LoadClientKey(error) => data("client key", error),
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => "does not fit the others".into(),
        _ => "cannot be used".into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_no_kubeconfig() {
        let error = load(&["/dev/zero".into()], None).err().unwrap().to_string();
        assert!(error.contains("/dev/zero: cannot be read: it has more than 8388608 bytes"), "{error}");
    }

    #[test]
    fn paths_are_relative_to_the_file_and_numbers_may_be_names() {
        let folder = std::env::temp_dir().join(format!("andante-kubeconfig-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("config");
        let text = "\
current-context: 7
contexts: [{name: 7, context: {cluster: c, user: 1.5, namespace: \"012\"}}]
---
clusters: [{name: c, cluster: {server: \"https://10.0.0.1\", certificate-authority: ca.pem, insecure-skip-tls-verify: true}}]
---
users:
- name: 1.5
  user:
    client-certificate: /absolute/cert.pem
    client-key: keys/key.pem
    exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never}
- name: other
  user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: plugin, interactiveMode: Never}}
";
        std::fs::write(&path, text).unwrap();
        let read = read(&path).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let beside = |name: &str| Some(folder.join(name).to_string_lossy().into_owned());
        assert_eq!(read.current_context.as_deref(), Some("7"));
        let context = read.contexts[0].context.as_ref().unwrap();
        assert_eq!((context.user.as_deref(), context.namespace.as_deref()), (Some("1.5"), Some("012")));
        let cluster = read.clusters[0].cluster.as_ref().unwrap();
        assert_eq!(cluster.certificate_authority, beside("ca.pem"));
        assert_eq!(cluster.insecure_skip_tls_verify, Some(true));
        let user = |n: usize| read.auth_infos[n].auth_info.as_ref().unwrap();
        assert_eq!(user(0).client_certificate.as_deref(), Some("/absolute/cert.pem"));
        assert_eq!(user(0).client_key, beside("keys/key.pem"));
        assert_eq!(user(0).exec.as_ref().unwrap().command, beside("./plugin"));
        assert_eq!(user(1).exec.as_ref().unwrap().command.as_deref(), Some("plugin"));
    }
}
