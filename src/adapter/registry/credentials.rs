//! What is known of an account at a registry.
//!
//! Decides how it is sent. It is never printed: the type shows nothing of itself, not even in a debug line. Depends on base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// Credentials for one repository.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    /// None are kept for it.
    None,
    /// Name and password.
    Password(String, String),
    /// A token that is exchanged for others.
    Identity(String),
    /// A token that is sent as it is.
    Bearer(String),
    /// The configuration names a program that would know them; it is not run.
    Helper(String),
    /// There is an entry, and nobody can read it.
    Unreadable,
}

impl Credentials {
    /// Name and password as they are sent.
    pub(super) fn basic(&self) -> Option<String> {
        match self {
            Self::Password(user, password) => Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))),
            _ => None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Helper(_) => "Helper",
            Self::Unreadable => "Unreadable",
            _ => "Credentials",
        })
    }
}
