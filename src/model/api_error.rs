//! Why the API server did not do what was asked, as every room may name it.
//!
//! Decides which failures may pass by themselves. Depends on field managers; what an answer means is read in the adapter.

use crate::model::writers::OwnedField;
use std::time::Duration;

/// What the policy says to whoever has no right to declare (`config/care/refuse.yaml`, held to it by `tests/manifests/care.rs`). Its
/// words are all there is to tell it by: what any policy denies comes with the same status and reason.
pub const MAY_NOT_DECLARE: &str = "may not declare";

/// Why the API server did not do what was asked. The text is safe to print: reason and field, never a whole object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The object is not there (404).
    #[error("not found: {0}")]
    NotFound(String),
    /// The cluster does not have this kind of object at all (404 that names no object).
    #[error("not found: {0}")]
    NoKind(String),
    /// It exists already (409 of a create).
    #[error("already exists: {0}")]
    Exists(String),
    /// A `test` of our patch did not hold, or the object moved (422 or 409 of a patch): re-read and decide again.
    #[error("the object changed in the meantime: {0}")]
    Refused(String),
    /// A server-side apply would change fields that others own (409).
    #[error("others own fields that this would change: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Conflict(Vec<OwnedField>),
    /// The request itself is wrong: a webhook or the schema denied it (400, 422 of a create).
    #[error("denied: {0}")]
    Invalid(String),
    /// A permission is missing (401, 403); names verb and resource.
    #[error("not permitted: {0}")]
    Forbidden(String),
    /// The same process was allowed this before, and is not any more (401, 403): nothing was done, and the right, or
    /// credentials that are believed, may come back.
    #[error("not permitted any more: {0}")]
    Withdrawn(String),
    /// The server asks for patience (429, 503 with Retry-After) or failed (500, 503, 504; 409 to a read) *before* doing
    /// anything is not certain: the write may or may not have taken effect.
    #[error("the API server answered {status}: {text}")]
    Server {
        /// HTTP status.
        status: u16,
        /// The reason, short.
        text: String,
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },
    /// No answer: refused, reset, timed out, unreadable. The write may or may not have taken effect.
    #[error("no answer from the API server: {0}")]
    Unreachable(String),
    /// A watch's place in history is gone (410): list again.
    #[error("the watch is too old")]
    Gone,
}

impl ApiError {
    /// True if trying again later may help and the request itself was not judged.
    pub fn is_passing(&self) -> bool {
        // `Refused` is not among them: the request was judged, and repeated blindly it could undo what somebody else did
        // (rule 1). The caller reads again and decides again.
        matches!(self, Self::Withdrawn(_) | Self::Server { .. } | Self::Unreachable(_) | Self::Gone)
    }

    /// True if a policy of `config/care` refused it for want of the right to declare.
    pub fn forbids_declaring(&self) -> bool {
        matches!(self, Self::Invalid(why) if why.contains(MAY_NOT_DECLARE))
    }
}
