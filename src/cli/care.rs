//! Flags of `adopt` and `detach`.
//!
//! Decides syntax alone.

use super::declaration::DeclarationArgs;
use super::{ClusterArgs, CommandArgs, EventsArgs, Output};
use clap::Args;

/// Flags of `adopt`.
#[derive(Debug, Clone, Args)]
pub struct AdoptArgs {
    /// Cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// What is to be declared.
    #[command(flatten)]
    pub declaration: DeclarationArgs,
    /// Show what would be written, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Events.
    #[command(flatten)]
    pub events: EventsArgs,
}

impl CommandArgs for AdoptArgs {
    fn output(&self) -> Output {
        self.cluster.output
    }
}

/// Flags of `detach`.
#[derive(Debug, Clone, Args)]
pub struct DetachArgs {
    /// Cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Where latest is not what serves (after a rollback, or where a newer template waits): put the template back to what serves
    /// first, which makes a revision, so that latest can be followed again.
    #[arg(long, conflicts_with = "leave_pinned")]
    pub restore_template: bool,
    /// Leave traffic by name, where it is.
    #[arg(long)]
    pub leave_pinned: bool,
    /// Show what would be written, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Events.
    #[command(flatten)]
    pub events: EventsArgs,
}

impl CommandArgs for DetachArgs {
    fn output(&self) -> Output {
        self.cluster.output
    }
}
