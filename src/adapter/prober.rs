//! Asks the candidate's own address over HTTP: the adapter behind [`crate::run::ports::Prober`].
//!
//! Decides which failure is the candidate's (reached, but silent) and which says nothing about it (not reached), and
//! which certificates are believed. The connection is the gateway's: a name that does not resolve, a connection that is
//! refused or not made in time, and a gateway that knows no such host are our own inability; whatever it answers in the
//! candidate's place (502, 503) is the candidate's. [`crate::evidence::probe`] judges answers. Depends on `reqwest`.

mod door;

pub use door::GatewayDoor;

use crate::evidence::probe::{Answer, ProbeRequest};
use crate::run::ports::Prober;
use reqwest::{Certificate, Client, Method, Response, Url, redirect};
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How much of a body is read. The rest is not waited for: a page may be a stream without an end.
const LARGEST_BODY: usize = 64 * 1024;

/// Where to connect.
#[derive(Debug, Clone, Default)]
pub enum Way {
    /// To what the URL's name resolves to.
    #[default]
    ByName,
    /// To this plain HTTP address (`http://host:port`); the `Host` header stays the URL's. For clusters whose names do not
    /// resolve from here.
    Address(Url),
    /// To the gateway, wherever it is; the `Host` header stays the URL's.
    Gateway(Arc<GatewayDoor>),
}

/// How probes travel.
#[derive(Debug, Clone, Default)]
pub struct Travel {
    /// Where to connect.
    pub way: Way,
    /// A file of certificates to believe beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// A travel plan that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTravel {
    /// The way's address is not a plain HTTP address.
    #[error("{0} is not an address of the form http://host:port")]
    Via(String),
    /// The certificates cannot be used.
    #[error("the certificates in {}: {why}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// Sends probes. Clones share one client, built at the first probe.
#[derive(Debug, Clone)]
pub struct HttpProber {
    way: Way,
    roots: Vec<Certificate>,
    client: Arc<Mutex<Option<(Duration, Client)>>>,
}

impl HttpProber {
    /// Checks the plan; sends nothing.
    pub fn new(travel: &Travel) -> Result<Self, BadTravel> {
        if let Way::Address(via) = &travel.way
            && (via.scheme() != "http" || via.host().is_none() || !["", "/"].contains(&via.path()))
        {
            return Err(BadTravel::Via(via.to_string()));
        }
        let roots = travel.ca_file.as_ref().map_or(Ok(Vec::new()), |path| {
            crate::adapter::tls::roots(path).map_err(|why| BadTravel::CaFile { path: path.clone(), why })
        })?;
        Ok(Self { way: travel.way.clone(), roots, client: Arc::default() })
    }

    /// The client for this time limit. In practice a rollout has one limit, so this builds once.
    fn client(&self, limit: Duration) -> Result<Client, String> {
        let mut kept = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = kept.as_ref().filter(|(l, _)| *l == limit) {
            return Ok(client.clone());
        }
        let client = crate::adapter::tls::client(&self.roots, || {
            Client::builder()
                // The redirect is the candidate's answer; the page behind it may be another service's.
                .redirect(redirect::Policy::none())
                // A proxy's answer would be judged as the candidate's.
                .no_proxy()
                // A name that hangs must be told from a candidate that hangs, so connecting gives up first.
                .connect_timeout(limit.mul_f32(0.75))
                .timeout(limit)
                // Each probe takes the whole way, as a new user's request does.
                .pool_max_idle_per_host(0)
                .user_agent(concat!("andante/", env!("CARGO_PKG_VERSION")))
        })
        .map_err(|e| format!("no HTTP client: {}", innermost(&e)))?;
        *kept = Some((limit, client.clone()));
        Ok(client)
    }

    async fn send(&self, request: &ProbeRequest) -> Result<(Response, Instant), Answer> {
        let unusable = |why: &str| Answer::Unreachable(format!("{:?} is not a usable address: {why}", request.url));
        let whole = format!("{}{}", request.url.trim_end_matches('/'), request.path);
        let url: Url = whole.parse().map_err(|_| unusable("not a URL"))?;
        let host = url.host_str().ok_or_else(|| unusable("no host"))?.to_owned();
        let client = self.client(request.timeout).map_err(Answer::Unreachable)?;
        let via = self.via(request.timeout).await.map_err(Answer::Unreachable)?;
        let method = request.form.as_ref().map_or(Ok(Method::GET), |form| form.method.parse());
        let method = method.map_err(|_| unusable("no such method"))?;
        let mut sent = match &via {
            None => client.request(method, url),
            Some(via) => {
                let named = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
                let mut there = via.clone();
                there.set_path(url.path());
                there.set_query(url.query());
                client.request(method, there).header(http::header::HOST, named)
            }
        };
        if let Some(form) = &request.form {
            sent = form.headers.iter().fold(sent, |sent, (name, value)| sent.header(name, value));
            if !form.body.is_empty() {
                sent = sent.body(form.body.clone());
            }
        }
        let began = Instant::now();
        let peer = || via.as_ref().map_or_else(|| host.clone(), |via| format!("{host} via {}", via.authority()));
        match sent.send().await {
            Ok(response) if via.is_some() && is_the_gateways_own(&response) => Err(Answer::Unreachable(format!(
                "cannot reach {}: the gateway there knows no such host (404 of its own): is it the one for this name?",
                peer()
            ))),
            Ok(response) => Ok((response, began)),
            Err(error) if error.is_connect() || error.is_builder() => {
                if let Way::Gateway(door) = &self.way {
                    door.failed();
                }
                Err(Answer::Unreachable(format!("cannot connect to {}: {}", peer(), innermost(&error))))
            }
            Err(error) => Err(silent(&error, request.timeout)),
        }
    }

    /// Where to connect, if that is not what the name resolves to.
    async fn via(&self, limit: Duration) -> Result<Option<Url>, String> {
        match &self.way {
            Way::ByName => Ok(None),
            Way::Address(via) => Ok(Some(via.clone())),
            Way::Gateway(door) => match tokio::time::timeout(limit, door.find()).await {
                Ok(found) => found.map(Some),
                Err(_) => Err(format!("the gateway was not found within {limit:?}")),
            },
        }
    }
}

impl Prober for HttpProber {
    async fn ask(&self, request: &ProbeRequest) -> Answer {
        let (mut response, began) = match self.send(request).await {
            Ok(sent) => sent,
            Err(answer) => return answer,
        };
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let mut body = Vec::new();
        while body.len() < LARGEST_BODY {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return silent(&error, request.timeout),
            }
        }
        body.truncate(LARGEST_BODY);
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer::Http { status, headers, body, latency: began.elapsed() }
    }
}

/// True for the answer of a gateway that has no route for a host. Envoy writes it itself, without a body and without the
/// time that somebody behind it took.
fn is_the_gateways_own(response: &Response) -> bool {
    let headers = response.headers();
    let is_envoys = headers.get(http::header::SERVER).is_some_and(|server| server == "envoy");
    response.status() == http::StatusCode::NOT_FOUND
        && is_envoys
        && !headers.contains_key("x-envoy-upstream-service-time")
        && response.content_length().unwrap_or_default() == 0
}

fn silent(error: &reqwest::Error, limit: Duration) -> Answer {
    Answer::Silent(if error.is_timeout() {
        format!("no whole answer within {limit:?}")
    } else {
        format!("the answer broke off: {}", innermost(error))
    })
}

/// The reason at the bottom; those above repeat the address.
pub(crate) fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
