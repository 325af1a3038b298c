//! What a registry's refusal means.
//!
//! Decides which failures may pass, and which words are printed: the registry's own are not, because nobody vouches for
//! them. Depends on the credentials' kind.

use super::credentials::Credentials;
use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
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
pub(super) fn of_token_server(status: StatusCode, headers: &HeaderMap, credentials: &Credentials) -> RegistryError {
    judge(status, headers, credentials, true)
}

/// A password is wanted, and none is kept.
pub(super) fn without_password(credentials: &Credentials) -> RegistryError {
    judge(StatusCode::UNAUTHORIZED, &HeaderMap::new(), credentials, false)
}

fn judge(status: StatusCode, headers: &HeaderMap, credentials: &Credentials, token_server: bool) -> RegistryError {
    let number = status.as_u16();
    match number {
        401 | 403 => {
            // A server that takes passwords answers 401 to one that it does not believe, and 403 to one that it believes and
            // that may not do this. A refused token may only lack a right.
            let takes_passwords = token_server || wants_password(headers);
            let unknown_account = number == 401 && takes_passwords && credentials.are_sent();
            RegistryError::Denied { status: number, token_server, unknown_account, hint: hint(credentials) }
        }
        429 => RegistryError::Limited { status: number, retry_after: retry_after(headers) },
        408 | 500.. => RegistryError::Trouble { status: number, retry_after: retry_after(headers) },
        _ if token_server => RegistryError::Odd(format!("its token server answered {number}")),
        _ => RegistryError::Odd(format!("it answered {number}, which is not how a registry answers")),
    }
}

fn wants_password(headers: &HeaderMap) -> bool {
    let wanted = headers.get(WWW_AUTHENTICATE).and_then(|v| v.to_str().ok());
    wanted.and_then(|text| text.get(..6)).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic "))
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
        _ => format!("the credentials of the Docker config give no right to this repository; {absent}"),
    }
}

/// Seconds, or a date, which is taken for a minute: this has no clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = text.parse().unwrap_or(60);
    Some(Duration::from_secs(seconds))
}
