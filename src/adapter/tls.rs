//! TLS as every connection speaks it: the cryptography, and which certificates are believed.
//!
//! Decides that the cryptography is ring (small, and quick to start) and that the system's certificates are believed beside
//! those that were given. Depends on rustls, reqwest and files.

use crate::adapter::files;
use reqwest::{Certificate, Client, ClientBuilder};
use std::path::Path;

/// Installs ring for the whole process. Later calls change nothing, so whoever is about to build a TLS client may call
/// it; without it the clients' builders panic.
pub fn install() {
    // The error only says that one is installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// The largest file of certificates that is read, in bytes; the system's own bundle has a quarter of a million.
const LARGEST: u64 = 4 << 20;

/// The certificates (PEM) in a file, or in the files `*.crt` of a directory, as container tools have them; at least one,
/// else why not.
pub(crate) fn roots(path: &Path) -> Result<Vec<Certificate>, String> {
    let pem = if path.is_dir() { together(path) } else { files::read(path, LARGEST) }.map_err(|e| e.to_string())?;
    let roots = Certificate::from_pem_bundle(&pem).map_err(|_| "they are not PEM")?;
    if roots.is_empty() { Err("there are none".into()) } else { Ok(roots) }
}

fn together(directory: &Path) -> std::io::Result<Vec<u8>> {
    let mut pem = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "crt") {
            // All of them together are no larger than one may be.
            let left = LARGEST.saturating_sub(u64::try_from(pem.len()).unwrap_or(u64::MAX));
            pem.extend(files::read(&path, left)?);
            pem.push(b'\n');
        }
    }
    Ok(pem)
}

/// An HTTP client that believes these certificates beside the system's.
pub(crate) fn client(roots: &[Certificate], builder: impl Fn() -> ClientBuilder) -> Result<Client, reqwest::Error> {
    install();
    // The first builder fails where the system has no bundle, even for a client that only speaks plain HTTP.
    let merged = builder().tls_certs_merge(roots.to_vec()).build();
    merged.or_else(|_| builder().tls_certs_only(roots.to_vec()).build())
}
