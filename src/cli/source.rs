//! Flags that say where evidence is read.
//!
//! Decides how a place is written; the adapters read there.

use super::{duration, plain};
use crate::evidence::series::{BadDialect, Dialect, Preset};
use crate::model::name::{Namespace, ServiceName};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Flags of a source of evidence.
#[derive(Debug, Clone, Args)]
pub struct SourceArgs {
    /// Where the requests of both revisions are counted.
    ///
    /// `none`; `gateway` (its own pods; which networking layer serves the Service is found: Kourier, or net-gateway-api with Contour); `prometheus=URL`; `http://...` or `https://...` (one process that exposes
    /// its metrics as text); `file=PATH` or `-` (counters as JSON, docs/evidence-sources.md).
    #[arg(long, value_name = "WHERE", default_value = "none", value_parser = EvidenceFrom::parse, help_heading = "Evidence source")]
    pub evidence: EvidenceFrom,
    /// How the series are named. Where it is not said: as the layer does that serves the Service (`gateway`), else `kourier`.
    #[arg(long, value_enum, value_name = "NAME", help_heading = "Evidence source")]
    pub evidence_preset: Option<PresetArg>,
    /// Labels of a revision's series, where they differ from the preset's: LABEL=TEMPLATE with {namespace}, {revision}
    /// and `*`, for example `envoy_cluster_name={namespace}/{revision}/*`. Without {revision} it narrows the preset's
    /// choice, for example `job=kourier`.
    #[arg(long, value_name = "L=T,...", value_delimiter = ',', value_parser = plain, help_heading = "Evidence source")]
    pub evidence_labels: Vec<String>,
    /// Metrics by name, where they differ from the preset's: completed=NAME,code=LABEL (with the status) and, where there are
    /// such, failed= (answers of every status, if that is another series), grpc= (the label with a gRPC call's status), sent=, active=, latency= (the buckets) and
    /// unit=s|ms.
    #[arg(long, value_name = "K=NAME,...", value_parser = plain, help_heading = "Evidence source")]
    pub evidence_metrics: Option<String>,
    /// Send the bearer token in this file.
    #[arg(long, value_name = "FILE", conflicts_with = "evidence_basic_file", help_heading = "Evidence source")]
    pub evidence_token_file: Option<PathBuf>,
    /// Send the USER:PASSWORD in this file.
    #[arg(long, value_name = "FILE", help_heading = "Evidence source")]
    pub evidence_basic_file: Option<PathBuf>,
    /// Certificates to believe beside the system's (PEM).
    #[arg(long, value_name = "FILE", help_heading = "Evidence source")]
    pub evidence_ca_file: Option<PathBuf>,
    /// Time limit of one reading.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration, help_heading = "Evidence source")]
    pub evidence_timeout: Duration,
    /// Namespace of the ingress gateway [default: that of the layer's own: `kourier-system`].
    #[arg(long, value_name = "NAME", help_heading = "Evidence source")]
    pub gateway_namespace: Option<Namespace>,
    /// The Service in front of the gateway's pods [default: the layer's own: `kourier`].
    #[arg(long, value_name = "NAME", help_heading = "Evidence source")]
    pub gateway_service: Option<ServiceName>,
    /// The port on which each of the gateway's pods exposes its counters [default: the layer's own: 9000 for Kourier, 8002 for Contour].
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Evidence source")]
    pub gateway_port: Option<u16>,
}

/// Where evidence is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvidenceFrom {
    /// Nowhere.
    None,
    /// The ingress gateway's pods.
    Gateway,
    /// A Prometheus, by its address.
    Prometheus(String),
    /// A process that exposes its metrics, by its address.
    Endpoint(String),
    /// A file of counters.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// How series are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PresetArg {
    /// Envoy as Kourier runs it.
    Kourier,
    /// Envoy as Contour runs it.
    Contour,
    /// Knative's queue-proxy, since 1.19 and before.
    QueueProxy,
}

impl EvidenceFrom {
    fn parse(text: &str) -> Result<Self, String> {
        super::reject_unresolved(text)?;
        match text {
            "none" => Ok(Self::None),
            "gateway" => Ok(Self::Gateway),
            "-" => Ok(Self::Stdin),
            _ if text.starts_with("http://") || text.starts_with("https://") => Ok(Self::Endpoint(text.to_owned())),
            _ => match text.split_once('=') {
                Some(("prometheus", url)) if url.starts_with("http://") || url.starts_with("https://") => {
                    Ok(Self::Prometheus(url.to_owned()))
                }
                Some(("prometheus", _)) => Err("prometheus= takes an http or https address".into()),
                Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
                _ => Err("it is none of `none`, `gateway`, `prometheus=URL`, `http(s)://...`, `file=PATH`, `-`".into()),
            },
        }
    }
}

impl SourceArgs {
    /// True if names of series are said beside a preset.
    pub fn names_series(&self) -> bool {
        self.evidence_metrics.is_some() || !self.evidence_labels.is_empty()
    }

    /// How series are named there.
    pub fn dialect(&self) -> Result<Dialect, BadDialect> {
        let preset = match self.evidence_preset {
            None | Some(PresetArg::Kourier) => Preset::Kourier,
            Some(PresetArg::Contour) => Preset::Contour,
            Some(PresetArg::QueueProxy) => Preset::QueueProxy,
        };
        let mut dialect = Dialect::preset(preset);
        if let Some(metrics) = &self.evidence_metrics {
            dialect = dialect.with_metrics(metrics)?;
        }
        dialect.with_labels(self.evidence_labels.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart() {
        for (text, wanted) in [
            ("none", EvidenceFrom::None),
            ("gateway", EvidenceFrom::Gateway),
            ("prometheus=http://p:9090", EvidenceFrom::Prometheus("http://p:9090".into())),
            ("https://edge/metrics", EvidenceFrom::Endpoint("https://edge/metrics".into())),
            ("file=a=b.json", EvidenceFrom::File("a=b.json".into())),
            ("-", EvidenceFrom::Stdin),
        ] {
            assert_eq!(EvidenceFrom::parse(text), Ok(wanted));
        }
        for bad in ["", "prometheus", "prometheus=p:9090", "file=", "gateways", "ftp://x", "$(params.evidence)"] {
            assert!(EvidenceFrom::parse(bad).is_err(), "{bad}");
        }
    }
}
