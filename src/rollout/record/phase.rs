//! Where a rollout stands, in one word of its record.

use serde::{Deserialize, Serialize};

/// Where a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The template is patched; the candidate is not proved yet.
    Staging,
    /// The candidate is proved and tagged by name, at 0 %.
    Staged,
    /// Traffic is on its way.
    Walking,
    /// The candidate has everything and is watched.
    Baking,
    /// Stopped below the end, on request or by a signal; a later walk goes on.
    Held,
    /// A signal rolled it back; the same run may start again.
    Interrupted,
    /// The candidate serves; the rollout is over.
    Finished,
    /// Users are where they were before; the rollout is over.
    RolledBack,
}

impl Phase {
    /// True while the rollout is not over: somebody has to go on or settle it.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Finished | Self::RolledBack)
    }
}
