//! Flags of `start`.
//!
//! Decides syntax alone; [`crate::rollout::start`] decides what is started.

use super::{ClusterArgs, CommandArgs, EventsArgs, Output, ReachArgs, duration};
use crate::model::name::{Namespace, ServiceName};
use crate::rollout::start::keep::Keep;
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
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
    /// Go on: start what changes from now on, until this is ended, however long the API server fails.
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
    /// How many finished runs of a kind are kept for a Service: older ones that were started here are deleted when one more is; `all`:
    /// nothing is deleted.
    #[arg(long, value_name = "N", default_value = "10", value_parser = keep)]
    pub keep: Keep,
    /// Stay until the run is over: it ends with 0 if the run ended well, with 28 if it failed.
    #[arg(long, conflicts_with_all = ["all", "dry_run"])]
    pub wait: bool,
    /// How long an owner's edits must have rested, so that three of them start one run.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration, requires = "follow", conflicts_with = "service", help_heading = "Follow")]
    pub debounce: Duration,
    /// How many runs work at once, at most; others wait for their turn.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = running, requires = "all", conflicts_with = "service", help_heading = "Follow")]
    pub max_running: usize,
    /// How many of them work in one namespace, at most, so that no namespace takes every place; else half of those, or with --namespace all.
    #[arg(long, value_name = "N", value_parser = running, requires = "all", conflicts_with = "service", help_heading = "Follow")]
    pub max_running_per_namespace: Option<usize>,
    /// Answer on this port, such as 0.0.0.0:9090: /metrics says what is counted (OpenMetrics), /healthz that it lives.
    #[arg(long, value_name = "ADDRESS", value_parser = address, requires = "follow", conflicts_with = "service", help_heading = "Follow")]
    pub metrics: Option<SocketAddr>,
    /// Namespace; else the context's, or the pod's own; with --all, else every one.
    #[arg(short, long, value_name = "NAME", help_heading = "Cluster")]
    pub namespace: Option<Namespace>,
    /// Namespace of the installation, whose ConfigMap `andante-runs` says how runs are made.
    #[arg(long, value_name = "NAME", default_value = "andante-system", help_heading = "Cluster")]
    pub system_namespace: Namespace,
    /// How lines are printed.
    #[arg(short, long, value_enum, default_value_t = Output::Text, help_heading = "Cluster")]
    pub output: Output,
    /// Events.
    #[command(flatten)]
    pub events: EventsArgs,
    /// How the cluster is reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}

impl StartArgs {
    /// How many runs of one namespace work at once.
    pub(crate) fn most_of_one(&self) -> usize {
        let usual = if self.namespace.is_some() { self.max_running } else { self.max_running.div_ceil(2) };
        self.max_running_per_namespace.unwrap_or(usual)
    }

    /// The same flags as those of a command that is about this Service.
    pub(crate) fn cluster(&self, service: ServiceName) -> ClusterArgs {
        self.reach.of_service(service, self.namespace.clone(), self.output)
    }
}

impl CommandArgs for StartArgs {
    fn output(&self) -> Output {
        self.output
    }
}

/// Where figures are read.
fn address(text: &str) -> Result<SocketAddr, String> {
    super::reject_unresolved(text)?;
    text.parse()
        .map_err(|_| "an address and a port, such as 0.0.0.0:9090, or [::]:9090 where addresses are of IPv6".into())
}

/// How many finished runs are kept.
fn keep(text: &str) -> Result<Keep, String> {
    super::reject_unresolved(text)?;
    match text.parse() {
        _ if text == "all" => Ok(Keep::All),
        Ok(number) if (1..=1000).contains(&number) => Ok(Keep::Newest(number)),
        _ => Err("a number from 1 to 1000, or `all`".into()),
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
