//! Flags of `check`.
//!
//! Decides defaults alone; [`crate::machine::check`] decides what they mean.

use super::{ClusterArgs, CommandArgs, DeclaredArgs, Output, ProbeArgs, ReplayArgs, ResultsArgs, duration};
use crate::model::name::Tag;
use clap::Args;
use std::time::Duration;

/// Flags of `check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// Cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Ask the target with this tag; else the candidate of the rollout that is open.
    #[arg(long, value_name = "TAG", help_heading = "Traffic")]
    pub tag: Option<Tag>,
    /// Probe.
    #[command(flatten)]
    pub probe: ProbeArgs,
    /// Replay.
    #[command(flatten)]
    pub replay: ReplayArgs,
    /// When the answer must be there.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration, help_heading = "Time")]
    pub deadline: Duration,
    /// How long a fault of the candidate's pods must last to be believed.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration, help_heading = "Time")]
    pub grace: Duration,
    /// What is not given.
    #[command(flatten)]
    pub declared: DeclaredArgs,
    /// Results.
    #[command(flatten)]
    pub results: ResultsArgs,
}

impl CommandArgs for CheckArgs {
    fn output(&self) -> Output {
        self.cluster.output
    }

    fn results(&self) -> Option<&ResultsArgs> {
        Some(&self.results)
    }

    fn asks(&self) -> Option<(&DeclaredArgs, &ClusterArgs)> {
        Some((&self.declared, &self.cluster))
    }
}
