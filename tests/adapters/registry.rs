//! Registries that are broken, slow or hostile: each ends in a clear error, within limits, and learns nothing that it
//! should not. What real registries do is proved in `tests/registry`.

use super::script::{Reply, Server, directory};
use andante::adapter::env::Environment;
use andante::adapter::registry::{DockerConfig, Registry, RegistryAccess, RegistryError};
use andante::image::reference::{Digest, Reference};
use serde_json::json;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::Instant;

pub(super) const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// Of `{"schemaVersion":2}`.
const OF_MANIFEST: &str = "sha256:bafebd36189ad3688b7b3915ea55d461e0bfcfbdde11e54b0a123999fb6be50f";
pub(super) const SECRET: &str = "s3cret";

/// Asks this server for `stuff/hello:v1`, with credentials for it.
async fn ask(server: &Server) -> Result<Option<Digest>, RegistryError> {
    ask_for(server, &format!("127.0.0.1:{}/stuff/hello:v1", server.port), Duration::from_secs(5)).await
}

async fn ask_for(server: &Server, reference: &str, limit: Duration) -> Result<Option<Digest>, RegistryError> {
    let home = directory();
    let auths = json!({"auths": {format!("127.0.0.1:{}", server.port): {"username": "kim", "password": SECRET}}});
    std::fs::write(home.join("config.json"), auths.to_string()).unwrap();
    let config = DockerConfig::read(&home).unwrap();
    let asking = RegistryAccess { config, ca_file: None, plain_http: true, limit };
    let registry = Registry::new(asking, &Environment::invented([], &home)).unwrap();
    let answer = registry.digest(&reference.parse::<Reference>().unwrap()).await;
    if let Err(error) = &answer {
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
    }
    answer
}

pub(super) fn status(status: u16, headers: &'static str) -> Reply {
    Reply::Answer(status, headers, String::new())
}

/// Headers of an answer that are made at run time, for the length of the test.
pub(super) fn headers(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

pub(super) fn authorizations(server: &Server) -> Vec<Option<String>> {
    server.seen().iter().map(|seen| seen.header("authorization").map(str::to_owned)).collect()
}

#[tokio::test]
async fn what_each_status_means() {
    for (code, more, said, passing, wait) in [
        (403, "", "not permitted (403): the credentials of the Docker config give no right", false, None),
        (429, "retry-after: 7\r\n", "it limits the rate of requests (429), and asks to wait 7s", true, Some(7)),
        (429, "", "it limits the rate of requests (429)", true, None),
        (429, "retry-after: Wed, 21 Oct 2026 07:28:00 GMT\r\n", "it limits the rate of requests (429)", true, Some(60)),
        (500, "", "it is in trouble (500)", true, None),
        (503, "retry-after: 3600\r\n", "it is in trouble (503), and asks to wait 1h", true, Some(3600)),
        (418, "", "it answered 418, which is not how a registry answers", false, None),
        (204, "", "it answered 204, which is not how a registry answers", false, None),
    ] {
        let server = Server::start(vec![status(code, more)]).await;
        let error = ask(&server).await.unwrap_err();
        assert!(error.to_string().starts_with(said), "{code}: {error}");
        assert_eq!(error.is_passing(), passing, "{code}");
        assert_eq!(error.retry_after(), wait.map(Duration::from_secs), "{code}");
        assert_eq!(server.seen().len(), 1, "{code}: nothing is tried twice here");
        assert_eq!(authorizations(&server), [None], "no credentials before they are asked for");
    }
}

const OF_REGISTRIES: &str = "docker-distribution-api-version: registry/2.0\r\n";

#[tokio::test]
async fn only_a_registry_says_that_an_image_is_not_there() {
    let server = Server::start(vec![status(404, OF_REGISTRIES)]).await;
    assert_eq!((ask(&server).await, server.seen().len()), (Ok(None), 1));
    // Without the header its own words are read, which an answer to HEAD has not got.
    let json = "content-type: application/json\r\n";
    let unknown = json!({"errors": [{"code": "NAME_UNKNOWN", "message": "x"}]}).to_string();
    let server = Server::start(vec![status(404, json), Reply::Answer(404, json, unknown)]).await;
    assert_eq!((ask(&server).await, server.seen().len()), (Ok(None), 2));
    for (kind, body) in [
        ("content-type: text/plain\r\n", "default backend - 404"),
        ("content-type: text/html\r\n", "<html>404</html>"),
        (json, "{\"message\": \"no Route matched with those values\"}"),
        (json, "{\"kind\": \"Status\", \"code\": 404}"),
        (json, "{\"errors\": []}"),
        ("", ""),
    ] {
        let server = Server::start(vec![status(404, kind), Reply::Answer(404, kind, body.into())]).await;
        let error = ask(&server).await.unwrap_err();
        assert!(matches!(&error, RegistryError::Odd(why) if why.contains("not as a registry does")), "{body}: {error}");
    }
}

#[tokio::test]
async fn a_refusal_may_be_absence_unless_the_account_is_unknown() {
    let basic = "www-authenticate: Basic realm=\"x\"\r\n";
    for (second, absence) in [(status(401, basic), false), (status(403, ""), true)] {
        let server = Server::start(vec![status(401, basic), second]).await;
        assert_eq!(ask(&server).await.unwrap_err().may_be_absence(), absence);
    }
    for (code, absence) in [(401, false), (403, true)] {
        let tokens = Server::start(vec![status(code, "")]).await;
        let challenge = headers(format!("www-authenticate: Bearer realm=\"{}/token\"\r\n", tokens.url()));
        let server = Server::start(vec![status(401, challenge)]).await;
        assert_eq!(ask(&server).await.unwrap_err().may_be_absence(), absence, "{code} of the token server");
    }
    for code in [404, 418, 429, 500] {
        let server = Server::start(vec![status(code, ""), status(code, "")]).await;
        assert!(!ask(&server).await.unwrap_err().may_be_absence(), "{code}");
    }
}

#[tokio::test]
async fn a_digest_that_is_none_and_one_that_was_not_asked_for() {
    for told in ["docker-content-digest: latest\r\n", "docker-content-digest: sha256:12\r\n"] {
        let server = Server::start(vec![status(200, told)]).await;
        assert_eq!(ask(&server).await, Err(RegistryError::Odd("the digest in its answer is none".into())));
    }
    let told = headers(format!("docker-content-digest: {DIGEST}\r\n"));
    let server = Server::start(vec![status(200, told)]).await;
    assert_eq!(ask(&server).await, Ok(Some(DIGEST.parse().unwrap())));

    let server = Server::start(vec![status(200, told)]).await;
    let other = format!("127.0.0.1:{}/stuff/hello@sha256:{}", server.port, "0".repeat(64));
    let error = ask_for(&server, &other, Duration::from_secs(5)).await.unwrap_err().to_string();
    assert_eq!(error, format!("it answered with the digest {DIGEST}, which was not asked for"));
}

#[tokio::test]
async fn without_a_digest_the_manifest_itself_is_read() {
    let manifest = "{\"schemaVersion\":2}";
    let kind = "content-type: application/vnd.oci.image.manifest.v1+json; charset=utf-8\r\n";
    for first in [status(200, ""), status(405, "")] {
        let server = Server::start(vec![first, Reply::Answer(200, kind, manifest.into())]).await;
        assert_eq!(ask(&server).await, Ok(Some(OF_MANIFEST.parse().unwrap())));
        let lines: Vec<String> = server.seen().into_iter().map(|seen| seen.line).collect();
        assert_eq!(lines, ["HEAD /v2/stuff/hello/manifests/v1", "GET /v2/stuff/hello/manifests/v1"]);
    }
    // A page of a login, a proxy or a portal is no image, nor is nothing, nor a kind that nobody asked for.
    let signed = "content-type: application/vnd.docker.distribution.manifest.v1+prettyjws\r\n";
    for (kind, body) in [
        ("content-type: text/html\r\n", "<html>log in</html>"),
        ("", ""),
        (kind, ""),
        (kind, "<html>log in</html>"),
        (kind, "{\"schemaVersion\":1}"),
        ("content-type: application/json\r\n", manifest),
        (signed, manifest),
    ] {
        let server = Server::start(vec![status(200, ""), Reply::Answer(200, kind, body.into())]).await;
        let found = ask(&server).await;
        assert_eq!(found, Err(RegistryError::Odd("what it answered is no image manifest".into())), "{kind} {body}");
    }
}

#[tokio::test]
async fn whom_a_registry_redirects_to_is_told_nothing_for_the_asking() {
    let thief = Server::start(vec![]).await;
    let realm = headers(format!("www-authenticate: Bearer realm=\"{}/token\"\r\n", thief.url()));
    for wanted in [realm, "www-authenticate: Basic realm=\"x\"\r\n"] {
        let elsewhere = Server::start(vec![status(401, wanted)]).await;
        let away = headers(format!("location: {}/blob\r\n", elsewhere.url()));
        let server = Server::start(vec![status(307, away)]).await;
        let found = ask(&server).await;
        assert_eq!(found, Err(RegistryError::Odd("the place that it redirects to wants credentials".into())));
        assert_eq!((authorizations(&server), authorizations(&elsewhere)), (vec![None], vec![None]));
    }
    assert_eq!(thief.seen().len(), 0);
}

#[tokio::test]
async fn more_than_a_manifest_may_have_is_not_read() {
    let endless = format!("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n{}", "x".repeat((4 << 20) + 4096));
    let server = Server::start(vec![status(405, ""), Reply::Hang(endless)]).await;
    let error = ask(&server).await.unwrap_err();
    assert_eq!(error, RegistryError::Odd("its answer is larger than 4194304 bytes".into()));
}

#[tokio::test]
async fn who_dawdles_is_not_waited_for() {
    let drip = (0..40).map(|_| (Duration::from_millis(100), "x".to_owned()));
    let begin = (Duration::ZERO, "HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n".to_owned());
    for last in [Reply::Hang(String::new()), Reply::Pieces(std::iter::once(begin).chain(drip).collect())] {
        let server = Server::start(vec![status(405, ""), last]).await;
        let reference = format!("127.0.0.1:{}/x:v1", server.port);
        let began = Instant::now();
        let error = ask_for(&server, &reference, Duration::from_millis(500)).await.unwrap_err();
        assert!(matches!(&error, RegistryError::Unreachable(why) if why.contains("500ms")), "{error}");
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn garbage_and_broken_lines() {
    for reply in [
        Reply::Reset,
        Reply::Pieces(vec![(Duration::ZERO, "SSH-2.0-OpenSSH_9\r\n".into())]),
        Reply::Pieces(vec![(Duration::ZERO, "\0\u{1}\u{2}\r\n\r\n".into())]),
        Reply::Pieces(vec![]),
    ] {
        let server = Server::start(vec![reply.clone()]).await;
        let error = ask(&server).await.unwrap_err();
        assert!(matches!(error, RegistryError::Unreachable(_)), "{reply:?}: {error}");
    }
}

#[tokio::test]
async fn a_redirect_elsewhere_takes_no_credentials_along() {
    let told = headers(format!("docker-content-digest: {DIGEST}\r\n"));
    let elsewhere = Server::start(vec![status(200, told)]).await;
    let away = headers(format!("location: {}/blob\r\n", elsewhere.url()));
    let server = Server::start(vec![status(401, "www-authenticate: Basic realm=\"x\"\r\n"), status(307, away)]).await;
    assert_eq!(ask(&server).await, Ok(Some(DIGEST.parse().unwrap())));
    assert!(authorizations(&server)[1].is_some(), "the registry itself got them");
    assert_eq!(authorizations(&elsewhere), [None]);

    // In the same place they stay.
    let replies = [status(401, "www-authenticate: Basic realm=\"x\"\r\n"), status(302, "location: /moved\r\n")];
    let server = Server::start([replies.to_vec(), vec![status(200, told)]].concat()).await;
    assert_eq!(ask(&server).await, Ok(Some(DIGEST.parse().unwrap())));
    assert!(authorizations(&server)[2].is_some());
}

#[tokio::test]
async fn redirects_have_an_end_and_a_target() {
    let server = Server::start(vec![status(302, "location: /v2/again\r\n"); 20]).await;
    assert_eq!(ask(&server).await, Err(RegistryError::Odd("it redirects more than 5 times".into())));
    assert_eq!(server.seen().len(), 6);
    for target in ["", "location: file:///etc/passwd\r\n", "location: http://[\r\n", "location: ftp://x/\r\n"] {
        let server = Server::start(vec![status(302, target)]).await;
        assert!(matches!(ask(&server).await, Err(RegistryError::Odd(_))), "{target}");
        assert_eq!(server.seen().len(), 1, "{target}");
    }
}

#[tokio::test]
async fn who_refuses_for_ever_is_asked_twice() {
    let server = Server::start(vec![status(401, "www-authenticate: Basic realm=\"x\"\r\n"); 5]).await;
    assert!(matches!(ask(&server).await, Err(RegistryError::Denied { status: 401, .. })));
    assert_eq!(server.seen().len(), 2);
    for (challenge, said) in [
        ("", "it wants neither a token nor a password"),
        ("www-authenticate: Negotiate\r\n", "it wants neither a token nor a password"),
        ("www-authenticate: Bearer service=\"x\"\r\n", "the token server that it names is no address"),
        ("www-authenticate: Bearer realm=\"file:///etc\"\r\n", "the token server that it names is"),
        ("www-authenticate: Bearer realm=\"ftp://127.0.0.1/\"\r\n", "the token server that it names is not on the web"),
        (
            "www-authenticate: Bearer realm=\"http://a:b@127.0.0.1/\"\r\n",
            "the token server that it names has credentials",
        ),
    ] {
        let server = Server::start(vec![status(401, challenge)]).await;
        let error = ask(&server).await.unwrap_err().to_string();
        assert!(error.starts_with(said), "{challenge}: {error}");
        assert_eq!(authorizations(&server), [None], "{challenge}");
    }
}

#[tokio::test]
async fn token_servers_that_give_none() {
    for (reply, said) in [
        (Reply::Answer(200, "", "{}".into()), "its token server answered with no token"),
        (Reply::Answer(200, "", "<html>".into()), "its token server answered with no token"),
        (Reply::Answer(200, "", json!({"token": null}).to_string()), "its token server answered with no token"),
        (Reply::Answer(200, "", json!({"token": "a\r\nx: y"}).to_string()), "its token server answered with no token"),
        (Reply::Answer(200, "", "x".repeat(300_000)), "its token server: its answer is larger than 262144 bytes"),
        (status(403, ""), "not permitted (403 of its token server)"),
        (status(429, "retry-after: 9\r\n"), "it limits the rate of requests (429), and asks to wait 9s"),
        (status(502, ""), "it is in trouble (502)"),
        // A redirect would take the password along.
        (status(302, "location: /elsewhere\r\n"), "its token server answered 302"),
        (Reply::Reset, "no answer: its token server: "),
    ] {
        let tokens = Server::start(vec![reply]).await;
        let challenge = headers(format!("www-authenticate: Bearer realm=\"{}/token\"\r\n", tokens.url()));
        let server = Server::start(vec![status(401, challenge)]).await;
        let error = ask(&server).await.unwrap_err().to_string();
        assert!(error.starts_with(said), "{said}: {error}");
        assert_eq!((server.seen().len(), tokens.seen().len()), (1, 1), "{said}");
    }
}

#[tokio::test]
async fn a_token_has_two_names_of_which_one_may_be_empty() {
    let told = headers(format!("docker-content-digest: {DIGEST}\r\n"));
    for token in [json!({"token": null, "access_token": "t"}), json!({"token": "", "access_token": "t"})] {
        let tokens = Server::start(vec![Reply::Answer(200, "", token.to_string())]).await;
        let challenge = headers(format!("www-authenticate: Bearer realm=\"{}/token\"\r\n", tokens.url()));
        let server = Server::start(vec![status(401, challenge), status(200, told)]).await;
        assert_eq!(ask(&server).await, Ok(Some(DIGEST.parse().unwrap())));
        assert_eq!(authorizations(&server)[1].as_deref(), Some("Bearer t"));
    }
}

#[tokio::test]
async fn a_proxy_is_used_for_what_it_is_for() {
    let told = headers(format!("docker-content-digest: {DIGEST}\r\n"));
    let proxy = Server::start(vec![status(200, told)]).await;
    let url = proxy.url();
    let home = directory();
    let asking = || RegistryAccess {
        config: DockerConfig::default(),
        ca_file: None,
        plain_http: true,
        limit: Duration::from_secs(5),
    };
    let reference: Reference = "registry.test/x:v1".parse().unwrap();
    let environment = Environment::invented([("HTTP_PROXY", url.as_str())], &home);
    let found = Registry::new(asking(), &environment).unwrap().digest(&reference).await;
    assert_eq!(found, Ok(Some(DIGEST.parse().unwrap())));
    assert_eq!(proxy.seen()[0].line, "HEAD http://registry.test/v2/x/manifests/v1");
    // The loopback address is reached without one.
    let direct = Server::start(vec![status(404, OF_REGISTRIES)]).await;
    let reference: Reference = format!("127.0.0.1:{}/x:v1", direct.port).parse().unwrap();
    assert_eq!(Registry::new(asking(), &environment).unwrap().digest(&reference).await, Ok(None));
    assert_eq!((proxy.seen().len(), direct.seen().len()), (1, 1));
}

#[tokio::test]
async fn plain_words_that_nobody_asked_for_go_through_no_proxy() {
    // Behind a proxy for TLS there is somebody who does not speak it; plain HTTP would be next, for a private address.
    let no_tls = "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n";
    for plain_http in [false, true] {
        let tls = Server::start(vec![Reply::Hang(no_tls.into())]).await;
        let plain = Server::start(vec![status(404, OF_REGISTRIES)]).await;
        let (http, https) = (plain.url(), tls.url());
        let environment =
            Environment::invented([("HTTP_PROXY", http.as_str()), ("HTTPS_PROXY", https.as_str())], &directory());
        let limit = Duration::from_millis(500);
        let asking = RegistryAccess { config: DockerConfig::default(), ca_file: None, plain_http, limit };
        // Nobody is at this address.
        let reference: Reference = "10.255.255.254:9/x:v1".parse().unwrap();
        let found = Registry::new(asking, &environment).unwrap().digest(&reference).await;
        assert_eq!(found.is_ok(), plain_http, "{found:?}");
        let seen = (tls.seen().len(), plain.seen().len());
        assert_eq!(seen, if plain_http { (0, 1) } else { (1, 0) }, "{found:?}");
    }
}

#[tokio::test]
async fn who_hangs_up_on_tls_may_speak_plain_http() {
    // What was not read when a connection is closed resets it, else it ends.
    for read in [0, 4096] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.readable().await.unwrap();
            assert!(read == 0 || stream.read(&mut vec![0; read]).await.unwrap() > 0);
        });
        let limit = Duration::from_secs(5);
        let asking = RegistryAccess { config: DockerConfig::default(), ca_file: None, plain_http: false, limit };
        let registry = Registry::new(asking, &Environment::invented([], &directory())).unwrap();
        let reference: Reference = format!("127.0.0.1:{port}/x:v1").parse().unwrap();
        let error = registry.digest(&reference).await.unwrap_err();
        server.await.unwrap();
        assert!(matches!(error, RegistryError::HungUp(_)) && error.is_passing(), "{error:?}");
        let said = "if it does not speak TLS, --plain-http speaks plain HTTP with it";
        assert!(error.to_string().ends_with(said), "{error}");
    }
}
