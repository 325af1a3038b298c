//! Counters of the owner's own, compared: a real Prometheus, pods that count, begin anew and end; and walks by them.

use super::evidence::staged;
use super::support::*;
use andante::adapter::source::{CountersFrom, EvidenceSource, Fetch, Gates, HttpCredentials};
use andante::evidence::compare::{CompareRow, RowEvidence, RowHeard, RowTally};
use andante::evidence::reading::Arms;
use andante::run::ports::Source;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const ROW: &str = "orders: bad=orders_total{state=\"lost\",rev=\"{revision}\"} total=orders_total{rev=\"{revision}\"} or old_orders_total{rev=\"{revision}\"}";

/// A pod that tells its orders to whoever asks: those that were lost, and those that were not.
struct Pod {
    address: String,
    says: Arc<Mutex<Option<String>>>,
}

impl Pod {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let says = Arc::<Mutex<Option<String>>>::default();
        let told = Arc::clone(&says);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                // One that is gone answers nothing.
                let Some(body) = told.lock().unwrap().clone() else { continue };
                let length = body.len();
                let head = "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4";
                let _ = write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{body}");
            }
        });
        Self { address, says }
    }

    fn counts(&self, revision: &str, kept: u64, lost: u64) {
        let line = |state: &str, n: u64| format!("orders_total{{rev=\"{revision}\",state=\"{state}\"}} {n}\n");
        // A counter with labels appears with its first event.
        let lines = [("kept", kept), ("lost", lost)].into_iter().filter(|(_, n)| *n > 0);
        let text = lines.map(|(state, n)| line(state, n)).collect::<String>();
        *self.says.lock().unwrap() = Some(format!("# TYPE orders_total counter\n{text}"));
    }

    fn ends(&self) {
        *self.says.lock().unwrap() = None;
    }
}

/// One scrape after another until a look at the row shows this; what the looks came to.
fn until(server: &EvidenceSource, row: &mut RowEvidence, shows: impl Fn(&RowTally) -> bool) -> Vec<RowHeard> {
    let arms =
        Arms { namespace: "n".parse().unwrap(), stable: "h-1".parse().unwrap(), candidate: "h-2".parse().unwrap() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (began, mut heard, mut shown) = (Instant::now(), vec![], None);
    loop {
        let tally = runtime.block_on(server.count(row.row(), &arms)).unwrap();
        if shows(&tally) {
            shown.get_or_insert_with(Instant::now);
        }
        heard.push(row.look(&tally, Some(3_600_000)));
        // The window that it is in needs scrapes of everybody, for ten times as long as they lie apart.
        if shown.is_some_and(|shown| shown.elapsed() > Duration::from_secs(13)) {
            return heard;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{tally:?}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Pods count, begin anew and end, and what Prometheus tells of them adds up to what they did.
#[test]
#[ignore = "needs Prometheus (Debian's package): make test-cluster"]
fn what_pods_counted_adds_up_whatever_becomes_of_them() {
    let pods = [Pod::new(), Pod::new(), Pod::new()];
    let [old, ending, new] = &pods;
    old.counts("h-1", 1000, 10);
    ending.counts("h-1", 5000, 50);
    new.counts("h-2", 0, 0);
    let server = PrometheusServer::start("compare", &pods.each_ref().map(|pod| pod.address.clone()), "1s");
    let fetch = || Fetch::new(None, HttpCredentials::None, Duration::from_secs(5)).unwrap();
    let gates = Some(Box::new(Gates::new(fetch(), fetch(), Some(&server.url())).unwrap()));
    let limit = Duration::from_secs(5);
    let source = EvidenceSource { from: CountersFrom::Nothing, gates, limit, patience: Duration::from_secs(60) };
    let mut row = RowEvidence::new(ROW.parse::<CompareRow>().unwrap());
    let sum = |tally: &RowTally, candidate: bool| -> u64 {
        tally.series.iter().filter(|s| s.total && s.candidate == candidate).map(|s| s.count).sum()
    };
    // Both pods of stable are scraped; the candidate has no series yet.
    until(&source, &mut row, |tally| sum(tally, false) == 6060 && sum(tally, true) == 0);
    old.counts("h-1", 1100, 11);
    ending.counts("h-1", 5200, 51);
    new.counts("h-2", 30, 4);
    until(&source, &mut row, |tally| sum(tally, false) == 6362 && sum(tally, true) == 34);
    // One pod ends, one begins anew: its counts fall, and what it lost is gone from none of the sums.
    ending.ends();
    old.counts("h-1", 90, 0);
    new.counts("h-2", 60, 9);
    until(&source, &mut row, |tally| sum(tally, false) == 90 && sum(tally, true) == 69);
    old.counts("h-1", 190, 1);
    new.counts("h-2", 90, 12);
    let last = until(&source, &mut row, |tally| sum(tally, false) == 191 && sum(tally, true) == 102);
    assert!(
        last.contains(&RowHeard::Window) && !last.iter().any(|heard| matches!(heard, RowHeard::Broken(_))),
        "{last:?}"
    );
    let counted = row.counted();
    assert_eq!((counted.candidate.requests, counted.candidate.failures), (102, 12));
    // 302 before the one began anew, 191 since.
    assert_eq!((counted.stable.requests, counted.stable.failures), (493, 3));
}

/// The gateway's counters as an owner's own, since the sample has none; without any other evidence.
fn rows() -> String {
    let of = "envoy_cluster_name=\"{namespace}/{revision}\"";
    let bad = format!("envoy_cluster_upstream_rq_xx{{{of},envoy_response_code_class=\"5\"}}");
    format!("orders: bad={bad} total=envoy_cluster_upstream_rq_completed{{{of}}}")
}

fn compared(test: &str, setting: &str) -> (Space, Judged) {
    let server = PrometheusServer::start(test, &[Cluster::get().gateway.replace(":8080", ":9000")], "1s");
    let (space, row, url) = (staged(test, setting), rows(), server.url());
    let flags = ["--evidence", "none", "--steps", "20,50,100", "--dwell", "10s", "--bake", "5s"];
    let own = ["--compare", &row, "--gate-prometheus", &url, "--gate-every", "2s"];
    let judged = Judged::walk(&space, 100, &[&flags[..], &own].concat());
    (space, judged)
}

/// What an owner's own counters tell sends users back as the built-in comparison does.
#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_owners_counters_send_users_back() {
    let (space, judged) = compared("own-counters", "ERROR_RATE=0.2");
    judged.ran.clone().ended(23).says("worse than stable: orders: hello-00002 has");
    assert_eq!(space.record("hello")["outcome"], "worse");
    assert_eq!(space.split("hello"), "hello-00001 100, hello-00002 0 #candidate");
}

#[test]
#[ignore = "needs a cluster: make test-full"]
fn long_an_owners_counters_hold_nobody_back_who_is_no_worse() {
    let (space, judged) = compared("own-good-counters", "ERROR_RATE=0");
    judged.ran.clone().ended(0).says("compare orders: hello-00002 has 0 of");
    assert_eq!(space.split("hello"), "latest 100");
}
