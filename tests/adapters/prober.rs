//! Probes: what counts as an answer, as silence, and as not reached.

use super::script::{CHUNKED, Reply, Server, chunk};
use andante::adapter::prober::{BadTravel, GatewayDoor, HttpProber, Travel, Way};
use andante::evidence::probe::{Answer, ProbeRequest};
use andante::run::ports::Prober;
use std::time::Duration;
use tokio::time::Instant;

fn request(url: &str, path: &str) -> ProbeRequest {
    ProbeRequest { url: url.into(), path: path.into(), timeout: Duration::from_secs(10), form: None }
}

async fn ask(reply: Reply) -> Answer {
    let server = Server::start(vec![reply]).await;
    HttpProber::new(&Travel::default()).unwrap().ask(&request(&server.url(), "/")).await
}

#[tokio::test]
async fn an_answer_is_told_whole() {
    let pieces = vec![
        (Duration::ZERO, CHUNKED.replace("200 OK", "418 Teapot\r\nX-Version: v2")),
        (Duration::from_millis(100), format!("{}0\r\n\r\n", chunk("hällo"))),
    ];
    let Answer::Http { status, headers, body, latency } = ask(Reply::Pieces(pieces)).await else { panic!() };
    assert_eq!((status, body.as_str()), (418, "hällo"));
    assert!(headers.contains(&("x-version".into(), "v2".into())));
    assert!(latency >= Duration::from_millis(100) && latency < Duration::from_secs(10), "{latency:?}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let answer = ask(Reply::Answer(302, "location: http://127.0.0.1:1/\r\n", String::new())).await;
    assert!(matches!(answer, Answer::Http { status: 302, .. }));
}

#[tokio::test]
async fn only_the_beginning_of_a_body_is_read() {
    let endless = format!("{CHUNKED}{}", chunk(&"x".repeat(100_000)));
    let Answer::Http { body, .. } = ask(Reply::Hang(endless)).await else { panic!() };
    assert_eq!(body.len(), 64 * 1024);
}

#[tokio::test]
async fn reached_but_no_answer_is_silence() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx".to_owned();
    let cases = [
        (Reply::Hang(String::new()), "no whole answer within 600ms"),
        (Reply::Hang(cut.clone()), "no whole answer within 600ms"),
        (Reply::Reset, "the answer broke off"),
        (Reply::Pieces(vec![]), "the answer broke off"),
        (Reply::Pieces(vec![(Duration::ZERO, cut)]), "the answer broke off"),
        (Reply::Pieces(vec![(Duration::ZERO, "SSH-2.0-x\r\n\r\n".into())]), "the answer broke off"),
    ];
    for (reply, expected) in cases {
        let began = Instant::now();
        let server = Server::start(vec![reply.clone()]).await;
        let request = ProbeRequest { timeout: Duration::from_millis(600), ..request(&server.url(), "/") };
        let answer = HttpProber::new(&Travel::default()).unwrap().ask(&request).await;
        assert!(matches!(&answer, Answer::Silent(t) if t.starts_with(expected)), "{reply:?} {answer:?}");
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn what_is_not_reached_is_not_the_candidates_fault() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let prober = HttpProber::new(&Travel::default()).unwrap();
    let urls = [&format!("http://127.0.0.1:{free}"), "http://candidate-hello.invalid", "no address", "http://", ""];
    for url in urls {
        let answer = prober.ask(&request(url, "/healthz")).await;
        assert!(matches!(answer, Answer::Unreachable(_)), "{url:?} {answer:?}");
    }
}

#[tokio::test]
async fn a_gateway_that_hangs_before_it_is_asked_is_not_the_candidate() {
    // Nobody answers the handshake, so nothing was asked yet.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let request = ProbeRequest { timeout: Duration::from_millis(800), ..request(&url, "/") };
    let answer = HttpProber::new(&Travel::default()).unwrap().ask(&request).await;
    assert!(matches!(&answer, Answer::Unreachable(t) if t.contains("timed out")), "{answer:?}");
}

#[tokio::test]
async fn via_another_address_the_host_stays() {
    let server = Server::start(vec![Reply::Answer(200, "", String::new()); 2]).await;
    let travel = Travel { way: Way::Address(server.url().parse().unwrap()), ca_file: None };
    let prober = HttpProber::new(&travel).unwrap();
    let url = "http://candidate-hello.shop.invalid";
    assert!(matches!(prober.ask(&request(url, "/a%20b?c=d")).await, Answer::Http { status: 200, .. }));
    prober.ask(&request(&format!("{url}:8080/"), "/")).await;
    let seen = server.seen();
    assert_eq!(seen[0].line, "GET /a%20b?c=d");
    assert_eq!(seen[0].header("host"), Some("candidate-hello.shop.invalid"));
    assert!(seen[0].header("user-agent").unwrap().starts_with("andante/"));
    assert_eq!(seen[1].header("host"), Some("candidate-hello.shop.invalid:8080"));

    for bad in ["https://127.0.0.1", "http://127.0.0.1/path", "unix:/x"] {
        let travel = Travel { way: Way::Address(bad.parse().unwrap()), ca_file: None };
        assert!(matches!(HttpProber::new(&travel), Err(BadTravel::Via(_))), "{bad}");
    }
}

#[tokio::test]
async fn a_gateway_that_knows_no_such_host_is_not_the_candidate() {
    let own = "server: envoy\r\n";
    let candidates = "server: envoy\r\nx-envoy-upstream-service-time: 3\r\n";
    for (reply, reached) in [
        (Reply::Answer(404, own, String::new()), false),
        (Reply::Answer(404, candidates, String::new()), true),
        (Reply::Answer(404, own, "no such page".into()), true),
        (Reply::Answer(404, "", String::new()), true),
        // In the candidate's place: nobody answers behind it.
        (Reply::Answer(503, own, "no healthy upstream".into()), true),
        (Reply::Answer(502, own, String::new()), true),
    ] {
        let server = Server::start(vec![reply.clone()]).await;
        let travel = Travel { way: Way::Address(server.url().parse().unwrap()), ca_file: None };
        let answer = HttpProber::new(&travel).unwrap().ask(&request("http://candidate-hello.invalid", "/")).await;
        assert_eq!(matches!(answer, Answer::Http { .. }), reached, "{reply:?} {answer:?}");
        if let Answer::Unreachable(why) = answer {
            assert!(why.contains("knows no such host"), "{why}");
        }
    }
}

/// The pods behind a gateway's Service, all at this address.
fn slices(ports: &[u16]) -> Reply {
    let items = ports.iter().enumerate().map(|(i, port)| {
        serde_json::json!({"endpoints": [{"addresses": ["127.0.0.1"], "targetRef": {"name": format!("pod-{i}")}}],
            "ports": [{"name": "https", "port": 1}, {"name": "http2", "port": port}]})
    });
    Reply::json(200, &serde_json::json!({"items": items.collect::<Vec<_>>()}))
}

#[tokio::test]
async fn the_gateway_is_found_by_itself() {
    let ok = || Reply::Answer(200, "", String::new());
    let (first, second) = (Server::start(vec![ok()]).await, Server::start(vec![ok()]).await);
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let api =
        Server::start(vec![slices(&[first.port]), slices(&[gone, second.port]), slices(&[gone, second.port])]).await;
    let door = |api: &Server| {
        let place = ("kourier-system".parse().unwrap(), "kourier-internal".parse().unwrap());
        let way = Way::Gateway(GatewayDoor::new(api.kube(), place.0, place.1).into());
        HttpProber::new(&Travel { way, ca_file: None }).unwrap()
    };
    let asked = request("http://candidate-hello.shop.svc.cluster.local", "/healthz");
    assert!(matches!(door(&api).ask(&asked).await, Answer::Http { status: 200, .. }));
    assert_eq!(first.seen()[0].header("host"), Some("candidate-hello.shop.svc.cluster.local"));
    let line = api.seen()[0].line.clone();
    assert!(line.contains("/namespaces/kourier-system/endpointslices?"), "{line}");
    assert!(line.ends_with("labelSelector=kubernetes.io%2Fservice-name%3Dkourier-internal"), "{line}");
    // A pod that is gone is nobody's answer, and the next one is asked.
    let prober = door(&api);
    let answer = prober.ask(&asked).await;
    assert!(matches!(&answer, Answer::Unreachable(t) if t.contains("cannot connect")), "{answer:?}");
    assert!(matches!(prober.ask(&asked).await, Answer::Http { status: 200, .. }));

    let refused = serde_json::json!({"kind": "Status", "code": 403, "reason": "Forbidden"});
    let api = Server::start(vec![Reply::json(403, &refused), slices(&[])]).await;
    for expected in ["config/gateway-metrics.yaml", "no pod serves behind Service kourier-internal"] {
        let answer = door(&api).ask(&asked).await;
        assert!(matches!(&answer, Answer::Unreachable(t) if t.contains(expected)), "{answer:?}");
    }
}
