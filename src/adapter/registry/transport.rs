//! Requests to registries and token servers.
//!
//! Decides how far one goes: a limit of time, of redirects and of bytes; and that a redirect to another origin takes no
//! credentials along. Depends on reqwest and the environment's proxies.

use super::authorization::Authorization;
use super::failure::{BadRegistry, RegistryError};
use super::header;
use super::proxies::Proxies;
use crate::adapter::env::Environment;
use crate::adapter::tls;
use crate::image::reference::Domain;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION};
use http::{Method, StatusCode};
use reqwest::{Client, Proxy, Response, Url, redirect};
use std::error::Error;
use std::path::Path;
use std::time::Duration;

/// How many redirects are followed.
const REDIRECTS: usize = 5;

/// A client.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: Client,
    limit: Duration,
    proxies: Proxies,
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct RegistryAnswer {
    /// Who gave it, after redirects.
    pub(super) url: Url,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// What a request to a token server carries.
pub(super) enum Sent {
    /// Nothing: it is a GET.
    Nothing,
    /// A form: it is a POST.
    Form(String),
}

impl Transport {
    /// A client.
    pub(super) fn new(
        ca_file: Option<&Path>,
        limit: Duration,
        plain_http: bool,
        environment: &Environment,
    ) -> Result<Self, BadRegistry> {
        let bad = |path: &Path, why| BadRegistry::Certificates { path: path.to_owned(), why };
        let roots = ca_file.map(|path| tls::roots(path).map_err(|why| bad(path, why))).transpose()?.unwrap_or_default();
        let proxies = Proxies::of(environment, plain_http);
        let builder = || {
            let proxies = proxies.clone();
            // A proxy that cannot be used ended the request before it was begun.
            let chosen = move |url: &Url| proxies.chosen(url).ok().flatten();
            Client::builder()
                // Followed by hand below, where it is known whether credentials may go along.
                .redirect(redirect::Policy::none())
                // The environment's proxies are chosen by `chosen`, by the rules that hold for the cluster too.
                .no_proxy()
                .proxy(Proxy::custom(chosen))
                .connect_timeout(limit)
                .timeout(limit)
                .user_agent(concat!("andante/", env!("CARGO_PKG_VERSION")))
        };
        let client = tls::client(&roots, builder).map_err(|e| BadRegistry::Client(e.to_string()))?;
        Ok(Self { client, limit, proxies })
    }

    /// Asks for a manifest, along redirects: over TLS, or in plain words to whom they may be spoken with.
    pub(super) async fn manifest(
        &self,
        method: Method,
        url: Url,
        authorization: &Authorization,
        accept: &'static str,
        largest: usize,
        plain_http: bool,
    ) -> Result<RegistryAnswer, RegistryError> {
        let origin = url.origin();
        let mut url = url;
        // Some registries redirect to a store at another host. What is sent to say who asks is for their own origin alone.
        for _ in 0..=REDIRECTS {
            self.proxies.chosen(&url)?;
            let mut request = self.client.request(method.clone(), url.clone()).header(ACCEPT, accept);
            if url.origin() == origin {
                request = authorized(request, authorization);
            }
            let response = request.send().await.map_err(|e| self.lost(&e))?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return self.whole(response, largest).await;
            }
            let next = response.headers().get(LOCATION).and_then(|l| url.join(&header::text(l)).ok());
            let next = next.ok_or_else(|| RegistryError::Odd("it redirects to nowhere".into()))?;
            if next.scheme() != "https" && (next.scheme() != "http" || url.scheme() == "https") {
                return Err(RegistryError::Odd("it redirects from TLS to something else".into()));
            }
            if next.scheme() == "http" && !plain_http && !is_near(&next) {
                return Err(RegistryError::Odd("it redirects to plain HTTP in a public place".into()));
            }
            url = next;
        }
        Err(RegistryError::Odd(format!("it redirects more than {REDIRECTS} times")))
    }

    /// Asks a token server.
    pub(super) async fn token(
        &self,
        url: Url,
        sent: Sent,
        authorization: &Authorization,
        largest: usize,
    ) -> Result<RegistryAnswer, RegistryError> {
        self.proxies.chosen(&url)?;
        let request = match sent {
            Sent::Nothing => authorized(self.client.get(url), authorization),
            Sent::Form(form) => {
                self.client.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
            }
        };
        let response = request.send().await.map_err(|e| self.lost(&e))?;
        self.whole(response, largest).await
    }

    async fn whole(&self, mut response: Response, largest: usize) -> Result<RegistryAnswer, RegistryError> {
        let (url, status, headers) = (response.url().clone(), response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.lost(&e))? {
            body.extend_from_slice(&chunk);
            if body.len() > largest {
                return Err(RegistryError::Odd(format!("its answer is larger than {largest} bytes")));
            }
        }
        Ok(RegistryAnswer { url, status, headers, body })
    }

    /// The error of a request without an answer. Only the reason at the bottom is told, because those above repeat the
    /// address.
    fn lost(&self, error: &reqwest::Error) -> RegistryError {
        let mut bottom: &(dyn Error + 'static) = error;
        loop {
            if let Some(error) = tls_error(bottom) {
                return match error {
                    rustls::Error::InvalidMessage(_) => RegistryError::NotTls(error.to_string()),
                    rustls::Error::InvalidCertificate(_) => RegistryError::Certificate(error.to_string()),
                    _ => RegistryError::Unreachable(error.to_string()),
                };
            }
            if error.is_connect() && hung_up(bottom) {
                return RegistryError::HungUp(bottom.to_string());
            }
            match bottom.source() {
                Some(source) => bottom = source,
                None => break,
            }
        }
        if error.is_timeout() {
            return RegistryError::Unreachable(format!(
                "nothing whole within {}",
                humantime::format_duration(self.limit)
            ));
        }
        RegistryError::Unreachable(bottom.to_string())
    }
}

fn is_near(url: &Url) -> bool {
    url.host_str().and_then(|host| host.parse().ok()).is_some_and(|domain: Domain| domain.is_near())
}

/// A connection that was made, and ended before TLS was spoken: one that cannot be made is refused, or never answered.
fn hung_up(error: &(dyn Error + 'static)) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    let Some(error) = error.downcast_ref::<std::io::Error>() else { return false };
    matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe) || error.get_ref().is_some_and(|e| hung_up(e))
}

/// The TLS error that an error is, or wraps: one of input and output does not tell what it wraps as its source.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(error) = error.downcast_ref() {
        return Some(error);
    }
    let wrapped: &(dyn Error + 'static) = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    tls_error(wrapped)
}

fn authorized(request: reqwest::RequestBuilder, authorization: &Authorization) -> reqwest::RequestBuilder {
    let value = authorization.value().and_then(|value| http::HeaderValue::from_str(value).ok());
    match value {
        Some(mut value) => {
            value.set_sensitive(true);
            request.header(AUTHORIZATION, value)
        }
        None => request,
    }
}
