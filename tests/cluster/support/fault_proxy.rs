//! A proxy on loopback between andante and the API server: sees every request, and misbehaves when told.
//!
//! It speaks plain HTTP/1.1, one request a connection, and forwards to a `kubectl proxy` of its own, which adds the
//! credentials. Everything ends with it.

mod script;

pub use script::{Asked, Fault, Gate, Point, When};

use super::cluster::Cluster;
use super::wait::eventually;
use super::{Running, Space};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Default)]
struct Shared {
    upstream: u16,
    seen: Mutex<Vec<Asked>>,
    script: Mutex<Vec<(When, Fault)>>,
    watches: Mutex<Vec<TcpStream>>,
    over: AtomicBool,
}

pub struct FaultProxy {
    kubectl: Child,
    port: u16,
    kubeconfig: PathBuf,
    shared: Arc<Shared>,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl FaultProxy {
    /// Starts one in front of the cluster.
    pub fn start() -> Self {
        // Where this process is killed nobody ends the proxy: then it ends by itself.
        let mut child = Command::new("timeout")
            .args(["900", &Cluster::get().kubectl, "proxy", "--port=0"])
            .env("KUBECONFIG", &Cluster::get().kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let upstream = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("andante-proxy-{}-{number}.kubeconfig", std::process::id()));
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "x", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
            "users": [{"name": "x", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}]
        });
        std::fs::write(&path, config.to_string()).unwrap();
        let shared = Arc::new(Shared { upstream: upstream.unwrap_or_default(), ..Shared::default() });
        // From here on a panic ends the child as well.
        let proxy = Self { kubectl: child, port, kubeconfig: path, shared: Arc::clone(&shared) };
        assert!(upstream.is_some(), "kubectl proxy says {line:?}");
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        proxy
    }

    /// A kubeconfig that leads through this proxy.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Starts `andante` as the PipelineRun `run`, through this proxy.
    pub fn andante(&self, space: &Space, run: &str, arguments: &[&str]) -> Running {
        let mut all = arguments.to_vec();
        all.extend(["--kubeconfig", self.kubeconfig.to_str().unwrap()]);
        space.start_as(run, &all)
    }

    /// From now on, `fault` happens to what `when` says.
    pub fn inject(&self, when: When, fault: Fault) {
        self.shared.script.lock().unwrap().push((when, fault));
    }

    /// Holds one request, before or after it takes effect.
    pub fn hold(&self, when: When, point: Point) -> Gate {
        let gate = Gate::new();
        self.inject(when, Fault::Hold(point, gate.clone()));
        gate
    }

    /// The test fails if something that was to go wrong never did.
    #[track_caller]
    pub fn all_went_wrong(&self) {
        let script = self.shared.script.lock().unwrap();
        let left: Vec<_> = script.iter().filter(|(when, _)| !when.is_over()).collect();
        assert!(left.is_empty(), "this never happened: {left:#?}");
    }

    /// Nothing goes wrong any more.
    pub fn behave(&self) {
        self.shared.script.lock().unwrap().clear();
    }

    /// Cuts every watch that is open now, in the middle of whatever it says; returns how many.
    pub fn cut_watches(&self) -> usize {
        let cut = std::mem::take(&mut *self.shared.watches.lock().unwrap());
        cut.iter().filter(|stream| stream.shutdown(Shutdown::Both).is_ok()).count()
    }

    /// What was asked so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// How many requests there were with this verb.
    pub fn count(&self, verb: &str) -> usize {
        self.shared.seen.lock().unwrap().iter().filter(|s| s.verb == verb).count()
    }

    /// Waits until `enough` says so of what was asked.
    #[track_caller]
    pub fn wait_for(&self, what: &str, within: Duration, enough: impl Fn(&[Asked]) -> bool) {
        eventually(what, within, || enough(&self.shared.seen.lock().unwrap()).then_some(()));
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // `timeout` hands SIGTERM on.
        let _ = Command::new("kill").arg(self.kubectl.id().to_string()).status();
        let _ = self.kubectl.wait();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = std::fs::remove_file(&self.kubeconfig);
    }
}

impl Shared {
    /// One request of one connection. Errors end the connection, which is all that a proxy can do about them.
    fn serve(&self, mut client: TcpStream) -> Option<()> {
        let (head, body) = read_request(&client)?;
        let mut first = head.split(' ');
        let (method, path) = (first.next()?, first.next()?);
        let seen = Asked::of(method, path, &body);
        // Faults are decided in the order of arrival.
        let fault = {
            let mut all = self.seen.lock().unwrap();
            all.push(seen.clone());
            let mut script = self.script.lock().unwrap();
            script.iter_mut().find_map(|(when, fault)| when.takes(&seen).then(|| fault.clone()))
        };
        match &fault {
            None | Some(Fault::LoseAnswer | Fault::Hold(Point::After, _)) => {}
            Some(Fault::Answer(code)) => return client.write_all(error(*code, None).as_bytes()).ok(),
            Some(Fault::Busy(code, after)) => return client.write_all(error(*code, Some(*after)).as_bytes()).ok(),
            Some(Fault::Reset) => return reset(client),
            Some(Fault::Silence) => {
                // Until the client has had enough.
                let _ = client.read(&mut [0; 1]);
                return None;
            }
            Some(Fault::Expired) => {
                let event = json!({"type": "ERROR", "object": status(410, None)}).to_string() + "\n";
                let text =
                    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n\r\n{event}");
                return client.write_all(text.as_bytes()).ok();
            }
            Some(Fault::Hold(Point::Before, gate)) => {
                if !gate.pass() {
                    return reset(client);
                }
            }
        }
        let mut server = TcpStream::connect(("127.0.0.1", self.upstream)).ok()?;
        server.write_all(head.as_bytes()).ok()?;
        server.write_all(&body).ok()?;
        if seen.verb == "watch" {
            self.watches.lock().unwrap().push(client.try_clone().ok()?);
            return stream(server, client);
        }
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).ok()?;
        match fault {
            Some(Fault::LoseAnswer) => return reset(client),
            Some(Fault::Hold(Point::After, gate)) if !gate.pass() => return reset(client),
            _ => {}
        }
        client.write_all(&answer).ok()
    }
}

/// Passes a watch on as it arrives.
fn stream(mut server: TcpStream, mut client: TcpStream) -> Option<()> {
    let mut buffer = [0; 16 * 1024];
    loop {
        let n = server.read(&mut buffer).ok().filter(|n| *n > 0)?;
        client.write_all(buffer.get(..n)?).ok()?;
    }
}

/// Reads one request; its head comes back as it is to be forwarded.
fn read_request(client: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            // One request a connection: then every body ends where the connection does.
            head.push_str("connection: close\r\n\r\n");
            break;
        }
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

/// Closes with a reset instead of an end.
fn reset(client: TcpStream) -> Option<()> {
    client.set_nonblocking(true).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().ok()?;
    let _inside = runtime.enter();
    tokio::net::TcpStream::from_std(client).ok()?.set_zero_linger().ok()
}

fn status(code: u16, retry_after: Option<u32>) -> serde_json::Value {
    let reason = match code {
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    let message = if code == 422 {
        "the server rejected our request due to an error in our request".to_owned()
    } else {
        format!("the test says {code}")
    };
    let mut details = json!({});
    if let Some(seconds) = retry_after {
        details["retryAfterSeconds"] = seconds.into();
    }
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "reason": reason, "message": message, "details": details
    })
}

fn error(code: u16, retry_after: Option<u32>) -> String {
    let body = status(code, retry_after).to_string();
    let after = retry_after.map(|s| format!("retry-after: {s}\r\n")).unwrap_or_default();
    let length = body.len();
    format!(
        "HTTP/1.1 {code} Injected\r\nconnection: close\r\ncontent-type: application/json\r\n{after}content-length: {length}\r\n\r\n{body}"
    )
}
