//! What registries, token servers, credentials and proxies say in words that are easily taken for something else.

use super::registry::{DIGEST, SECRET, authorizations, headers, status};
use super::script::{Reply, Server, directory};
use andante::adapter::env::Environment;
use andante::adapter::registry::{DockerConfig, Registry, RegistryAccess, RegistryError};
use andante::image::reference::{Digest, Reference};
use serde_json::{Value, json};
use std::time::Duration;

const MANIFEST: &str = "{\"schemaVersion\":2}";
const KIND: &str = "content-type: application/vnd.oci.image.manifest.v1+json\r\n";

type Answer = Result<Option<Digest>, RegistryError>;

/// Asks for an image, with this Docker config.
async fn ask(config: &Value, reference: &str, plain_http: bool, variables: &[(&str, &str)]) -> Answer {
    let home = directory();
    std::fs::write(home.join("config.json"), config.to_string()).unwrap();
    let config = DockerConfig::read(&home).unwrap();
    let asking = RegistryAccess { config, ca_file: None, plain_http, limit: Duration::from_secs(5) };
    let environment = Environment::invented(variables.iter().copied(), &home);
    let registry = Registry::new(asking, &environment).unwrap();
    let answer = registry.digest(&reference.parse::<Reference>().unwrap()).await;
    let shown =
        format!("{registry:?} {answer:?} {}", answer.as_ref().err().map(ToString::to_string).unwrap_or_default());
    assert!(!shown.contains(SECRET), "{shown}");
    answer
}

/// Asks this server for `stuff/hello:v1`, with this entry of a Docker config.
async fn ask_as(entry: &Value, server: &Server) -> Answer {
    let host = format!("127.0.0.1:{}", server.port);
    ask(&json!({"auths": {host.as_str(): entry}}), &format!("{host}/stuff/hello:v1"), true, &[]).await
}

fn kim() -> Value {
    json!({"username": "kim", "password": SECRET})
}

fn told() -> Reply {
    status(200, headers(format!("docker-content-digest: {DIGEST}\r\n")))
}

/// What it then means.
fn found() -> Digest {
    DIGEST.parse().unwrap()
}

#[tokio::test]
async fn a_realm_in_another_alphabet_is_a_realm() {
    let server = Server::start(vec![status(401, "www-authenticate: Basic realm=\"Über\"\r\n"), told()]).await;
    assert_eq!(ask_as(&kim(), &server).await, Ok(Some(found())));
    assert!(authorizations(&server)[1].as_deref().unwrap().starts_with("Basic "));
    // Whoever is not believed by it is told so.
    let server = Server::start(vec![status(401, "www-authenticate: Basic realm=\"Über\"\r\n"); 2]).await;
    assert!(ask_as(&kim(), &server).await.unwrap_err().to_string().contains("are not believed"));

    let tokens = Server::start(vec![Reply::json(200, &json!({"token": "t"}))]).await;
    let wanted = format!("www-authenticate: Bearer realm=\"{}/token\",service=\"Über\"\r\n", tokens.url());
    let server = Server::start(vec![status(401, headers(wanted)), told()]).await;
    assert_eq!(ask_as(&kim(), &server).await, Ok(Some(found())));
    assert!(tokens.seen()[0].line.ends_with("&service=%C3%9Cber"), "{}", tokens.seen()[0].line);
}

#[tokio::test]
async fn each_scope_is_asked_for_by_itself() {
    for (entry, expected) in [
        (kim(), "GET /token?scope=repository%3Aa%3Apull&scope=repository%3Ab%3Apull%2Cpush&service=s"),
        // In a form of OAuth 2 they are one text.
        (json!({"identitytoken": SECRET}), "scope=repository%3Aa%3Apull+repository%3Ab%3Apull%2Cpush&"),
    ] {
        let tokens = Server::start(vec![Reply::json(200, &json!({"token": "t"}))]).await;
        let scope = "repository:a:pull repository:b:pull,push";
        let wanted =
            format!("www-authenticate: Bearer realm=\"{}/token\",service=s,scope=\"{scope}\"\r\n", tokens.url());
        let server = Server::start(vec![status(401, headers(wanted)), told()]).await;
        assert_eq!(ask_as(&entry, &server).await, Ok(Some(found())));
        let seen = &tokens.seen()[0];
        assert!(seen.line == expected || seen.body.contains(expected), "{} {}", seen.line, seen.body);
    }
}

/// A registry that wants a token of this server, and what it answers to whoever brings one.
async fn of_tokens(tokens: &Server, then: Reply) -> Server {
    let wanted = format!("www-authenticate: Bearer realm=\"{}/token\"\r\n", tokens.url());
    Server::start(vec![status(401, headers(wanted)), then]).await
}

#[tokio::test]
async fn who_is_not_believed_is_told_so_and_nothing_of_the_repository() {
    let grant = |error: &str| Reply::json(400, &json!({"error": error}));
    let identity = json!({"identitytoken": SECRET});
    for (entry, reply) in
        [(kim(), status(401, "")), (identity.clone(), status(401, "")), (identity.clone(), grant("invalid_grant"))]
    {
        let tokens = Server::start(vec![reply]).await;
        believed(&ask_as(&entry, &of_tokens(&tokens, told()).await).await, false);
    }
    let basic = status(401, "www-authenticate: Basic realm=\"x\"\r\n");
    believed(&ask_as(&kim(), &Server::start(vec![basic.clone(), basic.clone()]).await).await, false);
    let sent = json!({"registrytoken": SECRET});
    let bearer = status(401, "www-authenticate: Bearer realm=\"https://x\",error=\"invalid_token\"\r\n");
    believed(&ask_as(&sent, &Server::start(vec![bearer.clone(), bearer]).await).await, false);

    // A right that is missing is one.
    let lacks = status(401, "www-authenticate: Bearer realm=\"https://x\",error=\"insufficient_scope\"\r\n");
    believed(&ask_as(&sent, &Server::start(vec![lacks.clone(), lacks.clone()]).await).await, true);
    believed(&ask_as(&kim(), &Server::start(vec![basic.clone(), status(403, "")]).await).await, true);
    let tokens = Server::start(vec![Reply::json(200, &json!({"token": "t"}))]).await;
    // The password was believed: whoever takes one or a token took the token.
    let either = "www-authenticate: Basic realm=\"x\", Bearer realm=\"https://x\"\r\n";
    believed(&ask_as(&kim(), &of_tokens(&tokens, status(401, either)).await).await, true);

    // What was never sent is not what is wrong.
    let error = ask_as(&identity, &Server::start(vec![basic]).await).await.unwrap_err().to_string();
    assert!(
        error.starts_with("not permitted (401): it wants a name and a password, and the Docker config keeps a"),
        "{error}"
    );
    let tokens = Server::start(vec![grant("invalid_request")]).await;
    let error = ask_as(&identity, &of_tokens(&tokens, told()).await).await.unwrap_err().to_string();
    assert_eq!(error, "its token server answered 400");
}

#[track_caller]
fn believed(answer: &Answer, believed: bool) {
    let error = answer.as_ref().unwrap_err();
    assert_eq!(error.may_be_absence(), believed, "{error}");
    let said = error.to_string();
    assert_eq!(said.contains("the credentials of the Docker config are not believed"), !believed, "{said}");
    assert_eq!(said.contains("this repository"), believed, "{said}");
}

#[tokio::test]
async fn media_types_have_no_case() {
    let kind = "content-type: Application/VND.oci.image.Manifest.v1+JSON ; charset=UTF-8\r\n";
    let server = Server::start(vec![status(200, ""), Reply::Answer(200, kind, MANIFEST.into())]).await;
    assert!(ask_as(&kim(), &server).await.unwrap().is_some());
}

#[tokio::test]
async fn a_digest_by_another_algorithm_is_computed_or_refused() {
    let hash = ring::digest::digest(&ring::digest::SHA512, MANIFEST.as_bytes());
    let hex = hash.as_ref().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let (right, wrong) = (format!("sha512:{hex}"), format!("sha512:{}", "0a".repeat(64)));
    let other = format!("it answered with the digest {right}, which was not asked for");
    let blake3 = format!("blake3:{}", "0a".repeat(32));
    let refused = "whether it has the image of this digest cannot be told, because blake3 is not computed here: name it by \
                   its sha256 digest";
    // A registry tells its own digest by sha256, or none.
    let own = headers(format!("docker-content-digest: {DIGEST}\r\n"));
    for head in [own, ""] {
        for (asked, expected) in [(&right, Ok(right.as_str())), (&wrong, Err(other.as_str())), (&blake3, Err(refused))]
        {
            let server = Server::start(vec![status(200, head), Reply::Answer(200, KIND, MANIFEST.into())]).await;
            let reference = format!("127.0.0.1:{}/stuff/hello@{asked}", server.port);
            let answer = ask(&json!({}), &reference, true, &[]).await;
            let answer = answer.map(|found| found.unwrap().to_string()).map_err(|error| error.to_string());
            assert_eq!(answer.as_deref().map_err(String::as_str), expected, "{asked}");
            assert_eq!(server.seen()[1].line, format!("GET /v2/stuff/hello/manifests/{asked}"));
        }
    }
    // One that vouches for what was asked for is believed as with sha256.
    let told = headers(format!("docker-content-digest: {blake3}\r\n"));
    let server = Server::start(vec![status(200, told)]).await;
    let reference = format!("127.0.0.1:{}/stuff/hello@{blake3}", server.port);
    assert_eq!(ask(&json!({}), &reference, true, &[]).await, Ok(Some(blake3.parse().unwrap())));
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_nothing_to_other_registries() {
    let server = Server::start(vec![status(401, "www-authenticate: Basic realm=\"x\"\r\n"), told()]).await;
    let host = format!("127.0.0.1:{}", server.port);
    let config = json!({"auths": {"broken.io": {"auth": "garbage"}, host.as_str(): kim(), "odd.io": 7}});
    assert_eq!(ask(&config, &format!("{host}/stuff/hello:v1"), true, &[]).await, Ok(Some(found())));
    // Where it is the one that is needed, it is what is named.
    let server = Server::start(vec![status(401, "www-authenticate: Basic realm=\"x\"\r\n")]).await;
    let error = ask_as(&json!({"auth": SECRET}), &server).await.unwrap_err().to_string();
    assert!(error.contains("the `auth` that the Docker config keeps for it is not base64 of NAME:PASSWORD"), "{error}");
    assert_eq!(authorizations(&server), [None]);
}

#[tokio::test]
async fn a_proxy_that_cannot_be_used_is_an_error_where_it_would_be_used() {
    let none = json!({});
    for (value, why) in [
        ("http://kim:s3cret@p.test:port", "it is not a URL"),
        ("kim:s3cret@[::1", "it is not a URL"),
        ("socks5://kim:s3cret@p.test", "only http and https proxies are supported"),
    ] {
        for variable in ["HTTPS_PROXY", "https_proxy"] {
            let answer = ask(&none, "registry.test/x:v1", false, &[(variable, value)]).await;
            let error = answer.unwrap_err();
            assert!(!error.is_passing() && !error.may_be_absence());
            assert_eq!(
                error.to_string(),
                format!("{variable} names no proxy that can be used: {why} (it is http://HOST:PORT)")
            );
        }
        let answer = ask(&none, "registry.test/x:v1", true, &[("HTTP_PROXY", value)]).await;
        assert!(answer.unwrap_err().to_string().starts_with("HTTP_PROXY names no proxy"));
        // Whom it is not for is asked as ever.
        let server = Server::start(vec![told(), told()]).await;
        let near = format!("127.0.0.1:{}/x:v1", server.port);
        assert_eq!(ask(&none, &near, true, &[("HTTPS_PROXY", value), ("HTTP_PROXY", value)]).await, Ok(Some(found())));
        assert_eq!(ask(&none, &near, true, &[("HTTPS_PROXY", value)]).await, Ok(Some(found())));
    }
    // A token server elsewhere would be asked through it too.
    let wanted = "www-authenticate: Bearer realm=\"https://tokens.test/token\"\r\n";
    let server = Server::start(vec![status(401, wanted)]).await;
    let near = format!("127.0.0.1:{}/x:v1", server.port);
    let answer = ask(&none, &near, true, &[("HTTPS_PROXY", "http://kim:s3cret@p.test:port")]).await;
    assert!(answer.unwrap_err().to_string().starts_with("HTTPS_PROXY names no proxy"));
}
