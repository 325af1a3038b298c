//! One switch for everyone: proved by the tag before, watched after, blue kept within reach.

use super::support::*;
use jiff::Timestamp;
use std::time::Duration;

fn via() -> String {
    format!("http://{}", Cluster::get().gateway)
}

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn green_is_proved_by_its_tag_then_everyone_is_switched_in_one_write_and_blue_is_kept() {
    let space = Space::new("blue-green");
    space.serve(&sample("hello", "v1"));
    space.stage("hello", "v2");
    let watch = space.watch("hello");
    let load = Load::start(&space, &["hello"], 20, Duration::from_secs(60));
    let mut walk = space.start(&[
        "walk",
        "hello",
        "--style",
        "blue-green",
        "--bake",
        "4s",
        "--via",
        &via(),
        "--probe",
        "/healthz",
        "--probe-body",
        "v2",
        "--probe-status",
        "200",
        "--probe-header",
        "x-version: v2",
        "--probe-interval",
        "200ms",
    ]);
    walk.line("bake 4s", LONG);
    assert_eq!(space.split("hello"), "hello-00001 0 #stable, hello-00002 100 #candidate");
    space.answers("stable-hello", "v1", 3);
    space.answers("hello", "v2", 3);
    assert_eq!(space.split("hello"), "hello-00001 0 #stable, hello-00002 100 #candidate");
    let ran = walk.wait(LONG).ended(0).ends_with("finished");
    let hits = load.stop();
    let before_switch = ran.lines.iter().position(|l| l.contains("100 % to hello-00002")).unwrap();
    assert!(
        ran.lines[..before_switch].iter().any(|l| l.contains("3 probes of /healthz must pass in a row")),
        "no probe before the switch\n{}",
        ran.whole()
    );
    assert!(hits.iter().all(Hit::is_good), "{}", summary(&hits));
    assert_eq!(
        watch.values(|s| split(&s["spec"]["traffic"])),
        [
            "hello-00001 100 #stable, hello-00002 0 #candidate",
            "hello-00001 0 #stable, hello-00002 100 #candidate",
            "latest 100"
        ]
    );
}

/// A green that fails its probe is shown to nobody.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_green_that_fails_its_probe_is_shown_to_nobody() {
    let space = Space::new("green-bad");
    space.serve(&sample("hello", "v1"));
    let load = Load::start(&space, &["hello"], 20, Duration::from_secs(60));
    let stage = ["stage", "hello", "--image", "dev.local/andante-sample:v2", "--set-env", "HEALTH_STATUS=503"];
    space.andante(&stage).ended(0);
    let walk = [
        "walk",
        "hello",
        "--style",
        "blue-green",
        "--bake",
        "5s",
        "--via",
        &via(),
        "--probe",
        "/healthz",
        "--probe-interval",
        "200ms",
    ];
    space.andante(&walk).ended(10).ends_with("503");
    let hits = load.stop();
    assert!(hits.iter().all(Hit::is_good), "{}", summary(&hits));
    nobody_saw(&whole(&hits, "hello"), "v2");
    // Exactly what users had, by name; the candidate keeps its tag, so that it can be looked at.
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
    assert_eq!(space.served("hello"), "hello-00001 100, hello-00002 0 #candidate");
    space.answers("candidate-hello", "v2", 3);
}

/// Green begins to crash under users' requests during the bake.
#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_green_that_dies_after_the_switch_sends_everyone_back_to_blue_at_once() {
    let space = Space::new("green-dies");
    space.serve(&sample("hello", "v1"));
    let stage = ["stage", "hello", "--image", "dev.local/andante-sample:v2", "--set-env", "CRASH_AFTER=40"];
    space.andante(&stage).ended(0);
    let watch = space.watch("hello");
    let load = Load::start(&space, &["hello"], 20, Duration::from_secs(90));
    let mut walk = space.start(&[
        "walk",
        "hello",
        "--style",
        "blue-green",
        "--bake",
        "60s",
        "--grace",
        "2s",
        "--via",
        &via(),
        "--probe",
        "/healthz",
        "--probe-interval",
        "200ms",
        "--probe-timeout",
        "1s",
        "--probe-failures",
        "2",
    ]);
    let back = walk.line("back to hello-00001", LONG);
    if let Some((failed, _)) = walk.lines().iter().find(|(_, line)| line.contains("failed: ")) {
        assert!(back.duration_since(*failed).as_secs() < 5, "at once: {:?}", back.duration_since(*failed));
    }
    let ran = walk.wait(LONG).ended(10);
    let ended = Timestamp::now();
    // Two seconds of users on blue again.
    std::thread::sleep(Duration::from_secs(2));
    let hits = load.stop();
    assert_eq!(
        watch.values(|s| s["spec"]["traffic"][0]["percent"].clone()),
        [100, 0, 100],
        "one switch, one way back\n{}",
        ran.whole()
    );
    let after = between(&hits, "hello", ended, Timestamp::MAX);
    share_is(&after, "v1", 100);
    assert!(after.iter().all(|hit| hit.is_good()), "{}", summary(&hits));
    let stable = &space.service("hello")["spec"]["traffic"][0];
    assert_eq!((stable["revisionName"].as_str(), stable["percent"].as_i64()), (Some("hello-00001"), Some(100)));
}
