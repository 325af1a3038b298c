//! What a registry's refusal means.
//!
//! Decides which failures may pass, and which words are printed: the registry's own are not, because nobody vouches for
//! them. Depends on the credentials' kind.

use super::challenge::{self, Challenge};
use super::credentials::Credentials;
use super::header;
use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// A registry cannot be asked: a fault of the settings, before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRegistry {
    /// The certificates.
    #[error("the certificates in {}: {why}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The client.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// Why there is no answer. None of these texts holds a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Its name makes no address.
    #[error("{0:?} makes no address that could be asked")]
    Address(String),
    /// It wants other credentials, or gives these no right.
    #[error("not permitted ({status}{}): {hint}", if *.token_server { " of its token server" } else { "" })]
    Denied {
        /// HTTP status.
        status: u16,
        /// Its token server said so.
        token_server: bool,
        /// Credentials were sent, and are not believed: not a matter of this repository.
        unknown_account: bool,
        /// What can be done.
        hint: String,
    },
    /// Too many requests.
    #[error("it limits the rate of requests ({status}){}", wait(.retry_after.as_ref()))]
    Limited {
        /// HTTP status.
        status: u16,
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },
    /// It is broken for now.
    #[error("it is in trouble ({status}){}", wait(.retry_after.as_ref()))]
    Trouble {
        /// HTTP status.
        status: u16,
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },
    /// No answer.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// The server there does not speak TLS.
    #[error("it does not speak TLS ({0}); --plain-http speaks plain HTTP with it")]
    NotTls(String),
    /// The server there hangs up when TLS is begun.
    #[error(
        "no answer: it hung up when TLS was begun ({0}); if it does not speak TLS, --plain-http speaks plain HTTP with it"
    )]
    HungUp(String),
    /// Its certificate is not believed.
    #[error("its certificate is not believed: {0}; --ca-file PATH names who vouches for it")]
    Certificate(String),
    /// The proxy that it would be asked through has no address that can be used. To ask without it is not what was set.
    #[error("{variable} names no proxy that can be used: {why} (it is http://HOST:PORT)")]
    Proxy {
        /// The environment's variable.
        variable: &'static str,
        /// What is wrong; never what it says, which may hold a password.
        why: &'static str,
    },
    /// The reference names its image by a digest that cannot be compared with anything.
    #[error(
        "whether it has the image of this digest cannot be told, because {0} is not computed here: name it by its sha256 digest"
    )]
    Uncomputed(&'static str),
    /// No registry answers so.
    #[error("{0}")]
    Odd(String),
}

impl RegistryError {
    /// True if the same question may be answered later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Limited { .. } | Self::Trouble { .. } | Self::Unreachable(_) | Self::HungUp(_))
    }

    /// True if a registry that has no such repository, or not yet, may answer so, because it does not tell those who may not
    /// see a repository whether it exists.
    pub fn may_be_absence(&self) -> bool {
        matches!(self, Self::Denied { unknown_account: false, .. })
    }

    /// How long it asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Limited { retry_after, .. } | Self::Trouble { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

fn wait(retry_after: Option<&Duration>) -> String {
    retry_after.map(|d| format!(", and asks to wait {}", humantime::format_duration(*d))).unwrap_or_default()
}

/// An answer that is no success.
pub(super) fn of_answer(status: StatusCode, headers: &HeaderMap, credentials: &Credentials) -> RegistryError {
    judge(status, headers, credentials, false)
}

/// An answer of a token server that is no success.
pub(super) fn of_token_server(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    credentials: &Credentials,
) -> RegistryError {
    // By OAuth 2 (RFC 6749, 5.2) a refresh token that is not believed, or no longer, is a bad request.
    let said = || serde_json::from_slice::<Value>(body).ok()?.get("error")?.as_str().map(str::to_owned);
    let identity = matches!(credentials, Credentials::Identity(_));
    if identity && status == StatusCode::BAD_REQUEST && said().as_deref() == Some("invalid_grant") {
        return not_believed(status.as_u16(), true);
    }
    judge(status, headers, credentials, true)
}

/// A password is wanted, and none is kept.
pub(super) fn without_password(credentials: &Credentials) -> RegistryError {
    let status = StatusCode::UNAUTHORIZED.as_u16();
    let hint = match credentials {
        Credentials::Identity(_) => {
            "it wants a name and a password, and the Docker config keeps a token for it: log in anew".to_owned()
        }
        _ => hint(credentials),
    };
    RegistryError::Denied { status, token_server: false, unknown_account: false, hint }
}

/// Credentials that were sent and are not believed. What they may do is not the question, nor whether something is there.
fn not_believed(status: u16, token_server: bool) -> RegistryError {
    let hint = "the credentials of the Docker config are not believed (wrong, or no longer valid): log in anew, or mend the \
                Secret that holds them";
    RegistryError::Denied { status, token_server, unknown_account: true, hint: hint.into() }
}

fn judge(status: StatusCode, headers: &HeaderMap, credentials: &Credentials, token_server: bool) -> RegistryError {
    let number = status.as_u16();
    match number {
        401 | 403 => {
            let offered = challenge::parse(headers.get_all(WWW_AUTHENTICATE));
            if number == 401 && is_unknown(&offered, credentials, token_server) {
                return not_believed(number, token_server);
            }
            RegistryError::Denied { status: number, token_server, unknown_account: false, hint: hint(credentials) }
        }
        429 => RegistryError::Limited { status: number, retry_after: retry_after(headers) },
        408 | 500.. => RegistryError::Trouble { status: number, retry_after: retry_after(headers) },
        _ if token_server => RegistryError::Odd(format!("its token server answered {number}")),
        _ => RegistryError::Odd(format!("it answered {number}, which is not how a registry answers")),
    }
}

/// True if a 401 says that the credentials that were sent are not believed.
fn is_unknown(offered: &[Challenge], credentials: &Credentials, token_server: bool) -> bool {
    let offers = |scheme: &str| offered.iter().any(|challenge| challenge.scheme == scheme);
    match credentials {
        Credentials::None | Credentials::Helper(_) | Credentials::Unreadable => false,
        // A server that takes passwords answers 401 to one that it does not believe, and 403 to one that it believes and
        // that may not do this.
        _ if token_server => true,
        // The token is the one of the configuration; `insufficient_scope` would be a right that it lacks (RFC 6750, 3.1).
        Credentials::Bearer(_) => offered.iter().any(|challenge| challenge.parameter("error") == Some("invalid_token")),
        // Where tokens are given too, the password was the token server's to believe, and what is refused is its token,
        // which may only lack a right.
        Credentials::Password(..) | Credentials::Identity(_) => offers("basic") && !offers("bearer"),
    }
}

/// What can be done about a refusal.
fn hint(credentials: &Credentials) -> String {
    // Registries do not tell those who may not see a repository that it does not exist: it may be the first build.
    let absent = "registries say so also of a repository that does not exist yet";
    match credentials {
        Credentials::None => format!("no credentials are kept for it: give --docker-config DIR; {absent}"),
        Credentials::Helper(helper) => format!(
            "the Docker config leaves its credentials to the helper {:?}, which is not run: put them into auths; {absent}",
            helper.chars().take(60).collect::<String>()
        ),
        Credentials::Unreadable => {
            format!("the `auth` that the Docker config keeps for it is not base64 of NAME:PASSWORD; {absent}")
        }
        _ => format!("the credentials of the Docker config give no right to this repository; {absent}"),
    }
}

/// Seconds, or a date, which is taken for a minute: this has no clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = header::text(headers.get(RETRY_AFTER)?).trim().parse().unwrap_or(60);
    Some(Duration::from_secs(seconds))
}
