//! Flags of `stage`.
//!
//! Decides defaults alone; [`crate::machine::stage`] decides what they mean.

use super::{CandidateArgs, ClusterArgs, CommandArgs, Output, OwnerArgs, ResultsArgs, duration};
use clap::Args;
use std::time::Duration;

/// Flags of `stage`.
#[derive(Debug, Clone, Args)]
pub struct StageArgs {
    /// Cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Ownership.
    #[command(flatten)]
    pub owner: OwnerArgs,
    /// Candidate.
    #[command(flatten)]
    pub candidate: CandidateArgs,
    /// How long the candidate may take to be ready.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration, help_heading = "Time")]
    pub deadline: Duration,
    /// How long a failure must last to be believed.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = duration, help_heading = "Time")]
    pub grace: Duration,
    /// How long the staged candidate is kept for this owner's walk before others may take over.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration, help_heading = "Time")]
    pub hold_for: Duration,
    /// Results.
    #[command(flatten)]
    pub results: ResultsArgs,
}

impl CommandArgs for StageArgs {
    fn output(&self) -> Output {
        self.cluster.output
    }

    fn results(&self) -> Option<&ResultsArgs> {
        Some(&self.results)
    }
}
