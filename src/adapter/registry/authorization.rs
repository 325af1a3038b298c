//! What is sent to a registry to say who asks. Decides that it is never shown. Depends on nothing.

use std::fmt;

/// What is sent in the header `Authorization`; it does not show itself.
pub(super) struct Authorization(pub(super) Option<String>);

impl Authorization {
    /// Nothing.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// The header's value.
    pub(super) fn value(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Authorization" } else { "no Authorization" })
    }
}
