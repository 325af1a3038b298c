//! Faults and deaths do what they say, no more.

use super::fault::{Crash, Fault, Script};
use super::handle::Handle;
use super::watch::WatchEnd;
use super::world::{World, simulate};
use andante::model::api_error::ApiError;
use andante::model::observed::RECORD;
use andante::run::ports::{Cluster, Watch};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

async fn deployed() -> World {
    let world = World::new("hello", 1);
    world.deploy(&world.plain("ok:1")).await;
    world
}

async fn write(handle: &Handle) -> Result<serde_json::Value, ApiError> {
    let patch = json!([{"op": "add", "path": "/metadata/annotations/andante.dev~1rollout", "value": "x"}]);
    handle.patch_service(&patch).await
}

fn took_effect(world: &World) -> bool {
    world.service().unwrap()["metadata"]["annotations"].get(RECORD).is_some()
}

#[test]
fn each_fault_has_its_error_its_effect_and_its_time() {
    simulate(async {
        for fault in Fault::EACH {
            let world = deployed().await;
            let handle = Handle::new(&world, "w", Script::one(1, fault));
            let begun = Instant::now();
            let result = write(&handle).await;
            let took = begun.elapsed();
            let effect = took_effect(&world);
            match fault {
                Fault::Conflict => assert!(matches!(result, Err(ApiError::Refused(_))) && !effect),
                Fault::Slower(wait) => {
                    let retry_after = match result {
                        Err(ApiError::Server { status: 429, retry_after, .. }) => retry_after,
                        other => unreachable!("{other:?}"),
                    };
                    assert!(retry_after == Some(wait) && !effect);
                }
                Fault::Status { status, after, .. } => {
                    assert!(
                        matches!(result, Err(ApiError::Server { status: s, .. }) if s == status) && effect == after
                    );
                }
                Fault::Reset { after } => {
                    assert!(matches!(result, Err(ApiError::Unreachable(_))) && effect == after);
                    assert!(took < Duration::from_secs(1));
                }
                Fault::Silence { after } => {
                    assert!(matches!(result, Err(ApiError::Unreachable(_))) && effect == after);
                    assert!(took >= Duration::from_secs(10));
                }
                Fault::Late(_) => {
                    assert!(matches!(result, Err(ApiError::Unreachable(_))) && !effect);
                    sleep(Duration::from_secs(10)).await;
                    assert!(took_effect(&world), "later, when nobody waits any more");
                }
                Fault::Denied | Fault::Raced { .. } | Fault::Redeclared | Fault::Watch(..) => {
                    assert!(result.is_ok() && effect);
                }
            }
            assert!(write(&handle).await.is_ok(), "only that call");
        }
    });
}

#[test]
fn watches_end_as_scripted() {
    simulate(async {
        for (end, wanted) in [
            (WatchEnd::Closed, None),
            (WatchEnd::Gone, Some(ApiError::Gone)),
            (WatchEnd::Broken, Some(ApiError::Unreachable("connection reset by peer".into()))),
        ] {
            let world = deployed().await;
            let handle = Handle::new(&world, "w", Script::one(1, Fault::Watch(end, Duration::from_millis(50))));
            let version = world.with(|s| s.version).to_string();
            let mut watch = handle.watch_service(&version).await.unwrap();
            assert_eq!(watch.next().await.map(Result::unwrap_err), wanted);
            assert_eq!(watch.next().await, None);
        }
    });
}

#[test]
fn a_process_dies_just_before_or_just_after_the_effect() {
    simulate(async {
        for (crash, effect) in [(Crash::Before(2), false), (Crash::After(2), true)] {
            let world = deployed().await;
            let handle = Handle::new(&world, "w", Script::killed(crash));
            let run = async {
                handle.service().await.unwrap();
                write(&handle).await.unwrap();
                unreachable!("killed before the answer is seen");
            };
            tokio::select! { biased; () = handle.killed() => {}, () = run => {} }
            assert_eq!(took_effect(&world), effect);
            sleep(Duration::from_secs(60)).await;
            assert_eq!(took_effect(&world), effect);
            assert_eq!(handle.calls(), 2);
        }
    });
}

#[test]
fn an_abandoned_write_still_takes_effect() {
    simulate(async {
        let world = deployed().await;
        let handle = Handle::new(&world, "w", Script::default());
        tokio::time::timeout(Duration::from_millis(1), write(&handle)).await.ok();
        sleep(Duration::from_secs(1)).await;
        assert!(took_effect(&world), "it was on the wire");
    });
}

#[test]
fn outages_and_bursts_are_drawn_from_the_seed() {
    let draw = |seed| {
        let mut script = Script::random(seed, 200);
        (1..200).map(|i| script.fault("patch services", i, Duration::ZERO)).collect::<Vec<_>>()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    let some = draw(3).iter().flatten().count();
    assert!((20..120).contains(&some), "{some}");
    let mut script = Script {
        exact: BTreeMap::from([(3, Fault::Conflict)]),
        outages: vec![Duration::from_secs(1)..Duration::from_secs(2)],
        ..Script::default()
    };
    assert_eq!(script.fault("patch services", 1, Duration::ZERO), None);
    assert_eq!(script.fault("patch services", 2, Duration::from_millis(1500)), Some(Fault::Reset { after: false }));
    assert_eq!(script.fault("patch services", 3, Duration::ZERO), Some(Fault::Conflict));
}
