//! In place of the crate of this name, for kube's client alone.
//!
//! kube asks it one thing: where a kubeconfig's `auth-provider` of Google's names a command, `token-key` and `expiry-key` say where
//! in the command's answer token and expiry stand, as `$.credential.access_token`. Kubernetes 1.26 took that kind of login away for
//! plugins (`exec`), which need no such path. The whole of `JSONPath` brings a parser and a regular expression engine for it, a
//! tenth of our image, so a path of names is all that is read here and anything else is refused with words.
//! `tests/adapters/connect.rs` shows both through kube's client.

use serde_json::Value;
use std::fmt;

/// Why a path is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread(String);

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is more than names (`$.credential.access_token`); log in with a plugin (`exec` in the kubeconfig) instead",
            self.0
        )
    }
}

impl std::error::Error for Unread {}

/// What kube asks of a value.
pub trait JsonPath {
    /// What stands under a path of names: one value, or none where a name is not there.
    ///
    /// # Errors
    ///
    /// A path that is not `$` with names after dots.
    fn query(&self, path: &str) -> Result<Vec<&Self>, Unread>;
}

impl JsonPath for Value {
    fn query(&self, path: &str) -> Result<Vec<&Self>, Unread> {
        let unread = || Unread(path.to_owned());
        let names = path.strip_prefix("$.").ok_or_else(unread)?.split('.');
        let mut here = Some(self);
        for name in names {
            let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
            if !plain {
                return Err(unread());
            }
            here = here.and_then(|value| value.get(name));
        }
        Ok(here.into_iter().collect())
    }
}
