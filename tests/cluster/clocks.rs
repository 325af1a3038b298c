//! A walker whose clock is not the API server's.

use super::support::*;
use std::path::Path;
use std::time::{Duration, Instant};

const WALK: [&str; 8] = ["walk", "hello", "--steps", "50,100", "--dwell", "5s", "--bake", "5s"];
/// Debian's package `faketime`: another time of day for one process; its monotonic clock stays.
const OTHER_TIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

#[test]
#[ignore = "needs a cluster: make test-cluster"]
fn a_clock_that_is_wrong_shortens_no_dwell_and_makes_nobody_the_newest() {
    assert!(Path::new(OTHER_TIME).exists(), "apt-get install faketime");
    // The certificates of a cluster that was made just now are not valid yet where it is much earlier.
    for (service, by, said) in [("ahead", "+2h", "ahead of"), ("behind", "-30s", "behind")] {
        let space = Space::new(&format!("clock-{service}"));
        space.serve(&sample("hello", "v1"));
        let environment = [("LD_PRELOAD", OTHER_TIME), ("FAKETIME", by), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
        let stage = ["stage", "hello", "--image", "dev.local/andante-sample:v2"];
        let staged = space.start_with(&stage, &environment).wait(LONG).ended(0).says("this machine's clock is");
        staged.says(&format!("{said} the API server's; every time here is the server's"));
        let mut walk = space.start_with(&WALK, &environment);
        walk.line("step 1 of 2 is served", LONG);
        let served = Instant::now();
        walk.line("100 % to hello-00002", LONG);
        let stayed = served.elapsed();
        assert!(stayed > Duration::from_millis(4500) && stayed < Duration::from_secs(15), "{by}: {stayed:?}");
        // Killed and started again with another clock, the dwell still counts from when the step was served.
        walk.line("step 2 of 2 is served", LONG);
        let served = Instant::now();
        walk.kill();
        space.start(&WALK).wait(LONG).ended(0);
        assert!(served.elapsed() > Duration::from_secs(4), "{by}: the bake took {:?}", served.elapsed());
        // The person with the other clock is not the newest for hours.
        space.andante(&["stage", "hello", "--image", "dev.local/andante-sample:v3"]).ended(0).ends_with("staged");
    }
}
