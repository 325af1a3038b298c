//! Flags of `settle`.
//!
//! Decides syntax alone; [`crate::machine::settle`] decides what becomes of a rollout.

use super::{ClusterArgs, CommandArgs, EventsArgs, Output, ReachArgs, ResultsArgs, TagArgs, plain};
use crate::model::name::{Namespace, ServiceName};
use clap::{ArgAction, Args};

/// Flags of `settle`.
#[derive(Debug, Clone, Args)]
pub struct SettleArgs {
    /// The Service.
    #[arg(value_name = "SERVICE", required_unless_present = "all", conflicts_with = "all")]
    pub service: Option<ServiceName>,
    /// Every Service of the namespace that this run rolled out, side by side: for the `finally` of a pipeline that rolls out several.
    /// It ends with the worst of what each ends with.
    #[arg(long, conflicts_with_all = ["to", "rollout", "discard_record"])]
    pub all: bool,
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
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        action = ArgAction::Set
    )]
    pub restore_template: Option<bool>,
    /// Where --restore-template is not given, it is what the Service declares in andante.dev/params.
    #[arg(long)]
    pub declared: bool,
    /// Remove a record that cannot be read; traffic stays as it is.
    #[arg(long)]
    pub discard_record: bool,
    /// Tags.
    #[command(flatten)]
    pub tags: TagArgs,
    /// Namespace; else the context's, or the pod's own.
    #[arg(short, long, value_name = "NAME", help_heading = "Cluster")]
    pub namespace: Option<Namespace>,
    /// How lines are printed.
    #[arg(short, long, value_enum, default_value_t = Output::Text, help_heading = "Cluster")]
    pub output: Output,
    /// Events.
    #[command(flatten)]
    pub events: EventsArgs,
    /// How the cluster is reached.
    #[command(flatten)]
    pub reach: ReachArgs,
    /// Results.
    #[command(flatten)]
    pub results: ResultsArgs,
}

impl SettleArgs {
    /// The same flags as those of a command that is about this Service.
    pub(crate) fn cluster(&self, service: ServiceName) -> ClusterArgs {
        self.reach.of_service(service, self.namespace.clone(), self.output)
    }
}

impl CommandArgs for SettleArgs {
    fn output(&self) -> Output {
        self.output
    }

    fn results(&self) -> Option<&ResultsArgs> {
        Some(&self.results)
    }

    fn is_of_several(&self) -> bool {
        self.all
    }
}
