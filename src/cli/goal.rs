//! Flags of `goal`.
//!
//! Decides syntax alone; [`crate::rollout::declaration`] decides what is declared.

use super::declared::named_value;
use super::{ClusterArgs, CommandArgs, Output, ResultsArgs, StepResults};
use clap::Args;
use std::path::PathBuf;

/// The results that `goal` declares, with their neutral values: they name a wish, no rollout.
pub const GOAL_RESULTS: [(&str, &str); 10] = [
    ("goal", ""),
    ("git-url", ""),
    ("git-revision", ""),
    ("context", ""),
    ("repository", ""),
    ("container", ""),
    ("traffic", ""),
    ("pipeline", ""),
    ("params", "{}"),
    ("message", ""),
];

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
    /// A parameter as a run was given it; where VALUE is empty, it is what the Service declares: in andante.dev/params, or `git-url`,
    /// `git-revision`, `context`, `container` and `goal` in their own places. Each is a result of its name, and with `message` these
    /// are all results then.
    #[arg(long, value_name = "NAME=VALUE", value_parser = named_value, help_heading = "Parameters of a run")]
    pub given: Vec<(String, String)>,
    /// The same for a parameter that is a list: the words after SERVICE are what the run was given.
    #[arg(long, value_name = "NAME", help_heading = "Parameters of a run")]
    pub list: Option<String>,
    /// What such a parameter is where neither the run nor the Service says it; without this that is an error.
    #[arg(long, value_name = "NAME=VALUE", value_parser = named_value, help_heading = "Parameters of a run")]
    pub otherwise: Vec<(String, String)>,
    /// The list.
    #[arg(value_name = "WORD", requires = "list")]
    pub words: Vec<String>,
    /// Results.
    #[command(flatten)]
    pub results: ResultsArgs,
}

impl CommandArgs for GoalArgs {
    fn output(&self) -> Output {
        self.cluster.output
    }

    fn declared_results() -> StepResults {
        &GOAL_RESULTS
    }
}
