//! Others at the candidate's own address: an uptime monitor that gets 500 there is no user, and no user's failure.

use super::evidence::staged;
use super::support::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Somebody who asks the candidate by its tag at even times, until it is dropped.
struct Monitor {
    stop: Arc<AtomicBool>,
    failed: Arc<AtomicU32>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Monitor {
    fn start(space: &Space, path: &'static str, every: Duration) -> Self {
        let (stop, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (host, cluster) = (space.host("candidate-hello"), space.cluster);
        let thread = std::thread::spawn({
            let (stop, failed) = (Arc::clone(&stop), Arc::clone(&failed));
            move || {
                let mut next = Instant::now();
                while !stop.load(Ordering::Relaxed) {
                    if Instant::now() >= next {
                        let answer = cluster.ask(&host, path);
                        failed.fetch_add(u32::from(answer.is_some_and(|a| a.status == 500)), Ordering::Relaxed);
                        next += every;
                    }
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
        });
        Self { stop, failed, thread: Some(thread) }
    }

    fn failed(&self) -> u32 {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(std::thread::JoinHandle::join));
    }
}

const STEPS: [&str; 8] =
    ["--evidence", "gateway", "--steps", "20,50,100", "--objective", "1%", "--accept-without-evidence", "--dwell"];

/// The candidate is well for users and fails one path, which only the monitor asks for.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_monitor_that_fails_at_the_candidates_address_sends_nobody_back() {
    let space = staged("monitor", "HEALTH_STATUS=500");
    let monitor = Monitor::start(&space, "/healthz", Duration::from_secs(1));
    eventually("the monitor gets failures", SHORT, || (monitor.failed() > 0).then_some(()));
    let load = Load::start(&space, &["hello"], 8, Duration::from_secs(200));
    let judged = Judged::of(&space, load, &[&STEPS[..], &["20s"]].concat(), || {});
    judged.figures("monitor");
    judged.ran.clone().ended(0).ends_with("finished").says("others ask hello-00002 by its own address");
    assert_eq!(judged.bad(), 0, "{}", summary(&judged.hits));
    assert!(monitor.failed() > 60, "it asked all the time: {}", monitor.failed());
    assert_eq!(space.split("hello"), "latest 100");
}

/// Beside the same monitor, a candidate that fails for users as well goes back at once.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_candidate_that_fails_does_not_hide_behind_a_monitor() {
    let space = staged("monitor-fails", "ERROR_RATE=1");
    let monitor = Monitor::start(&space, "/", Duration::from_secs(1));
    let load = Load::start(&space, &["hello"], 100, Duration::from_secs(200));
    let judged = Judged::of(&space, load, &[&STEPS[..], &["20s"]].concat(), || {});
    judged.figures("monitor-fails");
    assert!([23, 24].contains(&judged.ran.code), "{:?}", judged.ran.lines);
    assert!(judged.bad() > 0 && judged.bad() <= 120, "{} bad answers", judged.bad());
    space.answers("hello", "v1", 5);
    drop(monitor);
}

/// Two failing requests of a monitor's at a first step of one in a hundred users, where users' failures would be enough for a way
/// back: it was met once before anyone was moved.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_a_monitor_that_asks_twice_a_minute_sends_nobody_back() {
    let space = staged("rare-monitor", "HEALTH_STATUS=500");
    let monitor = Monitor::start(&space, "/healthz", Duration::from_secs(30));
    let load = Load::start(&space, &["hello"], 100, Duration::from_secs(280));
    let flags = ["--evidence", "gateway", "--steps", "1@62s,20,100", "--dwell", "15s", "--objective", "1%"];
    let judged = Judged::of(&space, load, &[&flags[..], &["--accept-without-evidence"]].concat(), || {});
    judged.figures("rare-monitor");
    judged.ran.clone().ended(0).ends_with("finished").says("others ask hello-00002 by its own address");
    assert_eq!(judged.bad(), 0, "{}", summary(&judged.hits));
    assert!(monitor.failed() >= 4, "it asked all the time: {}", monitor.failed());
    assert_eq!(space.split("hello"), "latest 100");
}
