//! Flags of `apply`.
//!
//! Decides syntax alone; [`crate::machine::apply`] decides what becomes of a file.

use super::{CommandArgs, Output, ReachArgs, ResultsArgs, StepResults, plain};
use crate::model::name::Namespace;
use clap::Args;
use std::path::PathBuf;

/// The results that `apply` declares, with their neutral values: they name many Services, no rollout.
pub const APPLY_RESULTS: [(&str, &str); 5] =
    [("outcome", "unknown"), ("changed", "[]"), ("start", "[]"), ("count", "0"), ("message", "")];

/// Flags of `apply`.
#[derive(Debug, Clone, Args)]
pub struct ApplyArgs {
    /// The directory whose files (*.yaml, *.yml, *.json) hold Services, or one file.
    #[arg(value_name = "DIR")]
    pub place: PathBuf,
    /// Show what would become of each Service, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Mark what is applied as of this set (annotation andante.dev/applied-set), and name Services of it whose files are gone.
    #[arg(long, value_name = "NAME", value_parser = set)]
    pub set: Option<String>,
    /// Delete the Services of the set whose files are gone: those, and no others, that a run without it named with this hash.
    #[arg(long, value_name = "HASH", value_parser = plain, requires = "set")]
    pub prune: Option<String>,
    /// Take over the fields of this field manager where the file says otherwise; else they are a conflict.
    #[arg(long, value_name = "MANAGER", value_parser = plain)]
    pub take_over: Vec<String>,
    /// Namespace; else the context's, or the pod's own.
    #[arg(short, long, value_name = "NAME", help_heading = "Cluster")]
    pub namespace: Option<Namespace>,
    /// How lines are printed.
    #[arg(short, long, value_enum, default_value_t = Output::Text, help_heading = "Cluster")]
    pub output: Output,
    /// How the cluster is reached.
    #[command(flatten)]
    pub reach: ReachArgs,
    /// Results.
    #[command(flatten)]
    pub results: ResultsArgs,
}

/// A set's name, as people write it: a repository and a folder, say.
fn set(text: &str) -> Result<String, String> {
    let text = plain(text)?;
    let ok = |c: char| c.is_ascii_graphic();
    if text.is_empty() || text.len() > 200 || !text.chars().all(ok) {
        return Err("at most 200 letters, digits and marks, no spaces".to_owned());
    }
    Ok(text)
}

impl CommandArgs for ApplyArgs {
    fn output(&self) -> Output {
        self.output
    }

    fn declared_results() -> StepResults {
        &APPLY_RESULTS
    }
}
