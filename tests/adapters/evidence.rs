//! Sources of evidence: what is asked, with which credentials, and what an answer is worth.

use super::script::{Reply, Server, connect, directory};
use super::tls::private;
use andante::adapter::clock::SystemClock;
use andante::adapter::cluster::Connect;
use andante::adapter::source::{
    BadFetch, CountersFrom, CountsFile, Endpoint, EvidenceSource, Fetch, Gateway, GatewayPlace, HttpCredentials, Layer,
    WhoseGateway,
};
use andante::evidence::classes::{Classes, StatusClass};
use andante::evidence::reading::{Arms, Counters, NoReading, Reading};
use andante::evidence::series::{Dialect, Preset};
use andante::run::ports::{Clock, Source};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

pub(super) const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn arms() -> Arms {
    Arms {
        namespace: "shop".parse().unwrap(),
        stable: "hello-1".parse().unwrap(),
        candidate: "hello-2".parse().unwrap(),
    }
}

pub(super) fn fetch(credentials: HttpCredentials) -> Fetch {
    Fetch::new(None, credentials, Duration::from_secs(5)).unwrap()
}

pub(super) async fn read(from: CountersFrom) -> Result<Reading, NoReading> {
    EvidenceSource { from, gates: None, limit: Duration::from_secs(5), patience: PATIENCE }.read(&arms()).await
}

pub(super) fn text(error: Result<Reading, NoReading>) -> String {
    error.unwrap_err().to_string()
}

const ENVOY: &str = "envoy_cluster_upstream_rq_total{envoy_cluster_name=\"shop/hello-1\"} 7\n\
                     envoy_cluster_upstream_rq_completed{envoy_cluster_name=\"shop/hello-1\"} 6\n\
                     envoy_cluster_upstream_rq_xx{envoy_cluster_name=\"shop/hello-1\",envoy_response_code_class=\"2\"} 6\n";

/// The API server's list of the gateway's pods, and whatever stands behind their port.
pub(super) fn slices(pods: &[&str]) -> Reply {
    let ends: Vec<Value> = pods
        .iter()
        .map(|name| json!({"addresses": ["127.0.0.1"], "conditions": {"ready": true}, "targetRef": {"name": name}}))
        .collect();
    Reply::json(200, &json!({"kind": "EndpointSliceList", "items": [{"endpoints": ends}]}))
}

fn gateway(api: &Server, port: u16) -> CountersFrom {
    gateway_of(WhoseGateway::Of(Layer::Kourier), api, port)
}

pub(super) fn gateway_of(whose: WhoseGateway, api: &Server, port: u16) -> CountersFrom {
    let place = GatewayPlace { port: Some(port), ..GatewayPlace::default() };
    let namespace = Some("shop".parse().unwrap());
    let settings = Connect { call_limit: Duration::from_secs(5), namespace, ..Connect::default() };
    let kube = connect(&api.url(), &settings);
    CountersFrom::Gateway(Box::new(Gateway::new(kube, whose, place, fetch(HttpCredentials::None))))
}

#[tokio::test]
async fn each_gateway_pod_is_asked_for_these_two_revisions_alone() {
    let api = Server::start(vec![slices(&["a", "b"])]).await;
    let envoys = Server::start(vec![Reply::Answer(200, "", ENVOY.into()); 4]).await;
    let gateway = EvidenceSource {
        from: gateway(&api, envoys.port),
        gates: None,
        limit: Duration::from_secs(5),
        patience: PATIENCE,
    };
    for _ in 0..2 {
        let reading = gateway.read(&arms()).await.unwrap();
        assert_eq!(reading.strata.keys().collect::<Vec<_>>(), ["a", "b"]);
        let mut classes = Classes::default();
        classes.add(StatusClass::Of(2), 6);
        let statuses = Some(classes.compared());
        let wanted = Counters { sent: Some(7), completed: 6, classes: Some(classes), statuses, ..Counters::default() };
        assert_eq!(reading.strata["b"].stable, Some(wanted));
        assert_eq!(reading.strata["b"].candidate, None);
    }
    let asked = api.seen();
    assert_eq!(asked.len(), 1, "the list is kept for a while");
    assert_eq!(
        asked[0].line,
        "GET /apis/discovery.k8s.io/v1/namespaces/kourier-system/endpointslices?resourceVersion=0\
         &labelSelector=kubernetes.io%2Fservice-name%3Dkourier"
    );
    assert_eq!(
        envoys.seen()[0].line,
        "GET /stats/prometheus?filter=%5Ecluster%5C.%28shop%2Fhello-1%7Cshop%2Fhello-2%29%5C.%28upstream_rq_%28total%7Cactive%7Ccompleted%7C%5B1-5%5Dxx%7Ctime%29%7Cgrpc%5C.%28%5B%5E.%5D%2B%5C.%29*%5B0-9%5D%2B%29%24"
    );
    assert_eq!(envoys.seen()[0].header("authorization"), None);
}

#[tokio::test]
async fn a_pod_that_is_gone_is_looked_for_again_and_one_that_is_silent_leaves_no_reading() {
    let envoy =
        Server::start(vec![Reply::Answer(200, "", ENVOY.into()), Reply::Reset, Reply::Answer(200, "", ENVOY.into())])
            .await;
    let api = Server::start(vec![slices(&["old"]), slices(&["new"])]).await;
    let evidence = EvidenceSource {
        from: gateway(&api, envoy.port),
        gates: None,
        limit: Duration::from_secs(5),
        patience: PATIENCE,
    };
    assert!(evidence.read(&arms()).await.unwrap().strata.contains_key("old"));
    assert!(evidence.read(&arms()).await.unwrap().strata.contains_key("new"));

    // Its address may be another's by now, who knows nothing or says something else.
    for stranger in ["# nothing\n", "<html>"] {
        let replies = [ENVOY, stranger, ENVOY].map(|text| Reply::Answer(200, "", text.into()));
        let envoy = Server::start(replies.to_vec()).await;
        let api = Server::start(vec![slices(&["old"]), slices(&["new"])]).await;
        let from = gateway(&api, envoy.port);
        let evidence = EvidenceSource { from, gates: None, limit: Duration::from_secs(5), patience: PATIENCE };
        assert!(evidence.read(&arms()).await.unwrap().strata.contains_key("old"));
        assert!(evidence.read(&arms()).await.unwrap().strata.contains_key("new"), "{stranger}");
    }

    let hanging = Server::start(vec![Reply::Answer(200, "", ENVOY.into()), Reply::Hang(String::new())]).await;
    let api = Server::start(vec![slices(&["a", "b"])]).await;
    let evidence = EvidenceSource {
        from: gateway(&api, hanging.port),
        gates: None,
        limit: Duration::from_millis(500),
        patience: PATIENCE,
    };
    let late = text(evidence.read(&arms()).await);
    assert_eq!(late, "no answer from the gateway kourier-system/kourier: no whole answer within 500ms");
}

#[tokio::test]
async fn a_missing_right_and_a_missing_gateway_are_named() {
    let status = json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message":
        "endpointslices.discovery.k8s.io is forbidden: User \"system:serviceaccount:shop:andante\" cannot list resource"});
    let api = Server::start(vec![Reply::json(403, &status)]).await;
    let denied = read(gateway(&api, 1)).await;
    assert!(matches!(denied, Err(NoReading::Forbidden(_))));
    let denied = text(denied);
    for part in [
        "system:serviceaccount:shop:andante may not list endpointslices.discovery.k8s.io in namespace kourier-system",
        "verbs: [\"list\"]",
        "config/gateway-metrics.yaml",
    ] {
        assert!(denied.contains(part), "{denied}");
    }
    let api = Server::start(vec![slices(&[])]).await;
    assert!(
        text(read(gateway(&api, 1)).await).contains("no pod serves behind Service kourier in namespace kourier-system")
    );
    let api = Server::start(vec![slices(&["a"])]).await;
    let envoy = Server::start(vec![Reply::Answer(200, "", "# nothing\n".into())]).await;
    let nothing = text(read(gateway(&api, envoy.port)).await);
    assert!(
        nothing.contains("no series of hello-1 or hello-2 in namespace shop: is the Service served by Kourier"),
        "{nothing}"
    );
}

/// A candidate that fails all would look clean. Whether answers without a status are of a cluster that was made anew, two readings tell.
#[tokio::test]
async fn a_source_that_cannot_show_failures_is_none() {
    let completed = "envoy_cluster_upstream_rq_completed{envoy_cluster_name=\"shop/hello-2\"} 40\n";
    let api = Server::start(vec![slices(&["a"])]).await;
    let envoy = Server::start(vec![Reply::Answer(200, "", completed.into())]).await;
    let unseen = read(gateway(&api, envoy.port)).await.unwrap();
    let candidate = unseen.strata["a"].candidate.as_ref().unwrap();
    assert_eq!((candidate.completed, candidate.told(), candidate.untold), (40, 0, 40));
    let both = format!(
        "{completed}{}",
        completed.replace("completed{", "xx{envoy_response_code_class=\"5\",").replace("40", "90")
    );
    let api = Server::start(vec![slices(&["a"])]).await;
    let envoy = Server::start(vec![Reply::Answer(200, "", both)]).await;
    let more = read(gateway(&api, envoy.port)).await;
    assert!(matches!(&more, Err(NoReading::Broken { from, .. }) if from == "gateway pod a"), "{more:?}");
    assert!(text(more).contains("do both count the same requests?"));
    let own = Dialect::preset(Preset::Kourier).with_metrics("completed=rq,code=respone_code").unwrap();
    let own = own.with_labels(["revision={revision}"]).unwrap();
    let typo = "rq{revision=\"hello-1\",response_code=\"503\"} 9\n";
    let process = Server::start(vec![Reply::Answer(200, "", typo.into())]).await;
    let from = Endpoint::new(fetch(HttpCredentials::None), &process.url(), own).unwrap();
    let setting = read(CountersFrom::Endpoint(Box::new(from))).await;
    assert!(matches!(setting, Err(NoReading::Setting(_))), "{setting:?}");
    assert!(text(setting).ends_with("they have response_code, revision"));
}

#[tokio::test]
async fn credentials_and_authorities_are_the_files_and_nothing_of_them_is_printed() {
    let (server, pem) = private(vec![Reply::Answer(200, "", ENVOY.into()); 2]).await;
    let directory = directory();
    let path = |name: &str| directory.join(name);
    std::fs::write(path("ca.pem"), pem).unwrap();
    std::fs::write(path("basic"), "kim:s3cret:x\n").unwrap();
    std::fs::write(path("bad"), "two\nlines s3cret").unwrap();
    let url = format!("https://localhost:{}/metrics", server.port);
    let endpoint = |ca: Option<&Path>, credentials| {
        let fetch = Fetch::new(ca, credentials, Duration::from_secs(5)).unwrap();
        CountersFrom::Endpoint(Box::new(Endpoint::new(fetch, &url, Dialect::preset(Preset::Kourier)).unwrap()))
    };
    let ca = path("ca.pem");
    let stranger = text(read(endpoint(None, HttpCredentials::Basic(path("basic")))).await);
    assert!(stranger.contains("certificate"), "{stranger}");
    read(endpoint(Some(&ca), HttpCredentials::Basic(path("basic")))).await.unwrap();
    assert_eq!(server.seen()[0].header("authorization"), Some("Basic a2ltOnMzY3JldDp4"));
    assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
    let piped =
        tokio::time::timeout(Duration::from_secs(5), read(endpoint(Some(&ca), HttpCredentials::Token(path("pipe")))));
    assert!(text(piped.await.expect("a pipe that nobody writes to stops nothing")).contains("not a regular file"));
    for credentials in [
        HttpCredentials::Token(path("bad")),
        HttpCredentials::Basic(path("nowhere")),
        HttpCredentials::Basic(path("ca.pem")),
    ] {
        let error = text(read(endpoint(Some(&ca), credentials)).await);
        assert!(error.contains("credentials") && !error.contains("s3cret") && !error.contains("BEGIN"), "{error}");
    }
    let open = fetch(HttpCredentials::Token(path("basic"))).check("http://prometheus.shop:9090");
    assert_eq!(open, Err(BadFetch::InTheOpen("prometheus.shop:9090".into())));
    let inside = fetch(HttpCredentials::None).check("http://kim:s3cret@prometheus").unwrap_err();
    assert!(!inside.to_string().contains("s3cret"));
    for bad in ["ftp://x", "x", "http://", ""] {
        assert_eq!(fetch(HttpCredentials::None).check(bad), Err(BadFetch::NotHttp), "{bad}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_given_up() {
    let line = format!("{}\n", "x 1\n".repeat(1 << 18));
    let pieces = std::iter::once((Duration::ZERO, super::script::CHUNKED.to_owned()))
        .chain(std::iter::repeat_n((Duration::ZERO, super::script::chunk(&line)), 80));
    let server = Server::start(vec![Reply::Pieces(pieces.collect())]).await;
    let endpoint =
        Endpoint::new(fetch(HttpCredentials::None), &server.url(), Dialect::preset(Preset::Kourier)).unwrap();
    let from = CountersFrom::Endpoint(Box::new(endpoint));
    let found = text(
        EvidenceSource { from, gates: None, limit: Duration::from_secs(60), patience: PATIENCE }.read(&arms()).await,
    );
    assert!(found.contains("larger than 64 MiB"), "{found}");
}

#[tokio::test]
async fn counts_come_from_files_and_streams() {
    let file = directory().join("counts.json");
    let counts = |n: u64| json!({"strata": {"a": {"stable": {"completed": n, "failed": 0}}}}).to_string();
    let from_file = EvidenceSource {
        from: CountersFrom::Counts(CountsFile::of_file(file.clone())),
        gates: None,
        limit: Duration::from_secs(5),
        patience: PATIENCE,
    };
    assert!(text(from_file.read(&arms()).await).contains("No such file"));
    for n in [1, 2] {
        std::fs::write(&file, counts(n)).unwrap();
        let reading = from_file.read(&arms()).await.unwrap();
        assert_eq!(reading.strata["a"].stable.as_ref().unwrap().completed, n);
        assert_eq!(from_file.read(&arms()).await.unwrap().at, reading.at, "a file that stands is no news");
    }
    // It may say itself when it counted; what stands still for too long is nothing.
    let told = |age: i64| {
        let at = SystemClock.now().checked_sub(jiff::SignedDuration::from_secs(age)).unwrap();
        std::fs::write(&file, counts(9).replacen('{', &format!("{{\"at\": \"{at}\", "), 1)).unwrap();
        at
    };
    let at = told(100);
    assert_eq!(from_file.read(&arms()).await.unwrap().at, at);
    told(130);
    assert!(
        text(from_file.read(&arms()).await).contains("its counters are 2m 10s old: whatever fills it stands still")
    );
    told(-100);
    assert!(from_file.read(&arms()).await.unwrap().at <= SystemClock.now(), "a clock that is ahead");
    std::fs::write(&file, counts(1)).unwrap();
    let hour_ago = std::time::SystemTime::from(SystemClock.now()) - Duration::from_secs(3600);
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(hour_ago).unwrap();
    assert!(text(from_file.read(&arms()).await).contains("its counters are 1h old"));
    std::fs::write(&file, "{}").unwrap();
    assert!(text(from_file.read(&arms()).await).contains("missing field `strata` (line 1, column 2)"));
    std::fs::write(&file, "{\"strata\": {\"a\": {}}}").unwrap();
    assert!(text(from_file.read(&arms()).await).contains("names no counters"));
    // A pipe that nobody writes to must not stop the walk.
    std::fs::remove_file(&file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    assert!(text(from_file.read(&arms()).await).contains("not a regular file"));
    std::fs::remove_file(&file).unwrap();

    let (receiver, mut sender) = std::io::pipe().unwrap();
    let stream = EvidenceSource {
        from: CountersFrom::Counts(CountsFile::of_stream(receiver)),
        gates: None,
        limit: Duration::from_secs(5),
        patience: PATIENCE,
    };
    assert!(text(stream.read(&arms()).await).contains("nothing came yet"));
    for n in [3, 4] {
        writeln!(sender, "{}", counts(n)).unwrap();
    }
    let newest = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            if let Ok(reading) = stream.read(&arms()).await
                && reading.strata["a"].stable.as_ref().unwrap().completed == 4
            {
                assert_eq!(stream.read(&arms()).await.unwrap().at, reading.at, "the same line");
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    newest.await.unwrap();
    drop(sender);
    let ended = tokio::time::timeout(Duration::from_secs(10), async {
        while stream.read(&arms()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    ended.await.unwrap();
    assert!(text(stream.read(&arms()).await).contains("the stream has ended"));
}
