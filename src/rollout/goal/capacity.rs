//! Which pods come before users.

use crate::model::percent::Percent;
use crate::model::time::human;
use crate::rollout::capacity::CapacityMode;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Which pods come before users, and what happens where they cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CapacityGoal {
    /// Whether pods are asked for at all.
    pub mode: CapacityMode,
    /// How long they are waited for at each step.
    #[serde(with = "human")]
    pub within: Duration,
    /// How much of what all users need stable keeps for the way back, until the rollout ends.
    pub keep_warm: Percent,
}

impl Default for CapacityGoal {
    fn default() -> Self {
        Self { mode: CapacityMode::Try, within: Duration::from_secs(120), keep_warm: Percent::FULL }
    }
}
