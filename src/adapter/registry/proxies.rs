//! Which proxy a request to a registry goes through.
//!
//! Decides that an address which cannot be used is an error of the request that would go through it: without its proxy it
//! would go another way than was set, or nowhere. Depends on the environment.

use super::failure::RegistryError;
use crate::adapter::env::Environment;
use crate::adapter::proxy;
use reqwest::Url;
use std::fmt;

/// The environment's proxies.
#[derive(Clone)]
pub(super) struct Proxies {
    http: Result<Option<Url>, RegistryError>,
    https: Result<Option<Url>, RegistryError>,
    no_proxy: String,
}

impl Proxies {
    /// Those for a registry. Plain HTTP that nobody asked for goes through none, so that none gets to read it.
    pub(super) fn of(environment: &Environment, plain_http: bool) -> Self {
        let named = |scheme: &str| {
            let named = environment
                .proxy(scheme)
                .map(|(variable, named)| proxy::address(named).map_err(|why| RegistryError::Proxy { variable, why }));
            named.transpose()
        };
        let http = if plain_http { named("http") } else { Ok(None) };
        Self { http, https: named("https"), no_proxy: environment.no_proxy().to_owned() }
    }

    /// The proxy for this address; `None`: it is asked directly.
    pub(super) fn chosen(&self, url: &Url) -> Result<Option<Url>, RegistryError> {
        let port = url.port_or_known_default().unwrap_or(443);
        if proxy::is_direct(&self.no_proxy, url.host_str().unwrap_or_default(), port) {
            return Ok(None);
        }
        if url.scheme() == "https" { self.https.clone() } else { self.http.clone() }
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Their addresses may hold passwords.
        f.write_str("Proxies")
    }
}
