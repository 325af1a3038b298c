//! The whole thread once: stage, walk, done.

use super::support::*;
use std::time::Duration;

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_new_version_is_staged_and_walked_to() {
    let space = Space::new("smoke");
    space.serve(&sample("hello", "v1"));
    assert_eq!(space.split("hello"), "latest 100");
    let candidate = space.stage("hello", "v2");
    assert_eq!(candidate, "hello-00002");
    assert_eq!(space.split("hello"), "hello-00001 100 #stable, hello-00002 0 #candidate");
    space.answers("candidate-hello", "v2", 3);
    let load = Load::start(&space, &["hello"], 20, Duration::from_secs(60));
    let walk = space.start(&["walk", "hello", "--steps", "50,100", "--dwell", "1s", "--bake", "1s"]);
    walk.wait(LONG).ended(0).ends_with("finished");
    let hits = load.stop();
    assert!(hits.iter().all(Hit::is_good));
    assert_eq!(space.split("hello"), "latest 100");
    space.answers("hello", "v2", 5);
}
