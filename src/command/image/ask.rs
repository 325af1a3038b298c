//! One question to a registry, with patience. Decides how long a registry may be in trouble, and where credentials are
//! looked for. It may use the registry's adapter and the clock.

use crate::adapter::clock::SystemClock;
use crate::adapter::env::Environment;
use crate::adapter::registry::{self, DockerConfig, Registry, RegistryError};
use crate::cli::RegistryArgs;
use crate::command::Stop;
use crate::image::reference::{Digest, Reference};
use crate::model::outcome::Code;
use crate::run::ports::Clock;
use crate::run::watch::delays;
use std::time::Duration;

/// How to ask.
pub(super) struct RegistryQuestion<'a> {
    pub(super) registry: &'a RegistryArgs,
    /// How long one request may take.
    pub(super) limit: Duration,
    /// How long it may fail in a row.
    pub(super) patience: Duration,
}

/// Why there is no answer.
pub(super) enum NoAnswer {
    /// The registry may say so because the repository is not there yet; in its words.
    Denied(String),
    /// Anything else.
    Failed(Stop),
}

impl From<NoAnswer> for Stop {
    fn from(no: NoAnswer) -> Self {
        match no {
            NoAnswer::Denied(why) => Self::new(Code::Registry, why),
            NoAnswer::Failed(stop) => stop,
        }
    }
}

impl RegistryQuestion<'_> {
    /// The digest of an image; `None` if it is not there.
    pub(super) async fn digest(
        &self,
        reference: &Reference,
        environment: &Environment,
    ) -> Result<Option<Digest>, NoAnswer> {
        let asking = registry::RegistryAccess {
            config: self.config(reference, environment).map_err(NoAnswer::Failed)?,
            ca_file: self.registry.ca_file.clone(),
            plain_http: self.registry.plain_http,
            limit: self.limit,
        };
        let registry = Registry::new(asking, environment).map_err(|e| NoAnswer::Failed(Stop::bad_input(e)))?;
        let began = SystemClock.now();
        let mut pauses = delays();
        loop {
            let error = match registry.digest(reference).await {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            let pause = pauses.next().unwrap_or(self.patience).max(error.retry_after().unwrap_or_default());
            let spent = Duration::try_from(SystemClock.now().duration_since(began)).unwrap_or_default();
            // A registry may ask to wait for longer than a time can be.
            if !error.is_passing() || spent.saturating_add(pause) > self.patience {
                return Err(self.failed(reference, &error));
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// The credentials of the place that was named, else of the usual one.
    fn config(&self, reference: &Reference, environment: &Environment) -> Result<DockerConfig, Stop> {
        let checked = |config: DockerConfig| config.check(&reference.repository).map(|()| config);
        match (&self.registry.docker_config, environment.docker_config()) {
            (Some(named), _) => DockerConfig::read(named)
                .and_then(checked)
                .map_err(|e| Stop::bad_input(format!("--docker-config: {e}"))),
            (None, Some(usual)) => DockerConfig::read_if_there(&usual).and_then(checked).map_err(|e| {
                Stop::bad_input(format!("the registry's credentials: {e}; --docker-config DIR names another place"))
            }),
            (None, None) => Ok(DockerConfig::default()),
        }
    }

    fn failed(&self, reference: &Reference, error: &RegistryError) -> NoAnswer {
        let domain = &reference.repository.domain;
        let long = if error.is_passing() {
            format!(" (asked for {})", humantime::format_duration(self.patience))
        } else {
            String::new()
        };
        if let RegistryError::Proxy { .. } = error {
            // A fault of the settings, and no word of the registry's.
            return NoAnswer::Failed(Stop::bad_input(format!("the registry {domain} cannot be asked: {error}")));
        }
        let why = format!("the registry {domain} was asked for {reference}: {error}{long}");
        if error.may_be_absence() { NoAnswer::Denied(why) } else { NoAnswer::Failed(Stop::new(Code::Registry, why)) }
    }
}
