//! Objects of any kind: exactly what is asked, page by page, and what a refusal is.

use super::script::{Reply, Server};
use andante::adapter::cluster::Selection;
use andante::model::api_error::ApiError;
use andante::model::api_kind::ApiKind;
use andante::run::ports::Watch;
use serde_json::{Value, json};

const RUNS: &str = "/apis/tekton.dev/v1/namespaces/shop/pipelineruns";

fn runs() -> ApiKind {
    ApiKind::usual("tekton.dev/v1", "PipelineRun")
}

fn page(version: &str, more: &str, items: &[i64]) -> Reply {
    let items: Vec<Value> = items.iter().map(|n| json!({"n": n})).collect();
    Reply::json(200, &json!({"metadata": {"resourceVersion": version, "continue": more}, "items": items}))
}

#[tokio::test]
async fn a_long_list_comes_in_pages_and_only_what_is_wanted_is_kept() {
    let server = Server::start(vec![page("41", "t/1", &[1, 2]), page("41", "", &[3]), Reply::events(&[])]).await;
    let kube = server.kube();
    let of = Selection {
        kind: runs(),
        namespace: Some("shop".parse().unwrap()),
        labels: Some("andante.dev/service=hello".into()),
        name: None,
    };
    let odd = |object: Value| object["n"].as_i64().filter(|n| n % 2 == 1).map(|n| json!(n));
    let list = kube.list_objects(&of, odd).await.unwrap();
    assert_eq!((list.items, list.version.as_str()), (vec![json!(1), json!(3)], "41"));
    let mut watch = kube.watch_objects(&of, "41").await.unwrap();
    assert_eq!(watch.next().await, None);
    let seen: Vec<String> = server.seen().into_iter().map(|seen| seen.line).collect();
    let label = "labelSelector=andante.dev%2Fservice%3Dhello";
    assert_eq!(seen[0], format!("GET {RUNS}?limit=25&{label}"));
    assert_eq!(seen[1], format!("GET {RUNS}?limit=25&continue=t%2F1&{label}"));
    assert!(seen[2].starts_with(&format!("GET {RUNS}?{label}&watch=true&")), "{}", seen[2]);
}

#[tokio::test]
async fn a_page_that_is_too_large_is_asked_for_in_smaller_ones() {
    let large =
        json!({"metadata": {"resourceVersion": "41", "continue": "t"}, "items": [{"text": "x".repeat(1 << 20)}]});
    let server = Server::start(vec![
        page("41", "t", &[1]),
        Reply::json(200, &large),
        page("42", "t", &[1]),
        page("42", "", &[2]),
        Reply::json(200, &large),
        Reply::json(200, &large),
        Reply::json(200, &large),
        page("43", "", &[2]),
    ])
    .await;
    let kube = server.kube();
    let of = Selection { kind: runs(), namespace: Some("shop".parse().unwrap()), labels: None, name: None };
    let kept = |object: Value| Some(object["n"].clone());
    let list = kube.list_objects(&of, kept).await.unwrap();
    assert_eq!((list.items, list.version.as_str()), (vec![json!(1), json!(2)], "42"), "from its beginning");
    let list = kube.list_objects(&of, kept).await.unwrap();
    assert_eq!(list.items, [Value::Null, json!(2)], "one alone is as large as it is");
    let limits: Vec<String> =
        server.seen().iter().map(|seen| seen.line.split(['=', '&']).nth(1).unwrap().to_owned()).collect();
    assert_eq!(limits, ["25", "25", "5", "5", "25", "5", "1", "1"]);
}

#[tokio::test]
async fn one_is_asked_for_by_its_name_in_its_namespace_and_all_in_every_one() {
    let kind = ApiKind::usual("batch/v1", "CronJob");
    let server = Server::start(vec![Reply::json(200, &json!({"a": 1})), page("7", "", &[]), page("7", "", &[])]).await;
    let kube = server.kube().of_namespace("other".parse().unwrap());
    assert_eq!(kube.object(&kind, "nightly").await.unwrap(), json!({"a": 1}));
    let mut of = Selection { kind, namespace: None, labels: None, name: None };
    kube.list_objects(&of, Some).await.unwrap();
    of.name = Some("nightly".into());
    kube.list_objects(&of, Some).await.unwrap();
    let seen: Vec<String> = server.seen().into_iter().map(|seen| seen.line).collect();
    assert_eq!(seen[0], "GET /apis/batch/v1/namespaces/other/cronjobs/nightly");
    assert_eq!(seen[1], "GET /apis/batch/v1/cronjobs?limit=25");
    assert_eq!(seen[2], "GET /apis/batch/v1/cronjobs?limit=25&fieldSelector=metadata.name%3Dnightly");
}

#[tokio::test]
async fn what_is_made_is_made_once_and_a_missing_right_is_named() {
    let exists = json!({"kind": "Status", "reason": "AlreadyExists", "details": {"name": "r"}});
    let forbidden = json!({"kind": "Status", "reason": "Forbidden", "message": "User \"kim\" cannot"});
    let server = Server::start(vec![
        Reply::json(201, &json!({})),
        Reply::json(409, &exists),
        Reply::json(403, &forbidden),
        Reply::json(200, &json!({"kind": "Page"})),
    ])
    .await;
    let kube = server.kube();
    let run = json!({"kind": "PipelineRun"});
    assert!(kube.create_object(&runs(), "r", &run).await.is_ok());
    assert!(matches!(kube.create_object(&runs(), "r", &run).await, Err(ApiError::Exists(_))));
    let Err(ApiError::Forbidden(why)) = kube.create_object(&runs(), "r", &run).await else { panic!("it is forbidden") };
    assert!(why.contains("tekton.dev") && why.contains("pipelineruns") && why.contains("create"), "{why}");
    let of = Selection { kind: runs(), namespace: None, labels: None, name: None };
    assert!(matches!(kube.list_objects(&of, Some).await, Err(ApiError::Unreachable(_))), "no list");
    let first = &server.seen()[0];
    assert_eq!(first.line, format!("POST {RUNS}?fieldManager=andante&fieldValidation=Strict"));
    assert_eq!(first.body, run.to_string());
}
