//! Flags of the subcommands for people: `status`, `watch`, `control`, `plan`.
//!
//! Decides syntax alone; [`crate::view`] decides what is shown.

use super::ClusterArgs;
use super::candidate::TagArgs;
use super::plan::PlanFlags;
use crate::cli::CommandArgs;
use crate::cli::Output;
use crate::model::name::{RevisionName, RolloutId};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Flags of `status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

impl CommandArgs for StatusArgs {
    fn output(&self) -> Output {
        self.cluster.output
    }
}

/// Flags of `watch`.
#[derive(Debug, Clone, Args)]
pub struct WatchArgs {
    /// Cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Exit once the rollout is over and served, with 0 if it finished well, else with the code that it ended with. The one
    /// that is open is meant, else the next one: 13 if another one takes its place, 26 if its record is lost. Ctrl-C ends
    /// with 0.
    #[arg(long)]
    pub until_done: bool,
    /// With --until-done: the rollout that is meant, also one that is over already; 13 if another one took its place, or
    /// there is none of that name.
    #[arg(long, value_name = "ID", requires = "until_done")]
    pub rollout: Option<RolloutId>,
}

impl CommandArgs for WatchArgs {
    fn output(&self) -> Output {
        self.cluster.output
    }
}

/// What to ask of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ActionArg {
    /// Stop dwelling and ramping; never stops a rollback or the deadline.
    Pause,
    /// Take a pause back.
    Resume,
    /// Approve the step that waits (or the one named).
    Approve,
    /// Roll back.
    Abort,
    /// Skip dwell and approvals; never a failed gate.
    Promote,
}

/// Flags of `control`.
#[derive(Debug, Clone, Args)]
pub struct ControlArgs {
    /// What to ask.
    #[arg(value_enum, value_name = "ACTION")]
    pub action: ActionArg,
    /// Cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The rollout that is meant; else the one that is open now. Another one's id is refused.
    #[arg(long, value_name = "ID")]
    pub rollout: Option<RolloutId>,
    /// The step to approve, counted from 1; else the next one.
    #[arg(long, value_name = "N", value_parser = step)]
    pub step: Option<usize>,
}

impl CommandArgs for ControlArgs {
    fn output(&self) -> Output {
        self.cluster.output
    }
}

/// Flags of `plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// Cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Plan for this Service manifest instead of a cluster's Service (YAML or JSON, as `kubectl get ksvc -o yaml` prints it).
    #[arg(long, short = 'f', value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Which revision users are on, where traffic is split over several.
    #[arg(long, value_name = "REVISION", help_heading = "Traffic")]
    pub stable: Option<RevisionName>,
    /// Tags.
    #[command(flatten)]
    pub tags: TagArgs,
    /// Plan.
    #[command(flatten)]
    pub plan: PlanFlags,
}

impl CommandArgs for PlanArgs {
    fn output(&self) -> Output {
        self.cluster.output
    }
}

/// The number of a step.
fn step(text: &str) -> Result<usize, String> {
    super::reject_unresolved(text)?;
    match text.parse() {
        Ok(number) if (1..=100).contains(&number) => Ok(number),
        _ => Err("the number of a step, counted from 1".into()),
    }
}
