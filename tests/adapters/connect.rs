//! Where the cluster is: which source wins, and what a kubeconfig may get wrong.

use super::script::{Reply, Server, directory, kubeconfig};
use andante::adapter::cluster::{Connect, ConnectError, Kube};
use andante::adapter::env::Environment;
use andante::model::api_error::ApiError;
use andante::run::ports::Cluster;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

fn settings(path: &Path) -> Connect {
    Connect { kubeconfig: Some(path.to_owned()), call_limit: Duration::from_secs(5), ..Connect::default() }
}

/// A root with a service account and a home with a kubeconfig.
fn pod(root: &Path) -> Vec<(&'static str, String)> {
    let account = root.join("var/run/secrets/kubernetes.io/serviceaccount");
    std::fs::create_dir_all(&account).unwrap();
    std::fs::write(account.join("token"), "t").unwrap();
    std::fs::create_dir_all(root.join(".kube")).unwrap();
    kubeconfig(&root.join(".kube"), "server: \"http://home.test\"");
    vec![("KUBERNETES_SERVICE_HOST", "10.0.0.1".into()), ("HOME", root.display().to_string())]
}

fn environment(variables: &[(&'static str, String)], root: &Path) -> Environment {
    Environment::invented(variables.iter().map(|(k, v)| (*k, v.as_str())), root)
}

#[tokio::test]
async fn explicit_then_variable_then_pod_then_home() {
    let root = directory();
    let mut variables = pod(&root);
    let named = kubeconfig(&root, "server: \"http://named.test\"");
    let server = |settings: &Connect, variables: &[(&'static str, String)]| {
        Kube::connect(settings, &environment(variables, &root)).map(|k| k.server().to_owned())
    };
    let nothing = Connect::default();
    // The service account is chosen, though the address of a real one is not there.
    assert!(matches!(server(&nothing, &variables), Err(ConnectError::ServiceAccount(_))));
    // A context can only be one of a file.
    let context = Connect { context: Some("here".into()), ..Connect::default() };
    assert_eq!(server(&context, &variables).unwrap(), "http://home.test");
    assert_eq!(server(&nothing, &variables[1..]).unwrap(), "http://home.test");
    assert_eq!(server(&nothing, &[]), Err(ConnectError::NoCluster));

    let other = directory();
    let missing = other.join("missing");
    let listed = kubeconfig(&other, "server: \"http://listed.test\"");
    variables.push(("KUBECONFIG", format!("{}:{}:", missing.display(), listed.display())));
    assert_eq!(server(&nothing, &variables).unwrap(), "http://listed.test");
    assert_eq!(server(&settings(&named), &variables).unwrap(), "http://named.test");
}

#[tokio::test]
async fn the_namespace_is_the_named_one_or_the_contexts() {
    let root = directory();
    let path = kubeconfig(&root, "server: \"http://named.test\"");
    let nowhere = Environment::invented([], &root);
    assert_eq!(Kube::connect(&settings(&path), &nowhere).unwrap().namespace().as_str(), "shop");
    let named = Connect { namespace: Some("other".parse().unwrap()), ..settings(&path) };
    assert_eq!(Kube::connect(&named, &nowhere).unwrap().namespace().as_str(), "other");
}

#[tokio::test]
async fn a_bad_file_is_named_without_what_it_holds() {
    let root = directory();
    let path = root.join("config");
    let cases = [
        ("users: [{name: kim, user: {token: s3cret}}]\nclusters: {", "is not a kubeconfig (YAML cannot be parsed)"),
        ("", "it has no current-context: give --context"),
        (
            "current-context: x\ncontexts: [{name: b, context: {cluster: c}}, {name: a, context: {cluster: c}}]",
            "there is no context \"x\"; there are: a, b",
        ),
        (
            "current-context: x\ncontexts: [{name: x, context: {cluster: c}}]",
            "context \"x\" names a cluster \"c\" that is not there",
        ),
        (
            "current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c, cluster: {}}]",
            "cluster \"c\" has no readable server",
        ),
        (
            "current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\n\
             clusters: [{name: c, cluster: {server: 'https://a', certificate-authority-data: '**s3cret'}}]",
            "the certificate authority is not base64",
        ),
        (
            "current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\n\
             clusters: [{name: c, cluster: {server: 'https://a', certificate-authority-data: 'czNjcmV0'}}]",
            "the certificate authority is not PEM",
        ),
        (
            "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n\
             clusters: [{name: c, cluster: {server: 'http://a'}}]\n\
             users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, \
             args: ['-c', 'echo s3cret; exit 3'], interactiveMode: Never}}}]",
            "the kubeconfig's credential plugin failed: exit status: 3",
        ),
    ];
    for (text, expected) in cases {
        std::fs::write(&path, text).unwrap();
        let error = Kube::connect(&settings(&path), &Environment::invented([], &root)).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(&expected.replace('"', "\\\"")) || shown.contains(expected), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    let missing = Kube::connect(&settings(&root.join("none")), &Environment::invented([], &root)).unwrap_err();
    assert!(missing.to_string().contains("cannot be read: No such file"), "{missing}");
}

#[tokio::test]
async fn a_proxy_is_used_unless_no_proxy_names_the_api_server() {
    let refused = Reply::Answer(403, "", String::new());
    let proxy = Server::start(vec![refused.clone(), refused]).await;
    let root = directory();
    let path = kubeconfig(&root, "server: \"http://api.invalid:6443\"");
    let ask = async |settings: Connect, no_proxy: &'static str| {
        let variables = [("HTTP_PROXY", format!("127.0.0.1:{}", proxy.port)), ("NO_PROXY", no_proxy.into())];
        let kube = Kube::connect(&settings, &environment(&variables, &root)).unwrap();
        let error = kube.service("hello".parse().unwrap()).service().await.unwrap_err();
        assert!(matches!(error, ApiError::Unreachable(_)), "{error}");
    };
    ask(settings(&path), "example.org, 10.0.0.0/8,").await;
    assert_eq!(proxy.seen().iter().map(|s| s.line.as_str()).collect::<Vec<_>>(), ["CONNECT api.invalid:6443"]);
    ask(settings(&path), "example.org,.invalid,").await;
    assert_eq!(proxy.seen().len(), 1);
    // The file's own proxy counts whatever the environment says, as for kubectl.
    let url = proxy.url();
    let named = kubeconfig(&root, &format!("server: \"http://api.invalid:6443\", proxy-url: {url:?}"));
    ask(settings(&named), "*").await;
    assert_eq!(proxy.seen().len(), 2);
}

#[tokio::test]
async fn a_proxy_that_cannot_be_used_is_an_error_without_its_password() {
    let root = directory();
    let path = kubeconfig(&root, "server: \"http://api.invalid\", proxy-url: \"socks5://kim:s3cret@p.test\"");
    let error = Kube::connect(&settings(&path), &Environment::invented([], &root)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the kubeconfig's proxy-url names no proxy that can be used: only http and https proxies are supported (it is http://HOST:PORT)"
    );
    // A port that is none would else be taken for none at all.
    let path = kubeconfig(&root, "server: \"https://api.invalid\"");
    let environment = Environment::invented([("HTTPS_PROXY", "http://kim:s3cret@p.test:port")], &root);
    let error = Kube::connect(&settings(&path), &environment).unwrap_err();
    assert_eq!(
        error.to_string(),
        "HTTPS_PROXY names no proxy that can be used: it is not a URL (it is http://HOST:PORT)"
    );
}

#[tokio::test]
async fn a_credential_plugin_is_asked() {
    let server = Server::start(vec![Reply::json(200, &json!({}))]).await;
    let root = directory();
    let path = root.join("config");
    let credential = json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": {"token": "from-plugin"}});
    let file = json!({
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server.url()}}],
        "users": [{"name": "u", "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "echo",
            "args": [credential.to_string()], "interactiveMode": "Never", "provideClusterInfo": true}}}],
    });
    std::fs::write(&path, file.to_string()).unwrap();
    let kube = Kube::connect(&settings(&path), &Environment::invented([], &root)).unwrap();
    assert_eq!(kube.namespace().as_str(), "default");
    kube.service("hello".parse().unwrap()).service().await.unwrap();
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer from-plugin"));
}

/// A kubeconfig of this server whose user has these credentials.
fn with_user(path: &Path, server: &str, user: &serde_json::Value) {
    let file = json!({
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
    });
    std::fs::write(path, file.to_string()).unwrap();
}

fn unknown() -> Reply {
    Reply::json(401, &json!({"kind": "Status", "code": 401, "reason": "Unauthorized", "message": "Unauthorized"}))
}

#[tokio::test]
async fn credentials_that_are_not_believed_any_more_are_read_anew() {
    let root = directory();
    let (path, token) = (root.join("config"), root.join("token"));
    let plugin = |token: &str| {
        let credential = json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
            "status": {"token": token}});
        json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "echo",
            "args": [credential.to_string()], "interactiveMode": "Never"}})
    };
    let in_file = json!({"tokenFile": token.display().to_string()});
    for (before, later) in [
        (in_file.clone(), in_file.clone()),
        (json!({"token": "first"}), json!({"token": "second"})),
        (json!({"token": "first"}), plugin("second")),
    ] {
        let ok = Reply::json(200, &json!({}));
        let server = Server::start(vec![ok.clone(), unknown(), ok.clone(), ok]).await;
        std::fs::write(&token, "first").unwrap();
        with_user(&path, &server.url(), &before);
        let service = Kube::connect(&settings(&path), &Environment::invented([], &root)).unwrap();
        let service = service.service("hello".parse().unwrap());
        service.service().await.unwrap();
        std::fs::write(&token, "second").unwrap();
        with_user(&path, &server.url(), &later);
        // The call that is refused is made once more, a write too: nothing was done.
        service.patch_service(&json!([])).await.unwrap();
        service.service().await.unwrap();
        let seen = server.seen();
        let sent: Vec<_> = seen.iter().map(|s| s.header("authorization").unwrap_or_default()).collect();
        assert_eq!(sent, ["Bearer first", "Bearer first", "Bearer second", "Bearer second"], "{before} {later}");
    }
}

#[tokio::test]
async fn the_same_credentials_and_those_of_another_server_are_not_sent_again() {
    let root = directory();
    let path = root.join("config");
    let elsewhere = Server::start(vec![]).await;
    let changes: [&dyn Fn(&str); 3] = [
        &|_: &str| {},
        // Whoever logs in elsewhere meanwhile moves nobody there.
        &|_: &str| with_user(&path, &elsewhere.url(), &json!({"token": "second"})),
        &|_: &str| std::fs::write(&path, "{").unwrap(),
    ];
    for change in changes {
        let server = Server::start(vec![unknown(), unknown()]).await;
        with_user(&path, &server.url(), &json!({"token": "first"}));
        let service = Kube::connect(&settings(&path), &Environment::invented([], &root)).unwrap();
        change(&server.url());
        let error = service.service("hello".parse().unwrap()).service().await.unwrap_err();
        assert!(matches!(&error, ApiError::Forbidden(t) if t.contains("does not accept our credentials")), "{error}");
        assert_eq!((server.seen().len(), elsewhere.seen().len()), (1, 0));
    }
}

/// Before plugins a kubeconfig named a command and where in its answer the token stands; vendor/jsonpath-rust reads that.
#[tokio::test]
async fn an_old_login_names_where_its_commands_answer_has_the_token() {
    let server = Server::start(vec![Reply::json(200, &json!({}))]).await;
    let root = directory();
    let path = root.join("config");
    let connect = |token_key: &str| {
        let answer = json!({"credential": {"access_token": "from-command", "token_expiry": "2999-01-01T00:00:00Z"}});
        let file = json!({
            "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server.url()}}],
            "users": [{"name": "u", "user": {"auth-provider": {"name": "gcp", "config": {"cmd-path": "echo",
                "cmd-args": answer.to_string(), "token-key": token_key, "expiry-key": "{.credential.token_expiry}"}}}}],
        });
        std::fs::write(&path, file.to_string()).unwrap();
        Kube::connect(&settings(&path), &Environment::invented([], &root))
    };
    let kube = connect("{.credential.access_token}").unwrap();
    kube.service("hello".parse().unwrap()).service().await.unwrap();
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer from-command"));
    for more_than_names in ["{.credential[0]}", "{..access_token}", "{.credential.*}", "{.credential.id_token}"] {
        let error = connect(more_than_names).unwrap_err().to_string();
        assert!(error.contains("the kubeconfig's credentials cannot be used"), "{error}");
        assert!(!error.contains("from-command"), "{error}");
    }
}
