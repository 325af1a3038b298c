//! Probes of the candidate's own address, as they are typed.
//!
//! Decides which texts are paths and headers; [`crate::evidence::probe`] judges answers.

use super::{duration, plain};
use crate::evidence::probe::Probe;
use crate::rollout::goal::AddressKind;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Probes of the candidate's own address.
#[derive(Debug, Clone, Args)]
pub struct ProbeArgs {
    /// Probe this path of the candidate's own address before and during every step.
    #[arg(long = "probe", value_name = "PATH", value_parser = path, help_heading = "Probe")]
    pub probe: Option<String>,
    /// Status that passes; else any 2xx or 3xx.
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u16).range(100..600), help_heading = "Probe")]
    pub probe_status: Option<u16>,
    /// Text that the body must contain.
    #[arg(long, value_name = "TEXT", value_parser = plain, help_heading = "Probe")]
    pub probe_body: Option<String>,
    /// Header that must be there with a value that contains the text.
    #[arg(long, value_name = "NAME:TEXT", value_parser = header, help_heading = "Probe")]
    pub probe_header: Option<(String, String)>,
    /// Longest time to the whole answer.
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Probe")]
    pub probe_latency: Option<Duration>,
    /// How many must pass in a row.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Probe")]
    pub probe_passes: u32,
    /// How many failures in a row send users back.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Probe")]
    pub probe_failures: u32,
    /// Time between two probes.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration, help_heading = "Probe")]
    pub probe_interval: Duration,
    /// Time limit of one.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration, help_heading = "Probe")]
    pub probe_timeout: Duration,
    /// How long the address may be out of reach from here (its name, or the connection). That is no failed probe: before
    /// anyone is moved the walk ends with 21 and the candidate stays staged, later users go back and it is not rejected.
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration, help_heading = "Probe")]
    pub probe_patience: Duration,
    /// Connect here (http://host:port) instead of the address's own name, where that does not resolve; `gateway`: to a pod
    /// behind Kourier's gateway, found as for `--evidence gateway` (the same optional right, config/gateway-metrics.yaml);
    /// `gateway=NAMESPACE/SERVICE`: behind another Service.
    #[arg(long, value_name = "URL", value_parser = plain, help_heading = "Probe")]
    pub via: Option<String>,
    /// Which address is asked: the public one that Knative reports, or the cluster's own. In a pod `cluster`, else `public`.
    #[arg(long, value_enum, value_name = "WHICH", help_heading = "Probe")]
    pub address: Option<AddressArg>,
    /// Certificates to believe beside the system's (PEM).
    #[arg(long, value_name = "FILE", help_heading = "Probe")]
    pub ca_file: Option<PathBuf>,
}

/// Which of a tag's two addresses is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AddressArg {
    /// The one that Knative reports.
    Public,
    /// TAG-SERVICE.NAMESPACE.svc.cluster.local.
    Cluster,
}

impl ProbeArgs {
    /// The probe, if one was asked for. What it is to find says nothing without the path, which a Service may have declared: so
    /// that is looked at when everything is known.
    pub fn probe(&self) -> Result<Option<Probe>, String> {
        let wants = [
            ("--probe-status", self.probe_status.is_some()),
            ("--probe-body", self.probe_body.is_some()),
            ("--probe-header", self.probe_header.is_some()),
            ("--probe-latency", self.probe_latency.is_some()),
        ];
        let Some(path) = self.probe.clone() else {
            let lonely = wants.into_iter().find(|(_, given)| *given);
            return lonely.map_or(Ok(None), |(flag, _)| {
                Err(format!("{flag} is of a probe, and there is none: give --probe PATH"))
            });
        };
        Ok(Some(Probe {
            path,
            status: self.probe_status,
            body: self.probe_body.clone(),
            header: self.probe_header.clone(),
            max_latency: self.probe_latency,
            passes: self.probe_passes,
            failures: self.probe_failures,
            interval: self.probe_interval,
            timeout: self.probe_timeout,
            patience: self.probe_patience,
        }))
    }
}

impl From<AddressArg> for AddressKind {
    fn from(address: AddressArg) -> Self {
        match address {
            AddressArg::Public => Self::Public,
            AddressArg::Cluster => Self::Cluster,
        }
    }
}

/// A path and query.
fn path(text: &str) -> Result<String, String> {
    super::reject_unresolved(text)?;
    Probe::check_path(text)?;
    Ok(text.to_owned())
}

/// `NAME:TEXT`.
fn header(text: &str) -> Result<(String, String), String> {
    super::reject_unresolved(text)?;
    let (name, value) = text.split_once(':').ok_or("not of the form NAME:TEXT")?;
    http::HeaderName::try_from(name.trim()).map_err(|_| format!("`{name}` is not a header name"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
