//! Asks an image registry for a digest: the distribution protocol's one question that Andante needs.
//!
//! Decides how few requests that takes (one HEAD; before it a refusal and a token, where the registry wants one), what
//! each answer means, and which credentials go where: to the registry's own origin and to the token server that it
//! names, over TLS, and never along a redirect to another place. Nothing is tried twice here, because the caller has the
//! patience. Depends on reqwest.

mod authorization;
mod challenge;
mod credentials;
mod docker_config;
mod failure;
mod header;
mod proxies;
mod token;
mod transport;

pub use docker_config::{BadDockerConfig, DockerConfig};
pub use failure::{BadRegistry, RegistryError};

use crate::adapter::content;
use crate::adapter::env::Environment;
use crate::image::reference::{Algorithm, DOCKER_HUB, Digest, Domain, Reference};
use authorization::Authorization;
use credentials::Credentials;
use http::{Method, StatusCode};
use reqwest::Url;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use transport::{RegistryAnswer, Transport};

/// Docker Hub's registry has another name than its images.
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";
/// The largest manifest that is read, in bytes: registries need not take larger ones.
const LARGEST_MANIFEST: usize = 4 << 20;
/// Every kind of manifest that a node can run, indexes of several platforms first.
// A registry that is not told of indexes answers with one platform's manifest, whose digest is not what was pushed.
const KINDS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
                     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// How registries are asked.
#[derive(Debug, Clone)]
pub struct RegistryAccess {
    /// Credentials.
    pub config: DockerConfig,
    /// A file of certificates to believe beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Speak plain HTTP.
    pub plain_http: bool,
    /// How long one request may take, its answer included.
    pub limit: Duration,
}

/// Asks registries.
#[derive(Debug)]
pub struct Registry {
    transport: Transport,
    config: DockerConfig,
    plain_http: bool,
    /// The registry's certificates were named, so TLS is expected.
    only_tls: bool,
}

/// A question to one registry in one scheme.
struct DigestQuestion<'a> {
    transport: &'a Transport,
    url: Url,
    reference: &'a Reference,
    credentials: Credentials,
    /// Plain HTTP may be spoken with whom it is not forbidden for.
    plain_http: bool,
}

impl Registry {
    /// Prepares a client; sends nothing.
    pub fn new(asking: RegistryAccess, environment: &Environment) -> Result<Self, BadRegistry> {
        let transport = Transport::new(asking.ca_file.as_deref(), asking.limit, asking.plain_http, environment)?;
        let only_tls = asking.ca_file.is_some();
        Ok(Self { transport, config: asking.config, plain_http: asking.plain_http, only_tls })
    }

    /// The digest that the registry has under the reference's digest or tag (`latest` if it has neither); `None` if it
    /// has no such image.
    pub async fn digest(&self, reference: &Reference) -> Result<Option<Digest>, RegistryError> {
        let domain = &reference.repository.domain;
        let schemes: &[&str] = match (self.plain_http, domain.is_near()) {
            (true, _) => &["http"],
            (false, true) if !self.only_tls => &["https", "http"],
            (false, _) => &["https"],
        };
        let mut ended = Err(RegistryError::Odd("no way to ask it".into()));
        for scheme in schemes {
            let question = DigestQuestion {
                transport: &self.transport,
                url: url(scheme, reference)?,
                reference,
                credentials: self.config.credentials(domain, &reference.repository.path),
                plain_http: self.plain_http,
            };
            ended = question.ask().await;
            // Only who answers a greeting of TLS with something else is asked in plain words; a bad certificate ends it.
            if !matches!(ended, Err(RegistryError::NotTls(_))) {
                break;
            }
        }
        ended
    }
}

impl DigestQuestion<'_> {
    async fn ask(&self) -> Result<Option<Digest>, RegistryError> {
        // A HEAD has the digest and no body, and Docker Hub does not count it as a pull.
        let mut authorization = Authorization::none();
        let mut answer = self.send(Method::HEAD, &authorization).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            // The place of a redirect would get what is for the registry alone, and could name any token server.
            if answer.url.origin() != self.url.origin() {
                return Err(RegistryError::Odd("the place that it redirects to wants credentials".into()));
            }
            let wanted = challenge::parse(answer.headers.get_all(http::header::WWW_AUTHENTICATE));
            authorization = self.authorize(&wanted).await?;
            answer = self.send(Method::HEAD, &authorization).await?;
        }
        match answer.status {
            StatusCode::OK if answer.headers.contains_key("docker-content-digest") => {
                let told = told(&answer)?;
                match &self.reference.digest {
                    // Its own digest by another algorithm says nothing of the one that was asked for.
                    Some(asked) if asked.algorithm() != told.algorithm() => self.computed(&authorization).await,
                    _ => self.checked(told).map(Some),
                }
            }
            StatusCode::NOT_FOUND if is_a_registrys(&answer) => Ok(None),
            // Some registries leave the digest out, some do not know the method, and a bare status may come of something
            // that is no registry. The manifest itself tells in each case.
            StatusCode::OK | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                self.computed(&authorization).await
            }
            _ => Err(self.refused(&answer)),
        }
    }

    /// The digest of the manifest itself, or the registry's own words that it has none.
    async fn computed(&self, authorization: &Authorization) -> Result<Option<Digest>, RegistryError> {
        let answer = self.send(Method::GET, authorization).await?;
        match answer.status {
            StatusCode::NOT_FOUND if is_a_registrys(&answer) => return Ok(None),
            StatusCode::NOT_FOUND => {
                let why = "it answered 404, but not as a registry does: another server may listen there";
                return Err(RegistryError::Odd(why.into()));
            }
            StatusCode::OK => {}
            _ => return Err(self.refused(&answer)),
        }
        if !is_manifest(&answer) {
            return Err(RegistryError::Odd("what it answered is no image manifest".into()));
        }
        let algorithm = self.reference.digest.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
        let digest =
            content::digest(algorithm, &answer.body).ok_or_else(|| RegistryError::Uncomputed(algorithm.word()))?;
        self.checked(digest).map(Some)
    }

    /// A registry that is asked by digest must answer with that digest.
    fn checked(&self, found: Digest) -> Result<Digest, RegistryError> {
        match &self.reference.digest {
            Some(asked) if *asked != found => {
                Err(RegistryError::Odd(format!("it answered with the digest {found}, which was not asked for")))
            }
            _ => Ok(found),
        }
    }

    async fn send(&self, method: Method, authorization: &Authorization) -> Result<RegistryAnswer, RegistryError> {
        self.transport.manifest(method, self.url.clone(), authorization, KINDS, LARGEST_MANIFEST, self.plain_http).await
    }

    async fn authorize(&self, wanted: &[challenge::Challenge]) -> Result<Authorization, RegistryError> {
        token::authorize(self.transport, &self.url, wanted, self.reference, &self.credentials, self.plain_http).await
    }

    fn refused(&self, answer: &RegistryAnswer) -> RegistryError {
        failure::of_answer(answer.status, &answer.headers, &self.credentials)
    }
}

/// The digest that the registry tells.
fn told(answer: &RegistryAnswer) -> Result<Digest, RegistryError> {
    let told = answer.headers.get("docker-content-digest").map(header::text).unwrap_or_default();
    told.trim().parse().map_err(|_| RegistryError::Odd("the digest in its answer is none".into()))
}

/// True for a manifest of a kind that was asked for. A page that greets whoever comes (of a login, a proxy, a portal) is
/// none, whatever its status.
fn is_manifest(answer: &RegistryAnswer) -> bool {
    let kind = answer.headers.get(http::header::CONTENT_TYPE).map(header::text).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let version =
        serde_json::from_slice::<Value>(&answer.body).ok().and_then(|manifest| manifest.get("schemaVersion")?.as_u64());
    // Media types have no case (RFC 9110, 8.3.1).
    KINDS.split(", ").any(|known| known.eq_ignore_ascii_case(kind)) && version == Some(2)
}

/// True for an answer that only a registry gives: with the header of its protocol, which nearly all of them send, or
/// with the protocol's errors. A path that a proxy or a web server does not know is no image that is not built.
fn is_a_registrys(answer: &RegistryAnswer) -> bool {
    let version = answer.headers.get("docker-distribution-api-version");
    let body = || serde_json::from_slice::<Value>(&answer.body).ok();
    version.is_some() || body().is_some_and(|body| body.pointer("/errors/0/code").is_some_and(Value::is_string))
}

/// The manifest's address.
fn url(scheme: &str, reference: &Reference) -> Result<Url, RegistryError> {
    let domain = host(&reference.repository.domain);
    let path = &reference.repository.path;
    let what = match (&reference.digest, &reference.tag) {
        (Some(digest), _) => digest.to_string(),
        (None, Some(tag)) => tag.to_string(),
        (None, None) => "latest".to_owned(),
    };
    let text = format!("{scheme}://{domain}/v2/{path}/manifests/{what}");
    text.parse().map_err(|_| RegistryError::Address(domain.to_owned()))
}

fn host(domain: &Domain) -> &str {
    if domain.as_str() == DOCKER_HUB { DOCKER_HUB_HOST } else { domain.as_str() }
}
