//! Walks that judge by what a real Prometheus tells, which scrapes the gateway's Envoy.

use super::evidence::{incident, staged, worse};
use super::support::*;
use serde_json::json;
use std::time::Duration;

/// A Prometheus that scrapes the gateway this often.
fn scraping(name: &str, every: &str) -> PrometheusServer {
    PrometheusServer::start(name, &[Cluster::get().gateway.replace(":8080", ":9000")], every)
}

fn named(server: &PrometheusServer) -> String {
    format!("prometheus={}", server.url())
}

/// It comes to the same verdicts as the gateway itself.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn alone_prometheus_comes_to_the_same_verdicts() {
    let server = scraping("verdicts", "1s");
    let evidence = named(&server);
    let flags = ["--evidence", &evidence, "--style", "budget", "--evidence-lag", "2s"];
    let gate = ["--gate", "gateway: promql sum(up) >= 1", "--gate-every", "2s"];
    worse("by-prometheus", "ERROR_RATE=0.2", &[&flags[..], &gate].concat(), 60)
        .ran
        .says("gate gateway: 1, wanted >= 1");
    let space = staged("good-by-prometheus", "ERROR_RATE=0");
    let judged = Judged::walk(&space, 100, &flags);
    judged.figures("good-by-prometheus");
    judged.ran.clone().ended(0).ends_with("finished");
    assert_eq!(judged.bad(), 0, "{}", summary(&judged.hits));
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_prometheus_finds_a_release_that_always_fails() {
    let server = scraping("fails-all", "1s");
    worse("all-by-prometheus", "ERROR_RATE=1", &["--evidence", &named(&server), "--style", "budget"], 100);
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_prometheus_finds_a_slow_release_although_it_never_fails() {
    let server = scraping("slow", "1s");
    let flags = ["--evidence", &named(&server), "--style", "budget"];
    worse("slow-by-prometheus", "LATENCY=300ms", &flags, 0).ran.says("slower");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_prometheus_does_not_blame_the_candidate_for_an_incident_that_hits_both() {
    let server = scraping("incident", "1s");
    incident("incident-by-prometheus", &named(&server));
}

/// A scrape every ten seconds, steps that are shorter: what was counted before a split was served is in no window of it. Half
/// of one of those would look like a split that is not what was asked for.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_scrape_of_before_the_split_opens_no_window_of_it() {
    let server = scraping("seldom", "10s");
    let evidence = named(&server);
    let space = staged("seldom-scraped", "ERROR_RATE=0");
    let judged = Judged::walk(&space, 100, &["--evidence", &evidence, "--steps", "50,100"]);
    judged.figures("seldom-scraped");
    let ran = judged.ran.clone().ended(0).ends_with("finished");
    assert!(ran.lines.iter().all(|line| !line.contains("as the split says")), "{:?}", ran.lines);
    assert_eq!(judged.bad(), 0, "{}", summary(&judged.hits));
}

/// The source of evidence is silent for a while: the walk waits and goes on; silent for too long, it goes back.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_outage_of_the_metrics_is_ridden_out_or_inconclusive() {
    let server = scraping("outage", "1s");
    let evidence = named(&server);
    let space = staged("outage", "ERROR_RATE=0");
    let flags = ["--evidence", &evidence, "--steps", "20,50,100", "--evidence-timeout", "1s"];
    let judged = Judged::walk_while(&space, 100, &flags, || {
        std::thread::sleep(Duration::from_secs(3));
        server.signal("STOP");
        std::thread::sleep(Duration::from_secs(12));
        server.signal("CONT");
    });
    judged.figures("outage");
    judged.ran.clone().ended(0).ends_with("finished").says("no answer");
    space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v3"]).ended(0);
    let impatient = [&flags[..], &["--evidence-patience", "6s"]].concat();
    let judged = Judged::walk_while(&space, 100, &impatient, || server.signal("STOP"));
    server.signal("CONT");
    judged.ran.clone().ended(12).says("no evidence could be read");
    space.answers("hello", "v2", 5);
    assert_eq!(judged.bad(), 0, "{}", summary(&judged.hits));
}

/// Two replicas behind one address tell of the same gateway at other moments. What is older than what was read already is no news,
/// so that no count seems to fall.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_two_replicas_of_one_gateway_are_one_source() {
    let (first, second) = (scraping("replica-a", "3s"), scraping("replica-b", "3s"));
    let both = InTurn::before([&first, &second]);
    let evidence = format!("prometheus={}", both.url());
    let space = staged("replicas", "ERROR_RATE=0");
    let judged = Judged::walk(&space, 100, &["--evidence", &evidence, "--style", "budget"]);
    judged.figures("replicas");
    judged.ran.clone().ended(0).ends_with("finished").never_says("its counters fell").never_says("as the split says");
}

/// Two servers that each know another gateway pod, by the same labels: what lies between two answers is no growth of anything.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_two_servers_of_different_gateways_behind_one_address_are_found_out() {
    let space = staged("in-turn", "ERROR_RATE=0");
    let gateway = OwnGateway::start(&space, 2);
    let pods = gateway.ready(2);
    let server = |at: usize, name: &str| {
        let target = (pods[at].1.replace(":8080", ":9000"), json!({"instance": "edge"}));
        PrometheusServer::scraping(name, "/stats/prometheus", &[target], "1s")
    };
    let (first, second) = (server(0, "first"), server(1, "second"));
    let both = InTurn::before([&first, &second]);
    let loads = [(0, 60), (1, 20)]
        .map(|(at, rate)| Load::through(&space, &pods[at].1, &["hello"], rate, Duration::from_secs(60)));
    let before = space.split("hello");
    std::thread::sleep(Duration::from_secs(4));
    let evidence = format!("prometheus={}", both.url());
    let flags = ["--evidence", &evidence, "--style", "budget", "--evidence-patience", "10s"];
    let ran = space.andante(&quick(&flags)).ended(12);
    assert!(ran.last().contains("its counters fell twice within 8 readings"), "{}", ran.last());
    assert_eq!(space.split("hello"), before, "nobody was moved");
    drop(loads);
}

/// Knative's own counters beside each container, which Knative exports where an operator says so. It makes every pod of the cluster
/// anew, so nobody else may run.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn alone_long_queue_proxys_counters_promote_and_send_back() {
    let exported = Exported::now();
    for (name, setting, code) in [("queue-good", "ERROR_RATE=0", 0), ("queue-bad", "ERROR_RATE=1", 23)] {
        let space = staged(name, setting);
        let targets: Vec<_> = space
            .list("pods", "serving.knative.dev/service=hello")
            .iter()
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .map(|pod| {
                // As a PodMonitor copies them from the pod.
                let labels = json!({
                    "pod": pod["metadata"]["name"],
                    "k8s_namespace_name": pod["metadata"]["namespace"],
                    "kn_revision_name": pod["metadata"]["labels"]["serving.knative.dev/revision"],
                });
                (format!("{}:9091", pod["status"]["podIP"].as_str().unwrap()), labels)
            })
            .collect();
        assert_eq!(targets.len(), 2, "{targets:?}");
        let server = PrometheusServer::scraping(name, "/metrics", &targets, "1s");
        let evidence = named(&server);
        // The two pods that are scraped are to be all that there are.
        let flags =
            ["--evidence", &evidence, "--evidence-preset", "queue-proxy", "--style", "budget", "--capacity", "off"];
        let judged = Judged::walk(&space, 60, &flags);
        judged.figures(name);
        judged.ran.clone().ended(code).says("the source tells of hello-00001: ");
        assert!(judged.bad() <= 60, "{} bad answers: {}", judged.bad(), summary(&judged.hits));
        assert!(code == 0 || judged.bad() > 0);
    }
    drop(exported);
}

/// Knative exports what its queue-proxies count, until this is dropped.
struct Exported;

impl Exported {
    fn now() -> Self {
        Self::set(&json!("prometheus"));
        // Pods that are made now are to have it from the beginning.
        std::thread::sleep(Duration::from_secs(5));
        Self
    }

    fn set(protocol: &serde_json::Value) {
        let patch = json!({"data": {"request-metrics-protocol": protocol}}).to_string();
        let mut command = Cluster::get().kubectl();
        command.args([
            "patch",
            "configmap",
            "config-observability",
            "-n",
            "knative-serving",
            "--type=merge",
            "-p",
            &patch,
        ]);
        assert!(command.status().unwrap().success());
    }
}

impl Drop for Exported {
    fn drop(&mut self) {
        Self::set(&serde_json::Value::Null);
    }
}
