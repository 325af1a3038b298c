//! Writes, fences, generations and watches of the model's API server.

use super::fault::Script;
use super::handle::Handle;
use super::world::{World, simulate};
use andante::model::api_error::ApiError;
use andante::model::observed::RECORD;
use andante::run::ports::{Cluster, Watch, WatchEvent};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

const POINTER: &str = "/metadata/annotations/andante.dev~1rollout";

async fn deployed() -> (World, Handle) {
    let world = World::new("hello", 1);
    world.deploy(&world.plain("ok:1")).await;
    let handle = Handle::new(&world, "w", Script::default());
    (world, handle)
}

fn fenced(service: &Value, record: Option<&str>, next: &str, traffic: &Value) -> Value {
    json!([
        {"op": "test", "path": "/metadata/uid", "value": service["metadata"]["uid"]},
        {"op": "test", "path": "/metadata/generation", "value": service["metadata"]["generation"]},
        {"op": "test", "path": POINTER, "value": record},
        {"op": "add", "path": POINTER, "value": next},
        {"op": "replace", "path": "/spec/traffic", "value": traffic},
    ])
}

#[test]
fn a_fenced_write_passes_once() {
    simulate(async {
        let (_, api) = deployed().await;
        let service = api.service().await.unwrap();
        let traffic = json!([{"revisionName": "hello-00001", "percent": 100}]);
        let patch = fenced(&service, None, "one", &traffic);
        let written = api.patch_service(&patch).await.unwrap();
        assert_eq!(written["metadata"]["generation"], 2);
        assert_eq!(written["metadata"]["annotations"][RECORD], "one");
        assert_eq!(
            written["metadata"]["annotations"]["serving.knative.dev/lastModifier"],
            "system:serviceaccount:ns:andante"
        );
        assert!(matches!(api.patch_service(&patch).await, Err(ApiError::Refused(_))), "generation and record moved");
        // The status moves on by itself and does not disturb the fence.
        sleep(Duration::from_secs(5)).await;
        let same = fenced(&written, Some("one"), "two", &traffic);
        let again = api.patch_service(&same).await.unwrap();
        assert_eq!(again["metadata"]["generation"], 2, "the spec did not change");
        assert_ne!(again["metadata"]["resourceVersion"], written["metadata"]["resourceVersion"]);
    });
}

#[test]
fn what_admission_denies_is_not_written() {
    simulate(async {
        let (world, api) = deployed().await;
        let before = world.service().unwrap();
        let service = api.service().await.unwrap();
        let patch = fenced(&service, None, "one", &json!([{"revisionName": "hello-00001", "percent": 90}]));
        let Err(ApiError::Invalid(text)) = api.patch_service(&patch).await else { unreachable!("a denial") };
        assert_eq!(text, "Traffic targets sum to 90, want 100: spec.traffic");
        assert_eq!(world.service().unwrap(), before);
        let forged =
            json!([{"op": "add", "path": "/metadata/annotations/serving.knative.dev~1lastModifier", "value": "x"}]);
        assert!(matches!(api.patch_service(&forged).await, Err(ApiError::Invalid(_))));
    });
}

#[test]
fn a_person_is_seen_in_managed_fields() {
    simulate(async {
        let (world, api) = deployed().await;
        world.move_traffic(&json!([{"revisionName": "hello-00001", "percent": 100}])).unwrap();
        let service = andante::model::observed::Service::from_json(&api.service().await.unwrap()).unwrap();
        assert_eq!(service.last_writer(|w| w.traffic).unwrap().manager, "kubectl");
        assert_eq!(service.last_modifier(), Some("kim"));
    });
}

#[test]
fn absent_and_present_are_told() {
    simulate(async {
        let (world, api) = deployed().await;
        assert!(matches!(api.create_service(&world.plain("ok:1")).await, Err(ApiError::Exists(_))));
        let configuration = api.configuration().await.unwrap();
        assert_eq!(configuration["status"]["latestReadyRevisionName"], "hello-00001");
        world.delete_service();
        assert!(matches!(api.service().await, Err(ApiError::NotFound(_))));
        assert!(matches!(api.patch_service(&json!([])).await, Err(ApiError::NotFound(_))));
        assert_eq!(world.served_now(), []);
        assert_eq!(api.revisions().await.unwrap().items, [] as [Value; 0]);
        let created = api.create_service(&world.plain("ok:2")).await.unwrap();
        assert_ne!(created["metadata"]["uid"], "svc-1", "another object");
    });
}

#[test]
fn a_watch_tells_every_change_in_order() {
    simulate(async {
        let (world, api) = deployed().await;
        let list = api.revisions().await.unwrap();
        let mut services = api.watch_service(&list.version).await.unwrap();
        let mut revisions = api.watch_revisions(&list.version).await.unwrap();
        world.deploy_image("ok:2").unwrap();
        let mut versions = vec![];
        let mut last = Value::Null;
        while let Ok(Some(Ok(WatchEvent::Now(object)))) =
            tokio::time::timeout(Duration::from_secs(10), services.next()).await
        {
            versions.push(object["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap());
            last = object;
        }
        assert!(versions.len() > 3 && versions.is_sorted(), "{versions:?}");
        assert_eq!(last, *world.service().unwrap());
        let Some(Ok(WatchEvent::Now(made))) = revisions.next().await else { unreachable!("a new revision") };
        assert_eq!(made["metadata"]["name"], "hello-00002");
        world.delete_revision("hello-00001");
        loop {
            match revisions.next().await {
                Some(Ok(WatchEvent::Deleted(object))) => break assert_eq!(object["metadata"]["name"], "hello-00001"),
                Some(Ok(_)) => {}
                end => unreachable!("{end:?}"),
            }
        }
        // Quiet: the server says so, and closes in the end.
        let mut marks = 0;
        loop {
            match services.next().await {
                Some(Ok(WatchEvent::Bookmark(_))) => marks += 1,
                Some(Ok(_)) => {}
                None => break,
                Some(Err(error)) => unreachable!("{error}"),
            }
        }
        assert!(marks > 2);
    });
}

#[test]
fn a_watch_from_a_compacted_version_is_gone() {
    simulate(async {
        let (world, api) = deployed().await;
        world.with(|s| s.compacted = s.version);
        assert!(matches!(api.watch_service("101").await, Err(ApiError::Gone)));
    });
}
