//! Exactly what is sent.

use super::script::{Reply, Server};
use andante::run::ports::{ApplyCall, Cluster, Watch, WatchEvent};
use serde_json::json;

const BASE: &str = "/apis/serving.knative.dev/v1/namespaces/shop";

#[tokio::test]
async fn reads_are_plain_gets_with_our_token() {
    let server = Server::start(vec![Reply::json(200, &json!({"a": 1})); 2]).await;
    let service = server.service();
    assert_eq!(service.service().await.unwrap(), json!({"a": 1}));
    service.configuration().await.unwrap();
    let seen = server.seen();
    let lines: Vec<&str> = seen.iter().map(|s| s.line.as_str()).collect();
    assert_eq!(lines, [format!("GET {BASE}/services/hello"), format!("GET {BASE}/configurations/hello")]);
    for request in &seen {
        assert_eq!(request.header("authorization"), Some("Bearer s3cret"));
        assert_eq!(request.header("accept"), Some("application/json"));
        assert!(request.header("user-agent").unwrap().starts_with("andante/"));
        assert_eq!(request.body, "");
    }
}

#[tokio::test]
async fn writes_name_their_manager_and_are_strict() {
    let server = Server::start(vec![Reply::json(200, &json!({"kind": "Service"})); 3]).await;
    let service = server.service();
    let patch = json!([{"op": "test", "path": "/metadata/uid", "value": "u"}]);
    assert_eq!(service.patch_service(&patch).await.unwrap(), json!({"kind": "Service"}));
    service.create_service(&json!({"kind": "Service"})).await.unwrap();
    service.would_store(&patch).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].line, format!("PATCH {BASE}/services/hello?fieldManager=andante&fieldValidation=Strict"));
    assert_eq!(seen[0].header("content-type"), Some("application/json-patch+json"));
    assert_eq!(seen[0].body, patch.to_string());
    assert_eq!(seen[1].line, format!("POST {BASE}/services?fieldManager=andante&fieldValidation=Strict"));
    assert_eq!(seen[1].header("content-type"), Some("application/json"));
    // What would be stored is asked by the very write.
    let dry = format!("PATCH {BASE}/services/hello?dryRun=All&fieldManager=andante&fieldValidation=Strict");
    assert_eq!((&seen[2].line, &seen[2].body), (&dry, &seen[0].body));
}

#[tokio::test]
async fn a_file_is_applied_by_a_manager_of_its_own() {
    let server = Server::start(vec![Reply::json(200, &json!({"kind": "Service"})); 2]).await;
    let (service, body) = (server.service(), json!({"kind": "Service"}));
    service.apply_service(&body, ApplyCall { force: false, dry: true }).await.unwrap();
    service.apply_service(&body, ApplyCall { force: true, dry: false }).await.unwrap();
    let seen = server.seen();
    let line = |dry: &str, force: bool| {
        format!("PATCH {BASE}/services/hello?{dry}force={force}&fieldManager=andante-apply&fieldValidation=Strict")
    };
    assert_eq!((&seen[0].line, &seen[1].line), (&line("dryRun=All&", false), &line("", true)));
    assert_eq!(seen[0].header("content-type"), Some("application/apply-patch+yaml"));
    assert_eq!(seen[1].body, body.to_string());
}

#[tokio::test]
async fn lists_and_watches_ask_for_our_objects_only() {
    let list = json!({"metadata": {"resourceVersion": "41"}, "items": [{"n": 1}, {"n": 2}]});
    let event = json!({"type": "ADDED", "object": {"n": 3}});
    let server = Server::start(vec![
        Reply::json(200, &list),
        Reply::events(std::slice::from_ref(&event)),
        Reply::events(&[event]),
    ])
    .await;
    let service = server.service();
    let found = service.revisions().await.unwrap();
    assert_eq!((found.items.len(), found.version.as_str()), (2, "41"));
    for mut watch in [service.watch_revisions("41").await.unwrap(), service.watch_service("4 2").await.unwrap()] {
        assert_eq!(watch.next().await, Some(Ok(WatchEvent::Now(json!({"n": 3})))));
        assert_eq!(watch.next().await, None);
    }
    let seen = server.seen();
    let label = "labelSelector=serving.knative.dev%2Fservice%3Dhello";
    let bookmarks = "watch=true&allowWatchBookmarks=true";
    assert_eq!(seen[0].line, format!("GET {BASE}/revisions?{label}"));
    let (line, seconds) = seen[1].line.rsplit_once('=').unwrap();
    assert_eq!(line, format!("GET {BASE}/revisions?{label}&{bookmarks}&resourceVersion=41&timeoutSeconds"));
    assert!((210..270).contains(&seconds.parse::<u32>().unwrap()));
    let (line, _) = seen[2].line.rsplit_once('=').unwrap();
    assert_eq!(
        line,
        format!(
            "GET {BASE}/services?fieldSelector=metadata.name%3Dhello&{bookmarks}&resourceVersion=4%202&timeoutSeconds"
        )
    );
}
