//! Flags of `start`.
//!
//! Decides syntax alone; [`crate::rollout::start`] decides what is started.

use super::{ClusterArgs, CommandArgs, Output, duration};
use crate::model::name::{Namespace, ServiceName};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// What becomes of a run for an older goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OlderArg {
    /// It is cancelled; its `finally` still works.
    Cancel,
    /// It goes on.
    Leave,
}

/// Flags of `start`.
#[derive(Debug, Clone, Args)]
pub struct StartArgs {
    /// The Service.
    #[arg(value_name = "SERVICE", required_unless_present = "all", conflicts_with = "all")]
    pub service: Option<ServiceName>,
    /// Every Service: of the namespace that is named, else of the whole cluster.
    #[arg(long)]
    pub all: bool,
    /// Go on: start what changes from now on, until this is ended.
    #[arg(long, requires = "all", conflicts_with = "service")]
    pub follow: bool,
    /// Print the run that would be made, and make none.
    #[arg(long)]
    pub dry_run: bool,
    /// Another run for a goal that had one: after a failed build, or a candidate that was sent back.
    #[arg(long, conflicts_with = "all")]
    pub again: bool,
    /// What becomes of a run for an older goal that has not staged yet.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OlderArg::Cancel)]
    pub older: OlderArg,
    /// Stay until the run is over: it ends with 0 if the run ended well, with 28 if it failed.
    #[arg(long, conflicts_with_all = ["all", "dry_run"])]
    pub wait: bool,
    /// So long an owner's edits must have rested, so that three of them start one run.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration, requires = "follow", help_heading = "Follow")]
    pub debounce: Duration,
    /// So many runs at most work at once; others wait for their turn.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = running, requires = "all", help_heading = "Follow")]
    pub max_running: usize,
    /// Namespace; else the context's, or the pod's own; with --all, else every one.
    #[arg(short, long, value_name = "NAME", help_heading = "Cluster")]
    pub namespace: Option<Namespace>,
    /// Namespace of the installation, whose ConfigMap `andante-runs` says how runs are made.
    #[arg(long, value_name = "NAME", default_value = "andante-system", help_heading = "Cluster")]
    pub system_namespace: Namespace,
    /// Kubeconfig file; else KUBECONFIG, the pod's service account, ~/.kube/config.
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig.
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub context: Option<String>,
    /// How lines are printed.
    #[arg(short, long, value_enum, default_value_t = Output::Text, help_heading = "Cluster")]
    pub output: Output,
    /// How long one API request may take.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration, help_heading = "Cluster")]
    pub request_timeout: Duration,
    /// How long the API server may fail in a row before this gives up; with --follow it never does.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration, help_heading = "Cluster")]
    pub patience: Duration,
}

impl StartArgs {
    /// The same flags as those of a command that is about this Service.
    pub(crate) fn cluster(&self, service: ServiceName) -> ClusterArgs {
        ClusterArgs {
            service,
            namespace: self.namespace.clone(),
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            output: self.output,
            request_timeout: self.request_timeout,
            patience: self.patience,
        }
    }
}

impl CommandArgs for StartArgs {
    fn output(&self) -> Output {
        self.output
    }
}

/// How many runs may work at once.
fn running(text: &str) -> Result<usize, String> {
    super::reject_unresolved(text)?;
    match text.parse() {
        Ok(number) if (1..=10_000).contains(&number) => Ok(number),
        _ => Err("a number from 1 to 10000".into()),
    }
}
