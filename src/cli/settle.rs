//! Flags of `settle`.
//!
//! Decides syntax alone; [`crate::machine::settle`] decides what becomes of a rollout.

use super::{ClusterArgs, CommandArgs, EventsArgs, Output, ResultsArgs, TagArgs, plain};
use clap::Args;

/// Flags of `settle`.
#[derive(Debug, Clone, Args)]
pub struct SettleArgs {
    /// Cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Only this rollout (its id, or the uid of the run that owns it); another one is left alone. `any`: whoever's it is,
    /// as at a terminal. In a pod: this run's own; with --to also one whose run is over, if no newer run holds it.
    #[arg(long, value_name = "ID", value_parser = plain)]
    pub rollout: Option<String>,
    /// Where to: `stable`, `candidate`, or a revision's name. Without it an unfinished rollout goes back to stable, a
    /// finished one stays.
    #[arg(long, value_name = "WHERE", value_parser = plain)]
    pub to: Option<String>,
    /// Once users are back the template becomes again that of the revision that serves, in a second write, unless somebody else
    /// wrote it since; whoever followed latest follows it again once that is Ready and the same. Also where the rollout is over.
    #[arg(long)]
    pub restore_template: bool,
    /// Remove a record that cannot be read; traffic stays as it is.
    #[arg(long)]
    pub discard_record: bool,
    /// Tags.
    #[command(flatten)]
    pub tags: TagArgs,
    /// Events.
    #[command(flatten)]
    pub events: EventsArgs,
    /// Results.
    #[command(flatten)]
    pub results: ResultsArgs,
}

impl CommandArgs for SettleArgs {
    fn output(&self) -> Output {
        self.cluster.output
    }

    fn results(&self) -> Option<&ResultsArgs> {
        Some(&self.results)
    }
}
