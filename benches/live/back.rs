//! From the answer that fails a gate to the last user who met the candidate.

use super::figures::{figure, load, times};
use super::gate::Gate;
use super::runs::Runner;
use crate::cluster::support::{Hit, LONG, Load, SHORT};
use jiff::{SignedDuration, Timestamp};
use std::thread::sleep;
use std::time::{Duration, Instant};

const REPEATS: usize = 12;
const RATE: u32 = 100;
const STABLE: &str = "v1";
const CANDIDATE: &str = "v2";

/// One rollback.
struct Back {
    /// Until the last answer of the candidate arrived at a user.
    seen: Duration,
    /// Until the last request that the candidate answered was sent.
    sent: Duration,
    /// Until the walk said that the probe failed, which is before it writes.
    decided: Duration,
    /// Until the write was answered, as the walk's own line tells.
    written: Duration,
    answers: usize,
    bad: usize,
}

/// Repeats it while there is time.
pub fn measure(runner: Runner, until: Instant) {
    load("before rollbacks");
    let image = format!("dev.local/andante-sample:{CANDIDATE}");
    runner.start(&["stage", "users", "--image", &image]).ended(0, "staged", LONG);
    let record = runner.space.record("users");
    let candidate = record["candidate"].as_str().unwrap();
    let gate = Gate::start();
    let mut all: Vec<Back> = vec![];
    while all.len() < REPEATS && (all.is_empty() || Instant::now() < until) {
        if !all.is_empty() {
            // The same revision, up and warm.
            runner.start(&["stage", "users", "--revision", candidate, "--again"]).ended(0, "staged", LONG);
        }
        all.push(once(runner, &gate));
    }
    load("after rollbacks");
    let of = |pick: fn(&Back) -> Duration| all.iter().map(pick).collect();
    let how =
        format!("from the probe's 500 to the last answer of the candidate seen by users; {RATE} requests/s, 50 %");
    times("back.seen", of(|b| b.seen), &how);
    times("back.sent", of(|b| b.sent), "the same to when that user sent the request");
    times("back.decided", of(|b| b.decided), "the same to the walk's line about the probe, just before it writes");
    times("back.written", of(|b| b.written), "the same to the answer of the PATCH, as the walk tells");
    let theirs = "from the answer of the PATCH to the last answer of the candidate: Knative's and Envoy's part";
    times("back.served", of(|b| b.seen.saturating_sub(b.written)), theirs);
    let (answers, bad) = all.iter().fold((0, 0), |sum, b| (sum.0 + b.answers, sum.1 + b.bad));
    figure("back.errors", bad, "answers", &format!("not by the application or not 200, of {answers} in all"));
}

fn once(runner: Runner, gate: &Gate) -> Back {
    gate.good();
    let walk = runner.start(&[
        "walk",
        "users",
        "--steps",
        "50,100",
        "--dwell",
        "60s",
        "--probe",
        "/",
        "--via",
        &gate.url,
        "--probe-passes",
        "1",
        "--probe-failures",
        "1",
        "--probe-interval",
        "200ms",
    ]);
    walk.line("step 1 of 2 is served", SHORT);
    let load = Load::start(runner.space, &["users"], RATE, Duration::from_secs(60));
    sleep(Duration::from_secs(2));
    let failed = gate.bad(Duration::from_secs(5));
    let lines = walk.ended(10, "failed in a row", LONG).lines;
    // Long enough to see that nobody comes to the candidate any more.
    sleep(Duration::from_millis(1500));
    let hits = load.stop();

    let line = |text: &str| {
        let found = lines.iter().find(|(at, line)| *at >= failed && line.contains(text));
        found.unwrap_or_else(|| panic!("no line has `{text}`: {lines:#?}")).0
    };
    let (decided, written) = (line("failed: status 500"), line("traffic: back to"));
    let after = |at: Timestamp| Duration::try_from(at.duration_since(failed)).unwrap_or_default();
    let answered = |hit: &Hit| hit.at + SignedDuration::try_from(hit.latency).unwrap();
    let theirs: Vec<&Hit> = hits.iter().filter(|hit| hit.version.as_deref() == Some(CANDIDATE)).collect();
    let before = theirs.iter().filter(|hit| hit.at < failed).count();
    assert!(before >= 20, "users were on the candidate before: {before}");
    let last = theirs.iter().map(|hit| answered(hit)).max().unwrap();
    let last_sent = theirs.iter().map(|hit| hit.at).max().unwrap();
    let later = hits.iter().filter(|hit| hit.at > last && hit.version.as_deref() == Some(STABLE)).count();
    assert!(later >= 20, "users are back on stable: {later} answers");
    let bad = hits.iter().filter(|hit| !hit.is_good()).count();
    Back {
        seen: after(last),
        sent: after(last_sent),
        decided: after(decided),
        written: after(written),
        answers: hits.len(),
        bad,
    }
}
