//! Flags of pods before users. Decides how they become the goal's part of it.

use super::duration;
use crate::model::percent::Percent;
use crate::rollout::capacity::CapacityMode;
use crate::rollout::goal::CapacityGoal;
use clap::{Args, ValueEnum};
use std::time::Duration;

/// Flags of pods that are asked for.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pods")]
pub struct PodsArgs {
    /// Raise the candidate's min-scale before each step to the pods that its users will need, and keep stable's for the way
    /// back. Where they cannot be had: `try` goes on without them, `need` goes back; `off` asks for none.
    #[arg(long, value_enum, default_value_t = CapacityArg::Try)]
    pub capacity: CapacityArg,
    /// How long the pods of a step may take to come.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration)]
    pub capacity_within: Duration,
}

/// Flags of pods before users, and of those that are kept for the way back.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pods")]
pub struct CapacityArgs {
    /// Pods that are asked for.
    #[command(flatten)]
    pub pods: PodsArgs,
    /// How much of the pods that all users need stable keeps until the rollout ends; 0 lets it shrink and sleep.
    #[arg(long, value_name = "PERCENT", default_value = "100")]
    pub keep_warm: Percent,
}

impl PodsArgs {
    /// The goal's part of them.
    pub fn goal(&self) -> CapacityGoal {
        let mode = match self.capacity {
            CapacityArg::Try => CapacityMode::Try,
            CapacityArg::Need => CapacityMode::Need,
            CapacityArg::Off => CapacityMode::Off,
        };
        CapacityGoal { mode, within: self.capacity_within, ..CapacityGoal::default() }
    }
}

impl CapacityArgs {
    /// The goal's part of them.
    pub fn goal(&self) -> CapacityGoal {
        CapacityGoal { keep_warm: self.keep_warm, ..self.pods.goal() }
    }
}

/// What happens where pods cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CapacityArg {
    /// On without them.
    Try,
    /// Back.
    Need,
    /// Nobody asks for pods.
    Off,
}
