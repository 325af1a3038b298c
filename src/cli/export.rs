//! Flags of `export`.
//!
//! Decides syntax alone; [`crate::view::export`] decides what stands in a file.

use super::{CommandArgs, Output, ReachArgs};
use crate::model::name::{Namespace, ServiceName};
use crate::view::export::Handover;
use clap::Args;
use std::path::PathBuf;

/// Flags of `export`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// The Services.
    #[arg(value_name = "SERVICE", required_unless_present = "all", conflicts_with = "all")]
    pub services: Vec<ServiceName>,
    /// All Services of the namespace.
    #[arg(long)]
    pub all: bool,
    /// Write one file a Service, SERVICE.yaml, into this directory; else all of it goes to standard output.
    #[arg(short = 'o', long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
    /// Declare `ExternalOperation` instead of the pipeline, which is kept in andante.dev/pipeline-was: whoever applies the files is
    /// in charge from then on.
    #[arg(long, conflicts_with = "pipeline")]
    pub external_operation: bool,
    /// The way back: declare the pipeline again that `--external-operation` kept.
    #[arg(long)]
    pub pipeline: bool,
    /// Namespace; else the context's, or the pod's own.
    #[arg(short, long, value_name = "NAME", help_heading = "Cluster")]
    pub namespace: Option<Namespace>,
    /// How the cluster is reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}

impl ExportArgs {
    /// What becomes of the declared pipeline.
    pub(crate) fn handover(&self) -> Handover {
        match (self.external_operation, self.pipeline) {
            (true, _) => Handover::External,
            (_, true) => Handover::Back,
            _ => Handover::AsItIs,
        }
    }
}

impl CommandArgs for ExportArgs {
    /// What is printed is the files themselves.
    fn output(&self) -> Output {
        Output::Text
    }
}
