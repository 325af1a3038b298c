//! Metrics systems that are known, and what Envoy is to be asked for.
//!
//! Decides what each calls its counts. Depends on dialects.

use super::dialect::{Dialect, GrpcSeries, HistogramSeries, Metrics, Unit};
use super::pattern::{Labels, expression};
use crate::model::name::{Namespace, RevisionName};

/// Metrics systems that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Envoy as Kourier's gateway: clusters named `namespace/revision`.
    Kourier,
    /// Envoy as Contour's gateway: clusters named `namespace_revision_port`.
    Contour,
    /// Knative's queue-proxy beside every container, since Knative 1.19 and before.
    QueueProxy,
}

/// The label by which Envoy tells its clusters apart.
const CLUSTER: &str = "envoy_cluster_name";
/// How Envoy's names of such counters begin.
const ENVOYS: &str = "envoy_cluster_";

const KOURIER_ADVICE: &str = "is the Service served by Kourier, and does the scrape keep envoy_cluster_upstream_rq_* of \
     its gateway's port 9000, /stats/prometheus?";
const CONTOUR_ADVICE: &str = "is the Service served by Contour, and does the scrape keep envoy_cluster_upstream_rq_* and \
     envoy_cluster_grpc_* of its Envoys' port 8002, /stats/prometheus?";
const QUEUE_PROXY_ADVICE: &str = "Knative exports request metrics only where ConfigMap config-observability sets \
     request-metrics-protocol: prometheus (before 1.19: metrics.request-metrics-backend-destination: prometheus), a \
     PodMonitor scrapes port http-usermetric (9091), and since 1.19 it has to copy the pod's label \
     serving.knative.dev/revision to kn_revision_name and its namespace to k8s_namespace_name";

impl Dialect {
    /// A preset.
    pub fn preset(preset: Preset) -> Self {
        match preset {
            Preset::Kourier => envoy(&format!("{CLUSTER}={{namespace}}/{{revision}}"), KOURIER_ADVICE),
            // The port is that of the revision's own Service: 80, or 81 where its container speaks HTTP/2 without TLS (h2c).
            Preset::Contour => envoy(&format!("{CLUSTER}={{namespace}}_{{revision}}_*"), CONTOUR_ADVICE),
            Preset::QueueProxy => queue_proxy(),
        }
    }

    /// What an Envoy is to send of both revisions (a regular expression for names of its own), so that it sends a kilobyte
    /// instead of a list of all services; none where the counters are no Envoy's.
    pub fn envoy_filter(&self, namespace: &Namespace, revisions: [&RevisionName; 2]) -> Option<String> {
        if !self.names().iter().all(|name| name.starts_with(ENVOYS)) {
            return None;
        }
        let clusters = self.labels.values(CLUSTER, namespace, revisions)?;
        let clusters: Vec<String> = clusters.iter().map(|name| expression(name)).collect();
        // Calls of gRPC are counted where the gateway has Envoy's filter for that, which Kourier does not set up.
        Some(format!(
            "^cluster\\.({})\\.(upstream_rq_(total|active|completed|[1-5]xx|time)|grpc\\.([^.]+\\.)*[0-9]+)$",
            clusters.join("|")
        ))
    }
}

/// Envoy, which names its clusters so. One process counts both arms, and what was sent beside what was answered: a request
/// that is never answered fails here, and in no metric of Knative's.
fn envoy(clusters: &str, advice: &'static str) -> Dialect {
    Dialect {
        ways: vec![Metrics {
            sent: Some(format!("{ENVOYS}upstream_rq_total")),
            active: Some(format!("{ENVOYS}upstream_rq_active")),
            completed: format!("{ENVOYS}upstream_rq_completed"),
            failed: format!("{ENVOYS}upstream_rq_xx"),
            code: "envoy_response_code_class".into(),
            // Of Envoy's gRPC statistics filter, which Contour's Envoys have and Kourier's have not.
            grpc: Some(GrpcSeries::numbered(&format!("{ENVOYS}grpc_"))),
            latency: Some(HistogramSeries {
                bucket: format!("{ENVOYS}upstream_rq_time_bucket"),
                unit: Unit::Milliseconds,
            }),
            labels: None,
        }],
        labels: labels(&[clusters]),
        strata: ["pod", "instance"].map(str::to_owned).to_vec(),
        one_series_each: true,
        advice,
    }
}

/// 1.19 went from `OpenCensus` to OpenTelemetry, and names and units changed. The activator exports
/// `http_server_request_duration_seconds` as well, so that one would count a buffered request twice.
fn queue_proxy() -> Dialect {
    let since_1_19 = Metrics {
        sent: None,
        active: None,
        completed: "kn_serving_invocation_duration_seconds_count".into(),
        failed: "kn_serving_invocation_duration_seconds_count".into(),
        code: "http_response_status_code".into(),
        grpc: None,
        latency: Some(HistogramSeries {
            bucket: "kn_serving_invocation_duration_seconds_bucket".into(),
            unit: Unit::Seconds,
        }),
        labels: None,
    };
    let before = Metrics {
        completed: "revision_request_count".into(),
        failed: "revision_request_count".into(),
        code: "response_code_class".into(),
        latency: Some(HistogramSeries { bucket: "revision_request_latencies_bucket".into(), unit: Unit::Milliseconds }),
        labels: Some(labels(&["namespace_name={namespace}", "revision_name={revision}"])),
        ..since_1_19.clone()
    };
    Dialect {
        ways: vec![since_1_19, before],
        labels: labels(&["k8s_namespace_name={namespace}", "kn_revision_name={revision}"]),
        strata: ["pod_name", "pod", "k8s_pod_name", "instance"].map(str::to_owned).to_vec(),
        // A pod has one series for each status.
        one_series_each: false,
        advice: QUEUE_PROXY_ADVICE,
    }
}

fn labels(texts: &[&str]) -> Labels {
    let pairs = texts.iter().filter_map(|text| text.split_once('='));
    Labels::known(pairs.map(|(name, template)| (name.to_owned(), template.to_owned())).collect())
}
