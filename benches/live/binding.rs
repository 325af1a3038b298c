//! What whoever follows all Services asks and holds while nothing happens: at 1, 100 and 1,000 Services, over an hour.
//!
//! The API server is one of this process, over TLS: it knows so many Services that serve what they declare, each with ten runs that are
//! over, and counts what it is asked. It ends watches when it was asked to and sends a bookmark a minute, as the real one does.

use super::figures::figure;
use super::shipped::Build;
use crate::authority;
use andante::rollout::declaration::read::Stated;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

const SIZES: [usize; 3] = [1, 100, 1000];
/// How many finished runs a Service keeps.
const RUNS: usize = 10;
/// So long the first lists may take.
const SETTLES: Duration = Duration::from_secs(60);
const BOOKMARKS: Duration = Duration::from_secs(60);
/// What stands in the texts for the number of a Service and of its run.
const NUMBER: &str = "0000001";
const RUN: &str = "0123456789ab";

type Asked = Arc<Mutex<Vec<(Instant, &'static str)>>>;

/// Objects as texts, in which only numbers differ.
struct Objects {
    services: usize,
    service: String,
    run: String,
}

/// Measures for so many minutes.
pub fn measure(build: &Build, minutes: u64) {
    let mut followed: Vec<Followed> = SIZES.into_iter().map(|services| Followed::start(build, services)).collect();
    sleep(SETTLES);
    for one in &mut followed {
        one.settled(build);
    }
    println!("{minutes} minutes of nothing begin");
    sleep(Duration::from_secs(minutes * 60));
    for one in &mut followed {
        one.print(minutes);
    }
}

/// A follower and the server that it follows.
struct Followed {
    services: usize,
    asked: Asked,
    child: Child,
    begin: Instant,
    kubeconfig: PathBuf,
}

impl Followed {
    fn start(build: &Build, services: usize) -> Self {
        let asked = Asked::default();
        let (port, authority) = serve(services, asked.clone());
        let name = format!("bench-binding-{}-{services}", std::process::id());
        let kubeconfig = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.kubeconfig"));
        let data = base64_of(authority.as_bytes());
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "x", "cluster":
                {"server": format!("https://localhost:{port}"), "certificate-authority-data": data}}],
            "users": [{"name": "x", "user": {"token": "x"}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}]
        });
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        let mut command = Command::new(&build.path);
        command.args(["start", "--all", "--follow", "--metrics=127.0.0.1:0", "--kubeconfig"]).arg(&kubeconfig);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().unwrap_or_else(|e| panic!("{}: {e}", build.path.display()));
        Self { services, asked, child, begin: Instant::now(), kubeconfig }
    }

    /// The first lists are read.
    fn settled(&mut self, build: &Build) {
        assert!(self.child.try_wait().unwrap().is_none(), "it ended by itself");
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        let took = asked.last().map_or(Duration::ZERO, |(at, _)| at.duration_since(self.begin));
        assert!(took + Duration::from_secs(10) < SETTLES, "it is not at rest {took:?} after it began");
        let name = format!("binding.{}", self.services);
        figure(
            &format!("{name}.first-requests"),
            asked.len(),
            "requests",
            &format!("{}; {RUNS} runs a Service", by_verb(&asked)),
        );
        figure(
            &format!("{name}.memory.first"),
            self.memory("VmHWM:"),
            "KiB",
            &format!("VmHWM after {SETTLES:?}; {}", build.what),
        );
    }

    fn print(&mut self, minutes: u64) {
        assert!(self.child.try_wait().unwrap().is_none(), "it ended by itself");
        let name = format!("binding.{}", self.services);
        let asked = self.asked.lock().unwrap().clone();
        let beyond = asked.iter().filter(|(_, verb)| *verb != "watch").count();
        let how = format!("in {minutes} minutes of nothing; {}", by_verb(&asked));
        figure(&format!("{name}.requests"), beyond, "requests", &format!("beyond watches, {how}"));
        for (field, what) in [("VmHWM:", "peak"), ("VmRSS:", "resident"), ("RssAnon:", "anonymous")] {
            let how = format!("{field} after {minutes} minutes");
            figure(&format!("{name}.memory.{what}"), self.memory(field), "KiB", &how);
        }
    }

    fn memory(&self, field: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_else(|| panic!("no {field}"));
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        drop(self.child.kill().and_then(|()| self.child.wait()));
        drop(std::fs::remove_file(&self.kubeconfig));
    }
}

fn by_verb(asked: &[(Instant, &'static str)]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, verb) in asked {
        *counts.entry(verb).or_default() += 1;
    }
    let words: Vec<String> = counts.iter().map(|(verb, count)| format!("{count} {verb}")).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Serves so many Services, from a thread of its own; the port, and the authority that its certificate is of.
fn serve(services: usize, asked: Asked) -> (u16, String) {
    let (acceptor, authority) = authority::private();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let objects = Arc::new(Objects { services, service: service(), run: run() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap().port()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, objects, asked) = (acceptor.clone(), objects.clone(), asked.clone());
                tokio::spawn(async move {
                    // Whoever goes away in mid-answer is gone.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        drop(answer_all(stream, &objects, &asked).await);
                    }
                });
            }
        });
    });
    (told.recv().unwrap(), authority)
}

/// Answers one request after the other, as long as the connection lasts.
async fn answer_all(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    objects: &Objects,
    asked: &Asked,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        let head: Vec<u8> = bytes.drain(..end).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let verb = match (query.contains_key("watch"), query.contains_key("limit"), head.starts_with("GET ")) {
            (true, ..) => "watch",
            (_, true, _) => "list",
            (.., true) => "get",
            _ => "write",
        };
        asked.lock().unwrap().push((Instant::now(), verb));
        match verb {
            "watch" => watch(&mut stream, &query).await?,
            "list" => send(&mut stream, "200 OK", &objects.page(path, &query)).await?,
            _ => {
                let missing = json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "details": {"name": "x"}, "code": 404});
                send(&mut stream, "404 Not Found", &missing.to_string()).await?;
            }
        }
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), status: &str, body: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.flush().await
}

/// A watch in which nothing happens, for as long as was asked.
async fn watch(stream: &mut (impl AsyncWrite + Unpin), query: &BTreeMap<&str, &str>) -> std::io::Result<()> {
    let seconds = query.get("timeoutSeconds").and_then(|text| text.parse().ok()).unwrap_or(300);
    let until = Instant::now() + Duration::from_secs(seconds);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await?;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        tokio::time::sleep(left.min(BOOKMARKS)).await;
        if left <= BOOKMARKS {
            stream.write_all(b"0\r\n\r\n").await?;
            return stream.flush().await;
        }
        let event = json!({"type": "BOOKMARK", "object": {"kind": "X", "metadata": {"resourceVersion": "1000"}}});
        let line = format!("{event}\n");
        stream.write_all(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes()).await?;
        stream.flush().await?;
    }
}

impl Objects {
    /// A page of what lies at this path.
    fn page(&self, path: &str, query: &BTreeMap<&str, &str>) -> String {
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
        let (from, limit) = (number("continue").unwrap_or(0), number("limit").unwrap_or(500));
        let all = if path.ends_with("/services") {
            self.services
        } else if path.ends_with("/pipelineruns") {
            self.services * RUNS
        } else {
            0
        };
        let object = |at: usize| {
            if path.ends_with("/services") {
                self.service.replace(NUMBER, &format!("{at:07}"))
            } else {
                let run = self.run.replace(NUMBER, &format!("{:07}", at / RUNS));
                run.replace(RUN, &format!("{:012x}", at % RUNS))
            }
        };
        let to = all.min(from + limit);
        let items: Vec<String> = (from..to).map(object).collect();
        let more = if to < all { to.to_string() } else { String::new() };
        format!(
            "{{\"kind\":\"List\",\"apiVersion\":\"v1\",\"metadata\":{{\"resourceVersion\":\"1000\",\"continue\":\"{more}\"}},\"items\":[{}]}}",
            items.join(",")
        )
    }
}

/// Who wrote which fields, of about so many bytes: a large part of any object.
fn managed(bytes: usize) -> Value {
    let fields: BTreeMap<String, Value> =
        (0..bytes / 32).map(|n| (format!("f:a-field-of-it-{n:04}"), json!({}))).collect();
    json!([{"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "time": "2026-11-30T04:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": fields}}])
}

/// A Service that serves what it declares, of about seven kilobytes.
fn service() -> String {
    let (name, uid) = (format!("shop-{NUMBER}"), format!("00000000-0000-4000-8000-0000{NUMBER}0"));
    let environment: Vec<Value> = (0..20)
        .map(|n| json!({"name": format!("SETTING_{n:02}"), "value": "a value of thirty characters.."}))
        .collect();
    let container = json!({"name": "web", "image": format!("registry.example.com/{name}@sha256:{}", "0".repeat(64)), "env": environment,
        "ports": [{"containerPort": 8080}], "readinessProbe": {"successThreshold": 1, "httpGet": {"path": "/healthz", "port": 0}}});
    let revision = format!("{name}-00001");
    let conditions: Vec<Value> = ["ConfigurationsReady", "Ready", "RoutesReady"]
        .into_iter()
        .map(|kind| json!({"type": kind, "status": "True", "lastTransitionTime": "2026-11-30T04:00:00Z"}))
        .collect();
    let mut object = json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": {"name": name, "namespace": "shop", "uid": uid, "generation": 1, "resourceVersion": "900",
            "creationTimestamp": "2026-11-30T04:00:00Z", "managedFields": managed(2500),
            "annotations": {"andante.dev/pipeline": "build-it-and-roll-it-out-slowly", "andante.dev/source": "https://git.example.com/shop.git",
                "andante.dev/source-revision": "0123456789abcdef0123456789abcdef01234567", "serving.knative.dev/creator": "kubernetes-admin"}},
        "spec": {"template": {"metadata": {"annotations": {}}, "spec": {"containerConcurrency": 0, "timeoutSeconds": 300, "containers": [container]}},
            "traffic": [{"revisionName": revision, "percent": 100}]},
        "status": {"observedGeneration": 1, "latestCreatedRevisionName": revision, "latestReadyRevisionName": revision,
            "url": format!("http://{name}.shop.example.com"), "conditions": conditions,
            "traffic": [{"revisionName": revision, "percent": 100, "latestRevision": false}]},
    });
    let goal = Stated::of_json(&object).read().unwrap().id;
    let status = json!({"goal": goal, "run": format!("{name}-{RUN}"), "kind": "PipelineRun", "phase": "done", "reason": "its run ended well", "uid": uid});
    object["metadata"]["annotations"]["andante.dev/goal-status"] = json!(status.to_string());
    object.to_string()
}

/// A run that is over, of about twelve kilobytes: most of it is its Pipeline.
fn run() -> String {
    let (service, name) = (format!("shop-{NUMBER}"), format!("shop-{NUMBER}-{RUN}"));
    let tasks: Vec<Value> = (0..8).map(|n| json!({"name": format!("task-{n}"), "taskSpec": {"steps": [{"name": "step", "script": "x".repeat(700)}]}})).collect();
    json!({
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
        "metadata": {"name": name, "namespace": "shop", "uid": format!("run-{NUMBER}-{RUN}"), "creationTimestamp": "2026-11-30T04:00:00Z",
            "labels": {"andante.dev/service": service, "andante.dev/goal": "0123456789ab"}, "managedFields": managed(3000),
            "ownerReferences": [{"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": service, "uid": "x"}]},
        "spec": {"pipelineRef": {"name": "build-it-and-roll-it-out-slowly"}},
        "status": {"conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded"}], "pipelineSpec": {"tasks": tasks}},
    })
    .to_string()
}
