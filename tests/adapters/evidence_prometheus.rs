//! Counters by way of a Prometheus that answers as scripted.

use super::evidence::{PATIENCE, arms, fetch, read, text};
use super::script::directory;
use super::script::{Reply, Server};
use andante::adapter::clock::SystemClock;
use andante::adapter::source::{CountersFrom, EvidenceSource, HttpCredentials, Prometheus};
use andante::evidence::reading::{Counters, NoReading, Reading};
use andante::evidence::series::{Dialect, Preset};
use andante::run::ports::{Clock, Source};
use serde_json::{Value, json};
use std::time::Duration;

fn prometheus(server: &Server, preset: Preset, credentials: HttpCredentials) -> CountersFrom {
    CountersFrom::Prometheus(Box::new(
        Prometheus::new(fetch(credentials), &format!("{}/prom/", server.url()), Dialect::preset(preset)).unwrap(),
    ))
}

pub(super) fn vector(series: &[(&[(&str, &str)], &str)]) -> Value {
    let result: Vec<Value> = series
        .iter()
        .map(|(labels, value)| {
            let metric: serde_json::Map<String, Value> =
                labels.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
            json!({"metric": metric, "value": [1_700_000_000.123, value]})
        })
        .collect();
    json!({"status": "success", "data": {"resultType": "vector", "result": result}})
}

/// The series that tells when a process was scraped, by a server whose clock says 1700000000.123.
fn scraped(seconds: &'static str) -> (&'static [(&'static str, &'static str)], &'static str) {
    (&[("andante_sampled", "true")], seconds)
}

const TOTAL: (&str, &str) = ("__name__", "envoy_cluster_upstream_rq_total");
const STABLE: (&str, &str) = ("envoy_cluster_name", "shop/hello-1");

#[tokio::test]
async fn prometheus_is_asked_once_for_both_arms_with_raw_counters() {
    let answer = vector(&[(&[TOTAL, STABLE, ("instance", "x:9000")], "41"), scraped("1700000000.1")]);
    let server = Server::start(vec![Reply::json(200, &answer)]).await;
    let secret = directory().join("token");
    std::fs::write(&secret, "s3cret\n").unwrap();
    let reading = read(prometheus(&server, Preset::Kourier, HttpCredentials::Token(secret))).await.unwrap();
    assert_eq!(reading.strata["x:9000"].stable.as_ref().unwrap().sent, Some(41));
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    let query = "GET /prom/api/v1/query?query=%7B__name__%3D%7E%22envoy_cluster_grpc_0%7C";
    assert!(
        seen[0].line.starts_with(query) && seen[0].line.contains("%7Cenvoy_cluster_upstream_rq_active%7C"),
        "{}",
        seen[0].line
    );
    assert!(!seen[0].line.contains("rate") && seen[0].line.contains("hello-1%7Cshop%2Fhello-2"));
    assert_eq!(seen[0].header("authorization"), Some("Bearer s3cret"));
}

#[tokio::test]
async fn an_answer_that_is_not_whole_is_none() {
    let series = |value: &str| Reply::json(200, &vector(&[(&[TOTAL, STABLE], value)]));
    let mut warned = vector(&[(&[TOTAL, STABLE], "1")]);
    warned["warnings"] = json!(["some shards did not answer"]);
    let refusal = json!({"status": "error", "errorType": "bad\u{1b}_data", "error": "parse error: x\u{1b}[31m"});
    for (reply, wanted) in [
        (series("NaN"), "envoy_cluster_upstream_rq_total is NaN, which is no count"),
        (series("1.5"), "is 1.5, which is no count"),
        (series("many"), "is no number"),
        (series("1"), "does not say when its samples were taken"),
        (
            Reply::json(200, &vector(&[(&[TOTAL, STABLE], "1"), scraped("1699999879")])),
            ": its counters are 2m 1s old: whatever fills it stands still",
        ),
        (Reply::json(200, &warned), "only a part"),
        (Reply::json(400, &refusal), "the query is refused (bad_data): parse error: x[31m"),
        (
            Reply::json(200, &json!({"status": "success", "data": {"resultType": "matrix", "result": []}})),
            "type \"matrix\"",
        ),
        (
            Reply::json(
                200,
                &json!({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}}]}}),
            ),
            "cannot be read",
        ),
        (Reply::json(200, &json!({"a": 1})), "reports an error"),
        (Reply::Answer(200, "", "<html>".into()), "not an answer of Prometheus"),
        (Reply::Answer(404, "", "no".into()), "status 404"),
        (Reply::Answer(302, "location: http://127.0.0.1:1/\r\n", String::new()), "status 302"),
        (Reply::Answer(503, "", "no".into()), "no answer from Prometheus"),
        (Reply::Answer(401, "", "no".into()), "--evidence-token-file"),
        (Reply::Reset, "no answer from Prometheus"),
        (Reply::Hang("HTTP/1.1 200 OK\r\n".into()), "no whole answer within"),
    ] {
        let server = Server::start(vec![reply.clone()]).await;
        let from = prometheus(&server, Preset::Kourier, HttpCredentials::None);
        let found = text(
            EvidenceSource { from, gates: None, limit: Duration::from_millis(600), patience: PATIENCE }
                .read(&arms())
                .await,
        );
        assert!(found.contains(wanted), "{reply:?}: {found}");
    }
    let server = Server::start(vec![Reply::json(200, &vector(&[]))]).await;
    let none = read(prometheus(&server, Preset::QueueProxy, HttpCredentials::None)).await;
    assert!(
        matches!(&none, Err(NoReading::NoSeries(t)) if t.contains("request-metrics-protocol: prometheus")),
        "{none:?}"
    );
}

/// A reading tells of the time of its oldest sample, by our clock, however far off the server's is.
#[tokio::test]
async fn a_scrape_keeps_its_time_and_is_no_younger_for_being_asked_again() {
    let (a, b) = ([TOTAL, STABLE, ("instance", "a")], [TOTAL, STABLE, ("instance", "b")]);
    let answer =
        |oldest| Reply::json(200, &vector(&[(&a, "1"), (&b, "1"), scraped("1700000000.023"), scraped(oldest)]));
    let server =
        Server::start(vec![answer("1699999970.123"), answer("1699999970.123"), answer("1699999999.123")]).await;
    let from = prometheus(&server, Preset::Kourier, HttpCredentials::None);
    let evidence = EvidenceSource { from, gates: None, limit: Duration::from_secs(5), patience: PATIENCE };
    let ago = |reading: &Reading| SystemClock.now().duration_since(reading.at).as_secs_f64();
    let first = evidence.read(&arms()).await.unwrap();
    assert!((30.0..35.0).contains(&ago(&first)), "{}", ago(&first));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(evidence.read(&arms()).await.unwrap().at, first.at, "the same scrape");
    let newer = evidence.read(&arms()).await.unwrap();
    assert!((1.0..6.0).contains(&ago(&newer)), "{}", ago(&newer));
}

#[tokio::test]
async fn pods_of_queue_proxies_are_strata_of_one_arm() {
    let pod = |pod: &'static str, revision: &'static str| {
        let name = ("__name__", "kn_serving_invocation_duration_seconds_count");
        let status = ("http_response_status_code", "200");
        [name, ("k8s_namespace_name", "shop"), ("kn_revision_name", revision), ("pod", pod), status]
    };
    let (a, b) = (pod("a", "hello-1"), pod("b", "hello-2"));
    let server = Server::start(vec![Reply::json(200, &vector(&[(&a, "10"), (&b, "4"), scraped("1700000000")]))]).await;
    let reading = read(prometheus(&server, Preset::QueueProxy, HttpCredentials::None)).await.unwrap();
    let of = |arm: &Option<Counters>| arm.as_ref().map(|c| c.completed);
    let found: Vec<_> = reading.strata.iter().map(|(n, p)| (n.as_str(), of(&p.stable), of(&p.candidate))).collect();
    assert_eq!(found, [("a", Some(10), None), ("b", None, Some(4))]);
}
