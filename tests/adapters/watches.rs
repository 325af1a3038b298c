//! A watch's life: events however they are cut, bookmarks, ends of every kind.

use super::script::{CHUNKED, Reply, Server, chunk, connect};
use andante::adapter::cluster::Connect;
use andante::model::api_error::ApiError;
use andante::run::ports::{Cluster, Watch, WatchEvent};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, timeout};

const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn events_may_be_cut_anywhere_and_come_many_at_once() {
    let one = json!({"type": "ADDED", "object": {"name": "ä"}}).to_string();
    let (a, b) = one.split_at(19);
    let two = json!({"type": "MODIFIED", "object": {"n": 2}});
    let three = json!({"type": "DELETED", "object": {"n": 3}});
    let mark = json!({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "77"}}});
    let pieces = vec![
        (Duration::ZERO, format!("{CHUNKED}{}", chunk(a))),
        (SHORT * 20, chunk(&format!("{b}\n{two}\n\n{three}\n"))),
        (SHORT, format!("{}0\r\n\r\n", chunk(&format!("{mark}\n")))),
    ];
    let server = Server::start(vec![Reply::Pieces(pieces)]).await;
    let mut watch = server.service().watch_service("1").await.unwrap();
    // A runner that has something else to do in the middle of an event loses nothing.
    assert!(timeout(SHORT, watch.next()).await.is_err());
    assert_eq!(watch.next().await, Some(Ok(WatchEvent::Now(json!({"name": "ä"})))));
    assert_eq!(watch.next().await, Some(Ok(WatchEvent::Now(json!({"n": 2})))));
    assert_eq!(watch.next().await, Some(Ok(WatchEvent::Deleted(json!({"n": 3})))));
    assert_eq!(watch.next().await, Some(Ok(WatchEvent::Bookmark("77".into()))));
    assert_eq!(watch.next().await, None);
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn too_old_is_gone_at_the_beginning_and_later() {
    let gone = json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"});
    let event = json!({"type": "ERROR", "object": gone});
    let server = Server::start(vec![Reply::json(410, &gone), Reply::events(&[event])]).await;
    let service = server.service();
    assert!(matches!(service.watch_service("1").await, Err(ApiError::Gone)));
    let mut watch = service.watch_service("1").await.unwrap();
    assert_eq!(watch.next().await, Some(Err(ApiError::Gone)));
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn what_breaks_off_is_an_error_and_then_the_end() {
    let half = format!("{CHUNKED}{}", chunk("{\"type\":"));
    let cases = [
        Reply::Pieces(vec![(Duration::ZERO, half.clone())]),
        Reply::Pieces(vec![(Duration::ZERO, format!("{half}0\r\n\r\n"))]),
        Reply::Pieces(vec![(Duration::ZERO, format!("{CHUNKED}{}", chunk("no event\n")))]),
        Reply::events(&[json!({"type": "BOOKMARK", "object": {}})]),
        Reply::events(&[json!({"object": {}})]),
    ];
    for reply in cases {
        let server = Server::start(vec![reply.clone()]).await;
        let mut watch = server.service().watch_service("1").await.unwrap();
        assert!(matches!(watch.next().await, Some(Err(ApiError::Unreachable(_)))), "{reply:?}");
        assert_eq!(watch.next().await, None);
    }
}

#[tokio::test]
async fn a_silent_watch_ends_and_one_with_bookmarks_lives() {
    let mark = chunk(&format!("{}\n", json!({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "7"}}})));
    let mut pieces = vec![(Duration::ZERO, CHUNKED.to_owned())];
    pieces.extend(std::iter::repeat_n((Duration::from_millis(300), mark), 4));
    pieces.push((Duration::from_secs(60), String::new()));
    let server = Server::start(vec![Reply::Pieces(pieces)]).await;
    let kube = connect(&server.url(), &Connect { silence: Duration::from_millis(1200), ..Connect::default() });
    let mut watch = kube.service("hello".parse().unwrap()).watch_service("1").await.unwrap();
    let began = Instant::now();
    for _ in 0..4 {
        assert_eq!(watch.next().await, Some(Ok(WatchEvent::Bookmark("7".into()))));
    }
    // Asking again and again does not make it younger.
    while timeout(SHORT, watch.next()).await.is_err() {}
    let took = began.elapsed();
    assert!(took > Duration::from_millis(2300) && took < Duration::from_secs(20), "{took:?}");
    assert_eq!(watch.next().await, None);
}
