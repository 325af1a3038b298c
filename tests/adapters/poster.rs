//! Posting Events: exactly what is sent, and that nothing that may become of it is waited for.

use super::script::{Reply, Server};
use andante::adapter::cluster::Poster;
use andante::model::moment::Moment;
use andante::model::observed::Service;
use andante::rollout::posting::Posting;
use andante::run::ports::runs::PostsEvents;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

const PATH: &str = "POST /apis/events.k8s.io/v1/namespaces/shop/events?fieldManager=andante&fieldValidation=Strict";

fn posting(moment: Moment, note: &str) -> Posting {
    posting_in("shop", moment, note)
}

fn posting_in(namespace: &str, moment: Moment, note: &str) -> Posting {
    let object =
        json!({"metadata": {"name": "hello", "namespace": namespace, "uid": "u", "generation": 1}, "spec": {}});
    Posting::new(&Service::from_json(&object).unwrap(), moment, note, None, Timestamp::UNIX_EPOCH)
}

fn step(note: &str) -> Posting {
    posting(Moment::StepTaken, note)
}

fn poster(server: &Server) -> Poster {
    Poster::new(&server.kube(), "pod-1".into())
}

fn status(code: u16, reason: &str) -> Reply {
    Reply::json(code, &json!({"kind": "Status", "code": code, "reason": reason, "details": {"name": "e"}}))
}

fn notes(server: &Server) -> Vec<String> {
    let body = |body: &str| serde_json::from_str::<Value>(body).unwrap();
    server.seen().iter().map(|seen| body(&seen.body)["note"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_is_posted_once_and_in_order() {
    let server =
        Server::start(vec![Reply::json(201, &json!({})), status(409, "AlreadyExists"), Reply::json(201, &json!({}))]);
    let server = server.await;
    let poster = poster(&server);
    for note in ["1 %", "5 %", "25 %"] {
        poster.post(step(note));
    }
    assert_eq!(poster.refusal(), None);
    poster.close().await;
    // One that is there already is as good as posted.
    assert_eq!(notes(&server), ["1 %", "5 %", "25 %"]);
    let first = &server.seen()[0];
    assert_eq!((first.line.as_str(), first.header("content-type")), (PATH, Some("application/json")));
    let event: Value = serde_json::from_str(&first.body).unwrap();
    let (name, wanted) = step("1 %").event(&"shop".parse().unwrap(), "pod-1");
    assert_eq!((&event, event["metadata"]["name"].as_str()), (&wanted, Some(name.as_str())));
}

#[tokio::test]
async fn a_missing_right_is_said_once_and_nothing_more_is_tried() {
    let forbidden = json!({"kind": "Status", "reason": "Forbidden", "message": "User \"kim\" cannot create resource"});
    let server = Server::start(vec![Reply::json(403, &forbidden)]).await;
    let poster = poster(&server);
    poster.post(step("1 %"));
    let said = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            if let Some(said) = poster.refusal() {
                return said;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let said = said.await.unwrap();
    assert!(said.contains("kim may not create events.events.k8s.io") && said.contains("verbs: [\"create\"]"), "{said}");
    assert_eq!(poster.refusal(), None, "once");
    poster.post(step("5 %"));
    poster.close().await;
    assert_eq!(notes(&server), ["1 %"]);
}

/// Whoever follows all Services posts in many namespaces, and one of them may lack the right, or be on its way out.
#[tokio::test]
async fn what_is_refused_in_one_namespace_is_posted_in_the_others() {
    let forbidden = json!({"kind": "Status", "reason": "Forbidden", "message": "User \"kim\" cannot create resource"});
    let server = Server::start(vec![Reply::json(403, &forbidden), Reply::json(201, &json!({}))]).await;
    let poster = poster(&server);
    for (namespace, note) in [("shop", "1 %"), ("other", "5 %"), ("shop", "25 %")] {
        poster.post(posting_in(namespace, Moment::StepTaken, note));
    }
    poster.close().await;
    assert_eq!(notes(&server), ["1 %", "5 %"]);
    let causes = json!([{"reason": "NamespaceTerminating", "message": "m", "field": "metadata.namespace"}]);
    let going = json!({"kind": "Status", "reason": "Forbidden", "message": "is forbidden: it is being terminated",
        "details": {"name": "e", "causes": causes}});
    let server = Server::start(vec![Reply::json(403, &going), Reply::json(201, &json!({}))]).await;
    let poster = self::poster(&server);
    poster.post(step("1 %"));
    poster.post(step("5 %"));
    tokio::time::timeout(Duration::from_secs(5), async {
        while server.seen().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(poster.refusal(), None, "no right is missing");
    poster.close().await;
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_again() {
    let server =
        Server::start(vec![status(503, "Unavailable"), Reply::json(201, &json!({})), Reply::json(201, &json!({}))]);
    let server = server.await;
    let poster = poster(&server);
    for note in ["1 %", "5 %"] {
        poster.post(step(note).within(Duration::from_secs(10)));
    }
    poster.close().await;
    assert_eq!(notes(&server), ["1 %", "1 %", "5 %"]);
    // What was judged is not sent again: a quota, a namespace that is on its way out.
    let server = Server::start(vec![status(422, "Invalid"), Reply::json(201, &json!({}))]).await;
    let poster = self::poster(&server);
    for note in ["1 %", "5 %"] {
        poster.post(step(note));
    }
    poster.close().await;
    assert_eq!(notes(&server), ["1 %", "5 %"]);
}

#[tokio::test]
async fn nobody_waits_longer_than_was_said() {
    let server = Server::start(vec![Reply::Hang(String::new())]).await;
    let poster = poster(&server);
    let began = Instant::now();
    for number in 0..1000 {
        poster.post(step(&number.to_string()));
    }
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    // The first one is out, and nobody answers.
    tokio::time::sleep(Duration::from_millis(100)).await;
    poster.post(step("the last").within(Duration::from_millis(200)));
    let began = Instant::now();
    poster.close().await;
    let took = began.elapsed();
    // The queue was full, so the last one was left out; how long it may be waited for counts all the same.
    assert!((Duration::from_millis(150)..Duration::from_millis(900)).contains(&took), "{took:?}");
    let poster = self::poster(&server);
    poster.post(step("after two signals").within(Duration::ZERO));
    let began = Instant::now();
    poster.close().await;
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_silent_one_and_one_without_a_cluster_are_no_trouble() {
    let silent = Poster::silent();
    silent.post(step("1 %"));
    assert_eq!(silent.refusal(), None);
    silent.close().await;
    // Nobody listens there.
    let nobody = super::script::connect("http://127.0.0.1:1", &andante::adapter::cluster::Connect::default());
    let poster = Poster::new(&nobody, "pod-1".into());
    poster.post(posting(Moment::GoingBack, "back").within(Duration::from_millis(300)));
    let began = Instant::now();
    poster.close().await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
