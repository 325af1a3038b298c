//! Flags of `stage`.
//!
//! Decides defaults alone; [`crate::machine::stage`] decides what they mean.

use super::{
    CandidateArgs, ClusterArgs, CommandArgs, DeclaredArgs, EventsArgs, Output, OwnerArgs, PodsArgs, ResultsArgs,
    duration,
};
use clap::Args;
use std::time::Duration;

/// What a revert asks for, which is all that staging does with pods.
const PODS: &str = "Where what serves is rolled out again, and a new revision gets everyone in one write (a revert): \
    raise its min-scale before that to the pods that stable has. With `try` and `need` nobody is moved where they cannot \
    be had; `off` asks for none";
/// How long that may take.
const PODS_WITHIN: &str = "How long these pods may take to come";

/// Flags of `stage`.
#[derive(Debug, Clone, Args)]
#[command(mut_arg("capacity", |flag| flag.help(PODS).hide_possible_values(true)), mut_arg("capacity_within", |flag| flag.help(PODS_WITHIN)))]
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
    /// Pods before everyone is sent to what a revert made.
    #[command(flatten)]
    pub pods: PodsArgs,
    /// How long the candidate may take to be ready.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration, help_heading = "Time")]
    pub deadline: Duration,
    /// How long a failure must last to be believed.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = duration, help_heading = "Time")]
    pub grace: Duration,
    /// How long the staged candidate is kept for this owner's walk before others may take over.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration, help_heading = "Time")]
    pub hold_for: Duration,
    /// What is not given.
    #[command(flatten)]
    pub declared: DeclaredArgs,
    /// Events.
    #[command(flatten)]
    pub events: EventsArgs,
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

    fn asks(&self) -> Option<(&DeclaredArgs, &ClusterArgs)> {
        Some((&self.declared, &self.cluster))
    }
}
