//! Flags of `goal`.
//!
//! Decides syntax alone; [`crate::rollout::declaration`] decides what is declared.

use super::{ClusterArgs, CommandArgs, Output, ResultsArgs};
use clap::Args;
use std::path::PathBuf;

/// Flags of `goal`.
#[derive(Debug, Clone, Args)]
pub struct GoalArgs {
    /// Cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// A manifest of the Service: what it would declare. No cluster is asked, and the id compares with those of other files
    /// alone.
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Results.
    #[command(flatten)]
    pub results: ResultsArgs,
}

impl CommandArgs for GoalArgs {
    fn output(&self) -> Output {
        self.cluster.output
    }
}
