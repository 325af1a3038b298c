//! Who may ask: passwords, tokens, TLS of a private authority. No credential is ever printed.

use super::builder::{Builder, Kind};
use super::server::{Access, Registry};
use super::tokens::{FOREIGN, HIDDEN, PASSWORD, REFRESH, Tokens};
use super::{Ran, andante, andante_with, directory, docker_config};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::path::PathBuf;

/// A store that has `stuff/hello:v1`, and its digest.
fn store() -> (PathBuf, String) {
    let store = directory().join("store");
    let open = Registry::start(&store, &Access::Open, false);
    let digest = Builder::get().push(&open, "stuff/hello:v1", Kind::Oci).0;
    (store, digest)
}

/// Every form in which a secret of these tests could be printed.
fn secrets() -> [String; 4] {
    let encoded = STANDARD.encode(format!("kim:{PASSWORD}"));
    [PASSWORD.to_owned(), REFRESH.to_owned(), encoded, "eyJ".to_owned()]
}

/// `image resolve`, of which no output holds a secret.
fn resolve(registry: &Registry, more: &[&str]) -> Ran {
    let reference = format!("{}/stuff/hello:v1", registry.address());
    let secrets = secrets();
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    andante(&[&["image", "resolve", &reference], more].concat()).never_says(&secrets)
}

#[test]
fn a_password() {
    let (store, digest) = store();
    let registry = Registry::start(&store, &Access::Password, false);
    let resolved = format!("{0}/stuff/hello@{digest}\n", registry.address());
    let ran = resolve(&registry, &[]).ended(31);
    assert!(
        ran.stderr.contains("not permitted (401): no credentials are kept for it: give --docker-config"),
        "{}",
        ran.stderr
    );

    let auth = json!({"auth": STANDARD.encode(format!("kim:{PASSWORD}"))});
    let config = docker_config(&registry.address(), &auth);
    let before = registry.asked().len();
    assert_eq!(resolve(&registry, &["--docker-config", &config]).ended(0).stdout, resolved);
    let head = "HEAD /v2/stuff/hello/manifests/v1";
    assert_eq!(registry.asked()[before..], [format!("{head} 401"), format!("{head} 200")]);

    // As a Secret of Kubernetes is mounted, as a file, and as the environment names it.
    let secret = directory();
    std::fs::copy(format!("{config}/config.json"), secret.join(".dockerconfigjson")).unwrap();
    assert_eq!(resolve(&registry, &["--docker-config", secret.to_str().unwrap()]).ended(0).stdout, resolved);
    assert_eq!(resolve(&registry, &["--docker-config", &format!("{config}/config.json")]).ended(0).stdout, resolved);
    let reference = format!("{}/stuff/hello:v1", registry.address());
    let ran = andante_with(&["image", "resolve", &reference], &[("DOCKER_CONFIG", &config)]).ended(0);
    assert_eq!(ran.stdout, resolved);
    let home = directory();
    std::fs::create_dir(home.join(".docker")).unwrap();
    std::fs::copy(format!("{config}/config.json"), home.join(".docker/config.json")).unwrap();
    let ran = andante_with(&["image", "resolve", &reference], &[("HOME", home.to_str().unwrap())]).ended(0);
    assert_eq!(ran.stdout, resolved);

    let wrong = docker_config(&registry.address(), &json!({"username": "kim", "password": "correct horse!"}));
    let ran = resolve_wrong(&registry, &wrong);
    assert!(
        ran.stderr.contains("not permitted (401): the credentials of the Docker config are not believed"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("repository"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("horse"), "{}", ran.stderr);
    // Credentials of another registry stay at home.
    let other = docker_config("registry.example.com", &auth);
    let ran = resolve(&registry, &["--docker-config", &other]).ended(31);
    assert!(ran.stderr.contains("no credentials are kept for it"), "{}", ran.stderr);
}

fn resolve_wrong(registry: &Registry, config: &str) -> Ran {
    resolve(registry, &["--docker-config", config]).ended(31)
}

#[test]
fn a_helper_is_named_and_not_run() {
    let (store, _) = store();
    let registry = Registry::start(&store, &Access::Password, false);
    let path = directory();
    let config = json!({"credHelpers": {registry.address(): "ecr-login"}});
    std::fs::write(path.join("config.json"), config.to_string()).unwrap();
    let ran = resolve_wrong(&registry, path.to_str().unwrap());
    let said =
        "the Docker config leaves its credentials to the helper \"ecr-login\", which is not run: put them into auths";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn a_config_that_cannot_be_used() {
    let path = directory();
    let shown = path.to_str().unwrap();
    let registry = Registry::open();
    let ran = resolve(&registry, &["--docker-config", shown]).ended(2);
    let said = format!("andante: --docker-config: there is neither config.json nor .dockerconfigjson in {shown}\n");
    assert_eq!(ran.stderr, said);
    let host = registry.address();
    let write = |of: &str| {
        let config = json!({"auths": {of: {"auth": PASSWORD}}});
        std::fs::write(path.join("config.json"), config.to_string()).unwrap();
    };
    write(&host);
    let ran = resolve(&registry, &["--docker-config", shown]).ended(2);
    let said = format!(
        "andante: --docker-config: the `auth` of the Docker config for {host} is not base64 of NAME:PASSWORD: log in anew\n"
    );
    assert_eq!(ran.stderr, said);
    assert_eq!(registry.asked(), [""; 0], "nothing was sent");
    // What stands there for another registry is nothing to this one.
    write("registry.example.com");
    assert_eq!(resolve(&registry, &["--docker-config", shown]).ended(32).stdout, "");
}

#[test]
fn a_config_that_may_not_be_looked_at_is_not_taken_for_none() {
    let registry = Registry::open();
    let reference = format!("{}/stuff/hello:v1", registry.address());
    let home = directory();
    let docker = home.join(".docker");
    let ask = |home: &str| andante_with(&["image", "resolve", &reference], &[("HOME", home)]);
    // None at all is no error: the image is not there.
    ask(home.to_str().unwrap()).ended(32);
    std::fs::create_dir(&docker).unwrap();
    ask(home.to_str().unwrap()).ended(32);
    let before = registry.asked().len();
    // A link to itself can be read by nobody, not even root.
    let config = docker.join("config.json");
    std::os::unix::fs::symlink(&config, &config).unwrap();
    let ran = ask(home.to_str().unwrap()).ended(2);
    let said = format!("andante: the registry's credentials: {}: ", config.display());
    assert!(ran.stderr.starts_with(&said), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("; --docker-config DIR names another place\n"), "{}", ran.stderr);
    let ran = resolve(&registry, &["--docker-config", docker.to_str().unwrap()]).ended(2);
    assert!(ran.stderr.starts_with(&format!("andante: --docker-config: {}: ", config.display())), "{}", ran.stderr);
    assert_eq!(registry.asked().len(), before, "nothing was sent");
}

#[test]
fn a_token() {
    let (store, digest) = store();
    let tokens = Tokens::start(false);
    let access = Access::Token { realm: tokens.realm.clone(), bundle: tokens.bundle.clone() };
    let registry = Registry::start(&store, &access, false);
    let resolved = format!("{0}/stuff/hello@{digest}\n", registry.address());
    let ran = resolve(&registry, &[]).ended(31);
    assert!(ran.stderr.contains("not permitted (401 of its token server): no credentials"), "{}", ran.stderr);

    let password = docker_config(&registry.address(), &json!({"username": "kim", "password": PASSWORD}));
    let refresh = docker_config(&registry.address(), &json!({"identitytoken": REFRESH}));
    let head = "HEAD /v2/stuff/hello/manifests/v1";
    for (config, kind) in [(password, "GET"), (refresh, "POST")] {
        let (before, asked) = (registry.asked().len(), tokens.asked().len());
        assert_eq!(resolve(&registry, &["--docker-config", &config]).ended(0).stdout, resolved);
        assert_eq!(registry.asked()[before..], [format!("{head} 401"), format!("{head} 200")], "one after the token");
        let asked = &tokens.asked()[asked..];
        assert_eq!(asked.len(), 1);
        assert!(asked[0].starts_with(kind) && asked[0].contains("repository%3Astuff%2Fhello%3Apull"), "{asked:?}");
    }
    for entry in [json!({"username": "kim", "password": "no"}), json!({"identitytoken": "no"})] {
        let ran = resolve_wrong(&registry, &docker_config(&registry.address(), &entry));
        let said = "not permitted (401 of its token server): the credentials of the Docker config are not believed";
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    // A token that is none is refused by the registry itself.
    let ran = resolve_wrong(&registry, &docker_config(&registry.address(), &json!({"registrytoken": "none"})));
    assert!(ran.stderr.contains("not permitted (401): the credentials of the Docker config are not"), "{}", ran.stderr);
}

#[test]
fn a_token_for_anybody() {
    let (store, digest) = store();
    let tokens = Tokens::start(true);
    let access = Access::Token { realm: tokens.realm.clone(), bundle: tokens.bundle.clone() };
    let registry = Registry::start(&store, &access, false);
    assert_eq!(resolve(&registry, &[]).ended(0).stdout, format!("{0}/stuff/hello@{digest}\n", registry.address()));
    let none = andante(&["image", "resolve", &format!("{}/stuff/none:v1", registry.address())]).ended(32);
    assert!(none.stderr.contains("the registry has no "), "{}", none.stderr);
}

const COMMIT: &str = "3f2a9c1d5e6f708192a3b4c5d6e7f8091a2b3c4d";

/// `andante image hello` below this path of the registry, with the results that it wrote.
fn name(registry: &Registry, path: &str, more: &[&str]) -> (Ran, String, String) {
    let repository = format!("{}/{path}", registry.address());
    let results = directory();
    let place = results.to_str().unwrap();
    let base = ["image", "hello", "--repository", &repository, "--commit", COMMIT, "--results", place];
    let ran = andante(&[&base, more].concat()).never_says(&secrets().each_ref().map(String::as_str));
    let read = |name: &str| std::fs::read_to_string(results.join(name)).unwrap();
    (ran, read("exists"), read("message"))
}

/// The build goes on, and nobody says that the image is there, or that it is not.
#[track_caller]
fn goes_on(registry: &Registry, path: &str, more: &[&str], why: &str) {
    let image = format!("{}/{path}/hello:{COMMIT}", registry.address());
    let (ran, exists, message) = name(registry, path, &[&["--if-exists=skip"], more].concat());
    let ran = ran.ended(0);
    assert_eq!((ran.stdout, exists.as_str()), (format!("{image}\n"), "unknown"), "{}", ran.stderr);
    let said = format!("{image} is to be built, whether it is there is not known: the registry {}", registry.address());
    assert!(message.starts_with(&said) && ran.stderr.starts_with(&format!("andante: {said}")), "{message}");
    assert!(ran.stderr.contains(why), "{}", ran.stderr);
    let (ran, exists, _) = name(registry, path, &[&["--if-exists=fail"], more].concat());
    assert_eq!((ran.ended(31).stdout.as_str(), exists.as_str()), ("", "unknown"));
}

#[test]
fn a_first_build_is_not_stopped_by_a_registry_that_hides_what_is_not_there() {
    let (store, _) = store();
    let tokens = Tokens::start(true);
    let access = Access::Token { realm: tokens.realm.clone(), bundle: tokens.bundle.clone() };
    let registry = Registry::start(&store, &access, false);
    let password = docker_config(&registry.address(), &json!({"username": "kim", "password": PASSWORD}));
    let config = ["--docker-config", password.as_str()];
    let no_right = "the credentials of the Docker config give no right to this repository";
    goes_on(&registry, FOREIGN, &config, &format!("not permitted (401): {no_right}"));
    goes_on(&registry, FOREIGN, &[], "not permitted (401): no credentials are kept for it");
    goes_on(&registry, HIDDEN, &config, &format!("not permitted (403 of its token server): {no_right}"));
    // Where there is a right, the answer is one.
    let (ran, exists, _) = name(&registry, "stuff", &[&["--if-exists=skip"], &config[..]].concat());
    assert_eq!((ran.ended(0).code, exists.as_str()), (0, "false"));
    // An account that is not believed is not a matter of the repository: the push would fail as well.
    let strict = Tokens::start(false);
    let access = Access::Token { realm: strict.realm.clone(), bundle: strict.bundle.clone() };
    let registry = Registry::start(&store, &access, false);
    let wrong = docker_config(&registry.address(), &json!({"username": "kim", "password": "no"}));
    let (ran, exists, _) = name(&registry, "stuff", &["--if-exists=skip", "--docker-config", &wrong]);
    assert!(ran.ended(31).stderr.contains("not permitted (401 of its token server)") && exists == "unknown");

    let registry = Registry::start(&store, &Access::Password, false);
    goes_on(&registry, "stuff", &[], "not permitted (401): no credentials are kept for it");
    let wrong = docker_config(&registry.address(), &json!({"username": "kim", "password": "no"}));
    let (ran, exists, _) = name(&registry, "stuff", &["--if-exists=skip", "--docker-config", &wrong]);
    assert!(ran.ended(31).stderr.contains("not permitted (401)") && exists == "unknown");
}

#[test]
fn tls_of_a_private_authority() {
    let (store, digest) = store();
    let registry = Registry::start(&store, &Access::Password, true);
    let authority = registry.authority.clone().unwrap();
    let authority = authority.to_str().unwrap();
    let config = docker_config(&registry.address(), &json!({"username": "kim", "password": PASSWORD}));
    let ran = resolve(&registry, &["--docker-config", &config, "--ca-file", authority]).ended(0);
    assert_eq!(ran.stdout, format!("{0}/stuff/hello@{digest}\n", registry.address()));

    // Not believed: nothing is sent, least of all over plain HTTP, although the address is a near one.
    let before = registry.asked().len();
    let ran = resolve(&registry, &["--docker-config", &config]).ended(31);
    assert!(ran.stderr.contains("its certificate is not believed: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("--ca-file PATH names who vouches for it"), "{}", ran.stderr);
    let ran = resolve(&registry, &["--docker-config", &config, "--plain-http"]).ended(31);
    assert!(ran.stderr.contains("it answered 400, which is not how a registry answers"), "{}", ran.stderr);
    assert_eq!(registry.asked().len(), before);

    let other = Registry::start(&store, &Access::Open, true);
    let ran = resolve(&other, &["--ca-file", authority]).ended(31);
    assert!(ran.stderr.contains("its certificate is not believed: "), "{}", ran.stderr);
}
