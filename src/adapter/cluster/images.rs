//! What an image reference means: its registry is asked for the digest, as Knative asks when it makes a Revision.
//!
//! Decides whose credentials are used: those of Docker's usual file, and of the pull Secrets that the template and its
//! service account name, as far as they may be read (an optional right). Depends on requests and the registry's adapter.

use super::Kube;
use super::call::Call;
use super::failure::ApiRequest;
use crate::adapter::env::Environment;
use crate::adapter::registry::{DockerConfig, Registry, RegistryAccess};
use crate::image::reference::Reference;
use crate::model::api_error::ApiError;
use crate::model::bytes::Meaning;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long the registry may take: users wait for nothing meanwhile, but the run does.
const LIMIT: Duration = Duration::from_secs(5);
/// How many pull Secrets are read at most.
const MOST_SECRETS: usize = 10;

/// The pull credentials of a namespace's Services, and whether all of them could be read.
struct Pull {
    config: DockerConfig,
    hidden: bool,
}

impl Kube {
    /// Which digest an image means now, for a Service of this template.
    pub(super) async fn meaning(&self, image: &str, template: &Value, environment: &Environment) -> Meaning {
        let reference: Reference = match image.parse() {
            Ok(reference) => reference,
            Err(error) => return Meaning::Unknown(format!("{image}: {error}")),
        };
        let pull = self.pull_credentials(template, environment).await;
        let access = RegistryAccess { config: pull.config, ca_file: None, plain_http: false, limit: LIMIT };
        let registry = match Registry::new(access, environment) {
            Ok(registry) => registry,
            Err(error) => return Meaning::Unknown(error.to_string()),
        };
        match registry.digest(&reference).await {
            Ok(Some(digest)) => Meaning::Digest(digest.to_string()),
            Ok(None) => Meaning::Nothing,
            Err(error) => {
                let domain = &reference.repository.domain;
                let hidden = if pull.hidden && error.may_be_absence() {
                    " (pull Secrets cannot be read here: an optional right, get of secrets and serviceaccounts)"
                } else {
                    ""
                };
                Meaning::Unknown(format!("the registry {domain}: {error}{hidden}"))
            }
        }
    }

    async fn pull_credentials(&self, template: &Value, environment: &Environment) -> Pull {
        let usual = environment.docker_config().and_then(|place| DockerConfig::read_if_there(&place).ok());
        let mut pull = Pull { config: usual.unwrap_or_default(), hidden: false };
        let account = template.pointer("/spec/serviceAccountName").and_then(Value::as_str).unwrap_or("default");
        let mut names = secrets_of(template.pointer("/spec/imagePullSecrets"));
        match self.core("serviceaccounts", account).await {
            Ok(account) => names.extend(secrets_of(account.get("imagePullSecrets"))),
            Err(error) => pull.hidden |= matches!(error, ApiError::Forbidden(_)),
        }
        for name in names.iter().take(MOST_SECRETS) {
            match self.core("secrets", name).await {
                Ok(secret) => pull.config.add(docker_config(&secret).unwrap_or_default()),
                Err(error) => pull.hidden |= matches!(error, ApiError::Forbidden(_)),
            }
        }
        pull
    }

    async fn core(&self, resource: &'static str, name: &str) -> Result<Value, ApiError> {
        let namespace = self.namespace.to_string();
        let path = format!("/api/v1/namespaces/{namespace}/{resource}/{name}");
        let asked = ApiRequest {
            verb: "get",
            group: "".into(),
            resource: resource.into(),
            namespace: Some(namespace),
            name: Some(name.to_owned()),
        };
        self.call(&Call { asked, path, body: None }).await
    }
}

/// The names in a list of references to Secrets; one that is no path segment is no name.
fn secrets_of(list: Option<&Value>) -> BTreeSet<String> {
    let entries = list.and_then(Value::as_array).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.get("name")?.as_str());
    let plain = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    names.filter(plain).map(str::to_owned).collect()
}

/// The credentials in a Secret of the type `kubernetes.io/dockerconfigjson`; nothing of it is ever printed.
fn docker_config(secret: &Value) -> Option<DockerConfig> {
    let text = secret.pointer("/data/.dockerconfigjson")?.as_str()?;
    DockerConfig::of_secret(text)
}
