//! Flags of `roll-out`: what `stage` takes, and what `walk` takes.
//!
//! Decides defaults alone; `command` drives the two machines one after the other.

use super::{CandidateArgs, ClusterArgs, CommandArgs, DeclaredArgs, Output, ResultsArgs, WalkArgs, duration};
use clap::Args;
use std::time::Duration;

/// Flags of `roll-out`: what `stage` takes, and what `walk` takes.
#[derive(Debug, Clone, Args)]
pub struct RollOutArgs {
    /// Candidate.
    #[command(flatten)]
    pub candidate: CandidateArgs,
    /// How long the candidate may take to be ready, before the walk.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration, help_heading = "Time")]
    pub ready_within: Duration,
    /// Walk.
    #[command(flatten)]
    pub walk: WalkArgs,
}

impl CommandArgs for RollOutArgs {
    fn output(&self) -> Output {
        self.walk.cluster.output
    }

    fn results(&self) -> Option<&ResultsArgs> {
        Some(&self.walk.results)
    }

    fn asks(&self) -> Option<(&DeclaredArgs, &ClusterArgs)> {
        self.walk.asks()
    }
}
