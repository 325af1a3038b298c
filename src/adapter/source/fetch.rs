//! One GET of a metrics system: bounded, with credentials that are never printed.
//!
//! Decides what a failure means and what of it may be said. Depends on `reqwest`.

use super::aside::Aside;
use super::printable::printable;
use crate::adapter::prober::innermost;
use crate::evidence::reading::NoReading;
use reqwest::{Client, Url, redirect};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The largest answer that is read. A gateway of a thousand services that ignores our filter sends some 50 MB.
const LARGEST: usize = 64 << 20;
/// The largest file of a credential.
const LARGEST_SECRET: u64 = 64 << 10;

/// Who we are. The files are read at each request, because tokens are renewed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HttpCredentials {
    /// Nobody.
    #[default]
    None,
    /// A bearer token in a file.
    Token(PathBuf),
    /// `USER:PASSWORD` in a file.
    Basic(PathBuf),
}

/// An address that cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFetch {
    /// No http or https URL.
    #[error("the address is not of the form http://host or https://host")]
    NotHttp,
    /// A password in the URL would stand in every log.
    #[error(
        "the address holds a user or a password: put them into a file and name it by --evidence-basic-file or \
             --gate-basic-file"
    )]
    UserInUrl,
    /// Credentials in the open.
    #[error("credentials are sent over https only: {0} is http")]
    InTheOpen(String),
    /// The certificates cannot be used.
    #[error("the certificates in {}: {why}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// No client.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// Asks one server, many times.
#[derive(Debug, Clone)]
pub struct Fetch {
    client: Client,
    credentials: HttpCredentials,
    aside: Aside,
}

/// An answer of any status.
#[derive(Debug)]
pub struct Fetched {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: String,
}

impl Fetch {
    /// Checks the files; sends nothing.
    pub fn new(ca_file: Option<&Path>, credentials: HttpCredentials, limit: Duration) -> Result<Self, BadFetch> {
        let roots = ca_file.map_or(Ok(Vec::new()), |path| {
            crate::adapter::tls::roots(path).map_err(|why| BadFetch::CaFile { path: path.to_owned(), why })
        })?;
        let client = crate::adapter::tls::client(&roots, || {
            Client::builder()
                // The owner did not name the place that a redirect leads to, and it would get the credentials.
                .redirect(redirect::Policy::none())
                // A proxy's answer would be taken for the source's.
                .no_proxy()
                .connect_timeout(limit)
                .timeout(limit)
                .user_agent(concat!("andante/", env!("CARGO_PKG_VERSION")))
        });
        let client = client.map_err(|e| BadFetch::Client(innermost(&e)))?;
        Ok(Self { client, credentials, aside: Aside::default() })
    }

    /// An address that may be asked with these credentials.
    pub fn check(&self, text: &str) -> Result<Url, BadFetch> {
        let url: Url = text.parse().map_err(|_| BadFetch::NotHttp)?;
        if !["http", "https"].contains(&url.scheme()) || url.host().is_none() {
            return Err(BadFetch::NotHttp);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadFetch::UserInUrl);
        }
        // Loopback is what `kubectl port-forward` listens on.
        let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if self.credentials != HttpCredentials::None && url.scheme() == "http" && !loopback {
            return Err(BadFetch::InTheOpen(url.authority().to_owned()));
        }
        Ok(url)
    }

    /// One GET; `from` names the source in errors. Any status is an answer.
    pub async fn get(&self, url: Url, from: &str) -> Result<Fetched, NoReading> {
        let unreachable = |text: String| NoReading::Unreachable { from: from.to_owned(), text };
        let request = match &self.credentials {
            HttpCredentials::None => self.client.get(url),
            HttpCredentials::Token(path) => {
                self.client.get(url).bearer_auth(self.secret(path).await.map_err(unreachable)?)
            }
            HttpCredentials::Basic(path) => {
                let secret = self.secret(path).await.map_err(unreachable)?;
                let (user, password) = secret
                    .split_once(':')
                    .ok_or_else(|| unreachable(format!("{} is not of the form USER:PASSWORD", path.display())))?;
                self.client.get(url).basic_auth(user, Some(password))
            }
        };
        let lost = |error: reqwest::Error| {
            unreachable(if error.is_timeout() {
                "no whole answer in time".into()
            } else {
                printable(&innermost(&error))
            })
        };
        let mut response = request.send().await.map_err(lost)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > LARGEST {
                let text = format!("the answer is larger than {} MiB", LARGEST >> 20);
                return Err(NoReading::Broken { from: from.to_owned(), text });
            }
            body.extend_from_slice(&chunk);
        }
        let broken = |_| NoReading::Broken { from: from.to_owned(), text: "the answer is not text (UTF-8)".into() };
        Ok(Fetched { status, body: String::from_utf8(body).map_err(broken)? })
    }

    async fn secret(&self, path: &Path) -> Result<String, String> {
        let text = self.aside.read(path, LARGEST_SECRET).await;
        let (text, _) = text.map_err(|e| format!("the credentials in {}: {e}", path.display()))?;
        let text = text.trim();
        // A line break would begin another header.
        if text.is_empty() || text.contains(|c: char| c.is_control()) {
            return Err(format!("{} does not hold one line of credentials", path.display()));
        }
        Ok(text.to_owned())
    }
}

impl Fetched {
    /// The body of a success.
    pub fn good(self, from: &str) -> Result<String, NoReading> {
        let from = from.to_owned();
        match self.status {
            200..300 => Ok(self.body),
            401 | 403 => Err(NoReading::Forbidden(format!(
                "{from} answered {}: it wants other credentials (--evidence-token-file, --evidence-basic-file; for gates --gate-token-file, \
                 --gate-basic-file)",
                self.status
            ))),
            // These pass with time; other statuses say that the address or the setting is wrong.
            status @ (408 | 429 | 500..) => Err(NoReading::Unreachable { from, text: format!("status {status}") }),
            status => Err(NoReading::Broken { from, text: format!("status {status}") }),
        }
    }
}
