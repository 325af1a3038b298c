//! Waits: on a state, never on a time alone, and never without an end.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Long enough for anything that takes pods, on a machine that is busy with other tests.
pub const LONG: Duration = Duration::from_secs(120);
/// Long enough for anything that takes only the API and the gateway.
pub const SHORT: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(100);

/// Asks until there is an answer; the test fails with `what` if there is none in time.
pub fn eventually<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {limit:?} in vain: {what}");
        sleep(POLL);
    }
}

/// Fails if `ask` is ever false within the time.
pub fn holds_for(what: &str, time: Duration, mut ask: impl FnMut() -> bool) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        assert!(ask(), "did not hold for {time:?}: {what}");
        sleep(POLL);
    }
}
