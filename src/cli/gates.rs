//! Flags of the owner's own gates.
//!
//! Decides defaults alone; [`crate::evidence::gate`] reads a gate's text.

use super::{duration, plain};
use crate::evidence::compare::CompareRow;
use crate::evidence::gate::{Gate, Patience};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Flags of gates.
#[derive(Debug, Clone, Args)]
pub struct GateArgs {
    /// A gate of your own, asked while users are on the candidate (repeatable, or several values).
    ///
    /// `NAME: promql EXPRESSION <= NUMBER` (or <, >=, >, in MIN..MAX); `NAME: http URL` (any 2xx); `NAME: http URL
    /// /FIELD/OF/ITS/JSON == VALUE` (or a bound). {namespace}, {stable} and {candidate} stand for names.
    #[arg(long = "gate", value_name = "GATE", num_args = 0.., value_parser = gate, help_heading = "Gates")]
    pub gates: Vec<Gate>,
    /// Counters of your own, compared between both revisions as failures are: back if what is bad is likelier with the candidate
    /// (repeatable, or several values; at most 5).
    ///
    /// `NAME: bad=COUNTER total=COUNTER`, or `good=` instead of `bad=`: the rest is bad then. A COUNTER is raw series in PromQL, with
    /// {revision} where the revision's name stands (and {namespace}); no `sum`, `rate` or `increase`, which lose what ended pods
    /// counted. docs/compare.md.
    #[arg(long = "compare", value_name = "ROW", num_args = 0.., value_parser = row, help_heading = "Gates")]
    pub compare: Vec<CompareRow>,
    /// The Prometheus that answers promql gates and has the counters of --compare; else that of --evidence.
    #[arg(long, value_name = "URL", value_parser = plain, help_heading = "Gates")]
    pub gate_prometheus: Option<String>,
    /// Send the bearer token in this file to it. Those of --evidence go there only if it is the same server.
    #[arg(long, value_name = "FILE", conflicts_with = "gate_basic_file", help_heading = "Gates")]
    pub gate_token_file: Option<PathBuf>,
    /// Send the USER:PASSWORD in this file to it.
    #[arg(long, value_name = "FILE", help_heading = "Gates")]
    pub gate_basic_file: Option<PathBuf>,
    /// Certificates to believe beside the system's (PEM), of the Prometheus and of HTTP gates.
    #[arg(long, value_name = "FILE", help_heading = "Gates")]
    pub gate_ca_file: Option<PathBuf>,
    /// Time between two questions of one gate, or of one row of --compare.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration, help_heading = "Gates")]
    pub gate_every: Duration,
    /// How many wrong answers in a row send users back. One look at a threshold is wrong now and then with any release.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Gates")]
    pub gate_failures: u32,
    /// How many questions in a row without a usable answer send users back, those of --compare too. No data is an answer: the step
    /// waits for it.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Gates")]
    pub gate_errors: u32,
}

impl GateArgs {
    /// How patient they are.
    pub fn patience(&self) -> Patience {
        Patience { every: self.gate_every, failures: self.gate_failures, errors: self.gate_errors }
    }
}

fn row(text: &str) -> Result<CompareRow, String> {
    super::reject_unresolved(text)?;
    text.parse().map_err(|e: crate::evidence::compare::BadCompare| e.to_string())
}

fn gate(text: &str) -> Result<Gate, String> {
    super::reject_unresolved(text)?;
    text.parse().map_err(|e: crate::evidence::gate::BadGate| e.to_string())
}
