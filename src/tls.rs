//! The cryptography that every TLS connection uses. Decides that it is ring: small, and quick to start.

/// Installs ring for the whole process. Later calls change nothing, so whoever is about to build a TLS client may call
/// it; without it the clients' builders panic.
pub fn install() {
    // The error only says that one is installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
}
