//! Users: an open loop of requests at a fixed rate, every answer kept, so that what users got is counted and not
//! concluded. Bounded in rate, time and patience.

use super::cluster::Cluster;
use super::kubectl::{end, run};
use super::space::Space;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Several loads of one test have files of their own.
static LOADS: AtomicU32 = AtomicU32::new(0);
/// How long a user waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// One request and what came of it.
#[derive(Debug, Clone)]
pub struct Hit {
    /// When it was sent.
    pub at: Timestamp,
    /// The Service (or `TAG-SERVICE`) that was asked.
    pub of: String,
    /// 0: no answer.
    pub status: u16,
    /// The version that answered, as it says itself.
    pub version: Option<String>,
    /// Of a call of gRPC that failed at once: its status.
    pub call: Option<String>,
    /// What the client complained of.
    pub error: String,
    pub latency: Duration,
}

impl Hit {
    /// Answered well, by the application.
    pub fn is_good(&self) -> bool {
        self.status == 200 && self.version.is_some() && self.call.is_none()
    }
}

/// Everything that users of one load got.
pub type Hits = Vec<Hit>;

/// A load that goes on. It ends when it is stopped, dropped, or after its time.
#[derive(Debug)]
pub struct Load {
    child: Child,
    results: PathBuf,
    limit: Duration,
}

impl Load {
    /// Asks each of `services` at `rate` requests a second, all in turn from one client. The time is a bound: stop it.
    pub fn start(space: &Space, services: &[&str], rate: u32, time: Duration) -> Self {
        Self::through(space, &Cluster::get().gateway, services, rate, time)
    }

    /// The same through a gateway of one's own (`host:port`).
    pub fn through(space: &Space, gateway: &str, services: &[&str], rate: u32, time: Duration) -> Self {
        let hosts: Vec<_> = services.iter().map(|name| (*name, space.host(name))).collect();
        Self::at(space, gateway, &hosts, rate, time)
    }

    /// Asks `hello`, by users who wait so long for an answer.
    pub fn patient(space: &Space, rate: u32, time: Duration, patience: Duration) -> Self {
        let hosts = [("hello", space.host("hello"))];
        Self::attack(space, &Cluster::get().gateway, &hosts, rate, (time, patience))
    }

    /// Calls of gRPC, over HTTP/2 without TLS.
    pub fn calls(space: &Space, gateway: &str, service: &str, rate: u32, time: Duration) -> Self {
        // A message without a field.
        let body = "AAAAAAA=";
        let headers = json!({"Host": [space.host(service)], "Content-Type": ["application/grpc"], "TE": ["trailers"]});
        let url = format!("http://{gateway}/sample.Sample/Say?of={service}");
        let target = json!({"method": "POST", "url": url, "header": headers, "body": body}).to_string() + "\n";
        Self::of(space, &target, &["-h2c"], rate, (time, PATIENCE))
    }

    /// The same under hosts of one's own: what to call each in the results, and its host.
    pub fn at(space: &Space, gateway: &str, hosts: &[(&str, String)], rate: u32, time: Duration) -> Self {
        Self::attack(space, gateway, hosts, rate, (time, PATIENCE))
    }

    fn attack(space: &Space, gateway: &str, hosts: &[(&str, String)], rate: u32, times: (Duration, Duration)) -> Self {
        let total = rate * u32::try_from(hosts.len()).unwrap();
        let target = |(name, host): &(&str, String)| {
            let url = format!("http://{gateway}/?of={name}");
            json!({"method": "GET", "url": url, "header": {"Host": [host]}}).to_string() + "\n"
        };
        Self::of(space, &hosts.iter().map(target).collect::<String>(), &[], total, times)
    }

    /// These targets in turn, for so long, by users who wait so long.
    fn of(space: &Space, targets: &str, flags: &[&str], total: u32, (time, patience): (Duration, Duration)) -> Self {
        assert!(total <= 100 && time <= Duration::from_secs(300), "loads are bounded: {total}/s for {time:?}");
        let cluster = Cluster::get();
        let number = LOADS.fetch_add(1, Ordering::Relaxed);
        let targets = space.file(&format!("targets-{number}"), targets);
        let results = PathBuf::from(space.file(&format!("results-{number}"), ""));
        let mut command = Command::new(&cluster.vegeta);
        // Each user who waits is one, and those who come later do not wait for them.
        let most = 400.max(u64::from(total) * patience.as_secs());
        command.args(["attack", "-format=json", "-max-body=0", "-redirects=-1", "-workers=20"]).args(flags);
        command.arg(format!("-max-workers={most}"));
        command.arg(format!("-rate={total}")).arg(format!("-duration={}s", time.as_secs()));
        command.arg(format!("-timeout={}s", patience.as_secs())).arg(format!("-targets={targets}"));
        command.stdin(Stdio::null()).stdout(File::create(&results).unwrap()).stderr(Stdio::inherit());
        let child = command.spawn().unwrap_or_else(|e| panic!("{}: {e}", cluster.vegeta));
        Self { child, results, limit: time + patience + Duration::from_secs(20) }
    }

    /// Lets the last requests end and tells what users got, in the order of sending.
    pub fn stop(mut self) -> Hits {
        if self.child.try_wait().unwrap().is_none() {
            let asked = Command::new("kill").arg("-INT").arg(self.child.id().to_string()).status().unwrap();
            assert!(asked.success() || self.child.try_wait().unwrap().is_some());
        }
        self.join()
    }

    /// Waits until its time is over, and tells what users got.
    pub fn join(mut self) -> Hits {
        let code = end(&mut self.child, self.limit).expect("the load ends in time");
        assert_eq!(code, 0, "vegeta failed");
        let mut command = Command::new(&Cluster::get().vegeta);
        command.args(["encode", "--to=json"]).arg(&self.results);
        let lines = run(&mut command, None, Duration::from_secs(60)).good().out;
        let mut hits: Hits = lines.lines().map(|line| hit(&serde_json::from_str(line).unwrap())).collect();
        hits.sort_by_key(|hit| hit.at);
        assert!(!hits.is_empty(), "the load sent nothing");
        eprintln!("users got {}", summary(&hits));
        complaints(&hits);
        hits
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

fn hit(line: &Value) -> Hit {
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let header = |wanted: &str| {
        let headers = line["headers"].as_object().into_iter().flatten();
        let mut found = headers.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.find_map(|(_, values)| values[0].as_str().map(str::to_owned))
    };
    Hit {
        at: text("timestamp").parse().unwrap(),
        of: text("url").rsplit_once("of=").map(|(_, name)| name.to_owned()).unwrap_or_default(),
        status: line["code"].as_u64().and_then(|c| u16::try_from(c).ok()).unwrap_or(0),
        version: header("x-version"),
        call: header("grpc-status").filter(|status| status != "0"),
        error: text("error"),
        latency: Duration::from_nanos(line["latency"].as_u64().unwrap_or(0)),
    }
}

/// Why users got no answer, and when: a client that gave up, a connection that was refused and one that was cut are
/// different faults.
fn complaints(hits: &[Hit]) {
    let mut reasons: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    for hit in hits.iter().filter(|hit| hit.status == 0) {
        let reason = hit.error.rsplit(": ").next().unwrap_or_default();
        reasons.entry(reason.to_owned()).or_default().push(hit.at);
    }
    for (reason, at) in reasons {
        eprintln!("no answer, {} times from {} to {}: {reason}", at.len(), at[0], at[at.len() - 1]);
    }
}

/// Counts by Service and by what came.
pub fn summary(hits: &[Hit]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for hit in hits {
        let what = match &hit.version {
            Some(version) if hit.is_good() => version.clone(),
            Some(version) if hit.status == 200 => format!("{version} with call {}", hit.call.as_deref().unwrap_or("?")),
            Some(version) => format!("{version} with {}", hit.status),
            None if hit.status == 0 => "no answer".to_owned(),
            None => format!("{} not by the application", hit.status),
        };
        *counts.entry(format!("{} {what}", hit.of)).or_default() += 1;
    }
    counts.iter().map(|(what, n)| format!("{what}: {n}")).collect::<Vec<_>>().join(", ")
}
