//! The model's revisions live, die, sleep and answer as real ones were seen to.

use super::prober::SimProber;
use super::tests_knative::{deployed, named, revision, seen};
use super::world::{World, simulate};
use andante::evidence::probe::{Answer, ProbeRequest};
use andante::model::observed::Truth;
use andante::run::ports::Prober;
use std::time::Duration;
use tokio::time::sleep;

#[test]
fn ready_stays_true_while_every_pod_is_dead() {
    simulate(async {
        let world = deployed("crash-later:1-5", 7).await;
        sleep(Duration::from_secs(30)).await;
        let r = revision(&world, "hello-00001");
        assert!(r.serves());
        assert_eq!((r.actual, r.desired, r.conditions["Active"].reason.as_str()), (0, 1, "Queued"));
        assert_eq!(seen(&world).truth("Ready"), Truth::True);
        let looping = deployed("crash-loop:1-5", 7).await;
        let mut ups = 0;
        for _ in 0..60 {
            sleep(Duration::from_secs(1)).await;
            ups += revision(&looping, "hello-00001").actual;
        }
        assert!((1..10).contains(&ups), "comes back for a moment now and then: {ups}");
    });
}

async fn ask(world: &World, tag: &str, timeout: u64) -> Answer {
    let url = format!("http://{tag}-hello.ns.example.com");
    let timeout = Duration::from_millis(timeout);
    SimProber::new(world, "p", vec![]).ask(&ProbeRequest { url, path: "/".into(), timeout, form: None }).await
}

#[test]
fn who_has_no_users_falls_asleep_and_a_question_wakes_it() {
    simulate(async {
        let world = deployed("sleepy:1", 8).await;
        sleep(Duration::from_secs(120)).await;
        assert_eq!(revision(&world, "hello-00001").actual, 1, "users keep it awake");
        world.deploy_image("ok:2").unwrap();
        sleep(Duration::from_secs(10)).await;
        world.add_tag("old", "hello-00001").unwrap();
        sleep(Duration::from_secs(90)).await;
        let r = revision(&world, "hello-00001");
        assert_eq!((r.actual, r.desired, r.conditions["Active"].reason.as_str()), (0, 0, "NoTraffic"));
        assert!(r.serves());
        assert!(matches!(ask(&world, "old", 500).await, Answer::Silent(_)));
        sleep(Duration::from_secs(70)).await;
        let Answer::Http { status: 200, latency, .. } = ask(&world, "old", 5000).await else {
            unreachable!("an answer after waking");
        };
        assert!(latency > Duration::from_millis(850));
        assert_eq!(revision(&world, "hello-00001").actual, 1);
    });
}

#[test]
fn tags_answer_for_their_revision() {
    simulate(async {
        let world = deployed("flaky-probe:1-60", 9).await;
        assert!(matches!(ask(&world, "t", 1000).await, Answer::Http { status: 404, .. }));
        world.add_tag("t", "hello-00001").unwrap();
        sleep(Duration::from_secs(5)).await;
        assert!(matches!(ask(&world, "t", 1000).await, Answer::Http { status: 200, .. }));
        sleep(Duration::from_secs(60)).await;
        assert!(matches!(ask(&world, "t", 1000).await, Answer::Http { status: 500, .. }));
        let far = ProbeRequest {
            url: "http://elsewhere".into(),
            path: "/".into(),
            timeout: Duration::from_secs(1),
            form: None,
        };
        assert!(matches!(SimProber::new(&world, "p", vec![]).ask(&far).await, Answer::Unreachable(_)));
    });
}

#[test]
fn failures_have_knatives_words() {
    simulate(async {
        for (image, reason, ready) in [
            ("never:2", "ContainerMissing", Truth::False),
            ("crash-start:2", "ExitCode3", Truth::False),
            ("stuck:2", "Deploying", Truth::Unknown),
        ] {
            let world = deployed("ok:1", 10).await;
            world.move_traffic(&named(&[("hello-00001", 100)])).unwrap();
            world.deploy_image(image).unwrap();
            sleep(Duration::from_secs(10)).await;
            let r = revision(&world, "hello-00002");
            assert_eq!(r.truth("Ready"), ready, "{image}");
            assert!(r.complaint().starts_with(reason), "{image}: {}", r.complaint());
        }
        let world = deployed("ok:1", 11).await;
        world.deploy_image("heals:2-5").unwrap();
        sleep(Duration::from_secs(3)).await;
        assert_eq!(revision(&world, "hello-00002").truth("Ready"), Truth::False);
        sleep(Duration::from_secs(10)).await;
        assert!(revision(&world, "hello-00002").serves(), "no failure is final");
    });
}
