//! A connection, made of what was found.
//!
//! Decides which limits hold for every call. Depends on what is found and on kube's client.

use super::Kube;
use super::connect_error::ConnectError;
use super::find::{Connect, find};
use super::session::Session;
use crate::adapter::env::Environment;
use std::sync::Arc;

impl Kube {
    /// Finds the cluster and prepares a client. Sends nothing, but may run the kubeconfig's credential plugin. Must be
    /// called within a runtime.
    pub fn connect(settings: &Connect, environment: &Environment) -> Result<Self, ConnectError> {
        crate::adapter::tls::install();
        let mut found = find(settings, environment)?;
        let (config, user) = (&mut found.config, found.user.clone());
        let default = config.default_namespace.trim();
        let namespace = settings.namespace.clone().map_or_else(|| default.parse(), Ok);
        let namespace = namespace.map_err(|_| ConnectError::Namespace(default.to_owned()))?;
        // Every call is one attempt with a limit of its own around it, and a watch may be quiet.
        config.default_retry = false;
        config.connect_timeout = Some(settings.call_limit);
        config.read_timeout = None;
        config.write_timeout = Some(settings.call_limit);
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let session = Arc::new(Session::open(found, settings, environment)?);
        Ok(Self { session, namespace, server, user, limit: settings.call_limit, silence: settings.silence })
    }
}
