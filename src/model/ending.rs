//! Why a run of a pipeline was ended from outside.
//!
//! Decides the words for it. Depends on serde.

use serde::{Deserialize, Serialize};

/// Why a run was ended from outside, as far as Tekton says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Somebody cancelled it.
    Cancelled,
    /// Its time, or that of a task or a step of it, was up.
    TimedOut,
    /// Something that only a newer Andante knows.
    #[serde(other)]
    Other,
}

impl Ending {
    /// The word that results carry.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed-out",
            Self::Other => "interrupted",
        }
    }

    /// As it is said.
    pub fn words(self) -> &'static str {
        match self {
            Self::Cancelled => "the run was cancelled",
            Self::TimedOut => "timed out: the run's time, or its task's, was up",
            Self::Other => "the run was ended",
        }
    }
}
