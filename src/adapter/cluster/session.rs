//! The client of a connection, and credentials that are read anew once the API server does not believe them.
//!
//! A token file is written anew before its token expires, a kubeconfig by whoever logs in again, and a credential plugin
//! gives another token when it is asked; kube's client reads the first once a minute and the others never again. Decides
//! when there may be something new, and that the server stays the one that was chosen at the beginning, whatever a
//! kubeconfig names by now. Depends on kube's client.

use super::connect_error::ConnectError;
use super::find::{Connect, Found, find};
use super::kubeconfig;
use crate::adapter::env::Environment;
use crate::adapter::files;
use kube::config::AuthInfo;
use kube::{Client, Config};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A plugin always may have something new, and may take a second and ask somebody; so it is asked no more often.
const PLUGIN_PAUSE: Duration = Duration::from_secs(5);

/// The largest file of credentials that is compared, in bytes; what is larger, or no regular file, counts as empty.
const LARGEST: u64 = 1 << 20;

/// A client, and what its credentials were.
#[derive(Clone)]
struct Login {
    client: Client,
    number: u64,
    /// What was read; none of a plugin, which is asked to know.
    read: Option<String>,
    at: Instant,
}

/// A connection's client, whose credentials may be renewed.
pub(super) struct Session {
    login: Mutex<Login>,
    renewing: tokio::sync::Mutex<()>,
    settings: Connect,
    environment: Environment,
    /// As it was found at the beginning.
    config: Config,
    user: Option<String>,
}

impl Session {
    /// Makes the first client, which may run a credential plugin. Must be called within a runtime.
    pub(super) fn open(found: Found, settings: &Connect, environment: &Environment) -> Result<Self, ConnectError> {
        let Found { config, user, context } = found;
        let login = login(&config, 0)?;
        // Somebody may name another context as the present one meanwhile.
        let settings = Connect { context, ..settings.clone() };
        let (login, renewing) = (Mutex::new(login), tokio::sync::Mutex::new(()));
        Ok(Self { login, renewing, settings, environment: environment.clone(), config, user })
    }

    /// The client, and its number.
    pub(super) fn client(&self) -> (Client, u64) {
        let login = self.login.lock().unwrap_or_else(PoisonError::into_inner);
        (login.client.clone(), login.number)
    }

    /// Reads the credentials anew, because those of the client with this number are not believed. True if there is another
    /// client now.
    pub(super) async fn renew(self: &Arc<Self>, number: u64) -> bool {
        let _one_at_a_time = self.renewing.lock().await;
        let present = self.login.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if present.number != number {
            return true;
        }
        let me = self.clone();
        // Files and plugins block.
        let newer = tokio::task::spawn_blocking(move || me.newer(&present)).await;
        let Ok(Some(newer)) = newer else { return false };
        *self.login.lock().unwrap_or_else(PoisonError::into_inner) = newer;
        true
    }

    /// A client with newer credentials, if there may be any.
    fn newer(&self, present: &Login) -> Option<Login> {
        let found = find(&self.settings, &self.environment).ok()?;
        if found.config.cluster_url != self.config.cluster_url || found.user != self.user {
            return None;
        }
        let read = read(&found.config.auth_info);
        let may_be_new = match &read {
            Some(read) => present.read.as_ref() != Some(read),
            // Where there was no plugin before, it is new.
            None => present.read.is_some() || present.at.elapsed() >= PLUGIN_PAUSE,
        };
        let mut config = self.config.clone();
        config.auth_info = found.config.auth_info;
        may_be_new.then(|| login(&config, present.number + 1).ok())?
    }
}

fn login(config: &Config, number: u64) -> Result<Login, ConnectError> {
    let read = read(&config.auth_info);
    let client = Client::try_from(config.clone()).map_err(|e| ConnectError::Client(unusable(&e)))?;
    Ok(Login { client, number, read, at: Instant::now() })
}

/// Everything that the credentials are, files included; none where a plugin has them.
fn read(credentials: &AuthInfo) -> Option<String> {
    if credentials.exec.is_some() || credentials.auth_provider.is_some() {
        return None;
    }
    let files = [&credentials.token_file, &credentials.client_certificate, &credentials.client_key];
    let texts = files.into_iter().flatten().map(|path| files::read_text(path.as_ref(), LARGEST).unwrap_or_default());
    Some(std::iter::once(serde_json::to_string(credentials).ok()?).chain(texts).collect())
}

/// kube's complaint about TLS or credentials. A credential plugin's output, arguments and variables may hold a secret:
/// they are left out.
fn unusable(error: &kube::Error) -> String {
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
