//! Where the cluster is, and which Service of it is meant.
//!
//! Decides defaults alone; `command` connects.

use super::{Output, duration};
use crate::model::name::{Namespace, ServiceName};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Where the cluster is and how to print.
#[derive(Debug, Clone, Args)]
pub struct ClusterArgs {
    /// The Service.
    #[arg(value_name = "SERVICE")]
    pub service: ServiceName,
    /// Namespace; else the context's, or the pod's own.
    #[arg(short, long, value_name = "NAME", help_heading = "Cluster")]
    pub namespace: Option<Namespace>,
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
    /// How long the API server may fail in a row before this gives up.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration, help_heading = "Cluster")]
    pub patience: Duration,
}

/// How the cluster is reached, where many Services are asked about.
// `ClusterArgs` does not hold it, because clap cannot tell an optional group from its own flattened one (`image`).
#[derive(Debug, Clone, Args)]
pub struct ReachArgs {
    /// Kubeconfig file; else KUBECONFIG, the pod's service account, ~/.kube/config.
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig.
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub context: Option<String>,
    /// How long one API request may take.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration, help_heading = "Cluster")]
    pub request_timeout: Duration,
    /// How long the API server may fail in a row before this gives up.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration, help_heading = "Cluster")]
    pub patience: Duration,
}

impl ReachArgs {
    /// How one Service is meant by the commands that are about one.
    pub(crate) fn of_service(&self, service: ServiceName, namespace: Option<Namespace>, output: Output) -> ClusterArgs {
        ClusterArgs {
            service,
            namespace,
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            output,
            request_timeout: self.request_timeout,
            patience: self.patience,
        }
    }
}
