//! Results of a Tekton step: where they go, and which a step of a rollout declares.
//!
//! Decides names and neutral values; a subcommand whose results are others has its list beside its flags, and names it in
//! [`super::CommandArgs`].

use clap::Args;
use std::path::PathBuf;

/// Names of results, each with its neutral value: Tekton has no defaults for results, so each is written before anything is done.
pub type StepResults = &'static [(&'static str, &'static str)];

/// The results that every rolling step declares.
pub const RESULTS: [(&str, &str); 5] =
    [("outcome", "unknown"), ("revision", ""), ("digest", ""), ("rollout", ""), ("message", "")];

/// Where a Tekton step's results go.
#[derive(Debug, Clone, Args)]
pub struct ResultsArgs {
    /// Directory of the step's results, or the path of one of them (as Tekton fills in `$(step.results.message.path)`); else
    /// /tekton/results, if it is there.
    #[arg(long, value_name = "PATH", help_heading = "Results")]
    pub results: Option<PathBuf>,
}
