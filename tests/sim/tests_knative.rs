//! The model behaves as Knative was seen to behave.

use super::state::Kind;
use super::world::{World, simulate};
use andante::model::observed::{Revision, Service, Truth};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// A cluster with one Service, at rest.
pub(crate) async fn deployed(image: &str, seed: u64) -> World {
    let world = World::new("hello", seed);
    world.deploy(&world.plain(image)).await;
    world
}

/// The Service as a run would read it.
pub(crate) fn seen(world: &World) -> Service {
    Service::from_json(&world.service().unwrap()).unwrap()
}

/// A Revision as a run would read it.
pub(crate) fn revision(world: &World, name: &str) -> Revision {
    Revision::from_json(&world.with(|s| s.revisions[name].object.clone())).unwrap()
}

/// Targets by name.
pub(crate) fn named(list: &[(&str, i64)]) -> Value {
    list.iter().map(|(name, p)| json!({"revisionName": name, "percent": p})).collect()
}

/// The statuses that were published since `from`: observed, `ConfigurationsReady`, `RoutesReady`, status.traffic.
fn statuses(world: &World, from: u64) -> Vec<(bool, String, String, String)> {
    let history = world.with(|s| s.history.clone());
    let mut list: Vec<_> = history
        .iter()
        .filter(|e| e.version > from && e.kind == Kind::Service)
        .map(|e| {
            let s = Service::from_json(&e.object).unwrap();
            let word = |kind: &str| match (s.truth(kind), s.conditions.get(kind)) {
                (Truth::True, _) => "True".to_owned(),
                (_, c) => c.map(|c| c.reason.clone()).unwrap_or_default(),
            };
            let served: Vec<_> =
                s.served.iter().map(|t| format!("{}={}", t.revision_name.clone().unwrap(), t.percent)).collect();
            (s.observed_generation == s.generation, word("ConfigurationsReady"), word("RoutesReady"), served.join(" "))
        })
        .collect();
    list.dedup();
    list
}

#[test]
fn a_service_without_traffic_follows_latest() {
    simulate(async {
        let world = deployed("ok:1", 1).await;
        let service = seen(&world);
        assert_eq!(service.split.unwrap().to_string(), "latest 100 %");
        assert_eq!(service.latest_ready.unwrap().as_str(), "hello-00001");
        assert_eq!(world.served_now(), [("hello-00001".to_owned(), 100)]);
        assert!(revision(&world, "hello-00001").serves());
    });
}

#[test]
fn a_split_is_told_before_it_is_served_and_true_after() {
    simulate(async {
        for seed in 0..20 {
            let world = deployed("ok:1", seed).await;
            world.deploy_image("ok:2").unwrap();
            sleep(Duration::from_secs(10)).await;
            let from = world.with(|s| s.version);
            world.move_traffic(&named(&[("hello-00001", 75), ("hello-00002", 25)])).unwrap();
            assert_eq!(world.served_now(), [("hello-00002".to_owned(), 100)], "not yet");
            sleep(Duration::from_secs(10)).await;
            assert_eq!(world.served_now(), [("hello-00001".to_owned(), 75), ("hello-00002".to_owned(), 25)]);
            let (old, new) = ("hello-00002=100", "hello-00001=75 hello-00002=25");
            let list = statuses(&world, from);
            let row = |observed, routes: &str, split: &str| (observed, "True".into(), routes.into(), split.into());
            assert_eq!(list[0], row(false, "True", old), "seed {seed}: the write itself");
            assert_eq!(list[1], row(true, "OutOfDate", old));
            assert_eq!(list[2], row(true, "IngressNotConfigured", new), "{list:?}");
            assert_eq!(list[3..], [row(true, "True", new)]);
        }
    });
}

#[test]
fn a_pinned_split_is_not_touched_by_a_new_template() {
    simulate(async {
        let world = deployed("ok:1", 3).await;
        world.move_traffic(&named(&[("hello-00001", 100)])).unwrap();
        sleep(Duration::from_secs(10)).await;
        let from = world.with(|s| s.version);
        world.deploy_image("crash-start:2").unwrap();
        sleep(Duration::from_secs(20)).await;
        let list = statuses(&world, from);
        assert!(list.iter().all(|(_, _, routes, split)| routes == "True" && split == "hello-00001=100"), "{list:?}");
        assert!(list.iter().any(|(observed, c, ..)| *observed && c == "OutOfDate"), "{list:?}");
        assert_eq!(list.last().unwrap().1, "RevisionFailed");
        let service = seen(&world);
        assert_eq!(
            (service.latest_created.unwrap().as_str(), service.latest_ready.unwrap().as_str()),
            ("hello-00002", "hello-00001")
        );
        assert_eq!(
            revision(&world, "hello-00002").complaint(),
            "ExitCode3: Container failed with: cannot open the ledger"
        );
    });
}

#[test]
fn the_race_that_lies() {
    simulate(async {
        let mut lies = 0;
        for seed in 0..20 {
            let world = deployed("ok:1", seed).await;
            let from = world.with(|s| s.version);
            world
                .edit(|o| {
                    o["spec"]["template"]["metadata"]["name"] = json!("hello-b");
                    o["spec"]["template"]["spec"]["containers"][0]["image"] = json!("ok:2");
                    o["spec"]["traffic"] = named(&[("hello-00001", 90), ("hello-00001", 10)]);
                    o["spec"]["traffic"][1]["tag"] = json!("t");
                })
                .unwrap();
            sleep(Duration::from_secs(10)).await;
            let lie = (true, "OutOfDate".to_owned(), "True".to_owned(), "hello-00001=100".to_owned());
            lies += u32::from(statuses(&world, from).contains(&lie));
            assert_eq!(seen(&world).tag_url(&"t".parse().unwrap()), Some("http://t-hello.ns.example.com"));
        }
        assert!(lies > 10, "the old split is shown as current while a named revision is made: {lies}");
    });
}

#[test]
fn a_split_is_taken_whole_or_not_at_all() {
    simulate(async {
        let world = deployed("ok:1", 4).await;
        world.deploy_image("slow:2-30").unwrap();
        sleep(Duration::from_secs(2)).await;
        world.move_traffic(&named(&[("hello-00001", 100), ("hello-00002", 0)])).unwrap();
        sleep(Duration::from_secs(2)).await;
        let before = world.served_now();
        world.move_traffic(&named(&[("hello-00001", 50), ("hello-00009", 50)])).unwrap();
        sleep(Duration::from_secs(5)).await;
        let service = seen(&world);
        let routes = &service.conditions["RoutesReady"];
        assert_eq!((routes.truth, routes.reason.as_str()), (Truth::False, "RevisionMissing"));
        assert_eq!(world.served_now(), before);
        world.move_traffic(&named(&[("hello-00001", 50), ("hello-00002", 50)])).unwrap();
        sleep(Duration::from_secs(5)).await;
        assert_eq!(seen(&world).conditions["RoutesReady"].message, "Revision \"hello-00002\" is not yet ready.");
        assert_eq!(world.served_now(), before);
        sleep(Duration::from_secs(30)).await;
        assert_eq!(world.served_now().len(), 2, "taken up as soon as it is Ready");
        world.delete_revision("hello-00001");
        sleep(Duration::from_secs(5)).await;
        assert_eq!(seen(&world).conditions["RoutesReady"].truth, Truth::False);
        assert_eq!(world.served_now().len(), 2, "the gateways keep what they have");
    });
}

#[test]
fn a_latest_tag_holds_nobody_up_and_moves_along() {
    simulate(async {
        let world = deployed("ok:1", 5).await;
        let traffic =
            json!([{"revisionName": "hello-00001", "percent": 100}, {"latestRevision": true, "tag": "candidate"}]);
        world
            .edit(|o| {
                o["spec"]["traffic"] = traffic;
                o["spec"]["template"]["spec"]["containers"][0]["image"] = json!("slow:2-20");
            })
            .unwrap();
        sleep(Duration::from_secs(5)).await;
        assert_eq!(seen(&world).truth("RoutesReady"), Truth::True);
        assert_eq!(world.with(|s| s.ingress.tagged("candidate").unwrap().to_owned()), "hello-00001", "latest ready");
        sleep(Duration::from_secs(30)).await;
        assert_eq!(world.with(|s| s.ingress.tagged("candidate").unwrap().to_owned()), "hello-00002");
        world.deploy_image("ok:3").unwrap();
        sleep(Duration::from_secs(10)).await;
        assert_eq!(world.with(|s| s.ingress.tagged("candidate").unwrap().to_owned()), "hello-00003");
        assert_eq!(world.served_now(), [("hello-00001".to_owned(), 100)]);
    });
}

#[test]
fn latest_ready_moves_forward_only_until_it_is_deleted() {
    simulate(async {
        let world = deployed("ok:1", 6).await;
        world.deploy_image("slow:2-30").unwrap();
        sleep(Duration::from_secs(1)).await;
        world.deploy_image("ok:3").unwrap();
        sleep(Duration::from_secs(10)).await;
        assert_eq!(seen(&world).latest_ready.unwrap().as_str(), "hello-00003");
        sleep(Duration::from_secs(60)).await;
        assert!(revision(&world, "hello-00002").serves());
        assert_eq!(seen(&world).latest_ready.unwrap().as_str(), "hello-00003");
        world.delete_revision("hello-00003");
        sleep(Duration::from_millis(1500)).await;
        assert!(world.with(|s| s.revisions.contains_key("hello-00003")), "it is made again under its name");
    });
}

#[test]
fn a_seed_tells_the_same_story_again() {
    let history = |seed| {
        simulate(async move {
            let world = deployed("ok:1", seed).await;
            world.deploy_image("ok:2").unwrap();
            sleep(Duration::from_secs(10)).await;
            world.with(|s| s.history.iter().map(|e| (e.at, e.object.to_string())).collect::<Vec<_>>())
        })
    };
    assert_eq!(history(12), history(12));
    assert_ne!(history(12), history(13));
}
