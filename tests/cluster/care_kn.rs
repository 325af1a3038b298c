//! kn, Knative's own command line, on a Service in care: its edits move nobody, its `--traffic` is refused or warned of.

use super::support::*;
use std::time::Duration;

/// `kn service WORDS hello`.
fn kn_service(space: &Space, words: &[&str]) -> Done {
    space.kn(&[&["service"], words, &["hello", "--no-wait"]].concat())
}

const APPLY_V3: [&str; 5] =
    ["apply", "--image", "dev.local/andante-sample:v3", "--annotation-service", "andante.dev/pipeline=slow-walk"];
const TO_SECOND: [&str; 3] = ["update", "--traffic", "hello-00002=100"];
/// Latest is nobody's word: it is kept from moving users. A name is.
const TO_LATEST: [&str; 3] = ["update", "--traffic", "@latest=100"];
const ENV: [&str; 3] = ["update", "--env", "A=1"];

/// A walk to the second revision, at its half and staying there.
fn half_way(space: &Space) -> (Running, String) {
    let mut walk = space.start(&[
        "roll-out",
        "hello",
        "--revision",
        "hello-00002",
        "--steps",
        "50,100",
        "--dwell",
        "10m",
        "--bake",
        "1s",
    ]);
    walk.line("step 1 of 2 is served", LONG);
    (walk, space.split("hello"))
}

/// kn leaves the walk's tags where they are, at 0 % where it sends nobody.
fn everyone_is_on_the_second(space: &Space) {
    let split = space.split("hello");
    assert_eq!(split, "hello-00001 0 #stable, hello-00002 100 #candidate");
}

/// All edits at rest and in mid-walk; `warns`: who names a split is warned and gets it.
fn edits_in_care(space: &Space, warns: bool) {
    let told = |done: &Done| done.err.contains("moved by its rollouts alone");
    kn_service(space, &["update", "--image", "dev.local/andante-sample:v2"]).good();
    assert_eq!(space.split("hello"), "hello-00001 100");
    space.ready("hello-00002");
    kn_service(space, &APPLY_V3).good();
    assert_eq!(space.split("hello"), "hello-00001 100");
    kn_service(space, &TO_LATEST).good();
    assert_eq!(space.split("hello"), "hello-00001 100");
    let named = kn_service(space, &TO_SECOND);
    assert_eq!((named.code == 0, told(&named)), (warns, true), "{}", named.err);
    assert_eq!(space.split("hello"), if warns { "hello-00002 100" } else { "hello-00001 100" });
    if warns {
        space.andante(&["settle", "hello", "--to", "hello-00001"]).ended(0);
        space.settled("hello");
    }
    // In the middle of a walk.
    let (walk, half) = half_way(space);
    for words in [&ENV[..], &APPLY_V3, &TO_LATEST] {
        kn_service(space, words).good();
        assert_eq!(space.split("hello"), half, "{words:?}");
    }
    let named = kn_service(space, &TO_SECOND);
    assert_eq!((named.code == 0, told(&named)), (warns, true), "{}", named.err);
    if warns {
        walk.wait(LONG).ended(14);
        everyone_is_on_the_second(space);
    } else {
        assert_eq!(space.split("hello"), half);
        space.andante(&["control", "promote", "hello"]).ended(0);
        walk.wait(LONG).ended(0).says("kn");
    }
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_kn_edits_in_care_move_nobody() {
    let (space, _care) = in_care("care-kn", "care");
    space.serve(&sample("control", "v1"));
    let load = Load::start(&space, &["hello", "control"], 10, Duration::from_secs(300));
    edits_in_care(&space, false);
    let hits = load.stop();
    nobody_saw(&whole(&hits, "hello"), "v3");
    no_error_of_ours(&hits, "hello", "control");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_kn_edits_with_warnings_move_users_only_by_name() {
    let (space, _care) = in_care("care-kn-warn", "care-warn");
    let load = Load::start(&space, &["hello"], 10, Duration::from_secs(300));
    edits_in_care(&space, true);
    nobody_saw(&whole(&load.stop(), "hello"), "v3");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_without_policies_kn_moves_users() {
    let space = Space::new("care-kn-free");
    space.serve(&declared("hello", "v1"));
    let load = Load::start(&space, &["hello"], 10, Duration::from_secs(300));
    // Users who follow latest go where each edit leads.
    kn_service(&space, &["update", "--image", "dev.local/andante-sample:v2"]).good();
    assert_eq!(space.split("hello"), "latest 100");
    space.answers("hello", "v2", 5);
    kn_service(&space, &["update", "--traffic", "hello-00001=100"]).good();
    assert_eq!(space.split("hello"), "hello-00001 100");
    kn_service(&space, &ENV).good();
    assert_eq!(space.split("hello"), "hello-00001 100");
    kn_service(&space, &TO_LATEST).good();
    assert_eq!(space.split("hello"), "latest 100");
    kn_service(&space, &["update", "--traffic", "hello-00001=100"]).good();
    space.settled("hello");
    let (walk, _) = half_way(&space);
    kn_service(&space, &TO_SECOND).good();
    walk.wait(LONG).ended(14).says("kn");
    everyone_is_on_the_second(&space);
    let hits = load.stop();
    for version in ["v1", "v2"] {
        assert!(hits.iter().any(|hit| hit.version.as_deref() == Some(version)), "{version}: {}", summary(&hits));
    }
}
