//! TLS with a private certificate authority, for the API server and for probes.

use super::authority;
use super::script::{Reply, Server, directory, kubeconfig};
use andante::adapter::cluster::{Connect, Kube};
use andante::adapter::env::Environment;
use andante::adapter::prober::{BadTravel, HttpProber, Travel};
use andante::evidence::probe::{Answer, ProbeRequest};
use andante::model::api_error::ApiError;
use andante::run::ports::{Cluster, Prober};
use serde_json::json;
use std::time::Duration;

/// A server for `localhost` with a certificate of its own authority, and that authority's PEM.
pub(super) async fn private(replies: Vec<Reply>) -> (Server, String) {
    let (acceptor, authority) = authority::private();
    let server = Server::start_with(replies, move |stream| {
        let acceptor = acceptor.clone();
        async move { acceptor.accept(stream).await.ok() }
    })
    .await;
    (server, authority)
}

#[tokio::test]
async fn the_kubeconfigs_authority_is_believed_and_no_other() {
    let (server, pem) = private(vec![Reply::json(200, &json!({"a": 1}))]).await;
    let (_, other) = private(vec![]).await;
    let directory = directory();
    // A path in a kubeconfig is relative to the file.
    let url = format!("https://localhost:{}", server.port);
    let path = kubeconfig(&directory, &format!("server: {url:?}, certificate-authority: ca.pem"));
    let settings = Connect { kubeconfig: Some(path), ..Connect::default() };
    for (authority, believed) in [(other, false), (pem, true)] {
        std::fs::write(directory.join("ca.pem"), authority).unwrap();
        let kube = Kube::connect(&settings, &Environment::invented([], &directory)).unwrap();
        let answer = kube.service("hello".parse().unwrap()).service().await;
        if believed {
            assert_eq!(answer, Ok(json!({"a": 1})));
        } else {
            assert!(matches!(&answer, Err(ApiError::Unreachable(t)) if t.contains("certificate")), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_probe_believes_the_file_that_it_was_given() {
    let (server, pem) = private(vec![Reply::Answer(200, "", "ok".into()); 2]).await;
    let file = directory().join("ca.pem");
    std::fs::write(&file, pem).unwrap();
    let request = ProbeRequest {
        url: format!("https://localhost:{}", server.port),
        path: "/".into(),
        timeout: Duration::from_secs(5),
        form: None,
    };
    let stranger = HttpProber::new(&Travel::default()).unwrap().ask(&request).await;
    assert!(matches!(&stranger, Answer::Unreachable(t) if t.contains("certificate")), "{stranger:?}");
    // A directory as container tools have it: what does not end in .crt is something else.
    let folder = directory();
    std::fs::copy(&file, folder.join("ours.crt")).unwrap();
    std::fs::write(folder.join("client.key"), "no certificate").unwrap();
    for path in [&file, &folder] {
        let travel = Travel { ca_file: Some(path.clone()), ..Travel::default() };
        let friend = HttpProber::new(&travel).unwrap().ask(&request).await;
        assert!(matches!(&friend, Answer::Http { status: 200, .. }), "{friend:?}");
    }

    std::fs::write(&file, "no certificate").unwrap();
    std::fs::remove_file(folder.join("ours.crt")).unwrap();
    for path in [file, folder, "/nowhere/ca.pem".into()] {
        let plan = HttpProber::new(&Travel { ca_file: Some(path), ..Travel::default() });
        assert!(matches!(plan, Err(BadTravel::CaFile { .. })));
    }
}
