//! The port that is scraped: a page for each path, and bounds for strangers.

use andante::adapter::metrics::{MetricsPort, MetricsReply};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// What is answered to these bytes.
async fn asked(at: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    // Whoever is turned away may find the connection reset.
    drop(stream.read_to_string(&mut text).await);
    text
}

async fn served(work: impl AsyncFnOnce(SocketAddr)) {
    let port = MetricsPort::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let at = port.address().unwrap();
    let page = |path: &str| match path {
        "/metrics" => MetricsReply::text(200, "a 1\n"),
        _ => MetricsReply::text(404, "no\n"),
    };
    tokio::select! {
        never = port.serve(page) => match never {},
        () = work(at) => {}
    }
}

#[tokio::test]
async fn a_page_is_answered_and_nothing_else() {
    served(async |at| {
        let page = asked(at, "GET /metrics?x=1 HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let wanted = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 4\r\nconnection: close\r\n\r\na 1\n";
        assert_eq!(page, wanted);
        for (request, status) in [
            ("GET / HTTP/1.0\r\n\r\n", "404"),
            ("POST /metrics HTTP/1.1\r\n\r\n", "405"),
            ("GET /metrics\r\n\r\n", "400"),
            ("\r\n\r\n", "400"),
        ] {
            let page = asked(at, request).await;
            assert!(page.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {page}");
        }
        let long = asked(at, &format!("GET /{} HTTP/1.1\r\n", "x".repeat(5000))).await;
        assert!(long.is_empty() || long.starts_with("HTTP/1.1 431 "), "{long}");
    })
    .await;
}

/// A liveness probe is such a request: strangers who only sit there must not end the process by keeping it out.
#[tokio::test]
async fn whoever_says_nothing_keeps_nobody_out() {
    served(async |at| {
        let mut silent = Vec::new();
        for _ in 0..20 {
            silent.push(TcpStream::connect(at).await.unwrap());
        }
        let began = Instant::now();
        assert!(asked(at, "GET /metrics HTTP/1.1\r\n\r\n").await.ends_with("a 1\n"));
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        // Whoever has been there longest made room; whoever came last may still ask.
        assert_eq!(silent[0].read(&mut [0]).await.unwrap_or(0), 0);
        let last = silent.last_mut().unwrap();
        last.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").await.unwrap();
        let mut text = String::new();
        last.read_to_string(&mut text).await.unwrap();
        assert!(text.ends_with("a 1\n"), "{text}");
    })
    .await;
}
