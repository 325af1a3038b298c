//! Walks that judge by what a real Prometheus tells, which scrapes the gateway's Envoy.

use super::evidence::{incident, staged, worse};
use super::support::*;
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
