//! What users wait for pods: each way of moving them, once with `--capacity off` and once as it is by default, under the same
//! load and one after the other, so that both rows of a pair met the same machine.

use super::figures::{figure, load};
use super::room::Room;
use super::runs::{Line, Run, Runner};
use crate::cluster::support::{Hit, LONG, Space, between, busy, read};
use jiff::Timestamp;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

/// How many times stable's median a request may take before it is one that waited.
const SLOW: u32 = 5;
/// Long enough for a revision without users to sleep: its window, Knative's grace period, and a margin.
const ASLEEP: Duration = Duration::from_secs(65);
/// From the staging on until a candidate that is to fail in the bake does: the switch, and a stable that would sleep.
const ILL_AFTER: i64 = 120;
const EVIDENCE: [&str; 6] = ["--evidence", "gateway", "--evidence-every", "2s", "--evidence-lag", "1s"];

/// How users are moved, and what ends it.
struct Row {
    name: &'static str,
    walk: &'static [&'static str],
    judged: bool,
    /// Which of its answers fail, from when on.
    ill: Option<(&'static str, i64)>,
    /// In the bake, once stable would sleep.
    aborted: bool,
    code: i32,
    end: &'static str,
}

const GOOD: Row = Row { name: "", walk: &[], judged: false, ill: None, aborted: false, code: 0, end: "finished" };
const ROWS: [Row; 7] = [
    Row { name: "blue-green", walk: &["--style", "blue-green", "--bake", "8s"], ..GOOD },
    Row { name: "all-at-once", walk: &["--style", "all-at-once", "--bake", "8s"], ..GOOD },
    Row { name: "jump", walk: &["--steps", "1,100", "--dwell", "10s", "--bake", "8s"], ..GOOD },
    Row { name: "canary", walk: &["--steps", "5,25,50,100", "--dwell", "10s", "--bake", "8s"], ..GOOD },
    Row {
        name: "abort-in-the-bake",
        walk: &["--style", "blue-green", "--bake", "10m"],
        aborted: true,
        code: 15,
        end: "rolled back",
        ..GOOD
    },
    Row {
        name: "evidence-at-half",
        // Others are looked for as long as the first step lasts, and a candidate must not fall asleep meanwhile.
        walk: &["--steps", "50,100", "--dwell", "20s", "--objective", "50%"],
        judged: true,
        ill: Some(("0.3", 0)),
        code: 23,
        end: "rolled back",
        ..GOOD
    },
    Row {
        name: "evidence-in-the-bake",
        walk: &["--style", "blue-green", "--bake", "5m", "--objective", "10%"],
        judged: true,
        ill: Some(("0.3", ILL_AFTER)),
        code: 24,
        end: "rolled back",
        ..GOOD
    },
];

/// The rows whose name has this in it; the whole table takes about half an hour.
pub fn measure(binary: &Path, named: &str) {
    let rows: Vec<&Row> = ROWS.iter().filter(|row| row.name.contains(named)).collect();
    assert!(!rows.is_empty(), "no row has {named} in its name: there are {}", ROWS.map(|row| row.name).join(", "));
    for row in rows {
        for capacity in ["off", "try"] {
            load(&format!("before {} with --capacity {capacity}", row.name));
            once(binary, row, capacity);
        }
    }
}

fn once(binary: &Path, row: &Row, capacity: &str) {
    let room = Room::empty("bench-pods");
    let space = &room.space;
    let runner = Runner { binary, space };
    let load = busy(space);
    let calm = Timestamp::now();
    sleep(Duration::from_secs(5));
    let staged = Timestamp::now();
    let mut stage = vec!["stage", "hello", "--image", "dev.local/andante-sample:v2"];
    let ill = row.ill.map(|(rate, after)| {
        [
            format!("INCIDENT_AT={}", staged.as_second() + after),
            "INCIDENT_FOR=10m".into(),
            format!("INCIDENT_RATE={rate}"),
        ]
    });
    for setting in ill.iter().flatten() {
        stage.extend(["--set-env", setting]);
    }
    runner.start(&stage).ended(0, "staged", LONG);

    let mut walk = vec!["walk", "hello", "--capacity", capacity];
    walk.extend(row.walk);
    if row.judged {
        walk.extend(EVIDENCE);
    }
    let peak = Peak::of(space);
    let began = Timestamp::now();
    let walk = runner.start(&walk);
    if row.aborted {
        abort(runner, &walk);
    }
    let ran = walk.ended(row.code, row.end, Duration::from_secs(220));
    // Those who came back to pods that sleep wait after the end.
    sleep(Duration::from_secs(8));
    let hits = load.stop();
    let stable = median(&between(&hits, "hello", calm, staged));
    let moved = between(&hits, "hello", began, Timestamp::MAX);
    let slow = |hit: &&&Hit| hit.status == 0 || hit.latency > stable * SLOW;
    let waited: Vec<_> = moved.iter().filter(slow).collect();
    let longest = moved.iter().map(|hit| hit.latency).max().unwrap_or_default();
    let how = format!(
        "of {}; over {SLOW} times stable's median of {:.0?} or never answered; the longest {longest:.1?}; the walk took {:.1?}",
        moved.len(),
        stable,
        ran.took
    );
    let name = format!("pods.{}.{capacity}", row.name);
    figure(&format!("{name}.waited"), waited.len(), "requests", &how);
    figure(&format!("{name}.peak"), peak.stop(), "pods", "the most that both revisions had at once");
    if row.code != 0 {
        off(&name, &ran.lines, &moved);
    }
}

/// From the line that tells of the way back to the last user who was sent to the candidate.
fn off(name: &str, lines: &[Line], hits: &[&Hit]) {
    let (decided, _) = lines.iter().find(|(_, line)| line.contains("traffic: back to")).unwrap();
    // Whoever got no answer was sent there too.
    let theirs = hits.iter().filter(|hit| hit.version.as_deref() != Some("v1"));
    let last = theirs.map(|hit| hit.at).max().expect("users were sent to the candidate");
    let late = Duration::try_from(last.duration_since(*decided)).unwrap_or_default();
    figure(
        &format!("{name}.off"),
        late.as_millis(),
        "ms",
        "from the line about the way back to the last user of the candidate",
    );
}

/// The most pods that a Service has at once, looked for twice a second.
struct Peak {
    over: Arc<AtomicBool>,
    counter: JoinHandle<i64>,
}

impl Peak {
    fn of(space: &Space) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (until, namespace) = (Arc::clone(&over), space.namespace.clone());
        let counter = std::thread::spawn(move || {
            let mut most = 0;
            while !until.load(Ordering::Relaxed) {
                let path = format!("/apis/serving.knative.dev/v1/namespaces/{namespace}/revisions");
                let list = read(&path).unwrap_or_default();
                let pods = |revision: &Value| revision["status"]["actualReplicas"].as_i64().unwrap_or(0);
                most = most.max(list["items"].as_array().into_iter().flatten().map(pods).sum());
                sleep(Duration::from_millis(500));
            }
            most
        });
        Self { over, counter }
    }

    fn stop(self) -> i64 {
        self.over.store(true, Ordering::Relaxed);
        self.counter.join().unwrap()
    }
}

/// Asks for everyone to go back when stable would have gone to sleep.
fn abort(runner: Runner, walk: &Run) {
    walk.line("is served (", LONG);
    sleep(ASLEEP);
    runner.start(&["control", "abort", "hello"]).ended(0, "abort asked", LONG);
}

fn median(hits: &[&Hit]) -> Duration {
    let mut all: Vec<_> = hits.iter().map(|hit| hit.latency).collect();
    all.sort();
    all[all.len() / 2]
}
